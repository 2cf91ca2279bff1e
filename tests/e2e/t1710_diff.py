"""What changed between two sweeps, with its cause; against a model in Python over random fleets."""
import hashlib
import json
import random

from lab import Run, check, done, equal, folder
from sweep_folder import HOSTILE, digest, write_sweep

SEVERITIES = ["negligible", "low", "medium", "high", "critical"]


def image(name, package_set, number, status="done"):
    return {"reference": name, "repository": name, "image_digest": digest(number), "os": "linux", "architecture": "amd64", "package_set": package_set, "status": status, "scanned_at": 1714521600}


def package(package_set, name, version, path="var/lib/dpkg/status"):
    return {"package_set": package_set, "purl": f"pkg:deb/debian/{name}@{version}", "type": "deb", "name": name, "version": version, "path": path}


def vulnerability(package_set, name, version, id_, severity="high", status="fixed", **more):
    return {**package(package_set, name, version), "id": id_, "severity": severity, "status": status, "fixed_version": "9", "confidence": 1.0, "source": "debian", **more}


def secret(image_number, fingerprint, state="effective", layer=1, location="app/.env"):
    return {"image_digest": digest(image_number), "fingerprint": fingerprint, "rule": "a-token", "location": location, "state": state, "layer_digest": digest(layer)}


def compare(old, new, *more):
    run = Run("diff", old, new, "--format", "json", *more)
    check(run.status in (0, 1), "diff: " + run.err)
    return json.loads(run.out)


def facts(document, *names):
    return sorted(tuple(f.get(n) for n in names) for f in document["findings"])


# ---- each cause ----
old = write_sweep("old", {
    "image": [image("a", "s1", 1), image("b", "s1", 1), image("c", "s2", 2), image("gone", "s3", 3), image("d", "s5", 5)],
    "image_layer": [{"image_digest": digest(n), "ordinal": 0, "layer_digest": digest(100 + n)} for n in (1, 2, 3, 5)],
    "package": [package("s1", "openssl", "1"), package("s1", "zlib", "1"), package("s2", "curl", "1"), package("s2", "bash", "1"), package("s3", "old", "1"), package("s5", "x", "1")],
    "vulnerability": [vulnerability("s1", "openssl", "1", "CVE-1", "high"), vulnerability("s1", "openssl", "1", "CVE-2"), vulnerability("s1", "zlib", "1", "CVE-3", status="no_fix"),
                      vulnerability("s2", "curl", "1", "CVE-4"), vulnerability("s2", "bash", "1", "CVE-6", "low"), vulnerability("s3", "old", "1", "CVE-9"), vulnerability("s5", "x", "1", "CVE-10")],
    "secret": [{"layer_digest": digest(101), "path": "app/.env", "rule": "a-token", "severity": "critical", "fingerprint": "f1", "confidence": 1.0}],
    "image_secret": [secret(1, "f1", layer=101), secret(2, "f2", layer=102), secret(5, "f5", layer=105)],
    "misconfiguration": [{"target": "a", "path": "Dockerfile", "line": 3, "rule": "root", "severity": "medium"}, {"target": "a", "path": "Dockerfile", "line": 9, "rule": "latest", "severity": "low"}],
}, rules_digest="sha256:1", feed_version="1")
new = write_sweep("new", {
    "image": [image("a", "s1", 1), image("b", "s1", 1), image("c", "s4", 4), image("fresh", "s2", 2), image("d", "s5", 5, "partial")],
    "image_layer": [{"image_digest": digest(n), "ordinal": 0, "layer_digest": digest(102 if n == 4 else 100 + n)} for n in (1, 2, 4, 5)],
    "package": [package("s1", "openssl", "1"), package("s1", "zlib", "1"), package("s2", "curl", "1"), package("s2", "bash", "1"), package("s4", "curl", "2"), package("s4", "bash", "1"), package("s5", "x", "1")],
    "vulnerability": [vulnerability("s1", "openssl", "1", "CVE-1", "critical"), vulnerability("s1", "zlib", "1", "CVE-3", status="fixed"), vulnerability("s1", "zlib", "1", "CVE-11", "low"),
                      vulnerability("s2", "curl", "1", "CVE-4"), vulnerability("s2", "bash", "1", "CVE-6", "low"),
                      vulnerability("s4", "curl", "2", "CVE-5", "medium"), vulnerability("s4", "bash", "1", "CVE-6", "low"), vulnerability("s4", "bash", "1", "CVE-7"),
                      vulnerability("s5", "x", "1", "CVE-10", vex_status="not_affected")],
    "secret": [{"layer_digest": digest(101), "path": "app/.env", "rule": "a-token", "severity": "critical", "fingerprint": "f1", "confidence": 1.0}],
    "image_secret": [secret(1, "f1", "deleted", layer=101), secret(4, "f3", layer=102), secret(4, "f4", layer=999, location="x"), secret(2, "f2", layer=102), secret(5, "f5", layer=105)],
    "misconfiguration": [{"target": "a", "path": "Dockerfile", "line": 5, "rule": "root", "severity": "high"}],
}, rules_digest="sha256:2", feed_version="2", sweep_id="second")
document = compare(old, new)
equal(sorted((i["change"], i["reference"]) for i in document["images"]), [("changed", "c"), ("changed", "d"), ("gone", "gone"), ("new", "fresh")], "images")
expected = [
    # The same set, seen with another database; two images have it.
    ("changed", "feed changed", "vulnerability", "CVE-1", "critical", "a", 2), ("fixed", "feed changed", "vulnerability", "CVE-2", "high", "a", 2),
    ("changed", "feed changed", "vulnerability", "CVE-3", "high", "a", 2), ("new", "feed changed", "vulnerability", "CVE-11", "low", "a", 2),
    # An image with other packages: curl is another version, bash the same.
    ("fixed", "image changed", "vulnerability", "CVE-4", "high", "c", 1), ("new", "image changed", "vulnerability", "CVE-5", "medium", "c", 1),
    ("new", "feed changed", "vulnerability", "CVE-7", "high", "c", 1),
    # Images that came and went, and what was declared not to matter.
    ("new", "image new", "vulnerability", "CVE-4", "high", "fresh", 1), ("new", "image new", "vulnerability", "CVE-6", "low", "fresh", 1), ("fixed", "image gone", "vulnerability", "CVE-9", "high", "gone", 1),
    ("changed", "feed changed", "vulnerability", "CVE-10", "high", "d", 1),
    # Secrets: deleted by a later layer; in a layer that was there before; in a new one; gone with the image's old layers; with a new image.
    ("changed", "rules changed", "secret", "a-token", "critical", "a", 2), ("new", "rules changed", "secret", "a-token", "critical", "c", 1),
    ("new", "image changed", "secret", "a-token", "critical", "c", 1), ("fixed", "rules changed", "secret", "a-token", "critical", "c", 1), ("new", "image new", "secret", "a-token", "critical", "fresh", 1),
    ("changed", "rules changed", "misconfiguration", "root", "high", "a", 1), ("fixed", "rules changed", "misconfiguration", "latest", "low", "a", 1),
]
equal(facts(document, "change", "cause", "kind", "id", "severity", "image", "image_count"), sorted(expected), "findings")
by_id = {f["id"]: f for f in document["findings"] if f["kind"] == "vulnerability" and f["change"] == "changed"}
equal((by_id["CVE-1"]["old_severity"], by_id["CVE-3"]["old_state"], by_id["CVE-3"]["state"], by_id["CVE-10"]["state"]), ("high", "no_fix", "fixed", "suppressed"), "what changed")
equal(document["summary"]["findings"]["new"]["high"], 2, "summary: " + json.dumps(document["summary"]))
equal(document["summary"]["images"], {"new": 1, "gone": 1, "changed": 2}, "summary of images")
equal(compare(new, new)["findings"], [], "nothing changed")
table = Run("diff", old, new).out
check("CVE-1 " in table and "high → critical" in table and "by feed changed" in table and "new findings: 8" in table, table)
check("\x1b" not in table, "no colour in a pipe")
equal(Run("diff", old, new, "--fail-on", "high").status, 1, "new critical findings fail")
equal(Run("diff", new, new, "--fail-on", "low").status, 0, "nothing new does not")
equal(Run("diff", old, new, "--fail-on", "high", "--exit-code", "9").status, 9, "another status")
for arguments in ([old], [old, new, "-f", "xml"], [old, new, "--fail-on", "bad"]):
    equal(Run("diff", *arguments).status, 2, f"{arguments}")
