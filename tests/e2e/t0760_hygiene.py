"""What a user lives with: ignore entries, a baseline, a least confidence; cold and out of the cache."""
import os
import zlib

from lab import Layout, Run, check, debian, done, equal, folder

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def token(body):
    """Made up, with the checksum that makes it certain."""
    value, check_digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, check_digits = value // 62, DIGITS[value % 62] + check_digits
    return ("ghp_" + body + check_digits).encode()


def write(name, text):
    path = folder(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


first, second, third = (token(letter + "B3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1") for letter in "aZx")
unlikely = b'password = "kd0fe-qz7lw"\n'


def image(name, tokens):
    layout = Layout(name)
    files = {f"app/{i}.env": b"TOKEN=" + text + b"\n" for i, text in enumerate(tokens)}
    files["app/words"] = unlikely
    # The configuration's secrets have rows of their own.
    layout.image([layout.layer({**debian({"aaa": "1"}), **files})], "x", config={"Env": ["GITHUB_TOKEN=" + tokens[0].decode()]})
    return layout.close()


def secrets(rows):
    return sorted((row["path"], row["rule"], row["suppressed_by"]) for row in rows if row["table"] == "secret")


old, new = image("old", [first, second]), image("new", [first, third])
cache = folder("cache")
ignore = write("ignore.yaml", "ignore:\n- {rule: 'github-*', path: 'app/1.*', until: 2999-01-01, reason: made up}\n"
                              "- {path: '**', until: 2001-01-01, reason: long over}\n")

for attempt in "cold", "warm":
    run = Run("image", old, "--format", "ndjson", "--scanners", "secret", "--cache", cache)
    plain = secrets(run.rows())
    check(len(plain) == 4 and all(row[2] == "" for row in plain), f"{attempt}: {plain}")
    run = Run("image", old, "--format", "ndjson", "--scanners", "secret", "--cache", cache, "--ignorefile", ignore)
    found = {row[0]: row[2] for row in secrets(run.rows())}
    equal([path for path, by in found.items() if by], ["app/1.env"], f"{attempt}: suppressed")
    equal(found["app/1.env"], "ignored until 2999-01-01: made up", f"{attempt}: says why")
    check("1 entries" in run.err and "past their last day" in run.err, run.err)
    run = Run("image", old, "--format", "ndjson", "--scanners", "secret", "--cache", cache, "--min-confidence", "0.9")
    equal(len(secrets(run.rows())), 3, f"{attempt}: least confidence")

# Everything ignored: nothing to fail on.
everything = write("all.yaml", "ignore: [{path: '**', reason: made up}]\n")
equal(Run("image", old, "--scanners", "secret", "--fail-on", "low").status, 1, "fails on a secret")
equal(Run("image", old, "--scanners", "secret", "--fail-on", "low", "--ignorefile", everything).status, 0, "fails on nothing")

# The baseline: only the third token is new, in the file it stands in.
equal(Run("sweep", old, "-o", folder("night"), "--scanners", "secret", "-q").status, 0, "the first night")
run = Run("image", new, "--format", "ndjson", "--scanners", "secret", "--baseline", folder("night"))
equal([row[0] for row in secrets(run.rows())], ["app/1.env"], "only what is new")
equal(len(run.rows("image_secret")), 1, "of images too")
equal(Run("image", new, "--scanners", "secret", "--fail-on", "low", "--baseline", folder("night")).status, 1, "new secrets count")
equal(Run("image", old, "--scanners", "secret", "--fail-on", "low", "--baseline", folder("night")).status, 0, "old ones do not")

for arguments, words in [(["--ignorefile", "/nowhere"], ["--ignorefile", "/nowhere"]), (["--baseline", folder("cache")], ["--baseline", "manifest.json"]),
                         (["--min-confidence", "2"], ["--min-confidence", "0 to 1"]), (["--min-confidence", "x"], ["0 to 1"]),
                         (["--ignorefile", write("bad.yaml", "ignore: [{path: x}]\n")], ["bad.yaml:1", "reason"])]:
    run = Run("image", old, *arguments)
    equal(run.status, 2, str(arguments))
    for word in words:
        check(word in run.err, f"{arguments}: {run.err!r} names {word}")
done()
