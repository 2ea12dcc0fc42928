/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands and events of reference guests, and the releases that have
 * them.
 *
 * These are QEMU's migration interface and what a client needs with it.
 * Commands for devices, disks or other hypervisors (snapshot-*, xen-*) are
 * absent, because a reference guest has no devices.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/profile/profile-private.h"

#define R(major, minor) MT_RELEASE(major, minor)
#define SINCE(major, minor) .span = { .since = R(major, minor) }

/* Removed together in 6.0.  They were deprecated long before, but the schema
 * could not say so before 5.0. */
#define RETIRED_6_0 .span = { 0, R(5, 0), R(6, 0) }

const MtRefCommand mt_ref_commands[] = {
    { "migrate", "migrate-arg" },
    { "migrate_cancel" },
    { "migrate-incoming", "migrate-incoming-arg" },
    { "migrate-set-capabilities", "migrate-set-capabilities-arg" },
    { "query-migrate-capabilities", NULL, "[MigrationCapabilityStatus]" },
    { "migrate-set-parameters", "MigrateSetParameters" },
    { "query-migrate-parameters", NULL, "MigrationParameters" },
    { "migrate-set-cache-size", "int-value-arg", RETIRED_6_0 },
    { "query-migrate-cache-size", NULL, "int", RETIRED_6_0 },
    { "migrate_set_downtime", "number-value-arg", RETIRED_6_0 },
    { "migrate_set_speed", "int-value-arg", RETIRED_6_0 },
    { "migrate-start-postcopy", SINCE(2, 5) },
    { "migrate-continue", "migrate-continue-arg", SINCE(2, 11) },
    { "migrate-pause", SINCE(3, 0), .out_of_band = TRUE },
    { "migrate-recover", "migrate-recover-arg", SINCE(3, 0),
      .out_of_band = TRUE },
    { "query-migrate", NULL, "MigrationInfo" },
    { "query-migrationthreads", NULL, "[MigrationThreadInfo]",
      { R(8, 0), R(9, 2), R(11, 0) } },
    { "client_migrate_info", "client_migrate_info-arg" },
    { "calc-dirty-rate", "calc-dirty-rate-arg", SINCE(5, 2) },
    { "query-dirty-rate", "query-dirty-rate-arg", "DirtyRateInfo",
      SINCE(5, 2) },
    { "set-vcpu-dirty-limit", "set-vcpu-dirty-limit-arg", SINCE(7, 1) },
    { "cancel-vcpu-dirty-limit", "cancel-vcpu-dirty-limit-arg", SINCE(7, 1) },
    { "query-vcpu-dirty-limit", NULL, "[DirtyLimitInfo]", SINCE(7, 1) },
    { "announce-self", "AnnounceParameters", SINCE(4, 0) },
    { "x-colo-lost-heartbeat", .span = { R(2, 8), 0, 0, R(6, 2) } },
    { "query-colo-status", NULL, "COLOStatus", SINCE(3, 1) },

    { "query-commands", NULL, "[NamedInfo]" },
    { "query-events", NULL, "[NamedInfo]", RETIRED_6_0 },
    { "query-qmp-schema", NULL, "[SchemaInfo]", SINCE(2, 5),
      .careless_until = R(5, 2) },
    { "qmp_capabilities", "qmp_capabilities-arg" },
    { "query-version", NULL, "VersionInfo" },
    { "query-name", NULL, "NameInfo" },
    { "query-uuid", NULL, "UuidInfo" },
    { "query-kvm", NULL, "KvmInfo" },
    { "query-status", NULL, "StatusInfo" },
    { "stop" },
    { "cont" },
    { "quit" },
    { "human-monitor-command", "human-monitor-command-arg", "str" },
    { "getfd", "fdname-arg" },
    { "closefd", "fdname-arg" },
    { "add-fd", "add-fd-arg", "AddfdInfo" },
    { "remove-fd", "remove-fd-arg" },
    { "query-fdsets", NULL, "[FdsetInfo]" },
    { "object-add", "object-add-arg", .careless_until = R(5, 2) },
    { "object-del", "object-del-arg" },
    { "qom-list", "qom-list-arg", "[ObjectPropertyInfo]" },
    { "qom-get", "qom-get-arg", "any" },
    { "x-migtune-fault", "x-migtune-fault-arg",
      .span = { .unstable = R(2, 4) } },
    { NULL },
};

const MtRefEvent mt_ref_events[] = {
    { "MIGRATION", "MIGRATION-arg" },
    { "MIGRATION_PASS", "MIGRATION_PASS-arg", SINCE(2, 6) },
    { "COLO_EXIT", "COLO_EXIT-arg", SINCE(3, 1) },
    { "UNPLUG_PRIMARY", "UNPLUG_PRIMARY-arg", SINCE(4, 2) },
    { "VFIO_MIGRATION", "VFIO_MIGRATION-arg", SINCE(9, 1) },
    { "STOP" },
    { "RESUME" },
    { "SHUTDOWN", "SHUTDOWN-arg" },
    { NULL },
};

const MtRefCommand *
mt_ref_command_find(const char *name)
{
    for (const MtRefCommand *c = mt_ref_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }

    return NULL;
}
