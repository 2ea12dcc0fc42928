#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The binary interface is the one that abi.list has: the exported functions, the
values of the public enumerations and macros, and the sizes of the structs that
drivers fill in, with the offsets and sizes of their members.

    abi.py SOURCE-ROOT BUILD-ROOT COMPILER...

A line that is missing or different is a change that breaks programs or drivers
which are already built, and an error.  A line that abi.list lacks is an addition,
which is only printed.  With MIGTUNE_TEST_REGENERATE=1 in the environment abi.list is written anew; review the
difference.  If abidiff is installed, it compares the library with abi.xml.gz, too,
which has the types of the arguments.
"""
import gzip
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

source, build = map(pathlib.Path, sys.argv[1:3])
compiler = sys.argv[3:]
here = source / "tests/style"
library = build / "src/libmigtune.so"
headers = sorted((source / "include/migtune").glob("*.h"))
include = ["-I", str(source / "include"), "-I", str(build / "include"),
           *shlex.split(subprocess.check_output(
               ["pkg-config", "--cflags", "gio-2.0", "json-glib-1.0",
                "libvirt"], text=True))]


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def exported():
    out = subprocess.check_output(["nm", "-D", "--defined-only", library],
                                  text=True)
    names = {line.split()[2].split("@")[0] for line in out.splitlines()
             if line.split()[1] != "A"}
    return [f"function {name}" for name in sorted(names)]


def members(body):
    """The names of the members of a struct."""
    for declaration in body.split(";"):
        function = re.search(r"\(\*(\w+)\)\s*\(", declaration)
        plain = re.search(r"(\w+)\s*(\[[^]]*\])?\s*$", declaration)
        if function:
            yield function.group(1)
        elif plain:
            yield plain.group(1)


def values():
    """The constants and structs of the headers, as the compiler sees them."""
    lines = []
    for header in headers:
        text = without_comments(header.read_text())
        for body in re.findall(r"enum \{(.*?)\}", text, re.S):
            for name in re.findall(r"^\s*(MIGTUNE_\w+)", body, re.M):
                lines.append(f'printf("constant {name} %lld\\n", '
                             f'(long long){name});')
        structs = re.findall(r"typedef struct \{(.*?)\} (Migtune\w+);", text,
                             re.S)
        structs += [(body, name) for name, body in
                    re.findall(r"struct _(Migtune\w+) \{(.*?)\n\};", text,
                               re.S)]
        for body, name in structs:
            lines.append(f'printf("struct {name} %zu\\n", sizeof({name}));')
            # Members that are added take the place of padding.
            for member in members(body):
                if member == "padding":
                    continue
                lines.append(
                    f'printf("member {name}.{member} %zu %zu\\n", '
                    f'offsetof({name}, {member}), '
                    f'sizeof((({name} *)0)->{member}));')
    lines.append('printf("constant MIGTUNE_DRIVER_API %d\\n", '
                 'MIGTUNE_DRIVER_API);')
    lines.append('printf("constant MIGTUNE_DRIVER_SYMBOL %s\\n", '
                 'MIGTUNE_DRIVER_SYMBOL);')
    program = ("#include <stddef.h>\n#include <stdio.h>\n"
               "#include <migtune/migtune.h>\n"
               "#include <migtune/migtune-driver.h>\n"
               "int main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch, "abi.c")
        file.write_text(program)
        subprocess.check_call([*compiler, *include, "-o", scratch + "/abi",
                               str(file)])
        out = subprocess.check_output([scratch + "/abi"], text=True)
    return out.splitlines()


def soname():
    out = subprocess.check_output(["objdump", "-p", library], text=True)
    return ["soname " + re.search(r"SONAME\s+(\S+)", out).group(1)]


def has_debug_information():
    out = subprocess.check_output(["objdump", "-h", library], text=True)
    return ".debug_info" in out


def compare_types():
    """What abidiff says against the stored description; None if nothing."""
    stored = here / "abi.xml.gz"
    headers_dir = str(source / "include/migtune")
    if not shutil.which("abidiff") or not has_debug_information():
        print("abidiff or debug information is missing: only the list is "
              "compared")
        return None
    with tempfile.TemporaryDirectory() as scratch:
        description = pathlib.Path(scratch, "abi.abi")
        if os.environ.get("MIGTUNE_TEST_REGENERATE"):
            subprocess.check_call(
                ["abidw", "--headers-dir", headers_dir, "--drop-private-types",
                 "--no-show-locs", "--no-corpus-path", "--no-comp-dir-path",
                 "--type-id-style", "hash", "--out-file", str(description),
                 str(library)])
            stored.write_bytes(gzip.compress(description.read_bytes(),
                                             mtime=0))
        if not stored.exists():
            return None
        description.write_bytes(gzip.decompress(stored.read_bytes()))
        result = subprocess.run(
            ["abidiff", "--headers-dir2", headers_dir, "--no-added-syms",
             "--drop-private-types", str(description), str(library)],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # Bit 0: an error of the tool; bit 2: the interface changed; bit 3: so that
    # programs break.  A struct that may grow is in the list.
    print("abidiff:", result.returncode)
    return result.stdout if result.returncode & 9 else None


now = soname() + exported() + values()
path = here / "abi.list"
if os.environ.get("MIGTUNE_TEST_REGENERATE"):
    path.write_text("# SPDX-License-Identifier: LGPL-2.1-or-later\n"
                    + "\n".join(now) + "\n")
known = [line for line in path.read_text().splitlines()
         if not line.startswith("#")]


def may_change(line):
    """A struct that begins with its size may grow."""
    kind, name, *size = line.split()
    bigger = [other.split()[2] for other in now
              if other.startswith(f"struct {name} ")]
    return (kind == "struct" and bigger and int(bigger[0]) > int(size[0])
            and f"member {name}.size" in "\n".join(now))


gone = [line for line in known
        if line not in set(now) and not may_change(line)]
new = [line for line in now if line not in set(known)]
for line in gone:
    print("missing or changed:", line)
for line in new:
    print("not in abi.list:", line)
types = compare_types()
if types:
    print(types)
print(len(now), "lines")
sys.exit(1 if gone or types else 0)
