"""A registry behind a network that breaks: the rows are those of a calm run, or the image is failed with what was done to it.

SEEDS=N (12) and FIRST_SEED=N (1) of the environment; `make chaos SEEDS=200` runs the whole of it.
"""
import collections
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time

from chaos_proxy import CAUSES, COOKIE, HARMLESS, KINDS, PASSWORD, SIGNATURE, USERNAME, Chaos, Login, make_certificates, registry_token_config
from fleet import database, difference, has, key, rows, small_fleet
from lab import TRAWL, check, done, equal, folder, is_sanitized, registry, skip

SEEDS, FIRST = int(os.environ.get("SEEDS", "12")), int(os.environ.get("FIRST_SEED", "1"))
LIMIT_S = 120 if is_sanitized() else 60  # of one sweep: all pauses and stalls of a seed together are below 20 s
TOKENS = has("REGISTRY_AUTH_FILE")  # this trawl speaks the token protocol
DATES = has("--requests-per-second")  # and reads dates in Retry-After: one that does not waits a minute
CACHE = has("--cache")

if shutil.which("openssl") is None:
    skip("openssl is not installed")


class Outcome:
    """One seed: what went wrong with the test itself, and the figures."""

    def __init__(self, seed):
        self.seed, self.faults, self.counts, self.causes = seed, [], collections.Counter(), collections.Counter()
        self.injected = collections.Counter()
        self.seconds = 0.0

    def expect(self, condition, what):
        if not condition:
            self.faults.append(f"seed {self.seed}: {what}")
        return condition


def trawl(proxy, out, db, cache=None, targets=None):
    """(status or None when it hung, stderr, rows or None)"""
    arguments = [TRAWL, "sweep", *(targets or ["registry://" + proxy.host]), "--ca-file", proxy.certificates.ca, "--username", USERNAME, "--password-stdin", "--db", db,
                 "--timeout", "1", "--http-backoff-ms", "4", "--quiet", "-o", out,
                 *([] if not CACHE else ["--no-cache"] if cache is None else ["--cache", cache])]
    try:
        run = subprocess.run(arguments, input=PASSWORD.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False,
                             env={**os.environ, "HOME": out, "XDG_CONFIG_HOME": out, "XDG_RUNTIME_DIR": out})
    except subprocess.TimeoutExpired as expired:
        return None, (expired.stderr or b"").decode("utf-8", "replace"), None
    found = rows(out, proxy.host) if os.path.exists(os.path.join(out, "manifest.json")) else None
    return run.returncode, run.stderr.decode("utf-8", "replace"), found


def table(found, name):
    return [row for row in found if row["table"] == name]


def paths_of(row, layers_of):
    """Which answers an error row may come from, as a test for paths of the proxy."""
    digest, target = row.get("layer_digest"), row["target"].removeprefix("registry://")
    if digest:
        return lambda path: digest in path
    if target == "REGISTRY" or target == "":
        return lambda path: "_catalog" in path or "/tags/list" in path
    match = re.match(r"REGISTRY/(.+?)(?::[^/:@]+)?(?:@.+)?$", target)
    repository = match.group(1) if match else target
    return lambda path: path.startswith(f"/v2/{repository}/")


def cause_of(row, injected, layers_of):
    """The kind of fault that this error row tells of, or None when nothing of the kind was done to its answers."""
    concerns = paths_of(row, layers_of)
    for fault in reversed(injected):
        code, text = CAUSES.get(fault.kind, (None, ""))
        if (concerns(fault.path) or fault.path.startswith("/token")) and row["code"] == code and re.search(text, row["message"], re.I):
            return fault.kind
    return None


