"""Two thousand layers in flight at once, each stopped in its middle: memory stays under --memory, and all of them are read."""
import asyncio
import gzip
import hashlib
import json
import os
import re
import resource
import subprocess
import threading

from lab import TRAWL, check, done, equal, folder, is_sanitized, rows_of, skip, tar, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST

MIB = 1 << 20
IMAGES, EACH = 40, 50
IN_FLIGHT = 1500  # what must be open at the same time before any layer's second half is sent

if is_sanitized():
    skip("the sanitizers' own memory is what would be measured")
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 8192:
    skip("needs 8,192 file descriptors")

blobs, tags = {}, {}


def put(data):
    name = "sha256:" + hashlib.sha256(data).hexdigest()
    blobs[name] = data
    return {"digest": name, "size": len(data)}


noise = hashlib.shake_256(b"seed").digest(600 * 1024)  # does not shrink: three chunks of a stream
for i in range(IMAGES):
    layers, diff_ids = [], []
    for j in range(EACH):
        raw = tar({f"f{i}-{j}": b"%d %d" % (i, j), "noise": noise})
        layers.append({"mediaType": OCI_LAYER, **put(gzip.compress(raw, 0, mtime=0))})
        diff_ids.append("sha256:" + hashlib.sha256(raw).hexdigest())
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": OCI_CONFIG, **put(json.dumps(config).encode())}, "layers": layers}
    tags[str(i)] = json.dumps(manifest).encode()

layer_names = {x["digest"] for manifest in tags.values() for x in json.loads(manifest)["layers"]}
open_now, most, opened = 0, 0, None


async def answer(reader, writer):
    global open_now, most
    try:
        while True:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode()
            path = line.split(" ")[1]
            if path.startswith("/v2/_catalog"):
                body = b'{"repositories":["team/app"]}'
            elif path.endswith("/tags/list?n=1000"):
                body = json.dumps({"name": "team/app", "tags": list(tags)}).encode()
            elif "/manifests/" in path:
                body = tags[path.rsplit("/", 1)[1]]
            else:
                body = blobs[path.rsplit("/", 1)[1]]
            held = path.rsplit("/", 1)[-1] in layer_names
            half = len(body) // 2 if held else len(body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:half])
            await writer.drain()
            if held:
                open_now += 1
                most = max(most, open_now)
                if open_now >= IN_FLIGHT:
                    opened.set()
                await opened.wait()
                open_now -= 1
                writer.write(body[half:])
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(started):
    global opened
    opened = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    started.append(server.sockets[0].getsockname()[1])
    started_event.set()
    async with server:
        await server.serve_forever()


started, started_event = [], threading.Event()
threading.Thread(target=lambda: asyncio.run(serve(started)), daemon=True).start()
started_event.wait(10)

out = folder("out")
process = subprocess.Popen([TRAWL, "sweep", f"registry://127.0.0.1:{started[0]}", "-o", out, "--no-cache", "--connections", "2000", "--memory", "2G", "--jobs", "2", "--timeout", "60", "-q"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
try:
    _, errors = process.communicate(timeout=120)
except subprocess.TimeoutExpired:
    process.kill()
    _, errors = process.communicate()
    check(False, f"it hung with {open_now} layers open")
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
equal((process.returncode, errors), (0, ""), "the sweep")
check(most >= IN_FLIGHT, f"layers in flight: expected {IN_FLIGHT} at once, found {most}")
equal(len(rows_of(out, "layer")), IMAGES * EACH, "layers read")
equal({row["status"] for row in rows_of(out, "image")}, {"done"}, "images")
check(peak < 2048, f"peak memory: expected less than 2048 MiB, found {peak:.0f}")
print(f"{most} layers in flight, peak {peak:.0f} MiB")
done()
