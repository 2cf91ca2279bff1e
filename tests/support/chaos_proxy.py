"""A proxy between trawl and a real docker-registry that breaks answers by a seed, the token server and the blob hosts around it.

    with Chaos(upstream="127.0.0.1:5000", storage=DIR, certificates=make_certificates(DIR), login=Login("basic")) as proxy:
        proxy.begin(seed=7, intensity=0.3)      # from here on answers break; begin() alone is a calm proxy
        ... trawl sweep registry://proxy.host --ca-file proxy.certificates.ca ...
        proxy.injected                           # [Fault], what was done to which answer

trawl speaks TLS to the proxy, the proxy plain HTTP to the registry. What is done to an answer depends on the seed, its path and how often
that path was asked for, not on the order in which connections are served: a seed fails again in the same way. Blobs may be redirected to
127.0.0.2 and to blobs.localhost, which record every header that reaches them. One thread with an event loop of its own serves all of it.
"""
import asyncio
import base64
import collections
import email.utils
import hashlib
import http
import json
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from urllib.parse import parse_qs, urlsplit

USERNAME, PASSWORD = "fleet", "made-up-password-of-a-test"
COOKIE = "session=made-up-cookie-of-a-test"
SIGNATURE = "made-up-signature-of-a-test"
ISSUER, SERVICE = "trawl-test", "trawl-test-registry"

# What may be done to an answer: how often among the others, and for which kind of path.
# "harmless": trawl must come through without a failure, whatever else happens.
KINDS = {
    # kind            weight  paths
    "reset-early":     (3, "list manifest blob token"),
    "reset":           (6, "list manifest blob token"),
    "truncate":        (5, "list manifest blob token"),
    "stall":           (1, "list manifest blob"),
    "429":             (3, "list manifest blob token"),
    "429-date":        (1, "list manifest blob"),
    "500":             (2, "list manifest blob token"),
    "502":             (2, "list manifest blob token"),
    "503":             (2, "list manifest blob token"),
    "flip":            (1, "manifest blob"),
    "expired":         (4, "list manifest blob"),
    "outdated":        (0, ""),  # one of the moments at which all tokens expire
    "range-elsewhere": (3, "blob"),
    "drip":            (3, "list manifest blob token"),
    "redirect":        (8, "blob"),
    "range-ignored":   (3, "blob"),
    "chunked":         (3, "list manifest blob token"),
}
HARMLESS = {"outdated", "drip", "redirect", "range-ignored", "chunked"}

# What the message of a failure says that one of these caused, and its code.
_BROKEN = r"reset|closed|unexpected eof|SSL_|Recv failure|Send failure|Empty reply|receiving data|end of file|expected \d+ bytes|shorter"
CAUSES = {
    "reset-early": ("NET", _BROKEN), "reset": ("NET", _BROKEN), "truncate": ("NET", _BROKEN),
    "stall": ("NET", "no byte for"), "429": ("NET", "found 429"), "429-date": ("NET", "found 429"),
    "500": ("NET", "found 500"), "502": ("NET", "found 502"), "503": ("NET", "found 503"),
    "flip": ("DIGEST", "expected .* found"), "expired": ("AUTH", "401"), "range-elsewhere": ("NET", "another offset"),
}

Fault = collections.namedtuple("Fault", "path attempt kind")
Login = collections.namedtuple("Login", "kind")  # "basic": the proxy itself wants it; "token": the registry does
Certificates = collections.namedtuple("Certificates", "ca front foreign signer")


# ---- certificates, tokens ----

def make_certificates(path):
    """An authority, a certificate of the proxy's and one of the blob hosts', and what signs tokens."""
    os.makedirs(path, exist_ok=True)

    def at(name):
        return os.path.join(path, name)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def request(name, subject, names):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject,
                "-keyout", at(name + ".key"), "-out", at(name + ".csr"))
        with open(at(name + ".ext"), "w", encoding="utf-8") as file:
            file.write("subjectAltName=" + names + "\n")
        openssl("x509", "-req", "-in", at(name + ".csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2",
                "-extfile", at(name + ".ext"), "-out", at(name + ".pem"))
        return at(name + ".pem"), at(name + ".key")

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=trawl test authority",
            "-addext", "basicConstraints=critical,CA:true", "-keyout", at("ca.key"), "-out", at("ca.pem"))
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=trawl test tokens", "-keyout", at("signer.key"), "-out", at("signer.pem"))
    return Certificates(at("ca.pem"), request("front", "/CN=registry", "IP:127.0.0.1,DNS:localhost"),
                        request("foreign", "/CN=blobs", "IP:127.0.0.2,DNS:blobs.localhost"), (at("signer.pem"), at("signer.key")))


