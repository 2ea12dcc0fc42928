/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bitmaps of fixed size: atomic single bits, whole-word scanning and counting.
 *
 * Bit n is bit n % 64 of word n / 64.  The bits of the last word that lie past
 * the end are always clear.  set, clear, test and their combinations may be
 * used by any number of threads at once; functions on the whole bitmap say what
 * they guarantee while other threads change it.
 */

#include <glib.h>

G_BEGIN_DECLS

#define MT_BITMAP_NONE G_MAXUINT64

typedef struct {
    guint64 n_bits;
    guint64 n_words;
    guint64 *words;
} MtBitmap;

/* All bits are clear. */
MtBitmap *mt_bitmap_new(guint64 n_bits);
void mt_bitmap_free(MtBitmap *bitmap);

/* Return the former value of the bit. */
gboolean mt_bitmap_set(MtBitmap *bitmap, guint64 bit);
gboolean mt_bitmap_clear(MtBitmap *bitmap, guint64 bit);
gboolean mt_bitmap_test(const MtBitmap *bitmap, guint64 bit);

/* Sets or clears @n bits from @first on, each word atomically; returns how
 * many bits changed. */
guint64 mt_bitmap_set_range(MtBitmap *bitmap, guint64 first, guint64 n);
guint64 mt_bitmap_clear_range(MtBitmap *bitmap, guint64 first, guint64 n);

/* The number of set bits; while other threads write, each word is counted at
 * some moment. */
guint64 mt_bitmap_count(const MtBitmap *bitmap);

/* The first bit at or after @from that is set (clear), or MT_BITMAP_NONE. */
guint64 mt_bitmap_next_set(const MtBitmap *bitmap, guint64 from);
guint64 mt_bitmap_next_clear(const MtBitmap *bitmap, guint64 from);

/* Moves every set bit of @from into @into: each word of @from is taken and
 * left clear in one step, so that no bit set meanwhile is lost.  Returns how
 * many bits @into gained; *@ret_moved, if wanted, how many were set in @from.
 * Both bitmaps have the same size. */
guint64 mt_bitmap_drain(MtBitmap *from, MtBitmap *into, guint64 *ret_moved);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtBitmap, mt_bitmap_free)

G_END_DECLS
