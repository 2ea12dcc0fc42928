#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the commands of docs/howto-libvirt.rst in order, between two hosts, and
# compares their output with the output in the text.
#     howto.sh SOURCE-ROOT BUILD-ROOT
#
# In the text a command is a line "    alpha$ COMMAND" or "    beta$ COMMAND".
# The lines up to the next empty line are its output; differences in white space
# are ignored.  "..." stands for any text.  Where the output depends on the
# release of libvirt or QEMU, the text shows none.
set -eu
source=$1 build=$2

# shellcheck source=tests/libvirt/lib.sh
. "$source/tests/libvirt/lib.sh"

prepare
mkdir "$scratch/bin"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$build/run" \
    "$build/tests/lib/checked/migtune" >"$scratch/bin/migtune"
chmod +x "$scratch/bin/migtune"

start_host alpha 10.99.99.1
start_host beta 10.99.99.2 alpha 10.99.99.1

cat >"$scratch/web1.xml" <<END
<domain type='qemu'>
  <name>web1</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>$(command -v qemu-system-x86_64)</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
virsh -q -c "$(uri_of alpha)" define "$scratch/web1.xml" >/dev/null
virsh -q -c "$(uri_of alpha)" start web1 >/dev/null

# Runs COMMAND of the text on HOST.
run() {
    uri=$(uri_of "$1")
    command=$(printf '%s\n' "$2" |
        sed "s|qemu+ssh://beta/system|'$(uri_of beta)'|g")
    PATH="$scratch/bin:$PATH" MIGTUNE_DEFAULT_URI=$uri \
        LIBVIRT_DEFAULT_URI=$uri sh -c "cd '$scratch'; $command" 2>&1 |
        sed "s|'\{0,1\}$(uri_of beta)'\{0,1\}|qemu+ssh://beta/system|g"
}

# Removes what is only layout: repeated white space and line continuations.
plain() {
    tr -s ' \n' '  ' | sed 's/\\ //g; s/^ //; s/ $//'
}

# Whether the output in $scratch/found matches $scratch/shown.
is_shown() {
    [ -s "$scratch/shown" ] || return 0
    pattern=$(plain <"$scratch/shown" |
        sed 's/[][\.*^$]/\\&/g; s/ *\\\.\\\.\\\. */.*/g')
    plain <"$scratch/found" | grep -q "^$pattern\$"
}

# Writes each command and its output to a file of its own.
awk -v dir="$scratch" '
    /^    (alpha|beta)\$ / { n++; inside = 1
        file = dir "/step-" sprintf("%03d", n) }
    /^$/ { inside = 0 }
    inside { print substr($0, 5) >file }' "$source/docs/howto-libvirt.rst"

set -- "$scratch"/step-*
echo "1..$#"
for step; do
    count=$((count + 1))
    # A trailing backslash continues the command in the next line.
    sed -n '1{:a;/\\$/{N;s/\\\n *//;ba};p;q}' "$step" >"$scratch/line"
    sed '1{:a;/\\$/{N;ba};d}' "$step" >"$scratch/shown"
    line=$(cat "$scratch/line")
    run "${line%%\$ *}" "${line#*\$ }" >"$scratch/found" || :
    if is_shown && ! grep -q '^error:' "$scratch/found" &&
        { [ -s "$scratch/shown" ] || ! grep -q '^migtune:' "$scratch/found"; }
    then
        echo "ok $count - $line"
    else
        echo "not ok $count - $line"
        sed 's/^/# /' "$scratch/found"
    fi
    [ -z "${MIGTUNE_TEST_SHOW:-}" ] || sed 's/^/# /' "$scratch/found"
done
