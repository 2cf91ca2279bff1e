#!/bin/sh
# One run on the same bytes: each step alone, their sum as the roofline, the sweep and its share of the roofline, what eats the rest.
# usage: bench.sh BINARY   (LAYOUT=… for other images than the demo's, COPIES=… how often each layer is repeated)
set -eu
cd "$(dirname "$0")/.."
trawl=$1
build=$(dirname "$trawl")
layout=${LAYOUT:-demo/registry}
copies=${COPIES:-12}
jobs=2
[ -f "$layout/index.json" ] || scripts/demo.sh "$trawl" >/dev/null
make --no-print-directory -j "$(nproc)" benches | grep -v '^  CC' || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
layers=$(python3 scripts/bench_layout.py "$layout" "$copies" "$work/layout")
grep -m1 'model name' /proc/cpuinfo | sed 's/^model name[[:space:]]*: /processor: /' || true
echo "trawl $(cat VERSION), $jobs threads, layers repeated $copies times for the sweep"
echo
# shellcheck disable=SC2086 # a list of paths
"$build/bench/macro/bench_roofline" 5 $layers | tee "$work/roofline"
echo
python3 scripts/bench_sweep.py "$trawl" "$work" "$jobs" "$copies" "$build/bench/macro/bench_capacity"
echo
cases=${TRAWL_SHARED:-../shared}/corpora/secrets/dev.jsonl.gz
if [ -f "$cases" ]; then
    make --no-print-directory "$build/tests/support/bin/secrets" | grep -v '^  ' || true
    echo "confidence of secrets: is a hit right as often as it says"
    python3 scripts/train_confidence.py "$build/tests/support/bin/secrets" --corpus "$cases" ${NOISE:+--noise "$NOISE"/*/unpacked} | sed 's/^/  /'
    echo
fi
ranges=$build/bench/micro/bench_range
if [ -x "$ranges" ]; then
    echo "range test of the vulnerability matcher"
    "$ranges" | sed 's/^/  /'
fi
feeds=${TRAWL_SHARED:-../shared}/feeds
if [ -d "$feeds" ]; then
    echo "matching against all of the shared feeds"
    "$trawl" db build "$feeds" -o "$work/vuln.db" >/dev/null
    "$build/bench/micro/bench_match" "$work/vuln.db" | sed 's/^/  /'
fi
shards=$build/bench/micro/bench_shard
if [ -x "$shards" ]; then
    echo "shards"
    mkdir -p "$work/shards"
    "$shards" 300000 "$work/shards" 256 | sed 's/^/  /'
fi
secrets=$build/bench/micro/bench_secret
if [ -x "$secrets" ]; then
    echo
    echo "secrets: the layers' unpacked bytes"
    for layer in $layers; do
        gzip -dc "$layer" 2>/dev/null || zstd -dcq "$layer" 2>/dev/null || cat "$layer"
    done | head -c 200000000 >"$work/layers.tar"
    "$secrets" "$work/layers.tar" 7 | sed 's/^/  /'
    echo "secrets: bodies made against every rule, ns a byte"
    "$build/bench/micro/bench_hostile" 64 | tail -n 4 | sed 's/^/  /' || true
fi
