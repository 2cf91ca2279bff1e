#!/usr/bin/env python3
"""Holds the figures of one score (a JSON object on standard input) against the floors of one corpus.

usage: floors.py CORPUS FLOORS.tsv

FLOORS.tsv: corpus, figure, bound, "higher" or "lower" (which way is better), tab-separated.
"""
import json
import sys


def main():
    corpus, path = sys.argv[1:3]
    try:
        figures = json.loads(sys.stdin.read())
    except ValueError:
        print(f"FAIL {corpus}: the score printed no figures")
        return 1
    failed = 0
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        name, figure, bound, better = line.rstrip("\n").split("\t")
        if name != corpus:
            continue
        value = figures.get(figure)
        good = value is not None and (value >= float(bound) if better == "higher" else value <= float(bound))
        if not good:
            print(f"FAIL {corpus} {figure}: expected {'at least' if better == 'higher' else 'at most'} {bound}, found {value}")
            failed = 1
    return failed


sys.exit(main())
