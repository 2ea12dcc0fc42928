/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The return path: messages of a destination to its source on the main channel.
 *
 * A source has a thread that reads the messages during the whole migration.
 * They say whether the guest may be switched over, which pages a guest in
 * post-copy waits for, and whether the stream was loaded.
 */

#include <glib.h>

#include "engine/memory/ram.h"
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
 * Starts to read @io, which must outlive the path.  If the path breaks before
 * SHUT, or SHUT reports a failure, @on_broken is called in the reading thread,
 * possibly before this function returns; it takes ownership of its error.  NULL
 * if there is no thread for it.
 */
typedef void (*MtReturnBroken)(gpointer data, GError *error);

MtReturnPath *mt_return_path_new(MtIo *io, MtReturnBroken on_broken,
                                 gpointer data, GError **error);

/* @io must have been shut down, or the last message have arrived. */
void mt_return_path_free(MtReturnPath *path);

/*
 * Accepts page requests, which are an error before this call: to be called when
 * the guest is about to run on the destination.  Requests are kept as one bit for
 * each page of @ram, so that a peer cannot make them use more memory.
 */
void mt_return_path_allow_requests(MtReturnPath *path, const MtRam *ram);

/* Takes a requested page, the oldest one if few are waiting.  FALSE: none. */
gboolean mt_return_path_take_request(MtReturnPath *path, guint64 *ret_index);

/*
 * Recovery of a post-copy.  Allows bitmaps of at most @max_bytes.
 *
 * wait_bitmap: returns the bitmap of @block, of at least @n_bytes, with a bit for
 * each page that has arrived (bit 0 of byte 0 is page 0); NULL on error.
 * wait_resumed: waits until the destination confirms that it continues.
 */
void mt_return_path_allow_recovery(MtReturnPath *path, gsize max_bytes);
GBytes *mt_return_path_wait_bitmap(MtReturnPath *path, const char *block,
                                   gsize n_bytes, guint timeout_ms,
                                   GError **error);
gboolean mt_return_path_wait_resumed(MtReturnPath *path, guint timeout_ms,
                                     GError **error);

/* Waits until there is a request, the path has ended, or @timeout_us passed.
 * FALSE: the path has ended, and no request will come. */
gboolean mt_return_path_wait_request(MtReturnPath *path, gint64 timeout_us);

gboolean mt_return_path_got_ack(MtReturnPath *path);

/* Waits for SHUT and fails if it reports a failure; MIGTUNE_ERROR_TIMEOUT after
 * @timeout_ms (0: no limit). */
gboolean mt_return_path_wait_shut(MtReturnPath *path, guint timeout_ms,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtReturnPath, mt_return_path_free)

G_END_DECLS
