"""A damaged sweep is named by verify, and repair writes what is left as a sweep that verifies."""
import json
import os
import shutil

from lab import Layout, Run, check, debian, done, equal, folder, rows_of, sweep

layout = Layout("layout")
base = layout.layer(debian({f"package{i}": f"{i}.0" for i in range(500)}))
for i in range(5):
    layout.image([base, layout.layer({"srv/name": str(i)})], f"tag{i}")
run, out = sweep(layout.close())
equal(run.status, 0, "sweep")
whole = {table: rows_of(out, table) for table in ("image", "package", "image_layer")}

run = Run("shards", "repair", out, "-o", folder("whole"))
equal(run.status, 0, "repair of a whole sweep")
for table, rows in whole.items():
    equal(rows_of(folder("whole"), table), rows, table)
for key in ("sweep_id", "targets", "totals"):
    equal(json.load(open(os.path.join(folder("whole"), "manifest.json")))[key], json.load(open(os.path.join(out, "manifest.json")))[key], key)


def damaged(name, path, change):
    copy = folder(name)
    shutil.copytree(out, copy)
    if change is None:
        os.remove(os.path.join(copy, path))
        return copy
    with open(os.path.join(copy, path), "r+b") as file:
        bytes_ = bytearray(file.read())
        file.seek(0)
        file.truncate()
        file.write(change(bytes_))
    return copy


def flip(bytes_):
    bytes_[len(bytes_) // 2] ^= 0x10
    return bytes_


part = "package/part-00000.msgpack.lz4"
for name, path, change, lost in [("flipped", part, flip, {"package"}), ("cut", part, lambda b: b[:-7], {"package"}), ("gone", part, None, {"package"}),
                                 ("manifest", "manifest.json", lambda b: b[:20], set()), ("no-manifest", "manifest.json", None, set())]:
    copy = damaged(name, path, change)
    run = Run("shards", "verify", copy)
    equal(run.status, 4, f"{name}: verify")
    check(path in run.out + run.err or "manifest" in run.out + run.err, f"{name}: {run.out} {run.err}")
    run = Run("shards", "repair", copy, "-o", folder(name + "-repaired"))
    equal(run.status, 3, f"{name}: repair: {run.err}")
    check("lost  " in run.out and (path in run.out or "manifest" in run.out), f"{name}: {run.out}")
    equal(Run("shards", "verify", folder(name + "-repaired")).status, 0, f"{name}: verify what was repaired")
    for table, rows in whole.items():
        # One frame holds all rows of so small a table.
        equal(rows_of(folder(name + "-repaired"), table), [] if table in lost else rows, f"{name}: {table}")

for arguments, status, word in [(["repair", out], 2, "-o"), (["repair", out, "-o", out], 2, "finished"), (["repair", folder("none"), "-o", folder("x")], 2, "shard's folder"),
                                (["verify", out, "-o", folder("y")], 2, "repair")]:
    run = Run("shards", *arguments)
    equal(run.status, status, f"{arguments}: {run.err}")
    check(word in run.err, f"{arguments}: {run.err}")
done()
