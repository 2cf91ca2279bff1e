#!/bin/sh
# Runs test programs, one line each; what one prints is shown only when it fails. Exit 77 of a program is a skip.
# Last line: "units: N passed, N failed, N skipped".   usage: run_units.sh PROGRAM…
set -u
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
    timeout 600 "$program" >"$log" 2>&1
    status=$?
    tests=$(sed -n 's/^\[==========\] \([0-9]*\) test(s) run.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
    skips=$(grep -c '^\[  SKIPPED \] [a-z_]*$' "$log")
    case $status in
    0)
        printf 'ok    %-28s %s tests%s\n' "${program##*/}" "$tests" "$([ "$skips" -gt 0 ] && printf ', %s skipped' "$skips")"
        grep -h '^SKIP' "$log"
        passed=$((passed + 1)) ;;
    77)
        printf 'skip  %-28s %s\n' "${program##*/}" "$(grep -m1 '^SKIP' "$log")"
        skipped=$((skipped + 1)) ;;
    *)
        printf 'FAIL  %-28s status %s\n' "${program##*/}" "$status"
        grep -v -E '^\[ (RUN|      OK)' "$log" | tail -n 60
        failed=$((failed + 1)) ;;
    esac
done
echo "units: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
