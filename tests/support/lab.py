"""What the end-to-end tests share: images made of dictionaries, also wrong ones; a real registry; trawl itself and its rows.

Python's standard library only. A test is a script that uses `check()` and ends with `done()`.
"""
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

TRAWL = os.environ["TRAWL"]
os.environ.setdefault("TRAWL_NO_CACHE", "1")  # tests of the cache name one
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

DPKG_ENTRY = "Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody\n\n"
OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n'

_failures = []
_folder = tempfile.mkdtemp(prefix="trawl-e2e-")


def folder(name):
    return os.path.join(_folder, name)


def check(condition, what):
    if not condition:
        print("FAILED:", what)
        _failures.append(what)
    return condition


def equal(found, expected, what):
    return check(found == expected, f"{what}: expected {expected!r}, found {found!r}")


def skip(reason):
    shutil.rmtree(_folder, ignore_errors=True)
    print("SKIP", reason)
    sys.exit(77)


def done():
    shutil.rmtree(_folder, ignore_errors=True)
    print("failed" if _failures else "ok")
    sys.exit(1 if _failures else 0)


def is_sanitized():
    symbols = subprocess.run(["nm", TRAWL], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    return b"__asan_init" in symbols or b"__tsan_init" in symbols


# ---- images ----

class Link:
    def __init__(self, target, hard=False):
        self.target, self.hard = target, hard


def tar(files):
    """A tar of {path: bytes | str | Link | None for a directory}, in the order given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, body in files.items():
            info = tarfile.TarInfo(path)
            info.mode, info.mtime = 0o644, 1700000000
            if isinstance(body, str):
                body = body.encode()
            if isinstance(body, Link):
                info.type, info.linkname = tarfile.LNKTYPE if body.hard else tarfile.SYMTYPE, body.target
                archive.addfile(info)
            elif body is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def status(packages):
    return "".join(DPKG_ENTRY.format(name=n, version=v) for n, v in packages.items())


def debian(packages, **more):
    return {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": status(packages), **more}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI layout that takes what it is given, right or wrong."""

    def __init__(self, name):
        self.path = folder(name)
        self.manifests = []
        os.makedirs(os.path.join(self.path, "blobs", "sha256"))

    def blob_path(self, name):
        return os.path.join(self.path, "blobs", "sha256", name.split(":")[1])

    def blob(self, data):
        name = digest(data)
        with open(self.blob_path(name), "wb") as file:
            file.write(data)
        return {"digest": name, "size": len(data)}

    def layer(self, files=None, raw=None, packed=None, media=OCI_LAYER):
        """A layer of files, of the bytes of a tar, or of the bytes of a blob."""
        if packed is None:
            raw = tar(files) if raw is None else raw
            packed = gzip.compress(raw, 1, mtime=0)
        return {"mediaType": media, **self.blob(packed), "diff_id": digest(raw if raw is not None else packed)}

    def image(self, layers, tag=None, config=None, architecture="amd64", history=None):
        body = {"architecture": architecture, "os": "linux", "config": config or {}, "rootfs": {"type": "layers", "diff_ids": [x["diff_id"] for x in layers]}}
        if history:
            body["history"] = history
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": OCI_CONFIG, **self.blob(json.dumps(body).encode())},
                    "layers": [{k: v for k, v in x.items() if k != "diff_id"} for x in layers]}
        return self.tag({"mediaType": OCI_MANIFEST, **self.blob(json.dumps(manifest).encode())}, tag)

    def index(self, entries, tag=None):
        return self.tag({"mediaType": OCI_INDEX, **self.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode())}, tag)

    def tag(self, descriptor, tag):
        if tag:
            self.manifests.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}})
        return descriptor

    def close(self):
        with open(os.path.join(self.path, "oci-layout"), "w", encoding="utf-8") as file:
            file.write('{"imageLayoutVersion":"1.0.0"}')
        with open(os.path.join(self.path, "index.json"), "w", encoding="utf-8") as file:
            json.dump({"schemaVersion": 2, "manifests": self.manifests}, file)
        return "oci:" + self.path


# ---- trawl ----

class Run:
    def __init__(self, *arguments, stdin=None, environment=None, timeout=300, cwd=None):
        done_ = subprocess.run([TRAWL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=stdin, timeout=timeout, check=False,
                               cwd=cwd, env={**os.environ, "REGISTRY_AUTH_FILE": os.devnull, **(environment or {})})
        self.status, self.out, self.err = done_.returncode, done_.stdout.decode("utf-8", "replace"), done_.stderr.decode("utf-8", "replace")

    def rows(self, table=None):
        rows = [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]
        return [r for r in rows if table is None or r["table"] == table]


_sweeps = 0


def sweep(*arguments, quiet=True):
    """A sweep into a new folder: (run, folder)."""
    global _sweeps
    _sweeps += 1
    out = folder(f"sweep-{_sweeps}")
    return Run("sweep", *arguments, "-o", out, *(["--quiet"] if quiet else [])), out


def rows_of(out, table=None):
    run = Run("export", out, "--format", "ndjson")
    check(run.status == 0, f"export of {out}: {run.err}")
    return run.rows(table)


# ---- servers ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def registry(layouts, config=""):
    """A real docker-registry on loopback that holds {repository: (layout, [tags])}; yields HOST:PORT.

    Its files are below folder("registry"). `config` is more of its YAML, and holds once the registry is filled.
    """
    binary = shutil.which("docker-registry")
    if binary is None or shutil.which("skopeo") is None:
        skip("docker-registry or skopeo is not installed")
    port, storage = free_port(), folder("registry")

    def serve(more):
        path = folder("registry.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {storage}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n{more}")
        process = subprocess.Popen([binary, "serve", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: connects(port), "the registry to listen")
        return process

    server = serve("")
    try:
        for repository, (layout, tags) in layouts.items():
            for tag in tags:
                copy = subprocess.run(["skopeo", "copy", "-q", "--all", "--dest-tls-verify=false", f"oci:{layout.path}:{tag}",
                                       f"docker://127.0.0.1:{port}/{repository}:{tag}"], stderr=subprocess.PIPE, check=False)
                check(copy.returncode == 0, f"skopeo: {copy.stderr.decode()}")
        if config:
            server.terminate()
            server.wait()
            server = serve(config)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def connects(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("waited in vain for " + what)
        time.sleep(0.02)


@contextlib.contextmanager
def http_server(answer):
    """A server that calls answer(handler) for each GET; yields HOST:PORT and the list of paths asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            answer(self)

        def log_message(self, *_):
            pass

        def reply(self, status_, body=b"", **headers):
            self.send_response(status_)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
