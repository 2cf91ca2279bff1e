"""The same rows from a registry as from the layout that filled it, on every back-end, thread count, vector level, with and without dedup."""
from lab import Layout, Link, check, debian, done, equal, registry, rows_of, sweep, Run

import hashlib
import os

FEED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")


def token(seed):
    return "gh" + "p_" + hashlib.sha256(seed.encode()).hexdigest()[:36]


def content(out):
    """All rows, without what differs by nature: the sweep's id and times, and how the image was named."""
    kept = []
    for row in rows_of(out):
        for name in ("sweep_id", "scanned_at", "scan_ms"):
            row.pop(name, None)
        if row["table"] in ("image", "error"):
            for name in ("reference", "registry", "repository", "target_kind", "target", "media_type"):
                row.pop(name, None)
        kept.append(row)
    return sorted(kept, key=lambda r: sorted(map(str, r.items())))


layout = Layout("layout")
shared = layout.layer(debian({"openssl": "3.0.9-1", "zlib1g": "1:1.2.13.dfsg-1"}, **{
    "srv/config.ini": "token = " + token("a") + "\n", "lib": Link("usr/lib"), "usr/share/doc/x": "text " * 5000}))
node = layout.layer({f"app/node_modules/{n}/package.json": '{"name":"%s","version":"%s"}' % (n, v) for n, v in
                     {"lodash": "4.17.15", "minimist": "1.2.0", "axios": "0.21.0"}.items()})
same_bodies = layout.layer({"srv/again.ini": "token = " + token("a") + "\n", "srv/b.ini": "token = " + token("b") + "\n"})
big = layout.layer({"srv/big.bin": (b"\x00padding of a large file\n" * 400000) + ("key=" + token("c")).encode() + b"\n" * 3000000})
gone = layout.layer({"srv/.wh.config.ini": "", "var/lib/dpkg/status": debian({"openssl": "3.0.9-1"})["var/lib/dpkg/status"]})
layout.image([shared], "base")
layout.image([shared, node, same_bodies], "node", config={"Env": ["API_TOKEN=" + token("d")]})
layout.image([shared, big, gone], "big", history=[{"created_by": "A"}, {"created_by": "B", "empty_layer": True}, {"created_by": "C"}, {"created_by": "D"}])
amd = layout.image([shared])
arm = layout.image([node], architecture="arm64")
layout.index([{**amd, "platform": {"os": "linux", "architecture": "amd64"}}, {**arm, "platform": {"os": "linux", "architecture": "arm64"}}], "multi")
target = layout.close()
tags = ["base", "node", "big", "multi"]

db = layout.path + ".db"
equal(Run("db", "build", FEED, "-o", db).status, 0, "db build")
run, out = sweep(target, "--db", db)
equal(run.status, 0, "sweep of the layout: " + run.err)
reference = content(out)
tables = {r["table"] for r in reference}
check({"image", "image_layer", "layer", "package", "vulnerability", "secret", "image_secret"} <= tables, f"tables: {tables}")
equal(sum(r["table"] == "image" for r in reference), 5, "images, the index expanded")
states = {r["state"] for r in reference if r["table"] == "image_secret"}
check({"effective", "deleted", "env"} <= states, f"states: {states}")
check(any(r["table"] == "vulnerability" and r["name"] == "lodash" for r in reference), "lodash has a vulnerability")
check(any(r["table"] == "secret" and r["path"] == "srv/big.bin" for r in reference), "the key in a file larger than a window")

with registry({"team/app": (layout, tags)}) as host:
    variants = [["--jobs", jobs] for jobs in "128"] + [["--io", io] for io in ("uring", "epoll", "sync")]
    variants += [["--no-dedup"], ["--no-dedup", "--jobs", "8"], ["--memory", "96M"]]
    for level in ("scalar", "avx2", "avx512"):
        # A level is left out only where the machine lacks it: a crash is no reason.
        trial = Run("sweep", target, "--simd", level, "-o", layout.path + "-" + level, "--quiet")
        if trial.status == 2 and "this machine has" in trial.err:
            print(f"SKIP --simd {level}: this machine lacks it")
        else:
            variants.append(["--simd", level])
    for options in variants:
        for where in (target, "registry://" + host):
            run, out = sweep(where, "--db", db, *options)
            equal(run.status, 0, f"sweep {where} {options}: {run.err}")
            found = content(out)
            if found != reference:
                extra = [r for r in found if r not in reference][:2]
                missing = [r for r in reference if r not in found][:2]
                check(False, f"rows of {where} {options}: extra {extra} missing {missing}")
done()
