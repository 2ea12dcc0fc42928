/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: starting, watching and ending a migration.
 *
 * Nothing is kept here: whoever asks is told what QEMU says.  What is hard is
 * the loss of an answer, after which a migration may run or not; so QEMU is
 * asked again over a new connection before anything is claimed.
 */
#include "config.h"

#include <string.h>

#include "core/job.h"
#include "util/clock.h"
#include "util/i18n.h"
#include "util/json-peek.h"

#define JOB_FIRST_POLL_MS 10
#define JOB_LAST_POLL_MS 100

/* How long QEMU may take to end what was cancelled. */
#define JOB_RESUME_MS 5000
#define JOB_CANCEL_MS 30000

static const char *const job_states[] = {
    [MIGTUNE_JOB_NONE] = "none",
    [MIGTUNE_JOB_WAITING] = "waiting",
    [MIGTUNE_JOB_ACTIVE] = "active",
    [MIGTUNE_JOB_PAUSED] = "paused",
    [MIGTUNE_JOB_COMPLETED] = "completed",
    [MIGTUNE_JOB_FAILED] = "failed",
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

/* What QEMU's words mean; every other one is a stage of a migration. */
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
    /* Who waits says "none", or "setup" from 10.0 on. */
    if (strcmp(run_state, "inmigrate") == 0 &&
        (strcmp(status, "none") == 0 || strcmp(status, "setup") == 0))
        return MIGTUNE_JOB_WAITING;
    for (gsize i = 0; i < G_N_ELEMENTS(job_statuses); i++) {
        if (strcmp(job_statuses[i].status, status) == 0)
            return job_statuses[i].state;
    }

    return MIGTUNE_JOB_ACTIVE;
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
    }
    mt_commands_clear(commands, N);

    return ok;
}

/* Asks; when the connection is gone, over another one. */
static gboolean
job_ask_again(MigtuneDomain *domain, GCancellable *cancellable, MtJob *job,
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

/* Runs one command that returns nothing worth having. */
static gboolean
job_command(MigtuneDomain *domain, const char *command, JsonObject *arguments,
            GCancellable *cancellable, GError **error)
{
    g_autoptr(JsonNode) result = mt_exec_one(&domain->exec, command,
                                             arguments, cancellable, error);

    return result != NULL;
}

/*
 * The answer to @command was lost: whether it took effect shows in what QEMU
 * says.  TRUE when it did.
 */
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
                      _("whether QEMU carried out %s is not known: %s; %s"),
                      command, lost->message, why ? why->message : job.status);
    g_error_free(lost);

    return FALSE;
}

static gboolean
job_start(MigtuneDomain *domain, const char *command, JsonObject *arguments,
          GError **error)
{
    GCancellable *cancellable = domain->conn->cancellable;
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
                      _("'%s' is no address of a migration; expected one as "
                        "QEMU has them, such as tcp:HOST:PORT or unix:PATH"),
                      g_utf8_validate(uri, -1, NULL) ? uri : "?");

    return FALSE;
}

/* Up to 9.0 a migration that is resumed is paused until it has its link, and
 * stays so if it gets none. */
static gboolean
job_wait_resumed(MigtuneDomain *domain, const char *uri, GError **error)
{
    gint64 end = g_get_monotonic_time() + JOB_RESUME_MS * 1000LL;
    GCancellable *cancellable = domain->conn->cancellable;

    for (;;) {
        g_auto(MtJob) job = { NULL };
        const char *why;

        if (!job_ask_again(domain, cancellable, &job, error))
            return FALSE;
        if (job.state != MIGTUNE_JOB_PAUSED)
            return TRUE;
        if (g_get_monotonic_time() > end) {
            why = mt_job_error(&job);
            migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                              why ? _("the migration is still paused, QEMU "
                                      "has no link to %s: %s") :
                              _("the migration is still paused, QEMU has no "
                                "link to %s"), uri, why);
            return FALSE;
        }
        if (!mt_sleep_ms(JOB_FIRST_POLL_MS, cancellable, error))
            return FALSE;
    }
}

