/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A recorded multifd channel: see channel.h.
 */
#include "config.h"

#include <string.h>

#include "inspect/channel.h"
#include "stream/codec.h"
#include "stream/wire.h"
#include "migtune/migtune-error.h"

#define MAX_BLOCKS 1024

struct MtChannelReader {
    MtStreamIn *in;
    MtAccount *account;
    MtAccountChannel *channel;
    gboolean add_blocks;
    MtSink *sink;

    gboolean greeted;
    MtChannelState state;
    MtCursor cursor;
    guint64 packet_offset;

    guint32 method;             /* of the packets with data, if any_data */
    gboolean any_data;
    const MtCodec *codec;       /* NULL: not one that can be decoded */
    gpointer decoder;

    MtMultifdPacket packet;
    guint8 *payload;
    guint8 *pages;
    guint8 *page[MT_MULTIFD_PAGES];
};

/* Methods that QEMU has and this library cannot decode. */
static const struct {
    guint32 method;
    const char *name;
} other_methods[] = {
    { 0x08, "qpl" },
    { 0x10, "uadk" },
    { 0x20, "qatzip" },
};

MtChannelReader *
mt_channel_reader_new(MtStreamIn *in, MtAccount *account,
                      MtAccountChannel *channel, gboolean add_blocks,
                      MtSink *sink)
{
    MtChannelReader *r = g_new0(MtChannelReader, 1);

    r->in = in;
    r->account = account;
    r->channel = channel;
    r->channel->multifd = TRUE;
    r->add_blocks = add_blocks;
    r->sink = sink;
    r->state = MT_CHANNEL_SYNC;
    r->payload = g_malloc(MT_MULTIFD_MAX_PAYLOAD);
    r->pages = g_malloc(MT_MULTIFD_PAGES * MT_PAGE_SIZE);
    for (guint i = 0; i < MT_MULTIFD_PAGES; i++)
        r->page[i] = r->pages + i * MT_PAGE_SIZE;
    return r;
}

void
mt_channel_reader_free(MtChannelReader *r)
{
    if (!r)
        return;

    if (r->decoder)
        r->codec->decoder_free(r->decoder);
    g_free(r->payload);
    g_free(r->pages);
    g_free(r);
}

MtCursor *
mt_channel_reader_get_cursor(MtChannelReader *r)
{
    return &r->cursor;
}

guint64
mt_channel_reader_get_pages(const MtChannelReader *r)
{
    return r->channel->normal + r->channel->zero;
}

/* Always FALSE. */
static gboolean
channel_fail(MtChannelReader *r, const char *id, guint64 offset,
             const char *text)
{
    mt_account_problem_at(r->account, MT_PROBLEM_ERROR, id, r->channel->name,
                          offset, "%s", text);
    r->state = MT_CHANNEL_FAILED;
    return FALSE;
}

/* Reads @len bytes, or says that the channel ends inside of @what. */
static gboolean
channel_read(MtChannelReader *r, gpointer dest, gsize len, const char *what)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    if (mt_stream_in_read(r->in, dest, len, &error))
        return TRUE;

    if (error->code != MIGTUNE_ERROR_DISCONNECTED)
        return channel_fail(r, "read-failed", r->packet_offset,
                            error->message);
    text = g_strdup_printf("the channel ends inside %s, which begins here",
                           what);
    return channel_fail(r, "truncated", r->packet_offset, text);
}

static char *
channel_format_uuid(const guint8 uuid[16])
{
    GString *text = g_string_new(NULL);
    static const guint8 none[16];

    if (memcmp(uuid, none, sizeof(none)) == 0)
        return g_string_free(text, TRUE);

    for (guint i = 0; i < 16; i++)
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 ||
                               i == 10 ? "-" : "", uuid[i]);
    return g_string_free(text, FALSE);
}

static gboolean
channel_greet(MtChannelReader *r)
{
    g_autoptr(GError) error = NULL;
    guint8 bytes[MT_MULTIFD_HELLO_SIZE];
    MtMultifdHello hello;

    r->packet_offset = mt_stream_in_offset(r->in);
    if (!channel_read(r, bytes, sizeof(bytes), "the hello"))
        return FALSE;
    if (!mt_wire_get_hello(bytes, &hello, &error)) {
        gboolean tls = bytes[0] == 0x16 && bytes[1] == 0x03;

        return channel_fail(r, tls ? "tls" : "bad-hello", r->packet_offset,
                            tls ? "the channel is encrypted with TLS" :
                            error->message);
    }

    r->greeted = TRUE;
    r->channel->bytes = sizeof(bytes);
    r->channel->id = hello.id;
    r->channel->uuid = channel_format_uuid(hello.uuid);
    return TRUE;
}

