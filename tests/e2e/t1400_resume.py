"""A sweep that is killed at any moment goes on with --resume and ends with the rows of one that was not; what was read is not read again.

KILLS=N (8) and FIRST_KILL=N (0) of the environment; `make kill-test KILLS=100` runs the whole of it.
"""
import os
import random
import shutil
import sys
import time

from chaos_proxy import Chaos, make_certificates
from fleet import database, difference, has, rows, start, wide_fleet
from lab import Run, check, done, equal, folder, is_sanitized, registry, skip, wait_for

KILLS, FIRST = int(os.environ.get("KILLS", "8")), int(os.environ.get("FIRST_KILL", "0"))
LIMIT_S = 120 if is_sanitized() else 60
RESUME = has("--resume")
CACHE = has("--cache")
# sweep_budget_of(): a quarter of --memory in chunks of 256 KiB, four for each stream. So many layers are in flight at most.
MEMORY, STREAMS = "96M", 24
MOMENTS = ("start", "listing", "scanning", "scanning", "scanning", "writing", "writing", "twice")

if shutil.which("openssl") is None:
    skip("openssl is not installed")


class Sweeps:
    """Sweeps of one registry through one proxy, each with a folder and a cache of its own."""

    def __init__(self, proxy, db):
        self.proxy, self.db, self.count = proxy, db, 0

    def options(self, cache):
        return ["--ca-file", self.proxy.certificates.ca, "--db", self.db, "--memory", MEMORY, "--jobs", "2", "--quiet", *([] if not CACHE else ["--no-cache"] if cache is None else ["--cache", cache])]

    def fresh(self):
        self.count += 1
        return folder(f"out-{self.count}"), folder(f"cache-{self.count}")

    def begin(self, out, cache, *more):
        return ["sweep", "registry://" + self.proxy.host, "-o", out, *self.options(cache), *more]

    def go_on(self, out, cache, *more):
        """What continues a sweep; the same again, where this trawl knows no --resume."""
        return ["sweep", "--resume", out, *self.options(cache), *more] if RESUME else self.begin(out, cache, *more)


def layers_sent(proxy, layers):
    return sum(proxy.complete[digest] for digest in layers)


def kill_at(moment, dice, process, proxy, layers, times):
    """Waits for the moment and kills; says when it was. The moment is an event that the proxy sees and a little time more."""
    requests, sent = proxy.requests, layers_sent(proxy, layers)
    missing = sum(not proxy.complete[digest] for digest in layers)

    def reached():
        if moment == "listing":
            return proxy.requests - requests >= at
        if moment == "scanning":
            return layers_sent(proxy, layers) - sent >= at
        return moment == "start" or all(proxy.complete[digest] for digest in layers)

    at, pause_s = {"start": (0, dice.uniform(0, times["start"])), "listing": (dice.randrange(1, times["plan"]), dice.uniform(0, 0.004)),
                   "scanning": (dice.randrange(1, max(missing, 2)), dice.uniform(0, 0.02)), "writing": (len(layers), dice.uniform(0, times["write"]))}[moment]
    end = time.monotonic() + LIMIT_S
    while not reached() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.0005)
    time.sleep(pause_s)
    process.kill()
    _, err = process.communicate()
    return f"{moment} {at}, {pause_s * 1000:.1f} ms", err.decode("utf-8", "replace")


def kill_one(sweeps, number, reference, layers, times):
    """One sweep that is killed, once or more, and continued to its end. Returns (layers sent twice, kills, layers sent before the last kill)."""
    proxy = sweeps.proxy
    dice = random.Random(f"kill {number}")
    moment = MOMENTS[number % len(MOMENTS)]
    moments = ["scanning", dice.choice(("listing", "scanning", "writing"))] if moment == "twice" else [moment]
    out, cache = sweeps.fresh()
    if number % 3 == 2:
        cache = None  # then what is done is kept in the sweep's own folder
    proxy.begin()
    arguments = sweeps.begin(out, cache)
    kills, what = 0, []
    for moment in moments:
        process = start(*arguments)
        text, err = kill_at(moment, dice, process, proxy, layers, times)
        what.append(text)
        if process.returncode == 0:
            what.append("it was done before")
            break
        equal(process.returncode, -9, f"kill {number} ({'; '.join(what)}): {err}")
        kills += 1
        if os.path.isdir(out):
            run = Run("export", out, "--format", "ndjson")
            if os.path.exists(os.path.join(out, "manifest.json")):
                # Killed between the last rename and the exit: all is there.
                check(not difference(rows(out, proxy.host), reference), f"kill {number} ({'; '.join(what)}): a finished folder with other rows")
            else:
                check(run.status != 0 and not run.rows() and "unfinished" in run.err, f"kill {number} ({'; '.join(what)}): an unfinished folder is read: {run.status} {run.err}")
        arguments = sweeps.go_on(out, cache)
    sent = layers_sent(proxy, layers)
    what = f"kill {number} ({'; '.join(what)}; {sent} layers sent)"
    run = Run(*arguments, timeout=LIMIT_S)
    finished = "finished" in run.err and os.path.exists(os.path.join(out, "manifest.json"))
    if run.status != 0 and not finished:
        # Killed before it had written down what it is about: that is said, and it begins anew.
        check(RESUME and proxy.requests == 0 and run.status == 2 and out in run.err, f"{what}: {run.status} {run.err}")
        run = Run(*sweeps.begin(out, cache), timeout=LIMIT_S)
        equal(run.status, 0, f"{what}, begun anew: {run.err}")
    text = difference(rows(out, proxy.host), reference)
    check(not text, f"{what}: {text}")
    twice = sum(max(0, proxy.complete[digest] - 1) for digest in layers)
    if RESUME:
        check(twice <= STREAMS * max(kills, 1), f"{what}: {twice} layers were read again, expected at most the {STREAMS} in flight")
    check(all(proxy.complete[digest] for digest in layers), f"{what}: a layer was never read")
    for path in (out, cache) if cache else (out,):
        shutil.rmtree(path, ignore_errors=True)
    return twice, kills, sent


