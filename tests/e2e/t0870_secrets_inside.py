"""Secrets inside encodings and archives: of a scan, of standard input; limits are rows; the same with a warm cache."""
import base64
import gzip
import io
import os
import zipfile

from lab import Layout, Run, check, done, equal, folder, rows_of, sweep, tar

TOKEN = "AKIAZ3MGQ4TXN7WD2KLP"  # made up for this test
text = f"user=nobody\naws_access_key_id={TOKEN}\n".encode()


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def b64(data, times=1):
    for _ in range(times):
        data = base64.b64encode(data)
    return data


nest = text
for _ in range(1000):
    nest = zipped("z", nest)
files = {
    "srv/a.txt": b"first\nblob: " + b64(text) + b"\n",
    "srv/b.tgz": gzip.compress(tar({"etc/c.conf": text, "etc/d.conf": b"nothing"}), mtime=0),
    "srv/app.jar": zipped("BOOT-INF/lib/x.jar", zipped("x.properties", text)),
    "srv/utf16.txt": text.decode().encode("utf-16"),
    "srv/secret.yaml": b"kind: Secret\ndata:\n  key: " + b64(TOKEN.encode()) + b"\n",
    "srv/nest.zip": nest,
    "srv/deep.txt": b64(text, 9),
    "srv/bomb.gz": gzip.compress(bytes(300 << 20), 9, mtime=0),
}
expected = {
    "srv/a.txt": "base64", "srv/b.tgz": "gzip,tar!/etc/c.conf", "srv/app.jar": "zip!/BOOT-INF/lib/x.jar,zip!/x.properties",
    "srv/utf16.txt": "utf16", "srv/secret.yaml": "base64",
}
layout = Layout("layout")
layout.image([layout.layer(files)], "a:1")
target = layout.close()
cache = folder("cache")
for what in ("cold", "warm"):
    run, out = sweep(target, "--cache", cache)
    equal(run.status, 3, f"{what}: limits are errors: {run.err}")
    keys = {r["path"]: r for r in rows_of(out, "secret") if r["rule"] == "aws-access-key-id"}
    equal({path: row["encoding"] for path, row in keys.items()}, expected, what + ": what is found, and the way in")
    if "srv/a.txt" in keys:
        equal((keys["srv/a.txt"]["byte_offset"], keys["srv/a.txt"]["line"], keys["srv/a.txt"]["column"]), (12, 2, 7), what + ": the place is the outer one")
    equal(len({row["fingerprint"] for row in keys.values()}), 1, what + ": one secret is one fingerprint")
    limits = sorted(r["path"] for r in rows_of(out, "error") if r["code"] == "LIMIT")
    equal(limits, ["srv/bomb.gz", "srv/deep.txt", "srv/nest.zip"], what + ": limits")
    check(all("--decode-depth" in r["message"] for r in rows_of(out, "error")), what + ": the row says what to do")

run, out = sweep(target, "--cache", cache, "--decode-depth", "0")
equal((run.status, [r for r in rows_of(out, "secret") if r["encoding"] != "plain"], rows_of(out, "error")), (0, [], []), "nothing is decoded where nobody wants it: " + run.err)
run, out = sweep(target, "--decode-depth", "12")
check("srv/deep.txt" in {r["path"] for r in rows_of(out, "secret")}, "deeper where it is asked for")
equal(Run("fs", ".", "--decode-depth", "33").status, 2, "a depth that there is not")

# ---- trawl secrets ----

run = Run("secrets", "-", "-f", "ndjson", stdin=files["srv/b.tgz"])
equal((run.status, [r["encoding"] for r in run.rows("secret")]), (0, ["gzip,tar!/etc/c.conf"]), "standard input: " + run.err)
path = folder("large")
with open(path, "wb") as file:
    file.write(b"a line of nothing much\n" * 400000)
    file.write(text)
    file.write(b"x" * 5000000)
run = Run("secrets", path, "-f", "ndjson")
equal([(r["path"], r["line"], r["byte_offset"]) for r in run.rows("secret")], [(path, 400002, 9200000 + text.index(b"AKIA"))], "a file of many windows: " + run.err)
run = Run("secrets", path, folder("missing"), "-f", "ndjson", "--fail-on", "high")
equal((run.status, len(run.rows("error")), len(run.rows("secret"))), (3, 1, 1), "one that is not there is a row, the others are searched")
equal(Run("secrets", path, "--fail-on", "high", "--exit-code", "7").status, 7, "--fail-on")
equal(Run("secrets", path, "--fail-on", "critical").status, 0, "--fail-on a severity that there is not")
equal(Run("secrets").status, 2, "no operand")
equal(Run("secrets", "-", stdin=b"").status, 0, "an empty input")
check(TOKEN not in Run("secrets", path).out and TOKEN in Run("secrets", path, "--show-secrets", "-f", "ndjson").out, "redacted unless asked for")
os.unlink(path)
done()