static gboolean
channel_choose_codec(MtChannelReader *r)
{
    const char *name = "unknown";

    for (guint i = 0; i < mt_codec_n(); i++) {
        if (mt_codec_get(i)->method == r->method)
            r->codec = mt_codec_get(i);
    }
    if (r->codec) {
        g_autoptr(GError) error = NULL;

        if (!r->codec->decoder_new)
            return TRUE;
        r->decoder = r->codec->decoder_new(&error);
        return r->decoder || channel_fail(r, "decoder", r->packet_offset,
                                          error->message);
    }

    for (guint i = 0; i < G_N_ELEMENTS(other_methods); i++) {
        if (other_methods[i].method == r->method)
            name = other_methods[i].name;
    }
    mt_account_problem_at(r->account, MT_PROBLEM_WARNING, "not-decoded",
                          r->channel->name, r->packet_offset,
                          "the pages are compressed with method 0x%02x (%s); "
                          "they are counted, but not decoded", r->method,
                          name);
    return TRUE;
}

static gboolean
channel_decode(MtChannelReader *r)
{
    const MtMultifdPacket *packet = &r->packet;
    guint32 method = packet->flags & MT_MULTIFD_METHOD;
    g_autoptr(GError) error = NULL;

    if (r->any_data && method != r->method) {
        g_autofree char *text = g_strdup_printf(
            "a packet is compressed with method 0x%02x, the packets before "
            "it with 0x%02x", method, r->method);

        return channel_fail(r, "method-changed", r->packet_offset, text);
    }
    if (!r->any_data) {
        r->any_data = TRUE;
        r->method = method;
        if (!channel_choose_codec(r))
            return FALSE;
    }

    if (r->codec == &mt_codec_none) {
        if (packet->payload != packet->n_normal * MT_PAGE_SIZE) {
            g_autofree char *text = g_strdup_printf(
                "a packet has %u bytes for %u uncompressed pages",
                packet->payload, packet->n_normal);

            return channel_fail(r, "bad-packet", r->packet_offset, text);
        }
        return channel_read(r, r->pages, packet->payload, "a packet");
    }

    if (!channel_read(r, r->payload, packet->payload, "a packet"))
        return FALSE;
    if (r->codec && !r->codec->decode(r->decoder, r->payload, packet->payload,
                                      r->page, packet->n_normal, &error))
        return channel_fail(r, "bad-packet", r->packet_offset,
                            error->message);

    return TRUE;
}

static int
channel_find_block(MtChannelReader *r)
{
    const MtMultifdPacket *packet = &r->packet;
    int block = mt_account_find_block(r->account, packet->block);
    MtAccountBlock *added;

    if (block >= 0 || !r->add_blocks || r->account->blocks->len >= MAX_BLOCKS)
        return block;

    added = mt_account_add_block(r->account, packet->block, 0);
    g_free(added->seen);
    added->seen = NULL;
    added->tracked = FALSE;
    return r->account->blocks->len - 1;
}

static gboolean
channel_extract(MtChannelReader *r)
{
    const MtMultifdPacket *packet = &r->packet;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < packet->n_normal + packet->n_zero; i++) {
        gboolean ok;

        if (!mt_sink_wants(r->sink, packet->block, packet->offsets[i]))
            continue;
        if (i < packet->n_normal && !r->codec)
            return channel_fail(r, "not-decoded", r->packet_offset,
                                "the pages to extract cannot be decoded");
        ok = i < packet->n_normal ?
            mt_sink_write(r->sink, packet->offsets[i], r->page[i],
                          MT_PAGE_SIZE, &error) :
            mt_sink_fill(r->sink, packet->offsets[i], 0, MT_PAGE_SIZE,
                         &error);
        if (!ok)
            return channel_fail(r, "extract-failed", r->packet_offset,
                                error->message);
    }

    return TRUE;
}

