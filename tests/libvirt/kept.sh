#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Kept settings of guests of a real libvirt: stored in the metadata beside the
# metadata of other programs, kept when the guest restarts, brought into force
# by the hook, and changed by two commands at the same time.
#     kept.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

# shellcheck source=tests/libvirt/lib.sh
. "$source/tests/libvirt/lib.sh"

prepare python3
uri=$(uri_of kept)
rounds=${MIGTUNE_TEST_ROUNDS:-20}

# valgrind makes the command slow.
migtune() {
    MIGTUNE_TEST_UNDER=${MIGTUNE_TEST_WRAPPER:-} \
        "$build/run" "$build/tests/lib/checked/migtune" \
        ${MIGTUNE_TEST_WRAPPER:+--timeout 60} -c "$uri" "$@"
}
virsh() { command virsh -q -c "$uri" "$@"; }
metadata() {
    virsh metadata web1 "http://migtune.org/schemas/domain/1.0" "$@" 2>&1
}
# Prints the metadata of another program in the definition of the guest.
foreign() { virsh dumpxml --inactive web1 | sed -n '/<x:y/,/<\/x:y>/p'; }
asked() { virsh qemu-monitor-command web1 "{\"execute\":\"$1\"}"; }

# Installs the hook as migtune(1) describes, before the daemon looks for it.
mkdir -p "$scratch/kept/etc/hooks"
cat >"$scratch/kept/etc/hooks/qemu" <<END
#!/bin/sh
[ -e "$scratch/hook-is-on" ] || exit 0
MIGTUNE_HOOK_COMMAND="$scratch/migtune" MIGTUNE_HOOK_URI="$uri" \\
    MIGTUNE_HOOK_PAUSE=0.5 exec "$build/tools/libvirt/libvirt-hook" "\$@"
END
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$build/run" \
    "$build/tests/lib/checked/migtune" >"$scratch/migtune"
chmod +x "$scratch/kept/etc/hooks/qemu" "$scratch/migtune"

start_host kept 10.99.99.7

cat >"$scratch/web1.xml" <<END
<domain type='qemu'>
  <name>web1</name>
  <uuid>11111111-2222-3333-4444-555555555577</uuid>
  <metadata>
    <x:y xmlns:x='urn:x'><x:z a='1'>&lt;ü&gt;</x:z></x:y>
  </metadata>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>$(command -v qemu-system-x86_64)</emulator>
    <memballoon model='none'/>
  </devices>
</domain>
END
virsh define "$scratch/web1.xml" >/dev/null
foreign >"$scratch/foreign"
[ -s "$scratch/foreign" ]

says() {
    said_status=0
    migtune "$@" >"$scratch/said" 2>&1 || said_status=$?
    cat "$scratch/said"
    return $said_status
}
# valgrind exits with status 99 if it has found an error.
refuses() {
    if says "$@"; then return 1; fi
    [ $said_status -ne 99 ]
}
others_are_as_before() { foreign | cmp - "$scratch/foreign"; }

shut_off() {
    refuses migrate-setparameters web1 --live downtime=400
    said 'web1 is not running'
    says migrate-setparameters web1 --config downtime=400 \
        compression=xbzrle compression.xbzrle.cache=128MiB
    said '^downtime .* kept'
    metadata --config | grep -F 'name="downtime" value="400ms"'
    says migrate-getparameters web1
    said '^downtime +400 ms .* kept'
    others_are_as_before
}

started() {
    virsh start web1
    says migrate-getparameters web1 --live --config
    said '^downtime +300 ms +400 ms +(default|libvirt) +differs'
    says apply-config web1
    said '^downtime +400 ms .* 400 ms +in-force'
    said '^compression +xbzrle .* xbzrle +in-force'
    says migrate-getparameters web1 downtime xbzrle compression.xbzrle.cache
    said '^downtime +400 ms .* kept'
    said '^compression.xbzrle.cache +128 MiB .* kept'
}

