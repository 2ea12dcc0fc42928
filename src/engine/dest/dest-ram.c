/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The records of RAM sections.  Each address is checked before a byte is written.
 */
#include "config.h"

#include <string.h>

#include "engine/dest/dest-private.h"
#include "engine/dest/mapped-in.h"
#include "stream/wire.h"
#include "stream/xbzrle.h"
#include "engine/memory/zero.h"
#include "migtune/migtune-error.h"

static gboolean
ram_sync(MtDest *dest, GError **error)
{
    return !dest->channels || mt_multifd_recv_sync(dest->channels, error);
}

/* Waits until all pages are inflated. */
static gboolean
ram_inflate_flush(MtDest *dest, GError **error)
{
    if (!dest->decoder || !dest->inflating_list->len)
        return TRUE;

    for (guint i = 0; i < dest->inflating_list->len; i++)
        mt_bitmap_clear(dest->inflating, g_array_index(dest->inflating_list,
                                                       guint64, i));
    g_array_set_size(dest->inflating_list, 0);
    return mt_legacy_decoder_flush(dest->decoder, error);
}

/* Waits if page @index is being inflated: a later record must win. */
static gboolean
ram_inflate_settle(MtDest *dest, guint64 index, GError **error)
{
    if (!dest->decoder || !mt_bitmap_test(dest->inflating, index))
        return TRUE;

    return ram_inflate_flush(dest, error);
}

static gboolean
ram_inflate(MtDest *dest, guint64 index, guint8 *page, GError **error)
{
    guint32 n;
    const guint8 *data;

    if (!mt_stream_in_be32(&dest->in, &n, error))
        return FALSE;
    if (n > MT_LEGACY_MAX || n == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a compressed page has %u bytes, 1 to %d are "
                          "accepted", n, MT_LEGACY_MAX);
        return FALSE;
    }
    data = mt_stream_in_take(&dest->in, n, error);
    if (!data)
        return FALSE;

    if (!dest->decoder) {
        dest->decoder = mt_legacy_decoder_new(
            MAX(1, dest->settings->decompress_threads), error);
        if (!dest->decoder)
            return FALSE;
        dest->inflating = mt_bitmap_new(mt_ram_n_pages(dest->ram));
        dest->inflating_list = g_array_new(FALSE, FALSE, sizeof(guint64));
    }
    mt_bitmap_set(dest->inflating, index);
    g_array_append_val(dest->inflating_list, index);
    mt_count(dest->counters->compression_pages, 1);
    mt_count(dest->counters->compressed_size, n);
    return mt_legacy_decoder_put(dest->decoder, data, n, page, error);
}

static gboolean
ram_xbzrle(MtDest *dest, guint8 *page, GError **error)
{
    guint8 head;
    guint16 n;
    const guint8 *data;

    if (!mt_stream_in_u8(&dest->in, &head, error) ||
        !mt_stream_in_be16(&dest->in, &n, error))
        return FALSE;
    if (head != 1 || n > MT_PAGE_SIZE) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "an xbzrle record has kind %u and %u bytes: kind 1 "
                          "and at most %d bytes are accepted", head, n,
                          MT_PAGE_SIZE);
        return FALSE;
    }
    data = mt_stream_in_take(&dest->in, n, error);
    if (!data)
        return FALSE;

    mt_count(dest->counters->xbzrle_pages, 1);
    mt_count(dest->counters->xbzrle_bytes, n + 3);
    return mt_xbzrle_decode(data, n, page, error);
}

/* One entry of the block list. */
static gboolean
ram_block_entry(MtDest *dest, GHashTable *listed, guint64 left,
                guint64 *ret_length, GError **error)
{
    MtStreamIn *in = &dest->in;
    char name[256];
    guint64 length, gpa;
    MtRamBlock *block;

    if (!mt_stream_in_str8(in, name, error) ||
        !mt_stream_in_be64(in, &length, error))
        return FALSE;

    block = mt_ram_find(dest->ram, name, strlen(name));
    if (block && g_hash_table_contains(listed, block)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the block list has block '%s' twice", name);
        return FALSE;
    }
    if (!block) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the block list has block '%s', which does not exist",
                          name);
        return FALSE;
    }
    if (length > left || length == 0 || length % MT_PAGE_SIZE) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "block '%s' has %" G_GUINT64_FORMAT " bytes, of "
                          "a total of which %" G_GUINT64_FORMAT " are left",
                          name, length, left);
        return FALSE;
    }
    if (length != block->used_length && block->resizable) {
        if (!mt_ram_resize(dest->ram, block, length, error))
            return FALSE;
    } else if (length != block->used_length) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "block '%s' has %" G_GUINT64_FORMAT " bytes on "
                          "the source and %" G_GUINT64_FORMAT " here", name,
                          length, block->used_length);
        return FALSE;
    }
    if (dest->ignore_shared && !mt_stream_in_be64(in, &gpa, error))
        return FALSE;

    g_hash_table_add(listed, block);
    *ret_length = length;
    dest->block = block;
    return TRUE;
}

