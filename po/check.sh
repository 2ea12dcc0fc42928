#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every translation is complete: no message of the sources is missing, empty
# or fuzzy, and format strings agree.
#     check.sh SOURCE-ROOT
set -eu
cd "$1"
LC_ALL=C
export LC_ALL

for tool in xgettext msgfmt msgcmp; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "$tool is not there"
        exit 77
    }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

po/update.sh "$scratch/migtune.pot"
bad=0
# xgettext reads the macros of <inttypes.h>, and cuts a message at any other
# macro, for example at G_GUINT64_FORMAT.
if grep -nE '^(msgid )?"(.*[^0-9])?%"$' "$scratch/migtune.pot"; then
    echo "these messages end at a macro: use PRId64, PRIu64 or %zu"
    bad=1
fi
for language in $(grep -v '^#' po/LINGUAS); do
    msgfmt --check --statistics -o /dev/null "po/$language.po" \
        2>"$scratch/statistics" || bad=1
    cat "$scratch/statistics"
    if grep -Eq 'fuzzy|untranslated' "$scratch/statistics"; then
        bad=1
    fi
    if ! msgcmp "po/$language.po" "$scratch/migtune.pot" \
            >"$scratch/missing" 2>&1; then
        echo "po/update.sh has something to do for $language:"
        cat "$scratch/missing"
        bad=1
    fi
done
exit $bad
