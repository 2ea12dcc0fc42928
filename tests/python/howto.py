#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the code of docs/howto-orchestrator.rst with reference guests.

    howto.py HOWTO

A literal block is Python code, or a transcript whose output is compared: "..."
stands for any text.
"""
import asyncio
import doctest
import json
import os
import sys
import tempfile
import textwrap

import guests  # first: it sets the environment

import migtune
import migtune.aio


def blocks(path):
    """The literal blocks of a text: (number of the first line, text)."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    number = 0
    while number < len(lines):
        if not lines[number].endswith("::"):
            number += 1
            continue
        number += 1
        first, block = number, []
        while number < len(lines) and (not lines[number]
                                       or lines[number].startswith("    ")):
            block.append(lines[number])
            number += 1
        yield first + 1, textwrap.dedent("\n".join(block)).strip() + "\n"


def load(path):
    """The functions of the how-to, for another program."""
    names = {"asyncio": asyncio, "json": json, "migtune": migtune}
    for line, text in blocks(path):
        if not text.startswith(">>>"):
            exec(compile("\n" * (line - 1) + text, path, "exec"), names)
    return names


def main():
    path = sys.argv[1]
    names = load(path)
    runner = doctest.DocTestRunner(
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        | doctest.IGNORE_EXCEPTION_DETAIL)
    parser = doctest.DocTestParser()
    transcripts = [(line, text) for line, text in blocks(path)
                   if text.startswith(">>>")]
    print(f"1..{len(transcripts)}")
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        names["busy_guests"] = os.path.join(directory, "busy.xml")
        with open(names["busy_guests"], "w", encoding="utf-8") as file:
            file.write("<guests>" + guests.pair("vm", 1, **guests.SLOW)
                       + guests.pair("vm2", 2, **guests.SLOW)
                       + guests.pair("vm3", 3, **guests.SLOW) + "</guests>")
        for number, (line, text) in enumerate(transcripts, 1):
            test = parser.get_doctest(text, names, f"line {line}", path, line)
            problems = []
            test.globs = names
            result = runner.run(test, out=problems.append, clear_globs=False)
            failed += result.failed
            print("ok" if not result.failed else "not ok", number,
                  f"- line {line}")
            for problem in "".join(problems).splitlines():
                print("# " + problem)
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
