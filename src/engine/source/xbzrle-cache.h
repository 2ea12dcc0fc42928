/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The XBZRLE cache of a source: pages as the destination has them.  It is direct
 * mapped by page index, and the number of entries is a power of two.
 *
 * An entry that was used within the last two syncs is not replaced by another
 * page.  One thread sends; any thread may resize or read statistics.
 */

#include <glib.h>

#include "stream/xbzrle.h"

G_BEGIN_DECLS

typedef struct MtXbzrle MtXbzrle;

typedef enum {
    MT_XBZRLE_SAME,  /* do not send the page: the destination has it */
    MT_XBZRLE_DELTA, /* send the delta */
    MT_XBZRLE_PAGE,  /* send the page that was returned */
} MtXbzrleVerdict;

typedef struct {
    const guint8 *data; /* DELTA: the delta.  PAGE: the page to send, a copy if
                         * the cache keeps it.  Valid until the next call. */
    guint n;
} MtXbzrleOut;

typedef struct {
    guint64 cache_bytes;    /* the requested size */
    guint64 pages;          /* encoded: sent as deltas, unchanged, or overflows */
    guint64 bytes;          /* of deltas with the 3 bytes before each, and of
                             * pages whose deltas overflowed */
    guint64 cache_miss;     /* pages that were not in the cache */
    guint64 overflow;       /* deltas that were longer than a page */
    double cache_miss_rate; /* of all pages of the last period */
    double encoding_rate;   /* bytes before / bytes after, last period */
} MtXbzrleStats;

/* Checks a cache size: a power of two, at least a page. */
gboolean mt_xbzrle_check_size(guint64 bytes, GError **error);

/* The cache never has more entries than are useful for a guest of @n_pages. */
MtXbzrle *mt_xbzrle_new(guint64 cache_bytes, guint64 n_pages,
                        GError **error);
void mt_xbzrle_free(MtXbzrle *x);

/* Changes the size; takes effect before the next page, with an empty cache.
 * Any thread. */
gboolean mt_xbzrle_resize(MtXbzrle *x, guint64 cache_bytes, GError **error);

/* The dirty log was synced: entries age. */
void mt_xbzrle_sync(MtXbzrle *x);

/* Decides how to send page @index, whose bytes at @page may change meanwhile.
 * @last_stage: the guest is stopped; the cache is not changed. */
MtXbzrleVerdict mt_xbzrle_save(MtXbzrle *x, guint64 index, const guint8 *page,
                               gboolean last_stage, MtXbzrleOut *out);

/* Page @index was sent as zero. */
void mt_xbzrle_zero(MtXbzrle *x, guint64 index);

/* Page @index was sent without the cache: drops its entry. */
void mt_xbzrle_drop(MtXbzrle *x, guint64 index);

/* Ends a period in which @pages pages of any kind were sent, and computes the two
 * rates. */
void mt_xbzrle_period(MtXbzrle *x, guint64 pages);

/* Any thread. */
void mt_xbzrle_stats(MtXbzrle *x, MtXbzrleStats *ret_stats);

/* Bytes of host memory that the cache uses. */
guint64 mt_xbzrle_memory(MtXbzrle *x);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtXbzrle, mt_xbzrle_free)

G_END_DECLS
