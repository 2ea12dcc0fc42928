/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The first failure of a migration.
 *
 * Several threads work on one migration.  The first thread that fails stores
 * its error and ends the waits of all others; their errors are only
 * consequences and are dropped.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtFailure MtFailure;

/* @on_raise (may be NULL) is called once, by the thread that failed first. */
MtFailure *mt_failure_new(void (*on_raise)(gpointer data), gpointer data);
void mt_failure_free(MtFailure *failure);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtFailure, mt_failure_free)

/* Fired by the first failure; owned by @failure. */
MtCancel *mt_failure_get_cancel(MtFailure *failure);

/* Takes ownership of @error. */
void mt_failure_raise(MtFailure *failure, GError *error);

/* Returns FALSE with a copy of the first error, or TRUE if nothing failed. */
gboolean mt_failure_check(MtFailure *failure, GError **error);

G_END_DECLS
