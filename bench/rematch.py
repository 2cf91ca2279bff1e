#!/usr/bin/env python3
"""How fast a fleet is matched against a new database: package sets mixed from those of real images, `trawl rematch` over them.

usage: rematch.py TRAWL BENCH_REMATCH --db FILE [--since OLD.db] [--sets N] [--packages N] [--runs N] [--json FILE] TARGET…

TARGETs are real images of any kind that `trawl sweep` takes; their packages are what the made-up sets are mixed from
(bench/macro/bench_rematch.c says how). Measured, each in a process of its own, the median of --runs:
  one advisory    which images does it touch: --id, of the advisory that touches the fewest images
  what is new     --since: another database, or the same one again, with which nothing is new
  exploited       --only-kev: rows of the vulnerabilities that are known to be exploited, written to a folder
Exit status 1 when matching 100,000 sets would take more than 60 s by the rate of `what is new`.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BOUND_S_PER_100000 = 60


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **more)
    if done.returncode != 0 and done.returncode != 3:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr}")
    return done


def measure(trawl, arguments, runs, sets):
    """Median wall time in s, processor time in s, sets/s, and the last line of the median's run."""
    results = []
    for _ in range(runs):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        line = run(trawl, "rematch", *arguments).stderr.strip().splitlines()[-1]
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        results.append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, line))
    wall = statistics.median(r[0] for r in results)
    middle = min(results, key=lambda r: abs(r[0] - wall))
    return {"wall_s": round(wall, 2), "processor_s": round(middle[1], 2), "sets_per_s": round(sets / wall), "says": middle[2], "walls_s": [round(r[0], 2) for r in results]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trawl")
    parser.add_argument("generator")
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--db", required=True)
    parser.add_argument("--since")
    parser.add_argument("--sets", type=int, default=100000)
    parser.add_argument("--packages", type=int, default=300)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="trawl-rematch-")
    try:
        real, fleet = os.path.join(folder, "real"), os.path.join(folder, "fleet")
        run(options.trawl, "sweep", *options.targets, "--scanners", "package", "--cache", real, "-o", os.path.join(folder, "swept"), "-q")
        start = time.monotonic()
        sets, packages, distinct = (int(n) for n in run(options.generator, real, fleet, str(options.sets), str(options.packages), "7").stdout.split())
        print(f"{sets:,} package sets of {packages} packages, {distinct:,} distinct packages, made in {time.monotonic() - start:.0f} s, "
              f"{os.path.getsize(os.path.join(fleet, 'data-2.mdb')) / 2**20:,.0f} MiB of cache")
        common = ["--cache", fleet, "--db", options.db]
        # The rarest advisory of a sample that touches anything.
        run(options.trawl, "sweep", *options.targets, "--db", options.db, "--cache", real, "--scanners", "vuln", "-o", os.path.join(folder, "matched"), "-q")
        count = {}
        for line in run(options.trawl, "export", os.path.join(folder, "matched"), "--format", "ndjson").stdout.splitlines():
            row = json.loads(line)
            if row["table"] == "vulnerability":
                count[row["id"]] = count.get(row["id"], 0) + 1
        rarest = min(sorted(count), key=count.get) if count else "CVE-2021-44228"
        results = {}
        for name, arguments in (("one advisory", ["--id", rarest, "-f", "ndjson"]), ("what is new", ["--since", options.since or options.db, "-f", "ndjson"]),
                                ("exploited", ["--only-kev", "-o", os.path.join(folder, "out")])):
            if "-o" in arguments:
                options_runs = 1  # a folder is written once
            else:
                options_runs = options.runs
            results[name] = measure(options.trawl, common + arguments, options_runs, sets)
            r = results[name]
            print(f"{name:14} {r['wall_s']:7.2f} s  {r['processor_s']:7.2f} s of processor  {r['sets_per_s']:9,} sets/s   {r['says']}")
        bound = 100000 / results["what is new"]["sets_per_s"]
        print(f"100,000 sets at that rate: {bound:.1f} s (bound {BOUND_S_PER_100000} s), {os.cpu_count()} processors")
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump({"sets": sets, "packages": packages, "distinct": distinct, "results": results}, file, indent=1)
        return bound > BOUND_S_PER_100000
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
