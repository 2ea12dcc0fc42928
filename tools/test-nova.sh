#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs tests/libvirt/by_nova.py: OpenStack Nova's own modules migrate a guest between
# two libvirt daemons with parameters that migtune lowered, and migtune's policy
# "nova" is compared with Nova's decisions.
#
#     tools/test-nova.sh
#
# Nova, libvirt and QEMU are those of Debian 13, in a root directory that
# debootstrap makes once, next to those of tools/get-qemus.sh.  Debian 12 is not
# suitable: Nova blocks there, because its libvirt client of release 9.0 sometimes
# does not send a call beside a migration.  migtune is built in the root directory,
# without sanitizers, which the Python package needs.  This needs the user root.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/lib-deps.sh
. "$here/lib-deps.sh"
cd "$here/.."
source=$PWD
roots=${MIGTUNE_QEMU_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/migtune/qemu}
root=$roots/trixie-nova
packages="$PACKAGES_BUILD $PACKAGES_LIBVIRT python3-nova python3-libvirt
    python3-gi"

[ "$(id -u)" -eq 0 ] || die "this needs the user root"
trap release_proc EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
need_proc
mkdir -p "$roots"
exec 9>"$root.lock"
flock 9

# shellcheck disable=SC2086 # a list of words
has_root "$root" $packages || make_root "$root" trixie $packages ||
    die "the root directory could not be made, see $root.log"

# The mounts end with the process that makes them.
mkdir -p "$root/source" "$root/build"
unshare --mount --propagation private -- sh -eu -c '
    root=$1 source=$2
    mount --bind "$root" "$root"
    mount --bind "$source" "$root/source"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    mount -t tmpfs tmpfs "$root/tmp"
    exec chroot "$root" env -i HOME=/tmp LC_ALL=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        GI_TYPELIB_PATH=/build/src LD_LIBRARY_PATH=/build/src \
        MIGTUNE_DRIVER_PATH=/build/src/drivers/libvirt \
        PYTHONPATH=/source/src/python PYTHONDONTWRITEBYTECODE=1 sh -eu -c "
            cd /build
            [ -f build.ninja ] || meson setup /build /source -Ddocs=disabled \
                -Db_sanitize=none >/dev/null
            ninja src/Migtune-0.1.typelib src/drivers/libvirt/libvirt.so >log ||
                { tail -n 40 log; exit 1; }
            exec python3 /source/tests/libvirt/by_nova.py"
' sh "$root" "$source"
