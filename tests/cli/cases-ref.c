/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command lines for guests of the reference engine, and for migrations between
 * them.
 */
#include "config.h"

#include "scratch.h"

/* Two guests whose migration completes at once. */
#define SMALL_XML                                                      \
    "printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"        \
    "<ram size=\"4MiB\" content=\"random\"/></guest>"                  \
    "<guest name=\"y\"><qemu release=\"7.2\"/>"                        \
    "<ram size=\"4MiB\"/><state>incoming</state></guest>"              \
    "</guests>' > small.xml"
#define MIGRATE_SMALL "ref://$PWD/small.xml "
#define MIGRATE_FAULT(fault)                                            \
    "migtune -c 'ref://'$PWD'/small.xml?fault=x/" fault "' "            \
    "migrate x unix:link --incoming-domain y"

/* A guest whose migration takes some seconds. */
#define SLOW_MIGRATE(how)                                               \
    "migtune -c " MIGRATE_SMALL "'migrate-setparameters x "             \
    "bandwidth=1MiB/s; migrate x " how "' | "                           \
    "sed -n '/^bandw/p; /migration/p; $p'"

/* Guests that a background process holds open. */
#define REF_HOLD(options)                                               \
    "export MIGTUNE_DEFAULT_URI=qmp://$PWD/s/; rm -f out; "             \
    "migtune ref --socket-dir s " options " > out & pid=$!; "           \
    "until grep -qs ready out; do sleep 0.1; done; "
#define REF_END "kill $pid; wait $pid; echo $?; ls"

/* One source, and two guests that wait: of its release, and of a later one. */
#define PAIR_XML                                                       \
    "printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"        \
    "<ram size=\"4MiB\" content=\"random\"/></guest>"                  \
    "<guest name=\"y\"><qemu release=\"7.2\"/>"                        \
    "<ram size=\"4MiB\"/><state>incoming</state></guest>"              \
    "<guest name=\"z\"><qemu release=\"10.0\"/>"                       \
    "<ram size=\"4MiB\"/><state>incoming</state></guest>"              \
    "</guests>' > pair.xml"
/* Two guests that need a minute for a migration at 1 MiB/s. */
#define PAIR_BIG_XML                                                   \
    "printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"        \
    "<ram size=\"64MiB\" content=\"random\"/></guest>"                 \
    "<guest name=\"y\"><qemu release=\"7.2\"/>"                        \
    "<ram size=\"64MiB\"/><state>incoming</state></guest>"             \
    "</guests>' > big.xml"
#define PAIR_X "U=ref://$PWD/pair.xml; migtune -c $U "
#define PAIR_FAULT(fault)                                              \
    "U=\"ref://$PWD/pair.xml?fault=" fault "\"; migtune -q -c \"$U\" " \
    "migrate x \"$U\" --dest-domain y downtime=200"

#define SAVE_REF "migtune -q -c ref://$PWD/save.xml "