gboolean
migtune_domain_migrate(MigtuneDomain *domain, const char *uri,
                       unsigned int flags, GError **error)
{
    JsonObject *arguments;

    g_return_val_if_fail(domain != NULL && uri != NULL, FALSE);

    if (!mt_core_check_flags(flags, MIGTUNE_MIGRATE_RESUME, error) ||
        !job_check_uri(uri, error))
        return FALSE;

    arguments = json_object_new();
    json_object_set_string_member(arguments, "uri", uri);
    if (flags & MIGTUNE_MIGRATE_RESUME)
        json_object_set_boolean_member(arguments, "resume", TRUE);

    return job_start(domain, "migrate", arguments, error) &&
           (!(flags & MIGTUNE_MIGRATE_RESUME) ||
            job_wait_resumed(domain, uri, error));
}

gboolean
migtune_domain_migrate_incoming(MigtuneDomain *domain, const char *uri,
                                unsigned int flags, GError **error)
{
    JsonObject *arguments;

    g_return_val_if_fail(domain != NULL && uri != NULL, FALSE);

    if (!mt_core_check_flags(flags, MIGTUNE_MIGRATE_RESUME, error) ||
        !job_check_uri(uri, error))
        return FALSE;
    arguments = json_object_new();
    json_object_set_string_member(arguments, "uri", uri);

    return job_command(domain, flags & MIGTUNE_MIGRATE_RESUME ?
                       "migrate-recover" : "migrate-incoming", arguments,
                       domain->conn->cancellable, error);
}

gboolean
migtune_domain_get_job_stats(MigtuneDomain *domain, MigtuneJobState *state,
                             virTypedParameterPtr *params, int *nparams,
                             GError **error)
{
    g_auto(MtJob) job = { NULL };

    g_return_val_if_fail(domain != NULL, FALSE);
    g_return_val_if_fail(!params == !nparams, FALSE);

    if (!job_ask(domain, domain->conn->cancellable, &job, error))
        return FALSE;
    if (state)
        *state = job.state;
    if (params)
        mt_job_stats_to_typed(&job, params, nparams);

    return TRUE;
}

static JsonNode *
job_to_json(MigtuneDomain *domain, const MtJob *job)
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
migtune_domain_get_job_info(MigtuneDomain *domain, GError **error)
{
    g_auto(MtJob) job = { NULL };

    g_return_val_if_fail(domain != NULL, NULL);

    if (!job_ask(domain, domain->conn->cancellable, &job, error))
        return NULL;

    return job_to_json(domain, &job);
}

gboolean
migtune_domain_abort_job(MigtuneDomain *domain, GError **error)
{
    g_return_val_if_fail(domain != NULL, FALSE);

    return job_command(domain, "migrate_cancel", NULL,
                       domain->conn->cancellable, error);
}

gboolean
migtune_domain_suspend(MigtuneDomain *domain, GError **error)
{
    g_return_val_if_fail(domain != NULL, FALSE);

    return job_command(domain, "stop", NULL, domain->conn->cancellable,
                       error);
}

gboolean
migtune_domain_resume(MigtuneDomain *domain, GError **error)
{
    g_return_val_if_fail(domain != NULL, FALSE);

    return job_command(domain, "cont", NULL, NULL, error);
}

gboolean
migtune_domain_start_postcopy(MigtuneDomain *domain, GError **error)
{
    g_return_val_if_fail(domain != NULL, FALSE);

    return job_command(domain, "migrate-start-postcopy", NULL,
                       domain->conn->cancellable, error);
}

gboolean
migtune_domain_continue_job(MigtuneDomain *domain, GError **error)
{
    JsonObject *arguments;

    g_return_val_if_fail(domain != NULL, FALSE);

    arguments = json_object_new();
    json_object_set_string_member(arguments, "state", "pre-switchover");

    return job_command(domain, "migrate-continue", arguments,
                       domain->conn->cancellable, error);
}

