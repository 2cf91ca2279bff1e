"""Local stores: the same image from podman's, skopeo's, Docker's and containerd's folders as from its OCI layout; and stores that lie."""
import gzip
import hashlib
import json
import os
import shutil
import subprocess

import bolt_build
from lab import Layout, Link, OCI_MANIFEST, OS_RELEASE, Run, check, done, equal, folder, rows_of, status, sweep, tar, wait_for


def token(seed):
    """Of a GitHub token's shape; made up."""
    return "gh" + "p_" + hashlib.sha256(seed.encode()).hexdigest()[:36]


def module(name, version="1.0.0"):
    return {f"app/node_modules/{name}/package.json": '{"name":"%s","version":"%s"}' % (name, version)}


layout = Layout("layout")
layers = [
    {"usr/lib/os-release": OS_RELEASE, "etc/os-release": Link("../usr/lib/os-release"), "var/lib/dpkg/status": status({"kept": "1", "removed": "1", "upgraded": "1"}),
     **module("stays"), **module("whiteout"), **module("@opaque/old"), **module("replaced"),
     "srv/effective": token("effective"), "srv/overwritten": token("overwritten"), "srv/deleted/key": token("deleted"), "srv/same-size": token("first")},
    {"var/lib/dpkg/status": status({"kept": "1", "upgraded": "2", "added": "1"}), "app/node_modules/.wh.whiteout": "", "app/node_modules/@opaque/.wh..wh..opq": "",
     **module("@opaque/new"), "app/node_modules/.wh.replaced": "", "srv/overwritten": "nothing", "srv/.wh.deleted": "", "srv/same-size": token("second")},
    {**module("whiteout", "2.0.0"), "srv/more": token("more")},
]
built = [layout.layer(files) for files in layers]
layout.image(built, "app", config={"Env": ["TOKEN=" + token("env")]})
layout.image(built[:1], "base")
target = layout.close()
DIFF_IDS = [x["diff_id"] for x in built]


def findings(out):
    """What was found, with the layers by their diff_ids: what must not depend on where an image is kept."""
    rows = rows_of(out)
    names = {r["layer_digest"]: r["diff_id"] for r in rows if r["table"] == "image_layer"}
    packages = {(r["purl"], r["path"], names.get(r["layer_digest"])) for r in rows if r["table"] == "package"}
    secrets = {(r["fingerprint"], r["location"], r["state"], names.get(r["layer_digest"])) for r in rows if r["table"] == "image_secret"}
    return packages, secrets, [r["diff_id"] for r in rows if r["table"] == "image_layer"]


def swept(*targets, expect=0):
    run, out = sweep(*targets)
    equal(run.status, expect, f"{targets}: {run.err}{[r['message'] for r in rows_of(out, 'error')] if run.status != expect and run.status in (0, 3) else ''}")
    return out


EXPECTED = findings(swept(target + ":app"))
equal((len(EXPECTED[0]), len(EXPECTED[1]), EXPECTED[2]), (6, 7, DIFF_IDS), "the layout itself")


def same(name, stored, kind):
    out = swept(stored)
    found = findings(out)
    for what, expected, got in zip(("packages", "secrets", "layers"), EXPECTED, found):
        check(expected == got, f"{name}: {what}: missing {set(expected) - set(got)}, too many {set(got) - set(expected)}")
    images = rows_of(out, "image")
    equal([(r["target_kind"], r["status"], r["reason"]) for r in images], [(kind, "done", "")], name)
    return images[0], out


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)


def unmount(*folders):
    """containers/storage binds the folder of overlay onto itself, which looks like no mount: it is tried until it fails."""
    for path in folders:
        while run("umount", path).returncode == 0:
            pass


def absent(*tools):
    missing = [t for t in tools if shutil.which(t) is None]
    if missing:
        print("SKIP", ", ".join(missing), "not installed:", "that store is not tried")
    return bool(missing)


def rewrite(path, change):
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    change(value)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def failed(name, stored, text, found=()):
    """The sweep goes on, says what is wrong, and finds nothing that the store leads to outside of it."""
    out = swept(stored, expect=3)
    rows = rows_of(out)
    messages = [r["message"] for r in rows if r["table"] == "error"]
    check(any(text in m for m in messages), f"{name}: expected an error with {text!r}, found {messages}")
    equal({r["location"] for r in rows if r["table"] == "image_secret" and not r["location"].startswith("env:")}, set(found), f"{name}: secrets")
    return rows


