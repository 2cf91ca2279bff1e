"""Memory stays under --memory 256M on a layer of 2 GiB that holds one file of 1.5 GiB."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile

from lab import Layout, TRAWL, check, debian, done, equal, folder, is_sanitized, rows_of, skip, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST

MIB = 1 << 20

if is_sanitized():
    skip("the sanitizers' own memory is what would be measured")
if shutil.disk_usage(os.path.dirname(folder("x"))).free < 2 << 30:
    skip("needs 2 GiB of disk")

layout = Layout("layout")
block = hashlib.sha512(b"seed").digest() * (MIB // 64)
token = ("gh" + "p_" + hashlib.sha256(b"made up").hexdigest()[:36]).encode()


def header(name, size):
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, 1700000000
    return info.tobuf(tarfile.GNU_FORMAT)


class Hashed:
    """Counts and hashes what goes by."""

    def __init__(self, out):
        self.out, self.hash, self.size = out, hashlib.sha256(), 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        self.out.write(data)


path = folder("blob.gz")
with open(path, "wb") as file:
    packer = subprocess.Popen(["gzip", "-1", "-n", "-c"], stdin=subprocess.PIPE, stdout=file)
    plain = Hashed(packer.stdin)
    plain.write(header("srv/one.bin", 1536 * MIB))
    for i in range(1536):
        # A key far inside, across the boundary of two pieces of a MiB.
        piece = block[:-21] + b"\n" + token[:20] if i == 1000 else token[20:] + b"\n" + block[21:] if i == 1001 else block
        plain.write(piece)
    plain.write(header("srv/other.bin", 510 * MIB))
    for i in range(510):
        plain.write(block if i != 7 else b"\nkey " + token + b"\n" + block[46:])
    plain.write(b"\0" * 1024)
    packer.stdin.close()
    packer.wait()
with open(path, "rb") as file:
    name = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
size = os.path.getsize(path)
os.rename(path, layout.blob_path(name))
base = layout.layer(debian({"aaa": "1"}))
config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [base["diff_id"], "sha256:" + plain.hash.hexdigest()]}}).encode()
manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": OCI_CONFIG, **layout.blob(config)},
            "layers": [{k: v for k, v in base.items() if k != "diff_id"}, {"mediaType": OCI_LAYER, "digest": name, "size": size}]}
layout.tag({"mediaType": OCI_MANIFEST, **layout.blob(json.dumps(manifest).encode())}, "large")
target = layout.close()
check(plain.size > 2046 * MIB, f"the layer unpacks to {plain.size} bytes")

out = folder("out")
run = subprocess.run(["/usr/bin/env", "python3", "-c",
                      "import resource, subprocess, sys; s = subprocess.run(sys.argv[1:]).returncode; "
                      "print('PEAK', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(s)",
                      TRAWL, "sweep", target, "-o", out, "--memory", "256M", "--jobs", "2", "--quiet"], stdout=subprocess.PIPE, check=False)
equal(run.returncode, 0, "sweep")
peak = int(re.search(rb"PEAK (\d+)", run.stdout).group(1)) / 1024
print(f"peak memory {peak:.0f} MiB")
check(peak < 256, f"peak memory {peak:.0f} MiB, expected below 256")
layers = {r["layer_digest"]: r for r in rows_of(out, "layer")}
equal((layers[name]["status"], layers[name]["unpacked_bytes"]), ("done", plain.size), "the large layer")
paths = {(r["path"], r["byte_offset"]) for r in rows_of(out, "secret")}
check(("srv/other.bin", 7 * MIB + 5) in paths, f"the key in the second file: {paths}")
check(("srv/one.bin", 1001 * MIB - 20) in paths, f"the key across a boundary: {paths}")
done()
