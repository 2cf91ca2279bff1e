"""What a container of the image would show: whiteouts, opaque folders, rewritten databases; and what became of each secret."""
import hashlib

from lab import Layout, Link, OS_RELEASE, check, done, equal, rows_of, status, sweep


def token(seed):
    """Of a GitHub token's shape; made up."""
    return "gh" + "p_" + hashlib.sha256(seed.encode()).hexdigest()[:36]


def module(name, version="1.0.0"):
    return {f"app/node_modules/{name}/package.json": '{"name":"%s","version":"%s"}' % (name, version)}


layout = Layout("layout")
base = layout.layer({"usr/lib/os-release": OS_RELEASE, "etc/os-release": Link("../usr/lib/os-release"),
                     "var/lib/dpkg/status": status({"kept": "1", "removed": "1", "upgraded": "1"}),
                     **module("stays"), **module("whiteout"), **module("@opaque/old"), **module("replaced"),
                     "srv/effective": token("effective"), "srv/overwritten": token("overwritten"), "srv/deleted/key": token("deleted")})
upper = layout.layer({"var/lib/dpkg/status": status({"kept": "1", "upgraded": "2", "added": "1"}),
                      "app/node_modules/.wh.whiteout": "", "app/node_modules/@opaque/.wh..wh..opq": "", **module("@opaque/new"),
                      "app/node_modules/replaced": "a file where a folder was",
                      "srv/overwritten": "nothing", "srv/.wh.deleted": "", "srv/.wh.nothing-there": ""})
back = layout.layer(module("whiteout", "2.0.0"))
layout.image([base, upper, back], "app", config={"Env": ["TOKEN=" + token("env")], "Labels": {"deploy": token("label")}, "Cmd": ["run", "--token", token("cmd")]},
             history=[{"created_by": "ADD base"}, {"created_by": "COPY . ."}, {"created_by": "RUN curl -H 'Authorization: " + token("history") + "' x"},
                      {"created_by": "ENV TOKEN", "empty_layer": True}])
run, out = sweep(layout.close())
equal(run.status, 0, run.err)

packages = {(r["name"], r["version"]): r for r in rows_of(out, "package")}
equal(set(packages), {("kept", "1"), ("upgraded", "2"), ("added", "1"), ("stays", "1.0.0"), ("@opaque/new", "1.0.0"), ("whiteout", "2.0.0")},
      "effective packages")
equal({n: packages[n]["layer_digest"] for n in [("kept", "1"), ("upgraded", "2"), ("added", "1"), ("whiteout", "2.0.0")]},
      {("kept", "1"): base["digest"], ("upgraded", "2"): upper["digest"], ("added", "1"): upper["digest"], ("whiteout", "2.0.0"): back["digest"]},
      "the layer that brought each")
check(packages[("kept", "1")]["purl"] == "pkg:deb/debian/kept@1?arch=amd64&distro=debian-12", packages[("kept", "1")]["purl"])

states = {r["location"]: (r["state"], r["layer_digest"]) for r in rows_of(out, "image_secret")}
equal(states, {"srv/effective": ("effective", base["digest"]), "srv/overwritten": ("overwritten", base["digest"]), "srv/deleted/key": ("deleted", base["digest"]),
               "env:TOKEN": ("env", None), "label:deploy": ("label", None), "config:Cmd": ("config", None), "history:2": ("history", None)}, "states of the secrets")

secrets = rows_of(out, "secret")
for seed in ("effective", "deleted", "env", "history", "label", "cmd"):
    check(not any(token(seed) in str(r) for r in rows_of(out)), f"the clear text of {seed} is nowhere")
check(all(r["redacted"].startswith("ghp_") and len(r["redacted"]) < 20 for r in secrets), "redacted")
run, out = sweep("oci:" + layout.path, "--show-secrets")
check(any(r["redacted"] == token("effective") for r in rows_of(out, "secret")), "--show-secrets")
fingerprints = {r["fingerprint"] for r in secrets}
equal({r["fingerprint"] for r in rows_of(out, "secret")}, fingerprints, "fingerprints are the same in every sweep")
run, out = sweep("oci:" + layout.path, "--fingerprint-key", "other")
check(not fingerprints & {r["fingerprint"] for r in rows_of(out, "secret")}, "and others under another key")

layers = rows_of(out, "image_layer")
equal([(r["ordinal"], r["created_by"].split()[0], r["empty"], r["layer_digest"] != "") for r in layers],
      [(0, "ADD", False, True), (1, "COPY", False, True), (2, "RUN", False, True), (3, "ENV", True, False)], "history and layers")
done()
