/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The layout of a mapped-ram file: RAM at fixed offsets.
 *
 * In the block list each block has a header with the offsets of its bitmap and
 * its pages.  Page p of a block is at pages_offset + p * 4096 if its bit is set;
 * else it is zero.
 */

#include <glib.h>

G_BEGIN_DECLS

/* The header of a block in a mapped-ram file. */
#define MT_MAPPED_HEADER_SIZE 28
#define MT_MAPPED_VERSION 1
#define MT_MAPPED_ALIGN (1024 * 1024)

typedef struct {
    guint32 version;
    guint64 page_size;
    guint64 bitmap_offset;
    guint64 pages_offset;
} MtMappedHeader;

void mt_wire_put_mapped(const MtMappedHeader *header,
                        guint8 out[MT_MAPPED_HEADER_SIZE]);
void mt_wire_get_mapped(const guint8 in[MT_MAPPED_HEADER_SIZE],
                        MtMappedHeader *ret_header);

/* Checks the fields that do not depend on the guest or the file. */
gboolean mt_mapped_check(const MtMappedHeader *header, GError **error);

G_END_DECLS
