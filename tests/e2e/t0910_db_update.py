"""The database follows a bucket of OSV's layout: what is moved, what is not, what breaks off, what is signed."""
import http.server
import io
import json
import os
import threading
import urllib.parse
import zipfile
import zlib

from lab import Run, check, done, equal, folder


def record(number, name, fixed, modified, **more):
    return {"id": f"T-{number}", "modified": modified, "affected": [{"package": {"ecosystem": "npm", "name": name}, "ranges": [
        {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}], **more}


class Bucket:
    """OSV's layout in memory, behind HTTP with entity tags; `cut` breaks off the next answer that is longer."""

    def __init__(self):
        self.records, self.asked, self.cut, self.moved, self.index, self.raw = {}, [], None, 0, True, {}
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                path = urllib.parse.unquote(self.path)
                bucket.asked.append(path)
                body = bucket.file(path)
                if body is None:
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                tag = f'"{hash(body)}"'
                if self.headers.get("If-None-Match") == tag:
                    self.send_response(304)
                    self.send_header("ETag", tag)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("ETag", tag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if bucket.cut is not None and len(body) > bucket.cut:
                    self.wfile.write(body[:bucket.cut])
                    self.close_connection = True
                    return
                bucket.moved += len(body)
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_port}/bucket"

    def put(self, item):
        self.records[item["id"]] = item

    def file(self, path):
        name = path.removeprefix("/bucket/")
        if name in self.raw:
            return self.raw[name]
        if name == "ecosystems.txt":
            return b"npm\nRocky Linux\nRocky Linux:9\n"
        folder_, _, name = name.rpartition("/")
        if folder_ not in ("npm", "Rocky Linux"):
            return None
        if name == "modified_id.csv":
            rows = sorted(((x["modified"], x["id"]) for x in self.records.values()), reverse=True)
            return "".join(f"{m},{i}\n" for m, i in rows).encode() if self.index else None
        if name == "all.zip":
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                for key in sorted(self.records):
                    archive.writestr(zipfile.ZipInfo(key + ".json"), json.dumps(self.records[key]))
            return out.getvalue()
        item = self.records.get(name.removesuffix(".json"))
        return None if item is None else json.dumps(item).encode()


def ids(database, version, name="a"):
    run = Run("match", "--db", database, stdin=json.dumps({"ecosystem": "npm", "name": name, "version": version}).encode())
    return json.loads(run.out)["ids"]


def numbers(run):
    return {" ".join(x.split()[:-1]): x.split()[-1] for x in run.out.splitlines() if x.strip()}


def update(*arguments, base=None, **more):
    return Run("db", "update", "-o", database, "--base", base or bucket.base, *arguments, **more)


bucket = Bucket()
database = folder("v.db")
for i in range(20):
    bucket.put(record(i, "a", f"1.{i}.0", f"2026-01-01T00:00:{i:02d}Z"))

run = update()
check(run.status == 2 and "--ecosystem" in run.err, f"nothing followed yet: {run.err}")
run = update("--ecosystem", "npm")
equal(run.status, 0, f"first update: {run.err}")
equal(numbers(run)["archives fetched"], "1", "the archive comes once")
equal(len(ids(database, "1.5.0")), 14, "matches")
first = open(database, "rb").read()

# Nothing new: one conditional request, no byte of a body, the same file.
bucket.asked, bucket.moved = [], 0
run = update()
equal((run.status, bucket.asked, bucket.moved), (0, ["/bucket/npm/modified_id.csv"], 0), f"a second update {run.err}")
check(open(database, "rb").read() == first, "the same database")

# One advisory changed, one came, one was withdrawn: they alone are fetched.
bucket.put(record(3, "a", "9.0.0", "2026-02-01T00:00:00Z"))
bucket.put(record("new", "b", "2.0.0", "2026-02-01T00:00:00Z"))
bucket.put(record(19, "a", "1.19.0", "2026-02-01T00:00:01Z", withdrawn="2026-02-01T00:00:01Z"))
bucket.asked = []
run = update()
equal((run.status, numbers(run)["advisories fetched"], numbers(run)["archives fetched"]), (0, "3", "0"), f"a daily update {run.err}")
check("/bucket/npm/all.zip" not in bucket.asked, "the archive stays where it is")
equal(ids(database, "8.0.0"), ["T-3"], "the changed advisory")
equal(ids(database, "1.0.0", "b"), ["T-new"], "the new one")
check("T-19" not in ids(database, "1.18.5"), "the withdrawn one")
old = folder("old.db")
open(old, "wb").write(first)
run = Run("db", "diff", "--format", "ndjson", old, database)
equal([(x["change"], x["id"]) for x in map(json.loads, run.out.splitlines())], [("removed", "T-19"), ("changed", "T-3"), ("added", "T-new")], "diff")
equal(Run("db", "diff", database, database).out, "", "nothing differs from itself")

# Many changed: the archive is smaller. It breaks off: the old database stays in use, and the next update makes it good.
for i in range(700):
    bucket.put(record(f"m{i}", "c", "3.0.0", "2026-03-01T00:00:00Z"))
before = open(database, "rb").read()
bucket.cut = 30000
run = update(environment={"TRAWL_HTTP_ATTEMPTS": "1"})
check(run.status == 4 and "old database stays in use" in run.err, f"broken off: {run.status} {run.err}")
check(open(database, "rb").read() == before, "the old database is untouched")
equal(len(ids(database, "1.5.0")), 14, "and answers")
bucket.cut = None
run = update()
equal((run.status, numbers(run)["archives fetched"]), (0, "1"), f"taken up again: {run.err}")
equal(len(ids(database, "2.0.0", "c")), 700, "all of them")
whole = folder("whole")
os.makedirs(whole)
open(os.path.join(whole, "all.zip"), "wb").write(bucket.file("/bucket/npm/all.zip"))
Run("db", "build", whole, "-o", old)
check(open(old, "rb").read() == open(database, "rb").read(), "what was updated is what was built at once")
for jobs in ("1", "7"):
    Run("db", "build", "-j", jobs, whole, "-o", folder("jobs.db"))
    check(open(old, "rb").read() == open(folder("jobs.db"), "rb").read(), f"{jobs} threads build the same")

# What a hostile bucket may say is not believed.
before = open(database, "rb").read()
for name, index in (("an id that climbs", b"2026-04-01T00:00:00Z,../../x\n"), ("a missing advisory", b"2026-04-01T00:00:00Z,T-nowhere\n")):
    bucket.raw["npm/modified_id.csv"] = index
    run = update()
    check(run.status == 4 and open(database, "rb").read() == before, f"{name}: {run.status} {run.err}")
bucket.raw["npm/modified_id.csv"] = b"\xff\x00no index\n" * 1000
run = update()
check(run.status in (0, 4), f"garbage for an index: {run.status} {run.err}")
bucket.raw = {"npm/all.zip": b"PK\x03\x04 this is no archive", "npm/modified_id.csv": b"".join(b"2026-05-01T00:00:00Z,T-%d\n" % i for i in range(600))}
before = open(database, "rb").read()
run = update()
check(run.status == 4 and open(database, "rb").read() == before, f"a damaged archive: {run.status} {run.err}")
bucket.raw = {}
for name in ("../x", ".hidden", "a/b", "x" * 300):
    equal(update("--ecosystem", name).status, 2, f"ecosystem {name[:20]}")
run = update("--ecosystem", "Nowhere")
check(run.status == 4 and "Nowhere" in run.err, f"an ecosystem that is not there: {run.err}")

# A mirror without an index, a name with a blank, all of them, other documents, and a folder of this machine.
bucket.index = False
run = Run("db", "update", "-o", folder("p.db"), "--base", bucket.base, "--ecosystem", "npm")
equal(run.status, 0, f"archives alone: {run.err}")
bucket.moved = 0
equal(Run("db", "update", "-o", folder("p.db"), "--base", bucket.base).status, 0, "again")
equal(bucket.moved, 0, "and conditional")
bucket.index = True
bucket.raw = {"kev.json": json.dumps({"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-2026-1"}]}).encode()}
run = Run("db", "update", "-o", folder("q.db"), "--base", bucket.base, "--ecosystem", "all", "--also", bucket.base + "/kev.json")
check(run.status == 0 and numbers(run)["archives fetched"] == "2" and numbers(run)["kev"] == "1", f"all of them: {run.out} {run.err}")
local = folder("bucket")
os.makedirs(os.path.join(local, "npm"))
for name in ("all.zip", "modified_id.csv"):
    open(os.path.join(local, "npm", name), "wb").write(bucket.file("/bucket/npm/" + name))