static const CliCase cases[] = {
    { "ref", { NULL }, {
        "migtune -c ref:///default list",
        "migtune -c ref:///default list --keys",
        "migtune -c ref:///default dominfo "
            "2f4c1a52-6d0b-4a3e-9c57-07d1c0a97201",
        "migtune -c ref:///default 'migrate-setparameters db1 "
            "compression=mt; migrate-getparameters db1 compression; "
            "reset db1; migrate-getparameters db1 compression'",
        "migtune -c ref:///default 'migrate-setparameters web1 xbzrle=on; "
            "migrate-getparameters web1 xbzrle compression; reset web1; "
            "migrate-getparameters web1 xbzrle compression'",
        "migtune -c 'ref:///one?release=2.8&name=x' probe x | head -n 1",
        "migtune -c 'ref:///one?release=9.9' list",
        "migtune -c 'ref:///one?colour=red' list",
        "migtune -c 'ref:///one?release=7.2&release=5.2' list",
        "migtune -c 'ref:///one?state=running&incoming=yes' list",
        "migtune -c 'ref:///one?row=compress:removed&row=block:removed' list",
        "migtune -c 'ref:///one?ram=1MiB&ram-file=/dev/null' list",
        "migtune -c 'ref:///default?release=7.2' list",
        "migtune -c 'ref:///default?fault=nobody/drop:at=3' list",
        "migtune -c 'ref:///default?fault=fire' list",
        "migtune -c ref://elsewhere/default list",
        "migtune -c ref:///nothing/here.xml list",
        "printf '<guests>\\n<guest name=\"a\">\\n"
            "<qemu release=\"3.3\"/>\\n</guest></guests>' > a.xml; "
            "migtune -c ref://$PWD/a.xml list",
        "printf '<!DOCTYPE a [<!ENTITY b \"c\">]><guests/>' > a.xml; "
            "migtune -c ref://$PWD/a.xml list --json",
        "printf '<guests><guest name=\"a\"><qemu release=\"7.2\">"
            "<row name=\"compress\" state=\"removed\"/></qemu></guest>"
            "</guests>' > a.xml; migtune -c ref://$PWD/a.xml "
            "migrate-setparameters a compression=mt --dry-run",
    } },
    { "pair", { NULL }, {
        PAIR_XML,
        PAIR_X "migrate-check x $U",
        PAIR_X "migrate-check x $U --dest-domain y | head -n 1",
        PAIR_X "migrate-check x tcp:host:1",
        PAIR_X "migrate-check x $U --dest-domain z parallel=on "
            "compression=mt | sed '/^ /d; /^Not checked/d'",
        PAIR_X "migrate-check x $U --dest-domain z compression=mt "
            "--policy strict --json | grep '\"id\" :.*refused'",
        PAIR_X "migrate-check x $U --dest-domain x | sed -n 1,2p",
        PAIR_X "migrate x $U --dest-domain y compression=zstd "
            "parallel.connections=4 --dry-run",
        PAIR_X "\"migrate x $U --dest-domain y compression=zstd "
            "parallel.connections=4; list; migrate-getparameters y parallel\" "
            "| sed '/ ms /d'",
        PAIR_X "\"migrate x $U --dest-domain z parallel=on; list; "
            "migrate-getparameters x parallel\"",
        PAIR_X "\"migrate x $U --dest-domain z --trust-link; list\" "
            "| sed '/ ms /d'",
        "cp $MIGTUNE_TEST_DATA/converge/ovirt.json .; "
            PAIR_X "migrate x $U --dest-domain y --converge-from ovirt.json "
            "--select 'policy=Post-copy migration' --dry-run "
            "| grep postcopy",
        /* An error names the side and the command. */
        PAIR_FAULT("x/hangup:command=query-migrate-parameters"),
        PAIR_FAULT("x/hangup:command=migrate-set-parameters"),
        PAIR_FAULT("x/hangup:command=migrate"),
        PAIR_FAULT("y/hangup:command=migrate-incoming"),
        PAIR_FAULT("y/refuse:command=stop"),
        /* The source by another URI; this process holds its monitor. */
        REF_HOLD("pair.xml") "migtune migrate-check x qmp://$PWD/s/x.sock; "
            "echo $?; migtune migrate-check x qmp://$PWD/s/x.sock "
            "--dest-domain x 2>&1 | sed 's|/.*/||'; " REF_END,
        "migtune migrate x unix:a parallel=on",
        "migtune migrate x unix:a --dest-domain y",
    } },
    /* The commands of a second terminal use the monitor of the source. */
    { "pair-terminals", { NULL }, {
        PAIR_BIG_XML,
        REF_HOLD("big.xml 2>/dev/null") "migtune migrate x qmp://$PWD/s/ --dest-domain y "
            "bandwidth=1MiB/s parallel=on 2> err & m=$!; "
            "until migtune domjobinfo x | grep -q 'migration active'; "
            "do sleep 0.1; done; migtune domjobinfo x | sed -n 1p; "
            "migtune migrate-getparameters x bandwidth parallel; "
            "migtune -q migrate-setparameters x bandwidth=2MiB/s; "
            "migtune domjobabort x; echo $?; wait $m; echo $?; "
            "grep -v warning err; "
            "migtune migrate-getparameters x bandwidth parallel; "
            "kill $pid; wait $pid 2>/dev/null",
    } },
    { "migrate", { NULL }, {
        SMALL_XML,
        "migtune -c ref:///default migrate web1 unix:link --dry-run "
            "--incoming-domain web1-dest",
        "migtune -c ref:///default migrate web1 unix:link --dry-run --json",
        "migtune -c ref:///default migrate-incoming web1-dest unix:link "
            "--dry-run",
        "migtune -c ref:///default domjobinfo web1",
        "migtune -c ref:///default domjobinfo web1-dest --json",
        "migtune -c ref:///default domjobabort web1",
        "migtune -c ref:///default domjobabort web1-dest",
        "migtune -c " MIGRATE_SMALL "'migrate x unix:link "
            "--incoming-domain y' | tr -s ' ' | sed -n '1p; /^memory_total/p; $p'",
        "migtune -c " MIGRATE_SMALL "'migrate x unix:link --incoming-domain "
            "y --json' | grep -c '\"name\" : \"memory_'",
        "migtune -c " MIGRATE_SMALL "migrate x unix:nobody",
        "migtune -c " MIGRATE_SMALL "migrate x nonsense",
        "migtune -c " MIGRATE_SMALL "migrate x",
        "migtune -c " MIGRATE_SMALL "migrate x unix:a unix:b",
        "migtune -c " MIGRATE_SMALL "migrate x unix:a --timeout soon",
        "migtune -c " MIGRATE_SMALL "migrate x unix:a --timeout-action abort",
        "migtune -c " MIGRATE_SMALL "migrate-incoming x unix:link",
        MIGRATE_FAULT("refuse:command=migrate"),
        MIGRATE_FAULT("hangup:command=migrate"),
        MIGRATE_FAULT("drop:at=100000"),
        MIGRATE_FAULT("stall:at=100000") " --timeout 1 "
            "--timeout-action abort",
        "migtune -c " MIGRATE_SMALL "migrate x unix:link --incoming-domain x",
        "migtune -c " MIGRATE_SMALL "migrate x unix:link --resume",
        "migtune -c " MIGRATE_SMALL "migrate x unix:link --resume "
            "--incoming-domain y --dry-run",
        "migtune -c " MIGRATE_SMALL "migrate-incoming y unix:link --resume",
        "migtune -c " MIGRATE_SMALL "migrate-postcopy x --dry-run",
        "migtune -c " MIGRATE_SMALL "migrate-postcopy x",
        MIGRATE_FAULT("stall:at=100000") " --verbose 2> out & pid=$!; "
            "until grep -qs % out; do sleep 0.1; done; "
            "kill -TERM $pid; wait $pid; echo $?; grep migtune: out",
    } },
    { "migrate-timeout", { NULL }, {
        SMALL_XML,
        SLOW_MIGRATE("unix:link --incoming-domain y --timeout 1 "
                     "--timeout-action postcopy"),
        SLOW_MIGRATE("unix:link --incoming-domain y --timeout 1"),
        SLOW_MIGRATE("\"exec:cat > file\" --timeout 1"),
        "migtune -c " MIGRATE_SMALL "'migrate-setparameters x "
            "bandwidth=1MiB/s; migrate x unix:link --incoming-domain y "
            "--timeout 1' > out 2>&1 & pid=$!; "
            "until grep -qs 'time limit' out; do sleep 0.1; done; "
            "sleep 0.5; kill -TERM $pid; wait $pid; echo $?; tail -n 1 out",
        /* On a terminal that is too narrow for the progress bar. */
        "script -qec \"stty cols 40; migtune -c " MIGRATE_SMALL "migrate x "
            "unix:link --incoming-domain y\" /dev/null < /dev/null | "
            "tr '\\r' '\\n' | grep '%' | sed 's/.\\[K//' | "
            "awk 'length($0) > 39 { print } END { print (NR > 0) }'",
        /* A post-copy migration that loses its link is resumed. */
        "printf '%s\\n' 'migrate-setparameters x postcopy=on bandwidth=1MiB/s; "
            "migrate-setparameters y postcopy=on' 'migrate x unix:link "
            "--incoming-domain y --timeout 1 --timeout-action postcopy' "
            "'migrate x unix:link2 --incoming-domain y --resume' "
            "'dominfo y' | migtune -c 'ref://'$PWD'/small.xml?fault="
            "x/drop:at=2MiB' 2>&1 | sed -n '/^postcopy/p; /^migtune/p; "
            "/^memory_total/p; /^State/p; /^x: /p'",
        /* A guest that was suspended at a timeout runs on if the migration
         * fails. */
        REF_HOLD("small.xml --fault x/drop:at=3MiB 2> /dev/null")
            "migtune -q migrate-setparameters x bandwidth=1MiB/s; "
            "migtune migrate x unix:link --incoming-domain y --timeout 1; "
            "migtune dominfo x | grep State; " REF_END,
    } },
    /* Neither a failure nor a signal may lose a guest. */
    { "migrate-guard", { NULL }, {
        SMALL_XML,
        /* Both sides are compared before any command is sent. */
        "migtune -q -c " MIGRATE_SMALL "'migrate-setparameters y parallel=on; "
            "migrate x unix:link --incoming-domain y'",
        "migtune -q -c " MIGRATE_SMALL "'migrate-setparameters x parallel=on "
            "parallel.connections=4; migrate-setparameters y parallel=on; "
            "migrate x unix:link --incoming-domain y --dry-run'",
        /* If the source cannot migrate, the destination is not told to
         * listen. */
        "migtune -q -c " MIGRATE_SMALL "'migrate y unix:link "
            "--incoming-domain x'",
        "printf '%s\n' 'migrate-setparameters x bandwidth=1' "
            "'migrate x \"exec:cat >/dev/null\" --detach' "
            "'migrate x unix:link --incoming-domain y' 'domjobabort x' "
            "'migrate-setparameters x bandwidth=0' "
            "'migrate x unix:link --incoming-domain y' | "
            "migtune -q -c " MIGRATE_SMALL " 2>&1 | "
            "sed -n \"/^bandw/p; s/ ('.*')//; /^migtune/p\"",
        MIGRATE_FAULT("refuse:command=migrate"),
        "printf '%s\n' 'migrate-incoming y unix:link' "
            "'migrate x unix:link --incoming-domain y' 'dominfo y' | "
            "migtune -c " MIGRATE_SMALL " | sed -n '/^State/p'",
        /* A migration has ended only when the destination says so: here it
         * closes its monitor at the second query-status, which is sent after
         * the source has completed. */
        "migtune -q -c 'ref://'$PWD'/small.xml?fault="
            "y/hangup:command=query-status,at=2' "
            "'migrate-setparameters x bandwidth=0; migrate x unix:link "
            "--incoming-domain y'",
        /* The action is checked before the migration starts. */
        "migtune -c " MIGRATE_SMALL "migrate x unix:link --incoming-domain y "
            "--timeout 1 --timeout-action postcopy",
        /* The migration waits before the switchover until it is continued. */
        "migtune -q -c " MIGRATE_SMALL "'migrate-setparameters x "
            "pause_before_switchover=on; migrate x unix:link "
            "--incoming-domain y --continue; dominfo y' | sed -n '/^State/p'",
        REF_HOLD("small.xml") "migtune -q migrate-setparameters x "
            "pause_before_switchover=on; migtune -q migrate x unix:link "
            "--incoming-domain y > /dev/null & job=$!; "
            "until migtune -q dominfo x | grep -q pre-switchover; do "
            "sleep 0.1; done; migtune migrate-continue x || kill $job; "
            "wait $job; "
            "echo $?; migtune dominfo y | grep State; " REF_END,
        /* A signal never cancels a migration in post-copy. */
        REF_HOLD("small.xml") "migtune -q migrate-setparameters x "
            "postcopy=on bandwidth=1 bandwidth.postcopy=1; "
            "migtune -q migrate-setparameters y postcopy=on; "
            "migtune migrate x unix:link --incoming-domain y --timeout 1 "
            "--timeout-action postcopy & job=$!; "
            "until migtune -q domjobinfo x --json | grep -q postcopy-active; "
            "do sleep 0.1; done; migtune domjobabort x; kill -TERM $job; "
            "wait $job; echo $?; until migtune -q dominfo x | "
            "grep -q completed; do sleep 0.1; done; "
            "migtune dominfo y | grep State; " REF_END,
        /* timeout(1) signals its child and then the process group. */
        REF_HOLD("small.xml") "migtune -q migrate-setparameters x "
            "bandwidth=1; migtune migrate x 'exec:cat >/dev/null' & job=$!; "
            "until migtune -q dominfo x | grep -q active; do sleep 0.1; "
            "done; kill -TERM $job; kill -TERM $job; wait $job; echo $?; "
            "migtune -q dominfo x | grep ^Migration:; " REF_END,
        "migtune -c " MIGRATE_SMALL "migrate x qemu+ssh://beta/system",
        "migtune -c " MIGRATE_SMALL "migrate-continue x",
    } },
    /* Saved and restored by any number of threads, with the same RAM. */
    { "ref-save", { NULL }, {
        "head -c 4M /dev/urandom > x.ram; head -c 4M /dev/zero > y.ram; "
            "printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"
            "<ram size=\"4MiB\" file=\"x.ram\"/></guest>"
            "<guest name=\"y\"><qemu release=\"10.0\"/>"
            "<ram size=\"4MiB\" file=\"y.ram\"/><state>incoming</state>"
            "</guest></guests>' > save.xml",
        SAVE_REF "'save x s.mts --dry-run; list'",
        SAVE_REF "'save x s.mts; dominfo x' | grep ^State; cmp -s x.ram y.ram",
        "for n in 1 2 3 8; do head -c 4M /dev/zero > y.ram; "
            SAVE_REF "\"restore s.mts y --threads $n; dominfo y\" | "
            "grep ^State; cmp x.ram y.ram && echo same; done",
        SAVE_REF "'save x s.mts --live --level 3 --chunk-size 1; "
            "restore s.mts y' && cmp x.ram y.ram && echo same",
        "migtune -q image-verify s.mts | grep -E 'Format|Pages'; "
            "migtune --json inspect s.mts | "
            "grep -E 'container|sound'",
        SAVE_REF "--json save x s.mts | grep -E 'device|downtime|bandwidth' | "
            "sed 's/: .*//'",
        SAVE_REF "'save x - ' | migtune inspect --check -; echo $?",
        SAVE_REF "restore s.mts x",
        SAVE_REF "save x /dev/full",
        "printf no > bad.mts; " SAVE_REF "restore bad.mts y",
        "head -c 20000 s.mts > cut.mts; " SAVE_REF "restore cut.mts y 2>&1 | "
            "sed 's/[0-9]* more/N more/'",
    } },
    /* The socket for the stream has no name any more when QEMU has connected, so
     * that a save which is killed then leaves nothing. */
    { "ref-save-socket", { NULL }, {
        "mkdir t; printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"
            "<ram size=\"64MiB\" content=\"random\"/></guest></guests>' > save.xml",
        "TMPDIR=$PWD/t " SAVE_REF "'save x -' | "
            "{ head -c 9M | wc -c; ls t; cat > rest; }; ls t",
        "TMPDIR=$PWD/t " SAVE_REF "'save x /dev/full'; ls t",
    } },
    { "ref-chunk-size", { NULL }, {
        "printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"
            "<ram size=\"4MiB\" content=\"random\"/></guest></guests>' > save.xml",
        /* The chunks of a file of 4 MiB show the size. */
        "for size in 1 1MiB 1048576b 1.5MiB 2048KiB 2M 3000kB 8 16777216B; do "
            "echo $size; " SAVE_REF "\"save x s.mts --live --chunk-size $size\" "
            "&& migtune -q image-verify s.mts >v && migtune image-info s.mts | "
            "grep '^Chunk size'; done",
        "for size in 0 0.5 512KiB 17 16.5MiB 1GiB 1MiB/s 8XiB 0x2MiB inf 1.2.3 "
            "1.0000001MiB -1 \"''\"; do "
            SAVE_REF "\"save x t.mts --live --chunk-size=$size\"; echo $?; done; "
            "ls t.mts",
        "migtune -q image-convert s.mts s.mig >v; "
            "migtune -q image-convert s.mig u.mts --chunk-size 2MiB >v && "
            "migtune image-info u.mts | grep '^Chunk size'; "
            "migtune image-convert s.mig w.mts --chunk-size 32MiB",
    } },
    { "ref-sockets", { NULL }, {
        REF_HOLD("--qemu 7.2 --name x --ram 1MiB --incoming")
            "migtune list; stat -c '%a %n' s/*; ls s; " REF_END,
        REF_HOLD("--json --qemu 7.2 --name x --ram 1MiB --with "
                 "state=paused --socket x=mine.sock")
            "cat out; migtune -c qmp://$PWD/mine.sock dominfo x; " REF_END,
        REF_HOLD("") "grep -c sock out; " REF_END,
        REF_HOLD("--qemu 11.1 --fault refuse:command=query-migrate --socket "
                 "guest=tcp:127.0.0.1:0")
            "uri=qmp+$(sed -n 's/.*tcp:/tcp:\\/\\//p' out); "
            "migtune -c $uri dominfo guest; migtune -c $uri dominfo guest | "
            "sed '/^Key/d'; " REF_END,
        REF_HOLD("--qemu 7.2 --name x --ram 1MiB --incoming --socket "
                 "x=tcp:127.0.0.1:0")
            "uri=qmp+$(sed -n 's/.*tcp:/tcp:\\/\\//p' out); "
            "migtune -c $uri migrate-incoming x 'exec:echo nonsense'; "
            "wait $pid; echo $?; ls",
        "migtune ref nothing.xml",
        "migtune ref a.xml --qemu 7.2",
        "migtune ref --qemu 7.9",
        "migtune ref --with colour",
        "migtune ref --with colour=red",
        "migtune ref --socket nobody=x",
        "migtune ref --qemu 7.2 --socket guest=tcp:0.0.0.0:0",
    } },
};

void
cli_add_ref_cases(void)
{
    cli_cases_add("ref", cases, G_N_ELEMENTS(cases));
}