virsh_agrees() {
    virsh migrate-getmaxdowntime web1 | grep -Fx 400
    virsh migrate-compcache web1 | grep -F '128.000 MiB'
    asked query-migrate-parameters | grep -F '"downtime-limit":400'
    asked query-migrate-capabilities |
        grep -F '{"state":true,"capability":"xbzrle"}'
    metadata --live | grep -F 'name="downtime" value="400ms"'
}

set_by_hand() {
    says migrate-setparameters web1 downtime=500
    says migrate-getparameters web1 downtime events --live --config
    said '^downtime +500 ms +400 ms +set +differs'
    metadata --live | grep -F 'name="downtime" value="500ms"'
    metadata --config | grep -F 'name="downtime" value="400ms"'
    others_are_as_before
}

restarted() {
    virsh destroy web1
    virsh start web1
    asked query-migrate-parameters | grep -F '"downtime-limit":300'
    says apply-config --all
    said '^web1 .* in-force'
    asked query-migrate-parameters | grep -F '"downtime-limit":400'
}

by_the_hook() {
    virsh destroy web1
    : >"$scratch/hook-is-on"
    virsh start web1
    n=0
    until asked query-migrate-parameters | grep -F '"downtime-limit":400'; do
        n=$((n + 1))
        [ $n -lt 100 ] || return 1
        sleep 0.2
    done
    rm "$scratch/hook-is-on"
}

edited_into_nonsense() {
    metadata --config --set \
        '<settings><parameter nam="downtime" value="1"/><newer/></settings>' \
        --key migtune
    metadata --config >"$scratch/nonsense"
    says migrate-getparameters web1 downtime
    said 'the metadata of web1, line 2: <parameter> without a name'
    says migrate-setparameters web1 downtime=333
    refuses migrate-setparameters web1 --config downtime=334
    said 'nothing was changed: repair or remove the kept settings'
    refuses apply-config web1
    metadata --config | cmp - "$scratch/nonsense"
    metadata --config --set \
        '<settings><parameter name="downtime" value="4ms" new="1"/><newer/></settings>' \
        --key migtune
    says migrate-setparameters web1 --config downtime=335 bandwidth=7
    metadata --config | grep -F 'value="335ms" new="1"'
    metadata --config | grep -F '<newer/>'
    metadata --config --remove
    others_are_as_before
}

reset_all() {
    says migrate-setparameters web1 --live --config downtime=400
    says reset web1 --live --config --defaults
    said '^downtime +300 ms .* 300 ms +in-force'
    asked query-migrate-parameters | grep -F '"downtime-limit":300'
    # Releases of virsh report missing metadata in different ways.
    metadata --config >"$scratch/now" || :
    ! grep -F settings "$scratch/now" || return 1
    others_are_as_before
}

# After a reset of a capability nothing shows that it was once set.
reset_capability() {
    # The other cases run these commands with valgrind.
    unset MIGTUNE_TEST_WRAPPER
    says migrate-setparameters web1 xbzrle=on
    says migrate-getparameters web1 xbzrle compression
    said '^xbzrle +on +xbzrle +set'
    said '^compression +xbzrle +set'
    says reset web1
    said '^xbzrle +off .* off +in-force'
    says migrate-getparameters web1 xbzrle compression
    said '^xbzrle +off +xbzrle +default'
    said '^compression +none +default'
    says migrate-setparameters web1 xbzrle=on
    refuses --no-monitor reset web1
    said 'no earlier change of web1 by this user with --no-monitor'
    said 'reset --defaults'
    says --no-monitor migrate-setparameters web1 downtime=410
    refuses --no-monitor reset web1
    says --no-monitor reset web1 --defaults
    said '^downtime +300 ms .* 300 ms +in-force'
    asked query-migrate-capabilities |
        grep -F '{"state":true,"capability":"xbzrle"}'
    says reset web1 --defaults
}

