"""Compiled rules are kept in the cache's folder: never believed when damaged or another's, and the rows are the same."""
import os
import shutil

from fleet import difference, rows
from lab import Layout, Run, check, done, equal, folder

token = "AKIA" + "Z3MGQ4TXN7WD2KLP"[:16]  # made up for this test
layout = Layout("layout")
layout.image([layout.layer({"app/.env": f"AWS_ACCESS_KEY_ID={token}\n"})], "a:1")
target = layout.close()
cache = folder("cache")
kept = os.path.join(cache, "rules.hsdb")
count = 0


def sweep(*more, where=cache):
    global count
    count += 1
    out = folder(f"out-{count}")
    run = Run("sweep", target, "-o", out, "--no-progress", "--sweep-id", "same", "--cache", where, *more, timeout=120)
    equal(run.status, 0, run.err)
    return run, rows(out)


def complaints(run):
    return [line for line in run.err.splitlines() if "hsdb" in line]


run, reference = sweep()
check(any(row["table"] == "secret" for row in reference), "the secret is found")
equal(complaints(run), [], "the first sweep")
with open(kept, "rb") as file:
    whole = file.read()
run, found = sweep()
equal((complaints(run), difference(found, reference)), ([], ""), "the second sweep")
with open(kept, "rb") as file:
    check(file.read() == whole, "what was kept is not made anew")

for what, bad in {"a flipped bit": whole[:5000] + bytes([whole[5000] ^ 4]) + whole[5001:], "half of it": whole[:len(whole) // 2], "nothing": b"",
                  "its head alone": whole[:40], "another file": b"no rules\n" * 5000}.items():
    with open(kept, "wb") as file:
        file.write(bad)
    run, found = sweep()
    equal((len(complaints(run)), difference(found, reference)), (1, ""), what + ": " + run.err)
    with open(kept, "rb") as file:
        check(file.read() == whole, what + ": it is made anew")
    check(os.path.exists(kept + ".damaged"), what + ": it is set aside")
    run, found = sweep()
    equal((complaints(run), difference(found, reference)), ([], ""), what + ": the next sweep")

# Others may write it: it is not used, and replaced by one of ours.
os.chmod(kept, 0o666)
run, found = sweep()
equal((len(complaints(run)), difference(found, reference)), (1, ""), "others may write it: " + run.err)
os.unlink(kept)
os.symlink("/etc/hostname", kept)
run, found = sweep()
equal((len(complaints(run)), difference(found, reference)), (1, ""), "a link: " + run.err)
check(not os.path.islink(kept), "a link is replaced")

# Rules of one's own have a file of their own; what was kept for others stays.
rules = folder("rules")
os.mkdir(rules)
with open(os.path.join(rules, "acme.yaml"), "w", encoding="utf-8") as file:
    file.write("provider: acme\nrules:\n- {id: acme-key, description: d, severity: high, confidence: 0.9, literals: [acmekey_],\n"
               "   expression: '(?<secret>acmekey_[0-9a-f]{20})', examples: {positive: [a, b], negative: [a, b, c]}}\n")
run, found = sweep("--rules", rules)
equal(complaints(run), [], "rules of one's own")
equal(len([name for name in os.listdir(cache) if name.startswith("rules") and name.endswith(".hsdb")]), 2, "files of rules")
shutil.rmtree(cache)
done()
