"""Listing a registry: pages of the catalogue and of tags, empty repositories, names that are none, links that lead astray."""
import json
from urllib.parse import parse_qs, urlparse

from lab import Layout, check, debian, done, equal, http_server, rows_of, sweep, OCI_MANIFEST

layout = Layout("layout")
image = layout.image([layout.layer(debian({"aaa": "1"}))], "x")
layout.close()


def blob(name):
    with open(layout.blob_path(name), "rb") as file:
        return file.read()


REPOSITORIES = {"a": ["1"], "team/b": ["1", "2", "3"], "team/c": None, "d": [], "e": ["bad tag", "ok"]}
PAGE = 2


def page(handler, key, names, link):
    """Two names a page; where the next one begins is in the link, relative or absolute in turn."""
    start = int(parse_qs(urlparse(handler.path).query).get("last", ["0"])[0])
    headers = {}
    if start + PAGE < len(names):
        target = f"{urlparse(handler.path).path}?last={start + PAGE}&n=1000"
        headers["Link"] = f"<{link(target, start)}>; rel=\"next\""
    handler.reply(200, json.dumps({key: names[start:start + PAGE]}).encode(), **headers)


def registry(astray=None):
    def answer(handler):
        path = urlparse(handler.path).path
        host = handler.headers["Host"]

        def link(target, start):
            return astray or (target if start % 4 == 0 else f"http://{host}{target}")
        if path == "/v2/_catalog":
            page(handler, "repositories", list(REPOSITORIES) + ["UPPER/case"], link)
        elif path.endswith("/tags/list"):
            tags = REPOSITORIES[path[len("/v2/"):-len("/tags/list")]]
            if tags is None:
                handler.reply(404)
            elif not tags:
                handler.reply(200, b'{"name":"d","tags":null}')
            else:
                page(handler, "tags", tags, link)
        elif "/manifests/" in path:
            handler.reply(200, blob(image["digest"]), Content_Type=OCI_MANIFEST)
        else:
            handler.reply(200, blob(path.rsplit("/", 1)[1]))
    return http_server(answer)


with registry() as (host, asked):
    run, out = sweep("registry://" + host)
    equal(run.status, 3, "two names are none")
    references = sorted(r["reference"] for r in rows_of(out, "image"))
    equal(references, [f"{host}/{x}" for x in ("a:1", "e:ok", "team/b:1", "team/b:2", "team/b:3")], "every tag of every page")
    equal(sum("/blobs/" in path for path in asked), 2, "one configuration and one layer behind five references, each once")
    errors = rows_of(out, "error")
    equal(len(errors), 1, f"the listing's first fault is told: {errors}")
    check("UPPER" in errors[0]["message"] or "bad tag" in errors[0]["message"], errors[0]["message"])

with registry("http://127.0.0.2:1/v2/_catalog?last=2") as (host, asked):
    run, out = sweep("registry://" + host)
    check(any("same registry" in r["message"] for r in rows_of(out, "error")), "a page on another host is not followed")
    check(any(r["reference"].endswith("/a:1") for r in rows_of(out, "image")), "what was listed before it is swept")

with http_server(lambda handler: handler.reply(401)) as (host, asked):
    run, out = sweep("registry://" + host)
    equal((run.status, [r["code"] for r in rows_of(out, "error")]), (4, ["AUTH"]), "a registry that refuses its catalogue")
done()
