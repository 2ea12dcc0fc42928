/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compression of single pages on threads.
 *
 * Encoder and decoder are a pool with a fixed number of slots.  A slot is free,
 * then queued, in work, done, and free again.  Slot numbers are queued for the
 * threads and, when compressing, finished ones for the sender.  A few slots for
 * each thread keep it busy while the sender writes.  Only the sender's thread
 * accesses free slots and only one worker a queued slot, so the bytes of slots
 * need no lock.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "engine/legacy.h"
#include "engine/memory/ram.h"
#include "util/thread.h"
#include "migtune/migtune-error.h"

#define SLOTS_PER_THREAD 4
#define MAX_THREADS 255

typedef struct {
    guint64 index;       /* encoder: page index */
    guint8 *page;        /* decoder: destination */
    guint in_n, out_n;   /* bytes in @in and @out */
    gboolean in_flight;  /* submitted and not taken back; sender's thread */
    const char *problem; /* error of zlib, or NULL */
    guint8 in[MT_LEGACY_MAX];
    guint8 out[MT_LEGACY_MAX];
} LegacySlot;

/* A ring of slot numbers, large enough for all of them. */
typedef struct {
    guint *slots;
    guint head, n;
} LegacyRing;

typedef struct {
    LegacySlot *slots;
    guint n_slots;
    GThread **threads;
    guint n_threads;
    gboolean deflating;
    int level;

    GMutex lock;
    GCond work; /* a slot was queued, or the pool ends */
    GCond done; /* a slot is finished */
    LegacyRing todo;
    LegacyRing finished;
    gboolean end;

    LegacyRing free; /* used by the sender's thread */
} LegacyPool;

static void
legacy_ring_put(LegacyPool *pool, LegacyRing *ring, guint slot)
{
    ring->slots[(ring->head + ring->n++) % pool->n_slots] = slot;
}

static guint
legacy_ring_get(LegacyPool *pool, LegacyRing *ring)
{
    guint slot = ring->slots[ring->head];

    ring->head = (ring->head + 1) % pool->n_slots;
    ring->n--;
    return slot;
}

static const char *
legacy_deflate(z_stream *zs, LegacySlot *slot)
{
    deflateReset(zs);
    zs->next_in = slot->in;
    zs->avail_in = MT_PAGE_SIZE;
    zs->next_out = slot->out;
    zs->avail_out = MT_LEGACY_MAX;
    if (deflate(zs, Z_FINISH) != Z_STREAM_END)
        return "zlib could not compress a page";

    slot->out_n = MT_LEGACY_MAX - zs->avail_out;
    return NULL;
}

/* Inflates into @page; the stream, the page and the input must end together. */
static const char *
legacy_inflate(z_stream *zs, const guint8 *data, guint n, guint8 *page)
{
    int rc;

    inflateReset(zs);
    zs->next_in = (Bytef *)data;
    zs->avail_in = n;
    zs->next_out = page;
    zs->avail_out = MT_PAGE_SIZE;
    rc = inflate(zs, Z_FINISH);

    if (rc == Z_STREAM_END && zs->avail_out)
        return "it inflates to less than a page";
    if (rc == Z_STREAM_END && zs->avail_in)
        return "bytes follow the end of its zlib stream";
    if (rc == Z_STREAM_END)
        return NULL;
    if (rc == Z_BUF_ERROR && !zs->avail_out)
        return "it inflates to more than a page";
    if (rc == Z_BUF_ERROR)
        return "its zlib stream is cut short";
    return "its zlib stream is damaged";
}

static gpointer
legacy_thread(gpointer data)
{
    LegacyPool *pool = data;
    z_stream zs = { 0 };
    int rc = pool->deflating ? deflateInit(&zs, pool->level) : inflateInit(&zs);

    g_mutex_lock(&pool->lock);
    for (;;) {
        LegacySlot *slot;
        guint number;

        while (pool->todo.n == 0 && !pool->end)
            g_cond_wait(&pool->work, &pool->lock);
        if (pool->end)
            break;

        number = legacy_ring_get(pool, &pool->todo);
        slot = &pool->slots[number];
        g_mutex_unlock(&pool->lock);

        if (rc != Z_OK)
            slot->problem = "zlib is out of memory";
        else if (pool->deflating)
            slot->problem = legacy_deflate(&zs, slot);
        else
            slot->problem =
                legacy_inflate(&zs, slot->in, slot->in_n, slot->page);

        g_mutex_lock(&pool->lock);
        legacy_ring_put(pool, &pool->finished, number);
        g_cond_signal(&pool->done);
    }
    g_mutex_unlock(&pool->lock);

    if (rc == Z_OK && pool->deflating)
        deflateEnd(&zs);
    else if (rc == Z_OK)
        inflateEnd(&zs);
    return NULL;
}

