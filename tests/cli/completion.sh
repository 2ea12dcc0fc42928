#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The completions for zsh and fish offer what `migtune complete` offers.
#     completion.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$build/run" \
    "$build/tests/lib/checked/migtune" >"$scratch/migtune"
chmod +x "$scratch/migtune"
PATH=$scratch:$PATH
MIGTUNE_DEFAULT_URI=ref:///default
HOME=$scratch XDG_CACHE_HOME=$scratch XDG_CONFIG_HOME=$scratch
export MIGTUNE_DEFAULT_URI PATH HOME XDG_CACHE_HOME XDG_CONFIG_HOME

# The words before the last one must not need quotes; the last one is completed.
lines='migrate-getp
migrate-setparameters we
migrate-setparameters web1 compression=
migrate-setparameters web1 multifd-comp
migrate-setparameters web1 compression=z
migrate-setparameters web1 --dry
-c ref:///default domi'

# Prints what zsh adds.
zsh_offers() {
    zsh -f -c '
        compadd() {
            local -a options
            zparseopts -D -a options S: a
            print -rl -- ${(P)1}
        }
        words=(migtune ${=1}) CURRENT=$#words PREFIX=$words[-1]
        [[ $1 == *" " ]] && { words+=("") CURRENT=$#words PREFIX=; }
        source "$2"' zsh "$1" "$source/tools/completion/_migtune"
}

fish_offers() {
    fish --no-config -c '
        source $argv[2]
        complete -C "migtune $argv[1]"' -- "$1" \
        "$source/tools/completion/migtune.fish" | cut -f 1
}

n=0
# SHELL LINE
try() {
    n=$((n + 1))
    name="$1: migtune $2"
    if ! command -v "$1" >/dev/null; then
        echo "ok $n - $name # SKIP there is no $1"
        return 0
    fi
    # shellcheck disable=SC2086 # a list of words
    migtune complete -- $2 | sort >"$scratch/expected"
    "$1_offers" "$2" 2>"$scratch/errors" | sort >"$scratch/found"
    if [ -s "$scratch/expected" ] && [ ! -s "$scratch/errors" ] &&
        cmp -s "$scratch/expected" "$scratch/found"; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        diff "$scratch/expected" "$scratch/found" | sed 's/^/# /'
        sed 's/^/# /' "$scratch/errors"
    fi
}

echo "1..$(($(echo "$lines" | wc -l) * 2))"
echo "$lines" >"$scratch/lines"
for shell in zsh fish; do
    while IFS= read -r line; do
        try "$shell" "$line"
    done <"$scratch/lines"
done
