"""Logins at a real registry over TLS: bearer tokens of a small token service, Basic, every place that credentials come from, wrong ones."""
import base64
import contextlib
import hashlib
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
import urllib.parse

from lab import TRAWL, Layout, Run, check, connects, debian, done, equal, folder, free_port, rows_of, skip, sweep, wait_for

for binary in ("docker-registry", "skopeo", "openssl"):
    if shutil.which(binary) is None:
        skip(binary + " is not installed")

USER, PASSWORD = "somebody", "made-up-password"


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], check=True, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


CA, KEY, CERT = folder("ca.pem"), folder("key.pem"), folder("cert.pem")
openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", KEY, "-out", CERT, "-subj", "/CN=127.0.0.1",
        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
shutil.copy(CERT, CA)


def key_id(certificate_path):
    """libtrust's: base32 of the first 30 bytes of SHA-256 over the public key, in groups of four."""
    der = openssl("pkey", "-pubin", "-outform", "DER", stdin=openssl("x509", "-in", certificate_path, "-pubkey", "-noout"))
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode().rstrip("=")
    return ":".join(text[i:i + 4] for i in range(0, len(text), 4))


def jwt(claims, kid):
    """RFC 7519 with RS256, over openssl: no Python package is needed."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(part(json.dumps(x).encode()) for x in ({"typ": "JWT", "alg": "RS256", "kid": kid}, claims))
    return (signed + b"." + part(openssl("dgst", "-sha256", "-sign", KEY, stdin=signed))).decode()


class Tokens:
    """A token service: what it was asked, how long its tokens live, and whom it knows."""

    def __init__(self):
        self.asked, self.seconds, self.anonymous = [], 300, False
        self.kid = key_id(CERT)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                given = self.headers.get("Authorization", "")
                known = given == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                outer.asked.append(("GET", query, known))
                self.answer(known or (outer.anonymous and not given), query)

            def do_POST(self):
                query = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                known = query.get("refresh_token") == ["made-up-identity"] and query.get("grant_type") == ["refresh_token"]
                outer.asked.append(("POST", query, known))
                self.answer(known, query)

            def answer(self, known, query):
                body = b"{}"
                if known:
                    access = []
                    for scope in " ".join(query.get("scope", [])).split():
                        kind, name, actions = scope.split(":")
                        access.append({"type": kind, "name": name, "actions": actions.split(",")})
                    now = int(time.time())
                    token = jwt({"iss": "made-up", "sub": USER, "aud": query["service"][0], "exp": now + outer.seconds, "nbf": now - 10, "iat": now,
                                        "jti": str(len(outer.asked)), "access": access}, outer.kid)
                    body = json.dumps({"token": token, "access_token": token, "expires_in": outer.seconds}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERT, KEY)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        asked, self.asked = self.asked, []
        return asked


@contextlib.contextmanager
def registry(name, auth, tls=True, more=""):
    """docker-registry on the shared storage; yields HOST:PORT."""
    port, config = free_port(), folder(name + ".yml")
    secure = f", tls: {{certificate: {CERT}, key: {KEY}{more}}}" if tls else ""
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder('storage')}}}}}\n"
                   f"http: {{addr: 127.0.0.1:{port}{secure}}}\n{auth}")
    with open(folder(name + ".log"), "wb") as log:
        server = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: connects(port), "the registry to listen")
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def bcrypt_line():
    """Perl's crypt is libxcrypt, which knows bcrypt: the registry takes nothing else."""
    made = subprocess.run(["perl", "-e", "print crypt($ARGV[0], '$2b$05$' . 'a' x 22)", PASSWORD], stdout=subprocess.PIPE, check=False).stdout.decode()
    return f"{USER}:{made}\n" if made.startswith("$2b$") else None


def auth_file(**fields):
    path = folder("auth.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(fields, file)
    os.chmod(path, 0o600)
    return {"REGISTRY_AUTH_FILE": path}


NOBODY = {"REGISTRY_AUTH_FILE": "", "HOME": folder("nowhere"), "XDG_RUNTIME_DIR": folder("nowhere"), "XDG_CONFIG_HOME": "", "DOCKER_CONFIG": ""}


def image(target, *options, environment=None, stdin=None):
    return Run("image", target, "--format", "ndjson", "--ca-file", CA, "--scanners", "package", *options, environment={**NOBODY, **(environment or {})}, stdin=stdin)


layout = Layout("layout")
base = layout.layer(debian({"openssl": "3.0.9-1"}))
more = layout.layer({"srv/big": os.urandom(3000000)})
layout.image([base, more], "one")
layout.close()
with registry("fill", "", tls=False) as host:
    for repository in ("team/app", "team/other", "public/app"):
        copy = subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout.path}:one", f"docker://{host}/{repository}:one"],
                              stderr=subprocess.PIPE, check=False)
        check(copy.returncode == 0, "skopeo: " + copy.stderr.decode())


