#!/usr/bin/env python3
"""Builds the demo's registry: an OCI layout of images made out of real packages, without Docker and without root.

usage: demo_images.py CACHE LAYOUT

Debian packages come through `apt-get download`, Node.js modules through `npm pack`, Python wheels through `pip download`; all are kept in
CACHE, and so are packed layers: the same members are not packed twice. What cannot be reached is left out, and said in a line for each kind.
The secrets in the image `leaky` are made up here, at run time.
"""
import binascii
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

MTIME = 1700000000

DEBIAN_BASE = ["base-files", "base-passwd", "bash", "coreutils", "dpkg", "apt", "libc6", "libc-bin", "openssl", "libssl3", "libexpat1",
               "zlib1g", "perl-base", "curl", "libcurl4", "libsystemd0", "libgnutls30", "tar", "gzip", "sed", "grep", "libxml2",
               "libsqlite3-0", "libkrb5-3", "liblzma5", "tzdata", "ca-certificates"]
DEBIAN_PYTHON = ["python3-minimal", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "python3-requests", "python3-urllib3", "python3-jinja2",
                 "python3-markupsafe", "python3-yaml", "python3-certifi", "python3-idna", "python3-chardet", "python3-pkg-resources"]
WHEELS = ["requests==2.19.1", "urllib3==1.24.1", "Jinja2==2.10", "certifi==2022.12.7", "Werkzeug==0.15.3", "Flask==0.12.2"]
MODULES = ["lodash@4.17.15", "minimist@1.2.0", "axios@0.21.0", "express@4.17.1", "node-fetch@2.6.0", "qs@6.7.0", "semver@5.7.1", "debug@2.6.8",
           "ini@1.3.5", "tar@4.4.13", "ws@7.4.0", "moment@2.29.1", "handlebars@4.5.3", "json5@1.0.1"]

FETCH_FAILURES_MAX = 3  # in a row; then the kind counts as out of reach: without a network every further try would only cost its timeout

left_out = {}  # kind -> names


def leave_out(kind, name):
    left_out.setdefault(kind, []).append(name)


def run(*command, cwd=None, timeout=60):
    """The command's output, or None when it failed or is not there."""
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class Cache:
    """A folder of downloaded packages of one kind."""

    def __init__(self, root, kind, fetch):
        self.root, self.kind, self.fetch, self.failures = root, kind, fetch, 0
        os.makedirs(root, exist_ok=True)

    def find(self, prefix, suffix):
        """The newest file so named, ignoring case, or None."""
        names = [n for n in sorted(os.listdir(self.root)) if n.lower().startswith(prefix.lower()) and n.endswith(suffix)]
        return os.path.join(self.root, names[-1]) if names else None

    def get(self, name, prefix, suffix):
        """The path of package `name`, downloaded if need be; None when it cannot be had. One by one, so that one missing name spares the others."""
        path = self.find(prefix, suffix)
        if path is None and self.failures < FETCH_FAILURES_MAX:
            self.failures = 0 if run(*self.fetch, name, cwd=self.root) is not None else self.failures + 1
            path = self.find(prefix, suffix)
        if path is None:
            leave_out(self.kind, name)
        return path


