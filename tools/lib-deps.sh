# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Sourced by the scripts of this folder: the list of the Debian packages that
# migtune needs, and a function that installs the missing ones.  If no package is
# missing, the network is not used.

# To build and install.
PACKAGES_BUILD="gcc libc6-dev meson ninja-build pkg-config gettext
    python3-docutils libglib2.0-dev libjson-glib-dev libvirt-dev
    libreadline-dev zlib1g-dev libzstd-dev libgnutls28-dev libxml2-dev
    libyaml-dev gobject-introspection libgirepository1.0-dev"
# To run the tests that need a QEMU.
PACKAGES_QEMU="qemu-system-x86"
# To run every test.
PACKAGES_CHECK="$PACKAGES_BUILD $PACKAGES_QEMU g++ binutils bash-completion
    python3 python3-gi valgrind libc6-dbg man-db chromium prometheus zsh fish
    jq python3-libvirt glib-networking zstd xz-utils ansible-core gi-docgen"
# To run the tests with a real libvirt, which runs xz and zstd for save images.
PACKAGES_LIBVIRT="$PACKAGES_QEMU libvirt-daemon libvirt-daemon-driver-qemu
    libvirt-clients iproute2 util-linux bsdutils sasl2-bin libsasl2-modules
    xz-utils zstd"
# To install QEMUs of other releases.
PACKAGES_DEBOOTSTRAP="debootstrap"
: "$PACKAGES_BUILD" "$PACKAGES_CHECK" "$PACKAGES_LIBVIRT" "$PACKAGES_DEBOOTSTRAP"

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# Runs a command as root, or fails if this is not possible.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo -- "$@"
    else
        return 1
    fi
}

# Prints the Debian mirror that this machine uses, if any.
debian_mirror() {
    # shellcheck disable=SC2016 # apt's own variable
    apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' \
        'Component: main' 'Identifier: Packages' 2>/dev/null |
        grep -v security | head -n 1 || :
}

missing_packages() {
    for package in "$@"; do
        case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" \
                2>/dev/null)" in
        ?i*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
}

# Installs the missing packages and prints their names.
need_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        say "This is not Debian: the packages must be installed already." \
            "(On Debian they are: $(printf '%s ' "$@"))"
        return 0
    fi
    lacking=$(missing_packages "$@")
    [ -n "$lacking" ] || return 0

    say "Installing: $lacking"
    log=$(mktemp)
    # The package lists are updated only if the present ones do not suffice.
    # shellcheck disable=SC2086 # a list of words
    if apt_install $lacking >"$log" 2>&1 ||
        { as_root apt-get -qq update >>"$log" 2>&1 &&
            apt_install $lacking >>"$log" 2>&1; }; then
        rm -f "$log"
        return 0
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "the packages could not be installed. As root:" \
        "apt-get install $lacking"
}

# Makes a root directory of a Debian suite with packages, which start no
# services.  ROOT/packages is then the list of the packages, and ROOT.log has the
# output.
#     make_root ROOT SUITE PACKAGE...
make_root() {
    new_root=$1 suite=$2
    shift 2
    [ "$(id -u)" -eq 0 ] || {
        say "a root directory of Debian needs the user root"
        return 1
    }
    # shellcheck disable=SC2086 # a list of words
    need_packages $PACKAGES_DEBOOTSTRAP
    say "Making a root directory of Debian ($suite) in $new_root"
    rm -rf --one-file-system "$new_root.new"
    # shellcheck disable=SC2046 # without a mirror there is no argument
    {
        debootstrap --variant=minbase "$suite" "$new_root.new" \
            $(debian_mirror) &&
            printf '#!/bin/sh\nexit 101\n' \
                >"$new_root.new/usr/sbin/policy-rc.d" &&
            chmod +x "$new_root.new/usr/sbin/policy-rc.d" &&
            env DEBIAN_FRONTEND=noninteractive chroot "$new_root.new" \
                apt-get -qq -y -o Dpkg::Use-Pty=0 install \
                --no-install-recommends "$@"
    } >"$new_root.log" 2>&1 || {
        tail -n 5 "$new_root.log" >&2
        return 1
    }
    echo "$@" >"$new_root.new/packages"
    rm -rf --one-file-system "$new_root"
    mv "$new_root.new" "$new_root"
}

# Whether a root directory was made with these packages.
#     has_root ROOT PACKAGE...
has_root() {
    packages_file=$1/packages
    shift
    [ -f "$packages_file" ] && [ "$(cat "$packages_file")" = "$*" ]
}

# Sanitizers, valgrind and debootstrap need /proc, and a test with a terminal
# needs /dev/pts; a plain chroot has neither: mounts them until release_proc.
proc_is_ours=false
pts_is_ours=false
need_proc() {
    [ ! -e /proc/self/maps ] || return 0
    as_root mount -t proc proc /proc 2>/dev/null ||
        die "/proc is needed. As root: mount -t proc proc /proc"
    proc_is_ours=true
    if [ ! -e /dev/pts/ptmx ] && as_root mount -t devpts \
            -o newinstance,ptmxmode=0666 devpts /dev/pts 2>/dev/null; then
        pts_is_ours=true
    fi
    say "/proc is not mounted; it is mounted until this script ends"
}

release_proc() {
    if $pts_is_ours; then
        pts_is_ours=false
        as_root umount -l /dev/pts || :
    fi
    if $proc_is_ours; then
        proc_is_ours=false
        as_root umount -l /proc || :
    fi
}
