"""A damaged cache is said once, set aside and made anew, and never believed; several sweeps share one cache at the same time.

FLIPS=N (12) of the environment: how many bytes are flipped, each in a cache of its own.
"""
import json
import os
import random
import shutil
import stat
import subprocess

from fleet import database, difference, has, rows, start, wide_fleet
from lab import TRAWL, Run, check, done, equal, folder, skip, wait_for

FLIPS = int(os.environ.get("FLIPS", "12"))
NOBODY = 65534

if not has("--cache"):
    skip("this trawl has no --cache")


def begin(out, cache, *more):
    return Run("sweep", target, "-o", out, "--db", db, "--no-progress", "--cache", cache, *more, timeout=120)


def largest(cache):
    """The file that holds what is kept; locks, sparse and sometimes larger, are beside it."""
    return max((os.path.join(at, name) for at, _, names in os.walk(cache) for name in names if "lock" not in name and not name.endswith(".hsdb")), key=os.path.getsize)


def complaints(run):
    return [line for line in run.err.splitlines() if "cache" in line.lower()]


def layers_known(out):
    with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
        return json.load(file)["totals"]["layers_known"]


count = 0


def suffer(what, damage, must_notice):
    """A copy of the warm cache, damaged; the sweep on it has the right rows, and the next one too."""
    global count
    count += 1
    cache, out = folder(f"cache-{count}"), folder(f"out-{count}")
    shutil.copytree(warm, cache)
    damage(cache, largest(cache))
    run = begin(out, cache)
    equal(run.status, 0, f"{what}: {run.err}")
    told = complaints(run)
    if must_notice or told:
        check(len(told) == 1 and cache in told[0], f"{what}: it is said once and names the cache: {run.err}")
    text = difference(rows(out), reference) if run.status == 0 else ""
    check(not text, f"{what}: {text}")
    # What was set aside is not what the next sweep finds; what went unnoticed is never believed.
    again = begin(out + "-again", cache)
    equal((again.status, complaints(again) if must_notice else []), (0, []), f"{what}, the next sweep: {again.err}")
    text = difference(rows(out + "-again"), reference) if again.status == 0 else ""
    check(not text, f"{what}, the next sweep: {text}")
    if must_notice and again.status == 0:
        check(layers_known(out + "-again") == layer_count, f"{what}: the cache was made anew, and the next sweep knows {layers_known(out + '-again')} layers of {layer_count}")
    for path in (cache, out, out + "-again"):
        shutil.rmtree(path, ignore_errors=True)
    return bool(told)


def flip(number):
    def damage(_, path):
        dice = random.Random(f"flip {number}")
        with open(path, "r+b") as file:
            at = dice.randrange(os.path.getsize(path))
            if number % 2:  # what the file's own structure is in: the head of a page and its list of offsets
                at = at // 4096 * 4096 + dice.randrange(40)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << dice.randrange(8)]))
    return damage


def overwrite(first, last, pattern):
    """A stretch of the file, as shares of it, becomes a pattern."""
    def damage(_, path):
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            file.seek(int(size * first))
            file.write((pattern * size)[:int(size * last) - int(size * first)])
    return damage


def replace_by_folder(_, path):
    os.unlink(path)
    os.mkdir(path)


def replace_by_text(_, path):
    with open(path, "wb") as file:
        file.write(b"this is no cache\n" * 4096)


fleet = wide_fleet(12, 4, 3000)
target = "oci:" + fleet["wide/r0"][0].path
db = database(folder("cache.db"))
warm = folder("warm")
run = begin(folder("cold"), warm)
equal((run.status, complaints(run)), (0, []), "the sweep with an empty cache: " + run.err)
reference = rows(folder("cold"))
layer_count = sum(r["table"] == "layer" for r in reference)
equal((layer_count, layers_known(folder("cold"))), (49, 0), "layers, and those known before")
run = begin(folder("warmed"), warm)
equal((run.status, complaints(run), layers_known(folder("warmed"))), (0, [], layer_count), "the sweep with a full cache: " + run.err)
text = difference(rows(folder("warmed")), reference)
check(not text, "cold and warm: " + text)

