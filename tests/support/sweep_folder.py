"""Finished sweeps made of dictionaries: {table: [rows]}, columns that a row leaves out are empty. Also rows of strangers' worst names.

The shards are written as shard/FORMAT.md says, by Python and the lz4 command; only the manifest's checksums are made up, which nothing but
`trawl shards verify` looks at.
"""
import json
import os
import re
import shutil
import struct
import subprocess

from lab import Run, folder, skip

KEYS = {"image": ["reference", "image_digest"], "image_layer": ["image_digest", "ordinal"], "layer": ["layer_digest"],
        "package": ["package_set", "purl", "path"], "vulnerability": ["package_set", "purl", "path", "id"],
        "secret": ["layer_digest", "path", "byte_offset", "rule"], "image_secret": ["image_digest", "fingerprint", "location"],
        "misconfiguration": ["target", "path", "line", "rule"], "compliance": ["target", "specification", "control"],
        "error": ["target", "stage", "path"]}
EMPTY = {"String": "", "UInt64": 0, "DateTime": 0, "Float64": 0.0, "Bool": False, "Array(String)": [], "Map(String, String)": {}}
ROWS_OF_A_FRAME = 1500
_columns = None


def columns():
    """{table: [(name, type, nullable)]} as trawl itself writes it."""
    global _columns
    if _columns is None:
        os.makedirs(folder("nothing"), exist_ok=True)
        run = Run("sweep", "rootfs:" + folder("nothing"), "-o", folder("schema"), "--quiet")
        assert run.status == 0, run.err
        _columns, table = {}, None
        with open(os.path.join(folder("schema"), "ddl", "clickhouse.sql"), encoding="utf-8") as file:
            for line in file:
                if found := re.match(r"CREATE TABLE IF NOT EXISTS `(\w+)`", line):
                    table = found[1]
                    _columns[table] = []
                elif found := re.match(r"    `(\w+)` (.*?),?$", line):
                    nullable = re.match(r"Nullable\((.*)\)", found[2])
                    _columns[table].append((found[1], nullable[1] if nullable else found[2], bool(nullable)))
    return _columns


def text(value):
    data = value.encode()
    if len(data) < 32:
        return bytes([0xa0 | len(data)]) + data
    return (struct.pack(">BB", 0xd9, len(data)) if len(data) < 256 else struct.pack(">BH", 0xda, len(data)) if len(data) < 65536 else struct.pack(">BI", 0xdb, len(data))) + data


def packed(value, kind):
    if value is None:
        return b"\xc0"
    if kind == "String":
        return text(value)
    if kind in ("UInt64", "DateTime"):
        return bytes([value]) if value < 128 else struct.pack(">BQ", 0xcf, value)
    if kind == "Float64":
        return struct.pack(">Bd", 0xcb, value)
    if kind == "Bool":
        return b"\xc3" if value else b"\xc2"
    if kind == "Array(String)":
        return (bytes([0x90 | len(value)]) if len(value) < 16 else struct.pack(">BH", 0xdc, len(value))) + b"".join(text(v) for v in value)
    return (bytes([0x80 | len(value)]) if len(value) < 16 else struct.pack(">BH", 0xde, len(value))) + b"".join(text(k) + text(v) for k, v in value.items())


def write_sweep(name, tables, sweep_id="made-up", started_at="2024-05-01T00:00:00Z", finished_at="2024-05-01T00:01:00Z", **manifest):
    """A folder of that name under the test's own; returns its path."""
    if shutil.which("lz4") is None:
        skip("lz4 is not installed")
    path = folder(name)
    listed = {table: {"rows": 0, "files": []} for table in columns()}
    for table, rows in tables.items():
        kinds = {column: EMPTY[kind] for column, kind, _ in columns()[table]}

        def order(row, table=table, kinds=kinds):
            values = [row.get(k, kinds[k]) for k in KEYS[table]]
            return [v.encode() if isinstance(v, str) else v for v in values]
        rows = sorted(({"sweep_id": sweep_id, **row} for row in rows), key=order)
        if not rows:
            continue
        os.makedirs(os.path.join(path, table), exist_ok=True)
        frames = b""
        for begin in range(0, len(rows), ROWS_OF_A_FRAME):
            plain = b"".join(packed(row.get(column, None if nullable else EMPTY[kind]), kind) for row in rows[begin:begin + ROWS_OF_A_FRAME] for column, kind, nullable in columns()[table])
            frames += subprocess.run(["lz4", "-cq", "--content-size"], input=plain, stdout=subprocess.PIPE, check=True).stdout
        part = f"{table}/part-00000.msgpack.lz4"
        with open(os.path.join(path, part), "wb") as file:
            file.write(frames)
        listed[table] = {"rows": len(rows), "files": [{"path": part, "rows": len(rows), "bytes": len(frames), "xxh64": "0" * 16}]}
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump({"schema_version": 1, "sweep_id": sweep_id, "tool_version": "test", "rules_digest": None, "feed_version": None, "feed_at": None,
                   "started_at": started_at, "finished_at": finished_at, "targets": ["made-up"], "totals": {}, "tables": listed, **manifest}, file)
    return path