def refusals(sweeps, reference, layers, other):
    proxy = sweeps.proxy
    out, cache = sweeps.fresh()
    proxy.begin()
    first = start(*sweeps.begin(out, cache))
    wait_for(lambda: layers_sent(proxy, layers) > 3 or first.poll() is not None, "the first layers")
    check(first.poll() is None, "the first sweep is still under way")
    speed, proxy.bytes_per_s = proxy.bytes_per_s, proxy.bytes_per_s // 60  # for as long as others look
    for name, arguments in [("a second sweep", sweeps.begin(out, folder("cache-other"))), ("a second resume", sweeps.go_on(out, folder("cache-other")))]:
        run = Run(*arguments, timeout=LIMIT_S)
        check(run.status in (2, 4) and out in run.err, f"{name} on the folder of one that runs: {run.status} {run.err}")
        check(first.poll() is None, f"the first sweep outlived {name}")
    proxy.bytes_per_s = speed
    _, err = first.communicate(timeout=LIMIT_S)
    equal(first.returncode, 0, "the sweep that was there first: " + err.decode())
    text = difference(rows(out, proxy.host), reference)
    check(not text, "the sweep that was there first: " + text)

    if not RESUME:
        return
    before = sorted((name, os.path.getmtime(os.path.join(out, name))) for name in os.listdir(out) if name.endswith(".json"))
    proxy.begin()
    run = Run(*sweeps.go_on(out, cache), timeout=LIMIT_S)
    check("finished" in run.err + run.out and out in run.err + run.out, f"resuming a finished sweep says so: {run.status} {run.err}")
    equal(layers_sent(proxy, layers), 0, "resuming a finished sweep reads nothing")
    equal(sorted((name, os.path.getmtime(os.path.join(out, name))) for name in os.listdir(out) if name.endswith(".json")), before, "and writes nothing")

    out, cache = sweeps.fresh()
    killed = start(*sweeps.begin(out, cache))
    wait_for(lambda: layers_sent(proxy, layers) > 10 or killed.poll() is not None, "ten layers")
    killed.kill()
    killed.communicate()
    for name, more in [("other scanners", ["--scanners", "package"]), ("targets of its own", [other]), ("a platform", ["--platform", "linux/s390x"])]:
        run = Run(*sweeps.go_on(out, cache), *more, timeout=LIMIT_S)
        equal(run.status, 2, f"resume with {name}: {run.err}")
        check(not os.path.exists(os.path.join(out, "manifest.json")), f"resume with {name} left no finished sweep")
    run = Run("sweep", "--resume", folder("never"), "--quiet")
    check(run.status == 2 and folder("never") in run.err, f"resume of a folder that is not there: {run.status} {run.err}")
    run = Run(*sweeps.go_on(out, cache), timeout=LIMIT_S)
    equal(run.status, 0, "resume after all these refusals: " + run.err)
    text = difference(rows(out, proxy.host), reference)
    check(not text, "resume after all these refusals: " + text)


if not RESUME:
    print("SKIP --resume: this trawl has none, so what was killed is begun anew")
certificates = make_certificates(folder("certificates"))
db = database(folder("resume.db"))
fleet = wide_fleet(24, 4, 24000)
with registry(fleet) as upstream, Chaos(upstream, folder("registry"), certificates) as proxy:
    # A sweep of about a second, with eight connections: long enough to be killed anywhere in it.
    proxy.delay_s, proxy.bytes_per_s = 0.004, 600000
    sweeps = Sweeps(proxy, db)
    out, cache = sweeps.fresh()
    seen = {}

    def watch(path, number):
        if "/blobs/" in path:
            seen.setdefault("scan", time.monotonic())
        elif "scan" not in seen:
            seen["plan"] = number
    proxy.on_request = watch
    begin = time.monotonic()
    process = start(*sweeps.begin(out, cache))
    process.communicate(timeout=LIMIT_S)
    proxy.on_request = None
    end = time.monotonic()
    equal(process.returncode, 0, "the sweep that nobody kills")
    reference = rows(out, proxy.host)
    layers = sorted({r["layer_digest"] for r in reference if r["table"] == "layer"})
    equal((len([r for r in reference if r["table"] == "image"]), len(layers)), (24, 97), "images and layers")
    equal([digest for digest in layers if proxy.complete[digest] != 1], [], "layers that were not read exactly once")
    times = {"start": 0.2, "plan": max(seen["plan"], 3), "write": max(end - proxy.completed_at, 0.01)}
    refusals(sweeps, reference, layers, "oci:" + fleet["wide/r0"][0].path)
    # A sweep that was done before its moment came is no kill.
    results = []
    while sum(kills for _, kills, _ in results) < KILLS and len(results) < 3 * KILLS:
        results.append(kill_one(sweeps, FIRST + len(results), reference, layers, times))
    check(sum(kills for _, kills, _ in results) >= KILLS, f"{len(results)} sweeps were killed too seldom")
    print(f"{len(results)} sweeps of {len(layers)} layers, {end - begin:.2f} s each, of them writing {times['write']:.2f} s, killed {sum(kills for _, kills, _ in results)} times;"
          f" layers sent before {sum(sent for _, _, sent in results)}, sent twice {sum(twice for twice, _, _ in results)},"
          f" in one sweep at most {max(twice for twice, _, _ in results)} (in flight: {STREAMS})")
sys.stdout.flush()
done()
