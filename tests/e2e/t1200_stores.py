"""Local stores: the same image from podman's, skopeo's, Docker's and containerd's folders as from its OCI layout; and stores that lie."""
import hashlib
import json
import os
import shutil
import subprocess

from lab import Layout, Link, OS_RELEASE, Run, check, done, equal, folder, rows_of, status, sweep


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
    """containers/storage binds the folder of overlay onto itself."""
    for path in folders:
        while os.path.ismount(path) and run("umount", path).returncode == 0:
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
              (f"containers-storage:[{root}]localhost/team/app:1", "localhost", "team/app", "1", manifest), f"{driver}: the image's row")
        for form in (f"podman:[{driver}@{root}+/run]team/app:1", f"containers-storage:[{root}]@{image['config_digest'][7:19]}", image["reference"]):
            same(form, form, "containers-storage")
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
        hostile_containers(driver, root)


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


if not absent("skopeo"):
    containers_cases()
if not absent("podman", "runc"):
    podman_cases()
done()
