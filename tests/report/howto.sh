#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the commands of a how-to in order, and compares their output with the output
# in the text.
#     howto.sh SOURCE-ROOT BUILD-ROOT docs/HOWTO.rst
#
# In the text a command is a line "    $ COMMAND".  The lines up to the next
# empty line are its output; differences in white space are ignored.  "..."
# stands for any text.
set -eu
source=$1 build=$2 howto=$3

scratch=$(mktemp -d)
# A how-to can leave the process numbers of commands that run in the background.
cleanup() {
    for file in "$scratch"/work/*.pid; do
        [ ! -s "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
export XDG_CACHE_HOME="$scratch/home" XDG_CONFIG_HOME="$scratch/home" \
    XDG_STATE_HOME="$scratch/home" HOME="$scratch/home" LC_ALL=C.UTF-8
mkdir "$scratch/home" "$scratch/bin" "$scratch/work"
# It also compares JSON with the schema.
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$build/run" \
    "$build/tests/lib/checked/migtune" >"$scratch/bin/migtune"
chmod +x "$scratch/bin/migtune"
PATH="$scratch/bin:$PATH"
cp "$source"/tests/data/converge/* "$source"/tests/data/two-hosts/* "$scratch/work"
cd "$scratch/work"

# The space in "8.0 GiB" is a no-break space.
plain() {
    tr -s ' \n' '  ' | sed 's/\xc2\xa0/ /g; s/^ //; s/ $//'
}

# Whether $scratch/found is what the text shows.
is_shown() {
    [ -s "$scratch/shown" ] || return 0
    pattern=$(plain <"$scratch/shown" |
        sed 's/[][\.*^$]/\\&/g; s/ *\\\.\\\.\\\. */.*/g')
    LC_ALL=C plain <"$scratch/found" | grep -q "^$pattern\$"
}

awk -v dir="$scratch" '
    /^    \$ / { n++; inside = 1; file = dir "/step-" sprintf("%03d", n) }
    /^$/ { inside = 0 }
    inside { print substr($0, 5) >file }' "$source/$howto"

count=0
set -- "$scratch"/step-*
echo "1..$#"
for step; do
    count=$((count + 1))
    line=$(sed -n '1s/^\$ //p' "$step")
    sed 1d "$step" >"$scratch/shown"
    sh -c "$line" >"$scratch/found" 2>&1 || :
    if is_shown; then
        echo "ok $count - $line"
    else
        echo "not ok $count - $line"
        sed 's/^/# /' "$scratch/found"
    fi
done
