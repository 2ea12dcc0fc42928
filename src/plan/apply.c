/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Applying a plan.
 *
 * Undoing does not replay inverse commands: after a lost answer nobody knows
 * which of them would be due, and some releases keep what they refused.
 * Instead what is in force is read, compared with what was in force before,
 * and the difference is planned and sent like any other.
 */
#include "config.h"

#include "plan/apply.h"
#include "util/i18n.h"

#include "migtune/migtune-error.h"

typedef struct {
    MtPlan *plan;
    MtExec *exec;
    guint n_sent;               /* steps that may have reached QEMU */
    guint n_done;               /* steps that QEMU carried out */
    gboolean lost;              /* nobody knows about the last one sent */
} Apply;

/*
 * Runs step @nth, the last one with the read-back, which is returned in
 * @ret_after unless QEMU's answer to that could not be understood.
 */
static gboolean
apply_step(Apply *apply, guint nth, MtState **ret_after,
           GCancellable *cancellable, GError **error)
{
    MtPlan *plan = apply->plan;
    const MtStep *step = g_ptr_array_index(plan->steps, nth);
    MtCommand commands[1 + MT_STATE_MAX_COMMANDS];
    gboolean last = nth == plan->steps->len - 1;
    guint n = 1;
    gboolean ok;

    mt_command_init(&commands[0], step->execute,
                    json_object_ref(step->arguments));
    if (last)
        n += mt_state_commands(plan->caps, MT_STATE_VALUES, &commands[1]);

    apply->n_sent = nth + 1;
    ok = apply->exec->run(apply->exec, commands, n, cancellable, error);
    if (!ok) {
        apply->lost = !commands[0].answered;
        if (commands[0].answered && !commands[0].error)
            apply->n_done = nth + 1;
    } else if (commands[0].error) {
        g_propagate_error(error, g_steal_pointer(&commands[0].error));
        ok = FALSE;
    } else {
        apply->n_done = nth + 1;
        if (last)
            *ret_after = mt_state_from_answers(plan->caps, &commands[1], n - 1,
                                               NULL);
    }
    mt_commands_clear(commands, n);

    return ok;
}

/* The former values of what could be different now. */
static MtSet *
apply_former_values(const Apply *apply)
{
    const MtPlan *plan = apply->plan;
    MtSet *former = mt_set_new();

    /* Some releases switch other capabilities off along the way. */
    for (guint i = 0; i < mt_set_size(plan->before->values); i++) {
        const MtRow *row = mt_set_nth(plan->before->values, i);
        gboolean touched = row->kind == MT_KIND_CAPABILITY;

        for (guint j = 0; j < apply->n_sent && !touched; j++) {
            const MtStep *step = g_ptr_array_index(plan->steps, j);

            touched = g_ptr_array_find(step->rows, row, NULL);
        }
        if (touched)
            mt_set_put(former, row,
                       mt_value_copy(mt_set_get(plan->before->values, row)));
    }

    return former;
}

static void
apply_name(GString *list, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
apply_name(GString *list, const char *format, ...)
{
    va_list args;

    if (list->len)
        g_string_append(list, ", ");
    va_start(args, format);
    g_string_append_vprintf(list, format, args);
    va_end(args);
}

/* Rows that were sent, whose former value nobody knows or can set. */
static void
apply_name_unreadable(const Apply *apply, const MtState *now, GString *list)
{
    const MtPlan *plan = apply->plan;
    guint n = apply->n_done + (apply->lost ? 1 : 0);

    for (guint i = 0; i < MIN(n, apply->n_sent); i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);

        for (guint j = 0; j < step->rows->len; j++) {
            const MtRow *row = g_ptr_array_index(step->rows, j);
            const MtCapsEntry *entry = mt_caps_lookup(plan->caps, row);
            g_autofree char *text = NULL;

            if (mt_set_get(plan->before->values, row) ||
                (entry->readable && !mt_set_get(now->values, row)))
                continue;
            text = mt_value_format(row, mt_plan_value(plan, row));
            if (entry->readable)
                apply_name(list, _("%s is %s and was not set"), row->name,
                           text);
            else
                apply_name(list,
                           _("%s may be %s, and QEMU does not tell what it "
                             "was"),
                           row->name, text);
        }
    }
}

/* Everything that was sent, when nothing can be read any more. */
static char *
apply_name_all(const Apply *apply)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < apply->n_sent; i++) {
        const MtStep *step = g_ptr_array_index(apply->plan->steps, i);

        for (guint j = 0; j < step->rows->len; j++) {
            const MtRow *row = g_ptr_array_index(step->rows, j);
            const MtValue *old = mt_set_get(apply->plan->before->values, row);
            g_autofree char *was = old ? mt_value_format(row, old)
                                       : g_strdup("?");
            g_autofree char *wanted =
                mt_value_format(row, mt_plan_value(apply->plan, row));

            apply_name(list, _("%s (%s or %s)"), row->name, was, wanted);
        }
    }

    return g_string_free(g_steal_pointer(&list), FALSE);
}

