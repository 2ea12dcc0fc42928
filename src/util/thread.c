/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that may fail to start: see thread.h.
 */
#include "config.h"

#include "util/foreign.h"
#include "util/thread.h"
#include "migtune/migtune-error.h"

GThread *
mt_thread_new(const char *name, GThreadFunc func, gpointer data,
              GError **error)
{
    GError *local = NULL;
    GThread *thread = g_thread_try_new(name, func, data, &local);

    if (!thread) {
        g_autofree char *text = mt_foreign_text(local);

        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "cannot create thread '%s': %s", name, text);
        g_error_free(local);
    }
    return thread;
}
