#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs a test with a temporary directory of its own, and fails if the test leaves
# files there: the test's own, or sockets and files of the command that it ran.
#     tidy.sh TEST [ARGUMENT...]
set -u

# The path is short, because the address of a UNIX socket has 107 bytes.  Another
# user who runs in a test can pass through it.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/mt.XXXX") && chmod 755 "$TMPDIR" || exit 99
export TMPDIR

status=0
"$@" || status=$?

# A process that the test has ended can still be removing its sockets.
n=0
until rmdir "$TMPDIR" 2>/dev/null; do
    n=$((n + 1))
    if [ $n -gt 100 ]; then
        echo "left in the temporary directory:" >&2
        (cd "$TMPDIR" && find . -mindepth 1 | sort | head -n 40) >&2
        rm -rf "$TMPDIR"
        [ $status -ne 0 ] || status=1
        break
    fi
    sleep 0.05
done
exit $status
