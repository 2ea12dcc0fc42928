#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nova's own modules drive migrations that migtune has prepared.

tools/test-nova.sh runs it where python3-nova is installed.  Two migrations go
between two libvirt daemons.  migtune lowers the settings; Nova's Guest makes the
call, reads the job and acts, and Nova's functions decide when.  The
job that Nova saw is then replayed with migtune's policy "nova", which must have
decided the same at the same time.
"""
import collections
import json
import os
import sys
import tempfile
import threading
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import pair_of_hosts  # noqa: E402

try:
    import libvirt
    import nova.conf
    import nova.version
    from nova.virt.libvirt import guest as nova_guest
    from nova.virt.libvirt import migration as nova_migration
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

import migtune  # noqa: E402
from migtune._glib import Migtune, from_json  # noqa: E402

CONF = nova.conf.CONF
OPTIONS = {
    "live_migration_downtime": 400,
    "live_migration_downtime_steps": 4,
    "live_migration_downtime_delay": 3,
    "live_migration_completion_timeout": 10,
}
# What Nova scales by: GiB of the flavor, at least 2.
DATA_GB = 2
POLL = 0.5


class Lowered:
    """A virDomain whose migration has migtune's parameters beside Nova's."""

    def __init__(self, dom, params):
        self._dom = dom
        self._params = params
        self.calls = []

    def __getattr__(self, name):
        return getattr(self._dom, name)

    def migrateToURI3(self, uri, params, flags):
        params = {**self._params, **params}
        self.calls.append((params, flags))
        return self._dom.migrateToURI3(uri, params, flags)


def drive(dom, uri, settings, action):
    """A migration as Nova's driver does it; returns (decisions, trace)."""
    domain = migtune.connect(dom.connect()).domain(dom)
    lowering = domain.lower(settings)
    lowering.prepare()
    watched = migtune.connect(dom.connect(), monitor=False).domain(dom)
    lowered = Lowered(dom, lowering.params)
    guest = nova_guest.Guest(lowered)
    instance = types.SimpleNamespace(uuid=dom.UUIDString(), name=dom.name())
    migration = types.SimpleNamespace(status="running", save=lambda: None)
    failure = []

    def operation():
        try:
            guest.migrate(uri, flags=lowering.flags
                          | libvirt.VIR_MIGRATE_PEER2PEER,
                          bandwidth=lowering.params["bandwidth"])
        except libvirt.libvirtError as error:
            failure.append(error)

    steps = list(nova_migration.downtime_steps(DATA_GB))
    timeout = int(CONF.libvirt.live_migration_completion_timeout * DATA_GB)
    tasks = {instance.uuid: collections.deque()}
    decisions, trace = [], []
    worker = threading.Thread(target=operation)
    start = time.time()
    worker.start()
    downtime = None
    aborted = False
    while worker.is_alive():
        info = guest.get_job_info()
        if info.type == libvirt.VIR_DOMAIN_JOB_UNBOUNDED:
            elapsed = time.time() - start
            trace.append((elapsed, watched.job()))
            before = migration.status
            nova_migration.run_tasks(guest, instance, tasks,
                                     collections.deque(), migration, True)
            if migration.status != before:
                decisions.append((elapsed, "post-copy", None))
            if nova_migration.should_trigger_timeout_action(
                    instance, elapsed, timeout, migration.status):
                if action != "abort":
                    tasks[instance.uuid].append("force-complete")
                elif not aborted:
                    decisions.append((elapsed, "abort", None))
                    guest.abort_job()
                    aborted = True
            new = nova_migration.update_downtime(guest, instance, downtime,
                                                 steps, elapsed)
            if new != downtime:
                decisions.append((elapsed, "set-downtime", new))
                downtime = new
        time.sleep(POLL)
    worker.join()
    return decisions, trace, failure, lowered.calls


