/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compares two schemas. A pair of types is compared once, at its first use.
 */
#include "config.h"

#include <string.h>

#include "schema-diff.h"

#include "util/json-peek.h"
#include "util/json.h"

typedef struct {
    GHashTable *types[2]; /* theirs, ours: name → entity */
    GHashTable *seen;     /* "theirs/ours" */
    GPtrArray *found;
} SchemaDiff;

static void diff_type(SchemaDiff *diff, const char *path, const char *theirs,
                      const char *ours);

G_GNUC_PRINTF(3, 4)
static void
diff_report(SchemaDiff *diff, const char *path, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(diff->found, g_strdup_printf("%s: %s", path, text));
}

/* Returns the member @name of an entity as text, "" if it is missing. */
static char *
member_text(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node ? mt_json_to_line(node) : g_strdup("");
}

static void
diff_member_text(SchemaDiff *diff, const char *path, const char *name,
                 JsonObject *theirs, JsonObject *ours)
{
    g_autofree char *a = member_text(theirs, name);
    g_autofree char *b = member_text(ours, name);

    if (strcmp(a, b) != 0)
        diff_report(diff, path, "%s %s instead of %s", name, b, a);
}

/* Returns the entry of @array whose @key is @name. */
static JsonObject *
array_find(JsonArray *array, const char *key, const char *name)
{
    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonObject *entry = json_array_get_object_element(array, i);

        if (g_strcmp0(mt_json_peek_string(entry, key), name) == 0)
            return entry;
    }

    return NULL;
}

/* Compares the members of objects or the variants of unions. */
static void
diff_list(SchemaDiff *diff, const char *path, const char *list, const char *key,
          JsonObject *theirs, JsonObject *ours)
{
    JsonArray *lists[] = { mt_json_peek_array(theirs, list),
                           mt_json_peek_array(ours, list) };

    for (guint side = 0; side < 2; side++) {
        for (guint i = 0; lists[side] && i < json_array_get_length(lists[side]);
             i++) {
            JsonObject *entry = json_array_get_object_element(lists[side], i);
            const char *name = mt_json_peek_string(entry, key);
            JsonObject *other = array_find(lists[!side], key, name);
            g_autofree char *inner = g_strdup_printf("%s.%s", path, name);

            if (!other) {
                diff_report(diff, inner, side ? "only here" : "missing");
                continue;
            }
            if (side)
                continue;
            if (json_object_has_member(entry, "default") !=
                json_object_has_member(other, "default"))
                diff_report(diff, inner, "%s here",
                            json_object_has_member(other, "default")
                                ? "optional"
                                : "needed");
            diff_member_text(diff, inner, "features", entry, other);
            diff_type(diff, inner, mt_json_peek_string(entry, "type"),
                      mt_json_peek_string(other, "type"));
        }
    }
}

static void
diff_alternate(SchemaDiff *diff, const char *path, JsonObject *theirs,
               JsonObject *ours)
{
    JsonArray *a = mt_json_peek_array(theirs, "members");
    JsonArray *b = mt_json_peek_array(ours, "members");
    guint n = json_array_get_length(a);

    if (n != json_array_get_length(b)) {
        diff_report(diff, path, "%u branches instead of %u",
                    json_array_get_length(b), n);
        return;
    }
    for (guint i = 0; i < n; i++)
        diff_type(
            diff, path,
            mt_json_peek_string(json_array_get_object_element(a, i), "type"),
            mt_json_peek_string(json_array_get_object_element(b, i), "type"));
}

