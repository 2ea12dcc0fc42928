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

#include "core/migration/migration-journal.h"
#include "core/migration/migration-pace.h"
#include "core/migration/migration-undo.h"
#include "plan/apply.h"
#include "util/clock.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* Time limits for the destination to load the last state, and for a cancelled
 * migration to end. */
#define RUN_ARRIVE_MS 30000
#define RUN_CANCEL_MS 30000
/* How long a monitor that does not answer is asked again, unless the time limit
 * of its connection is shorter. */
#define RUN_LOST_MS 10000
/* How long the monitor of the source is kept at most while the guest migrates,
 * before other clients are let in, and how long they are let in at least. */
#define RUN_KEEP_MS 300
#define RUN_RELEASE_MS 5
#define RUN_LISTEN_DEFAULT "tcp:127.0.0.1:0"

typedef struct {
    MigtuneMigration *migration;
    MtMigrationJournal *journal;
    GCancellable *cancellable;
    MtOutcome *outcome;
    gboolean was_running;       /* the source, before */
    gboolean holds;             /* the destination was told to stay stopped,
                                 * and has not been told to run */
    gboolean may_listen;        /* `migrate-incoming` was sent, and was not
                                 * refused */
    gboolean may_stay_stopped;  /* `stop` was sent to the destination, and was
                                 * not refused; `cont` was not obeyed */
    gboolean told_to_run;       /* `cont` was sent to the destination */
    gboolean started;           /* `migrate` may have been sent */
    gint64 begin_us;
    gint64 end_us;              /* time limit; 0: none */
    gint64 kept_us;             /* since when the monitor of the source has
                                 * been kept */
    MtPace pace;
} Run;

static void G_GNUC_PRINTF(2, 3)
run_warn(Run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(run->outcome->warnings, g_strdup_vprintf(format, args));
    va_end(args);
}

/* Runs a command without arguments and looks only at whether it was accepted. */
static gboolean
run_command(MigtuneDomain *domain, const char *command, JsonObject *arguments,
            GCancellable *cancellable, GError **error)
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

/* Asks @domain about its migration. */
static gboolean
run_ask(MigtuneDomain *domain, GCancellable *cancellable, MtJob *job,
        GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, cancellable, error);

    mt_job_clear(job);
    return hold && mt_job_ask_again(domain, cancellable, job, error);
}

static gint64
run_lost_us(MigtuneDomain *domain)
{
    return MIN(RUN_LOST_MS, domain->conn->options.command_timeout_ms) *
           (gint64)1000;
}

/* Asks until there is an answer, @domain is known to have ended, or the time
 * limit has passed. */
