/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Doing what a plan says, all or nothing.
 */

#include "plan/plan.h"
#include "qmp/exec.h"

G_BEGIN_DECLS

/*
 * Sends the steps, the last one together with the commands that read back,
 * and judges the wishes by what was read.
 *
 * When a step is refused, or its answer is lost, or @cancellable is set
 * between two steps, the former state is established again and read back.
 * The error then says which it is:
 *
 *   the failure itself             nothing had changed
 *   MIGTUNE_ERROR_ROLLED_BACK      it had, and all is as it was before
 *   MIGTUNE_ERROR_STATE_UNKNOWN    that could not be established; the message
 *                                  names the values
 */
gboolean mt_plan_apply(MtPlan *plan, MtExec *exec, GCancellable *cancellable,
                       GError **error);

G_END_DECLS