/* Opens the handles for a mapped-ram file: with multifd, one for each channel. */
static gboolean
ram_mapped_open(MtDest *dest, MtIo ***ret_ios, guint *ret_n, GError **error)
{
    const MtEngineSettings *settings = dest->settings;
    gboolean extra = settings->multifd && dest->transport;
    guint n = extra ? settings->multifd_channels : 1;
    MtIo **ios = g_new0(MtIo *, n);

    if (!extra)
        ios[0] = dest->io;
    for (guint i = 0; extra && i < n; i++) {
        ios[i] = mt_transport_reopen(dest->transport, FALSE,
                                     settings->direct_io, error);
        if (!ios[i]) {
            while (i)
                mt_io_free(ios[--i]);
            g_free(ios);
            return FALSE;
        }
        mt_io_set_cancel(ios[i], mt_failure_get_cancel(dest->failure));
    }

    *ret_ios = ios;
    *ret_n = n;
    return TRUE;
}

/*
 * Compares the offsets in @header with the position in the stream and the size of
 * the file.  The position after the pages is then always after this header, so
 * the list ends.
 */
static gboolean
ram_mapped_check(MtDest *dest, const MtMappedHeader *header, GError **error)
{
    guint64 here = mt_stream_in_offset(&dest->in);
    guint64 bitmap_len = (dest->block->n_pages + 63) / 64 * 8;
    guint64 size;

    if (!mt_mapped_check(header, error) ||
        !mt_io_get_size(dest->io, &size, error))
        return FALSE;
    if (header->bitmap_offset < here || header->pages_offset < here ||
        header->bitmap_offset > size || header->pages_offset > size ||
        bitmap_len > size - header->bitmap_offset ||
        dest->block->used_length > size - header->pages_offset) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "block '%s' has its bitmap at 0x%"
                          G_GINT64_MODIFIER "x and its pages at 0x%"
                          G_GINT64_MODIFIER "x, which must be between 0x%"
                          G_GINT64_MODIFIER "x and the end of the file at 0x%"
                          G_GINT64_MODIFIER "x", dest->block->name,
                          header->bitmap_offset, header->pages_offset, here,
                          size);
        return FALSE;
    }

    return TRUE;
}

static gboolean
ram_mapped_block(MtDest *dest, GError **error)
{
    MtRamBlock *block = dest->block;
    MtMappedHeader header;
    const guint8 *bytes;
    MtIo **ios;
    guint n;
    gboolean ok;

    bytes = mt_stream_in_take(&dest->in, MT_MAPPED_HEADER_SIZE, error);
    if (!bytes)
        return FALSE;
    mt_wire_get_mapped(bytes, &header);
    if (!ram_mapped_check(dest, &header, error) ||
        !ram_mapped_open(dest, &ios, &n, error))
        return FALSE;

    ok = mt_mapped_load(&header, block, dest->io, ios, n,
                        dest->pages->filled, dest->counters, dest->failure,
                        error) &&
         mt_stream_in_seek(&dest->in, header.pages_offset +
                           block->used_length, error);
    for (guint i = 0; i < n; i++) {
        if (ios[i] != dest->io)
            mt_io_free(ios[i]);
    }
    g_free(ios);
    return ok;
}

static gboolean
ram_block_list(MtDest *dest, guint64 total, GError **error)
{
    g_autoptr(GHashTable) listed = g_hash_table_new(NULL, NULL);

    while (total) {
        guint64 length;

        if (!mt_failure_check(dest->failure, error) ||
            !ram_block_entry(dest, listed, total, &length, error) ||
            (dest->mapped && !ram_mapped_block(dest, error)))
            return FALSE;
        total -= length;
    }

    dest->block = NULL;
    return TRUE;
}

/* Reads the rest of the head of a page record, and finds the address. */
static guint8 *
ram_locate(MtDest *dest, guint64 offset, guint32 flags, guint64 *ret_index,
           GError **error)
{
    char name[256];
    guint8 *page;

    if (!(flags & MT_RECORD_CONTINUE)) {
        if (!mt_stream_in_str8(&dest->in, name, error))
            return NULL;
        dest->block = mt_ram_find(dest->ram, name, strlen(name));
        if (!dest->block) {
            migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                              "a page is for block '%s', which does not "
                              "exist", name);
            return NULL;
        }
    } else if (!dest->block) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the first page record has no block name");
        return NULL;
    }

    page = mt_ram_block_page(dest->block, offset);
    if (!page) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a page is at 0x%" G_GINT64_MODIFIER "x of block "
                          "'%s', which has 0x%" G_GINT64_MODIFIER
                          "x bytes", offset, dest->block->name,
                          dest->block->used_length);
        return NULL;
    }

    *ret_index = mt_ram_block_index(dest->block, offset);
    return page;
}

