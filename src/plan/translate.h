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

/* What is to be done about @row; NULL for nothing. */
MtAssignment *mt_translate_find_assignment(const MtPlan *plan,
                                           const MtRow *row);

/* Gives up @wish with best-effort, else refuses it.  @text is why. */
void mt_translate_cannot(MtPlan *plan, MtWish *wish, MigtuneErrorCode code,
                         const char *rule, const char *text);

/* Switches off what is on, if it is there; a value of its own wins. */
void mt_translate_release(MtPlan *plan, MtWish *wish, const MtRow *row);

G_END_DECLS
