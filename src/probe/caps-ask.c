/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking a QEMU what it can do: by its schema if it has one, otherwise by its
 * list of commands and by the settings that it reports.
 */
#include "config.h"

#include "probe/caps-private.h"
#include "probe/evidence.h"
#include "probe/schema.h"
#include "util/i18n.h"
#include "util/json-peek.h"

#include "migtune/migtune-error.h"

static void
caps_take_members(MtCapsEntry *entry, const MtSchema *schema, const char *type)
{
    g_autoptr(GArray) members = mt_schema_members(schema, type);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < members->len; i++)
        g_ptr_array_add(
            names,
            g_strdup(g_array_index(members, MtSchemaMember, i).name));
    g_ptr_array_add(names, NULL);
    entry->members = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static gboolean
caps_schema_has_command(gpointer schema, const char *command)
{
    return mt_schema_has_command(schema, command);
}

static MtCaps *
caps_from_schema(JsonNode *root, MtRelease told, GError **error)
{
    g_autoptr(MtSchema) schema = mt_schema_new(root, error);
    g_autoptr(MtCaps) caps = NULL;
    g_autoptr(GArray) names = NULL;
    g_autoptr(GArray) params = NULL;
    const char *list, *type;

    if (!schema)
        return NULL;

    caps = mt_caps_new(MT_CAPS_FROM_SCHEMA);
    type = mt_schema_arg_type(schema, "migrate-set-capabilities");
    list = mt_schema_member_type(schema, type, "capabilities");
    type = mt_schema_element_type(schema, list);
    type = mt_schema_member_type(schema, type, "capability");
    names = mt_schema_members(schema, type);
    for (guint i = 0; i < names->len; i++) {
        MtSchemaMember *member = &g_array_index(names, MtSchemaMember, i);
        MtCapsEntry *entry = mt_caps_add(caps, MT_KIND_CAPABILITY, member->name,
                                      MT_TYPE_BOOL);

        if (entry) {
            entry->deprecated = member->deprecated;
            entry->unstable = member->unstable;
        }
    }

    type = mt_schema_arg_type(schema, "migrate-set-parameters");
    params = mt_schema_members(schema, type);
    for (guint i = 0; i < params->len; i++) {
        MtSchemaMember *member = &g_array_index(params, MtSchemaMember, i);
        MtType row_type = mt_schema_row_type(schema, member->type);
        MtCapsEntry *entry = mt_caps_add(caps, MT_KIND_PARAMETER, member->name,
                                      row_type);

        if (!entry)
            continue;
        entry->deprecated = member->deprecated;
        entry->unstable = member->unstable;
        if (row_type == MT_TYPE_ENUM)
            caps_take_members(entry, schema, member->type);
    }
    if (caps->entries->len == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("this QEMU has no migration capabilities and no "
                            "migration parameters"));
        return NULL;
    }

    mt_caps_add_legacy(caps, caps_schema_has_command, schema);
    mt_caps_settle(caps, mt_evidence_release(caps, schema, told));
    return g_steal_pointer(&caps);
}

/* Whether the answer to query-commands lists @command. */
static gboolean
caps_listed_command(gpointer list, const char *command)
{
    JsonArray *array = list;

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);

        if (JSON_NODE_HOLDS_OBJECT(node) &&
            g_strcmp0(mt_json_peek_string(json_node_get_object(node), "name"),
                      command) == 0)
            return TRUE;
    }

    return FALSE;
}

static MtType
caps_type_of_value(JsonNode *node)
{
    if (!JSON_NODE_HOLDS_VALUE(node))
        return MT_TYPE_JSON;
    switch (json_node_get_value_type(node)) {
    case G_TYPE_BOOLEAN:
        return MT_TYPE_BOOL;
    case G_TYPE_INT64:
        return MT_TYPE_ULLONG;
    case G_TYPE_STRING:
        return MT_TYPE_STRING;
    default:
        return MT_TYPE_JSON;
    }
}

/* For QEMU without query-qmp-schema: takes the capabilities and parameters that
 * it reports, and the commands that it has. */
static MtCaps *
caps_from_commands(MtExec *exec, MtRelease told, GCancellable *cancellable,
                   GError **error)
{
    static const char *const names[] = {
        "query-commands",
        "query-migrate-capabilities",
        "query-migrate-parameters",
    };
    g_autoptr(MtCaps) caps = mt_caps_new(MT_CAPS_FROM_COMMANDS);
    MtCommand commands[G_N_ELEMENTS(names)];
    JsonArray *array;
    gboolean ok;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        mt_command_init(&commands[i], names[i], NULL);
    ok = exec->run(exec, commands, G_N_ELEMENTS(names), cancellable, error);
    if (ok && commands[0].error) {
        g_propagate_error(error, g_steal_pointer(&commands[0].error));
        ok = FALSE;
    }
    if (!ok)
        goto out;

    if (commands[1].result && JSON_NODE_HOLDS_ARRAY(commands[1].result)) {
        array = json_node_get_array(commands[1].result);
        for (guint i = 0; i < json_array_get_length(array); i++) {
            JsonNode *node = json_array_get_element(array, i);
            const char *name = NULL;

            if (JSON_NODE_HOLDS_OBJECT(node))
                name = mt_json_peek_string(json_node_get_object(node),
                                           "capability");
            if (name)
                mt_caps_add(caps, MT_KIND_CAPABILITY, name, MT_TYPE_BOOL);
        }
    }
    if (commands[2].result && JSON_NODE_HOLDS_OBJECT(commands[2].result)) {
        JsonObjectIter iter;
        const char *name;
        JsonNode *node;

        json_object_iter_init_ordered(
            &iter, json_node_get_object(commands[2].result));
        while (json_object_iter_next_ordered(&iter, &name, &node))
            mt_caps_add(caps, MT_KIND_PARAMETER, name, caps_type_of_value(node));
    }
    if (JSON_NODE_HOLDS_ARRAY(commands[0].result))
        mt_caps_add_legacy(caps, caps_listed_command,
                        json_node_get_array(commands[0].result));
    if (caps->entries->len == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("this QEMU has no migration settings"));
        ok = FALSE;
        goto out;
    }
    mt_caps_settle(caps, mt_evidence_release(caps, NULL, told));

out:
    mt_commands_clear(commands, G_N_ELEMENTS(names));
    return ok ? g_steal_pointer(&caps) : NULL;
}

MtCaps *
mt_caps_probe(MtExec *exec, MtRelease told, GCancellable *cancellable,
              GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) schema = NULL;

    schema = mt_exec_one(exec, "query-qmp-schema", NULL, cancellable, &cause);
    if (schema)
        return caps_from_schema(schema, told, error);
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
        return caps_from_commands(exec, told, cancellable, error);

    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}
