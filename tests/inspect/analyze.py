#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the inspector with QEMU's own analyze-migration.py.

    analyze.py MIGTUNE STREAM...

MIGTUNE_ANALYZE_MIGRATION names QEMU's script, which is loaded and run here:
its readers of sections are wrapped to note where each section begins and ends.
Sections, instances, sizes and RAM blocks must be the same.  The script supports
only plain streams, so only these are compared.
"""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys


def load(path):
    loader = importlib.machinery.SourceFileLoader("analyze", path)
    spec = importlib.util.spec_from_loader("analyze", loader)
    module = importlib.util.module_from_spec(spec)
    sys.argv = [path, "-f", os.devnull]
    try:
        loader.exec_module(module)
    except Exception:  # it reads the file that -f names once it is loaded
        if not hasattr(module, "MigrationDump"):
            raise
    return module


def theirs(module, stream):
    sizes = []
    depth = 0
    section_class = module.VMSDSection
    begin, read = section_class.__init__, section_class.read

    def noting_begin(self, file, version_id, device, section_key):
        begin(self, file, version_id, device, section_key)
        self.noted = (section_key, version_id)

    def noting_read(self):
        nonlocal depth
        start = self.file.tell()
        depth += 1
        result = read(self)
        depth -= 1
        key, version = self.noted
        # Subsections and the configuration are of this class, too.
        if not depth and not isinstance(key, str):
            sizes.append([key[0], key[1], version, self.file.tell() - start])
        return result

    section_class.__init__, section_class.read = noting_begin, noting_read
    try:
        dump = module.MigrationDump(stream)
        dump.read()
    finally:
        section_class.__init__, section_class.read = begin, read
    blocks = {}
    for name, section in dump.getDict().items():
        if name.startswith("ram ("):
            blocks = {block: int(size, 16) for block, size in
                      section["section sizes"].items()}
    return sizes, blocks


def ours(migtune, stream):
    report = json.loads(subprocess.run(
        [migtune, "inspect", "--json", stream], check=True,
        stdout=subprocess.PIPE).stdout)
    footer = 5 if report["stream"]["footers"] else 0
    sizes = []
    for section in report["sections"]:
        if section["type"] != "full":
            continue
        head = 1 + 4 + 1 + len(section["name"]) + 4 + 4
        sizes.append([section["name"], section["instance"],
                      section["version"],
                      section["bytes"] - head - footer])
    return sizes, {block["name"]: block["bytes"]
                   for block in report["blocks"]}


def main():
    migtune, streams = sys.argv[1], sys.argv[2:]
    script = os.environ.get("MIGTUNE_ANALYZE_MIGRATION")
    if not script:
        print("MIGTUNE_ANALYZE_MIGRATION does not name QEMU's script")
        return 77

    module = load(script)
    bad = compared = 0
    for stream in streams:
        have = ours(migtune, stream)
        try:
            want = theirs(module, stream)
        except Exception as error:  # an older script than the stream
            print("%s: the script says: %s" % (stream, error))
            continue
        compared += 1
        same = have == want
        bad += not same
        print("%s: %d sections, %d blocks: %s" % (
            os.path.basename(stream), len(want[0]), len(want[1]),
            "same" if same else "DIFFERENT"))
        if not same:
            print("  ours:   %s\n  theirs: %s" % (have, want))
    return bad != 0 or not compared


sys.exit(main())
