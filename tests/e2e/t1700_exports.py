"""Every export is valid by its format's schema, says what the sweep says, and is harmless whatever strangers call their things."""
import csv
import html.parser
import io
import json
import os
import re
import subprocess
import sys
import warnings

try:
    import jsonschema
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])  # Debian's python3-jsonschema belongs to the system's interpreter
    jsonschema = None
try:
    from lxml import etree
except ImportError:
    etree = None

from lab import Layout, Run, check, debian, done, equal, folder, rows_of, sweep
from sweep_folder import HOSTILE, hostile_tables, write_sweep

warnings.simplefilter("ignore")
SCHEMAS = os.path.join(os.environ.get("TRAWL_SHARED") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared"), "corpora", "schemas")
JSON_SCHEMAS = {"sarif": "sarif/sarif-schema-2.1.0.json", "cyclonedx": "cyclonedx/bom-1.6.schema.json", "spdx": "spdx/spdx-2.3.1-schema.json",
                "gitlab-container-scanning": "gitlab/container-scanning-report-format-15.2.1.json", "openvex": "openvex/openvex_json_schema.json"}
FORMATS = ["json", "ndjson", "sarif", "cyclonedx", "spdx", "junit", "gitlab-container-scanning", "gitlab-sast", "github", "openvex", "defectdojo", "markdown", "html", "table"]
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

if jsonschema is None:
    print("SKIP schemas: python3-jsonschema is not installed")
elif not os.path.isdir(SCHEMAS):
    print("SKIP schemas: there are none beside the repository")
if etree is None:
    print("SKIP the JUnit schema: python3-lxml is not installed")


def schema_errors(name, document):
    if jsonschema is None or not os.path.isdir(SCHEMAS):
        return []
    path = os.path.join(SCHEMAS, JSON_SCHEMAS[name])
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    store = {}
    for other in os.listdir(os.path.dirname(path)):
        if other.endswith(".json"):
            with open(os.path.join(os.path.dirname(path), other), encoding="utf-8") as file:
                loaded = json.load(file)
            for key in (loaded.get("$id") or loaded.get("id") or "").rstrip("#"), other, "http://cyclonedx.org/schema/" + other:
                store[key] = loaded
    validator = jsonschema.validators.validator_for(schema)(schema, resolver=jsonschema.RefResolver.from_schema(schema, store=store),
                                                            format_checker=jsonschema.FormatChecker())
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in list(validator.iter_errors(document))[:3]]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for k, v in value.items():
            yield k
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)


def export_all(out, label):
    """All formats in one run: {format: text}."""
    files = {f: folder(f"{label}.{f}") for f in FORMATS}
    run = Run("export", out, *[x for i, f in enumerate(FORMATS) for x in (("-f" if i % 2 else "-o"), f"{f}={files[f]}")])
    equal((run.status, run.out), (0, ""), f"{label}: all formats in one run: {run.err}")
    texts = {}
    for f, path in files.items():
        with open(path, encoding="utf-8", newline="") as file:
            texts[f] = file.read()
    return texts


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.data = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.data.append(data)


def check_common(texts, label):
    for name in JSON_SCHEMAS:
        document = json.loads(texts[name])
        for error in schema_errors(name, document):
            check(False, f"{label}: {name} by its schema: {error}")
    if etree is not None:
        document = etree.fromstring(texts["junit"].encode())
        if os.path.isdir(SCHEMAS):
            schema = etree.XMLSchema(etree.parse(os.path.join(SCHEMAS, "junit", "JUnit.xsd")))
            check(schema.validate(document), f"{label}: JUnit by its schema: {schema.error_log.last_error}")
        for suite in document:
            cases = suite.findall("testcase")
            equal([int(suite.get(k)) for k in ("tests", "failures", "errors", "skipped")],
                  [len(cases), *[sum(c.find(k) is not None for c in cases) for k in ("failure", "error", "skipped")]], f"{label}: counts of a suite")
    for name, text in texts.items():
        found = HIDDEN.search(text)
        check(found is None or (name == "table" and found[0] == "\r"), f"{label}: {name} holds {found and found[0]!r} at {found and text[max(0, found.start() - 30):found.end() + 10]!r}")


