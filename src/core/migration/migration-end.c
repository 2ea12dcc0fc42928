/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a migration: which side has the guest, whether the destination may
 * be told to run or the source has to continue, and what is restored.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/migration-end.h"
#include "util/clock.h"
#include "util/i18n.h"

/* Time limit for the destination to load the last state. */
#define RUN_ARRIVE_MS 30000
/* How long the destination of a source that has ended may wait for the first
 * byte: it may have been sent already. */
#define RUN_IDLE_MS 1000

gboolean
mt_run_place(MtRun *run, MtPlace place, MigtuneMigrationState state)
{
    run->outcome->place = place;
    mt_migration_enter(run->migration, state);
    return state == MIGTUNE_MIGRATION_COMPLETED;
}

/* Waits until the destination has loaded the guest.  FALSE if it has ended or
 * does not answer.  @idle_ms: how long it may wait for the first byte. */
static gboolean
run_wait_arrival(MtRun *run, guint idle_ms, MtJob *there, GError **error)
{
    gint64 start_us = g_get_monotonic_time();

    for (;;) {
        guint limit_ms = RUN_ARRIVE_MS;

        if (!mt_run_ask_long(run->migration->destination, there, error))
            return FALSE;
        if (there->state == MIGTUNE_JOB_WAITING)
            limit_ms = idle_ms;
        if (strcmp(there->run_state, "inmigrate") != 0 ||
            there->state == MIGTUNE_JOB_FAILED ||
            g_get_monotonic_time() - start_us > limit_ms * (gint64)1000)
            return TRUE;
        mt_sleep_ms(1, NULL, NULL);
    }
}

/* Lets the guest run on the source again, where it is known not to run on the
 * destination. */
static gboolean
run_resume_source(MtRun *run, const MtJob *here, GError **error)
{
    MigtuneDomain *source = run->migration->source;
    g_auto(MtJob) now = { NULL };

    if (!run->was_running || strcmp(here->run_state, "running") == 0)
        return TRUE;
    if (mt_run_command(source, "cont", NULL, NULL, error))
        return TRUE;

    return mt_run_ask(source, NULL, &now, NULL) &&
           strcmp(now.run_state, "running") == 0;
}

/* The source does not answer any more, and the destination cannot take over. */
static gboolean
run_lose_both(MtRun *run, const char *why, GError **error)
{
    MigtuneMigration *migration = run->migration;
    gboolean ended = mt_migration_has_ended(migration->source) &&
                     mt_migration_has_ended(migration->destination);

    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      ended ? _("the QEMUs of the source and of the "
                                "destination %s have ended (%s): the guest "
                                "runs nowhere")
                            : _("the source does not answer any more, and %s: "
                                "%s. It is not known where the guest runs"),
                      migration->destination->name, why);
    return mt_run_place(run, ended ? MT_PLACE_STOPPED : MT_PLACE_UNKNOWN,
                        MIGTUNE_MIGRATION_UNKNOWN);
}

/* The source has finished, and the destination cannot take over.  @here is as in
 * mt_run_arrive(). */
static gboolean
run_go_back(MtRun *run, const MtJob *here, const char *why, GError **error)
{
    const char *name = run->migration->destination->name;
    g_autoptr(GError) cause = NULL;

    if (!here)
        return run_lose_both(run, why, error);
    /* The destination would run by itself, or may have begun to. */
    if (!run->holds && !mt_migration_has_ended(run->migration->destination)) {
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the source has sent everything, but %s: %s. It is "
                            "not known whether the guest runs there, so that "
                            "it stays stopped on the source"),
                          name, why);
        return mt_run_place(run, MT_PLACE_UNKNOWN, MIGTUNE_MIGRATION_UNKNOWN);
    }
    if (!run_resume_source(run, here, &cause)) {
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the source has sent everything, but %s: %s. The "
                            "guest does not run there, and the source could "
                            "not be resumed: %s. The guest is stopped on both "
                            "sides"),
                          name, why, cause ? cause->message : "?");
        return mt_run_place(run, MT_PLACE_STOPPED, MIGTUNE_MIGRATION_UNKNOWN);
    }
    mt_run_undo(run);
    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      _("the source has sent everything, but %s: %s. The guest "
                        "did not start there and continues on the source; end "
                        "the destination, which has a stopped copy"),
                      name, why);
    return mt_run_place(run, MT_PLACE_SOURCE, MIGTUNE_MIGRATION_FAILED);
}

