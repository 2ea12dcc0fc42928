/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON text: parsing text from another program within limits, and writing it.
 * json-peek.h reads values out of the nodes.
 */

#include <json-glib/json-glib.h>

#include "util/json-peek.h"

G_BEGIN_DECLS

/* Deeper text is refused before a recursive parser sees it. */
#define MT_JSON_MAX_DEPTH 128

/* What a reader accepts; 0 and NULL stand for no limit. */
typedef struct {
    gsize max_bytes;
    guint max_values;           /* values, and names of members */

    /* Called every few thousand values.  Returns FALSE with an error to stop
     * parsing, for example because a time limit has passed. */
    gboolean (*go_on)(gpointer user_data, GError **error);
    gpointer user_data;
} MtJsonLimits;

/*
 * Parses one JSON text, which must be strict JSON: no comments, no single
 * quotes, no octal numbers, no NUL inside a string.
 *
 * An integer must fit in gint64 or guint64.  mt_json_get_uint64() returns an
 * integer of 2^63 or more exactly; mt_json_node_is_unsigned() tells it from a
 * negative one.
 */
JsonNode *mt_json_parse(const char *text, gssize length, GError **error);

/* Does the same within @limits, which may be NULL. */
JsonNode *mt_json_parse_within(const char *text, gssize length,
                               const MtJsonLimits *limits, GError **error);

/* Does the same for a text that must be an object. */
JsonObject *mt_json_parse_object(const char *text, gssize length,
                                 GError **error);

/*
 * Writes one line without a newline.  Members are sorted by name, so that equal
 * values give equal text.  Recurses as deep as @node, which must therefore have
 * been parsed here or built by this program.
 */
char *mt_json_to_line(JsonNode *node);
char *mt_json_object_to_line(JsonObject *object);

G_END_DECLS
