"""The fleet simulation at a size of seconds: each layer once, a warm sweep that fetches what is new and no more, the rows of a cold one."""
import glob
import os
import subprocess
import sys

from lab import TRAWL, Run, check, done, skip

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
beside = os.path.join(os.path.dirname(os.path.abspath(TRAWL)), "bench", "fleet", "fleet_registry")
built = [path for path in [beside, *glob.glob(os.path.join(ROOT, "build", "*-release", "bench", "fleet", "fleet_registry"))] if os.path.exists(path)]
if not built:
    skip("bench/fleet/fleet_registry is not built: run make test-e2e, or make benches")
if "--cache" not in Run("sweep", "--help").out:
    skip("this trawl has no --cache")
run = subprocess.run([sys.executable, os.path.join(ROOT, "bench", "fleet", "run.py"), TRAWL, built[0], "--images", "1000", "--layer-bytes", "64K", "--jobs", "2"],
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500, check=False)
check(run.returncode == 0, "the simulation:\n" + run.stdout)
check(run.stdout.count(": holds") == 10, "the ten figures that must be exact were judged")
done()
