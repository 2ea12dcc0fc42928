#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library from Python, through the typelib: guests of ref:///default."""
import sys
import tempfile

import gi

gi.require_version("Migtune", "0.1")
from gi.repository import Gio, GLib, Migtune  # noqa: E402

LINK = "unix:%s/link"


def check(condition, what):
    if not condition:
        sys.exit("failed: " + what)


def unpack(variant):
    """A dictionary a{sv} as one of Python."""
    return {key: variant.lookup_value(key, None).unpack()
            for key in variant.keys()}


def settings(**values):
    kinds = {bool: "b", int: "x", str: "s"}
    return GLib.Variant("a{sv}", {
        name: GLib.Variant(kinds[type(value)], value)
        for name, value in values.items()})


def test_blocking(conn):
    check("web1" in conn.list(None), "web1 is listed")
    domain = conn.lookup("web1", None)
    check(domain.get_name() == "web1", "its name")
    plan = domain.plan_settings(settings(downtime=222, compression="zstd"), 0,
                                None)
    check(plan.get_n_verdicts() == 2, "two verdicts")
    plan.apply(None)
    got = unpack(domain.get_settings(["downtime", "compression"], 0, None))
    check(got == {"downtime": 222, "compression": "zstd"}, str(got))
    domain.set_settings(settings(compression="none", parallel=False), 0, None)


def test_errors(conn):
    domain = conn.lookup("web1", None)
    try:
        domain.set_settings(settings(downtime="never"), 0, None)
    except GLib.Error as error:
        check(error.matches(Migtune.error_quark(),
                            Migtune.ErrorCode.INVALID_VALUE), str(error))
    else:
        check(False, "a wrong value is refused")


def test_migration(conn, link):
    """Awaited in a main loop, with progress by the signal."""
    loop = GLib.MainLoop()
    source = conn.lookup("web1", None)
    destination = conn.lookup("web1-dest", None)
    seen = []
    ended = []

    def finish(domain, result, data):
        try:
            ended.append(domain.wait_job_finish(result))
        except GLib.Error as error:
            ended.append(error)
        loop.quit()

    source.connect("job-progress",
                   lambda domain, progress: seen.append(unpack(progress)))
    source.set_settings(settings(bandwidth=0), 0, None)
    destination.migrate_incoming(link, 0, None)
    source.migrate(link, 0, None)
    source.wait_job_async(0, 0, None, finish, None)
    loop.run()
    check(ended == [True], str(ended))
    check(seen and seen[-1]["job"] == "completed", str(seen[-1:]))
    check(seen[-1]["statistics"]["memory_total"] > 0, "statistics")
    destination.wait_incoming(60000, None)


def test_cancel(conn):
    cancellable = Gio.Cancellable()
    cancellable.cancel()
    try:
        conn.lookup("db1", None).get_info(cancellable)
    except GLib.Error as error:
        check(error.matches(Migtune.error_quark(),
                            Migtune.ErrorCode.CANCELLED), str(error))
    else:
        check(False, "a cancelled call fails")


def main():
    conn = Migtune.Conn.open("ref:///default", 0, 0, None)
    with tempfile.TemporaryDirectory() as directory:
        test_blocking(conn)
        test_errors(conn)
        test_cancel(conn)
        test_migration(conn, LINK % directory)


main()