# ---- strangers' names, in every table ----
tables = hostile_tables()
out = write_sweep("hostile", tables)
texts = export_all(out, "hostile")
check_common(texts, "hostile")
counts = {t: len(r) for t, r in tables.items()}
document = json.loads(texts["json"])
equal({t: len(document.get(t, [])) for t in counts}, counts, "json: rows of each table")
equal(sorted(r["path"] for r in document["secret"]), sorted(HOSTILE), "json: names are what they were")
lines = [json.loads(line) for line in texts["ndjson"].split("\n") if line]
equal(len(lines), sum(counts.values()), "ndjson: a line a row")
equal({r["name"] for r in lines if r["table"] == "vulnerability"}, set(HOSTILE), "ndjson: names are what they were")
sarif = json.loads(texts["sarif"])["runs"][0]
equal(len(sarif["results"]), 3 * len(HOSTILE), "sarif: a result a finding")
equal(len(sarif["invocations"][0]["toolExecutionNotifications"]), len(HOSTILE), "sarif: errors are notifications")
check(not sarif["invocations"][0]["executionSuccessful"], "sarif: errors are no success")
for result in sarif["results"]:
    rule = sarif["tool"]["driver"]["rules"][result["ruleIndex"]]
    equal(rule["id"], result["ruleId"], "sarif: index and id name one rule")
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    check(re.fullmatch(r"([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri), f"sarif: uri {uri!r}")
bom = json.loads(texts["cyclonedx"])
refs = [c["bom-ref"] for c in bom["components"]]
equal(len(refs), len(set(refs)), "cyclonedx: each reference once")
equal(sum(c["type"] == "container" for c in bom["components"]), len(HOSTILE), "cyclonedx: a component an image")
equal(len(bom["vulnerabilities"]), len(HOSTILE), "cyclonedx: vulnerabilities")
for v in bom["vulnerabilities"]:
    check(all(a["ref"] in refs for a in v["affects"]), "cyclonedx: what is affected is there")
edges = {d["ref"]: d["dependsOn"] for d in bom["dependencies"]}
equal(sum(len(v) for k, v in edges.items() if k.startswith("image-")), 2 * len(HOSTILE), "cyclonedx: an image depends on its packages")
equal(sum(len(v) for k, v in edges.items() if not k.startswith("image-")), len(HOSTILE), "cyclonedx: what owns a package depends on it")
check(all(r in refs for v in edges.values() for r in v), "cyclonedx: edges end at components")
owner = [c for c in bom["components"] if c["name"] == "owner"][0]
equal(owner["licenses"], [{"expression": "(MIT) AND (GPL-2.0-only WITH Classpath-exception-2.0)"}], "cyclonedx: an SPDX expression")
equal({c["licenses"][0]["license"]["name"] for c in bom["components"] if c["type"] == "library" and c["name"] != "owner"}, set(HOSTILE), "cyclonedx: other licences by name")
spdx = json.loads(texts["spdx"])
ids = {p["SPDXID"] for p in spdx["packages"]}
equal(len(ids), 3 * len(HOSTILE), "spdx: images and packages")
check(all(r["relatedSpdxElement"] in ids for r in spdx["relationships"]), "spdx: relations end at packages")
extracted = {e["licenseId"]: e["extractedText"] for e in spdx["hasExtractedLicensingInfos"]}
equal(set(extracted.values()), set(HOSTILE), "spdx: licences in other words")
for p in spdx["packages"]:
    check(re.fullmatch(r"NOASSERTION|LicenseRef-trawl-[0-9a-f]{32}|MIT AND \(GPL-2.0-only WITH Classpath-exception-2.0\)", p["licenseDeclared"]), "spdx: " + p["licenseDeclared"])
    check(not p["licenseDeclared"].startswith("LicenseRef") or p["licenseDeclared"] in extracted, "spdx: a reference that is explained")
equal(len(json.loads(texts["gitlab-container-scanning"])["vulnerabilities"]), len(HOSTILE), "gitlab: vulnerabilities")
sast = json.loads(texts["gitlab-sast"])
equal((sast["scan"]["type"], len(sast["vulnerabilities"])), ("sast", 2 * len(HOSTILE)), "gitlab sast: secrets and misconfigurations")
for v in sast["vulnerabilities"]:
    check(len(v["name"]) <= 255 and v["location"]["file"] and v["identifiers"], "gitlab sast: what it needs")
vex = json.loads(texts["openvex"])
equal(len(vex["statements"]), len(HOSTILE), "openvex: statements")
dojo = json.loads(texts["defectdojo"])["findings"]
equal(len(dojo), 3 * len(HOSTILE), "defectdojo: findings")
for f in dojo:
    check(len(f["title"]) <= 511 and f["severity"] in ("Critical", "High", "Medium", "Low", "Info") and f["description"], "defectdojo: what it needs")
page = Page(texts["html"])
check(page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "table", "thead", "tbody", "tr", "th", "td"}, f"html: tags {page.tags}")
check(page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class"}, f"html: attributes {page.attributes}")
check("<script>alert(1)</script>" in "".join(page.data), "html: markup is shown as text")
commands = [line for line in texts["github"].split("\n") if line]
suppressed = sum(1 for v in tables["vulnerability"] if v["suppressed_by"] or v["vex_status"] == "not_affected")
equal(len(commands), 3 * len(HOSTILE) - suppressed, "github: a command a finding")
check(all(re.match(r"::(error|warning|notice) file=", c) for c in commands), "github: nothing forged")
levels = [c[2:c.index(" ")] for c in commands]
check(all(l == "error" for l in levels[:levels.count("error")]), "github: errors first")
markdown = [line for line in texts["markdown"].split("\n") if line.startswith("| ")]
for line in markdown:
    check(not re.search(r"<[a-z/!]|\]\(|https?:|www\.|(?<!\\)`|@", line), "markdown: no markup in " + line[:120])
equal({line.count("|") for line in markdown if line.startswith(("| critical", "| high", "| malicious"))}, {5, 6, 8}, "markdown: no cell is cut in two")

# ---- CSV: spreadsheets calculate nothing, and what loads it elsewhere gets it exactly ----
for table in ("package", "secret", "vulnerability", "image"):
    exact = list(csv.DictReader(io.StringIO(Run("export", out, "-f", "csv-exact", "--table", table).out.replace("\x00", "\ufffd"), newline="")))
    safe = list(csv.DictReader(io.StringIO(Run("export", out, "-f", "csv", "--table", table).out.replace("\x00", "\ufffd"), newline="")))
    equal((len(safe), len(exact)), (counts[table], counts[table]), f"csv: rows of {table}")
    names = {"package": "name", "image": "repository"}.get(table, "path")
    check({w.replace("\x00", "\ufffd") for w in HOSTILE} <= {r[names] for r in exact}, f"csv-exact: {table} as it was")
    for row in safe:
        for column, value in row.items():
            check(not value.startswith(("=", "+", "\t", "\r")) and not (value.startswith("@") and not re.fullmatch(r"[\w@/.~-]+", value)) and not re.match(r"-\D|-2\+", value), f"csv: {column} would be calculated: {value!r}")

# ---- a terminal ----
check(max(len(line) for line in texts["table"].split("\n")) <= 100, "table: within the width")

# ---- a real sweep: every format again, one image alone, and image and fs as well ----
feed = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")
db = folder("demo.db")
Run("db", "build", feed, "-o", db)
layout = Layout("layout")
base = layout.layer(debian({"openssl": "3.0.9-1"}))
node = layout.layer({"a/node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.15","license":"MIT"}', "odd <b>\n\x1b[1m\u202e.env": "token = gh" + "p_" + "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R" + "\n"})
layout.image([base, node], "one")
layout.image([base], "two")
target = layout.close()
out_file = folder("beside.sarif")
run, out = sweep(target, "--db", db, "--format", f"sarif={out_file}")
equal(run.status, 0, "sweep with a format beside it: " + run.err)
texts = export_all(out, "real")
check_common(texts, "real")
with open(out_file, encoding="utf-8") as file:
    equal(file.read(), texts["sarif"], "sweep --format writes what export writes")
equal(len([r for r in json.loads(texts["sarif"])["runs"][0]["results"]]), len(rows_of(out, "vulnerability")) + len(rows_of(out, "secret")), "sarif: all findings")
one = json.loads(Run("export", out, "--image", "**:one", "-f", "cyclonedx").out)
equal(one["metadata"]["component"]["type"], "container", "cyclonedx of one image is about it")
equal({c["name"] for c in one["components"]}, {"openssl", "lodash"}, "its packages")
two = json.loads(Run("export", out, "--image", "**:two", "-f", "json").out)
equal((len(two["image"]), {p["name"] for p in two["package"]}, two.get("secret", [])), (1, {"openssl"}, []), "the rows of one image")
equal(schema_errors("cyclonedx", one), [], "cyclonedx of one image")
files = {f: folder(f"image.{f}") for f in FORMATS}
run = Run("image", target + ":one", "--db", db, "-q", *[f"--format={f}={p}" for f, p in files.items()])
equal((run.status, run.out), (0, ""), "image: all formats in one run: " + run.err)
direct = {}
for f, p in files.items():
    with open(p, encoding="utf-8", newline="") as file:
        direct[f] = file.read()
check_common(direct, "image")
equal([c["bom-ref"] for c in json.loads(direct["cyclonedx"])["components"]], [c["bom-ref"] for c in one["components"]], "image and export: the same components in the same order")
run = Run("image", target + ":one", "-q", "-f", "markdown", "-o", f"spdx={folder('also.spdx')}")
check(run.out.startswith("# Scan of 1 image") and json.load(open(folder("also.spdx"), encoding="utf-8"))["spdxVersion"] == "SPDX-2.3", "one to the terminal, one to a file")
empty = folder("empty-dir")
os.makedirs(empty)
for f in FORMATS:
    run = Run("fs", empty, "-q", "-f", f)
    equal(run.status, 4 if f == "openvex" else 0, f"fs: {f} of nothing: {run.err}")
    if f in JSON_SCHEMAS and f != "openvex":
        equal(schema_errors(f, json.loads(run.out)), [], f"{f} of nothing")

run = Run("fs", empty, "-q", "-o", f"openvex={folder('none.vex')}", "-o", f"sarif={folder('whole.sarif')}")
with open(folder("whole.sarif"), encoding="utf-8") as file:
    check(run.status == 4 and json.load(file)["version"] == "2.1.0", "a format that cannot be leaves the others whole")

# ---- templates ----
template = folder("t.tmpl")


def render(text, *more):
    with open(template, "w", encoding="utf-8") as file:
        file.write(text)
    return Run("export", out, "-f", "template", "--template", template, *more)


run = render("{{! counted before they come }}{{count.vulnerability}} in {{count.image}}\n{{#vulnerability}}\n{{#if kev}}!{{/if}}{{#unless kev}}-{{/unless}} {{id}} {{name|html}} {{#if severity=high}}HIGH{{/if}} {{target|url}} {{images}}\n"
             "{{/vulnerability}}\n{{#secret}}\n{{path}}|{{path|json}}|{{path|shell}}\n{{/secret}}\nend\n")
lines = run.out.split("\n")
equal(run.status, 0, "template: " + run.err)
equal(lines[0], f"{len(rows_of(out, 'vulnerability'))} in 2", "template: counts")
check(any(re.match(r"- CVE-2020-8203 lodash HIGH oci%3A\S+ 1$", line) for line in lines), "template: a row: " + run.out)
check("odd <b>\\x0a\\x1b[1m\\u202e.env|" in run.out, "template: plain text is safe: " + run.out)
equal(lines[-2], "end", "template: the end")
for bad, word in (("{{nothing}}", "no such name"), ("{{#nothing}}", "no such table"), ("{{#image}}", "something open"), ("{{#image}}{{severity}}{{/image}}", "no such column"), ("{{/if}}", "nothing is open"),
                  ("{{sweep_id|x}}", "behind the bar"), ("{{sweep_id", "nothing closes"), ("{{#if sweep_id}}" * 17, "too deeply"), ("{{#image}}{{#layer}}", "cannot hold another")):
    run = render("first\n" + bad)
    check(run.status == 2 and word in run.err and "line 2" in run.err, f"template {bad}: {run.status} {run.err}")

# ---- wrong command lines ----
for arguments, word in ((["-f", "xml"], "expected one of"), (["-f", "json", "-f", "sarif"], "several formats"), (["-f", "template"], "--template"), (["-o", folder("no/such/file")], "No such file")):
    run = Run("export", out, *arguments)
    check(run.status == 2 and word in run.err, f"{arguments}: {run.status} {run.err}")
run = Run("sweep", target, "-o", folder("x"), "-f", "sarif")
check(run.status == 2 and "sarif=FILE" in run.err, f"sweep with a format and no file: {run.status} {run.err}")
done()
