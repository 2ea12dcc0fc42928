#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every file states its licence in its first five lines, and none is larger than
# 300 KiB.  Data and formats without comments need no licence line.
#     files.sh SOURCE-ROOT
set -eu
cd "$1"

# The files that git tracks or would add; without git, all but build directories.
list_files() {
    git ls-files -co --exclude-standard 2>/dev/null ||
        find . -name .git -prune -o -type d -name 'build*' -prune -o \
            -name __pycache__ -prune -o -type f -print | sed 's|^\./||'
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

list_files | while IFS= read -r file; do
    [ ! -f "$file" ] || printf '%s\n' "$file"
done >"$scratch/all"
tr '\n' '\0' <"$scratch/all" | xargs -0 stat -c '%s %n' |
    awk '$1 > 307200 {
        sub(/^[0-9]+ /, "")
        print $0 " is larger than 300 KiB"
    }' >"$scratch/bad"

grep -vE '^(COPYING|tests/data/|tests/fuzz/seeds/|tools/packaging/debian/(changelog|source/format)$)|\.(json|gz)$' \
    "$scratch/all" | grep -vE '(^|/)\.(gitignore|editorconfig|clang-format)$' \
    >"$scratch/licensed"
# Scripts among the test data need a licence line, too.
grep -E '^tests/(data|fuzz/seeds)/.*\.(py|sh)$' "$scratch/all" \
    >>"$scratch/licensed" || :
tr '\n' '\0' <"$scratch/licensed" | xargs -0 awk '
    FNR <= 5 && /SPDX-License-Identifier: / { seen[FILENAME] = 1 }
    FNR > 5 { nextfile }
    END {
        for (i = 1; i < ARGC; i++)
            if (!(ARGV[i] in seen))
                print ARGV[i] " has no SPDX-License-Identifier line"
    }' >>"$scratch/bad"

cat "$scratch/bad"
[ ! -s "$scratch/bad" ]
