#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python package, with guests of ref:.

    package.py [TEST...]

MIGTUNE_TEST_CYCLES is the number of get and set cycles of the memory test.
"""
import asyncio
import dataclasses
import gc
import inspect
import json
import os
import pydoc
import sys
import tempfile
import threading
import time
import tracemalloc
import uuid

import guests  # first: it sets the environment
import tap

import migtune
from migtune import aio

from gi.repository import Migtune  # noqa: E402


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"{got!r} instead of {expected!r}")


def check(condition, what="condition"):
    if not condition:
        raise AssertionError(what)


def raises(code, function, *args, **options):
    try:
        function(*args, **options)
    except migtune.Error as error:
        equal(error.code, code)
        return error
    raise AssertionError(f"no error; expected {code}")


def test_find_a_guest():
    with guests.connection() as conn:
        check("web1" in conn.domains())
        equal(conn.inactive_domains(), [])
        web1 = conn.domain("web1")
        equal(web1.name, "web1")
        equal(conn["db1"].name, "db1")
        check(uuid.UUID(web1.uuid))
        # The destination has the same UUID.
        raises("ambiguous", conn.domain, uuid.UUID(web1.uuid))
        equal(conn.domain(web1.key).key, web1.key)
        equal(conn.find_destination(web1).name, "web1-dest")
        raises("not-found", conn.domain, "web9")
        try:
            conn.domain(7)
        except TypeError as error:
            check("int" in str(error))
        equal(web1.info()["state"], "running")
        equal(web1.qemu.split(".")[:2], ["7", "2"])
    raises("invalid-argument", conn.domains)
    # The domain keeps what it needs.
    equal(web1.get("downtime"), {"downtime": 300})


def test_types_are_those_of_the_catalogue():
    kinds = {"bool": bool, "int": int, "ullong": int, "enum": str,
             "string": str}
    catalogue = migtune.catalogue()
    check(len(catalogue) > 60)
    check("compression.zstd.level" in migtune.catalogue("7.2"))
    check("dirty_limit" not in migtune.catalogue("7.2"))
    with guests.connection() as conn:
        values = conn.domain("db1").get()
        check(len(values) > 40)
        for name, value in values.items():
            kind = catalogue[name].type if name in catalogue else None
            if kind in kinds:
                equal((name, type(value)), (name, kinds[kind]))

        # Whatever type has been given.
        web1 = conn.domain("web1")
        for given in (432, 432.0, "432", "432 ms"):
            web1.set({"downtime": 300})
            web1.set({"downtime": given})
            equal(web1.get("downtime"), {"downtime": 432})
        for given, value in ((True, True), ("off", False), ("on", True)):
            web1.set({"xbzrle": given})
            equal(web1.get("xbzrle"), {"xbzrle": value})
        web1.set({"xbzrle": False, "compression.xbzrle.cache": "128MiB"})
        equal(web1.get("compression.xbzrle.cache"),
              {"compression.xbzrle.cache": 128 << 20})
        web1.set({"compression": ["xbzrle"]})
        equal(web1.get("compression"), {"compression": "xbzrle"})
        # QEMU's name and unit.
        web1.set({"max-bandwidth": 64 << 20})
        equal(web1.get("bandwidth"), {"bandwidth": 64})
        for wrong in (None, b"1", object(), ["a", 1], {"a": 1}):
            try:
                web1.set({"downtime": wrong})
            except TypeError as error:
                check("downtime" in str(error))
            else:
                raise AssertionError(f"{wrong!r} is accepted")
        error = raises("invalid-value", web1.set, {"downtime": 2**70})
        equal(error.fields["parameter"], "downtime")
        equal(web1.get("downtime"), {"downtime": 432})
    equal(migtune.parse(["bandwidth=1GiB/s", "xbzrle=on"]),
          {"bandwidth": 1024, "xbzrle": True})
    equal(migtune.canonical_name("multifd-channels"), "parallel.connections")


def test_verdicts():
    with guests.connection() as conn:
        db1 = conn.domain("db1")  # a release that has no compress threads
        plan = db1.plan({"compression": "mt", "compression.mt.level": 3})
        equal(plan.applied, False)
        verdict = plan.verdicts[0]
        equal(verdict.verdict, "substituted")
        equal(verdict.verdict, migtune.VerdictKind.SUBSTITUTED)
        check(verdict.becomes["parallel"])
        check(verdict.reason)
        check(not plan.in_force and plan.changes)
        check(any(step.execute == "migrate-set-parameters"
                  for step in plan.steps))
        plan.apply()
        equal(plan.applied, True)
        check(db1.get("parallel")["parallel"])

        error = raises("unsupported", db1.set, {"compression": "mt"},
                       policy="strict")
        equal([v.verdict for v in error.verdicts], ["refused"])
        check("mt" in db1.explain({"compression": "mt"}))

        # What is in force is not set again.
        first = db1.set({"downtime": 250})
        second = db1.set({"downtime": 250})
        equal((first.changes, second.changes), (True, False))
        check(second.in_force)

        db1.set({"downtime": 111})
        db1.reset()
        equal(db1.get("downtime"), {"downtime": 250})
        equal(db1.report("downtime")["parameters"][0]["unit"], "ms")
        support = db1.probe()
        check("parallel" in support and "compression.mt" in support.absent)
        try:
            db1.set({"downtime": 1}, policy="loose")
        except ValueError as error:
            check("loose" in str(error))
        else:
            raise AssertionError("an unknown policy is accepted")


def test_explain_and_lower():
    plan = migtune.explain("9.1", {"compression": "mt"})
    equal(plan.verdicts[0].verdict, "substituted")
    raises("invalid-value", migtune.explain, "99", {})
    plan = migtune.explain("10.0", {
        "compression": "zstd", "parallel": True, "parallel.connections": 4,
        "bandwidth": 100})
    lowering = plan.lower("11.3")
    lowering.check()
    # VIR_MIGRATE_LIVE, _COMPRESSED and _PARALLEL
    equal(lowering.flags, 1 | 1 << 11 | 1 << 17)
    equal(lowering.params, {"compression": "zstd", "parallel.connections": 4,
                            "bandwidth": 100})
    check("--parallel" in lowering.virsh("qemu+ssh://beta/system")[-1])
    with guests.connection() as conn:
        web1 = conn.domain("web1")
        equal(web1.lower({"bandwidth": 5}, libvirt="9.0").params,
              {"bandwidth": 5})
        error = raises("unsupported", web1.lower, {"compression": "zstd"},
                       libvirt="9.0")
        equal(error.fields["parameter"], "compression")
        raises("invalid-argument", web1.lower, {"bandwidth": 5})


def test_errors():
    for number in range(64):
        name = Migtune.error_code_to_string(number)
        if number and name == "internal":
            break
        equal(migtune.ErrorCode(name), name)
    equal(len(migtune.ErrorCode), number)

    with guests.connection() as conn:
        web1 = conn.domain("web1")
        error = raises("unknown-parameter", web1.set, {"downtme": 1})
        equal(error.fields["parameter"], "downtme")
        check("downtime" in str(error), str(error))
        error = raises("invalid-value", web1.set, {"downtime": -1})
        equal(error.fields["parameter"], "downtime")
        equal(error.code, migtune.ErrorCode.INVALID_VALUE)
        check(error.verdicts)
        equal(error.verdicts[0].name, "downtime")
        # Another thread's error has its own fields.
        other = []
        thread = threading.Thread(target=lambda: other.append(
            raises("unknown-parameter", web1.get, "nothing")))
        thread.start()
        thread.join()
        equal(other[0].fields.get("parameter"), "nothing")
    raises("invalid-argument", migtune.connect, "ref:///default?fault=what")
    raises("not-found", guests_of, "ref:///default", "web9")

    # QEMU's own words.
    with guests.connection(guests.pair(
            "web1", fault='<fault kind="refuse" at="1" '
            'command="migrate-set-parameters"/>')) as conn:
        error = raises("qemu", conn.domain("web1").set, {"downtime": 9})
        equal(error.fields["command"], "migrate-set-parameters")
        equal(error.fields["qemu-class"], "GenericError")
        check(error.fields["qemu-desc"])


def guests_of(uri, name):
    with migtune.connect(uri) as conn:
        return conn.domain(name)


def test_the_interpreter_is_not_locked():
    """Another thread runs while a call waits for a delayed answer."""
    fault = '<fault kind="delay" ms="700" command="query-migrate" at="1"/>'
    with guests.connection(guests.pair("web1", fault=fault)) as conn:
        web1 = conn.domain("web1")
        ticks = []
        ended = threading.Event()

        def tick():
            while not ended.wait(0.01):
                ticks.append(time.monotonic())

        thread = threading.Thread(target=tick)
        thread.start()
        began = time.monotonic()
        web1.job()
        over = time.monotonic()
        ended.set()
        thread.join()
        check(over - began > 0.6, "the answer is delayed")
        meanwhile = [at for at in ticks if began < at < over]
        check(len(meanwhile) > 5, f"{len(meanwhile)} ticks")


def test_migration():
    with guests.connection(guests.pair("web1", ram="32MiB",
                                       bandwidth="64MiB/s")) as conn:
        source, dest = conn.domain("web1"), conn.domain("web1-dest")
        migration = migtune.Migration(
            source, dest, {"compression": "zstd", "parallel": True,
                           "bandwidth": 0})
        equal(migration.state, "new")
        result = migration.check()
        check(result.ok)
        message = json.dumps(result.to_message())
        check(len(message) < 16384, f"{len(message)} bytes")
        equal(migtune.Check.from_message(json.loads(message)), result)
        seen = []
        outcome = migration.run(on_progress=seen.append)
        equal((outcome.guest, migration.state), ("destination", "completed"))
        check(outcome.total_ms > 0 and outcome.downtime_ms >= 0)
        check(seen and all(job.domain == "web1" for job in seen))
        equal(migration.outcome, outcome)
        equal(dest.info()["state"], "running")

        stats = source.job_stats()
        equal(stats["type"], 3)  # VIR_DOMAIN_JOB_COMPLETED
        for key in ("time_elapsed", "downtime", "setup_time", "data_total",
                    "data_processed", "data_remaining", "memory_total",
                    "memory_processed", "memory_remaining",
                    "memory_iteration", "memory_constant", "memory_normal",
                    "memory_normal_bytes", "memory_bps"):
            check(type(stats[key]) is int, key)


def test_a_check_that_refuses():
    """What both sides disagree about is a finding, not an exception."""
    with guests.connection(
            guests.pair("web1", 1, release="7.2"),
            guests.pair("old", 2, release="2.6")) as conn:
        migration = migtune.Migration(
            conn.domain("web1"), conn.domain("old-dest"),
            {"compression": "zstd"}, policy="strict")
        result = migration.check()
        equal(result.ok, False)
        check(result.refusals and all(f.text and f.id
                                      for f in result.refusals))
        error = raises("conflict", migration.run)
        check(str(error))
    try:
        migtune.Check.from_message({"version": 99})
    except ValueError as error:
        check("99" in str(error))
    else:
        raise AssertionError("an unknown version is accepted")


# oVirt's form of a policy: the first decision comes with the first sample.
OVIRT = """[{"name": "one", "config": {
    "initialItems": [{"action": "setDowntime", "params": ["77"]}],
    "convergenceItems": [], "lastItems": [{"action": "abort", "params": []}]}}]