/* The end of a migration as the return value of who waited for it. */
static gboolean
job_end(const MtJob *job, GError **error)
{
    const char *why = mt_job_error(job);

    switch (job->state) {
    case MIGTUNE_JOB_COMPLETED:
        return TRUE;
    case MIGTUNE_JOB_CANCELLED:
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("the migration was cancelled; the guest is %s "
                            "here"), job->run_state);
        break;
    case MIGTUNE_JOB_PAUSED:
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("the migration lost its link after postcopy had "
                            "begun; until it is resumed, the guest runs over "
                            "there as far as its memory has come%s%s"), why ? ": " : "",
                          why ? why : "");
        break;
    case MIGTUNE_JOB_NONE:
    case MIGTUNE_JOB_WAITING:
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("there is no migration to wait for"));
        break;
    default:
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          why ? _("the migration failed: %s")
                          : _("the migration failed, and QEMU does not say "
                              "why"), why);
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_QEMU_DESC,
                                    why);
    }

    return FALSE;
}

/* What is needed to wait. */
typedef struct {
    MigtuneDomain *domain;
    MigtuneJobFunc func;
    gpointer user_data;
    gint64 end_us;              /* 0: no end */
    guint poll_ms;
} JobWait;

/* TRUE once it has ended: @job tells how. */
static gboolean
job_poll(JobWait *wait, GCancellable *cancellable, MtJob *job,
         gboolean *ret_ended, GError **error)
{
    gint64 left_ms;

    mt_job_clear(job);
    if (!job_ask_again(wait->domain, cancellable, job, error))
        return FALSE;
    if (wait->func) {
        g_autoptr(JsonNode) info = job_to_json(wait->domain, job);

        wait->func(info, wait->user_data);
    }
    *ret_ended = job->state != MIGTUNE_JOB_ACTIVE;
    if (*ret_ended)
        return TRUE;

    left_ms = wait->end_us
        ? (wait->end_us - g_get_monotonic_time()) / 1000 : G_MAXINT64;
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

/* The caller does not want it any more: nothing stops this. */
static gboolean
job_cancel(JobWait *wait, MtJob *job, GError **error)
{
    MigtuneDomain *domain = wait->domain;
    MtExec *exec = &domain->exec;
    g_autoptr(GError) cause = NULL;
    gboolean ended = FALSE;

    wait->end_us = g_get_monotonic_time() + JOB_CANCEL_MS * 1000LL;
    wait->poll_ms = JOB_FIRST_POLL_MS;
    /* What was under way when it was cancelled has closed the connection. */
    if ((!job_command(domain, "migrate_cancel", NULL, NULL, &cause) &&
         !g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU) &&
         (!exec->reconnect(exec, NULL, error) ||
          !job_command(domain, "migrate_cancel", NULL, NULL, error))))
        return FALSE;
    while (!ended) {
        if (!job_poll(wait, NULL, job, &ended, error))
            return FALSE;
    }

    return TRUE;
}

gboolean
migtune_domain_wait_job(MigtuneDomain *domain, unsigned int timeout_ms,
                        MigtuneJobFunc func, gpointer user_data,
                        GError **error)
{
    JobWait wait = { domain, func, user_data, 0, JOB_FIRST_POLL_MS };
    g_autoptr(GError) cause = NULL;
    g_auto(MtJob) job = { NULL };
    gboolean ended = FALSE;

    g_return_val_if_fail(domain != NULL, FALSE);

    if (timeout_ms)
        wait.end_us = g_get_monotonic_time() + timeout_ms * 1000LL;
    while (!ended &&
           job_poll(&wait, domain->conn->cancellable, &job, &ended, &cause))
        continue;
    if (!ended &&
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED)) {
        g_clear_error(&cause);
        ended = job_cancel(&wait, &job, &cause);
    }
    if (ended)
        return job_end(&job, error);
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT) &&
        job.status) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("what became of the migration is not known: %s"),
                      cause->message);

    return FALSE;
}
