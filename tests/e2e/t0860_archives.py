"""Packages inside of archives inside of archives: listed with the path that leads to them, and gone with the outermost
file when an upper layer takes that away or writes another one."""
import io
import zipfile

from lab import Layout, done, equal, rows_of, sweep


def archive(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in files:
            file.writestr(name, body)
    return data.getvalue()


def properties(artifact):
    return ("pom.properties", f"groupId=g\nartifactId={artifact}\nversion=1\n")


outer = archive([properties("out"), ("lib/in-1.jar", archive([properties("in")]))])
layout = Layout("archives")
base = layout.layer(files={"app/o.jar": outer})
layout.image([base], "base")
layout.image([base, layout.layer(files={"app/.wh.o.jar": ""})], "deleted")
layout.image([base, layout.layer(files={"app/o.jar": archive([properties("new")])})], "rewritten")
layout.image([base, layout.layer(files={"app/x": ""})], "kept")

run, out = sweep(layout.close())
rows = rows_of(out)
sets = {}
for row in rows:
    if row["table"] == "package":
        sets.setdefault(row["package_set"], []).append((row["name"], row["path"]))
found = {r["reference"].rsplit(":", 1)[1]: sorted(sets.get(r["package_set"], [])) for r in rows if r["table"] == "image"}
both = [("g:in", "app/o.jar!/lib/in-1.jar"), ("g:out", "app/o.jar")]
equal(found, {"base": both, "kept": both, "deleted": [], "rewritten": [("g:new", "app/o.jar")]}, "what each image has")
done()
