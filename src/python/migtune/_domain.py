# SPDX-License-Identifier: LGPL-2.1-or-later
"""One guest."""
from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Dict, Iterator, List, Optional

from ._data import Job, Support
from ._errors import Error, call
from ._glib import (Cancellable, Migtune, Settings, from_json,
                    gio_cancellable, milliseconds, to_variant)
from ._plan import Lowering, Plan, set_flags

#: virDomainJobType by the state of a job
_JOB_TYPES = {
    "none": 0,
    "waiting": 0,
    "active": 2,  # VIR_DOMAIN_JOB_UNBOUNDED, as libvirt says of migrations
    "paused": 2,
    "completed": 3,
    "failed": 4,
    "cancelled": 5,
}


class Domain:
    """A guest, from :meth:`Connection.domain`.

    Threads may share a domain.  Its calls run one after the other; a call that
    waits for a migration lets other calls run meanwhile.  Every call that waits
    has the argument *cancel*, see :class:`Cancellable`.
    """

    def __init__(self, domain: Migtune.Domain) -> None:
        self._domain = domain

    def __repr__(self) -> str:
        return f"<migtune.Domain {self.name!r}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self._domain.get_name()

    @property
    def uuid(self) -> Optional[str]:
        """Its UUID; None if it has none."""
        return self._domain.get_uuid()

    @property
    def key(self) -> str:
        """What the connection calls it: unique among its guests."""
        return self._domain.get_key()

    @property
    def qemu(self) -> str:
        """QEMU's version; what it supports does not follow from it."""
        return self._domain.get_qemu()

    def info(self, *, cancel: Optional[Cancellable] = None) -> Dict[str, Any]:
        """``domain``, ``uuid``, ``qemu``, ``state``, ``migration`` …"""
        return from_json(call(self._domain.get_info, gio_cancellable(cancel)))

    def probe(self, refresh: bool = False, *,
              cancel: Optional[Cancellable] = None) -> Support:
        """What this QEMU supports; with *refresh* without the cache."""
        return Support._from_json(from_json(
            call(self._domain.probe, refresh, gio_cancellable(cancel))))

    # Settings

    def get(self, *names: str, live: bool = False, config: bool = False,
            cancel: Optional[Cancellable] = None) -> Dict[str, Any]:
        """The values in force, or with *config* the kept ones, by name.

        Without *names* all of them.  The types are those of the catalogue.
        """
        return call(self._domain.get_settings, list(names) or None,
                    _get_flags(live, config), gio_cancellable(cancel)).unpack()

    def report(self, *names: str, live: bool = False, config: bool = False,
               cancel: Optional[Cancellable] = None) -> Dict[str, Any]:
        """The values with their origin, unit, default and kept value."""
        return from_json(call(
            self._domain.report, list(names) or None,
            _get_flags(live, config), gio_cancellable(cancel)))

    def plan(self, settings: Settings, *, policy: Optional[str] = None,
             live: bool = False, config: bool = False,
             cancel: Optional[Cancellable] = None) -> Plan:
        """What :meth:`set` would do.  Nothing is changed.

        A setting that is wrong or not supported has the verdict ``refused``,
        and :meth:`Plan.check` raises.
        """
        return Plan(call(self._domain.plan_settings, to_variant(settings),
                         set_flags(policy, live, config),
                         gio_cancellable(cancel)))

    def set(self, settings: Settings, *, policy: Optional[str] = None,
            live: bool = False, config: bool = False,
            cancel: Optional[Cancellable] = None) -> Plan:
        """Changes settings: all or none.

        *settings* maps names to values: numbers, texts as people type them
        ("64MiB"), or for ``compression`` a list of methods.  *policy* says what
        happens to a setting that is not supported: "substitute" (the default)
        uses the documented equivalent, "strict" refuses it, "best-effort"
        leaves it out.  With *config* the settings are kept for later starts.

        Returns the plan that was applied, with the values that were read back.
        If the call fails, the error has the verdicts.
        """
        plan = self.plan(settings, policy=policy, live=live, config=config,
                         cancel=cancel)
        plan.apply(cancel=cancel)
        return plan

    def explain(self, settings: Settings, *, policy: Optional[str] = None,
                cancel: Optional[Cancellable] = None) -> str:
        """The table of verdicts that :meth:`set` would have, as text."""
        return str(self.plan(settings, policy=policy, cancel=cancel))

    def lower(self, settings: Settings, *, policy: Optional[str] = None,
              libvirt: Optional[str] = None,
              cancel: Optional[Cancellable] = None) -> Lowering:
        """The parameters and flags for a migration by libvirt.

        Raises :class:`Error` if a setting is refused, or if libvirt does not
        support it.
        """
        plan = self.plan(settings, policy=policy, cancel=cancel)
        plan.check()
        lowering = plan.lower(libvirt, cancel=cancel)
        lowering.check()
        return lowering

    def reset(self, *, defaults: bool = False, live: bool = False,
              config: bool = False,
              cancel: Optional[Cancellable] = None) -> Plan:
        """Restores the values before this user's last change.

        With *defaults* QEMU's defaults; with *config* all kept settings are
        removed.
        """
        flags = set_flags(None, live, config)
        if defaults:
            flags |= int(Migtune.SetFlags.DEFAULTS)
        plan = Plan(call(self._domain.plan_reset, flags,
                         gio_cancellable(cancel)))
        plan.apply(cancel=cancel)
        return plan

    def forget(self, *names: str,
               cancel: Optional[Cancellable] = None) -> Plan:
        """Removes these parameters from the kept settings."""
        plan = Plan(call(self._domain.plan_forget, list(names),
                         gio_cancellable(cancel)))
        plan.apply(cancel=cancel)
        return plan

    def apply_kept(self, *, policy: Optional[str] = None, live: bool = False,
                   cancel: Optional[Cancellable] = None) -> Plan:
        """Brings the kept settings into force in the running guest."""
        plan = Plan(call(self._domain.plan_kept, set_flags(policy, live),
                         gio_cancellable(cancel)))
        plan.apply(cancel=cancel)
        return plan

    # Jobs

    def migrate(self, uri: str, *, resume: bool = False,
                cancel: Optional[Cancellable] = None) -> None:
        """Starts a migration to a QEMU address, such as "tcp:host2:4444".

        It returns once QEMU has accepted it: see :meth:`wait_job`.  *resume*
        resumes a post-copy migration that has lost its link.
        """
        call(self._domain.migrate, uri, int(resume), gio_cancellable(cancel))

    def migrate_incoming(self, uri: str, *, resume: bool = False,
                         cancel: Optional[Cancellable] = None) -> None:
        """Lets a guest that waits for a migration listen at an address."""
        call(self._domain.migrate_incoming, uri, int(resume),
             gio_cancellable(cancel))

    def job(self, *, cancel: Optional[Cancellable] = None) -> Job:
        """The present or last migration."""
        return Job._from_json(from_json(
            call(self._domain.get_job_info, gio_cancellable(cancel))))

    def job_stats(self, *,
                  cancel: Optional[Cancellable] = None) -> Dict[str, Any]:
        """The statistics with the keys of libvirt-python's ``jobStats()``.

        ``type`` is a virDomainJobType.  What libvirt does not have is there
        under the name of QEMU's query-migrate.
        """
        data = call(self._domain.get_job_settings,
                    gio_cancellable(cancel)).unpack()
        return {"type": _JOB_TYPES[data["job"]], **data["statistics"]}

    def abort_job(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Asks QEMU to cancel its migration.

        After post-copy has begun this fails with the code ``conflict`` and the
        reason ``postcopy-begun``.
        """
        call(self._domain.abort_job, gio_cancellable(cancel))

    def suspend(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Stops the guest, so that its migration can end."""
        call(self._domain.suspend, gio_cancellable(cancel))

    def resume(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Lets a guest run that :meth:`suspend` has stopped."""
        call(self._domain.resume, gio_cancellable(cancel))

    def start_postcopy(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Switches the active migration to post-copy."""
        call(self._domain.start_postcopy, gio_cancellable(cancel))

    def continue_job(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Continues a migration that waits before the switchover."""
        call(self._domain.continue_job, gio_cancellable(cancel))

    def wait_job(self, timeout: Optional[float] = None, *,
                 cancel_migration: bool = False,
                 on_progress: Optional[Callable[[Job], Any]] = None,
                 cancel: Optional[Cancellable] = None) -> None:
        """Waits until the migration has ended.

        *timeout* is in seconds.  *on_progress* is called with each sample, at
        least ten times a second, in this thread; an exception of it ends the
        wait.  With *cancel_migration* the migration is cancelled, too, if the
        call is cancelled.

        Raises :class:`Error` with ``qemu`` if the migration failed,
        ``cancelled`` if it was cancelled, ``timeout`` or ``still-running`` if
        it goes on.
        """
        raised: List[BaseException] = []

        def show(domain: Any, info: Any, *data: Any) -> bool:
            assert on_progress
            try:
                on_progress(Job._from_json(from_json(info)))
            except BaseException as exception:
                raised.append(exception)
                return False
            return True

        flags = int(Migtune.WaitFlags.WAIT_CANCEL_MIGRATION) * cancel_migration
        try:
            call(self._domain.wait_job, milliseconds(timeout), flags,
                 show if on_progress else None, None, gio_cancellable(cancel))
        except Error:
            if raised:
                raise raised[0] from None
            raise

    def progress(self, timeout: Optional[float] = None) -> Iterator[Job]:
        """Waits as :meth:`wait_job` and yields each sample.

        The last sample is taken at the end.  If the loop is left, the migration
        goes on.
        """
        cancel = Cancellable()
        return iterate(lambda on_progress: self.wait_job(
            timeout, on_progress=on_progress, cancel=cancel), cancel)

    def wait_incoming(self, timeout: Optional[float] = None, *,
                      cancel: Optional[Cancellable] = None) -> None:
        """Waits until the guest has arrived at this destination."""
        call(self._domain.wait_incoming, milliseconds(timeout),
             gio_cancellable(cancel))

    # Reference guests

    def serve(self, address: str) -> str:
        """Offers the monitor of a ``ref:`` guest at ``unix:PATH`` or
        ``tcp:HOST:PORT``; returns the address."""
        return call(self._domain.serve, address)

    def check_alive(self) -> None:
        """Raises :class:`Error` if a ``ref:`` guest no longer exists."""
        call(self._domain.check_alive)


def _get_flags(live: bool, config: bool) -> int:
    return (int(Migtune.GetFlags.LIVE) * live
            | int(Migtune.GetFlags.CONFIG) * config)


def iterate(run: Callable[[Callable[[Job], Any]], Any],
            cancel: Cancellable) -> Iterator[Job]:
    """Runs a call in a thread and yields what it reports.

    The call's exception is raised after the last sample.  If the iterator is
    closed early, *cancel* ends the call.
    """
    samples: queue.SimpleQueue = queue.SimpleQueue()

    def body() -> None:
        try:
            run(samples.put)
            samples.put(None)
        except BaseException as exception:
            samples.put(exception)

    thread = threading.Thread(target=body, name="migtune-progress")
    thread.start()
    try:
        while True:
            sample = samples.get()
            if isinstance(sample, BaseException):
                raise sample
            if sample is None:
                return
            yield sample
    finally:
        cancel.cancel()
        thread.join()


