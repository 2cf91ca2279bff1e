#!/usr/bin/env python3
"""Writes matchers/secret/rules/known.yaml: digests of the keys and tokens that public packages carry.

usage: known_secrets.py TRAWL FOLDER… > known.yaml      (`noise.py TRAWL --keep DIR --known` fetches the folders)

What anybody can download is nobody's secret: the keys that language runtimes and libraries test themselves with, the tokens of their
documentation, the ids under which command line tools report home. FOLDER holds such packages, unpacked and untouched, one folder each;
everything is found by trawl itself, with an empty list of known ones. Kept are digests, never the secrets. Only what is random enough to be told
from every other secret is listed: a password such as "tiger" is a matter for the rules.
"""
import collections
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

HEADER = """\
# Keys and tokens that public packages carry (test keys of language runtimes and libraries, tokens of their documentation), by SHA-256: of the
# secret, of a key block of the base64 digits between its lines. Made by scripts/known_secrets.py; each line names a package that has it.
digests:
"""
# A shape of its own, or long and random: what chance does not make twice.
BYTES_MIN, DISTINCT_MIN = 20, 10


def canonical(secret):
    """As digested() in matchers/secret/secret_confirm.c."""
    if not secret.startswith("-----BEGIN "):
        return secret
    start = secret.find("-----", len("-----BEGIN "))
    if start < 0:
        return secret
    end = secret.find("-----", start + 5)
    body = re.sub(r"\\.", "", secret[start:] if end < 0 else secret[start:end], flags=re.S)
    return re.sub(r"[^0-9A-Za-z+/]", "", body)


def main():
    if len(sys.argv) < 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    places = collections.defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        empty = os.path.join(folder, "known.yaml")
        with open(empty, "w", encoding="utf-8") as file:
            file.write("digests: []\n")
        command = [sys.argv[1], "fs", "--scanners", "secret", "--format", "ndjson", "--show-secrets", "--rules", empty, "--quiet"]
        run = subprocess.run(command + sys.argv[2:], stdout=subprocess.PIPE, check=False)
    if run.returncode not in (0, 1, 3):
        print(f"known_secrets: trawl exited with {run.returncode}", file=sys.stderr)
        return 1
    for line in run.stdout.decode("utf-8", "replace").splitlines():
        row = json.loads(line)
        if row["table"] != "secret" or row["confidence"] < 0.3:
            continue
        if row["provider"] == "generic" and row["confidence"] < 0.5 and row["rule"] != "generic-password-hash":
            continue
        secret = row["redacted"]
        if len(secret) < BYTES_MIN or len(set(secret)) < DISTINCT_MIN or "\ufffd" in secret:
            continue
        places[hashlib.sha256(canonical(secret).encode()).hexdigest()].add(re.sub(r"-\d+\.\d[\w.-]*$", "", row["path"].split("/")[0]))
    print(HEADER, end="")
    for digest in sorted(places):
        print(f"- sha256:{digest} # {min(places[digest])}")
    return 0


sys.exit(main())
