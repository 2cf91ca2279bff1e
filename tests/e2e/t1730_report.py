"""The report in a real browser: no complaint on the console, no request, searching and sorting work, and nothing of a stranger's runs."""
import json
import os
import random
import re
import shutil
import sys
import time

from chromium import Chromium
from lab import Run, check, done, equal, folder
from sweep_folder import HOSTILE, digest, hostile_tables, write_sweep

KEEP = os.environ.get("TRAWL_PICTURES")  # a folder for pictures to look at
SEVERITIES = ["critical", "high", "medium", "low", "negligible", "unknown"]


def fleet(images, findings_each, seed):
    """A fleet whose every finding is of its own: images × findings_each of them."""
    r = random.Random(seed)
    tables = {t: [] for t in ("image", "image_layer", "package", "vulnerability", "secret", "image_secret", "misconfiguration", "compliance", "error")}
    names = ["openssl", "libc6", "curl", "zlib1g", "log4j-core", "lodash", "requests", "bash", "perl-base", "systemd", "glib", "busybox"]
    for i in range(images):
        reference = f"registry.example/{r.choice(['shop', 'pay', 'search', 'infra'])}/service-{i:03}:{r.randint(1, 9)}.{r.randint(0, 20)}"
        tables["image"].append({"reference": reference, "registry": "registry.example", "repository": reference.split("/", 1)[1].split(":")[0], "image_digest": digest(i + 1), "os": "linux", "architecture": "amd64",
                                "package_set": f"s{i:05}", "status": "failed" if i % 37 == 5 else "done", "reason": "layer: connection reset" if i % 37 == 5 else "", "labels": {"team": r.choice(["red", "blue"])}, "scanned_at": 1714521600})
        tables["image_layer"].append({"image_digest": digest(i + 1), "ordinal": 0, "layer_digest": digest(i + 100000)})
        for k in range(findings_each):
            n, name = i * findings_each + k, r.choice(names)
            fixed = f"{r.randint(2, 4)}.{r.randint(0, 12)}.{r.randint(0, 9)}" if r.random() < 0.7 else ""
            tables["vulnerability"].append({"package_set": f"s{i:05}", "purl": f"pkg:deb/debian/{name}@1.{k}", "type": "deb", "name": name, "version": f"1.{r.randint(0, 30)}", "path": "var/lib/dpkg/status", "id": f"CVE-{2015 + n % 10}-{10000 + n}",
                                            "severity": r.choices(SEVERITIES, [4, 14, 30, 40, 8, 4])[0], "fixed_version": fixed, "status": "fixed" if fixed else "no_fix", "kev": n % 997 == 0, "confidence": 1.0,
                                            "published_at": 1714521600 - r.randint(0, 1200) * 86400 if n % 11 else None, "source": "debian"})
        if i % 6 == 0:
            tables["secret"].append({"layer_digest": digest(i + 100000), "path": "app/.env", "line": 3, "rule": "github-token", "severity": "critical", "confidence": 0.95, "redacted": "ghp_…" + f"{i:04}", "fingerprint": f"{i % 30:032x}"})
            tables["image_secret"].append({"image_digest": digest(i + 1), "fingerprint": f"{i % 30:032x}", "rule": "github-token", "location": "app/.env", "state": "deleted" if i % 12 else "effective", "layer_digest": digest(i + 100000)})
        if i % 37 == 5:
            tables["error"].append({"target": reference, "stage": "fetch", "path": "", "code": "NET", "message": "connection reset by peer"})
        for control in ("4.1", "4.2", "4.6"):
            tables["compliance"].append({"target": reference, "specification": "CIS Docker 1.6", "control": control, "status": r.choice(["pass", "pass", "fail"])})
    return tables


out = write_sweep("fleet", fleet(200, 250, 1), started_at="2024-05-01T00:00:00Z")
store = folder("store")
os.makedirs(store)
for n in range(9):
    write_sweep(f"store/night-{n}", fleet(20 + n, 30, n + 5), sweep_id=f"n{n}", started_at=f"2024-04-{20 + n}T00:00:00Z")
