"""The end of a sweep says why images are not done, and --retry-failed sweeps those and no others, under the same names."""
import json
import os
import re
from urllib.parse import urlparse

from lab import Layout, Run, check, debian, done, equal, folder, http_server, rows_of, sweep, OCI_INDEX, OCI_MANIFEST

layout = Layout("layout")
entries = []
for architecture in ("amd64", "arm64"):
    entry = layout.image([layout.layer(debian({"for-" + architecture: "1"}))], architecture=architecture)
    entries.append({**entry, "platform": {"os": "linux", "architecture": architecture}})
index = layout.index(entries)
single = layout.image([layout.layer(debian({"single": "1"}))], "single")
layout.close()
arm_layer = json.loads(open(layout.blob_path(entries[1]["digest"]), "rb").read())["layers"][0]["digest"]

broken = True
TAGS = {"multi": index, "good": single, "gone-1": single, "gone-2": single, "chart": None}


def answer(handler):
    path = urlparse(handler.path).path
    name = path.rsplit("/", 1)[1]
    if path == "/v2/_catalog":
        handler.reply(200, b'{"repositories":["fleet/app"]}')
    elif path.endswith("/tags/list"):
        handler.reply(200, json.dumps({"tags": sorted(TAGS)}).encode())
    elif broken and ("gone-" in name or name == arm_layer):
        handler.reply(503 if name == "gone-1" else 404)
    elif name == "chart":
        handler.reply(200, json.dumps({"schemaVersion": 2, "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": single["digest"], "size": 2}, "layers": []}).encode())
    else:
        target = TAGS[name]["digest"] if name in TAGS else name
        with open(layout.blob_path(target), "rb") as file:
            handler.reply(200, file.read(), Content_Type=OCI_INDEX if target == index["digest"] else OCI_MANIFEST)


with http_server(answer) as (host, asked):
    run, first = sweep("registry://" + host, "--http-attempts", "1", quiet=False)
    equal(run.status, 3, "some failed")
    images = {(r["tag"], r["architecture"]): r for r in rows_of(first, "image")}
    equal({k: r["status"] for k, r in images.items()}, {("multi", "amd64"): "done", ("multi", "arm64"): "failed", ("good", "amd64"): "done", ("gone-1", ""): "failed",
                                                        ("gone-2", ""): "failed", ("chart", ""): "skipped"}, "what became of each")
    check(re.search(r"images +6 +2 done, 0 partial, 3 failed, 1 skipped", run.out), run.out)
    causes = run.out[run.out.find("images that are not done, by cause"):run.out.find("\nerrors (")]
    found = re.findall(r"^ +(\d+) (failed|partial|skipped) +(.*)$", causes, re.M)
    equal(found, [("1", "failed", "fetch: NOTFOUND"), ("1", "failed", "manifest: NET"), ("1", "failed", "manifest: NOTFOUND"), ("1", "skipped", "Helm chart")], "the causes, grouped: " + causes)
    check(f"such as {host}/fleet/app:gone-1: " in causes and "503" in causes, "an example of each: " + causes)

    del asked[:]
    broken = False
    again = folder("again")
    run = Run("sweep", "--retry-failed", first, "-o", again)
    equal(run.status, 0, run.err)
    retried = {(r["tag"], r["architecture"]): r for r in rows_of(again, "image")}
    equal({k: r["status"] for k, r in retried.items()}, {("multi", "arm64"): "done", ("gone-1", "amd64"): "done", ("gone-2", "amd64"): "done"}, "those and no others")
    for key, row in retried.items():
        equal((row["registry"], row["repository"], row["reference"]), (host, "fleet/app", f"{host}/fleet/app:{key[0]}"), "the same names")
    equal(retried[("multi", "arm64")]["image_digest"], images[("multi", "arm64")]["image_digest"], "the same digest")
    check(not any("_catalog" in p or "tags/list" in p or p.endswith("/manifests/multi") for p in asked), f"nothing is listed again: {asked}")
    equal({r["name"] for r in rows_of(again, "package")}, {"for-arm64", "single"}, "their packages")
    check("by cause" not in run.out, "nothing to mend")

    nothing = folder("nothing")
    run = Run("sweep", "--retry-failed", again, "-o", nothing)
    equal((run.status, rows_of(nothing)), (0, []), "nothing failed: an empty sweep")

# A registry whose catalogue breaks off half way: what it lists again is swept, though no row knew of it.
broken = True


def half(handler):
    path = urlparse(handler.path).path
    if path != "/v2/_catalog":
        answer(handler)
    elif "last=x" not in handler.path:
        handler.reply(200, b'{"repositories":["fleet/app"]}', Link='</v2/_catalog?last=x>; rel="next"')
    elif broken:
        handler.reply(500)
    else:
        handler.reply(200, b'{"repositories":["fleet/more"]}')


TAGS = {"good": single}
with http_server(half) as (host, asked):
    run, first = sweep("registry://" + host, "--http-attempts", "1")
    equal((run.status, [r["repository"] for r in rows_of(first, "image")]), (3, ["fleet/app"]), "half of the catalogue")
    broken = False
    run = Run("sweep", "--retry-failed", first, "-o", folder("listed-again"))
    equal((run.status, sorted(r["repository"] for r in rows_of(folder("listed-again"), "image"))), (0, ["fleet/app", "fleet/more"]), "all of it: " + run.err)

os.mkdir(folder("unfinished"))
for name, words in (("absent", "No such file"), ("unfinished", "no manifest.json")):
    run = Run("sweep", "--retry-failed", folder(name), "-o", folder("never"))
    equal(run.status, 2, f"a folder that is {name}: {run.err}")
    check("--retry-failed" in run.err and words in run.err, run.err)
done()
