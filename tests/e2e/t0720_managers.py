"""What the package managers themselves say is installed, and whose a file is, is what trawl lists: dpkg, rpm, npm and pip, each
where the machine has it. Their databases are copied, so that nothing of the machine's is written."""
import glob
import json
import os
import re
import shutil
import subprocess

from lab import OS_RELEASE, Run, check, done, equal, folder, skip

ASKED = []


def ask(*command, **more):
    """What a command prints, or None where it is not there or fails."""
    if shutil.which(command[0]) is None:
        return None
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=120, **more)
    return run.stdout.decode() if run.returncode == 0 or run.stdout else None


def put(root, path, data):
    path = os.path.join(root, path.lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def copy(root, path):
    with open(path, "rb") as file:
        put(root, path, file.read())


def rows(root):
    run = Run("fs", "--no-cache", "--scanners", "package", "--format", "ndjson", root)
    check(run.status in (0, 3), f"{root}: {run.err}")
    return run.rows("package")


def same(found, expected, what):
    check(len(expected) > 0, f"{what}: something to compare")
    check(not found - expected, f"{what}: only trawl lists {sorted(found - expected)[:10]}")
    check(not expected - found, f"{what}: trawl misses {sorted(expected - found)[:10]}")


def dpkg():
    database = "/var/lib/dpkg"
    listed = ask("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n")
    if not listed or not os.path.exists(database + "/status"):
        return print("SKIP dpkg: no dpkg-query, or no database")
    root = folder("dpkg")
    put(root, "etc/os-release", OS_RELEASE)
    for path in [database + "/status"] + glob.glob(database + "/info/*.list") + glob.glob(database + "/info/*.md5sums"):
        copy(root, path)
    modules = [p for p in glob.glob("/usr/lib/python3/dist-packages/*.*-info/*") if os.path.basename(p) in ("METADATA", "PKG-INFO")]
    modules += [p for p in glob.glob("/usr/lib/python3/dist-packages/*.egg-info") if os.path.isfile(p)]
    modules += glob.glob("/usr/share/nodejs/*/package.json")
    for path in modules:
        copy(root, path)
    found = rows(root)
    same({(r["name"], r["version"], r["architecture"]) for r in found if r["type"] == "deb"},
         {tuple(line.split("\t")[:3]) for line in listed.splitlines() if line.split("\t")[3] in
          ("installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending")}, "dpkg-query -W")
    # Whose a module is: dpkg-query -S names the packages that have its file; in both spellings of a merged /usr.
    owned = {r["path"]: r["owner_purl"] for r in found if r["type"] != "deb"}
    asked = 0
    for path, purl in sorted(owned.items())[:40]:
        names = ask("dpkg-query", "-S", "/" + path) or ""
        names = {name.split(":")[0] for name in re.sub(r": /.*", "", names.strip()).split(", ")} - {""}
        asked += bool(names)
        check((purl is None) == (not names) and (purl is None or purl.split("/")[2].split("@")[0] in names),
              f"the owner of {path}: dpkg-query says {names}, trawl {purl}")
    check(asked > 0 or not owned, "some module has an owner")
    ASKED.append(f"dpkg ({asked} owners)")


SPEC = """Name: {name}
Version: {version}
Release: {release}
{epoch}Summary: made up
License: MIT
BuildArch: noarch
AutoReqProv: no
%description
made up
%install
mkdir -p %{{buildroot}}/usr/lib/python3/site-packages/{name}-{version}.dist-info
printf 'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n' > %{{buildroot}}/usr/lib/python3/site-packages/{name}-{version}.dist-info/METADATA
%files
/usr/lib/python3/site-packages/{name}-{version}.dist-info
"""


def rpm():
    if shutil.which("rpm") is None or shutil.which("rpmbuild") is None:
        return print("SKIP rpm: no rpm or rpmbuild")
    top, root = folder("rpmbuild"), folder("rpm")
    os.makedirs(root)
    for name, version, release, epoch in (("alpha", "1.2", "3.el9", ""), ("beta-lib", "0.9~rc1", "1", "Epoch: 2\n"), ("gamma", "7", "1", "")):
        spec = os.path.join(top, name + ".spec")
        put(top, name + ".spec", SPEC.format(name=name, version=version, release=release, epoch=epoch))
        built = subprocess.run(["rpmbuild", "-bb", "--quiet", "-D", f"_topdir {top}", spec], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if not check(built.returncode == 0, f"rpmbuild {name}: {built.stdout.decode()[-400:]}"):
            return None
    base = ["rpm", "--root", root, "--dbpath", "/var/lib/rpm"]
    files = sorted(glob.glob(top + "/RPMS/noarch/*.rpm"))
    done_ = subprocess.run(base + ["-i", "--nodeps", "--noscripts", "--nosignature"] + files, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    check(done_.returncode == 0, f"rpm -i: {done_.stdout.decode()[-400:]}")
    subprocess.run(base + ["-e", "--nodeps", "--noscripts", "gamma"], check=False, stderr=subprocess.DEVNULL)
    put(root, "etc/os-release", 'ID=rocky\nVERSION_ID="9.3"\n')
    listed = ask(*base, "-qa", "--qf", "%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\n") or ""
    found = rows(root)
    same({(r["name"], r["version"], r["architecture"]) for r in found if r["type"] == "rpm"},
         {(n, re.sub("^0:", "", v), a) for n, v, a in (line.split("\t") for line in listed.splitlines())}, "rpm -qa")
    modules = [r for r in found if r["type"] == "pypi"]
    equal(len(modules), 2, "modules of rpm's packages")
    for row in modules:
        owner = ask(*base, "-qf", "--qf", "%{NAME}", "/" + row["path"])
        check(row["owner_purl"] is not None and row["owner_purl"].split("/")[2].split("@")[0] == owner,
              f"the owner of {row['path']}: rpm says {owner}, trawl {row['owner_purl']}")
    ASKED.append("rpm")
    return None


def npm():
    base = (ask("npm", "root", "-g") or "").strip()
    listed = ask("npm", "ls", "-g", "--all", "--json")
    if not listed or not os.path.isdir(base):
        return print("SKIP npm: no npm")
    root, expected, todo = folder("npm"), set(), [json.loads(listed)]
    while todo:
        for name, item in todo.pop().get("dependencies", {}).items():
            if "version" in item: # not there: optional, or for another system
                expected.add((name, item["version"]))
            todo.append(item)
    for folder_, _, files in os.walk(base):
        if "package.json" in files:
            copy(root, os.path.join(folder_, "package.json"))
    same({(r["name"], r["version"]) for r in rows(root) if r["type"] == "npm"}, expected, "npm ls --all")
    ASKED.append("npm")
    return None


def pip():
    """The interpreter's own packages, and the distribution's, which lie beside them as eggs."""
    for python in ("python3", "/usr/bin/python3"):
        where = ask(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        for site in {(where or "").strip(), "/usr/lib/python3/dist-packages"} - {""}:
            listed = ask(python, "-m", "pip", "list", "--format", "json", "--path", site)
            if not listed or not json.loads(listed):
                print(f"SKIP pip: {python} lists nothing of {site}")
                continue
            root = folder("pip-" + re.sub(r"\W", "-", python + site))
            for path in glob.glob(site + "/*.dist-info/METADATA") + glob.glob(site + "/*.egg-info/PKG-INFO") + glob.glob(site + "/*.egg-info"):
                if os.path.isfile(path):
                    copy(root, path)
            same({(re.sub(r"[-_.]+", "-", r["name"]).lower(), r["version"]) for r in rows(root) if r["type"] == "pypi"},
                 {(re.sub(r"[-_.]+", "-", p["name"]).lower(), p["version"]) for p in json.loads(listed)}, f"pip list --path {site}")
            ASKED.append("pip")


dpkg()
rpm()
npm()
pip()
if not ASKED:
    skip("none of dpkg, rpm, npm and pip is here")
print("asked:", ", ".join(ASKED))
done()