static void
legacy_pool_stop(LegacyPool *pool)
{
    g_mutex_lock(&pool->lock);
    pool->end = TRUE;
    g_cond_broadcast(&pool->work);
    g_mutex_unlock(&pool->lock);

    for (guint i = 0; i < pool->n_threads; i++)
        g_thread_join(pool->threads[i]);
    g_free(pool->threads);
    g_free(pool->todo.slots);
    g_free(pool->finished.slots);
    g_free(pool->free.slots);
    g_free(pool->slots);
    g_cond_clear(&pool->work);
    g_cond_clear(&pool->done);
    g_mutex_clear(&pool->lock);
}

static gboolean
legacy_pool_start(LegacyPool *pool, guint n_threads, GError **error)
{
    if (n_threads < 1 || n_threads > MAX_THREADS) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          "%u compression threads: 1 to %d are supported",
                          n_threads, MAX_THREADS);
        return FALSE;
    }

    g_mutex_init(&pool->lock);
    g_cond_init(&pool->work);
    g_cond_init(&pool->done);
    pool->n_slots = n_threads * SLOTS_PER_THREAD;
    pool->slots = g_new0(LegacySlot, pool->n_slots);
    pool->todo.slots = g_new(guint, pool->n_slots);
    pool->finished.slots = g_new(guint, pool->n_slots);
    pool->free.slots = g_new(guint, pool->n_slots);
    for (guint i = 0; i < pool->n_slots; i++)
        legacy_ring_put(pool, &pool->free, i);

    pool->threads = g_new0(GThread *, n_threads);
    for (; pool->n_threads < n_threads; pool->n_threads++) {
        GThread *thread =
            mt_thread_new("mt-legacy", legacy_thread, pool, error);

        if (!thread) {
            legacy_pool_stop(pool);
            return FALSE;
        }
        pool->threads[pool->n_threads] = thread;
    }
    return TRUE;
}

static void
legacy_pool_queue(LegacyPool *pool, guint number)
{
    pool->slots[number].in_flight = TRUE;
    g_mutex_lock(&pool->lock);
    legacy_ring_put(pool, &pool->todo, number);
    g_cond_signal(&pool->work);
    g_mutex_unlock(&pool->lock);
}

/* Takes a finished slot; NULL if there is none.  @wait: wait for one while slots
 * are in work. */
static LegacySlot *
legacy_pool_finished(LegacyPool *pool, gboolean wait)
{
    LegacySlot *slot = NULL;
    guint number;

    g_mutex_lock(&pool->lock);
    while (wait && pool->finished.n == 0 && pool->free.n < pool->n_slots)
        g_cond_wait(&pool->done, &pool->lock);
    if (pool->finished.n) {
        number = legacy_ring_get(pool, &pool->finished);
        legacy_ring_put(pool, &pool->free, number);
        slot = &pool->slots[number];
        slot->in_flight = FALSE;
    }
    g_mutex_unlock(&pool->lock);
    return slot;
}

/* The encoder. */

struct MtLegacyEncoder {
    LegacyPool pool;
    MtLegacyEmit emit;
    gpointer opaque;
    MtLegacyStats stats; /* atomic members */
};

MtLegacyEncoder *
mt_legacy_encoder_new(guint n_threads, int level, MtLegacyEmit emit,
                      gpointer opaque, GError **error)
{
    MtLegacyEncoder *enc;

    if (level < 0 || level > 9) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          "compression level %d: 0 to 9 are supported", level);
        return NULL;
    }

    enc = g_new0(MtLegacyEncoder, 1);
    enc->emit = emit;
    enc->opaque = opaque;
    enc->pool.deflating = TRUE;
    enc->pool.level = level;
    if (!legacy_pool_start(&enc->pool, n_threads, error)) {
        g_free(enc);
        return NULL;
    }
    return enc;
}

void
mt_legacy_encoder_free(MtLegacyEncoder *enc)
{
    if (!enc)
        return;

    legacy_pool_stop(&enc->pool);
    g_free(enc);
}

