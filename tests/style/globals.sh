#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# No object file of src/ has a writable global, except those that globals.allow
# lists.  Tables that only the loader writes (.data.rel.ro) are constant.
#     globals.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

objects=$(find "$build/src" -name '*.o' | LC_ALL=C sort)
[ -n "$objects" ] || {
    echo "nothing has been built"
    exit 1
}

# shellcheck disable=SC2086 # names without blanks
objdump -t $objects | awk -v allow="$source/tests/style/globals.allow" '
BEGIN {
    while ((getline line < allow) > 0)
        if (line !~ /^#/ && line != "")
            allowed[++n] = substr(line, 1, index(line, "\t") - 1)
}
/file format/ { file = $1; sub(/:$/, "", file); next }
# value flags section<tab>size name: the flags fill seven columns.
/^[0-9a-f]+ ....... (\.bss|\.data|\.tbss|\.tdata|\*COM\*)/ {
    if ($0 ~ /^[0-9a-f]+ ....... \.data\.rel\.ro/)
        next
    flags = substr($0, index($0, " ") + 1, 7)
    if (flags ~ /d/)            # the section itself
        next
    name = $NF
    for (i = 1; i <= n; i++)
        if (name ~ allowed[i])
            next
    printf "%s: writable global %s\n", file, name
    bad = 1
}
END { exit bad }
'
