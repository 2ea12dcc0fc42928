# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154 # the script sets the variable source
#
# What the tests of this folder that are scripts share: hosts with a libvirt
# daemon each, a scratch directory that is removed at the end, and cases.
#
#     source=$1 build=$2
#     . "$source/tests/libvirt/lib.sh"
#     prepare libvirtd virsh ...
#     start_host alpha 10.99.99.1

# The whole test is skipped, for the reason given.
skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

# Makes $scratch and the environment of the commands.  The test is skipped if a
# program is missing of those named, or namespaces cannot be made.
prepare() {
    for program in libvirtd virsh unshare nsenter ip qemu-system-x86_64 "$@"; do
        command -v "$program" >/dev/null || skip "there is no $program"
    done
    [ "$(id -u)" -eq 0 ] || skip "only root may make namespaces"
    unshare --mount --net --uts true 2>/dev/null ||
        skip "namespaces cannot be made here"

    scratch=$(mktemp -d)
    processes=
    trap cleanup EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir "$scratch/home"
    export XDG_CACHE_HOME="$scratch/home" XDG_CONFIG_HOME="$scratch/home" \
        XDG_STATE_HOME="$scratch/home" HOME="$scratch/home" LC_ALL=C.UTF-8
    # Only the leak sanitizer is disabled.  In about one run of some hundreds it
    # crashes at the end of the process ("Tracer caught signal 11") or reports
    # memory that libcrypto keeps for a running thread; a crash cannot be listed
    # as a suppression.  tools/test-libvirts.sh looks for leaks in the same
    # commands with valgrind, with the variable MIGTUNE_TEST_WRAPPER.
    export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
}

# Ends the processes in $processes; the most recent one is the first.
cleanup() {
    for process in $processes; do
        # unshare ignores SIGTERM while it waits.
        kill -KILL "$process" 2>/dev/null || :
    done
    wait 2>/dev/null || :
    rm -rf "$scratch"
}

# HOST: the URI of its daemon.
uri_of() {
    echo "qemu+unix:///system?socket=$scratch/$1/sock/libvirt-sock"
}

# HOST: waits until its daemon answers.
wait_for() {
    attempts=0
    until command virsh -q -c "$(uri_of "$1")" list >/dev/null 2>&1; do
        attempts=$((attempts + 1))
        [ $attempts -lt 300 ] || return 1
        sleep 0.2
    done
}

# HOST ADDRESS [PEER PEER-ADDRESS]: starts a host in $scratch/HOST, with a
# network to the host PEER.
start_host() {
    mkdir -p "$scratch/$1"
    "$source/tests/libvirt/host.sh" "$scratch/$1" "$1" "$2" \
        ${3:+"$(cat "$scratch/$3.pid")" "$4"} >"$scratch/$1.log" 2>&1 &
    processes="$! $processes"
    echo $! >"$scratch/$1.pid"
    wait_for "$1" || skip "no libvirt daemon can be started here"
}

# NAME FUNCTION: runs the function as one case; status 77 skips it.
count=0
try() {
    count=$((count + 1))
    # With the function as condition of "if", "set -e" would have no effect.
    set +e
    (
        set -ex
        "$2"
    ) >"$scratch/out" 2>&1
    status=$?
    set -e
    case $status in
    0) echo "ok $count - $1" ;;
    77) echo "ok $count - $1 # SKIP this libvirt does not have it" ;;
    *)
        echo "not ok $count - $1"
        sed 's/^/# /' "$scratch/out"
        ;;
    esac
}

# PATTERN: whether the last output in $scratch/said has a matching line.
said() { grep -Eq "$1" "$scratch/said"; }
