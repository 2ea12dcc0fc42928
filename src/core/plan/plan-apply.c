/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Applying a public plan, and setting parameters in one call.
 *
 * Applying a plan takes the lock of the guest, and fails if what the plan was made
 * from has changed meanwhile.  A set makes a new plan then.  From its second plan
 * on it keeps the lock from reading to applying: otherwise other threads and
 * programs that set parameters could overtake it any number of times.
 */
#include "config.h"

#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-plan"

#include <string.h>

#include "core/plan/plan-private.h"
#include "plan/apply.h"
#include "util/i18n.h"

/* Maximum of new plans for one set if programs that do not respect the lock, such
 * as virsh, change the guest meanwhile. */
#define SET_ATTEMPTS 10

/* The former values of everything that the steps change.  Rows whose former
 * value QEMU did not report are added to @unknown. */
static MtSet *
plan_former_values(const MtPlan *plan, GPtrArray *unknown)
{
    MtSet *former = mt_set_new();

    for (guint i = 0; i < plan->steps->len; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);

        for (guint j = 0; j < step->rows->len; j++) {
            const MtRow *row = g_ptr_array_index(step->rows, j);
            const MtValue *value = mt_set_get(plan->before->values, row);

            if (value)
                mt_set_put(former, row, mt_value_copy(value));
            else
                g_ptr_array_add(unknown, (gpointer)row);
        }
    }

    return former;
}

/* Changes the guest that runs; @journal is locked. */
static gboolean
plan_apply_live(MigtunePlan *plan, MtJournal *journal, GError **error)
{
    g_autoptr(GPtrArray) unknown = g_ptr_array_new();
    g_autoptr(MtSet) former = NULL;
    g_autoptr(GError) cause = NULL;
    gboolean ok;

    if (plan->plan->steps->len > 0) {
        former = plan_former_values(plan->plan, unknown);
        mt_journal_begin(journal, plan->plan->caps, former, unknown);
    }
    ok = mt_plan_apply(plan->plan, &plan->domain->exec,
                       plan->domain->cancellable, &cause);
    /* If the outcome is not known the journal stays "interrupted". */
    if (ok)
        mt_journal_end(journal);
    else if (!g_error_matches(cause, MIGTUNE_ERROR,
                              MIGTUNE_ERROR_STATE_UNKNOWN))
        mt_journal_abort(journal);
    if (!ok) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }

    if (plan->reset)
        mt_domain_record_reset(plan->domain, plan->plan, plan->defaults);
    else
        mt_domain_record_set(plan->domain, plan->plan);
    return TRUE;
}

/* Locks the guest.  If the lock file cannot be created, the guest is not locked
 * and the plan gets a warning. */
static gboolean
plan_lock(MigtunePlan *plan, MtJournal *journal, GError **error)
{
    g_autofree char *warning = NULL;

    if (!mt_journal_lock(journal,
                         plan->domain->conn->options.connect_timeout_ms,
                         plan->domain->cancellable, &warning, error))
        return FALSE;
    if (warning)
        mt_plan_warn(plan->plan, "no-lock", g_steal_pointer(&warning));

    return TRUE;
}

/* Puts back the former kept settings after the live part failed. */
static void
plan_restore_kept(MigtunePlan *plan, const MtKeptChange *inverse,
                  GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *first = NULL;

    if (mt_domain_kept_change(plan->domain, MIGTUNE_DRIVER_KEPT_CONFIG, inverse,
                              NULL, &cause))
        return;

    first = g_strdup(error && *error ? (*error)->message : "");
    g_clear_error(error);
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("%s; the former kept settings could not be restored: "
                        "%s"),
                      first, cause->message);
}

/* Applies the plan.  @locked is the journal of the guest if the caller has locked
 * it, or NULL. */
static gboolean
plan_apply(MigtunePlan *plan, MtJournal *locked, GCancellable *cancellable,
           GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(MtJournal) own = NULL;
    g_autoptr(MtKeptChange) inverse = NULL;

    if (!plan->domain) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a plan that was made without a guest cannot be "
                            "applied"));
        return FALSE;
    }
    if (plan->tried) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a plan can be applied once; make a new one"));
        return FALSE;
    }
    if (!mt_plan_check(plan->plan, error))
        return FALSE;
    hold = mt_domain_hold(plan->domain, cancellable, error);
    if (!hold)
        return FALSE;
    if (plan->targets & MT_TARGET_LIVE && !locked) {
        own = mt_plan_new_journal(plan->domain);
        if (!plan_lock(plan, own, error))
            return FALSE;
    }

    plan->tried = TRUE;
    /* Kept settings go first: they can be put back whatever happens to the
     * guest. */
    if (plan->change &&
        !mt_domain_kept_change(plan->domain, MIGTUNE_DRIVER_KEPT_CONFIG,
                               plan->change, &inverse, error))
        return FALSE;
    if (plan->targets & MT_TARGET_LIVE &&
        !plan_apply_live(plan, locked ? locked : own, error)) {
        if (inverse)
            plan_restore_kept(plan, inverse, error);
        return FALSE;
    }

    plan->plan->applied = TRUE;
    return TRUE;
}

gboolean
migtune_plan_apply(MigtunePlan *plan, GCancellable *cancellable, GError **error)
{
    MT_REQUIRE(plan != NULL, FALSE);

    return plan_apply(plan, NULL, cancellable, error);
}

/* Locks the guest for a set; FALSE with an error.  If the lock file cannot be
 * created, the guest is not locked. */
static gboolean
set_lock(MigtuneDomain *domain, MtJournal *journal, GCancellable *cancellable,
         GError **error)
{
    g_autofree char *warning = NULL;

    return mt_journal_lock(journal, domain->conn->options.connect_timeout_ms,
                           cancellable, &warning, error);
}

gboolean
migtune_domain_set_parameters(MigtuneDomain *domain,
                              virTypedParameterPtr params, int nparams,
                              unsigned int flags, GCancellable *cancellable,
                              GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(MtJournal) journal = NULL;

    for (guint n_left = SET_ATTEMPTS;; n_left--) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(MigtunePlan) plan = migtune_domain_plan(
            domain, params, nparams, flags, cancellable, error);

        if (!plan)
            return FALSE;
        if (plan_apply(plan, journal, cancellable, &cause))
            return TRUE;
        if (n_left == 1 ||
            g_strcmp0(migtune_error_get_field(cause,
                                              MIGTUNE_ERROR_FIELD_REASON),
                      MT_APPLY_OVERTAKEN) != 0) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        if (journal)
            continue;
        hold = mt_domain_hold(domain, cancellable, error);
        if (!hold)
            return FALSE;
        journal = mt_plan_new_journal(domain);
        if (!set_lock(domain, journal, cancellable, error))
            return FALSE;
    }
}