static gboolean
run_ask_long(MigtuneDomain *domain, MtJob *job, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + run_lost_us(domain);
    guint poll_ms = MT_PACE_FIRST_MS;

    for (;;) {
        g_autoptr(GError) cause = NULL;

        if (run_ask(domain, NULL, job, &cause))
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

/*
 * Settings
 */

/* The rows that @plan changes, with their former values if @former, else with
 * the planned ones. */
static MtSet *
run_values(const MtPlan *plan, gboolean former)
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

/* Gives @domain these values; reads nothing and sends nothing if there are
 * none. */
static gboolean
run_set(MigtuneDomain *domain, const MtSet *values, GCancellable *cancellable,
        GError **error)
{
    g_autoptr(MigtunePlan) plan = NULL;

    if (mt_set_size(values) == 0)
        return TRUE;

    plan = mt_domain_plan_values(domain, values, cancellable, error);
    return plan && migtune_plan_apply(plan, cancellable, error);
}

/* Restores the former values on one side, in a second attempt if the monitor
 * fails once.  A failure is a warning, because it must not hide the error before
 * it. */
static void
run_restore(Run *run, MigtuneDomain *domain, const MtPlan *plan)
{
    g_autoptr(MtSet) former = run_values(plan, TRUE);
    g_autoptr(GError) cause = NULL;

    for (guint attempt = 0; attempt < 2; attempt++) {
        g_clear_error(&cause);
        if (mt_migration_has_ended(domain) ||
            run_set(domain, former, NULL, &cause))
            return;
        /* Connects again. */
        mt_domain_release_monitor(domain);
    }

    mt_migration_prefix_error(run->migration, domain, &cause);
    run_warn(run, _("the former settings could not be restored: %s"),
             cause->message);
}

static MtSet *
run_read_back(Run *run, MigtuneDomain *domain, GError **error)
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
run_compare(Run *run, GError **error)
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
run_check_aborted(Run *run, GError **error)
{
    if (!g_atomic_int_get(&run->migration->aborted))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      _("the migration was cancelled before it began"));
    return FALSE;
}

static gboolean
run_tune(Run *run, GError **error)
{
    MigtuneMigration *migration = run->migration;
    const MtPairing *pairing = migration->pairing;
    g_autoptr(MtSet) there = run_values(pairing->destination_plan, FALSE);
    g_autoptr(MtSet) here = run_values(pairing->source_plan, FALSE);

    mt_migration_enter(migration, MIGTUNE_MIGRATION_TUNING);
    if (!mt_migration_journal_enter(run->journal, MT_PHASE_TUNING, error))
        return FALSE;
    if (!run_set(migration->destination, there, run->cancellable, error)) {
        mt_migration_prefix_error(migration, migration->destination, error);
        return FALSE;
    }
    if (!run_set(migration->source, here, run->cancellable, error)) {
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
run_find_address(Run *run, GError **error)
{
    MigtuneDomain *destination = run->migration->destination;
    g_auto(MtJob) job = { NULL };
    JsonArray *sockets = NULL;
    char *address = NULL;

    if (!run_ask(destination, run->cancellable, &job, error)) {
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
run_listen(Run *run, GError **error)
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
        run->may_listen =
            !g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
        mt_migration_prefix_error(migration, destination, &cause);
        g_propagate_error(error, cause);
        return NULL;
    }
    if (!migration->trusts_link) {
        /* If the answer is lost, the migration does not begin, but the
         * destination may have obeyed. */
        run->may_stay_stopped = TRUE;
        if (!run_command(destination, "stop", NULL, run->cancellable,
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
run_begin(Run *run, const char *uri, GError **error)
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
 * After a failure before the guest moved
 */

static void
run_undo(Run *run)
{
    MigtuneMigration *migration = run->migration;
    const MtPairing *pairing = migration->pairing;

    run_restore(run, migration->source, pairing->source_plan);
    run_restore(run, migration->destination, pairing->destination_plan);
    mt_migration_undo_waiting(
        migration,
        (run->may_listen ? MT_WAITING_LISTENS : 0) |
            (run->may_stay_stopped ? MT_WAITING_STOPPED : 0),
        run->outcome->warnings);
}

/*
 * Following the migration
 */

static gboolean
run_is_postcopy(Run *run, const MtJob *job)
{
    return g_str_has_prefix(job->status, "postcopy") ||
           (g_atomic_int_get(&run->migration->postcopy) &&
            job->state == MIGTUNE_JOB_ACTIVE);
}

/* Tells the destination to run.  From then on it may run. */
static gboolean
run_start_destination(Run *run, GError **error)
{
    MigtuneDomain *destination = run->migration->destination;

    if (!mt_migration_journal_enter(run->journal, MT_PHASE_STARTING, error))
        return FALSE;
    run->told_to_run = TRUE;
    if (run_command(destination, "cont", NULL, NULL, error)) {
        run->holds = run->may_stay_stopped = FALSE;
        return TRUE;
    }

    return FALSE;
}

/* In post-copy the source has stopped for good: the destination runs as soon as
 * it is ready. */
static void
run_start_postcopy(Run *run, const MtJob *job)
{
    MigtuneDomain *destination = run->migration->destination;
    g_auto(MtJob) there = { NULL };

    if (!run->holds || !run->was_running || run->told_to_run ||
        !g_str_has_prefix(job->status, "postcopy") ||
        strcmp(job->run_state, "running") == 0 ||
        !run_ask(destination, NULL, &there, NULL) ||
        strcmp(there.run_state, "paused") != 0)
        return;

    run_start_destination(run, NULL);
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
run_let_others_in(Run *run, const MtJob *job, guint poll_ms)
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
run_cancel(Run *run, const MtJob *job)
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
run_follow(Run *run, MtJob *job, GError **ret_why, GError **error)
{
    MigtuneMigration *migration = run->migration;
    guint poll_ms = MT_PACE_FIRST_MS;
    gint64 lost_us = 0;
    gint64 cancelled_us = 0;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        gint64 now_us;

        if (!run_ask(migration->source, NULL, job, &cause)) {
            now_us = g_get_monotonic_time();
            /* Another client that uses the monitor is waited for. */
            lost_us = !lost_us || g_error_matches(cause, MIGTUNE_ERROR,
                                                  MIGTUNE_ERROR_BUSY)
                          ? now_us
                          : lost_us;
            if (mt_migration_has_ended(migration->source) ||
                now_us - lost_us > run_lost_us(migration->source)) {
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

/*
 * The end
 */

static gboolean
run_place(Run *run, MtPlace place, MigtuneMigrationState state)
{
    run->outcome->place = place;
    mt_migration_enter(run->migration, state);
    return state == MIGTUNE_MIGRATION_COMPLETED;
}

/* Waits until the destination has loaded the guest.  FALSE if it has ended or
 * does not answer. */
static gboolean
run_wait_arrival(Run *run, MtJob *there, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + RUN_ARRIVE_MS * (gint64)1000;

    for (;;) {
        if (!run_ask_long(run->migration->destination, there, error))
            return FALSE;
        if (strcmp(there->run_state, "inmigrate") != 0 ||
            there->state == MIGTUNE_JOB_FAILED ||
            g_get_monotonic_time() > end_us)
            return TRUE;
        mt_sleep_ms(1, NULL, NULL);
    }
}

/* Lets the guest run on the source again, where it is known not to run on the
 * destination. */
static gboolean
run_resume_source(Run *run, const MtJob *here, GError **error)
{
    MigtuneDomain *source = run->migration->source;
    g_auto(MtJob) now = { NULL };

    if (!run->was_running || strcmp(here->run_state, "running") == 0)
        return TRUE;
    if (run_command(source, "cont", NULL, NULL, error))
        return TRUE;

    return run_ask(source, NULL, &now, NULL) &&
           strcmp(now.run_state, "running") == 0;
}

/* The source does not answer any more, and the destination cannot take over. */
static gboolean
run_lose_both(Run *run, const char *why, GError **error)
{
    MigtuneMigration *migration = run->migration;
    gboolean ended = mt_migration_has_ended(migration->source) &&
                     mt_migration_has_ended(migration->destination);

    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      ended ? _("the QEMUs of the source and of the destination "
                                "%s have ended (%s): the guest runs nowhere")
                            : _("the source does not answer any more, and %s: "
                                "%s. It is not known where the guest runs"),
                      migration->destination->name, why);
    return run_place(run, ended ? MT_PLACE_STOPPED : MT_PLACE_UNKNOWN,
                     MIGTUNE_MIGRATION_UNKNOWN);
}

/* The source has finished, and the destination cannot take over.  @here is as in
 * run_arrive(). */
static gboolean
run_go_back(Run *run, const MtJob *here, const char *why, GError **error)
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
        return run_place(run, MT_PLACE_UNKNOWN, MIGTUNE_MIGRATION_UNKNOWN);
    }
    if (!run_resume_source(run, here, &cause)) {
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the source has sent everything, but %s: %s. The "
                            "guest does not run there, and the source could "
                            "not be resumed: %s. The guest is stopped on both "
                            "sides"),
                          name, why, cause ? cause->message : "?");
        return run_place(run, MT_PLACE_STOPPED, MIGTUNE_MIGRATION_UNKNOWN);
    }
    run_undo(run);
    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      _("the source has sent everything, but %s: %s. The guest "
                        "did not start there and continues on the source; end "
                        "the destination, which has a stopped copy"),
                      name, why);
    return run_place(run, MT_PLACE_SOURCE, MIGTUNE_MIGRATION_FAILED);
}

/* Leaves the destination clean. */
static void
run_clean_up(Run *run)
{
    MigtuneMigration *migration = run->migration;

    run_restore(run, migration->destination,
                migration->pairing->destination_plan);
    run_restore(run, migration->source, migration->pairing->source_plan);
}

/* The source is known to have finished: @here, or NULL if it does not answer any
 * more and the destination has the guest. */
static gboolean
run_arrive(Run *run, const MtJob *here, GError **error)
{
    MigtuneMigration *migration = run->migration;
    const char *name = migration->destination->name;
    gint64 finished_us = g_get_monotonic_time();
    g_auto(MtJob) there = { NULL };
    g_autoptr(GError) cause = NULL;

    mt_migration_enter(migration, MIGTUNE_MIGRATION_STARTING);
    if (!run_wait_arrival(run, &there, &cause))
        return run_go_back(run, here, cause->message, error);
    if (strcmp(there.run_state, "inmigrate") == 0)
        return run_go_back(run, here,
                           mt_job_error(&there)
                               ? mt_job_error(&there)
                               : _("it still waits for the migration"),
                           error);

    if (run->holds && run->was_running &&
        strcmp(there.run_state, "running") != 0 && !run->told_to_run &&
        !run_start_destination(run, &cause)) {
        g_auto(MtJob) now = { NULL };

        /* The answer may be lost: see whether it runs. */
        if (!run_ask_long(migration->destination, &now, NULL)) {
            if (mt_migration_has_ended(migration->destination))
                return run_go_back(run, here, cause->message, error);
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the guest has arrived at %s, and it is not "
                                "known whether it was started there: %s. It "
                                "stays stopped on the source"),
                              name, cause->message);
            return run_place(run, MT_PLACE_UNKNOWN, MIGTUNE_MIGRATION_UNKNOWN);
        }
        if (strcmp(now.run_state, "running") != 0) {
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the guest has arrived at %s and is stopped "
                                "there ('%s'): %s; 'cont' starts it"),
                              name, now.run_state, cause->message);
            return run_place(run, MT_PLACE_STOPPED, MIGTUNE_MIGRATION_UNKNOWN);
        }
    }
    if (!migration->trusts_link)
        run->outcome->extra_us = g_get_monotonic_time() - finished_us;
    run_clean_up(run);

    return run_place(run, MT_PLACE_DESTINATION, MIGTUNE_MIGRATION_COMPLETED);
}

/* The migration failed or was cancelled: the guest is on the source, unless the
 * link broke after the destination had everything. */
static gboolean
run_fail(Run *run, const MtJob *here, GError *why, GError **error)
{
    MigtuneMigration *migration = run->migration;
    gboolean cancelled = here->state == MIGTUNE_JOB_CANCELLED;
    g_auto(MtJob) there = { NULL };
    g_autoptr(GError) cause = NULL;
    gboolean answered = run_ask(migration->destination, NULL, &there, NULL);
    gboolean runs_there =
        answered && strcmp(there.run_state, "running") == 0;
    const char *text = mt_job_error(here);

    if (runs_there && strcmp(here->run_state, "running") == 0) {
        g_clear_error(&why);
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the link broke in the last moment, and the guest "
                            "runs on both sides: stop one of them at once"));
        return run_place(run, MT_PLACE_BOTH, MIGTUNE_MIGRATION_UNKNOWN);
    }
    if (runs_there) {
        g_clear_error(&why);
        run_warn(run, _("the source reports a failure, but the guest runs on "
                        "the destination: %s"),
                 text ? text : here->status);
        run_clean_up(run);
        return run_place(run, MT_PLACE_DESTINATION,
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
            return run_place(run, MT_PLACE_UNKNOWN, MIGTUNE_MIGRATION_UNKNOWN);
        }
        if (!run_resume_source(run, here, &cause)) {
            g_clear_error(&why);
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the migration failed (%s), and the source "
                                "could not be resumed: %s. The guest is "
                                "stopped on both sides"),
                              text ? text : here->status,
                              cause ? cause->message : "?");
            return run_place(run, MT_PLACE_STOPPED, MIGTUNE_MIGRATION_UNKNOWN);
        }
    }
    if (answered && strcmp(there.run_state, "inmigrate") != 0)
        run_warn(run, _("%s has a stopped copy of the guest ('%s'), which must "
                        "not be started: end it"),
                 migration->destination->name, there.run_state);
    run_undo(run);
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

    return run_place(run, MT_PLACE_SOURCE,
                     cancelled ? MIGTUNE_MIGRATION_CANCELLED
                               : MIGTUNE_MIGRATION_FAILED);
}

