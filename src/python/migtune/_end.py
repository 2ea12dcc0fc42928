# SPDX-License-Identifier: LGPL-2.1-or-later
"""The end of the interpreter.

libvirt may still connect in a thread whose call has exceeded its time limit.  The
destructors of the libraries would take away what that thread uses.
"""
import atexit
import ctypes

from ._glib import Migtune

# A call that just ends is waited for.
_IDLE_MS = 50


def _end() -> None:
    if Migtune.wait_idle(_IDLE_MS):
        return
    libc = ctypes.CDLL(None)
    try:
        # exit() calls the function that was registered last first, with the exit
        # status: _exit() ends the process before any destructor runs.
        libc.on_exit(libc._exit, None)
    except AttributeError:      # not in every C library
        pass


atexit.register(_end)
