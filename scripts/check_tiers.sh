#!/bin/sh
# Every #include "…" of ours against scripts/tiers.txt: a file may include from its own folder (and the folders above and below
# it in the same tier folder) and from what its folder's line names. The most specific line of a folder counts with those above it.
set -u
cd "$(dirname "$0")/.." || exit 1
git ls-files -co --exclude-standard '*.c' '*.h' '*.def' | xargs grep -n -H '^#include "' | awk '
BEGIN {
    while ((getline line < "scripts/tiers.txt") > 0) {
        if (line ~ /^#/ || line !~ /:/) continue
        split(line, parts, ": *")
        allowed[parts[1]] = parts[2]
        if (parts[1] ~ /\//) own[parts[1]] = 1
    }
}
function covered(target, list,   i, n, items) {
    n = split(list, items, " ")
    for (i = 1; i <= n; i++) if (target == items[i] || index(target, items[i] "/") == 1) return 1
    return 0
}
{
    split($0, f, ":"); file = f[1]
    match($0, /"[^"]*"/); target = substr($0, RSTART + 1, RLENGTH - 2)
    n = split(file, p, "/"); top = p[1]
    dir = file; sub(/\/[^\/]*$/, "", dir)
    tdir = target; sub(/\/[^\/]*$/, "", tdir)
    if (tdir == target) next                      # a file of the same folder
    split(tdir, t, "/")
    if (tdir == dir) next
    ok = 0
    # the lines of this folder and of every folder above it
    for (d = dir; d != ""; d = (d ~ /\// ? substr(d, 1, match(d, /\/[^\/]*$/) - 1) : "")) {
        if (covered(tdir, allowed[d])) ok = 1
    }
    # siblings within a tier folder are free unless that tier keeps its kinds apart
    if (!ok && t[1] == top && top != "io" && top != "matchers") ok = 1
    if (!ok) { print file ": may not include " target; bad++ }
}
END { if (bad) { print bad " wrong includes: see scripts/tiers.txt"; exit 1 } }'
