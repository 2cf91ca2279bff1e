"""Packages whose files belong to a package of the system: who owns them is a column, whichever layer holds the database,
and what the distribution ships is judged by its own advisories alone."""
import os

from lab import Layout, OS_RELEASE, Run, check, done, equal, folder, rows_of, sweep

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def entry(name, version, maintainer, source=""):
    return (f"Package: {name}\nStatus: install ok installed\nMaintainer: {maintainer}\nArchitecture: all\n" +
            (f"Source: {source}\n" if source else "") + f"Version: {version}\n\n")


def python(place, version="3.1.2"):
    return {f"{place}/Jinja2-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: Jinja2\nVersion: {version}\n"}


DEBIAN, OTHER = "Python Team <team+python@tracker.debian.org>", "Somebody <packages@vendor.example>"
database = folder("vuln.db")
run = Run("db", "build", os.path.join(ROOT, "docs/demo-feed"), "-o", database)
equal(run.status, 0, run.err)

layout = Layout("layout")
# Files and database in layers of their own, the list with the paths of before /usr was merged.
files = layout.layer({"etc/os-release": OS_RELEASE, **python("usr/lib/python3/dist-packages"), **python("usr/lib/vendor"),
                      **python("usr/local/lib/python3.11/site-packages"), **python("opt/vendor"),
                      **python("usr/lib/upgraded")})
known = layout.layer({
    "var/lib/dpkg/status": entry("python3-jinja2", "3.1.2-1", DEBIAN, "jinja2") + entry("vendor-agent", "1", OTHER),
    "var/lib/dpkg/info/python3-jinja2.list":
        "/.\n/lib\n/lib/python3/dist-packages/Jinja2-3.1.2.dist-info\n/lib/python3/dist-packages/Jinja2-3.1.2.dist-info/METADATA\n"
        "/usr/lib/upgraded/Jinja2-3.1.2.dist-info/METADATA\n/opt/vendor/Jinja2-3.1.2.dist-info/METADATA\n",
    "var/lib/dpkg/info/vendor-agent.list": "/usr/lib/vendor/Jinja2-3.1.2.dist-info/METADATA\n"})
# Somebody writes over a file that the package brought.
over = layout.layer({"usr/lib/upgraded/Jinja2-3.1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: Jinja2\nVersion: 3.1.1\n"})
layout.image([files, known, over], "app")
run, out = sweep(layout.close(), "--db", database)
check(run.status in (0, 2), run.err)
DEB, AGENT = "pkg:deb/debian/python3-jinja2@3.1.2-1?arch=all&distro=debian-12", "pkg:deb/debian/vendor-agent@1?arch=all&distro=debian-12"
OWNERS = {"usr/lib/python3/dist-packages": DEB, "usr/lib/vendor": AGENT, "usr/local/lib/python3.11/site-packages": None,
          "opt/vendor": DEB, "usr/lib/upgraded": None}


def place(row):
    return row["path"].split("/Jinja2-")[0]


equal({place(r): r["owner_purl"] for r in rows_of(out, "package") if r["type"] == "pypi"}, OWNERS, "owners")
hit = {place(r) for r in rows_of(out, "vulnerability") if r["type"] == "pypi"}
equal(hit, set(OWNERS) - {"usr/lib/python3/dist-packages"}, "only what the distribution ships is left to its advisories")

# A second sweep out of the cache says the same, and a system that nobody writes advisories for hides nothing.
cache = folder("kept")
found = []
for _ in range(2):
    run, out = sweep("oci:" + layout.path, "--db", database, "--cache", cache)
    found.append([{k: v for k, v in r.items() if k != "sweep_id"} for t in ("package", "vulnerability") for r in rows_of(out, t)])
equal(found[0], found[1], "cold and warm")
check(len(found[0]) > 5, "rows")
other = Layout("other")
other.image([other.layer({"etc/os-release": "ID=nobodys\nVERSION_ID=1\n", **python("usr/lib/python3/dist-packages"),
                          "var/lib/dpkg/status": entry("python3-jinja2", "3.1.2-1", DEBIAN),
                          "var/lib/dpkg/info/python3-jinja2.md5sums": "0c09  usr/lib/python3/dist-packages/Jinja2-3.1.2.dist-info/METADATA\n"})], "app")
run, out = sweep(other.close(), "--db", database)
equal([r["owner_purl"].split("/")[-1].split("@")[0] for r in rows_of(out, "package") if r["type"] == "pypi"], ["python3-jinja2"], "owned")
check([r for r in rows_of(out, "vulnerability") if r["type"] == "pypi"], "without advisories of the distribution, those of PyPI count")
done()
