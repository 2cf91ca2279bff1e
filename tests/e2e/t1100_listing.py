"""Listing through Harbor's, GitLab's, Quay's and GitHub's APIs; what is selected of it; catalogues that are refused, endless or go in circles;
manifests that are no images, and those that are wrong.

The replies have the shapes that the APIs' documentations show, with made-up names."""
import base64
import itertools
import json
import subprocess
import sys
from urllib.parse import parse_qs, unquote, urlparse

from lab import Layout, Run, TRAWL, check, debian, digest, done, equal, folder, http_server, is_sanitized, rows_of, sweep, OCI_INDEX, OCI_MANIFEST

layout = Layout("layout")
image = layout.image([layout.layer(debian({"aaa": "1"}))], "x")
layout.close()
DIGEST = image["digest"]
MADE_UP_TOKEN = "not-a-real-token"  # made up


def blob(name):
    with open(layout.blob_path(name), "rb") as file:
        return file.read()


def reply(handler, body, **headers):
    handler.reply(200, body if isinstance(body, bytes) else json.dumps(body).encode(), Content_Type="application/json", **headers)


def registry_part(handler, path):
    """The image that every name has; True when the path was one of /v2/."""
    if "/manifests/" in path:
        handler.reply(200, blob(DIGEST), Content_Type=OCI_MANIFEST)
    elif "/blobs/" in path:
        handler.reply(200, blob(path.rsplit("/", 1)[1]))
    else:
        return False
    return True


def paged(handler, items, size, prefix=""):
    """Page `page` of the items, with Harbor's and GitLab's Link header: several relations, absolute URLs in turn."""
    url = urlparse(handler.path)
    query = parse_qs(url.query)
    number = int(query["page"][0])
    links = []
    if number > 1:
        links.append(f'<{prefix}{url.path}?page={number - 1}&page_size={size}>; rel="prev"')
    if number * size < len(items):
        links.append(f'<{prefix}{url.path}?page={number + 1}&page_size={size}>; rel="next"')
    reply(handler, items[(number - 1) * size:number * size], **({"Link": " , ".join(links)} if links else {}))


def references(out):
    return sorted(r["reference"] for r in rows_of(out, "image"))


def credentials(handler):
    return handler.headers.get("Authorization")


outs = (folder(f"out-{i}") for i in itertools.count())


def expect_listed(target, answer, expected, *options, stdin=None):
    """Sweeps the target without an error; the images are the expected ones. Returns the paths asked for, without blobs."""
    with http_server(answer) as (host, asked):
        out = next(outs)
        run = Run("sweep", target.format(host=host), "-o", out, "--quiet", *(o.format(host=host) for o in options), stdin=stdin)
        errors = rows_of(out, "error")
        equal((run.status, [e["message"] for e in errors]), (0, []), f"{target}: {run.err}")
        equal(references(out), sorted(e.format(host=host) for e in expected), target)
        equal({(r["target_kind"], r["registry"]) for r in rows_of(out, "image")}, {("registry", host)}, target + ": kind and registry")
        return [p for p in asked if "/blobs/" not in p]


# ---- Harbor ----

HARBOR = {"library": {"library/app": [("sha-a", ["1.0", "latest"]), ("sha-b", None)], "library/team/deep": [("sha-a", ["x"])]}, "empty": {}, "third": {"third/z": [("sha-a", ["9"])]}}
harbor_auth = set()