outside = folder("outside")
os.makedirs(outside + "/srv")
with open(outside + "/srv/outside", "w", encoding="utf-8") as file_:
    file_.write(token("outside"))


# ---- containers/storage: skopeo ----

def skopeo_store(driver, extra=""):
    root = folder("skopeo-" + driver)
    copy = run("skopeo", "copy", "-q", f"oci:{layout.path}:app", f"containers-storage:[{driver}@{root}+{root}-run{extra}]localhost/team/app:1")
    unmount(root + "/overlay")
    if copy.returncode != 0:
        print(f"SKIP skopeo cannot make a store with {driver} here: {copy.stdout.decode().strip()[:200]}")
        return None
    return root


def containers_cases():
    manifest = next(m for m in layout.manifests if m["annotations"]["org.opencontainers.image.ref.name"] == "app")["digest"]
    for driver in ("overlay", "vfs"):
        root = skopeo_store(driver)
        if root is None:
            continue
        image, _ = same(driver, f"containers-storage:{root}", "containers-storage")
        equal((image["reference"], image["registry"], image["repository"], image["tag"], image["image_digest"]),
              (f"containers-storage:[{root}]localhost/team/app:1", "", "localhost/team/app", "1", manifest), f"{driver}: the image's row")
        for form in (f"podman:[{driver}@{root}+/run]team/app:1", f"containers-storage:[{root}]@{image['config_digest'][7:19]}", image["reference"]):
            same(form, form, "containers-storage")
        equal([len(rows_of(swept(f"podman:[{root}]", f"podman:[{root}]team/app:1"), x)) for x in ("image", "layer", "image_layer")], [1, 3, 3], f"{driver}: what is named twice is swept once")
        refused, _ = sweep(f"podman:[{root}]nothing")
        check(refused.status in (3, 4), f"a name that is not there: {refused.status}")
        environment = folder("storage.conf")
        with open(environment, "w", encoding="utf-8") as file:
            file.write(f'[storage]\ndriver = "{driver}"\ngraphroot = "{root}"\n')
        usual = Run("image", "podman:", "--format", "ndjson", environment={"CONTAINERS_STORAGE_CONF": environment})
        equal([r["reference"] for r in usual.rows("image")], ["podman:localhost/team/app:1"], f"{driver}: storage.conf")
        # An additional store: the image is there and nowhere else.
        empty = folder("empty-" + driver)
        shutil.rmtree(empty, ignore_errors=True)
        os.makedirs(empty)
        same("additional store", f"podman:[{driver}@{empty}+/run:{driver}.imagestore={root}]", "containers-storage")
        cached_and_tampered(driver, root)
        hostile_containers(driver, root)


def cached_and_tampered(driver, root):
    """A cache that knows the image from elsewhere; and a store that is not what its digests say beside a layout that is."""
    cache = ["--cache", folder("cache-" + driver)]
    for name, stored in (("the layout", target + ":app"), ("the store", f"podman:{root}"), ("the store again", f"podman:{root}"), ("the layout again", target + ":app")):
        equal(findings(swept(stored, *cache)), EXPECTED, f"{driver}, with a cache: {name}")
    tampered = folder("tampered")
    shutil.rmtree(tampered, ignore_errors=True)
    run("cp", "-a", root, tampered)
    with open(f"{tampered}/{driver}-layers/layers.json", encoding="utf-8") as file:
        top = json.load(file)[-1]["id"]
    write({"overlay": f"{tampered}/overlay/{top}/diff", "vfs": f"{tampered}/vfs/dir/{top}"}[driver] + "/app/node_modules/planted/package.json", module("planted")["app/node_modules/planted/package.json"])
    alone = {r["package_set"] for r in rows_of(swept(target + ":app"), "image")}
    for order in ([f"podman:{tampered}", target + ":app"], [target + ":app", f"podman:{tampered}"]):
        out = swept(*order, *cache)
        sets = {r["target_kind"]: r["package_set"] for r in rows_of(out, "image")}
        names = {(r["package_set"], r["name"]) for r in rows_of(out, "package")}
        equal(({sets["oci"]}, (sets["containers-storage"], "planted") in names, (sets["oci"], "planted") in names), (alone, True, False), f"{driver}: a tampered store says nothing of others, {order}")
    equal(findings(swept(target + ":app", *cache)), EXPECTED, f"{driver}: nor does it stay in the cache")