class Layer:
    """A tar under construction: deterministic order, owners and times."""

    def __init__(self):
        self.members = {}

    def add(self, path, data=b"", mode=0o644, kind=tarfile.REGTYPE, link=""):
        info = tarfile.TarInfo(path)
        info.mode, info.type, info.linkname, info.mtime = mode, kind, link, MTIME
        info.size = len(data) if kind == tarfile.REGTYPE else 0
        self.members[path] = (info, data)

    def add_tar(self, tar, prefix="", strip=0):
        for member in tar:
            name = "/".join(member.name.lstrip("./").split("/")[strip:])
            if not name:
                continue
            data = tar.extractfile(member).read() if member.isreg() else b""
            link = member.linkname
            if member.islnk():
                link = prefix + "/".join(link.lstrip("./").split("/")[strip:])
            self.add(prefix + name, data, member.mode, member.type, link)

    def add_zip(self, path, prefix):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    self.add(prefix + name, archive.read(name))

    def bytes(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            # Hard links behind what they point to; otherwise by name.
            for path in sorted(self.members, key=lambda p: (self.members[p][0].type == tarfile.LNKTYPE, p)):
                info, data = self.members[path]
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()


class Layout:
    """An OCI image layout on disk."""

    def __init__(self, root, cache):
        self.root, self.cache = root, cache
        self.manifests = []
        os.makedirs(os.path.join(root, "blobs", "sha256"), exist_ok=True)
        os.makedirs(cache, exist_ok=True)

    def blob(self, data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.root, "blobs", "sha256", digest), "wb") as file:
            file.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    def layer(self, layer, packing="gzip"):
        raw = layer.bytes()
        diff_id = hashlib.sha256(raw).hexdigest()
        if packing == "zstd" and not shutil.which("zstd"):
            packing = "gzip"
        kept = os.path.join(self.cache, diff_id + "." + packing)
        if not os.path.exists(kept):
            packed = gzip.compress(raw, 6, mtime=0) if packing == "gzip" else subprocess.run(["zstd", "-q", "-6", "-c"], input=raw, stdout=subprocess.PIPE, check=True).stdout
            with open(kept + ".part", "wb") as file:
                file.write(packed)
            os.rename(kept + ".part", kept)
        with open(kept, "rb") as file:
            blob = self.blob(file.read())
        return {"mediaType": "application/vnd.oci.image.layer.v1.tar+" + packing, "diff_id": "sha256:" + diff_id, **blob}

    def image(self, layers, architecture="amd64", env=(), history=None, labels=None):
        config = {"architecture": architecture, "os": "linux", "created": "2023-11-14T22:13:20Z",
                  "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *env], "Cmd": ["bash"], "Labels": labels or {}},
                  "rootfs": {"type": "layers", "diff_ids": [layer["diff_id"] for layer in layers]},
                  "history": history or [{"created_by": f"layer {i}"} for i in range(len(layers))]}
        media = "application/vnd.oci.image.config.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": {"mediaType": media, **self.blob(json.dumps(config).encode())},
                    "layers": [{k: v for k, v in layer.items() if k != "diff_id"} for layer in layers]}
        return {"mediaType": manifest["mediaType"], **self.blob(json.dumps(manifest).encode())}

    def index(self, manifests):
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
        return {"mediaType": index["mediaType"], **self.blob(json.dumps(index).encode())}

    def tag(self, descriptor, name):
        self.manifests.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})

    def close(self):
        with open(os.path.join(self.root, "oci-layout"), "w", encoding="utf-8") as file:
            file.write('{"imageLayoutVersion":"1.0.0"}')
        with open(os.path.join(self.root, "index.json"), "w", encoding="utf-8") as file:
            json.dump({"schemaVersion": 2, "manifests": self.manifests}, file)


# ---- packages ----

def debs(cache, names):
    return [path for path in (cache.get(name, name + "_", ".deb") for name in names) if path]


def debian_layer(paths, stanzas):
    """A layer with the packages' files and a dpkg database that has them besides what `stanzas` holds already."""
    layer = Layer()
    for path in paths:
        files = run("dpkg-deb", "--fsys-tarfile", path)
        control = run("dpkg-deb", "-f", path)
        if files is None or control is None:
            leave_out("unreadable Debian packages", os.path.basename(path))
            continue
        with tarfile.open(fileobj=io.BytesIO(files)) as tar:
            names = [m.name.lstrip(".") or "/." for m in tar]
            layer.add_tar(tar)
        text = control.decode()
        name = re.search(r"^Package: (.*)$", text, re.M).group(1)
        stanzas[name] = re.sub(r"^(Package: .*)$", r"\1\nStatus: install ok installed", text, count=1, flags=re.M).rstrip("\n") + "\n"
        layer.add(f"var/lib/dpkg/info/{name}.list", "".join(n + "\n" for n in names).encode())
        sums = run("dpkg-deb", "-I", path, "md5sums")
        if sums:
            layer.add(f"var/lib/dpkg/info/{name}.md5sums", sums)
    layer.add("var/lib/dpkg/status", "\n".join(stanzas[name] for name in sorted(stanzas)).encode() + b"\n")
    return layer


