/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Multifd, the receiving side: one thread for each channel, which stops at each
 * SYNC until the main channel is at the same sync point.
 */
#include "config.h"

#include <string.h>

#include "engine/dest/multifd-recv.h"
#include "engine/memory/zero.h"
#include "util/bytes.h"
#include "util/thread.h"
#include "migtune/migtune-error.h"

struct MtPacketReader {
    MtRam *ram;
    const MtCodec *codec;
    MtPageState *state;
    MtCounters *counters;
    gpointer decoder;
    guint8 *payload;            /* buffer, if the codec needs one */
    guint8 header[MT_MULTIFD_HEADER_SIZE];
    gsize header_len;           /* bytes of the next header already read */
    MtMultifdPacket packet;
    guint8 *pages[MT_MULTIFD_PAGES];
    struct iovec iov[MT_MULTIFD_PAGES + 1];
};

MtPacketReader *
mt_packet_reader_new(MtRam *ram, const MtCodec *codec, MtPageState *pages,
                     MtCounters *counters, GError **error)
{
    MtPacketReader *reader = g_new0(MtPacketReader, 1);

    reader->ram = ram;
    reader->codec = codec;
    reader->state = pages;
    reader->counters = counters;
    if (codec->decoder_new) {
        reader->payload = g_malloc(MT_MULTIFD_MAX_PAYLOAD);
        reader->decoder = codec->decoder_new(error);
        if (!reader->decoder) {
            mt_packet_reader_free(reader);
            return NULL;
        }
    }

    return reader;
}

void
mt_packet_reader_free(MtPacketReader *reader)
{
    if (!reader)
        return;

    if (reader->decoder)
        reader->codec->decoder_free(reader->decoder);
    g_free(reader->payload);
    g_free(reader);
}

/* FALSE without an error: the connection was closed before the header. */
static gboolean
reader_header(MtPacketReader *reader, MtIo *io, GError **error)
{
    while (reader->header_len < MT_MULTIFD_HEADER_SIZE) {
        struct iovec iov = {
            reader->header + reader->header_len,
            MT_MULTIFD_HEADER_SIZE - reader->header_len,
        };
        gssize n = mt_io_read_some(io, &iov, 1, error);

        if (n < 0)
            return FALSE;
        if (n == 0 && reader->header_len == 0)
            return FALSE;
        if (n == 0) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "the data ends inside a packet header, after "
                              "%" G_GSIZE_FORMAT " of its %d bytes",
                              reader->header_len, MT_MULTIFD_HEADER_SIZE);
            return FALSE;
        }
        reader->header_len += n;
    }

    reader->header_len = 0;
    return TRUE;
}

/* Converts the offsets of the packet to addresses in guest RAM. */
static gboolean
reader_locate(MtPacketReader *reader, MtRamBlock **ret_block, GError **error)
{
    const MtMultifdPacket *packet = &reader->packet;
    guint n = packet->n_normal + packet->n_zero;
    MtRamBlock *block = mt_ram_find(reader->ram, packet->block,
                                    strlen(packet->block));

    if (!block) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a packet is for block '%s', which does not exist",
                          packet->block);
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        reader->pages[i] = mt_ram_block_page(block, packet->offsets[i]);
        if (!reader->pages[i]) {
            migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                              "page %u of a packet is at 0x%" G_GINT64_MODIFIER
                              "x of block '%s', which has 0x%"
                              G_GINT64_MODIFIER "x bytes", i,
                              packet->offsets[i], block->name,
                              block->used_length);
            return FALSE;
        }
    }

    *ret_block = block;
    return TRUE;
}

/* Reads pages directly to their addresses; bytes of the next header may be read
 * with them. */
static gboolean
reader_plain(MtPacketReader *reader, MtIo *io, GError **error)
{
    const MtMultifdPacket *packet = &reader->packet;
    gsize left = (gsize)packet->n_normal * MT_PAGE_SIZE;
    struct iovec *iov = reader->iov;
    guint n_iov;

    if (packet->payload != left) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a packet has %u bytes for %u uncompressed pages",
                          packet->payload, packet->n_normal);
        return FALSE;
    }

    mt_codec_none.encode(NULL, reader->pages, packet->n_normal, iov, &n_iov,
                         NULL);
    iov[n_iov].iov_base = reader->header;
    iov[n_iov].iov_len = MT_MULTIFD_HEADER_SIZE;
    n_iov++;
    while (left) {
        gssize n = mt_io_read_some(io, iov, n_iov, error);

        if (n < 0)
            return FALSE;
        if (n == 0) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "the data ends inside a packet, %"
                              G_GSIZE_FORMAT " bytes of its pages are "
                              "missing", left);
            return FALSE;
        }
        if ((gsize)n >= left) {
            reader->header_len = n - left;
            return TRUE;
        }
        left -= n;
        while ((gsize)n >= iov->iov_len) {
            n -= iov->iov_len;
            iov++;
            n_iov--;
        }
        iov->iov_base = (guint8 *)iov->iov_base + n;
        iov->iov_len -= n;
    }

    return TRUE;
}

