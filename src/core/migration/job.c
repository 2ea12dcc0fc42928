/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: starting, watching and ending a migration.
 *
 * QEMU's own account is the only source.  If the answer to a command is lost,
 * QEMU is asked over a new connection whether the command took effect.
 *
 * Once post-copy has begun, the guest runs at the destination and its memory
 * is on both sides.  QEMU up to at least 7.2 obeys migrate_cancel even then,
 * and the guest is lost.  So migrate_cancel is never sent once post-copy has
 * begun, nor after start-postcopy was sent through this domain.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/job.h"
#include "core/settings.h"
#include "util/clock.h"
#include "util/i18n.h"
#include "util/json-peek.h"
#include "util/post.h"

#define JOB_FIRST_POLL_MS 10
#define JOB_LAST_POLL_MS 100

/* Time limits for a migration that is resumed to have its link, and for one
 * that is cancelled to end. */
#define JOB_RESUME_MS 5000
#define JOB_CANCEL_MS 30000

static const char *const job_states[] = {
    [MIGTUNE_JOB_NONE] = "none",           [MIGTUNE_JOB_WAITING] = "waiting",
    [MIGTUNE_JOB_ACTIVE] = "active",       [MIGTUNE_JOB_PAUSED] = "paused",
    [MIGTUNE_JOB_COMPLETED] = "completed", [MIGTUNE_JOB_FAILED] = "failed",
    [MIGTUNE_JOB_CANCELLED] = "cancelled",
};

const char *
migtune_job_state_to_string(MigtuneJobState state)
{
    g_return_val_if_fail((guint)state < G_N_ELEMENTS(job_states), NULL);

    return job_states[state];
}

void
mt_job_clear(MtJob *job)
{
    g_clear_pointer(&job->migration, json_node_unref);
    g_clear_pointer(&job->devices, json_object_unref);
    g_clear_pointer(&job->status, g_free);
    g_clear_pointer(&job->run_state, g_free);
}

const char *
mt_job_error(const MtJob *job)
{
    if (!JSON_NODE_HOLDS_OBJECT(job->migration))
        return NULL;

    return mt_json_peek_string(json_node_get_object(job->migration),
                               "error-desc");
}

/* States by QEMU's status; a status that is not listed is a stage of a
 * migration that is under way. */
static const struct {
    const char *status;
    MigtuneJobState state;
} job_statuses[] = {
    { "none", MIGTUNE_JOB_NONE },
    { "completed", MIGTUNE_JOB_COMPLETED },
    { "failed", MIGTUNE_JOB_FAILED },
    { "cancelled", MIGTUNE_JOB_CANCELLED },
    { "postcopy-paused", MIGTUNE_JOB_PAUSED },
};

static MigtuneJobState
job_state(const char *status, const char *run_state)
{
    /* A guest that waits has the status "none", or "setup" from 10.0 on. */
    if (strcmp(run_state, "inmigrate") == 0 &&
        (strcmp(status, "none") == 0 || strcmp(status, "setup") == 0))
        return MIGTUNE_JOB_WAITING;
    for (gsize i = 0; i < G_N_ELEMENTS(job_statuses); i++) {
        if (strcmp(job_statuses[i].status, status) == 0)
            return job_statuses[i].state;
    }

    return MIGTUNE_JOB_ACTIVE;
}

/* Whether the guest may run at the destination already. */
static gboolean
job_is_postcopy(const MigtuneDomain *domain, const MtJob *job)
{
    return g_str_has_prefix(job->status, "postcopy") ||
           (domain->postcopy_asked && job->state == MIGTUNE_JOB_ACTIVE);
}

/* The member "status" of an answer. */
static char *
job_status(JsonNode *answer, const char *otherwise)
{
    const char *status = NULL;

    if (JSON_NODE_HOLDS_OBJECT(answer))
        status = mt_json_peek_string(json_node_get_object(answer), "status");

    return g_strdup(status ? status : otherwise);
}

