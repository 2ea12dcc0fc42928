#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the playbook of docs/howto-automation.rst with guests of ref:.
#     ansible.sh SOURCE-ROOT BUILD-ROOT docs/HOWTO.rst
set -eu
source=$1 build=$2 howto=$3

command -v ansible-playbook >/dev/null || {
    echo "1..0 # SKIP there is no ansible-playbook"
    exit 0
}

scratch=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$scratch"
}
trap cleanup EXIT
export XDG_CACHE_HOME="$scratch/home" XDG_CONFIG_HOME="$scratch/home" \
    XDG_STATE_HOME="$scratch/home" HOME="$scratch/home" LC_ALL=C.UTF-8 \
    ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=false \
    ANSIBLE_CONFIG="$scratch/ansible.cfg"
mkdir "$scratch/home" "$scratch/bin" "$scratch/guests"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$build/run" \
    "$build/tests/lib/checked/migtune" >"$scratch/bin/migtune"
chmod +x "$scratch/bin/migtune"
PATH="$scratch/bin:$PATH"
cd "$scratch"
: >ansible.cfg

# The literal block that begins with a play.
awk '/^    - name: / { inside = 1 }
    /^[^ ]/ { inside = 0 }
    inside { print substr($0, 5) }' "$source/$howto" >tune.yml

migtune ref --socket-dir guests >ref.log 2>&1 &
server=$!
tries=0
until grep -q '^ready' ref.log; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { cat ref.log >&2; exit 1; }
    sleep 0.1
done
uri=qmp://$scratch/guests/

n=0
try() {
    name=$1
    shift
    n=$((n + 1))
    if "$@"; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        sed 's/^/# /' out
    fi
}

# play GUESTS OPTION...
play() {
    guests=$1
    shift
    ansible-playbook -i localhost, -c local tune.yml \
        -e "{\"uri\": \"$uri\", \"guests\": $guests}" "$@" >out 2>&1
}
recap_has() { grep '^localhost' out | grep -q "$1"; }
downtime_is() {
    migtune -c "$uri" --json migrate-getparameters web1 downtime >answer
    jq -e ".parameters[0].value == $1" answer >/dev/null
}

check_mode_changes_nothing() {
    play '["web1"]' --check && recap_has ' changed=1 ' && downtime_is 300
}
first_run_changes() {
    play '["web1"]' && recap_has ' changed=1 ' && downtime_is 200 &&
        grep -q 'web1: 200 ms' out
}
second_run_changes_nothing() {
    play '["web1"]' && recap_has ' changed=0 '
}
check_mode_knows() {
    play '["web1"]' --check && recap_has ' changed=0 '
}
unknown_guest_fails() {
    ! play '["web1", "web9"]' && recap_has ' failed=1 ' &&
        grep -q 'not-found' out && ! grep -q 'has no attribute' out
}
strict_exit_fails() {
    ! play '["db1"]' -e '{"settings": ["compression=mt", "--strict-exit"]}' &&
        recap_has ' failed=1 ' && grep -q '"rc": 3' out
}

echo 1..6
try 'check mode reports a change and makes none' check_mode_changes_nothing
try 'the first run makes the change' first_run_changes
try 'the second run changes nothing' second_run_changes_nothing
try 'check mode reports no change then' check_mode_knows
try 'a guest that does not exist fails with its code' unknown_guest_fails
try 'a substitute fails with --strict-exit' strict_exit_fails
