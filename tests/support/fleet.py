"""What the tests of chaos, kill, full disks and damaged caches share: a small fleet with shared layers, and its rows made comparable."""
import hashlib
import json
import os
import subprocess

from lab import TRAWL, Layout, Link, Run, check, debian, status

FEED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")

HELP = subprocess.run([TRAWL, "sweep", "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()


def has(*options):
    """Whether this trawl has these options of `sweep`."""
    return all(option in HELP for option in options)


def secret(seed):
    """Looks like a token; made up."""
    return "gh" + "p_" + hashlib.sha256(seed.encode()).hexdigest()[:36]


def noise(seed, size):
    """Bytes that do not pack, the same in every run: what makes a layer take time on its way."""
    out = bytearray()
    while len(out) < size:
        out += hashlib.sha256(f"{seed}/{len(out)}".encode()).digest()
    return bytes(out[:size])


def small_fleet():
    """{repository: (layout, tags)}: eight images in six repositories over fifteen layers, one index of two platforms, whiteouts, secrets."""
    layout = Layout("fleet")
    base = layout.layer(debian({"openssl": "3.0.9-1", "zlib1g": "1:1.2.13.dfsg-1", "libc6": "2.36-9"}, **{
        "srv/config.ini": "token = " + secret("base") + "\n", "lib": Link("usr/lib"), "srv/noise": noise("base", 60000)}))
    node = layout.layer({f"app/node_modules/{n}/package.json": '{"name":"%s","version":"%s"}' % (n, v) for n, v in
                         {"lodash": "4.17.15", "minimist": "1.2.0", "axios": "0.21.0"}.items()})
    python = layout.layer({"usr/lib/python3/dist-packages/urllib3-1.26.4.dist-info/METADATA": "Metadata-Version: 2.1\nName: urllib3\nVersion: 1.26.4\n"})
    gone = layout.layer({"srv/.wh.config.ini": "", "var/lib/dpkg/status": status({"openssl": "3.0.9-1"})})
    apps = [layout.layer({f"srv/app{i}/settings.ini": f"key = {secret(str(i))}\n", f"srv/app{i}/data": noise(f"app{i}", 2000 << (i % 6)),
                          f"app{i}/node_modules/left{i}/package.json": '{"name":"left%d","version":"1.0.%d"}' % (i, i)}) for i in range(11)]
    layout.image([base], "base")
    layout.image([base, node, apps[0], apps[1]], "web", config={"Env": ["API_TOKEN=" + secret("env")]})
    layout.image([base, node, apps[2], gone], "clean")
    layout.image([base, python, apps[3], apps[4], apps[5]], "job")
    layout.image([python, apps[6]], "tool")
    layout.image([base, apps[7], apps[8]], "old")
    amd = layout.image([base, apps[9]])
    arm = layout.image([node, apps[10]], architecture="arm64")
    layout.index([{**amd, "platform": {"os": "linux", "architecture": "amd64"}}, {**arm, "platform": {"os": "linux", "architecture": "arm64"}}], "multi")
    layout.close()
    return {"base": (layout, ["base"]), "team/web": (layout, ["web", "clean"]), "team/job": (layout, ["job"]), "tool": (layout, ["tool"]),
            "deep/er/still": (layout, ["old"]), "multi": (layout, ["multi"])}


def wide_fleet(images, layers_each, size):
    """Many layers that nobody shares but the first: what a sweep is killed in. {repository: (layout, tags)}."""
    layout = Layout("wide")
    base = layout.layer(debian({"openssl": "3.0.9-1"}))
    names = []
    for i in range(images):
        own = [layout.layer({f"srv/{i}/{j}/noise": noise(f"{i}/{j}", size), f"srv/{i}/{j}.ini": f"key = {secret(f'{i}/{j}')}\n",
                             f"srv/node_modules/p{i}x{j}/package.json": '{"name":"p%dx%d","version":"1.0.0"}' % (i, j)}) for j in range(layers_each)]
        layout.image([base, *own], f"t{i}")
        names.append(f"t{i}")
    layout.close()
    return {f"wide/r{k}": (layout, names[k::4]) for k in range(4)}


def start(*arguments):
    """A trawl that runs beside the test."""
    return subprocess.Popen([TRAWL, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def database(path):
    run = Run("db", "build", FEED, "-o", path)
    check(run.status == 0, "db build: " + run.err)
    return path


def rows(out, host=None):
    """Every row of a finished sweep without what differs by nature: its id and times. `host` becomes REGISTRY."""
    run = Run("export", out, "--format", "ndjson")
    check(run.status == 0, f"export of {out}: {run.err}")
    kept = []
    for line in run.out.splitlines():
        row = json.loads(line.replace(host, "REGISTRY") if host else line)
        for name in ("sweep_id", "scanned_at", "scan_ms"):
            row.pop(name, None)
        kept.append(row)
    return sorted(kept, key=key)


def key(row):
    return json.dumps(row, sort_keys=True)


def difference(found, expected, most=2):
    """Text that names the first rows that one has and the other has not; empty when they are the same."""
    one, two = [key(row) for row in found], [key(row) for row in expected]
    if sorted(one) == sorted(two):
        return ""
    extra, missing = sorted(set(one) - set(two)), sorted(set(two) - set(one))
    return f"{len(found)} rows in the place of {len(expected)}; extra {len(extra)}: {extra[:most]} missing {len(missing)}: {missing[:most]}"
