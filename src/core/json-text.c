/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing JSON with numbers up to 2^64 - 1.
 *
 * json-glib has the layout, but holds every integer as gint64 and would write a
 * number of 2^63 or more as a negative one.
 */
#include "config.h"

#include "core/core.h"
#include "util/json.h"

enum { TEXT_INDENT = 2 };

static void text_append(GString *text, JsonNode *node, guint depth);

/* A value without members.  mt_json_to_line() writes it in the same way. */
static void
text_append_value(GString *text, JsonNode *node)
{
    g_autofree char *line = mt_json_to_line(node);

    g_string_append(text, line);
}

static void
text_append_line(GString *text, guint depth)
{
    g_string_append_printf(text, "\n%*s", (int)depth * TEXT_INDENT, "");
}

static void
text_append_array(GString *text, JsonArray *array, guint depth)
{
    guint n = json_array_get_length(array);

    g_string_append_c(text, '[');
    for (guint i = 0; i < n; i++) {
        if (i)
            g_string_append_c(text, ',');
        text_append_line(text, depth + 1);
        text_append(text, json_array_get_element(array, i), depth + 1);
    }
    if (n)
        text_append_line(text, depth);
    g_string_append_c(text, ']');
}

static void
text_append_object(GString *text, JsonObject *object, guint depth)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    guint n = 0;

    g_string_append_c(text, '{');
    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        g_autoptr(JsonNode) quoted =
            json_node_init_string(json_node_alloc(), name);

        if (n++)
            g_string_append_c(text, ',');
        text_append_line(text, depth + 1);
        text_append_value(text, quoted);
        g_string_append(text, " : ");
        text_append(text, node, depth + 1);
    }
    if (n)
        text_append_line(text, depth);
    g_string_append_c(text, '}');
}

static void
text_append(GString *text, JsonNode *node, guint depth)
{
    if (JSON_NODE_HOLDS_OBJECT(node))
        text_append_object(text, json_node_get_object(node), depth);
    else if (JSON_NODE_HOLDS_ARRAY(node))
        text_append_array(text, json_node_get_array(node), depth);
    else
        text_append_value(text, node);
}

char *
migtune_json_to_text(JsonNode *node)
{
    GString *text;

    g_return_val_if_fail(node != NULL, NULL);

    text = g_string_new(NULL);
    text_append(text, node, 0);

    return g_string_free(text, FALSE);
}
