#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests of a real libvirt are saved into a file and restored from it, by migtune
# and by virsh, with the formats of save images that this libvirt has.
#     save.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

# shellcheck source=tests/libvirt/lib.sh
. "$source/tests/libvirt/lib.sh"

prepare
uri=$(uri_of saver)

migtune() { "$build/run" "$build/tests/lib/checked/migtune" -c "$uri" "$@"; }
virsh() { command virsh -q -c "$uri" "$@"; }

start_host saver 10.99.99.8

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

refuses() {
    if migtune "$@" >"$scratch/said" 2>&1; then return 1; fi
    cat "$scratch/said"
}
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
    migtune image-verify --json "$scratch/a.mts"
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
        sed -i '/^save_image_format/d' "$scratch/saver/etc/qemu.conf"
        echo "save_image_format = \"$name\"" >>"$scratch/saver/etc/qemu.conf"
        : >"$scratch/saver/stay-away"
        n=0
        while virsh list >/dev/null 2>&1 && [ $n -lt 300 ]; do
            n=$((n + 1))
            sleep 0.1
        done
        rm "$scratch/saver/stay-away"
        wait_for saver
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