def judge(outcome, found, calm, injected):
    """Every done image has the rows of the calm run; all others say why."""
    errors = table(found, "error")
    causes = {}
    for row in errors:
        cause = cause_of(row, injected, None)
        if outcome.expect(cause is not None, f"an error that nothing injected explains: {key(row)}; injected {injected}"):
            causes[key(row)] = cause
    images = table(found, "image")
    wanted = collections.defaultdict(list)
    for row in table(calm, "image"):
        wanted[row["reference"]].append(key(row))
    listed = {row["reference"] for row in images}
    bad = {row["reference"] for row in images if row["status"] != "done"}
    for reference in wanted:
        if reference not in listed:
            # It was never heard of: then a page of a listing failed, and the sweep says so.
            repository = reference.rpartition(":")[0].removeprefix("REGISTRY/")
            pages = [f for f in injected if f.kind not in HARMLESS and ("_catalog" in f.path or f.path.startswith((f"/v2/{repository}/tags", "/token")))]
            outcome.expect(pages and any(r["stage"] == "resolve" for r in errors), f"{reference} is in no row, and no listing failed: {[key(r) for r in errors]}")
            outcome.counts["unlisted"] += 1
        elif reference not in bad:
            have = sorted(key(r) for r in images if r["reference"] == reference)
            outcome.expect(have == sorted(wanted[reference]), f"{reference} is done with other rows than in the calm run: {have} for {wanted[reference]}")
    for row in images:
        outcome.counts[row["status"]] += 1
        if row["status"] == "done":
            outcome.expect(key(row) in wanted[row["reference"]], f"a done image that the calm run has not: {key(row)}")
            continue
        outcome.expect(row["status"] in ("failed", "partial") and row["reason"], f"an image without a reason: {key(row)}")
        layers = {r["layer_digest"] for r in table(calm, "image_layer") if r["image_digest"] == row["image_digest"]}
        mine = [causes.get(key(r)) for r in errors if r["target"] == row["reference"] or r.get("image_digest") == row["image_digest"] != "" or
                (r.get("layer_digest") or "-") in layers]
        if outcome.expect(mine, f"{row['reference']} is {row['status']} and no error row says why"):
            outcome.causes[mine[0]] += 1
    # What hangs on the done images and layers is complete, and nothing is there that hangs on nothing.
    # Secrets stand in layers and in configurations, each by its digest.
    good = {"image": {r["image_digest"] for r in images if r["status"] == "done"}, "set": {r["package_set"] for r in images if r["status"] == "done"},
            "layer": {r["layer_digest"] for r in table(found, "layer") if r["status"] == "done"} | {r["config_digest"] for r in images if r["status"] == "done"}}
    half = {"image": {r["image_digest"] for r in images if r["status"] != "done"}, "set": {r["package_set"] for r in images if r["status"] != "done"},
            "layer": {r["config_digest"] for r in images if r["status"] != "done"}}
    needed = {r["layer_digest"] for r in table(calm, "image_layer") if r["image_digest"] in good["image"] and not r["empty"]}
    outcome.expect(needed <= good["layer"], f"layers of done images that are not done: {needed - good['layer']}")
    for name, column, place in [("image_layer", "image_digest", "image"), ("image_secret", "image_digest", "image"), ("package", "package_set", "set"),
                                ("vulnerability", "package_set", "set"), ("secret", "layer_digest", "layer")]:
        for row in table(found, name):
            outcome.expect(row[column] in good[place] | half[place], f"a row of {name} that belongs to nothing: {key(row)}")
        text = difference([r for r in table(found, name) if r[column] in good[place]], [r for r in table(calm, name) if r[column] in good[place]])
        outcome.expect(not text, f"{name}: {text}")
    text = difference([r for r in table(found, "layer") if r["status"] == "done"], [r for r in table(calm, "layer") if r["layer_digest"] in good["layer"]])
    outcome.expect(not text, f"layer: {text}")


def retry(outcome, proxy, out, db, found, calm):
    """What failed is swept again on a calm day: those images and no others, with the rows of the calm run. Where the listing broke off,
    there are images that no row knows: then all of them."""
    bad = [row for row in table(found, "image") if row["status"] != "done"]
    expected = set()
    if any(row["stage"] == "resolve" and row["image_digest"] is None and row["target"].startswith("registry://") for row in table(found, "error")):
        expected = {row["image_digest"] for row in table(calm, "image")}
    for row in bad:
        expected |= {row["image_digest"]} if row["image_digest"] else {r["image_digest"] for r in table(calm, "image") if r["reference"] == row["reference"]}
    proxy.begin()
    status, err, again = trawl(proxy, out + "-next", db, targets=["--retry-failed", out])
    again = again or []
    outcome.expect(status == 0 and {r["image_digest"] for r in table(again, "image")} == expected, f"--retry-failed: {status} {err} {table(again, 'image')} for {expected}")
    for name, column, of in [("image_layer", "image_digest", "image_digest"), ("image_secret", "image_digest", "image_digest"),
                             ("package", "package_set", "package_set"), ("vulnerability", "package_set", "package_set")]:
        mine = {r[of] for r in table(calm, "image") if r["image_digest"] in expected}
        text = difference(table(again, name), [r for r in table(calm, name) if r[column] in mine])
        outcome.expect(not text, f"--retry-failed: {name}: {text}")
    outcome.counts["retried"] += len(expected)


