/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Applying a plan.
 *
 * A failure is not undone by inverse commands: after a lost answer it is not
 * known which of them are needed, and some releases of QEMU keep a value that
 * they refused.  Instead the present values are read, compared with the former
 * values, and the difference is sent like the steps of any other plan.
 */
#include "config.h"

#include "plan/apply.h"
#include "plan/undo.h"
#include "util/i18n.h"

#include "migtune/migtune-error.h"

/* An older plan reads the former values before it sends anything.  A caller may
 * have looked at such a plan while others changed the guest. */
#define APPLY_FRESH_US (G_USEC_PER_SEC / 2)

typedef struct {
    MtPlan *plan;
    MtExec *exec;
    MtState *former;            /* NULL: not read yet */
    MtProgress progress;
} Apply;

/* Refuses the plan if a value of an assigned row has changed since. */
static gboolean
apply_check_former(const Apply *apply, GError **error)
{
    const MtPlan *plan = apply->plan;
    g_autoptr(GString) changed = g_string_new(NULL);

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        const MtValue *planned = mt_set_get(plan->before->values, a->row);
        const MtValue *found = mt_set_get(apply->former->values, a->row);

        if (planned && found && !mt_value_equal(planned, found)) {
            g_autofree char *was = mt_value_format(a->row, planned);
            g_autofree char *is = mt_value_format(a->row, found);

            g_string_append_printf(changed, _("%s%s was %s and is %s"),
                                   changed->len ? ", " : "", a->row->name,
                                   was, is);
        }
    }
    if (changed->len == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                      _("the guest has been changed since the plan was made: "
                        "%s"),
                      changed->str);
    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                MT_APPLY_OVERTAKEN);
    return FALSE;
}

/* Takes the former values from the answers at the beginning of @commands. */
static void
apply_take_former(Apply *apply, MtCommand *commands, guint n_commands)
{
    for (guint i = 0; i < n_commands; i++) {
        if (!commands[i].result)
            return;
    }
    apply->former = mt_state_from_answers(apply->plan->caps, commands,
                                          n_commands, NULL);
}

/*
 * Runs step @nth, the first one after the commands that read the former values,
 * the last one before those that read the values back.  Those are returned in
 * @ret_after unless QEMU's answer to them was not understood.
 */
static gboolean
apply_step(Apply *apply, guint nth, MtState **ret_after,
           GCancellable *cancellable, GError **error)
{
    const MtPlan *plan = apply->plan;
    const MtStep *step = g_ptr_array_index(plan->steps, nth);
    MtCommand commands[1 + 2 * MT_STATE_MAX_COMMANDS];
    guint n_former = 0, n_after = 0;
    MtCommand *own;
    gboolean ok;

    if (nth == 0 && !apply->former)
        n_former = mt_state_commands(plan->caps, MT_STATE_VALUES, commands);
    own = &commands[n_former];
    mt_command_init(own, step->execute, json_object_ref(step->arguments));
    if (nth == plan->steps->len - 1)
        n_after = mt_state_commands(plan->caps, MT_STATE_VALUES, own + 1);

    apply->progress.n_sent = nth + 1;
    ok = apply->exec->run(apply->exec, commands, n_former + 1 + n_after,
                          cancellable, error);
    if (n_former)
        apply_take_former(apply, commands, n_former);
    if (own->answered && !own->error)
        apply->progress.n_done = nth + 1;
    if (!ok) {
        apply->progress.lost = !own->answered;
    } else if (own->error) {
        g_propagate_error(error, g_steal_pointer(&own->error));
        ok = FALSE;
    } else if (n_after) {
        *ret_after = mt_state_from_answers(plan->caps, own + 1, n_after, NULL);
    }
    mt_commands_clear(commands, n_former + 1 + n_after);

    return ok && (!n_former || !apply->former ||
                  apply_check_former(apply, error));
}

/* Sends all steps and reads back. */
static gboolean
apply_steps(Apply *apply, MtState **ret_after, GCancellable *cancellable,
            GError **error)
{
    for (guint i = 0; i < apply->plan->steps->len; i++) {
        if (g_cancellable_is_cancelled(cancellable)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              _("cancelled before all commands were sent"));
            return FALSE;
        }
        if (!apply_step(apply, i, ret_after, cancellable, error))
            return FALSE;
    }
    if (!*ret_after)
        *ret_after = mt_undo_read(apply->exec, apply->plan->caps, error);

    return *ret_after != NULL;
}

/* Reads the former values in a write of their own. */
static gboolean
apply_read_former(Apply *apply, GCancellable *cancellable, GError **error)
{
    apply->former = mt_state_read(apply->exec, apply->plan->caps,
                                  MT_STATE_VALUES, cancellable, error);

    return apply->former && apply_check_former(apply, error);
}

static gboolean
apply_run(Apply *apply, GCancellable *cancellable, GError **error)
{
    MtPlan *plan = apply->plan;
    gint64 age_us = g_get_monotonic_time() - plan->planned_us;
    g_autoptr(MtState) after = NULL;
    GError *failure = NULL;

    if (plan->assignments->len == 0) {
        mt_plan_judge(plan, plan->before);
        return TRUE;
    }
    if ((plan->steps->len == 0 || age_us > APPLY_FRESH_US) &&
        !apply_read_former(apply, cancellable, error))
        return FALSE;
    if (plan->steps->len == 0) {
        mt_plan_judge(plan, apply->former);
        return TRUE;
    }

    if (!apply_steps(apply, &after, cancellable, &failure)) {
        mt_undo(plan, apply->exec, &apply->progress, apply->former, failure,
                error);
        return FALSE;
    }
    mt_plan_judge(plan, after);

    return TRUE;
}

gboolean
mt_plan_apply(MtPlan *plan, MtExec *exec, GCancellable *cancellable,
              GError **error)
{
    Apply apply = { .plan = plan, .exec = exec };
    gboolean ok;

    if (!mt_plan_check(plan, error))
        return FALSE;
    if (plan->applied) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("this plan has been applied already"));
        return FALSE;
    }

    ok = apply_run(&apply, cancellable, error);
    mt_state_free(apply.former);

    return ok;
}
