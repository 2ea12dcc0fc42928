/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The return path: what a destination says to its source on the main channel.
 *
 * A destination writes messages as they come.  A source has a thread that
 * reads them for as long as the migration lasts and answers four questions:
 * is the path alive, may the guest be switched over, which pages are waited for
 * in post-copy, was the stream loaded.
 */

#include <glib.h>

#include "stream/wire.h"
#include "util/io.h"

G_BEGIN_DECLS

/* Destination. */
gboolean mt_return_send(MtIo *io, MtReturnMessage type, gconstpointer payload,
                        guint16 len, GError **error);
gboolean mt_return_send_u32(MtIo *io, MtReturnMessage type, guint32 value,
                            GError **error);

/* Source. */
typedef struct MtReturnPath MtReturnPath;

/*
 * Begins to read @io, which is borrowed.  When the path breaks before SHUT, or
 * SHUT brings bad news, @on_broken is called in the reading thread, possibly
 * before this returns; it takes @error.
 */
typedef void (*MtReturnBroken)(gpointer data, GError *error);

MtReturnPath *mt_return_path_new(MtIo *io, MtReturnBroken on_broken,
                                 gpointer data);

/* @io must have been shut down, or the last message have come. */
void mt_return_path_free(MtReturnPath *path);

/* Pages that a guest in post-copy waits for. */
typedef struct {
    char block[256];
    guint64 offset;             /* in the block, bytes */
    guint64 length;
} MtPageRequest;

/* Before anybody can ask: asking is no error. */
void mt_return_path_allow_requests(MtReturnPath *path);

/* The oldest request that was not taken yet; FALSE: there is none. */
gboolean mt_return_path_take_request(MtReturnPath *path,
                                     MtPageRequest *ret_request);

/*
 * Recovery of a post-copy: it may come with bitmaps of at most so many bytes.
 * The bitmap of @block, of at least @n_bytes: which pages have arrived, bit 0
 * of byte 0 first; NULL on error.  And whether the destination goes on.
 */
void mt_return_path_allow_recovery(MtReturnPath *path, gsize max_bytes);
GBytes *mt_return_path_wait_bitmap(MtReturnPath *path, const char *block,
                                   gsize n_bytes, guint timeout_ms,
                                   GError **error);
gboolean mt_return_path_wait_resumed(MtReturnPath *path, guint timeout_ms,
                                     GError **error);

/* Until there is one, the path is over, or @timeout_us passed. */
void mt_return_path_wait_request(MtReturnPath *path, gint64 timeout_us);

gboolean mt_return_path_got_ack(MtReturnPath *path);

/* Waits for SHUT, which must say that all is well; MIGTUNE_ERROR_TIMEOUT after
 * @timeout_ms (0: none). */
gboolean mt_return_path_wait_shut(MtReturnPath *path, guint timeout_ms,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtReturnPath, mt_return_path_free)

G_END_DECLS
