#!/usr/bin/env python3
"""Makes a larger layout out of a small one: every layer so many times, each time with another digest and the same contents.

usage: bench_layout.py LAYOUT COPIES OUT     prints the original layers' paths, a line each

A gzip stream may have several members and a zstd stream skippable frames: an empty one at the end changes the digest and nothing else.
"""
import gzip
import hashlib
import json
import os
import shutil
import struct
import sys


def main():
    source, copies, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    shutil.rmtree(out, ignore_errors=True)
    blobs = os.path.join(out, "blobs", "sha256")
    os.makedirs(blobs)

    def read(digest):
        with open(os.path.join(source, "blobs", *digest.split(":")), "rb") as file:
            return file.read()

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as file:
            file.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    layers, todo = {}, [m["digest"] for m in json.load(open(os.path.join(source, "index.json"), encoding="utf-8"))["manifests"]]
    while todo:
        manifest = json.loads(read(todo.pop()))
        todo += [m["digest"] for m in manifest.get("manifests", [])]
        layers.update({layer["digest"]: layer["mediaType"] for layer in manifest.get("layers", [])})
    entries = []
    for copy in range(copies):
        for digest, media in layers.items():
            data = read(digest)
            tail = struct.pack("<II", 0x184D2A50, 4) + struct.pack("<I", copy) if data[:4] == b"\x28\xb5\x2f\xfd" else gzip.compress(b"", mtime=copy + 1)
            entries.append({"mediaType": media, **put(data + tail)})
    config = put(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64] * len(entries)}}).encode())
    manifest = put(json.dumps({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config}, "layers": entries}).encode())
    with open(os.path.join(out, "index.json"), "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest}]}, file)
    for digest in layers:
        print(os.path.join(source, "blobs", *digest.split(":")))


main()
