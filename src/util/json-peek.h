/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading values out of JSON nodes, and making nodes.
 *
 * The functions with "peek" return NULL or FALSE if a member is missing or has
 * another type.  Those with "get" and "opt" raise an error then.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The result belongs to @object. */
const char *mt_json_peek_string(JsonObject *object, const char *member);
JsonArray *mt_json_peek_array(JsonObject *object, const char *member);
JsonObject *mt_json_peek_object(JsonObject *object, const char *member);

gboolean mt_json_peek_int(JsonObject *object, const char *member,
                          gint64 *ret);
gboolean mt_json_peek_bool(JsonObject *object, const char *member,
                           gboolean *ret);

const char *mt_json_node_peek_string(JsonNode *node);

/*
 * Reads an unsigned integer.  A negative one is accepted as its bit pattern,
 * because QEMU before 2.10 printed large unsigned integers as negative ones.
 */
gboolean mt_json_node_peek_uint64(JsonNode *node, guint64 *ret);

/* Makes a node that mt_json_to_line() writes as @number, however large. */
JsonNode *mt_json_node_new_uint64(guint64 number);

/* Whether @node is an integer of 2^63 or more.  FALSE for a copy of such a
 * node: json-glib does not copy the mark. */
gboolean mt_json_node_is_unsigned(JsonNode *node);

/* How an error message calls the type of @node: "a string", "null", ... */
const char *mt_json_type_name(JsonNode *node);

/* Sets @member to @text, or to null if @text is NULL. */
void mt_json_set_text(JsonObject *object, const char *member,
                      const char *text);

/* Makes a node that takes @object or @array. */
JsonNode *mt_json_node_new_object(JsonObject *object);
JsonNode *mt_json_node_new_array(JsonArray *array);

/*
 * Reads a member of a type.  FALSE with MIGTUNE_ERROR_PROTOCOL if it is missing
 * or of another type.  The result belongs to @object.
 */
gboolean mt_json_get_string(JsonObject *object, const char *member,
                            const char **ret, GError **error);
gboolean mt_json_get_bool(JsonObject *object, const char *member,
                          gboolean *ret, GError **error);
gboolean mt_json_get_int64(JsonObject *object, const char *member,
                           gint64 *ret, GError **error);
gboolean mt_json_get_uint64(JsonObject *object, const char *member,
                            guint64 *ret, GError **error);
gboolean mt_json_get_array(JsonObject *object, const char *member,
                           JsonArray **ret, GError **error);
gboolean mt_json_get_object(JsonObject *object, const char *member,
                            JsonObject **ret, GError **error);

/* Do the same, but an absent member leaves @ret unchanged and is not an error. */
gboolean mt_json_opt_string(JsonObject *object, const char *member,
                            const char **ret, GError **error);
gboolean mt_json_opt_bool(JsonObject *object, const char *member,
                          gboolean *ret, GError **error);
gboolean mt_json_opt_int64(JsonObject *object, const char *member,
                           gint64 *ret, GError **error);
gboolean mt_json_opt_uint64(JsonObject *object, const char *member,
                            guint64 *ret, GError **error);
gboolean mt_json_opt_array(JsonObject *object, const char *member,
                           JsonArray **ret, GError **error);
gboolean mt_json_opt_object(JsonObject *object, const char *member,
                            JsonObject **ret, GError **error);

G_END_DECLS
