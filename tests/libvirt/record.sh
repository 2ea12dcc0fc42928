#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A migration that virsh runs between two hosts is recorded by `migtune record`,
# with all policies in shadow; the guest is not tainted.
#     record.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2
migtune=$build/tests/lib/checked/migtune

# shellcheck source=tests/libvirt/lib.sh
. "$source/tests/libvirt/lib.sh"

prepare
start_host alpha 10.99.99.1
start_host beta 10.99.99.2 alpha 10.99.99.1

# A boot sector that increments a word in a random page of 4 MiB, without a
# pause; tests/report/simulated.py has its source.
"$source/tests/report/simulated.py" --boot-sector "$scratch/boot" 1023 2000

cat >"$scratch/web1.xml" <<END
<domain type='qemu'>
  <name>web1</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='fd'/></os>
  <features><acpi/></features>
  <devices>
    <emulator>$(command -v qemu-system-x86_64)</emulator>
    <disk type='file' device='floppy'>
      <source file='$scratch/boot'/><target dev='fda'/><readonly/>
    </disk>
    <serial type='file'>
      <source path='$scratch/serial'/><target port='0'/>
    </serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
virsh -q -c "$(uri_of alpha)" define "$scratch/web1.xml" >/dev/null
virsh -q -c "$(uri_of alpha)" start web1 >/dev/null
# The boot sector says when it begins to write.
n=0
until [ -s "$scratch/serial" ] || [ $n -gt 600 ]; do
    n=$((n + 1))
    sleep 0.1
done

check() {
    count=$((count + 1))
    name=$1
    shift
    if "$@" >"$scratch/out" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        sed 's/^/# /' "$scratch/out"
    fi
}
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$recorder/stat"; }
has_lines() {
    n=$(grep -c "\"type\": *\"$1\"" "$scratch/web1.jsonl")
    echo "$n lines '$1'"
    [ "$n" -ge "$2" ]
}

echo 1..11
"$build/run" "$migtune" -q -c "$(uri_of alpha)" record web1 --wait \
    --record "$scratch/web1.jsonl" --metrics "$scratch/web1.prom" \
    --shadow steady --shadow nova --shadow vdsm --shadow kubevirt \
    --shadow kubevirt-stall --shadow proxmox >"$scratch/recorder" 2>&1 &
recorder=$!
processes="$recorder $processes"
until [ -s "$scratch/web1.jsonl" ]; do
    kill -0 "$recorder" 2>/dev/null || break
    sleep 0.1
done

virsh -q -c "$(uri_of alpha)" migrate --live --bandwidth 1 web1 \
    "$(uri_of beta)" tcp://10.99.99.2 >"$scratch/virsh" 2>&1 &
mover=$!
# The cost of a sample is measured while the migration runs.
n=0
until has_lines sample 5 >/dev/null 2>&1 || [ $n -gt 300 ]; do
    n=$((n + 1))
    sleep 0.1
done
samples=$(grep -c '"type": *"sample"' "$scratch/web1.jsonl" || :)
ticks=$(cpu_ticks || echo 0)
sleep 5
samples=$(($(grep -c '"type": *"sample"' "$scratch/web1.jsonl" || :) - samples))
ticks=$(($(cpu_ticks || echo 0) - ticks))
echo "# $samples samples in 5 s cost $ticks of 500 ticks"
# The first pass takes as long as the host needs for it.
n=0
until has_lines pass 2 >/dev/null 2>&1 || [ $n -gt 600 ]; do
    n=$((n + 1))
    sleep 0.1
done
# The remaining data of this guest never falls below the allowed downtime.
virsh -q -c "$(uri_of alpha)" migrate-setmaxdowntime web1 20000 || :
virsh -q -c "$(uri_of alpha)" migrate-setspeed web1 1000 || :
moved=0
wait "$mover" || moved=$?
recorded=0
wait "$recorder" || recorded=$?
processes=${processes#* }

moved() {
    cat "$scratch/virsh"
    [ $moved -eq 0 ]
}
check 'virsh migrates the guest' moved
ended() {
    cat "$scratch/recorder"
    [ $recorded -eq 0 ]
}
check 'the recording ends with the migration' ended
check 'samples are recorded' has_lines sample 20
check 'passes are recorded' has_lines pass 2
check 'policies decide in shadow' has_lines decision 1
completed() { grep '"outcome"' "$scratch/web1.jsonl" | grep -w completed; }
check 'the outcome is recorded' completed
has_report() {
    "$build/run" "$migtune" --json report "$scratch/web1.jsonl" \
        >"$scratch/report" && grep web1 "$scratch/report"
}
check 'the trace has a report' has_report
untainted() {
    cat "$scratch/alpha/log/qemu/web1.log"
    ! grep -q 'custom-monitor' "$scratch/alpha/log/qemu/web1.log"
}
check 'the guest is not tainted' untainted
# About one percent on an idle machine, with six policies in shadow.  Sanitizers
# make the command slow.
cheap() {
    echo "$ticks of 500 ticks"
    [ "$ticks" -le 15 ] || [ -n "${MIGTUNE_TEST_SANITIZED:-}" ]
}
check 'recording takes little processor time' cheap
# Only its end tells beta's libvirt what became of a guest that is not defined
# there.
moved=0 recorded=0
"$build/run" "$migtune" -q -c "$(uri_of beta)" record web1 --wait \
    --record "$scratch/back.jsonl" >"$scratch/recorder" 2>&1 &
recorder=$!
processes="$recorder $processes"
until [ -s "$scratch/back.jsonl" ]; do
    kill -0 "$recorder" 2>/dev/null || break
    sleep 0.1
done
virsh -q -c "$(uri_of beta)" migrate --live --bandwidth 4 web1 \
    "$(uri_of alpha)" tcp://10.99.99.1 >"$scratch/virsh" 2>&1 &
mover=$!
n=0
until grep -q '"type": *"sample"' "$scratch/back.jsonl" || [ $n -gt 300 ]; do
    n=$((n + 1))
    sleep 0.1
done
virsh -q -c "$(uri_of beta)" migrate-setmaxdowntime web1 20000 || :
virsh -q -c "$(uri_of beta)" migrate-setspeed web1 1000 || :
wait "$mover" || moved=$?
wait "$recorder" || recorded=$?
processes=${processes#* }
check 'virsh migrates the guest back' moved
back() {
    cat "$scratch/recorder"
    tail -n 2 "$scratch/back.jsonl"
    [ $recorded -eq 0 ] && grep '"outcome"' "$scratch/back.jsonl" |
        grep -w completed
}
check 'the recording of a transient guest ends with the migration' back
