#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Brings POTFILES and the translations up to date with the messages of the
# sources; what is to be translated is then empty or fuzzy in the .po files.
#     po/update.sh            rewrites them
#     po/update.sh FILE       only writes all messages to FILE
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
LC_ALL=C
export LC_ALL

list_files() {
    echo '# SPDX-License-Identifier: LGPL-2.1-or-later'
    grep -rEn --include='*.[ch]' \
        '(^|[^A-Za-z0-9_])(_|N_|C_|NC_|Q_|ngettext)\(' src tools |
        grep -v ':[0-9]*:[ \t]*#[ \t]*define' | cut -d: -f1 | sort -u
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

list_files >"$scratch/POTFILES"
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --add-comments=TRANSLATORS \
    --flag=tool_usage_error:2:c-format --flag=migtune_error_set:3:c-format \
    --package-name=migtune --copyright-holder='the authors of migtune' \
    --files-from="$scratch/POTFILES" --output="$scratch/migtune.pot"
# The date would make two branches conflict.
sed -i '/^"POT-Creation-Date:/d' "$scratch/migtune.pot"

if [ $# -gt 0 ]; then
    cp "$scratch/migtune.pot" "$1"
    exit 0
fi

cp "$scratch/POTFILES" po/POTFILES
for language in $(grep -v '^#' po/LINGUAS); do
    msgmerge --quiet --update --backup=none --previous --no-location \
        "po/$language.po" "$scratch/migtune.pot"
done
