/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command lines and their output.
 *
 * A case is a list of shell commands that run one after the other in a scratch
 * directory, where scripted monitors listen.  What they print is compared with
 * tests/data/cli/NAME.txt: the command after "$", standard output as it is,
 * standard error after "!", an exit status other than 0 after "?".
 * MIGTUNE_TEST_REGENERATE=1 writes these files anew.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>

#include "scratch.h"
#include "../lib/command.h"

#define HOOK(command)                                        \
    "env MIGTUNE_HOOK_PAUSE=0.1 MIGTUNE_HOOK_URI=qmp://$PWD/ " \
    "MIGTUNE_HOOK_COMMAND=" command " libvirt-hook"
#define UNTIL_DONE \
    "n=0; until [ -s done ] || [ $((n += 1)) -gt 300 ]; do sleep 0.1; done; "

static const CliCase cases[] = {
    { "help", { NULL }, {
        "migtune help",
        "migtune help tuning",
        "migtune help migrate-setparameters",
        "migtune explain --help",
        "migtune --help",
        "migtune help nothing",
        "migtune -v | sed 's/[0-9][0-9.]*/VERSION/'",
        "migtune -V | sed 's/[0-9][0-9.]*/VERSION/g; /Built in/d'",
        "migtune self-test",
    } },
    { "wrong", { NULL }, {
        "migtune nothing",
        "migtune lsit",
        "migtune --nothing list",
        "migtune -x list",
        "migtune -c",
        "migtune -t soon list",
        "migtune list extra",
        "migtune list --json=yes",
        "migtune dominfo",
        "migtune dominfo web1 web2",
        "migtune migrate-setparameters",
        "migtune migrate-setparameters web1",
        "migtune migrate-setparameters compression=mt",
        "migtune migrate-setparameters web1 compression",
        "migtune migrate-setparameters web1 =3",
        "migtune migrate-setparameters web1 --level high",
        "migtune migrate-setparameters web1 --level",
        "migtune migrate-setparameters web1 --bandwith 3",
        "migtune migrate-setparameters web1 --policy lax downtime=3",
        "migtune migrate-setparameters web1 compression=xbzrle --level 3",
        "migtune migrate-setparameters web1 compression=zlib --dthreads 3",
        "migtune migrate-setparameters web1 --all downtime=3",
        "migtune 'list; list \"'",
    } },
    { "wrong-more", { NULL }, {
        "migtune 'help shell; lsit'",
        "migtune explain compression=mt",
        "migtune explain --qemu 1.0 compression=mt",
        "migtune explain --qemu nine compression=mt",
        "migtune migrate-capabilities web1 xbzrle events=on",
        "migtune migrate-capabilities web1 downtime=3",
        "migtune reset web1 --defaults --previous",
        "migtune params bandwith",
        "migtune params compress-level --qemu 10.0",
        "MIGTUNE_DEFAULT_URI= migtune list",
        "migtune -c nothing:///here list 2>&1 | sed 's/;.*//'",
        "migtune -c qmp:///nothing/here/ list",
        "migtune dominfo nobody",
        "migtune --json lsit",
        "migtune lsit --json",
        "migtune list --json --nothing",
    } },
    /* The examples of the manual that need no guest do what the manual says. */
    { "explain-manual", { NULL }, {
        "awk '/^EXAMPLES/ { e = 1 } "
            "e && (go || /^    migtune \"?explain/) { print; go = /\\\\$/ }' "
            "$MIGTUNE_TEST_DATA/../../docs/man/migtune.rst >s; cat s; "
            "sh -e s",
    } },
    { "explain-libvirt", { NULL }, {
        "migtune explain --qemu 7.2 --libvirt 9.0 compression=mt --level 3 "
            "--threads 4 downtime=500 bandwidth=100MiB/s",
        "migtune explain --qemu 7.2 --libvirt 9.0 --to qemu+ssh://b/system "
            "compression=xbzrle compression.xbzrle.cache=128MiB postcopy=on "
            "bandwidth.postcopy=1GiB/s",
        "migtune explain --qemu 7.2 --libvirt 9.0 auto_converge=on "
            "auto_converge.initial=30 auto_converge.max=80",
        "migtune explain --qemu 7.2 --libvirt 9.0 compression=zstd "
            "parallel.connections=4",
        "migtune explain --qemu 10.0 --libvirt 11.3 compression=zstd "
            "--level 5 --threads 4 zero_page_detection=multifd",
        "migtune explain --qemu 10.0 --libvirt 11.3 compression=mt --level 3",
        "migtune explain --qemu 10.0 --libvirt 9.3 "
            "bandwidth.avail.switchover=100",
        "migtune explain --qemu 10.0 --libvirt 11.3 "
            "bandwidth.avail.switchover=100",
        "migtune explain --qemu 7.2 --libvirt 9.4 compression=xbzrle "
            "parallel=on",
        "migtune explain --qemu 7.2 --libvirt 9.0 compression.mt.level=3 "
            "compression.xbzrle.cache=1MiB parallel.connections=3 "
            "auto_converge.initial=30 bandwidth.postcopy=5",
        "migtune explain --qemu 10.0 --libvirt 11.3 compression=qatzip "
            "announce.rounds=3 events=off tls.creds=tls0 "
            "bandwidth=100KiB/s",
        "migtune explain --qemu 7.2 --libvirt 9.0 block=on "
            "block_incremental=on zerocopy=on parallel=on",
        "migtune explain --qemu 7.2 --libvirt 9.0 bandwith=3 "
            "announce.rounds=3",
        "migtune explain --qemu 10.0 --libvirt 11.3 auto_converge.max=80",
        /* libvirt takes 0 as "not given", and refuses a downtime of 0. */
        "migtune explain --qemu 7.2 --libvirt 9.0 bandwidth=0",
        "migtune explain --qemu 7.2 --libvirt 9.0 downtime=0",
        "migtune explain --qemu 7.2 --for-libvirt compression=mt",
        "migtune explain --qemu 7.2 --libvirt nine compression=mt",
        "migtune explain --qemu 7.2 --libvirt 9.0 compression=mt "
            "downtime=500 --json",
        "migtune explain --qemu 7.2 --libvirt 9.0 compression=zlib --json",
        NULL } },
    { "converge", { NULL }, {
        "cp $MIGTUNE_TEST_DATA/converge/* .",
        "migtune simulate suite.json",
        "migtune simulate suite.json --converge steady --max-downtime 5s "
            "--deadline 10min --allow postcopy,pause --verbose",
        "migtune simulate suite.json --converge none --json | head -n 24",
        "migtune simulate suite.json --converge-from nova.conf "
            "--converge-from ovirt.json --select 'policy=Minimal downtime' "
            "--converge-from 100.conf",
        "migtune -q replay busy.jsonl --converge-from kubevirt.yaml "
            "--select vm.app=db",
        "migtune replay busy.jsonl --converge vdsm --converge proxmox "
            "--converge steady",
        "migtune replay busy.jsonl --converge steady --max-downtime 3200ms",
        "migtune replay busy.jsonl --converge vdsm --json | head -n 20",
        "head -c 3000 busy.jsonl > cut; "
            "migtune replay cut --converge kubevirt-stall",
        "sed '4s/[0-9][0-9]*/0/' busy.jsonl > back; "
            "migtune replay back --converge none",
        "migtune replay busy.jsonl",
        "migtune replay busy.jsonl --converge novas",
        "migtune replay busy.jsonl --converge-from bad.conf",
        "migtune replay busy.jsonl --converge-from bad.conf --json",
        "migtune replay busy.jsonl --converge-from ovirt.json",
        "migtune replay nothing --converge nova",
        "migtune replay suite.json --converge nova",
        "migtune simulate busy.jsonl",
        "migtune simulate suite.json --deadline soon",
        "migtune simulate suite.json --max-downtime 1h",
        "migtune simulate suite.json --allow everything",
        "migtune complete -- replay x --converge ku",
        "migtune report recorded.jsonl busy.jsonl",
        "migtune report recorded.jsonl -o a.html && tail -n 1 a.html",
        "migtune report recorded.jsonl --output a.prom && "
            "grep '^migtune_migration_pass' a.prom",
        "migtune report cut -o a.svg && head -n 1 a.svg",
        "migtune report recorded.jsonl -o a.pdf",
        "migtune report",
        "migtune report suite.json",
        "migtune record web1",
    } },
    { "inspect", { NULL }, {
        "cp -R $MIGTUNE_TEST_DATA/streams streams",
        "migtune inspect streams/pc-11.1.mig",
        "gzip -dc streams/xbzrle-10.0.mig.gz | migtune inspect -",
        "migtune inspect main=streams/multifd-zlib-10.0.main.mig "
            "ch0=streams/multifd-zlib-10.0.ch0.mig "
            "ch1=streams/multifd-zlib-10.0.ch1.mig",
        "migtune inspect --bandwidth 1GiB/s --downtime 10ms --devices "
            "streams/plain-10.0.mig",
        "migtune inspect --diff streams/plain-7.2.mig "
            "streams/plain-10.0.mig",
        "migtune inspect --diff streams/plain-5.2.mig streams/plain-7.2.mig",
        "migtune inspect --diff streams/plain-5.2.mig streams/plain-7.2.mig "
            "--json",
        "migtune inspect --check streams/plain-7.2.mig",
        "head -c 100000 streams/plain-7.2.mig | migtune inspect --check -",
        "head -c 100000 streams/plain-7.2.mig | migtune inspect -",
        "migtune inspect streams/ignoreshared-7.2.mig --json",
        "migtune inspect --extract ram --offset 0x1000 --length 8192 "
            "--output ram streams/plain-7.2.mig && cksum ram",
        "migtune inspect --extract rom --output rom streams/plain-7.2.mig; "
            "ls rom",
        "printf '\\026\\003\\001\\001' | migtune inspect -",
        "migtune inspect",
        "migtune inspect streams/plain-7.2.mig streams/plain-5.2.mig",
        "migtune inspect --diff streams/plain-7.2.mig",
        "migtune inspect --bandwidth fast streams/plain-7.2.mig",
        "migtune inspect --extract ram streams/plain-7.2.mig",
        "migtune inspect --extract ram --offset 5 --output ram2 "
            "streams/plain-7.2.mig",
        "migtune inspect nothing.mig",
    } },
    { "explain", { NULL }, {
        "migtune explain --qemu 7.2 compression=mt --level 3 --threads 4",
        "migtune explain --qemu 9.1 compression=mt --level 3 --threads 4 "
            "--dthreads 2",
        "migtune explain --qemu 10.0 compression=zlib --level 3 --threads 4",
        "migtune explain --qemu 10.0 --compression zstd "
            "--compression.zstd.level=5 --multifd-channels 8",
        "migtune explain --qemu 4.2 compression=zstd --level 15",
        "migtune explain --qemu 8.2 compression=mt",
        "migtune -q explain --qemu 8.2 compression=mt",
        "migtune explain --qemu 9.1 --policy strict compression=mt",
        "migtune explain --qemu 9.1 --policy best-effort block=on downtime=3",
        "migtune explain --qemu 9.1 --strict-exit compression=mt",
        "migtune explain --qemu 9.1 --strict-exit compression=zlib",
        "migtune explain --qemu 10.0 bandwith=3 downtime=forever "
            "compression.zlib.level=11",
        "migtune -q explain --qemu 2.8 xbzrle=on "
            "compression.xbzrle.cache=128MiB",
        "migtune explain --qemu 9.1 compression=mt --level 3 --json",
        "migtune explain --qemu 10.0 bandwith=3 --json",
    } },
    { "can", { NULL }, {
        "migtune explain --qemu 7.2 --can compression.mt.level",
        "migtune explain --qemu 9.1 --can compression.mt.level",
        "migtune explain --qemu 9.1 --can compress-level",
        "migtune explain --qemu 9.1 --can compression",
        "migtune explain --qemu 9.1 --can nothing",
        "migtune explain --qemu 9.1 --can compression=zstd",
        "migtune explain --qemu 4.2 --can compression=zstd",
        "migtune explain --qemu 9.1 --can compression=mt",
        "migtune explain --qemu 9.1 --can nothing=3",
    } },
    { "params", { NULL }, {
        "migtune params bandwidth",
        "migtune params parallel.connections",
        "migtune params multifd-zlib-level compress",
        "migtune params --qemu 2.4",
        "migtune params downtime --json",
        "migtune params xbzrle --format=rst",
        "migtune -q params compression downtime --format=names",
    } },
    { "list", { WEB1("qemu-7.2"),
                "--replies qemu-10.0 --unix web2.sock --name web2",
                "--replies qemu-7.2 --unix bad.sock --trick garbage" }, {
        "migtune list | sed 's/   */  /g'",
        "migtune list --name",
        "migtune list --keys",
        "migtune list --all --name",
        "migtune list --inactive --keys",
        "migtune list --inactive --json",
        "migtune -q list | sed 's/   */  /g'",
        "migtune dominfo web1",
        "migtune dominfo 11111111-2222-3333-4444-555555555555",
        "migtune -q dominfo $PWD/web1.sock --json",
        "migtune dominfo --domain web1 --can xbzrle",
        "migtune uri",
        "migtune -c qmp://$PWD/web1.sock list",
        "migtune event --timeout 1",
        "migtune --readonly list --keys",
    } },
    { "probe", { WEB1("qemu-10.0") }, {
        "migtune probe web1",
        "migtune -q probe web1",
        "migtune probe web1 --can compression=zlib",
        "migtune probe web1 --can compression=mt",
        "migtune probe web1 --can compression.mt.level",
        "migtune probe web1 --can multifd-zlib-level",
        "migtune dominfo web1 --can nothing",
        "migtune dominfo nobody --can xbzrle",
    } },
    { "get", { WEB1("qemu-7.2") }, {
        "migtune migrate-getparameters web1",
        "migtune -t 5 --no-cache migrate-getparameters web1 bandwidth "
            "max-bandwidth",
        "migtune migrate-getparameters web1 bandwith",
        "migtune migrate-getparameters web1 zero_page_detection",
        "migtune migrate-getparameters web1 downtime --json",
        "migtune migrate-capabilities web1",
        "migtune migrate-capabilities web1 xbzrle",
        "migtune -q migrate-capabilities web1 --json events",
    } },
    { "set-7.2", { WEB1("qemu-7.2") }, {
        "migtune migrate-setparameters web1 compression=mt --level 3 "
            "--threads 4 --dry-run",
        "migtune migrate-setparameters web1 compression=mt --level 3 "
            "--threads 4",
        "migtune migrate-getparameters web1 compression compress-level "
            "compress-threads",
        "migtune migrate-setparameters web1 --downtime 200ms "
            "bandwidth=1GiB/s --json",
        "migtune migrate-setparameters web1 downtime=200ms --dry-run",
        "migtune migrate-capabilities web1 events=on xbzrle=off",
        "migtune reset web1",
        "migtune migrate-setparameters web1 xbzrle=on",
        "migtune migrate-getparameters web1 xbzrle compression",
        "migtune reset web1",
        "migtune migrate-getparameters web1 xbzrle compression",
        "migtune reset web1 --defaults",
    } },
    { "set-10.0", { WEB1("qemu-10.0") }, {
        "migtune migrate-setparameters web1 compression=mt --level 3 "
            "--threads 4",
        "migtune migrate-setparameters web1 compression=mt --strict-exit",
        "migtune migrate-setparameters web1 compression=mt --policy strict",
        "migtune migrate-setparameters web1 compression=mt --policy strict "
            "--json",
        "migtune migrate-setparameters web1 xbzrle=on",
        "migtune migrate-getparameters web1 compression parallel.connections",
    } },
    { "set-2.8", { WEB1("made-2.8") }, {
        "migtune migrate-setparameters web1 xbzrle=on "
            "compression.xbzrle.cache=128MiB",
        "migtune migrate-getparameters web1 xbzrle compression.xbzrle.cache",
    } },
    { "all", { "--replies qemu-7.2 --directory . --count 3",
               "--replies qemu-7.2 --unix bad.sock --trick garbage" }, {
        "migtune migrate-setparameters --all downtime=200 compression=zlib "
            "> out; status=$?; sed 's/   */  /g' out; exit $status",
        "migtune migrate-getparameters --all downtime",
        "migtune migrate-getparameters downtime --all --json",
    } },
    { "two", { "--replies qemu-7.2 --directory . --count 2" }, {
        "migtune migrate-setparameters guest0 downtime=200",
        "migtune reset guest1",
        "migtune reset guest0",
    } },
    { "busy", { WEB1("qemu-7.2") " --busy" }, {
        "migtune migrate-setparameters web1 xbzrle=on downtime=200",
        "migtune migrate-setparameters web1 downtime=200",
    } },
    { "ignored", { WEB1("qemu-7.2") " --ignore downtime-limit" }, {
        "migtune migrate-setparameters web1 downtime=200",
        "migtune migrate-setparameters web1 downtime=200 --strict-exit",
    } },
    { "garbage", { WEB1("qemu-7.2") " --trick garbage" }, {
        "migtune -c qmp://$PWD/web1.sock migrate-getparameters web1",
        "migtune -c qmp://$PWD/web1.sock --json dominfo web1",
    } },
    { "kept", { WEB1("qemu-10.0") }, {
        "migtune migrate-getparameters web1 --config",
        "migtune migrate-setparameters web1 --config compression=mt --level 3 "
            "--threads 4 max-bandwidth=1048576 --dry-run",
        "migtune migrate-setparameters web1 --config compression=mt --level 3 "
            "--threads 4 max-bandwidth=1048576",
        "cat .config/migtune/*.xml; stat -c '%a %n' .config/migtune/*.xml",
        "migtune migrate-getparameters web1 --config",
        "migtune migrate-getparameters web1 --live --config parallel "
            "compression compression.zlib.level bandwidth downtime",
        "migtune migrate-setparameters web1 --config xbzrle=on",
        "migtune apply-config web1 --dry-run",
        "migtune apply-config web1 --strict-exit",
        "migtune migrate-setparameters web1 downtime=500 bandwidth=5",
        "migtune migrate-getparameters web1 compression parallel bandwidth "
            "downtime events",
        "migtune migrate-setparameters web1 --live --config downtime=400 "
            "--policy best-effort",
        "migtune -q migrate-getparameters web1 --config bandwidth downtime",
        "migtune migrate-capabilities web1 events=on --config",
        "migtune migrate-capabilities web1 --config",
        "migtune reset web1 --config max-bandwidth",
        "migtune reset web1 --config parallel",
        "migtune reset web1 --live --config --defaults",
        "migtune migrate-getparameters web1 --config",
        "migtune apply-config web1; ls .config/migtune",
    } },
    { "kept-wrong", { WEB1("qemu-7.2") }, {
        "migtune migrate-setparameters web1 --current --config downtime=3",
        "migtune migrate-getparameters web1 --current --live",
        "migtune reset web1 --config --defaults",
        "migtune reset web1 downtime",
        "migtune migrate-setparameters web1 --config downtime=soon bandwith=3 "
            "xbzrle=on",
        "migtune migrate-setparameters web1 --config downtime=400 "
            "tls.destination=\"$(printf 'a\\001')\"",
        "migtune apply-config web1 --live",
        "migtune migrate-setparameters web1 --config downtime=400 && "
            "sed -i 's/400ms/soon/; s/settings>$/&<!-- mine -->/' "
            ".config/migtune/*.xml",
        "migtune migrate-getparameters web1 --config",
        "migtune -q migrate-getparameters web1 downtime --json | "
            "grep -A2 findings",
        "migtune apply-config web1",
        "migtune migrate-setparameters web1 --config downtime=300",
        "sed -i 's/name=/nam=/' .config/migtune/*.xml; "
            "cp .config/migtune/*.xml broken",
        "migtune migrate-getparameters web1 downtime",
        "migtune migrate-setparameters web1 downtime=333",
        "migtune migrate-setparameters web1 --config downtime=333",
        "migtune reset web1 --config",
        "migtune apply-config web1; cmp broken .config/migtune/*.xml",
        "echo downtime=3 | tee broken > "
            "$(echo .config/migtune/*.xml); migtune apply-config web1",
        "migtune migrate-setparameters web1 --live --config downtime=334",
        "migtune -q migrate-getparameters web1 downtime; "
            "cmp broken .config/migtune/*.xml",
    } },
    { "kept-with", { WEB1("qemu-7.2") }, {
        "printf '<domain>\n <metadata><a:b xmlns:a=\"urn:a\">\303\274"
            "</a:b></metadata>\n</domain>\n' > off.domain; "
            "cp off.domain web1.domain; cp off.domain before",
        "migtune -c keeper://$PWD/ list",
        "migtune -c keeper://$PWD/ dominfo off",
        "migtune -c keeper://$PWD/ migrate-setparameters off --live "
            "downtime=400",
        "migtune -c keeper://$PWD/ probe off",
        "migtune -c keeper://$PWD/ apply-config off",
        "migtune -c keeper://$PWD/ migrate-setparameters off downtime=400 "
            "xbzrle=on",
        "migtune -c keeper://$PWD/ migrate-setparameters off downtime=soon "
            "bandwith=3 xbzrle=on",
        "migtune -c keeper://$PWD/ migrate-getparameters off",
        "cat off.domain; migtune -c keeper://$PWD/ reset off --config; "
            "cmp off.domain before",
        "migtune -c keeper://$PWD/ migrate-setparameters web1 --config "
            "downtime=400",
        "migtune -c keeper://$PWD/ apply-config --all",
        "migtune -c keeper://$PWD/ migrate-setparameters web1 bandwidth=7",
        "migtune migrate-setparameters web1 events=on",
        "migtune -c keeper://$PWD/ migrate-getparameters web1 downtime "
            "bandwidth events xbzrle",
        "cat web1.live; echo; cp web1.domain transient.domain; "
            "mv web1.live transient.live; ln -s web1.sock transient.sock",
        "migtune -c keeper://$PWD/ migrate-setparameters transient --config "
            "downtime=3",
        "migtune -c keeper://$PWD/ apply-config transient --dry-run",
        "migtune -c keeper://$PWD/ reset transient --defaults; "
            "cat transient.live",
    } },
    /* The binary is a script that starts a scripted monitor at the address of
     * -qmp; its standard input ends with the process. */
    { "binary", { NULL }, {
        "printf '#!/bin/sh\nwhile [ \"$1\" != -qmp ]; do shift; done\n"
            "s=${2#unix:}\n"
            "sleep 600 | $MIGTUNE_TEST_BUILD/tests/lib/fake-qmp "
            "--replies qemu-7.2 "
            "--unix ${s%%%%,server*}\n' > qemu-7.2; chmod +x qemu-7.2",
        "migtune probe --binary ./qemu-7.2 | sed -n '1p; /^parallel /p'",
        "migtune probe --binary ./qemu-7.2 --can compression=zstd; "
            "migtune probe --binary ./qemu-7.2 --can nothing",
        "migtune explain --binary ./qemu-7.2 compression=zstd downtime=200",
        "migtune explain --binary ./qemu-7.2 --qemu 9.1 downtime=3",
        "migtune explain web1 --binary ./qemu-7.2 downtime=3",
        /* Its socket refuses connections for a moment. */
        "printf '#!/bin/sh\nwhile [ \"$1\" != -qmp ]; do shift; done\n"
            "s=${2#unix:}; s=${s%%%%,server*}\n"
            "python3 -c \"import socket, sys; "
            "socket.socket(socket.AF_UNIX).bind(sys.argv[1])\" $s\n"
            "sleep 0.3; rm $s; exec ./qemu-7.2 -qmp $2\n' > slow; "
            "chmod +x slow; migtune probe --binary ./slow | sed -n 1p",
        "migtune probe --binary ./nothing",
        "printf '#!/bin/sh\necho this is not QEMU >&2; exit 1\n' > other; "
            "chmod +x other; migtune probe --binary ./other",
        "mkdir t; TMPDIR=$PWD/t migtune -q probe --binary ./qemu-7.2 | wc -l; "
            "ls t",
    } },
    { "kept-hook", { WEB1("qemu-7.2") }, {
        "migtune migrate-setparameters web1 --config downtime=444",
        HOOK("migtune") " web1 prepare begin - < /dev/null; "
            HOOK("migtune") " web1 release end - < /dev/null; "
            HOOK("migtune") " < /dev/null",
        "sleep 1; migtune -q migrate-getparameters web1 downtime",
        /* It does not keep the caller's pipe open. */
        "printf '#!/bin/sh\ncase $* in *apply-config*) ;; "
            "*) exec migtune \"$@\";; esac\n"
            "sleep 2; migtune \"$@\"; echo done > done' "
            "> slow; chmod +x slow; text=$(" HOOK("./slow")
            " web1 started begin - < slow); echo \"$text\"; ls done",
        UNTIL_DONE "migtune -q migrate-getparameters web1 downtime",
        /* The hook repeats its attempt until the guest answers. */
        "rm done; migtune -q reset web1; printf '#!/bin/sh\ncase $* in "
            "*apply-config*) ;; *) exec migtune \"$@\";; esac\n"
            "echo x >> asked; "
            "[ $(wc -l < asked) -gt 2 ] && migtune \"$@\" && "
            "echo done > done' > slow; "
            HOOK("./slow") " web1 started begin - < slow",
        UNTIL_DONE "wc -l < asked; "
            "migtune -q migrate-getparameters web1 downtime",
    } },
    { "shell", { WEB1("qemu-7.2") }, {
        "printf 'help shell\\nuri; uri\\n# a remark\\n\\nquit\\nuri\\n' | "
            "migtune",
        "printf 'lsit\\nuri' | migtune",
        "printf 'uri\\nlsit' | migtune",
        "printf 'connect qmp:///nothing/here.sock; uri' | migtune",
        "printf \"migrate-getparameters 'web1' \\\"down\\\"time\\n\" | migtune",
        "migtune 'migrate-setparameters web1 downtime=200; "
            "migrate-getparameters web1 downtime'",
        "migtune migrate-getparameters web1 downtime ';' uri",
        "migtune 'dominfo nobody; uri'",
        "migtune 'quit; uri'",
    } },
    { "complete", { "--replies qemu-7.2 --directory . --count 2" }, {
        "migtune complete -- mig",
        "migtune complete -- --no",
        "migtune complete -- -c qmp:///x dominfo --",
        "migtune complete -- dominfo ''",
        "migtune complete -- migrate-setparameters g --comp",
        "migtune complete -- migrate-setparameters g multifd-compression=",
        "migtune complete -- migrate-setparameters g compression=z",
        "migtune complete -- migrate-setparameters g compression=xbzrle,z",
        "migtune complete -- migrate-setparameters g --compression q",
        "migtune complete -- migrate-setparameters g --xbzrle ''",
        "migtune complete -- migrate-setparameters g --policy ''",
        /* The parameters of this guest, or of this release. */
        "migtune complete -- migrate-setparameters guest0 compression.z",
        "migtune complete -- migrate-setparameters guest0 compression.q",
        "migtune complete -- migrate-setparameters guest0 --compression.z",
        "migtune complete -- migrate-setparameters guest0 --x",
        "migtune complete -- migrate-getparameters nobody compression.q",
        "migtune complete -- explain --qemu 2.6 auto_converge.",
        "migtune complete -- reset guest0 down",
        "migtune complete -- migrate-getparameters g down",
        "migtune complete -- migrate-capabilities g xb",
        "migtune complete -- explain --qemu 3",
        "migtune complete -- help p",
        "migtune complete -- nothing ''",
    } },
    { "examples", { WEB1("qemu-7.2"),
                    "--replies made-2.8 --unix old.sock --name old" }, {
        "example-get qmp://$PWD/ web1 downtime compression",
        "example-set qmp://$PWD/ web1",
        "example-set qmp://$PWD/ old",
        "example-get qmp://$PWD/ nobody",
        "example-get",
    } },
};

