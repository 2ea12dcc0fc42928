/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Judging the state that the assignments of a plan lead to.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/*
 * Judges by QEMU's rules between rows, by a running migration and by a
 * destination that listens.  Refuses the wishes that stand against them; with
 * best-effort gives up wishes or switches off capabilities.  Returns FALSE if a
 * wish was given up: the assignments are then to be resolved without it.
 */
gboolean mt_judge(MtPlan *plan);

/* Judges only by a running migration and by a destination that listens. */
void mt_judge_times(MtPlan *plan);

G_END_DECLS
