/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A gate blocks accesses to RAM that has not arrived: post-copy.
 *
 * In post-copy the guest runs before all its RAM has arrived.  An access to a
 * missing page requests the page and waits until it has arrived.  QEMU uses
 * userfaultfd for this; here a thread that writes to guest RAM calls
 * mt_gate_pass() first.  A gate is open until it is closed; passing an open gate
 * costs one load of a flag.
 *
 * All functions may be called from any thread.
 */

#include <glib.h>

#include "util/bitmap.h"

G_BEGIN_DECLS

typedef struct MtGate MtGate;

/* Called when the first thread waits for the missing page @index, in that thread
 * and without a lock held. */
typedef void (*MtGateAsk)(gpointer data, guint64 index);

MtGate *mt_gate_new(guint64 n_pages);
void mt_gate_free(MtGate *gate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtGate, mt_gate_free)

/* Marks pages @first to @first + @n - 1 as missing; effective once the gate is
 * closed. */
void mt_gate_miss(MtGate *gate, guint64 first, guint64 n);

/* From now on accesses to missing pages wait, and @ask is called. */
void mt_gate_close(MtGate *gate, MtGateAsk ask, gpointer data);

/* Opens the gate: no page is missing any more. */
void mt_gate_open(MtGate *gate);

/* Stops calling @ask; threads that wait continue to wait.  When this returns,
 * @ask is not running. */
void mt_gate_detach(MtGate *gate);

/* Waits at most @timeout_us until page @index may be accessed; FALSE: not yet. */
gboolean mt_gate_pass(MtGate *gate, guint64 index, gint64 timeout_us);

/* The content of page @index is in place.  FALSE: it was not missing. */
gboolean mt_gate_arrive(MtGate *gate, guint64 index);

/* Waits at most @timeout_us until no page is missing; FALSE: some still are. */
gboolean mt_gate_wait_complete(MtGate *gate, gint64 timeout_us);

gboolean mt_gate_is_missing(MtGate *gate, guint64 index);
guint64 mt_gate_count_missing(MtGate *gate);

G_END_DECLS
