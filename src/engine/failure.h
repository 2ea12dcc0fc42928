/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The first thing that went wrong.
 *
 * Several threads work on one migration.  The first that fails says why and
 * ends the waits of all others; what those then complain about is a
 * consequence and is dropped.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtFailure MtFailure;

/* @on_raise, which may be NULL, is called once, by the thread that failed. */
MtFailure *mt_failure_new(void (*on_raise)(gpointer data), gpointer data);
void mt_failure_free(MtFailure *failure);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtFailure, mt_failure_free)

/* Fired by the first failure; borrowed. */
MtCancel *mt_failure_get_cancel(MtFailure *failure);

/* Takes @error. */
void mt_failure_raise(MtFailure *failure, GError *error);

/* FALSE, with a copy of the first error, if there is one. */
gboolean mt_failure_check(MtFailure *failure, GError **error);

G_END_DECLS
