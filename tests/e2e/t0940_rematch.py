"""The packages that a cache knows against another database: the rows of a new sweep, without a registry; only what is new; tags that moved."""
import glob
import os
import shutil
import subprocess

from lab import Layout, Run, check, debian, done, equal, folder, registry, rows_of

FEED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")
BY_RUN = ("sweep_id", "scanned_at")


def node(name, version):
    return {f"app/node_modules/{name}/package.json": '{"name":"%s","version":"%s"}' % (name, version)}


def content(rows, table):
    """Without what differs by nature."""
    kept = [{k: v for k, v in row.items() if k not in BY_RUN} for row in rows if row["table"] == table]
    return sorted(kept, key=str)


layout = Layout("fleet")
base = layout.layer(debian({"openssl": "3.0.9-1"}))
lodash, safe = layout.layer(node("lodash", "4.17.15")), layout.layer(node("left-pad", "1.3.0"))
layout.image([base], "base")
layout.image([base, lodash], "app")
layout.image([safe], "safe")
amd, arm = layout.image([base, lodash]), layout.image([lodash], architecture="arm64")
layout.index([{**amd, "platform": {"os": "linux", "architecture": "amd64"}}, {**arm, "platform": {"os": "linux", "architecture": "arm64"}}], "multi")
layout.close()

# The older database lacks one advisory of lodash and all of openssl's but one.
left_out = {"GHSA-35jh-r3h4-6jhm", "DEBIAN-CVE-2024-6119", "DEBIAN-CVE-2025-9230"}
os.mkdir(folder("old-feed"))
for path in glob.glob(os.path.join(FEED, "*")):
    if os.path.basename(path).removesuffix(".json") not in left_out:
        shutil.copy(path, folder("old-feed"))
old, new, cache = folder("old.db"), folder("new.db"), folder("cache")
equal(Run("db", "build", folder("old-feed"), "-o", old).status, 0, "old database")
equal(Run("db", "build", FEED, "-o", new).status, 0, "new database")

with registry({"team/app": (layout, ["base", "app", "safe", "multi"])}) as host:
    # What a tag leads to no more counts no more: "safe" was another image before.
    def push(source, tag):
        subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout.path}:{source}", f"docker://{host}/team/app:{tag}"], check=True)

    push("app", "safe")
    equal(Run("sweep", f"registry://{host}", "--plain-http", "--cache", cache, "-o", folder("before")).status, 0, "the sweep before")
    run = Run("rematch", "--cache", cache, "--db", new, "--format", "ndjson")
    equal({row["tag"] for row in run.rows("image")}, {"base", "app", "multi", "safe"}, "the tags that are touched before")
    push("safe", "safe")
    run = Run("sweep", f"registry://{host}", "--plain-http", "--db", new, "--cache", cache, "-o", folder("swept"))
    equal(run.status, 0, "sweep: " + run.err)
swept = rows_of(folder("swept"))

# The registry is gone.
runs = {}
for jobs in "12":
    run = Run("rematch", "--cache", cache, "--db", new, "--format", "ndjson", "--jobs", jobs)
    equal(run.status, 0, "rematch: " + run.err)
    runs[jobs] = run
equal(runs["1"].rows(), runs["2"].rows(), "rows with one thread and with two")
equal(content(runs["1"].rows(), "vulnerability"), content(swept, "vulnerability"), "vulnerabilities, as swept")
touched = {row["package_set"] for row in swept if row["table"] == "vulnerability"}
equal(content(runs["1"].rows(), "image"), [row for row in content(swept, "image") if row["package_set"] in touched], "images, as swept")
equal({row["tag"] for row in runs["1"].rows("image")}, {"base", "app", "multi"}, "the tags that are touched")
check("(" in runs["1"].err and "sets/s" in runs["1"].err, "the last line has a rate: " + runs["1"].err)

run = Run("rematch", "--cache", cache, "--db", new, "--since", old, "--format", "ndjson")
equal({row["id"] for row in run.rows("vulnerability")} - left_out, set(), "only what is new")
equal({row["id"] for row in run.rows("vulnerability")} & left_out, left_out - ({"DEBIAN-CVE-2024-6119", "DEBIAN-CVE-2025-9230"} - {r["id"] for r in swept if r["table"] == "vulnerability"}), "all that is new")
equal(Run("rematch", "--cache", cache, "--db", new, "--since", new, "--format", "ndjson").rows(), [], "nothing is new in the same database")

run = Run("rematch", "--cache", cache, "--db", new, "--id", "cve-2021-23337", "--format", "ndjson", "--fail-on", "low")
equal({row["id"] for row in run.rows("vulnerability")}, {"GHSA-35jh-r3h4-6jhm"}, "one advisory by its alias")
equal({row["tag"] for row in run.rows("image")}, {"app", "multi"}, "its images")
equal(run.status, 1, "--fail-on")

run = Run("rematch", "--cache", cache, "--db", new, "-o", folder("again"))
equal(run.status, 0, "into a folder: " + run.err)
equal(content(rows_of(folder("again")), "vulnerability"), content(swept, "vulnerability"), "the folder's vulnerabilities")
equal(Run("shards", "verify", folder("again")).status, 0, "the folder is whole")

# An archive has no tag to follow: its images stay.
run = Run("sweep", "oci:" + layout.path + ":app", "--cache", folder("cache-2"), "-o", folder("layout"))
equal(run.status, 0, "sweep of a layout: " + run.err)
run = Run("rematch", "--cache", folder("cache-2"), "--db", new, "--format", "ndjson")
equal([row["target_kind"] for row in run.rows("image")], ["oci"], "an image of a layout: " + run.err)

# Mistakes.
equal(Run("rematch", "--cache", cache).status, 2, "no database")
equal(Run("rematch", "--cache", folder("absent"), "--db", new).status, 4, "no cache")
check(not os.path.exists(folder("absent")), "no cache is made")
equal(Run("rematch", "--cache", cache, "--db", new, "--severity", "awful").status, 2, "no such severity")
done()
