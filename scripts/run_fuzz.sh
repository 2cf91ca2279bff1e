#!/bin/sh
# libFuzzer with ASan and UBSan on one target, for so many seconds; finds go to build/fuzz/NAME-*.   usage: run_fuzz.sh TARGET SECONDS
set -eu
cd "$(dirname "$0")/.."
target=${1#fuzz_}
if [ -z "$target" ] || [ ! -f "tests/fuzz/fuzz_$target.c" ]; then
    echo "usage: make fuzz F=<target> [T=<seconds>]; targets:" >&2
    for file in tests/fuzz/fuzz_*.c; do
        name=${file##*/fuzz_}
        echo "  ${name%.c}" >&2
    done
    exit 2
fi
out=build/fuzz
mkdir -p "$out/$target"
# libFuzzer adds to this folder what reached new code; the kept inputs are copied into it each time.
mkdir -p "$out/seeds-$target"
[ ! -d "tests/fuzz/corpus/$target" ] || cp -r "tests/fuzz/corpus/$target/." "$out/seeds-$target/"
# The whole library again, with coverage instrumentation.
make -s --no-print-directory -j "$(nproc)" CC=clang B="$out/obj" SANITIZE=1 CFLAGS=-fsanitize=fuzzer-no-link "$out/obj/libtrawl.a" "$out/obj/tests/fuzz/fuzz_$target.o" "$out/obj/libsupport.a" >"$out/build.log" 2>&1 || {
    cat "$out/build.log"
    exit 1
}
libraries=$(make --no-print-directory -pn 2>/dev/null | sed -n 's/^LIBS := //p')
# shellcheck disable=SC2086 # words on purpose
clang -fsanitize=fuzzer,address,undefined -o "$out/fuzz_$target" "$out/obj/tests/fuzz/fuzz_$target.o" "$out/obj/libsupport.a" "$out/obj/libtrawl.a" $libraries
exec "$out/fuzz_$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=4096 -artifact_prefix="$out/$target-" "$out/seeds-$target"
