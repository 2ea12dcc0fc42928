#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian packages have every file that meson installs, each in one package,
and the symbols file has every version node.

    packaging.py SOURCE-ROOT BUILD-ROOT
"""
import fnmatch
import json
import pathlib
import re
import sys

source, build = map(pathlib.Path, sys.argv[1:3])
debian = source / "tools/packaging/debian"
bad = []

options = {option["name"]: option["value"] for option in json.loads(
    (build / "meson-info/intro-buildoptions.json").read_text())}
installed = json.loads(
    (build / "meson-info/intro-installed.json").read_text()).values()


def as_packaged(path):
    """Where a file is with the prefix /usr and Debian's directories."""
    name = pathlib.Path(path).relative_to(options["prefix"]).as_posix()
    libdir = options["libdir"].rstrip("/") + "/"
    if "-packages/" in name:
        return "usr/lib/python3/dist-packages/" + name.split("-packages/")[1]
    if name.startswith(libdir):
        return "usr/lib/x86_64-linux-gnu/" + name[len(libdir):]
    return "usr/" + name


patterns = []
for file in sorted(debian.glob("*.install")):
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            patterns.append((file.stem, line.split()[0]))
used = set()
for path in sorted(map(as_packaged, installed)):
    matches = [(package, pattern) for package, pattern in patterns
               if fnmatch.fnmatch(path, pattern)
               or fnmatch.fnmatch(path, pattern + "/*")]
    used.update(matches)
    packages = {package for package, _ in matches}
    if len(packages) != 1:
        bad.append(f"{path} is in {len(packages)} packages "
                   + " ".join(sorted(packages)))

# A build with everything shows patterns that match nothing.
if any(path.endswith(".typelib") for path in installed):
    have_python = any("-packages/" in path for path in installed)
    for package, pattern in patterns:
        if (package, pattern) not in used and (
                have_python or "dist-packages" not in pattern):
            bad.append(f"{package}.install: nothing matches {pattern}")

# Each release of the library has a version node of its own.
nodes = set(re.findall(r"^(LIBMIGTUNE_[\w.]+) \{",
                       (source / "src/libmigtune.syms").read_text(),
                       re.MULTILINE))
listed = set(re.findall(r"^ \*@(\S+) ",
                        (debian / "libmigtune0.symbols").read_text(),
                        re.MULTILINE))
if nodes != listed:
    bad.append(f"libmigtune0.symbols has the nodes {sorted(listed)}, "
               f"libmigtune.syms has {sorted(nodes)}")

version = re.search(r"\n  version: '([^']+)'",
                    (source / "meson.build").read_text()).group(1)
packaged = re.match(r"migtune \(([^)]+)-[^-)]+\)",
                    (debian / "changelog").read_text()).group(1)
if packaged != version:
    bad.append(f"debian/changelog has {packaged}, meson.build has {version}")

print("\n".join(bad))
sys.exit(bool(bad))
