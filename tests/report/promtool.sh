#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Prometheus accepts the metrics of recorded migrations.
#     promtool.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

if ! command -v promtool >/dev/null; then
    echo "1..0 # SKIP there is no promtool"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$build/run" "$build/tests/lib/checked/migtune" report \
    "$source/tests/data/converge/recorded.jsonl" \
    "$source/tests/data/converge/busy.jsonl" -o "$scratch/m.prom"
if promtool check metrics <"$scratch/m.prom" >"$scratch/out" 2>&1 &&
    [ ! -s "$scratch/out" ]; then
    echo "ok 1 promtool accepts the metrics"
else
    sed 's/^/# /' "$scratch/out"
    echo "not ok 1 promtool accepts the metrics"
fi
# A check that accepts everything would show nothing.
sed 's/gauge$/speed/' "$scratch/m.prom" >"$scratch/bad.prom"
if promtool check metrics <"$scratch/bad.prom" >/dev/null 2>&1; then
    echo "not ok 2 promtool refuses another type"
else
    echo "ok 2 promtool refuses another type"
fi
echo 1..2
