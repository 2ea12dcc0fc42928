/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a source sends to switch to post-copy and afterwards: see source.h.
 */
#include "config.h"

#include <string.h>

#include "engine/source/source-private.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* The number of ranges in one DISCARD, as in QEMU. */
#define DISCARD_RANGES 12

/* The values of the PINGs. */
enum { PING_BEFORE = 2, PING_PACKED = 3, PING_BEHIND = 4 };

gboolean
mt_source_leave_precopy(MtSource *s, GError **error)
{
    if ((s->legacy || s->pool) &&
        (!mt_source_begin(s, FALSE, error) ||
         (s->legacy && !mt_legacy_encoder_flush(s->legacy, error)) ||
         (s->multifd && !s->settings->wire.sync_each_section &&
          !mt_source_sync(s, error)) ||
         !mt_source_end(s, error)))
        return FALSE;

    mt_source_begin_postcopy(s);
    return TRUE;
}

void
mt_source_begin_postcopy(MtSource *s)
{
    s->postcopy = TRUE;
    mt_source_bulk_done(s);
    s->block = 0;
    s->page = 0;
}

gboolean
mt_source_send_eos(MtSource *s, GError **error)
{
    return mt_stream_out_be64(&s->out, MT_RECORD_EOS, error) &&
           mt_stream_out_flush(&s->out, error);
}

static gboolean
discard_send(MtSource *s, const MtRamBlock *block, const guint8 *ranges,
             guint n, GError **error)
{
    guint8 payload[3 + 255 + 16 * DISCARD_RANGES];
    gsize head = 3 + block->name_len;

    payload[0] = 0;             /* version */
    payload[1] = block->name_len;
    memcpy(payload + 2, block->name, block->name_len);
    payload[2 + block->name_len] = 0;
    memcpy(payload + head, ranges, 16 * n);
    return mt_source_command(s, MT_CMD_POSTCOPY_RAM_DISCARD, head + 16 * n,
                             payload, error);
}

static gboolean
discard_block(MtSource *s, const MtRamBlock *block, GError **error)
{
    guint64 end = block->first_page + block->n_pages;
    guint8 ranges[16 * DISCARD_RANGES];
    guint64 from = block->first_page;
    guint64 first, n_pages;
    guint n = 0;

    while ((n_pages = mt_dirty_next_run(s->dirty, from, end, &first))) {
        mt_put_be64(ranges + 16 * n,
                    (first - block->first_page) << MT_PAGE_SHIFT);
        mt_put_be64(ranges + 16 * n + 8, n_pages << MT_PAGE_SHIFT);
        from = first + n_pages;
        if (++n < DISCARD_RANGES)
            continue;
        if (!discard_send(s, block, ranges, n, error))
            return FALSE;
        n = 0;
    }

    return !n || discard_send(s, block, ranges, n, error);
}

gboolean
mt_source_discard(MtSource *s, GError **error)
{
    /* The guest is stopped, so what is untouched now stays zero. */
    mt_ram_find_untouched(s->ram, s->untouched);
    for (guint i = 0; i < mt_ram_n_blocks(s->ram); i++) {
        if (!discard_block(s, mt_ram_block(s->ram, i), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
package_ping(MtSource *s, guint32 number, GError **error)
{
    guint8 payload[4];

    mt_put_be32(payload, number);
    return mt_source_command(s, MT_CMD_PING, sizeof(payload), payload, error);
}

static void
package_command(GByteArray *package, MtWireCommand command, gconstpointer payload,
                guint16 len)
{
    guint8 head[5] = { MT_SECTION_COMMAND };

    mt_put_be16(head + 1, command);
    mt_put_be16(head + 3, len);
    g_byte_array_append(package, head, sizeof(head));
    g_byte_array_append(package, payload, len);
}

gboolean
mt_source_send_package(MtSource *s, GBytes *sections, GError **error)
{
    g_autoptr(GByteArray) package = g_byte_array_new();
    guint8 number[4];
    gsize len;
    gconstpointer data = g_bytes_get_data(sections, &len);

    mt_put_be32(number, PING_PACKED);
    package_command(package, MT_CMD_POSTCOPY_LISTEN, NULL, 0);
    g_byte_array_append(package, data, len);
    package_command(package, MT_CMD_PING, number, sizeof(number));
    package_command(package, MT_CMD_POSTCOPY_RUN, NULL, 0);

    mt_put_be32(number, package->len);
    return package_ping(s, PING_BEFORE, error) &&
           mt_source_command(s, MT_CMD_PACKAGED, sizeof(number), number,
                             error) &&
           mt_stream_out_bytes(&s->out, package->data, package->len, error) &&
           mt_stream_out_flush(&s->out, error);
}

gboolean
mt_source_send_behind(MtSource *s, GError **error)
{
    return package_ping(s, PING_BEHIND, error) &&
           mt_stream_out_flush(&s->out, error);
}

void
mt_source_restart(MtSource *s, MtIo *io, MtFailure *failure)
{
    g_clear_pointer(&s->multifd, mt_multifd_send_free);
    s->pool = NULL;
    s->job = NULL;
    mt_stream_out_clear(&s->out);
    mt_stream_out_init(&s->out, io, &s->counters->transferred);
    s->io = io;
    s->failure = failure;
    s->named = NULL;
    s->block = 0;
    s->page = 0;
}

gboolean
mt_source_ask_bitmap(MtSource *s, const MtRamBlock *block, GError **error)
{
    guint8 payload[256];

    payload[0] = block->name_len;
    memcpy(payload + 1, block->name, block->name_len);
    return mt_source_command(s, MT_CMD_RECV_BITMAP, 1 + block->name_len,
                             payload, error) &&
           mt_stream_out_flush(&s->out, error);
}

void
mt_source_use_bitmap(MtSource *s, const MtRamBlock *block, GBytes *bitmap)
{
    const guint8 *bits = g_bytes_get_data(bitmap, NULL);

    for (guint64 i = 0; i < block->n_pages; i++) {
        if (bits[i / 8] & 1u << i % 8)
            mt_dirty_take(s->dirty, block->first_page + i);
        else
            mt_dirty_put(s->dirty, block->first_page + i);
    }
}

gboolean
mt_source_send_resume(MtSource *s, GError **error)
{
    return mt_source_command(s, MT_CMD_POSTCOPY_RESUME, 0, NULL, error) &&
           mt_stream_out_flush(&s->out, error);
}

gboolean
mt_source_send_eof(MtSource *s, GError **error)
{
    return mt_stream_out_u8(&s->out, MT_SECTION_EOF, error) &&
           mt_stream_out_flush(&s->out, error);
}
