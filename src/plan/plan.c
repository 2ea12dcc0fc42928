/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a plan, and what became of its wishes.
 */
#include "config.h"

#include <string.h>

#include "plan/plan.h"
#include "plan/translate.h"
#include "plan/wish.h"
#include "util/i18n.h"

static void
assignment_free(MtAssignment *assignment)
{
    mt_value_free(assignment->value);
    g_free(assignment);
}

MtPlan *
mt_plan_ref(MtPlan *plan)
{
    g_atomic_int_inc(&plan->ref_count);
    return plan;
}

void
mt_plan_unref(MtPlan *plan)
{
    if (!plan || !g_atomic_int_dec_and_test(&plan->ref_count))
        return;

    g_free(plan->domain);
    g_free(plan->qemu);
    g_clear_pointer(&plan->wishes, g_ptr_array_unref);
    g_clear_pointer(&plan->assignments, g_ptr_array_unref);
    g_clear_pointer(&plan->steps, g_ptr_array_unref);
    g_clear_pointer(&plan->warnings, g_ptr_array_unref);
    g_clear_pointer(&plan->before, mt_state_free);
    g_clear_pointer(&plan->caps, mt_caps_unref);
    g_free(plan);
}

static MtPlan *
plan_alloc(const char *domain, const char *qemu, MtCaps *caps, MtState *before,
           MtPolicy policy)
{
    MtPlan *plan = g_new0(MtPlan, 1);

    plan->ref_count = 1;
    plan->domain = g_strdup(domain);
    plan->qemu = g_strdup(qemu);
    plan->policy = policy;
    plan->caps = mt_caps_ref(caps);
    plan->before = before;
    plan->assignments =
        g_ptr_array_new_with_free_func((GDestroyNotify)assignment_free);
    plan->warnings = g_ptr_array_new_with_free_func(g_free);
    return plan;
}

const MtValue *
mt_plan_value(const MtPlan *plan, const MtRow *row)
{
    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);

        if (a->row == row)
            return a->value;
    }

    return mt_set_get(plan->before->values, row);
}

/* What every wish has in @values. */
static void
plan_show(MtPlan *plan, const MtSet *values)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);
        const MtRow *row = wish->shown;

        g_clear_pointer(&wish->now, mt_value_free);
        if (wish->satisfied) {
            wish->now = mt_value_copy(wish->value);
        } else if (row == mt_row(MT_PARAM_COMPRESSION)) {
            g_autofree char *text = mt_state_compression(values);

            if (text)
                wish->now = mt_value_new_text(MT_TYPE_STRING, text);
        } else if (row) {
            wish->now = mt_value_copy(mt_set_get(values, row));
        }
    }
}

/* Whether every row of @wish has its value already. */
static gboolean
plan_has_already(const MtPlan *plan, const MtWish *wish)
{
    for (guint i = 0; i < wish->rows->len; i++) {
        const MtRow *row = g_ptr_array_index(wish->rows, i);

        if (!mt_value_equal(mt_set_get(plan->before->values, row),
                            mt_plan_value(plan, row)))
            return FALSE;
    }

    return TRUE;
}

/* One that is refused holds back all others: it is all or nothing. */
static void
plan_refuse_others(MtPlan *plan)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        if (wish->error || wish->verdict == MIGTUNE_VERDICT_DROPPED ||
            (plan_has_already(plan, wish) && !plan->later))
            continue;
        wish->verdict = MIGTUNE_VERDICT_REFUSED;
        g_string_assign(wish->reason,
                        _("held back, because another wish was refused"));
    }
}

/* Steps, and what is to be expected; nothing is sent if a wish is refused. */
static void
plan_finish(MtPlan *plan)
{
    g_autoptr(MtSet) expected = mt_set_copy(plan->before->values);
    g_autoptr(MtSet) wanted = mt_set_new();

    if (mt_plan_check(plan, NULL)) {
        for (guint i = 0; i < plan->assignments->len; i++) {
            const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
            const MtCapsEntry *entry = mt_caps_lookup(plan->caps, a->row);

            mt_set_put(wanted, a->row, mt_value_copy(a->value));
            if (entry->readable &&
                a->wish->verdict != MIGTUNE_VERDICT_IGNORED)
                mt_set_put(expected, a->row, mt_value_copy(a->value));
        }
    } else {
        plan_refuse_others(plan);
    }
    plan->steps = mt_steps_build(plan->caps, plan->before->values, wanted);
    plan_show(plan, expected);
}

MtPlan *
mt_plan_new(const char *domain, const char *qemu, MtCaps *caps,
            MtState *before, const virTypedParameter *params, int n_params,
            MtPolicy policy)
{
    MtPlan *plan = plan_alloc(domain, qemu, caps, before, policy);

    plan->wishes = mt_wishes_new(caps, params, n_params);
    mt_translate(plan);
    plan_finish(plan);
    return plan;
}

