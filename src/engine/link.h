/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A simulated link with limited bandwidth and latency.  All its channels share
 * the bandwidth in the direction from source to destination; the other direction
 * has the same latency and no bandwidth limit.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtLink MtLink;

/* @bytes_per_s 0: no limit. */
MtLink *mt_link_new(guint64 bytes_per_s, guint latency_ms);
MtLink *mt_link_ref(MtLink *link);
void mt_link_unref(MtLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLink, mt_link_unref)

/*
 * Inserts @link between the socket @far, of which it takes ownership, and the
 * returned end; NULL on failure.  Bytes that were written arrive even if the
 * returned end is closed immediately afterwards, as with a socket.
 */
MtIo *mt_link_extend(MtLink *link, MtIo *far, MtCancel *cancel,
                     GError **error);

G_END_DECLS
