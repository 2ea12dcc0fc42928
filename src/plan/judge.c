/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Judging the state that the assignments of a plan lead to.
 *
 * Wishes are resolved one by one.  Here their assignments and the present values
 * are put together and checked against QEMU's rules, against a migration that is
 * running, and against a destination that listens already.
 */
#include "config.h"

#include "plan/assign.h"
#include "plan/judge.h"
#include "plan/wish.h"
#include "util/i18n.h"

/* The values that are in force once the assignments have been carried out. */
static MtSet *
judge_result(const MtPlan *plan)
{
    MtSet *result = mt_set_copy(plan->before->values);

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);

        mt_set_put(result, a->row, mt_value_copy(a->value));
    }

    return result;
}

/* The findings of @result that concern an assignment, fatal ones first. */
static GPtrArray *
judge_findings(const MtPlan *plan, const MtSet *result)
{
    g_autoptr(MtSet) changed = mt_set_new();

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);

        mt_set_put(changed, a->row, mt_value_copy(a->value));
    }

    return mt_rules_check(result, changed, mt_caps_release(plan->caps));
}

/* The position of the wish behind @assignment in the caller's order. */
static guint
judge_order(const MtPlan *plan, const MtAssignment *assignment)
{
    guint index = 0;

    g_ptr_array_find(plan->wishes, assignment->wish, &index);
    return index;
}

/*
 * Best-effort: resolves a fatal finding.  If both sides are wishes, the earlier
 * one is given up.  If only one side is a wish, the capability on the other
 * side is switched off; if the other side is not a capability, the wish is
 * given up.
 */
static void
judge_give_way(MtPlan *plan, const MtFinding *finding, MtAssignment *first,
               MtAssignment *second)
{
    MtAssignment *loser = NULL;
    MtAssignment *own = first ? first : second;
    const MtRow *other = first ? finding->other : finding->row;

    if (first && second && finding->relation == MT_RULE_EXCLUDES)
        loser = judge_order(plan, first) < judge_order(plan, second) ? first
                                                                     : second;
    else if (finding->relation == MT_RULE_NEEDS && first)
        loser = first;
    else if (other->kind != MT_KIND_CAPABILITY)
        loser = own;

    if (loser) {
        mt_assign_cannot(plan, loser->wish, MIGTUNE_ERROR_CONFLICT,
                         MT_REASON_CONFLICT, finding->rule, finding->message);
    } else {
        mt_assign_default(plan, own->wish, other);
        mt_wish_say(own->wish, MT_REASON_SWITCHES_OFF,
                    _("%s is switched off: %s"), other->name,
                    finding->message);
    }
}

/* Refuses the wishes of a fatal finding, and says what to ask for as well. */
static void
judge_refuse(const MtFinding *finding, MtAssignment *first,
             MtAssignment *second)
{
    MtAssignment *own = first ? first : second;
    const MtRow *other = first ? finding->other : finding->row;
    g_autofree char *off = NULL;

    if (other->def) {
        g_autoptr(MtValue) value = mt_value_from_table(other, other->def);

        off = mt_value_format(other, value);
    }
    if ((first && second) || (first && finding->relation == MT_RULE_NEEDS) ||
        !off) {
        mt_wish_refuse(own->wish, MIGTUNE_ERROR_CONFLICT, finding->rule, "%s",
                       finding->message);
        if (first && second)
            mt_wish_refuse(second->wish, MIGTUNE_ERROR_CONFLICT,
                           finding->rule, "%s", finding->message);
    } else {
        mt_wish_refuse(own->wish, MIGTUNE_ERROR_CONFLICT, finding->rule,
                       _("%s, and %s is set; ask for %s=%s as well"),
                       finding->message, other->name, other->name, off);
    }
}

/* Adds a remark to the wishes of a finding that is not fatal.  Appends the row
 * that has no effect to @idle. */
static void
judge_remark(MtPlan *plan, const MtFinding *finding, MtAssignment *first,
             MtAssignment *second, GPtrArray *idle)
{
    MtReason reason = finding->relation == MT_RULE_EFFECT_WITH
                          ? MT_REASON_NEEDS_OTHER
                          : MT_REASON_IDLE_WITH;

    if (first && first->rank > MT_RANK_RELEASE) {
        for (guint i = 0; i < plan->wishes->len; i++) {
            MtWish *wish = g_ptr_array_index(plan->wishes, i);

            if (g_ptr_array_find(wish->rows, finding->row, NULL))
                mt_wish_say(wish, reason, "%s", finding->message);
        }
        g_ptr_array_add(idle, (gpointer)finding->row);
    } else if (second && finding->relation == MT_RULE_USELESS_WITH) {
        mt_wish_say(second->wish, reason, "%s", finding->message);
    }
}

