/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a migration stream: see source.h.  Pages are written by
 * source-pages.c.
 */
#include "config.h"

#include <string.h>

#include "engine/source/source-private.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

MtSource *
mt_source_new(MtRam *ram, MtDirty *dirty, const MtEngineSettings *settings,
              MtIo *io, MtCounters *counters, MtFailure *failure)
{
    MtSource *s = g_new0(MtSource, 1);

    s->ram = ram;
    s->dirty = dirty;
    s->settings = settings;
    s->io = io;
    s->counters = counters;
    s->failure = failure;
    s->bulk = TRUE;
    s->untouched = mt_bitmap_new(mt_ram_n_pages(ram));
    mt_stream_out_init(&s->out, io, &counters->transferred);
    return s;
}

void
mt_source_free(MtSource *s)
{
    if (!s)
        return;

    mt_multifd_send_free(s->multifd);
    mt_mapped_out_free(s->mapped);
    mt_legacy_encoder_free(s->legacy);
    mt_stream_out_clear(&s->out);
    mt_bitmap_free(s->untouched);
    g_free(s);
}

static gboolean
source_subsection(MtSource *s, const char *name, GError **error)
{
    return mt_stream_out_u8(&s->out, MT_SECTION_SUBSECTION, error) &&
           mt_stream_out_str8(&s->out, name, error) &&
           mt_stream_out_be32(&s->out, 1, error);
}

static gboolean
source_configuration(MtSource *s, GError **error)
{
    static const guint8 no_uuid[16];
    const MtEngineSettings *set = s->settings;
    MtStreamOut *out = &s->out;
    const char *caps[2];
    guint n_caps = 0;

    if (set->ignore_shared)
        caps[n_caps++] = "x-ignore-shared";
    if (set->mapped_ram)
        caps[n_caps++] = "mapped-ram";

    if (!mt_stream_out_u8(out, MT_SECTION_CONFIGURATION, error) ||
        !mt_stream_out_be32(out, strlen(set->machine), error) ||
        !mt_stream_out_bytes(out, set->machine, strlen(set->machine), error))
        return FALSE;

    if (n_caps) {
        if (!source_subsection(s, "configuration/capabilities", error) ||
            !mt_stream_out_be32(out, n_caps, error))
            return FALSE;
        for (guint i = 0; i < n_caps; i++) {
            if (!mt_stream_out_str8(out, caps[i], error))
                return FALSE;
        }
    }
    if (set->validate_uuid && memcmp(set->uuid, no_uuid, 16) != 0)
        return source_subsection(s, "configuration/uuid", error) &&
               mt_stream_out_bytes(out, set->uuid, 16, error);

    return TRUE;
}

gboolean
mt_source_send_header(MtSource *s, GError **error)
{
    return mt_stream_out_be32(&s->out, MT_WIRE_MAGIC, error) &&
           mt_stream_out_be32(&s->out, MT_WIRE_VERSION, error) &&
           (!s->settings->wire.send_configuration ||
            source_configuration(s, error)) &&
           mt_stream_out_flush(&s->out, error);
}

gboolean
mt_source_prepare(MtSource *s, MtTransport *transport, MtIo **channels,
                  guint n, MtXbzrle *xbzrle, GError **error)
{
    const MtEngineSettings *set = s->settings;

    s->xbzrle = xbzrle;
    if (set->mapped_ram) {
        s->mapped = mt_mapped_out_new(s->ram, s->io, transport, set,
                                      s->untouched, s->counters, s->failure,
                                      error);
        if (!s->mapped)
            return FALSE;
        s->pool = mt_mapped_out_get_pool(s->mapped);
    } else if (n) {
        const MtCodec *codec = mt_codec_find(set->multifd_compression, error);

        if (!codec)
            return FALSE;
        s->multifd = mt_multifd_send_new(s->ram, codec, set, channels, n,
                                         s->untouched, s->counters,
                                         s->failure, error);
        if (!s->multifd)
            return FALSE;
        s->pool = mt_multifd_send_get_pool(s->multifd);
    }
    if (set->compress) {
        s->legacy = mt_source_new_legacy(s, error);
        if (!s->legacy)
            return FALSE;
    }

    return TRUE;
}

gboolean
mt_source_command(MtSource *s, MtWireCommand command, guint16 len,
                  gconstpointer payload, GError **error)
{
    return mt_stream_out_u8(&s->out, MT_SECTION_COMMAND, error) &&
           mt_stream_out_be16(&s->out, command, error) &&
           mt_stream_out_be16(&s->out, len, error) &&
           mt_stream_out_bytes(&s->out, payload, len, error);
}

static gboolean
source_footer(MtSource *s, guint32 id, GError **error)
{
    return !s->settings->wire.send_footers ||
           (mt_stream_out_u8(&s->out, MT_SECTION_FOOTER, error) &&
            mt_stream_out_be32(&s->out, id, error));
}

