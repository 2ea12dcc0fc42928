/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One client of a guest's QMP monitor: text in, text out.  The caller transports
 * the text: a socket, a test, a fuzzer.
 */

#include "drivers/ref/guest/guest.h"

G_BEGIN_DECLS

typedef struct MtRefMonitor MtRefMonitor;

/* Sends complete lines to the client.  Called by any thread, one call at a
 * time, in order.  @text NULL: close the connection. */
typedef void (*MtRefOutputFunc)(const char *text, gsize length,
                                gpointer user_data);

/* Sends the greeting immediately.  @guest must outlive the monitor. */
MtRefMonitor *mt_ref_monitor_new(MtRefGuest *guest, MtRefOutputFunc output,
                                 gpointer user_data);
void mt_ref_monitor_free(MtRefMonitor *monitor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefMonitor, mt_ref_monitor_free)

/* Input from the client, in pieces of any size, with descriptors (SCM_RIGHTS),
 * which are taken.  Returns when all complete commands are answered. */
void mt_ref_monitor_feed(MtRefMonitor *monitor, const char *text,
                         gsize length, int *fds, guint n_fds);

G_END_DECLS
