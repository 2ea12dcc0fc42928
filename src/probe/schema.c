/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the schema.
 *
 * The schema comes from outside: every entity may lack a member or have it
 * with another type than the documentation says.  What cannot be understood is
 * treated as absent.
 */
#include "config.h"

#include <string.h>

#include "probe/schema.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/json-peek.h"

#include "migtune/migtune-error.h"

struct _MtSchema {
    JsonNode *root;
    GHashTable *commands;       /* name → JsonObject */
    GHashTable *types;          /* name → JsonObject */
};

MtSchema *
mt_schema_new(JsonNode *root, GError **error)
{
    g_autoptr(MtSchema) schema = NULL;
    JsonArray *entities;

    if (!JSON_NODE_HOLDS_ARRAY(root)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("query-qmp-schema returned %s, expected an "
                            "array"),
                          mt_json_type_name(root));
        return NULL;
    }

    schema = g_new0(MtSchema, 1);
    schema->root = json_node_ref(root);
    schema->commands = g_hash_table_new(g_str_hash, g_str_equal);
    schema->types = g_hash_table_new(g_str_hash, g_str_equal);
    entities = json_node_get_array(root);
    for (guint i = 0; i < json_array_get_length(entities); i++) {
        JsonNode *node = json_array_get_element(entities, i);
        JsonObject *entity;
        const char *name, *meta;

        if (!JSON_NODE_HOLDS_OBJECT(node))
            continue;
        entity = json_node_get_object(node);
        name = mt_json_peek_string(entity, "name");
        meta = mt_json_peek_string(entity, "meta-type");
        if (!name || !meta)
            continue;
        if (strcmp(meta, "command") == 0)
            g_hash_table_insert(schema->commands, (gpointer)name, entity);
        else if (strcmp(meta, "event") != 0)
            g_hash_table_insert(schema->types, (gpointer)name, entity);
    }
    if (g_hash_table_size(schema->commands) == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("query-qmp-schema returned no commands at all"));
        return NULL;
    }

    return g_steal_pointer(&schema);
}

void
mt_schema_free(MtSchema *schema)
{
    if (!schema)
        return;

    g_clear_pointer(&schema->commands, g_hash_table_unref);
    g_clear_pointer(&schema->types, g_hash_table_unref);
    g_clear_pointer(&schema->root, json_node_unref);
    g_free(schema);
}

static JsonObject *
schema_type(const MtSchema *schema, const char *type)
{
    return type ? g_hash_table_lookup(schema->types, type) : NULL;
}

static JsonObject *
schema_type_of_kind(const MtSchema *schema, const char *type,
                    const char *meta)
{
    JsonObject *entity = schema_type(schema, type);

    if (!entity || g_strcmp0(mt_json_peek_string(entity, "meta-type"), meta))
        return NULL;

    return entity;
}

static gboolean
schema_has_feature(JsonObject *object, const char *feature)
{
    JsonArray *features = mt_json_peek_array(object, "features");

    for (guint i = 0; features && i < json_array_get_length(features); i++) {
        JsonNode *node = json_array_get_element(features, i);

        if (g_strcmp0(mt_json_node_peek_string(node), feature) == 0)
            return TRUE;
    }

    return FALSE;
}

gboolean
mt_schema_has_command(const MtSchema *schema, const char *command)
{
    return g_hash_table_contains(schema->commands, command);
}

gboolean
mt_schema_command_deprecated(const MtSchema *schema, const char *command)
{
    JsonObject *entity = g_hash_table_lookup(schema->commands, command);

    return entity && schema_has_feature(entity, "deprecated");
}

static const char *
schema_command_type(const MtSchema *schema, const char *command,
                    const char *member)
{
    JsonObject *entity = g_hash_table_lookup(schema->commands, command);

    return entity ? mt_json_peek_string(entity, member) : NULL;
}

const char *
mt_schema_arg_type(const MtSchema *schema, const char *command)
{
    return schema_command_type(schema, command, "arg-type");
}