static gboolean
job_ask(MigtuneDomain *domain, GCancellable *cancellable, MtJob *job,
        GError **error)
{
    enum { MIGRATION, RUN_STATE, N };
    const MigtuneDriver *driver = domain->conn->driver;
    MtCommand commands[N];
    gboolean ok;

    mt_command_init(&commands[MIGRATION], "query-migrate", NULL);
    mt_command_init(&commands[RUN_STATE], "query-status", NULL);
    ok = domain->look.run(&domain->look, commands, N, cancellable, error);
    for (guint i = 0; ok && i < N; i++) {
        if (!commands[i].result) {
            g_propagate_error(error, g_steal_pointer(&commands[i].error));
            ok = FALSE;
        }
    }
    if (ok) {
        job->migration = json_node_ref(commands[MIGRATION].result);
        job->status = job_status(job->migration, "none");
        job->run_state = job_status(commands[RUN_STATE].result, "unknown");
        job->state = job_state(job->status, job->run_state);
        if (driver->device_state)
            job->devices = driver->device_state(domain->handle);
        if (job->state != MIGTUNE_JOB_ACTIVE &&
            job->state != MIGTUNE_JOB_PAUSED)
            domain->postcopy_asked = FALSE;
        g_debug("%s: migration %s, guest %s", domain->name, job->status,
                job->run_state);
    }
    mt_commands_clear(commands, N);

    return ok;
}

gboolean
mt_job_ask_again(MigtuneDomain *domain, GCancellable *cancellable, MtJob *job,
              GError **error)
{
    MtExec *exec = &domain->exec;
    g_autoptr(GError) lost = NULL;

    if (job_ask(domain, cancellable, job, &lost))
        return TRUE;
    if (g_error_matches(lost, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED) ||
        g_error_matches(lost, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU)) {
        g_propagate_error(error, g_steal_pointer(&lost));
        return FALSE;
    }

    return exec->reconnect(exec, cancellable, error) &&
           job_ask(domain, cancellable, job, error);
}

/* Runs one command whose return value is of no interest. */
static gboolean
job_command(MigtuneDomain *domain, const char *command, JsonObject *arguments,
            GCancellable *cancellable, GError **error)
{
    g_autoptr(JsonNode) result = NULL;

    g_debug("%s: %s", domain->name, command);
    result = mt_exec_one(&domain->exec, command, arguments, cancellable, error);
    return result != NULL;
}

/* After the answer to @command was lost: asks QEMU whether it took effect. */
static gboolean
job_find_out(MigtuneDomain *domain, const char *command, GError *lost,
             GError **error)
{
    MtExec *exec = &domain->exec;
    g_autoptr(GError) why = NULL;
    g_auto(MtJob) job = { NULL };

    if (exec->reconnect(exec, NULL, &why) &&
        job_ask(domain, NULL, &job, &why)) {
        if (job.state == MIGTUNE_JOB_ACTIVE) {
            g_error_free(lost);
            return TRUE;
        }
        if (job.state == MIGTUNE_JOB_NONE) {
            g_propagate_error(error, lost);
            return FALSE;
        }
    }
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("it is not known whether QEMU carried out %s: %s; "
                        "status of the migration: %s"),
                      command, lost->message, why ? why->message : job.status);
    g_error_free(lost);

    return FALSE;
}

static gboolean
job_start(MigtuneDomain *domain, const char *command, JsonObject *arguments,
          GError **error)
{
    GCancellable *cancellable = domain->cancellable;
    GError *cause = NULL;

    if (job_command(domain, command, arguments, cancellable, &cause))
        return TRUE;
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED) ||
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT) ||
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED))
        return job_find_out(domain, command, cause, error);
    g_propagate_error(error, cause);

    return FALSE;
}

static gboolean
job_check_uri(const char *uri, GError **error)
{
    const char *colon = strchr(uri, ':');

    if (colon && colon != uri && g_utf8_validate(uri, -1, NULL))
        return TRUE;
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("'%s' is not an address for a migration; expected a "
                        "QEMU address such as tcp:HOST:PORT or unix:PATH"),
                      g_utf8_validate(uri, -1, NULL) ? uri : "?");

    return FALSE;
}

/* Up to QEMU 9.0 a migration that is resumed stays paused until its link is
 * connected, and for good if that fails. */
