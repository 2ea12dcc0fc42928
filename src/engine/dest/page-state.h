/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a destination knows about each page.  Any thread may set and test bits.
 */

#include "engine/memory/ram.h"
#include "util/bitmap.h"

G_BEGIN_DECLS

typedef struct {
    MtBitmap *filled;           /* the page may not be zero */
    MtBitmap *received;         /* data or a zero page was received for it */
} MtPageState;

static inline void
mt_page_state_clear(MtPageState *pages)
{
    mt_bitmap_free(pages->filled);
    mt_bitmap_free(pages->received);
    pages->filled = pages->received = NULL;
}

/* Only pages that were never touched are known to be zero. */
static inline void
mt_page_state_init(MtPageState *pages, const MtRam *ram)
{
    guint64 n = mt_ram_n_pages(ram);
    g_autoptr(MtBitmap) untouched = mt_bitmap_new(n);
    guint64 end = 0;

    pages->received = mt_bitmap_new(n);
    pages->filled = mt_bitmap_new(n);
    mt_bitmap_set_range(pages->filled, 0, n);
    mt_ram_find_untouched(ram, untouched);
    while (end < n) {
        guint64 first = mt_bitmap_next_set(untouched, end);

        if (first == MT_BITMAP_NONE)
            break;
        end = MIN(mt_bitmap_next_clear(untouched, first), n);
        mt_bitmap_clear_range(pages->filled, first, end - first);
    }
}

G_END_DECLS
