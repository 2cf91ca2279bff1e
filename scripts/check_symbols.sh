#!/bin/sh
# Looks at the object files of a build for what a header cannot ban: the raw allocator outside base/alloc, and writable globals.
# Exceptions, each with its reason, are in scripts/symbols_allowed.txt.   usage: check_symbols.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
bad=0
for object in $(find "$build/base" "$build/io" "$build/matchers" "$build/shard" "$build/engine" -name '*.o' | sort); do
    name=${object#"$build"/}
    name=${name%.o}
    symbols=$(nm "$object" | awk '
        $1 == "U" && $2 ~ /^(malloc|calloc|realloc|reallocarray|free|strdup|strndup)$/ {print $2}
        $2 ~ /^[dDbBC]$/ && $3 !~ /^(DW\.ref\.|\.L)/ {print $3}')
    for symbol in $symbols; do
        grep -q "^${name}[[:space:]]*${symbol}[[:space:]]" scripts/symbols_allowed.txt && continue
        # Tables of pointers are relocated once and then read-only (.data.rel.ro).
        section=$(objdump -t "$object" | awk -v s="$symbol" '$NF == s {for (i = 1; i <= NF; i++) if ($i ~ /^\./) print $i}' | head -n 1)
        case $section in .data.rel.ro*) continue ;; esac
        echo "$name: $symbol"
        bad=1
    done
done
[ "$bad" -eq 0 ] || echo "raw allocation or writable globals: use base/alloc.h, pass state down, or give a reason in scripts/symbols_allowed.txt"
exit "$bad"
