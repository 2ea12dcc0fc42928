/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Multifd, the sending side: sends each job of the pool as a packet.
 */
#include "config.h"

#include <string.h>

#include "engine/source/multifd-send.h"
#include "engine/source/source-zero.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

typedef struct {
    MtMultifdSend *send;
    guint id;
    MtIo *io;
    gpointer encoder;
    MtMultifdPacket packet;
    guint8 header[MT_MULTIFD_HEADER_SIZE];
    guint8 *pages[MT_MULTIFD_PAGES];
    struct iovec iov[MT_MULTIFD_PAGES + 2];
} SendChannel;

struct MtMultifdSend {
    MtRam *ram;
    const MtCodec *codec;
    gboolean find_zeros;        /* atomic */
    MtBitmap *untouched;
    MtCounters *counters;
    MtPool *pool;
    guint n;
    SendChannel *channels;
    guint64 packet_number;      /* atomic */
};

static gboolean
channel_fail(SendChannel *channel, GError **error)
{
    g_prefix_error(error, "channel %u, packet %" G_GUINT64_FORMAT ": ",
                   channel->id, channel->packet.number);
    return FALSE;
}

/*
 * Fills the packet with the pages of a job: first those with data, then the zero
 * pages.
 */
static void
channel_sort(SendChannel *channel, const MtJob *job)
{
    MtMultifdPacket *packet = &channel->packet;
    guint64 zeros[MT_MULTIFD_PAGES];
    gboolean find_zeros =
        __atomic_load_n(&channel->send->find_zeros, __ATOMIC_RELAXED);

    packet->n_normal = packet->n_zero = 0;
    for (guint i = 0; i < job->n; i++) {
        guint8 *page = job->block->host + job->offsets[i];

        if (find_zeros && mt_source_zero_page(channel->send->untouched,
                                              job->block,
                                              job->offsets[i])) {
            zeros[packet->n_zero++] = job->offsets[i];
        } else {
            channel->pages[packet->n_normal] = page;
            packet->offsets[packet->n_normal++] = job->offsets[i];
        }
    }
    memcpy(packet->offsets + packet->n_normal, zeros,
           packet->n_zero * sizeof(zeros[0]));
}

/* iov[0] is for the header. */
static gboolean
channel_write(SendChannel *channel, guint n_iov, GError **error)
{
    MtMultifdSend *send = channel->send;
    gsize size = MT_MULTIFD_HEADER_SIZE + channel->packet.payload;

    channel->packet.number = __atomic_fetch_add(&send->packet_number, 1,
                                                __ATOMIC_RELAXED);
    mt_wire_put_packet(&channel->packet, MT_MULTIFD_PAGES, channel->header);
    channel->iov[0].iov_base = channel->header;
    channel->iov[0].iov_len = MT_MULTIFD_HEADER_SIZE;

    /* Count before writing: an observer that sees the pages on the destination
     * must find them counted. */
    mt_count(send->counters->transferred, size);
    mt_count(send->counters->multifd_bytes, size);
    mt_count(send->counters->multifd_packets, 1);
    return mt_io_writev(channel->io, channel->iov, n_iov, error) ||
           channel_fail(channel, error);
}

static gboolean
channel_run(gpointer data, const MtJob *job, GError **error)
{
    SendChannel *channel = data;
    MtMultifdSend *send = channel->send;
    MtMultifdPacket *packet = &channel->packet;
    guint n_iov = 0;

    channel_sort(channel, job);
    packet->flags = send->codec->method;
    packet->payload = 0;
    g_strlcpy(packet->block, job->block->name, sizeof(packet->block));

    if (packet->n_normal) {
        if (!send->codec->encode(channel->encoder, channel->pages,
                                 packet->n_normal, channel->iov + 1, &n_iov,
                                 error))
            return channel_fail(channel, error);
        for (guint i = 1; i <= n_iov; i++)
            packet->payload += channel->iov[i].iov_len;
    }
    mt_count(send->counters->normal, packet->n_normal);
    mt_count(send->counters->duplicate, packet->n_zero);
    return channel_write(channel, n_iov + 1, error);
}

static gboolean
channel_sync(gpointer data, GError **error)
{
    SendChannel *channel = data;
    MtMultifdPacket *packet = &channel->packet;

    packet->flags = MT_MULTIFD_SYNC;
    packet->n_normal = packet->n_zero = packet->payload = 0;
    return channel_write(channel, 1, error);
}

static const MtPoolFuncs send_funcs = {
    .run = channel_run,
    .sync = channel_sync,
};

void
mt_multifd_send_retune(MtMultifdSend *send, const MtEngineSettings *settings)
{
    __atomic_store_n(&send->find_zeros,
                     settings->zero_detection == MT_ZERO_MULTIFD,
                     __ATOMIC_RELAXED);
}

gboolean
mt_multifd_send_hello(MtIo *io, guint id, const MtEngineSettings *settings,
                      MtCounters *counters, GError **error)
{
    MtMultifdHello hello = { .id = id };
    guint8 bytes[MT_MULTIFD_HELLO_SIZE];

    memcpy(hello.uuid, settings->uuid, sizeof(hello.uuid));
    mt_wire_put_hello(&hello, bytes);
    mt_count(counters->transferred, sizeof(bytes));
    mt_count(counters->multifd_bytes, sizeof(bytes));
    if (mt_io_write(io, bytes, sizeof(bytes), error))
        return TRUE;

    g_prefix_error(error, "channel %u, its hello: ", id);
    return FALSE;
}

MtMultifdSend *
mt_multifd_send_new(MtRam *ram, const MtCodec *codec,
                    const MtEngineSettings *settings, MtIo **ios, guint n,
                    MtBitmap *untouched, MtCounters *counters, MtFailure *failure, GError **error)
{
    MtMultifdSend *send = g_new0(MtMultifdSend, 1);
    g_autofree gpointer *channels = g_new(gpointer, n);
    int level = mt_engine_settings_level(settings, codec);
    gboolean ok = TRUE;

    send->ram = ram;
    send->codec = codec;
    mt_multifd_send_retune(send, settings);
    send->untouched = untouched;
    send->counters = counters;
    send->n = n;
    send->channels = g_new0(SendChannel, n);
    for (guint i = 0; i < n; i++) {
        SendChannel *channel = &send->channels[i];

        channels[i] = channel;
        channel->send = send;
        channel->id = i;
        channel->io = g_steal_pointer(&ios[i]);
        if (!ok)
            continue;
        if (codec->encoder_new)
            channel->encoder = codec->encoder_new(level, error);
        ok = !codec->encoder_new || channel->encoder;
    }
    if (!ok) {
        mt_multifd_send_free(send);
        return NULL;
    }

    send->pool = mt_pool_new(&send_funcs, channels, n, failure, error);
    if (!send->pool) {
        mt_multifd_send_free(send);
        return NULL;
    }
    return send;
}

MtPool *
mt_multifd_send_get_pool(MtMultifdSend *send)
{
    return send->pool;
}

void
mt_multifd_send_free(MtMultifdSend *send)
{
    if (!send)
        return;

    mt_pool_free(send->pool);
    for (guint i = 0; i < send->n; i++) {
        if (send->channels[i].encoder)
            send->codec->encoder_free(send->channels[i].encoder);
        mt_io_free(send->channels[i].io);
    }
    g_free(send->channels);
    g_free(send);
}