def packages(run):
    return sorted(row["name"] for row in run.rows("package"))


tokens = Tokens()
TOKEN_AUTH = f"auth: {{token: {{realm: '{tokens.url}', service: made-up-service, issuer: made-up, rootcertbundle: {CERT}}}}}\n"
with registry("token", TOKEN_AUTH) as host:
    login = ("--username", USER, "--password-stdin")
    run = image(f"{host}/team/app:one", *login, stdin=(PASSWORD + "\n").encode())
    equal((run.status, packages(run)), (0, ["openssl"]), f"a login by option: {run.err}")
    asked = tokens.take()
    equal([(kind, query["scope"], known) for kind, query, known in asked], [("GET", ["repository:team/app:pull"], True)], "one token for the whole image")

    # The whole registry: a token for the catalogue, one for each repository.
    out = folder("whole")
    run = Run("sweep", f"registry://{host}", "-o", out, "--quiet", "--ca-file", CA, *login, environment=NOBODY, stdin=PASSWORD.encode())
    equal(run.status, 0, f"a whole registry: {run.err}")
    equal(sorted(row["repository"] for row in rows_of(out, "image")), ["public/app", "team/app", "team/other"], "its images")
    scopes = sorted(scope for _, query, _ in tokens.take() for scope in query["scope"])
    equal(scopes, ["registry:catalog:*"] + [f"repository:{name}:pull" for name in ("public/app", "team/app", "team/other")], "a token for each scope")

    # The same out of files and helpers.
    encoded = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    run = image(f"{host}/team/app:one", environment=auth_file(auths={host: {"auth": encoded}}))
    equal((run.status, packages(run)), (0, ["openssl"]), f"a login by file: {run.err}")
    run = image(f"{host}/team/app:one", environment=auth_file(auths={host: {"auth": base64.b64encode(b"who:made-up").decode()}, host + "/team": {"auth": encoded}}))
    equal((run.status, packages(run)), (0, ["openssl"]), f"the longest key wins: {run.err}")
    run = image(f"{host}/team/app:one", environment=auth_file(auths={host: {"identitytoken": "made-up-identity"}}))
    equal((run.status, packages(run)), (0, ["openssl"]), f"an identity token: {run.err}")
    equal(tokens.take()[-1][0], "POST", "identity tokens are posted")
    helper = folder("docker-credential-made-up")
    path = {"PATH": folder("") + ":" + os.environ["PATH"]}

    def helper_put(script):
        with open(helper, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(helper, 0o700)

    helper_put(f'read host; [ "$1 $host" = "get {host}" ] && echo \'{{"Username":"{USER}","Secret":"{PASSWORD}"}}\'\n')
    run = image(f"{host}/team/app:one", environment={**auth_file(credHelpers={host: "made-up"}), **path})
    equal((run.status, packages(run)), (0, ["openssl"]), f"a helper: {run.err}")
    helper_put("echo made-up-garbage\n")
    run = image(f"{host}/team/app:one", environment={**auth_file(credsStore="made-up"), **path})
    check(run.status in (3, 4) and "docker-credential-made-up" in run.err and "made-up-garbage" not in run.err, f"a helper's garbage: {run.err}")
    with open(auth_file()["REGISTRY_AUTH_FILE"], "w", encoding="utf-8") as file:
        file.write('{"auths": made-up-garbage')
    run = image(f"{host}/team/app:one", environment={"REGISTRY_AUTH_FILE": folder("auth.json")})
    check(run.status in (3, 4) and "auth.json" in run.err and "made-up-garbage" not in run.err, f"a broken file: {run.err}")

    # --ca-file is in place of the system's, of its folder of certificates too: here the system trusts the registry's.
    others, trusted = folder("others.pem"), folder("trusted")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", folder("others-key.pem"), "-out", others, "-subj", "/CN=others")
    os.makedirs(trusted)
    shutil.copy(CERT, os.path.join(trusted, openssl("x509", "-in", CERT, "-noout", "-subject_hash").decode().strip() + ".0"))
    mounted = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"', trusted]
    if shutil.which("unshare") is None or subprocess.run([*mounted, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("SKIP --ca-file in place of the system's: nothing may be mounted here")
    else:
        for file, expected in ((CA, 0), (others, 3)):
            ran = subprocess.run([*mounted, TRAWL, "image", f"{host}/team/app:one", "--format", "ndjson", "--ca-file", file, "--scanners", "package", *login],
                                 input=PASSWORD.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, env={**os.environ, **NOBODY})
            equal(ran.returncode, expected, f"--ca-file {file}: {ran.stderr.decode()}")

    # Nobody, and somebody else.
    tokens.take()
    run = image(f"{host}/team/app:one")
    check(run.status in (3, 4) and "token service" in run.err, f"without a login: {run.err}")
    tokens.take()
    run = image(f"{host}/team/app:one", *login, stdin=b"wrong\n")
    check(run.status in (3, 4) and "401" in run.err and "wrong" not in run.err.replace("missing or wrong", ""), f"a wrong password: {run.err}")
    check(len(tokens.take()) <= 3, "a wrong password is not tried for ever")
    tokens.anonymous = True
    run = image(f"{host}/public/app:one")
    equal((run.status, packages(run)), (0, ["openssl"]), f"an anonymous token: {run.err}")

    # Small objects share connections over HTTP/2; layers have theirs, over HTTP/1.1. The registry offers both.
    layers = [base["digest"], more["digest"]]
    with open(folder("token.log"), encoding="utf-8") as file:
        served = [line.split('"')[1].split() for line in file if '" 200 ' in line]
    check(any("/manifests/" in path for _, path, _ in served), "the registry keeps a log")
    equal({protocol for _, path, protocol in served if not any(x in path for x in layers)}, {"HTTP/2.0"}, "manifests, configurations, listings")
    equal({protocol for _, path, protocol in served if any(x in path for x in layers)}, {"HTTP/1.1"}, "layers")

    # A mirror gives what the registry itself, which is not even there, does not; names and rows stay the registry's.
    gone = f"127.0.0.1:{free_port()}"
    run = image(f"{gone}/public/app:one", "--mirror", f"{gone}={host}")
    equal((run.status, packages(run), run.rows("image")[0]["registry"]), (0, ["openssl"], gone), f"a mirror: {run.err}")
    run = image(f"{host}/public/app:one", "--mirror", f"{host}={gone}", "--http-attempts", "1")
    equal((run.status, packages(run)), (0, ["openssl"]), f"a mirror that is not there: {run.err}")
    for wrong in ("mirror.example", "=mirror.example", "docker.io=", "docker.io=mirror.example/path"):
        equal(image(f"{host}/public/app:one", "--mirror", wrong).status, 2, f"--mirror {wrong}")

    # Tokens that live for a second: the layers come all the same.
    tokens.take()
    tokens.seconds = 1
    run = image(f"{host}/team/app:one", *login, stdin=PASSWORD.encode())
    equal((run.status, packages(run)), (0, ["openssl"]), f"short tokens: {run.err}")

line = bcrypt_line()
if line is not None:
    with open(folder("htpasswd"), "w", encoding="ascii") as file:
        file.write(line)
    with registry("basic", f"auth: {{htpasswd: {{realm: 'a, \"realm\"', path: {folder('htpasswd')}}}}}\n") as host:
        run = image(f"{host}/team/app:one", *login, stdin=PASSWORD.encode())
        equal((run.status, packages(run)), (0, ["openssl"]), f"Basic: {run.err}")
        run = image(f"{host}/team/app:one", *login, stdin=b"wrong")
        check(run.status in (3, 4) and "refused this user name and password" in run.err, f"Basic with a wrong password: {run.err}")
        run = image(f"{host}/team/app:one")
        check(run.status in (3, 4) and "--username" in run.err, f"Basic without a login: {run.err}")
else:
    print("SKIP Basic: there is no perl with bcrypt")

# Client certificates, by option and out of the container engines' folders.
with registry("mutual", "", more=f", clientcas: [{CERT}]") as host:
    run = image(f"{host}/team/app:one", "--cert-file", CERT, "--key-file", KEY)
    equal((run.status, packages(run)), (0, ["openssl"]), f"a client certificate: {run.err}")
    run = image(f"{host}/team/app:one", "--http-attempts", "1")
    check(run.status in (3, 4), f"without a client certificate: {run.out}")
    certificates = folder(f"home/.config/containers/certs.d/{host}")
    os.makedirs(certificates)
    for source, name in ((CERT, "ca.crt"), (CERT, "client.cert"), (KEY, "client.key")):
        shutil.copy(source, os.path.join(certificates, name))
    run = Run("image", f"{host}/team/app:one", "--format", "ndjson", "--insecure", "--scanners", "package", environment={**NOBODY, "HOME": folder("home")})
    equal((run.status, packages(run)), (0, ["openssl"]), f"a folder of certificates: {run.err}")
done()
