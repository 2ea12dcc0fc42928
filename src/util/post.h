/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Calls @func once in the thread that runs @context, in the order of the calls
 * of this function, and then @free_func with @data.  May be called from any
 * thread.
 */
void mt_post(GMainContext *context, void (*func)(gpointer data), gpointer data,
             GDestroyNotify free_func);

G_END_DECLS
