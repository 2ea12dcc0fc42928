#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs what is missing, builds, and shows the main job on a guest of the
# distribution's own QEMU: what migration tuning is in force, and how to set
# it.  The guest has no machine and no disk; it lives in a scratch directory
# and ends with this script.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/lib-deps.sh
. "$here/lib-deps.sh"
cd "$here/.."

BUILD=${BUILD:-build-quickstart}
QEMU=${QEMU:-qemu-system-x86_64}

# shellcheck disable=SC2086 # a list of words
need_packages $PACKAGES_BUILD
command -v "$QEMU" >/dev/null 2>&1 || need_packages "$PACKAGES_QEMU"

scratch=$(mktemp -d)
qemu_pid=
cleanup() {
    [ -z "$qemu_pid" ] || kill "$qemu_pid" 2>/dev/null || :
    [ -z "$qemu_pid" ] || wait "$qemu_pid" 2>/dev/null || :
    rm -rf "$scratch"
    release_proc
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# What is found out about this QEMU is of no use later.
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME
need_proc

say "Building in $BUILD/ ..."
log=$scratch/build.log
if ! { { [ -f "$BUILD/build.ninja" ] ||
        meson setup "$BUILD" --buildtype=release; } &&
        ninja -C "$BUILD"; } >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    die "the build failed"
fi

socket=$scratch/web1.sock
"$QEMU" -name web1 -machine none -nodefaults -display none -S \
    -qmp "unix:$socket,server=on,wait=off" 2>"$scratch/qemu.log" &
qemu_pid=$!
tries=0
until [ -S "$socket" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$qemu_pid" 2>/dev/null; then
        cat "$scratch/qemu.log" >&2
        die "$QEMU did not open its monitor"
    fi
    sleep 0.1
done

show() {
    printf '\n$ migtune'
    for word in "$@"; do
        # The scratch directory in place of its long name.
        printf ' %s' "$(printf '%s' "$word" | sed "s|$scratch|DIR|")"
    done
    printf '\n'
    "$BUILD/run" migtune "$@"
}

echo "A guest, web1, of $("$QEMU" --version | sed -n '1s/ (.*//p')"
show -c "qmp://$scratch/" list
show -c "qmp://$scratch/" migrate-getparameters web1
show -c "qmp://$scratch/" migrate-setparameters web1 \
    compression=mt --level 3 --threads 4
show -c "qmp://$scratch/" migrate-getparameters web1 \
    compression compression.mt.level compression.mt.threads
show explain --qemu 10.0 compression=mt

cat <<EOF

It works. To go on:
  $BUILD/run migtune -c qmp:///path/to/monitor.sock
        a shell on a guest of yours
  $BUILD/run migtune help
        every command
  tools/check.sh
        the tests
EOF