def registry_token_config(certificates):
    """What docker-registry's configuration needs to want these tokens; the proxy puts its own realm in the place of this one."""
    return (f"auth:\n  token:\n    realm: https://tokens.invalid/token\n    service: {SERVICE}\n    issuer: {ISSUER}\n"
            f"    rootcertbundle: {certificates.signer[0]}\n")


class Signer:
    """RS256 (RFC 7518 3.3) with a key that openssl made: PKCS #1 v1.5 over SHA-256 is one exponentiation."""
    PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")

    def __init__(self, certificate, key):
        text = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-text"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        numbers = {name: int(re.sub(r"[\s:]", "", digits), 16) for name, digits in re.findall(r"^(\w+):\n((?:\s+[0-9a-f:]+\n?)+)", text, re.M)}
        self.modulus, self.primes = numbers["modulus"], (numbers["prime1"], numbers["prime2"])
        self.exponents, self.coefficient = (numbers["exponent1"], numbers["exponent2"]), numbers["coefficient"]
        with open(certificate, encoding="utf-8") as file:
            self.x5c = "".join(file.read().split("-----")[2].split())

    def power(self, number):
        """Modulo each prime alone: a fourth of the time (RFC 8017 5.1.2)."""
        one, two = (pow(number, exponent, prime) for exponent, prime in zip(self.exponents, self.primes))
        return two + (one - two) * self.coefficient % self.primes[0] * self.primes[1]

    def sign(self, claims):
        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")
        head = part(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [self.x5c]}).encode()) + b"." + part(json.dumps(claims).encode())
        size = (self.modulus.bit_length() + 7) // 8
        tail = self.PREFIX + hashlib.sha256(head).digest()
        padded = b"\0\1" + b"\xff" * (size - 3 - len(tail)) + b"\0" + tail
        return (head + b"." + part(self.power(int.from_bytes(padded, "big")).to_bytes(size, "big"))).decode()


# ---- HTTP/1.1, as much as is needed ----

class Message:
    def __init__(self, first, headers):
        self.first, self.headers = first, headers  # names in lower case
        self.body = b""

    def get(self, name):
        return next((value for key, value in self.headers if key == name), "")

    def drop(self, *names):
        self.headers = [(key, value) for key, value in self.headers if key not in names]


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    return Message(first, [(key.strip().lower(), value.strip()) for key, _, value in (line.partition(":") for line in lines)])


async def read_answer(reader, has_body):
    answer = await read_head(reader)
    if not has_body:
        return answer
    if answer.get("transfer-encoding") == "chunked":
        while (size := int((await reader.readline()).split(b";")[0], 16)) > 0:
            answer.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
    else:
        answer.body = await reader.readexactly(int(answer.get("content-length") or 0))
    answer.drop("transfer-encoding", "content-length")
    return answer


def answer_of(status, body=b"", *headers):
    answer = Message(f"HTTP/1.1 {int(status)} {http.HTTPStatus(status).phrase}", list(headers))
    answer.body = body
    return answer