/* Prints the value in force as one word. */
static char *
cli_get_downtime(Scratch *scratch)
{
    g_autofree char *err = NULL;
    char *out = NULL;
    int status = scratch_run(
        scratch, "migtune -q migrate-getparameters web1 downtime | "
                 "awk '{ print $2 }'", NULL, &out, &err);

    g_assert_cmpint(status, ==, 0);
    return g_strstrip(out);
}

/* After SIGINT at any time the old or the new value is in force, and the
 * exit status tells which. */
static void
test_interrupt(void)
{
    static const char *const peers[] = { WEB1("qemu-7.2") " --delay 40",
                                         NULL };
    g_autoptr(Scratch) scratch = scratch_new(peers);
    guint n_stopped = 0;

    for (guint i = 0; i < 16; i++) {
        g_autoptr(GSubprocessLauncher) launcher =
            cli_launcher(scratch->directory,
                         G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                         G_SUBPROCESS_FLAGS_STDERR_SILENCE);
        g_autofree char *tool = command_find();
        g_autofree char *wish = g_strdup_printf("downtime=%u", 400 + i);
        g_autofree char *number = g_strdup_printf("%u", 400 + i);
        g_autofree char *before = cli_get_downtime(scratch);
        g_autofree char *after = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GSubprocess) process = g_subprocess_launcher_spawn(
            launcher, &error, tool, "migrate-setparameters", "web1", wish,
            NULL);

        g_assert_no_error(error);
        g_usleep(20000 * (i + 1));
        g_subprocess_send_signal(process, SIGINT);
        g_subprocess_wait(process, NULL, NULL);
        after = cli_get_downtime(scratch);

        /* Before the command handles signals, a signal ends it. */
        if (g_subprocess_get_if_exited(process) &&
            g_subprocess_get_exit_status(process) == 0) {
            g_assert_cmpstr(after, ==, number);
        } else {
            n_stopped++;
            g_assert_cmpstr(after, ==, before);
        }
        if (g_subprocess_get_if_exited(process))
            g_assert_cmpint(g_subprocess_get_exit_status(process), <=, 1);
    }

    g_test_message("%u of 16 runs were stopped", n_stopped);
    g_assert_cmpuint(n_stopped, >, 0);
}

