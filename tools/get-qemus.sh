#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Provides real QEMUs of several releases for the tests.
#
#     tools/get-qemus.sh [FILE]
#
# The installed QEMU is used directly.  Other releases come from the Debian
# releases that have them: debootstrap installs each one, once, in a root
# directory under MIGTUNE_QEMU_ROOTS, as the user root.  These QEMUs run without
# chroot, with their own libraries and firmware, so that they see the files and
# sockets of the host.
#
# Two programs of the same projects are compared with migtune, too.  They are only
# in Debian's source packages: QEMU's analyze-migration.py, and the reader of
# zstd's seekable format, which is compiled here.
#
# Writes FILE (default: qemus.env in MIGTUNE_QEMU_ROOTS), which the caller sources:
# a line MIGTUNE_QEMU_7_2=/path/to/command for each release that is available,
# MIGTUNE_ANALYZE_MIGRATION and MIGTUNE_ZSTD_SEEKABLE, and the commands in the same
# directory.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/lib-deps.sh
. "$here/lib-deps.sh"

# A release and the Debian suite that has it; a suite may be the backports of
# another.
RELEASES="5.2:bullseye 7.2:bookworm 10.0:trixie 11.1:trixie-backports"
roots=${MIGTUNE_QEMU_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/migtune/qemu}
file=${1:-$roots/qemus.env}

# Prints the release of a QEMU command, such as 7.2; nothing if it does not run.
version_of() {
    "$1" --version 2>/dev/null |
        sed -n 's/^QEMU emulator version \([0-9]*\.[0-9]*\).*/\1/p' || :
}

# Creates a command that runs the QEMU of a root directory without chroot.
write_wrapper() {
    root=$1
    command=$2

    for lib in "$root"/lib/*-linux-gnu*; do
        for loader in "$lib"/ld-linux*.so.*; do
            [ -x "$loader" ] && break 2
        done
    done
    [ -x "$loader" ] || return 1

    triplet=$(basename "$lib")
    cat >"$command" <<EOF
#!/bin/sh
# QEMU of $root, without chroot.
root='$root'
export QEMU_MODULE_DIR="\$root/usr/lib/$triplet/qemu"
export GIO_MODULE_DIR="\$root/usr/lib/$triplet/gio/modules"
exec "\$root/lib/$triplet/$(basename "$loader")" \\
    --library-path "\$root/lib/$triplet:\$root/usr/lib/$triplet" \\
    "\$root/usr/bin/qemu-system-x86_64" -L "\$root/usr/share/qemu" \\
    -L "\$root/usr/share/seabios" -L "\$root/usr/lib/ipxe/qemu" "\$@"
EOF
    chmod +x "$command"
}

remove_root() {
    for mounted in proc sys; do
        as_root umount "$1/$mounted" 2>/dev/null || :
    done
    as_root rm -rf --one-file-system "$1"
}

# Installs the QEMU of a suite in a root.
install_qemu() {
    from=$1
    into=$2
    base=${from%-backports}
    target=

    if [ "$base" != "$from" ]; then
        target="-t $from"
        sed -n "s/^\(deb .*\) $base main.*/\1 $from main/p" \
            "$into/etc/apt/sources.list" |
            as_root tee "$into/etc/apt/sources.list.d/backports.list" || return 1
    fi
    as_root chroot "$into" apt-get -q update || return 1
    # shellcheck disable=SC2086 # no suite, no argument
    as_root env DEBIAN_FRONTEND=noninteractive chroot "$into" \
        apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends \
        $target qemu-system-x86
}

# Creates a root directory with a QEMU.  It is renamed when it is complete.
make_root() {
    suite=$1
    root=$2

    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 || {
        say "  a root directory for it can only be created as the user root"
        return 1
    }
    # shellcheck disable=SC2086 # a list of words
    (need_packages $PACKAGES_DEBOOTSTRAP) || return 1
    need_proc

    mkdir -p "$roots"
    log=$roots/$suite.log
    remove_root "$root.new"
    say "  installing Debian $suite with a QEMU in $root"
    # shellcheck disable=SC2046 # no mirror, no argument
    if as_root debootstrap --variant=minbase "${suite%-backports}" \
            "$root.new" $(debian_mirror) >"$log" 2>&1 &&
        install_qemu "$suite" "$root.new" >>"$log" 2>&1 &&
        as_root mv "$root.new" "$root"; then
        rm -f "$log"
        return 0
    fi

    say "  failed; the end of $log says:"
    tail -n 5 "$log" >&2
    remove_root "$root.new"
    return 1
}

