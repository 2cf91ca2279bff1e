"""Every kind of bad input: one clear error row and message, the rest of the sweep completes, and the exit status says so."""
import gzip
import json
import os
import re
import struct
import tarfile

from lab import DPKG_ENTRY, Layout, Run, check, debian, done, equal, folder, http_server, rows_of, status, sweep, tar, OCI_MANIFEST




def good_layer(layout):
    return layout.layer(debian({"aaa": "1.0"}))


def expect(what, target, code, stage, words, image_status=("failed", "partial"), options=(), packages=("aaa",)):
    """Sweeps the bad target beside a good image; returns the rows."""
    good = Layout("good-" + re.sub(r"\W+", "-", what))
    good.image([good_layer(good)], "good")
    run, out = sweep(target, good.close(), *options, quiet=False)
    equal(run.status, 3, what + ": exit status")
    rows = rows_of(out)
    errors = [r for r in rows if r["table"] == "error"]
    if not equal(len(errors), 1, f"{what}: error rows {[(e['code'], e['message']) for e in errors]}"):
        return rows
    equal((errors[0]["code"], errors[0]["stage"]), (code, stage), f"{what}: {errors[0]['message']}")
    for word in words:
        check(word in errors[0]["message"], f"{what}: the message names {word!r}: {errors[0]['message']}")
    check(errors[0]["message"][:60] in run.out, what + ": the summary shows the error")
    images = {r["reference"]: r["status"] for r in rows if r["table"] == "image"}
    equal(sorted(images.values())[0], "done", what + ": the good image is done")
    check(any(s in image_status for s in images.values()), f"{what}: status of the bad one {images}")
    names = {r["name"] for r in rows if r["table"] == "package"}
    equal(names, set(packages), what + ": packages")
    return rows


# ---- blobs ----

def bad_layout(name, **layer):
    """An image of a good layer and a bad one on top."""
    layout = Layout(name)
    bad = layout.layer(**layer)
    layout.image([good_layer(layout), bad], "bad")
    return layout, bad


layout, bad = bad_layout("wrong-digest", files={"x": "y" * 1000})
with open(layout.blob_path(bad["digest"]), "r+b") as file:
    file.seek(20)
    file.write(b"Z")
expect("wrong digest", layout.close(), "DIGEST", "verify", ["expected sha256:", "found sha256:"])