def run_seed(proxy, seed, calm, db):
    outcome = Outcome(seed)
    out = folder(f"chaos-{seed}")
    proxy.begin(seed, (0.08, 0.15, 0.3, 0.5)[seed % 4], without=() if DATES else ("429-date", "range-elsewhere"))
    begin = time.monotonic()
    cache = folder(f"cache-{seed}") if CACHE and seed % 3 == 0 else None
    status, err, found = trawl(proxy, out, db, cache)
    outcome.seconds = time.monotonic() - begin
    injected = list(proxy.injected)
    outcome.injected.update(f.kind for f in injected)
    outcome.counts["requests"] = sum(proxy.asked.values())
    outcome.counts["again"] = sum(count - 1 for count in proxy.asked.values())
    outcome.counts["redirected"] = len(proxy.foreign)
    if not outcome.expect(status is not None, f"trawl hung for {LIMIT_S} s: {err}; injected {injected}"):
        return outcome
    outcome.expect(status in (0, 3, 4), f"exit status {status}: {err}")
    outcome.expect("AddressSanitizer" not in err and "runtime error" not in err, err)
    for host, headers in proxy.foreign:
        carried = [name for name, value in headers if name in ("authorization", "cookie", "proxy-authorization") or PASSWORD in value or COOKIE in value]
        outcome.expect(not carried, f"{host} was told {carried}")
    outcome.expect(not any(f.kind == "flip" for f in injected) or status != 0, "flipped bytes, and the sweep found nothing wrong")
    if outcome.expect(found is not None, f"no rows: {status} {err}"):
        # All pages of the catalogue refused: then nothing could be done, and that is a status of its own.
        outcome.expect((status == 0) == (not table(found, "error")) and (status != 4 or not table(found, "image")), f"exit status {status} with {len(table(found, 'error'))} errors")
        text = err + "".join(map(key, found))
        outcome.expect(SIGNATURE not in text and PASSWORD not in text, "a signature or a password is in what trawl says")
        judge(outcome, found, calm, injected)
    if cache is not None:
        # What broke is not what the cache remembers: the next night is calm, and so are its rows.
        proxy.begin()
        status, err, found = trawl(proxy, out + "-next", db, cache)
        text = difference(found or [], calm)
        outcome.expect(status == 0 and not text, f"the next sweep with the same cache: {status} {err} {text}; injected before {injected}")
        outcome.counts["remembered"] += len(table(calm, "layer")) - sum(proxy.complete[r["layer_digest"]] for r in table(calm, "layer"))
        outcome.counts["again_calm"] += 1
    if seed % 3 == 1 and has("--retry-failed") and any(row["status"] != "done" for row in table(found or [], "image")):
        retry(outcome, proxy, out, db, found, calm)
    for path in (out, out + "-next", cache or out):
        shutil.rmtree(path, ignore_errors=True)
    return outcome


def worker(upstream, certificates, login, seeds, db, results):
    with Chaos(upstream, folder("registry"), certificates, login) as proxy:
        status, err, calm = trawl(proxy, folder(f"calm-{seeds[0]}"), db)
        results.put(("calm", status, err, calm))
        for seed in seeds if calm else []:
            results.put(("seed", run_seed(proxy, seed, calm, db)))
    results.put(("end",))


def report(outcomes, layers):
    total, injected, causes = collections.Counter(), collections.Counter(), collections.Counter()
    for outcome in outcomes:
        total.update(outcome.counts)
        injected.update(outcome.injected)
        causes.update(outcome.causes)
    seconds = sorted(outcome.seconds for outcome in outcomes)
    print(f"{len(outcomes)} seeds, login by {'token' if TOKENS else 'password'}; {seconds[len(seconds) // 2]:.2f} s a sweep (median), {seconds[-1]:.2f} s the longest")
    print(f"  requests {total['requests']}, of them again {total['again']}, to blob hosts {total['redirected']} without a credential")
    print(f"  images   {total['done']} done, {total['partial']} partial, {total['failed']} failed, {total['unlisted']} not listed")
    if total["again_calm"]:
        print(f"  {total['again_calm']} calm sweeps with the cache of a broken one had the rows of the calm run; of {total['again_calm'] * layers} layers they knew {total['remembered']}")
    if total["retried"]:
        print(f"  {total['retried']} images that failed were swept again by --retry-failed, with the rows of the calm run")
    print("  kind              injected  images it cost")
    for kind in KINDS:
        if injected[kind] or causes[kind]:
            print(f"  {kind:<16}  {injected[kind]:>8}  {causes[kind]:>14}")


certificates = make_certificates(folder("certificates"))
login = Login("token" if TOKENS else "basic")
if not TOKENS:
    print("SKIP token login: this trawl has none, so the proxy asks for the password itself")
db = database(folder("chaos.db"))
with registry(small_fleet(), registry_token_config(certificates) if TOKENS else "") as upstream:
    fork = multiprocessing.get_context("fork")
    count = min(2, SEEDS)
    results = [fork.Queue() for _ in range(count)]
    workers = [fork.Process(target=worker, args=(upstream, certificates, login, list(range(FIRST + i, FIRST + SEEDS, count)), db, results[i])) for i in range(count)]
    for process in workers:
        process.start()
    calms, outcomes = [], []
    for process, queue in zip(workers, results):
        while (item := queue.get(timeout=LIMIT_S + 60))[0] != "end":
            if item[0] == "calm":
                equal((item[1], item[2]), (0, ""), "the calm run")
                calms.append(item[3] or [])
            else:
                outcomes.append(item[1])
        process.join()
    for calm in calms:
        equal(len(table(calm, "image")), 8, "images of the calm run")
        check({"vulnerability", "secret", "image_secret", "package"} <= {r["table"] for r in calm}, "the calm run has rows of every kind")
        check(not difference(calm, calms[0]), "two calm runs have the same rows")
    outcomes.sort(key=lambda outcome: outcome.seed)
    equal(len(outcomes), SEEDS, "seeds that came to their end")
    for outcome in outcomes:
        for fault in outcome.faults:
            check(False, fault[:3000])
    if outcomes:
        report(outcomes, len(table(calms[0], "layer")))
sys.stdout.flush()
done()
