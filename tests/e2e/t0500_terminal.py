"""What a person sees: a progress line on a terminal, plain lines elsewhere, nothing with --quiet; Ctrl-C; exit statuses."""
import os
import pty
import re
import select
import signal
import subprocess
import time

from lab import Layout, Run, TRAWL, check, debian, done, equal, folder, http_server, sweep, OCI_MANIFEST


def on_terminal(*arguments, seconds=20, interrupt_after=None):
    """Runs trawl on a pseudo-terminal: (status, everything on it, seconds from Ctrl-C to the end)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(TRAWL, [TRAWL, *arguments])
    text, end, pressed, took = b"", time.monotonic() + seconds, None, None
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        if ready:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        if interrupt_after and pressed is None and interrupt_after(text):
            os.write(terminal, b"\x03")
            pressed = time.monotonic()
    if pressed:
        took = time.monotonic() - pressed
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), text.decode("utf-8", "replace"), took


layout = Layout("layout")
layers = [layout.layer(debian({"aaa": "1"}, **{f"f{i}-{j}": os.urandom(200000) for j in range(20)})) for i in range(10)]
layout.image(layers, "one")
layout.tag({"mediaType": OCI_MANIFEST, **layout.blob(b"bad")}, "bad")
layout.close()
good = "oci:" + layout.path + ":one"

# ---- terminal, pipe, quiet ----
status, text, _ = on_terminal("sweep", good, "-o", folder("terminal"))
equal(status, 0, "on a terminal")
check(re.search(r"\r\x1b\[K(listing|scanning|composing)", text), "a line that is drawn over")
check(re.search(r"swept 1 images, 10 layers \(10 new\), .* in .* \(.*GiB/s\), 0 failed\r?\n$", text), "the last line is the one people quote: " + text[-200:])
run, out = sweep(good, quiet=False)
check("\r" not in run.err and "\x1b" not in run.err + run.out, "no terminal controls in a pipe")
check(run.out.rstrip().splitlines()[-1].startswith("swept 1 images"), run.out)
run, out = sweep(good)
equal((run.out, run.err), ("", ""), "--quiet")
check(os.path.exists(os.path.join(out, "manifest.json")), "manifest.json")

# ---- Ctrl-C: a registry that never sends its layer to the end ----


def slow(handler):
    with open(layout.blob_path(layout.manifests[0]["digest"]), "rb") as file:
        manifest = file.read()
    name = handler.path.rsplit("/", 1)[1]
    if "/manifests/" in handler.path:
        handler.reply(200, manifest, Content_Type=OCI_MANIFEST)
    elif name not in [x["digest"] for x in layers]:
        with open(layout.blob_path(name), "rb") as file:
            handler.reply(200, file.read())
    else:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 1000)
                time.sleep(0.05)
        except OSError:
            handler.close_connection = True


with http_server(slow) as (host, asked):
    out = folder("interrupted")
    status, text, took = on_terminal("sweep", f"{host}/team/app:1", "-o", out, interrupt_after=lambda t: b"scanning" in t)
    equal(status, 130, "status after Ctrl-C: " + text[-300:])
    check(took is not None and took < 1, f"ended {took} s after Ctrl-C")
    check("canceled" in text and "unfinished" in text, text[-300:])
    check(not os.path.exists(os.path.join(out, "manifest.json")), "no manifest.json")
    # The same by a signal, without a terminal.
    process = subprocess.Popen([TRAWL, "sweep", f"{host}/team/app:1", "-o", out, "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = len(asked)
    end = time.monotonic() + 10
    while len(asked) < seen + 4 and time.monotonic() < end:
        time.sleep(0.01)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    equal(process.wait(10), 130, "status after SIGTERM")
    check(time.monotonic() - begin < 1, "ends within a second")

# ---- tables: within the terminal's width, coloured on a terminal alone, and not with NO_COLOR ----
feed = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")
db = folder("colour.db")
Run("db", "build", feed, "-o", db)
colourful = Layout("colourful")
colourful.image([colourful.layer({"a/" + "deep/" * 20 + "node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.15"}'})], "x")
shown = ["image", colourful.close(), "--db", db, "-q"]
status, text, _ = on_terminal(*shown)
check(status == 0 and "\x1b[31mhigh" in text, "severities have a colour: " + text[-300:])
plain = re.sub("\x1b\\[[0-9;]*m", "", text)
check(max(len(line.rstrip("\r")) for line in plain.split("\n")) <= 100, "a table fits")
os.environ["NO_COLOR"] = "1"
check("\x1b[" not in on_terminal(*shown)[1], "NO_COLOR")
del os.environ["NO_COLOR"]
check("\x1b" not in Run(*shown).out, "no colour in a pipe")

# ---- exit statuses ----
feed = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo-feed")
db = folder("demo.db")
Run("db", "build", feed, "-o", db)
risky = Layout("risky")
risky.image([risky.layer({"a/node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.15"}'})], "x")
target = risky.close()
for expected, arguments in [(0, [target, "--db", db]), (1, [target, "--db", db, "--fail-on", "high"]), (0, [target, "--db", db, "--fail-on", "critical"]),
                            (7, [target, "--db", db, "--fail-on", "high", "--exit-code", "7"]), (2, [target, "--fail-on", "terrible"]),
                            (2, ["oci:"]), (3, ["oci:" + layout.path]), (4, ["registry://127.0.0.1:1", "--http-attempts", "1"]), (2, ["@/nowhere"])]:
    run, _ = sweep(*arguments)
    if arguments == ["oci:"]:
        expected = 3  # a bad target is one failed row; the others go on
    equal(run.status, expected, f"exit status of {arguments}: {run.err}")
done()
