/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing the main channel: see stream-out.h.
 */
#include "config.h"

#include <string.h>

#include "stream/stream-out.h"
#include "util/bytes.h"

void
mt_stream_out_init(MtStreamOut *out, MtIo *io, guint64 *counter)
{
    memset(out, 0, sizeof(*out));
    out->io = io;
    out->counter = counter;
    out->buf = g_malloc(MT_STREAM_OUT_BUFFER);
    out->iov = g_new(struct iovec, MT_STREAM_OUT_PIECES);
}

void
mt_stream_out_clear(MtStreamOut *out)
{
    g_clear_pointer(&out->buf, g_free);
    g_clear_pointer(&out->iov, g_free);
}

gboolean
mt_stream_out_flush(MtStreamOut *out, GError **error)
{
    gboolean ok;

    if (!out->n_iov)
        return TRUE;

    if (out->counter)
        __atomic_fetch_add(out->counter, out->queued, __ATOMIC_RELAXED);
    ok = mt_io_writev(out->io, out->iov, out->n_iov, error);
    out->n_iov = 0;
    out->used = 0;
    out->queued = 0;
    return ok;
}

/* Extends the last piece if the new one follows it in memory. */
static void
stream_out_piece(MtStreamOut *out, gconstpointer data, gsize len)
{
    struct iovec *last = out->n_iov ? &out->iov[out->n_iov - 1] : NULL;

    if (last && (guint8 *)last->iov_base + last->iov_len == data) {
        last->iov_len += len;
    } else {
        out->iov[out->n_iov].iov_base = (gpointer)data;
        out->iov[out->n_iov].iov_len = len;
        out->n_iov++;
    }
    out->queued += len;
    out->offset += len;
}

guint8 *
mt_stream_out_room(MtStreamOut *out, gsize len, GError **error)
{
    guint8 *room;

    g_assert(len <= MT_STREAM_OUT_BUFFER / 2);

    if ((out->used + len > MT_STREAM_OUT_BUFFER ||
         out->n_iov == MT_STREAM_OUT_PIECES ||
         out->queued >= MT_STREAM_OUT_BATCH) &&
        !mt_stream_out_flush(out, error))
        return NULL;

    room = out->buf + out->used;
    out->used += len;
    stream_out_piece(out, room, len);
    return room;
}

gboolean
mt_stream_out_ref(MtStreamOut *out, gconstpointer data, gsize len,
                  GError **error)
{
    if ((out->n_iov == MT_STREAM_OUT_PIECES ||
         out->queued >= MT_STREAM_OUT_BATCH) &&
        !mt_stream_out_flush(out, error))
        return FALSE;

    stream_out_piece(out, data, len);
    return TRUE;
}

gboolean
mt_stream_out_u8(MtStreamOut *out, guint8 v, GError **error)
{
    return mt_stream_out_bytes(out, &v, 1, error);
}

gboolean
mt_stream_out_be16(MtStreamOut *out, guint16 v, GError **error)
{
    guint8 *room = mt_stream_out_room(out, 2, error);

    if (!room)
        return FALSE;

    mt_put_be16(room, v);
    return TRUE;
}

gboolean
mt_stream_out_be32(MtStreamOut *out, guint32 v, GError **error)
{
    guint8 *room = mt_stream_out_room(out, 4, error);

    if (!room)
        return FALSE;

    mt_put_be32(room, v);
    return TRUE;
}

gboolean
mt_stream_out_be64(MtStreamOut *out, guint64 v, GError **error)
{
    guint8 *room = mt_stream_out_room(out, 8, error);

    if (!room)
        return FALSE;

    mt_put_be64(room, v);
    return TRUE;
}

gboolean
mt_stream_out_str8(MtStreamOut *out, const char *str, GError **error)
{
    gsize len = MIN(strlen(str), 255);

    return mt_stream_out_u8(out, len, error) &&
           mt_stream_out_bytes(out, str, len, error);
}

gboolean
mt_stream_out_bytes(MtStreamOut *out, gconstpointer data, gsize len,
                    GError **error)
{
    const guint8 *from = data;

    while (len) {
        gsize some = MIN(len, MT_STREAM_OUT_BUFFER / 2);
        guint8 *room = mt_stream_out_room(out, some, error);

        if (!room)
            return FALSE;
        memcpy(room, from, some);
        from += some;
        len -= some;
    }

    return TRUE;
}

gboolean
mt_stream_out_seek(MtStreamOut *out, guint64 offset, GError **error)
{
    return mt_stream_out_flush(out, error) &&
           mt_io_seek(out->io, offset, error);
}
