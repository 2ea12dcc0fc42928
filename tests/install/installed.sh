#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The files that `meson install` puts into an empty prefix work from there: the
# command, a program built with pkg-config, a driver, the manual pages.
#     installed.sh SOURCE-ROOT BUILD-ROOT PREFIX LIBDIR COMPILER...
set -eu
source=$1 build=$2 prefix=$3 libdir=$4
shift 4

rm -rf "$prefix"
meson install -C "$build" --no-rebuild --quiet >/dev/null

# The environment has nothing of the build tree or of the caller.
unset LD_LIBRARY_PATH MIGTUNE_DRIVER_PATH MIGTUNE_LOCALE_DIR \
    MIGTUNE_DEFAULT_URI || :
PATH=$prefix/bin:$PATH
PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
export PATH PKG_CONFIG_PATH

scratch=$(mktemp -d)
qemu_pid=
cleanup() {
    [ -z "$qemu_pid" ] || kill "$qemu_pid" 2>/dev/null || :
    rm -rf "$scratch"
}
trap cleanup EXIT
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME

n=0
# Runs a command as one case.
try() {
    name=$1
    shift
    n=$((n + 1))
    if "$@" >"$scratch/out" 2>&1; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        sed 's/^/# /' "$scratch/out"
    fi
}

start_qemu() {
    qemu=${MIGTUNE_QEMU:-qemu-system-x86_64}
    command -v "$qemu" >/dev/null || return 1
    "$qemu" -name web1 -machine none -nodefaults -display none -S \
        -qmp "unix:$scratch/web1.sock,server=on,wait=off" \
        >/dev/null 2>&1 &
    qemu_pid=$!
    tries=0
    until [ -S "$scratch/web1.sock" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        sleep 0.1
    done
}

# The installed command, whose JSON is compared with the installed schema.
migtune() {
    MIGTUNE_TEST_COMMAND=$prefix/bin/migtune \
        MIGTUNE_TEST_SCHEMA=$prefix/share/migtune/migtune-json-1.schema.json \
        "$build/tests/lib/checked/migtune" "$@"
}
command_is_installed() { [ "$(sh -c "command -v migtune")" = "$prefix/bin/migtune" ]; }
driver_is_found() { migtune --version | grep 'qmp+tcp'; }
driver_directory_is_told() {
    [ -f "$(pkg-config --variable=driverdir migtune)/qmp.so" ] &&
        [ -f "$(pkg-config --variable=driverdir migtune)/ref.so" ]
}
schema_is_there() {
    grep 'relaxng.org' "$prefix/share/migtune/migtune-ref.rng"
}
guest_migrates() {
    migtune -c ref:///default migrate db1 "unix:$scratch/link" \
        --incoming-domain db1-dest | tee "$scratch/migrated"
    grep -q '^db1: migration completed' "$scratch/migrated"
    grep -q '^db1-dest: guest running' "$scratch/migrated"
}
program_is_built() {
    # shellcheck disable=SC2046 # lists of words
    "$@" -std=gnu11 -o "$scratch/get" "$source/docs/examples/get.c" \
        $(pkg-config --cflags --libs migtune)
}
driver_is_built_elsewhere() {
    # shellcheck disable=SC2046 # lists of words
    "$@" -std=gnu11 -shared -fPIC -o "$scratch/toy.so" \
        "$source/docs/examples/toy.c" $(pkg-config --cflags --libs migtune)
    MIGTUNE_DRIVER_PATH=$scratch migtune --version | grep 'toy://'
    MIGTUNE_DRIVER_PATH=$scratch migtune -c toy:///bear \
        "migrate-setparameters bear parallel=on parallel.connections=7;
         migrate-getparameters bear" >"$scratch/bear"
    cat "$scratch/bear"
    grep -q '^parallel  *on  *multifd' "$scratch/bear"
    grep -q '^parallel.connections  *7  *multifd-channels' "$scratch/bear"
    ! MIGTUNE_DRIVER_PATH=$scratch migtune -c toy:/// list
}
pages_are_there() {
    for page in man1/migtune.1 man7/migtune-params.7 man3/libmigtune.3 \
        man3/migtune-driver.3 man3/migtune-python.3 man5/migtune-ref.5; do
        grep -q '^\.TH' "$prefix/share/man/$page" || {
            echo "$page"
            return 1
        }
    done
}
page_is_shown() {
    MANPATH=$prefix/share/man MANPAGER=cat man 1 migtune |
        grep migrate-setparameters
}
translation_is_used() {
    LC_ALL=C.UTF-8 LANGUAGE=de migtune help >"$scratch/de"
    LC_ALL=C.UTF-8 LANGUAGE=en migtune help >"$scratch/en"
    ! cmp "$scratch/de" "$scratch/en"
}
value_is_set() {
    migtune -c "qmp://$scratch/" migrate-setparameters web1 downtime=1234
    LD_LIBRARY_PATH=$prefix/$libdir \
        "$scratch/get" "qmp://$scratch/web1.sock" web1 downtime | grep 1234
}

kept_schema_is_there() {
    grep -q 'http://migtune.org/schemas/domain/1.0' \
        "$prefix/share/migtune/migtune-settings-1.0.rng"
}
hook_is_off() {
    [ -x "$prefix/share/migtune/libvirt-hook" ]
    [ ! -e "$prefix/etc/libvirt" ]
    grep -qF "$prefix/bin/migtune" "$prefix/share/migtune/libvirt-hook"
    "$prefix/share/migtune/libvirt-hook" web1 prepare begin - </dev/null
}

package_is_imported() {
    modules=$(dirname "$(find "$prefix" -path '*-packages/migtune/aio.py')")
    PYTHONPATH=$(dirname "$modules") LD_LIBRARY_PATH=$prefix/$libdir \
        GI_TYPELIB_PATH=$prefix/$libdir/girepository-1.0 \
        PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import migtune, migtune.aio
with migtune.connect("ref:///default") as conn:
    print(conn.domain("web1").set({"downtime": 123}))'
}

echo 1..15
try 'the command is found' command_is_installed
try 'it finds the driver' driver_is_found
try 'pkg-config tells where drivers are' driver_directory_is_told
try 'a program is built with pkg-config' program_is_built "$@"
try 'a driver is built out of tree and loaded' \
    driver_is_built_elsewhere "$@"
try 'explain works without a guest' \
    migtune explain --qemu 10.0 compression=mt --json
try 'the schema of guests is there' schema_is_there
try 'a guest of its own migrates' guest_migrates
try 'the manual pages are there' pages_are_there
if command -v man >/dev/null; then
    try 'man shows one' page_is_shown
else
    n=$((n + 1))
    echo "ok $n - man shows one # SKIP there is no man"
fi
try 'the translation is used' translation_is_used
try 'the schema of kept settings is there' kept_schema_is_there
try 'the hook for libvirt is there and off' hook_is_off
if [ -n "$(find "$prefix" -name Migtune-0.1.typelib)" ] &&
    /usr/bin/python3 -c 'import gi' 2>/dev/null; then
    try 'the Python package is imported' package_is_imported
else
    n=$((n + 1))
    echo "ok $n - the Python package is imported # SKIP no PyGObject"
fi
if start_qemu; then
    try 'the command sets and the program gets' value_is_set
else
    n=$((n + 1))
    echo "ok $n - the command sets and the program gets # SKIP no QEMU"
fi
