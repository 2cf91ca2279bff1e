"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const severities = ["malicious", "critical", "high", "medium", "low", "negligible", "unknown"];
  const rank = Object.fromEntries(severities.map((s, i) => [s, i]));
  const number = new Intl.NumberFormat("en");
  const pageRows = 50;

  // Everything that comes from the data becomes text: no markup is ever made of it.
  const make = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
    return node;
  };
  const drawing = (tag, attributes, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const main = document.getElementById("main");
  const menu = document.getElementById("menu");

  const section = (id, title, note) => {
    menu.append(make("li", {}, make("a", {href: "#" + id}, title)));
    const node = make("section", {id, "aria-labelledby": id + "-title"}, make("h2", {id: id + "-title", tabindex: "-1"}, title), note ? make("p", {class: "note"}, note) : null);
    main.append(node);
    return node;
  };

  const badge = s => make("span", {class: "sev " + s}, s);
  const day = time => time.slice(0, 10);

  // A table: columns are {title, value(row) for sorting, cell(row) for showing, numeric, first: "descending"}.
  const table = (parent, id, rows, columns, options) => {
    let shown = rows, page = 0, sorted = options.sort, direction = options.direction || 1, query = "", choices = {};
    const words = new Array(rows.length);
    const index = new Map(rows.map((row, i) => [row, i]));
    const textOf = row => {
      const i = index.get(row);
      if (words[i] === undefined) words[i] = columns.map(c => c.search ? c.search(row) : c.value(row)).join("\n").toLowerCase();
      return words[i];
    };
    const status = make("span", {role: "status", "aria-live": "polite"});
    const body = make("tbody");
    const heads = columns.map((c, i) => make("th", {scope: "col", "aria-sort": "none", class: c.numeric ? "n" : undefined}, make("button", {type: "button", on: {click: () => {
      if (sorted === i) direction = -direction; else { sorted = i; direction = c.numeric ? -1 : 1; }
      arrange();
    }}}, c.title)));
    const back = make("button", {type: "button", on: {click: () => { page--; show(); }}}, "Previous");
    const on = make("button", {type: "button", on: {click: () => { page++; show(); }}}, "Next");
    const where = make("span");
    let waiting = 0;
    const bar = make("div", {class: "bar", role: "search"}, make("div", {class: "grow"}, make("label", {class: "hide", for: id + "-search"}, "Search " + options.name),
      make("input", {id: id + "-search", type: "search", placeholder: "Search " + options.name, autocomplete: "off", spellcheck: "false", on: {input: event => {
        clearTimeout(waiting);
        const value = event.target.value;
        waiting = setTimeout(() => { query = value.toLowerCase().trim(); arrange(); }, rows.length > 5000 ? 150 : 30);
      }}})), ...(options.filters || []).map(f => make("select", {"aria-label": f.title, on: {change: event => { choices[f.title] = event.target.value; arrange(); }}},
        make("option", {value: ""}, f.title), ...f.values.map(v => make("option", {value: v}, v)))), status);
    const show = () => {
      const pages = Math.max(1, Math.ceil(shown.length / pageRows));
      page = Math.min(Math.max(page, 0), pages - 1);
      body.replaceChildren(...shown.slice(page * pageRows, (page + 1) * pageRows).map(row => make("tr", {}, ...columns.map(c => {
        const content = c.cell ? c.cell(row) : c.numeric ? number.format(c.value(row)) : c.value(row);
        return make("td", {class: c.numeric ? "n" : c.mono ? "mono" : undefined, "data-label": c.title}, ...(Array.isArray(content) ? content : [content]));
      }))));
      if (shown.length === 0) body.append(make("tr", {}, make("td", {class: "none", colspan: columns.length}, rows.length === 0 ? options.empty || "None." : "Nothing matches.")));
      where.textContent = pages > 1 ? `page ${number.format(page + 1)} of ${number.format(pages)}` : "";
      back.disabled = page === 0;
      on.disabled = page >= pages - 1;
      back.hidden = on.hidden = pages < 2;
    };
    const arrange = () => {
      const parts = query.split(/\s+/).filter(p => p);
      shown = rows.filter(row => (options.filters || []).every(f => !choices[f.title] || f.of(row) === choices[f.title]) && (parts.length === 0 || parts.every(p => textOf(row).includes(p))));
      if (sorted !== undefined) {
        const value = columns[sorted].value;
        const keys = new Map(shown.map(row => [row, value(row)]));
        shown.sort((a, b) => { const x = keys.get(a), y = keys.get(b); return direction * (typeof x === "number" && typeof y === "number" ? x - y : String(x) < String(y) ? -1 : String(x) > String(y) ? 1 : 0); });
      }
      heads.forEach((h, i) => h.setAttribute("aria-sort", i === sorted ? direction > 0 ? "ascending" : "descending" : "none"));
      status.textContent = shown.length === rows.length ? `${number.format(rows.length)} ${options.name}` : `${number.format(shown.length)} of ${number.format(rows.length)}`;
      page = 0;
      show();
    };
    if (rows.length > 8) parent.append(bar);
    parent.append(make("div", {class: "wide"}, make("table", {id: id + "-table"}, make("caption", {class: "hide"}, options.name), make("thead", {}, make("tr", {}, ...heads)), body)),
      make("div", {class: "pager"}, where, back, on));
    arrange();
    return query => { bar.querySelector("input").value = query; };
  };

  const bars = (title, lines, note) => {
    const most = Math.max(1, ...lines.map(l => l.parts.reduce((sum, p) => sum + p.count, 0)));
    const list = make("dl", {class: "bars"});
    for (const line of lines) {
      const sum = line.parts.reduce((s, p) => s + p.count, 0);
      const track = make("div", {class: "track", role: "img", "aria-label": line.parts.filter(p => p.count).map(p => `${p.name} ${p.count}`).join(", ") || "none"});
      for (const p of line.parts) if (p.count) { const piece = make("i", {class: "f-" + p.name, title: `${p.name}: ${number.format(p.count)}`}); piece.style.width = 100 * p.count / most + "%"; track.append(piece); }
      list.append(make("dt", {}, line.title), make("dd", {}, track), make("dd", {class: "n"}, line.text || number.format(sum)));
    }
    return make("div", {class: "card"}, make("h3", {}, title), list, note ? make("p", {class: "note"}, note) : null);
  };

  const lines = trends => {
    const width = 420, height = 190, left = 46, bottom = 22, top = 8;
    const shown = ["critical", "high", "medium"];
    const most = Math.max(1, ...trends.flatMap(t => shown.map(s => t[s])));
    const times = trends.map(t => Date.parse(t.started_at));
    const first = Math.min(...times), last = Math.max(...times);
    const x = t => left + (width - left - 10) * (last === first ? 0.5 : (t - first) / (last - first));
    const y = v => top + (height - top - bottom) * (1 - v / most);
    const picture = drawing("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Findings from ${day(trends[0].started_at)} to ${day(trends[trends.length - 1].started_at)}: ` + shown.map(s => `${s} ${trends[0][s]} to ${trends[trends.length - 1][s]}`).join(", ")});
    for (const share of [0, 0.5, 1]) {
      picture.append(drawing("line", {x1: left, x2: width - 10, y1: y(most * share), y2: y(most * share), stroke: "var(--line)"}));
      picture.append(drawing("text", {x: left - 6, y: y(most * share) + 4, "text-anchor": "end"}, number.format(Math.round(most * share))));
    }
    for (const s of shown) {
      picture.append(drawing("polyline", {fill: "none", stroke: `var(--${s})`, "stroke-width": 2, points: trends.map((t, i) => `${x(times[i]).toFixed(1)},${y(t[s]).toFixed(1)}`).join(" ")}));
      if (trends.length < 40) trends.forEach((t, i) => picture.append(drawing("circle", {cx: x(times[i]), cy: y(t[s]), r: 2.6, fill: `var(--${s})`})));
    }
    picture.append(drawing("text", {x: left, y: height - 4}, day(trends[0].started_at)), drawing("text", {x: width - 10, y: height - 4, "text-anchor": "end"}, day(trends[trends.length - 1].started_at)));
    return make("div", {class: "card"}, make("h3", {}, "Findings over time"), picture, make("ul", {class: "key"}, ...shown.map(s => make("li", {}, make("i", {class: "f-" + s}), s))));
  };

  // ---- the page ----
  const run = data.run, totals = data.totals;
  document.getElementById("about").textContent = `${number.format(totals.images)} images, ${run.started_at.replace("T", " ").replace("Z", " UTC")}` +
    (run.feed_version ? `, vulnerability data of ${day(run.feed_version)}` : "") + (run.targets.length ? ` — ${run.targets.slice(0, 6).join(", ")}${run.targets.length > 6 ? " …" : ""}` : "");

  const summary = section("summary", "Summary");
  const tile = (value, text, alarm) => make("div", {class: "card tile" + (alarm && value ? " alarm" : "")}, make("b", {}, typeof value === "number" ? number.format(value) : value), make("span", {}, text));
  summary.append(make("div", {class: "tiles"}, tile(totals.images, "images"), tile(totals.critical + totals.malicious, "critical findings", true), tile(totals.kev, "known to be exploited", true),
    tile(totals.fixable, "findings with a fix"), tile(totals.secrets, "secrets in effect", true), tile(totals.critical_age_days ? Math.round(totals.critical_age_days) + " d" : "–", "mean age of criticals"), tile(totals.images - totals.images_done, "images not fully scanned", true)));
  const kinds = [["Vulnerabilities", "vulnerability"], ["Secrets", "secret"], ["Misconfigurations", "misconfiguration"]];
  const charts = make("div", {class: "charts"}, bars("By severity", severities.filter(s => s !== "malicious" || totals.malicious).map(s => ({title: s, parts: [{name: s, count: data.severities.vulnerability[s] + data.severities.secret[s] + data.severities.misconfiguration[s]}],
    text: kinds.map(([, k]) => data.severities[k][s]).every(n => n === 0) ? "0" : undefined})), "Each finding counted for every image that has it."),
    bars("Age of vulnerabilities", data.ages.map(a => ({title: a.title, parts: severities.map(s => ({name: s, count: a[s] || 0}))})), "Since the day they were published."));
  if (data.trends.length > 1) charts.append(lines(data.trends));
  summary.append(charts);

  const images = section("images", "Worst images", data.images_left ? `The worst ${number.format(data.images.length)} of ${number.format(data.images.length + data.images_left)}.` : "");
  const count = (title, key) => ({title, numeric: true, value: r => r[key]});
  table(images, "images", data.images, [
    {title: "Image", value: r => r.reference, cell: r => [r.reference, make("small", {}, [r.platform, r.status === "done" ? "" : r.status + (r.reason ? ": " + r.reason : "")].filter(t => t).join(" · "))], search: r => r.reference + " " + r.digest + " " + r.status + " " + r.labels},
    count("Critical", "critical"), count("High", "high"), count("Medium", "medium"), count("Low", "low"), count("Exploited", "kev"), count("Fixable", "fixable"), count("Secrets", "secrets"),
  ], {name: "images", filters: [{title: "Any status", values: ["done", "partial", "failed", "skipped"], of: r => r.status}]});

  const packages = section("packages", "What to update first", "Vulnerabilities grouped by package: the update that removes most, counted for every image that has it.");
  table(packages, "packages", data.packages, [
    {title: "Package", value: r => r.name, cell: r => [r.name, make("small", {}, r.type)], search: r => r.name + " " + r.type + " " + r.upgrade + " " + r.ids},
    {title: "Worst", value: r => rank[r.worst], cell: r => badge(r.worst), search: r => r.worst},
    {title: "Update to", value: r => r.upgrade, mono: true, cell: r => r.upgrade || "no fix yet"},
    count("Removes", "removes"), count("Findings", "findings"), count("Images", "images"),
    {title: "Versions found", value: r => r.versions, mono: true},
  ], {name: "packages", sort: 3, direction: -1, filters: [{title: "Any severity", values: severities, of: r => r.worst}], empty: "No vulnerable package was found."});

  const findings = section("findings", "Findings", data.findings_left ? `The worst ${number.format(data.findings.length)}; ${number.format(data.findings_left)} more are in the sweep.` : "");
  table(findings, "findings", data.findings, [
    {title: "Severity", value: r => rank[r[0]], cell: r => badge(r[0]), search: r => r[0]},
    {title: "Id", value: r => r[2], cell: r => [r[1] === "vulnerability" ? make("a", {href: "https://osv.dev/vulnerability/" + encodeURIComponent(r[2]), rel: "noreferrer noopener", target: "_blank"}, r[2]) : r[2], r[9] ? make("span", {class: "tag"}, "exploited") : null]},
    {title: "What", value: r => r[3], cell: r => [r[3], make("small", {}, r[1])], search: r => r[3] + " " + r[1]},
    {title: "Fixed in", value: r => r[4], mono: true},
    {title: "Where", value: r => r[5], mono: true},
    {title: "Image", value: r => r[6], cell: r => [r[6], r[7] > 1 ? make("small", {}, `and ${number.format(r[7] - 1)} more`) : null]},
    {title: "Images", numeric: true, value: r => r[7]},
    {title: "Age (days)", numeric: true, value: r => r[8] < 0 ? -1 : r[8], cell: r => r[8] < 0 ? "" : number.format(r[8])},
  ], {name: "findings", sort: 0, filters: [{title: "Any severity", values: severities, of: r => r[0]}, {title: "Any kind", values: ["vulnerability", "secret", "misconfiguration"], of: r => r[1]}], empty: "Nothing was found."});

  const secrets = section("secrets", "Secrets", "Each secret once, by its fingerprint." + (data.secrets_left ? ` ${number.format(data.secrets_left)} more are in the sweep.` : ""));
  table(secrets, "secrets", data.secrets, [
    {title: "Severity", value: r => rank[r.severity], cell: r => badge(r.severity), search: r => r.severity},
    {title: "Rule", value: r => r.rule, search: r => r.rule + " " + r.fingerprint},
    {title: "Secret", value: r => r.redacted, mono: true},
    {title: "Place", value: r => r.path, mono: true},
    {title: "Image", value: r => r.image, cell: r => [r.image, r.images > 1 ? make("small", {}, `and ${number.format(r.images - 1)} more`) : null]},
    {title: "State", value: r => r.states},
    count("Images", "images"), count("Places", "places"),
  ], {name: "secrets", sort: 0, filters: [{title: "Any severity", values: severities, of: r => r.severity}], empty: "No secret was found."});

  if (data.compliance.length) {
    const compliance = section("compliance", "Compliance");
    compliance.append(make("div", {class: "charts"}, ...data.compliance.map(c => bars(c.specification, c.controls.map(k => ({title: k.control, parts: [{name: "good", count: k.pass}, {name: "bad", count: k.fail}], text: `${number.format(k.pass)} / ${number.format(k.pass + k.fail)}`})), "Targets that pass, of those assessed."))));
  }

  const errors = section("errors", "Not scanned", data.errors_left ? `${number.format(data.errors_left)} more are in the sweep.` : "What could not be read, and why.");
  table(errors, "errors", data.errors, [
    {title: "Target", value: r => r.target}, {title: "Stage", value: r => r.stage}, {title: "Path", value: r => r.path, mono: true}, {title: "What", value: r => r.message, cell: r => [r.message, make("small", {}, r.code)]},
  ], {name: "errors", empty: "Everything was read."});
  document.documentElement.dataset.ready = "yes";
})();
