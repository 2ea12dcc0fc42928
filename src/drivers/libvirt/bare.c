/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers to QMP queries from libvirt's own functions, without QEMU's monitor.
 *
 * They are used for commands that only look at a guest, because the monitor
 * marks the guest as tainted, and for everything with --no-monitor.  Then
 * there is no schema, so that query-migrate-parameters determines which
 * parameters are known: the few that libvirt has functions for.
 */
#include "config.h"

#include "drivers/libvirt/native.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* The commands that work without the monitor. */
static const char *const bare_commands[] = {
    "query-commands", "query-version", "query-status", "query-migrate",
    "query-migrate-capabilities", "query-migrate-parameters",
    "migrate-set-parameters",
};

static JsonNode *
bare_list_commands(virDomainPtr domain, GError **error)
{
    JsonArray *array = json_array_new();

    for (gsize i = 0; i < G_N_ELEMENTS(bare_commands); i++) {
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "name", bare_commands[i]);
        json_array_add_object_element(array, object);
    }

    return mt_json_node_new_array(array);
}

JsonNode *
lv_bare_version(unsigned long version)
{
    JsonObject *numbers = json_object_new();
    JsonObject *object = json_object_new();

    json_object_set_int_member(numbers, "major", version / 1000000);
    json_object_set_int_member(numbers, "minor", version / 1000 % 1000);
    json_object_set_int_member(numbers, "micro", version % 1000);
    json_object_set_object_member(object, "qemu", numbers);
    json_object_set_string_member(object, "package", "");

    return mt_json_node_new_object(object);
}

/* The version of the host's QEMU.  libvirt does not report the version that a
 * guest runs, which is older if QEMU was updated since the guest started. */
static JsonNode *
bare_version(virDomainPtr domain, GError **error)
{
    unsigned long version = 0;

    if (g_strcmp0(virConnectGetType(virDomainGetConnect(domain)), "QEMU") !=
        0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("this URI does not lead to QEMU guests"));
        return NULL;
    }
    if (virConnectGetVersion(virDomainGetConnect(domain), &version) < 0) {
        lv_error_take(error, LV_TO_QUERY, _("cannot read the version of QEMU"));
        return NULL;
    }

    return lv_bare_version(version);
}

/* QEMU's run state for libvirt's; other states are "paused". */
static const char *const bare_states[] = {
    [VIR_DOMAIN_RUNNING] = "running",
    [VIR_DOMAIN_BLOCKED] = "running",
    [VIR_DOMAIN_SHUTDOWN] = "shutdown",
    [VIR_DOMAIN_SHUTOFF] = "shutdown",
    [VIR_DOMAIN_CRASHED] = "guest-panicked",
    [VIR_DOMAIN_PMSUSPENDED] = "suspended",
};

static JsonNode *
bare_status(virDomainPtr domain, GError **error)
{
    const char *text = NULL;
    JsonObject *object;
    int state;
    int reason = 0;

    if (virDomainGetState(domain, &state, &reason, 0) < 0) {
        lv_error_take(error, LV_TO_QUERY, _("cannot read the state"));
        return NULL;
    }
    if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_MIGRATION)
        text = "inmigrate";
    else if (state >= 0 && state < (int)G_N_ELEMENTS(bare_states))
        text = bare_states[state];
    object = json_object_new();
    json_object_set_string_member(object, "status", text ? text : "paused");

    return mt_json_node_new_object(object);
}

static JsonNode *
bare_capabilities(virDomainPtr domain, GError **error)
{
    return mt_json_node_new_array(json_array_new());
}

static JsonNode *
bare_parameters(virDomainPtr domain, GError **error)
{
    JsonObject *object = json_object_new();
    const LvNative *native;

    for (guint i = 0; (native = lv_native_nth(i)); i++) {
        guint64 value;

        if (native->get(domain, &value) == 0) {
            json_object_set_member(object, native->member,
                                   mt_json_node_new_uint64(value *
                                                           native->unit));
        } else if (lv_error_is_loss()) {
            lv_error_take(error, LV_TO_QUERY, native->function);
            json_object_unref(object);
            return NULL;
        }
    }

    return mt_json_node_new_object(object);
}

static const struct {
    const char *command;
    JsonNode *(*answer)(virDomainPtr domain, GError **error);
    gboolean waits;             /* for the end of an incoming migration */
} bare_answers[] = {
    { "query-commands", bare_list_commands, FALSE },
    { "query-version", bare_version, FALSE },
    { "query-status", bare_status, FALSE },
    { "query-migrate", lv_job_to_migration, FALSE },
    { "query-migrate-capabilities", bare_capabilities, FALSE },
    { "query-migrate-parameters", bare_parameters, TRUE },
};

gboolean
lv_bare_waits(const char *command)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bare_answers); i++) {
        if (g_strcmp0(bare_answers[i].command, command) == 0)
            return bare_answers[i].waits;
    }

    return FALSE;
}

JsonNode *
lv_bare_answer(virDomainPtr domain, const char *command, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bare_answers); i++) {
        if (g_strcmp0(bare_answers[i].command, command) == 0)
            return bare_answers[i].answer(domain, error);
    }
    /* QEMU's error class for an unknown command. */
    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      _("%s needs QEMU's monitor, which --no-monitor forbids"),
                      command);
    if (error) {
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_COMMAND, command);
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_QEMU_CLASS,
                                "CommandNotFound");
    }

    return NULL;
}
