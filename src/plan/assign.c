/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Assignments: which row gets which value, and because of which wish.
 */
#include "config.h"

#include "plan/assign.h"
#include "util/i18n.h"

void
mt_plan_warn(MtPlan *plan, const char *code, char *text)
{
    g_ptr_array_add(plan->warnings, text);
    g_ptr_array_add(plan->warning_codes, (char *)code);
}

MtAssignment *
mt_plan_find_assignment(const MtPlan *plan, const MtRow *row)
{
    for (guint i = 0; i < plan->assignments->len; i++) {
        MtAssignment *assignment = g_ptr_array_index(plan->assignments, i);

        if (assignment->row == row)
            return assignment;
    }

    return NULL;
}

MtWish *
mt_plan_find_wish(const MtPlan *plan, const MtRow *row)
{
    return mt_wishes_find(plan->wishes, row);
}

const MtValue *
mt_plan_value(const MtPlan *plan, const MtRow *row)
{
    const MtAssignment *assignment = mt_plan_find_assignment(plan, row);

    return assignment ? assignment->value
                      : mt_set_get(plan->before->values, row);
}

gboolean
mt_assign_has_row(const MtPlan *plan, const MtRow *row)
{
    const MtCapsEntry *entry = mt_caps_lookup(plan->caps, row);

    return entry && entry->settable;
}

void
mt_assign_cannot(MtPlan *plan, MtWish *wish, MigtuneErrorCode code,
                 MtReason reason, const char *rule, const char *text)
{
    if (plan->policy != MT_POLICY_BEST_EFFORT) {
        mt_wish_refuse_for(wish, code, reason, rule, text);
        return;
    }

    mt_wish_clear_reason(wish);
    mt_wish_say(wish, reason, "%s", text);
    wish->given_up = TRUE;
    mt_wish_settle(wish);
}

/* How a caller would write an assignment: "parallel=off". */
static char *
assign_format(const MtRow *row, const MtValue *value)
{
    g_autofree char *text = mt_value_format(row, value);

    return g_strdup_printf("%s=%s", row->name, text);
}

/* "downtime", or "compression (parallel=on)" if the wish has another name. */
static char *
assign_describe(const MtWish *wish, const MtRow *row, const MtValue *value)
{
    g_autofree char *setting = assign_format(row, value);

    if (wish->row == row)
        return g_steal_pointer(&setting);

    return g_strdup_printf("%s=%s (%s)", wish->name, wish->asked, setting);
}

static void
assign_conflict(MtPlan *plan, MtWish *wish, const MtRow *row,
                const MtValue *value, const MtAssignment *old)
{
    g_autofree char *first = assign_describe(old->wish, row, old->value);
    g_autofree char *second = assign_describe(wish, row, value);
    g_autofree char *text =
        g_strdup_printf(_("%s contradicts %s"), second, first);

    mt_assign_cannot(plan, old->wish, MIGTUNE_ERROR_CONFLICT,
                     MT_REASON_CONFLICT, NULL, text);
    if (plan->policy != MT_POLICY_BEST_EFFORT)
        mt_wish_refuse(wish, MIGTUNE_ERROR_CONFLICT, NULL, "%s", text);
}

void
mt_assign(MtPlan *plan, MtWish *wish, const MtRow *row, MtValue *value,
          MtRank rank)
{
    g_autoptr(MtValue) taken = value;
    MtAssignment *assignment = mt_plan_find_assignment(plan, row);

    if (rank > MT_RANK_RELEASE && !g_ptr_array_find(wish->rows, row, NULL))
        g_ptr_array_add(wish->rows, (gpointer)row);

    if (!assignment) {
        assignment = g_new0(MtAssignment, 1);
        assignment->row = row;
        g_ptr_array_add(plan->assignments, assignment);
    } else if (mt_value_equal(assignment->value, value)) {
        if (rank <= assignment->rank)
            return;
    } else if (rank == MT_RANK_RELEASE) {
        return;
    } else if (assignment->rank > MT_RANK_RELEASE) {
        assign_conflict(plan, wish, row, value, assignment);
        return;
    }

    mt_value_free(assignment->value);
    assignment->value = g_steal_pointer(&taken);
    assignment->rank = rank;
    assignment->wish = wish;
}

void
mt_assign_default(MtPlan *plan, MtWish *wish, const MtRow *row)
{
    if (mt_assign_has_row(plan, row) && row->def)
        mt_assign(plan, wish, row, mt_value_from_table(row, row->def),
                  MT_RANK_RELEASE);
}
