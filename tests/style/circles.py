#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Refuses circles between the source files of one folder.

    circles.py SOURCE-ROOT BUILD-ROOT

A file is a .c file together with the header of the same name.  File A depends
on file B if A's object uses a symbol that B's object defines; the objects are
those of BUILD-ROOT.  Files that depend on each other, directly or through
others, form a circle: none of them can be understood, tested or replaced
without the rest.

The files of a folder's wings (engine/source) belong to the folder.  The wings
of a folder must not form a circle either, apart from the files of the folder
itself, which can be above and below its wings.

A circle that has a good reason stands in circles.allow; an entry that no longer
applies is an error, too.
"""
import collections
import json
import os
import subprocess
import sys

ALLOW = "tests/style/circles.allow"

# Folders whose wings are parts of them, besides the first level under src/.
NESTED = ("drivers",)


def folder_of(source):
    """The folder of includes.table that a source belongs to."""
    parts = source.split("/")
    return "/".join(parts[:2 if parts[0] in NESTED else 1])


def objects(source_root, build_root):
    """Pairs of a source, relative to src/, and its object file."""
    with open(os.path.join(build_root, "compile_commands.json"),
              encoding="utf-8") as f:
        commands = json.load(f)
    src = os.path.join(os.path.realpath(source_root), "src")
    for command in commands:
        path = os.path.realpath(
            os.path.join(command["directory"], command["file"]))
        if path.startswith(src + os.sep) and path.endswith(".c"):
            yield (os.path.relpath(path, src)[:-2],
                   os.path.join(build_root, command["output"]))


def symbols(paths):
    """For each object the global symbols that it defines and that it uses."""
    found = {path: (set(), set()) for path in paths}
    lines = subprocess.run(["nm", "-g", "-P", "-A"] + paths, check=True,
                           text=True, stdout=subprocess.PIPE).stdout
    for line in lines.splitlines():
        path, name, kind = line.split()[:3]
        found[path.rstrip(":")][kind in "Uw"].add(name)
    return found


def circles(graph):
    """The strongly connected components of more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                component.append(stack.pop())
                if component[-1] == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def read_allowed(path):
    """Lines "FILE FILE... : REASON" as pairs of a set and the line."""
    allowed = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                files, _, reason = line.partition(":")
                if not reason.strip():
                    sys.exit(f"{path}: no reason given: {line.strip()}")
                allowed.append((set(files.split()), line.strip()))
    return allowed


def main():
    source_root, build_root = sys.argv[1:3]
    defines = {}
    uses = {}
    sources = {path: source for source, path in objects(source_root, build_root)
               if os.path.exists(path)}
    if not sources:
        sys.exit(f"no object files in {build_root}: build first")
    for path, (defined, used) in symbols(sorted(sources)).items():
        source = sources[path]
        for name in defined:
            defines[folder_of(source), name] = source
        uses[source] = used

    graphs = collections.defaultdict(dict)
    wings = collections.defaultdict(lambda: collections.defaultdict(set))
    for source, used in uses.items():
        folder = folder_of(source)
        targets = {defines.get((folder, name)) for name in used}
        graphs[folder][source] = targets - {None, source}
        wing = os.path.dirname(source)
        if wing != folder:
            wings["the wings of " + folder][wing] |= {
                os.path.dirname(target) for target in graphs[folder][source]
            } - {wing, folder}
    graphs.update(wings)

    allowed = read_allowed(os.path.join(source_root, ALLOW))
    unused = {line for _, line in allowed}
    bad = False
    for folder, graph in sorted(graphs.items()):
        for circle in circles(graph):
            match = [line for files, line in allowed if set(circle) == files]
            if match:
                unused -= set(match)
                continue
            bad = True
            print(f"{folder}: a circle of {len(circle)}:")
            for source in circle:
                inside = sorted(graph[source] & set(circle))
                print(f"    {source} -> {' '.join(inside)}")
    for line in sorted(unused):
        bad = True
        print(f"{ALLOW}: no such circle any more: {line}")
    sys.exit(bad)


main()