/* The change has been made although its output is not written yet: a signal
 * now does not change the exit status. */
static void
test_interrupt_too_late(void)
{
    static const char *const peers[] = { WEB1("qemu-7.2"), NULL };
    g_autoptr(Scratch) scratch = scratch_new(peers);
    g_autoptr(GSubprocessLauncher) launcher =
        cli_launcher(scratch->directory, G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autofree char *tool = command_find();
    g_autoptr(GSubprocess) process = NULL;
    g_autoptr(GError) error = NULL;
    char text[4096] = "";
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
    while (write(ends[1], text, sizeof(text)) > 0)
        continue;
    g_assert_cmpint(fcntl(ends[1], F_SETFL, 0), ==, 0);
    g_subprocess_launcher_take_stdout_fd(launcher, ends[1]);
    process = g_subprocess_launcher_spawn(launcher, &error, tool,
                                          "migrate-setparameters", "web1",
                                          "downtime=432", NULL);
    g_assert_no_error(error);
    for (guint i = 0; i < 1000; i++) {
        g_autofree char *now = cli_get_downtime(scratch);

        if (strcmp(now, "432") == 0)
            break;
        g_usleep(10000);
    }
    /* Only the output is left to be written. */
    g_usleep(300000);
    g_subprocess_send_signal(process, SIGINT);
    g_usleep(100000);
    while (read(ends[0], text, sizeof(text)) > 0)
        continue;
    g_subprocess_wait(process, NULL, NULL);
    g_assert_true(g_subprocess_get_if_exited(process));
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 0);
    close(ends[0]);
}

