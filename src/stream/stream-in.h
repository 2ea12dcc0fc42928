/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading the main channel: a buffer in front of an MtIo.
 *
 * Fields and pages are taken from the buffer, which is filled with one system
 * call for about 30 pages.  The buffer stays in the processor's cache, so copying
 * a page out of it takes less time than a system call for a few pages: records of
 * 8 bytes separate the pages, and the stream does not announce which pages follow.
 * Offsets count from the first byte of the stream.
 */

#include <glib.h>

#include "util/bytes.h"
#include "util/io.h"

G_BEGIN_DECLS

#define MT_STREAM_IN_SIZE (256 * 1024)

/* How much is read ahead: twice as much each time, up to a part of the cache of
 * one processor core. */
#define MT_STREAM_IN_FIRST 256
#define MT_STREAM_IN_AHEAD (128 * 1024)

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

/* Reads any length into @dest: what the buffer can hold through the buffer, more
 * directly. */
gboolean mt_stream_in_read(MtStreamIn *in, gpointer dest, gsize len,
                           GError **error);

/* Consumes all buffered bytes or, if there are none, the result of one read.
 * Returns the number of bytes, 0 at the end, -1 on error. */
gssize mt_stream_in_some(MtStreamIn *in, const guint8 **ret_data,
                         GError **error);

/* Files only: continues at @offset of the file. */
gboolean mt_stream_in_seek(MtStreamIn *in, guint64 offset, GError **error);

G_END_DECLS
