#!/usr/bin/env python3
"""The fleet simulation: sweeps the registry that fleet_registry makes up, cold, then with one per cent of the images changed, and holds what
it costs against the bounds.

usage: run.py TRAWL FLEET_REGISTRY [--images N] [--layer-bytes SIZE] [--jobs N] [--json FILE] [--cold-only] [-- TRAWL OPTION…]

Runs, each in a process of its own whose processor time and peak memory the kernel tells:
  cold       everything, with an empty cache
  warm       the next generation of the fleet with that cache
  again      the same generation with another empty cache: its rows must be those of the warm run
  two more   all images and a tenth of them over the same layers, small ones, at the least --memory: the growth of the peak is what an image costs

Bounds are judged from 20,000 images on: below, start-up outweighs them. What must be exact is judged always: each layer fetched once and once
only, every image a row, no row of the warm run other than those of the run without its cache. Exit status 1 when something does not hold.
"""
import argparse
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

JUDGED_IMAGES = 20000
SAMPLE_S = 0.02
PLAN_RATE_MIN = 3000
IMAGE_BYTES_MAX = 1024
WARM_SHARE_MAX = 0.03
MEMORY_LAYER_BYTES = "16K"
MEMORY_LEAST = "96M"
MEMORY_IMAGES_PER_LAYER = 50
TABLES = ["image", "image_layer", "layer", "package", "secret", "image_secret", "vulnerability", "error"]
# What differs between two runs that found the same.
RUN_FACTS = re.compile(rb'"(scanned_at|scan_ms)":("[^"]*"|[0-9]+)')


class Registry:
    """The made-up registry, at its first generation."""

    def __init__(self, binary, *options):
        self.process = subprocess.Popen([binary, *options], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"run.py: expected the registry to listen, found {line!r}")
        self.host = line.split()[-1]

    def ask(self, path):
        with urllib.request.urlopen(f"http://{self.host}{path}") as answer:
            return json.load(answer)

    def stop(self):
        """Ends it; its last counts."""
        self.process.send_signal(signal.SIGTERM)
        counts = self.process.communicate()[0]
        return json.loads(counts)