def harbor(handler):
    path = urlparse(handler.path).path
    harbor_auth.add((path.startswith("/api/"), credentials(handler)))
    parts = path.split("/")
    if registry_part(handler, path):
        pass
    elif path == "/api/v2.0/projects":
        paged(handler, [{"project_id": i, "name": n, "repo_count": len(r), "metadata": {"public": "true"}} for i, (n, r) in enumerate(HARBOR.items())], 2)
    elif path.endswith("/repositories"):
        paged(handler, [{"id": 1, "name": n, "project_id": 1, "artifact_count": 1, "pull_count": 3} for n in HARBOR[parts[4]]], 1, f"http://{handler.headers['Host']}")
    elif path.endswith("/artifacts"):
        name = parts[4] + "/" + unquote(unquote(parts[6]))
        check("%2F" not in path, "a slash is escaped twice: " + path)
        paged(handler, [{"id": 7, "type": "IMAGE", "media_type": "application/vnd.oci.image.config.v1+json", "manifest_media_type": OCI_MANIFEST, "digest": DIGEST,
                         "push_time": "2024-05-01T12:00:00.000Z", "extra_attrs": {"architecture": "amd64", "os": "linux", "created": "2024-04-30T08:00:00Z"},
                         "tags": tags and [{"id": 3, "name": t, "push_time": "2024-05-01T12:00:00.000Z", "immutable": False} for t in tags]}
                        for _, tags in HARBOR[parts[4]][name]], 1)
    else:
        handler.reply(404)


EVERYTHING = ["{host}/library/app:1.0", "{host}/library/app:latest", "{host}/library/team/deep:x", "{host}/third/z:9"]
asked = expect_listed("harbor://{host}", harbor, EVERYTHING, "--username", "robot", "--password-stdin", stdin=MADE_UP_TOKEN.encode())
check(all(DIGEST in p for p in asked if "/manifests/" in p), f"manifests are asked for by digest: {asked}")
basic = "Basic " + base64.b64encode(f"robot:{MADE_UP_TOKEN}".encode()).decode()
check((True, basic) in harbor_auth and (True, None) not in harbor_auth, f"Harbor's API takes Basic: {harbor_auth}")
expect_listed("harbor://{host}/library/", harbor, EVERYTHING[:3])
harbor_auth.clear()
with http_server(harbor) as (host, asked):
    auth_file = folder("auth.json")
    with open(auth_file, "w", encoding="utf-8") as file:
        json.dump({"auths": {host: {"auth": base64.b64encode(f"robot:{MADE_UP_TOKEN}".encode()).decode()}}}, file)
    run = Run("sweep", "harbor://" + host, "-o", next(outs), "--quiet", environment={"REGISTRY_AUTH_FILE": auth_file})
    equal((run.status, (True, basic) in harbor_auth, (True, None) in harbor_auth), (0, True, False), f"the login of a file: {run.err}")
expect_listed("harbor://{host}", harbor, EVERYTHING[:2], "--include", "library/*")
asked = expect_listed("harbor://{host}", harbor, EVERYTHING[2:], "--exclude", "library/app")
check(not any("/app/artifacts" in p for p in asked), "what is excluded is not listed further")
expect_listed("harbor://{host}", harbor, ["{host}/library/app:1.0"], "--include", "library/*:*", "--exclude", "**:latest")
expect_listed("harbor://{host}", harbor, EVERYTHING, "--since", "2024-04-30")
with http_server(harbor) as (host, asked):
    run, out = sweep("harbor://" + host, "--since", "2024-05-01")
    equal((references(out), [p for p in asked if "/v2/" in p]), ([], []), "older than --since: not even the manifest is read")
    equal(Run("sweep", f"harbor://{host}", "-o", folder("bad-date"), "--since", "yesterday").status, 2, "a date that is none")
    run, out = sweep(f"harbor://{host}/a/b")
    check(any("HOST/PROJECT" in r["message"] for r in rows_of(out, "error")), "a project with a slash")

# ---- GitLab ----

gitlab_auth = set()
GITLAB_REPOSITORIES = ["group/app", "group/sub/app/image", "group/other"]


