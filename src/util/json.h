/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON from outside: text to nodes within limits, and "give me this member as
 * this type, or an error that names it".
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Deeper text is refused before a recursive parser sees it. */
#define MT_JSON_MAX_DEPTH 128

/*
 * Parses one JSON text, which must be strict JSON: no comments, no single
 * quotes, no octal numbers, no NUL inside a string.
 *
 * A node holds integers as gint64.  Those from 2^63 to 2^64 - 1, as QEMU
 * prints them for an unlimited bandwidth, are kept by their bit pattern, so
 * that mt_json_get_uint64() returns them exactly; it is the reader who knows
 * which of the two a member is.  Who must know what stood in the text asks
 * mt_json_node_is_unsigned().  An integer that fits neither is refused.
 */
JsonNode *mt_json_parse(const char *text, gssize length, GError **error);

/* The same, for a text that must be an object. */
JsonObject *mt_json_parse_object(const char *text, gssize length,
                                 GError **error);

/*
 * Whether @node is an integer from 2^63 on, and no negative one: the node is
 * sealed, which a copy of it is not.  Such a node is written as it was read.
 */
gboolean mt_json_node_is_unsigned(JsonNode *node);

/* A node of @number that is written as that, however large. */
JsonNode *mt_json_node_new_unsigned(guint64 number);

/*
 * One line without a newline; members stand in the order of their names, so
 * that equal values give equal text.  Ends only at the bottom of @node, hence
 * @node must be one that was parsed here or built by this program.
 */
char *mt_json_to_line(JsonNode *node);
char *mt_json_object_to_line(JsonObject *object);

/* What an error message calls the type of @node: "a string", "null", ... */
const char *mt_json_type_name(JsonNode *node);

/*
 * A member of a type.  FALSE with MIGTUNE_ERROR_PROTOCOL when it is missing
 * or of another type.  Whatever is returned belongs to @object.
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

/* The same, but a member that is absent leaves @ret alone and is no error. */
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
