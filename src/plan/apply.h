/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Carrying out a plan, as a whole or not at all.
 */

#include "plan/plan.h"
#include "qmp/exec.h"

G_BEGIN_DECLS

/* The rule in the error of a plan that others have overtaken: making the plan
 * again may help. */
#define MT_APPLY_OVERTAKEN "changed-since-planned"

/*
 * Reads the former values, sends the steps, reads the values back and judges the
 * wishes by them.  The former values are read in the same write as the first
 * step, and the values are read back in the same write as the last step.  If the
 * plan is not fresh, the former values are read in a write of their own first.
 *
 * The plan is refused with MIGTUNE_ERROR_BUSY if a value of it is no longer what
 * it was when the plan was made.
 *
 * If a step is refused, its answer is lost, or @cancellable is set between two
 * steps, the rows that were touched get their former values again, and these are
 * read back.  @error then has one of these codes:
 *
 *   the code of the failure        nothing had been changed
 *   MIGTUNE_ERROR_ROLLED_BACK      all values are as before
 *   MIGTUNE_ERROR_STATE_UNKNOWN    the message names the values that are not
 *                                  known, or not as before
 */
gboolean mt_plan_apply(MtPlan *plan, MtExec *exec, GCancellable *cancellable,
                       GError **error);

G_END_DECLS
