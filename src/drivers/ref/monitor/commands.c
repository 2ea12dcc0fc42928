/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of commands, and the small commands.  The commands that set and
 * query capabilities and parameters are in tunables.c.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "drivers/ref/monitor/commands.h"
#include "drivers/ref/profile/schema.h"
#include "util/json-peek.h"

/* The texts are as they are now since these releases at the latest: 7.2 and
 * 10.0 have them, the last release tried before did not. */
#define CLIENT_TEXT_SINCE MT_RELEASE(7, 2)
#define COLO_TEXT_SINCE MT_RELEASE(10, 0)

#define NO_UUID "00000000-0000-0000-0000-000000000000"

static gboolean
run_query_name(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
               MtRefRefusal *refusal)
{
    JsonObject *name = json_object_new();

    if (g->spec->name)
        json_object_set_string_member(name, "name", g->spec->name);
    *ret_result = mt_json_node_new_object(name);
    return TRUE;
}

static gboolean
run_query_uuid(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
               MtRefRefusal *refusal)
{
    JsonObject *uuid = json_object_new();

    json_object_set_string_member(uuid, "UUID", g->spec->uuid ?
                                  g->spec->uuid : NO_UUID);
    *ret_result = mt_json_node_new_object(uuid);
    return TRUE;
}

static gboolean
run_query_version(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                  MtRefRefusal *refusal)
{
    *ret_result =
        mt_json_node_new_object(mt_ref_profile_version(g->profile));
    return TRUE;
}

static gboolean
run_query_kvm(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
              MtRefRefusal *refusal)
{
    JsonObject *kvm = json_object_new();

    json_object_set_boolean_member(kvm, "enabled", FALSE);
    json_object_set_boolean_member(kvm, "present", TRUE);
    *ret_result = mt_json_node_new_object(kvm);
    return TRUE;
}

static gboolean
run_query_commands(MtRefGuest *g, JsonObject *arguments,
                   JsonNode **ret_result, MtRefRefusal *refusal)
{
    *ret_result = mt_ref_schema_commands(g->profile);
    return TRUE;
}

static gboolean
run_query_events(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                 MtRefRefusal *refusal)
{
    *ret_result = mt_ref_schema_events(g->profile);
    return TRUE;
}

static gboolean
run_query_schema(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                 MtRefRefusal *refusal)
{
    *ret_result = mt_ref_schema_build(g->profile, g->spec->hide_deprecated);
    return TRUE;
}

static gboolean
run_query_migrate(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                  MtRefRefusal *refusal)
{
    *ret_result = mt_json_node_new_object(mt_ref_guest_query_migrate(g));
    return TRUE;
}

static gboolean
run_query_none(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
               MtRefRefusal *refusal)
{
    *ret_result = mt_json_node_new_array(json_array_new());
    return TRUE;
}

static gboolean
run_query_threads(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                  MtRefRefusal *refusal)
{
    JsonArray *threads = json_array_new();
    JsonObject *one;

    if (mt_ref_guest_is_migrating(g)) {
        one = json_object_new();
        json_object_set_string_member(one, "name", "migration");
        json_object_set_int_member(one, "thread-id", getpid());
        json_array_add_object_element(threads, one);
    }
    *ret_result = mt_json_node_new_array(threads);
    return TRUE;
}

static gboolean
run_query_colo(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
               MtRefRefusal *refusal)
{
    JsonObject *status = json_object_new();

    json_object_set_string_member(status, "mode", "none");
    json_object_set_string_member(status, "last-mode", "none");
    json_object_set_string_member(status, "reason", "none");
    *ret_result = mt_json_node_new_object(status);
    return TRUE;
}

/* Commands without any effect: a reference guest has no network card whose
 * address could be announced, and no dirty limit. */
static gboolean
run_nothing(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
            MtRefRefusal *refusal)
{
    return TRUE;
}

static gboolean
run_dirty_limit(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                MtRefRefusal *refusal)
{
    return mt_ref_refuse(refusal, "dirty page limit feature requires KVM with "
                         "accelerator property 'dirty-ring-size' set'");
}

/* A reference guest has no graphics client. */
static gboolean
run_client_info(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                MtRefRefusal *refusal)
{
    if (g_strcmp0(mt_json_peek_string(arguments, "protocol"), "spice") == 0) {
        mt_ref_refuse(refusal, "SPICE is not in use");
        refusal->error_class = "DeviceNotActive";
        return FALSE;
    }

    return mt_ref_refuse(refusal,
                         mt_ref_profile_release(g->profile) <
                                 CLIENT_TEXT_SINCE
                             ? "Parameter 'protocol' expects spice"
                             : "Parameter 'protocol' expects 'spice'");
}

static gboolean
run_lost_heartbeat(MtRefGuest *g, JsonObject *arguments,
                   JsonNode **ret_result, MtRefRefusal *refusal)
{
    return mt_ref_refuse(refusal,
                         mt_ref_profile_release(g->profile) < COLO_TEXT_SINCE
                             ? "The feature 'colo' is not enabled"
                             : "VM is not in COLO mode");
}

static gboolean
run_closefd(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
            MtRefRefusal *refusal)
{
    const char *name = mt_json_peek_string(arguments, "fdname");

    if (name && g_hash_table_remove(g->fds, name))
        return TRUE;
    return mt_ref_refuse(refusal, "File descriptor named '%s' not found",
                         name);
}

static const struct {
    const char *name;
    MtRefRun run;
} commands[] = {
    { "announce-self", run_nothing },
    { "calc-dirty-rate", mt_ref_run_calc_rate },
    { "cancel-vcpu-dirty-limit", run_nothing },
    { "client_migrate_info", run_client_info },
    { "closefd", run_closefd },
    { "cont", mt_ref_run_cont },
    { "migrate", mt_ref_run_migrate },
    { "migrate-continue", mt_ref_run_continue },
    { "migrate-incoming", mt_ref_run_incoming },
    { "migrate-pause", mt_ref_run_pause },
    { "migrate-recover", mt_ref_run_recover },
    { "migrate-start-postcopy", mt_ref_run_start_postcopy },
    { "migrate_cancel", mt_ref_run_cancel },
    { "object-add", mt_ref_run_object_add },
    { "object-del", mt_ref_run_object_del },
    { "qom-get", mt_ref_run_qom_get },
    { "qom-list", mt_ref_run_qom_list },
    { "query-colo-status", run_query_colo },
    { "query-commands", run_query_commands },
    { "query-dirty-rate", mt_ref_run_query_rate },
    { "query-events", run_query_events },
    { "query-fdsets", mt_ref_run_query_fdsets },
    { "query-kvm", run_query_kvm },
    { "query-migrate", run_query_migrate },
    { "query-migrationthreads", run_query_threads },
    { "query-name", run_query_name },
    { "query-qmp-schema", run_query_schema },
    { "query-status", mt_ref_run_query_status },
    { "query-uuid", run_query_uuid },
    { "query-vcpu-dirty-limit", run_query_none },
    { "query-version", run_query_version },
    { "quit", mt_ref_run_quit },
    { "remove-fd", mt_ref_run_remove_fd },
    { "set-vcpu-dirty-limit", run_dirty_limit },
    { "stop", mt_ref_run_stop },
    { "x-colo-lost-heartbeat", run_lost_heartbeat },
};

MtRefRun
mt_ref_command_get_run(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run;
    }
    return NULL;
}