/* Leaves the destination clean. */
static void
run_clean_up(MtRun *run)
{
    MigtuneMigration *migration = run->migration;

    mt_run_restore(run, migration->destination,
                   migration->pairing->destination_plan);
    mt_run_restore(run, migration->source, migration->pairing->source_plan);
}

gboolean
mt_run_arrive(MtRun *run, const MtJob *here, GError **error)
{
    MigtuneMigration *migration = run->migration;
    const char *name = migration->destination->name;
    gint64 finished_us = g_get_monotonic_time();
    g_auto(MtJob) there = { NULL };
    g_autoptr(GError) cause = NULL;

    mt_migration_enter(migration, MIGTUNE_MIGRATION_STARTING);
    if (!run_wait_arrival(run, RUN_ARRIVE_MS, &there, &cause))
        return run_go_back(run, here, cause->message, error);
    if (strcmp(there.run_state, "inmigrate") == 0)
        return run_go_back(run, here,
                           mt_job_error(&there)
                               ? mt_job_error(&there)
                               : _("it still waits for the migration"),
                           error);

    if (run->holds && run->was_running &&
        strcmp(there.run_state, "running") != 0 && !run->told_to_run &&
        !mt_run_start_destination(run, &cause)) {
        g_auto(MtJob) now = { NULL };

        /* The answer may be lost: see whether it runs. */
        if (!mt_run_ask_long(migration->destination, &now, NULL)) {
            if (mt_migration_has_ended(migration->destination))
                return run_go_back(run, here, cause->message, error);
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the guest has arrived at %s, and it is not "
                                "known whether it was started there: %s. It "
                                "stays stopped on the source"),
                              name, cause->message);
            return mt_run_place(run, MT_PLACE_UNKNOWN,
                                MIGTUNE_MIGRATION_UNKNOWN);
        }
        if (strcmp(now.run_state, "running") != 0) {
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the guest has arrived at %s and is stopped "
                                "there ('%s'): %s; 'cont' starts it"),
                              name, now.run_state, cause->message);
            return mt_run_place(run, MT_PLACE_STOPPED,
                                MIGTUNE_MIGRATION_UNKNOWN);
        }
    }
    if (!migration->trusts_link)
        run->outcome->extra_us = g_get_monotonic_time() - finished_us;
    run_clean_up(run);

    return mt_run_place(run, MT_PLACE_DESTINATION, MIGTUNE_MIGRATION_COMPLETED);
}