layout, bad = bad_layout("short-blob", files={"x": os.urandom(5000)})
os.truncate(layout.blob_path(bad["digest"]), bad["size"] // 2)
expect("blob cut short", layout.close(), "DIGEST", "verify", ["expected sha256:", "bytes"])

packed = gzip.compress(tar({"etc/kept": "1", "var/lib/dpkg/status": status({"inner": "2"}), "srv/noise": os.urandom(100000)}), 1, mtime=0)
layout, bad = bad_layout("truncated-gzip", packed=packed[:len(packed) // 2])
expect("truncated gzip", layout.close(), "FORMAT", "inflate", ["gzip", "ends"], packages=("inner", "aaa"))

layout, bad = bad_layout("garbage", packed=b"this is no layer at all" * 100)
expect("garbage", layout.close(), "FORMAT", "walk", ["no tar header at offset 0"])

layout, bad = bad_layout("missing", files={"x": "y"})
os.unlink(layout.blob_path(bad["digest"]))
expect("missing layer", layout.close(), "NOTFOUND", "fetch", ["No such file"])

layout = Layout("not-json")
layout.tag({"mediaType": OCI_MANIFEST, **layout.blob(b"this is not JSON")}, "bad")
expect("manifest that is not JSON", layout.close(), "FORMAT", "manifest", ["manifest", "json"])

# ---- tars ----

raw = bytearray(tar({"first": "1", "var/lib/dpkg/status": status({"before": "1"}), "second": "2"}))
at = len(tar({"first": "1", "var/lib/dpkg/status": status({"before": "1"})}).rstrip(b"\0"))
at = (at + 511) // 512 * 512
checksum = int(bytes(raw[at + 148:at + 154]), 8)
raw[at + 148:at + 154] = b"%06o" % (checksum + 1)
layout, bad = bad_layout("checksum", raw=bytes(raw))
expect("header checksum off by one", layout.close(), "FORMAT", "walk", [f"offset {at}", f"expected checksum {checksum}", f"found {checksum + 1}"],
       image_status=("partial",), packages=("aaa", "before"))

layout, bad = bad_layout("traversal", files={"../../etc/passwd": "root:x", "ok": "1"})
rows = expect("tar with ../../etc/passwd", layout.close(), "FORMAT", "walk", ["above the root"], image_status=("partial",))
equal([r["path"] for r in rows if r["table"] == "error"], ["../../etc/passwd"], "the name as it stands in the archive")

# Absolute names are names below the root: no error, and nothing outside is touched.
layout = Layout("absolute")
layout.image([layout.layer(debian({})), layout.layer({"/var/lib/dpkg/status": status({"abs": "1"})})], "bad")
run, out = sweep(layout.close())
equal((run.status, [r["name"] for r in rows_of(out, "package")]), (0, ["abs"]), "absolute names")


def sparse_claim(gib):
    """A GNU sparse header that claims GiBs and stores 512 bytes."""
    header = bytearray(512)
    header[0:6] = b"sparse"
    header[100:108] = b"0000644\0"
    header[124:136] = b"%011o\0" % 512
    header[136:148] = b"%011o\0" % 1700000000
    header[156:157] = b"S"
    header[257:265] = b"ustar  \0"
    header[386:398] = b"\x80" + struct.pack(">Q", gib << 30).rjust(11, b"\0")
    header[398:410] = b"%011o\0" % 512
    header[483:495] = b"\x80" + struct.pack(">Q", (gib << 30) + 512).rjust(11, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"x" * 512


layout = Layout("sparse")
layout.image([layout.layer(debian({"aaa": "1.0"})), layout.layer(raw=sparse_claim(10) + tar({"after": "1"}))], "bad")
run, out = sweep(layout.close())
equal(run.status, 0, "a sparse file of 10 GiB is 512 bytes to read")
equal([r["file_count"] for r in rows_of(out, "layer")], [2, 2], "the entry behind the sparse one is seen")

bomb = gzip.compress(tar({"zeros": b"\0" * (80 << 20)}), 9, mtime=0)
layout, bad = bad_layout("bomb", packed=bomb)
target = layout.close()
expect("gzip bomb", target, "LIMIT", "inflate", ["ratio", "--max-ratio"], options=["--max-ratio", "500"], image_status=("partial",))
run, out = sweep(target, "--max-ratio", "2000")
equal(run.status, 0, "the ratio limit can be raised")

# A plain claim that the file is longer than the archive.
info = tarfile.TarInfo("liar")
info.size = 10 << 30
layout, bad = bad_layout("claim", raw=info.tobuf() + b"x" * 2048)
expect("tar that ends before its file", layout.close(), "FORMAT", "walk", ["liar"], image_status=("partial",))

# ---- package data ----

whole = DPKG_ENTRY.format(name="one", version="1") + DPKG_ENTRY.format(name="two", version="2")
layout = Layout("half")
layout.image([layout.layer({"var/lib/dpkg/status": whole[:whole.index("Package: two") + 20]})], "bad")
expect("dpkg status cut in half", layout.close(), "FORMAT", "package", ["dpkg"], image_status=("partial",), packages=("aaa", "one"))

# ---- registries ----

layout = Layout("remote")
image = layout.image([layout.layer(debian({"aaa": "1.0", "remote": "1"}))], "bad")  # a layer that no other image here holds
layout.close()
manifest = open(layout.blob_path(image["digest"]), "rb").read()
blobs = {d: open(layout.blob_path(d), "rb").read() for d in [json.loads(manifest)["config"]["digest"]] + [x["digest"] for x in json.loads(manifest)["layers"]]}


def server(broken):
    """Serves the image; `broken(handler)` answers for its layer."""
    def answer(handler):
        name = handler.path.rsplit("/", 1)[1]
        if "/manifests/" in handler.path:
            handler.reply(200, manifest, Content_Type=OCI_MANIFEST)
        elif name == json.loads(manifest)["layers"][0]["digest"]:
            broken(handler)
        else:
            handler.reply(200, blobs[name])
    return http_server(answer)


def half_then_close(handler):
    body = blobs[json.loads(manifest)["layers"][0]["digest"]]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:10])
    handler.close_connection = True


def close_at_once(handler):
    handler.close_connection = True
    handler.connection.close()


quick = ["--http-attempts", "2", "--http-backoff-ms", "10"]
for name, broken, code, words in [("404", lambda h: h.reply(404), "NOTFOUND", ["found 404"]), ("500", lambda h: h.reply(500), "NET", ["found 500", "2 attempts"]),
                                  ("a closed connection", close_at_once, "NET", ["2 attempts"]), ("half a body", half_then_close, "NET", ["2 attempts"])]:
    with server(broken) as (host, asked):
        expect("layer answered by " + name, f"{host}/team/app:1", code, "fetch", words, options=quick)
        tries = sum("/blobs/" in path for path in asked) - 1
        # Libcurl repeats a request of its own when a connection that was kept open turns out to be closed.
        check(tries == 1 if code == "NOTFOUND" else tries in (2, 3), f"{name}: {tries} requests for the layer")
with http_server(lambda h: h.reply(404)) as (host, asked):
    expect("manifest answered by 404", f"{host}/team/app:1", "NOTFOUND", "manifest", ["found 404"], image_status=("failed",))
with http_server(lambda h: h.reply(200, b"<html>")) as (host, asked):
    expect("manifest that is a page", f"{host}/team/app:1", "FORMAT", "manifest", ["json"], image_status=("failed",))
with http_server(lambda h: h.reply(401, WWW_Authenticate='Basic realm="x"')) as (host, asked):
    expect("credentials wanted", f"{host}/team/app:1", "AUTH", "manifest", ["401", "--username"], image_status=("failed",))
with http_server(lambda h: h.reply(401, WWW_Authenticate='Bearer realm="x"')) as (host, asked):
    expect("a token service without a URL", f"{host}/team/app:1", "AUTH", "manifest", ["401", "realm 'x'"], image_status=("failed",))
with http_server(lambda h: h.reply(200, b'{"repositories":["a"]}', Link='</v2/_catalog?n=1000>; rel="next"')) as (host, asked):
    run, out = sweep("registry://" + host, quiet=False)
    check(run.status in (3, 4) and any("page" in r["message"] for r in rows_of(out, "error")), "a listing whose next page is itself")

# ---- databases ----

good = Layout("good-database")
good.image([good_layer(good)], "good")
good_target = good.close()


def bad_database(what, path, code, words):
    """The sweep goes on without matching; one row, the message and the exit status say so."""
    run, out = sweep(good_target, "--db", path, quiet=False)
    equal(run.status, 3, what)
    errors = rows_of(out, "error")
    if equal([(r["code"], r["stage"], r["target"]) for r in errors], [(code, "match", path)], what):
        for word in words:
            check(word in errors[0]["message"], f"{what}: {errors[0]['message']!r} names {word!r}")
        check("vulnerabilities were not looked for" in run.out, what + ": the summary says so")
    equal([r["name"] for r in rows_of(out, "package")], ["aaa"], what + ": the rest of the sweep")


for name, body in [("foreign", b"SQLite format 3\0" + b"\0" * 4096), ("empty", b""), ("short", b"TRAWLVDB")]:
    path = folder(name + ".db")
    with open(path, "wb") as file:
        file.write(body)
    bad_database(f"database that is {name}", path, "FORMAT", ["database", path])
feed = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")
whole_db = folder("whole.db")
equal(Run("db", "build", feed, "-o", whole_db).status, 0, "db build")
with open(whole_db, "rb") as file:
    whole = file.read()
for part in (1, 2, 3):
    path = folder("truncated.db")
    with open(path, "wb") as file:
        file.write(whole[:len(whole) * part // 4])
    bad_database(f"database cut at {part}/4", path, "FORMAT", ["bytes"])
equal(Run("sweep", good_target, "--db", "/nowhere.db", "-o", folder("never")).status, 2, "a database that is not there is a usage error")
done()