static gboolean
reader_pages(MtPacketReader *reader, MtIo *io, GError **error)
{
    const MtMultifdPacket *packet = &reader->packet;
    guint32 method = packet->flags & MT_MULTIFD_METHOD;
    MtRamBlock *block;

    if (!reader_locate(reader, &block, error))
        return FALSE;
    if (packet->n_normal && method != reader->codec->method) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a packet has compression method 0x%x, but the "
                          "setting is '%s' (0x%x)", method,
                          reader->codec->name, reader->codec->method);
        return FALSE;
    }

    /* Before the pages are read: a failure may leave a part of them. */
    for (guint i = 0; i < packet->n_normal + packet->n_zero; i++) {
        guint64 index = mt_ram_block_index(block, packet->offsets[i]);

        mt_bitmap_set(reader->state->received, index);
        if (i < packet->n_normal)
            mt_bitmap_set(reader->state->filled, index);
    }
    if (packet->n_normal && !reader->codec->decode) {
        if (!reader_plain(reader, io, error))
            return FALSE;
    } else if (packet->n_normal) {
        if (!mt_io_read(io, reader->payload, packet->payload, error) ||
            !reader->codec->decode(reader->decoder, reader->payload,
                                   packet->payload, reader->pages,
                                   packet->n_normal, error))
            return FALSE;
    }
    for (guint i = 0; i < packet->n_zero; i++) {
        guint k = packet->n_normal + i;
        guint8 *page = reader->pages[k];

        /* A page that was never written is zero; reading it would allocate
         * memory. */
        if (mt_bitmap_test(reader->state->filled,
                           mt_ram_block_index(block, packet->offsets[k])) &&
            !mt_zero_page(page))
            memset(page, 0, MT_PAGE_SIZE);
    }

    mt_count(reader->counters->normal, packet->n_normal);
    mt_count(reader->counters->duplicate, packet->n_zero);
    return TRUE;
}

gboolean
mt_packet_reader_next(MtPacketReader *reader, MtIo *io, gboolean *ret_end,
                      gboolean *ret_sync, GError **error)
{
    const MtMultifdPacket *packet = &reader->packet;
    GError *local = NULL;
    gsize size;

    if (!reader_header(reader, io, &local)) {
        *ret_end = !local;
        if (local)
            g_propagate_error(error, local);
        return !local;
    }

    *ret_end = FALSE;
    if (!mt_wire_get_packet(reader->header, &reader->packet, error))
        return FALSE;
    if (packet->n_normal + packet->n_zero &&
        !reader_pages(reader, io, error))
        return FALSE;

    size = MT_MULTIFD_HEADER_SIZE + packet->payload;
    mt_count(reader->counters->transferred, size);
    mt_count(reader->counters->multifd_bytes, size);
    mt_count(reader->counters->multifd_packets, 1);
    *ret_sync = packet->flags & MT_MULTIFD_SYNC;
    return TRUE;
}

typedef struct {
    MtMultifdRecv *recv;
    guint id;
    MtIo *io;
    MtPacketReader *reader;
    GThread *thread;
    gboolean parked;        /* at a SYNC; under the lock of @recv */
    gboolean ended;
} RecvChannel;

struct MtMultifdRecv {
    MtRam *ram;
    const MtCodec *codec;
    const MtEngineSettings *settings;
    MtPageState *pages;
    MtCounters *counters;
    MtFailure *failure;
    guint n;
    guint n_added;
    RecvChannel *channels;

    GMutex lock;
    GCond arrived;          /* a channel is parked or has ended */
    GCond released;
    gboolean quit;
};

MtMultifdRecv *
mt_multifd_recv_new(MtRam *ram, const MtCodec *codec,
                    const MtEngineSettings *settings, MtPageState *pages,
                    MtCounters *counters, MtFailure *failure)
{
    MtMultifdRecv *recv = g_new0(MtMultifdRecv, 1);

    recv->ram = ram;
    recv->codec = codec;
    recv->settings = settings;
    recv->pages = pages;
    recv->counters = counters;
    recv->failure = failure;
    recv->n = settings->multifd_channels;
    recv->channels = g_new0(RecvChannel, recv->n);
    g_mutex_init(&recv->lock);
    g_cond_init(&recv->arrived);
    g_cond_init(&recv->released);
    return recv;
}

void
mt_multifd_recv_free(MtMultifdRecv *recv)
{
    if (!recv)
        return;

    g_mutex_lock(&recv->lock);
    recv->quit = TRUE;
    g_cond_broadcast(&recv->released);
    g_mutex_unlock(&recv->lock);
    for (guint i = 0; i < recv->n; i++) {
        RecvChannel *channel = &recv->channels[i];

        if (channel->io)
            mt_io_shutdown(channel->io);
        if (channel->thread)
            g_thread_join(channel->thread);
        mt_packet_reader_free(channel->reader);
        mt_io_free(channel->io);
    }
    g_mutex_clear(&recv->lock);
    g_cond_clear(&recv->arrived);
    g_cond_clear(&recv->released);
    g_free(recv->channels);
    g_free(recv);
}

