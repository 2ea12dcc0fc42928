#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the Debian packages of the committed sources and tests them.
#
#     tools/packaging/build-debs.sh [SUITE...]
#
# For each Debian suite (default: bookworm trixie):
#   - the packages are built in a root directory that has only what
#     debian/control names;
#   - lintian checks them, and hardening-check what they install;
#   - each test of debian/tests/control runs in a fresh root directory with the
#     packages that it names, as autopkgtest would run it.  Namespaces provide
#     the isolation of a container, without a network;
#   - migtune is installed without Recommends, and its packages are listed; with
#     Recommends apt only shows what it would install.
# The packages and the logs are in OUTPUT/SUITE.  The last line of each suite
# reads "SUITE: N passed, N failed, N skipped".
#
# Environment:
#   OUTPUT             default: build-debs
#   MIGTUNE_DEB_ROOTS  where root directories are kept; default:
#                      ~/.cache/migtune/debs
#   MIGTUNE_DEB_TESTS  the tests to run; default: all
#   DEB_BUILD_OPTIONS  default: nocheck, because the tests run afterwards
#
# It needs the user root, debootstrap and a Debian mirror.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/lib-deps.sh
. "$here/../lib-deps.sh"
cd "$here/../.."

output=$(mkdir -p "${OUTPUT:-build-debs}" && readlink -f "${OUTPUT:-build-debs}")
roots=${MIGTUNE_DEB_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/migtune/debs}
options=${DEB_BUILD_OPTIONS-nocheck}
version=$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' "$here/debian/changelog")

[ "$(id -u)" -eq 0 ] || die "this needs the user root"
# shellcheck disable=SC2086 # a list of words
need_packages $PACKAGES_DEBOOTSTRAP iproute2 util-linux
mkdir -p "$roots"

mounted=
scratch=
# Ends what a test has left running, and releases the root directory.
unmount() {
    [ -n "$mounted" ] || return 0
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/root")" = "$mounted" ]; then
            kill -9 "${process#/proc/}" 2>/dev/null || :
        fi
    done
    umount -l "$mounted/dev/pts" 2>/dev/null || :
    umount -l "$mounted/proc" 2>/dev/null || :
    mounted=
}
cleanup() {
    unmount
    [ -z "$scratch" ] || rm -rf --one-file-system "$scratch"
    release_proc
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
need_proc

mount_in() {
    unmount
    mount -t proc proc "$1/proc"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts" || :
    mounted=$1
}

# ROOT COMMAND...
inside() {
    in=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} \
        DEBIAN_FRONTEND=noninteractive chroot "$in" "$@"
}

# ROOT COMMAND...: like inside(), with namespaces that end with the command, as
# in a container.
contained() {
    unshare --mount --propagation private --pid --fork --kill-child --net \
        --ipc --uts -- sh -eu -c '
            root=$1
            shift
            # libvirt expects that / and /dev are mount points.
            mount --bind "$root" "$root"
            mount -t proc proc "$root/proc"
            mount -t sysfs sysfs "$root/sys"
            mount -t tmpfs tmpfs "$root/run"
            mount -t tmpfs -o mode=755 tmpfs "$root/dev"
            mkdir "$root/dev/pts" "$root/dev/shm"
            mount -t devpts -o newinstance,ptmxmode=0666 devpts \
                "$root/dev/pts"
            ln -s pts/ptmx "$root/dev/ptmx"
            ln -s /proc/self/fd "$root/dev/fd"
            for node in full null random tty urandom zero; do
                : >"$root/dev/$node"
                mount --bind "/dev/$node" "$root/dev/$node"
            done
            ip link set lo up
            exec chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 \
                PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
        ' sh "$@"
}

# A root directory with a minimal Debian, made once.
base_root() {
    [ ! -d "$roots/base-$suite" ] || return 0
    say "$suite: installing a minimal Debian"
    rm -rf --one-file-system "$roots/base-$suite.new"
    # shellcheck disable=SC2046 # no mirror, no argument
    debootstrap --variant=minbase "$suite" "$roots/base-$suite.new" \
        $(debian_mirror) >"$log/debootstrap.log" 2>&1 ||
        die "$suite: debootstrap failed, see $log/debootstrap.log"
    cat >"$roots/base-$suite.new/usr/sbin/policy-rc.d" <<END
#!/bin/sh
exit 101
END
    chmod +x "$roots/base-$suite.new/usr/sbin/policy-rc.d"
    mv "$roots/base-$suite.new" "$roots/base-$suite"
}

