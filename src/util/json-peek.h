/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A look at members that may be missing or of another type, for readers who
 * then do without them; json.h has the same with errors.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* NULL when it is missing or of another type; belongs to @object. */
const char *mt_json_peek_string(JsonObject *object, const char *member);
JsonArray *mt_json_peek_array(JsonObject *object, const char *member);
JsonObject *mt_json_peek_object(JsonObject *object, const char *member);

/* FALSE when it is missing or of another type. */
gboolean mt_json_peek_int(JsonObject *object, const char *member,
                          gint64 *ret);
gboolean mt_json_peek_bool(JsonObject *object, const char *member,
                           gboolean *ret);

/* NULL when @node is no string. */
const char *mt_json_node_peek_string(JsonNode *node);

/*
 * Unsigned integers; those above 2^63 - 1 are held by their bit pattern, as
 * json.h says.
 */
gboolean mt_json_node_peek_uint64(JsonNode *node, guint64 *ret);
JsonNode *mt_json_node_new_uint64(guint64 number);

/* Sets @member to @text, or to null for NULL. */
void mt_json_set_text(JsonObject *object, const char *member,
                      const char *text);

/* A node that takes @object. */
JsonNode *mt_json_node_new_object(JsonObject *object);
JsonNode *mt_json_node_new_array(JsonArray *array);

G_END_DECLS
