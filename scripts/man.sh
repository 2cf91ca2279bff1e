#!/bin/sh
# Man pages out of engine/cli/man/*.txt, the same text that --help prints.   usage: man.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
out=$1
mkdir -p "$out"
version=$(cat VERSION)
for page in engine/cli/man/*.txt; do
    name=${page##*/}
    name=${name%.txt}
    verb=${name#trawl-}
    summary=$(sed -n "s/^COMMAND($verb, \"\(.*\)\")/\1/p" engine/cli/command.def)
    {
        printf '.TH "%s" 1 "" "trawl %s" "User Commands"\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.nf\n' "$name" "$version" "$name" "$summary"
        sed -e 's/\\/\\\\/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g' -e '1s/^usage: //' -e '1a .SH DESCRIPTION' "$page"
        printf '.fi\n'
    } >"$out/$name.1"
done