def hostile_containers(driver, pristine):
    trees = {"overlay": "overlay/{}/diff", "vfs": "vfs/dir/{}"}[driver]
    with open(f"{pristine}/{driver}-layers/layers.json", encoding="utf-8") as file:
        ids = {x["diff-digest"]: x["id"] for x in json.load(file)}
    top = ids[DIFF_IDS[2]]

    def case(name, text, change, found):
        root = folder("hostile")
        shutil.rmtree(root, ignore_errors=True)
        run("cp", "-a", pristine, root)
        change(root)
        return failed(f"{driver}: {name}", f"podman:{root}", text, found)

    def link_out(path):
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        os.symlink(outside, path)

    below = {"srv/effective", "srv/overwritten", "srv/deleted/key", "srv/same-size"}
    images, stored_layers = f"{driver}-images/images.json", f"{driver}-layers/layers.json"
    image = next(f"{driver}-images/{x}" for x in os.listdir(f"{pristine}/{driver}-images") if len(x) == 64)
    case("a layer's folder leads out", "symbolic link", lambda r: link_out(f"{r}/" + trees.format(top)), below)
    case("a folder above it leads out", "symbolic link", lambda r: link_out(f"{r}/" + trees.format(top).rsplit("/", 1)[0]), () if driver == "vfs" else below)
    case("a layer's folder is gone", "No such file", lambda r: shutil.rmtree(f"{r}/" + trees.format(top)), below)
    case("a layer is gone", "no layer is called", lambda r: rewrite(f"{r}/{stored_layers}", lambda v: v.pop()), ())
    case("layers in a circle", "layers on each other", lambda r: rewrite(f"{r}/{stored_layers}", lambda v: v[0].update(parent=v[-1]["id"])), ())
    case("another layer in its place", "expected layer 2 to be", lambda r: rewrite(f"{r}/{stored_layers}", lambda v: v[-1].update({"diff-digest": "sha256:" + 64 * "0"})), ())
    case("an id that is a path", "expected an id", lambda r: (rewrite(f"{r}/{stored_layers}", lambda v: v[-1].update(id="../../../outside")),
                                                              rewrite(f"{r}/{images}", lambda v: v[0].update(layer="../../../outside"))), ())
    case("the manifest leads out", "symbolic link", lambda r: [link_out(f"{r}/{image}/{x}") for x in os.listdir(f"{r}/{image}")], ())
    case("images.json is no JSON", "images.json", lambda r: open(f"{r}/{images}", "w", encoding="utf-8").close(), ())
    # A link inside of a layer is an entry like any other: told, not followed.
    inside = folder("inside")
    shutil.rmtree(inside, ignore_errors=True)
    run("cp", "-a", pristine, inside)
    os.symlink(outside, f"{inside}/" + trees.format(top) + "/leads-out")
    equal(findings(swept(f"podman:{inside}")), EXPECTED, f"{driver}: a link in a layer that leads out")


def podman_cases():
    for driver in ("overlay", "vfs"):
        root = folder("podman-" + driver)
        podman = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--root", root, "--runroot", root + "-run", "--storage-driver", driver]
        context = folder("context")
        os.makedirs(context, exist_ok=True)
        with open(context + "/key", "w", encoding="utf-8") as file:
            file.write(token("built"))
        pulled = run(*podman, "pull", "-q", f"oci:{layout.path}:app")
        names = pulled.stdout.decode().split()
        tagged = pulled.returncode == 0 and run(*podman, "tag", names[-1], "localhost/app:tagged").returncode == 0
        make = run(*podman, "build", "-q", "-t", "built", "-f", "-", context, input=b"FROM localhost/app:tagged\nCOPY key /srv/built\n")
        unmount(root + "/overlay")
        if not tagged or make.returncode != 0:
            print(f"SKIP podman cannot work with {driver} here: {(pulled.stdout + make.stdout).decode().strip()[-200:]}")
            continue
        same(f"podman, {driver}", f"podman:[{root}]localhost/app:tagged", "containers-storage")
        found = findings(swept(f"podman:[{root}]built"))
        equal((found[0], {x[1] for x in found[1]} - {x[1] for x in EXPECTED[1]}, found[2][:3]), (EXPECTED[0], {"srv/built"}, DIFF_IDS), f"podman build, {driver}")
        equal(len(rows_of(swept(f"podman:{root}"), "layer")), 4, f"podman, {driver}: each layer once")


# ---- Docker: its overlay2 folders as moby documents them ----

def write(path, body):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(body if isinstance(body, bytes) else body.encode())


