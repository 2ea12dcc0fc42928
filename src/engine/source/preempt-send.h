/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The channel of the capability postcopy-preempt, on the source.
 *
 * In post-copy a thread sends the requested pages on a connection of their own,
 * so they do not wait behind the other pages on the main channel.  The channel
 * has no header: it begins with the first page record.
 */

#include "engine/engine-private.h"
#include "engine/return-path.h"

G_BEGIN_DECLS

typedef struct MtPreemptSend MtPreemptSend;

/*
 * Starts the thread; the arguments must outlive it.  It ends when @path ends.  A
 * failure is raised as a failure of the engine.  @end_record: send a last record
 * when everything was sent, as in the releases that open the channel early.
 */
MtPreemptSend *mt_preempt_send_new(MtEngine *engine, MtReturnPath *path,
                                   MtIo *io, gboolean end_record,
                                   GError **error);

/* Waits for the end of the thread: the main channel must have been shut down, or
 * the last message of the return path must have arrived. */
void mt_preempt_send_free(MtPreemptSend *preempt);

G_END_DECLS