def gitlab(handler):
    path, host = urlparse(handler.path).path, handler.headers["Host"]
    gitlab_auth.add((path.startswith("/api/"), credentials(handler)))
    if registry_part(handler, path):
        return
    repositories = [{"id": 10 + i, "name": "", "path": p, "project_id": 5, "location": f"{host}/{p}", "created_at": "2019-01-10T13:38:57.391Z"}
                    for i, p in enumerate(GITLAB_REPOSITORIES)]
    if path == "/api/v4/groups/group/registry/repositories":
        paged(handler, repositories, 2, f"https://{host}")
    elif path == "/api/v4/projects/group%2Fapp/registry/repositories":
        reply(handler, repositories[:1])
    elif path == "/api/v4/groups/group%2Fsub/registry/repositories":
        reply(handler, repositories[1:2])
    elif path.startswith("/api/v4/projects/5/registry/repositories/") and path.endswith("/tags"):
        name = GITLAB_REPOSITORIES[int(path.split("/")[7]) - 10]
        paged(handler, [{"name": t, "path": f"{name}:{t}", "location": f"{host}/{name}:{t}"} for t in ("1", "2", "3")], 2)
    else:
        handler.reply(404, b'{"message":"404 Not Found"}')


THREE = [f"{{host}}/{r}:{t}" for r in GITLAB_REPOSITORIES for t in "123"]
expect_listed("gitlab://{host}/group", gitlab, THREE, "--username", "me", "--password-stdin", stdin=MADE_UP_TOKEN.encode())
check((True, "Bearer " + MADE_UP_TOKEN) in gitlab_auth and (True, None) not in gitlab_auth, f"GitLab's API takes a bearer token: {gitlab_auth}")
expect_listed("gitlab://{host}/group/app", gitlab, THREE[:3])
expect_listed("gitlab://{host}/group/sub", gitlab, THREE[3:6])


def gitlab_astray(handler):
    reply(handler, [{"id": 1, "project_id": 5, "path": "a/b", "location": "registry.elsewhere.example/a/b"}, {"id": 2, "project_id": 5, "path": "a/c", "location": "nowhere"},
                    {"id": "x"}, 17])


with http_server(gitlab_astray) as (host, asked):
    run, out = sweep(f"gitlab://{host}/group")
    errors = rows_of(out, "error")
    equal([(r["code"], "elsewhere.example" in r["message"], "3 more" in r["message"]) for r in errors], [("FORMAT", True, True)], f"a registry on another host gets no credentials: {errors}")
    equal(len(asked), 1, "and is not asked")
    run, out = sweep(f"gitlab://{host}")
    check(any("HOST/GROUP" in r["message"] for r in rows_of(out, "error")), "a GitLab without a group")

# ---- Quay ----

QUAY_TAGS = [f"v{i}" for i in range(5)]


def quay(handler):
    url = urlparse(handler.path)
    query = parse_qs(url.query)
    if registry_part(handler, url.path):
        return
    if url.path == "/api/v1/repository":
        equal(query["namespace"], ["space"], "the namespace")
        names = [["one", "two"], ["chart", "three"]][1 if query.get("next_page") == ["gAAAA+/="] else 0]
        body = {"repositories": [{"namespace": "space", "name": n, "description": None, "is_public": True, "kind": "application" if n == "chart" else "image", "state": "NORMAL"} for n in names]}
        if "next_page" not in query:
            body["next_page"] = "gAAAA+/="
        reply(handler, body)
    elif url.path.endswith("/tag/"):
        equal(query["onlyActiveTags"], ["true"], "no tags of the past")
        number = int(query["page"][0])
        reply(handler, {"tags": [{"name": t, "reversion": False, "start_ts": 1717680780, "manifest_digest": DIGEST, "is_manifest_list": False, "size": 2275314,
                                  "last_modified": "Thu, 06 Jun 2024 13:33:00 -0000"} for t in QUAY_TAGS[2 * number - 2:2 * number]],
                        "page": number, "has_additional": 2 * number < len(QUAY_TAGS)})
    else:
        handler.reply(404)


