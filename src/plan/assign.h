/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Assigning values to rows on behalf of wishes, and giving wishes up.
 */

#include "plan/plan.h"
#include "plan/wish.h"

G_BEGIN_DECLS

/* Whether this QEMU has @row and lets it be set. */
gboolean mt_assign_has_row(const MtPlan *plan, const MtRow *row);

/*
 * Assigns @value, which is taken, to @row.  A higher rank wins.  Two different
 * values of equal rank are a conflict, which refuses both wishes; best-effort
 * gives up the earlier one.
 */
void mt_assign(MtPlan *plan, MtWish *wish, const MtRow *row, MtValue *value,
               MtRank rank);

/* Assigns the default to @row, unless a wish has assigned another value. */
void mt_assign_default(MtPlan *plan, MtWish *wish, const MtRow *row);

/* Refuses @wish; best-effort gives it up instead. */
void mt_assign_cannot(MtPlan *plan, MtWish *wish, MigtuneErrorCode code,
                      MtReason reason, const char *rule, const char *text);

G_END_DECLS