static gboolean
job_wait_resumed(MigtuneDomain *domain, const char *uri, GError **error)
{
    gint64 end = g_get_monotonic_time() + JOB_RESUME_MS * 1000LL;
    GCancellable *cancellable = domain->cancellable;

    for (;;) {
        g_auto(MtJob) job = { NULL };
        const char *why;

        if (!mt_job_ask_again(domain, cancellable, &job, error))
            return FALSE;
        if (job.state != MIGTUNE_JOB_PAUSED)
            return TRUE;
        if (g_get_monotonic_time() > end) {
            why = mt_job_error(&job);
            migtune_error_set(
                error, MIGTUNE_ERROR_QEMU,
                why ? _("the migration is still paused; QEMU "
                        "has no link to %s: %s")
                    : _("the migration is still paused; QEMU has no "
                        "link to %s"),
                uri, why);
            return FALSE;
        }
        if (!mt_sleep_ms(JOB_FIRST_POLL_MS, cancellable, error))
            return FALSE;
    }
}

gboolean
migtune_domain_migrate(MigtuneDomain *domain, const char *uri,
                       unsigned int flags, GCancellable *cancellable,
                       GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    JsonObject *arguments;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain) && uri != NULL, FALSE);

    if (!mt_core_check_flags(flags, MIGTUNE_MIGRATE_RESUME, error) ||
        !job_check_uri(uri, error))
        return FALSE;
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;

    arguments = json_object_new();
    json_object_set_string_member(arguments, "uri", uri);
    if (flags & MIGTUNE_MIGRATE_RESUME)
        json_object_set_boolean_member(arguments, "resume", TRUE);

    if (!job_start(domain, "migrate", arguments, error))
        return FALSE;
    if (flags & MIGTUNE_MIGRATE_RESUME)
        return job_wait_resumed(domain, uri, error);

    domain->postcopy_asked = FALSE;
    return TRUE;
}

gboolean
migtune_domain_migrate_incoming(MigtuneDomain *domain, const char *uri,
                                unsigned int flags, GCancellable *cancellable,
                                GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    JsonObject *arguments;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain) && uri != NULL, FALSE);

    if (!mt_core_check_flags(flags, MIGTUNE_MIGRATE_RESUME, error) ||
        !job_check_uri(uri, error))
        return FALSE;
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;
    arguments = json_object_new();
    json_object_set_string_member(arguments, "uri", uri);

    return job_command(domain,
                       flags & MIGTUNE_MIGRATE_RESUME ? "migrate-recover"
                                                      : "migrate-incoming",
                       arguments, domain->cancellable, error);
}

gboolean
migtune_domain_get_job_stats(MigtuneDomain *domain, MigtuneJobState *state,
                             virTypedParameterPtr *params, int *nparams,
                             GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_auto(MtJob) job = { NULL };

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);
    MT_REQUIRE(!params == !nparams, FALSE);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;

    if (!job_ask(domain, domain->cancellable, &job, error))
        return FALSE;
    if (state)
        *state = job.state;
    if (params)
        mt_job_stats_to_typed(&job, params, nparams);

    return TRUE;
}

JsonNode *
mt_job_to_json(MigtuneDomain *domain, const MtJob *job)
{
    const char *why = mt_job_error(job);
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "domain", domain->name);
    json_object_set_string_member(object, "job",
                                  migtune_job_state_to_string(job->state));
    json_object_set_string_member(object, "status", job->status);
    json_object_set_string_member(object, "state", job->run_state);
    if (why)
        json_object_set_string_member(object, "error", why);
    else
        json_object_set_null_member(object, "error");
    json_object_set_array_member(object, "statistics",
                                 mt_job_stats_to_json(job));

    return mt_json_node_new_object(object);
}

JsonNode *
migtune_domain_get_job_info(MigtuneDomain *domain, GCancellable *cancellable,
                            GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_auto(MtJob) job = { NULL };

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    if (!job_ask(domain, domain->cancellable, &job, error))
        return NULL;

    return mt_job_to_json(domain, &job);
}

