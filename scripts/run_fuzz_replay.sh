#!/bin/sh
# Replays each fuzz target's kept inputs (tests/fuzz/corpus/NAME) without a fuzzer, and a few hundred bytes of nonsense.
# Last line: "fuzz: N passed, N failed, N skipped".   usage: run_fuzz_replay.sh PROGRAM…
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
    name=${program##*/fuzz_}
    corpus=$here/tests/fuzz/corpus/$name
    if [ ! -d "$corpus" ]; then
        echo "skip  fuzz_$name: no inputs in tests/fuzz/corpus/$name"
        skipped=$((skipped + 1))
    elif timeout 300 "$program" "$corpus" >"$log" 2>&1; then
        printf 'ok    fuzz_%-23s %s\n' "$name" "$(tail -n 1 "$log")"
        passed=$((passed + 1))
    else
        echo "FAIL  fuzz_$name"
        tail -n 40 "$log"
        failed=$((failed + 1))
    fi
done
echo "fuzz: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
