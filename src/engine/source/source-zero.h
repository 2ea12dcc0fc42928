/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finding zero pages in the first pass, and in post-copy.
 *
 * A guest often uses only a part of its RAM.  Pages that were never touched when
 * the migration started are zero and need not be read, which would take time and
 * page tables.  If the guest writes to such a page later, the page is dirty and
 * is sent again.  So a bit counts only once, and only in the first pass.  At the
 * switch to post-copy the guest is stopped, and the bits are set anew.
 */

#include "engine/memory/ram.h"
#include "engine/memory/zero.h"

static inline gboolean
mt_source_zero_page(MtBitmap *untouched, const MtRamBlock *block,
                    guint64 offset)
{
    guint64 index = mt_ram_block_index(block, offset);

    return (mt_bitmap_test(untouched, index) &&
            mt_bitmap_clear(untouched, index)) ||
           mt_zero_page(block->host + offset);
}
