/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * RAM at fixed offsets in a file.
 *
 * In the block list every block has a header that says where its bitmap and
 * its pages are; page p is at its place whenever it is written, so that a
 * page that changes is written again over itself and the file does not grow.
 * A page is in the file if its bit is set, else it is zero.
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
 * @io is the main handle.  With multifd in the settings, @transport is opened
 * once more for each channel, and threads write.
 */
MtMappedOut *mt_mapped_out_new(MtRam *ram, MtIo *io, MtTransport *transport,
                               const MtEngineSettings *settings,
                               MtCounters *counters, MtFailure *failure,
                               GError **error);
void mt_mapped_out_free(MtMappedOut *mapped);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMappedOut, mt_mapped_out_free)

/* Writes the header of block @i at the present position of @out and leaves
 * the position behind its pages. */
gboolean mt_mapped_out_block(MtMappedOut *mapped, guint i, MtStreamOut *out,
                             GError **error);

/* NULL without multifd. */
MtPool *mt_mapped_out_get_pool(MtMappedOut *mapped);

/* Without multifd: writes the pages at once. */
gboolean mt_mapped_out_run(MtMappedOut *mapped, const MtJob *job,
                           GError **error);

/* All pages are written: writes the bitmaps. */
gboolean mt_mapped_out_finish(MtMappedOut *mapped, GError **error);

G_END_DECLS
