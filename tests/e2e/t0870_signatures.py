"""Programs that no package manager knows of: found by their bytes, in files of any size, gone where an upper layer takes
them away, the same whatever the memory; and of this machine's own programs the version that they say themselves."""
import os
import re
import shutil
import subprocess
import sys
import sysconfig

from lab import Layout, Link, check, done, equal, rows_of, sweep


def found(rows):
    sets = {}
    for row in rows:
        if row["table"] == "package" and row["evidence"] == "embedded":
            sets.setdefault(row["package_set"], []).append((row["name"], row["version"], row["path"]))
    return {r["reference"].rsplit(":", 1)[1]: sorted(sets.get(r["package_set"], [])) for r in rows if r["table"] == "image"}


# A body of 23 MiB that no thread holds whole with so little memory, the version where two windows overlap.
text = bytearray(b"\x00padding of a program\n" * 1100000)
text[len(text) // 2:len(text) // 2 + 24] = b"\x00\x00node.js/v20.11.0\x00\x00\x00\x00\x00\x00"
node = b"\x7fELF" + bytes(text)
layout = Layout("signatures")
base = layout.layer({"usr/local/bin/node": node, "bin/busybox": b"\x7fELF\x00BusyBox v1.36.1 (2023-11-07 18:53:09 UTC)\x00",
                     "bin/gzip": Link("busybox"), "srv/readme": "BusyBox v1.36.1 (", "usr/local/go/VERSION": "go1.22.0\n"})
layout.image([base], "base")
layout.image([base, layout.layer({"usr/local/bin/.wh.node": "", "usr/local/go/VERSION": "go1.22.1\n"})], "upper")
target = layout.close()
busybox, runtime = ("busybox", "1.36.1", "bin/busybox"), ("node", "20.11.0", "usr/local/bin/node")
expected = {"base": [busybox, ("go", "1.22.0", "usr/local/go/VERSION"), runtime], "upper": [busybox, ("go", "1.22.1", "usr/local/go/VERSION")]}
for options in ([], ["--memory", "96M"], ["--memory", "96M", "--scanners", "package"], ["--jobs", "8", "--no-dedup"]):
    run, out = sweep(target, *options)
    equal(run.status, 0, "sweep %s: %s" % (options, run.err))
    equal(found(rows_of(out)), expected, "what is found with %s" % options)
purl = [r["purl"] for r in rows_of(out) if r["table"] == "package" and r["name"] == "node"]
equal(purl, ["pkg:generic/node@20.11.0"], "package URL")

# The programs of this machine are asked themselves.
questions = {"bash": ("bash", ["--version"], r"version (\d+\.\d+\.\d+)"), "perl": ("perl", ["-v"], r"\(v(5[0-9.]+)\)"),
             "openssl": ("openssl", ["version"], r"OpenSSL (\S+)"), "git": ("git", ["--version"], r"version (\d+\.\d+\.\d+)"),
             "xz": ("xz", ["--version"], r"Utils\) (\S+)"), "gzip": ("gzip", ["--version"], r"gzip (\S+)"),
             "curl": ("curl", ["--version"], r"curl (\S+)"), "node": ("node", ["--version"], r"v(\S+)"),
             "zstd": ("zstd", ["--version"], r" v(\d+\.\d+\.\d+)"), sys.executable: ("python", ["--version"], r"Python (\S+)")}
layout, answers, files = Layout("own-programs"), {}, {}
library = os.path.join(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "none")
if os.path.isfile(library):  # a python of a shared build is a few bytes: the version stands in its library
    files["usr/lib/" + os.path.basename(library)] = open(library, "rb").read()
for program, (product, arguments, expression) in questions.items():
    path = shutil.which(program)
    path = os.path.realpath(path) if path else None
    if not path or open(path, "rb").read(4) != b"\x7fELF" or product == "perl" and os.path.basename(path) != "perl":
        continue
    said = re.search(expression, subprocess.run([path] + arguments, stdout=subprocess.PIPE, text=True).stdout)
    answers[product] = said.group(1)
    files["usr/bin/" + os.path.basename(path)] = open(path, "rb").read()
check(len(answers) >= 3, "programs to ask: %s" % answers)
layout.image([layout.layer(files)], "own")
run, out = sweep(layout.close())
listed = {name: version for name, version, path in found(rows_of(out))["own"] if name in answers}
equal(listed, answers, "versions of this machine's programs")
done()
