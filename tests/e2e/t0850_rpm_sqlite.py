"""rpm's SQLite database, made by SQLite itself: every package is found whatever the size of pages and of headers, a
database that was cut off keeps what stood before, and one whose rows are in the log says so."""
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import tempfile

from lab import check, done, equal

TRAWL = os.environ["TRAWL"]


def header(name, version, release, padding=0):
    """An rpm header without its lead; the padding stands in a tag that nobody reads."""
    index = store = b""
    fields = [(1000, name), (1001, version), (1002, release), (1022, "x86_64"), (1004, "x" * padding)]
    for tag, text in fields:
        index += struct.pack(">IIII", tag, 6, len(store), 1)
        store += text.encode() + b"\0"
    return struct.pack(">II", len(fields), len(store)) + index + store


def database(folder, page_bytes, packages, log=False):
    path = os.path.join(folder, "var/lib/rpm")
    os.makedirs(path)
    path = os.path.join(path, "rpmdb.sqlite")
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size={page_bytes}")
    connection.execute("PRAGMA journal_mode=%s" % ("WAL" if log else "DELETE"))
    connection.execute("CREATE TABLE Other (a INTEGER, b TEXT)")
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(header(*p),) for p in packages])
    connection.execute("DELETE FROM Packages WHERE hnum = 2")
    connection.commit()
    return path, connection


def rows(folder):
    run = subprocess.run([TRAWL, "fs", "--no-cache", "--scanners", "package", "--format", "ndjson", folder],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    check(run.returncode in (0, 3), f"exit status {run.returncode}: {run.stderr.decode()}")
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return ([(r["name"], r["version"]) for r in found if r["table"] == "package"],
            [r["message"] for r in found if r["table"] == "error"])


# Headers from smaller than a page to several of them, so that both leaf cells and chains of overflow pages occur.
PACKAGES = [(f"p{i:04}", f"{i}.0", "1.el9", i * i % 20011) for i in range(400)]
WANT = sorted((n, f"{v}-{r}") for i, (n, v, r, _) in enumerate(PACKAGES) if i != 1)

for page_bytes in (512, 4096, 65536):
    folder = tempfile.mkdtemp()
    path, connection = database(folder, page_bytes, PACKAGES)
    connection.close()
    packages, errors = rows(folder)
    equal(sorted(packages), WANT, f"pages of {page_bytes}: packages")
    equal(errors, [], f"pages of {page_bytes}: errors")
    size = os.path.getsize(path)
    before = len(WANT)
    for part in (0.7, 0.3):
        os.truncate(path, int(size * part))
        packages, errors = rows(folder)
        check(set(packages) <= set(WANT) and len(packages) < before, f"cut to {part}: {len(packages)} packages")
        check(part < 0.5 or len(packages) > 50, f"cut to {part}: only {len(packages)} packages")
        check(len(errors) == 1 and "rpm: sqlite" in errors[0], f"cut to {part}: {errors}")
        before = len(packages) + 1
    shutil.rmtree(folder)

folder = tempfile.mkdtemp()
path, connection = database(folder, 4096, PACKAGES[:3], log=True)
packages, errors = rows(folder)
equal(packages, [], "rows in the log: packages")
check(len(errors) == 1 and "-wal" in errors[0], f"rows in the log: {errors}")
connection.close()
packages, errors = rows(folder)
equal((sorted(packages), errors), ([("p0000", "0.0-1.el9"), ("p0002", "2.0-1.el9")], []), "the log was merged")
shutil.rmtree(folder)
done()
