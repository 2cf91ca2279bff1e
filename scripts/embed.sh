#!/bin/sh
# Prints an assembler file that embeds FILES as a table NAME of {name, begin, end}, ended by a row of zeros.
# base/embed.h reads it. The assembler's .incbin keeps the build fast and needs no tool beyond the compiler.
# usage: embed.sh NAME FILE…
set -eu
name=$1
shift
echo '.section .rodata'
index=0
for file in "$@"; do
    base=${file##*/}
    printf 'file_name_%d: .asciz "%s"\nfile_begin_%d: .incbin "%s"\nfile_end_%d: .byte 0\n' "$index" "$base" "$index" "$file" "$index"
    index=$((index + 1))
done
echo '.section .data.rel.ro, "aw"'
echo '.balign 8'
printf '.global %s\n.hidden %s\n%s:\n' "$name" "$name" "$name"
count=$index
index=0
while [ "$index" -lt "$count" ]; do
    printf '.quad file_name_%d, file_begin_%d, file_end_%d\n' "$index" "$index" "$index"
    index=$((index + 1))
done
echo '.quad 0, 0, 0'
echo '.section .note.GNU-stack, "", %progbits'
