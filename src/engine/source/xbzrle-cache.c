/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page cache of XBZRLE.
 *
 * An entry has a page index, an age and a pointer to 4096 bytes.  A page is copied
 * once, into a spare buffer, and encoded from there; if the cache keeps it, buffer
 * and entry swap pointers.  All buffers are in one mapping that the kernel
 * populates on access: a cache larger than the working set of the guest costs only
 * address space.
 *
 * mt_xbzrle_resize() stores the requested size, and the sending thread changes the
 * cache before its next page, so sending needs no lock.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/source/xbzrle-cache.h"
#include "stream/page.h"
#include "migtune/migtune-error.h"

/* The number of syncs during which an entry is not replaced. */
#define LIFETIME 2

typedef struct {
    guint64 key; /* page index + 1; 0: the entry is empty */
    guint64 age;
    guint8 *data; /* NULL until first used */
} XbzrleEntry;

struct MtXbzrle {
    guint64 wanted_bytes; /* atomic: the requested size */

    /* Written by the sending thread, read by any thread: atomic. */
    guint64 cache_bytes;
    guint64 pages;
    guint64 bytes;
    guint64 cache_miss;
    guint64 overflow;
    guint64 used_buffers;

    GMutex lock; /* the two rates */
    double cache_miss_rate;
    double encoding_rate;

    /* Used by the sending thread only. */
    MtXbzrleFunc encode;
    guint64 most_entries; /* a power of two, at least the guest's pages */
    XbzrleEntry *entries;
    guint64 n_entries;
    guint8 *buffers; /* n_entries + 1 pages */
    guint8 *spare;
    guint64 age;
    guint64 raw_bytes; /* of encoded pages, with overflows */
    guint64 out_bytes; /* their size after encoding */
    guint64 last_miss;
    guint64 last_raw;
    guint64 last_out;
    guint8 delta[MT_XBZRLE_MAX];
};

static void
xbzrle_add(guint64 *counter, guint64 n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static guint64
xbzrle_get(const guint64 *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

gboolean
mt_xbzrle_check_size(guint64 bytes, GError **error)
{
    if (bytes >= MT_PAGE_SIZE && (bytes & (bytes - 1)) == 0 &&
        bytes <= G_MAXINT64)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                      "xbzrle cache of %" G_GUINT64_FORMAT
                      " bytes: it must be a power of two from %d on",
                      bytes, MT_PAGE_SIZE);
    return FALSE;
}

static void
xbzrle_release(MtXbzrle *x)
{
    if (x->buffers)
        munmap(x->buffers, (x->n_entries + 1) * MT_PAGE_SIZE);
    if (x->entries)
        munmap(x->entries, x->n_entries * sizeof(XbzrleEntry));
    x->buffers = NULL;
    x->entries = NULL;
    x->n_entries = 0;
}

/* Zeroed memory, which takes host memory only where it is used. */
static void *
xbzrle_map(gsize len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static gboolean
xbzrle_allocate(MtXbzrle *x, guint64 cache_bytes, GError **error)
{
    guint64 n = MIN(cache_bytes / MT_PAGE_SIZE, x->most_entries);
    void *entries = xbzrle_map(n * sizeof(XbzrleEntry));
    void *buffers = xbzrle_map((n + 1) * MT_PAGE_SIZE);

    if (!entries || !buffers) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "xbzrle cache of %" G_GUINT64_FORMAT " bytes: %s",
                          cache_bytes, g_strerror(ENOMEM));
        if (entries)
            munmap(entries, n * sizeof(XbzrleEntry));
        if (buffers)
            munmap(buffers, (n + 1) * MT_PAGE_SIZE);
        return FALSE;
    }

    xbzrle_release(x);
    x->entries = entries;
    x->n_entries = n;
    x->buffers = buffers;
    x->spare = x->buffers;
    __atomic_store_n(&x->used_buffers, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&x->cache_bytes, cache_bytes, __ATOMIC_RELAXED);
    return TRUE;
}

MtXbzrle *
mt_xbzrle_new(guint64 cache_bytes, guint64 n_pages, GError **error)
{
    g_autoptr(MtXbzrle) x = NULL;

    if (!mt_xbzrle_check_size(cache_bytes, error))
        return NULL;

    x = g_new0(MtXbzrle, 1);
    g_mutex_init(&x->lock);
    x->encode = mt_xbzrle_func(mt_isa_best());
    x->wanted_bytes = cache_bytes;
    x->most_entries = 1;
    while (x->most_entries < n_pages)
        x->most_entries *= 2;
    if (!xbzrle_allocate(x, cache_bytes, error))
        return NULL;

    return g_steal_pointer(&x);
}

void
mt_xbzrle_free(MtXbzrle *x)
{
    if (!x)
        return;

    xbzrle_release(x);
    g_mutex_clear(&x->lock);
    g_free(x);
}

gboolean
mt_xbzrle_resize(MtXbzrle *x, guint64 cache_bytes, GError **error)
{
    if (!mt_xbzrle_check_size(cache_bytes, error))
        return FALSE;

    __atomic_store_n(&x->wanted_bytes, cache_bytes, __ATOMIC_RELAXED);
    return TRUE;
}

/* Changes the size if requested.  If there is not enough memory, the current
 * cache stays in use. */