def unpack(files, diff):
    """A layer as overlay has it: whiteouts are devices 0/0, opaque folders have an attribute."""
    os.makedirs(diff)
    for path, body in files.items():
        head, name = os.path.split(os.path.join(diff, path))
        os.makedirs(head, exist_ok=True)
        if name == ".wh..wh..opq":
            os.setxattr(head, "trusted.overlay.opaque" if os.geteuid() == 0 else "user.overlay.opaque", b"y")
        elif name.startswith(".wh."):
            os.mknod(os.path.join(head, name[4:]), 0o020000, os.makedev(0, 0))
        elif isinstance(body, Link):
            os.symlink(body.target, os.path.join(head, name))
        else:
            write(os.path.join(head, name), body)


def docker_store(root, names, dangling=(), intermediate=()):
    """{name: number of layers} of the layout's image, in Docker's folders. Returns {number of layers: image id}."""
    ids, chain = {}, ""
    for number, (files, diff_id) in enumerate(zip(layers, DIFF_IDS), 1):
        chain = diff_id if number == 1 else "sha256:" + hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest()
        cache = hashlib.sha256(b"cache" + chain.encode()).hexdigest()
        entry = f"{root}/image/overlay2/layerdb/sha256/{chain[7:]}"
        write(entry + "/diff", diff_id)
        write(entry + "/cache-id", cache)
        write(entry + "/size", "1000")
        unpack(files, f"{root}/overlay2/{cache}/diff")
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["TOKEN=" + token("env")]} if number == 3 else {},
                             "rootfs": {"type": "layers", "diff_ids": DIFF_IDS[:number]}})
        if number in [*names.values(), *dangling, *intermediate]:
            ids[number] = hashlib.sha256(config.encode()).hexdigest()
            write(f"{root}/image/overlay2/imagedb/content/sha256/{ids[number]}", config)
    repositories = {}
    for name, number in names.items():
        repositories.setdefault(name.split("@")[0].rsplit(":", 1)[0], {})[name] = "sha256:" + ids[number]
    for number in intermediate:
        write(f"{root}/image/overlay2/imagedb/metadata/sha256/{ids[3]}/parent", "sha256:" + ids[number])
    write(f"{root}/image/overlay2/repositories.json", json.dumps({"Repositories": repositories}))
    return ids


def docker_cases():
    root = folder("docker")
    try:
        ids = docker_store(root, {"team/app:1": 3, "team/app@sha256:" + 64 * "d": 3, "quay.io/x/y:2": 3}, dangling=[1], intermediate=[2])
    except OSError as error:
        print(f"SKIP Docker's folders cannot be made here: {error}")
        return
    image, _ = same("docker", f"docker:[{root}]team/app:1", "docker")
    equal((image["reference"], image["registry"], image["repository"], image["tag"], image["image_digest"]),
          (f"docker:[{root}]team/app:1", "", "team/app", "1", "sha256:" + ids[3]), "docker: the image's row")
    equal([r["reference"] for r in rows_of(swept(f"docker:[{root}]@{ids[2][:12]}"), "image")], [f"docker:[{root}]@{ids[2]}"], "docker: an intermediate image by its id")
    rows = rows_of(swept(f"docker:{root}"))
    equal({r["reference"] for r in rows if r["table"] == "image"},
          {f"docker:[{root}]{x}" for x in ("team/app:1", "quay.io/x/y:2", "@" + ids[1])}, "docker: names, and what has none and is nobody's parent")
    equal(len([r for r in rows if r["table"] == "layer"]), 3, "docker: each layer once")
    layerdb = f"{root}/image/overlay2/layerdb/sha256"
    with open(f"{layerdb}/{DIFF_IDS[0][7:]}/cache-id", encoding="utf-8") as file:
        lowest = file.read()

    def case(name, text, change, found=("srv/more",)):
        copy = folder("hostile")
        shutil.rmtree(copy, ignore_errors=True)
        run("cp", "-a", root, copy)
        change(copy)
        failed("docker: " + name, f"docker:[{copy}]team/app:1", text, found)

    def link_out(path):
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        os.symlink(outside, path)

    upper = ("srv/more", "srv/same-size")
    entry = f"image/overlay2/layerdb/sha256/{DIFF_IDS[0][7:]}"
    case("a layer's folder leads out", "symbolic link", lambda r: link_out(f"{r}/overlay2/{lowest}/diff"), upper)
    case("a cache-id that is a path", "expected a cache-id", lambda r: write(f"{r}/{entry}/cache-id", "../../outside"), upper)
    case("a cache-id that leads out", "symbolic link", lambda r: link_out(f"{r}/{entry}/cache-id"), upper)
    case("a layer of another name", "expected the diff_id", lambda r: write(f"{r}/{entry}/diff", DIFF_IDS[1]), upper)
    case("a layer is gone", "No such file", lambda r: shutil.rmtree(f"{r}/{entry}"), upper)
    case("another configuration", "expected sha256:", lambda r: write(f"{r}/image/overlay2/imagedb/content/sha256/{ids[3]}", "{}"), ())
    case("repositories.json leads out", "symbolic link", lambda r: link_out(f"{r}/image/overlay2/repositories.json"), ())


