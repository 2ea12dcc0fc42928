/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Multifd: pages in packets over several channels.
 *
 * Packets on different channels have no order, so there are sync points: the
 * source sends a SYNC packet on each channel and then a record on the main
 * channel.  A destination channel stops at its SYNC packet.  When the destination
 * reads the record on the main channel, it waits until all channels have stopped
 * and then lets them continue.
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

/* Sends the first bytes of channel @id.  A QEMU 7.2 or 10.0 that uses TLS
 * accepts no further connection before they arrive. */
gboolean mt_multifd_send_hello(MtIo *io, guint id,
                               const MtEngineSettings *settings,
                               MtCounters *counters, GError **error);

/* Takes ownership of the @n connections, whose hello was sent. */
MtMultifdSend *mt_multifd_send_new(MtRam *ram, const MtCodec *codec,
                                   const MtEngineSettings *settings,
                                   MtIo **ios, guint n, MtBitmap *untouched, MtCounters *counters,
                                   MtFailure *failure, GError **error);

/* Packets that are begun afterwards obey the zero detection of @settings. */
void mt_multifd_send_retune(MtMultifdSend *send,
                            const MtEngineSettings *settings);
void mt_multifd_send_free(MtMultifdSend *send);
MtPool *mt_multifd_send_get_pool(MtMultifdSend *send);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMultifdSend, mt_multifd_send_free)

G_END_DECLS
