/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One client of a guest's QMP monitor: text in, text out.  Who owns the bytes
 * (a socket, a test, a fuzzer) is not its business.
 */

#include "drivers/ref/guest/guest.h"

G_BEGIN_DECLS

typedef struct MtRefMonitor MtRefMonitor;

/* Whole lines to the client, in order, from any thread, one at a time.  NULL:
 * close the connection. */
typedef void (*MtRefOutputFunc)(const char *text, gsize length,
                                gpointer user_data);

/* Greets at once.  @guest must outlive it. */
MtRefMonitor *mt_ref_monitor_new(MtRefGuest *guest, MtRefOutputFunc output,
                                 gpointer user_data);
void mt_ref_monitor_free(MtRefMonitor *monitor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefMonitor, mt_ref_monitor_free)

/* What the client sent, in pieces of any size.  @fds came with it
 * (SCM_RIGHTS); taken.  Returns when all whole commands in it are answered. */
void mt_ref_monitor_feed(MtRefMonitor *monitor, const char *text,
                         gsize length, int *fds, guint n_fds);

G_END_DECLS
