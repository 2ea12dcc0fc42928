/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed-size records of the stream, to and from bytes: see wire.h.
 */
#include "config.h"

#include <string.h>

#include "stream/wire.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* Offsets inside the hello and the packet header. */
enum {
    HELLO_MAGIC = 0x00,
    HELLO_VERSION = 0x04,
    HELLO_UUID = 0x08,
    HELLO_ID = 0x18,

    PACKET_MAGIC = 0x00,
    PACKET_VERSION = 0x04,
    PACKET_FLAGS = 0x08,
    PACKET_ALLOC = 0x0c,
    PACKET_NORMAL = 0x10,
    PACKET_PAYLOAD = 0x14,
    PACKET_NUMBER = 0x18,
    PACKET_ZERO = 0x20,
    PACKET_BLOCK = 0x40,
    PACKET_OFFSETS = 0x140,
};

static gboolean
wire_check_magic(const guint8 *in, const char *what, GError **error)
{
    guint32 magic = mt_get_be32(in);
    guint32 version = mt_get_be32(in + 4);

    if (magic != MT_MULTIFD_MAGIC) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "%s begins with 0x%08x, not 0x%08x", what, magic,
                          MT_MULTIFD_MAGIC);
        return FALSE;
    }
    if (version != MT_MULTIFD_VERSION) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "%s has version %u, not %d", what, version,
                          MT_MULTIFD_VERSION);
        return FALSE;
    }

    return TRUE;
}

void
mt_wire_put_hello(const MtMultifdHello *hello,
                  guint8 out[MT_MULTIFD_HELLO_SIZE])
{
    memset(out, 0, MT_MULTIFD_HELLO_SIZE);
    mt_put_be32(out + HELLO_MAGIC, MT_MULTIFD_MAGIC);
    mt_put_be32(out + HELLO_VERSION, MT_MULTIFD_VERSION);
    memcpy(out + HELLO_UUID, hello->uuid, sizeof(hello->uuid));
    out[HELLO_ID] = hello->id;
}

gboolean
mt_wire_get_hello(const guint8 in[MT_MULTIFD_HELLO_SIZE],
                  MtMultifdHello *ret_hello, GError **error)
{
    if (!wire_check_magic(in, "the hello of a multifd channel", error))
        return FALSE;

    memcpy(ret_hello->uuid, in + HELLO_UUID, sizeof(ret_hello->uuid));
    ret_hello->id = in[HELLO_ID];
    return TRUE;
}

void
mt_wire_put_packet(const MtMultifdPacket *packet, guint32 alloc,
                   guint8 out[MT_MULTIFD_HEADER_SIZE])
{
    guint32 n = packet->n_normal + packet->n_zero;

    memset(out, 0, MT_MULTIFD_HEADER_SIZE);
    mt_put_be32(out + PACKET_MAGIC, MT_MULTIFD_MAGIC);
    mt_put_be32(out + PACKET_VERSION, MT_MULTIFD_VERSION);
    mt_put_be32(out + PACKET_FLAGS, packet->flags);
    mt_put_be32(out + PACKET_ALLOC, alloc);
    mt_put_be32(out + PACKET_NORMAL, packet->n_normal);
    mt_put_be32(out + PACKET_PAYLOAD, packet->payload);
    mt_put_be64(out + PACKET_NUMBER, packet->number);
    mt_put_be32(out + PACKET_ZERO, packet->n_zero);
    if (n)
        memcpy(out + PACKET_BLOCK, packet->block, strlen(packet->block));
    for (guint32 i = 0; i < n; i++)
        mt_put_be64(out + PACKET_OFFSETS + i * 8, packet->offsets[i]);
}

gboolean
mt_wire_get_packet(const guint8 in[MT_MULTIFD_HEADER_SIZE],
                   MtMultifdPacket *ret_packet, GError **error)
{
    guint32 alloc, n;

    if (!wire_check_magic(in, "a multifd packet", error))
        return FALSE;

    ret_packet->flags = mt_get_be32(in + PACKET_FLAGS);
    alloc = mt_get_be32(in + PACKET_ALLOC);
    ret_packet->n_normal = mt_get_be32(in + PACKET_NORMAL);
    ret_packet->payload = mt_get_be32(in + PACKET_PAYLOAD);
    ret_packet->number = mt_get_be64(in + PACKET_NUMBER);
    ret_packet->n_zero = mt_get_be32(in + PACKET_ZERO);

    if (ret_packet->flags & MT_MULTIFD_DEVICE_STATE) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "a multifd packet carries device state, which only "
                          "VFIO devices send");
        return FALSE;
    }
    if (ret_packet->flags & ~(guint32)(MT_MULTIFD_SYNC | MT_MULTIFD_METHOD)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a multifd packet has flags 0x%x, of which 0x%x "
                          "are known", ret_packet->flags,
                          MT_MULTIFD_SYNC | MT_MULTIFD_METHOD);
        return FALSE;
    }
    if (alloc > MT_MULTIFD_PAGES ||
        ret_packet->n_normal > MT_MULTIFD_PAGES ||
        ret_packet->n_zero > MT_MULTIFD_PAGES - ret_packet->n_normal) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a multifd packet has %u normal and %u zero pages "
                          "in room for %u: at most %d are allowed",
                          ret_packet->n_normal, ret_packet->n_zero, alloc,
                          MT_MULTIFD_PAGES);
        return FALSE;
    }

    /* A packet without normal pages has the stale size of an earlier packet. */
    if (!ret_packet->n_normal)
        ret_packet->payload = 0;
    if (ret_packet->payload > MT_MULTIFD_MAX_PAYLOAD) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a multifd packet has %u bytes of pages, at most "
                          "%d are allowed", ret_packet->payload,
                          MT_MULTIFD_MAX_PAYLOAD);
        return FALSE;
    }

    memcpy(ret_packet->block, in + PACKET_BLOCK, sizeof(ret_packet->block));
    if (!memchr(ret_packet->block, 0, sizeof(ret_packet->block))) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a multifd packet has a block name without a "
                          "final NUL");
        return FALSE;
    }

    n = ret_packet->n_normal + ret_packet->n_zero;
    for (guint32 i = 0; i < n; i++)
        ret_packet->offsets[i] = mt_get_be64(in + PACKET_OFFSETS + i * 8);
    return TRUE;
}
