/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading one recorded multifd channel: hello, then packets.
 *
 * A channel is read up to and including its next SYNC packet each time that
 * the main channel reaches a synchronisation point, so that pages are counted
 * and extracted in the order in which a destination would load them.
 */

#include <glib.h>

#include "inspect/model.h"
#include "inspect/sink.h"
#include "stream/stream-in.h"

G_BEGIN_DECLS

typedef struct MtChannelReader MtChannelReader;

/*
 * Reads from @in, which has been started and is borrowed.  Counts into
 * @account and @channel, which must outlive the reader.  With @add_blocks the
 * blocks that packets name are added to the account: there is no main channel
 * that lists them.  @sink may be NULL.
 */
MtChannelReader *mt_channel_reader_new(MtStreamIn *in, MtAccount *account,
                                       MtAccountChannel *channel,
                                       gboolean add_blocks, MtSink *sink);
void mt_channel_reader_free(MtChannelReader *reader);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtChannelReader, mt_channel_reader_free)

typedef enum {
    MT_CHANNEL_SYNC,        /* a SYNC packet was read */
    MT_CHANNEL_END,         /* the channel ended after a packet */
    MT_CHANNEL_FAILED,      /* reported as a problem; read no further */
} MtChannelState;

/* Reads up to the next SYNC packet or, with @to_end, to the end.  After the
 * end or a failure it returns the same again. */
MtChannelState mt_channel_reader_run(MtChannelReader *reader,
                                     gboolean to_end);

/* Where the reader is in the RAM: see mt_cursors_join(). */
MtCursor *mt_channel_reader_get_cursor(MtChannelReader *reader);

/* Normal and zero pages that were read so far. */
guint64 mt_channel_reader_get_pages(const MtChannelReader *reader);

G_END_DECLS
