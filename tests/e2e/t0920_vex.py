"""What somebody says of a finding: VEX documents of three formats, the ignore file, Trivy's ignore files; filters and --fail-on."""
import json
import os

from lab import Layout, Run, check, debian, done, equal, folder, rows_of, sweep

FEED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")
LODASH, OPENSSL = "GHSA-35jh-r3h4-6jhm", "DEBIAN-CVE-2024-6119"  # aliases: CVE-2021-23337, CVE-2024-6119


def write(name, content):
    with open(folder(name), "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    return folder(name)


def openvex(cve, product, status, **more):
    return {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:x", "timestamp": "2024-01-01T00:00:00Z",
            "statements": [{"vulnerability": {"name": cve}, "products": [product], "status": status, **more}]}


def findings(*options):
    """{(tag, id): row} and the run."""
    run, out = sweep("oci:" + layout.path, "--db", db, "--scanners", "vuln", *options, quiet=False)
    rows = rows_of(out)
    sets = {}
    for row in rows:
        if row["table"] == "image":
            sets.setdefault(row["package_set"], []).append(row["tag"])
    found = {(tag, row["id"]): row for row in rows if row["table"] == "vulnerability" for tag in sets[row["package_set"]]}
    return found, run


layout = Layout("app")
base = layout.layer(debian({"openssl": "3.0.9-1"}, **{"app/node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.15"}'}))
layout.image([base], "one")
two = layout.image([base], "two", config={"Env": ["A=1"]})
layout.close()
db = folder("db")
equal(Run("db", "build", FEED, "-o", db).status, 0, "db build")

plain, run = findings()
check({("one", LODASH), ("two", LODASH), ("one", OPENSSL)} <= set(plain), f"there is something to find: {sorted(plain)}")
check(all(row["vex_status"] == "" and row["suppressed_by"] == "" for row in plain.values()), "nobody says anything")

cases = {
    "openvex": openvex("CVE-2021-23337", {"@id": "pkg:npm/lodash@4.17.15"}, "not_affected", justification="vulnerable_code_not_in_execute_path"),
    "csaf": {"document": {"category": "csaf_vex", "csaf_version": "2.0", "tracking": {"current_release_date": "2024-01-01T00:00:00Z"}},
             "product_tree": {"full_product_names": [{"product_id": "P", "product_identification_helper": {"purl": "pkg:npm/lodash@4.17.15"}}]},
             "vulnerabilities": [{"cve": "CVE-2021-23337", "product_status": {"known_not_affected": ["P"]}}]},
    "cyclonedx": {"bomFormat": "CycloneDX", "specVersion": "1.5", "vulnerabilities": [
        {"id": "CVE-2021-23337", "analysis": {"state": "not_affected"}, "affects": [{"ref": "pkg:npm/lodash@4.17.15"}]}]},
}
for name, document in cases.items():
    found, run = findings("--vex", write(name + ".json", document))
    equal(set(found), set(plain), f"{name}: no row is gone")
    for key, row in found.items():
        about = key[1] == LODASH
        equal(row["vex_status"], "not_affected" if about else "", f"{name}: vex_status of {key}")
        check(row["suppressed_by"].startswith("not_affected") == about, f"{name}: suppressed_by of {key}: {row['suppressed_by']}")
    check("1  suppressed by" in run.out, f"{name}: the summary counts it: {run.out}")

# A statement about an image holds for that image alone, although both have the same packages.
product = {"@id": f"pkg:oci/app@{two['digest'].replace(':', '%3A')}", "subcomponents": [{"@id": "pkg:npm/lodash"}]}
found, run = findings("--vex", write("image.json", openvex("CVE-2021-23337", product, "fixed")))
equal(found["two", LODASH]["vex_status"], "fixed", "the image that is named")
equal(found["one", LODASH]["vex_status"], "", "the image that is not")

found, run = findings("--vex", write("affected.json", openvex("CVE-2021-23337", {"@id": "pkg:npm/lodash"}, "affected")))
equal((found["one", LODASH]["vex_status"], found["one", LODASH]["suppressed_by"]), ("affected", ""), "affected suppresses nothing")

# The ignore file, by alias and package; Trivy's two.
ignore = write("ignore.yaml", 'ignore:\n- id: CVE-2021-23337\n  purl: "pkg:npm/**"\n  reason: no user input gets there\n')
trivy = write(".trivyignore", "# accepted\nCVE-2021-23337 exp:2999-01-01\nCVE-2024-6119 exp:2001-01-01\n")
trivy_yaml = write(".trivyignore.yaml", "vulnerabilities:\n- id: CVE-2021-23337\n  paths: [\"app/**\"]\n  statement: accepted\n")
for file in (ignore, trivy, trivy_yaml):
    found, run = findings("--ignorefile", file)
    check(found["one", LODASH]["suppressed_by"].startswith("ignored"), f"{file}: {found['one', LODASH]['suppressed_by']}")
    equal(found["one", OPENSSL]["suppressed_by"], "", f"{file}: nothing else")

# Filters leave rows out; what is suppressed does not count for --fail-on.
def ids(*options):
    return {key[1] for key in findings(*options)[0]}


every = {key[1]: row for key, row in plain.items()}
equal(ids("--severity", "high"), {i for i, row in every.items() if row["severity"] == "high"}, "--severity high")
equal(ids("--ignore-unfixed"), {i for i, row in every.items() if row["status"] == "fixed"}, "--ignore-unfixed")
equal(ids("--only-kev"), {i for i, row in every.items() if row["kev"]}, "--only-kev")
equal(ids("--min-epss", "0.01"), {i for i, row in every.items() if (row["epss"] or 0) >= 0.01}, "--min-epss")
equal(findings("--fail-on", "high")[1].status, 1, "--fail-on")
hide = write("hide.yaml", "ignore:\n" + "".join(f"- id: {i}\n  reason: all of them\n" for i in every))
equal(findings("--fail-on", "negligible", "--ignorefile", hide)[1].status, 0, "--fail-on counts nothing that is suppressed")

# A distribution past its end is a finding of its own, where os-release says so; what it does not fix any more says so too.
ended = Layout("ended")
old = ended.layer({"etc/os-release": 'ID=debian\nVERSION_ID="10"\n', "var/lib/dpkg/status": debian({"openssl": "1.1.1n-0+deb10u3"})["var/lib/dpkg/status"]})
ended.image([ended.layer({"srv/x": "x"}), old], "one")
ended.close()
run, out = sweep("oci:" + ended.path, "--db", db, "--scanners", "vuln")
equal([(r["id"], r["purl"], r["path"], r["layer_digest"], r["status"], r["severity"]) for r in rows_of(out, "vulnerability")],
      [("EOL-debian-10", "pkg:generic/debian@10", "etc/os-release", old["digest"], "end_of_life", "high")], "an end of life")
equal([r["id"] for r in rows_of(sweep("oci:" + ended.path, "--db", db, "--scanners", "vuln", "--severity", "low")[1], "vulnerability")], [], "filters hold for it")
check(any(r["id"].startswith("EOL-") for r in plain.values()) is False, "Debian 12 is looked after")

# Two records of one package in one folder: both are rows that say so. In folders of their own each is true.
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
twice = Layout("twice")
twice.image([twice.layer({f"{folder_}/jinja2-{v}.dist-info/METADATA": METADATA.format("Jinja2", v)
                          for folder_, v in (("venv/a", "3.1.1"), ("venv/a", "3.1.2"), ("venv/b", "3.1.2"))})], "one")
twice.close()
run, out = sweep("oci:" + twice.path, "--db", db, "--scanners", "vuln")
contradicted = {(row["path"].split("/")[1], row["version"]): "another record in the same folder says pkg:pypi/jinja2@" in row["evidence"]
                for row in rows_of(out) if row["table"] == "vulnerability"}
equal(contradicted, {("a", "3.1.1"): True, ("a", "3.1.2"): True, ("b", "3.1.2"): False}, "records that contradict each other")

# Mistakes are the command line's.
for options in (["--vex", write("none.json", "{}")], ["--vex", folder("absent")], ["--min-epss", "2"], ["--severity", "x"],
                ["--ignorefile", write(".trivyignore", "CVE-1 until tomorrow\n")]):
    equal(sweep("oci:" + layout.path, "--db", db, *options)[0].status, 2, f"{options}")
done()
