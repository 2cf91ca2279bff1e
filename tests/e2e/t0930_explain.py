"""One finding in full: package, layer and its step, images, ranges and sources, why this severity, what fixes it."""
import os
import re

from lab import Layout, Run, check, debian, done, equal, folder, sweep

FEED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")

layout = Layout("app")
base = layout.layer(debian({"openssl": "3.0.9-1"}))
top = layout.layer({"app/node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.15"}',
                    "app/node_modules/\x1b[31mred/package.json": '{"name":"minimist","version":"1.2.0"}'})
layout.image([base, top], "one", history=[{"created_by": "ADD rootfs"}, {"created_by": "ENV A=1", "empty_layer": True}, {"created_by": "COPY app /app"}])
layout.image([base, top], "two")
layout.image([base], "three")
layout.close()
db = folder("db")
equal(Run("db", "build", FEED, "-o", db).status, 0, "db build")
run, out = sweep("oci:" + layout.path, "--db", db, "--scanners", "vuln")
equal(run.status, 0, "sweep: " + run.err)

run = Run("explain", out, "cve-2021-23337", "--db", db)
equal(run.status, 0, "explain: " + run.err)
text = run.out
for what in ("GHSA-35jh-r3h4-6jhm in pkg:npm/lodash@4.17.15", "also         CVE-2021-23337", "path         app/node_modules/lodash/package.json",
             "in 2 images", "layer 3 of 3: COPY app /app", "npm lodash 4.17.15 is in [0, 4.17.21)", "what fixes it\n    lodash 4.17.21 or later",
             "what the database has of npm lodash", "GHSA-35jh-r3h4-6jhm, by GitHub", "has this version", "[0, 4.17.21)", "from the CVSS score"):
    check(what in text, f"{what!r} in: {text}")
layer = re.search(r"layer +(sha256:[0-9a-f]{64})", text)
equal(layer and layer.group(1), top["digest"], "the layer")

# A distribution's package: the source's record; without the database no ranges; by the package's name.
run = Run("explain", out, "CVE-2024-6119", "openssl")
check(run.status == 0 and "in 3 images" in run.out and "what the database" not in run.out, "without a database: " + run.out + run.err)
run = Run("explain", out, "CVE-2024-6119", "pkg:deb/debian/openssl", "--db", db)
check("Debian:12 openssl" in run.out and "layer 1 of" in run.out, "a distribution's package: " + run.out)

# What an image's author wrote does not reach the terminal as it is.
run = Run("explain", out, "CVE-2020-7598")
check(run.status == 0 and "\x1b" not in run.out and "red/package.json" in run.out, "controls are escaped: " + repr(run.out))

equal(Run("explain", out, "CVE-1999-0001").status, 4, "no such finding")
equal(Run("explain", out, "CVE-2021-23337", "openssl").status, 4, "not in that package")
equal(Run("explain", folder("absent"), "CVE-2021-23337").status, 4, "no folder")
equal(Run("explain", out).status, 2, "no id")
equal(Run("explain", out, "CVE-2021-23337", "--db", os.path.join(FEED, "CVE-2020-7598.json")).status, 4, "no database")
done()
