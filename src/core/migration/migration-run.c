/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out a migration between two known guests.
 *
 * The order is: change the settings of the destination, then those of the
 * source, compare the values that were read back, let the destination listen,
 * migrate, and follow the migration.  A failure before `migrate` restores both
 * sides.
 *
 * QEMU itself cannot guarantee that exactly one side runs: if the last answer
 * of the destination is lost, the source treats the migration as failed and
 * continues to run, while the destination runs as well.  Therefore the waiting
 * destination receives `stop` first: QEMU remembers it and starts the guest
 * paused.  The destination receives `cont` only after the source has reported
 * that the migration is completed, or is known to have ended.  Until then the
 * destination does not run, so the source may run, whatever happens to the
 * link.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/migration-end.h"
#include "plan/apply.h"
#include "util/clock.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* Time limit for a cancelled migration to end. */
#define RUN_CANCEL_MS 30000
/* How long the monitor of the source is kept at most while the guest migrates,
 * before other clients are let in, and how long they are let in at least. */
#define RUN_KEEP_MS 300
#define RUN_RELEASE_MS 5
#define RUN_LISTEN_DEFAULT "tcp:127.0.0.1:0"

/*
 * Settings
 */

static MtSet *
run_read_back(MtRun *run, MigtuneDomain *domain, GError **error)
{
    g_autoptr(MtDomainHold) hold =
        mt_domain_hold(domain, run->cancellable, error);
    g_autoptr(MtState) state =
        hold ? mt_domain_read_state(domain, MT_STATE_VALUES, error) : NULL;

    if (state)
        return mt_set_copy(state->values);

    mt_migration_prefix_error(run->migration, domain, error);
    return NULL;
}

/* Reads both sides and compares them. */
static gboolean
run_compare(MtRun *run, GError **error)
{
    MigtuneMigration *migration = run->migration;
    g_autofree char *differences = NULL;

    migration->destination_read =
        run_read_back(run, migration->destination, error);
    if (!migration->destination_read)
        return FALSE;
    migration->source_read =
        run_read_back(run, migration->source, error);
    if (!migration->source_read)
        return FALSE;
    differences =
        mt_pairing_compare(migration->pairing, migration->source_read,
                           migration->destination_read);
    if (!differences || migration->unsafe)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                      _("the two sides do not match after their settings were "
                        "made: %s"),
                      differences);
    return FALSE;
}

static gboolean
run_check_aborted(MtRun *run, GError **error)
{
    if (!g_atomic_int_get(&run->migration->aborted))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      _("the migration was cancelled before it began"));
    return FALSE;
}

static gboolean
run_tune(MtRun *run, GError **error)
{
    MigtuneMigration *migration = run->migration;
    const MtPairing *pairing = migration->pairing;
    g_autoptr(MtSet) there = mt_run_values(pairing->destination_plan, FALSE);
    g_autoptr(MtSet) here = mt_run_values(pairing->source_plan, FALSE);

    mt_migration_enter(migration, MIGTUNE_MIGRATION_TUNING);
    if (!mt_migration_journal_enter(run->journal, MT_PHASE_TUNING, error))
        return FALSE;
    if (!mt_run_set(migration->destination, there, run->cancellable, error)) {
        mt_migration_prefix_error(migration, migration->destination, error);
        return FALSE;
    }
    if (!mt_run_set(migration->source, here, run->cancellable, error)) {
        mt_migration_prefix_error(migration, migration->source, error);
        return FALSE;
    }

    return run_compare(run, error) && run_check_aborted(run, error);
}

/*
 * The addresses
 */

/* The address that the destination tells: "tcp:HOST:PORT" or "unix:PATH". */
static char *
run_format_address(JsonObject *socket)
{
    const char *type = mt_json_peek_string(socket, "type");
    const char *host = mt_json_peek_string(socket, "host");
    const char *port = mt_json_peek_string(socket, "port");
    const char *path = mt_json_peek_string(socket, "path");

    if (g_strcmp0(type, "inet") == 0 && host && port)
        return strchr(host, ':') ? g_strdup_printf("tcp:[%s]:%s", host, port)
                                 : g_strdup_printf("tcp:%s:%s", host, port);
    if (g_strcmp0(type, "unix") == 0 && path)
        return g_strdup_printf("unix:%s", path);

    return NULL;
}

