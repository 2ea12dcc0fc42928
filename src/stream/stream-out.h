/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writing the main channel.
 *
 * Small fields are collected in a buffer, pages are queued by address, and one
 * system call writes up to IOV_MAX pieces of both.  A page queued by address is
 * read when the vector is written: until then its memory must stay mapped; its
 * content may change.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

#define MT_STREAM_OUT_BUFFER (128 * 1024)
#define MT_STREAM_OUT_PIECES 1024
#define MT_STREAM_OUT_BATCH (1024 * 1024)

typedef struct {
    MtIo *io;               /* borrowed */
    guint64 *counter;       /* of bytes written; atomic */
    guint8 *buf;
    gsize used;
    struct iovec *iov;
    guint n_iov;
    gsize queued;           /* bytes in all pieces */
    guint64 offset;         /* bytes put in so far, written or not */
} MtStreamOut;

/* The number of written bytes is added to @counter, which may be NULL. */
void mt_stream_out_init(MtStreamOut *out, MtIo *io, guint64 *counter);
void mt_stream_out_clear(MtStreamOut *out);

/* Returns a buffer of @len bytes, at most MT_STREAM_OUT_BUFFER / 2, which the
 * caller fills before the next call; NULL on error. */
guint8 *mt_stream_out_room(MtStreamOut *out, gsize len, GError **error);

gboolean mt_stream_out_u8(MtStreamOut *out, guint8 v, GError **error);
gboolean mt_stream_out_be16(MtStreamOut *out, guint16 v, GError **error);
gboolean mt_stream_out_be32(MtStreamOut *out, guint32 v, GError **error);
gboolean mt_stream_out_be64(MtStreamOut *out, guint64 v, GError **error);
gboolean mt_stream_out_str8(MtStreamOut *out, const char *str,
                            GError **error);
gboolean mt_stream_out_bytes(MtStreamOut *out, gconstpointer data, gsize len,
                             GError **error);

/* Queues @data by address. */
gboolean mt_stream_out_ref(MtStreamOut *out, gconstpointer data, gsize len,
                           GError **error);

gboolean mt_stream_out_flush(MtStreamOut *out, GError **error);

/* Files only: flushes, and continues at @offset of the file. */
gboolean mt_stream_out_seek(MtStreamOut *out, guint64 offset,
                            GError **error);

G_END_DECLS
