"""What the cache knows changes no row: cold, warm, resumed and without a cache, of every kind of target at once; and what one image says of a layer or a digest spoils no other's."""
import gzip
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time

from fleet import database, difference, rows, secret, small_fleet, start
from lab import OCI_MANIFEST, Layout, Run, check, debian, digest, done, equal, folder, http_server, is_sanitized, registry, rows_of, sweep, tar

KILLS = int(os.environ.get("KILLS", "4"))
TIMEOUT_S = 200 if is_sanitized() else 60


def mixed_layout():
    """What a registry's push would refuse: artifacts, attestations, a damaged layer, a configuration that does not fit."""
    layout = Layout("mixed")
    base = layout.layer(debian({"openssl": "3.0.9-1"}, **{"srv/here.ini": "token = " + secret("mixed") + "\n"}))
    gone = layout.layer({"srv/.wh.here.ini": "", "srv/there.ini": "token = " + secret("there") + "\n"})
    damaged = layout.layer(raw=tar({"srv/one.ini": "token = " + secret("one") + "\n", "srv/two": b"x" * 9000})[:4096])
    layout.image([base, gone], "good", config={"Env": ["KEY=" + secret("env")], "Labels": {"deploy": secret("label"), "b": "c"}, "Cmd": ["run", "--key", secret("cmd")]},
                 history=[{"created_by": "ADD base"}, {"created_by": "ENV KEY=" + secret("env"), "empty_layer": True}, {"created_by": "COPY . /srv"}])
    layout.image([base, damaged], "damaged")
    # The first image that has this package set is one of which nothing is kept.
    layout.image([base, layout.layer({"srv/other": "x"})], "same-packages")
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", **layout.blob(b'{"name":"chart"}')},
                "layers": [{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", **layout.blob(b"chart")}]}
    layout.tag({"mediaType": OCI_MANIFEST, **layout.blob(json.dumps(manifest).encode())}, "chart")
    amd, attestation = layout.image([gone]), layout.image([layout.layer({"statement": "{}"})])
    layout.index([{**amd, "platform": {"os": "linux", "architecture": "amd64"}},
                  {**attestation, "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}], "multi")
    wrong = json.loads(json.dumps(layout.manifests[0]))
    with open(layout.blob_path(wrong["digest"]), encoding="utf-8") as file:
        body = json.load(file)
    body["layers"] = body["layers"][:1]  # two diff_ids stay
    layout.tag({"mediaType": OCI_MANIFEST, **layout.blob(json.dumps(body).encode())}, "misfit")
    return layout


def archive(layout, tag, path):
    """A docker archive of an image of the layout: what `skopeo copy` makes, or nothing without it."""
    done_ = subprocess.run(["skopeo", "copy", "-q", f"oci:{layout.path}:{tag}", f"docker-archive:{path}:made/up:{tag}"], stderr=subprocess.PIPE, check=False)
    check(done_.returncode == 0, "skopeo: " + done_.stderr.decode())
    return "docker-archive:" + path


def secrets_block(text):
    """The summary's lines about secrets."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("secrets (")]
    check(len(starts) == 1, "the summary names secrets: " + text)
    return [line.rstrip() for line in lines[starts[0]:]][:21] if starts else []


def equality(host, fleet_layout):
    mixed = mixed_layout()
    mixed.close()
    root = folder("rootfs")
    with tarfile.open(fileobj=io.BytesIO(tar(debian({"zlib1g": "1:1.2.13.dfsg-1"}, **{"srv/in-root.ini": "token = " + secret("root") + "\n"})))) as file:
        file.extractall(root, filter="data")
    targets = ["registry://" + host, host + "/base:missing", "oci:" + mixed.path, archive(fleet_layout, "web", folder("web.tar")), "dir:" + root, "oci:" + folder("nothing")]
    options = ["--plain-http", "--db", database(folder("a.db")), "--http-attempts", "1"]
    cache = folder("cache")
    runs, took_s = {}, {}

    def look(name, *more, order=1, quiet=False):
        begin = time.monotonic()
        run, out = sweep(*targets[::order], *options, *more, quiet=quiet)
        took_s[name] = time.monotonic() - begin
        equal(run.status, 3, f"{name}: some images failed: {run.err}")
        runs[name] = run
        return rows(out, host)

    expected = look("without a cache", "--no-cache")
    statuses = {row["status"] for row in expected if row["table"] == "image"}
    equal(statuses, {"done", "partial", "failed", "skipped"}, "every status is there")
    check({"vulnerability", "package", "secret", "image_secret", "image_layer", "layer", "error"} <= {row["table"] for row in expected}, "every table has rows")
    for name, more, order in (("cold", [], 1), ("warm", [], 1), ("warm, the other way round", ["--jobs", "1"], -1), ("warm, by plain calls", ["--io", "sync"], 1)):
        text = difference(look(name, *more, "--cache", cache, order=order), expected)
        check(not text, f"{name}: {text}")
        if "other" not in name:
            equal(secrets_block(runs[name].out), secrets_block(runs["without a cache"].out), f"{name}: the summary's secrets")
    text = difference(look("cold, the other way round", "--cache", folder("cache-2"), order=-1), expected)
    check(not text, f"cold, the other way round: {text}")
    resume(targets, options, host, expected, cache, took_s)


def resume(targets, options, host, expected, warm, took_s):
    """Killed at moments that differ, with a cache of its own, a shared one, or one that is warm."""
    dice = random.Random("t1460")
    for number in range(KILLS):
        out = folder(f"killed-{number}")
        more = [["--no-cache"], ["--cache", folder(f"cache-killed-{number}")], ["--cache", warm]][number % 3]
        process = start("sweep", *targets, "-o", out, *options, *more, "--quiet")
        end = time.monotonic() + TIMEOUT_S
        while not os.path.exists(os.path.join(out, "unfinished")) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.001)
        # The state is there after the rules are compiled, which is most of so small a sweep.
        time.sleep(dice.uniform(0, 0.1 * took_s["warm" if more[-1] == warm else "cold"]))
        process.kill()
        process.communicate()
        if os.path.exists(os.path.join(out, "manifest.json")):
            print(f"kill {number} came too late")
            continue
        run = Run("sweep", "--resume", out, *options, *([] if number % 2 else more), "--quiet", timeout=TIMEOUT_S)
        check(os.path.exists(os.path.join(out, "manifest.json")), f"kill {number} {more[0]}: resumed: {run.status} {run.err}")
        text = difference(rows(out, host), expected)
        check(not text, f"kill {number} {more[0]}: {text}")
        equal([name for name in os.listdir(out) if name.startswith("unfinished")], [], f"kill {number} {more[0]}: what is left of the unfinished sweep")
        shutil.rmtree(out)


def one(layout, tag, change, layers, diff_ids=None):
    """An image of its own that says something else of the same layers."""
    config = {"architecture": "amd64", "os": "linux", "author": tag, "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids or [x["diff_id"] for x in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **layout.blob(json.dumps(config).encode())},
                "layers": [{**{k: v for k, v in x.items() if k != "diff_id"}, **change} for x in layers]}
    return layout.tag({"mediaType": OCI_MANIFEST, **layout.blob(json.dumps(manifest).encode())}, tag)


def hostile():
    """Images that tell lies about a layer that the cache knows: with a cache they end as without."""
    layout = Layout("hostile")
    layer = layout.layer({"srv/a.ini": "token = " + secret("hostile") + "\n", "srv/noise": os.urandom(3000)})
    good = one(layout, "good", {}, [layer])
    one(layout, "size", {"size": layer["size"] + 1}, [layer])
    one(layout, "foreign", {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "urls": ["https://example.invalid/"]}, [layer])
    one(layout, "huge", {"size": 1 << 50}, [layer])
    one(layout, "diff-id", {}, [layer], ["sha256:" + "7" * 64])
    # Whoever may write an index may not make another's image an attestation.
    layout.index([{**good, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}], "calls-it-attestation")
    layout.close()
    cache = folder("cache-hostile")
    sweep(f"oci:{layout.path}:good", "--cache", cache, "--verify-diff-id")
    sweep(f"oci:{layout.path}:good", "--cache", cache)
    for tag, status in (("size", "failed"), ("foreign", "partial"), ("huge", "failed"), ("diff-id", "failed")):
        more = ["--verify-diff-id"] if tag == "diff-id" else []
        _, cold = sweep(f"oci:{layout.path}:{tag}", *more, "--no-cache")
        _, warm = sweep(f"oci:{layout.path}:{tag}", *more, "--cache", cache)
        text = difference(rows(warm), rows(cold))
        check(not text, f"{tag}: {text}")
        equal([row["status"] for row in rows_of(cold, "image")], [status], f"{tag}: status")
    for order in (1, -1):
        targets = [f"oci:{layout.path}:{tag}" for tag in ("good", "size", "foreign", "huge", "diff-id", "calls-it-attestation")][::order]
        _, out = sweep(*targets, "--no-cache", "--verify-diff-id")
        found = {row["reference"].rsplit(":", 1)[1]: row["status"] for row in rows_of(out, "image")}
        # The digest decides where they differ: the layer is what all of them name.
        equal(found, {"good": "done", "size": "done", "foreign": "done", "huge": "done", "diff-id": "done", "calls-it-attestation": "skipped"}, f"together, order {order}")


def twice_packed():
    """An archive whose member unpacks to a gzip file names it by that file's digest, which is the digest of a layer elsewhere."""
    layout = Layout("victim")
    layer = layout.layer({"srv/a.ini": "token = " + secret("victim") + "\n"})
    layout.image([layer], "v")
    layout.close()
    with open(layout.blob_path(layer["digest"]), "rb") as file:
        blob = file.read()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(blob)]}}).encode()
    path = folder("evil.tar")
    with open(path, "wb") as file:
        file.write(tar({"manifest.json": json.dumps([{"Config": "config.json", "RepoTags": ["evil:1"], "Layers": ["layer.tar"]}]), "config.json": config, "layer.tar": gzip.compress(blob)}))
    cache = folder("cache-victim")
    sweep("docker-archive:" + path, "--cache", cache)
    _, cold = sweep("oci:" + layout.path, "--no-cache")
    _, warm = sweep("oci:" + layout.path, "--cache", cache)
    text = difference(rows(warm), rows(cold))
    check(not text, f"an archive answers for another's layer: {text}")
    equal([row["status"] for row in rows_of(cold, "image")], ["done"], "the victim")
    for targets in (["docker-archive:" + path, "oci:" + layout.path], ["oci:" + layout.path, "docker-archive:" + path]):
        _, out = sweep(*targets, "--no-cache")
        equal({row["reference"].split(":")[0]: row["status"] for row in rows_of(out, "image")}["oci"], "done", "the victim beside the archive")


def withheld(server, layout):
    """A registry that names the manifest and the configuration of another's image and not its layers takes nothing away from that one."""
    manifest = next(m for m in layout.manifests if m["annotations"]["org.opencontainers.image.ref.name"] == "web")

    def answer(handler):
        name = handler.path.rsplit("/", 1)[1]
        path = layout.blob_path(manifest["digest"] if name == "web" else name) if name == "web" or ":" in name else ""
        with open(path if os.path.exists(path) else os.devnull, "rb") as file:
            body = file.read()
        if "/manifests/" in handler.path and body:
            handler.reply(200, body, Content_Type=OCI_MANIFEST, Docker_Content_Digest=manifest["digest"])
        elif "/blobs/" in handler.path and body.startswith(b"{"):
            handler.reply(200, body)
        else:
            handler.reply(404)

    with http_server(answer) as (evil, asked):
        good = "localhost:" + server.split(":")[1]
        for targets in ([evil + "/team/web:web", good + "/team/web:web"], [good + "/team/web:web", evil + "/team/web:web"]):
            _, out = sweep(*targets, "--plain-http", "--no-cache")
            found = {row["registry"]: (row["status"], row["reason"]) for row in rows_of(out, "image")}
            equal(found, {evil: ("done", ""), good: ("done", "")}, "the same image in a registry that has its layers and one that has not")
        check(asked, "the registry without layers was asked")


fleet = small_fleet()
hostile()
twice_packed()
with registry(fleet) as server:
    equality(server, fleet["base"][0])
    withheld(server, fleet["base"][0])
sys.stdout.flush()
done()