/* The source cannot be asked any more. */
static gboolean
run_lose_source(Run *run, const GError *cause, GError **error)
{
    MigtuneMigration *migration = run->migration;
    gboolean ended = mt_migration_has_ended(migration->source);
    g_auto(MtJob) there = { NULL };
    const char *state = NULL;

    if (run_ask_long(migration->destination, &there, NULL))
        state = there.run_state;
    /* A source that has ended runs nothing. */
    if (state && strcmp(state, "inmigrate") != 0 &&
        (ended || strcmp(state, "running") == 0)) {
        run_warn(run, _("the source does not answer any more: %s"),
                 cause->message);
        return run_arrive(run, NULL, error);
    }
    if (ended) {
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the QEMU of the source has ended, and the guest "
                            "has not arrived at the destination ('%s'): it "
                            "runs nowhere"),
                          state ? state : _("no answer"));
        return run_place(run, MT_PLACE_STOPPED, MIGTUNE_MIGRATION_UNKNOWN);
    }
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("the source does not answer any more (%s), so that it "
                        "is not known whether the guest runs there; on the "
                        "destination it is '%s' and was not started. 'migtune "
                        "recover' looks again"),
                      cause->message, state ? state : _("no answer"));

    return run_place(run, MT_PLACE_UNKNOWN, MIGTUNE_MIGRATION_UNKNOWN);
}

