#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The functions of docs/howto-orchestrator.rst between two libvirt daemons.

    orchestrator.py HOWTO
"""
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))

import howto  # noqa: E402
import migtune  # noqa: E402
import pair_of_hosts  # noqa: E402

try:
    import libvirt
except ImportError:
    libvirt = None


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def shares_the_connection(functions, hosts):
    """A virConnect and a virDomain of libvirt-python are taken as they are."""
    dom = hosts["alpha"][1].lookupByName("web1")
    conn = migtune.connect(dom.connect())
    check("web1" in conn.domains(), "the guest is listed")
    for key in (dom, "web1", dom.UUIDString()):
        check(conn.domain(key).uuid == dom.UUIDString(), f"found by {key!r}")
    web1 = conn.domain(dom)
    web1.set({"downtime": 432})
    check(dom.migrateGetMaxDowntime() == 432, "libvirt sees the value")
    check(web1.get("downtime") == {"downtime": 432}, "so does migtune")
    del conn, web1
    check(dom.connect().isAlive(), "the program's connection stays open")
    try:
        migtune.connect(hosts["beta"][1]).domain(dom)
    except migtune.Error as error:
        check(error.code == "invalid-argument", str(error))
    else:
        raise AssertionError("a domain of another connection is accepted")


def checks_before(functions, hosts):
    domain = migtune.connect(hosts["alpha"][1]).domain("web1")
    message = functions["pre_check_libvirt"](
        domain, {"compression": "xbzrle", "bandwidth": 100})
    check(message["ok"], str(message))
    check(message["params"] == {"compression": "xbzrle", "bandwidth": 100},
          str(message))
    message = functions["pre_check_libvirt"](domain, {"downtme": 1})
    check(message["code"] == "unknown-parameter", str(message))


def migrates(functions, hosts):
    dom = hosts["alpha"][1].lookupByName("web1")
    seen = []
    functions["migrate_by_libvirt"](
        dom, hosts["beta"][0],
        {"compression": "xbzrle", "compression.xbzrle.cache": "16MiB",
         "bandwidth": 100}, seen=seen)
    check(not hosts["alpha"][1].listAllDomains(), "it has left")
    back = hosts["beta"][1].lookupByName("web1")
    check(back.isActive(), "it has arrived")
    stats = back.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
    check(stats["compression_cache"] == 16 << 20, str(stats))
    for sample in seen:
        check(set(sample) >= {"type", "memory_total"}, str(sample))


def aborts(functions, hosts):
    dom = hosts["beta"][1].lookupByName("web1")
    try:
        functions["migrate_by_libvirt"](
            dom, hosts["alpha"][0], {"bandwidth": 1}, deadline=0.5)
    except libvirt.libvirtError as error:
        check(error.get_error_code() == libvirt.VIR_ERR_OPERATION_ABORTED,
              str(error))
    else:
        raise AssertionError("it was not aborted")
    check(dom.isActive(), "it stays")


def switches_to_postcopy(functions, hosts):
    dom = hosts["beta"][1].lookupByName("web1")
    functions["migrate_by_libvirt"](
        dom, hosts["alpha"][0], {"bandwidth": 1, "postcopy": True},
        deadline=0.5, postcopy=True)
    back = hosts["alpha"][1].lookupByName("web1")
    check(back.isActive(), "it has arrived")


TESTS = [shares_the_connection, checks_before, migrates, aborts,
         switches_to_postcopy]


def main():
    reason = pair_of_hosts.missing()
    if libvirt is None:
        reason = "there is no libvirt-python"
    if reason:
        print(f"1..0 # SKIP {reason}")
        return

    functions = howto.load(sys.argv[1])
    libvirt.registerErrorHandler(lambda *_: None, None)
    print(f"1..{len(TESTS)}", flush=True)
    failed = 0
    with pair_of_hosts.two_hosts(libvirt) as hosts, \
            tempfile.NamedTemporaryFile() as ballast:
        # Memory that takes half a minute at 1 MiB/s.
        ballast.write(os.urandom(32 << 20))
        ballast.flush()
        hosts["alpha"][1].createXML(pair_of_hosts.guest_xml(
            "web1", memory=96, loaded=ballast.name))
        for number, test in enumerate(TESTS, 1):
            name = test.__name__.replace("_", " ")
            try:
                test(functions, hosts)
                print(f"ok {number} - {name}", flush=True)
            except Exception as error:
                failed += 1
                print(f"not ok {number} - {name}", flush=True)
                print(f"# {type(error).__name__}: {error}", flush=True)
    sys.exit(failed != 0)


main()
