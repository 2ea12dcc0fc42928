/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty log.
 *
 * Two bitmaps with one bit for each page.  A sync and a scan read whole words, so
 * a clean page costs only one bit of memory traffic.
 */
#include "config.h"

#include "engine/memory/dirty.h"

struct MtDirty {
    MtBitmap *log;
    MtBitmap *pass;
    guint64 n_pass; /* atomic: bits set in @pass */
};

MtDirty *
mt_dirty_new(guint64 n_pages)
{
    MtDirty *dirty = g_new0(MtDirty, 1);

    dirty->log = mt_bitmap_new(n_pages);
    dirty->pass = mt_bitmap_new(n_pages);
    return dirty;
}

void
mt_dirty_free(MtDirty *dirty)
{
    if (!dirty)
        return;

    mt_bitmap_free(dirty->log);
    mt_bitmap_free(dirty->pass);
    g_free(dirty);
}

guint64
mt_dirty_n_pages(const MtDirty *dirty)
{
    return dirty->log->n_bits;
}

void
mt_dirty_mark(MtDirty *dirty, guint64 page)
{
    mt_bitmap_set(dirty->log, page);
}

void
mt_dirty_mark_range(MtDirty *dirty, guint64 first, guint64 n)
{
    mt_bitmap_set_range(dirty->log, first, n);
}

void
mt_dirty_start(MtDirty *dirty)
{
    guint64 n = dirty->log->n_bits;
    guint64 added;

    mt_bitmap_clear_range(dirty->log, 0, n);
    added = mt_bitmap_set_range(dirty->pass, 0, n);
    __atomic_fetch_add(&dirty->n_pass, added, __ATOMIC_RELAXED);
}

void
mt_dirty_forget(MtDirty *dirty, guint64 first, guint64 n)
{
    guint64 removed;

    mt_bitmap_clear_range(dirty->log, first, n);
    removed = mt_bitmap_clear_range(dirty->pass, first, n);
    __atomic_fetch_sub(&dirty->n_pass, removed, __ATOMIC_RELAXED);
}

guint64
mt_dirty_sync(MtDirty *dirty)
{
    guint64 moved;
    guint64 gained = mt_bitmap_drain(dirty->log, dirty->pass, &moved);

    __atomic_fetch_add(&dirty->n_pass, gained, __ATOMIC_RELAXED);
    return moved;
}

gboolean
mt_dirty_log_is_empty(const MtDirty *dirty)
{
    return mt_bitmap_next_set(dirty->log, 0) == MT_BITMAP_NONE;
}

guint64
mt_dirty_count(const MtDirty *dirty)
{
    return __atomic_load_n(&dirty->n_pass, __ATOMIC_RELAXED);
}

gboolean
mt_dirty_take(MtDirty *dirty, guint64 page)
{
    if (!mt_bitmap_clear(dirty->pass, page))
        return FALSE;

    __atomic_fetch_sub(&dirty->n_pass, 1, __ATOMIC_RELAXED);
    return TRUE;
}

guint64
mt_dirty_take_next(MtDirty *dirty, guint64 from)
{
    from = mt_bitmap_next_set(dirty->pass, from);
    if (from != MT_BITMAP_NONE)
        mt_dirty_take(dirty, from);
    return from;
}

guint64
mt_dirty_next_run(const MtDirty *dirty, guint64 from, guint64 end,
                  guint64 *ret_first)
{
    guint64 last;

    from = mt_bitmap_next_set(dirty->pass, from);
    if (from >= end)
        return 0;

    last = mt_bitmap_next_clear(dirty->pass, from);
    *ret_first = from;
    return MIN(last, MIN(end, dirty->pass->n_bits)) - from;
}

guint64
mt_dirty_take_run(MtDirty *dirty, guint64 from, guint64 end, guint64 max_pages,
                  guint64 *ret_first)
{
    guint64 n = mt_dirty_next_run(dirty, from, end, ret_first);

    if (!n)
        return 0;

    n = MIN(n, max_pages);
    mt_bitmap_clear_range(dirty->pass, *ret_first, n);
    __atomic_fetch_sub(&dirty->n_pass, n, __ATOMIC_RELAXED);
    return n;
}

void
mt_dirty_put(MtDirty *dirty, guint64 page)
{
    if (!mt_bitmap_set(dirty->pass, page))
        __atomic_fetch_add(&dirty->n_pass, 1, __ATOMIC_RELAXED);
}
