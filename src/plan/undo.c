/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Undoing the steps of a plan that failed.
 *
 * undo_run() establishes the former values and finds out what could not be
 * established.  undo_word() turns that into an error.
 */
#include "config.h"

#include "plan/undo.h"
#include "util/i18n.h"

#include "migtune/migtune-error.h"

typedef struct {
    const MtPlan *plan;
    MtExec *exec;
    const MtProgress *progress;
    MtSet *former;              /* values of the rows that were touched */
} Undo;

/* How the undoing ended. */
typedef struct {
    gboolean ended;             /* the guest has ended, and all changes with it */
    gboolean had_changed;       /* a value had been changed */
    GError *read_error;         /* the present values cannot be read */
    GString *unknown;           /* values that are not as before, or unknown */
} Outcome;

static gboolean
undo_sent_row(const MtPlan *plan, const MtProgress *progress, const MtRow *row)
{
    for (guint i = 0; i < progress->n_sent; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);

        if (g_ptr_array_find(step->rows, row, NULL))
            return TRUE;
    }

    return FALSE;
}

/*
 * Whether @row may have been changed.  When a capability is switched on, some
 * releases silently switch off the capabilities that it excludes.
 */
static gboolean
undo_touched(const MtPlan *plan, const MtProgress *progress, const MtRow *row)
{
    if (undo_sent_row(plan, progress, row))
        return TRUE;
    if (row->kind != MT_KIND_CAPABILITY)
        return FALSE;

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);

        if (undo_sent_row(plan, progress, a->row) &&
            mt_rules_exclude(a->row, row, mt_caps_release(plan->caps)))
            return TRUE;
    }

    return FALSE;
}

static MtSet *
undo_former_values(const MtPlan *plan, const MtProgress *progress,
                   const MtSet *values)
{
    MtSet *former = mt_set_new();

    for (guint i = 0; i < mt_set_size(values); i++) {
        const MtRow *row = mt_set_nth(values, i);

        if (undo_touched(plan, progress, row))
            mt_set_put(former, row, mt_value_copy(mt_set_get(values, row)));
    }

    return former;
}

MtState *
mt_undo_read(MtExec *exec, const MtCaps *caps, GError **error)
{
    MtState *state = mt_state_read(exec, caps, MT_STATE_VALUES, NULL, NULL);

    if (state || !exec->reconnect(exec, NULL, error))
        return state;

    return mt_state_read(exec, caps, MT_STATE_VALUES, NULL, error);
}

static gboolean
undo_differs(const Undo *undo, const MtState *now)
{
    for (guint i = 0; i < mt_set_size(undo->former); i++) {
        const MtRow *row = mt_set_nth(undo->former, i);

        if (!mt_value_equal(mt_set_get(undo->former, row),
                            mt_set_get(now->values, row)))
            return TRUE;
    }

    return FALSE;
}

/* Sends the commands that lead back.  Whether they succeeded is seen when the
 * values are read afterwards. */
static void
undo_send(Undo *undo, const MtState *now)
{
    g_autoptr(GPtrArray) steps =
        mt_steps_build(undo->plan->caps, now->values, undo->former);

    for (guint i = 0; i < steps->len; i++) {
        const MtStep *step = g_ptr_array_index(steps, i);
        g_autoptr(JsonNode) result =
            mt_exec_one(undo->exec, step->execute,
                        json_object_ref(step->arguments), NULL, NULL);

        (void)result;
    }
}

