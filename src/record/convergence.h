/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the core uses of a followed migration beside the public functions.
 */

#include "migtune/migtune-converge.h"

G_BEGIN_DECLS

/* Sees each decision with its result, as in migtune_convergence_get_decisions();
 * called from inside migtune_convergence_follow(). */
typedef void (*MtConvergenceFunc)(JsonObject *decision, gpointer data);

void mt_convergence_set_func(MigtuneConvergence *convergence,
                             MtConvergenceFunc func, gpointer data);

G_END_DECLS
