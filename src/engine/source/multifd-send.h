/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Multifd: pages in packets over channels of their own.
 *
 * The order of packets on different channels is unknown, so both sides meet at
 * sync points: a source sends a SYNC packet on every channel, and then a
 * record on main; a destination that reads that record waits until every
 * channel has come to its SYNC, where it stands still, and lets them go on.
 */

#include <glib.h>

#include "engine/failure.h"
#include "engine/memory/ram.h"
#include "engine/pool.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "stream/codec.h"
#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtMultifdSend MtMultifdSend;

/* Takes the @n connections, and greets on each. */
MtMultifdSend *mt_multifd_send_new(MtRam *ram, const MtCodec *codec,
                                   const MtEngineSettings *settings,
                                   MtIo **ios, guint n, MtCounters *counters,
                                   MtFailure *failure, GError **error);
void mt_multifd_send_free(MtMultifdSend *send);
MtPool *mt_multifd_send_get_pool(MtMultifdSend *send);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMultifdSend, mt_multifd_send_free)

G_END_DECLS