static gboolean
run_end(Run *run, GError **error)
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
            return run_place(run, MT_PLACE_UNKNOWN, MIGTUNE_MIGRATION_UNKNOWN);
        }
        return run_lose_source(run, cause, error);
    }
    mt_migration_show(run->migration, &job);
    if (JSON_NODE_HOLDS_OBJECT(job.migration))
        mt_json_peek_int(json_node_get_object(job.migration), "downtime",
                         &run->outcome->downtime_ms);
    if (job.state == MIGTUNE_JOB_COMPLETED) {
        g_clear_error(&why);
        return run_arrive(run, &job, error);
    }
    if (job.state == MIGTUNE_JOB_PAUSED) {
        g_clear_error(&why);
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("the link was lost after post-copy had begun: the "
                            "guest is on the destination, and part of its "
                            "memory is still on the source; 'migtune migrate "
                            "--resume' continues"));
        return run_place(run, MT_PLACE_DESTINATION, MIGTUNE_MIGRATION_UNKNOWN);
    }

    return run_fail(run, &job, why, error);
}

/* The run states at the end, for the report. */
static void
run_take_states(Run *run)
{
    g_auto(MtJob) here = { NULL };
    g_auto(MtJob) there = { NULL };
    MigtuneMigration *migration = run->migration;

    if (!mt_migration_has_ended(migration->source) &&
        run_ask(migration->source, NULL, &here, NULL))
        run->outcome->source_state = g_strdup(here.run_state);
    if (!mt_migration_has_ended(migration->destination) &&
        run_ask(migration->destination, NULL, &there, NULL))
        run->outcome->destination_state = g_strdup(there.run_state);
}

gboolean
mt_migration_carry_out(MigtuneMigration *migration, GCancellable *cancellable,
                       GError **error)
{
    Run run = { migration, NULL, cancellable };
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
        run_undo(&run);
        g_propagate_error(error, g_steal_pointer(&cause));
        done = run_place(&run, MT_PLACE_SOURCE, MIGTUNE_MIGRATION_FAILED);
    }
    run_take_states(&run);
    run.outcome->total_us = g_get_monotonic_time() - run.begin_us;
    if (run.outcome->place != MT_PLACE_UNKNOWN)
        mt_migration_journal_end(journal);

    return done;
}