# Runs apt-get with lists of its own: the source packages of Debian 13.  This needs
# no root, and the lists of the system stay as they are.
apt_sources() {
    apt-get -qq -o Dir::Etc::SourceList="$sources/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$sources/lists" -o Dir::Cache="$sources/cache" \
        -o APT::Sandbox::User=root "$@"
}

# Extracts the parts of the source packages that the tests use into $sources.
get_sources() {
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || return 1
    mkdir -p "$sources/lists/partial" "$sources/cache/archives/partial"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb-src [signed-by=$keyring] $mirror trixie main" \
        >"$sources/sources.list"
    apt_sources update || return 1
    (cd "$sources" && apt_sources source --download-only qemu libzstd) ||
        return 1
    for archive in "$sources"/qemu_*.orig.tar.xz; do
        tar -xJf "$archive" -C "$sources" --strip-components=1 --wildcards \
            '*/scripts/analyze-migration.py' || return 1
    done
    for archive in "$sources"/libzstd_*.orig.tar.xz; do
        tar -xJf "$archive" -C "$sources" --strip-components=1 --wildcards \
            '*/contrib/seekable_format' '*/lib/common' || return 1
    done
    rm -rf "$sources/cache" "$sources/lists" "$sources"/*.tar.* "$sources"/*.dsc
}

# Compiles zstd's reader with the installed libzstd.
compile_seekable() {
    format=$sources/contrib/seekable_format
    "${CC:-cc}" -O2 -DXXH_NAMESPACE=ZSTD_ -I"$sources/lib/common" -o "$1" \
        "$format/examples/seekable_decompression.c" \
        "$format/zstdseek_decompress.c" "$sources/lib/common/xxhash.c" -lzstd
}

trap release_proc EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p "$(dirname "$file")"
file=$(readlink -f "$file")
bin=$(dirname "$file")
installed=$(version_of qemu-system-x86_64)
: >"$file.new"

for entry in $RELEASES; do
    release=${entry%%:*}
    suite=${entry##*:}
    root=$roots/$suite
    found=

    if [ "$release" = "$installed" ]; then
        found=$(command -v qemu-system-x86_64)
        say "QEMU $release: installed, $found"
    else
        say "QEMU $release: from Debian $suite"
        if [ -x "$root/usr/bin/qemu-system-x86_64" ] ||
            make_root "$suite" "$root"; then
            command=$bin/qemu-$release
            write_wrapper "$root" "$command" || :
            [ "$(version_of "$command")" = "$release" ] && found=$command
        fi
    fi

    if [ -n "$found" ]; then
        echo "export MIGTUNE_QEMU_$(echo "$release" | tr . _)='$found'" \
            >>"$file.new"
    else
        say "QEMU $release: not available, its tests will be skipped"
    fi
done

sources=$roots/sources
script=$sources/scripts/analyze-migration.py
reader=$bin/zstd-seekable
log=$roots/sources.log
if [ ! -f "$script" ]; then
    say "analyze-migration.py and zstd's seekable reader: from Debian's sources"
    get_sources >"$log" 2>&1 || tail -n 5 "$log" >&2
fi
if [ -f "$script" ]; then
    echo "export MIGTUNE_ANALYZE_MIGRATION='$script'" >>"$file.new"
else
    say "analyze-migration.py: not available, its test will be skipped"
fi
if [ -f "$sources/lib/common/xxhash.c" ] &&
    compile_seekable "$reader" >>"$log" 2>&1; then
    echo "export MIGTUNE_ZSTD_SEEKABLE='$reader'" >>"$file.new"
else
    say "zstd's seekable reader: not available, its tests will be skipped"
fi

mv "$file.new" "$file"
cat "$file"
