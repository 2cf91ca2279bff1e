#!/usr/bin/env python3
"""Times trawl's sweep of a layout and holds it against the roofline that bench_roofline printed for the same bytes.

usage: bench_sweep.py TRAWL WORK JOBS COPIES BENCH_CAPACITY      WORK holds `roofline` (its output) and `layout`
"""
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

RUNS = 5


def main():
    trawl, work, jobs, copies, capacity = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    with open(os.path.join(work, "roofline"), encoding="utf-8") as file:
        _, seconds, unpacked = file.read().splitlines()[-1].split()
    seconds, unpacked = float(seconds) * copies, int(unpacked) * copies

    def sweep(target, *options):
        """Medians of wall clock, processor time, and the processors that the machine gave between the runs."""
        walls, cpus, given = [], [], []
        for i in range(RUNS + 1):
            given.append(float(subprocess.run([capacity, str(jobs)], stdout=subprocess.PIPE, check=True).stdout))
            before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([trawl, "sweep", target, "-o", work + "/out", "--quiet", "--jobs", str(jobs), *options], check=True)
            wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
            shutil.rmtree(work + "/out")
            if i:  # the first one warms the page cache
                walls.append(wall)
                cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return statistics.median(walls), statistics.median(cpus), statistics.median(given), min(walls), max(walls)

    os.makedirs(work + "/empty")
    with open(work + "/empty/index.json", "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": []}, file)
    start, start_cpu, *_ = sweep("oci:" + work + "/empty")
    wall, cpu, given, low, high = sweep("oci:" + work + "/layout", "--no-dedup")
    dedup_wall, _, dedup_given, *_ = sweep("oci:" + work + "/layout")
    core = unpacked / seconds

    def line(name, wall_, given_, tail=""):
        rate = unpacked / wall_
        print(f"{name:<36} {rate / 1e9:6.2f} GB/s  {wall_:8.4f} s  {100 * rate / (core * jobs):5.1f} % of the roofline, "
              f"{100 * rate / (core * given_):5.1f} % of it on the {given_:.2f} processors that the machine gave{tail}")

    print(f"{'roofline of one core':<36} {core / 1e9:6.2f} GB/s")
    print(f"{f'roofline of {jobs}':<36} {core * jobs / 1e9:6.2f} GB/s")
    line("sweep, every body searched", wall, given, f"  ({RUNS} runs, {low:.3f} to {high:.3f} s)")
    line("sweep, bodies searched once", dedup_wall, dedup_given)
    print("where the processor time of the first goes")
    print(f"  the steps above                            {seconds:8.4f} s  {100 * seconds / cpu:5.1f} %")
    print(f"  start-up: rules compile, ring, threads     {start_cpu:8.4f} s  {100 * start_cpu / cpu:5.1f} %  ({start:.3f} s of wall clock)")
    rest = cpu - seconds - start_cpu
    print(f"  the rest: page-cache copies, per-file work {rest:8.4f} s  {100 * rest / cpu:5.1f} %")


main()