page = folder("report.html")
begin = time.monotonic()
run = Run("report", out, "-o", page, "--snapshots", store)
equal(run.status, 0, "report: " + run.err)
with open(page, encoding="utf-8") as file:
    html = file.read()
data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])
equal((len(data["findings"]), data["findings_left"] > 0, len(data["images"]), len(data["trends"])), (50000, True, 200, 10), "what the page holds")
check(not re.search(r"https?://(?!osv\.dev/)", re.sub(r'<script type="application/json".*?</script>', "", html, flags=re.S).replace("http://www.w3.org/2000/svg", "")), "no address of a network in the page")
# By hand: the counts of the sweep, and the update that removes most.
rows = json.loads(Run("export", out, "-f", "json").out)
equal(data["totals"]["critical"], sum(v["severity"] == "critical" for v in rows["vulnerability"]), "criticals")
best = data["packages"][0]
own = [v for v in rows["vulnerability"] if v["name"] == best["name"]]
equal((best["findings"], best["removes"]), (len(own), sum(v["fixed_version"] != "" for v in own)), "the best update")
equal(best["upgrade"], max((v["fixed_version"] for v in own if v["fixed_version"]), key=lambda v: [int(x) for x in v.split(".")]), "its version is the latest of the fixed ones")
shared = [s for s in data["secrets"] if s["fingerprint"] == "0" * 32][0]
equal((shared["images"], shared["states"]), (sum(s["fingerprint"] == "0" * 32 for s in rows["image_secret"]), "effective, deleted"), "a secret in many images, once")

strange = folder("strange.html")
equal(Run("report", write_sweep("strange", hostile_tables()), "-o", strange).status, 0, "a report of strangers' names")
with open(strange, encoding="utf-8") as file:
    html = file.read()
equal(html.count("<script"), 2, "no script but the page's own")
check("\u202e" not in html and "\x1b" not in html and "\x00" not in html, "no hidden characters in the page")
equal(len(json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])["errors"]), len(HOSTILE), "all of them are there")
equal(Run("report", write_sweep("nothing", {}), "-o", folder("nothing.html")).status, 0, "a report of nothing")
equal(Run("report", out, "-o", folder("no/such")).status, 2, "no such folder")

if Chromium.find() is None:
    print("SKIP the browser: chromium is not installed")
    done()


def texts(selector):
    return browser.ask(f"[...document.querySelectorAll({json.dumps(selector)})].map(n => n.textContent)")


def wait_search(id_, query):
    before = browser.ask(f"document.querySelector('#{id_} [role=status]').textContent")
    browser.ask(f"(() => {{ const box = document.getElementById('{id_}-search'); box.value = {json.dumps(query)}; box.dispatchEvent(new Event('input')); }})()")
    browser.wait(f"document.querySelector('#{id_} [role=status]').textContent !== {json.dumps(before)}")


