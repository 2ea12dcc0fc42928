#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the tests of the suite libvirt three times: on this machine, partly under
# valgrind with BUILD-plain (a build without sanitizers), and in a root directory
# of Debian 13, with the libvirt and the QEMU of that release.  Everything is
# built again in that root directory.
#
#     tools/test-libvirts.sh [BUILD]
#
# debootstrap makes the root directory once, next to those of
# tools/get-qemus.sh.  debootstrap and the tests need root.  A part that cannot
# run is skipped with a message.  The logs of the tests are
# BUILD/meson-logs/testlog-libvirt*.json and testlog-trixie*.json, and those of
# valgrind BUILD-plain/meson-logs/testlog-valgrind-*.json.
#
# The tests mostly wait, so two parts run at a time: the root directory is
# prepared while the tests run here, and valgrind runs next to the tests in the
# root directory.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/lib-deps.sh
. "$here/lib-deps.sh"
cd "$here/.."
source=$PWD
build=$(readlink -f "${1:-build}")
roots=${MIGTUNE_QEMU_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/migtune/qemu}
root=$roots/trixie-libvirt
status=0

# Installs what a new list of packages adds.
update_libvirt_root() {
    [ "$(id -u)" -eq 0 ] && [ -f "$root/packages" ] || return 1
    say "Installing the packages of tools/lib-deps.sh in $root"
    env DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get -qq -y \
        -o Dpkg::Use-Pty=0 install --no-install-recommends "$@" \
        >>"$root.log" 2>&1 || return 1
    echo "$@" >"$root/packages"
}

# Runs a script of the shell in the root directory, with mounts that end with
# it.
run_in_root() {
    mkdir -p "$root/source" "$root/build"
    unshare --mount --propagation private -- sh -eu -c '
        root=$1 source=$2 script=$3
        mount --bind "$root" "$root"
        mount --bind "$source" "$root/source"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount -t tmpfs tmpfs "$root/tmp"
        exec chroot "$root" env -i HOME=/root \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            LC_ALL=C.UTF-8 CI="${CI:-}" sh -eu -c "$script"
    ' sh "$root" "$source" "$1"
}

# Makes the root directory if it is missing, and builds there.
prepare_root() {
    # If the list of packages has changed, they are installed, or the root
    # directory is made again.
    # shellcheck disable=SC2086 # lists of words
    set -- $PACKAGES_BUILD $PACKAGES_LIBVIRT
    has_root "$root" "$@" || update_libvirt_root "$@" ||
        make_root "$root" trixie "$@" || return 1
    run_in_root '
        cd /build
        if [ -f build.ninja ]; then ninja reconfigure
        else meson setup /build /source -Ddocs=disabled; fi >/dev/null
        ninja tools/migtune tests/lib/checked/migtune tests/libvirt/libvirt-access \
            tests/libvirt/libvirt-events tests/libvirt/libvirt-migrate \
            tests/libvirt/libvirt-jobs tests/libvirt/libvirt-pair \
            tests/libvirt/libvirt-policies tests/libvirt/libvirt-program \
            tests/libvirt/libvirt-takes tests/libvirt/libvirt-tls \
            tests/libvirt/libvirt-tuning tests/libvirt/libvirt-conformance \
            src/drivers/libvirt/libvirt.so src/drivers/qmp/qmp.so \
            >log 2>&1 || { tail -n 40 log; exit 1; }'
}

test_in_root() {
    run_in_root '
        cd /build
        rm -f meson-logs/testlog*
        libvirtd --version
        meson test --no-rebuild --print-errorlogs --setup all \
            --suite libvirt --logbase testlog-trixie'
}

# Runs tests under valgrind.
#     valgrind_tests LOG TEST... [-- ARGUMENT...]
valgrind_tests() {
    log=testlog-valgrind-$1
    shift
    meson test -C "$build-plain" --no-rebuild --print-errorlogs \
        --suite libvirt --logbase "$log" "$@"
}

# Runs tests that together use all of the driver, and the commands of a script.
# A leak does not depend on repetition: one migration, and one round of two
# commands at a time.
run_under_valgrind() {
    supp=$source/tests/valgrind.supp
    failed=0
    if [ ! -f "$build-plain/build.ninja" ]; then
        meson setup "$build-plain" -Db_sanitize=none >/dev/null || return 1
    fi
    ninja -C "$build-plain" tools/migtune tests/lib/checked/migtune \
        tests/libvirt/libvirt-events \
        tests/libvirt/libvirt-migrate tests/libvirt/libvirt-takes \
        tests/libvirt/libvirt-conformance src/drivers/libvirt/libvirt.so \
        >/dev/null || return 1
    rm -f "$build-plain"/meson-logs/testlog-valgrind-*
    valgrind_tests driver --setup valgrindlibvirt libvirt-conformance \
        libvirt-takes libvirt-events || failed=1
    # The same options as in the setup.
    MIGTUNE_TEST_WRAPPER="valgrind --quiet --leak-check=full"
    for word in --show-leak-kinds=definite --errors-for-leak-kinds=definite \
            --error-exitcode=99 "--suppressions=$supp"; do
        MIGTUNE_TEST_WRAPPER="$MIGTUNE_TEST_WRAPPER $word"
    done
    export MIGTUNE_TEST_WRAPPER
    valgrind_tests migrate --setup valgrindlibvirt \
        --test-args='-p /libvirt/move/xbzrle' libvirt-migrate || failed=1
    MIGTUNE_TEST_ROUNDS=1
    export MIGTUNE_TEST_ROUNDS
    valgrind_tests kept --setup all libvirt-kept || failed=1
    unset MIGTUNE_TEST_WRAPPER MIGTUNE_TEST_ROUNDS
    return "$failed"
}

# Runs a function in the background; finish() prints its output.
begin() {
    "$1" >"$scratch/$1" 2>&1 &
    pid=$!
}

finish() {
    finished=0
    wait "$pid" || finished=$?
    cat "$scratch/$1"
    return "$finished"
}

# shellcheck disable=SC2086 # a list of words
need_packages $PACKAGES_LIBVIRT valgrind
scratch=$(mktemp -d)
trap 'release_proc; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
need_proc

# The root directory has one build directory, so only one process uses it.
mkdir -p "$roots"
exec 9>"$root.lock"
flock 9
begin prepare_root

say "Testing with the installed libvirt"
meson test -C "$build" --no-rebuild --print-errorlogs --setup all \
    --suite libvirt --logbase testlog-libvirt || status=1

has_root=yes
finish prepare_root || has_root=

begin run_under_valgrind
if [ -n "$has_root" ]; then
    say "Testing with the libvirt of Debian 13"
    test_in_root || status=1
    cp "$root"/build/meson-logs/testlog-trixie*.json "$build/meson-logs/" ||
        status=1
else
    say "the tests with the libvirt of Debian 13 are skipped"
    [ "${CI:-}" != true ] || status=1
fi

say "Testing with the installed libvirt under valgrind"
finish run_under_valgrind || status=1
exit "$status"
