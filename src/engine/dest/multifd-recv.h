/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The receiving side of multifd: see engine/source/multifd-send.h for the sync
 * points.
 */

#include <glib.h>

#include "engine/dest/page-state.h"
#include "engine/failure.h"
#include "engine/memory/ram.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "stream/codec.h"
#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtMultifdRecv MtMultifdRecv;

/* All arguments must outlive the result. */
MtMultifdRecv *mt_multifd_recv_new(MtRam *ram, const MtCodec *codec,
                                   const MtEngineSettings *settings,
                                   MtPageState *pages, MtCounters *counters,
                                   MtFailure *failure);
void mt_multifd_recv_free(MtMultifdRecv *recv);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMultifdRecv, mt_multifd_recv_free)

/* Takes ownership of @io, even on failure, and reads its hello. */
gboolean mt_multifd_recv_add(MtMultifdRecv *recv, MtIo *io, GError **error);
gboolean mt_multifd_recv_is_full(const MtMultifdRecv *recv);

/* Starts the threads, once all channels were added. */
gboolean mt_multifd_recv_start(MtMultifdRecv *recv, GError **error);

/* The main channel is at a sync point. */
gboolean mt_multifd_recv_sync(MtMultifdRecv *recv, GError **error);

/* After everything was loaded: waits until the source closes the channels, at
 * most @timeout_ms.  A source up to 7.2 may write an empty packet after its last
 * SYNC, and fails if it cannot. */
void mt_multifd_recv_drain(MtMultifdRecv *recv, guint timeout_ms);

/* Reads packets without threads: for tests. */
typedef struct MtPacketReader MtPacketReader;

MtPacketReader *mt_packet_reader_new(MtRam *ram, const MtCodec *codec,
                                     MtPageState *pages, MtCounters *counters,
                                     GError **error);
void mt_packet_reader_free(MtPacketReader *reader);

/* *@ret_end: the connection was closed; *@ret_sync: it was a SYNC packet. */
gboolean mt_packet_reader_next(MtPacketReader *reader, MtIo *io,
                               gboolean *ret_end, gboolean *ret_sync,
                               GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPacketReader, mt_packet_reader_free)

G_END_DECLS
