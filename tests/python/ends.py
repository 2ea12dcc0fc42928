#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An interpreter that ends while libvirt still connects in another thread runs no
destructor of a library.

    ends.py [TEST...]

exit() calls abort() here, before it would run the destructors.
"""
import os
import socket
import subprocess
import sys
import tempfile

import tap

ROUNDS = 5
PROGRAM = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.on_exit(libc.abort, None)
import migtune
try:
    migtune.connect(sys.argv[1], timeout=0.001, manage_libvirt=True)
except migtune.Error as error:
    sys.stdout.write(error.code)
    libc.printf(b", status " + sys.argv[2].encode())
    sys.exit(int(sys.argv[2]))
"""
ABORTED = -6


def run(uri, status):
    done = subprocess.run([sys.executable, "-c", PROGRAM, uri, str(status)],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, "".join(sorted(done.stdout.split(", "))), done.stderr


def test_runs_no_destructor_beside_a_connecting_thread():
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "silent")
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(path)
            silent.listen(2 * ROUNDS)
            for _ in range(ROUNDS):
                # Status and output are the program's own.
                for status in 0, 3:
                    got = run("qemu+unix:///system?socket=" + path, status)
                    if got != (status, f"status {status}timeout", ""):
                        raise AssertionError(repr(got))


def test_runs_them_otherwise():
    got = run("qemu+unix:///system?socket=/nonexistent", 0)
    if got[0] != ABORTED:
        raise AssertionError(repr(got))


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