static char *
run_find_address(MtRun *run, GError **error)
{
    MigtuneDomain *destination = run->migration->destination;
    g_auto(MtJob) job = { NULL };
    JsonArray *sockets = NULL;
    char *address = NULL;

    if (!mt_run_ask(destination, run->cancellable, &job, error)) {
        mt_migration_prefix_error(run->migration, destination, error);
        return NULL;
    }
    if (JSON_NODE_HOLDS_OBJECT(job.migration))
        sockets = mt_json_peek_array(json_node_get_object(job.migration),
                                     "socket-address");
    for (guint i = 0; sockets && i < json_array_get_length(sockets); i++) {
        JsonNode *node = json_array_get_element(sockets, i);

        if (!address && JSON_NODE_HOLDS_OBJECT(node))
            address = run_format_address(json_node_get_object(node));
    }
    if (!address)
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("%s does not report the address at which it "
                            "listens; give one, such as tcp:HOST:PORT"),
                          destination->name);

    return address;
}

/* Makes the destination listen, and returns the address for the source. */
static char *
run_listen(MtRun *run, GError **error)
{
    MigtuneMigration *migration = run->migration;
    MigtuneDomain *destination = migration->destination;
    const char *listen =
        migration->listen ? migration->listen : RUN_LISTEN_DEFAULT;
    GError *cause = NULL;

    mt_migration_enter(migration, MIGTUNE_MIGRATION_LISTENING);
    if (!mt_migration_journal_enter(run->journal, MT_PHASE_LISTENING, error))
        return NULL;
    run->may_listen = !migration->destination_side->state->listening;
    if (run->may_listen &&
        !migtune_domain_migrate_incoming(destination, listen, 0,
                                         run->cancellable, &cause)) {
        run->listen_refused =
            g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
        run->may_listen = !run->listen_refused;
        mt_migration_prefix_error(migration, destination, &cause);
        g_propagate_error(error, cause);
        return NULL;
    }
    if (!migration->trusts_link) {
        /* If the answer is lost, the migration does not begin, but the
         * destination may have obeyed. */
        run->may_stay_stopped = TRUE;
        if (!mt_run_command(destination, "stop", NULL, run->cancellable,
                            &cause)) {
            run->may_stay_stopped =
                !g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
            mt_migration_prefix_error(migration, destination, &cause);
            g_propagate_error(error, cause);
            return NULL;
        }
        run->holds = TRUE;
    }
    if (migration->connect)
        return g_strdup(migration->connect);
    if (migration->listen && !g_str_has_suffix(migration->listen, ":0"))
        return g_strdup(migration->listen);

    return run_find_address(run, error);
}

/* Returns TRUE if the migration has begun, or if it is not known whether it has:
 * run_follow() finds out. */
static gboolean
run_begin(MtRun *run, const char *uri, GError **error)
{
    MigtuneMigration *migration = run->migration;
    GError *cause = NULL;

    mt_migration_enter(migration, MIGTUNE_MIGRATION_MIGRATING);
    if (migtune_domain_migrate(migration->source, uri, 0, run->cancellable,
                               &cause))
        return TRUE;
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_STATE_UNKNOWN)) {
        g_error_free(cause);
        return TRUE;
    }
    mt_migration_prefix_error(migration, migration->source, &cause);
    g_propagate_error(error, cause);

    return FALSE;
}

/*
 * Following the migration
 */

static gboolean
run_is_postcopy(MtRun *run, const MtJob *job)
{
    return g_str_has_prefix(job->status, "postcopy") ||
           (g_atomic_int_get(&run->migration->postcopy) &&
            job->state == MIGTUNE_JOB_ACTIVE);
}

/* In post-copy the source has stopped for good: the destination runs as soon as
 * it is ready. */