def encode(answer, head_only=False, chunked=False):
    lines = [answer.first] + [f"{key}: {value}" for key, value in answer.headers]
    body = b"" if head_only else answer.body
    if chunked and not head_only:
        lines.append("transfer-encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 700]), body[i:i + 700]) for i in range(0, len(body), 700)) + b"0\r\n\r\n"
    elif not (head_only and answer.get("content-length")):
        lines.append(f"content-length: {len(answer.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body


class Hangup(Exception):
    """This connection is not to be used any more."""


def reset(writer):
    """The peer sees ECONNRESET and not an end: what it has not read yet is lost to it as well."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise Hangup


def path_kind(path):
    if path.startswith("/token"):
        return "token"
    if "/blobs/" in path:
        return "blob"
    return "manifest" if "/manifests/" in path else "list"


# ---- the proxy ----

class Chaos:
    def __init__(self, upstream, storage, certificates, login=None, timeout_s=1.0):
        self.upstream, self.storage, self.certificates = upstream, storage, certificates
        self.login, self.timeout_s = login, timeout_s
        self.signer = Signer(*certificates.signer) if login and login.kind == "token" else None
        self._idle = []
        self._writers = set()
        self._serial = 0
        self.delay_s, self.bytes_per_s = 0.0, 0  # of each answer; 0: as fast as it goes
        self.on_request = None                   # called with (path, number of the request) in the proxy's thread
        self.begin()

    def begin(self, seed=None, intensity=0.0, without=()):
        """Forgets what was, and injects from now on. Without a seed nothing is injected."""
        self.seed, self.intensity = seed, intensity
        self.injected = []
        self.asked = collections.Counter()      # requests by path
        self.complete = collections.Counter()   # blobs whose last byte was sent, by digest
        self.completed_at = 0.0                  # time.monotonic() of the last of them
        self.foreign = []                        # (host, headers) of all that reached the blob hosts
        self.refused = []                        # (path, header) of requests whose credentials were wrong
        self.tokens = {}                         # token: its epoch
        self.epoch = self.requests = 0
        kinds = {kind: row for kind, row in KINDS.items() if kind not in without}
        if self.signer is None:
            kinds.pop("expired", None)
        self.kinds = {place: ([k for k in kinds if place in kinds[k][1].split()], [kinds[k][0] for k in kinds if place in kinds[k][1].split()])
                      for place in ("list", "manifest", "blob", "token")}
        # Once or twice in a sweep everything that was handed out so far expires at the same moment.
        dice = random.Random(f"{seed}")
        self.expire_at = {dice.randrange(5, 60) for _ in range(2)} if seed is not None and "expired" in kinds else set()

    # -- what is done to an answer --

    def choose(self, path, attempt, ranged):
        """(kind or None, dice) for this answer. A few paths are broken in one way for good: only then are all attempts used up."""
        place = path_kind(path)
        kinds, weights = self.kinds[place]
        # Few answers are asked for by a range: what can be done to those alone is done to them often.
        weights = [weight * (6 if ranged else 0) if kind.startswith("range-") else weight for kind, weight in zip(kinds, weights)]
        dice = random.Random(f"{self.seed}/{path}/{attempt}")
        if self.seed is None or not kinds:
            return None, dice
        sticky = random.Random(f"{self.seed}/{path}")
        share = {"list": 0.2, "token": 0.3}.get(place, 1.0)
        if sticky.random() < self.intensity * 0.15 * share:
            return sticky.choices(kinds, weights)[0], dice
        if dice.random() < self.intensity * share:
            return dice.choices(kinds, weights)[0], dice
        return None, dice

    def note(self, path, attempt, kind):
        self.injected.append(Fault(path, attempt, kind))

    # -- upstream --

    async def ask(self, method, path, headers):
        """One exchange with the registry, over a connection that is kept."""
        while True:
            kept = bool(self._idle)
            reader, writer = self._idle.pop() if kept else await asyncio.open_connection(*self.upstream.split(":"))
            lines = [f"{method} {path} HTTP/1.1"] + [f"{key}: {value}" for key, value in headers]
            try:
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
                answer = await read_answer(reader, method != "HEAD")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                if not kept:
                    raise
                continue
            if answer.get("connection") == "close":
                writer.close()
            else:
                self._idle.append((reader, writer))
            return answer

    # -- sending --

    def sent(self, digest):
        self.complete[digest] += 1
        self.completed_at = time.monotonic()

    async def send(self, writer, data):
        if self.bytes_per_s:
            for at in range(0, len(data), 8192):
                writer.write(data[at:at + 8192])
                await writer.drain()
                await asyncio.sleep(8192 / self.bytes_per_s)
        else:
            writer.write(data)
            await writer.drain()

    async def stall(self, reader, writer):
        """Nothing more, until the peer has had enough of it."""
        try:
            await asyncio.wait_for(reader.read(1), self.timeout_s * 5)
        except asyncio.TimeoutError:
            pass
        reset(writer)

    async def spoil(self, kind, dice, answer, head_only, reader, writer):
        """Sends the answer in the way of `kind`; raises Hangup where the connection ends."""
        if kind == "flip" and answer.body and not head_only:
            body = bytearray(answer.body)
            body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
            answer.body = bytes(body)
        head, body = encode(answer, head_only, kind == "chunked")
        whole = head + body
        if kind == "reset":
            await self.send(writer, whole[:dice.randrange(len(whole))])
            reset(writer)
        if kind == "truncate":
            # Of a body where there is one: an end in the middle of a header is the same as an early reset.
            await self.send(writer, whole[:len(head) + dice.randrange(max(len(body), 1))] if body else whole[:len(head) - 2])
            if dice.random() < 0.5:
                writer.transport.abort()  # an end without TLS' goodbye
            raise Hangup
        if kind == "stall":
            await self.send(writer, whole[:dice.randrange(len(whole))])
            await self.stall(reader, writer)
        if kind == "drip":
            step = max(len(whole) // dice.randrange(3, 12), 1)
            for at in range(0, len(whole), step):
                writer.write(whole[at:at + step])
                await writer.drain()
                await asyncio.sleep(0.005)
            return
        await self.send(writer, whole)

    # -- the three servers --

    async def front(self, reader, writer, request):
        """The registry, as trawl sees it."""
        method, path = request.first.split()[:2]
        self.requests += 1
        self.asked[path] += 1
        attempt = self.asked[path]
        if self.on_request is not None:
            self.on_request(path, self.requests)
        if self.requests in self.expire_at:
            self.epoch += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        ranged = bool(request.get("range"))
        authorization = request.get("authorization")
        if self.login and self.login.kind == "basic" and not self.is_user(authorization):
            self.refused.append((path, authorization))
            await self.send(writer, b"".join(encode(answer_of(401, b"", ("www-authenticate", 'Basic realm="registry"')), method == "HEAD")))
            return
        kind, dice = self.choose(path, attempt, ranged)
        forward = [(key, value) for key, value in request.headers if key not in ("connection", "accept-encoding") and
                   (key != "authorization" or self.signer is not None)]
        if kind == "range-ignored":
            forward = [(key, value) for key, value in forward if key != "range"]
        old = self.signer is not None and authorization.startswith("Bearer ") and self.tokens.get(authorization[7:]) != self.epoch
        if old or (kind == "expired" and authorization):
            kind = "expired" if kind == "expired" else "outdated"
            forward = [(key, value) for key, value in forward if key != "authorization"]
        elif kind == "expired":
            kind = None
        if kind == "reset-early":
            self.note(path, attempt, kind)
            reset(writer)
        if kind in ("429", "429-date", "500", "502", "503"):
            self.note(path, attempt, kind)
            answer = answer_of(int(kind[:3]), b'{"errors":[{"code":"TOOMANYREQUESTS","message":"made up by a test"}]}')
            if kind == "429-date":
                answer.headers.append(("retry-after", email.utils.formatdate(time.time() + 1, usegmt=True)))
            elif kind in ("429", "503"):
                answer.headers.append(("retry-after", dice.choice("0001")))
            await self.send(writer, b"".join(encode(answer, method == "HEAD")))
            return
        if kind == "redirect" and method == "GET":
            self.note(path, attempt, kind)
            host = dice.choice([f"127.0.0.2:{self.ports['foreign']}", f"blobs.localhost:{self.ports['foreign']}"])
            location = f"https://{host}/blobs/{path.rsplit('/', 1)[1]}?signature={SIGNATURE}&from={path}"
            await self.send(writer, b"".join(encode(answer_of(dice.choice([301, 302, 307, 308]), b"", ("location", location)))))
            return
        answer = await self.ask(method, path, forward)
        status = int(answer.first.split()[1])
        if status == 401:
            # The registry names a realm that nobody can reach: this one's token server is where tokens are.
            challenge = re.sub(r'realm="[^"]*"', f'realm="https://localhost:{self.ports["front"]}/token"', answer.get("www-authenticate"))
            if kind in ("expired", "outdated"):
                self.note(path, attempt, kind)
                challenge += ',error="invalid_token"'
            elif authorization:
                self.refused.append((path, authorization))
            answer.headers = [(key, challenge if key == "www-authenticate" else value) for key, value in answer.headers]
            kind = None
        elif kind == "range-elsewhere" and status == 206:
            first = int(re.match(r"bytes (\d+)-", answer.get("content-range")).group(1))
            answer.headers = [(key, re.sub(r"\d+-", f"{first // 2}-", value, 1) if key == "content-range" else value) for key, value in answer.headers]
        elif kind in ("range-elsewhere", "redirect") or status not in (200, 206):
            kind = None
        if kind is not None:
            self.note(path, attempt, kind)
        answer.headers.append(("set-cookie", COOKIE))
        await self.spoil(kind, dice, answer, method == "HEAD", reader, writer)
        if "/blobs/" in path and status in (200, 206) and method == "GET":
            self.sent(path.rsplit("/", 1)[1])

    async def blobs(self, reader, writer, request):
        """A host that has nothing but blobs, and must not learn who asks."""
        method, target = request.first.split()[:2]
        self.foreign.append((request.get("host"), request.headers))
        url = urlsplit(target)
        name = url.path.rsplit("/", 1)[1]
        path = parse_qs(url.query)["from"][0]
        with open(os.path.join(self.storage, "docker/registry/v2/blobs/sha256", name[7:9], name[7:], "data"), "rb") as file:
            data = file.read()
        attempt = self.asked[path]
        kind, dice = self.choose(path, f"{attempt}-foreign", bool(request.get("range")))
        answer = answer_of(200, data, ("content-type", "application/octet-stream"))
        match = re.match(r"bytes=(\d+)-$", request.get("range"))
        if match and int(match.group(1)) < len(data) and kind != "range-ignored":
            first = int(match.group(1))
            answer = answer_of(206, data[first:], ("content-range", f"bytes {first}-{len(data) - 1}/{len(data)}"))
        if kind not in ("reset", "truncate", "stall", "flip", "drip", "chunked", "range-ignored"):
            kind = None
        if kind is not None:
            self.note(path, attempt, kind)
        await self.spoil(kind, dice, answer, method == "HEAD", reader, writer)
        self.sent(name)

    def is_user(self, authorization):
        return authorization == "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()

    async def token(self, reader, writer, request):
        """Spec: distribution's docs/spec/auth/token.md. A token of one minute for whoever has the password."""
        target = request.first.split()[1]
        self.asked[target] += 1
        attempt = self.asked[target]
        kind, dice = self.choose(target, attempt, False)
        if not self.is_user(request.get("authorization")):
            self.refused.append((target, request.get("authorization")))
            await self.send(writer, b"".join(encode(answer_of(401, b"", ("www-authenticate", 'Basic realm="tokens"')))))
            return
        if kind is not None:
            self.note(target, attempt, kind)
        if kind == "reset-early":
            reset(writer)
        if kind in ("429", "500", "502", "503"):
            await self.send(writer, b"".join(encode(answer_of(int(kind), b"", *([("retry-after", "0")] if kind == "429" else [])))))
            return
        query = parse_qs(urlsplit(target).query)
        access = []
        for scope in " ".join(query.get("scope", [])).split():
            what, _, actions = scope.rpartition(":")
            what, _, name = what.partition(":")
            access.append({"type": what, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        self._serial += 1
        token = self.signer.sign({"iss": ISSUER, "sub": USERNAME, "aud": query.get("service", [""])[0], "exp": now + 60, "nbf": now - 5, "iat": now,
                                  "jti": f"{self._serial}", "access": access})
        self.tokens[token] = self.epoch
        body = json.dumps({"token": token, "expires_in": 60}).encode()
        await self.spoil(kind, dice, answer_of(200, body, ("content-type", "application/json")), False, reader, writer)

    # -- connections --

    async def connection(self, serve, reader, writer):
        self._writers.add(writer)
        try:
            while True:
                request = await read_head(reader)
                await (self.token if serve == self.front and request.first.split()[1].startswith("/token") else serve)(reader, writer, request)
        except (Hangup, asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _context(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return context

    async def _open(self):
        def serve(handler):
            return lambda reader, writer: self.connection(handler, reader, writer)
        front = await asyncio.start_server(serve(self.front), "127.0.0.1", 0, ssl=self._context(self.certificates.front))
        # libcurl knows names below "localhost" without a resolver: they are 127.0.0.1. Both hosts at the same port, where it is free on both.
        context = self._context(self.certificates.foreign)
        while True:
            foreign = await asyncio.start_server(serve(self.blobs), "127.0.0.2", 0, ssl=context)
            port = foreign.sockets[0].getsockname()[1]
            try:
                named = await asyncio.start_server(serve(self.blobs), "127.0.0.1", port, ssl=context)
                break
            except OSError:
                foreign.close()
        self._servers = [front, foreign, named]
        self.ports = {"front": front.sockets[0].getsockname()[1], "foreign": port}
        self.host = f"127.0.0.1:{self.ports['front']}"

    async def _close(self):
        for server in self._servers:
            server.close()
        for writer in list(self._writers) + [writer for _, writer in self._idle]:
            writer.transport.abort()
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        # A peer that goes away in the middle of a handshake is what this is for.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