static gboolean
channel_count_pages(MtChannelReader *r)
{
    const MtMultifdPacket *packet = &r->packet;
    guint n = packet->n_normal + packet->n_zero;
    int index = channel_find_block(r);
    const MtAccountBlock *block = index < 0 ? NULL :
        g_ptr_array_index(r->account->blocks, index);

    if (!block) {
        g_autofree char *shown = g_strescape(packet->block, NULL);
        g_autofree char *text = g_strdup_printf(
            "a packet has pages of block '%s', which is not listed", shown);

        return channel_fail(r, "unknown-block", r->packet_offset, text);
    }
    for (guint i = 0; i < n; i++) {
        guint64 offset = packet->offsets[i];
        g_autofree char *text = NULL;

        if (offset % MT_PAGE_SIZE == 0 &&
            (offset < block->length || r->add_blocks))
            continue;
        text = g_strdup_printf(
            "a packet has a page at 0x%" G_GINT64_MODIFIER "x of block '%s', "
            "which has 0x%" G_GINT64_MODIFIER "x bytes", offset, block->name,
            block->length);
        return channel_fail(r, "page-outside", r->packet_offset, text);
    }

    /* One call for both kinds would lose which is which; zero pages are not
     * in order, so the normal ones and the packet decide about the pass. */
    if (packet->n_normal)
        mt_account_pages(r->account, &r->cursor, index, MT_PAGES_MULTIFD,
                         packet->offsets, packet->n_normal,
                         MT_MULTIFD_HEADER_SIZE + packet->payload, TRUE);
    if (packet->n_zero)
        mt_account_pages(r->account, &r->cursor, index, MT_PAGES_MULTIFD_ZERO,
                         packet->offsets + packet->n_normal, packet->n_zero,
                         packet->n_normal ? 0 : MT_MULTIFD_HEADER_SIZE,
                         !packet->n_normal);
    return channel_extract(r);
}

/* The size that a packet without normal pages names, which has no meaning. */
#define PACKET_SIZE_AT 0x14

static gboolean
channel_packet(MtChannelReader *r)
{
    MtMultifdPacket *packet = &r->packet;
    MtAccountChannel *channel = r->channel;
    guint8 bytes[MT_MULTIFD_HEADER_SIZE];
    g_autoptr(GError) error = NULL;

    if (!channel_read(r, bytes, sizeof(bytes), "the header of a packet"))
        return FALSE;
    if (!mt_wire_get_packet(bytes, packet, &error))
        return channel_fail(r, error->code == MIGTUNE_ERROR_UNSUPPORTED ?
                            "unsupported" : "bad-packet", r->packet_offset,
                            error->message);

    if (packet->n_normal && !channel_decode(r))
        return FALSE;

    channel->packets++;
    channel->normal += packet->n_normal;
    channel->zero += packet->n_zero;
    channel->payload += packet->payload;
    channel->methods |= packet->flags & MT_MULTIFD_METHOD;
    if (packet->flags & MT_MULTIFD_SYNC) {
        channel->sync++;
        if (packet->n_normal + packet->n_zero)
            channel->sync_with_data++;
    } else if (!packet->n_normal && !packet->n_zero) {
        channel->empty++;
    }
    if (!packet->n_normal && mt_get_be32(bytes + PACKET_SIZE_AT))
        channel->stale++;
    channel->bytes = mt_stream_in_offset(r->in);

    return !(packet->n_normal + packet->n_zero) || channel_count_pages(r);
}

MtChannelState
mt_channel_reader_run(MtChannelReader *r, gboolean to_end)
{
    if (r->state != MT_CHANNEL_SYNC)
        return r->state;
    if (!r->greeted && !channel_greet(r))
        return r->state;

    for (;;) {
        g_autoptr(GError) error = NULL;
        gboolean end;
        guint8 byte;

        r->packet_offset = mt_stream_in_offset(r->in);
        if (!mt_stream_in_peek(r->in, &byte, &end, &error)) {
            channel_fail(r, "read-failed", r->packet_offset, error->message);
            return r->state;
        }
        if (end) {
            r->state = MT_CHANNEL_END;
            return r->state;
        }
        if (!channel_packet(r))
            return r->state;
        if ((r->packet.flags & MT_MULTIFD_SYNC) && !to_end)
            return MT_CHANNEL_SYNC;
    }
}
