"""Commands as a newcomer meets them: help, mistakes, configuration file and environment."""
import os
import subprocess

from lab import Layout, Run, TRAWL, check, debian, done, equal, folder

run = Run("help")
equal(run.status, 0, "help")
commands = [line.split()[0] for line in run.out.splitlines() if line.startswith("  ")]
check({"sweep", "image", "fs", "db", "match", "export", "shards", "rules", "vercmp", "version"} <= set(commands), commands)
for command in commands:
    for flag in ("--help", "-h"):
        run = Run(command, flag)
        check(run.status == 0 and run.out.startswith("usage: trawl " + command), f"{command} {flag}: {run.out[:80]!r}")
    run = Run(command, "--no-such-option")
    check(run.status == 2 and "no-such-option" in run.err and f"trawl {command} --help" in run.err, f"{command}: {run.status} {run.err!r}")
equal(Run().status, 2, "no command")
run = Run("swep")
check(run.status == 2 and "swep" in run.err, run.err)
run = Run("--version")
check(run.status == 0 and run.out.startswith("trawl "), run.out)

layout = Layout("layout")
layout.image([layout.layer(debian({"aaa": "1"}))], "x")
target = layout.close()
for arguments, words in [(["sweep"], ["target"]), (["sweep", target], ["-o"]), (["sweep", target, "-o"], ["value"]), (["sweep", target, "-o", folder("a"), "--jobs", "many"], ["jobs", "many"]),
                         (["sweep", target, "-o", folder("a"), "--memory", "1M"], ["96M"]), (["sweep", "no-such-kind:/x", "-o", folder("a")], ["no-such-kind"]),
                         (["sweep", target, "-o", folder("a"), "--io", "fast"], ["fast"]), (["sweep", target, "-o", folder("a"), "--scanners", "everything"], ["everything"]),
                         (["sweep", target, "-o", folder("a"), "--platform", "linux"], ["os/architecture"]), (["image", target, "--format", "yaml"], ["yaml"]),
                         (["image", target, "--rules", "/nowhere"], ["/nowhere"]), (["sweep", target, "-o", "/proc/nowhere"], ["/proc/nowhere"])]:
    run = Run(*arguments)
    check(run.status in (2, 3, 4), f"{arguments}: status {run.status}")
    for word in words:
        check(word in run.err + run.out, f"{arguments}: {run.err!r} names {word}")

# Flag over environment over file.
os.makedirs(folder("here"))
with open(os.path.join(folder("here"), "trawl.yaml"), "w", encoding="utf-8") as file:
    file.write("format: csv\nscanners: [package]\nunknown-key: 1\n")
run = Run("image", target, cwd=folder("here"), environment={"TRAWL_FORMAT": "ndjson"})
check(run.status == 0 and run.out.startswith("{"), "environment over file")
run = Run("image", target, "--format=table", cwd=folder("here"), environment={"TRAWL_FORMAT": "ndjson"})
check(run.status == 0 and "aaa" in run.out and not run.out.startswith("{"), "flag over environment")
with open(os.path.join(folder("here"), "trawl.yaml"), "w", encoding="utf-8") as file:
    file.write("fail-on: [a, b]\n")
run = Run("image", target, cwd=folder("here"))
check(run.status == 2 and "trawl.yaml" in run.err, run.err)

# vercmp, and a pipe whose reader leaves.
run = Run("vercmp", "deb", stdin=b"1.0\t1.0~rc1\n1:1\t2\n1\t1.0-0x\n")
equal(run.out.split(), [">", ">", "<"], "vercmp")
equal(Run("vercmp", "nonsense", stdin=b"").status, 2, "vercmp of an unknown order")
pipe = subprocess.run(f"{TRAWL} image {target} --format ndjson | head -n 1", shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
check(pipe.stdout.startswith(b"{"), pipe.stderr)
run = Run("rules", "test")
equal(run.status, 0, "rules test: " + run.out[-300:])
done()
