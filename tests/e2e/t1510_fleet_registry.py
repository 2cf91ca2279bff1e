"""The made-up registry of the bench by itself: a bench that measures against a server that is wrong measures nothing."""
import glob
import gzip
import hashlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import tarfile

from lab import TRAWL, check, done, equal, skip

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
beside = os.path.join(os.path.dirname(os.path.abspath(TRAWL)), "bench", "fleet", "fleet_registry")
built = [path for path in [beside, *glob.glob(os.path.join(ROOT, "build", "*-release", "bench", "fleet", "fleet_registry"))] if os.path.exists(path)]
if not built:
    skip("bench/fleet/fleet_registry is not built: run make test-e2e, or make benches")
IMAGES, REPOSITORIES, LAYERS = 300, 12, 60


class Registry:
    def __init__(self, *options):
        self.process = subprocess.Popen([built[0], "--images", str(IMAGES), "--repositories", str(REPOSITORIES), "--layers", str(LAYERS), "--layer-bytes", "16K", *options],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)

    def ask(self, path, method="GET", **headers):
        self.connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.connection.getresponse()
        return answer, answer.read()

    def json(self, path):
        return json.loads(self.ask(path)[1])

    def pages(self, path, key):
        names, count = [], 0
        while path:
            answer, body = self.ask(path)
            names += json.loads(body)[key]
            count += 1
            link = answer.headers["Link"]
            path = link and link[link.index("<") + 1:link.index(">")]
        return names, count

    def manifests(self):
        """{reference: (digest, manifest)} of all images."""
        found = {}
        for repository in self.pages("/v2/_catalog", "repositories")[0]:
            for tag in self.pages(f"/v2/{repository}/tags/list", "tags")[0]:
                answer, body = self.ask(f"/v2/{repository}/manifests/{tag}")
                found[f"{repository}:{tag}"] = (answer.headers["Docker-Content-Digest"], json.loads(body))
        return found

    def stop(self):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        counts = self.process.communicate(timeout=20)[0]
        equal(self.process.returncode, 0, "the end by SIGTERM")
        return json.loads(counts)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


registry = Registry("--changed", "10")
names, pages = registry.pages("/v2/_catalog?n=5", "repositories")
equal((len(names), names, pages), (REPOSITORIES, sorted(set(names)), 3), "the catalogue by pages of five")
tags = {name: registry.pages(f"/v2/{name}/tags/list?n=7", "tags")[0] for name in names}
equal(sum(len(x) for x in tags.values()), IMAGES, "tags of all repositories")
check(all(x and x == sorted(set(x)) for x in tags.values()), "each repository has tags, in order")
first = registry.manifests()
equal(len({x[0] for x in first.values()}), IMAGES, "distinct images")

# Every object is what its digest says, and a configuration has the diff_ids of the layers.
layers = {}
for reference, (name, manifest) in first.items():
    repository = reference.split(":")[0]
    body = registry.ask(f"/v2/{repository}/manifests/{name}")[1]
    equal(sha256(body), name, f"the manifest of {reference}")
    descriptor = manifest["config"]
    body = registry.ask(f"/v2/{repository}/blobs/{descriptor['digest']}")[1]
    equal((sha256(body), len(body)), (descriptor["digest"], descriptor["size"]), f"the configuration of {reference}")
    config = json.loads(body)
    check(3 <= len(manifest["layers"]) <= 10, f"layers of {reference}")
    equal(sum("empty_layer" not in x for x in config["history"]), len(manifest["layers"]), f"the history of {reference}")
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        equal(layers.setdefault(layer["digest"], (layer["size"], diff_id)), (layer["size"], diff_id), f"a layer of {reference}")
equal(len(layers), LAYERS, "distinct layers")
blobs, members = {}, set()
for name, (size, diff_id) in layers.items():
    blobs[name] = registry.ask(f"/v2/{names[0]}/blobs/{name}")[1]
    equal((sha256(blobs[name]), len(blobs[name])), (name, size), "a layer")
    plain = gzip.decompress(blobs[name])
    equal(sha256(plain), diff_id, "an unpacked layer")
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        members.add(len(archive.getnames()))
        equal(len(set(archive.getnames())), len(archive.getnames()), "paths of one layer")
check(max(members) > 3 * min(members), f"small and large layers: {sorted(members)}")