def dockerd_cases():
    """A store that Docker itself fills, and an image that it builds on overlay: where it is installed."""
    root, socket_ = folder("dockerd"), "unix://" + folder("dockerd.sock")
    with open(folder("dockerd.log"), "wb") as log:
        daemon = subprocess.Popen(["dockerd", "-H", socket_, "--data-root", root, "--exec-root", folder("dockerd-exec"), "-p", folder("dockerd.pid"), "--bridge=none", "--iptables=false",
                                   "--ip6tables=false", "--ip-forward=false", "--storage-driver", "overlay2"], stdout=log, stderr=log)
    try:
        try:
            wait_for(lambda: run("docker", "-H", socket_, "version").returncode == 0 or daemon.poll() is not None, "dockerd")
        except TimeoutError:
            pass
        archive = folder("for-dockerd.tar")
        run("skopeo", "copy", "-q", f"oci:{layout.path}:app", f"docker-archive:{archive}:team/app:1")
        loaded = run("docker", "-H", socket_, "load", "-i", archive)
        context = tar({"Dockerfile": "FROM team/app:1\nCOPY key /srv/built\nLABEL a=b\n", "key": token("built")})
        make = run("docker", "-H", socket_, "build", "-q", "-t", "built", "-", input=context, env={**os.environ, "DOCKER_BUILDKIT": "0"})
        if loaded.returncode != 0 or make.returncode != 0:
            print("SKIP dockerd does not work here:", (loaded.stdout + make.stdout).decode().strip()[-200:])
            return
    finally:
        daemon.terminate()
        daemon.wait()
        unmount(*(os.path.join(root, x) for x in (os.listdir(root) if os.path.isdir(root) else ())))
    same("dockerd", f"docker:[{root}]team/app:1", "docker")
    out = swept(f"docker:{root}")
    equal({r["reference"] for r in rows_of(out, "image")}, {f"docker:[{root}]{x}" for x in ("team/app:1", "built:latest")}, "dockerd: the step between is nobody's image")
    equal({r["location"] for r in rows_of(out, "image_secret")} - {x[1] for x in EXPECTED[1]}, {"srv/built"}, "docker build")


# ---- containerd ----

def content_store(root, blobs=None):
    """The content of the layout under a containerd's root; `blobs`: all but those."""
    shutil.copytree(f"{layout.path}/blobs", f"{root}/io.containerd.content.v1.content/blobs")
    for name in blobs or ():
        os.unlink(f"{root}/io.containerd.content.v1.content/blobs/sha256/{name[7:]}")


def metadata(root, namespaces):
    write(f"{root}/io.containerd.metadata.v1.bolt/meta.db", bolt_build.database(bolt_build.images(namespaces)))


