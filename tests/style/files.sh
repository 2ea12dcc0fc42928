#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every file names its licence at its beginning, and none is larger than
# 300 KiB.  Data, and formats that have no comments, need not.
#     files.sh SOURCE-ROOT
set -eu
cd "$1"

# What git knows or would add; without git, all but build directories.
list_files() {
    git ls-files -co --exclude-standard 2>/dev/null ||
        find . -name .git -prune -o -type d -name 'build*' -prune -o \
            -name __pycache__ -prune -o -type f -print | sed 's|^\./||'
}

bad=0
for file in $(list_files); do
    [ -f "$file" ] || continue
    if [ "$(wc -c <"$file")" -gt 307200 ]; then
        echo "$file is larger than 300 KiB"
        bad=1
    fi
    case $file in
    *.py | *.sh) ;;
    COPYING* | *.json | *.gz | tests/data/* | tests/fuzz/seeds/*) continue ;;
    .gitignore | .editorconfig | .clang-format) continue ;;
    esac
    head -n 5 "$file" | grep -q 'SPDX-License-Identifier: ' || {
        echo "$file has no SPDX-License-Identifier line"
        bad=1
    }
done
exit $bad
