/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One answer of a monitor, and the differences between two answers.
 *
 * The names and types of a result are always compared. Values are compared if
 * they are settings or a state, but not if they count, for example, bytes sent.
 */
#include "config.h"

#include <string.h>

#include "differ.h"
#include "util/json-peek.h"
#include "util/json.h"

void
answer_free(Answer *answer)
{
    if (!answer)
        return;

    g_free(answer->error_class);
    g_free(answer->desc);
    g_clear_pointer(&answer->result, json_node_unref);
    g_free(answer->text);
    g_free(answer);
}

/* Quotes integers from 2^63 on, which the JSON reader would confuse with
 * negative ones, and all others with as many digits. */
#define MANY_DIGITS 19

/* The end of the string that begins at @text. */
static const char *
string_end(const char *text)
{
    for (text++; *text && *text != '"'; text++) {
        if (*text == '\\' && text[1])
            text++;
    }
    return *text ? text + 1 : text;
}

static char *
answer_exact(const char *text)
{
    GString *out = g_string_new(NULL);

    while (*text) {
        gsize n = *text == '"' ? string_end(text) - text
                               : strspn(text, "0123456789");
        /* Digits after a point belong to a fraction. */
        gboolean large = *text != '"' && n >= MANY_DIGITS && out->len > 0 &&
                         out->str[out->len - 1] != '.';
        const char *quote = large ? "\"" : "";

        if (n == 0)
            n = 1;
        g_string_append_printf(out, "%s%.*s%s", quote, (int)n, text, quote);
        text += n;
    }
    return g_string_free(out, FALSE);
}

static void
answer_parse(Answer *answer)
{
    g_autofree char *exact = answer_exact(answer->text);
    g_autoptr(JsonObject) object = mt_json_parse_object(exact, -1, NULL);
    JsonObject *error;

    if (!object)
        return;

    if (json_object_has_member(object, "return")) {
        answer->kind = ANSWER_RETURN;
        answer->result = json_object_dup_member(object, "return");
    } else if ((error = mt_json_peek_object(object, "error"))) {
        answer->kind = ANSWER_ERROR;
        answer->error_class = g_strdup(mt_json_peek_string(error, "class"));
        answer->desc = g_strdup(mt_json_peek_string(error, "desc"));
        if (!answer->error_class || !answer->desc)
            answer->kind = ANSWER_STRANGE;
    }
}

Answer *
answer_new(const char *text)
{
    Answer *answer = g_new0(Answer, 1);

    answer->text = g_strdup(text ? text : "(gone)");
    answer->kind = text ? ANSWER_STRANGE : ANSWER_DIED;
    if (text)
        answer_parse(answer);
    return answer;
}

const char *
answer_class(const Answer *answer)
{
    switch (answer->kind) {
    case ANSWER_RETURN:
        return "return";
    case ANSWER_ERROR:
        return answer->error_class;
    case ANSWER_DIED:
        return "died";
    case ANSWER_STRANGE:
        break;
    }
    return "no answer of QMP";
}

static void shape_append(GString *out, JsonNode *node);

static void
shape_append_object(GString *out, JsonObject *object)
{
    g_autoptr(GList) names =
        g_list_sort(json_object_get_members(object), (GCompareFunc)strcmp);

    g_string_append_c(out, '{');
    for (GList *name = names; name; name = name->next) {
        g_string_append_printf(out, "%s%s:", name == names ? "" : ",",
                               (char *)name->data);
        shape_append(out, json_object_get_member(object, name->data));
    }
    g_string_append_c(out, '}');
}

/* The shapes of its elements, each once. */
static void
shape_append_array(GString *out, JsonArray *array)
{
    g_autoptr(GPtrArray) shapes = g_ptr_array_new_with_free_func(g_free);

    g_string_append_c(out, '[');
    for (guint i = 0; i < json_array_get_length(array); i++) {
        char *shape = answer_shape(json_array_get_element(array, i));

        if (g_ptr_array_find_with_equal_func(shapes, shape, g_str_equal,
                                             NULL)) {
            g_free(shape);
            continue;
        }
        g_string_append_printf(out, "%s%s", shapes->len ? "|" : "", shape);
        g_ptr_array_add(shapes, shape);
    }
    g_string_append_c(out, ']');
}