static void
xbzrle_apply_size(MtXbzrle *x)
{
    guint64 wanted = xbzrle_get(&x->wanted_bytes);

    if (G_LIKELY(wanted == x->cache_bytes))
        return;
    if (!xbzrle_allocate(x, wanted, NULL))
        __atomic_compare_exchange_n(&x->wanted_bytes, &wanted, x->cache_bytes,
                                    FALSE, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline XbzrleEntry *
xbzrle_entry(MtXbzrle *x, guint64 index)
{
    return &x->entries[index & (x->n_entries - 1)];
}

void
mt_xbzrle_sync(MtXbzrle *x)
{
    x->age++;
}

/* Swaps the spare buffer with the buffer of @entry, or with a new one. */
static void
xbzrle_keep(MtXbzrle *x, XbzrleEntry *entry, guint64 index)
{
    guint8 *old = entry->data;

    entry->data = x->spare;
    entry->key = index + 1;
    entry->age = x->age;
    if (!old) {
        old = x->buffers + xbzrle_get(&x->used_buffers) * MT_PAGE_SIZE;
        xbzrle_add(&x->used_buffers, 1);
    }
    x->spare = old;
}

static MtXbzrleVerdict
xbzrle_save_missing(MtXbzrle *x, XbzrleEntry *entry, guint64 index,
                    const guint8 *page, gboolean last_stage, MtXbzrleOut *out)
{
    gboolean taken =
        entry->key != 0 && entry->age + LIFETIME > x->age;

    xbzrle_add(&x->cache_miss, 1);
    out->data = page;
    out->n = MT_PAGE_SIZE;
    if (last_stage || taken)
        return MT_XBZRLE_PAGE;

    memcpy(x->spare, page, MT_PAGE_SIZE);
    xbzrle_keep(x, entry, index);
    out->data = entry->data;
    return MT_XBZRLE_PAGE;
}

MtXbzrleVerdict
mt_xbzrle_save(MtXbzrle *x, guint64 index, const guint8 *page,
               gboolean last_stage, MtXbzrleOut *out)
{
    XbzrleEntry *entry;
    int n;

    xbzrle_apply_size(x);
    entry = xbzrle_entry(x, index);
    if (entry->key != index + 1)
        return xbzrle_save_missing(x, entry, index, page, last_stage, out);

    memcpy(x->spare, page, MT_PAGE_SIZE);
    n = x->encode(entry->data, x->spare, x->delta);
    entry->age = x->age;
    x->raw_bytes += MT_PAGE_SIZE;

    if (n == MT_XBZRLE_OVERFLOW) {
        /* As in QEMU, an overflow counts as an encoded page of full size. */
        xbzrle_add(&x->overflow, 1);
        xbzrle_add(&x->pages, 1);
        xbzrle_add(&x->bytes, MT_PAGE_SIZE);
        x->out_bytes += MT_PAGE_SIZE;
        out->data = x->spare;
        out->n = MT_PAGE_SIZE;
        if (!last_stage)
            xbzrle_keep(x, entry, index);
        return MT_XBZRLE_PAGE;
    }

    xbzrle_add(&x->pages, 1);
    if (n == 0)
        return MT_XBZRLE_SAME;

    /* A delta follows a byte for the kind and two bytes of length. */
    xbzrle_add(&x->bytes, n + 3);
    x->out_bytes += n + 3;
    if (!last_stage)
        xbzrle_keep(x, entry, index);
    out->data = x->delta;
    out->n = n;
    return MT_XBZRLE_DELTA;
}

void
mt_xbzrle_zero(MtXbzrle *x, guint64 index)
{
    XbzrleEntry *entry;

    xbzrle_apply_size(x);
    entry = xbzrle_entry(x, index);
    if (entry->key != index + 1)
        return;

    memset(entry->data, 0, MT_PAGE_SIZE);
    entry->age = x->age;
}

void
mt_xbzrle_drop(MtXbzrle *x, guint64 index)
{
    XbzrleEntry *entry;

    xbzrle_apply_size(x);
    entry = xbzrle_entry(x, index);
    if (entry->key == index + 1)
        entry->key = 0;
}

void
mt_xbzrle_period(MtXbzrle *x, guint64 pages)
{
    guint64 miss = xbzrle_get(&x->cache_miss);
    guint64 raw = x->raw_bytes - x->last_raw;
    guint64 encoded = x->out_bytes - x->last_out;

    g_mutex_lock(&x->lock);
    x->cache_miss_rate = pages ? (double)(miss - x->last_miss) / pages : 0;
    x->encoding_rate = raw && encoded ? (double)raw / encoded : 0;
    g_mutex_unlock(&x->lock);

    x->last_miss = miss;
    x->last_raw = x->raw_bytes;
    x->last_out = x->out_bytes;
}

void
mt_xbzrle_stats(MtXbzrle *x, MtXbzrleStats *ret_stats)
{
    ret_stats->cache_bytes = xbzrle_get(&x->wanted_bytes);
    ret_stats->pages = xbzrle_get(&x->pages);
    ret_stats->bytes = xbzrle_get(&x->bytes);
    ret_stats->cache_miss = xbzrle_get(&x->cache_miss);
    ret_stats->overflow = xbzrle_get(&x->overflow);

    g_mutex_lock(&x->lock);
    ret_stats->cache_miss_rate = x->cache_miss_rate;
    ret_stats->encoding_rate = x->encoding_rate;
    g_mutex_unlock(&x->lock);
}

guint64
mt_xbzrle_memory(MtXbzrle *x)
{
    return xbzrle_get(&x->used_buffers) * MT_PAGE_SIZE +
           MIN(xbzrle_get(&x->cache_bytes) / MT_PAGE_SIZE, x->most_entries) *
           sizeof(XbzrleEntry);
}
