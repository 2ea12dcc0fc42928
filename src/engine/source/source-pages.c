/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sending pages: on the main channel uncompressed, as XBZRLE deltas or compressed
 * one by one; or in jobs for multifd channels or a mapped-ram file.
 */
#include "config.h"

#include <string.h>

#include "engine/source/source-private.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* Writes the head of a record, with the block name if the block changed. */
static gboolean
pages_head(MtSource *s, const MtRamBlock *block, guint64 offset,
           guint32 record, GError **error)
{
    guint8 *room;

    if (block == s->named) {
        room = mt_stream_out_room(&s->out, 8, error);
        if (!room)
            return FALSE;
        mt_put_be64(room, offset | record | MT_RECORD_CONTINUE);
        return TRUE;
    }

    room = mt_stream_out_room(&s->out, 9 + block->name_len, error);
    if (!room)
        return FALSE;
    mt_put_be64(room, offset | record);
    room[8] = block->name_len;
    memcpy(room + 9, block->name, block->name_len);
    s->named = block;
    return TRUE;
}

static gboolean
pages_zero(MtSource *s, const MtRamBlock *block, guint64 offset,
           GError **error)
{
    if (!pages_head(s, block, offset, MT_RECORD_ZERO, error) ||
        !mt_stream_out_u8(&s->out, 0, error))
        return FALSE;

    mt_count(s->counters->duplicate, 1);
    return TRUE;
}

static gboolean
pages_plain(MtSource *s, const MtRamBlock *block, guint64 offset,
            GError **error)
{
    if (!pages_head(s, block, offset, MT_RECORD_PAGE, error) ||
        !mt_stream_out_ref(&s->out, block->host + offset, MT_PAGE_SIZE,
                           error))
        return FALSE;

    mt_count(s->counters->normal, 1);
    return TRUE;
}

static gboolean
pages_xbzrle(MtSource *s, const MtRamBlock *block, guint64 offset,
             GError **error)
{
    guint64 index = mt_ram_block_index(block, offset);
    MtXbzrleOut x;

    switch (mt_xbzrle_save(s->xbzrle, index, block->host + offset,
                           s->stopped, &x)) {
    case MT_XBZRLE_SAME:
        mt_count(s->counters->xbzrle_unchanged, 1);
        return TRUE;
    case MT_XBZRLE_DELTA:
        return pages_head(s, block, offset, MT_RECORD_XBZRLE, error) &&
               mt_stream_out_u8(&s->out, 1, error) &&
               mt_stream_out_be16(&s->out, x.n, error) &&
               mt_stream_out_bytes(&s->out, x.data, x.n, error);
    case MT_XBZRLE_PAGE:
    default:
        /* Exactly the bytes that the cache now holds. */
        mt_count(s->counters->normal, 1);
        return pages_head(s, block, offset, MT_RECORD_PAGE, error) &&
               mt_stream_out_bytes(&s->out, x.data, MT_PAGE_SIZE, error);
    }
}

/* Sends a page that a compression thread has finished. */
static gboolean
pages_legacy_emit(guint64 index, const guint8 *data, guint n,
                  gpointer opaque, GError **error)
{
    MtSource *s = opaque;
    MtRamBlock *block;
    guint8 *page = mt_ram_page(s->ram, index, &block);

    return pages_head(s, block, page - block->host, MT_RECORD_COMPRESS,
                      error) &&
           mt_stream_out_be32(&s->out, n, error) &&
           mt_stream_out_bytes(&s->out, data, n, error);
}

MtLegacyEncoder *
mt_source_new_legacy(MtSource *s, GError **error)
{
    return mt_legacy_encoder_new(s->settings->compress_threads,
                                 s->settings->compress_level,
                                 pages_legacy_emit, s, error);
}

static gboolean
pages_legacy(MtSource *s, const MtRamBlock *block, guint64 offset,
             GError **error)
{
    switch (mt_legacy_encoder_put(s->legacy,
                                  mt_ram_block_index(block, offset),
                                  block->host + offset,
                                  s->settings->compress_wait_thread, error)) {
    case MT_LEGACY_QUEUED:
        return TRUE;
    case MT_LEGACY_BUSY:
        return pages_plain(s, block, offset, error);
    case MT_LEGACY_FAILED:
    default:
        return FALSE;
    }
}

/* Sends pages on the main channel. */
static gboolean
pages_run_main(MtSource *s, const MtRamBlock *block, guint64 offset, guint n,
               GError **error)
{
    gboolean find_zeros = s->settings->zero_detection != MT_ZERO_NONE;
    gboolean delta = s->xbzrle && !s->postcopy &&
        (!s->bulk || s->settings->xbzrle_in_bulk);
    gboolean legacy = s->legacy && !s->postcopy && (s->bulk || !s->xbzrle);

    for (guint i = 0; i < n; i++, offset += MT_PAGE_SIZE) {
        gboolean ok;

        if (find_zeros &&
            mt_source_zero_page(s->untouched, block, offset)) {
            if (delta)
                mt_xbzrle_zero(s->xbzrle, mt_ram_block_index(block, offset));
            ok = pages_zero(s, block, offset, error);
        } else if (delta) {
            ok = pages_xbzrle(s, block, offset, error);
        } else if (legacy) {
            ok = pages_legacy(s, block, offset, error);
        } else {
            ok = pages_plain(s, block, offset, error);
        }
        if (!ok)
            return FALSE;
    }

    return TRUE;
}

gboolean
mt_source_settle(MtSource *s, GError **error)
{
    MtJob *job = g_steal_pointer(&s->job);

    if (!job)
        return TRUE;
    if (s->pool) {
        mt_pool_submit(s->pool, job);
        return TRUE;
    }

    return !job->n || mt_mapped_out_run(s->mapped, job, error);
}

