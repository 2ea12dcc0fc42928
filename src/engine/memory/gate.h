/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What holds back those who touch RAM that has not arrived: post-copy.
 *
 * A guest that runs before its memory is there stops at a page that is
 * missing, asks for it, and goes on when it has come.  QEMU has the kernel do
 * that; here whoever writes to the RAM of a guest asks a gate first.  A gate
 * is open until it is closed, and costs one look at a flag.
 *
 * All functions may be called from any thread.
 */

#include <glib.h>

#include "util/bitmap.h"

G_BEGIN_DECLS

typedef struct MtGate MtGate;

/* Somebody waits for page @index, the first to do so since it is missing.
 * Called without a lock held, in the thread that waits. */
typedef void (*MtGateAsk)(gpointer data, guint64 index);

MtGate *mt_gate_new(guint64 n_pages);
void mt_gate_free(MtGate *gate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtGate, mt_gate_free)

/* The pages @first to @first + @n - 1 are missing, once it is closed. */
void mt_gate_miss(MtGate *gate, guint64 first, guint64 n);

/* Missing pages are waited for from now on. */
void mt_gate_close(MtGate *gate, MtGateAsk ask, gpointer data);

/* Nothing is missing, or will be. */
void mt_gate_open(MtGate *gate);

/* Nobody is asked any more: those who wait go on waiting.  When it returns,
 * @ask of mt_gate_close() is not running. */
void mt_gate_detach(MtGate *gate);

/* Whether page @index may be touched; waits for it @timeout_us at most. */
gboolean mt_gate_pass(MtGate *gate, guint64 index, gint64 timeout_us);

/* The page is there, with its content.  FALSE: it was before. */
gboolean mt_gate_arrive(MtGate *gate, guint64 index);

gboolean mt_gate_is_missing(MtGate *gate, guint64 index);
guint64 mt_gate_count_missing(MtGate *gate);

G_END_DECLS