/* Another client holds the monitor of the only guest. */
static void
test_held(void)
{
    static const char *const peers[] = { WEB1("qemu-7.2"), NULL };
    static const char *const commands[] = {
        "migtune -t 0.2 dominfo web1",
        "migtune -t 0.2 --json dominfo web1 | grep '\"code\"'",
        "migtune -t 0.2 migrate-getparameters web1",
        "migtune -t 0.2 migrate-setparameters web1 downtime=200",
        "migtune -t 0.2 reset web1",
        "migtune -t 0.2 domjobabort web1",
        "migtune -t 0.2 list --name",
        "migtune -q -t 0.2 migrate-setparameters --all downtime=200 >out",
        "migtune -t 0.2 dominfo web1 --can xbzrle",
    };
    g_autoptr(Scratch) scratch = scratch_new(peers);
    g_autofree char *path =
        g_build_filename(scratch->directory, "web1.sock", NULL);
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocketConnection) holder = g_socket_client_connect(
        client, G_SOCKET_CONNECTABLE(address), NULL, &error);
    g_autoptr(GString) text = g_string_new(NULL);
    char greeting[64];

    g_assert_no_error(error);
    g_assert_cmpint(
        g_input_stream_read(
            g_io_stream_get_input_stream(G_IO_STREAM(holder)), greeting,
            sizeof(greeting), NULL, &error), >, 0);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;
        int status = scratch_run(scratch, commands[i], NULL, &out, &err);

        g_string_append_printf(text, "%s$ %s\n%s%s? %d\n", i ? "\n" : "",
                               commands[i], out, err, status);
    }
    g_io_stream_close(G_IO_STREAM(holder), NULL, NULL);
    cli_compare("held", text->str);
}

