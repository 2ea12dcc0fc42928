#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records what a QEMU answers, for tests that replay it.

    record.py QEMU [ARGUMENT...]                   > qemu-X.Y.json
    record.py --full schema.json.gz QEMU [...]     > qemu-X.Y.json

QEMU is started without a machine, with its monitor on stdin and stdout, and
queried for its identity and its features.  The result is one JSON object:
"greeting", then one member for each query command with the returned value.  The
schema is reduced to the commands and events of migration and to the types that
they use; --full also writes the complete schema.
"""

import argparse
import gzip
import json
import subprocess
import sys

QUERIES = [
    "query-version",
    "query-commands",
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-migrate",
    "query-name",
    "query-uuid",
    "query-status",
    "query-qmp-schema",
]

COMMANDS = set("""
    announce-self calc-dirty-rate cancel-vcpu-dirty-limit client_migrate_info
    cont migrate migrate-continue migrate-incoming migrate-pause
    migrate-recover migrate-set-cache-size migrate-set-capabilities
    migrate-set-parameters migrate-start-postcopy migrate_cancel
    migrate_set_downtime migrate_set_speed object-add object-del
    qmp_capabilities query-colo-status query-commands query-dirty-rate
    query-events query-migrate query-migrate-cache-size
    query-migrate-capabilities query-migrate-parameters
    query-migrationthreads query-name query-qmp-schema query-status
    query-uuid query-vcpu-dirty-limit query-version
    query-xen-replication-status quit set-vcpu-dirty-limit snapshot-delete
    snapshot-load snapshot-save stop x-colo-lost-heartbeat
    xen-colo-do-checkpoint xen-load-devices-state xen-save-devices-state
    xen-set-replication
""".split())

EVENTS = set("""
    COLO_EXIT MEM_UNPLUG_ERROR MIGRATION MIGRATION_PASS RESUME SHUTDOWN
    SPICE_MIGRATE_COMPLETED STOP UNPLUG_PRIMARY VFIO_MIGRATION
""".split())


def ask(qemu, command):
    qemu.stdin.write(json.dumps({"execute": command, "id": command}) + "\n")
    qemu.stdin.flush()
    for line in qemu.stdout:
        message = json.loads(line)
        if message.get("id") != command:
            continue
        if "error" in message:
            sys.exit("record.py: %s: %s" % (command, message["error"]["desc"]))
        return message["return"]
    sys.exit("record.py: QEMU ended before it answered %s" % command)


def references(entry):
    """The types that an entry of the schema names."""
    for member in ("arg-type", "ret-type", "element-type"):
        if member in entry:
            yield entry[member]
    for part in ("members", "variants"):
        for member in entry.get(part, []):
            # An enum has had a list of this name as well, without types.
            if isinstance(member, dict) and "type" in member:
                yield member["type"]


def reduce(schema):
    by_name = {entry["name"]: entry for entry in schema
               if entry["meta-type"] not in ("command", "event")}
    keep = set()
    todo = []
    kept = []

    for entry in schema:
        wanted = {"command": COMMANDS, "event": EVENTS}
        if entry["name"] in wanted.get(entry["meta-type"], ()):
            kept.append(entry)
            todo.extend(references(entry))
    while todo:
        name = todo.pop()
        if name not in keep:
            keep.add(name)
            todo.extend(references(by_name[name]))
    kept.extend(entry for name, entry in by_name.items() if name in keep)
    return sorted(kept, key=lambda e: (
        e["meta-type"] not in ("command", "event"),
        e["name"].isdigit(), e["name"].zfill(8) if e["name"].isdigit()
        else e["name"]))


def lines(value):
    """JSON with one entry of a list on a line, so that diffs can be read."""
    if not isinstance(value, list) or not value:
        return json.dumps(value, sort_keys=True)
    return "[\n" + ",\n".join(
        json.dumps(entry, sort_keys=True) for entry in value) + "\n]"


def main():
    parser = argparse.ArgumentParser(
        description="Records what a QEMU answers, for tests that replay it.")
    parser.add_argument("--full", metavar="FILE",
                        help="also write the whole schema, gzipped")
    parser.add_argument("qemu", nargs=argparse.REMAINDER,
                        help="QEMU and further arguments")
    args = parser.parse_args()
    if not args.qemu:
        parser.error("which QEMU?")

    qemu = subprocess.Popen(
        args.qemu + ["-machine", "none", "-nodefaults", "-display", "none",
                     "-S", "-qmp", "stdio"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    replies = {"greeting": json.loads(qemu.stdout.readline())}
    ask(qemu, "qmp_capabilities")
    for query in QUERIES:
        replies[query] = ask(qemu, query)
    ask(qemu, "quit")
    qemu.communicate()

    if args.full:
        # No time stamp: recording the same release again changes nothing.
        with open(args.full, "wb") as raw, \
                gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
            out.write(json.dumps(replies["query-qmp-schema"],
                                 separators=(",", ":")).encode())
    replies["query-commands"].sort(key=lambda c: c["name"])
    replies["query-qmp-schema"] = reduce(replies["query-qmp-schema"])
    print("{\n" + ",\n".join(
        '"%s": %s' % (name, lines(value)) for name, value in replies.items())
        + "\n}")


if __name__ == "__main__":
    main()
