/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From wishes to assignments.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/* Fills in the assignments of @plan and the verdict of each wish. */
void mt_translate(MtPlan *plan);

/* Does the same for wishes of a restore: rows of this QEMU and the values that
 * they had. */
void mt_translate_restore(MtPlan *plan);

G_END_DECLS