static void
shape_append(GString *out, JsonNode *node)
{
    GType type;

    if (JSON_NODE_HOLDS_OBJECT(node)) {
        shape_append_object(out, json_node_get_object(node));
    } else if (JSON_NODE_HOLDS_ARRAY(node)) {
        shape_append_array(out, json_node_get_array(node));
    } else if (JSON_NODE_HOLDS_NULL(node)) {
        g_string_append(out, "null");
    } else {
        type = json_node_get_value_type(node);
        /* QEMU prints a fraction of zero as an integer. */
        g_string_append(out, type == G_TYPE_STRING    ? "string"
                             : type == G_TYPE_BOOLEAN ? "bool"
                                                      : "number");
    }
}

char *
answer_shape(JsonNode *node)
{
    GString *out = g_string_new(NULL);

    shape_append(out, node);
    return g_string_free(out, FALSE);
}

/* Name to text of the value. */
typedef GHashTable *(*Values)(JsonNode *node);

static GHashTable *
values_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static GHashTable *
values_of_list(JsonNode *node)
{
    GHashTable *values = values_new();
    JsonArray *array =
        JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);
        JsonObject *object =
            JSON_NODE_HOLDS_OBJECT(element) ? json_node_get_object(element)
                                            : NULL;
        gboolean state = FALSE;

        if (object && mt_json_peek_bool(object, "state", &state))
            g_hash_table_insert(
                values, g_strdup(mt_json_peek_string(object, "capability")),
                g_strdup(state ? "on" : "off"));
    }
    return values;
}

static GHashTable *
values_of_members(JsonNode *node)
{
    GHashTable *values = values_new();
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return values;
    json_object_iter_init(&iter, json_node_get_object(node));
    while (json_object_iter_next(&iter, &name, &member))
        g_hash_table_insert(values, g_strdup(name), mt_json_to_line(member));
    return values;
}

static GHashTable *
values_of_status(JsonNode *node)
{
    GHashTable *values = values_of_members(node);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, values);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!g_str_equal(name, "status"))
            g_hash_table_iter_remove(&iter);
    }
    return values;
}

/* The lines of a text for people; other wording of an error is not compared. */
static GHashTable *
values_of_text(JsonNode *node)
{
    GHashTable *values = values_new();
    const char *text = mt_json_node_peek_string(node);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\r\n", -1);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, ": ", 2);

        if (!parts[0])
            continue;
        if (g_str_equal(parts[0], "Error")) {
            g_hash_table_insert(values, g_strdup("Error"), g_strdup(""));
            break;
        }
        g_hash_table_insert(values, g_strdup(parts[0]),
                            g_strdup(parts[1] ? parts[1] : ""));
    }
    return values;
}

static const struct {
    const char *command;
    Values values;
} compared[] = {
    { "human-monitor-command", values_of_text },
    { "query-migrate-capabilities", values_of_list },
    { "query-migrate-parameters", values_of_members },
    { "query-status", values_of_members },
    { "query-migrate", values_of_status },
    { "query-dirty-rate", values_of_status },
};

static void
values_compare(GHashTable *one, GHashTable *other, GString *out_one,
               GString *out_other)
{
    g_autoptr(GList) names = g_hash_table_get_keys(one);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, other);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!g_hash_table_contains(one, name))
            names = g_list_prepend(names, name);
    }
    names = g_list_sort(names, (GCompareFunc)strcmp);
    for (GList *at = names; at; at = at->next) {
        const char *first = g_hash_table_lookup(one, at->data);
        const char *second = g_hash_table_lookup(other, at->data);

        if (g_strcmp0(first, second) == 0)
            continue;
        g_string_append_printf(out_one, "%s%s=%s", out_one->len ? " " : "",
                               (char *)at->data, first ? first : "(absent)");
        g_string_append_printf(out_other, "%s%s=%s",
                               out_other->len ? " " : "", (char *)at->data,
                               second ? second : "(absent)");
    }
}

gboolean
answer_same_value(const char *command, JsonNode *one, JsonNode *other,
                  char **ret_one, char **ret_other)
{
    g_autoptr(GString) out_one = g_string_new(NULL);
    g_autoptr(GString) out_other = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(compared); i++) {
        g_autoptr(GHashTable) first = NULL;
        g_autoptr(GHashTable) second = NULL;

        if (!g_str_equal(command, compared[i].command))
            continue;
        first = compared[i].values(one);
        second = compared[i].values(other);
        values_compare(first, second, out_one, out_other);
    }
    if (!out_one->len)
        return TRUE;

    *ret_one = g_strdup(out_one->str);
    *ret_other = g_strdup(out_other->str);
    return FALSE;
}
