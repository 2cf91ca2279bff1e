"""Snapshots: listed, one image's history, the fleet's trend, and thinning that keeps the trend."""
import json
import os
from datetime import datetime, timedelta, timezone

from lab import Run, check, done, equal, folder
from sweep_folder import digest, write_sweep

BEGIN = datetime(2024, 1, 1, 2, 0, tzinfo=timezone.utc)  # a Monday
store = folder("store")
os.makedirs(store)
nights = 40


def when(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def night(i, hours=0):
    moment = BEGIN + timedelta(days=i, hours=hours)
    findings = [{"package_set": "s1", "purl": f"pkg:deb/debian/p{n}@1", "type": "deb", "name": f"p{n}", "version": "1", "path": "status", "id": f"CVE-{n}", "severity": "critical" if n % 2 else "high",
                 "fixed_version": "2" if n % 3 == 0 else "", "kev": n == 1, "published_at": int((BEGIN - timedelta(days=10)).timestamp()), "suppressed_by": "ignored" if n == 7 else ""} for n in range(i % 5, 10)]
    images = [{"reference": f"app:{k}", "image_digest": digest(1), "package_set": "s1", "status": "done", "scanned_at": 1} for k in range(2)] + \
        [{"reference": "bad:1", "image_digest": digest(2), "package_set": "", "status": "failed", "scanned_at": 1}]
    return write_sweep(f"store/{moment:%Y-%m-%d-%H}", {"image": images, "vulnerability": findings, "package": [{"package_set": "s1", "purl": "pkg:deb/debian/p1@1", "name": "p1", "version": "1"}],
                                                       "image_secret": [{"image_digest": digest(1), "fingerprint": "a", "location": "x", "state": "effective"}, {"image_digest": digest(1), "fingerprint": "b", "location": "y", "state": "deleted"}]},
                       sweep_id=f"sweep-{i}-{hours}", started_at=when(moment), finished_at=when(moment + timedelta(minutes=5)))


for n in range(nights):
    night(n)
night(nights - 1, hours=3)  # a second one on the last day
os.makedirs(os.path.join(store, "unfinished", "image"))
with open(os.path.join(store, "notes.txt"), "w", encoding="utf-8") as file:
    file.write("mine")

run = Run("snapshots", "ls", store)
equal((run.status, len(run.out.splitlines())), (0, nights + 2), "ls: " + run.err)
trend = json.loads(Run("trend", store, "-f", "json").out)
equal(len(trend), nights + 1, "trend of all nights")
# By hand: night 0 has the findings 0 to 9 without 7; five critical less one, five high; two images have them.
first = trend[0]
equal([first[k] for k in ("images", "images_done", "images_failed", "critical", "high", "kev", "fixable", "secrets", "images_with_secrets", "critical_age_days")], [3, 2, 1, 8, 10, 2, 8, 2, 2, 10.0], f"the first night: {first}")
equal([t["high"] for t in trend[:6]], [10, 8, 8, 6, 6, 10], "high night by night")
check(Run("trend", store).out.count("\n") == nights + 2, "the table")
equal(len(json.loads(Run("trend", os.path.join(store, "2024-01-01-02"), "-f", "json").out)), 1, "one sweep")

history = json.loads(Run("history", "app:0", "--snapshots", store, "-f", "json").out)
equal([(h["critical"], h["high"], h["new"], h["fixed"]) for h in history[:6]], [(4, 5, 0, 0), (4, 4, 0, 1), (3, 4, 0, 1), (3, 3, 0, 1), (2, 3, 0, 1), (4, 5, 4, 0)], "one image's history")
equal(history[0]["secrets"], 1, "its secrets in effect")
table = Run("history", "app:0", "--snapshots", store).out
check(table.split("\n")[1].startswith("2024-01-01 0000") and max(map(len, table.split("\n"))) <= 84, "the history as a table: " + table[:300])
check(max(map(len, Run("trend", store).out.split("\n"))) <= 80, "the trend fits eighty columns")
equal(Run("history", "nothing:1", "--snapshots", store).status, 4, "an image that never was")

# ---- pruning ----
before = sorted(os.listdir(store))
run = Run("snapshots", "prune", "--keep-daily", "7", "--keep-weekly", "4", "--dry-run", store)
equal((run.status, sorted(os.listdir(store))), (0, before), "a dry run removes nothing")
run = Run("snapshots", "prune", "--keep-daily", "7", "--keep-weekly", "4", store)
equal(run.status, 0, "prune: " + run.err)
# The last seven days, of the last the later one; of the four weeks that end on 14 January and so on the Sundays.
last = BEGIN + timedelta(days=nights - 1)
days = {f"{last - timedelta(days=d):%Y-%m-%d}-{'05' if d == 0 else '02'}" for d in range(7)}
weeks, moment = set(), last
while len(weeks) < 4:
    name = f"{moment:%Y-%m-%d}-{'05' if moment == last else '02'}"
    week = moment.isocalendar()[:2]
    if week not in {w for w, _ in weeks}:
        weeks.add((week, name))
    moment -= timedelta(days=1)
expected = days | {n for _, n in weeks}
equal({n for n in os.listdir(store) if n.startswith("2024")}, expected, "what stays")
check({"unfinished", "notes.txt", "trends.ndjson"} <= set(os.listdir(store)), "what is no snapshot stays")
after = json.loads(Run("trend", store, "-f", "json").out)
equal(after, trend, "the trend is the same after thinning")
equal(Run("snapshots", "prune", "--keep-daily", "7", "--keep-weekly", "4", "-q", store).out, "", "again: nothing to do, nothing said")
equal(json.loads(Run("trend", store, "-f", "json").out), trend, "and once more")
check(f"{nights + 1 - len(expected)} more were removed" in Run("snapshots", "ls", store).out, "ls speaks of them")
# One that cannot be read is not removed, and neither is any other.
left = sorted(expected)
with open(os.path.join(store, left[0], "vulnerability", "part-00000.msgpack.lz4"), "r+b") as file:
    file.seek(60)
    file.write(b"\xff\xff")
run = Run("snapshots", "prune", "--keep-daily", "1", store)
check(run.status == 4 and left[0] in run.err and set(os.listdir(store)) >= expected, f"a damaged one: {run.status} {run.err}")
for arguments in (["prune", store], ["ls"], ["nothing", store], ["prune", "--keep-daily", "x", store]):
    equal(Run("snapshots", *arguments).status, 2, f"snapshots {arguments}")
equal(Run("trend").status, 2, "trend of nothing")
equal(Run("trend", folder("nowhere")).status, 4, "trend of no folder")
done()