static void
run_start_postcopy(MtRun *run, const MtJob *job)
{
    MigtuneDomain *destination = run->migration->destination;
    g_auto(MtJob) there = { NULL };

    if (!run->holds || !run->was_running || run->told_to_run ||
        !g_str_has_prefix(job->status, "postcopy") ||
        strcmp(job->run_state, "running") == 0 ||
        !mt_run_ask(destination, NULL, &there, NULL) ||
        strcmp(there.run_state, "paused") != 0)
        return;

    mt_run_start_destination(run, NULL);
}

/*
 * Lets other clients use the monitor of the source until the next query.  A
 * QEMU monitor serves one client at a time; another one waits in the queue of
 * its socket and is served as soon as this one leaves.
 *
 * The monitor of the destination is kept, because no other client may start the
 * guest there.  Near the end of the migration the monitor of the source is kept
 * as well, but not for long.
 */
static guint
run_let_others_in(MtRun *run, const MtJob *job, guint poll_ms)
{
    gint64 now_us = g_get_monotonic_time();

    if (strcmp(job->run_state, "running") != 0 ||
        (poll_ms < MT_PACE_LAST_MS / 2 &&
         now_us - run->kept_us < RUN_KEEP_MS * (gint64)1000))
        return poll_ms;

    mt_domain_release_monitor(run->migration->source);
    run->kept_us = now_us;

    return MAX(poll_ms, RUN_RELEASE_MS);
}

/* Cancels the migration after a signal or the time limit, unless post-copy has
 * begun.  TRUE if the waiting is to go on. */
static gboolean
run_cancel(MtRun *run, const MtJob *job)
{
    if (run_is_postcopy(run, job))
        return FALSE;

    return migtune_domain_abort_job(run->migration->source, NULL, NULL);
}

/*
 * Follows the migration until it is no longer active on the source.
 *
 * FALSE with an error if the source cannot be asked any more, or if the waiting
 * ended in post-copy, with STILL_RUNNING.  @ret_why is set to the error with
 * which the migration was cancelled.
 */
static gboolean
run_follow(MtRun *run, MtJob *job, GError **ret_why, GError **error)
{
    MigtuneMigration *migration = run->migration;
    guint poll_ms = MT_PACE_FIRST_MS;
    gint64 lost_us = 0;
    gint64 cancelled_us = 0;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        gint64 now_us;

        if (!mt_run_ask(migration->source, NULL, job, &cause)) {
            now_us = g_get_monotonic_time();
            /* Another client that uses the monitor is waited for. */
            lost_us = !lost_us || g_error_matches(cause, MIGTUNE_ERROR,
                                                  MIGTUNE_ERROR_BUSY)
                          ? now_us
                          : lost_us;
            if (mt_migration_has_ended(migration->source) ||
                now_us - lost_us > mt_run_lost_us(migration->source)) {
                g_propagate_error(error, g_steal_pointer(&cause));
                return FALSE;
            }
            mt_sleep_ms(poll_ms, NULL, NULL);
            poll_ms = MIN(poll_ms * 2, MT_PACE_LAST_MS);
            continue;
        }
        lost_us = 0;
        if (job->state != MIGTUNE_JOB_ACTIVE)
            return TRUE;
        mt_migration_show(migration, job);
        run_start_postcopy(run, job);

        now_us = g_get_monotonic_time();
        if (!cancelled_us &&
            (g_cancellable_is_cancelled(run->cancellable) ||
             (run->end_us && now_us >= run->end_us))) {
            gboolean late = !g_cancellable_is_cancelled(run->cancellable);

            cancelled_us = now_us;
            migtune_error_set(ret_why,
                              late ? MIGTUNE_ERROR_TIMEOUT
                                   : MIGTUNE_ERROR_CANCELLED,
                              late ? _("the migration was cancelled after its "
                                       "time limit")
                                   : _("the migration was cancelled"));
            if (!run_cancel(run, job) && !late) {
                migtune_error_set(error, MIGTUNE_ERROR_STILL_RUNNING,
                                  _("post-copy has begun, so the migration was "
                                    "not cancelled and goes on"));
                return FALSE;
            }
        }
        if (cancelled_us && !run_is_postcopy(run, job) &&
            now_us - cancelled_us > RUN_CANCEL_MS * (gint64)1000) {
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the migration was cancelled, but has not "
                                "ended; it is '%s'"),
                              job->status);
            return FALSE;
        }
        poll_ms = run_let_others_in(run, job,
                                    mt_pace_poll_ms(&run->pace, job, poll_ms));
        /* The remaining data is exact when a pass begins. */
        mt_domain_wait_pass(migration->source, poll_ms,
                            cancelled_us ? NULL : run->cancellable);
    }
}