run = Run("db", "update", "-o", folder("r.db"), "--base", "file://" + local, "--ecosystem", "npm")
check(run.status == 0 and len(ids(folder("r.db"), "2.0.0", "c")) == 700, f"file://: {run.err}")
run = Run("db", "update", "-o", folder("r.db"), "--base", "file://" + local)
equal((run.status, numbers(run)["bytes fetched"]), (0, "0"), "file:// again")
run = Run("db", "update", "-o", folder("s.db"), "--base", "file://" + folder("nowhere"), "--ecosystem", "npm")
check(run.status == 4, f"a folder that is not there: {run.status} {run.err}")

# A sweep may refuse a database that is too old.
tree = folder("tree")
os.makedirs(tree)
equal(Run("fs", "--db", database, tree).status, 0, "no limit")
equal(Run("fs", "--db", database, "--max-age", "3000w", tree).status, 0, "young enough")
run = Run("fs", "--db", database, "--max-age", "1s", tree)
check(run.status == 4 and "db update" in run.err and "2026-03-01" in run.err, f"too old: {run.status} {run.err}")
equal(Run("fs", "--db", database, "--max-age", "soon", tree).status, 2, "no duration")

# A million members: read, counted, and none of them is an advisory but the last.
member = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0" + (0xA3A6BF43).to_bytes(4, "little") + b"\2\0\0\0\2\0\0\0\7\0\0\0"
with open(folder("million.zip"), "wb") as file:
    directory, offset, good = [], 0, json.dumps(record("last", "z", "2.0.0", "2026-01-01T00:00:00Z")).encode()
    for i in range(1000000):
        name, body = b"%07d" % i, b"{}"
        head = member + name
        if i == 999999:
            body = good
            sizes = (zlib.crc32(good)).to_bytes(4, "little") + len(good).to_bytes(4, "little") * 2
            head = member[:14] + sizes + b"\7\0\0\0" + name
        file.write(head + body)
        directory.append(b"PK\x01\x02\x14\0" + head[4:28] + b"\0\0" + b"\0" * 10 + offset.to_bytes(4, "little") + name)
        offset += len(head) + len(body)
    size = sum(map(len, directory))
    file.writelines(directory)
    end = (1000000).to_bytes(8, "little") * 2 + size.to_bytes(8, "little") + offset.to_bytes(8, "little")
    file.write(b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x2d\0\x2d\0" + b"\0" * 8 + end)
    file.write(b"PK\x06\x07" + b"\0" * 4 + (offset + size).to_bytes(8, "little") + b"\1\0\0\0")
    file.write(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff" + size.to_bytes(4, "little") + offset.to_bytes(4, "little") + b"\0\0")
run = Run("db", "build", folder("million.zip"), "-o", folder("m.db"))
check(run.status == 0 and numbers(run)["malformed documents"] == "999999", f"a million members: {run.status} {run.out[-400:]} {run.err}")
equal(ids(folder("m.db"), "1.0.0", "z"), ["T-last"], "the one advisory among them")

# Bundles: signed, and verified before use.
key, bundle, target = folder("k"), folder("b.tar"), folder("imported.db")
equal(Run("db", "keygen", key).status, 0, "keygen")
equal(os.stat(key + ".key").st_mode & 0o777, 0o600, "the signing key is its owner's")
equal(Run("db", "keygen", key).status, 4, "a key is never overwritten")
equal(Run("db", "export", "--key", key + ".key", "-o", bundle, database).status, 0, "export")
equal(Run("db", "import", "--public-key", key + ".pub", "-o", target, bundle).status, 0, "import")
check(open(target, "rb").read() == open(database, "rb").read(), "the database came through")
Run("db", "keygen", folder("other"))
data = open(bundle, "rb").read()
for name, bad in (("a flipped bit", data[:9000] + bytes([data[9000] ^ 1]) + data[9001:]), ("cut off", data[:-2000]), ("empty", b""), ("the database alone", open(database, "rb").read()),
                  ("a changed signature", data.replace(b"trusted comment: trawl", b"trusted comment: trawk", 1))):
    open(folder("bad.tar"), "wb").write(bad)
    run = Run("db", "import", "--public-key", key + ".pub", "-o", target, folder("bad.tar"))
    check(run.status == 4 and "old database stays in use" in run.err, f"{name}: {run.status} {run.err}")
run = Run("db", "import", "--public-key", folder("other.pub"), "-o", target, bundle)
check(run.status == 4 and "another key" in run.err, f"a stranger's key: {run.err}")
check(open(target, "rb").read() == open(database, "rb").read(), "nothing was imported")
open(folder("broken.db"), "wb").write(first[:-100])
equal(Run("db", "export", "--key", key + ".key", "-o", folder("x.tar"), folder("broken.db")).status, 4, "a damaged database is not signed")
done()
