"""Public tools read every shard: lz4 unpacks it, a public msgpack reader decodes it, and the counts are the manifest's."""
import glob
import hashlib
import json
import os
import shutil
import subprocess

from lab import Layout, Run, check, debian, done, equal, folder, rows_of, skip, sweep

READER = r"""
import json, sys
try:
    import msgpack
except ImportError:
    sys.exit(77)
print(json.dumps(list(msgpack.Unpacker(sys.stdin.buffer, raw=False))))
"""
COLUMNS = {"image": 23, "image_layer": 7, "layer": 10, "package": 15, "vulnerability": 27, "secret": 18, "image_secret": 7, "error": 10}

if shutil.which("lz4") is None:
    skip("lz4 is not installed")
feed = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")
db = folder("demo.db")
equal(Run("db", "build", feed, "-o", db).status, 0, "db build")
layout = Layout("layout")
base = layout.layer(debian({f"package{i}": f"{i}.0" for i in range(500)}))
node = layout.layer({"a/node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.15","license":"MIT"}',
                     "srv/odd\nname \xff.ini".encode("utf-8", "surrogateescape").decode("utf-8", "replace"): "token = gh" + "p_" + hashlib.sha256(b"made up").hexdigest()[:36] + "\n"})
for i in range(20):
    layout.image([base, node], f"tag{i}", config={"Labels": {"team": "a", "ü": "ö"}})
layout.image([layout.layer({"x": "y"}), layout.layer(packed=b"garbage")], "bad")
run, out = sweep(layout.close(), "--db", db)
equal(run.status, 3, "sweep")
manifest = json.load(open(os.path.join(out, "manifest.json"), encoding="utf-8"))
seen = set()
for path in glob.glob(os.path.join(out, "*", "*.msgpack.lz4")):
    table = os.path.basename(os.path.dirname(path))
    plain = subprocess.run(["lz4", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    # Debian's python3-msgpack belongs to the system's interpreter.
    reader = subprocess.run(["/usr/bin/python3", "-c", READER], input=plain, stdout=subprocess.PIPE, check=False)
    if reader.returncode == 77:
        skip("python3-msgpack is not installed")
    values = json.loads(reader.stdout)
    equal(len(values) % COLUMNS[table], 0, f"{table}: whole rows of {COLUMNS[table]} columns")
    rows = [values[i:i + COLUMNS[table]] for i in range(0, len(values), COLUMNS[table])]
    entry = [f for f in manifest["tables"][table]["files"] if f["path"].endswith(os.path.basename(path))][0]
    equal((len(rows), os.path.getsize(path)), (entry["rows"], entry["bytes"]), f"{table}: rows and bytes of the manifest")
    exported = rows_of(out, table)
    equal(len(exported), len(rows), f"{table}: rows of the export")
    for row, named in zip(rows, exported):
        named.pop("table")
        for (name, value), raw in zip(named.items(), row):
            if not name.endswith("_at"):  # times are numbers here and text there
                equal(raw, value, f"{table}.{name}")
    seen.add(table)
equal(seen, set(COLUMNS), "tables with rows")
for ddl in ("clickhouse.sql", "postgres.sql", "duckdb.sql", "bigquery.json"):
    check(os.path.getsize(os.path.join(out, "ddl", ddl)) > 1000, ddl)
equal(Run("shards", "verify", out).status, 0, "shards verify")

# A folder without manifest.json is an unfinished sweep; one with it is not written again.
equal(Run("sweep", "oci:" + layout.path, "-o", out).status, 2, "a finished sweep is not overwritten")
os.unlink(os.path.join(out, "manifest.json"))
run = Run("export", out)
check(run.status == 4 and "unfinished" in run.err, f"an unfinished sweep: {run.status} {run.err}")
equal(Run("sweep", "oci:" + layout.path, "-o", out, "--quiet").status, 3, "an unfinished one is begun anew")
done()