def containerd_written_cases():
    names = {m["annotations"]["org.opencontainers.image.ref.name"]: m["digest"] for m in layout.manifests}
    app, base = names["app"], names["base"]
    missing = "sha256:" + 64 * "e"
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": OCI_MANIFEST, "digest": app, "size": os.path.getsize(layout.blob_path(app)), "platform": {"os": "linux", "architecture": "amd64"}},
        {"mediaType": OCI_MANIFEST, "digest": missing, "size": 7, "platform": {"os": "linux", "architecture": "arm64"}}]}).encode()
    index_digest = "sha256:" + hashlib.sha256(index).hexdigest()
    nothing = json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": OCI_MANIFEST, "digest": missing, "size": 7}]}).encode()
    nothing_digest = "sha256:" + hashlib.sha256(nothing).hexdigest()
    root = folder("containerd")
    content_store(root)
    for body, name in ((index, index_digest), (nothing, nothing_digest)):
        write(f"{root}/io.containerd.content.v1.content/blobs/sha256/{name[7:]}", body)
    metadata(root, {"default": {"example.org/app:1": app, **{f"example.org/many:{i}": base for i in range(20)}},
                    "k8s.io": {"example.org/app:1": index_digest, "example.org/app@" + index_digest: index_digest, "sha256:" + 64 * "f": index_digest}})
    image, _ = same("containerd", f"containerd:[default@{root}]app:1", "containerd")
    equal((image["reference"], image["image_digest"]), (f"containerd:[default@{root}]example.org/app:1", app), "containerd: the image's row")
    image, _ = same("containerd, an index of which one platform was pulled", f"containerd:[k8s.io@{root}]", "containerd")
    equal(image["reference"], f"containerd:[k8s.io@{root}]example.org/app:1", "containerd: one row for the names of Kubernetes")
    rows = rows_of(swept(f"containerd:{root}"))
    equal((len([r for r in rows if r["table"] == "image"]), len([r for r in rows if r["table"] == "layer"])), (22, 3), "containerd: all namespaces, each layer once")
    # Docker's own containerd, with and without a graph driver's images beside it.
    docker = folder("docker-containerd")
    content_store(docker + "/containerd/daemon")
    metadata(docker + "/containerd/daemon", {"moby": {"docker.io/team/app:1": app}, "other": {"example.org/x:1": base}})
    image, _ = same("docker with containerd", f"docker:{docker}", "docker")
    equal(image["reference"], f"docker:[moby@{docker}]docker.io/team/app:1", "docker with containerd: the image's row")

    def case(name, text, change, found=(), stored="containerd:[default@{}]app:1"):
        copy = folder("hostile")
        shutil.rmtree(copy, ignore_errors=True)
        run("cp", "-a", root, copy)
        change(copy)
        failed("containerd: " + name, stored.format(copy), text, found)

    def layer_path(copy, number):
        return f"{copy}/io.containerd.content.v1.content/blobs/sha256/{built[number]['digest'][7:]}"

    def link_out(path):
        os.rename(path, path + ".moved")
        os.symlink(path + ".moved", path)

    kept = ("srv/more", "srv/same-size")
    database = "io.containerd.metadata.v1.bolt/meta.db"
    case("a discarded layer", "discard_unpacked_layers", lambda r: os.unlink(layer_path(r, 0)), kept)
    case("a blob that is a link", "symbolic link", lambda r: link_out(layer_path(r, 0)), kept)
    case("the blobs' folder leads out", "symbolic link", lambda r: link_out(f"{r}/io.containerd.content.v1.content/blobs"))
    case("the database leads out", "symbolic link", lambda r: link_out(f"{r}/{database}"))
    case("a database that is none", "expected a meta page", lambda r: write(f"{r}/{database}", b"no database" * 1000))
    case("an image without a digest", "expected target/digest", lambda r: write(f"{r}/{database}", bolt_build.database({"v1": {"default": {"images": {"example.org/app:1": {}}}}})))
    case("an image whose digest is a path", "expected target/digest", lambda r: metadata(r, {"default": {"example.org/app:1": "sha256:../../outside"}}))
    case("an index of which nothing was pulled", "none of its 1 images", lambda r: metadata(r, {"default": {"example.org/app:1": nothing_digest}}))
    case("flipped bytes", "expected sha256:", lambda r: write(layer_path(r, 0), b"x" * os.path.getsize(layer_path(r, 0))), kept)


def containerd_cases():
    root, config, socket_ = folder("ctr-root"), folder("containerd.toml"), folder("ctr-sock")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'version = 2\nroot = "{root}"\nstate = "{folder("ctr-state")}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket_}"\n')
    archive = folder("layout.tar")
    run("tar", "-C", layout.path, "-cf", archive, ".")
    with open(folder("ctr.log"), "wb") as log:
        daemon = subprocess.Popen(["containerd", "-c", config], stdout=log, stderr=log)
    try:
        try:
            wait_for(lambda: run("ctr", "-a", socket_, "version").returncode == 0 or daemon.poll() is not None, "containerd")
        except TimeoutError:
            pass
        imported = run("ctr", "-a", socket_, "-n", "team", "images", "import", "--no-unpack", "--base-name", "example.org/app", archive)
        if imported.returncode != 0:
            print("SKIP containerd does not work here:", imported.stdout.decode().strip()[-200:])
            return
        tagged = [run("ctr", "-a", socket_, "-n", "other", "images", "import", "--no-unpack", "--base-name", f"example.org/n{i}", archive).returncode for i in range(9)]
        equal(set(tagged), {0}, "ctr images import")
        same("ctr, while containerd runs", f"containerd:[team@{root}]example.org/app:app", "containerd")
    finally:
        daemon.terminate()
        daemon.wait()
    same("ctr", f"containerd:[team@{root}]example.org/app:app", "containerd")
    rows = rows_of(swept(f"containerd:{root}"))
    equal((len([r for r in rows if r["table"] == "image"]), len([r for r in rows if r["table"] == "layer"])), (20, 3), "ctr: two namespaces, ten imports of two images")


