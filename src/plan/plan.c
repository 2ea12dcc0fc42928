/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a plan, and judging its wishes by what was read back.
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
    g_clear_pointer(&plan->warning_codes, g_ptr_array_unref);
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
    plan->planned_us = g_get_monotonic_time();
    plan->assignments =
        g_ptr_array_new_with_free_func((GDestroyNotify)assignment_free);
    plan->warnings = g_ptr_array_new_with_free_func(g_free);
    plan->warning_codes = g_ptr_array_new();
    return plan;
}

/* The value of the row that @wish shows, in @values. */
static MtValue *
plan_shown_value(const MtWish *wish, const MtSet *values)
{
    if (wish->shown == mt_row(MT_PARAM_COMPRESSION)) {
        g_autofree char *text = mt_state_compression(values);

        return text ? mt_value_new_text(MT_TYPE_STRING, text) : NULL;
    }

    return wish->shown ? mt_value_copy(mt_set_get(values, wish->shown))
                       : NULL;
}

/* Sets the value before and the value after @plan of each wish. */
static void
plan_show(MtPlan *plan, const MtSet *after)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        g_clear_pointer(&wish->before, mt_value_free);
        g_clear_pointer(&wish->after, mt_value_free);
        if (wish->satisfied) {
            wish->before = mt_value_copy(wish->value);
            wish->after = mt_value_copy(wish->value);
        } else {
            wish->before = plan_shown_value(wish, plan->before->values);
            wish->after = plan_shown_value(wish, after);
        }
    }
}

/* Whether each row of @wish has its value already. */
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

/* Holds back all wishes that would change something, because a plan is carried
 * out as a whole or not at all. */
static void
plan_hold_others_back(MtPlan *plan)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        if (wish->error || wish->verdict == MIGTUNE_VERDICT_DROPPED ||
            (plan_has_already(plan, wish) && !plan->later))
            continue;
        wish->held_back = TRUE;
        mt_wish_settle(wish);
        mt_wish_clear_reason(wish);
        mt_wish_say(wish, MT_REASON_HELD_BACK,
                    _("held back because another setting was refused"));
    }
}

/* Builds the steps and the values that are expected after them.  There are no
 * steps if a wish is refused. */
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
            if (entry->readable && !a->wish->ignored)
                mt_set_put(expected, a->row, mt_value_copy(a->value));
        }
    } else {
        plan_hold_others_back(plan);
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
    plan_hold_others_back(plan);
    plan_show(plan, plan->before->values);
}

void
mt_plan_postpone(MtPlan *plan)
{
    plan->later = TRUE;
    g_ptr_array_set_size(plan->steps, 0);
    if (!mt_plan_check(plan, NULL))
        plan_hold_others_back(plan);
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        if (wish->verdict == MIGTUNE_VERDICT_IN_FORCE ||
            wish->verdict == MIGTUNE_VERDICT_UNVERIFIED)
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

/* Whether each row of @wish that can be read has its value in @after. */
static gboolean
plan_judge_wish(const MtPlan *plan, MtWish *wish, const MtState *after)
{
    gboolean all = TRUE;

    for (guint i = 0; i < wish->rows->len; i++) {
        const MtRow *row = g_ptr_array_index(wish->rows, i);
        const MtValue *now = mt_set_get(after->values, row);
        g_autofree char *text = NULL;

        if (!now || mt_value_equal(now, mt_plan_value(plan, row)))
            continue;
        all = FALSE;
        if (wish->ignored)
            continue;           /* the plan has said so */
        text = mt_value_format(row, now);
        mt_wish_say(wish, MT_REASON_IGNORED_BY_QEMU,
                    _("QEMU accepted %s and reads back %s"), row->name, text);
    }

    return all;
}

void
mt_plan_judge(MtPlan *plan, const MtState *after)
{
    plan->applied = TRUE;
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);
        gboolean all;

        if (!mt_wish_is_alive(wish) || wish->left_out || wish->forgotten)
            continue;
        all = plan_judge_wish(plan, wish, after);
        if (all && wish->ignored)
            mt_wish_clear_reason(wish);
        wish->ignored = !all;
        if (wish->verdict != MIGTUNE_VERDICT_KEPT)
            mt_wish_settle(wish);
    }
    plan_show(plan, after->values);
}
