/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From wishes to assignments: what is there, what has another name, what has
 * an equivalent, what has to make room, and what cannot be.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/* Fills in the assignments of @plan and the verdict of every wish. */
void mt_translate(MtPlan *plan);

/* The same for values that the rows of the wishes had before. */
void mt_translate_restore(MtPlan *plan);

G_END_DECLS