gboolean
mt_multifd_recv_is_full(const MtMultifdRecv *recv)
{
    return recv->n_added == recv->n;
}

gboolean
mt_multifd_recv_add(MtMultifdRecv *recv, MtIo *take_io, GError **error)
{
    g_autoptr(MtIo) io = take_io;
    guint8 bytes[MT_MULTIFD_HELLO_SIZE];
    g_autofree char *name = NULL;
    MtMultifdHello hello;
    RecvChannel *channel;

    if (!mt_io_read(io, bytes, sizeof(bytes), error) ||
        !mt_wire_get_hello(bytes, &hello, error)) {
        g_prefix_error(error, "hello of channel connection %u: ",
                       recv->n_added);
        return FALSE;
    }
    if (hello.id >= recv->n || recv->channels[hello.id].io) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          hello.id >= recv->n ?
                          "a hello has channel %u, but there are only %u" :
                          "a second hello has channel %u of %u",
                          hello.id, recv->n);
        return FALSE;
    }
    if (memcmp(hello.uuid, recv->settings->uuid, sizeof(hello.uuid)) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the hello of channel %u has the UUID of another "
                          "guest", hello.id);
        return FALSE;
    }

    channel = &recv->channels[hello.id];
    channel->recv = recv;
    channel->id = hello.id;
    channel->reader = mt_packet_reader_new(recv->ram, recv->codec,
                                           recv->pages, recv->counters,
                                           error);
    if (!channel->reader)
        return FALSE;

    name = g_strdup_printf("channel %u", hello.id);
    mt_io_set_name(io, name);
    mt_count(recv->counters->transferred, sizeof(bytes));
    mt_count(recv->counters->multifd_bytes, sizeof(bytes));
    channel->io = g_steal_pointer(&io);
    recv->n_added++;
    return TRUE;
}

static gpointer
recv_thread(gpointer data)
{
    RecvChannel *channel = data;
    MtMultifdRecv *recv = channel->recv;
    GError *error = NULL;
    gboolean more = TRUE;

    while (more) {
        guint64 offset = mt_io_get_bytes_read(channel->io);
        gboolean end, sync = FALSE;

        if (!mt_packet_reader_next(channel->reader, channel->io, &end, &sync,
                                   &error)) {
            g_prefix_error(&error, "channel %u, packet near offset %"
                           G_GUINT64_FORMAT ": ", channel->id, offset);
            mt_failure_raise(recv->failure, error);
            break;
        }
        if (end)
            break;
        if (!sync)
            continue;

        g_mutex_lock(&recv->lock);
        channel->parked = TRUE;
        g_cond_broadcast(&recv->arrived);
        while (channel->parked && !recv->quit)
            g_cond_wait(&recv->released, &recv->lock);
        more = !recv->quit;
        g_mutex_unlock(&recv->lock);
    }

    g_mutex_lock(&recv->lock);
    channel->ended = TRUE;
    g_cond_broadcast(&recv->arrived);
    g_mutex_unlock(&recv->lock);
    return NULL;
}

gboolean
mt_multifd_recv_start(MtMultifdRecv *recv, GError **error)
{
    for (guint i = 0; i < recv->n; i++) {
        g_autofree char *name = g_strdup_printf("mig-recv-%u", i);

        recv->channels[i].thread = mt_thread_new(name, recv_thread,
                                                 &recv->channels[i], error);
        if (!recv->channels[i].thread)
            return FALSE;
    }

    return TRUE;
}

/* Waits until @channel is at the sync point.  Call with the lock held. */
static gboolean
recv_wait(MtMultifdRecv *recv, RecvChannel *channel, GError **error)
{
    while (!channel->parked && !channel->ended)
        g_cond_wait(&recv->arrived, &recv->lock);
    if (channel->parked)
        return TRUE;

    if (mt_failure_check(recv->failure, error))
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "channel %u ended at offset %" G_GUINT64_FORMAT
                          " without the SYNC that the main channel waits for",
                          channel->id, mt_io_get_bytes_read(channel->io));
    return FALSE;
}

gboolean
mt_multifd_recv_sync(MtMultifdRecv *recv, GError **error)
{
    gboolean ok = TRUE;

    g_mutex_lock(&recv->lock);
    for (guint i = 0; i < recv->n && ok; i++)
        ok = recv_wait(recv, &recv->channels[i], error);
    for (guint i = 0; i < recv->n && ok; i++)
        recv->channels[i].parked = FALSE;
    if (ok)
        g_cond_broadcast(&recv->released);
    g_mutex_unlock(&recv->lock);
    return ok;
}

void
mt_multifd_recv_drain(MtMultifdRecv *recv, guint timeout_ms)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * (gint64)1000;
    gboolean in_time = TRUE;

    g_mutex_lock(&recv->lock);
    for (guint i = 0; i < recv->n; i++) {
        RecvChannel *channel = &recv->channels[i];

        while (!channel->ended && !channel->parked && in_time)
            in_time = g_cond_wait_until(&recv->arrived, &recv->lock, end);
    }
    g_mutex_unlock(&recv->lock);
}
