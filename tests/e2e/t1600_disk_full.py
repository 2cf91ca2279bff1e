"""A disk that is full while rows or the cache are written: one clear error, nothing half, and the same rows once there is room."""
import contextlib
import os
import re
import shutil
import subprocess

from fleet import database, difference, has, rows, wide_fleet
from lab import Run, check, done, equal, folder, skip

RESUME, CACHE = has("--resume"), has("--cache")
DISK_BYTES = 32 << 20

if os.geteuid() != 0 or shutil.which("mount") is None:
    skip("needs root, to mount a small tmpfs")


class Disk:
    """A small disk of its own; a ballast file takes what is not left free."""

    def __init__(self, name):
        self.path = folder(name)
        self.ballast = os.path.join(self.path, "ballast")

    def fill(self, free_bytes):
        with open(self.ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, DISK_BYTES - free_bytes)

    def make_room(self):
        os.unlink(self.ballast)

    def at(self, name):
        return os.path.join(self.path, name)


@contextlib.contextmanager
def disk(name):
    made = Disk(name)
    os.mkdir(made.path)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "trawl-test", made.path], stderr=subprocess.PIPE, check=False)
    if mount.returncode != 0:
        skip("cannot mount a tmpfs: " + mount.stderr.decode().strip())
    try:
        yield made
    finally:
        subprocess.run(["umount", "-l", made.path], check=False)


def used(path):
    return sum(os.lstat(os.path.join(at, name)).st_blocks * 512 for at, _, names in os.walk(path) for name in names)


def options(cache):
    return ["--db", db, "--no-progress", *([] if not CACHE else ["--no-cache"] if cache is None else ["--cache", cache])]


def begin(out, cache):
    return Run("sweep", target, "-o", out, *options(cache), timeout=120)


def go_on(out, cache):
    return Run("sweep", "--resume", out, *options(cache), timeout=120) if RESUME else begin(out, cache)


def finish(out, cache, what):
    """There is room again: the sweep ends as if there had always been."""
    run = go_on(out, cache)
    if RESUME and run.status == 2 and out in run.err and not os.path.exists(os.path.join(out, "manifest.json")):
        # There was no room for what --resume needs either: that was said, and it begins anew.
        run = begin(out, cache)
    equal(run.status, 0, f"{what}, then room: {run.err}")
    text = difference(rows(out), reference)
    check(not text, f"{what}, then room: {text}")


def is_unfinished(out, what):
    check(not os.path.exists(os.path.join(out, "manifest.json")), what + ": no manifest.json")
    run = Run("export", out, "--format", "ndjson")
    check(run.status != 0 and not run.rows(), f"{what}: an unfinished folder is refused: {run.status} {run.err}")


def says_full(run, path, what):
    check(path in run.err and re.search("[Nn]o space left", run.err), f"{what}: the message names {path} and the cause: {run.err}")
    equal(sum("No space left" in line for line in run.err.splitlines()), 1, f"{what}: it is said once: {run.err}")


fleet = wide_fleet(24, 4, 3000)
target = "oci:" + fleet["wide/r0"][0].path
db = database(folder("disk.db"))
calm, calm_cache = folder("calm"), folder("calm-cache")
run = begin(calm, calm_cache)
equal(run.status, 0, "the sweep with room: " + run.err)
reference = rows(calm)
check(len(reference) > 300, f"rows of the calm run: {len(reference)}")

with disk("disk-out") as small:
    # Free space from none to nearly enough: it runs out at the lock, in a part, at the manifest.
    failed = 0
    for i, share in enumerate((0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 1.5)):
        out, cache = small.at(f"out{i}"), folder(f"cache-a{i}")
        free = int(used(calm) * share) // 4096 * 4096
        small.fill(free)
        run = begin(out, cache)
        what = f"output disk with {free} bytes free"
        if run.status == 0:
            text = difference(rows(out), reference)
            check(not text, f"{what}: {text}")
            small.make_room()
        else:
            failed += 1
            equal(run.status, 4, f"{what}: {run.err}")
            says_full(run, out, what)
            is_unfinished(out, what)
            small.make_room()
            finish(out, cache, what)
        shutil.rmtree(out)
    check(4 <= failed <= 7, f"the output disk was full {failed} times of eight")
    print(f"output: {failed} of 8 sweeps ran out of {used(calm)} bytes")
    # Without a cache what is done so far is kept in the folder itself.
    for free in (65536, 400000, 600000) if CACHE else ():
        out, what = small.at(f"own{free}"), f"output disk with {free} bytes free and no cache"
        small.fill(free // 4096 * 4096)
        run = begin(out, None)
        small.make_room()
        if run.status == 0:
            text = difference(rows(out), reference)
            check(not text, f"{what}: {text}")
        else:
            equal(run.status, 4, f"{what}: {run.err}")
            says_full(run, out, what)
            is_unfinished(out, what)
            finish(out, None, what)
        check(not any("cache" in name for name in os.listdir(out)), f"{what}: {os.listdir(out)}")
        shutil.rmtree(out)

if CACHE:
    with disk("disk-cache") as small:
        full = 0
        for i, share in enumerate((0, 0.1, 0.3, 0.5, 0.7, 0.9, 2)):
            out, cache = folder(f"out-b{i}"), small.at(f"cache{i}")
            free = int(used(calm_cache) * share) // 4096 * 4096
            small.fill(free)
            run = begin(out, cache)
            what = f"cache disk with {free} bytes free"
            check(run.status in (0, 3, 4), f"{what}: status {run.status}: {run.err}")
            if "No space left" in run.err:
                full += 1
                says_full(run, cache, what)
            else:
                equal(run.status, 0, f"{what}: {run.err}")
            if os.path.exists(os.path.join(out, "manifest.json")):
                # The cache is for tomorrow: without room for it the rows are whole all the same.
                text = difference([r for r in rows(out) if r["table"] != "error"], reference)
                check(not text, f"{what}: {text}")
                small.make_room()
                out = folder(f"out-b{i}-next")
                run = begin(out, cache)
                equal(run.status, 0, f"{what}, then room: {run.err}")
                text = difference(rows(out), reference)
                check(not text, f"{what}, then room: {text}")
            else:
                is_unfinished(out, what)
                small.make_room()
                finish(out, cache, what)
            shutil.rmtree(cache)
        check(full >= 3, f"the cache disk was full {full} times of seven")
        print(f"cache: {full} of 7 sweeps ran out of {used(calm_cache)} bytes")
    with disk("disk-both") as small:
        full = 0
        for i, share in enumerate((0.2, 0.4, 0.6, 0.8)):
            out, cache = small.at(f"out{i}"), small.at(f"cache{i}")
            free = int((used(calm) + used(calm_cache)) * share) // 4096 * 4096
            small.fill(free)
            run = begin(out, cache)
            what = f"one disk for both with {free} bytes free"
            if run.status == 0:  # what a sweep needs at most is a little less than what it leaves
                text = difference(rows(out), reference)
                check(not text, f"{what}: {text}")
                small.make_room()
            else:
                full += 1
                check(run.status in (3, 4) and small.path in run.err and "No space left" in run.err, f"{what}: {run.status} {run.err}")
                is_unfinished(out, what)
                small.make_room()
                finish(out, cache, what)
            shutil.rmtree(out)
            shutil.rmtree(cache, ignore_errors=True)
        check(full >= 2, f"the disk for both was full {full} times of four")
else:
    print("SKIP cache disk: this trawl has no --cache")
done()