noticed = sum(suffer(f"flip {number}", flip(number), False) for number in range(FLIPS))
suffer("truncated to half", lambda _, path: os.truncate(path, os.path.getsize(path) // 2 // 4096 * 4096), False)
suffer("truncated within a page", lambda _, path: os.truncate(path, os.path.getsize(path) // 3 + 7), False)
suffer("one byte left", lambda _, path: os.truncate(path, 1), True)
suffer("empty", lambda _, path: os.truncate(path, 0), False)
suffer("another file", replace_by_text, True)
suffer("a folder in its place", replace_by_folder, True)
suffer("its beginning zeroed", overwrite(0, 0.3, b"\0"), True)
suffer("its middle zeroed", overwrite(0.3, 0.7, b"\0"), False)
suffer("its middle all ones", overwrite(0.3, 0.7, b"\xff"), False)
suffer("its end noise", overwrite(0.6, 1, b"made-up noise of a test"), False)
print(f"{noticed} of {FLIPS} flipped bytes were noticed when the cache was opened; the others cost at most a value")

# ---- a cache that cannot be used at all costs the cache and not the sweep ----

in_the_way = folder("file")
with open(in_the_way, "wb"):
    pass
run = begin(folder("out-file"), in_the_way)
if run.status == 2:
    check(in_the_way in run.err, "a file in the place of the cache is named: " + run.err)
else:
    equal((run.status, len(complaints(run)), in_the_way in run.err), (0, 1, True), "a file in the place of the cache: " + run.err)
    text = difference(rows(folder("out-file")), reference)
    check(not text, "a file in the place of the cache: " + text)

if os.geteuid() != 0:
    print("SKIP no permission: needs root, to become somebody who has none")
else:
    out, cache = folder("out-nobody"), folder("cache-nobody")
    shutil.copytree(warm, cache)
    for at, _, names in os.walk(cache):
        os.chmod(at, stat.S_IRWXU)
        for name in names:
            os.chmod(os.path.join(at, name), stat.S_IRUSR)
    os.mkdir(out)
    os.chown(out, NOBODY, NOBODY)
    os.chmod(os.path.dirname(out), 0o755)
    run = subprocess.run([TRAWL, "sweep", target, "-o", out, "--db", db, "--no-progress", "--cache", cache], user=NOBODY, group=NOBODY, extra_groups=[],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "HOME": "/nonexistent"}, check=False)
    err = run.stderr.decode()
    if run.returncode == 2:
        check(cache in err and "ermission" in err, "a cache of somebody else's is named: " + err)
    else:
        equal((run.returncode, sum("cache" in line for line in err.splitlines()), cache in err), (0, 1, True), "a cache of somebody else's: " + err)
        text = difference(rows(out), reference)
        check(not text, "a cache of somebody else's: " + text)

# ---- one that died leaves a mark, for the next one to look at all of the file and not only at its beginning ----

cache = folder("died")
process = start("sweep", target, "-o", folder("out-died"), "--db", db, "--no-progress", "--cache", cache)
wait_for(lambda: os.path.exists(os.path.join(cache, "users.lock")) and os.path.getsize(os.path.join(cache, "users.lock")) > 0 or process.poll() is not None,
         "a user of the cache")
process.kill()
process.communicate()
equal((process.returncode, os.path.getsize(os.path.join(cache, "users.lock"))), (-9, 1), "the mark of one that died")
run = begin(folder("after-died"), cache)
equal((run.status, complaints(run), os.path.getsize(os.path.join(cache, "users.lock"))), (0, [], 0), "and of one that did not: " + run.err)

# ---- several at once ----

cache = folder("shared")
outs = [folder(f"at-once-{i}") for i in range(4)]
together = [start("sweep", target, "-o", out, "--db", db, "--no-progress", "--cache", cache) for out in outs]
together[3].kill()  # a process that dies in the middle leaves the others be
for out, process in zip(outs[:3], together):
    _, err = process.communicate(timeout=120)
    equal((process.returncode, [line for line in err.decode().splitlines() if "cache" in line]), (0, []), "sweeps at the same time: " + err.decode())
    text = difference(rows(out), reference)
    check(not text, "sweeps at the same time: " + text)
together[3].communicate()
run = begin(folder("after"), cache)
equal((run.status, complaints(run), layers_known(folder("after"))), (0, [], layer_count), "what they left is a full cache: " + run.err)
text = difference(rows(folder("after")), reference)
check(not text, "after sweeps at the same time: " + text)
done()