def replay(trace, action):
    """What migtune's policy "nova" decides at the samples of Nova's loop."""
    with tempfile.TemporaryDirectory() as directory:
        conf = os.path.join(directory, "nova.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write("[libvirt]\n")
            for name, value in OPTIONS.items():
                file.write(f"{name} = {value}\n")
            file.write("live_migration_timeout_action = "
                       + ("abort" if action == "abort" else "force_complete")
                       + "\nlive_migration_permit_post_copy = "
                       + str(action != "abort") + "\n")
        path = os.path.join(directory, "trace.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for record in records(trace):
                file.write(json.dumps(record) + "\n")
        policy = Migtune.Policy.import_(conf, None)
        answer = from_json(Migtune.replay(path, [policy]))
    return [(row["time_ms"] / 1000, row["action"], row["value"])
            for row in answer["decisions"]]


def records(trace):
    """The samples as a trace: see libmigtune(3)."""
    yield {"type": "header", "version": 1, "domain": "vm"}
    samples = list(trace)
    # The policy polls at times of its own: the last sample holds for one more.
    samples += [(elapsed + POLL, job) for elapsed, job in trace[-1:]]
    for elapsed, job in samples:
        values = job.statistics
        yield {
            "type": "sample", "time_ms": int(elapsed * 1000),
            "status": "active", "pass": values.get("memory_iteration", 1),
            "remaining": values.get("memory_remaining", 0),
            "total": values.get("memory_total", 0),
            "transferred": values.get("memory_processed", 0),
            "bandwidth": values.get("memory_bps", 0),
            "dirty_rate": 0, "downtime_limit_ms": 300,
        }


def longest_gap(trace):
    """The longest time between two samples, in seconds."""
    times = [elapsed for elapsed, _ in trace]
    return max((b - a for a, b in zip(times, times[1:])), default=0)


def compare(nova, trace, action):
    """Prints the table of decisions; True if they agree.

    Both decide at their first poll after a point in time, Nova when it is not
    delayed.
    """
    ours = replay(trace, action)
    tolerance = POLL + longest_gap(trace)
    ours = [row for row in ours if row[1] != "note"]
    agree = len(nova) == len(ours)
    print("# Nova                        migtune, policy nova")
    for number in range(max(len(nova), len(ours))):
        left = nova[number] if number < len(nova) else None
        right = ours[number] if number < len(ours) else None
        print("# " + "  ".join(
            f"{row[0]:6.1f} s {row[1]:12} {row[2] or '':>4}" if row
            else " " * 26 for row in (left, right)))
        agree &= bool(left and right and left[1:] == right[1:]
                      and abs(left[0] - right[0]) <= tolerance)
    return agree


def main():
    reason = pair_of_hosts.missing()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return

    CONF([], project="nova", default_config_files=[])
    for name, value in OPTIONS.items():
        CONF.set_override(name, value, "libvirt")
    libvirt.registerErrorHandler(lambda *_: None, None)
    print(f"# Nova {nova.version.version_string()}, libvirt "
          f"{libvirt.getVersion()}, migtune {migtune.__version__}")
    print("1..4", flush=True)
    bad = 0

    def result(number, ok, what):
        nonlocal bad
        bad += not ok
        print(f"{'ok' if ok else 'not ok'} {number} - {what}", flush=True)

    with pair_of_hosts.two_hosts(libvirt) as hosts, \
            tempfile.NamedTemporaryFile() as ballast:
        # Memory that takes half a minute at 1 MiB/s.
        ballast.write(os.urandom(32 << 20))
        ballast.flush()
        xml = pair_of_hosts.guest_xml("vm", memory=96, loaded=ballast.name)
        hosts["alpha"][1].createXML(xml)

        settings = {"compression": "xbzrle",
                    "compression.xbzrle.cache": "16MiB", "bandwidth": 1}
        dom = hosts["alpha"][1].lookupByName("vm")
        decisions, trace, failure, calls = drive(
            dom, hosts["beta"][0], settings, "abort")
        print(f"# migrateToURI3({calls[0][0]}, flags={calls[0][1]})")
        result(1, compare(decisions, trace, "abort"),
               "downtime steps and abort")
        result(2, dom.isActive() and len(failure) == 1
               and failure[0].get_error_code()
               == libvirt.VIR_ERR_OPERATION_ABORTED, "the guest stays")

        decisions, trace, failure, calls = drive(
            dom, hosts["beta"][0], {"postcopy": True, "bandwidth": 1},
            "post-copy")
        print(f"# migrateToURI3({calls[0][0]}, flags={calls[0][1]})")
        result(3, compare(decisions, trace, "post-copy"),
               "downtime steps and post-copy")
        result(4, not failure
               and hosts["beta"][1].lookupByName("vm").isActive(),
               f"the guest arrives {failure or ''}")
    sys.exit(bad != 0)


main()