static void list_add(GString *list, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void
list_add(GString *list, const char *format, ...)
{
    va_list args;

    if (list->len)
        g_string_append(list, ", ");
    va_start(args, format);
    g_string_append_vprintf(list, format, args);
    va_end(args);
}

/* Lists the rows whose present value is not the former one. */
static void
undo_list_differences(const Undo *undo, const MtState *now, GString *list)
{
    for (guint i = 0; i < mt_set_size(undo->former); i++) {
        const MtRow *row = mt_set_nth(undo->former, i);
        const MtValue *old = mt_set_get(undo->former, row);
        const MtValue *new = mt_set_get(now->values, row);
        g_autofree char *was = mt_value_format(row, old);
        g_autofree char *is = new ? mt_value_format(row, new) : g_strdup("?");

        if (!mt_value_equal(old, new))
            list_add(list, _("%s is %s and was %s"), row->name, is, was);
    }
}

/* Lists a row that was sent and has no former value to go back to. */
static void
undo_list_unreadable(const Undo *undo, const MtState *now, const MtRow *row,
                     GString *list)
{
    const MtCapsEntry *entry = mt_caps_lookup(undo->plan->caps, row);
    g_autofree char *text =
        mt_value_format(row, mt_plan_value(undo->plan, row));

    if (mt_set_get(undo->former, row))
        return;
    if (!entry->readable)
        list_add(list, _("%s may be %s; QEMU cannot tell what it was"),
                 row->name, text);
    else if (mt_set_get(now->values, row))
        list_add(list, _("%s is %s and was not set"), row->name, text);
}

static void
undo_list_unknown(const Undo *undo, const MtState *now, GString *list)
{
    const MtProgress *progress = undo->progress;
    guint n = MIN(progress->n_done + progress->lost, progress->n_sent);

    undo_list_differences(undo, now, list);
    for (guint i = 0; i < n; i++) {
        const MtStep *step = g_ptr_array_index(undo->plan->steps, i);

        for (guint j = 0; j < step->rows->len; j++)
            undo_list_unreadable(undo, now,
                                 g_ptr_array_index(step->rows, j), list);
    }
}

/* Lists all rows that were sent, with both of their possible values. */
static void
undo_list_all(const Undo *undo, GString *list)
{
    for (guint i = 0; i < undo->progress->n_sent; i++) {
        const MtStep *step = g_ptr_array_index(undo->plan->steps, i);

        for (guint j = 0; j < step->rows->len; j++) {
            const MtRow *row = g_ptr_array_index(step->rows, j);
            const MtValue *old = mt_set_get(undo->former, row);
            g_autofree char *was = old ? mt_value_format(row, old)
                                       : g_strdup("?");
            g_autofree char *wanted =
                mt_value_format(row, mt_plan_value(undo->plan, row));

            list_add(list, _("%s (%s or %s)"), row->name, was, wanted);
        }
    }
}

static void
undo_run(Undo *undo, const GError *failure, Outcome *outcome)
{
    g_autoptr(MtState) now = NULL;

    if (undo->progress->n_sent == 0)
        return;
    if (g_error_matches(failure, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING)) {
        outcome->ended = TRUE;
        return;
    }

    now = mt_undo_read(undo->exec, undo->plan->caps, &outcome->read_error);
    outcome->had_changed = now && undo_differs(undo, now);
    if (outcome->had_changed) {
        undo_send(undo, now);
        mt_state_free(now);
        now = mt_undo_read(undo->exec, undo->plan->caps,
                           &outcome->read_error);
    }
    if (now)
        undo_list_unknown(undo, now, outcome->unknown);
    else
        undo_list_all(undo, outcome->unknown);
}

/* The error for @outcome; its fields are those of @failure. */
static GError *
undo_word(const Outcome *outcome, const GError *failure)
{
    GError *error = NULL;

    if (outcome->ended)
        return g_error_copy(failure);

    if (outcome->read_error) {
        migtune_error_set(&error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s; after that QEMU could not be asked (%s), so "
                            "it is not known what is in force: %s"),
                          failure->message, outcome->read_error->message,
                          outcome->unknown->str);
    } else if (outcome->unknown->len) {
        migtune_error_set(&error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s; the former state could not be restored for: "
                            "%s"),
                          failure->message, outcome->unknown->str);
    } else if (outcome->had_changed) {
        /* After BUSY the caller can simply try again. */
        migtune_error_set(&error,
                          g_error_matches(failure, MIGTUNE_ERROR,
                                          MIGTUNE_ERROR_BUSY)
                              ? MIGTUNE_ERROR_BUSY
                              : MIGTUNE_ERROR_ROLLED_BACK,
                          _("%s; all changes were undone, and all values are "
                            "as before"),
                          failure->message);
    } else {
        error = g_error_copy(failure);
        g_free(error->message);
        error->message =
            g_strdup_printf(_("%s; nothing was changed"), failure->message);
    }
    for (guint i = 0; i < MIGTUNE_ERROR_N_FIELDS; i++)
        migtune_error_set_field(error, i,
                                migtune_error_get_field(failure, i));

    return error;
}

void
mt_undo(const MtPlan *plan, MtExec *exec, const MtProgress *progress,
        const MtState *former, GError *failure, GError **error)
{
    g_autoptr(GError) cause = failure;
    g_autoptr(MtSet) values = undo_former_values(
        plan, progress, former ? former->values : plan->before->values);
    Undo undo = { .plan = plan, .exec = exec, .progress = progress,
                  .former = values };
    Outcome outcome = { .unknown = g_string_new(NULL) };

    undo_run(&undo, cause, &outcome);
    g_propagate_error(error, undo_word(&outcome, cause));
    g_string_free(outcome.unknown, TRUE);
    g_clear_error(&outcome.read_error);
}
