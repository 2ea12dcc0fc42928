/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of assignments that were made each on its own: the state that
 * they would lead to, judged as a whole.
 */
#include "config.h"

#include "plan/judge.h"
#include "plan/translate.h"
#include "plan/wish.h"
#include "util/i18n.h"

/* The state that the assignments would lead to. */
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

static guint
judge_order(const MtPlan *plan, const MtAssignment *assignment)
{
    guint index = 0;

    g_ptr_array_find(plan->wishes, assignment->wish, &index);
    return index;
}

/* Best-effort: makes the earlier of the two sides of a finding give way. */
static void
judge_give_way(MtPlan *plan, const MtFinding *finding, MtAssignment *first,
               MtAssignment *second)
{
    MtAssignment *loser = NULL;

    if (first && second && finding->relation == MT_RULE_EXCLUDES)
        loser = judge_order(plan, first) < judge_order(plan, second) ? first
                                                                     : second;
    else if (finding->relation == MT_RULE_NEEDS && first)
        loser = first;
    if (loser) {
        mt_translate_cannot(plan, loser->wish, MIGTUNE_ERROR_CONFLICT,
                            finding->rule, finding->message);
    } else {
        /* The other side was on before: the wish came later. */
        MtAssignment *own = first ? first : second;
        const MtRow *other = first ? finding->other : finding->row;

        if (other->kind == MT_KIND_CAPABILITY) {
            mt_translate_release(plan, own->wish, other);
            mt_wish_say(own->wish, _("%s is switched off: %s"), other->name,
                        finding->message);
        } else {
            mt_translate_cannot(plan, own->wish, MIGTUNE_ERROR_CONFLICT,
                                finding->rule, finding->message);
        }
    }
}

static void
judge_refuse_finding(MtPlan *plan, const MtFinding *finding,
                     MtAssignment *first, MtAssignment *second)
{
    MtAssignment *own = first ? first : second;
    const MtRow *other = first ? finding->other : finding->row;

    if (first && second) {
        mt_wish_refuse(first->wish, MIGTUNE_ERROR_CONFLICT, finding->rule, "%s",
                       finding->message);
        mt_wish_refuse(second->wish, MIGTUNE_ERROR_CONFLICT, finding->rule,
                       "%s", finding->message);
    } else if (finding->relation == MT_RULE_EXCLUDES) {
        mt_wish_refuse(own->wish, MIGTUNE_ERROR_CONFLICT, finding->rule,
                       _("%s, and %s is set already; ask for %s=%s as well"),
                       finding->message, other->name, other->name,
                       other->type == MT_TYPE_BOOL ? "off"
                       : other->def && *other->def ? other->def
                                                   : "''");
    } else if (first) {
        mt_wish_refuse(own->wish, MIGTUNE_ERROR_CONFLICT, finding->rule, "%s",
                       finding->message);
    } else {
        mt_wish_refuse(own->wish, MIGTUNE_ERROR_CONFLICT, finding->rule,
                       _("%s, and %s is on; ask for %s=off as well"),
                       finding->message, other->name, other->name);
    }
}

gboolean
mt_judge(MtPlan *plan)
{
    g_autoptr(MtSet) result = judge_result(plan);
    g_autoptr(MtSet) changed = mt_set_new();
    g_autoptr(GPtrArray) findings = NULL;

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);

        mt_set_put(changed, a->row, mt_value_copy(a->value));
    }
    findings = mt_rules_check(result, changed, mt_caps_release(plan->caps));
    for (guint i = 0; i < findings->len; i++) {
        const MtFinding *finding = g_ptr_array_index(findings, i);
        MtAssignment *first = mt_translate_find_assignment(plan, finding->row);
        MtAssignment *second =
            mt_translate_find_assignment(plan, finding->other);

        if (!mt_finding_is_fatal(finding)) {
            /* A remark for whoever asked for it by name. */
            if (first && first->rank > MT_RANK_RELEASE)
                mt_wish_say(first->wish, "%s", finding->message);
            else if (second && finding->relation == MT_RULE_USELESS_WITH)
                mt_wish_say(second->wish, "%s", finding->message);
        } else if (plan->policy == MT_POLICY_BEST_EFFORT) {
            judge_give_way(plan, finding, first, second);
            return TRUE;
        } else {
            judge_refuse_finding(plan, finding, first, second);
        }
    }

    return FALSE;
}

gboolean
mt_judge_running(MtPlan *plan)
{
    gboolean gave_up = FALSE;

    if (!mt_state_is_migrating(plan->before))
        return FALSE;

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        const MtValue *now = mt_set_get(plan->before->values, a->row);
        g_autofree char *text = NULL;

        if (mt_value_equal(now, a->value) ||
            (a->row->kind == MT_KIND_PARAMETER &&
             a->row->when == MT_WHEN_RUNNING) ||
            !mt_wish_is_alive(a->wish))
            continue;
        if (a->row->kind == MT_KIND_CAPABILITY)
            text = g_strdup_printf(
                _("%s: a migration is running (%s), during which QEMU lets no "
                  "capability be changed"),
                a->row->name, plan->before->migration);
        else
            text = g_strdup_printf(
                _("%s: a migration is running (%s), and it is only read when "
                  "one starts"),
                a->row->name, plan->before->migration);
        mt_translate_cannot(plan, a->wish, MIGTUNE_ERROR_BUSY, NULL, text);
        gave_up = gave_up || plan->policy == MT_POLICY_BEST_EFFORT;
    }

    return gave_up;
}

gboolean
mt_judge_listening(MtPlan *plan)
{
    static const MtParamId early[] = {
        MT_PARAM_X_MULTIFD,
        MT_PARAM_MULTIFD,
        MT_PARAM_POSTCOPY_PREEMPT,
    };
    gboolean gave_up = FALSE;

    for (guint i = 0; plan->before->listening && i < G_N_ELEMENTS(early); i++) {
        const MtRow *row = mt_row(early[i]);
        const MtAssignment *a = mt_translate_find_assignment(plan, row);
        g_autofree char *text = NULL;

        if (!a || !a->value->boolean ||
            mt_set_is_set(plan->before->values, row) ||
            !mt_wish_is_alive(a->wish))
            continue;
        text = g_strdup_printf(_("%s: the guest listens for its migration "
                                 "already, and this has to be set before"),
                               row->name);
        mt_translate_cannot(plan, a->wish, MIGTUNE_ERROR_BUSY, NULL, text);
        gave_up = gave_up || plan->policy == MT_POLICY_BEST_EFFORT;
    }

    return gave_up;
}
