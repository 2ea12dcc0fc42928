/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the main channel: see stream-in.h.
 */
#include "config.h"

#include <string.h>

#include "stream/stream-in.h"
#include "migtune/migtune-error.h"

void
mt_stream_in_init(MtStreamIn *in, MtIo *io)
{
    memset(in, 0, sizeof(*in));
    in->io = io;
    in->buf = g_malloc(MT_STREAM_IN_SIZE);
    in->ahead = MT_STREAM_IN_FIRST;
}

void
mt_stream_in_clear(MtStreamIn *in)
{
    g_clear_pointer(&in->buf, g_free);
}

static void
stream_in_end(MtStreamIn *in, gsize missing, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      "the stream ends at offset %" G_GUINT64_FORMAT
                      ", at least %" G_GSIZE_FORMAT " more bytes are needed",
                      in->offset + in->end, missing);
}

/* Moves the unread bytes to the front. */
static void
stream_in_compact(MtStreamIn *in)
{
    if (in->pos == 0)
        return;

    memmove(in->buf, in->buf + in->pos, in->end - in->pos);
    in->offset += in->pos;
    in->end -= in->pos;
    in->pos = 0;
}

gboolean
mt_stream_in_fill(MtStreamIn *in, gsize n, GError **error)
{
    g_assert(n <= MT_STREAM_IN_SIZE / 2);

    if (in->end - in->pos >= n)
        return TRUE;

    stream_in_compact(in);
    while (in->end < n) {
        struct iovec iov = {
            in->buf + in->end, MAX(n, in->ahead) - in->end
        };
        gssize got = mt_io_read_some(in->io, &iov, 1, error);

        if (got < 0)
            return FALSE;
        if (got == 0) {
            stream_in_end(in, n - in->end, error);
            return FALSE;
        }
        in->end += got;
    }
    in->ahead = MIN(in->ahead * 2, MT_STREAM_IN_AHEAD);

    return TRUE;
}

gboolean
mt_stream_in_peek(MtStreamIn *in, guint8 *ret_byte, gboolean *ret_end,
                  GError **error)
{
    const guint8 *data;
    gssize n = mt_stream_in_some(in, &data, error);

    if (n < 0)
        return FALSE;

    *ret_end = n == 0;
    *ret_byte = n ? data[0] : 0;
    in->pos -= n;
    return TRUE;
}

gssize
mt_stream_in_some(MtStreamIn *in, const guint8 **ret_data, GError **error)
{
    if (in->pos == in->end) {
        struct iovec iov = { in->buf, MT_STREAM_IN_SIZE };
        gssize got;

        in->offset += in->pos;
        in->pos = in->end = 0;
        got = mt_io_read_some(in->io, &iov, 1, error);
        if (got <= 0)
            return got;
        in->end = got;
    }

    *ret_data = in->buf + in->pos;
    in->pos = in->end;
    return in->buf + in->end - *ret_data;
}

gboolean
mt_stream_in_u8(MtStreamIn *in, guint8 *ret_value, GError **error)
{
    const guint8 *p = mt_stream_in_take(in, 1, error);

    if (!p)
        return FALSE;

    *ret_value = *p;
    return TRUE;
}

gboolean
mt_stream_in_be16(MtStreamIn *in, guint16 *ret_value, GError **error)
{
    const guint8 *p = mt_stream_in_take(in, 2, error);

    if (!p)
        return FALSE;

    *ret_value = mt_get_be16(p);
    return TRUE;
}

gboolean
mt_stream_in_be32(MtStreamIn *in, guint32 *ret_value, GError **error)
{
    const guint8 *p = mt_stream_in_take(in, 4, error);

    if (!p)
        return FALSE;

    *ret_value = mt_get_be32(p);
    return TRUE;
}

gboolean
mt_stream_in_be64(MtStreamIn *in, guint64 *ret_value, GError **error)
{
    const guint8 *p = mt_stream_in_take(in, 8, error);

    if (!p)
        return FALSE;

    *ret_value = mt_get_be64(p);
    return TRUE;
}

gboolean
mt_stream_in_str8(MtStreamIn *in, char ret_str[256], GError **error)
{
    const guint8 *p = mt_stream_in_take(in, 1, error);
    guint8 len;

    if (!p)
        return FALSE;

    len = *p;
    p = mt_stream_in_take(in, len, error);
    if (!p)
        return FALSE;
    if (memchr(p, 0, len)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a name of %u bytes at offset %" G_GUINT64_FORMAT
                          " contains a NUL", len,
                          mt_stream_in_offset(in) - len);
        return FALSE;
    }

    memcpy(ret_str, p, len);
    ret_str[len] = '\0';
    return TRUE;
}

gboolean
mt_stream_in_read(MtStreamIn *in, gpointer dest, gsize len, GError **error)
{
    gsize have = MIN(len, in->end - in->pos);
    guint8 *to = dest;

    if (len <= MT_STREAM_IN_AHEAD || have == len) {
        const guint8 *from = mt_stream_in_take(in, len, error);

        /* Without bytes to read, @dest may be NULL. */
        if (from && len)
            memcpy(to, from, len);
        return from != NULL;
    }

    memcpy(to, in->buf + in->pos, have);
    in->offset += in->pos + have;
    in->pos = in->end = 0;
    while (have < len) {
        struct iovec iov = { to + have, len - have };
        gssize got = mt_io_read_some(in->io, &iov, 1, error);

        if (got < 0)
            return FALSE;
        if (got == 0) {
            stream_in_end(in, len - have, error);
            return FALSE;
        }
        have += got;
        in->offset += got;
    }

    return TRUE;
}

gboolean
mt_stream_in_seek(MtStreamIn *in, guint64 offset, GError **error)
{
    if (!mt_io_seek(in->io, offset, error))
        return FALSE;

    in->pos = in->end = 0;
    in->ahead = MT_STREAM_IN_FIRST;
    in->offset = offset;
    return TRUE;
}
