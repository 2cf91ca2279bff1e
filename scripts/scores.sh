#!/bin/sh
# Runs the scoring scripts of the shared corpora and holds every figure against its floor in tests/floors.tsv. A floor may
# only rise. Last line: "scores: N passed, N failed, N skipped".   usage: scores.sh BINARY
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
shared=${TRAWL_SHARED:-$here/../shared}
case $1 in /*) binary=$1 ;; *) binary=$PWD/$1 ;; esac
passed=0 failed=0 skipped=0
if nm "$binary" 2>/dev/null | grep -q -E '__[at]san_init'; then
    echo 'SKIP scores: they are of the release build'
    echo 'scores: 0 passed, 0 failed, 1 skipped'
    exit 0
fi
for corpus in versions packages secrets images oracle; do
    script=$shared/corpora/$corpus/score
    if [ ! -x "$script" ]; then
        echo "SKIP score of $corpus: no corpus in the shared folder"
        skipped=$((skipped + 1))
        continue
    fi
    line=$(python3 "$script" --trawl "$binary" --json 2>/dev/null | tail -n 1)
    echo "$corpus: $line"
    if printf '%s\n' "$line" | python3 "$here/scripts/floors.py" "$corpus" "$here/tests/floors.tsv"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "scores: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
