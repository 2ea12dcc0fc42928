#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what meson's test logs say.

    count-tests.py [--strict FILE] LOG...

LOG is a testlog*.json that `meson test` has left.  A TAP program counts with
each of its cases, any other test as one.  What was skipped or failed is
named; the last line reads "N passed, N failed, N skipped".

With --strict a skip is a failure unless FILE allows it: one regular expression
a line, for "TEST: CASE # reason", and after a tab why it is allowed.

The failures come last, each test with the end of what it printed.

The exit status is 0 only if nothing failed and something passed.
"""

import argparse
import json
import re
import sys

POINT = re.compile(r"^(not ok|ok)\b\s*(.*)$", re.M)
SKIP = re.compile(r"#\s*skip", re.I)
# Lines that say why a test failed.
REASON = re.compile(r"not ok|bail out|error|assert|sanitizer|traceback", re.I)
UNIMPORTANT = re.compile(r"\s*ok\b|.*-DEBUG: ")
REASON_LINES = 5
RESULTS = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def outcomes(test):
    """(outcome, what) of each case of one test."""
    stdout = test.get("stdout") or ""
    result = test["result"]
    failed = False

    if re.search(r"^1\.\.\d+", stdout, re.M):
        for word, text in POINT.findall(stdout):
            if word == "not ok":
                failed = True
                yield "failed", text
            else:
                yield "skipped" if SKIP.search(text) else "passed", text
        # It died, or answered with more or less than it had announced.
        if RESULTS.get(result, "failed") == "failed" and not failed:
            yield "failed", result
    elif result == "SKIP":
        # What it printed last is the reason.
        yield "skipped", (stdout.strip().splitlines() or ["no reason"])[-1]
    else:
        yield RESULTS.get(result, "failed"), result


def reasons(test):
    """The last lines of a failed test that say why it failed."""
    lines = []

    for stream in ("stdout", "stderr"):
        text = [line.strip() for line in
                (test.get(stream) or "").splitlines()
                if line.strip() and not UNIMPORTANT.match(line)]
        lines += ([line for line in text if REASON.search(line)] or
                  text)[-REASON_LINES:]

    # Both ends of a failed assertion are of interest.
    return ["    " + (line if len(line) < 240 else
                      line[:120] + " ... " + line[-120:]) for line in lines]


def read_allowed(name):
    with open(name, encoding="utf-8") as file:
        return [re.compile(line.split("\t")[0]) for line in file
                if line.strip() and not line.startswith("#")]


def main():
    parser = argparse.ArgumentParser(
        description="Adds up what meson's test logs say.")
    parser.add_argument("--strict", metavar="FILE",
                        help="the skips that are allowed")
    parser.add_argument("logs", nargs="+", metavar="LOG")
    args = parser.parse_args()
    allowed = read_allowed(args.strict) if args.strict else None
    count = {"passed": 0, "failed": 0, "skipped": 0}
    failures = []

    for log in args.logs:
        try:
            with open(log, encoding="utf-8") as file:
                tests = [json.loads(line) for line in file if line.strip()]
        except OSError as error:
            failures.append("failed: %s" % error)
            count["failed"] += 1
            continue
        for test in tests:
            before = count["failed"]
            for outcome, what in outcomes(test):
                text = "%s: %s" % (test["name"], what)
                if outcome == "skipped" and allowed is not None and \
                        not any(r.search(text) for r in allowed):
                    outcome = "failed"
                    text += " (a skip that is not allowed here)"
                count[outcome] += 1
                if outcome == "skipped":
                    print("skipped: %s" % text)
                elif outcome == "failed":
                    failures.append("failed: %s" % text)
            if count["failed"] > before:
                failures += reasons(test)

    print("\n".join(failures), end="\n" if failures else "")
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % count)
    sys.exit(1 if count["failed"] or not count["passed"] else 0)


if __name__ == "__main__":
    main()