/* Settings cannot be kept on a read-only file system, which is said. */
static void
test_read_only_config(void)
{
    static const char *const peers[] = { WEB1("qemu-7.2"), NULL };
    static const char *const lines[] = {
        "unshare -rm true && mkdir -p a b/migtune",
        "unshare -rm sh -c 'mount -t tmpfs none a && mount -o remount,ro a && "
            "XDG_CONFIG_HOME=$PWD/a migtune migrate-setparameters web1 "
            "--config downtime=200'",
        "unshare -rm sh -c 'mount -t tmpfs none b && mkdir b/migtune && "
            "mount -o remount,ro b && XDG_CONFIG_HOME=$PWD/b migtune "
            "migrate-setparameters web1 --config downtime=200'",
    };
    g_autoptr(Scratch) scratch = scratch_new(peers);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;
        int status = scratch_run(scratch, lines[i], NULL, &out, &err);

        if (i == 0 && status != 0) {
            g_test_skip("no file system can be mounted here");
            return;
        }
        g_string_append(text, err);
    }
    cli_compare("read-only-config", text->str);
}

/* Finds a locale in which LANGUAGE selects German; makes one with localedef
 * if the system has none. */
static gboolean
cli_speaks_german(Scratch *scratch, const char **env)
{
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;

    scratch_run(scratch, "migtune help", env, &out, &err);
    if (strstr(out, "Stichwort"))
        return TRUE;

    g_clear_pointer(&out, g_free);
    g_clear_pointer(&err, g_free);
    if (scratch_run(scratch, "localedef -i de_DE -f UTF-8 ./de_DE.UTF-8", NULL,
                    &out, &err) != 0)
        return FALSE;

    env[3] = "de_DE.UTF-8";
    env[4] = "LOCPATH";
    env[5] = scratch->directory;
    return TRUE;
}

