/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Threads that may fail to start: g_thread_new() ends the process if the limit
 * of threads is reached.
 */

#include <glib.h>

G_BEGIN_DECLS

/* NULL, with MIGTUNE_ERROR_IO, if the thread cannot be created. */
GThread *mt_thread_new(const char *name, GThreadFunc func, gpointer data,
                       GError **error);

G_END_DECLS
