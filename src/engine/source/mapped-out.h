/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writing the RAM of a mapped-ram file: see stream/mapped.h for the layout.
 *
 * Each page has a fixed offset, so a page that is sent again overwrites its
 * former content and the file does not grow.
 */

#include <glib.h>

#include "engine/failure.h"
#include "engine/pool.h"
#include "engine/memory/ram.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "stream/stream-out.h"
#include "engine/transport.h"
#include "stream/mapped.h"
#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtMappedOut MtMappedOut;

/*
 * @io is the main handle.  If the settings have multifd, @transport is opened
 * once for each channel, and threads write.
 */
MtMappedOut *mt_mapped_out_new(MtRam *ram, MtIo *io, MtTransport *transport,
                               const MtEngineSettings *settings,
                               MtBitmap *untouched, MtCounters *counters, MtFailure *failure,
                               GError **error);
void mt_mapped_out_free(MtMappedOut *mapped);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMappedOut, mt_mapped_out_free)

/* Writes the header of block @i at the current position of @out, which then is
 * the end of the pages of that block. */
gboolean mt_mapped_out_block(MtMappedOut *mapped, guint i, MtStreamOut *out,
                             GError **error);

/* NULL without multifd. */
MtPool *mt_mapped_out_get_pool(MtMappedOut *mapped);

/* Without multifd: writes the pages immediately. */
gboolean mt_mapped_out_run(MtMappedOut *mapped, const MtJob *job,
                           GError **error);

/* All pages are written: writes the bitmaps. */
gboolean mt_mapped_out_finish(MtMappedOut *mapped, GError **error);

G_END_DECLS