# NAME FILE COMMAND...: a copy of the base that COMMAND has changed, made again
# when FILE changes.
derived_root() {
    name=$1 list=$2
    shift 2
    if [ -f "$roots/$name-$suite/.list" ] &&
        cmp -s "$list" "$roots/$name-$suite/.list"; then
        return 0
    fi
    say "$suite: installing the packages for $name"
    rm -rf --one-file-system "$roots/$name-$suite" "$roots/$name-$suite.new"
    cp -a --reflink=auto "$roots/base-$suite" "$roots/$name-$suite.new"
    cp "$list" "$roots/$name-$suite.new/.list"
    mount_in "$roots/$name-$suite.new"
    { inside "$roots/$name-$suite.new" apt-get -q update &&
        inside "$roots/$name-$suite.new" "$@"; } >"$log/$name.log" 2>&1 ||
        die "$suite: packages are missing, see $log/$name.log"
    unmount
    mv "$roots/$name-$suite.new" "$roots/$name-$suite"
}

# The committed sources as a source package, in DIRECTORY.
unpack_source() {
    mkdir -p "$1"
    git archive --prefix="migtune-$version/" HEAD |
        xz -1 >"$1/migtune_$version.orig.tar.xz"
    tar -C "$1" -xf "$1/migtune_$version.orig.tar.xz"
    cp -r "$here/debian" "$1/migtune-$version/debian"
}

