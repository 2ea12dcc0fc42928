#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Opens a report in a real browser: its console shows no error, and the plots
# have the marks of the trace.  Light and dark screenshots are written to the
# build directory.
#     browser.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1 build=$2

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}
browser=$(command -v chromium || command -v chromium-browser) ||
    skip "there is no chromium"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
show() {
    HOME=$scratch timeout 300 "$browser" --headless=new --no-sandbox \
        --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
        --user-data-dir="$scratch/profile" --enable-logging=stderr \
        --window-size=1100,1600 "$@" 2>>"$scratch/log"
}
echo '<!DOCTYPE html><p id=works>works</p>' >"$scratch/empty.html"
show --dump-dom "file://$scratch/empty.html" >"$scratch/empty" ||
    skip "chromium does not start here"
grep -q 'id="works"' "$scratch/empty" || skip "chromium shows nothing here"

bad=0
check() {
    n=$((n + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $n $1"
    else
        echo "not ok $n $1 # $2 instead of $3"
        bad=1
    fi
}
n=0
trace=$source/tests/data/converge/recorded.jsonl
busy=$source/tests/data/converge/busy.jsonl
"$build/run" "$build/tests/lib/checked/migtune" report "$trace" "$busy" \
    -o "$scratch/report.html"
: >"$scratch/log"
show --dump-dom "file://$scratch/report.html" >"$scratch/dom"
check "nothing on the console" "$(grep -c CONSOLE "$scratch/log")" 0
check "a mark for each decision" \
    "$(grep -o '<path class="decision' "$scratch/dom" | wc -l)" \
    "$(grep -c '"type": *"decision"' "$trace")"
check "a tick for each pass" \
    "$(grep -o '<path class="pass' "$scratch/dom" | wc -l)" \
    "$(cat "$trace" "$busy" | grep -c '"type": *"pass"')"
check "two runs" "$(grep -c '<th scope="row">' "$scratch/dom")" \
    "$(($(grep -c '"type": *"decision"' "$trace") + 2))"
for mode in light dark; do
    dark=
    [ $mode = light ] || dark=--force-dark-mode
    # shellcheck disable=SC2086 # no word or one
    show $dark --screenshot="$build/tests/report/report-$mode.png" \
        "file://$scratch/report.html" >/dev/null
    check "a screenshot, $mode" \
        "$(head -c 4 "$build/tests/report/report-$mode.png" | tail -c 3)" PNG
done
check "light and dark differ" "$(cmp -s "$build/tests/report/report-light.png" \
    "$build/tests/report/report-dark.png" && echo same || echo differ)" differ
echo "1..$n"
exit $bad
