/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loading the RAM of a mapped-ram file: see mapped-in.h.
 */
#include "config.h"

#include <string.h>

#include "engine/dest/mapped-in.h"
#include "engine/memory/zero.h"
#include "util/bitmap.h"
#include "migtune/migtune-error.h"

/* The number of pages that a thread takes at a time. */
#define MAPPED_CHUNK 4096

typedef struct {
    const MtMappedHeader *header;
    MtRamBlock *block;
    MtBitmap *present;
    MtBitmap *filled;
    MtCounters *counters;
    MtFailure *failure;
    guint64 cursor;             /* atomic: the first page that no thread took */
} MappedLoad;

typedef struct {
    MappedLoad *load;
    MtIo *io;
    GThread *thread;
    GError *error;
} MappedLoader;

/* Clears the pages of a run that may not be zero. */
static void
mapped_clear(MappedLoad *load, guint64 page, guint64 n)
{
    MtRamBlock *block = load->block;
    guint64 end = block->first_page + page + n;
    guint64 index = mt_bitmap_next_set(load->filled, block->first_page + page);

    for (; index < end; index = mt_bitmap_next_set(load->filled, index + 1)) {
        guint8 *p = block->host + ((index - block->first_page) <<
                                   MT_PAGE_SHIFT);

        if (!mt_zero_page(p))
            memset(p, 0, MT_PAGE_SIZE);
    }
}

static gboolean
mapped_load_range(MappedLoad *load, MtIo *io, guint64 first, guint64 end,
                  GError **error)
{
    MtRamBlock *block = load->block;

    for (guint64 page = first; page < end;) {
        gboolean present = mt_bitmap_test(load->present, page);
        guint64 next = present ? mt_bitmap_next_clear(load->present, page) :
                       mt_bitmap_next_set(load->present, page);
        guint64 n = MIN(next, end) - page;
        guint64 offset = page << MT_PAGE_SHIFT;

        if (present) {
            mt_bitmap_set_range(load->filled, block->first_page + page, n);
            if (!mt_io_pread(io, block->host + offset, n << MT_PAGE_SHIFT,
                             load->header->pages_offset + offset, error)) {
                g_prefix_error(error, "block %s, page at 0x%"
                               G_GINT64_MODIFIER "x: ", block->name, offset);
                return FALSE;
            }
            mt_count(load->counters->normal, n);
            mt_count(load->counters->transferred, n << MT_PAGE_SHIFT);
        } else {
            mapped_clear(load, page, n);
            mt_count(load->counters->duplicate, n);
        }
        page += n;
    }

    return TRUE;
}

static gpointer
mapped_loader_thread(gpointer data)
{
    MappedLoader *loader = data;
    MappedLoad *load = loader->load;
    guint64 n_pages = load->block->n_pages;

    for (;;) {
        guint64 first = __atomic_fetch_add(&load->cursor, MAPPED_CHUNK,
                                           __ATOMIC_RELAXED);

        if (first >= n_pages ||
            !mt_failure_check(load->failure, &loader->error) ||
            !mapped_load_range(load, loader->io, first,
                               MIN(first + MAPPED_CHUNK, n_pages),
                               &loader->error))
            return NULL;
    }
}

gboolean
mt_mapped_load(const MtMappedHeader *header, MtRamBlock *block,
               MtIo *bitmap_io, MtIo **ios, guint n_ios, MtBitmap *filled,
               MtCounters *counters, MtFailure *failure, GError **error)
{
    g_autoptr(MtBitmap) present = mt_bitmap_new(block->n_pages);
    MappedLoad load = { header, block, present, filled, counters, failure, 0 };
    g_autofree MappedLoader *loaders = g_new0(MappedLoader, n_ios);
    gboolean ok = TRUE;

    if (!mt_io_pread(bitmap_io, present->words, present->n_words * 8,
                     header->bitmap_offset, error)) {
        g_prefix_error(error, "bitmap of block %s: ", block->name);
        return FALSE;
    }
    if (block->n_pages % 64)
        present->words[present->n_words - 1] &=
            ((guint64)1 << block->n_pages % 64) - 1;

    for (guint i = 0; i < n_ios; i++) {
        loaders[i].load = &load;
        loaders[i].io = ios[i];
        /* Without a thread the others do its share. */
        if (i)
            loaders[i].thread = g_thread_try_new("mig-load",
                                                 mapped_loader_thread,
                                                 &loaders[i], NULL);
    }
    mapped_loader_thread(&loaders[0]);
    for (guint i = 0; i < n_ios; i++) {
        if (loaders[i].thread)
            g_thread_join(loaders[i].thread);
        if (!loaders[i].error)
            continue;
        if (ok)
            g_propagate_error(error, g_steal_pointer(&loaders[i].error));
        else
            g_error_free(loaders[i].error);
        ok = FALSE;
    }

    return ok;
}
