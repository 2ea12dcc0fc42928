# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the functions test_* of a test program, and reports as TAP."""
import sys
import traceback


class Skip(Exception):
    """The test cannot run here; the message says why."""


def main(module):
    """Runs all tests, or those named on the command line."""
    tests = [(name[5:].replace("_", "-"), function)
             for name, function in vars(module).items()
             if name.startswith("test_")]
    chosen = [test for test in tests
              if test[0] in sys.argv[1:]] if sys.argv[1:] else tests
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, (name, function) in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print("# " + line, flush=True)
    sys.exit(failed != 0)
