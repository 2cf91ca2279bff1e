#!/bin/sh
# The main job on a small registry: builds it out of real packages, sweeps it, prints the summary.   usage: demo.sh BINARY
set -eu
cd "$(dirname "$0")/.."
trawl=$1
scripts/bootstrap --demo || echo "demo: going on without them"
mkdir -p demo
rm -rf demo/registry demo/out
echo "building demo/registry out of Debian, PyPI and npm packages (kept in demo/cache) …"
python3 scripts/demo_images.py demo/cache demo/registry
echo "building demo/demo.db out of docs/demo-feed …"
"$trawl" db build docs/demo-feed -o demo/demo.db
echo "sweeping …"
status=0
"$trawl" sweep oci:demo/registry --db demo/demo.db -o demo/out || status=$?
cat <<'END'

Look further:
  ./trawl export demo/out --format table --table vulnerability
  ./trawl export demo/out --format ndjson --table secret,image_secret
  ./trawl export demo/out --format ndjson --table image
  ./trawl image oci:demo/registry:leaky --db demo/demo.db
docs/warehouses.md says how the rows are loaded; the tables are in demo/out/ddl.
END
exit "$status"