/* Why a migration in post-copy is not cancelled, and what can be done. */
static void
job_refuse_cancel(const MtJob *job, MigtuneErrorCode code, GError **error)
{
    migtune_error_set(
        error, code,
        job->state == MIGTUNE_JOB_PAUSED
            ? _("post-copy has begun (%s): the guest is at the destination, "
                "and part of its memory is still here, so that cancelling "
                "would lose it; give the migration a new link with 'migrate "
                "--resume'")
            : _("post-copy has begun (%s): the guest runs at the "
                "destination, and part of its memory is still here, so that "
                "cancelling would lose it; the migration goes on: follow it "
                "with 'domjobinfo'"),
        job->status);
    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                "postcopy-begun");
}

gboolean
migtune_domain_abort_job(MigtuneDomain *domain, GCancellable *cancellable,
                         GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_auto(MtJob) job = { NULL };

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold || !job_ask(domain, cancellable, &job, error))
        return FALSE;

    if (job_is_postcopy(domain, &job)) {
        job_refuse_cancel(&job, MIGTUNE_ERROR_CONFLICT, error);
        return FALSE;
    }
    if (job.state != MIGTUNE_JOB_ACTIVE)
        return TRUE;

    return job_command(domain, "migrate_cancel", NULL, cancellable, error);
}

gboolean
migtune_domain_suspend(MigtuneDomain *domain, GCancellable *cancellable,
                       GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;

    return job_command(domain, "stop", NULL, domain->cancellable, error);
}

gboolean
migtune_domain_resume(MigtuneDomain *domain, GCancellable *cancellable,
                      GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;

    return job_command(domain, "cont", NULL, domain->cancellable, error);
}

gboolean
migtune_domain_wait_pass(MigtuneDomain *domain, guint timeout_ms,
                         GCancellable *cancellable)
{
    g_return_val_if_fail(MIGTUNE_IS_DOMAIN(domain), FALSE);

    return mt_domain_wait_pass(domain, timeout_ms, cancellable);
}

gboolean
migtune_domain_continue_job(MigtuneDomain *domain, GCancellable *cancellable,
                            GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    JsonObject *arguments;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;

    arguments = json_object_new();
    json_object_set_string_member(arguments, "state", "pre-switchover");

    return job_command(domain, "migrate-continue", arguments, cancellable,
                       error);
}

gboolean
migtune_domain_start_postcopy(MigtuneDomain *domain, GCancellable *cancellable,
                              GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    GError *cause = NULL;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;

    /* If the answer is lost, post-copy may have begun. */
    domain->postcopy_asked = TRUE;
    if (job_command(domain, "migrate-start-postcopy", NULL, cancellable,
                    &cause))
        return TRUE;
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
        domain->postcopy_asked = FALSE;
    g_propagate_error(error, cause);

    return FALSE;
}

/* The reason says where the guest is: "guest-running", "guest-paused" ... */
static void
job_fail(const MtJob *job, GError **error)
{
    g_autofree char *reason = g_strconcat("guest-", job->run_state, NULL);
    const char *why = mt_job_error(job);

    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      why ? _("the migration failed: %s")
                          : _("the migration failed, and QEMU does not say "
                              "why"),
                      why);
    if (error) {
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_QEMU_DESC, why);
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON, reason);
    }
}

static void
job_fail_paused(const MtJob *job, GError **error)
{
    const char *why = mt_job_error(job);

    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      why ? _("the migration lost its link after post-copy "
                              "had begun: the guest is at the destination, "
                              "and part of its memory is still here; go on "
                              "with 'migrate --resume': %s")
                          : _("the migration lost its link after post-copy "
                              "had begun: the guest is at the destination, "
                              "and part of its memory is still here; go on "
                              "with 'migrate --resume'"),
                      why);
    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                "postcopy-paused");
}

/* Turns the end of a migration into the return value of the call that waited
 * for it. */
static gboolean
job_end(const MtJob *job, GError **error)
{
    switch (job->state) {
    case MIGTUNE_JOB_COMPLETED:
        return TRUE;
    case MIGTUNE_JOB_CANCELLED:
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("the migration was cancelled; the guest is %s "
                            "here"),
                          job->run_state);
        break;
    case MIGTUNE_JOB_PAUSED:
        job_fail_paused(job, error);
        break;
    case MIGTUNE_JOB_NONE:
    case MIGTUNE_JOB_WAITING:
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("there is no migration to wait for"));
        break;
    default:
        job_fail(job, error);
    }

    return FALSE;
}

