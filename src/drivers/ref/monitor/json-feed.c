/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Splitting a stream of bytes into JSON values.
 *
 * A state machine finds the end of each value and replaces single quotes by
 * double quotes; util/json, which is strict, then parses the value.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/monitor/json-feed.h"
#include "util/json.h"

typedef enum {
    FEED_BETWEEN,               /* tokens */
    FEED_WORD,                  /* a number, true, ... */
    FEED_STRING,
    FEED_ESCAPE,                /* after a backslash in a string */
    FEED_RECOVER,               /* after an error */
} FeedState;

struct MtJsonFeed {
    MtJsonFeedFunc func;
    gpointer user_data;
    FeedState state;
    char quote;
    int braces;
    int brackets;
    GString *value;             /* so far */
    gsize word;                 /* the offset in @value of the word */
    guint n_colons;             /* in @value: the number of members */
    gboolean done;              /* the callback returned FALSE */
};

MtJsonFeed *
mt_json_feed_new(MtJsonFeedFunc func, gpointer user_data)
{
    MtJsonFeed *feed = g_new0(MtJsonFeed, 1);

    feed->func = func;
    feed->user_data = user_data;
    feed->value = g_string_new(NULL);
    return feed;
}

void
mt_json_feed_free(MtJsonFeed *feed)
{
    if (!feed)
        return;

    g_string_free(feed->value, TRUE);
    g_free(feed);
}

static void
feed_begin_again(MtJsonFeed *feed, FeedState state)
{
    feed->state = state;
    feed->braces = feed->brackets = 0;
    feed->n_colons = 0;
    /* Free the memory of a large value. */
    if (feed->value->allocated_len > 64 * 1024) {
        g_string_free(feed->value, TRUE);
        feed->value = g_string_new(NULL);
    }
    g_string_truncate(feed->value, 0);
}

static void
feed_wrong(MtJsonFeed *feed, const char *what, FeedState next)
{
    feed_begin_again(feed, next);
    if (!feed->func(NULL, what, feed->user_data))
        feed->done = TRUE;
}

static guint feed_count_members(JsonNode *node);

static void
feed_count_member(JsonObject *object, const char *name, JsonNode *node,
                  gpointer n)
{
    *(guint *)n += 1 + feed_count_members(node);
}

static void
feed_count_element(JsonArray *array, guint nth, JsonNode *node, gpointer n)
{
    *(guint *)n += feed_count_members(node);
}

/* The number of members, at all levels. */
static guint
feed_count_members(JsonNode *node)
{
    guint n = 0;

    if (JSON_NODE_HOLDS_OBJECT(node))
        json_object_foreach_member(json_node_get_object(node),
                                   feed_count_member, &n);
    else if (JSON_NODE_HOLDS_ARRAY(node))
        json_array_foreach_element(json_node_get_array(node),
                                   feed_count_element, &n);
    return n;
}

/* A value is complete.  The parser keeps the last of several members with the
 * same name, so fewer members than colons means a duplicate. */
static void
feed_emit(MtJsonFeed *feed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = mt_json_parse(feed->value->str,
                                             feed->value->len, &error);
    const char *wrong = node ? NULL : error->message;

    if (node && feed_count_members(node) < feed->n_colons) {
        g_clear_pointer(&node, json_node_unref);
        wrong = "duplicate key";
    }
    feed_begin_again(feed, FEED_BETWEEN);
    if (!feed->func(node, wrong, feed->user_data))
        feed->done = TRUE;
}

static gboolean
feed_inside(const MtJsonFeed *feed)
{
    return feed->braces > 0 || feed->brackets > 0;
}

static void
feed_bracket(MtJsonFeed *feed, char c)
{
    feed->braces += (c == '{') - (c == '}');
    feed->brackets += (c == '[') - (c == ']');
    g_string_append_c(feed->value, c);
    if (feed->braces + feed->brackets > MT_JSON_FEED_MAX_DEPTH)
        feed_wrong(feed, "JSON nesting depth limit exceeded", FEED_BETWEEN);
    else if (feed->braces < 0 || feed->brackets < 0 || !feed_inside(feed))
        feed_emit(feed);
}