MtPlan *
mt_plan_new_restore(const char *domain, const char *qemu, MtCaps *caps,
                    MtState *before, const MtSet *values)
{
    MtPlan *plan = plan_alloc(domain, qemu, caps, before,
                              MT_POLICY_SUBSTITUTE);

    plan->wishes = g_ptr_array_new_with_free_func((GDestroyNotify)mt_wish_free);
    for (guint i = 0; i < mt_set_size(values); i++) {
        const MtRow *row = mt_set_nth(values, i);
        const MtValue *value = mt_set_get(values, row);
        const MtCapsEntry *entry = mt_caps_lookup(caps, row);

        if (entry && entry->settable &&
            !mt_value_equal(value, mt_set_get(before->values, row)))
            g_ptr_array_add(plan->wishes, mt_wish_new_restore(row, value));
    }
    mt_translate_restore(plan);
    plan_finish(plan);
    return plan;
}

MtPlan *
mt_plan_new_unseen(const char *domain, const virTypedParameter *params,
                   int n_params, MtPolicy policy)
{
    g_autoptr(MtCaps) caps = mt_caps_new_for_release(MT_RELEASE_LAST);
    MtPlan *plan = plan_alloc(domain, "unknown", caps,
                              mt_state_new_default(caps), policy);

    plan->wishes = mt_wishes_new(caps, params, n_params);
    plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify)mt_step_free);
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        wish->shown = NULL;
    }
    mt_plan_postpone(plan);
    return plan;
}

void
mt_plan_hold_back(MtPlan *plan)
{
    g_ptr_array_set_size(plan->steps, 0);
    plan_refuse_others(plan);
    plan_show(plan, plan->before->values);
}

void
mt_plan_postpone(MtPlan *plan)
{
    plan->later = TRUE;
    g_ptr_array_set_size(plan->steps, 0);
    if (!mt_plan_check(plan, NULL))
        plan_refuse_others(plan);
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        if (wish->verdict == MIGTUNE_VERDICT_IN_FORCE)
            wish->verdict = MIGTUNE_VERDICT_KEPT;
    }
}

void
mt_plan_add_forgotten(MtPlan *plan, const char *name, const MtRow *row,
                      const char *value)
{
    g_ptr_array_add(plan->wishes, mt_wish_new_forgotten(name, row, value));
}

gboolean
mt_plan_check(const MtPlan *plan, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const MtWish *first = NULL;

    for (guint i = 0; i < plan->wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(plan->wishes, i);

        if (!wish->error)
            continue;
        if (!first)
            first = wish;
        if (strstr(text->str, wish->error->message))
            continue;
        g_string_append_printf(text, "%s%s", text->len ? "; " : "",
                               wish->error->message);
    }
    if (!first)
        return TRUE;

    if (error) {
        *error = g_error_copy(first->error);
        g_free((*error)->message);
        (*error)->message = g_string_free(g_steal_pointer(&text), FALSE);
    }
    return FALSE;
}

/* Says that a row of @wish did not get its value. */
static void
plan_judge_ignored(MtWish *wish, const MtRow *row, const MtValue *now)
{
    g_autofree char *text = mt_value_format(row, now);

    wish->verdict = MIGTUNE_VERDICT_IGNORED;
    mt_wish_say(wish, _("QEMU accepted %s and reads back %s"), row->name,
                text);
}

void
mt_plan_judge(MtPlan *plan, const MtState *after)
{
    plan->applied = TRUE;
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);
        gboolean all = TRUE;

        if (!mt_wish_is_alive(wish) ||
            wish->verdict == MIGTUNE_VERDICT_DROPPED)
            continue;
        for (guint j = 0; j < wish->rows->len; j++) {
            const MtRow *row = g_ptr_array_index(wish->rows, j);
            const MtValue *now = mt_set_get(after->values, row);

            if (!now || mt_value_equal(now, mt_plan_value(plan, row)))
                continue;
            all = FALSE;
            if (wish->verdict != MIGTUNE_VERDICT_IGNORED)
                plan_judge_ignored(wish, row, now);
        }
        /* It was expected to be ignored, and it was not. */
        if (all && wish->verdict == MIGTUNE_VERDICT_IGNORED) {
            wish->verdict = wish->shown == wish->row
                                ? MIGTUNE_VERDICT_IN_FORCE
                                : MIGTUNE_VERDICT_SUBSTITUTED;
            g_string_truncate(wish->reason, 0);
        }
    }
    plan_show(plan, after->values);
}