/* A call that waits. */
typedef struct {
    MigtuneDomain *domain;
    MigtuneJobFunc func; /* NULL: none */
    gpointer user_data;
    GMainContext *context; /* for the signal; NULL: this thread */
    gint64 end_us;         /* 0: no limit */
    guint poll_ms;
} JobWait;

typedef struct {
    MigtuneDomain *domain;
    GVariant *progress;
} JobProgress;

static void
job_progress_free(gpointer data)
{
    JobProgress *progress = data;

    g_object_unref(progress->domain);
    g_variant_unref(progress->progress);
    g_free(progress);
}

static void
job_emit(gpointer data)
{
    JobProgress *progress = data;

    mt_domain_emit_progress(progress->domain, progress->progress);
}

GVariant *
mt_job_to_variant(const MtJob *job)
{
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    virTypedParameterPtr params;
    int n;

    mt_job_stats_to_typed(job, &params, &n);
    g_variant_dict_insert(&dict, "job", "s",
                          migtune_job_state_to_string(job->state));
    g_variant_dict_insert(&dict, "status", "s", job->status);
    g_variant_dict_insert(&dict, "state", "s", job->run_state);
    g_variant_dict_insert_value(&dict, "statistics",
                                mt_settings_from_typed(params, n));
    migtune_typed_params_free(params, n);

    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

/* Emits the signal in the main context of the call, or in this thread. */
static void
job_show_progress(JobWait *wait, const MtJob *job)
{
    JobProgress *progress;

    if (!mt_domain_shows_progress(wait->domain))
        return;

    progress = g_new0(JobProgress, 1);
    progress->domain = g_object_ref(wait->domain);
    progress->progress = mt_job_to_variant(job);
    if (!wait->context) {
        job_emit(progress);
        job_progress_free(progress);
        return;
    }
    mt_post(wait->context, job_emit, progress, job_progress_free);
}

static void
job_stopped_waiting(const MtJob *job, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_STILL_RUNNING,
                      _("stopped waiting; the migration goes on (%s)"),
                      job->status ? job->status : "?");
}

/*
 * Asks once, reports progress and sleeps until it is time to ask again.
 * Other calls can use the domain during the report and the sleep.
 */
static gboolean
job_poll(JobWait *wait, GCancellable *cancellable, MtJob *job,
         gboolean *ret_ended, GError **error)
{
    MigtuneDomain *domain = wait->domain;
    MtDomainHold *hold = mt_domain_hold(domain, cancellable, error);
    gboolean ok, go_on = TRUE;
    gint64 left_ms;

    if (!hold)
        return FALSE;
    mt_job_clear(job);
    ok = mt_job_ask_again(domain, cancellable, job, error);
    mt_domain_release(hold);
    if (!ok)
        return FALSE;

    job_show_progress(wait, job);
    if (wait->func) {
        g_autoptr(JsonNode) info = mt_job_to_json(domain, job);

        go_on = wait->func(domain, info, wait->user_data);
    }
    *ret_ended = job->state != MIGTUNE_JOB_ACTIVE;
    if (*ret_ended)
        return TRUE;
    if (!go_on) {
        job_stopped_waiting(job, error);
        return FALSE;
    }

    left_ms = wait->end_us ? (wait->end_us - g_get_monotonic_time()) / 1000
                           : G_MAXINT64;
    if (left_ms <= 0) {
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          _("the migration has not ended in time; it is %s"),
                          job->status);
        return FALSE;
    }
    if (!mt_sleep_ms(MIN(wait->poll_ms, left_ms), cancellable, error))
        return FALSE;
    wait->poll_ms = MIN(wait->poll_ms * 2, JOB_LAST_POLL_MS);

    return TRUE;
}

