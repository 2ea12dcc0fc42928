# SPDX-License-Identifier: LGPL-2.1-or-later
"""The classes of :mod:`migtune` for asyncio.

::

    from migtune import aio

    conn = await aio.connect("ref:///default")
    web1 = await conn.domain("web1")
    await web1.set({"downtime": 200})
    async for job in web1.progress():
        print(job.statistics["memory_remaining"])

Each call runs in a thread of its own for as long as it waits, so any number can
be under way.  If the task is cancelled, the call is cancelled, too, and its end
is awaited: a change that was not complete has then been undone.  A change or a
migration that completed in that moment stays.

Every class has the attribute ``sync``, the object of :mod:`migtune`.
"""
from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from typing import (Any, AsyncIterator, Awaitable, Callable, Dict, List,
                    Optional, Tuple, TypeVar)

import migtune

from ._data import Check, Decision, Job, Outcome, Support
from ._glib import Cancellable, Settings

T = TypeVar("T")

# The threads are reused.  The limit is only there because one is required: a
# smaller one would let calls that wait keep an abort from running.
_threads = concurrent.futures.ThreadPoolExecutor(
    max_workers=100000, thread_name_prefix="migtune-aio")


async def _run(function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Awaits a blocking call that has the argument *cancel*."""
    cancel = Cancellable()
    call = functools.partial(function, *args, cancel=cancel, **options)
    future = asyncio.get_running_loop().run_in_executor(_threads, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancel.cancel()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                pass
        # The loop would report a result that is never read as an error.
        future.exception()
        raise


async def _iterate(run: Callable[[Callable[[Job], Any]], Awaitable[Any]]
                   ) -> AsyncIterator[Job]:
    """Awaits a call in a task and yields what it reports."""
    loop = asyncio.get_running_loop()
    samples: asyncio.Queue = asyncio.Queue()

    async def body() -> None:
        try:
            await run(lambda job: loop.call_soon_threadsafe(
                samples.put_nowait, job))
        finally:
            # After what call_soon_threadsafe() has scheduled.
            loop.call_soon(samples.put_nowait, None)

    task = asyncio.ensure_future(body())
    try:
        while True:
            sample = await samples.get()
            if sample is None:
                break
            yield sample
        await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


class Plan:
    """See :class:`migtune.Plan`."""

    def __init__(self, sync: migtune.Plan) -> None:
        self.sync = sync

    def __str__(self) -> str:
        return str(self.sync)

    @property
    def verdicts(self) -> List[migtune.Verdict]:
        return self.sync.verdicts

    @property
    def steps(self) -> List[migtune.Step]:
        return self.sync.steps

    @property
    def warnings(self) -> List[str]:
        return self.sync.warnings

    @property
    def applied(self) -> bool:
        return self.sync.applied

    @property
    def in_force(self) -> bool:
        return self.sync.in_force

    @property
    def changes(self) -> bool:
        return self.sync.changes

    def to_dict(self) -> Dict[str, Any]:
        return self.sync.to_dict()

    def check(self) -> None:
        self.sync.check()

    async def apply(self) -> None:
        await _run(self.sync.apply)

    async def lower(self, libvirt: Optional[str] = None) -> Lowering:
        return Lowering(await _run(self.sync.lower, libvirt))


class Lowering:
    """See :class:`migtune.Lowering`."""

    def __init__(self, sync: migtune.Lowering) -> None:
        self.sync = sync

    @property
    def flags(self) -> int:
        return self.sync.flags

    @property
    def params(self) -> Dict[str, Any]:
        return self.sync.params

    def check(self) -> None:
        self.sync.check()

    def virsh(self, destination: Optional[str] = None) -> List[str]:
        return self.sync.virsh(destination)

    def to_dict(self) -> Dict[str, Any]:
        return self.sync.to_dict()

    async def prepare(self) -> None:
        await _run(self.sync.prepare)


class Domain:
    """See :class:`migtune.Domain`, whose methods these are."""

    def __init__(self, sync: migtune.Domain) -> None:
        self.sync = sync

    def __repr__(self) -> str:
        return f"<migtune.aio.Domain {self.name!r}>"

    @property
    def name(self) -> str:
        return self.sync.name

    @property
    def uuid(self) -> Optional[str]:
        return self.sync.uuid

    @property
    def key(self) -> str:
        return self.sync.key

    @property
    def qemu(self) -> str:
        return self.sync.qemu

    async def info(self) -> Dict[str, Any]:
        return await _run(self.sync.info)

    async def probe(self, refresh: bool = False) -> Support:
        return await _run(self.sync.probe, refresh)

    async def get(self, *names: str, live: bool = False,
                  config: bool = False) -> Dict[str, Any]:
        return await _run(self.sync.get, *names, live=live, config=config)

    async def report(self, *names: str, live: bool = False,
                     config: bool = False) -> Dict[str, Any]:
        return await _run(self.sync.report, *names, live=live, config=config)

    async def plan(self, settings: Settings, *, policy: Optional[str] = None,
                   live: bool = False, config: bool = False) -> Plan:
        return Plan(await _run(self.sync.plan, settings, policy=policy,
                               live=live, config=config))

    async def set(self, settings: Settings, *, policy: Optional[str] = None,
                  live: bool = False, config: bool = False) -> Plan:
        return Plan(await _run(self.sync.set, settings, policy=policy,
                               live=live, config=config))

    async def explain(self, settings: Settings, *,
                      policy: Optional[str] = None) -> str:
        return await _run(self.sync.explain, settings, policy=policy)

    async def lower(self, settings: Settings, *, policy: Optional[str] = None,
                    libvirt: Optional[str] = None) -> Lowering:
        return Lowering(await _run(self.sync.lower, settings, policy=policy,
                                   libvirt=libvirt))

    async def reset(self, *, defaults: bool = False, live: bool = False,
                    config: bool = False) -> Plan:
        return Plan(await _run(self.sync.reset, defaults=defaults, live=live,
                               config=config))

    async def forget(self, *names: str) -> Plan:
        return Plan(await _run(self.sync.forget, *names))

    async def apply_kept(self, *, policy: Optional[str] = None,
                         live: bool = False) -> Plan:
        return Plan(await _run(self.sync.apply_kept, policy=policy, live=live))

    async def migrate(self, uri: str, *, resume: bool = False) -> None:
        await _run(self.sync.migrate, uri, resume=resume)

    async def migrate_incoming(self, uri: str, *, resume: bool = False) -> None:
        await _run(self.sync.migrate_incoming, uri, resume=resume)

    async def job(self) -> Job:
        return await _run(self.sync.job)

    async def job_stats(self) -> Dict[str, Any]:
        return await _run(self.sync.job_stats)

    async def abort_job(self) -> None:
        await _run(self.sync.abort_job)

    async def suspend(self) -> None:
        await _run(self.sync.suspend)

    async def resume(self) -> None:
        await _run(self.sync.resume)

    async def start_postcopy(self) -> None:
        await _run(self.sync.start_postcopy)

    async def continue_job(self) -> None:
        await _run(self.sync.continue_job)

    async def wait_job(self, timeout: Optional[float] = None, *,
                       cancel_migration: bool = False) -> None:
        await _run(self.sync.wait_job, timeout,
                   cancel_migration=cancel_migration)

    def progress(self, timeout: Optional[float] = None) -> AsyncIterator[Job]:
        """Waits as :meth:`wait_job` and yields each sample."""
        return _iterate(lambda on_progress: _run(
            self.sync.wait_job, timeout, on_progress=on_progress))

    async def wait_incoming(self, timeout: Optional[float] = None) -> None:
        await _run(self.sync.wait_incoming, timeout)

    def serve(self, address: str) -> str:
        return self.sync.serve(address)

    def check_alive(self) -> None:
        self.sync.check_alive()


class Connection:
    """See :class:`migtune.Connection`."""

    def __init__(self, sync: migtune.Connection) -> None:
        self.sync = sync

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *exception: Any) -> None:
        self.close()

    @property
    def uri(self) -> str:
        return self.sync.uri

    def close(self) -> None:
        self.sync.close()

    async def domains(self) -> List[str]:
        return await _run(self.sync.domains)

    async def inactive_domains(self) -> List[str]:
        return await _run(self.sync.inactive_domains)

    async def domain(self, key: Any) -> Domain:
        return Domain(await _run(self.sync.domain, key))

    async def find_destination(self, source: Domain,
                               name: Optional[str] = None) -> Domain:
        return Domain(await _run(self.sync.find_destination, source.sync, name))


class Migration:
    """See :class:`migtune.Migration`."""

    def __init__(self, source: Domain, destination: Domain,
                 settings: Optional[Settings] = None, **options: Any) -> None:
        self.source = source
        self.destination = destination
        self.sync = migtune.Migration(source.sync, destination.sync, settings,
                                      **options)

    @property
    def state(self) -> str:
        return self.sync.state

    @property
    def outcome(self) -> Optional[Outcome]:
        return self.sync.outcome

    @property
    def decisions(self) -> Tuple[Decision, ...]:
        return self.sync.decisions

    def to_dict(self) -> Dict[str, Any]:
        return self.sync.to_dict()

    async def check(self) -> Check:
        return await _run(self.sync.check)

    async def run(self) -> Outcome:
        """Migrates; cancelling the task cancels the migration."""
        return await _run(self.sync.run)

    def progress(self) -> AsyncIterator[Job]:
        """Runs the migration and yields each sample.

        If the iterator is closed early (``aclose()``), the migration is
        cancelled.
        """
        return _iterate(lambda on_progress: _run(
            self.sync.run, on_progress=on_progress))

    async def abort(self) -> None:
        await _run(self.sync.abort)

    async def start_postcopy(self) -> None:
        await _run(self.sync.start_postcopy)


async def connect(uri: Any, **options: Any) -> Connection:
    """See :func:`migtune.connect`."""
    return Connection(await _run(migtune.connect, uri, **options))


async def recover(dry_run: bool = False) -> List[Dict[str, Any]]:
    """See :func:`migtune.recover`."""
    return await _run(migtune.recover, dry_run)