static void
test_german(void)
{
    static const char *const commands[] = {
        "migtune help",
        "migtune help migrate-setparameters",
        "migtune explain --qemu 9.1 compression=mt --level 3",
        "migtune nothing",
    };
    g_autoptr(Scratch) scratch = scratch_new(NULL);
    const char *env[7] = { "LANGUAGE", "de", "LC_ALL", "C.UTF-8" };
    g_autoptr(GString) text = g_string_new(NULL);

    if (!ENABLE_NLS) {
        g_test_skip("built without translations");
        return;
    }
    if (!cli_speaks_german(scratch, env)) {
        g_test_skip("no locale to speak German in, and none can be made");
        return;
    }

    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;

        scratch_run(scratch, commands[i], env, &out, &err);
        g_string_append_printf(text, "$ %s\n%s%s", commands[i], out, err);
    }
    cli_compare("german", text->str);
}

/* JSON is UTF-8 and in English in every locale; other output has the
 * language and the character set of the locale. */
static void
test_charset(void)
{
    g_autoptr(Scratch) scratch = scratch_new(NULL);
    const char *env[] = { "LANGUAGE", "de", "LC_ALL", "de_DE.ISO-8859-1",
                          "LOCPATH", scratch->directory, NULL };
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    g_autofree char *english = NULL;

    if (!ENABLE_NLS ||
        scratch_run(scratch, "localedef -i de_DE -f ISO-8859-1 "
                             "./de_DE.ISO-8859-1", NULL, &out, &err) != 0) {
        g_test_skip("no translations, or no locale for them can be made");
        return;
    }

    /* The output is compared byte by byte. */
    g_free(out);
    g_free(err);
    scratch_run(scratch, "migtune explain --qemu 9.1 compression=mt "
                         "tls.destination=gr\303\274n --json", NULL, &english,
                &err);
    g_free(err);
    scratch_run(scratch, "migtune explain --qemu 9.1 compression=mt "
                         "tls.destination=gr\303\274n --json", env, &out,
                &err);
    g_assert_true(g_utf8_validate(out, -1, NULL));
    g_assert_cmpstr(out, ==, english);
    g_assert_nonnull(strstr(out, "gr\303\274n"));

    g_free(out);
    g_free(err);
    scratch_run(scratch, "migtune help migration | LC_ALL=C tr '\\200-\\377' '#'",
                env, &out, &err);
    g_assert_nonnull(strstr(out, "(Stichwort f#r help"));
}