asked = expect_listed("quay://{host}/space", quay, [f"{{host}}/space/{r}:{t}" for r in ("one", "two", "three") for t in QUAY_TAGS])
check(all(DIGEST in p for p in asked if "/manifests/" in p), "Quay's tags come with digests")

# ---- GitHub ----

github_auth = set()


def github(handler):
    path = urlparse(handler.path).path
    github_auth.add((path.startswith("/v2/"), credentials(handler)))
    if registry_part(handler, path):
        return
    if path == "/users/Somebody/packages":
        equal((handler.headers["Accept"], parse_qs(urlparse(handler.path).query)["package_type"]), ("application/vnd.github+json", ["container"]), "what GitHub wants to hear")
        reply(handler, [{"id": 197, "name": "hello/World", "package_type": "container", "owner": {"login": "somebody"}, "version_count": 2, "visibility": "public"}])
    elif path == "/users/Somebody/packages/container/hello%2FWorld/versions":
        paged(handler, [{"id": 836074, "name": DIGEST, "metadata": {"package_type": "container", "container": {"tags": ["latest", "v1"]}}},
                        {"id": 836075, "name": "sha256:" + "0" * 64, "metadata": {"package_type": "container", "container": {"tags": []}}},
                        {"id": 836076, "name": DIGEST, "metadata": {"package_type": "container", "container": {"tags": ["v0"]}}}], 2)
    else:
        handler.reply(404, b'{"message":"Not Found"}')


expect_listed("ghcr://{host}/Somebody", github, [f"{{host}}/somebody/hello/world:{t}" for t in ("latest", "v0", "v1")], "--listing-api", "http://{host}/",
              "--username", "me", "--password-stdin", stdin=MADE_UP_TOKEN.encode())
check((False, "Bearer " + MADE_UP_TOKEN) in github_auth and (False, None) not in github_auth, f"GitHub's API takes a bearer token: {github_auth}")

# ---- catalogues ----

for status_ in (401, 403, 404, 405):
    with http_server(lambda h, s=status_: h.reply(s)) as (host, asked):
        run, out = sweep("registry://" + host)
        errors = rows_of(out, "error")
        check(run.status == 4 and len(errors) == 1 and "harbor://HOST" in errors[0]["message"] and str(status_) in errors[0]["message"], f"a refused catalogue says what to name: {errors}")


def circle(handler):
    """a -> b -> c -> a, each page with a name of its own."""
    path = urlparse(handler.path).path
    if registry_part(handler, path):
        return
    if path == "/v2/_catalog":
        at = parse_qs(urlparse(handler.path).query).get("last", ["a"])[0]
        following = {"a": "b", "b": "c", "c": "a"}[at]
        reply(handler, {"repositories": [at]}, Link=f'</v2/_catalog?n=1000{"" if following == "a" else "&last=" + following}>; rel="next"')
    else:
        reply(handler, {"tags": ["1"]})


with http_server(circle) as (host, asked):
    run, out = sweep("registry://" + host)
    errors = rows_of(out, "error")
    equal([(r["code"], r["target"]) for r in errors], [("FORMAT", "registry://" + host)], "a circle of three pages is one error")
    check("round in circles" in errors[0]["message"], errors[0]["message"])
    equal((run.status, references(out)), (3, [f"{host}/{r}:1" for r in "abc"]), "what is on the circle is swept once")
    equal(sum("_catalog" in p for p in asked), 3, "each page was asked for once")

with http_server(lambda h: h.reply(200, b"<html>please log in</html>", Content_Type="text/html")) as (host, asked):
    run, out = sweep("registry://" + host)
    equal([r["code"] for r in rows_of(out, "error")], ["FORMAT"], "a page that is not JSON")

# ---- manifests that are no images, and such of old ----

OCI_EMPTY = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2}
CONFIG, LAYERS = (json.loads(blob(DIGEST))[x] for x in ("config", "layers"))
SUBJECT = {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 7}
HEX = DIGEST.split(":")[1]


def typed(media_type):
    return {"mediaType": media_type, "digest": digest(b"x"), "size": 1}


