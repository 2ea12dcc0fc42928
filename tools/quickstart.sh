#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs missing packages, builds, and shows the main functions on guests of the
# reference engine, which run inside the command: the abilities of each QEMU, a
# change of settings, and a migration.  No QEMU is needed; no files remain.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/lib-deps.sh
. "$here/lib-deps.sh"
cd "$here/.."

BUILD=${BUILD:-build-quickstart}
URI=ref:///default

# shellcheck disable=SC2086 # a list of words
need_packages $PACKAGES_BUILD

scratch=$(mktemp -d)
cleanup() {
    rm -rf "$scratch"
    release_proc
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# The cached abilities of these guests are not needed later.
XDG_CACHE_HOME=$scratch/cache
XDG_RUNTIME_DIR=$scratch
export XDG_CACHE_HOME XDG_RUNTIME_DIR
need_proc

say "Building in $BUILD/ ..."
log=$scratch/build.log
if ! { { [ -f "$BUILD/build.ninja" ] ||
        meson setup "$BUILD" --buildtype=release -Dtests=false; } &&
        ninja -C "$BUILD"; } >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    die "the build failed"
fi

# Each word after the URI is a command; all run in the process that runs the
# guests.
show() {
    printf '\n$ migtune -c %s' "$URI"
    for word in "$@"; do
        # Replaces the name of the scratch directory.
        printf ' "%s"' "$(printf '%s' "$word" | sed "s|$scratch|DIR|")"
    done
    printf '\n'
    all=
    for word in "$@"; do
        all="$all; $word"
    done
    "$BUILD/run" migtune -c "$URI" "${all#; }"
}

echo "Guests of the reference engine that behave like several QEMU releases"
show list
show "probe web1" | sed -n '1,16p; 17s/.*/.../p'
show "migrate-getparameters db1 compression bandwidth downtime parallel"
show "migrate-setparameters db1 compression=mt --level 3 --threads 4"
show "migrate-check db1 $URI compression=mt --dest-domain db1-dest"
# A refused pair has the exit status 1.
refused=0
show "migrate-check web1 $URI parallel=on --dest-domain db1-dest" || refused=$?
[ "$refused" -eq 1 ] || die "the check should have refused: status $refused"
# Both guests lack the method mt and receive its replacement for this migration.
show "migrate db1 $URI compression=mt auto_converge=on downtime=1000 --dest-domain db1-dest --address unix:$scratch/link --verbose"

cat <<EOF

It works. To go on:
  $BUILD/run migtune -c $URI
        a shell on these guests
  $BUILD/run migtune ref
        the same guests, each with a monitor for any client of QMP
  $BUILD/run migtune -c qmp:///path/to/monitor.sock
        a shell on a guest of yours
  $BUILD/run migtune help
        every command
  tools/check.sh
        the tests
EOF