const char *
mt_schema_ret_type(const MtSchema *schema, const char *command)
{
    return schema_command_type(schema, command, "ret-type");
}

GArray *
mt_schema_members(const MtSchema *schema, const char *type)
{
    GArray *members = g_array_new(FALSE, TRUE, sizeof(MtSchemaMember));
    JsonObject *entity = schema_type(schema, type);
    JsonArray *array = NULL;

    if (entity) {
        /* Enums had only "values", plain texts, before QEMU 6.2. */
        array = mt_json_peek_array(entity, "members");
        if (!array)
            array = mt_json_peek_array(entity, "values");
    }
    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);
        MtSchemaMember member = { .name = mt_json_node_peek_string(node) };

        if (JSON_NODE_HOLDS_OBJECT(node)) {
            JsonObject *object = json_node_get_object(node);

            member.name = mt_json_peek_string(object, "name");
            member.type = mt_json_peek_string(object, "type");
            member.deprecated = schema_has_feature(object, "deprecated");
            member.unstable = schema_has_feature(object, "unstable");
        }
        if (member.name)
            g_array_append_val(members, member);
    }

    return members;
}

const char *
mt_schema_member_type(const MtSchema *schema, const char *type,
                      const char *member)
{
    g_autoptr(GArray) members = mt_schema_members(schema, type);

    for (guint i = 0; i < members->len; i++) {
        const MtSchemaMember *m = &g_array_index(members, MtSchemaMember, i);

        if (strcmp(m->name, member) == 0)
            return m->type;
    }

    return NULL;
}

const char *
mt_schema_element_type(const MtSchema *schema, const char *type)
{
    JsonObject *entity = schema_type_of_kind(schema, type, "array");

    return entity ? mt_json_peek_string(entity, "element-type") : NULL;
}

gboolean
mt_schema_enum_has(const MtSchema *schema, const char *type, const char *value)
{
    g_autoptr(GArray) members = NULL;

    if (!schema_type_of_kind(schema, type, "enum"))
        return FALSE;

    members = mt_schema_members(schema, type);
    for (guint i = 0; i < members->len; i++) {
        if (strcmp(g_array_index(members, MtSchemaMember, i).name, value) == 0)
            return TRUE;
    }

    return FALSE;
}

MtType
mt_schema_row_type(const MtSchema *schema, const char *type)
{
    static const struct {
        const char *json_type;
        MtType type;
    } builtin[] = {
        { "boolean", MT_TYPE_BOOL },
        { "int", MT_TYPE_ULLONG },
        { "string", MT_TYPE_STRING },
    };
    JsonObject *entity = schema_type(schema, type);
    const char *meta, *json_type;
    JsonArray *members;

    if (!entity)
        return MT_TYPE_JSON;

    meta = mt_json_peek_string(entity, "meta-type");
    if (strcmp(meta, "enum") == 0)
        return MT_TYPE_ENUM;

    json_type = mt_json_peek_string(entity, "json-type");
    for (guint i = 0; json_type && i < G_N_ELEMENTS(builtin); i++) {
        if (strcmp(builtin[i].json_type, json_type) == 0)
            return builtin[i].type;
    }

    /* "A string or null" is a string that may be absent. */
    members = mt_json_peek_array(entity, "members");
    if (strcmp(meta, "alternate") == 0 && members) {
        gboolean other = FALSE, string = FALSE;

        for (guint i = 0; i < json_array_get_length(members); i++) {
            JsonNode *node = json_array_get_element(members, i);
            const char *name = NULL;

            if (JSON_NODE_HOLDS_OBJECT(node))
                name = mt_json_peek_string(json_node_get_object(node), "type");
            if (g_strcmp0(name, "str") == 0)
                string = TRUE;
            else if (g_strcmp0(name, "null") != 0)
                other = TRUE;
        }
        if (string && !other)
            return MT_TYPE_STRING;
    }

    return MT_TYPE_JSON;
}
