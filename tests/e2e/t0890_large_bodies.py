"""Large bodies in bounded memory: a long stream, one long line, very many hits, a thousand zips, base64 of base64.

LARGE=1 of the environment (`make test-large`): 8 GiB, a line of 1 GiB, a million hits; else small versions of them.
"""
import base64
import io
import json
import os
import resource
import subprocess
import time
import zipfile

from lab import TRAWL, check, done, equal, is_sanitized

LARGE = os.environ.get("LARGE") == "1"
MIB = 1 << 20
STREAM = 8192 * MIB if LARGE else 64 * MIB
LINE = 1024 * MIB if LARGE else 24 * MIB
HITS = 1000000 if LARGE else 30000
MEMORY = 256 * MIB
TOKEN = b"AKIAZ3MGQ4TXN7WD2KLP"  # made up for this test


def search(what, pieces):
    """Rows, seconds and bytes of what is piped in."""
    begin, size = time.monotonic(), 0
    process = subprocess.Popen([TRAWL, "secrets", "-", "-f", "ndjson"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for piece in pieces:
            process.stdin.write(piece)
            size += len(piece)
    except BrokenPipeError:
        pass
    out, err = process.communicate()
    seconds = time.monotonic() - begin
    rows = [json.loads(line) for line in out.decode().splitlines()]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"{what}: {size / MIB:.0f} MiB in {seconds:.1f} s ({size / MIB / seconds:.0f} MiB/s), peak so far {peak / MIB:.0f} MiB, {len(rows)} rows")
    check(process.returncode in (0, 3), f"{what}: status {process.returncode}: {err.decode()}")
    check(is_sanitized() or peak < MEMORY, f"{what}: {peak / MIB:.0f} MiB")
    keys = [r["byte_offset"] for r in rows if r["table"] == "secret" and r["rule"] == "aws-access-key-id"]
    return keys, [r for r in rows if r["table"] == "error"], process.returncode


def stream(total, chunk, places):
    """Chunks over and over, with a token at each of the offsets."""
    at = 0
    places = sorted(places)
    while at < total:
        piece = bytearray(chunk[:min(len(chunk), total - at)])
        while places and places[0] < at + len(piece):
            begin = places.pop(0) - at
            piece[begin:begin + len(TOKEN) + 2] = b" " + TOKEN + b" "
        yield bytes(piece)
        at += len(piece)


text = (b"the quick brown fox = jumps over 13 lazy dogs, and so on and on;\n" * (MIB // 65))[:MIB - 30] + b"\n" * 30
for what, total, chunk in (("a stream", STREAM, text), ("one line", LINE, text.replace(b"\n", b" "))):
    places = [5000, total // 2 - 4007, total - 5000] + [4 * MIB * k - 10 for k in range(1, 4)]  # also where windows meet
    keys, errors, status = search(what, stream(total, chunk, list(places)))
    equal((keys, errors, status), (sorted(place + 1 for place in places), [], 0), what)

keys, errors, status = search("very many hits", (b"k%d = AKIAZ3%s\n" % (i, base64.b32encode(b"%09d" % (i * 977 % 999999937))[:14]) for i in range(HITS)))
equal(status, 3, "very many hits are an error row")
check(len(keys) >= 1000 and errors and all(r["code"] == "LIMIT" for r in errors), f"very many hits: {len(keys)} rows, {errors[:1]}")

nest = b"key=" + TOKEN + b"\n"
for _ in range(1000):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("z", nest)
    nest = out.getvalue()
_, errors, _ = search("a thousand zips", [nest])
equal([r["code"] for r in errors], ["LIMIT"], "a thousand zips in each other")
deep = b"key=" + TOKEN + b"\n"
for _ in range(30):
    deep = base64.b64encode(deep)
_, errors, _ = search("base64 of base64", [deep])
equal([r["code"] for r in errors], ["LIMIT"], "base64 of base64 of base64 …")
done()
