#!/usr/bin/env python3
"""Scans packages that hold no secret and prints what is found in them all the same.

usage: noise.py TRAWL [--keep DIR] [--max N] [--known]

The packages are those of tests/data/noise/*.txt; README.md there says more. --keep DIR: downloads stay in DIR, and what is there is not fetched
again. --max N: exit with 1 when more than N findings have a confidence of 0.5 or above (5). --known: fetch and unpack those of known_debian.txt
too, print the folders and scan nothing.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "data", "noise")


def names(file):
    with open(os.path.join(DATA, file), encoding="utf-8") as lines:
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def run(command, folder):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=1800)


def debian(folder, wanted):
    """Downloads and unpacks what the archive has of `wanted`; the names it does not have."""
    known = set(subprocess.run(["apt-cache", "pkgnames"], stdout=subprocess.PIPE, text=True, check=False).stdout.split())
    have = {os.path.basename(path).split("_")[0] for path in glob.glob(os.path.join(folder, "*.deb"))}
    fetch = [name for name in wanted if name in known and name not in have]
    if fetch:
        # From the release itself: a machine may have packages of other origins installed.
        result = run(["apt-get", "download", *[name + "/bookworm" for name in fetch]], folder)
        if result.returncode != 0:
            result = run(["apt-get", "download", *fetch], folder)
        if result.returncode != 0:
            return None, result.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    for path in glob.glob(os.path.join(folder, "*.deb")):
        target = os.path.join(folder, "unpacked", os.path.basename(path).split("_")[0])
        if not os.path.isdir(target):
            os.makedirs(target)
            subprocess.run(["dpkg-deb", "--extract", path, target], check=True)
    return os.path.join(folder, "unpacked"), [name for name in wanted if name not in known]


def npm(folder, wanted):
    done = os.path.join(folder, "done")
    if not os.path.exists(done):
        result = run(["npm", "pack", "--silent", *wanted], folder)
        if result.returncode != 0:
            return None, result.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
        open(done, "w", encoding="utf-8").close()
    for path in glob.glob(os.path.join(folder, "*.tgz")):
        target = os.path.join(folder, "unpacked", os.path.basename(path)[:-4])
        if not os.path.isdir(target):
            os.makedirs(target)
            with tarfile.open(path) as archive:
                archive.extractall(target, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(target)
    return os.path.join(folder, "unpacked"), []


def scan(trawl, folders):
    """The rows, and the findings among them that count."""
    result = subprocess.run([trawl, "fs", "--scanners", "secret", "--format", "ndjson", "--quiet", *folders], stdout=subprocess.PIPE, check=False)
    if result.returncode not in (0, 1, 3):
        sys.exit(f"noise: trawl exited with {result.returncode}")
    rows = [json.loads(line) for line in result.stdout.decode("utf-8", "replace").splitlines()]
    return [row for row in rows if row["table"] == "secret"], sum(row["file_count"] for row in rows if row["table"] == "layer")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trawl")
    parser.add_argument("--keep")
    parser.add_argument("--max", type=int, default=5)
    parser.add_argument("--known", action="store_true")
    arguments = parser.parse_args()
    work = arguments.keep or tempfile.mkdtemp(prefix="trawl-noise-")
    skipped, folders = [], []
    try:
        sources = [("debian", debian, "debian.txt", ["apt-get", "apt-cache", "dpkg-deb"]), ("npm", npm, "npm.txt", ["npm"])]
        if arguments.known:
            sources.append(("known", debian, "known_debian.txt", ["apt-get", "apt-cache", "dpkg-deb"]))
        for kind, fetch, file, tools in sources:
            missing = [tool for tool in tools if shutil.which(tool) is None]
            if missing:
                skipped.append(f"{kind}: no {', '.join(missing)} here")
                continue
            folder = os.path.join(os.path.abspath(work), kind)
            os.makedirs(folder, exist_ok=True)
            wanted = names(file)
            unpacked, lacking = fetch(folder, wanted)
            if unpacked is None:
                skipped.append(f"{kind}: cannot be downloaded: {' '.join(lacking)}")
            else:
                folders.append(unpacked)
                print(f"{kind}: {len(wanted) - len(lacking)} packages" + (f"; not in this archive: {' '.join(lacking)}" if lacking else ""))
        for reason in skipped:
            print("SKIP noise:", reason)
        if arguments.known:
            print(*folders)
            return 0
        if not folders:
            return 77
        rows, files = scan(arguments.trawl, folders)
        findings = sorted((row for row in rows if row["confidence"] >= 0.5), key=lambda row: (row["path"], row["byte_offset"]))
        for row in findings:
            print(f"  {row['confidence']:.2f} {row['rule']:<30} {row['path']}:{row['line']} {row['redacted']} [{row['evidence']}]")
        print(f"noise: {len(findings)} findings of at least 50 % in {files} files ({len(rows) - len(findings)} below); at most {arguments.max} allowed")
        return int(len(findings) > arguments.max)
    finally:
        if arguments.keep is None:
            shutil.rmtree(work, ignore_errors=True)


sys.exit(main())