static gboolean
source_block_list(MtSource *s, GError **error)
{
    MtStreamOut *out = &s->out;

    if (!mt_stream_out_be64(out, mt_ram_bytes(s->ram) | MT_RECORD_MEM_SIZE,
                            error))
        return FALSE;

    for (guint i = 0; i < mt_ram_n_blocks(s->ram); i++) {
        const MtRamBlock *block = mt_ram_block(s->ram, i);

        if (!mt_stream_out_str8(out, block->name, error) ||
            !mt_stream_out_be64(out, block->used_length, error))
            return FALSE;
        if (s->settings->ignore_shared &&
            !mt_stream_out_be64(out, block->gpa, error))
            return FALSE;
        if (s->mapped && !mt_mapped_out_block(s->mapped, i, out, error))
            return FALSE;
    }

    return TRUE;
}

/* Announces that post-copy is possible. */
static gboolean
source_advise(MtSource *s, GError **error)
{
    guint8 payload[16];

    mt_put_be64(payload, MT_PAGE_SIZE);     /* host page sizes, ORed */
    mt_put_be64(payload + 8, MT_PAGE_SIZE); /* target page size */
    return mt_source_command(s, MT_CMD_POSTCOPY_ADVISE, sizeof(payload),
                             payload, error);
}

gboolean
mt_source_send_start(MtSource *s, GError **error)
{
    static const guint8 one[4] = { 0, 0, 0, 1 };
    const MtWireSwitches *wire = &s->settings->wire;
    MtStreamOut *out = &s->out;

    mt_ram_find_untouched(s->ram, s->untouched);
    if (s->settings->return_path &&
        (!mt_source_command(s, MT_CMD_OPEN_RETURN_PATH, 0, NULL, error) ||
         !mt_source_command(s, MT_CMD_PING, sizeof(one), one, error)))
        return FALSE;
    if (s->settings->postcopy && !source_advise(s, error))
        return FALSE;

    if (!mt_stream_out_u8(out, MT_SECTION_START, error) ||
        !mt_stream_out_be32(out, wire->ram_section_id, error) ||
        !mt_stream_out_str8(out, "ram", error) ||
        !mt_stream_out_be32(out, 0, error) ||
        !mt_stream_out_be32(out, MT_WIRE_RAM_VERSION, error) ||
        !source_block_list(s, error))
        return FALSE;

    /* The first sync tells the destination how channels are synchronised. */
    if (s->multifd && !mt_source_sync(s, error))
        return FALSE;
    return mt_stream_out_be64(out, MT_RECORD_EOS, error) &&
           source_footer(s, wire->ram_section_id, error) &&
           mt_stream_out_flush(out, error);
}

gboolean
mt_source_begin(MtSource *s, gboolean last, GError **error)
{
    s->last = last;
    /* After the switch, the receiver does not know the block of earlier pages. */
    if (s->postcopy)
        s->named = NULL;
    return mt_stream_out_u8(&s->out, last ? MT_SECTION_END : MT_SECTION_PART,
                            error) &&
           mt_stream_out_be32(&s->out, s->settings->wire.ram_section_id,
                              error);
}

gboolean
mt_source_flush(MtSource *s, GError **error)
{
    return mt_stream_out_flush(&s->out, error);
}

gboolean
mt_source_end(MtSource *s, GError **error)
{
    if (!mt_source_settle(s, error))
        return FALSE;
    if (s->multifd && s->settings->wire.sync_each_section &&
        !mt_source_sync(s, error))
        return FALSE;
    if (s->last && s->mapped &&
        ((s->pool && !mt_pool_sync(s->pool, error)) ||
         !mt_mapped_out_finish(s->mapped, error)))
        return FALSE;

    return mt_stream_out_be64(&s->out, MT_RECORD_EOS, error) &&
           source_footer(s, s->settings->wire.ram_section_id, error) &&
           mt_stream_out_flush(&s->out, error);
}

void
mt_source_bulk_done(MtSource *s)
{
    s->bulk = FALSE;
    mt_bitmap_clear_range(s->untouched, 0, s->untouched->n_bits);
}

gboolean
mt_source_switch_over(MtSource *s, GError **error)
{
    s->stopped = TRUE;
    return !s->settings->wire.send_switchover_start ||
           mt_source_command(s, MT_CMD_SWITCHOVER_START, 0, NULL, error);
}

gboolean
mt_source_send_devices(MtSource *s, GBytes *sections, GBytes *vmdesc,
                       GError **error)
{
    MtStreamOut *out = &s->out;
    gsize len;
    gconstpointer data = g_bytes_get_data(sections, &len);

    if (!mt_stream_out_bytes(out, data, len, error) ||
        !mt_stream_out_u8(out, MT_SECTION_EOF, error))
        return FALSE;
    if (vmdesc && s->settings->wire.send_vmdesc) {
        data = g_bytes_get_data(vmdesc, &len);
        if (!mt_stream_out_u8(out, MT_SECTION_VMDESC, error) ||
            !mt_stream_out_be32(out, len, error) ||
            !mt_stream_out_bytes(out, data, len, error))
            return FALSE;
    }

    return mt_stream_out_flush(out, error);
}
