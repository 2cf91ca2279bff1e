"""A sweep in real warehouses: PostgreSQL through binary COPY, DuckDB through NDJSON, ClickHouse's engine from the shards as they are.

Counts are the manifest's, sums the sweep's own, and the ten questions of docs/queries run. What is not installed is skipped by name.
"""
import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import sys

from lab import Layout, Run, TRAWL, check, debian, done, equal, folder, sweep
from sweep_folder import HOSTILE, columns, hostile_tables, write_sweep

HERE = os.path.dirname(os.path.abspath(__file__))
QUERIES = os.path.join(HERE, "..", "..", "docs", "queries")
feed = os.path.join(HERE, "..", "..", "docs", "demo-feed")
db = folder("demo.db")
Run("db", "build", feed, "-o", db)
layout = Layout("layout")
base = layout.layer(debian({f"package{i}": f"{i}.0" for i in range(200)}))
node = layout.layer({"a/node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.15","license":"MIT"}', "app/.env": "token = gh" + "p_" + "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R" + "\n"})
for n in range(5):
    layout.image([base, node], f"tag{n}", config={"Labels": {"team": "red" if n % 2 else "blue"}})
layout.image([layout.layer(packed=b"garbage")], "bad")
run, real = sweep(layout.close(), "--db", db, "--sweep-id", "2024-05-01")
equal(run.status, 3, "the sweep: " + run.err)
made_up = write_sweep("made-up", hostile_tables(), sweep_id="2024-04-30")
manifests = {f: json.load(open(os.path.join(f, "manifest.json"), encoding="utf-8")) for f in (real, made_up)}
counts = {t: sum(m["tables"][t]["rows"] for m in manifests.values()) for t in columns()}
rows = {f: json.loads(Run("export", f, "-f", "json").out) for f in (real, made_up)}
SUMS = {"layer": "unpacked_bytes", "image": "layer_count", "secret": "byte_offset"}
sums = {t: sum(r[c] for f in rows.values() for r in f.get(t, [])) for t, c in SUMS.items()}
tested = []


def queries(name):
    with open(os.path.join(QUERIES, name + ".sql"), encoding="utf-8") as file:
        text = re.sub(r"^--.*$", "", file.read(), flags=re.M)
    found = [q.strip() for q in text.split(";") if q.strip()]
    equal(len(found), 10, f"{name}: ten questions")
    return found


for name in ("postgres", "duckdb", "clickhouse", "bigquery", "snowflake", "spark"):
    queries(name)


def compare(name, ask):
    """`ask` gives the rows of a query as lists."""
    tested.append(name)
    for table, expected in counts.items():
        equal(int(ask(f"SELECT count(*) FROM {name_of(name, table)}")[0][0]), expected, f"{name}: rows of {table}")
    for table, column in SUMS.items():
        equal(int(ask(f"SELECT sum({column}) FROM {name_of(name, table)}")[0][0]), sums[table], f"{name}: sum of {table}.{column}")
    answers = [ask(q) for q in queries(name)]
    names = [q[0] for q in answers[0]]
    equal(names, [], f"{name}: 1: nothing is exploited here")
    check(len(answers[2]) >= 5, f"{name}: 3: keys in effect")
    equal({r[0] for r in answers[5]}, {"red", "blue"}, f"{name}: 6: findings by team")
    equal([r[1] for r in answers[7]][:1], ["lodash"], f"{name}: 8: what to update first")
    check(len(answers[8]) == 1 and answers[8][0][0] in ("failed", "partial"), f"{name}: 9: what was not scanned: {answers[8]}")
    equal([r[0] for r in answers[9]], ["2024-04-30", "2024-05-01"], f"{name}: 10: night by night")
    return answers


def name_of(name, table):
    return f"`{table}`" if name == "clickhouse" else f'"{table}"'


# ---- PostgreSQL on a socket of its own ----
binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
if not binaries:
    print("SKIP PostgreSQL: it is not installed")
else:
    place = folder("pg")
    os.makedirs(place, mode=0o755)
    os.chmod(os.path.dirname(place), 0o755)
    # The server refuses to run as root: then as the user that Debian made for it.
    as_user = {}
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres")
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(place, user.pw_uid, user.pw_gid)
        except KeyError:
            as_user = None
    if as_user is None:
        print("SKIP PostgreSQL: there is no user postgres to run it as")
    else:
        def postgres(*command, **more):
            return subprocess.run([os.path.join(binaries[-1], command[0]), *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd="/", **as_user, **more)

        made = postgres("initdb", "-D", place + "/data", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        check(made.returncode == 0, "initdb: " + made.stdout.decode()[-500:])
        # -l: the server keeps no pipe of ours open.
        started = postgres("pg_ctl", "-D", place + "/data", "-w", "-l", place + "/log", "-o", f"-k {place} -c listen_addresses='' -c fsync=off -c timezone=UTC", "start")
        try:
            check(started.returncode == 0, "pg_ctl: " + started.stdout.decode()[-500:])
            psql = [os.path.join(binaries[-1], "psql"), "-h", place, "-d", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e"]
            psql += ["-U", "postgres" if as_user else pwd.getpwuid(os.geteuid()).pw_name]

            def ask(sql, data=None):
                answer = subprocess.run([*psql, "-c", sql], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
                check(answer.returncode == 0, f"PostgreSQL: {sql[:100]}: {answer.stderr.decode()[:300]}")
                text = answer.stdout.decode().rstrip("\n")
                return [line.split("\x1f") for line in text.split("\x1e")] if text else []

            with open(os.path.join(real, "ddl", "postgres.sql"), encoding="utf-8") as file:
                ask(file.read())
            for source in (real, made_up):
                for table in columns():
                    if manifests[source]["tables"][table]["rows"] == 0:
                        continue
                    exported = subprocess.run([TRAWL, "export", source, "-f", "pgcopy", "--table", table], stdout=subprocess.PIPE, check=True)
                    ask(f'COPY "{table}" FROM STDIN BINARY', exported.stdout)
            compare("postgres", ask)
            # Values, not numbers alone: strangers' names are what they were, but for NUL.
            found = {r[0] for r in ask("SELECT encode(convert_to(name, 'UTF8'), 'hex') FROM package WHERE sweep_id = '2024-04-30'")}
            equal(found, {w.replace("\x00", "\\x00").encode().hex() for w in HOSTILE} | {b"owner".hex()}, "PostgreSQL: names")
            team = ask("SELECT labels->>'team' FROM image WHERE tag = 'tag1'")
            equal(team, [["red"]], "PostgreSQL: a map")
            equal(ask("SELECT licenses->>0 FROM package WHERE name = 'lodash'"), [["MIT"]], "PostgreSQL: a list")
            equal(ask("SELECT DISTINCT published_at AT TIME ZONE 'UTC' FROM vulnerability WHERE sweep_id = '2024-04-30'"), [["2023-11-14 22:13:20"]], "PostgreSQL: a time")
        finally:
            postgres("pg_ctl", "-D", place + "/data", "-w", "-m", "immediate", "stop")
            if as_user:
                shutil.rmtree(place, ignore_errors=True)
two = Run("export", real, "-f", "pgcopy")
check(two.status == 2 and "--table" in two.err, "pgcopy holds one table")

# ---- DuckDB ----
try:
    import duckdb
except ImportError:
    duckdb = None
    print("SKIP DuckDB: Python's duckdb is not installed")
if duckdb is not None:
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    with open(os.path.join(real, "ddl", "duckdb.sql"), encoding="utf-8") as file:
        duck.execute(file.read())
    for source in (real, made_up):
        for table in columns():
            if manifests[source]["tables"][table]["rows"] == 0:
                continue
            path = folder(f"{table}.ndjson")
            equal(Run("export", source, "-f", "ndjson", "--table", table, "-o", path).status, 0, "export for DuckDB")
            duck.execute(f"COPY \"{table}\" FROM '{path}' (FORMAT json)")
    compare("duckdb", lambda sql: [list(r) for r in duck.execute(sql).fetchall()])
    equal({r[0] for r in duck.execute("SELECT name FROM package WHERE sweep_id = '2024-04-30'").fetchall()}, set(HOSTILE) | {"owner"}, "DuckDB: names")
    path = folder("package.ndjson")
    Run("export", real, "-f", "ndjson", "--table", "package", "-o", path)
    duck.execute(f"COPY (SELECT * FROM read_json('{path}', format='newline_delimited')) TO '{folder('package.parquet')}' (FORMAT parquet, COMPRESSION zstd)")
    equal(duck.execute(f"SELECT count(*) FROM '{folder('package.parquet')}'").fetchone()[0], manifests[real]["tables"]["package"]["rows"], "Parquet: rows")

# ---- ClickHouse's engine, in a process of its own: it does not get along with others ----
ENGINE = r"""
import json, sys
try:
    from chdb import session
except ImportError:
    sys.exit(77)
chdb = session.Session(sys.argv[1])
for line in sys.stdin:
    print(json.dumps(str(chdb.query(json.loads(line), "JSONCompact"))), flush=True)
"""
engine = subprocess.Popen([sys.executable, "-c", ENGINE, folder("chdb")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask_clickhouse(sql):
    engine.stdin.write(json.dumps(sql) + "\n")
    engine.stdin.flush()
    line = engine.stdout.readline()
    if not line:
        check(False, f"ClickHouse: {sql[:200]}: {engine.stderr.read()[-600:]}")
        done()
    text = json.loads(line)
    return json.loads(text)["data"] if text.strip() else []


if engine.poll() is None:
    try:
        ask_clickhouse_first = None
        engine.stdin.write(json.dumps("SELECT 1") + "\n")
        engine.stdin.flush()
        ask_clickhouse_first = engine.stdout.readline()
    except BrokenPipeError:
        pass
if engine.poll() == 77 or (not ask_clickhouse_first and engine.wait() == 77):
    print("SKIP ClickHouse: Python's chdb is not installed")
else:
    with open(os.path.join(real, "ddl", "clickhouse.sql"), encoding="utf-8") as file:
        statements = [s.strip() for s in re.sub(r"^--.*$", "", file.read(), flags=re.M).split(";") if s.strip()]
    ask_clickhouse("CREATE DATABASE IF NOT EXISTS sweeps ENGINE = Atomic")
    ask_clickhouse("USE sweeps")
    for statement in statements:
        ask_clickhouse(statement)
    for source in (real, made_up):
        for table in columns():
            if manifests[source]["tables"][table]["rows"]:
                structure = ", ".join(f"`{c}` " + (f"Nullable({k})" if n else k) for c, k, n in columns()[table])
                ask_clickhouse(f"INSERT INTO `{table}` SELECT * FROM file('{source}/{table}/*.msgpack.lz4', 'MsgPack', '{structure}', 'lz4')")
    compare("clickhouse", ask_clickhouse)
    equal({r[0] for r in ask_clickhouse("SELECT name FROM package WHERE sweep_id = '2024-04-30'")}, set(HOSTILE) | {"owner"}, "ClickHouse: names")
    engine.stdin.close()
    engine.wait()
print("loaded into", ", ".join(tested) or "nothing")
done()
