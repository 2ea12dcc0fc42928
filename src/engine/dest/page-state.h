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

/* Discards the content of all blocks, with @keep_shared except shared ones. */
static inline void
mt_page_state_init(MtPageState *pages, const MtRam *ram, gboolean keep_shared)
{
    pages->filled = mt_bitmap_new(mt_ram_n_pages(ram));
    pages->received = mt_bitmap_new(mt_ram_n_pages(ram));
    mt_ram_discard_all(ram, keep_shared, pages->filled);
}

G_END_DECLS
