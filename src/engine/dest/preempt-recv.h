/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The channel of the capability postcopy-preempt, on the destination.
 *
 * A thread accepts the connection, early or at the switch to post-copy as the
 * release of the source has it, and places the pages that arrive on it.
 */

#include "engine/dest/dest.h"

G_BEGIN_DECLS

typedef struct MtPreemptRecv MtPreemptRecv;

/*
 * Starts the thread.  It takes ownership of @io, a connection that was accepted
 * already; NULL: it accepts one from @transport, of which it takes a reference.
 * @main and @gate must outlive it.  @activity is set as for the main channel.
 */
MtPreemptRecv *mt_preempt_recv_new(MtDest *main, MtGate *gate,
                                   MtTransport *transport, MtIo *io,
                                   guint64 *activity, GError **error);

/* Ends the thread, whatever it does. */
void mt_preempt_recv_free(MtPreemptRecv *preempt);

/* Whether pages can still arrive.  Any thread. */
gboolean mt_preempt_recv_is_open(MtPreemptRecv *preempt);

G_END_DECLS