def digest(number):
    return f"sha256:{number:064x}"


# ---- the worst names ----

ESCAPE, BELL, NEWLINE, NUL = "\x1b", "\x07", "\n", "\x00"
RIGHT_TO_LEFT, ISOLATE, INVISIBLE, C1 = "\u202e", "\u2066", "\u200b", "\x9b"
HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1+1)*cmd|' /C calc'!A0", "\t=1", "line\nbreak", "carriage\rreturn", "nul\x00byte", "\\xff\\xfe not UTF-8",
           "<script>alert(1)</script>", "\" onmouseover=\"alert(1)", "' onclick='alert(1)", "</script><img src=x onerror=alert(1)>", "]]>", "<!--", "-->", "&amp;",
           "\x1b[31mred\x1b]0;title\x07", "\x9b31m", "abc\u202etxt.exe", "\u2066isolated\u2069", "zero\u200bwidth", "a\u2028b\u2029c", "\ufeffmark", "\x7f",
           "|pipe|", "`code`", "[link](https://example.invalid)", "![image](x)", "**bold** _it_ ~~gone~~ # head", "https://example.invalid www.example.invalid me@example.invalid", "@someone #1",
           "::error::forged", "a%0Ab", "file=x,line=1::y", "{{sweep_id}}", "${HOME} $(id) `id` ; rm", "\"quoted\", comma", "a\\b\\n", "ünïcödé 日本語 🙂", "x" * 3000]


def hostile_tables():
    """Rows with each of them as path, tag, package and secret."""
    tables = {table: [] for table in KEYS}
    for i, word in enumerate(HOSTILE):
        package_set, layer, image = f"{i:032x}", digest(i + 1000), digest(i)
        tables["image"].append({"reference": "registry.invalid/" + word, "registry": "registry.invalid", "repository": word, "tag": word, "image_digest": image, "target_kind": "registry",
                                "os": "linux", "architecture": word, "package_set": package_set, "status": "partial" if i % 9 == 0 else "done", "reason": word if i % 9 == 0 else "",
                                "labels": {word: word}, "scanned_at": 1714521600, "config_digest": digest(i + 2000)})
        tables["image_layer"].append({"image_digest": image, "ordinal": 0, "layer_digest": layer, "created_by": word})
        tables["layer"].append({"layer_digest": layer, "status": "done"})
        tables["package"].append({"package_set": package_set, "purl": "pkg:generic/owner@1", "type": "generic", "name": "owner", "version": "1", "path": "usr/lib", "layer_digest": layer, "licenses": ["MIT", "gpl-2.0-only WITH Classpath-exception-2.0"]})
        tables["package"].append({"package_set": package_set, "purl": f"pkg:generic/p{i}@1", "type": "generic", "name": word, "version": word, "path": word, "layer_digest": layer,
                                  "licenses": [word], "evidence": "installed", "owner_purl": "pkg:generic/owner@1"})
        tables["vulnerability"].append({"package_set": package_set, "id": "CVE-2024-" + str(1000 + i), "aliases": [word], "purl": f"pkg:generic/p{i}@1", "type": "generic", "name": word, "version": word,
                                        "path": word, "layer_digest": layer, "severity": ["malicious", "critical", "high", "medium", "low", "negligible", "unknown"][i % 7],
                                        "cvss_vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "cvss_score": 9.8, "status": "fixed", "fixed_version": word, "source": word,
                                        "confidence": 1.0, "evidence": word, "vex_status": ["", "not_affected", "", "affected"][i % 4], "suppressed_by": word if i % 7 == 1 else "", "published_at": 1700000000})
        tables["secret"].append({"layer_digest": layer, "path": word, "line": i, "byte_offset": i, "rule": word, "severity": "high", "confidence": 0.9, "redacted": word, "fingerprint": f"{i:032x}", "evidence": word})
        tables["image_secret"].append({"image_digest": image, "fingerprint": f"{i:032x}", "rule": word, "location": word, "state": "effective", "layer_digest": layer})
        tables["misconfiguration"].append({"target": "registry.invalid/" + word, "image_digest": image, "path": word, "line": 3, "end_line": 5, "rule": word, "title": word, "severity": "medium", "message": word, "remediation": word, "resource": word})
        tables["compliance"].append({"target": "registry.invalid/" + word, "specification": "cis", "control": "4.1", "title": word, "status": "fail", "finding_count": 1, "reason": word})
        tables["error"].append({"target": "registry.invalid/" + word, "stage": "scan", "path": word, "code": "FORMAT", "message": word})
    return tables
