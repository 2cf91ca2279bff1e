#!/bin/sh
# What can be said of the source without running it. Prints what is wrong; last line "lint: ok".   usage: lint.sh MAKE
set -u
cd "$(dirname "$0")/.." || exit 1
make=$1
bad=0
step() {
    echo "lint: $1"
    shift
    "$@" || bad=1
}
unique_names() {
    ! git ls-files '*.c' '*.h' | sed 's|.*/||' | sort | uniq -d | grep .
}
file_sizes() {
    # 800 lines is the aim, 900 the end.
    ! git ls-files '*.c' '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 900 {print $2 ": " $1 " lines"; n++} END {exit !n}'
}
folder_readmes() {
    missing=0
    for folder in $(git ls-files '*.c' '*.h' | sed 's|/[^/]*$||' | sort -u); do
        case $folder in tests/* | bench/*) continue ;; esac
        if [ ! -f "$folder/README.md" ]; then
            echo "$folder: no README.md"
            missing=1
        elif [ "$(wc -l <"$folder/README.md")" -gt 40 ]; then
            echo "$folder/README.md: more than 40 lines"
            missing=1
        fi
    done
    return "$missing"
}
manual_pages() {
    missing=0
    for verb in $(sed -n 's/^COMMAND(\([a-z]*\),.*/\1/p' engine/cli/command.def); do
        [ -f "engine/cli/man/trawl-$verb.txt" ] || { echo "no page engine/cli/man/trawl-$verb.txt"; missing=1; }
    done
    return "$missing"
}
private_words() {
    # The repository speaks of itself alone.
    ! git grep -n -I -i -E '/tmp/wt|/work/(main|shared)|subagent|\bhelper-[0-9]' -- . ':!scripts/lint.sh' ':!.gitignore' | grep .
}
built() {
    "$make" --no-print-directory -j "$(nproc)" CC="$1" WERROR=1 all units fuzzers benches >build/lint-"$1".log 2>&1 || {
        grep -E 'error|warning|Error' build/lint-"$1".log | head -n 40
        return 1
    }
}
formatted() {
    # Versions differ in what they make of the same rules: Debian 12's is the measure.
    if ! clang-format --version | grep -q 'version 14\.'; then
        echo "SKIP format: needs clang-format 14"
        return 0
    fi
    ! git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror 2>&1 | sed -n 's/: error.*/: not as "make format" leaves it/p' |
        sort -u -t: -k1,1 | head -n 40 | grep .
}
mkdir -p build
step 'one format' formatted
step 'includes go one way' scripts/check_tiers.sh
step 'file names are unique' unique_names
step 'no file is too long' file_sizes
step 'each folder says what it is' folder_readmes
step 'each command has its page' manual_pages
step 'no private words' private_words
step 'shell scripts' sh -c 'git ls-files "*.sh" scripts/bootstrap .ci/run | xargs shellcheck -S warning'
step 'gcc without a warning' built gcc
step 'clang without a warning' built clang
step 'no raw allocation, no writable globals' scripts/check_symbols.sh build/gcc-release
[ "$bad" -eq 0 ] || { echo 'lint: failed'; exit 1; }
echo 'lint: ok'
