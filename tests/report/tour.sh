#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the commands of the tour in README.rst in order, in one shell as its reader
# does.  All succeed but the one that causes a failure.
#     tour.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

scratch=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || :
        wait "$server" || :
    fi
    rm -rf "$scratch"
}
trap cleanup EXIT
export XDG_CACHE_HOME="$scratch/home" XDG_CONFIG_HOME="$scratch/home" \
    XDG_STATE_HOME="$scratch/home" HOME="$scratch/home" LC_ALL=C.UTF-8 \
    TMPDIR="$scratch/home"
mkdir "$scratch/home" "$scratch/bin"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$build/run" \
    "$build/tests/lib/checked/migtune" >"$scratch/bin/migtune"
chmod +x "$scratch/bin/migtune"
PATH="$scratch/bin:$PATH"
cd "$scratch"

# The literal blocks, one command a line.  A port can be in use: the address is a
# socket here.
awk '/^A tour/ { tour = 1 }
    /^Installing$/ { tour = 0 }
    /::$/ { block = 1; next }
    /^[^ ]/ { block = 0 }
    tour && block && /^    / { print substr($0, 5) }' "$source/README.rst" |
    sed -e '/quickstart/d' -e :a -e '/\\$/{N;s/\\\n *//;ba' -e '}' \
        -e "s|tcp:127.0.0.1:[0-9]*|unix:$scratch/link|" >lines

echo "1..$(wc -l <lines)"
n=0
while IFS= read -r line <&3; do
    n=$((n + 1))
    name=$(printf '%s\n' "$line" | sed 's/ *#.*//')
    expected=0
    case $line in *fault=*) expected=1 ;; esac
    status=0
    case $line in
    export* | *'&') eval "$line" 2>out || status=$? ;;
    *) eval "$line" >out 2>&1 </dev/null || status=$? ;;
    esac
    case $line in
    *'&')
        server=$!
        tries=0
        until grep -q '^ready' "$GUESTS.txt"; do
            tries=$((tries + 1))
            [ $tries -lt 600 ] || { status=1; break; }
            sleep 0.1
        done ;;
    esac
    if [ $status -eq $expected ]; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        sed "s/^/# $status: /" out
    fi
done 3<lines