static gboolean
feed_is_word(guchar c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '-' || c == '+' || c == '.';
}

static void
feed_between(MtJsonFeed *feed, guchar c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        if (feed_inside(feed))
            g_string_append_c(feed->value, c);
    } else if (c && strchr("{}[]", c)) {
        feed_bracket(feed, c);
    } else if (c == ',' || c == ':') {
        g_string_append_c(feed->value, c);
        feed->n_colons += c == ':';
        if (!feed_inside(feed))
            feed_emit(feed);
    } else if (c == '"' || c == '\'') {
        feed->quote = c;
        feed->state = FEED_STRING;
        g_string_append_c(feed->value, '"');
    } else if (feed_is_word(c)) {
        feed->state = FEED_WORD;
        feed->word = feed->value->len;
        g_string_append_c(feed->value, c);
    } else {
        feed_wrong(feed, "unexpected character",
                   c >= 0xfe ? FEED_BETWEEN : FEED_RECOVER);
    }
}

static void
feed_string(MtJsonFeed *feed, guchar c)
{
    if (c < 0x20 || c >= 0xfe) {
        feed_wrong(feed, "unterminated string", FEED_BETWEEN);
    } else if (c == (guchar)feed->quote) {
        g_string_append_c(feed->value, '"');
        feed->state = FEED_BETWEEN;
        if (!feed_inside(feed))
            feed_emit(feed);
    } else if (c == '\\') {
        feed->state = FEED_ESCAPE;
    } else {
        if (c == '"')
            g_string_append_c(feed->value, '\\');
        g_string_append_c(feed->value, c);
    }
}

static void
feed_escape(MtJsonFeed *feed, guchar c)
{
    feed->state = FEED_STRING;
    if (c < 0x20 || c >= 0xfe) {
        feed_string(feed, c);
        return;
    }
    if (c != '\'')
        g_string_append_c(feed->value, '\\');
    g_string_append_c(feed->value, c);
}

/* An integer that does not fit 64 bits is read as a floating-point number, as
 * QEMU does. */
static void
feed_end_word(MtJsonFeed *feed)
{
    const char *word = feed->value->str + feed->word;
    gboolean negative = *word == '-';

    if (strspn(word + negative, "0123456789") != strlen(word + negative) ||
        (negative ? g_ascii_string_to_signed(word, 10, G_MININT64, G_MAXINT64,
                                             NULL, NULL)
                  : g_ascii_string_to_unsigned(word, 10, 0, G_MAXUINT64, NULL,
                                               NULL)))
        return;
    if (strlen(word + negative) > 18)
        g_string_append(feed->value, "e0");
}

static void
feed_word(MtJsonFeed *feed, guchar c)
{
    if (feed_is_word(c)) {
        g_string_append_c(feed->value, c);
        return;
    }

    feed_end_word(feed);
    feed->state = FEED_BETWEEN;
    if (!feed_inside(feed))
        feed_emit(feed);
    if (!feed->done)
        feed_between(feed, c);
}

static void
feed_recover(MtJsonFeed *feed, guchar c)
{
    if (c >= 0xfe || (c < 0x20 && c != '\t')) {
        feed->state = FEED_BETWEEN;
    } else if (strchr("{}[],:", c)) {
        feed->state = FEED_BETWEEN;
        feed_between(feed, c);
    }
}

static void (*const feed_steps[])(MtJsonFeed *feed, guchar c) = {
    [FEED_BETWEEN] = feed_between,
    [FEED_WORD] = feed_word,
    [FEED_STRING] = feed_string,
    [FEED_ESCAPE] = feed_escape,
    [FEED_RECOVER] = feed_recover,
};

void
mt_json_feed_push(MtJsonFeed *feed, const char *text, gsize length)
{
    for (gsize i = 0; i < length && !feed->done; i++) {
        feed_steps[feed->state](feed, text[i]);
        if (feed->value->len > MT_JSON_FEED_MAX_BYTES)
            feed_wrong(feed, "JSON token size limit exceeded", FEED_RECOVER);
    }
}
