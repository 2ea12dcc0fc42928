/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading values out of JSON nodes.
 *
 * json-glib holds every integer as gint64.  An unsigned integer of 2^63 or more
 * is held by its bit pattern in a node that is sealed, which tells it from a
 * negative number.  mt_json_node_new_uint64() and the parser are the only places
 * that make such nodes, and mt_json_to_line() writes them as they were.
 */
#include "config.h"

#include "util/i18n.h"
#include "util/json-peek.h"

#include "migtune/migtune-error.h"

static gboolean
node_holds(JsonNode *node, GType type)
{
    return node && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == type;
}

const char *
mt_json_node_peek_string(JsonNode *node)
{
    return node_holds(node, G_TYPE_STRING) ? json_node_get_string(node) : NULL;
}

gboolean
mt_json_node_peek_uint64(JsonNode *node, guint64 *ret)
{
    if (!node_holds(node, G_TYPE_INT64))
        return FALSE;

    *ret = (guint64)json_node_get_int(node);
    return TRUE;
}

gboolean
mt_json_node_is_unsigned(JsonNode *node)
{
    return json_node_is_immutable(node) && node_holds(node, G_TYPE_INT64) &&
           json_node_get_int(node) < 0;
}

JsonNode *
mt_json_node_new_uint64(guint64 number)
{
    JsonNode *node = json_node_init_int(json_node_alloc(), (gint64)number);

    if (number > G_MAXINT64)
        json_node_seal(node);

    return node;
}

void
mt_json_set_text(JsonObject *object, const char *member, const char *text)
{
    if (text)
        json_object_set_string_member(object, member, text);
    else
        json_object_set_null_member(object, member);
}

JsonNode *
mt_json_node_new_object(JsonObject *object)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(node, object);
    return node;
}

JsonNode *
mt_json_node_new_array(JsonArray *array)
{
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);

    json_node_take_array(node, array);
    return node;
}

const char *
mt_json_peek_string(JsonObject *object, const char *member)
{
    return mt_json_node_peek_string(json_object_get_member(object, member));
}

JsonArray *
mt_json_peek_array(JsonObject *object, const char *member)
{
    JsonNode *node = json_object_get_member(object, member);

    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node)
                                               : NULL;
}

JsonObject *
mt_json_peek_object(JsonObject *object, const char *member)
{
    JsonNode *node = json_object_get_member(object, member);

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node)
                                                : NULL;
}

gboolean
mt_json_peek_int(JsonObject *object, const char *member, gint64 *ret)
{
    JsonNode *node = json_object_get_member(object, member);

    if (!node_holds(node, G_TYPE_INT64))
        return FALSE;

    *ret = json_node_get_int(node);
    return TRUE;
}

gboolean
mt_json_peek_bool(JsonObject *object, const char *member, gboolean *ret)
{
    JsonNode *node = json_object_get_member(object, member);

    if (!node_holds(node, G_TYPE_BOOLEAN))
        return FALSE;

    *ret = json_node_get_boolean(node);
    return TRUE;
}

const char *
mt_json_type_name(JsonNode *node)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        return _("an object");
    case JSON_NODE_ARRAY:
        return _("an array");
    case JSON_NODE_NULL:
        return "null";
    case JSON_NODE_VALUE:
        break;
    }
    switch (json_node_get_value_type(node)) {
    case G_TYPE_INT64:
        return _("an integer");
    case G_TYPE_BOOLEAN:
        return _("a boolean");
    case G_TYPE_DOUBLE:
        return _("a number with a fraction");
    default:
        return _("a string");
    }
}

typedef enum {
    JSON_WANT_STRING,
    JSON_WANT_BOOL,
    JSON_WANT_INTEGER,
    JSON_WANT_ARRAY,
    JSON_WANT_OBJECT,
} JsonWant;

static const struct {
    const char *name;
    JsonNodeType node_type;
    GType value_type;
} json_wants[] = {
    [JSON_WANT_STRING] = { N_("a string"), JSON_NODE_VALUE, G_TYPE_STRING },
    [JSON_WANT_BOOL] = { N_("a boolean"), JSON_NODE_VALUE, G_TYPE_BOOLEAN },
    [JSON_WANT_INTEGER] = { N_("an integer"), JSON_NODE_VALUE, G_TYPE_INT64 },
    [JSON_WANT_ARRAY] = { N_("an array"), JSON_NODE_ARRAY, G_TYPE_INVALID },
    [JSON_WANT_OBJECT] = { N_("an object"), JSON_NODE_OBJECT, G_TYPE_INVALID },
};

/* Finds @member of the wanted type.  TRUE with *ret NULL if an optional member
 * is absent. */
static gboolean
json_member(JsonObject *object, const char *member, JsonWant want,
            gboolean optional, JsonNode **ret, GError **error)
{
    JsonNode *node = json_object_get_member(object, member);

    *ret = node;
    if (!node && optional)
        return TRUE;
    if (!node) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("member '%s' is missing; expected %s"), member,
                          _(json_wants[want].name));
        return FALSE;
    }
    if (json_node_get_node_type(node) != json_wants[want].node_type ||
        (json_wants[want].node_type == JSON_NODE_VALUE &&
         json_node_get_value_type(node) != json_wants[want].value_type)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("member '%s': expected %s, found %s"), member,
                          _(json_wants[want].name), mt_json_type_name(node));
        return FALSE;
    }

    return TRUE;
}

/* Defines mt_json_get_NAME() and mt_json_opt_NAME(), which differ only in whether
 * the member may be absent. */
#define JSON_ACCESSORS(name, type, want, get)                               \
    gboolean mt_json_get_##name(JsonObject *object, const char *member,     \
                                type *ret, GError **error)                  \
    {                                                                       \
        JsonNode *node;                                                     \
                                                                            \
        if (!json_member(object, member, want, FALSE, &node, error))        \
            return FALSE;                                                   \
        *ret = get(node);                                                   \
        return TRUE;                                                        \
    }                                                                       \
    gboolean mt_json_opt_##name(JsonObject *object, const char *member,     \
                                type *ret, GError **error)                  \
    {                                                                       \
        JsonNode *node;                                                     \
                                                                            \
        if (!json_member(object, member, want, TRUE, &node, error))         \
            return FALSE;                                                   \
        if (node)                                                           \
            *ret = get(node);                                               \
        return TRUE;                                                        \
    }

JSON_ACCESSORS(string, const char *, JSON_WANT_STRING, json_node_get_string)
JSON_ACCESSORS(bool, gboolean, JSON_WANT_BOOL, json_node_get_boolean)
JSON_ACCESSORS(int64, gint64, JSON_WANT_INTEGER, json_node_get_int)
JSON_ACCESSORS(uint64, guint64, JSON_WANT_INTEGER, (guint64)json_node_get_int)
JSON_ACCESSORS(array, JsonArray *, JSON_WANT_ARRAY, json_node_get_array)
JSON_ACCESSORS(object, JsonObject *, JSON_WANT_OBJECT, json_node_get_object)