equal(Run("diff", old, folder("nowhere")).status, 4, "no folder")

# ---- strangers' names ----
hostile = write_sweep("strange", {"image": [image(w, f"s{i}", i) for i, w in enumerate(HOSTILE)], "vulnerability": [vulnerability(f"s{i}", w, w, "CVE-" + str(i)) for i, w in enumerate(HOSTILE)]})
nothing = write_sweep("empty", {})
equal(sorted(f["name"] for f in compare(nothing, hostile)["findings"]), sorted(HOSTILE), "names in JSON")
for text in (Run("diff", nothing, hostile).out, Run("diff", nothing, hostile, "-f", "html").out):
    check("\x1b" not in text and "\u202e" not in text and "\x00" not in text and "<script>alert" not in text.replace("  ", ""), "names on a terminal and in a page") if text.startswith("<!DOCTYPE") else \
        check("\x1b" not in text and "\u202e" not in text and "\x00" not in text, "names on a terminal")

# ---- a model: random fleets ----


def fleet(seed, versions, ids):
    r = random.Random(seed)
    tables, model = {"image": [], "package": [], "vulnerability": []}, {}
    sets = {}
    for i in range(60):
        if r.random() < 0.1:
            continue
        names = tuple(sorted((f"p{n}", r.choice(versions)) for n in r.sample(range(12), 5)))
        key = hashlib.sha256(repr(names).encode()).hexdigest()[:12]
        sets[key] = names
        tables["image"].append(image(f"img{i:02}", key, int(key, 16)))
        model[f"img{i:02}"] = key
    findings = {}
    for key, names in sets.items():
        for name, version in names:
            tables["package"].append(package(key, name, version))
            for n in range(3):
                q = random.Random(f"{name}{version}{n}{ids}")
                if q.random() < 0.5:
                    severity = q.choice(SEVERITIES)
                    tables["vulnerability"].append(vulnerability(key, name, version, f"CVE-{n}", severity))
                    findings.setdefault(key, {})[name, f"CVE-{n}"] = (version, severity)
    return tables, {i: findings.get(k, {}) for i, k in model.items()}


for seed in range(4):
    a, before = fleet(seed, ["1", "2"], 0)
    b, after = fleet(seed + 100 if seed % 2 else seed, ["1", "2", "3"], seed // 2)
    document = compare(write_sweep(f"a{seed}", a), write_sweep(f"b{seed}", b))
    expected = {"new": 0, "fixed": 0, "changed": 0}
    for name in set(before) | set(after):
        x, y = before.get(name, {}), after.get(name, {})
        expected["new"] += len(set(y) - set(x))
        expected["fixed"] += len(set(x) - set(y))
        expected["changed"] += sum(x[k][1] != y[k][1] for k in set(x) & set(y))
    found = {c: sum(f["image_count"] for f in document["findings"] if f["change"] == c) for c in expected}
    equal(found, expected, f"random fleets {seed}")
done()