with Chromium() as browser:
    browser.size(1280, 900)
    browser.media()
    begin = time.monotonic()
    browser.open(page, "document.documentElement.dataset.ready === 'yes'")
    opened = time.monotonic() - begin
    check(opened < 8, f"50,000 findings open in {opened:.1f} s")
    equal(browser.complaints(), [], "the console")
    equal(texts("#menu a"), ["Summary", "Worst images", "What to update first", "Findings", "Secrets", "Compliance", "Not scanned"], "sections")
    if KEEP:
        browser.picture(os.path.join(KEEP, "top.png"))
    # Searching: as the sweep says.
    wanted = [v for v in rows["vulnerability"] if v["name"] == "log4j-core" and v["severity"] == "critical"]
    begin = time.monotonic()
    wait_search("findings", "log4j-core critical")
    check(time.monotonic() - begin < 3, "searching 50,000 findings")
    equal(browser.ask("document.querySelector('#findings [role=status]').textContent"), f"{len(wanted):,} of 50,000", "matches of a search")
    check(all("log4j-core" in t for t in texts("#findings tbody tr")), "rows that match")
    wait_search("findings", "no such thing anywhere")
    equal(texts("#findings tbody tr"), ["Nothing matches."], "nothing matches")
    wait_search("findings", "")
    # Sorting with the mouse and with the keyboard.
    browser.ask("document.querySelectorAll('#findings th button')[1].click()")
    ids = texts("#findings tbody td:nth-child(2)")
    equal(ids, sorted(ids), "sorted by id")
    equal(browser.ask("document.querySelectorAll('#findings th')[1].getAttribute('aria-sort')"), "ascending", "aria-sort")
    browser.ask("document.querySelectorAll('#findings th button')[1].focus()")
    browser.key("Enter")
    after = texts("#findings tbody td:nth-child(2)")
    equal(after, sorted(after, reverse=True), "sorted the other way with the keyboard")
    begin = time.monotonic()
    browser.ask("document.querySelectorAll('#findings th button')[7].click()")
    check(time.monotonic() - begin < 3, "sorting 50,000 findings")
    ages = [int(t.replace(",", "")) for t in texts("#findings tbody td:nth-child(8)")]
    equal(ages, sorted(ages, reverse=True), "sorted by age, the oldest first")
    browser.ask("[...document.querySelectorAll('#findings .pager button')].at(-1).click()")
    check("page 2 of 1,000" in texts("#findings .pager")[0], "the next page")
    # A filter, and a link that says where it goes.
    browser.ask("(() => { const s = document.querySelector('#images select'); s.value = 'failed'; s.dispatchEvent(new Event('change')); })()")
    equal(browser.ask("document.querySelector('#images [role=status]').textContent"), f"{sum(i['status'] == 'failed' for i in rows['image'])} of 200", "filtered by status")
    check(browser.ask("document.querySelector('#findings td a').rel").startswith("noreferrer"), "links tell nobody where they come from")
    # Tab reaches a control, and what has the focus is seen.
    browser.ask("document.body.focus(); window.scrollTo(0, 0)")
    browser.key("Tab")
    browser.key("Tab")
    check(browser.ask("document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle !== 'none'"), "the focus is visible")
    unnamed = browser.ask("[...document.querySelectorAll('input,select,button,a')].filter(n => !(n.textContent.trim() || n.ariaLabel || (n.labels && n.labels.length))).length")
    equal(unnamed, 0, "every control has a name")
    # A phone, dark; nothing wider than the screen.
    browser.size(390, 844, True)
    browser.media(scheme="dark")
    check(browser.ask("document.documentElement.scrollWidth <= window.innerWidth + 1"), "a phone needs no scrolling sideways: " + str(browser.ask("document.documentElement.scrollWidth")))
    check(browser.ask("getComputedStyle(document.body).backgroundColor") != "rgb(246, 247, 249)", "dark where the reader wants it")
    if KEEP:
        browser.picture(os.path.join(KEEP, "phone.png"))
        browser.ask("location.hash = '#findings'")
        time.sleep(0.5)
        browser.picture(os.path.join(KEEP, "phone-findings.png"))
        browser.size(1280, 900)
        for where in ("images", "packages", "findings", "secrets", "compliance", "errors"):
            browser.ask(f"location.hash = '#{where}'")
            time.sleep(0.4)
            browser.picture(os.path.join(KEEP, where + ".png"))
    browser.size(1000, 1400)
    browser.media("print")
    check(browser.ask("getComputedStyle(document.querySelector('nav')).display === 'none' && getComputedStyle(document.querySelector('.bar')).display === 'none'"), "no controls on paper")
    if KEEP:
        browser.ask("window.scrollTo(0, 0)")
        browser.picture(os.path.join(KEEP, "print.png"))
    equal(browser.complaints(), [], "the console, at the end")
    # Strangers' names: nothing runs, everything is shown.
    browser.size(1280, 900)
    browser.media()
    browser.open(strange, "document.documentElement.dataset.ready === 'yes'")
    equal(browser.complaints(), [], "the console, with strangers' names")
    equal(browser.ask("document.querySelectorAll('main img, main script, main [onclick], main [onmouseover], main [onerror]').length"), 0, "no element of a stranger's")
    check("<script>alert(1)</script>" in "".join(texts("#errors td")), "markup is shown as text")
    browser.open(folder("nothing.html"), "document.documentElement.dataset.ready === 'yes'")
    equal(browser.complaints(), [], "the console, with nothing")
done()
