#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Compares the #include lines of src/ and tools/ with includes.table.
#     includes.sh SOURCE-ROOT
set -eu
cd "$1"

# shellcheck disable=SC2046 # names without blanks
awk -v table=tests/style/includes.table '
function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
function complain(what) {
    printf "%s:%d: %s: %s\n", FILENAME, FNR, $0, what
    bad = 1
}
# Returns whether the text starts with a word of the list.
function begins(text, list,    words, n, i) {
    n = split(list, words, " ")
    for (i = 1; i <= n; i++)
        if (index(text, words[i]) == 1)
            return 1
    return 0
}
# The folder of the table that a folder or one of its wings belongs to.
function home(folder,    up) {
    up = folder
    while (!(up in folders) && sub(/\/[^\/]*$/, "", up))
        ;
    return (up in folders) ? up : folder
}
function has(word, list) { return index(" " list " ", " " word " ") > 0 }

FILENAME == table {
    if ($0 ~ /^#/ || trim($0) == "")
        next
    split($0, column, ":")
    name = trim(column[1])
    folders[name] = trim(column[2])
    libraries[name] = trim(column[3])
    next
}
FNR == 1 {
    path = FILENAME
    sub(/^src\//, "", path)
    folder = path
    sub(/\/[^\/]*$/, "", folder)
    folder = home(folder)
    rule = (path in folders) ? path : folder
    if (!(rule in folders)) {
        printf "%s: includes.table does not know %s\n", FILENAME, folder
        bad = 1
    }
}
!/^[ \t]*#[ \t]*include/ { next }
/"/ {
    split($0, part, "\"")
    header = part[2]
    other = header
    if (!sub(/\/[^\/]*$/, "", other)) {
        # The tools are one program; elsewhere a name has its folder.
        if (header != "config.h" && folder !~ /^tools/)
            complain("without its folder")
    } else if (home(other) != folder && other != "migtune" &&
               !has(home(other), folders[rule])) {
        complain(rule " may not include " other)
    }
    next
}
{
    header = $0
    sub(/^[^<]*</, "", header)
    sub(/>.*/, "", header)
    # Libraries that only some folders may include.
    if (begins(header, "libvirt/ gmodule zlib zstd libxml/ readline/ lzma bz") \
            && !begins(header, libraries[rule]))
        complain(rule " may not use " header)
}
END { exit bad }
' tests/style/includes.table $(find src tools -name '*.[ch]' | LC_ALL=C sort)
