/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Judging the state that the assignments of a plan would lead to.
 *
 * Each returns TRUE when a wish was given up or something was switched off for
 * one, so that all has to be judged again.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/* By QEMU's rules between parameters. */
gboolean mt_judge(MtPlan *plan);

/* While a migration runs only some parameters take effect. */
gboolean mt_judge_running(MtPlan *plan);

/* What a destination needs to know before it listens: afterwards it is too
 * late, which QEMU says from 8.1 on. */
gboolean mt_judge_listening(MtPlan *plan);

G_END_DECLS
