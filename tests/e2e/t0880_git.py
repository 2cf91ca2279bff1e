"""`trawl git`: every blob of a repository once, whatever holds it; damage is a row."""
import glob
import os
import random
import shutil
import subprocess

from lab import Run, check, done, equal, folder, skip

if shutil.which("git") is None:
    skip("no git to make repositories with")

dice = random.Random(5)
environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": folder("home"), "GIT_AUTHOR_NAME": "nobody", "GIT_AUTHOR_EMAIL": "nobody@example.org",
               "GIT_COMMITTER_NAME": "nobody", "GIT_COMMITTER_EMAIL": "nobody@example.org"}
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def git(path, *arguments, stdin=None):
    return subprocess.run(["git", "-C", path, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=stdin, check=True).stdout


def token():
    return "AKIAZ3" + "".join(dice.choice(DIGITS) for _ in range(14))  # made up


def write(path, name, text):
    os.makedirs(os.path.dirname(os.path.join(path, name)), exist_ok=True)
    with open(os.path.join(path, name), "w", encoding="utf-8") as file:
        file.write(text)


def repository(name, *options):
    """Ten states of a long file and of others, each with a token of its own; the last one is on no branch."""
    path = folder(name)
    os.makedirs(path)
    git(path, "init", "-q", *options, ".")
    lines = [f"setting_{i} = {dice.random()}" for i in range(2000)]
    for state in range(10):
        lines[state * 150] = f"aws_access_key_id = {token()}"
        write(path, "conf/app.ini", "\n".join(lines) + "\n")
        write(path, f"other/{state}.env", f"AWS_ACCESS_KEY_ID={token()}\n")
        git(path, "add", "-A")
        git(path, "commit", "-q", "-m", f"state {state}\n\nkey={token()}")
    write(path, "lost.env", f"AWS_ACCESS_KEY_ID={token()}\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "lost")
    git(path, "reset", "-q", "--hard", "HEAD~1")
    return path


def expected(path):
    """What stands in every object that git itself lists: (kind, hash, token)."""
    found = set()
    for line in git(path, "cat-file", "--batch-all-objects", "--batch-check").decode().splitlines():
        name, kind, _ = line.split()
        if kind == "tree":
            continue
        for word in git(path, "cat-file", kind, name).decode().replace("=", " ").split():
            if word.startswith("AKIAZ3"):
                found.add((kind, name, word))
    return found


def search(path, *more):
    run = Run("git", path, "-f", "ndjson", "--show-secrets", *more)
    return run, sorted((*r["path"].split("/")[:2], r["redacted"]) for r in run.rows("secret") if r["rule"] == "aws-access-key-id")


def same(path, what):
    run, found = search(path)
    wanted = expected(path)
    check(len(wanted) > 50, f"{what}: {len(wanted)} tokens to find")
    equal(run.status, 0, f"{what}: {run.err}")
    equal(found, sorted(wanted), what)
    return run


loose = repository("loose")
run = same(loose, "loose objects")
check(any(r["path"].endswith("/app.ini") for r in run.rows("secret")), "a blob has a tree's name")
equal(same(os.path.join(loose, ".git"), "the folder itself").status, 0, "bare")
shutil.copytree(loose, folder("packed"))
git(folder("packed"), "repack", "-q", "-a", "-d", "-k", "--depth=50", "--window=50")
same(folder("packed"), "one pack of deltas")
check(not glob.glob(folder("packed") + "/.git/objects/??/*"), "nothing is loose")
shutil.copytree(loose, folder("mixed"))
git(folder("mixed"), "repack", "-q")  # what is packed stays loose as well
write(folder("mixed"), "more.env", f"AWS_ACCESS_KEY_ID={token()}\n")
git(folder("mixed"), "add", "-A")
git(folder("mixed"), "commit", "-q", "-m", "more")
git(folder("mixed"), "repack", "-q")
same(folder("mixed"), "two packs and loose ones, each object once")
git(folder("home") if os.path.isdir(folder("home")) else os.path.dirname(loose), "clone", "-q", "--bare", "--shared", loose, folder("shared"))
run, found = search(folder("shared"))
equal((run.status, found), (0, sorted(expected(loose))), "what an alternate holds")
try:
    sha256 = repository("sha256", "--object-format=sha256")
except subprocess.CalledProcessError:
    print("SKIP sha256: this git has none")
else:
    same(sha256, "SHA-256")
    git(sha256, "repack", "-q", "-a", "-d", "-k")
    same(sha256, "SHA-256, packed")

# ---- damage ----

pack = glob.glob(folder("packed") + "/.git/objects/pack/*.pack")[0]
os.chmod(pack, 0o644)
with open(pack, "rb") as file:
    whole = file.read()
for number in range(12):
    at = 12 + dice.randrange(len(whole) - 12)
    with open(pack, "wb") as file:
        file.write(whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1:])
    run, found = search(folder("packed"))
    check(run.status in (0, 3), f"a flipped bit at {at}: status {run.status}: {run.err}")
    check(run.status == 0 or run.rows("error"), "an error row says what is damaged")
with open(pack, "wb") as file:
    file.write(whole[:len(whole) // 2])
run, found = search(folder("packed"))
equal(run.status, 3, "half a pack: " + run.err)
check(0 < len(run.rows("error")), "what was in the other half is told")
for bad in glob.glob(folder("loose") + "/.git/objects/??/*")[:5]:
    os.chmod(bad, 0o644)
    with open(bad, "wb") as file:
        file.write(b"no object at all")
run, found = search(loose)
check(run.status == 3 and run.rows("error") and found, "damaged loose objects are rows, the others are searched: " + run.err)
equal(Run("git", folder("missing")).status, 3, "no repository there")
equal(Run("git").status, 2, "no operand")
done()