# ---- archives: packed, through a pipe, without room for a temporary file ----

def piped(name, command, body, environment=None, expect=0):
    cache = ["--cache", folder("cache-of-pipes")] if environment else []
    run_ = Run("image", command, "--format", "ndjson", *cache, stdin=body, environment=environment)
    equal(run_.status, expect, f"{name}: {run_.err}")
    return run_


def archive_cases():
    plain = folder("archive.tar")
    run("tar", "-C", layout.path, "-cf", plain, ".")
    with open(plain, "rb") as file:
        bodies = {"plain": file.read()}
    bodies["gzip"] = gzip.compress(bodies["plain"], 1)
    write(plain + ".gz", bodies["gzip"])
    expected = findings(swept(target))
    for name, body in bodies.items():
        rows = piped(f"oci-archive:-, {name}", "oci-archive:-", body).rows("image")
        equal(sorted((r["tag"], r["status"]) for r in rows), [("app", "done"), ("base", "done")], f"oci-archive:-, {name}")
    equal(findings(swept("oci-archive:" + plain + ".gz")), expected, "oci-archive, packed")
    configs = [json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [x]}}) for x in DIFF_IDS]
    items = [{"Config": f"{i}.json", "RepoTags": [f"app:{i}"], "Layers": [f"{i}.tar"]} for i in range(3)]
    docker = tar({**{f"{i}.tar": tar(files) for i, files in enumerate(layers)}, **{f"{i}.json": c for i, c in enumerate(configs)}, "manifest.json": json.dumps(items)})
    for name, body in (("plain", docker), ("gzip", gzip.compress(docker, 1))):
        rows = piped(f"docker-archive:-, {name}", "docker-archive:-", body).rows("image")
        equal([(r["tag"], r["status"], r["reference"]) for r in rows], [(str(i), "done", f"docker-archive:-:app:{i}") for i in range(3)], f"docker-archive:-, {name}")
    # Without a temporary folder a packed file is read all the same, a pipe says what to do.
    nowhere = {"TMPDIR": folder("nowhere")}
    rows = piped("packed, no temporary folder", "oci-archive:" + plain + ".gz", b"", nowhere).rows("image")
    equal([r["status"] for r in rows], ["done", "done"], "packed, no temporary folder")
    refused = piped("a pipe, no temporary folder", "oci-archive:-", bodies["gzip"], nowhere, expect=3)
    check("TMPDIR names another folder" in refused.err, f"a pipe, no temporary folder: {refused.err}")
    disk = folder("disk")
    os.makedirs(disk)
    if run("mount", "-t", "tmpfs", "-o", "size=64k", "none", disk).returncode == 0:
        try:
            full = {"TMPDIR": disk}
            write(folder("big.tar.gz"), gzip.compress(docker, 1))
            rows = piped("packed, a full disk", "docker-archive:" + folder("big.tar.gz"), b"", full).rows("image")
            equal([r["status"] for r in rows], ["done"] * 3, "packed, a full disk")
            refused = piped("a pipe, a full disk", "oci-archive:-", bodies["plain"] + bytes(100000), full, expect=3)
            check("expected at most" in refused.err, f"a pipe, a full disk: {refused.err}")
            equal(os.listdir(disk), [], "a full disk: nothing stays behind")
        finally:
            unmount(disk)
    else:
        print("SKIP no right to mount a small file system: a full disk is not tried")
    for count, status_ in ((4096, 0), (4097, 3)):
        many = tar({"c.json": configs[0], "l.tar": tar(layers[0]), "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": [f"a:{i}"], "Layers": ["l.tar"]} for i in range(count)])})
        found = piped(f"{count} images in manifest.json", "docker-archive:-", many, expect=status_)
        equal(len([r for r in found.rows("image") if r["status"] == "done"]), count if status_ == 0 else 0, f"{count} images in manifest.json")
        check(status_ == 0 or "expected at most 4096 images, found 4097" in found.err, found.err)


# ---- --discover ----

