/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A stream of JSON values as a monitor reads it: values end where their
 * brackets do, not at the end of a line, several may come at once, and strings
 * may stand in single quotes.
 *
 * What is no JSON is told as an error once, and reading goes on behind it: at
 * the next bracket, line end, or byte 0xff, which says "forget what came".
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Deeper nesting, and more text in one value, is an error. */
#define MT_JSON_FEED_MAX_DEPTH 1024
#define MT_JSON_FEED_MAX_BYTES (8 * 1024 * 1024)

typedef struct MtJsonFeed MtJsonFeed;

/* One value, or NULL with what is wrong.  Returns FALSE to hear no more. */
typedef gboolean (*MtJsonFeedFunc)(JsonNode *node, const char *wrong,
                                   gpointer user_data);

MtJsonFeed *mt_json_feed_new(MtJsonFeedFunc func, gpointer user_data);
void mt_json_feed_free(MtJsonFeed *feed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtJsonFeed, mt_json_feed_free)

void mt_json_feed_push(MtJsonFeed *feed, const char *text, gsize length);

G_END_DECLS