gboolean
mt_source_submit(MtSource *s, guint64 *ret_pending, GError **error)
{
    if (!mt_source_settle(s, error))
        return FALSE;

    *ret_pending = s->pool ? mt_pool_pending_pages(s->pool) : 0;
    return TRUE;
}

static gboolean
pages_job(MtSource *s, const MtRamBlock *block, GError **error)
{
    if (s->job && s->job->block == block && s->job->n < MT_MULTIFD_PAGES)
        return TRUE;
    if (!mt_source_settle(s, error))
        return FALSE;

    s->job = s->pool ? mt_pool_get(s->pool, error) : &s->own_job;
    if (!s->job)
        return FALSE;
    s->job->block = block;
    s->job->n = 0;
    return TRUE;
}

static gboolean
pages_run_jobs(MtSource *s, const MtRamBlock *block, guint64 offset, guint n,
               GError **error)
{
    gboolean find_zeros = s->multifd &&
        s->settings->zero_detection == MT_ZERO_LEGACY;

    for (guint i = 0; i < n; i++, offset += MT_PAGE_SIZE) {
        if (find_zeros &&
            mt_source_zero_page(s->untouched, block, offset)) {
            if (!pages_zero(s, block, offset, error))
                return FALSE;
            continue;
        }
        if (!pages_job(s, block, error))
            return FALSE;
        s->job->offsets[s->job->n++] = offset;
    }

    return TRUE;
}

gboolean
mt_source_sync(MtSource *s, GError **error)
{
    if (!mt_source_settle(s, error) || !mt_pool_sync(s->pool, error))
        return FALSE;

    /* The channels of the destination stop at SYNC until they read the record
     * on the main channel: it must not stay in the buffer. */
    return s->settings->wire.sync_each_section ||
           (mt_stream_out_be64(&s->out, MT_RECORD_FLUSH, error) &&
            mt_stream_out_flush(&s->out, error));
}

/* The pass is at the end of RAM. */
static gboolean
pages_round_end(MtSource *s, GError **error)
{
    s->block = 0;
    s->page = 0;
    if (s->postcopy)
        return TRUE;
    if (s->legacy && !mt_legacy_encoder_flush(s->legacy, error))
        return FALSE;
    if (s->multifd && !s->settings->wire.sync_each_section)
        return mt_source_sync(s, error);

    return mt_source_settle(s, error) &&
           (!s->pool || s->multifd || mt_pool_sync(s->pool, error));
}

/* Takes a run of pages out of the pass.  In post-copy a second thread may take
 * requested pages meanwhile, so each page is taken by itself. */
static guint64
pages_take_run(MtSource *s, guint64 from, guint64 end, guint max_pages,
               guint64 *ret_first)
{
    guint64 n = 0;

    if (!s->postcopy)
        return mt_dirty_take_run(s->dirty, from, end, max_pages, ret_first);

    while (!n) {
        guint64 length = mt_dirty_next_run(s->dirty, from, end, ret_first);

        if (!length)
            return 0;
        length = MIN(length, max_pages);
        while (n < length && mt_dirty_take(s->dirty, *ret_first + n))
            n++;
        from = *ret_first + 1;
    }
    return n;
}

gboolean
mt_source_send_run(MtSource *s, guint max_pages, guint *ret_n, GError **error)
{
    while (s->block < mt_ram_n_blocks(s->ram)) {
        const MtRamBlock *block = mt_ram_block(s->ram, s->block);
        guint64 end = block->first_page + block->n_pages;
        guint64 from = MAX(s->page, block->first_page);
        guint64 first;
        guint64 n = pages_take_run(s, from, end, max_pages, &first);
        guint64 offset;

        if (!n) {
            s->block++;
            continue;
        }
        s->page = first + n;
        offset = (first - block->first_page) << MT_PAGE_SHIFT;
        *ret_n = n;
        return (s->pool || s->mapped) && !s->postcopy ?
            pages_run_jobs(s, block, offset, n, error) :
            pages_run_main(s, block, offset, n, error);
    }

    *ret_n = 0;
    return pages_round_end(s, error);
}

gboolean
mt_source_send_page(MtSource *s, guint64 index, GError **error)
{
    MtRamBlock *block;
    guint8 *page = mt_ram_page(s->ram, index, &block);

    return !page || !mt_dirty_take(s->dirty, index) ||
           pages_run_main(s, block, page - block->host, 1, error);
}

static void
pages_set(guint64 *counter, guint64 value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

void
mt_source_retune(MtSource *s)
{
    if (s->multifd)
        mt_multifd_send_retune(s->multifd, s->settings);
}

void
mt_source_update_counters(MtSource *s)
{
    MtCounters *c = s->counters;
    MtLegacyStats legacy;
    MtXbzrleStats xbzrle;

    if (s->legacy) {
        mt_legacy_encoder_stats(s->legacy, &legacy);
        pages_set(&c->compression_pages, legacy.pages);
        pages_set(&c->compression_busy, legacy.busy);
        pages_set(&c->compressed_size, legacy.compressed_size);
    }
    if (s->xbzrle) {
        mt_xbzrle_stats(s->xbzrle, &xbzrle);
        pages_set(&c->xbzrle_cache_bytes, xbzrle.cache_bytes);
        pages_set(&c->xbzrle_pages, xbzrle.pages);
        pages_set(&c->xbzrle_bytes, xbzrle.bytes);
        pages_set(&c->xbzrle_miss, xbzrle.cache_miss);
        pages_set(&c->xbzrle_overflow, xbzrle.overflow);
    }
}
