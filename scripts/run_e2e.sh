#!/bin/sh
# Runs tests/e2e/t*.sh and t*.py with TRAWL set to the binary. Exit 77 of one is a skip; its last line is the reason.
# Last line: "e2e: N passed, N failed, N skipped".   usage: run_e2e.sh BINARY [PATTERN]
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
case $1 in /*) TRAWL=$1 ;; *) TRAWL=$PWD/$1 ;; esac
export TRAWL
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export PYTHONPATH="$here/tests/support" PYTHONDONTWRITEBYTECODE=1
for script in "$here"/tests/e2e/t[0-9]*; do
    name=${script##*/}
    case $name in *${2:-}*) ;; *) continue ;; esac
    case $name in *.py) interpreter='python3' ;; *.sh) interpreter='sh' ;; *) continue ;; esac
    begin=$(date +%s)
    timeout 600 "$interpreter" "$script" >"$log" 2>&1 </dev/null
    status=$?
    seconds=$(($(date +%s) - begin))
    case $status in
    0)
        printf 'ok    %-36s %3s s\n' "$name" "$seconds"
        grep -h '^SKIP' "$log"
        passed=$((passed + 1)) ;;
    77)
        printf 'skip  %-36s %s\n' "$name" "$(tail -n 1 "$log")"
        skipped=$((skipped + 1)) ;;
    *)
        printf 'FAIL  %-36s status %s after %s s\n' "$name" "$status" "$seconds"
        tail -n 40 "$log"
        failed=$((failed + 1)) ;;
    esac
done
echo "e2e: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