gboolean
mt_run_fail(MtRun *run, const MtJob *here, GError *why, GError **error)
{
    MigtuneMigration *migration = run->migration;
    gboolean cancelled = here->state == MIGTUNE_JOB_CANCELLED;
    g_auto(MtJob) there = { NULL };
    g_autoptr(GError) cause = NULL;
    gboolean answered = mt_run_ask(migration->destination, NULL, &there, NULL);
    gboolean runs_there =
        answered && strcmp(there.run_state, "running") == 0;
    const char *text = mt_job_error(here);

    if (runs_there && strcmp(here->run_state, "running") == 0) {
        g_clear_error(&why);
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the link broke in the last moment, and the guest "
                            "runs on both sides: stop one of them at once"));
        return mt_run_place(run, MT_PLACE_BOTH, MIGTUNE_MIGRATION_UNKNOWN);
    }
    if (runs_there) {
        g_clear_error(&why);
        mt_run_warn(run,
                    _("the source reports a failure, but the guest runs on "
                      "the destination: %s"),
                    text ? text : here->status);
        run_clean_up(run);
        return mt_run_place(run, MT_PLACE_DESTINATION,
                            MIGTUNE_MIGRATION_COMPLETED);
    }
    if (strcmp(here->run_state, "running") != 0 && run->was_running) {
        if (!run->holds && !mt_migration_has_ended(migration->destination) &&
            (!answered || strcmp(there.run_state, "inmigrate") != 0)) {
            g_clear_error(&why);
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the migration failed (%s), the guest is '%s' "
                                "on the source, and it is not known whether it "
                                "runs on %s"),
                              text ? text : here->status, here->run_state,
                              migration->destination->name);
            return mt_run_place(run, MT_PLACE_UNKNOWN,
                                MIGTUNE_MIGRATION_UNKNOWN);
        }
        if (!run_resume_source(run, here, &cause)) {
            g_clear_error(&why);
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the migration failed (%s), and the source "
                                "could not be resumed: %s. The guest is "
                                "stopped on both sides"),
                              text ? text : here->status,
                              cause ? cause->message : "?");
            return mt_run_place(run, MT_PLACE_STOPPED,
                                MIGTUNE_MIGRATION_UNKNOWN);
        }
    }
    if (answered && strcmp(there.run_state, "inmigrate") != 0)
        mt_run_warn(run,
                    _("%s has a stopped copy of the guest ('%s'), which must "
                      "not be started: end it"),
                    migration->destination->name, there.run_state);
    mt_run_undo(run);
    if (why)
        g_propagate_error(error, why);
    else if (cancelled)
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("the migration was cancelled"));
    else if (mt_migration_has_ended(migration->destination))
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("the migration failed because the QEMU of the "
                            "destination %s has ended; the source says: %s. "
                            "The guest is on the source"),
                          migration->destination->name,
                          text ? text : _("QEMU does not say why"));
    else
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("the migration failed: %s"),
                          text ? text : _("QEMU does not say why"));
    if (error && *error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_QEMU_DESC, text);

    return mt_run_place(run, MT_PLACE_SOURCE,
                        cancelled ? MIGTUNE_MIGRATION_CANCELLED
                                  : MIGTUNE_MIGRATION_FAILED);
}

gboolean
mt_run_lose_source(MtRun *run, const GError *cause, GError **error)
{
    MigtuneMigration *migration = run->migration;
    gboolean ended = mt_migration_has_ended(migration->source);
    g_auto(MtJob) there = { NULL };
    const char *state = NULL;

    /* The destination may not have read yet what a source that has ended sent. */
    if (ended ? run_wait_arrival(run, RUN_IDLE_MS, &there, NULL)
              : mt_run_ask_long(migration->destination, &there, NULL))
        state = there.run_state;
    /* A source that has ended runs nothing. */
    if (state && strcmp(state, "inmigrate") != 0 &&
        (ended || strcmp(state, "running") == 0)) {
        mt_run_warn(run, _("the source does not answer any more: %s"),
                    cause->message);
        return mt_run_arrive(run, NULL, error);
    }
    if (ended) {
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the QEMU of the source has ended, and the guest "
                            "has not arrived at the destination ('%s'): it "
                            "runs nowhere"),
                          state ? state : _("no answer"));
        return mt_run_place(run, MT_PLACE_STOPPED, MIGTUNE_MIGRATION_UNKNOWN);
    }
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("the source does not answer any more (%s), so that it "
                        "is not known whether the guest runs there; on the "
                        "destination it is '%s' and was not started. 'migtune "
                        "recover' looks again"),
                      cause->message, state ? state : _("no answer"));

    return mt_run_place(run, MT_PLACE_UNKNOWN, MIGTUNE_MIGRATION_UNKNOWN);
}

void
mt_run_take_states(MtRun *run)
{
    g_auto(MtJob) here = { NULL };
    g_auto(MtJob) there = { NULL };
    MigtuneMigration *migration = run->migration;

    if (!mt_migration_has_ended(migration->source) &&
        mt_run_ask(migration->source, NULL, &here, NULL))
        run->outcome->source_state = g_strdup(here.run_state);
    if (!mt_migration_has_ended(migration->destination) &&
        mt_run_ask(migration->destination, NULL, &there, NULL))
        run->outcome->destination_state = g_strdup(there.run_state);
}
