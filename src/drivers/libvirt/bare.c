/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest without its monitor: what libvirt's own functions tell of it, as
 * answers to the commands that ask for it.
 *
 * There is no schema then, so that what query-migrate-parameters has is all
 * that there is: the few parameters that libvirt has functions for.
 */
#include "config.h"

#include "drivers/libvirt/native.h"
#include "util/json-peek.h"

/* What this "QEMU" has. */
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

/* That of the host's QEMU: libvirt does not tell that of a guest. */
static JsonNode *
bare_version(virDomainPtr domain, GError **error)
{
    unsigned long version = 0;
    JsonObject *numbers;
    JsonObject *object;

    if (virConnectGetVersion(virDomainGetConnect(domain), &version) < 0) {
        lv_error_take(error, LV_TO_ASK, "asking for the version of QEMU");
        return NULL;
    }
    numbers = json_object_new();
    json_object_set_int_member(numbers, "major", version / 1000000);
    json_object_set_int_member(numbers, "minor", version / 1000 % 1000);
    json_object_set_int_member(numbers, "micro", version % 1000);
    object = json_object_new();
    json_object_set_object_member(object, "qemu", numbers);
    json_object_set_string_member(object, "package", "");

    return mt_json_node_new_object(object);
}

static JsonNode *
bare_status(virDomainPtr domain, GError **error)
{
    JsonObject *object;
    int state;

    if (virDomainGetState(domain, &state, NULL, 0) < 0) {
        lv_error_take(error, LV_TO_ASK, "asking for the state");
        return NULL;
    }
    object = json_object_new();
    json_object_set_string_member(object, "status",
                                  state == VIR_DOMAIN_RUNNING ? "running"
                                                              : "paused");

    return mt_json_node_new_object(object);
}

static JsonNode *
bare_migration(virDomainPtr domain, GError **error)
{
    JsonObject *object = json_object_new();
    virDomainJobInfo info;

    if (virDomainGetJobInfo(domain, &info) == 0 &&
        info.type != VIR_DOMAIN_JOB_NONE)
        json_object_set_string_member(object, "status", "active");

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
            lv_error_take(error, LV_TO_ASK, native->function);
            json_object_unref(object);
            return NULL;
        }
    }

    return mt_json_node_new_object(object);
}

static const struct {
    const char *command;
    JsonNode *(*answer)(virDomainPtr domain, GError **error);
} bare_answers[] = {
    { "query-commands", bare_list_commands },
    { "query-version", bare_version },
    { "query-status", bare_status },
    { "query-migrate", bare_migration },
    { "query-migrate-capabilities", bare_capabilities },
    { "query-migrate-parameters", bare_parameters },
};

JsonNode *
lv_bare_answer(virDomainPtr domain, const char *command, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bare_answers); i++) {
        if (g_strcmp0(bare_answers[i].command, command) == 0)
            return bare_answers[i].answer(domain, error);
    }
    /* As QEMU says it of what it does not know. */
    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      "%s needs QEMU's monitor, which --no-monitor rules out",
                      command);
    if (error) {
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_COMMAND, command);
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_QEMU_CLASS,
                                "CommandNotFound");
    }

    return NULL;
}