def discover_cases():
    disk = folder("discover")
    os.makedirs(disk + "/a/b")
    write(disk + "/rootfs/etc/os-release", OS_RELEASE)
    os.makedirs(disk + "/rootfs/usr/bin")
    os.makedirs(disk + "/rootfs/var/lib/containers")
    write(disk + "/scratch/lib/apk/db/installed", "P:musl\nV:1.2.4-r0\nA:x86_64\no:musl\n\n")
    os.makedirs(disk + "/scratch/etc")
    expected = {f"rootfs:{disk}/rootfs", f"rootfs:{disk}/scratch"}
    run("cp", "-a", layout.path, disk + "/a/b/layout")
    expected |= {f"oci:{disk}/a/b/layout:app", f"oci:{disk}/a/b/layout:base"}
    for name, made in {"rootfs/var/lib/containers/storage": "skopeo-vfs", "a/docker": "docker", "a/ctr": "containerd"}.items():
        if os.path.isdir(folder(made)):
            run("cp", "-a", folder(made), f"{disk}/{name}")
            expected |= {r["reference"].replace(folder(made), f"{disk}/{name}") for r in rows_of(swept({"skopeo-vfs": "podman:", "docker": "docker:", "containerd": "containerd:"}[made] + folder(made)), "image")}
    expected = {x.replace("podman:", "containers-storage:") for x in expected}
    # Archives have any name; what is packed and no image, and what only looks like a tar, is passed over.
    run("tar", "-C", layout.path, "-czf", disk + "/a/no-suffix", "blobs", "oci-layout", "index.json")
    expected |= {f"oci-archive:{disk}/a/no-suffix:app", f"oci-archive:{disk}/a/no-suffix:base"}
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": DIFF_IDS[:1]}})
    docker = tar({f"{64 * 'a'}.tar": tar(layers[0]), "c.json": config, "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": [64 * "a" + ".tar"]}])})
    write(disk + "/a/b/docker.bin", docker)
    expected.add(f"docker-archive:{disk}/a/b/docker.bin:a:1")
    write(disk + "/a/b/cut.tar", docker[:len(docker) // 2 + 300])
    write(disk + "/a/b/backup.tar.gz", gzip.compress(tar({"home/x": "y" * 5000})))
    write(disk + "/a/b/almost", b"\x1f\x8b" + os.urandom(5000))
    os.mkfifo(disk + "/a/fifo")
    os.makedirs(outside + "/more")
    run("cp", "-a", layout.path, outside + "/more/layout")
    os.symlink(outside, disk + "/a/link")
    os.symlink(outside + "/more/layout", disk + "/a/b/linked-layout")
    other = disk + "/a/other"
    os.makedirs(other)
    mounted = run("mount", "-t", "tmpfs", "-o", "size=1m", "none", other).returncode == 0
    try:
        if mounted:
            run("cp", "-a", layout.path, other)
        found, out = sweep("--discover", disk, quiet=False)
    finally:
        unmount(other)
    images = rows_of(out, "image")
    equal({r["reference"] for r in images}, expected, "--discover")
    equal({r["reason"] for r in images if r["status"] != "done" and r["target_kind"] != "rootfs" and "nothing" not in r["reference"]}, set(), "--discover: all of them are done")
    check(f"discover: {disk}/a/b/cut.tar: " in found.err and found.err.count("discover: ") == 1, f"what cannot be read is told: {found.err}")
    for where, status_, text in ((folder("nowhere"), 4, "No such file"), (outside + "/srv", 4, "found no layout")):
        refused, _ = sweep("--discover", where)
        equal((refused.status, text in refused.err), (status_, True), f"--discover {where}: {refused.err}")
    equal(Run("fs", "--discover", disk).status, 2, "only for sweep")
    for depth in (127, 128):  # the last one that is looked into, and one more
        deep = folder(f"deep-{depth}")
        os.makedirs(deep + "/d" * (depth - 1))
        run("cp", "-a", layout.path, deep + "/d" * (depth - 1) + "/layout")
        found, out = sweep("--discover", deep, quiet=False)
        equal((found.status, "too many folders" in found.err), (0, False) if depth == 127 else (4, True), f"--discover, {depth} folders deep: {found.err}")
    inside = Run("sweep", "--discover", "a/b", "-o", folder("relative"), "--quiet", cwd=disk)
    equal((inside.status, {r["reference"] for r in rows_of(folder("relative"), "image")}),
          (0, {"oci:./a/b/layout:app", "oci:./a/b/layout:base", "docker-archive:./a/b/docker.bin:a:1"}), f"--discover of a relative folder: {inside.err}")


archive_cases()
docker_cases()
containerd_written_cases()
if not absent("dockerd", "docker", "skopeo"):
    dockerd_cases()
if not absent("containerd", "ctr"):
    containerd_cases()
if not absent("skopeo"):
    containers_cases()
if not absent("podman", "runc"):
    podman_cases()
discover_cases()
done()
