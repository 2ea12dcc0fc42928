/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Resolving wishes: which rows of this QEMU have to get which values.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/*
 * Resolves each wish that is alive to assignments: to the row itself, to the
 * same row under another name, to an equivalent, or to nothing if the row can
 * be left out.  A wish for which there is no way is refused, or given up with
 * best-effort.  Forgets the assignments of an earlier call.
 */
void mt_resolve(MtPlan *plan);

G_END_DECLS