def schema1(signed):
    """An image of the same layer as Docker 1.9 pushed it, with a step without one on either side."""
    empty = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
    steps = [(empty, {"architecture": "amd64", "os": "linux", "created": "2015-06-01T10:00:00Z", "config": {"User": "app", "Labels": {"old": "yes"}}, "throwaway": True}),
             (LAYERS[0]["digest"], {"container_config": {"Cmd": ["/bin/sh", "-c", "make"]}}), (empty, {"container_config": {"Cmd": ["FROM"]}})]
    body = json.dumps({"schemaVersion": 1, "name": "n", "tag": "t", "architecture": "amd64", "fsLayers": [{"blobSum": s} for s, _ in steps],
                       "history": [{"v1Compatibility": json.dumps(c)} for _, c in steps]}, indent=3)
    if not signed:
        return body.encode(), digest(body.encode())
    encode = lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")
    protected = encode(json.dumps({"formatLength": len(body) - 2, "formatTail": encode(b"\n}"), "time": "2015-06-01T10:00:00Z"}).encode())
    whole = body[:-2] + ',\n   "signatures": [{"header": {"alg": "ES256"}, "signature": "made-up", "protected": "' + protected + '"}]\n}'
    return whole.encode(), digest(body.encode())


def manifest(**fields):
    return json.dumps({"schemaVersion": 2, **fields}).encode()