build_packages() {
    derived_root build "$here/debian/control" sh -c '
        apt-get -q -y install --no-install-recommends build-essential fakeroot &&
        mkdir -p /tmp/list/debian && cp /.list /tmp/list/debian/control &&
        apt-get -q -y build-dep --no-install-recommends /tmp/list'
    root=$roots/build-$suite
    rm -rf "$root/build"
    unpack_source "$root/build"
    say "$suite: building"
    mount_in "$root"
    inside "$root" sh -c "cd /build/migtune-$version &&
        DEB_BUILD_OPTIONS='$options' dpkg-buildpackage -us -uc" \
        >"$log/build.log" 2>&1 || {
        tail -n 40 "$log/build.log" >&2
        die "$suite: the packages could not be built, see $log/build.log"
    }
    unmount
    cp "$root"/build/*.deb "$root"/build/*.dsc "$root"/build/*.tar.* \
        "$root"/build/*.changes "$root"/build/*.buildinfo "$log/"
    rm -rf "$root/build"
}

n_passed=0 n_failed=0 n_skipped=0
passed() { n_passed=$((n_passed + 1)); echo "ok - $suite: $*"; }
failed() { n_failed=$((n_failed + 1)); echo "not ok - $suite: $*"; }
skipped() { n_skipped=$((n_skipped + 1)); echo "ok - $suite: $* # SKIP"; }

run_lintian() {
    echo lintian devscripts blhc >"$log/lintian.list"
    # shellcheck disable=SC2046 # a list of words
    derived_root lintian "$log/lintian.list" apt-get -q -y install \
        --no-install-recommends $(cat "$log/lintian.list")
    root=$roots/lintian-$suite
    rm -rf "$root/packages"
    mkdir "$root/packages"
    cp "$log"/*.deb "$log"/*.dsc "$log"/*.tar.* "$log"/*.changes \
        "$log"/*.buildinfo "$root/packages/"
    mount_in "$root"
    if inside "$root" sh -c 'lintian --allow-root --display-info \
            --fail-on error,warning /packages/*.changes' >"$log/lintian.log" 2>&1; then
        passed "$(inside "$root" lintian --version): no errors, no warnings"
    else
        failed "lintian, see $log/lintian.log"
    fi
    cat "$log/lintian.log"
    # hardening-check only guesses whether functions were fortified: blhc
    # looks at the options of the compiler.  The protection of branches depends
    # on the processor; Debian 12 does not know that option.
    cp "$log/build.log" "$root/packages/"
    if inside "$root" sh -eu -c '
            for deb in /packages/*.deb; do
                dpkg-deb -x "$deb" /packages/installed
            done
            find /packages/installed -type f \
                \( -name "*.so*" -o -path "*/bin/*" \) \
                ! -path "*/debug/*" >/packages/programs
            branch=$(hardening-check --help | grep -om1 -e --nobranchprotection ||
                :)
            xargs hardening-check --nofortify --nocfprotection $branch \
                </packages/programs
            blhc /packages/build.log' >"$log/hardening.log" 2>&1; then
        passed "hardening of $(wc -l <"$root/packages/programs") programs"
    else
        failed "hardening, see $log/hardening.log"
        cat "$log/hardening.log"
    fi
    unmount
    rm -rf "$root/packages"
}

# A fresh root directory with the built packages in /packages, and packages
# installed.  Packages that are ours come from there.
fresh_root() {
    scratch=$roots/test-$suite
    rm -rf --one-file-system "$scratch"
    cp -a --reflink=auto "$roots/base-$suite" "$scratch"
    mkdir "$scratch/packages"
    cp "$log"/*.deb "$scratch/packages/"
    (cd "$scratch/packages" && for deb in *.deb; do
        dpkg-deb -f "$deb"
        echo "Filename: ./$deb"
        echo "Size: $(stat -c %s "$deb")"
        echo "SHA256: $(sha256sum "$deb" | cut -d ' ' -f 1)"
        echo
    done >Packages)
    echo 'deb [trusted=yes] file:/packages ./' \
        >"$scratch/etc/apt/sources.list.d/migtune.list"
    mount_in "$scratch"
    inside "$scratch" apt-get -q update &&
        inside "$scratch" apt-get -q -y install --no-install-recommends "$@"
}

remove_fresh_root() {
    unmount
    rm -rf --one-file-system "$scratch"
    scratch=
}

# The value of FIELD in the paragraph of TEST in debian/tests/control.
field_of() {
    awk -v test="$1" -v field="$2" '
        /^#/ { next }
        /^[^ ]/ { name = $1 }
        name == "Tests:" { mine = $2 == test }
        mine && name == field ":" {
            sub(/^[A-Za-z]+:/, "")
            gsub(/\[[^]]*\]/, "")
            gsub(/,/, " ")
            printf "%s", $0
        }' "$here/debian/tests/control"
}

run_test() {
    case $(field_of "$1" Restrictions) in
    *isolation-machine*)
        skipped "$1: it needs a machine of its own"
        return 0
        ;;
    esac
    # shellcheck disable=SC2046 # a list of words
    if ! fresh_root $(field_of "$1" Depends) >"$log/test-$1.log" 2>&1; then
        failed "$1: its packages are missing, see $log/test-$1.log"
        remove_fresh_root
        return 0
    fi
    unpack_source "$scratch/source"
    status=0
    contained "$scratch" sh -c "cd /source/migtune-$version &&
        AUTOPKGTEST_TMP=\$(mktemp -d) debian/tests/$1" \
        >>"$log/test-$1.log" 2>&1 || status=$?
    case $status in
    0) passed "$1" ;;
    77) skipped "$1: $(tail -n 1 "$log/test-$1.log")" ;;
    *)
        failed "$1, see $log/test-$1.log"
        tail -n 20 "$log/test-$1.log" | sed 's/^/# /'
        ;;
    esac
    remove_fresh_root
}

# migtune itself needs neither libvirt's daemon nor Python.
check_dependencies() {
    fresh_root migtune >"$log/dependencies.log" 2>&1 ||
        failed "migtune cannot be installed, see $log/dependencies.log"
    inside "$scratch" dpkg-query -W -f '${Package}\n' | sort >"$log/installed"
    inside "$roots/base-$suite" dpkg-query -W -f '${Package}\n' | sort |
        comm -13 - "$log/installed" >"$log/migtune-needs"
    if grep -E 'libvirt|^python|qemu' "$log/migtune-needs"; then
        failed "migtune needs these packages"
    else
        passed "migtune needs $(wc -l <"$log/migtune-needs") packages:" \
            "$(tr '\n' ' ' <"$log/migtune-needs")"
    fi
    remove_fresh_root

    fresh_root >"$log/recommends.log" 2>&1
    inside "$scratch" apt-get -s install migtune | sed -n 's/^Inst //p' \
        >"$log/migtune-recommends"
    if ! grep -q '^migtune ' "$log/migtune-recommends" ||
        grep -E '^(libvirt-daemon|python|qemu)' "$log/migtune-recommends"; then
        failed "migtune with Recommends, see $log/migtune-recommends"
    else
        passed "migtune with Recommends installs" \
            "$(wc -l <"$log/migtune-recommends") packages," \
            "without a libvirt daemon, QEMU and Python"
    fi
    remove_fresh_root
}

[ $# -gt 0 ] || set -- bookworm trixie
status=0
for suite in "$@"; do
    log=$output/$suite
    n_passed=0 n_failed=0 n_skipped=0
    rm -rf "$log"
    mkdir -p "$log"
    base_root
    build_packages
    (cd "$log" && stat -c '%s %n' ./*.deb)
    run_lintian
    check_dependencies
    for test in ${MIGTUNE_DEB_TESTS-$(sed -n 's/^Tests: *//p' \
            "$here/debian/tests/control")}; do
        run_test "$test"
    done
    echo "$suite: $n_passed passed, $n_failed failed, $n_skipped skipped"
    [ "$n_failed" -eq 0 ] || status=1
done
exit $status
