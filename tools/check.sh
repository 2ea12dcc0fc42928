#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs what is missing, builds and runs the tests:
#   - every default suite, with address and undefined-behaviour sanitizers;
#   - the tests with threads, with the thread sanitizer;
#   - the unit tests under valgrind;
#   - the tests of an installation into an empty prefix, and of the typelib.
# The last line reads "N passed, N failed, N skipped".
#
# The build directories build/, build-tsan/ and build-plain/ (see BUILD below)
# remain, so that a second run builds only changed files.  With CI=true warnings
# are errors and a skip that .ci/skips-allowed does not name is a failure.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/lib-deps.sh
. "$here/lib-deps.sh"
cd "$here/.."

BUILD=${BUILD:-build}
werror=false
strict=
if [ "${CI:-}" = true ]; then
    werror=true
    strict="--strict .ci/skips-allowed"
fi

# shellcheck disable=SC2086 # a list of words
need_packages $PACKAGES_CHECK
trap release_proc EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
need_proc

# A build directory with these options, up to date.
build() {
    directory=$1
    shift
    if [ -f "$directory/build.ninja" ]; then
        set -- configure "$directory" -Dwerror="$werror" "$@"
    else
        set -- setup "$directory" -Dwerror="$werror" "$@"
    fi
    say "Building $directory"
    log=$(mktemp)
    if ! { meson "$@" && ninja -C "$directory"; } >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        die "$directory could not be built"
    fi
    rm -f "$log"
    rm -f "$directory"/meson-logs/testlog*.json
}

# A failure is counted from the logs, at the end.
run_tests() {
    directory=$1
    shift
    say "Testing $directory $*"
    meson test -C "$directory" --no-rebuild --print-errorlogs "$@" || :
}

# Returns whether the thread sanitizer runs on this machine: it requires a
# layout of the address space that some kernels do not provide.
thread_sanitizer_works() {
    scratch=$(mktemp -d)
    echo 'int main(void) { return 0; }' >"$scratch/a.c"
    works=false
    if "${CC:-cc}" -fsanitize=thread -o "$scratch/a" "$scratch/a.c" \
            2>/dev/null && "$scratch/a" 2>/dev/null; then
        works=true
    fi
    rm -rf "$scratch"
    $works
}

build "$BUILD" -Db_sanitize=address,undefined
run_tests "$BUILD"
logs="$BUILD/meson-logs/testlog*.json"

if thread_sanitizer_works; then
    build "$BUILD-tsan" -Db_sanitize=thread
    run_tests "$BUILD-tsan" --setup tsan --suite engine --suite unit \
        --suite drivers
    logs="$logs $BUILD-tsan/meson-logs/testlog*.json"
elif [ "${CI:-}" = true ]; then
    die "the thread sanitizer does not run here"
else
    say "skipped: the thread sanitizer does not run here"
fi

build "$BUILD-plain" -Db_sanitize=none --prefix="$PWD/$BUILD-plain/prefix"
run_tests "$BUILD-plain" --suite install --suite python
run_tests "$BUILD-plain" --setup valgrind --suite unit
logs="$logs $BUILD-plain/meson-logs/testlog*.json"

# shellcheck disable=SC2086 # lists of words
tools/count-tests.py $strict $logs