static gboolean
run_end(MtRun *run, GError **error)
{
    g_auto(MtJob) job = { NULL };
    g_autoptr(GError) cause = NULL;
    GError *why = NULL;

    if (!run_follow(run, &job, &why, &cause)) {
        g_clear_error(&why);
        if (g_error_matches(cause, MIGTUNE_ERROR,
                            MIGTUNE_ERROR_STILL_RUNNING) ||
            g_error_matches(cause, MIGTUNE_ERROR,
                            MIGTUNE_ERROR_STATE_UNKNOWN)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return mt_run_place(run, MT_PLACE_UNKNOWN,
                                MIGTUNE_MIGRATION_UNKNOWN);
        }
        return mt_run_lose_source(run, cause, error);
    }
    mt_migration_show(run->migration, &job);
    if (JSON_NODE_HOLDS_OBJECT(job.migration))
        mt_json_peek_int(json_node_get_object(job.migration), "downtime",
                         &run->outcome->downtime_ms);
    if (job.state == MIGTUNE_JOB_COMPLETED) {
        g_clear_error(&why);
        return mt_run_arrive(run, &job, error);
    }
    if (job.state == MIGTUNE_JOB_PAUSED) {
        g_clear_error(&why);
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the link was lost after post-copy had begun: the "
                            "guest is on the destination, and part of its "
                            "memory is still on the source; 'migtune migrate "
                            "--resume' continues"));
        return mt_run_place(run, MT_PLACE_DESTINATION,
                            MIGTUNE_MIGRATION_UNKNOWN);
    }

    return mt_run_fail(run, &job, why, error);
}

gboolean
mt_migration_carry_out(MigtuneMigration *migration, GCancellable *cancellable,
                       GError **error)
{
    MtRun run = { migration, NULL, cancellable };
    g_autoptr(MtMigrationJournal) journal = NULL;
    g_autofree char *uri = NULL;
    g_autoptr(GError) cause = NULL;
    gboolean done;

    run.was_running =
        g_strcmp0(migration->source_side->state->run_state, "running") == 0;
    run.begin_us = run.kept_us = g_get_monotonic_time();
    journal = mt_migration_journal_new(migration, run.was_running, cancellable,
                                       error);
    if (!journal)
        return FALSE;

    run.journal = journal;
    run.outcome = migration->outcome = g_new0(MtOutcome, 1);
    run.outcome->warnings = g_ptr_array_new_with_free_func(g_free);
    run.outcome->downtime_ms = -1;
    run.outcome->extra_us = -1;
    if (migration->timeout_ms)
        run.end_us = run.begin_us + migration->timeout_ms * (gint64)1000;

    if (run_tune(&run, &cause))
        uri = run_listen(&run, &cause);
    if (uri && run_check_aborted(&run, &cause) &&
        mt_migration_journal_enter(journal, MT_PHASE_MIGRATING, &cause))
        run.started = run_begin(&run, uri, &cause);
    if (run.started) {
        done = run_end(&run, error);
    } else {
        mt_run_undo(&run);
        g_propagate_error(error, g_steal_pointer(&cause));
        done = mt_run_place(&run, MT_PLACE_SOURCE, MIGTUNE_MIGRATION_FAILED);
    }
    mt_run_take_states(&run);
    run.outcome->total_us = g_get_monotonic_time() - run.begin_us;
    if (run.outcome->place != MT_PLACE_UNKNOWN)
        mt_migration_journal_end(journal);

    return done;
}
