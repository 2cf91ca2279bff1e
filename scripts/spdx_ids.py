#!/usr/bin/env python3
"""engine/export/spdx_ids.def out of the SPDX licence list.   usage: spdx_ids.py licenses.json exceptions.json >engine/export/spdx_ids.def

Both files are in the folder json/ of github.com/spdx/license-list-data.
"""
import json
import sys

names, version = set(), ""
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    version = document["licenseListVersion"]
    names.update(entry["licenseId"] for entry in document.get("licenses", ()))
    names.update(entry["licenseExceptionId"] for entry in document.get("exceptions", ()))
print(f"/* Ids of the SPDX licence list {version}, sorted without regard to case. scripts/spdx_ids.py makes it. */")
for name in sorted(names, key=lambda text: text.lower().encode()):
    print(f'SPDX_ID("{name}")')