/* Sends what leads back; errors show in what is read afterwards. */
static void
apply_send_back(Apply *apply, const MtState *now, const MtSet *former)
{
    g_autoptr(GPtrArray) steps =
        mt_steps_build(apply->plan->caps, now->values, former);

    for (guint i = 0; i < steps->len; i++) {
        const MtStep *step = g_ptr_array_index(steps, i);
        g_autoptr(JsonNode) result =
            mt_exec_one(apply->exec, step->execute,
                        json_object_ref(step->arguments), NULL, NULL);

        (void)result;
    }
}

/* Lists how @now differs from @former; empty when it does not. */
static void
apply_name_differences(const MtState *now, const MtSet *former, GString *list)
{
    for (guint i = 0; i < mt_set_size(former); i++) {
        const MtRow *row = mt_set_nth(former, i);
        const MtValue *old = mt_set_get(former, row);
        const MtValue *new = mt_set_get(now->values, row);
        g_autofree char *was = mt_value_format(row, old);
        g_autofree char *is = new ? mt_value_format(row, new) : g_strdup("?");

        if (!mt_value_equal(old, new))
            apply_name(list, _("%s is %s and was %s"), row->name, is, was);
    }
}

/* Reads, over a new connection where the old one is gone. */
static MtState *
apply_read(Apply *apply, GError **error)
{
    MtState *state = mt_state_read(apply->exec, apply->plan->caps,
                                   MT_STATE_VALUES, NULL, NULL);

    if (state || !apply->exec->reconnect(apply->exec, NULL, error))
        return state;

    return mt_state_read(apply->exec, apply->plan->caps, MT_STATE_VALUES, NULL,
                         error);
}

static void
apply_copy_fields(GError *to, const GError *from)
{
    for (guint i = 0; i < MIGTUNE_ERROR_N_FIELDS; i++)
        migtune_error_set_field(to, i, migtune_error_get_field(from, i));
}

/*
 * Brings back the former state and turns @failure, which is taken, into the
 * error that says how that went.
 */
static void
apply_undo(Apply *apply, GError *failure, GError **error)
{
    g_autoptr(GError) cause = failure;
    g_autoptr(GError) read_error = NULL;
    g_autoptr(GError) outcome = NULL;
    g_autoptr(GString) unknown = g_string_new(NULL);
    g_autoptr(GString) differences = g_string_new(NULL);
    g_autoptr(MtSet) former = apply_former_values(apply);
    g_autoptr(MtState) now = NULL;
    gboolean had_changed = FALSE;

    /* What had been changed has ended with the process. */
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING)) {
        outcome = g_error_copy(cause);
        goto out;
    }
    now = apply_read(apply, &read_error);
    if (now) {
        apply_name_differences(now, former, differences);
        had_changed = differences->len > 0;
    }
    if (had_changed) {
        apply_send_back(apply, now, former);
        g_clear_pointer(&now, mt_state_free);
        now = apply_read(apply, &read_error);
        g_string_truncate(differences, 0);
        if (now)
            apply_name_differences(now, former, differences);
    }
    if (!now) {
        g_autofree char *values = apply_name_all(apply);

        migtune_error_set(&outcome, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s; then QEMU could not be asked any more (%s), "
                            "so it is not known what is in force: %s"),
                          cause->message, read_error->message, values);
        goto out;
    }

    apply_name_unreadable(apply, now, unknown);
    if (differences->len || unknown->len) {
        migtune_error_set(&outcome, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s; the former state could not be established "
                            "for: %s%s%s"),
                          cause->message, differences->str,
                          differences->len && unknown->len ? ", " : "",
                          unknown->str);
    } else if (had_changed) {
        migtune_error_set(&outcome, MIGTUNE_ERROR_ROLLED_BACK,
                          _("%s; what had been changed was put back, and all "
                            "is as it was before"),
                          cause->message);
    } else {
        outcome = g_error_copy(cause);
        g_free(outcome->message);
        outcome->message = g_strdup_printf(_("%s; nothing was changed"),
                                           cause->message);
    }

out:
    apply_copy_fields(outcome, cause);
    g_propagate_error(error, g_steal_pointer(&outcome));
}

static void
apply_cancelled(GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      _("it was stopped before all was sent"));
}

gboolean
mt_plan_apply(MtPlan *plan, MtExec *exec, GCancellable *cancellable,
              GError **error)
{
    Apply apply = { .plan = plan, .exec = exec };
    g_autoptr(MtState) after = NULL;
    GError *failure = NULL;

    if (!mt_plan_check(plan, error))
        return FALSE;
    if (plan->applied) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("this plan has been applied already"));
        return FALSE;
    }

    for (guint i = 0; i < plan->steps->len; i++) {
        if (g_cancellable_is_cancelled(cancellable))
            apply_cancelled(&failure);
        else
            apply_step(&apply, i, &after, cancellable, &failure);
        if (failure) {
            apply_undo(&apply, failure, error);
            return FALSE;
        }
    }

    if (plan->steps->len == 0) {
        /* It was read a moment ago, when the plan was made. */
        mt_plan_judge(plan, plan->before);
        return TRUE;
    }
    if (!after)
        after = apply_read(&apply, &failure);
    if (!after) {
        apply_undo(&apply, failure, error);
        return FALSE;
    }
    mt_plan_judge(plan, after);

    return TRUE;
}