/* A wish has no effect if none of its rows has. */
static void
judge_mark_idle(MtPlan *plan, const GPtrArray *idle)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);
        guint n_idle = 0;

        for (guint j = 0; j < wish->rows->len; j++)
            n_idle += g_ptr_array_find((GPtrArray *)idle,
                                       g_ptr_array_index(wish->rows, j), NULL);
        wish->idle = n_idle > 0 && n_idle == wish->rows->len;
    }
}

/* Returns TRUE if a finding made best-effort give way, so that the result has
 * changed and must be judged again. */
static gboolean
judge_rules(MtPlan *plan)
{
    g_autoptr(MtSet) result = judge_result(plan);
    g_autoptr(GPtrArray) findings = judge_findings(plan, result);
    g_autoptr(GPtrArray) idle = g_ptr_array_new();

    for (guint i = 0; i < findings->len; i++) {
        const MtFinding *finding = g_ptr_array_index(findings, i);
        MtAssignment *first = mt_plan_find_assignment(plan, finding->row);
        MtAssignment *second = mt_plan_find_assignment(plan, finding->other);

        if (!mt_finding_is_fatal(finding)) {
            judge_remark(plan, finding, first, second, idle);
        } else if (plan->policy == MT_POLICY_BEST_EFFORT) {
            judge_give_way(plan, finding, first, second);
            return TRUE;
        } else {
            judge_refuse(finding, first, second);
        }
    }
    judge_mark_idle(plan, idle);

    return FALSE;
}

/* Refuses what a running migration does not allow or does not use. */
static void
judge_running(MtPlan *plan)
{
    MtRelease release = mt_caps_release(plan->caps);

    if (!mt_state_is_migrating(plan->before))
        return;

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        const MtValue *now = mt_set_get(plan->before->values, a->row);
        g_autofree char *text = NULL;

        if (mt_value_equal(now, a->value) ||
            (a->row->kind == MT_KIND_PARAMETER &&
             mt_row_when(a->row, release) == MT_WHEN_RUNNING) ||
            !mt_wish_is_alive(a->wish))
            continue;
        if (a->row->kind == MT_KIND_CAPABILITY)
            text = g_strdup_printf(_("QEMU cannot change %s while a migration "
                                     "is running (status '%s')"),
                                   a->row->name, plan->before->migration);
        else
            text = g_strdup_printf(_("%s takes effect only when a migration "
                                     "starts, and one is running (status "
                                     "'%s')"),
                                   a->row->name, plan->before->migration);
        mt_assign_cannot(plan, a->wish, MIGTUNE_ERROR_BUSY,
                         MT_REASON_MIGRATION_RUNNING, NULL, text);
    }
}

/* Refuses what a destination must know before it listens.  QEMU reports this
 * error only from 8.1 on. */
static void
judge_listening(MtPlan *plan)
{
    static const MtParamId early[] = {
        MT_PARAM_X_MULTIFD,
        MT_PARAM_MULTIFD,
        MT_PARAM_POSTCOPY_PREEMPT,
    };

    for (guint i = 0; plan->before->listening && i < G_N_ELEMENTS(early); i++) {
        const MtRow *row = mt_row(early[i]);
        const MtAssignment *a = mt_plan_find_assignment(plan, row);
        g_autofree char *text = NULL;

        if (!a || !a->value->boolean ||
            mt_set_is_set(plan->before->values, row) ||
            !mt_wish_is_alive(a->wish))
            continue;
        text = g_strdup_printf(_("%s must be set before the guest listens for "
                                 "its migration, and it listens already"),
                               row->name);
        mt_assign_cannot(plan, a->wish, MIGTUNE_ERROR_BUSY,
                         MT_REASON_ALREADY_LISTENING, NULL, text);
    }
}

void
mt_judge_times(MtPlan *plan)
{
    judge_running(plan);
    judge_listening(plan);
}

static guint
judge_count_given_up(const MtPlan *plan)
{
    guint n = 0;

    for (guint i = 0; i < plan->wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(plan->wishes, i);

        n += wish->given_up;
    }

    return n;
}

gboolean
mt_judge(MtPlan *plan)
{
    guint n_before = judge_count_given_up(plan);

    /* Each round but the last gives a wish up, which ends the loop, or
     * switches off one more capability. */
    for (guint n = 0; n <= mt_caps_size(plan->caps); n++) {
        if (!judge_rules(plan)) {
            mt_judge_times(plan);
            break;
        }
        if (judge_count_given_up(plan) > n_before)
            break;
    }

    return judge_count_given_up(plan) == n_before;
}
