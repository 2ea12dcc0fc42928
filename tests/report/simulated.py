#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the simulator with migrations.

    simulated.py BUILD ref|qemu
    simulated.py --boot-sector FILE MASK DELAY

Each guest has a working set of known size whose pages are written in random
order at a known rate.  It is migrated, and the same guest is simulated.  The
error of each figure is printed, and the median of the errors has a bound.  The
migrations that are compared have the policy "steady".

ref: guests of the reference engine.  qemu: the QEMUs that MIGTUNE_QEMU_7_2 and
MIGTUNE_QEMU_10_0 name, whose guest is a boot sector that writes to memory; its
rate is measured during the migration.  The second form writes only this boot
sector.  Two further tests are here: "steady" says in the first three passes which
limit would do, and with that limit the migration ends.
"""

import functools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
PAGE = 4096
RAM = 64 * MIB
BANDWIDTH = 20 * MIB
DOWNTIME_MS = 300

# A migration that gets less than this share of the bandwidth that it is limited
# to runs on a machine that is busy with something else: its duration is not
# compared.
KEPT_UP = 0.9

# The links are measured this many times: other load only makes them slower.
CALIBRATIONS = 3

# A comparison whose errors exceed the bounds is repeated: other load on this
# machine disturbs some comparisons, an error of the simulator all of them.
COMPARISONS = 3

# The largest median error: a share of the time and of the bytes, and ms.
BOUNDS = {"time": 0.15, "downtime": 100, "bytes": 0.15}

# Share of RAM, rate as a multiple of the bandwidth, and the longest downtime
# that is allowed.
REF = [
    ("idle", 0, 0, 300),
    ("5 %, half", 0.05, 0.5, 300),
    ("5 %, equal", 0.05, 1, 300),
    ("5 %, twice", 0.05, 2, 300),
    ("25 %, half", 0.25, 0.5, 300),
    ("25 %, equal", 0.25, 1, 1500),
    ("25 %, twice", 0.25, 2, 1500),
    ("75 %, half", 0.75, 0.5, 300),
    ("75 %, equal", 0.75, 1, 3500),
    ("75 %, twice", 0.75, 2, 3500),
]

# The working set of the boot sector is a power of two.
QEMU = [
    ("idle", 1 / 16384, 0.001, 300),
    ("1/16, half", 1 / 16, 0.5, 300),
    ("1/4, equal", 1 / 4, 1, 1500),
    ("1/4, twice", 1 / 4, 2, 1500),
]

# Protected mode: a "w" for the serial port, then an infinite loop that increments a word in a random page of
# 16 MiB + (0 to the mask at 0x7df0), counts this at 0x7000, and then counts
# down from the number at 0x7df4.
BOOT = bytes.fromhex(
    "fa31c08ed8e4920c02e692660f01167b7c0f20c00c010f22c066ea217c0000080066b81000"
    "8ed866baf803b077eeb80100000069c00d661900055ff36e3c89c2c1ea0c2315f07d0000c1"
    "e20cff8200000001ff05007000008b0df47d00004975fdebd00000000000000000ffff0000"
    "009acf00ffff00000092cf001700637c0000")



def boot_sector(mask, delay):
    """The program with the number of pages - 1, a power of two, and the turns
    of the waiting loop after each write."""
    sector = bytearray(512)
    sector[:len(BOOT)] = BOOT
    sector[0x1f0:0x1f4] = mask.to_bytes(4, "little")
    sector[0x1f4:0x1f8] = delay.to_bytes(4, "little")
    sector[510:] = b"\x55\xaa"
    return sector


if sys.argv[1] == "--boot-sector":
    with open(sys.argv[2], "wb") as output:
        output.write(boot_sector(int(sys.argv[3]), int(sys.argv[4])))
    sys.exit(0)

build = sys.argv[1]
command = [build + "/run", build + "/tests/lib/checked/migtune"]
work = tempfile.mkdtemp(prefix="migtune-simulated-")
number = 0


def tap(ok, text):
    global number
    number += 1
    print("%sok %d - %s" % ("" if ok else "not ", number, text), flush=True)


def note(text):
    for line in text.splitlines():
        print("# " + line, flush=True)


def has_line(name, code):
    """Whether a trace that is being written has a decision with this code."""
    try:
        with open(os.path.join(work, name)) as file:
            return any('"code":"%s"' % code in line.replace('": ', '":')
                       for line in file)
    except FileNotFoundError:
        return False


def follow(migration, until, check, look=lambda: None):
    """Waits for the end of a migration; cancels it when its trace has a
    decision with the code "until"."""
    stopped = False
    while migration.poll() is None:
        look()
        if until and not stopped and has_line("trace.jsonl", until):
            migration.send_signal(signal.SIGINT)
            stopped = True
        time.sleep(0.2)
    if migration.returncode and not stopped and check:
        show_decisions(read_trace("trace.jsonl"))
        raise RuntimeError("the migration failed with exit status %d" %
                           migration.returncode)


def migtune(*words, check=True):
    done = subprocess.run([*command, *words], cwd=work,
                          capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError("migtune %s: exit status %d\n%s%s" % (
            " ".join(words), done.returncode, done.stdout, done.stderr))
    return done


def remove_trace():
    if os.path.exists(os.path.join(work, "trace.jsonl")):
        os.remove(os.path.join(work, "trace.jsonl"))


def read_trace(name):
    with open(os.path.join(work, name)) as file:
        lines = [json.loads(line) for line in file]
    return {
        "outcome": next(l for l in lines if l["type"] == "outcome"),
        "passes": max((l["pass"] for l in lines if l["type"] == "sample"),
                      default=0),
        "bandwidth": max((l["bandwidth"] for l in lines
                          if l["type"] == "sample"), default=0),
        "samples": [l for l in lines if l["type"] == "sample"],
        "decisions": [l for l in lines if l["type"] == "decision"],
    }


class Ref:
    """Guests of the reference engine."""

    name = "ref:"

    def migrate(self, share, rate, options, bandwidth=BANDWIDTH,
                downtime=DOWNTIME_MS, paused=False, until=None, check=True):
        pages = int(RAM * share) // PAGE
        load = ("" if not pages else
                "<workload kind='uniform' pages='%d' rate='%d'/>" %
                (pages, rate / PAGE))
        with open(os.path.join(work, "guests.xml"), "w") as file:
            file.write(
                "<guests><guest name='a'><qemu release='7.2'/>"
                "<ram size='%dMiB' content='random'/><state>%s</state>%s"
                "</guest>"
                "<guest name='b'><qemu release='7.2'/><ram size='%dMiB'/>"
                "<state>incoming</state></guest></guests>" %
                (RAM / MIB, "paused" if paused else "running", load,
                 RAM / MIB))
        remove_trace()
        follow(subprocess.Popen(
            [*command, "-q", "-c",
             "ref://%s/guests.xml" % work,
             "migrate-setparameters a bandwidth=%dMiB/s downtime=%d; "
             "migrate a unix:%s/link --incoming-domain b %s "
             "--record trace.jsonl" %
             (bandwidth / MIB, downtime, work, " ".join(options))],
            cwd=work, stdout=subprocess.DEVNULL), until, check)
        return read_trace("trace.jsonl"), rate


class Qemu:
    """A QEMU with a boot sector."""

    def __init__(self, release):
        self.name = "QEMU " + release
        self.command = shlex.split(
            os.environ["MIGTUNE_QEMU_" + release.replace(".", "_")])
        with open(os.path.join(work, "random"), "wb") as file:
            file.write(os.urandom(MIB) * (RAM // MIB))
        self.loops = 0
        self.loops = self.measure_loops()

    def start(self, name, mask, delay, incoming):
        boot = os.path.join(work, "boot-" + name)
        with open(boot, "wb") as file:
            file.write(boot_sector(mask, delay))
        memory = os.path.join(work, "ram-" + name)
        shutil.copyfile(os.path.join(work, "random"), memory)
        path = os.path.join(work, name)
        words = self.command + [
            "-name", name, "-m", "%dM" % (RAM / MIB), "-machine",
            "pc,memory-backend=m,accel=tcg", "-object",
            "memory-backend-file,id=m,size=%d,mem-path=%s,share=on" %
            (RAM, memory), "-nodefaults", "-display", "none", "-drive",
            "if=floppy,format=raw,readonly=on,file=" + boot, "-boot", "a",
            "-qmp", "unix:%s,server=on,wait=off" % path,
            "-qmp", "unix:%s.test,server=on,wait=off" % path]
        if incoming:
            words += ["-incoming", "defer"]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        try:
            return Guest(process, path + ".test")
        except BaseException:
            process.kill()
            process.wait()
            raise

    def measure_loops(self):
        """Turns of the waiting loop a second, with another guest beside it as
        in a migration."""
        delay = 100000
        guest = self.start("a", 0xff, delay, False)
        try:
            guest.wait_writes()
            before, begin = guest.writes(), time.monotonic()
            time.sleep(2)
            return ((guest.writes() - before) * delay /
                    (time.monotonic() - begin))
        finally:
            guest.end()

    def migrate(self, share, rate, options, bandwidth=BANDWIDTH,
                downtime=DOWNTIME_MS, paused=False, until=None, check=True):
        counts = []             # time and number of writes

        def look():
            if guest.ask("query-migrate").get("status") == "active":
                counts.append((time.monotonic(), guest.writes()))

        mask = max(int(RAM * share) // PAGE, 1) - 1
        delay = max(int(self.loops * PAGE / max(rate, PAGE)), 1)
        guest = self.start("a", mask, min(delay, 0xffffffff), False)
        other = None
        try:
            other = self.start("b", mask, 1, True)
            guest.wait_writes()
            uri = "qmp://%s/a" % work
            migtune("-q", "-c", uri, "migrate-setparameters", "a",
                    "bandwidth=%dMiB/s" % (bandwidth / MIB),
                    "downtime=%d" % downtime)
            other.ask("migrate-incoming", uri="unix:%s/link" % work)
            if paused:
                guest.ask("stop")
            remove_trace()
            follow(subprocess.Popen(
                [*command, "-q", "-c", uri, "migrate", "a",
                 "unix:%s/link" % work, *options, "--record",
                 "trace.jsonl"], cwd=work, stdout=subprocess.DEVNULL),
                until, check, look)
            if len(counts) > 1:
                rate = ((counts[-1][1] - counts[0][1]) * PAGE /
                        (counts[-1][0] - counts[0][0]))
            return read_trace("trace.jsonl"), rate
        finally:
            guest.end()
            if other:
                other.end()


class Guest:
    """A QEMU that runs, with a monitor for the test."""

    def __init__(self, process, path):
        self.process = process
        end = time.monotonic() + 60
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("QEMU does not start")
                time.sleep(0.05)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command,
                                    "arguments": arguments}))
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])

    def writes(self):
        text = self.ask("human-monitor-command",
                        **{"command-line": "xp /1xw 0x7000"})
        return int(text.split(":")[1], 0)

    def wait_writes(self):
        end = time.monotonic() + 60
        while self.writes() in (0, 0xffffffff):
            if time.monotonic() > end:
                raise RuntimeError("the guest does not write")
            time.sleep(0.1)
        first = self.writes()
        while self.writes() == first:
            time.sleep(0.05)

    def end(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()


def limits(max_downtime):
    return ["--converge", "steady", "--max-downtime", "%dms" % max_downtime,
            "--deadline", "10min"]


def simulate(share, rate, max_downtime, machine):
    scene = {
        "ram_bytes": RAM, "max_bandwidth": BANDWIDTH,
        "downtime_ms": DOWNTIME_MS, "device_ms": machine["device_ms"],
        "limit_s": 120,
        "link": [{"bandwidth": machine["link"]}],
    }
    if share:
        scene["work"] = [{"from_s": 0, "parts": [
            {"bytes": int(RAM * share), "rate": rate}]}]
    with open(os.path.join(work, "scene.json"), "w") as file:
        json.dump({"scenarios": [scene]}, file)
    done = migtune("--json", "simulate", "scene.json", *limits(max_downtime))
    return json.loads(done.stdout)["results"][0]


def calibrate(peer):
    """The link without a limit, with the guest stopped as in the last pass, and
    the downtime of an idle guest."""
    machine = {"link": 0, "device_ms": 0}
    for _ in range(CALIBRATIONS):
        trace, _ = peer.migrate(0, 0, ["--converge", "none"], 10240 * MIB, 1,
                                True)
        outcome = trace["outcome"]
        seconds = max(outcome["total_ms"] - outcome["downtime_ms"], 1) / 1000
        # The bandwidth that was measured during the migration leaves the setup
        # out.
        link = max(outcome["transferred"] / seconds, trace["bandwidth"])
        if link > machine["link"]:
            machine = {"link": link, "device_ms": outcome["downtime_ms"]}
    return machine


def compare(peer, cases):
    """Returns the errors of each figure, without the migrations that other load
    disturbed, and the names of the guests that did not arrive."""
    machine = calibrate(peer)
    note("%s, link %.0f MiB/s, downtime of an idle guest %d ms" % (
        peer.name, machine["link"] / MIB, machine["device_ms"]))
    note("%-13s %9s  %-24s %-22s %-22s %s" % (
        "guest", "written", "time s (simulated)", "downtime ms", "MiB",
        "passes"))
    errors = {"time": [], "downtime": [], "bytes": []}
    failed = []
    for name, share, factor, max_downtime in cases:
        trace, rate = peer.migrate(share, BANDWIDTH * factor,
                                   limits(max_downtime))
        outcome = trace["outcome"]
        result = simulate(share, rate, max_downtime, machine)
        if (outcome["status"] != "completed" or
                result["outcome"] != "completed"):
            note("%s: %s, simulated: %s" % (name, outcome["status"],
                                            result["outcome"]))
            show_decisions(trace)
            failed.append(name)
            continue
        figures = [(outcome["total_ms"], result["total_ms"]),
                   (outcome["downtime_ms"], result["downtime_ms"]),
                   (outcome["transferred"], result["transferred"])]
        time_error = figures[0][1] / figures[0][0] - 1
        downtime_error = figures[1][1] - figures[1][0]
        bytes_error = figures[2][1] / figures[2][0] - 1
        achieved = (outcome["transferred"] * 1000 /
                    max(outcome["total_ms"] - outcome["downtime_ms"], 1))
        busy = achieved < BANDWIDTH * KEPT_UP
        if not busy:
            errors["time"].append(abs(time_error))
            errors["downtime"].append(abs(downtime_error))
            errors["bytes"].append(abs(bytes_error))
        note("%-13s %6.1f/s  %6.2f (%6.2f) %+4.0f %%   "
             "%4d (%4d) %+4d ms      %6.1f (%6.1f) %+4.0f %% %3d (%d)%s" % (
                 name, rate / MIB, figures[0][0] / 1000,
                 figures[0][1] / 1000, 100 * time_error, figures[1][0],
                 figures[1][1], downtime_error, figures[2][0] / MIB,
                 figures[2][1] / MIB, 100 * bytes_error, trace["passes"],
                 result["passes"], "  machine busy" if busy else ""))
    for figure, values in errors.items():
        if values:
            note("%s: median error %s, largest %s" % (
                (figure,) + tuple("%.0f ms" % v if figure == "downtime" else
                                  "%.0f %%" % (100 * v) for v in
                                  (statistics.median(values), max(values)))))
    return errors, failed


def test_errors(peer, cases):
    for _ in range(COMPARISONS):
        errors, failed = compare(peer, cases)
        enough = len(errors["time"]) >= len(cases) / 2
        near = {figure: enough and statistics.median(values) <= BOUNDS[figure]
                for figure, values in errors.items()}
        if failed or all(near.values()):
            break
        note("a bound is exceeded, or the machine is too busy")
    tap(not failed, "%s: all guests arrive, and all simulated ones" % peer.name)
    for figure, within in near.items():
        tap(within or not enough, "%s: median error of the %s%s" % (
            peer.name, figure, "" if enough else
            " # SKIP only %d of %d guests got the bandwidth that they were "
            "limited to: this machine is too busy" % (
                len(errors["time"]), len(cases))))


def show_decisions(trace):
    for decision in trace["decisions"]:
        note("%.1f s: %s %s: %s" % (
            decision["time_ms"] / 1000, decision["action"],
            decision["value"], decision["reason"]))


def find_limit(trace):
    """The first message that no limit suffices."""
    return next((d for d in trace["decisions"]
                 if d["code"] == "cannot-converge"), None)


def test_limit(peer):
    """A working set that is written faster than the link: the limit that
    "steady" names lets the migration end.

    How fast the guest writes and how often it is looked at depend on how busy
    this machine is.  Therefore the first migration is cancelled as soon as a
    limit is named, the passes are counted that "steady" has seen until then,
    and the second migration has the limit that holds at any write rate."""
    options = ["--converge", "steady", "--max-downtime", "300ms",
               "--deadline", "5min"]
    share, rate = 1 / 4, BANDWIDTH * 20

    trace, _ = peer.migrate(share, rate, options, until="cannot-converge")
    show_decisions(trace)
    named = find_limit(trace)
    seen = {s["pass"] for s in trace["samples"]
            if named and s["time_ms"] <= named["time_ms"]}
    tap(bool(named) and len(seen) <= 4,
        "%s: steady says early that it cannot converge" % peer.name)
    if not named:
        note("samples of the first migration:\n" + json.dumps(
            trace["samples"]))
        tap(False, "%s: no limit was named" % peer.name)
        return
    # "MS ms ... at any write rate"; nothing but words between them.
    limit = re.findall(r"(\d+) ms[^;]*? at any write rate", named["reason"])
    most = max(s["remaining"] for s in trace["samples"] if s["pass"] > 1)
    limit = int(limit[-1])
    note("%d ms are named; the most that a sample has seen would need %d ms" %
         (limit, 1000 * most / BANDWIDTH))
    tap(limit >= 1000 * most / BANDWIDTH,
        "%s: the limit covers all that was seen" % peer.name)
    options[3] = "%dms" % limit
    trace, _ = peer.migrate(share, rate, options, check=False)
    outcome = trace["outcome"]
    note("with %s: %s in %.1f s, downtime %d ms" % (
        options[3], outcome["status"], outcome["total_ms"] / 1000,
        outcome.get("downtime_ms", -1)))
    if outcome["status"] != "completed":
        show_decisions(trace)
        note("samples of the second migration:\n" + json.dumps(
            trace["samples"]))
    tap(outcome["status"] == "completed",
        "%s: with the named limit the migration ends" % peer.name)


def main():
    if sys.argv[2] == "ref":
        peers, cases = [Ref], REF
    else:
        releases = [r for r in ("10.0", "7.2") if os.environ.get(
            "MIGTUNE_QEMU_" + r.replace(".", "_"))]
        if not releases:
            print("1..0 # SKIP there is no QEMU")
            return
        peers = [functools.partial(Qemu, r) for r in releases]
        cases = QEMU
    print("1..%d" % (7 * len(peers)), flush=True)
    for make in peers:
        peer = make()
        test_errors(peer, cases)
        test_limit(peer)


try:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME",
                 "HOME"):
        os.environ[name] = work
    os.environ["LC_ALL"] = "C.UTF-8"
    main()
finally:
    shutil.rmtree(work)
