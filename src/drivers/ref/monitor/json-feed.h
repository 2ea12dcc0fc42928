/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A stream of JSON values as a monitor reads it: a value ends at its closing
 * bracket, not at the end of a line, several values may arrive together, and
 * strings may have single quotes.
 *
 * Invalid JSON is reported once; reading continues at the next bracket, end of
 * line, or byte 0xff, which discards the incomplete value before it.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Deeper nesting, and a longer value, is an error. */
#define MT_JSON_FEED_MAX_DEPTH 1024
#define MT_JSON_FEED_MAX_BYTES (8 * 1024 * 1024)

typedef struct MtJsonFeed MtJsonFeed;

/* Receives a value, or NULL with the error text @wrong.  Returns FALSE to stop
 * reading. */
typedef gboolean (*MtJsonFeedFunc)(JsonNode *node, const char *wrong,
                                   gpointer user_data);

MtJsonFeed *mt_json_feed_new(MtJsonFeedFunc func, gpointer user_data);
void mt_json_feed_free(MtJsonFeed *feed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtJsonFeed, mt_json_feed_free)

void mt_json_feed_push(MtJsonFeed *feed, const char *text, gsize length);

G_END_DECLS