# tag: (manifest, status, a word of the reason)
OTHERS = {
    "plain": (manifest(config=CONFIG, layers=LAYERS), "done", ""),
    f"sha256-{HEX}.sig": (manifest(config=CONFIG, layers=[typed("application/vnd.dev.cosign.simplesigning.v1+json")]), "skipped", "signature of " + DIGEST),
    f"sha256-{HEX}.att": (manifest(config=CONFIG, layers=[typed("application/vnd.dsse.envelope.v1+json")]), "skipped", "attestation of " + DIGEST),
    "sbom": (manifest(artifactType="application/vnd.cyclonedx+json", config=OCI_EMPTY, layers=[typed("application/vnd.cyclonedx+json")], subject=SUBJECT), "skipped", "SBOM of " + DIGEST),
    "chart": (manifest(config=typed("application/vnd.cncf.helm.config.v1+json"), layers=[typed("application/vnd.cncf.helm.chart.content.v1.tar+gzip")]), "skipped", "Helm chart"),
    "wasm": (manifest(config=typed("application/vnd.wasm.config.v0+json"), layers=[typed("application/wasm")]), "skipped", "WASM module"),
    "other": (manifest(artifactType="application/vnd.example.thing", config=OCI_EMPTY, layers=[OCI_EMPTY]), "skipped", "application/vnd.example.thing"),
    # An image that calls itself an SBOM, under a signature's tag.
    f"sha256-{HEX}.sbom": (manifest(artifactType="application/spdx+json", config=CONFIG, layers=LAYERS, subject=SUBJECT), "done", ""),
    "old": (schema1(False)[0], "done", ""),
    "old-signed": (schema1(True)[0], "done", ""),
    "foreign": (manifest(config=CONFIG, layers=[{**LAYERS[0], "digest": digest(b"foreign"), "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                                                 "urls": ["https://elsewhere.example/x"]}]), "partial", "foreign layer"),
    # Wrong ones.
    "negative": (manifest(config=CONFIG, layers=[{**LAYERS[0], "size": -1}]), "failed", "'-1'"),
    "huge": (manifest(config=CONFIG, layers=[{**LAYERS[0], "digest": digest(b"huge"), "size": 2 ** 62}]), "failed", "--max-layer-bytes"),
    "beyond": (manifest(config=CONFIG, layers=[{**LAYERS[0], "size": 2 ** 70}]), "failed", "field size"),
    "algorithm": (manifest(config=CONFIG, layers=[{**LAYERS[0], "digest": "blake3:" + HEX}]), "failed", "blake3"),
    "crowd": (manifest(config=CONFIG, layers=LAYERS * 10000), "failed", "found 10000"),
    "selfish": (manifest(manifests=[{"mediaType": OCI_INDEX, "digest": "sha256:" + "5e1f" * 16, "size": 0}]), "failed", "5e1f5e1f"),
    "flood": (None, "failed", "bytes"),
}
flooded = []


def others(handler):
    path = urlparse(handler.path).path
    name = path.rsplit("/", 1)[1]
    if path == "/v2/_catalog":
        reply(handler, {"repositories": ["all"]})
    elif path.endswith("/tags/list"):
        reply(handler, {"name": "all", "tags": sorted(OTHERS)})
    elif "/manifests/" in path and name == "flood":
        handler.send_response(200)
        handler.send_header("Content-Type", OCI_MANIFEST)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        sent = 0
        try:
            while sent < 100 << 20:
                sent += handler.wfile.write(b" " * 65536)
        except OSError:
            pass
        flooded.append(sent)
    elif "/manifests/" in path and name.startswith("sha256:5e1f"):
        handler.reply(200, OTHERS["selfish"][0], Content_Type=OCI_INDEX)  # it cannot hold its own digest: whatever says so is not what it names
    elif "/manifests/" in path:
        handler.reply(200, OTHERS[name][0], Content_Type=OCI_MANIFEST)
    else:
        registry_part(handler, path)


with http_server(others) as (host, asked):
    run, out = sweep("registry://" + host, "--http-attempts", "1")
    equal(run.status, 3, "wrong manifests")
    rows = {r["tag"]: r for r in rows_of(out, "image")}
    equal(sorted(rows), sorted(OTHERS), "each has a row")
    for tag, (_, status_, word) in OTHERS.items():
        row = rows.get(tag, {"status": None, "reason": ""})
        check(row["status"] == status_ and word in row["reason"], f"{tag}: expected {status_} and {word!r}, found {row['status']} and {row['reason']!r}")
    bad = {t for t, (_, s, _) in OTHERS.items() if s in ("failed", "partial")}
    equal({r["target"].rsplit(":", 1)[1] for r in rows_of(out, "error")}, bad, "an error row for each bad one and no other")
    check(flooded and flooded[0] < 40 << 20, f"a manifest of 100 MB is not read to its end: {flooded}")
    for tag in ("old", "old-signed"):
        row = rows[tag]
        equal((row["user"], row["labels"], row["created_at"], row["architecture"], row["layer_count"], row["image_digest"]),
              ("app", {"old": "yes"}, "2015-06-01T10:00:00Z", "amd64", 1, schema1(True)[1]), tag + ": the configuration in a schema 1 manifest")
    history = [r for r in rows_of(out, "image_layer") if r["image_digest"] == schema1(True)[1]]
    equal([(r["empty"], r["created_by"]) for r in sorted(history, key=lambda r: r["ordinal"])[-3:]], [(True, "FROM"), (False, "/bin/sh -c make"), (True, "")], "oldest first")
    equal(sum(LAYERS[0]["digest"] in p for p in asked), 1, "the layer that all share is read once")
    # A signed manifest that is named by its digest, which is of the bytes without signatures.
    OTHERS[schema1(True)[1]] = OTHERS["old-signed"]
    run, out = sweep(f"{host}/all@{schema1(True)[1]}")
    equal((run.status, [r["status"] for r in rows_of(out, "image")]), (0, ["done"]), "a signed manifest by digest")
    OTHERS[schema1(True)[1]] = (OTHERS["old-signed"][0].replace(b"make", b"fake"),)
    run, out = sweep(f"{host}/all@{schema1(True)[1]}")
    equal([r["code"] for r in rows_of(out, "error")], ["DIGEST"], "a signed manifest with another payload")

# ---- the newest, and those since a day, by what the images say of themselves ----

aged = {}
for tag, created in {"1.9": "2024-01-01T00:00:00Z", "1.10": "2024-01-01T00:00:00Z", "2": "2024-03-01T00:00:00Z", "3": "2023-01-01T00:00:00Z", "ageless": None}.items():
    body = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [json.loads(blob(CONFIG["digest"]))["rootfs"]["diff_ids"][0]]}}
    if created:
        body["created"] = created
    aged[tag] = manifest(config={"mediaType": CONFIG["mediaType"], **layout.blob(json.dumps(body).encode())}, layers=LAYERS)


def ages(handler):
    path = urlparse(handler.path).path
    if path == "/v2/_catalog":
        reply(handler, {"repositories": ["app", "other"]})
    elif path.endswith("/tags/list"):
        reply(handler, {"tags": sorted(aged) if "/app/" in path else ["3"]})
    elif "/manifests/" in path:
        handler.reply(200, aged[path.rsplit("/", 1)[1]], Content_Type=OCI_MANIFEST)
    else:
        registry_part(handler, path)


expect_listed("registry://{host}", ages, ["{host}/app:2", "{host}/app:1.10", "{host}/other:3"], "--newest", "2")
expect_listed("registry://{host}", ages, ["{host}/app:2", "{host}/other:3"], "--newest", "1")
expect_listed("registry://{host}", ages, ["{host}/app:2", "{host}/app:1.10", "{host}/app:1.9", "{host}/app:ageless"], "--since", "2024-01-01")
expect_listed("registry://{host}", ages, ["{host}/app:2"], "--since", "2024-01-01T00:00:01Z", "--newest", "2", "--exclude", "**:ageless")

# A catalogue of ten million names: what is kept does not grow with it. The pages are large, so that the test is about trawl and not about Python.
NAMES, PAGE = 10_000_000, 50_000
template = ",".join(f'"team-@@@@/app-{i}"' for i in range(PAGE)).encode()


def endless(handler):
    url = urlparse(handler.path)
    if registry_part(handler, url.path):
        return
    if url.path == "/v2/_catalog":
        number = int(parse_qs(url.query).get("last", ["0"])[0])
        body = b'{"repositories":[' + template.replace(b"@@@@", str(number).encode()) + b"]}"
        more = (number + 1) * PAGE < NAMES
        handler.reply(200, body, **({"Link": f'</v2/_catalog?n=1000&last={number + 1}>; rel="next"'} if more else {}))
    else:
        reply(handler, {"tags": ["1"]})


def peak_kib(target, pattern):
    """Sweeps in a process of its own and returns (references, peak resident KiB)."""
    out = next(outs)
    code = ("import resource, subprocess, sys; r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
            "print(r.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    result = subprocess.run([sys.executable, "-c", code, TRAWL, "sweep", target, "-o", out, "--quiet", "--include", pattern, "--scanners", "package"],
                            stdout=subprocess.PIPE, check=True)
    status_, kib = result.stdout.split()
    equal(int(status_), 0, "the sweep of " + target)
    return references(out), int(kib)


def single(handler):
    if "_catalog" in handler.path:
        reply(handler, {"repositories": ["team-3/app-7"]})
    else:
        endless(handler)


if not is_sanitized():
    with http_server(single) as (host, asked):
        small = peak_kib("registry://" + host, "team-3/app-7")
    with http_server(endless) as (host, asked):
        large = peak_kib("registry://" + host, "team-3/app-7")
        equal(large[0], [f"{host}/team-3/app-7:1"], "one name of ten million")
        equal(sum("_catalog" in p for p in asked), NAMES // PAGE, "every page was asked for once")
    grown = (large[1] - small[1]) * 1024
    print(f"ten million names: {grown / NAMES:.2f} bytes each beyond a catalogue of one ({small[1]} KiB, {large[1]} KiB)")
    check(grown < 4 * NAMES, f"memory for ten million names: {grown} bytes")
done()
