/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at members without an error for each that is not there.
 */
#include "config.h"

#include "util/json-peek.h"

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

JsonNode *
mt_json_node_new_uint64(guint64 number)
{
    return json_node_init_int(json_node_alloc(), (gint64)number);
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