# A transient guest has no definition in which settings could be kept.  Settings
# that are made by hand are noted in its metadata, as for other guests.
transient() {
    sed 's/web1/passing/; /<uuid>/d' "$scratch/web1.xml" >"$scratch/passing.xml"
    virsh create "$scratch/passing.xml"
    refuses migrate-setparameters passing --config downtime=400
    said '^migtune: passing is transient: .* use --live, or define it'
    refuses migrate-setparameters passing --live --config downtime=400
    said '^migtune: passing is transient: '
    virsh migrate-getmaxdowntime passing | grep -Fx 300
    refuses reset passing --config
    said '^migtune: passing is transient: '
    says migrate-getparameters passing downtime --live --config
    said '^downtime +300 ms +- +default'
    says --json migrate-getparameters passing downtime --live --config
    says migrate-setparameters passing downtime=411
    says apply-config passing --live
    said '^downtime +411 ms .* 411 ms +in-force'
    virsh destroy passing
}

# The definition of a guest is removed while a command uses the guest.
undefined() {
    sed 's/web1/leaving/; /<uuid>/d' "$scratch/web1.xml" >"$scratch/leaving.xml"
    virsh define "$scratch/leaving.xml"
    refuses explain leaving --for-libvirt downtime=3
    said '^migtune: leaving is not running'
    mkfifo "$scratch/lines"
    migtune <"$scratch/lines" >"$scratch/said" 2>&1 &
    shell=$!
    exec 9>"$scratch/lines"
    echo 'migrate-setparameters leaving --config downtime=400' >&9
    n=0
    until virsh dumpxml leaving | grep "value=.400ms"; do
        n=$((n + 1))
        [ $n -lt 300 ] || return 1
        sleep 0.1
    done
    virsh undefine leaving
    echo 'migrate-setparameters leaving --config downtime=401' >&9
    exec 9>&-
    ! wait $shell || return 1
    cat "$scratch/said"
    said "libvirt has no domain with the name, UUID or number 'leaving'"
}

# If a command is killed, all of its change is in the metadata or none of it,
# and the next command can change the guest.
killed() {
    says migrate-setparameters web1 --config downtime=20 bandwidth=20
    # valgrind reports nothing about a killed process.
    unset MIGTUNE_TEST_WRAPPER
    for pause in 0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08; do
        migtune migrate-setparameters web1 --config downtime=21 bandwidth=21 &
        kill_at=$!
        sleep $pause
        kill -KILL $kill_at || :
        wait $kill_at || :
        metadata --config >"$scratch/now"
        case "$(grep -Ec '"20ms"|"20MiB/s"' "$scratch/now" || :),$(
            grep -Ec '"21ms"|"21MiB/s"' "$scratch/now" || :)" in
        2,0 | 0,2) ;;
        *) return 1 ;;
        esac
        others_are_as_before
        says migrate-setparameters web1 --config downtime=20 bandwidth=20
    done
    metadata --config --remove
}

# Two commands at the same time, each keeping another parameter.
two_at_once() {
    virsh destroy web1
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        value=$((round % 80 + 10))
        migtune migrate-setparameters web1 --config downtime=$value &
        first=$!
        migtune migrate-setparameters web1 --config bandwidth=$value &
        second=$!
        wait $first
        wait $second
        metadata --config >"$scratch/now"
        grep -F "name=\"downtime\" value=\"${value}ms\"" "$scratch/now"
        grep -F "name=\"bandwidth\" value=\"${value}MiB/s\"" "$scratch/now"
        others_are_as_before
    done
}

echo 1..13
try 'a guest that is shut off keeps settings' shut_off
try 'apply-config brings them into force in a running guest' started
try 'virsh reports the same values' virsh_agrees
try 'a setting made by hand is noted in the metadata of a running guest' set_by_hand
try 'a restart of the guest loses values in force, not kept settings' restarted
try 'the hook brings kept settings into force' by_the_hook
try 'damaged kept settings are reported with their line and not changed' edited_into_nonsense
try 'reset removes the kept settings' reset_all
try 'reset switches a capability off again' reset_capability
try 'keeping settings of a transient guest is refused with the reason' transient
try 'a definition is removed while a command uses it' undefined
try 'a command is killed in the middle' killed
try 'two commands at the same time lose nothing' two_at_once
