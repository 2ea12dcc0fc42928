#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# libmigtune.so exports exactly the functions that libmigtune.syms lists, the public
# headers declare and libmigtune(3) describes; a driver exports exactly one
# symbol.
#     symbols.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2
LC_ALL=C
export LC_ALL

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bad=0

# Names of the defined functions and data of a shared object; "A" is the name
# of a version.
exported() {
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }'
}

same() {
    if ! diff -u "$scratch/$1" "$scratch/$2" >"$scratch/diff"; then
        echo "$1 (-) and $2 (+) differ:"
        grep '^[-+][^-+]' "$scratch/diff"
        bad=1
    fi
}

exported "$build/src/libmigtune.so" | sort -u >"$scratch/exported"

sed -n 's/^ *\(migtune_[a-z0-9_]*\);.*/\1/p' "$source/src/libmigtune.syms" |
    sort -u >"$scratch/listed"
same exported listed

# Declarations, without comments, macros and what they continue on.
for header in "$source"/include/migtune/*.h; do
    awk '
    { line = $0 }
    in_macro { in_macro = line ~ /\\$/; next }
    line ~ /^[ \t]*#/ { in_macro = line ~ /\\$/; next }
    {
        while (1) {
            if (in_comment) {
                if (!(end = index(line, "*/")))
                    next
                line = substr(line, end + 2)
                in_comment = 0
            }
            if (!(start = index(line, "/*")))
                break
            printf "%s ", substr(line, 1, start - 1)
            line = substr(line, start + 2)
            in_comment = 1
        }
        print line
    }' "$header"
done | grep -o '\bmigtune_[a-z0-9_]* *(' | tr -d ' (' >"$scratch/functions"
# The functions that G_DECLARE_FINAL_TYPE declares.
sed -n 's/^G_DECLARE_FINAL_TYPE([^,]*, *\(migtune_[a-z0-9_]*\),.*/\1_get_type/p' \
    "$source"/include/migtune/*.h |
    sort -u - "$scratch/functions" >"$scratch/declared"
same exported declared

page=$source/docs/man/libmigtune.rst
if [ -f "$page" ]; then
    # The header for drivers has a manual page of its own.
    cat "$page" "$source"/docs/man/migtune-driver.rst 2>/dev/null |
        grep -o '\bmigtune_[a-z0-9_]*\\\{0,1\}(' | tr -d '\\(' |
        sort -u >"$scratch/described"
    same exported described
fi

n_drivers=0
for driver in "$build"/src/drivers/*/*.so; do
    [ -f "$driver" ] || continue
    n_drivers=$((n_drivers + 1))
    exported "$driver" >"$scratch/driver"
    if [ "$(wc -l <"$scratch/driver")" -ne 1 ]; then
        echo "$driver does not export exactly one symbol:"
        cat "$scratch/driver"
        bad=1
    fi
done
echo "$(wc -l <"$scratch/exported") symbols, $n_drivers drivers"
[ "$n_drivers" -gt 0 ] || {
    echo "no driver has been built"
    bad=1
}
exit $bad