static gboolean
ram_page_record(MtDest *dest, guint64 head, GError **error)
{
    guint32 flags = head & MT_RECORD_MASK;
    guint64 index;
    guint8 *page = ram_locate(dest, head & ~(guint64)MT_RECORD_MASK, flags,
                              &index, error);
    guint8 fill;

    if (!page || !ram_inflate_settle(dest, index, error))
        return FALSE;
    if (dest->phase >= DEST_POSTCOPY)
        return mt_dest_place(dest, flags & ~(guint32)MT_RECORD_CONTINUE,
                             index, page, error);

    flags &= ~(guint32)MT_RECORD_CONTINUE;
    mt_bitmap_set(dest->pages->received, index);
    if (flags != MT_RECORD_ZERO)
        mt_bitmap_set(dest->pages->filled, index);
    switch (flags) {
    case MT_RECORD_PAGE:
        mt_count(dest->counters->normal, 1);
        return mt_stream_in_read(&dest->in, page, MT_PAGE_SIZE, error);
    case MT_RECORD_ZERO:
        if (!mt_stream_in_u8(&dest->in, &fill, error))
            return FALSE;
        mt_count(dest->counters->duplicate, 1);
        /* A page that was never written is zero; reading it would allocate
         * memory. */
        if (fill || (mt_bitmap_test(dest->pages->filled, index) &&
                     !mt_zero_page(page)))
            memset(page, fill, MT_PAGE_SIZE);
        if (fill)
            mt_bitmap_set(dest->pages->filled, index);
        return TRUE;
    case MT_RECORD_XBZRLE:
        return ram_xbzrle(dest, page, error);
    case MT_RECORD_COMPRESS:
    default:
        return ram_inflate(dest, index, page, error);
    }
}

/* Fails at the end of the pass in the setting fail_at_pass.  The stream does not
 * mark passes: the first pass is over when as many pages were received as RAM
 * has, and each section after it counts as a pass. */
static gboolean
ram_check_fail_at_pass(MtDest *dest, GError **error)
{
    const MtCounters *c = dest->counters;
    guint64 pages = mt_counted(c->normal) + mt_counted(c->duplicate) +
                    mt_counted(c->xbzrle_pages) +
                    mt_counted(c->compression_pages);

    if (!dest->settings->fail_at_pass ||
        pages < mt_ram_bytes(dest->ram) / MT_PAGE_SIZE ||
        ++dest->passes < dest->settings->fail_at_pass)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      "the destination failed at the end of pass %u, as "
                      "requested",
                      dest->passes);
    return FALSE;
}

static gboolean
ram_unknown(guint flags, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "record 0x%03x is not supported", flags);
    return FALSE;
}

gboolean
mt_dest_ram_section(MtDest *dest, gboolean is_start, GError **error)
{
    gboolean flushed = FALSE;

    for (;;) {
        guint64 head;
        guint32 flags;

        if (!mt_stream_in_be64(&dest->in, &head, error))
            return FALSE;

        flags = head & MT_RECORD_MASK;
        switch (flags & ~(guint32)MT_RECORD_CONTINUE) {
        case MT_RECORD_PAGE:
        case MT_RECORD_ZERO:
        case MT_RECORD_XBZRLE:
        case MT_RECORD_COMPRESS:
            if (dest->mapped) {
                migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                                  "record 0x%03x in a mapped-ram file",
                                  flags);
                return FALSE;
            }
            if (!ram_page_record(dest, head, error))
                return FALSE;
            continue;
        }

        switch (flags) {
        case MT_RECORD_MEM_SIZE:
            /* Lengths must not change while channels fill the blocks. */
            if (dest->have_blocks) {
                migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                                  "a second block list was received");
                return FALSE;
            }
            dest->have_blocks = TRUE;
            if (!ram_block_list(dest, head & ~(guint64)MT_RECORD_MASK, error))
                return FALSE;
            break;
        case MT_RECORD_FLUSH:
            if (dest->settings->wire.refuse_flush)
                return ram_unknown(flags, error);
            flushed = TRUE;
            if (!ram_inflate_flush(dest, error) || !ram_sync(dest, error))
                return FALSE;
            break;
        case MT_RECORD_EOS:
            if (is_start)
                dest->per_round = flushed;
            return ram_inflate_flush(dest, error) &&
                   (dest->per_round || dest->mapped ||
                    ram_sync(dest, error)) &&
                   ram_check_fail_at_pass(dest, error);
        default:
            return ram_unknown(flags, error);
        }
    }
}
