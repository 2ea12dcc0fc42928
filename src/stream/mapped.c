/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The headers of a mapped-ram file: see mapped.h.
 */
#include "config.h"

#include "stream/mapped.h"
#include "stream/page.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

void
mt_wire_put_mapped(const MtMappedHeader *header,
                   guint8 out[MT_MAPPED_HEADER_SIZE])
{
    mt_put_be32(out, header->version);
    mt_put_be64(out + 4, header->page_size);
    mt_put_be64(out + 12, header->bitmap_offset);
    mt_put_be64(out + 20, header->pages_offset);
}

void
mt_wire_get_mapped(const guint8 in[MT_MAPPED_HEADER_SIZE],
                   MtMappedHeader *ret_header)
{
    ret_header->version = mt_get_be32(in);
    ret_header->page_size = mt_get_be64(in + 4);
    ret_header->bitmap_offset = mt_get_be64(in + 12);
    ret_header->pages_offset = mt_get_be64(in + 20);
}

gboolean
mt_mapped_check(const MtMappedHeader *header, GError **error)
{
    if (header->version > MT_MAPPED_VERSION ||
        header->page_size != MT_PAGE_SIZE ||
        header->pages_offset % MT_PAGE_SIZE ||
        header->pages_offset > G_MAXINT64 / 2 ||
        header->bitmap_offset > G_MAXINT64 / 2) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the header of a mapped block has version %u, page "
                          "size %" G_GUINT64_FORMAT ", bitmap at 0x%"
                          G_GINT64_MODIFIER "x and pages at 0x%"
                          G_GINT64_MODIFIER "x: version %d, page size %d and "
                          "pages at a multiple of it are accepted",
                          header->version, header->page_size,
                          header->bitmap_offset, header->pages_offset,
                          MT_MAPPED_VERSION, MT_PAGE_SIZE);
        return FALSE;
    }

    return TRUE;
}
