/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A profile and its tunables behind the functions that a monitor calls.
 */
#include "config.h"

#include <string.h>

#include "ref-bare.h"

#include "drivers/ref/profile/schema.h"
#include "qmp/message.h"
#include "util/json-peek.h"
#include "util/json.h"

const char *const ref_bare_all_options[] = {
    "zstd",
    "qpl",
    "uadk",
    "qatzip",
    "rdma",
    "replication",
    "live-block-migration",
    NULL,
};

RefBare *
ref_bare_new(MtRefProfile *profile)
{
    RefBare *bare = g_new0(RefBare, 1);

    bare->profile = profile;
    bare->tunables = mt_ref_tunables_new(profile);
    bare->situation.ram_bytes = 128 << 20;

    return bare;
}

RefBare *
ref_bare_new_for_release(MtRelease release)
{
    g_autoptr(GError) error = NULL;
    MtRefProfile *profile = mt_ref_profile_new(release, NULL, NULL, &error);

    g_assert_no_error(error);

    return ref_bare_new(profile);
}

void
ref_bare_free(RefBare *bare)
{
    if (!bare)
        return;

    mt_ref_tunables_free(bare->tunables);
    mt_ref_profile_unref(bare->profile);
    g_free(bare);
}

JsonNode *
ref_bare_execute(RefBare *bare, const char *command, JsonObject *arguments,
                 MtRefRefusal *refusal)
{
    JsonNode *result = NULL;

    if (!mt_ref_input_check(bare->profile, command, arguments,
                            bare->situation.reject, refusal))
        return NULL;
    if (mt_ref_tunables_knows(command)) {
        mt_ref_tunables_run(bare->tunables, &bare->situation, command,
                            arguments, &result, refusal);
        return result;
    }
    if (strcmp(command, "query-qmp-schema") == 0)
        return mt_ref_schema_build(bare->profile,
                                   bare->situation.hide_deprecated);
    if (strcmp(command, "query-commands") == 0)
        return mt_ref_schema_commands(bare->profile);
    if (strcmp(command, "query-events") == 0)
        return mt_ref_schema_events(bare->profile);

    return mt_json_node_new_object(json_object_new());
}

gboolean
ref_bare_run(RefBare *bare, const char *command, const char *arguments,
             char **ret_desc)
{
    g_autofree char *text =
        g_strdelimit(g_strdup(arguments ? arguments : "{}"), "'", '"');
    g_autoptr(JsonObject) object = mt_json_parse_object(text, -1, NULL);
    g_autoptr(JsonNode) result = NULL;
    MtRefRefusal refusal = { 0 };

    g_assert_nonnull(object);
    result = ref_bare_execute(bare, command, object, &refusal);
    if (ret_desc)
        *ret_desc = g_strdup(refusal.desc);
    mt_ref_refusal_clear(&refusal);

    return result != NULL;
}

void
ref_bare_start_incoming(RefBare *bare, const char *scheme)
{
    MtRefRefusal refusal = { 0 };

    bare->situation.incoming = TRUE;
    mt_ref_tunables_check_start(bare->tunables, &bare->situation, TRUE, scheme,
                                &refusal);
    g_assert_cmpstr(refusal.desc, ==, NULL);
    bare->situation.incoming_started = TRUE;
}

static JsonNode *
bare_find(JsonNode *capabilities, JsonNode *parameters, const char *name)
{
    JsonArray *list = json_node_get_array(capabilities);

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);

        if (g_str_equal(mt_json_peek_string(entry, "capability"), name))
            return json_object_get_member(entry, "state");
    }

    return json_object_get_member(json_node_get_object(parameters), name);
}

char *
ref_bare_dup_value(RefBare *bare, const char *name)
{
    MtRefRefusal refusal = { 0 };
    g_autoptr(JsonNode) capabilities =
        ref_bare_execute(bare, "query-migrate-capabilities", NULL, &refusal);
    g_autoptr(JsonNode) parameters =
        ref_bare_execute(bare, "query-migrate-parameters", NULL, &refusal);
    JsonNode *node = bare_find(capabilities, parameters, name);

    return node ? mt_json_to_line(node) : NULL;
}

static gboolean
bare_exec_run(MtExec *exec, MtCommand *commands, guint n_commands,
              GCancellable *cancellable, GError **error)
{
    RefBare *bare = ((RefBareExec *)exec)->bare;

    for (guint i = 0; i < n_commands; i++) {
        MtRefRefusal refusal = { 0 };

        commands[i].result = ref_bare_execute(bare, commands[i].name,
                                              commands[i].arguments, &refusal);
        commands[i].answered = TRUE;
        if (!commands[i].result)
            commands[i].error = mt_message_refusal(
                commands[i].name, refusal.error_class, refusal.desc);
        mt_ref_refusal_clear(&refusal);
    }

    return TRUE;
}

void
ref_bare_exec_init(RefBareExec *exec, RefBare *bare)
{
    *exec = (RefBareExec) { .exec = { .run = bare_exec_run }, .bare = bare };
}
