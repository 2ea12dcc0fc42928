/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A link with a speed and a length: what is written into one of its channels
 * comes out at the other end later, and no faster than all channels together
 * may go.
 *
 * The way back is as long, and not limited in speed.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtLink MtLink;

/* @bytes_per_s 0: as fast as it goes. */
MtLink *mt_link_new(guint64 bytes_per_s, guint latency_ms);
MtLink *mt_link_ref(MtLink *link);
void mt_link_unref(MtLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLink, mt_link_unref)

/*
 * Puts @link between @far, a socket, which is taken, and the end that is
 * returned; NULL on failure.  What was written arrives also when that end is
 * closed at once, as it does from a socket.
 */
MtIo *mt_link_extend(MtLink *link, MtIo *far, MtCancel *cancel,
                     GError **error);

G_END_DECLS