# Ranges, across the border of what is shared and what is the layer's own.
name, blob = max(blobs.items(), key=lambda x: len(x[1]))
url = f"/v2/{names[0]}/blobs/{name}"
for begin, end in ((0, 9), (100, 199), (len(blob) - 6000, len(blob) - 1), (len(blob) - 10, None), (len(blob) - 1, len(blob) + 50)):
    answer, body = registry.ask(url, Range=f"bytes={begin}-{'' if end is None else end}")
    expected = blob[begin:] if end is None else blob[begin:end + 1]
    equal((answer.status, body == expected, answer.headers["Content-Range"]),
          (206, True, f"bytes {begin}-{begin + len(expected) - 1}/{len(blob)}"), f"bytes {begin} to {end}")
equal(registry.ask(url, Range=f"bytes={len(blob)}-")[0].status, 416, "a range past the end")
answer, body = registry.ask(url, "HEAD")
equal((answer.status, body, int(answer.headers["Content-Length"]), answer.headers["Docker-Content-Digest"]), (200, b"", len(blob), name), "HEAD of a layer")

# Tags by HEAD, unchanged manifests, and what is not there.
url = f"/v2/{names[0]}/manifests/{tags[names[0]][0]}"
name = first[f"{names[0]}:{tags[names[0]][0]}"][0]
answer, body = registry.ask(url, "HEAD")
equal((answer.status, body, answer.headers["Docker-Content-Digest"], answer.headers["ETag"]), (200, b"", name, f'"{name}"'), "HEAD of a tag")
answer, body = registry.ask(url, If_None_Match=f'"{name}"')
equal((answer.status, body), (304, b""), "a manifest that has not changed")
nothing = "sha256:" + "0" * 64
for path in ("/v2/team-9999/s999999-api/tags/list", url + "9", f"/v2/{names[0]}/blobs/{nothing}", f"/v2/{names[0]}/manifests/{nothing}",
             f"/v2/{names[0]}/blobs/../../x", "/v2/", "/"):
    equal(registry.ask(path)[0].status, 200 if path == "/v2/" else 404, path)
equal(registry.ask(url, "DELETE")[0].status, 405, "DELETE")

# Requests that come in one piece are answered one after the other.
with socket.create_connection(("127.0.0.1", registry.port)) as s:
    s.sendall((f"HEAD {url} HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").encode())
    received = b""
    while piece := s.recv(65536):
        received += piece
equal((received.count(b"HTTP/1.1 200 OK"), received[-2:]), (4, b"{}"), "four requests in one piece")

# Counts.
registry.ask("/stats/reset")
for _ in range(3):
    registry.ask(f"/v2/{names[0]}/blobs/{next(iter(layers))}")
counts = registry.json("/stats")
equal((counts["layers_fetched"], counts["layers_repeated"], counts["requests"]["layer"], counts["requests"]["all"]), (1, 2, 3, 3), "one layer three times")

# A generation changes the share that was asked for, and is the same however one comes to it.
equal(registry.json("/generation/1")["fleet"]["generation"], 1, "the generation")
registry.json("/generation/2")
second = registry.manifests()
fleet = registry.stop()["fleet"]
changed = [x for x in first if first[x][0] != second[x][0]]
check(0.15 * IMAGES <= len(changed) <= 0.24 * IMAGES, f"two times a tenth of the images: {len(changed)}")
check(all(first[x][1]["layers"][:-1] == second[x][1]["layers"][:-1] for x in changed), "only the top layer is another")
used = {layer["digest"] for _, manifest in second.values() for layer in manifest["layers"]}
equal(fleet["layers_used"], len(used), "the layers of this generation")
registry = Registry("--changed", "10", "--generation", "2")
equal(registry.manifests(), second, "the second generation from the start")
registry.json("/generation/0")
equal(registry.manifests(), first, "and back to the first")
registry.stop()
registry = Registry("--seed", "2")
check(not {x[0] for x in registry.manifests().values()} & {x[0] for x in first.values()}, "another seed, another fleet")
registry.stop()
equal(subprocess.run([built[0], "--images", "5", "--layers", "9"], stderr=subprocess.DEVNULL, check=False).returncode, 1, "more layers than images")
equal(subprocess.run([built[0], "--colour"], stderr=subprocess.DEVNULL, check=False).returncode, 2, "an unknown option")
done()
