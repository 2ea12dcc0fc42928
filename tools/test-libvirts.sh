#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the tests of the suite libvirt: on this machine, some of them once more
# under valgrind in BUILD-plain, a build without sanitizers, and all of them in a
# root of Debian 13 with the libvirt and the QEMU of that release, where
# everything is built anew.
#
#     tools/test-libvirts.sh [BUILD]
#
# debootstrap makes the root, once, beside those of tools/get-qemus.sh; that
# needs root, as the tests do.  What cannot be had is left out, and said.  The
# logs of the tests are BUILD/meson-logs/testlog-libvirt*.json and
# testlog-trixie*.json, and those under valgrind BUILD-plain/meson-logs/
# testlog-valgrind-*.json.
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

# Another list of packages is another root.
has_libvirt_root() {
    [ -f "$root/packages" ] &&
        [ "$(cat "$root/packages")" = "$PACKAGES_BUILD $PACKAGES_LIBVIRT" ]
}

make_libvirt_root() {
    [ "$(id -u)" -eq 0 ] || {
        say "a root of Debian 13 cannot be made: that needs root"
        return 1
    }
    # shellcheck disable=SC2086 # a list of words
    need_packages $PACKAGES_DEBOOTSTRAP
    log=$root.log
    rm -rf --one-file-system "$root.new"
    say "Making a root of Debian 13 with a libvirt in $root"
    # shellcheck disable=SC2046 # no mirror, no argument
    debootstrap --variant=minbase trixie "$root.new" $(debian_mirror) \
        >"$log" 2>&1 || return 1
    # No service is started in there.
    printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
    chmod +x "$root.new/usr/sbin/policy-rc.d"
    # shellcheck disable=SC2086 # lists of words
    env DEBIAN_FRONTEND=noninteractive chroot "$root.new" apt-get -qq -y \
        -o Dpkg::Use-Pty=0 install --no-install-recommends $PACKAGES_BUILD \
        $PACKAGES_LIBVIRT >>"$log" 2>&1 || return 1
    echo "$PACKAGES_BUILD $PACKAGES_LIBVIRT" >"$root.new/packages"
    rm -rf --one-file-system "$root"
    mv "$root.new" "$root"
}

# Under valgrind: NAME of a test, with more arguments for it.
run_watched() {
    name=$1
    shift
    meson test -C "$build-plain" --no-rebuild --print-errorlogs \
        --suite libvirt --logbase "testlog-valgrind-$name" "$@" \
        "libvirt-$name" || status=1
}

# What belongs to every part of the driver, and the commands of a script.  A
# leak is no matter of how often: one migration, and one round of two at once.
run_under_valgrind() {
    supp=$source/tests/libvirt/valgrind.supp
    if [ ! -f "$build-plain/build.ninja" ]; then
        meson setup "$build-plain" -Db_sanitize=none >/dev/null || return 1
    fi
    ninja -C "$build-plain" tools/migtune tests/libvirt/libvirt-events \
        tests/libvirt/libvirt-migrate tests/libvirt/libvirt-takes \
        tests/libvirt/libvirt-conformance src/drivers/libvirt/libvirt.so \
        >/dev/null || return 1
    rm -f "$build-plain"/meson-logs/testlog-valgrind-*
    run_watched conformance --setup valgrindlibvirt
    run_watched takes --setup valgrindlibvirt
    run_watched events --setup valgrindlibvirt
    # As in the setup.
    MIGTUNE_TEST_WRAPPER="valgrind --quiet --leak-check=full"
    for word in --show-leak-kinds=definite --errors-for-leak-kinds=definite \
            --error-exitcode=99 "--suppressions=$supp"; do
        MIGTUNE_TEST_WRAPPER="$MIGTUNE_TEST_WRAPPER $word"
    done
    export MIGTUNE_TEST_WRAPPER
    run_watched migrate --setup valgrindlibvirt \
        --test-args='-p /libvirt/move/xbzrle'
    MIGTUNE_TEST_ROUNDS=1
    export MIGTUNE_TEST_ROUNDS
    run_watched kept --setup all
    unset MIGTUNE_TEST_WRAPPER MIGTUNE_TEST_ROUNDS
}

# Inside of namespaces of its own: what is mounted there ends with it.
run_in_root() {
    mkdir -p "$root/source" "$root/build"
    unshare --mount --propagation private -- sh -eu -c '
        root=$1 source=$2
        mount --bind "$root" "$root"
        mount --bind "$source" "$root/source"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount -t tmpfs tmpfs "$root/tmp"
        exec chroot "$root" env -i HOME=/root \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            LC_ALL=C.UTF-8 CI="${CI:-}" sh -eu -c "
            cd /build
            if [ -f build.ninja ]; then ninja reconfigure
            else meson setup /build /source -Ddocs=disabled; fi >/dev/null
            ninja tools/migtune tests/libvirt/libvirt-access \
                tests/libvirt/libvirt-events tests/libvirt/libvirt-migrate \
                tests/libvirt/libvirt-takes \
                tests/libvirt/libvirt-tuning \
                tests/libvirt/libvirt-conformance \
                src/drivers/libvirt/libvirt.so src/drivers/qmp/qmp.so \
                >log 2>&1 || { tail -n 40 log; exit 1; }
            rm -f meson-logs/testlog*
            libvirtd --version
            meson test --no-rebuild --print-errorlogs --setup all \
                --suite libvirt --logbase testlog-trixie"
    ' sh "$root" "$source"
}

# shellcheck disable=SC2086 # a list of words
need_packages $PACKAGES_LIBVIRT valgrind
trap release_proc EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
need_proc

say "Testing with the libvirt that is installed"
meson test -C "$build" --no-rebuild --print-errorlogs --setup all \
    --suite libvirt --logbase testlog-libvirt || status=1

say "Testing with the libvirt that is installed, under valgrind"
run_under_valgrind || status=1

# One at a time: the root has one place to build.
mkdir -p "$roots"
exec 9>"$root.lock"
flock 9
if has_libvirt_root || make_libvirt_root; then
    say "Testing with the libvirt of Debian 13"
    run_in_root || status=1
    cp "$root"/build/meson-logs/testlog-trixie*.json "$build/meson-logs/" ||
        status=1
else
    say "the tests with the libvirt of Debian 13 are left out"
    [ "${CI:-}" != true ] || status=1
fi
exit "$status"