/* Prints the completions that bash would offer for a line. */
static void
test_bash(void)
{
    static const struct {
        const char *line;
        const char *offers;
    } lines[] = {
        { "migtune migrate-set", "migrate-setparameters" },
        { "migtune params multifd-zl", "multifd-zlib-level" },
        { "migtune migrate-setparameters guest", "guest0 guest1" },
        { "migtune migrate-setparameters guest0 xbz",
          "xbzrle-cache-size= xbzrle=" },
        { "migtune migrate-setparameters guest0 xbzrle=", "off on" },
        { "migtune explain --qemu 9.", "9.0 9.1 9.2" },
        { "migtune nothing ", "" },
    };
    static const char *const peers[] = {
        "--replies qemu-7.2 --directory . --count 2", NULL
    };
    g_autofree char *bash = g_find_program_in_path("bash");
    g_autofree char *script =
        g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), "..", "..", "tools",
                         "completion", "migtune", NULL);
    g_autoptr(Scratch) scratch = NULL;

    if (!bash) {
        g_test_skip("there is no bash");
        return;
    }

    scratch = scratch_new(peers);
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *code = g_strdup_printf(
            "source '%s'; COMP_WORDBREAKS=$' \t\n\\\"><=;|&(:'; "
            "COMP_LINE='%s'; COMP_POINT=${#COMP_LINE}; _migtune; "
            "echo \"${COMPREPLY[*]}\"", script, lines[i].line);
        g_autofree char *quoted = g_shell_quote(code);
        g_autofree char *command =
            g_strconcat("bash --norc -c ", quoted, NULL);
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;

        scratch_run(scratch, command, NULL, &out, &err);
        g_assert_cmpstr(err, ==, "");
        g_assert_cmpstr(g_strchomp(out), ==, lines[i].offers);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    cli_cases_add("output", cases, G_N_ELEMENTS(cases));
    cli_add_ref_cases();
    cli_add_user_cases();
    cli_add_json();
    cli_add_schema();
    g_test_add_func("/cli/other/interrupt", test_interrupt);
    g_test_add_func("/cli/other/interrupt-too-late", test_interrupt_too_late);
    g_test_add_func("/cli/other/held", test_held);
    g_test_add_func("/cli/other/read-only-config", test_read_only_config);
    g_test_add_func("/cli/other/german", test_german);
    g_test_add_func("/cli/other/charset", test_charset);
    g_test_add_func("/cli/other/bash", test_bash);

    return g_test_run();
}
