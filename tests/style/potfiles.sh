#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# po/POTFILES lists exactly the files with messages to translate.
#     potfiles.sh SOURCE-ROOT
set -eu
cd "$1"
LC_ALL=C
export LC_ALL

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

: >"$scratch/listed"
[ ! -f po/POTFILES ] || sed '/^#/d; /^ *$/d' po/POTFILES |
    sort >"$scratch/listed"
# Not the lines that define these macros.
grep -rEn --include='*.[ch]' '(^|[^A-Za-z0-9_])(_|N_|C_|NC_|Q_|ngettext)\(' \
    src tools | grep -v ':[0-9]*:[ \t]*#[ \t]*define' | cut -d: -f1 |
    sort -u >"$scratch/found" || :

if ! diff -u "$scratch/listed" "$scratch/found" >"$scratch/diff"; then
    echo "po/POTFILES (-) and the files with messages (+) differ:"
    grep '^[-+][^-+]' "$scratch/diff"
    exit 1
fi