def release(layer):
    layer.add("usr/lib/os-release", b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
              b'VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n')
    layer.add("etc/os-release", kind=tarfile.SYMTYPE, link="../usr/lib/os-release", mode=0o777)


def wheel_layer(cache):
    layer = Layer()
    for want in WHEELS:
        path = cache.get(want, want.replace("==", "-") + "-", ".whl")
        if path:
            layer.add_zip(path, "usr/local/lib/python3.11/site-packages/")
    return layer


def module_layer(cache):
    layer = Layer()
    for want in MODULES:
        path = cache.get(want, want.replace("@", "-") + ".tgz", ".tgz")
        if path:
            with tarfile.open(path) as tar:
                layer.add_tar(tar, f"usr/local/lib/node_modules/{want.split('@')[0]}/", strip=1)
    return layer


# ---- made-up secrets ----

def github_shaped_token(seed):
    """The shape and the checksum of a GitHub token, over characters that nobody was given."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    body = "".join(letters[b % 62] for b in hashlib.sha512(seed.encode()).digest()[:30])
    crc, check = binascii.crc32(body.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        check = letters[digit] + check
    return "gh" + "p_" + body + check


def private_key(cache):
    path = os.path.join(cache, "made-up.key")
    if not os.path.exists(path):
        key = run("openssl", "genrsa", "2048")
        if key is None:
            leave_out("made-up secrets", "the RSA key (no openssl)")
            return None
        with open(path, "wb") as file:
            file.write(key)
    with open(path, "rb") as file:
        return file.read()


def leaky_layers(cache):
    added, removed = Layer(), Layer()
    added.add("srv/app/README", b"The key, the token and the password in this image are made up for the demo and open nothing.\n")
    key = private_key(cache)
    if key:
        added.add("srv/app/deploy.key", key, 0o600)
    added.add("srv/app/settings.ini", ("[git]\ntoken = " + github_shaped_token("file") + "\n").encode())
    removed.add("srv/app/.wh.deploy.key")
    return added, removed


def main():
    cache, root = sys.argv[1:3]
    debian_cache = Cache(os.path.join(cache, "debian"), "Debian packages", ("apt-get", "download"))
    wheel_cache = Cache(os.path.join(cache, "pypi"), "Python wheels",
                        (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"))
    module_cache = Cache(os.path.join(cache, "npm"), "Node.js modules", ("npm", "pack", "--silent"))
    layout = Layout(root, os.path.join(cache, "layers"))
    stanzas = {}
    base = debian_layer(debs(debian_cache, DEBIAN_BASE), stanzas)
    release(base)
    base_layer = layout.layer(base)
    python = layout.layer(debian_layer(debs(debian_cache, DEBIAN_PYTHON), dict(stanzas)))
    wheels = layout.layer(wheel_layer(wheel_cache), "zstd")
    modules = layout.layer(module_layer(module_cache))
    added, removed = (layout.layer(layer) for layer in leaky_layers(cache))

    debian = layout.image([base_layer])
    arm = layout.image([wheels], "arm64")
    layout.tag(debian, "debian-12")
    layout.tag(debian, "debian-latest")
    layout.tag(layout.image([base_layer, python, wheels]), "python")
    layout.tag(layout.image([base_layer, modules]), "node")
    secret = github_shaped_token("environment")
    layout.tag(layout.image([base_layer, added, removed], env=["DEPLOY_TOKEN=" + secret],
                            history=[{"created_by": "ADD rootfs"}, {"created_by": "COPY srv /srv # buildkit"},
                                     {"created_by": "RUN rm /srv/app/deploy.key"},
                                     {"created_by": "RUN git clone https://build:" + github_shaped_token("history") + "@git.example/app", "empty_layer": True}]), "leaky")
    layout.tag(layout.index([{**debian, "platform": {"os": "linux", "architecture": "amd64"}},
                             {**arm, "platform": {"os": "linux", "architecture": "arm64"}}]), "multi-arch")
    layout.close()
    for kind, names in left_out.items():
        print(f"left out, because they could not be had: {len(names)} {kind} ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})")


main()
