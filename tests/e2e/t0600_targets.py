"""Every kind of target gives the same image; lists; platforms."""
import gzip
import json
import os
import subprocess

from lab import Layout, Link, Run, check, debian, digest, done, equal, folder, rows_of, sweep, tar

FILES = debian({"aaa": "1.0", "bbb": "2"}, **{"usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n",
                                              "app/node_modules/@s/n/package.json": '{"name":"@s/n","version":"3.0.0"}',
                                              "lib/apk/db/installed": "P:musl\nV:1.2.4-r0\nA:x86_64\no:musl\n\n"})
EXPECTED = {("deb", "aaa", "1.0"), ("deb", "bbb", "2"), ("pypi", "six", "1.16.0"), ("npm", "@s/n", "3.0.0"), ("apk", "musl", "1.2.4-r0")}


def packages(*targets, options=()):
    run, out = sweep(*targets, *options)
    equal(run.status, 0, f"{targets}: {run.err}")
    return {(r["type"], r["name"], r["version"]) for r in rows_of(out, "package")}, out


layout = Layout("layout")
layer = layout.layer(FILES)
amd = layout.image([layer], "one")
other = layout.image([layout.layer({**FILES, "var/lib/dpkg/status": debian({"other": "9"})["var/lib/dpkg/status"]})], "two")
arm = layout.image([layout.layer(debian({"armpkg": "1"}))], architecture="arm64")
layout.index([{**amd, "platform": {"os": "linux", "architecture": "amd64"}}, {**arm, "platform": {"os": "linux", "architecture": "arm64"}}], "multi")
target = layout.close()

equal(packages(target + ":one")[0], EXPECTED, "oci:DIR:TAG")
check(("deb", "other", "9") in packages(target)[0], "oci:DIR is all of it")

# An OCI archive: plain, gzip; and a docker archive: plain, gzip, with a packed layer, a layer as a link.
archive = folder("layout.tar")
subprocess.run(["tar", "-C", layout.path, "-cf", archive, "."], check=True)
check(EXPECTED <= packages("oci-archive:" + archive)[0], "oci-archive")
with open(archive, "rb") as file, gzip.open(archive + ".gz", "wb", 1) as packed:
    packed.write(file.read())
check(EXPECTED <= packages("oci-archive:" + archive + ".gz")[0], "oci-archive, packed")
raw = tar(FILES)
config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest(raw)] * 2}}).encode()
for name, member in {"plain": raw, "packed layer": gzip.compress(raw, 1)}.items():
    docker = tar({"manifest.json": json.dumps([{"Config": "c.json", "RepoTags": ["team/app:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]),
                  "c.json": config, "a/layer.tar": member, "b/layer.tar": Link("../a/layer.tar")})
    path = folder("docker.tar")
    for suffix, body in {"": docker, ".gz": gzip.compress(docker, 1)}.items():
        with open(path + suffix, "wb") as file:
            file.write(body)
        found, out = packages("docker-archive:" + path + suffix)
        equal(found, EXPECTED, f"docker-archive{suffix}, {name}")
        image = rows_of(out, "image")[0]
        equal((image["target_kind"], image["tag"], image["layer_count"], image["image_digest"]), ("archive", "1", 2, digest(config)), "docker archive's image")

# A root file system, and fs of the same folder.
root = folder("root")
for path, body in FILES.items():
    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
    with open(os.path.join(root, path), "w", encoding="utf-8") as file:
        file.write(body)
os.symlink("/", os.path.join(root, "loop"))
os.mkfifo(os.path.join(root, "fifo"))
equal(packages("rootfs:" + root)[0], EXPECTED, "rootfs")
run = Run("fs", root, "--format", "ndjson")
equal((run.status, {(r["type"], r["name"], r["version"]) for r in run.rows("package")}), (0, EXPECTED), "fs")
equal(rows_of(packages("rootfs:" + root)[1], "image")[0]["image_digest"], rows_of(packages("rootfs:" + root)[1], "image")[0]["image_digest"], "the same folder has the same digest")

# Lists, and what is named twice.
listing = folder("list")
with open(listing, "w", encoding="utf-8") as file:
    file.write(f"# a comment\n{target}:one\n\n  {target}:one  \nrootfs:{root}\n")
found, out = packages("@" + listing)
equal((found, len(rows_of(out, "image"))), (EXPECTED, 2), "@FILE, each image once")
run = Run("sweep", "-", "-o", folder("stdin"), "--quiet", stdin=f"{target}:one\n".encode())
equal((run.status, len(rows_of(folder("stdin"), "image"))), (0, 1), "- reads the list from standard input")

# Platforms.
found, out = packages(target + ":multi")
equal({r["architecture"] for r in rows_of(out, "image")}, {"amd64", "arm64"}, "all platforms")
found, out = packages(target + ":multi", options=["--platform", "linux/arm64"])
equal(([r["architecture"] for r in rows_of(out, "image")], found), (["arm64"], {("deb", "armpkg", "1")}), "--platform")

# trawl image prints what sweep writes.
run = Run("image", target + ":one", "--format", "ndjson", "--scanners", "package")
equal((run.status, {(r["type"], r["name"], r["version"]) for r in run.rows("package")}), (0, EXPECTED), "image")
check("aaa" in Run("image", target + ":one").out, "image as a table")
done()
