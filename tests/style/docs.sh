#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two promises of the documentation:
#   - migtune(1) lists each environment variable that the sources read;
#   - no example uses a fixed name in a directory that all users share.
#     docs.sh SOURCE-ROOT
set -eu
cd "$1"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

find src tools -path tools/bench -prune -o -name '*.[ch]' \
    -exec cat {} + >"$scratch/sources"
{
    grep -oE '"(MIGTUNE|LIBVIRT|XDG|NO)_[A-Z_]+"' "$scratch/sources"
    grep -oE 'getenv\("[A-Z_]+"' "$scratch/sources" | sed 's/.*(//'
    # GLib reads these variables.
    grep -oE 'g_get_user_(cache|config|data|state)_dir' "$scratch/sources" |
        sed -E 's/g_get_user_(.*)_dir/"XDG_\1_HOME"/' | tr '[:lower:]' '[:upper:]'
} | tr -d '"' | sort -u >"$scratch/variables"
# A fault of these patterns would accept everything.
[ "$(wc -l <"$scratch/variables")" -ge 8 ]

sed -n '/^ENVIRONMENT$/,/^EXAMPLES$/p' docs/man/migtune.rst >"$scratch/section"
while IFS= read -r variable; do
    [ "$variable" = HOME ] || grep -q '^``.*'"$variable" "$scratch/section" ||
        echo "docs/man/migtune.rst: ENVIRONMENT lacks $variable"
done <"$scratch/variables" >"$scratch/bad"

# "$(mktemp)" makes a name of its own.
find README.rst docs -name '*.rst' -not -path 'docs/internals/*' -print0 |
    xargs -0 grep -nE '(^|[^[:alnum:]])(/var)?/tmp\b' >>"$scratch/bad" || :

cat "$scratch/bad"
[ ! -s "$scratch/bad" ]