static void
diff_entities(SchemaDiff *diff, const char *path, JsonObject *theirs,
              JsonObject *ours)
{
    const char *meta = mt_json_peek_string(theirs, "meta-type");
    g_autofree char *element = NULL;

    diff_member_text(diff, path, "meta-type", theirs, ours);
    diff_member_text(diff, path, "features", theirs, ours);
    if (g_strcmp0(meta, mt_json_peek_string(ours, "meta-type")) != 0)
        return;

    if (strcmp(meta, "builtin") == 0) {
        diff_member_text(diff, path, "json-type", theirs, ours);
        diff_member_text(diff, path, "name", theirs, ours);
    } else if (strcmp(meta, "array") == 0) {
        element = g_strdup_printf("%s[]", path);
        diff_type(diff, element, mt_json_peek_string(theirs, "element-type"),
                  mt_json_peek_string(ours, "element-type"));
    } else if (strcmp(meta, "enum") == 0) {
        diff_member_text(diff, path, "members", theirs, ours);
        diff_member_text(diff, path, "values", theirs, ours);
    } else if (strcmp(meta, "alternate") == 0) {
        diff_alternate(diff, path, theirs, ours);
    } else {
        diff_list(diff, path, "members", "name", theirs, ours);
        diff_list(diff, path, "variants", "case", theirs, ours);
        diff_member_text(diff, path, "tag", theirs, ours);
    }
}

static void
diff_type(SchemaDiff *diff, const char *path, const char *theirs,
          const char *ours)
{
    g_autofree char *pair = g_strdup_printf("%s/%s", theirs, ours);
    JsonObject *a = g_hash_table_lookup(diff->types[0], theirs);
    JsonObject *b = g_hash_table_lookup(diff->types[1], ours);

    if (!a || !b) {
        diff_report(diff, path, "type \"%s\" is not told", a ? ours : theirs);
        return;
    }
    if (g_hash_table_add(diff->seen, g_steal_pointer(&pair)))
        diff_entities(diff, path, a, b);
}

static GHashTable *
schema_index(JsonNode *schema, gboolean types)
{
    GHashTable *index =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    JsonArray *entities = json_node_get_array(schema);

    for (guint i = 0; i < json_array_get_length(entities); i++) {
        JsonObject *entity = json_array_get_object_element(entities, i);
        const char *meta = mt_json_peek_string(entity, "meta-type");
        const char *name = mt_json_peek_string(entity, "name");
        gboolean is_type =
            strcmp(meta, "command") != 0 && strcmp(meta, "event") != 0;

        if (is_type == types)
            g_hash_table_insert(index,
                                types ? g_strdup(name)
                                      : g_strdup_printf("%s %s", meta, name),
                                entity);
    }

    return index;
}

static void
diff_callable(SchemaDiff *diff, const char *key, JsonObject *theirs,
              JsonObject *ours)
{
    static const char *const ends[] = { "arg-type", "ret-type" };

    diff_member_text(diff, key, "features", theirs, ours);
    diff_member_text(diff, key, "allow-oob", theirs, ours);
    for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
        const char *a = mt_json_peek_string(theirs, ends[i]);
        const char *b = mt_json_peek_string(ours, ends[i]);
        g_autofree char *path = g_strdup_printf("%s %s", key, ends[i]);

        if (a || b)
            diff_type(diff, path, a, b);
    }
}

GPtrArray *
schema_diff(JsonNode *theirs, JsonNode *ours)
{
    g_autoptr(GHashTable) a = schema_index(theirs, TRUE);
    g_autoptr(GHashTable) b = schema_index(ours, TRUE);
    g_autoptr(GHashTable) their_keys = schema_index(theirs, FALSE);
    g_autoptr(GHashTable) our_keys = schema_index(ours, FALSE);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    SchemaDiff diff = { { a, b },
                        seen,
                        g_ptr_array_new_with_free_func(g_free) };
    GHashTableIter iter;
    gpointer key, entity;

    g_hash_table_iter_init(&iter, our_keys);
    while (g_hash_table_iter_next(&iter, &key, &entity)) {
        JsonObject *their_entity = g_hash_table_lookup(their_keys, key);

        if (their_entity)
            diff_callable(&diff, key, their_entity, entity);
        else
            diff_report(&diff, key, "only here");
    }

    return diff.found;
}
