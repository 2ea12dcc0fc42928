#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tools/count-tests.py, whose result decides about CI, counts correctly.
#     count.sh SOURCE-ROOT
set -eu
source=$1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bad=0

# EXPECTED LOG-LINE...: the last line of output, and the exit status.
expect() {
    expected=$1
    shift
    printf '%s\n' "$@" >"$scratch/log"
    status=0
    # shellcheck disable=SC2086 # none or two words
    "$source/tools/count-tests.py" $strict "$scratch/log" >"$scratch/out" ||
        status=$?
    got="$(tail -n 1 "$scratch/out") $status"
    if [ "$got" != "$expected" ]; then
        echo "expected '$expected', got '$got' of:"
        cat "$scratch/log"
        bad=1
    fi
}

tap() {
    printf '{"name": "%s", "result": "%s", "stdout": "%s"}' "$1" "$2" "$3"
}

printf '# nothing but this\nno-kvm: .*kvm\tmost machines have none\n' \
    >"$scratch/allowed"

strict=
expect '3 passed, 0 failed, 0 skipped 0' \
    "$(tap a OK '1..2\nok 1 /x\nok 2 /y\n')" "$(tap b OK 'no tap\n')"
expect '1 passed, 1 failed, 0 skipped 1' \
    "$(tap a FAIL '1..2\nok 1 /x\nnot ok 2 /y\n')"
expect '1 passed, 1 failed, 0 skipped 1' \
    "$(tap died ERROR '1..2\nok 1 /x\n')"
expect '1 passed, 1 failed, 0 skipped 1' \
    "$(tap a OK '')" "$(tap slow TIMEOUT '')"
expect '1 passed, 0 failed, 2 skipped 0' \
    "$(tap a OK '1..2\nok 1 /x # SKIP none\nok 2 /y\n')" "$(tap b SKIP 'no g++')"
expect '0 passed, 0 failed, 0 skipped 1' ''

strict="--strict $scratch/allowed"
expect '1 passed, 1 failed, 0 skipped 1' \
    "$(tap a OK '1..2\nok 1 /x # SKIP none\nok 2 /y\n')"
expect '1 passed, 0 failed, 1 skipped 0' \
    "$(tap no-kvm OK '1..2\nok 1 /x # SKIP no kvm\nok 2 /y\n')"

# The reason of a failure is printed.
strict=
expect '0 passed, 1 failed, 0 skipped 1' \
    "$(tap a FAIL '1..1\nnot ok 1 /x - 2 is not 3\n# more\n')"
grep -q '^    not ok 1 /x - 2 is not 3$' "$scratch/out" || {
    echo "the reason of the failure is missing in:"
    cat "$scratch/out"
    bad=1
}
exit $bad
