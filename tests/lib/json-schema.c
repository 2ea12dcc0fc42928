/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A validator that knows the keywords which the installed JSON schema uses.
 */
#include "config.h"

#include "json-schema.h"

#include <string.h>

static JsonObject *
schema_definition(JsonObject *root, const char *name)
{
    JsonObject *definitions =
        json_object_get_object_member(root, "definitions");

    g_assert_true(json_object_has_member(definitions, name));
    return json_object_get_object_member(definitions, name);
}

static const char *
schema_type_of(JsonNode *node)
{
    if (JSON_NODE_HOLDS_OBJECT(node))
        return "object";
    if (JSON_NODE_HOLDS_ARRAY(node))
        return "array";
    if (JSON_NODE_HOLDS_NULL(node))
        return "null";
    if (json_node_get_value_type(node) == G_TYPE_STRING)
        return "string";
    if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        return "boolean";

    return json_node_get_value_type(node) == G_TYPE_INT64 ? "integer"
                                                          : "number";
}

static gboolean
schema_has_type(JsonNode *type, JsonNode *node)
{
    const char *actual = schema_type_of(node);
    JsonArray *types;

    if (JSON_NODE_HOLDS_VALUE(type))
        return strcmp(json_node_get_string(type), actual) == 0;

    types = json_node_get_array(type);
    for (guint i = 0; i < json_array_get_length(types); i++)
        if (strcmp(json_array_get_string_element(types, i), actual) == 0)
            return TRUE;

    return FALSE;
}

static char *
schema_check(JsonObject *root, JsonObject *schema, JsonNode *node,
             const char *path);

/* Returns the first error, "path: text"; NULL if there is none. */
static char *
schema_check_object(JsonObject *root, JsonObject *schema, JsonObject *object,
                    const char *path)
{
    JsonObject *properties =
        json_object_get_object_member(schema, "properties");
    JsonArray *required = json_object_get_array_member(schema, "required");
    g_autoptr(GList) members = json_object_get_members(object);

    for (guint i = 0; i < json_array_get_length(required); i++) {
        const char *name = json_array_get_string_element(required, i);

        if (!json_object_has_member(object, name))
            return g_strdup_printf("%s: '%s' is missing", path, name);
    }
    for (GList *l = members; l; l = l->next) {
        g_autofree char *below = g_strdup_printf("%s/%s", path,
                                                 (char *)l->data);
        char *error;

        if (!json_object_has_member(properties, l->data))
            return g_strdup_printf("%s: not in the schema", below);
        error = schema_check(
            root, json_object_get_object_member(properties, l->data),
            json_object_get_member(object, l->data), below);
        if (error)
            return error;
    }

    return NULL;
}

static char *
schema_check_any(JsonObject *root, JsonArray *schemas, JsonNode *node,
                 const char *path)
{
    GString *errors = g_string_new(NULL);

    for (guint i = 0; i < json_array_get_length(schemas); i++) {
        g_autofree char *error =
            schema_check(root, json_array_get_object_element(schemas, i),
                         node, path);

        if (!error) {
            g_string_free(errors, TRUE);
            return NULL;
        }
        g_string_append_printf(errors, "%s%s", i ? "; or " : "", error);
    }

    return g_string_free(errors, FALSE);
}

static char *
schema_check(JsonObject *root, JsonObject *schema, JsonNode *node,
             const char *path)
{
    static const char *const known[] = { "$ref", "anyOf", "description",
                                         "enum", "items", "properties",
                                         "required", "type", NULL };
    g_autoptr(GList) keywords = json_object_get_members(schema);

    for (GList *l = keywords; l; l = l->next)
        g_assert_true(g_strv_contains(known, l->data));

    if (json_object_has_member(schema, "$ref")) {
        const char *ref = json_object_get_string_member(schema, "$ref");

        g_assert_true(g_str_has_prefix(ref, "#/definitions/"));
        return schema_check(root,
                            schema_definition(root, strrchr(ref, '/') + 1),
                            node, path);
    }
    if (json_object_has_member(schema, "anyOf"))
        return schema_check_any(
            root, json_object_get_array_member(schema, "anyOf"), node, path);
    if (json_object_has_member(schema, "enum")) {
        JsonArray *values = json_object_get_array_member(schema, "enum");

        for (guint i = 0; i < json_array_get_length(values); i++)
            if (json_node_equal(json_array_get_element(values, i), node))
                return NULL;
        return g_strdup_printf("%s: not one of the values", path);
    }
    if (json_object_has_member(schema, "type") &&
        !schema_has_type(json_object_get_member(schema, "type"), node))
        return g_strdup_printf("%s: has type %s", path, schema_type_of(node));
    if (json_object_has_member(schema, "properties"))
        return schema_check_object(root, schema, json_node_get_object(node),
                                   path);
    if (json_object_has_member(schema, "items")) {
        JsonArray *array = json_node_get_array(node);
        char *error = NULL;

        for (guint i = 0; !error && i < json_array_get_length(array); i++) {
            g_autofree char *below = g_strdup_printf("%s[%u]", path, i);

            error = schema_check(
                root, json_object_get_object_member(schema, "items"),
                json_array_get_element(array, i), below);
        }
        return error;
    }

    return NULL;
}

char *
json_schema_find_error(JsonObject *root, const char *definition,
                       JsonNode *node)
{
    return schema_check(root, schema_definition(root, definition), node,
                        definition);
}

JsonNode *
json_schema_load(void)
{
    const char *named = g_getenv("MIGTUNE_TEST_SCHEMA");
    g_autofree char *root = g_path_get_dirname(g_getenv("MIGTUNE_TEST_DATA"));
    g_autofree char *path =
        named ? g_strdup(named)
              : g_build_filename(root, "..", "tools", "schema",
                                 "migtune-json-1.schema.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    JsonNode *node;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    node = json_from_string(text, &error);
    g_assert_no_error(error);

    return node;
}

void
json_schema_check_output(JsonObject *root, const char *command,
                         const char *line, const char *text)
{
    JsonObject *commands = json_object_get_object_member(root, "commands");
    g_autoptr(GString) errors = g_string_new(NULL);
    g_autoptr(JsonNode) node = json_from_string(text, NULL);
    JsonArray *names;

    g_test_message("%s", line);
    g_assert_true(json_object_has_member(commands, command));
    names = json_object_get_array_member(commands, command);
    if (json_array_get_length(names) == 0) {
        g_assert_cmpstr(text, ==, "");
        return;
    }
    g_assert_nonnull(node);
    for (guint i = 0; i < json_array_get_length(names); i++) {
        const char *name = json_array_get_string_element(names, i);
        g_autofree char *error = json_schema_find_error(root, name, node);

        if (!error)
            return;
        g_string_append_printf(errors, "\n%s", error);
    }
    g_error("%s: the output matches no definition:%s\n%s", line, errors->str,
            text);
}