/* Sends migrate_cancel unless post-copy may have begun. */
static gboolean
job_send_cancel(MigtuneDomain *domain, GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, NULL, error);
    g_autoptr(GError) cause = NULL;
    g_auto(MtJob) job = { NULL };

    if (!hold || !mt_job_ask_again(domain, NULL, &job, error))
        return FALSE;
    if (job_is_postcopy(domain, &job)) {
        job_refuse_cancel(&job, MIGTUNE_ERROR_STILL_RUNNING, error);
        return FALSE;
    }
    /* A refusal shows in the state that the migration then ends with. */
    if (job.state != MIGTUNE_JOB_ACTIVE ||
        job_command(domain, "migrate_cancel", NULL, NULL, &cause) ||
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
        return TRUE;

    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

/* Cancels the migration and waits for its end; nothing stops this. */
static gboolean
job_cancel(JobWait *wait, MtJob *job, GError **error)
{
    gboolean ended = FALSE;

    if (!job_send_cancel(wait->domain, error))
        return FALSE;

    wait->end_us = g_get_monotonic_time() + JOB_CANCEL_MS * 1000LL;
    wait->poll_ms = JOB_FIRST_POLL_MS;
    while (!ended) {
        if (!job_poll(wait, NULL, job, &ended, error))
            return FALSE;
    }

    return TRUE;
}

gboolean
mt_job_wait(MigtuneDomain *domain, unsigned int timeout_ms, unsigned int flags,
            MigtuneJobFunc func, gpointer user_data, GMainContext *context,
            GCancellable *cancellable, GError **error)
{
    JobWait wait = { domain, func, user_data, context, 0, JOB_FIRST_POLL_MS };
    g_autoptr(GError) cause = NULL;
    g_auto(MtJob) job = { NULL };
    gboolean ended = FALSE;

    if (!mt_core_check_flags(flags, MIGTUNE_WAIT_CANCEL_MIGRATION, error))
        return FALSE;
    if (timeout_ms)
        wait.end_us = g_get_monotonic_time() + timeout_ms * 1000LL;
    while (!ended && job_poll(&wait, cancellable, &job, &ended, &cause))
        continue;
    if (!ended &&
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED)) {
        g_clear_error(&cause);
        if (flags & MIGTUNE_WAIT_CANCEL_MIGRATION)
            ended = job_cancel(&wait, &job, &cause);
        else
            job_stopped_waiting(&job, &cause);
    }
    if (ended)
        return job_end(&job, error);
    if ((g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT) &&
         job.status) ||
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_STILL_RUNNING)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("it is not known what became of the migration: %s"),
                      cause->message);

    return FALSE;
}

gboolean
migtune_domain_wait_job(MigtuneDomain *domain, unsigned int timeout_ms,
                        unsigned int flags, MigtuneJobFunc func,
                        gpointer user_data, GCancellable *cancellable,
                        GError **error)
{
    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);

    return mt_job_wait(domain, timeout_ms, flags, func, user_data, NULL,
                       cancellable, error);
}

gboolean
migtune_domain_wait_incoming(MigtuneDomain *domain, unsigned int timeout_ms,
                             GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * 1000LL;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), FALSE);

    for (;;) {
        g_auto(MtJob) job = { NULL };
        MtDomainHold *hold = mt_domain_hold(domain, cancellable, error);
        gboolean ok;

        if (!hold)
            return FALSE;
        ok = mt_job_ask_again(domain, cancellable, &job, error);
        mt_domain_release(hold);
        if (!ok) {
            g_prefix_error(error,
                           _("%s: the guest has not been seen to "
                             "arrive: "),
                           domain->name);
            return FALSE;
        }
        if (strcmp(job.run_state, "inmigrate") != 0)
            return TRUE;
        if (timeout_ms && g_get_monotonic_time() >= end) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              _("%s: the guest has not arrived: it is still "
                                "inmigrate, and the migration is %s"),
                              domain->name, job.status);
            return FALSE;
        }
        if (!mt_sleep_ms(JOB_FIRST_POLL_MS, cancellable, error))
            return FALSE;
    }
}

GVariant *
migtune_domain_get_job_settings(MigtuneDomain *domain,
                                GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_auto(MtJob) job = { NULL };

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold || !job_ask(domain, cancellable, &job, error))
        return NULL;

    return mt_job_to_variant(&job);
}
