/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a new user of the command meets: lists, suggestions, the shell, logs,
 * shorthands and progress.
 */
#include "config.h"

#include "scratch.h"

#define SMALL_XML                                                      \
    "printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"        \
    "<ram size=\"4MiB\" content=\"random\"/>%s</guest>"               \
    "<guest name=\"y\"><qemu release=\"7.2\"/>"                        \
    "<ram size=\"4MiB\"/><state>incoming</state></guest>"              \
    "</guests>'"

static const CliCase cases[] = {
    { "user", { WEB1("qemu-7.2"),
                "--replies qemu-7.2 --unix db1-dest.sock",
                "--replies qemu-7.2 --unix db1.sock" }, {
        /* A list fails if no guest could be asked. */
        "migtune -c qmp+tcp://127.0.0.1:1 list > out; status=$?; "
            "sed 's/   */  /g' out; exit $status",
        /* The guests are sorted by name. */
        "migtune list --name",
        "migtune list --watch --name > out & pid=$!; "
            "until [ \"$(grep -c web1 out)\" -ge 2 ]; do sleep 0.1; done; "
            "kill -TERM $pid; wait $pid; echo $?",
        "migtune dominfo web9",
        "migtune migrate-setparams web1 downtime=3",
        "migtune list --al",
        "migtune --jsn list",
        "migtune -c 'ref:///one?relase=7.2' list",
        "migtune -c '' params downtim",
        /* This command's own connection does not hold up the look-up. */
        "migtune migrate web1 tcp:127.0.0.1:1 --incoming-domain nope",
        /* Relative directories are ignored. */
        "mkdir sub; cd sub; env -u XDG_CACHE_HOME -u XDG_STATE_HOME "
            "-u XDG_CONFIG_HOME -u XDG_RUNTIME_DIR HOME=relative migtune "
            "migrate-setparameters web1 downtime=201; ls -A",
        "cd sub; HOME= XDG_CACHE_HOME=c XDG_STATE_HOME=s XDG_CONFIG_HOME=g "
            "migtune -q migrate-setparameters web1 --config downtime=202; "
            "ls -A",
        /* Logs show what was sent and answered. */
        "migtune -d migrate-getparameters web1 downtime 2>&1 | "
            "sed -n 's/^[0-9:.]* \\(.* sent .*query-migrate-parameters\\)"
            ".*/\\1/p'",
        "migtune -l log migrate-getparameters web1 downtime; "
            "grep -q 'migtune-qmp: .* received .*downtime-limit' log; echo $?",
        "MIGTUNE_DEBUG=1 migtune migrate-getparameters web1 downtime 2>&1 | "
            "grep -q migtune-qmp; echo $?",
        "migtune -l /nowhere/log uri",
        /* The shell keeps its connection until the new one stands. */
        "printf 'uri\\nconnect qmp:///nothing/here.sock\\nconnect bogus\\n"
            "uri\\nconnect ref:///default\\nuri\\n' | migtune",
        "printf 'list\\n' | MIGTUNE_DEFAULT_URI= migtune",
    } },
    /* A short option is about the method of the command, or that in force. */
    { "user-short", { WEB1("qemu-10.0") }, {
        "migtune migrate-setparameters web1 --level 3 --dry-run",
        "migtune -q migrate-setparameters web1 compression=zstd",
        "migtune migrate-setparameters web1 --level 3 --dry-run",
        "migtune explain web1 --threads 5",
        "migtune migrate-setparameters web1 compression=zlib --level 3 "
            "--dry-run",
        "migtune -q migrate-setparameters web1 --config compression=zlib; "
            "migtune migrate-setparameters web1 --config --level 3",
        "migtune explain --qemu 7.2 --level 3",
        "migtune -q migrate-setparameters web1 parallel=off "
            "compression=xbzrle; migtune migrate-setparameters web1 "
            "--level 3 --dry-run",
    } },
    /* --all tells which setting of which guest got which verdict. */
    { "user-all", { "--replies qemu-7.2 --unix old.sock",
                    "--replies qemu-10.0 --unix new.sock" }, {
        "migtune migrate-setparameters --all compression=mt --level 3",
        "migtune migrate-setparameters --all compression=mt --policy strict",
        "migtune migrate-setparameters --all bandwith=3",
        "migtune migrate-setparameters --all auto_converge.max=80 downtime=200 "
            "--dry-run",
        "migtune reset --all --defaults > out; echo $?",
    } },
    { "user-values", { WEB1("qemu-7.2") }, {
        "migtune migrate-setparameters web1 compression= --dry-run",
        "migtune migrate-setparameters web1 bandwidth=18446744073709551615 "
            "--dry-run",
        /* QEMU divides a rate by ten, so less than 10 bytes are no limit. */
        "migtune migrate-setparameters web1 max-bandwidth=9 --dry-run",
        "migtune migrate-setparameters web1 bandwidth=1m --dry-run",
        "migtune migrate-setparameters web1 bandwidth=64Mi --dry-run",
        "migtune migrate-setparameters web1 bandwidth=0",
        "migtune migrate-getparameters web1 bandwidth bandwidth.postcopy",
        "migtune migrate-setparameters web1 parallel=on xbzrle=on "
            "--strict-exit",
        "migtune migrate-setparameters web1 auto_converge.max=80",
        "migtune migrate-capabilities web1 downtime",
        "migtune migrate-getparameters web1 --changed 'auto*' 'xb*'",
        "migtune migrate-setparameters web1 bandwidth=default",
        "migtune reset web1 auto_converge.max --defaults",
        "migtune --json list --name",
        /* What QEMU cannot report is named, and reset by default values. */
        "migtune -c 'ref:///one?release=2.6&name=o' 'migrate-setparameters o "
            "downtime=444 bandwidth=1; reset o'",
        "migtune -c 'ref:///one?release=2.6&name=o' 'migrate-setparameters o "
            "downtime=444 bandwidth=1; reset o --defaults'",
        "migtune migrate-setparameters web1 'block_bitmap_mapping="
            "[{\"node-name\":\"n\",\"alias\":\"x\",\"bitmaps\":[]}]' "
            "downtime=100; migtune reset web1; migtune reset web1 --defaults",
        "migtune -c ref:///default 'migrate-setparameters db1 "
            "compression=zstd; migrate-setparameters db1-dest "
            "compression=zstd; migrate db1 unix:link --incoming-domain "
            "db1-dest' | sed -n '/migration/p; $p'",
        "migtune -t 0.3 -c 'ref:///default?fault=web1/delay:at=1,ms=1000,"
            "command=migrate-set-parameters' migrate-setparameters web1 "
            "downtime=400",
    } },
    /* The habits of virsh. */
    { "user-virsh", { WEB1("qemu-7.2") }, {
        "mkdir -p .config/migtune; printf '[migtune]\nuri=ref:///default\n' "
            "> .config/migtune/migtune.conf; MIGTUNE_DEFAULT_URI= migtune uri",
        "MIGTUNE_DEFAULT_URI= LIBVIRT_DEFAULT_URI=ref:///one migtune uri",
        "LIBVIRT_DEFAULT_URI=ref:///one migtune uri",
        "echo nonsense > .config/migtune/migtune.conf; "
            "MIGTUNE_DEFAULT_URI= migtune uri",
        "migtune -q migrate-setmaxdowntime web1 222; "
            "migtune migrate-getmaxdowntime web1",
        "migtune -q migrate-setspeed web1 5; migtune migrate-getspeed web1",
        "migtune -q migrate-compcache web1 --size 134217728; "
            "migtune migrate-compcache web1",
        "migtune -c ref:///default migrate --live --verbose web1 unix:link "
            "--timeout 5 --timeout-suspend --dry-run",
        "migtune domjobinfo web1 --completed",
        "migtune --no-color list --uuid",
        "migtune domstate web1",
        /* Tables fit the terminal. */
        "script -qec 'stty cols 60; migtune params xbzrle downtime' /dev/null "
            "< /dev/null | tr -d '\r' | awk 'length($0) > 60'; "
            "script -qec 'stty cols 60; migtune migrate-getparameters web1' "
            "/dev/null < /dev/null | tr -d '\r' | awk 'length($0) > 60'",
    } },
    /* Two guests of one name. */
    { "user-one-name", { "--replies qemu-7.2 --unix a.sock --name web1",
                         "--replies qemu-7.2 --unix b.sock --name web1",
                         "--replies qemu-7.2 --unix c.sock --name db1" }, {
        "migtune list",
        "migtune list --all --title",
        "migtune list --name",
        "migtune migrate-setparameters web1 downtime=200",
        "migtune migrate-setparameters b.sock downtime=200",
        "migtune migrate-getmaxdowntime a.sock; "
            "migtune migrate-getmaxdowntime b.sock",
    } },
    /* Titles, and guests that are in both lists, of running and of other guests,
     * as a guest that ends meanwhile. */
    { "user-list", { WEB1("qemu-7.2") }, {
        "touch web1.domain off.domain; printf 'the web shop' > web1.title; "
            "migtune -c keeper://$PWD/ list --title",
        "migtune -c keeper://$PWD/ list --all --title",
        "migtune -c keeper://$PWD/ list --all --keys",
        "migtune -c keeper://$PWD/ list --all --name",
        "migtune -c keeper://$PWD/ dominfo web1",
        "migtune -c keeper://$PWD/ --json list --title | grep title",
    } },
    /* The directory of the shell, as in virsh. */
    { "user-shell", { WEB1("qemu-7.2") }, {
        "mkdir sub; printf 'pwd\ncd sub\npwd\ncd\npwd\ncd nowhere\n"
            "pwd --json\ncd --dir sub --json\n' | migtune",
        "migtune 'cd sub; pwd'; migtune pwd",
        "printf '? uri\n' | migtune; migtune '?' nothing",
        "mkdir .dark; touch file; migtune complete -- cd ''; "
            "migtune complete -- cd s; migtune complete -- cd .d; "
            "migtune complete -- cd $PWD/su; migtune complete -- cd no/",
        "migtune --json quit; migtune --json exit",
        "migtune help shell",
        /* The time limit of an answer, and of a migration. */
        "migtune --answer-timeout 5 uri; migtune --timeout=5 uri; "
            "migtune -t 5 uri",
        "migtune --answer-timeout soon uri; migtune --timeout soon uri",
        "migtune --help | grep -A 3 -e --answer-timeout; "
            "migtune help migrate | grep -A 2 -e '--timeout SECONDS'; "
            "migtune complete -- --answer",
    } },
    /* Searching the catalogue, and the columns of tables. */
    { "user-columns", { WEB1("qemu-7.2") }, {
        "migtune params --search throttl --format names",
        "migtune params --search XBZRLE --qemu 7.2 --format names",
        "migtune -q params 'auto_conv*' compress-l* --format names",
        "migtune params --search colour",
        "migtune params 'nothing*'",
        "migtune -q params 'auto_converge.?ax' | cut -d ' ' -f 1",
        "migtune migrate-getparameters web1 downtime xbzrle "
            "--columns value,name",
        "migtune -q migrate-getparameters web1 -o name 'auto*'",
        "migtune migrate-getparameters --all downtime -o domain,value",
        "migtune migrate-getparameters web1 --live --config downtime "
            "-o kept,value",
        "migtune migrate-capabilities web1 xbzrle -o name,from",
        "migtune migrate-getparameters web1 -o name,price",
        "migtune migrate-getparameters web1 -o domain",
        "migtune migrate-getparameters web1 -o ''",
    } },
    /* Texts of GLib's errors have plain quotes and name a file once. */
    { "user-quotes", { NULL }, {
        "migtune -c qmp+tcp://a:99999 list",
        "migtune -c 'ref://a:99999/' list",
        "migtune report -o /nowhere/a.html $MIGTUNE_TEST_DATA/converge/"
            "recorded.jsonl",
        "migtune replay nothing --converge nova",
        "migtune simulate nothing",
        "migtune replay $MIGTUNE_TEST_DATA/converge/busy.jsonl "
            "--converge-from nothing.conf",
        "printf 'nonsense\n' > bad.conf; migtune replay "
            "$MIGTUNE_TEST_DATA/converge/busy.jsonl --converge-from bad.conf",
        "mkdir -p .config/migtune/migtune.conf; "
            "MIGTUNE_DEFAULT_URI= migtune uri",
    } },
    /* Where settings cannot be kept, and why. */
    { "user-config", { WEB1("qemu-7.2") }, {
        "touch file; XDG_CONFIG_HOME=$PWD/file migtune migrate-setparameters "
            "web1 --config downtime=200",
        "ln -s nowhere link; XDG_CONFIG_HOME=$PWD/link/x migtune "
            "migrate-setparameters web1 --config downtime=200",
        "mkdir .config; touch .config/migtune; migtune "
            "migrate-setparameters web1 --config downtime=200",
    } },
    { "user-reset", { WEB1("qemu-7.2") }, {
        /* A second reset puts back what the first one has changed. */
        "migtune -q migrate-setparameters web1 downtime=201; "
            "migtune -q reset web1; migtune -q migrate-getmaxdowntime web1; "
            "migtune -q reset web1; migtune migrate-getmaxdowntime web1",
        /* A set that changes nothing is not the last set. */
        "migtune -q migrate-setparameters web1 downtime=202; "
            "migtune -q migrate-setparameters web1 downtime=202; "
            "migtune -q reset web1; migtune migrate-getmaxdowntime web1",
        /* The policy of one kept set applies to all kept settings. */
        "migtune -q migrate-setparameters web1 --config downtime=203 "
            "--policy strict; migtune migrate-setparameters web1 --config "
            "bandwidth=1MiB/s --policy best-effort; "
            "grep -o 'policy=.*' .config/migtune/*.xml",
        "printf '[[}' > bad.json; migtune simulate bad.json",
    } },
    { "user-progress", { NULL }, {
        SMALL_XML " '' > small.xml; " SMALL_XML " '<workload kind=\"hot\" "
            "threads=\"2\" rate=\"100000\"/>' > busy.xml",
        /* The last line of a failed migration has the share that was
         * reached. */
        "migtune -c 'ref://'$PWD'/small.xml?fault=x/drop:at=3MiB' "
            "'migrate-setparameters x bandwidth=1MiB/s; migrate x unix:link "
            "--incoming-domain y --verbose' 2> out; grep '%' out | "
            "tail -n 1 | awk '{ print $NF, ($2 > 10) }'",
        "migtune -c ref://$PWD/small.xml 'migrate-setparameters x "
            "bandwidth=1MiB/s; migrate x unix:link --incoming-domain y "
            "--verbose' 2>&1 | grep -o '  [0-9]*:[0-9][0-9]  about .*' | "
            "head -n 1 | sed 's/[0-9]/N/g'",
        "migtune -c ref://$PWD/busy.xml 'migrate-setparameters x "
            "bandwidth=1MiB/s; migrate x unix:link --incoming-domain y "
            "--verbose' > out 2>&1 & pid=$!; "
            "until grep -qs converge out; do sleep 0.1; done; "
            "kill -TERM $pid; wait $pid; echo $?; grep -o 'does not .*' out | "
            "head -n 1 | sed 's/[0-9][^ ]*iB/N/g'",
    } },
    /* A watch of a migration ends with it. */
    { "user-watch", { NULL }, {
        SMALL_XML " '' > small.xml; "
            "export MIGTUNE_DEFAULT_URI=qmp://$PWD/s/; "
            "migtune ref --socket-dir s small.xml > out & ref=$!; "
            "until grep -qs ready out; do sleep 0.1; done; "
            "migtune -q migrate-setparameters x pause_before_switchover=on; "
            "migtune migrate x unix:link --incoming-domain y --detach; "
            ": > watched; "
            "migtune --json domjobinfo x --watch > watched & watch=$!; "
            /* Nothing is waited for that only a watch would bring. */
            "until [ \"$(grep -c pre-switch watched)\" -ge 2 ] || "
            "! kill -0 $watch; do sleep 0.1; done; "
            "until migtune migrate-continue x 2> busy || ! kill -0 $watch; "
            "do sleep 0.1; done; "
            "wait $watch; echo $?; "
            "grep -c '^{.*\"status\":\"pre-switchover\".*}$' watched | "
            "awk '{ print ($1 >= 2) }'; "
            "tail -n 1 watched | grep -o '\"job\":\"[a-z]*\"'; "
            "migtune domjobinfo x --watch | head -n 1; "
            "migtune domjobinfo y --watch --json | grep -c .; "
            "kill $ref; wait $ref; echo $?",
    } },
};

void
cli_add_user_cases(void)
{
    cli_cases_add("user", cases, G_N_ELEMENTS(cases));
}
