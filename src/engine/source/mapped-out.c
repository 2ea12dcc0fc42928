/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing the RAM of a mapped-ram file: see mapped-out.h.
 */
#include "config.h"

#include <string.h>

#include "engine/source/mapped-out.h"
#include "engine/source/source-zero.h"
#include "util/bitmap.h"
#include "migtune/migtune-error.h"

typedef struct {
    MtBitmap *present;
    MtMappedHeader header;
} MappedBlock;

typedef struct {
    MtMappedOut *mapped;
    guint id;
    MtIo *io;
    gboolean owned;
} MappedChannel;

struct MtMappedOut {
    MtRam *ram;
    gboolean find_zeros;
    MtBitmap *untouched;
    MtCounters *counters;
    MtIo *io;
    MtPool *pool;
    guint n_channels;
    MappedChannel *channels;    /* without multifd one, with the main handle */
    guint n_blocks;
    MappedBlock *blocks;
};

static guint
mapped_block_index(MtMappedOut *mapped, const MtRamBlock *block)
{
    guint i = 0;

    while (mt_ram_block(mapped->ram, i) != block)
        i++;
    return i;
}

/* Writes runs of adjacent pages that are not zero. */
static gboolean
mapped_channel_run(gpointer data, const MtJob *job, GError **error)
{
    MappedChannel *channel = data;
    MtMappedOut *mapped = channel->mapped;
    MappedBlock *block =
        &mapped->blocks[mapped_block_index(mapped, job->block)];
    guint64 n_zero = 0;

    for (guint i = 0; i < job->n;) {
        guint64 offset = job->offsets[i];
        struct iovec iov = { job->block->host + offset, 0 };

        while (i < job->n && job->offsets[i] == offset + iov.iov_len) {
            if (mapped->find_zeros &&
                mt_source_zero_page(mapped->untouched, job->block,
                                    job->offsets[i])) {
                mt_bitmap_clear(block->present,
                                job->offsets[i] >> MT_PAGE_SHIFT);
                n_zero++;
                i++;
                break;
            }
            mt_bitmap_set(block->present, job->offsets[i] >> MT_PAGE_SHIFT);
            iov.iov_len += MT_PAGE_SIZE;
            i++;
        }
        if (!iov.iov_len)
            continue;
        mt_count(mapped->counters->transferred, iov.iov_len);
        mt_count(mapped->counters->normal, iov.iov_len >> MT_PAGE_SHIFT);
        if (!mt_io_pwritev(channel->io, &iov, 1,
                           block->header.pages_offset + offset, error)) {
            g_prefix_error(error, "channel %u, block %s, page at 0x%"
                           G_GINT64_MODIFIER "x: ", channel->id,
                           job->block->name, offset);
            return FALSE;
        }
    }

    mt_count(mapped->counters->duplicate, n_zero);
    return TRUE;
}

/* Nothing to do: each page has a fixed offset. */
static gboolean
mapped_channel_sync(gpointer data, GError **error)
{
    return TRUE;
}

static const MtPoolFuncs mapped_funcs = {
    .run = mapped_channel_run,
    .sync = mapped_channel_sync,
};

MtMappedOut *
mt_mapped_out_new(MtRam *ram, MtIo *io, MtTransport *transport,
                  const MtEngineSettings *settings, MtBitmap *untouched,
                  MtCounters *counters,
                  MtFailure *failure, GError **error)
{
    MtMappedOut *mapped = g_new0(MtMappedOut, 1);
    guint n = settings->multifd ? settings->multifd_channels : 1;
    g_autofree gpointer *channels = g_new(gpointer, n);

    mapped->ram = ram;
    mapped->find_zeros = settings->zero_detection != MT_ZERO_NONE;
    mapped->untouched = untouched;
    mapped->counters = counters;
    mapped->io = io;
    mapped->n_blocks = mt_ram_n_blocks(ram);
    mapped->blocks = g_new0(MappedBlock, mapped->n_blocks);
    for (guint i = 0; i < mapped->n_blocks; i++)
        mapped->blocks[i].present =
            mt_bitmap_new(mt_ram_block(ram, i)->n_pages);

    mapped->n_channels = n;
    mapped->channels = g_new0(MappedChannel, n);
    for (guint i = 0; i < n; i++) {
        MappedChannel *channel = &mapped->channels[i];

        channels[i] = channel;
        channel->mapped = mapped;
        channel->id = i;
        channel->owned = settings->multifd;
        channel->io = channel->owned ?
            mt_transport_reopen(transport, TRUE, settings->direct_io, error) :
            io;
        if (!channel->io) {
            mt_mapped_out_free(mapped);
            return NULL;
        }
        if (channel->owned)
            mt_io_set_cancel(channel->io, mt_failure_get_cancel(failure));
    }
    if (settings->multifd)
        mapped->pool = mt_pool_new(&mapped_funcs, channels, n, failure,
                                   error);
    if (settings->multifd && !mapped->pool) {
        mt_mapped_out_free(mapped);
        return NULL;
    }

    return mapped;
}

void
mt_mapped_out_free(MtMappedOut *mapped)
{
    if (!mapped)
        return;

    mt_pool_free(mapped->pool);
    for (guint i = 0; i < mapped->n_channels; i++) {
        if (mapped->channels[i].owned)
            mt_io_free(mapped->channels[i].io);
    }
    for (guint i = 0; i < mapped->n_blocks; i++)
        mt_bitmap_free(mapped->blocks[i].present);
    g_free(mapped->channels);
    g_free(mapped->blocks);
    g_free(mapped);
}

gboolean
mt_mapped_out_block(MtMappedOut *mapped, guint i, MtStreamOut *out,
                    GError **error)
{
    MtRamBlock *block = mt_ram_block(mapped->ram, i);
    MtMappedHeader *header = &mapped->blocks[i].header;
    gsize bitmap_size = mapped->blocks[i].present->n_words * 8;
    guint8 bytes[MT_MAPPED_HEADER_SIZE];
    guint64 end;

    if (!mt_stream_out_flush(out, error))
        return FALSE;

    header->version = MT_MAPPED_VERSION;
    header->page_size = MT_PAGE_SIZE;
    header->bitmap_offset = mt_io_tell(out->io) + sizeof(bytes);
    end = header->bitmap_offset + bitmap_size;
    header->pages_offset =
        (end + MT_MAPPED_ALIGN - 1) / MT_MAPPED_ALIGN * MT_MAPPED_ALIGN;

    mt_wire_put_mapped(header, bytes);
    return mt_stream_out_bytes(out, bytes, sizeof(bytes), error) &&
           mt_stream_out_seek(out, header->pages_offset + block->used_length,
                              error);
}

MtPool *
mt_mapped_out_get_pool(MtMappedOut *mapped)
{
    return mapped->pool;
}

gboolean
mt_mapped_out_run(MtMappedOut *mapped, const MtJob *job, GError **error)
{
    return mapped_channel_run(&mapped->channels[0], job, error);
}

gboolean
mt_mapped_out_finish(MtMappedOut *mapped, GError **error)
{
    for (guint i = 0; i < mapped->n_blocks; i++) {
        MappedBlock *block = &mapped->blocks[i];
        struct iovec iov = {
            block->present->words, block->present->n_words * 8
        };

        mt_count(mapped->counters->transferred, iov.iov_len);
        if (!mt_io_pwritev(mapped->io, &iov, 1, block->header.bitmap_offset,
                           error)) {
            g_prefix_error(error, "bitmap of block %s: ",
                           mt_ram_block(mapped->ram, i)->name);
            return FALSE;
        }
    }

    return TRUE;
}
