#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests of a real libvirt are saved into a file and restored from it, by migtune
# and by virsh, with the formats of save images that this libvirt has.
#     save.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}
for program in libvirtd virsh unshare nsenter qemu-system-x86_64; do
    command -v $program >/dev/null || skip "there is no $program"
done
[ "$(id -u)" -eq 0 ] || skip "only root may make namespaces"
unshare --mount --net --uts true 2>/dev/null ||
    skip "namespaces cannot be made here"

scratch=$(mktemp -d)
host=
cleanup() {
    # unshare ignores SIGTERM while it waits.
    [ -z "$host" ] || kill -KILL "$host" 2>/dev/null || :
    wait 2>/dev/null || :
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
export XDG_CACHE_HOME="$scratch/home" XDG_CONFIG_HOME="$scratch/home" \
    XDG_STATE_HOME="$scratch/home" HOME="$scratch/home" LC_ALL=C.UTF-8
# kept.sh gives the reason.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
mkdir "$scratch/home" "$scratch/host"
uri="qemu+unix:///system?socket=$scratch/host/sock/libvirt-sock"

migtune() { "$build/run" "$build/tools/migtune" -c "$uri" "$@"; }
virsh() { command virsh -q -c "$uri" "$@"; }

"$source/tests/libvirt/host.sh" "$scratch/host" saver 10.99.99.8 \
    >"$scratch/host.log" 2>&1 &
host=$!
wait_for_daemon() {
    n=0
    until virsh list >/dev/null 2>&1; do
        n=$((n + 1))
        [ $n -lt 300 ] || return 1
        sleep 0.2
    done
}
wait_for_daemon || skip "no libvirt daemon can be started here"

for name in web1 web2; do
    cat >"$scratch/$name.xml" <<END
<domain type='qemu'>
  <name>$name</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>$(command -v qemu-system-x86_64)</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
    virsh define "$scratch/$name.xml" >/dev/null
done

count=0
# Run a function as one case.
try() {
    count=$((count + 1))
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

refuses() {
    if migtune "$@" >"$scratch/said" 2>&1; then return 1; fi
    cat "$scratch/said"
}
said() { grep -Eq "$1" "$scratch/said"; }
state_is() { virsh domstate web1 | grep -Fx "$1"; }
# The digest of the guest's RAM, for a guest that is paused.
ram() {
    virsh qemu-monitor-command web1 --hmp \
        "pmemsave 0 0x2000000 \"$scratch/ram\"" >/dev/null
    sha256sum <"$scratch/ram"
    rm "$scratch/ram"
}
start_paused() {
    virsh start web1 --paused
    ram >"$scratch/before"
}
is_as_before() {
    state_is paused
    ram | cmp - "$scratch/before"
    virsh destroy web1
}

running() {
    virsh start web1
    refuses restore "$scratch/none" web1
    migtune save web1 "$scratch/a.mts" --dry-run
    state_is running
    migtune save web1 "$scratch/a.mts"
    state_is 'shut off'
    migtune image-verify "$scratch/a.mts"
    migtune image-info "$scratch/a.mts" | grep -Ei 'format +libvirt-zstd'
    # No temporary files are left behind.
    [ "$(echo "$scratch"/a.mts*)" = "$scratch/a.mts" ]
    migtune restore "$scratch/a.mts" web1
    state_is running
    virsh destroy web1
    [ "$(echo "$scratch"/a.mts*)" = "$scratch/a.mts" ]
}

same_ram() {
    start_paused
    migtune save web1 "$scratch/b.mts" --threads 2
    migtune restore "$scratch/b.mts" web1 --threads 3
    is_as_before
}

virsh_restores() {
    start_paused
    migtune save web1 "$scratch/c.mts"
    if ! virsh restore "$scratch/c.mts" >"$scratch/said" 2>&1; then
        cat "$scratch/said"
        said 'format 5'
        migtune image-convert "$scratch/c.mts" "$scratch/c.raw" \
            --format libvirt-raw
        virsh restore "$scratch/c.raw"
    fi
    is_as_before
}

# FORMAT: an image that virsh saved is read, verified, converted and restored.
format() {
    migtune image-info "$1" | grep -Ei "format +(libvirt-)?$2"
    migtune image-verify "$1"
    migtune restore "$1" web1
    ram | cmp - "$scratch/before"
    virsh destroy web1
    migtune image-convert "$1" "$1.mts"
    migtune restore "$1.mts" web1
    is_as_before
}

# The daemon's configuration selects the format; all releases support this.
by_configuration() {
    for name in raw gzip xz; do
        command -v $name >/dev/null || [ $name = raw ] || continue
        sed -i '/^save_image_format/d' "$scratch/host/etc/qemu.conf"
        echo "save_image_format = \"$name\"" >>"$scratch/host/etc/qemu.conf"
        : >"$scratch/host/stay-away"
        n=0
        while virsh list >/dev/null 2>&1 && [ $n -lt 300 ]; do
            n=$((n + 1))
            sleep 0.1
        done
        rm "$scratch/host/stay-away"
        wait_for_daemon
        start_paused
        virsh save web1 "$scratch/$name.img"
        format "$scratch/$name.img" $name
        # A save by migtune starts with this format, too.
        start_paused
        migtune save web1 "$scratch/$name.mts"
        migtune restore "$scratch/$name.mts" web1
        is_as_before
    done
}

# An option of newer releases selects the format.
by_option() {
    virsh help save | grep -F -e --image-format || return 77
    for name in zstd sparse; do
        start_paused
        virsh save web1 "$scratch/$name.opt" --image-format $name
        format "$scratch/$name.opt" $name
    done
}

to_sparse() {
    virsh help save | grep -F -e --image-format || return 77
    start_paused
    migtune save web1 "$scratch/d.mts"
    migtune image-convert "$scratch/d.mts" "$scratch/d.sparse" \
        --format libvirt-sparse
    virsh restore "$scratch/d.sparse"
    is_as_before
}

refusals() {
    virsh start web1 --paused
    refuses save web1 -
    said 'only into a file'
    refuses save web1 "$scratch/no-such-directory/file"
    state_is paused
    migtune save web1 "$scratch/e.mts"
    refuses restore "$scratch/e.mts" web2
    said 'another guest'
    echo 'no image' >"$scratch/text"
    refuses restore "$scratch/text" web1
    refuses save web1 "$scratch/f.mts"
    said 'is not running'
    [ ! -e "$scratch/f.mts" ]
    migtune restore "$scratch/e.mts" web1
    refuses restore "$scratch/e.mts" web1
    said 'only a guest that is shut off'
    state_is paused
    virsh destroy web1
}

echo 1..7
try 'a running guest is saved and runs again' running
try 'a restored guest has the same RAM' same_ram
try 'virsh restores what migtune saved' virsh_restores
try 'formats that the configuration selects' by_configuration
try 'formats that an option selects' by_option
try 'a save file becomes a sparse image' to_sparse
try 'impossible requests are refused and leave the guest unchanged' refusals