@contextlib.contextmanager
def registry(binary, *options):
    server = Registry(binary, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def anonymous_bytes(pid):
    """What the process holds now and no file backs; 0 when it has ended."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        found = re.search(r"RssAnon:\s+(\d+) kB", file.read())
    return int(found.group(1)) * 1024 if found else 0


class Sweep:
    """One sweep and what it cost: `cpu` and `wall` in seconds; `peak` in bytes as the kernel counts it, which includes the pages of mapped files that
    are in memory, `peak_anonymous` without those, looked at now and then; the registry's counts of it; the manifest's totals."""

    def __init__(self, trawl, server, out, *options):
        self.out = out
        server.ask("/stats/reset")
        begin = time.perf_counter()
        process = subprocess.Popen([trawl, "sweep", "registry://" + server.host, "-o", out, "--quiet", "--sweep-id", "fleet", "--fingerprint-key", "fleet",
                                    *options])
        self.peak_anonymous = 0
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            self.peak_anonymous = max(self.peak_anonymous, anonymous_bytes(process.pid))
            time.sleep(SAMPLE_S)
        _, status, usage = ended
        self.wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"run.py: expected the sweep into {out} to end with 0, found {process.returncode}")
        self.cpu, self.peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
        self.served = server.ask("/stats")
        with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
            self.totals = json.load(file)["totals"]

    def plan_rate(self):
        """Images a second, or None where the manifest does not say how long planning took."""
        return 1000 * self.totals["images"] / max(self.totals["plan_ms"], 1) if "plan_ms" in self.totals else None

    def facts(self):
        return {"wall_s": round(self.wall, 3), "cpu_s": round(self.cpu, 3), "peak_bytes": self.peak, "peak_anonymous_bytes": self.peak_anonymous, "served": self.served, "totals": self.totals}


def rows(trawl, out, table):
    process = subprocess.Popen([trawl, "export", out, "--table", table, "--format", "ndjson"], stdout=subprocess.PIPE)
    yield from process.stdout
    if process.wait() != 0:
        sys.exit(f"run.py: expected the export of {out} to end with 0, found {process.returncode}")


def rows_differ(trawl, one, other):
    """The number of rows, and the first difference or None."""
    count = 0
    for table in TABLES:
        for a, b in itertools.zip_longest(rows(trawl, one, table), rows(trawl, other, table), fillvalue=b""):
            count += 1
            if a != b and RUN_FACTS.sub(b"", a) != RUN_FACTS.sub(b"", b):
                return count, f"{table}: {a[:300]!r} and {b[:300]!r}"
    return count, None


class Report:
    """A table of figures, some with a bound; remembers whether all hold."""

    def __init__(self, judged):
        self.judged, self.failed = judged, False
        print(f"\n{'':<52} {'figure':>16}  bound")

    def figure(self, name, text):
        print(f"{name:<52} {text:>16}")

    def hold(self, name, text, bound, holds, exact=False):
        verdict = "holds" if holds else "DOES NOT HOLD"
        if not (self.judged or exact):
            verdict = f"not judged below {JUDGED_IMAGES} images"
        elif not holds:
            self.failed = True
        print(f"{name:<52} {text:>16}  {bound}: {verdict}")


def mib(size):
    return f"{size / (1 << 20):,.1f} MiB"


def report_sweep(report, name, sweep):
    served = sweep.served
    report.figure(f"{name}: wall clock, processor time of trawl alone", f"{sweep.wall:.2f} s {sweep.cpu:.2f} s")
    report.figure(f"{name}: peak memory of trawl", mib(sweep.peak))
    report.figure(f"{name}: of it what no file backs", mib(sweep.peak_anonymous))
    report.figure(f"{name}: requests, of them HEAD or 304", f"{served['requests']['all']:,} {served['requests']['manifest_head'] + served['requests']['manifest_unchanged']:,}")
    report.figure(f"{name}: bytes served", mib(served["bytes_sent"]))


def check_exact(report, name, sweep, layers_expected):
    served, totals = sweep.served, sweep.totals
    images = served["fleet"]["images"]
    report.hold(f"{name}: layers fetched of those that are new", f"{served['layers_fetched']:,} of {layers_expected:,}", "all",
                served["layers_fetched"] == layers_expected, exact=True)
    report.hold(f"{name}: layers fetched again", str(served["layers_repeated"]), "0", served["layers_repeated"] == 0, exact=True)
    report.hold(f"{name}: images done", f"{totals['images_done']:,} of {images:,}", "all", totals["images_done"] == images == totals["images"], exact=True)


def plan_line(report, name, sweep):
    rate = sweep.plan_rate()
    report.hold(f"{name}: images planned a second", "not measured" if rate is None else f"{rate:,.0f}", f">= {PLAN_RATE_MIN:,}",
                rate is not None and rate >= PLAN_RATE_MIN)


def memory_pair(arguments, work, cache):
    """Peaks of all images and of a tenth over the same layers."""
    layers = max(arguments.images // MEMORY_IMAGES_PER_LAYER, 8)
    peaks = []
    for count in (max(arguments.images // 10, layers), arguments.images):
        out = os.path.join(work, f"memory-{count}")
        with registry(arguments.fleet_registry, "--images", str(count), "--layers", str(layers), "--layer-bytes", MEMORY_LAYER_BYTES) as server:
            sweep = Sweep(arguments.trawl, server, out, *cache(f"cache-{count}"), *arguments.options, "--memory", MEMORY_LEAST)
        peaks.append({"images": count, "layers": layers, "peak_bytes": sweep.peak, "peak_anonymous_bytes": sweep.peak_anonymous})
        shutil.rmtree(out)
    return peaks


def image_bytes(peaks, key):
    few, many = peaks
    return (many[key] - few[key]) / (many["images"] - few["images"])


def simulate(arguments, work):
    knows_cache = "--cache" in subprocess.run([arguments.trawl, "sweep", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout

    def cache(name):
        return ["--cache", os.path.join(work, name)] if knows_cache else []

    cold_only = arguments.cold_only or not knows_cache
    facts = {}
    warm = again = None
    with registry(arguments.fleet_registry, "--images", str(arguments.images), "--layer-bytes", arguments.layer_bytes) as server:
        cold = Sweep(arguments.trawl, server, os.path.join(work, "cold"), *cache("cache"), *arguments.options)
        facts["cold"] = cold.facts()
        if not cold_only:
            server.ask("/generation/1")
            warm = Sweep(arguments.trawl, server, os.path.join(work, "warm"), *cache("cache"), *arguments.options)
            again = Sweep(arguments.trawl, server, os.path.join(work, "again"), *cache("other"), *arguments.options)
            facts |= {"warm": warm.facts(), "again": again.facts()}
    facts["memory"] = peaks = memory_pair(arguments, work, cache)

    fleet = cold.served["fleet"]
    print(f"{fleet['images']:,} images in {fleet['repositories']:,} repositories over {fleet['layers_used']:,} layers of {fleet['layer_bytes'] / fleet['layers']:,.0f} bytes, "
          f"seed {fleet['seed']}; {os.cpu_count()} processors")
    report = Report(arguments.images >= JUDGED_IMAGES)
    report_sweep(report, "cold", cold)
    check_exact(report, "cold", cold, fleet["layers_used"])
    plan_line(report, "cold", cold)
    for peak in peaks:
        report.figure(f"peak of {peak['images']:,} images over {peak['layers']:,} small layers", mib(peak["peak_bytes"]))
    cost = image_bytes(peaks, "peak_bytes")
    report.hold("bytes an image", f"{cost:,.0f}", f"< {IMAGE_BYTES_MAX:,}", cost < IMAGE_BYTES_MAX)
    report.figure("bytes an image that no file backs", f"{image_bytes(peaks, 'peak_anonymous_bytes'):,.0f}")
    if warm is not None:
        changed = warm.served["fleet"]
        print(f"\n{changed['images_changed']:,} images changed, {changed['layers_used'] - fleet['layers_used']:,} new layers")
        report_sweep(report, "warm", warm)
        check_exact(report, "warm", warm, changed["layers_used"] - fleet["layers_used"])
        plan_line(report, "warm", warm)
        for name, share in (("processor time", warm.cpu / cold.cpu), ("bytes served", warm.served["bytes_sent"] / cold.served["bytes_sent"])):
            report.hold(f"warm: share of the cold run's {name}", f"{100 * share:.2f} %", f"<= {100 * WARM_SHARE_MAX:.0f} %", share <= WARM_SHARE_MAX)
        check_exact(report, "again", again, changed["layers_used"])
        count, difference = rows_differ(arguments.trawl, warm.out, again.out)
        report.hold("rows of the warm run and of one without its cache", f"{count:,} rows", "the same", difference is None, exact=True)
        if difference is not None:
            print("first difference:", difference)
    elif not arguments.cold_only:
        report.hold("warm: not run", "no --cache", "this trawl has none", False, exact=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=1)
    return 1 if report.failed else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("trawl", type=os.path.abspath)
    parser.add_argument("fleet_registry", type=os.path.abspath)
    parser.add_argument("--images", type=int, default=100000)
    parser.add_argument("--layer-bytes", default="1M")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    parser.add_argument("--json")
    parser.add_argument("--cold-only", action="store_true")
    parser.add_argument("options", nargs="*")
    arguments = parser.parse_args()
    arguments.options = ["--jobs", arguments.jobs, *arguments.options]
    with tempfile.TemporaryDirectory(prefix="trawl-fleet-") as work:
        return simulate(arguments, work)


sys.exit(main())
