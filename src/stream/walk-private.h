/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The walker from inside.
 *
 * An item (a section head, a command, a record with its page) is parsed only
 * when all of its bytes are in one piece.  Items are short, at most
 * MT_WALK_MAX_ITEM bytes, so the bytes of one that is cut by the end of a
 * piece are collected in a buffer.  Every parser returns the length of its
 * item, WALK_MORE if it needs more bytes, or WALK_BAD on error; it changes the
 * walker only if the item is complete.  So the walker is always at a boundary.
 */

#include "stream/walk.h"
#include "util/bytes.h"

G_BEGIN_DECLS

#define WALK_BAD (-1)
#define WALK_MORE 0

struct MtWalk {
    MtWalkSettings settings;

    MtWalkState state;
    guint64 offset;         /* of the next item */
    GArray *blocks;         /* of MtWalkBlock */
    char *machine;

    guint8 *carry;          /* the first bytes of an item */
    gsize n_carry;
    gsize need;             /* bytes that the item needs at least */

    gboolean in_mapped;     /* the bytes to skip are of the last block */
    guint64 devices_offset;
    guint64 devices_bytes;
    MtDevices *devices;     /* NULL: not wanted, not there yet or too large */
    gboolean devices_dropped;
};

/* Sets an error about the item at the present offset; always FALSE. */
gboolean mt_walk_bad(const MtWalk *w, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Copies a name with one length byte before it, of which all bytes are
 * there. */
gboolean mt_walk_name(MtWalk *w, const guint8 *p, char out[256],
                      GError **error);

/* Parses one item.  Returns as the parsers do; the place of the walker can
 * change without an item. */
gssize mt_walk_item(MtWalk *w, const guint8 *p, gsize len, GError **error);

/* The same for an entry of the block list, and for a record of the RAM. */
gssize mt_walk_block(MtWalk *w, const guint8 *p, gsize len, GError **error);
gssize mt_walk_record(MtWalk *w, const guint8 *p, gsize len, GError **error);

static inline gsize
walk_page_bytes(const MtWalk *w)
{
    return (gsize)1 << w->state.page_bits;
}

/* Whether @n bytes of the item are there; else notes that they are needed. */
static inline gboolean
walk_have(MtWalk *w, gsize len, gsize n)
{
    if (G_LIKELY(len >= n))
        return TRUE;

    w->need = n;
    return FALSE;
}

static inline gboolean
walk_emit(MtWalk *w, MtWalkEvent *event, gsize len, GError **error)
{
    event->offset = w->offset;
    event->len = len;
    return !w->settings.func ||
           w->settings.func(event, w->settings.user_data, error);
}

G_END_DECLS
