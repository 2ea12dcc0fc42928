/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a migration that is being carried out asks and tells one of its guests.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include "core/migration/migration-side.h"
#include "core/migration/migration-undo.h"
#include "util/clock.h"
#include "util/i18n.h"

/* How long a monitor that does not answer is asked again, unless the time limit
 * of its connection is shorter. */
#define RUN_LOST_MS 10000

void
mt_run_warn(MtRun *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(run->outcome->warnings, g_strdup_vprintf(format, args));
    va_end(args);
}

gboolean
mt_run_command(MigtuneDomain *domain, const char *command,
               JsonObject *arguments, GCancellable *cancellable,
               GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, cancellable, error);
    g_autoptr(JsonNode) result = NULL;

    if (!hold) {
        g_clear_pointer(&arguments, json_object_unref);
        return FALSE;
    }
    g_debug("%s: %s", domain->name, command);
    result = mt_exec_one(&domain->exec, command, arguments, cancellable, error);

    return result != NULL;
}

gboolean
mt_run_ask(MigtuneDomain *domain, GCancellable *cancellable, MtJob *job,
           GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, cancellable, error);

    mt_job_clear(job);
    return hold && mt_job_ask_again(domain, cancellable, job, error);
}

gint64
mt_run_lost_us(MigtuneDomain *domain)
{
    return MIN(RUN_LOST_MS, domain->conn->options.command_timeout_ms) *
           (gint64)1000;
}

gboolean
mt_run_ask_long(MigtuneDomain *domain, MtJob *job, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + mt_run_lost_us(domain);
    guint poll_ms = MT_PACE_FIRST_MS;

    for (;;) {
        g_autoptr(GError) cause = NULL;

        if (mt_run_ask(domain, NULL, job, &cause))
            return TRUE;
        if (mt_migration_has_ended(domain) ||
            g_get_monotonic_time() > end_us) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        mt_sleep_ms(poll_ms, NULL, NULL);
        poll_ms = MIN(poll_ms * 2, MT_PACE_LAST_MS);
    }
}

MtSet *
mt_run_values(const MtPlan *plan, gboolean former)
{
    MtSet *values = mt_set_new();

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        const MtValue *value =
            former ? mt_set_get(plan->before->values, a->row) : a->value;

        if (value)
            mt_set_put(values, a->row, mt_value_copy(value));
    }

    return values;
}

gboolean
mt_run_set(MigtuneDomain *domain, const MtSet *values,
           GCancellable *cancellable, GError **error)
{
    g_autoptr(MigtunePlan) plan = NULL;

    if (mt_set_size(values) == 0)
        return TRUE;

    plan = mt_domain_plan_values(domain, values, cancellable, error);
    return plan && migtune_plan_apply(plan, cancellable, error);
}

void
mt_run_restore(MtRun *run, MigtuneDomain *domain, const MtPlan *plan)
{
    g_autoptr(MtSet) former = mt_run_values(plan, TRUE);
    g_autoptr(GError) cause = NULL;

    for (guint attempt = 0; attempt < 2; attempt++) {
        g_clear_error(&cause);
        if (mt_migration_has_ended(domain) ||
            mt_run_set(domain, former, NULL, &cause))
            return;
        /* Connects again. */
        mt_domain_release_monitor(domain);
    }

    mt_migration_prefix_error(run->migration, domain, &cause);
    mt_run_warn(run, _("the former settings could not be restored: %s"),
                cause->message);
}

void
mt_run_undo(MtRun *run)
{
    MigtuneMigration *migration = run->migration;
    const MtPairing *pairing = migration->pairing;

    mt_run_restore(run, migration->source, pairing->source_plan);
    mt_run_restore(run, migration->destination, pairing->destination_plan);
    mt_migration_undo_waiting(
        migration,
        (run->may_listen ? MT_WAITING_LISTENS : 0) |
            (run->listen_refused ? MT_WAITING_REFUSED : 0) |
            (run->may_stay_stopped ? MT_WAITING_STOPPED : 0),
        run->outcome->warnings);
}

gboolean
mt_run_start_destination(MtRun *run, GError **error)
{
    MigtuneDomain *destination = run->migration->destination;

    if (!mt_migration_journal_enter(run->journal, MT_PHASE_STARTING, error))
        return FALSE;
    run->told_to_run = TRUE;
    if (mt_run_command(destination, "cont", NULL, NULL, error)) {
        run->holds = run->may_stay_stopped = FALSE;
        return TRUE;
    }

    return FALSE;
}
