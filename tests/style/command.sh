#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each test runs the command as tests/lib/checked/migtune, which compares JSON with
# the schema: no test names the program in tools/, and C has the path from
# tests/lib/command.h.
#     command.sh SOURCE-ROOT
set -eu
cd "$1"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Prints what the files in $1 run.  White space is ignored, because a call can
# extend over several lines.
find_paths() {
    find "$1" -path tests/data -prune -o -path tests/lib/checked -prune -o \
        -path tests/style/command.sh -prune -o \
        -path tests/lib/command.h -prune -o -type f \( -name '*.[ch]' -o \
        -name '*.py' -o -name '*.sh' -o -name meson.build \) -print |
        sort | while IFS= read -r file; do
        # shellcheck disable=SC1003 # the last character is a backslash
        tr -d ' \n\t\\' <"$file" | grep -oE \
            -e '"tools","migtune"' -e '[^.]tools/migtune["'\'']' \
            -e 'run["'\'']?,?["'\'']?migtune["'\'' ]' -e '"%s"migtune' \
            -e 'build/run"migtune' -e 'migtune_exe' \
            -e '"checked","migtune"' | sed "s|^|$file: |"
    done
}

# It finds each of these.
mkdir "$scratch/tests"
cat >"$scratch/tests/a.c" <<'END'
tool = g_build_filename(build, "tools",
                        "migtune", NULL);
tool = g_build_filename(build, "lib", "checked", "migtune", NULL);
END
cat >"$scratch/tests/a.py" <<'END'
subprocess.run([build + "/run", "migtune", "list"])
END
cat >"$scratch/tests/a.sh" <<'END'
"$build/tools/migtune" list
"$build/run" migtune list
printf 'exec "%s" migtune "$@"\n' "$build/run" >bin/migtune
END
echo "args: [files('a.py'), migtune_exe]" >"$scratch/tests/meson.build"
n=$(find_paths "$scratch/tests" | tee "$scratch/found" | wc -l)
if [ "$n" -ne 7 ]; then
    echo "$n of 7 examples are found:"
    cat "$scratch/found"
    exit 1
fi

find_paths tests >"$scratch/bad"
sed 's/$/ is not tests\/lib\/checked\/migtune/' "$scratch/bad"
[ ! -s "$scratch/bad" ]