static void
legacy_count(guint64 *counter, guint64 n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static gboolean
legacy_emit(MtLegacyEncoder *enc, const LegacySlot *slot, GError **error)
{
    if (slot->problem) {
        migtune_error_set(error, MIGTUNE_ERROR_INTERNAL,
                          "page 0x%" G_GINT64_MODIFIER "x: %s", slot->index,
                          slot->problem);
        return FALSE;
    }

    legacy_count(&enc->stats.pages, 1);
    legacy_count(&enc->stats.compressed_size, slot->out_n);
    return enc->emit(slot->index, slot->out, slot->out_n, enc->opaque, error);
}

MtLegacyVerdict
mt_legacy_encoder_put(MtLegacyEncoder *enc, guint64 index, const guint8 *page,
                      gboolean wait, GError **error)
{
    LegacyPool *pool = &enc->pool;
    LegacySlot *slot;
    guint number;

    if (pool->free.n == 0) {
        /* Wait once, then take all finished slots: fewer lock operations. */
        gboolean may_wait = wait;

        while ((slot = legacy_pool_finished(pool, may_wait))) {
            if (!legacy_emit(enc, slot, error))
                return MT_LEGACY_FAILED;
            may_wait = FALSE;
        }
    }
    if (pool->free.n == 0) {
        legacy_count(&enc->stats.busy, 1);
        return MT_LEGACY_BUSY;
    }

    number = legacy_ring_get(pool, &pool->free);
    slot = &pool->slots[number];
    slot->index = index;
    memcpy(slot->in, page, MT_PAGE_SIZE);
    legacy_pool_queue(pool, number);
    return MT_LEGACY_QUEUED;
}

gboolean
mt_legacy_encoder_flush(MtLegacyEncoder *enc, GError **error)
{
    LegacySlot *slot;

    while ((slot = legacy_pool_finished(&enc->pool, TRUE))) {
        if (!legacy_emit(enc, slot, error))
            return FALSE;
    }
    return TRUE;
}

void
mt_legacy_encoder_stats(MtLegacyEncoder *enc, MtLegacyStats *ret_stats)
{
    ret_stats->pages = __atomic_load_n(&enc->stats.pages, __ATOMIC_RELAXED);
    ret_stats->busy = __atomic_load_n(&enc->stats.busy, __ATOMIC_RELAXED);
    ret_stats->compressed_size =
        __atomic_load_n(&enc->stats.compressed_size, __ATOMIC_RELAXED);
}

/* The decoder. */

struct MtLegacyDecoder {
    LegacyPool pool;
};

static gboolean
legacy_check_length(gsize n, GError **error)
{
    if (n > 0 && n <= MT_LEGACY_MAX)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "compressed page of %" G_GSIZE_FORMAT
                      " bytes: 1 to %d are accepted",
                      n, MT_LEGACY_MAX);
    return FALSE;
}

static gboolean
legacy_check_result(const char *problem, GError **error)
{
    if (!problem)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_STREAM, "compressed page: %s",
                      problem);
    return FALSE;
}

gboolean
mt_legacy_inflate(const guint8 *data, gsize n, guint8 *page, GError **error)
{
    z_stream zs = { 0 };
    const char *problem = "zlib is out of memory";

    if (!legacy_check_length(n, error))
        return FALSE;

    if (inflateInit(&zs) == Z_OK) {
        problem = legacy_inflate(&zs, data, n, page);
        inflateEnd(&zs);
    }
    return legacy_check_result(problem, error);
}

MtLegacyDecoder *
mt_legacy_decoder_new(guint n_threads, GError **error)
{
    MtLegacyDecoder *dec = g_new0(MtLegacyDecoder, 1);

    if (!legacy_pool_start(&dec->pool, n_threads, error)) {
        g_free(dec);
        return NULL;
    }
    return dec;
}

void
mt_legacy_decoder_free(MtLegacyDecoder *dec)
{
    if (!dec)
        return;

    legacy_pool_stop(&dec->pool);
    g_free(dec);
}

/* Takes finished slots back; waits until one slot is free, or all if @all. */
static gboolean
legacy_collect(MtLegacyDecoder *dec, gboolean all, GError **error)
{
    LegacyPool *pool = &dec->pool;
    LegacySlot *slot;

    while ((slot = legacy_pool_finished(pool, all || pool->free.n == 0))) {
        if (!legacy_check_result(slot->problem, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
mt_legacy_decoder_settle(MtLegacyDecoder *dec, const guint8 *page,
                         GError **error)
{
    LegacyPool *pool = &dec->pool;

    if (pool->free.n == pool->n_slots)
        return TRUE;

    for (guint i = 0; i < pool->n_slots; i++) {
        if (pool->slots[i].in_flight && pool->slots[i].page == page)
            return legacy_collect(dec, TRUE, error);
    }
    return TRUE;
}

gboolean
mt_legacy_decoder_put(MtLegacyDecoder *dec, const guint8 *data, gsize n,
                      guint8 *page, GError **error)
{
    LegacyPool *pool = &dec->pool;
    LegacySlot *slot;
    guint number;

    if (!legacy_check_length(n, error) ||
        !mt_legacy_decoder_settle(dec, page, error))
        return FALSE;
    if (pool->free.n == 0 && !legacy_collect(dec, FALSE, error))
        return FALSE;

    number = legacy_ring_get(pool, &pool->free);
    slot = &pool->slots[number];
    slot->page = page;
    slot->in_n = n;
    memcpy(slot->in, data, n);
    legacy_pool_queue(pool, number);
    return TRUE;
}

gboolean
mt_legacy_decoder_flush(MtLegacyDecoder *dec, GError **error)
{
    return legacy_collect(dec, TRUE, error);
}
