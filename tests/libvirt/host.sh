#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A host for tests, with its own libvirt daemon: namespaces in which the daemon
# has its own directories, host name, UUID, users and network, and does not
# touch the libvirt of this machine.  Needs root.
#
#     host.sh DIRECTORY alpha|beta ADDRESS [PID PEER-ADDRESS]
#
# The socket of the daemon is DIRECTORY/sock/libvirt-sock, its log
# DIRECTORY/log/libvirtd.log.  ADDRESS (10.99.99.N) is the address of the host
# in the network that it shares with the host whose host.sh has the process
# number PID.  The files qemu.conf and libvirtd.conf in DIRECTORY, if they exist,
# are appended to the configuration.  While the file DIRECTORY/stay-away exists,
# the daemon is killed; without the file it is started again.  While
# DIRECTORY/hang exists, the daemon is stopped; DIRECTORY/hangs exists when this
# has happened.  All processes of the host end with this process.
set -eu
self=$(readlink -f "$0")

if [ "${1:-}" = --inside ]; then
    directory=$2
    # A guest keeps running without its daemon, but not without its host.
    daemon=
    hangs=
    while :; do
        if [ -e "$directory/hang" ] && [ -n "$daemon" ] && [ -z "$hangs" ]; then
            kill -STOP "$daemon" && hangs=yes && : >"$directory/hangs"
        elif [ ! -e "$directory/hang" ] && [ -n "$hangs" ]; then
            kill -CONT "$daemon" || :
            hangs=
            rm -f "$directory/hangs"
        elif [ -e "$directory/stay-away" ]; then
            [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || :
        elif [ -z "$daemon" ] || ! kill -0 "$daemon" 2>/dev/null; then
            libvirtd -f "$directory/etc/libvirtd.conf" -p /run/libvirtd.pid \
                </dev/null >>"$directory/log/stderr" 2>&1 &
            daemon=$!
        fi
        sleep 0.05
    done
fi

if [ "${1:-}" != --own ]; then
    exec unshare --mount --net --uts --propagation unchanged -- \
        "$self" --own "$@"
fi
shift
directory=$1 name=$2 address=$3 peer=${4:-} peer_address=${5:-}

umask 022
# In a chroot the root is not a mount point.
mount --make-rprivate / 2>/dev/null || :
cd "$directory"
mkdir -p etc/sasl2 sock lib cache log run guests
export SASL_CONF_PATH="$directory/etc/sasl2"
n=${address##*.}
uuid=$(printf '00000000-6d69-4774-8e65-%012d' "$n")

cat >etc/libvirtd.conf <<END
unix_sock_dir = "$directory/sock"
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_ro_perms = "0777"
unix_sock_rw_perms = "0700"
host_uuid = "$uuid"
log_level = 3
log_outputs = "1:file:$directory/log/libvirtd.log"
END
cat >etc/qemu.conf <<END
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
max_core = 0
END
for file in libvirtd.conf qemu.conf; do
    [ ! -e "$file" ] || cat "$file" >>"etc/$file"
done
cp /etc/passwd /etc/group .
# Debian's libvirt daemon requires this user.
for file in passwd group; do
    grep -q '^libvirt-qemu:' $file ||
        case $file in
        passwd) echo 'libvirt-qemu:x:64055:64055::/:/bin/false' >>$file ;;
        group) echo 'libvirt-qemu:x:64055:' >>$file ;;
        esac
done
printf "127.0.0.1 localhost\n10.99.99.1 alpha\n10.99.99.2 beta\n" >hosts
printf '%s\n' "$uuid" | tr -d - >machine-id

for file in passwd group hosts; do
    mount --bind "$file" "/etc/$file"
done
[ ! -e /etc/machine-id ] || mount --bind machine-id /etc/machine-id
mkdir -p /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
mount --bind run /run
mount --bind etc /etc/libvirt
mount --bind lib /var/lib/libvirt
mount --bind cache /var/cache/libvirt
mount --bind log /var/log/libvirt

hostname "$name"
ip link set lo up
if [ -n "$peer" ]; then
    ip link add eth0 type veth peer name eth0 netns "$peer"
    ip address add "$address/24" dev eth0
    ip link set eth0 up
    nsenter --target "$peer" --net \
        ip address add "$peer_address/24" dev eth0
    nsenter --target "$peer" --net ip link set eth0 up
fi
exec unshare --pid --fork --kill-child --mount-proc -- \
    "$self" --inside "$directory"
