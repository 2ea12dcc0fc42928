/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading the main channel: a buffer in front of an MtIo.
 *
 * Small fields are taken from the buffer.  Pages are read directly to their
 * address, together with the first bytes of the next record.  If a page may
 * follow, only a little is read ahead, since page data in the buffer must be
 * copied.  If data goes through the buffer anyway, increasing amounts are read
 * ahead.  Offsets count from the first byte of the stream.
 */

#include <glib.h>

#include "util/bytes.h"
#include "util/io.h"

G_BEGIN_DECLS

#define MT_STREAM_IN_SIZE (256 * 1024)

/* The initial amount to read ahead: 28 records of zero pages. */
#define MT_STREAM_IN_FIRST 256

typedef struct {
    MtIo *io;               /* borrowed */
    guint8 *buf;
    gsize pos;              /* first unread byte */
    gsize end;
    gsize ahead;            /* bytes to read when the buffer is empty */
    guint64 offset;         /* in the stream, of buf[0] */
} MtStreamIn;

void mt_stream_in_init(MtStreamIn *in, MtIo *io);
void mt_stream_in_clear(MtStreamIn *in);

static inline guint64
mt_stream_in_offset(const MtStreamIn *in)
{
    return in->offset + in->pos;
}

/* A page may be next: read only a little ahead. */
static inline void
mt_stream_in_expect_page(MtStreamIn *in)
{
    in->ahead = MT_STREAM_IN_FIRST;
}

/* Reads until the buffer has @n bytes, at most half its size. */
gboolean mt_stream_in_fill(MtStreamIn *in, gsize n, GError **error);

/* The next @n bytes, valid until the next call; NULL on error. */
static inline const guint8 *
mt_stream_in_take(MtStreamIn *in, gsize n, GError **error)
{
    const guint8 *p;

    if (G_UNLIKELY(in->end - in->pos < n) && !mt_stream_in_fill(in, n, error))
        return NULL;

    p = in->buf + in->pos;
    in->pos += n;
    return p;
}

/* The next byte, without consuming it, or *@ret_end at the end of the stream. */
gboolean mt_stream_in_peek(MtStreamIn *in, guint8 *ret_byte,
                           gboolean *ret_end, GError **error);

gboolean mt_stream_in_u8(MtStreamIn *in, guint8 *ret_value, GError **error);
gboolean mt_stream_in_be16(MtStreamIn *in, guint16 *ret_value,
                           GError **error);
gboolean mt_stream_in_be32(MtStreamIn *in, guint32 *ret_value,
                           GError **error);
gboolean mt_stream_in_be64(MtStreamIn *in, guint64 *ret_value,
                           GError **error);
gboolean mt_stream_in_str8(MtStreamIn *in, char ret_str[256], GError **error);

/* Reads any length directly into @dest. */
gboolean mt_stream_in_read(MtStreamIn *in, gpointer dest, gsize len,
                           GError **error);

/* Consumes all buffered bytes or, if there are none, the result of one read.
 * Returns the number of bytes, 0 at the end, -1 on error. */
gssize mt_stream_in_some(MtStreamIn *in, const guint8 **ret_data,
                         GError **error);

/* Files only: continues at @offset of the file. */
gboolean mt_stream_in_seek(MtStreamIn *in, guint64 offset, GError **error);

G_END_DECLS
