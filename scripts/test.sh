#!/bin/sh
# All tests of one build, then one line that sums them up: "N passed, N failed, N skipped".
# usage: test.sh MAKE BUILD_FOLDER   (variables such as SANITIZE come through MAKEFLAGS)
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here" || exit 1
make=$1
# Tests that read the shared corpora skip themselves where this is not set.
shared=${TRAWL_SHARED:-$here/../shared}
if [ -d "$shared/corpora" ]; then
    TRAWL_SHARED=$(cd "$shared" && pwd)
    TRAWL_CORPORA=$TRAWL_SHARED/corpora
    export TRAWL_SHARED TRAWL_CORPORA
fi
log=$(mktemp)
part=$(mktemp)
trap 'rm -f "$log" "$part"' EXIT
failed_targets=
for target in test-unit test-fuzz test-e2e test-scores; do
    echo "== $target"
    "$make" --no-print-directory "$target" 2>&1 | tee "$part"
    cat "$part" >>"$log"
    # The status of make is lost in the pipe: each target's own summary line is what counts.
    grep -q -E '^(units|fuzz|e2e|scores): [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$part" || failed_targets="$failed_targets $target"
done
sums=$(awk '/^(units|fuzz|e2e|scores): [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {p += $2; f += $4; s += $6} END {print p + 0, f + 0, s + 0}' "$log")
# shellcheck disable=SC2086 # three numbers
set -- $sums
failed=$2
for target in $failed_targets; do
    echo "FAIL $target did not come to its end"
    failed=$((failed + 1))
done
echo "$1 passed, $failed failed, $3 skipped"
[ "$failed" -eq 0 ]
