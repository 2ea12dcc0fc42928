#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Measures `list` and `migrate-getparameters --all` with many libvirt guests: a
# separate daemon, as in the tests, with GUESTS paused guests of 64 MiB.  Needs
# root, libvirtd, virsh and a QEMU.
#
#     tools/bench/libvirt.sh BUILD [GUESTS [REPEATS]]
#
# BUILD is a build without sanitizers.  "cold" is without cached features of the
# QEMU, "warm" with them.  Prints median, minimum and maximum in seconds.
set -eu
build=$(readlink -f "$1")
n=${2:-100}
repeats=${3:-7}
here=$(dirname "$(readlink -f "$0")")
PATH=$PATH:/usr/sbin:/sbin

scratch=$(mktemp -d)
"$here/../../tests/libvirt/host.sh" "$scratch/" bench 10.99.99.1 \
    >"$scratch/log.host" 2>&1 &
host=$!
# unshare(1) ignores SIGTERM, so its child is ended.
trap 'kill -9 "$host" 2>/dev/null || :; sleep 1; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

uri="qemu+unix:///system?socket=$scratch/sock/libvirt-sock"
export MIGTUNE_DRIVER_PATH="$build/src/drivers/libvirt"
export XDG_CACHE_HOME="$scratch/cache-home" XDG_STATE_HOME="$scratch/state"
tries=0
until virsh -q -c "$uri" list >/dev/null 2>&1; do
    [ $((tries += 1)) -lt 60 ] || { cat "$scratch/log.host" >&2; exit 1; }
    sleep 0.5
done

emulator=$(command -v qemu-system-x86_64)
i=0
while [ "$i" -lt "$n" ]; do
    cat >"$scratch/$i.xml" <<END
<domain type='qemu'><name>guest$i</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>$emulator</emulator><controller type='usb' model='none'/>
<memballoon model='none'/></devices></domain>
END
    echo "create $scratch/$i.xml --paused"
    i=$((i + 1))
done | virsh -q -c "$uri" >"$scratch/log.start" 2>&1

# The time of one run in seconds.
once() {
    begin=$(date +%s%N)
    "$build/tools/migtune" -c "$uri" "$@" >"$scratch/out" 2>&1
    end=$(date +%s%N)
    awk "BEGIN { printf \"%.3f\\n\", ($end - $begin) / 1e9 }"
}

report() {
    name=$1 cold=$2
    shift 2
    r=0
    while [ "$r" -lt "$repeats" ]; do
        [ "$cold" = warm ] || rm -rf "$XDG_CACHE_HOME"
        once "$@"
        r=$((r + 1))
    done | sort -n | awk -v name="$name $cold" '
        { t[NR] = $1 }
        END { printf "%-12s %7.3f  (%.3f to %.3f)\n", name,
                     t[int((NR + 1) / 2)], t[1], t[NR] }'
}

libvirtd --version
echo "$n guests, $repeats times, load $(cut -d' ' -f1-3 /proc/loadavg)"
for cold in cold warm; do
    report list "$cold" list
    report get "$cold" migrate-getparameters --all
done