"""


def test_converge():
    """A policy acts, others follow; their decisions come with the samples."""
    with guests.connection(guests.pair("web1", **guests.SLOW)) as conn, \
            tempfile.TemporaryDirectory() as directory:
        source, dest = conn.domain("web1"), conn.domain("web1-dest")
        before = source.get("downtime")
        ovirt = os.path.join(directory, "ovirt.json")
        trace = os.path.join(directory, "trace.jsonl")
        with open(ovirt, "w", encoding="utf-8") as file:
            file.write(OVIRT)
        policy = migtune.Policy.from_file(ovirt).limit(deadline=3600)
        equal(policy.name, "vdsm:ovirt.json")
        equal(policy.to_dict()["policy"], "vdsm")
        migration = migtune.Migration(
            source, dest, {"downtime": 1}, converge=policy,
            shadow=["steady", migtune.Policy.from_file(ovirt)], record=trace)
        equal(migration.decisions, ())
        seen = []

        def stop(job):
            seen.extend(job.decisions)
            if any(one.result == "taken" for one in seen) and job.job == "active":
                equal(source.get("downtime"), {"downtime": 77})
                migration.abort()

        error = raises("cancelled", migration.run, on_progress=stop)
        equal(error.outcome.guest, "source")
        equal(source.get("downtime"), before)
        equal(tuple(seen), migration.decisions)
        taken = [one for one in seen if one.result == "taken"]
        equal([(one.policy, one.action, one.value, one.code, one.error)
               for one in taken],
              [("vdsm:ovirt.json", "set-downtime", 77, "schedule-start",
                None)])
        check(taken[0].reason and taken[0].time_ms >= 0)
        check(any(one.result == "shadow" for one in seen))
        with open(trace, encoding="utf-8") as file:
            kinds = [json.loads(line)["type"] for line in file]
        equal((kinds[0], kinds[-1]), ("header", "outcome"))
        check("decision" in kinds)

    try:
        migtune.Policy("steady").limit(allow=["everything"])
    except ValueError as error:
        check("everything" in str(error))
    else:
        raise AssertionError("an unknown step is accepted")


def test_abort_and_leave():
    with guests.connection(guests.pair("web1", 1, **guests.SLOW),
                           guests.pair("web2", 2, **guests.SLOW)) as conn:
        source, dest = conn.domain("web1"), conn.domain("web1-dest")
        before = source.get("downtime", "xbzrle")
        migration = migtune.Migration(source, dest, {"downtime": 1})

        def stop(job):
            if job.statistics.get("memory_processed", 0) > 0:
                migration.abort()

        error = raises("cancelled", migration.run, on_progress=stop)
        equal((error.outcome.guest, migration.state), ("source", "cancelled"))
        equal(source.info()["state"], "running")
        equal(source.get("downtime", "xbzrle"), before)

        # Leaving the loop cancels it, too.
        migration = migtune.Migration(conn.domain("web2"),
                                      conn.domain("web2-dest"))
        for job in migration.progress():
            if job.job == "active":
                break
        equal(migration.state, "cancelled")

        # An exception of the callback comes back.
        source = conn.domain("web1")

        def fail(job):
            raise KeyError("mine")

        with guests.link() as address:
            source.migrate(address)
            try:
                source.wait_job(on_progress=fail)
            except (KeyError, migtune.Error) as error:
                check(isinstance(error, (KeyError, migtune.Error)))


def test_a_job_by_hand():
    with guests.connection(guests.pair("web1", ram="16MiB",
                                       bandwidth="16MiB/s")) as conn, \
            guests.link() as address:
        source, dest = conn.domain("web1"), conn.domain("web1-dest")
        equal(source.job_stats(), {"type": 0})
        raises("not-found", source.wait_job)
        dest.migrate_incoming(address)
        source.migrate(address)
        jobs = list(source.progress(timeout=60))
        equal(jobs[-1].job, "completed")
        check(jobs[-1].ended)
        dest.wait_incoming(60)
        equal(dest.info()["state"], "running")


def test_convergence():
    """Policies follow a migration; one acts, the other is in shadow."""
    check("steady" in migtune.policies())
    raises("invalid-argument", migtune.Policy, "nothing")
    with tempfile.TemporaryDirectory() as directory, \
            guests.connection(guests.pair("web1", **guests.SLOW)) as conn:
        path = os.path.join(directory, "nova.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("[libvirt]\nlive_migration_downtime = 500\n")
        nova = migtune.Policy.from_file(path)
        equal(nova.to_dict()["settings"]["live_migration_downtime"], 500)
        raises("io", migtune.Policy.from_file, path + "-missing")
        web1 = conn.domain("web1")
        trace = os.path.join(directory, "trace.jsonl")
        acts = []

        def act(*decision):
            acts.append(decision)
            if decision[0] == "set-downtime":
                web1.set({"downtime": decision[1]})
            return True

        def fail(*decision):
            raise KeyError("mine")

        follower = migtune.Convergence(web1, nova, record=trace, shadows=[
            nova, migtune.Policy("none")])
        follower.start(downtime=300)
        failing = migtune.Convergence(web1, nova)
        failures = []
        migration = migtune.Migration(web1, conn.domain("web1-dest"))
        for job in migration.progress():
            if job.job != "active":
                continue
            equal(follower.follow(act=act).domain, "web1")
            try:
                failing.follow(act=fail)
            except KeyError as error:
                failures.append(error)
            if acts and failures:
                break
        equal(failing.decisions[0].result, "failed")
        equal(acts[0][0], "set-downtime")
        check(acts[0][2])
        taken, shadow = follower.decisions[:2]
        equal((taken.result, shadow.result), ("taken", "shadow"))
        equal((taken.action, taken.value), ("set-downtime", acts[0][1]))
        equal((shadow.action, shadow.value), (taken.action, taken.value))
        follower.finish()
        with open(trace, encoding="utf-8") as file:
            kinds = [json.loads(line)["type"] for line in file]
        equal((kinds[0], kinds[-1]), ("header", "outcome"))
        check("decision" in kinds and "sample" in kinds)
    raises("io", migtune.Convergence, web1,
           record=os.path.join(directory, "gone", "trace"))


def test_cancel_a_call():
    cancel = migtune.Cancellable()
    cancel.cancel()
    check(cancel.cancelled)
    with guests.connection() as conn:
        raises("cancelled", conn.domain("web1").info, cancel=cancel)


def test_asyncio():
    async def body():
        async with await aio.connect("ref:///default") as conn:
            web1 = await conn.domain("web1")
            plan = await web1.set({"downtime": 222})
            check(plan.in_force)
            values, info, support = await asyncio.gather(
                web1.get("downtime"), web1.info(), web1.probe())
            equal(values, {"downtime": 222})
            equal(info["domain"], "web1")
            check("downtime" in support)
            try:
                await web1.set({"downtime": "never"})
            except migtune.Error as error:
                equal(error.code, "invalid-value")
                equal(error.fields["parameter"], "downtime")
            else:
                raise AssertionError("a wrong value is accepted")

    asyncio.run(body())


def test_asyncio_progress():
    async def body(conn):
        conn = aio.Connection(conn)
        migration = aio.Migration(await conn.domain("web1"),
                                  await conn.domain("web1-dest"))
        check((await migration.check()).ok)
        seen = [job async for job in migration.progress()]
        check(seen)
        equal(migration.outcome.guest, "destination")

    with guests.connection(guests.pair("web1", ram="16MiB",
                                       bandwidth="16MiB/s")) as conn:
        asyncio.run(body(conn))


def test_asyncio_cancellation():
    """A task that is cancelled has ended the migration when it ends."""
    async def body(conn):
        conn = aio.Connection(conn)
        source = await conn.domain("web1")
        migration = aio.Migration(source, await conn.domain("web1-dest"))
        task = asyncio.create_task(migration.run())
        while migration.state != "migrating":
            check(not task.done(), "the migration goes on")
            await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        else:
            raise AssertionError("the task was not cancelled")
        equal(migration.state, "cancelled")
        equal((await source.info())["state"], "running")

        # A time limit is a cancellation.
        try:
            await asyncio.wait_for(
                aio.Migration(source, await conn.domain("web2-dest")).run(),
                0.5)
        except asyncio.TimeoutError:
            pass
        else:
            raise AssertionError("the time limit did not end it")
        equal((await source.info())["state"], "running")

    with guests.connection(guests.pair("web1", 1, **guests.SLOW),
                           guests.pair("web2", 2, **guests.SLOW)) as conn:
        asyncio.run(body(conn))


def test_asyncio_100_migrations():
    count = 100
    pairs = [guests.pair(f"g{n}", n, ram="1MiB") for n in range(count)]

    async def body(conn):
        conn = aio.Connection(conn)

        async def one(number):
            source = await conn.domain(f"g{number}")
            dest = await conn.domain(f"g{number}-dest")
            with guests.link() as address:
                return await aio.Migration(source, dest, listen=address).run()

        outcomes = await asyncio.gather(*map(one, range(count)))
        equal([outcome.guest for outcome in outcomes],
              ["destination"] * count)

    began = time.monotonic()
    with guests.connection(*pairs) as conn:
        asyncio.run(body(conn))
    print(f"# {count} migrations in {time.monotonic() - began:.1f} s")


def rss_kib():
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise tap.Skip("no /proc")


def test_memory_is_flat():
    cycles = int(os.environ.get("MIGTUNE_TEST_CYCLES", "500"))
    # An idle guest: one that writes has more and more of its RAM in memory.
    with guests.connection(guests.pair("web1")) as conn:
        web1 = conn.domain("web1")

        def cycle(number):
            value = 100 + number % 100
            web1.set({"downtime": value, "compression": "xbzrle"})
            equal(web1.get("downtime")["downtime"], value)
            if number % 5 == 0:
                raises("invalid-value", web1.set, {"downtime": "x"})

        # The caches of the interpreter are filled while they are traced.
        tracemalloc.start()
        for number in range(200):
            cycle(number)
        gc.collect()
        before, rss_before = tracemalloc.get_traced_memory()[0], rss_kib()
        for number in range(cycles):
            cycle(number)
        gc.collect()
        after, rss_after = tracemalloc.get_traced_memory()[0], rss_kib()
        tracemalloc.stop()
    print(f"# {cycles} cycles: Python {after - before:+} bytes, "
          f"RSS {rss_after - rss_before:+} KiB")
    check(after - before < 64 * 1024, "memory of Python grows")
    # A leak of one small object a cycle would be seen.
    check(rss_after - rss_before < 4096 + cycles // 10, "RSS grows")


def test_aio_has_every_method():
    for name in ("Connection", "Domain", "Plan", "Lowering", "Migration"):
        ours = {attribute for attribute in vars(getattr(migtune, name))
                if not attribute.startswith("_")}
        theirs = set(vars(getattr(aio, name)))
        equal((name, sorted(ours - theirs)), (name, []))


def test_documentation():
    for name in migtune.__all__:
        thing = getattr(migtune, name)
        check(inspect.getdoc(thing), name)
        for attribute, member in vars(thing).items() \
                if inspect.isclass(thing) else ():
            if (attribute.startswith("_") or dataclasses.is_dataclass(thing)
                    or not (inspect.isfunction(member)
                            or isinstance(member, property))):
                continue
            check(inspect.getdoc(member), f"{name}.{attribute}")
            if inspect.isfunction(member):
                check("return" in member.__annotations__,
                      f"{name}.{attribute} has no type hints")
    text = pydoc.render_doc(migtune, renderer=pydoc.plaintext)
    for wanted in ("class Domain", "connect(uri", "migtune-python(3)"):
        check(wanted in text, wanted)
    check("gi.repository" not in text.split("FILE")[0]
          .replace("migtune-", ""), "no foreign names")


tap.main(sys.modules["__main__"])
