/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Loads the RAM of a mapped-ram file: see stream/mapped.h for the layout.
 */

#include <glib.h>

#include "engine/failure.h"
#include "engine/memory/ram.h"
#include "engine/stats.h"
#include "stream/mapped.h"
#include "util/io.h"

G_BEGIN_DECLS

/* Loads @block from the offsets in @header, with one thread for each handle in
 * @ios.  @filled has the pages that may not be zero.  Ends early if @failure is
 * raised. */
gboolean mt_mapped_load(const MtMappedHeader *header, MtRamBlock *block,
                        MtIo *bitmap_io, MtIo **ios, guint n_ios,
                        MtBitmap *filled, MtCounters *counters,
                        MtFailure *failure, GError **error);

G_END_DECLS
