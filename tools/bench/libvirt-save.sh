#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Measures `virsh save` and `virsh restore` of a guest against `migtune save` and
# `migtune restore` of a QEMU with the same machine and RAM, at the same level of
# zstd.  Needs root, a libvirtd that knows this format (Debian 13 has one), virsh,
# zstd and a QEMU.
#
#     tools/bench/libvirt-save.sh BUILD [MIB [REPEATS]]
#
# BUILD is a build without sanitizers; MIB is the size of the guest.  All files and
# the RAM of all guests are in /dev/shm.  The guests never run.  `virsh restore`
# starts QEMU; for migtune this is a row of its own.  Prints median, minimum and
# maximum in seconds.
set -eu
build=$(readlink -f "$1")
mib=${2:-4096}
repeats=${3:-3}
here=$(dirname "$(readlink -f "$0")")
PATH=$PATH:/usr/sbin:/sbin
level=3                         # libvirt does not choose one, and zstd takes this

scratch=$(mktemp -d)
shm=$(mktemp -d /dev/shm/migtune-bench-XXXXXX)
mkdir "$shm/backing"
cat >"$scratch/qemu.conf" <<END
save_image_format = "zstd"
memory_backing_dir = "$shm/backing"
END
"$here/../../tests/libvirt/host.sh" "$scratch/" bench 10.99.99.1 \
    >"$scratch/log.host" 2>&1 &
host=$!
qemu=
# unshare(1) ignores SIGTERM, so its child is ended.
trap 'kill -9 "$host" $qemu 2>/dev/null || :; sleep 1
    rm -rf "$scratch" "$shm"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

uri="qemu+unix:///system?socket=$scratch/sock/libvirt-sock"
monitor=$scratch/monitor
export MIGTUNE_DRIVER_PATH="$build/src/drivers/qmp"
export XDG_CACHE_HOME="$scratch/cache-home" XDG_STATE_HOME="$scratch/state"
tries=0
until virsh -q -c "$uri" list >/dev/null 2>&1; do
    [ $((tries += 1)) -lt 60 ] || { cat "$scratch/log.host" >&2; exit 1; }
    sleep 0.5
done

emulator=$(command -v qemu-system-x86_64)
cat >"$scratch/guest.xml" <<END
<domain type='qemu'><name>guest</name><memory unit='MiB'>$mib</memory>
<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>$emulator</emulator><controller type='usb' model='none'/>
<memballoon model='none'/></devices></domain>
END

"$build/tools/bench/migtune-bench" --size "$mib" --image="$shm/image" >/dev/null

# Adds the time of a command in seconds to the series NAME.
timed() {
    name=$1
    shift
    begin=$(date +%s%N)
    "$@" >"$scratch/out" 2>&1 || { cat "$scratch/out" >&2; exit 1; }
    end=$(date +%s%N)
    awk "BEGIN { printf \"%.3f\\n\", ($end - $begin) / 1e9 }" >>"$scratch/$name"
}

virsh() {
    command virsh -q -c "$uri" "$@"
}

migtune() {
    "$build/tools/migtune" -q -c "qmp://$monitor" "$@"
}

# Starts a QEMU of our own.
start() {
    rm -f "$monitor" "$shm/ram"
    "$emulator" -name guest -machine pc,memory-backend=ram,usb=off -m "$mib" \
        -object "memory-backend-file,id=ram,mem-path=$shm/ram,share=on,size=${mib}M" \
        -nodefaults -display none -S -qmp "unix:$monitor,server=on,wait=off" \
        "$@" >"$scratch/log.qemu" 2>&1 &
    qemu=$!
    until migtune dominfo guest >"$scratch/out" 2>&1; do
        kill -0 "$qemu" || { cat "$scratch/log.qemu" "$scratch/out" >&2; exit 1; }
        sleep 0.1
    done
}

stop() {
    kill -9 "$qemu"
    wait "$qemu" 2>/dev/null || :
    qemu=
}

by_virsh() {
    virsh create "$scratch/guest.xml" --paused >"$scratch/out"
    ram=$(find "$shm/backing" -type f)
    dd if="$shm/image" of="$ram" bs=4M conv=notrunc status=none
    timed virsh-save virsh save guest "$shm/save"
    stat -c %s "$shm/save" >>"$scratch/virsh-bytes"
    timed virsh-restore virsh restore "$shm/save" --paused
    virsh destroy guest >"$scratch/out"
    rm -f "$shm/save"
}

by_migtune() {
    start
    dd if="$shm/image" of="$shm/ram" bs=4M conv=notrunc status=none
    timed migtune-save migtune save guest "$shm/save" --level "$level"
    stat -c %s "$shm/save" >>"$scratch/migtune-bytes"
    stop
    timed qemu-start start -incoming defer
    timed migtune-restore migtune restore "$shm/save" guest
    stop
    rm -f "$shm/save"
}

libvirtd --version
"$emulator" --version | head -n 1
echo "guest of $mib MiB, zstd level $level, $repeats times, $(nproc) processors," \
    "load $(cut -d' ' -f1-3 /proc/loadavg)"
r=0
while [ "$r" -lt "$repeats" ]; do
    # Each round begins with the other one.
    if [ $((r % 2)) -eq 0 ]; then
        by_virsh
        by_migtune
    else
        by_migtune
        by_virsh
    fi
    r=$((r + 1))
done
for name in virsh-save migtune-save virsh-restore qemu-start migtune-restore; do
    sort -n "$scratch/$name" | awk -v name="$name" '
        { t[NR] = $1 }
        END { printf "%-16s %7.3f  (%.3f to %.3f)\n", name,
                     t[int((NR + 1) / 2)], t[1], t[NR] }'
done
paste "$scratch/migtune-bytes" "$scratch/virsh-bytes" | awk '
    END { printf "%-16s %7.4f\n", "size by migtune / by virsh", $1 / $2 }'
