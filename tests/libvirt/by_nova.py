#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nova's own modules drive migrations that migtune has prepared.

tools/test-nova.sh runs it where python3-nova is installed.  Two migrations go
between two libvirt daemons.  migtune lowers the settings; Nova's Guest makes the
call, reads the job and acts, and Nova's functions decide when.  Beside them
migtune's policy "nova" follows the migration in shadow: it gets a sample at each
poll of Nova, and must decide the same at the same time.
"""
import collections
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


def policy(action):
    """migtune's policy with the same configuration as Nova's."""
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
        return migtune.Policy.from_file(conf)


def drive(dom, uri, settings, action):
    """A migration as Nova's driver does it.

    Returns Nova's decisions, migtune's in shadow, the times of the polls at which
    libvirt knew the RAM of the guest, Nova's failures, and the calls of
    migrateToURI3().
    """
    domain = migtune.connect(dom.connect()).domain(dom)
    lowering = domain.lower(settings)
    lowering.prepare()
    watched = migtune.connect(dom.connect(), monitor=False).domain(dom)
    shadow = migtune.Convergence(watched, shadows=[policy(action)])
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
    decisions, polls, n_polls = [], [], 0
    worker = threading.Thread(target=operation)
    start = time.time()
    worker.start()
    downtime = None
    act_at = None
    while worker.is_alive():
        info = guest.get_job_info()
        if info.type == libvirt.VIR_DOMAIN_JOB_UNBOUNDED:
            elapsed = time.time() - start
            n_polls += 1
            job = shadow.follow(elapsed)
            if job.statistics.get("memory_total"):
                polls.append(elapsed)
            before = migration.status
            nova_migration.run_tasks(guest, instance, tasks,
                                     collections.deque(), migration, True)
            if migration.status != before:
                decisions.append((elapsed, "post-copy", None))
            if nova_migration.should_trigger_timeout_action(
                    instance, elapsed, timeout, migration.status):
                if act_at is None:
                    act_at = n_polls + 1
                    if action == "abort":
                        decisions.append((elapsed, "abort", None))
            # One poll later than Nova's driver: libvirt counts the time from
            # the start of the job, a little later than Nova, and the shadow
            # sees nothing after the action.
            if n_polls == act_at and action == "abort":
                guest.abort_job()
            elif n_polls == act_at:
                tasks[instance.uuid].append("force-complete")
            new = nova_migration.update_downtime(guest, instance, downtime,
                                                 steps, elapsed)
            if new != downtime:
                decisions.append((elapsed, "set-downtime", new))
                downtime = new
        time.sleep(POLL)
    worker.join()
    shadow.finish()
    ours = [(row.time_ms / 1000, row.action, row.value)
            for row in shadow.decisions if row.action != "note"]
    return decisions, ours, polls, failure, lowered.calls


def compare(theirs, ours, polls):
    """Prints the table of decisions; True if they agree.

    Both decide at their first poll after a point in time, Nova when it is not
    delayed.  Nova sets the first downtime even if the migration is still being
    set up; migtune's policies begin when the RAM of the guest is known.
    """
    tolerance = POLL + max((b - a for a, b in zip(polls, polls[1:])), default=0)
    agree = len(theirs) == len(ours)
    print(f"# the RAM is known after {polls[0]:.1f} s" if polls
          else "# the RAM never was known")
    print("# Nova                        migtune, policy nova, in shadow")
    for number in range(max(len(theirs), len(ours))):
        left = theirs[number] if number < len(theirs) else None
        right = ours[number] if number < len(ours) else None
        print("# " + "  ".join(
            f"{row[0]:6.1f} s {row[1]:12} {row[2] or '':>4}" if row
            else " " * 26 for row in (left, right)))
        agree &= bool(left and right and left[1:] == right[1:]
                      and abs(max(left[0], polls[0]) - right[0]) <= tolerance)
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
        theirs, ours, polls, failure, calls = drive(
            dom, hosts["beta"][0], settings, "abort")
        print(f"# migrateToURI3({calls[0][0]}, flags={calls[0][1]})")
        result(1, compare(theirs, ours, polls),
               "downtime steps and abort")
        result(2, dom.isActive() and len(failure) == 1
               and failure[0].get_error_code()
               == libvirt.VIR_ERR_OPERATION_ABORTED, "the guest stays")

        theirs, ours, polls, failure, calls = drive(
            dom, hosts["beta"][0], {"postcopy": True, "bandwidth": 1},
            "post-copy")
        print(f"# migrateToURI3({calls[0][0]}, flags={calls[0][1]})")
        result(3, compare(theirs, ours, polls),
               "downtime steps and post-copy")
        result(4, not failure
               and hosts["beta"][1].lookupByName("vm").isActive(),
               f"the guest arrives {failure or ''}")
    sys.exit(bad != 0)


main()
