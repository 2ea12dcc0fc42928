/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's job of a domain as QEMU's query-migrate reports a migration.
 */
#include "config.h"

#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-libvirt"

#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"
#include "util/json-peek.h"

typedef enum {
    JOB_NUMBER,                 /* the same number in both */
    JOB_MBPS,                   /* bytes a second to megabits a second */
} JobUnit;

/* A member of query-migrate and the typed parameter that it comes from. */
static const struct {
    const char *param;
    const char *parent;         /* an object within; NULL: none */
    const char *member;
    JobUnit unit;
} job_members[] = {
    { VIR_DOMAIN_JOB_TIME_ELAPSED, NULL, "total-time", JOB_NUMBER },
    { VIR_DOMAIN_JOB_SETUP_TIME, NULL, "setup-time", JOB_NUMBER },
    { VIR_DOMAIN_JOB_DOWNTIME, NULL, "downtime", JOB_NUMBER },
    { VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, NULL,
      "cpu-throttle-percentage", JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_TOTAL, "ram", "total", JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_PROCESSED, "ram", "transferred", JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_REMAINING, "ram", "remaining", JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_CONSTANT, "ram", "duplicate", JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_NORMAL, "ram", "normal", JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_NORMAL_BYTES, "ram", "normal-bytes",
      JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_BPS, "ram", "mbps", JOB_MBPS },
    { VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, "ram", "dirty-pages-rate",
      JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, "ram", "page-size", JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_ITERATION, "ram", "dirty-sync-count",
      JOB_NUMBER },
    { VIR_DOMAIN_JOB_MEMORY_POSTCOPY_REQS, "ram", "postcopy-requests",
      JOB_NUMBER },
    { VIR_DOMAIN_JOB_COMPRESSION_CACHE, "xbzrle-cache", "cache-size",
      JOB_NUMBER },
    { VIR_DOMAIN_JOB_COMPRESSION_BYTES, "xbzrle-cache", "bytes", JOB_NUMBER },
    { VIR_DOMAIN_JOB_COMPRESSION_PAGES, "xbzrle-cache", "pages", JOB_NUMBER },
    { VIR_DOMAIN_JOB_COMPRESSION_CACHE_MISSES, "xbzrle-cache", "cache-miss",
      JOB_NUMBER },
    { VIR_DOMAIN_JOB_COMPRESSION_OVERFLOW, "xbzrle-cache", "overflow",
      JOB_NUMBER },
};

/* QEMU's status for libvirt's type of a job; NULL: no migration. */
static const char *const job_statuses[] = {
    [VIR_DOMAIN_JOB_NONE] = NULL,
    [VIR_DOMAIN_JOB_BOUNDED] = "active",
    [VIR_DOMAIN_JOB_UNBOUNDED] = "active",
    [VIR_DOMAIN_JOB_COMPLETED] = "completed",
    [VIR_DOMAIN_JOB_FAILED] = "failed",
    [VIR_DOMAIN_JOB_CANCELLED] = "cancelled",
};

/* A member of the answer within the driver: whether libvirt's job is a migration
 * to another host. */
#define JOB_IS_OUTGOING "migtune-outgoing"

/* A job and its statistics. */
typedef struct {
    int type;
    int operation;
    virTypedParameterPtr params;
    int n_params;
} LvJob;

static gboolean
job_read(virDomainPtr domain, unsigned int flags, LvJob *job)
{
    memset(job, 0, sizeof(*job));
    if (virDomainGetJobStats(domain, &job->type, &job->params, &job->n_params,
                             flags) < 0)
        return FALSE;
    virTypedParamsGetInt(job->params, job->n_params, VIR_DOMAIN_JOB_OPERATION,
                         &job->operation);

    return TRUE;
}

static void
job_clear(LvJob *job)
{
    virTypedParamsFree(job->params, job->n_params);
}

static gboolean
job_is_migration(const LvJob *job)
{
    return job->type != VIR_DOMAIN_JOB_NONE &&
           (job->operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN ||
            job->operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT);
}

/* The states of a guest during an incoming migration.  The first one is also that
 * of a guest that leaves, for a moment. */
static const struct {
    int state;
    int reason;
} job_incoming[] = {
    { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION },
    { VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY },
    { VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED },
};

/* Only the host that the guest leaves has a job with statistics.  On the other
 * one, libvirt reports none or refuses to report it. */
gboolean
lv_job_find_incoming(virDomainPtr domain, gboolean *ret_incoming)
{
    gboolean incoming = FALSE;
    int state = 0;
    int reason = 0;
    LvJob job;

    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(job_incoming) && !incoming; i++)
        incoming = job_incoming[i].state == state &&
                   job_incoming[i].reason == reason;
    if (incoming && job_read(domain, 0, &job)) {
        incoming = job.type == VIR_DOMAIN_JOB_NONE;
        job_clear(&job);
    } else if (incoming && (lv_error_is_loss() ||
                            virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)) {
        return FALSE;
    }
    g_debug("state %d, reason %d: %s", state, reason,
            incoming ? "an incoming migration" : "no incoming migration");
    *ret_incoming = incoming;

    return TRUE;
}

gboolean
lv_job_is_migrating(virDomainPtr domain)
{
    gboolean migrates = FALSE;
    LvJob job;

    if (job_read(domain, 0, &job)) {
        migrates = job_is_migration(&job);
        job_clear(&job);
    }

    return migrates ||
           (lv_job_find_incoming(domain, &migrates) && migrates);
}

gboolean
lv_job_blocks_changes(virDomainPtr domain)
{
    gboolean blocks;
    LvJob job;

    if (!job_read(domain, 0, &job))
        return FALSE;
    blocks = job.type != VIR_DOMAIN_JOB_NONE &&
             job.operation != VIR_DOMAIN_JOB_OPERATION_BACKUP;
    job_clear(&job);

    return blocks;
}

/* The object @name within @object, which is created if it is absent. */
static JsonObject *
job_child(JsonObject *object, const char *name)
{
    if (!name)
        return object;
    if (!json_object_has_member(object, name))
        json_object_set_object_member(object, name, json_object_new());

    return json_object_get_object_member(object, name);
}

static gboolean
job_get_number(const LvJob *job, const char *name, guint64 *ret)
{
    unsigned long long large;
    int small;

    if (virTypedParamsGetULLong(job->params, job->n_params, name, &large) > 0)
        *ret = large;
    else if (virTypedParamsGetInt(job->params, job->n_params, name,
                                  &small) > 0 && small >= 0)
        *ret = small;
    else
        return FALSE;

    return TRUE;
}

static void
job_add_members(const LvJob *job, JsonObject *object)
{
    for (gsize i = 0; i < G_N_ELEMENTS(job_members); i++) {
        JsonObject *parent;
        guint64 number;

        if (!job_get_number(job, job_members[i].param, &number))
            continue;
        parent = job_child(object, job_members[i].parent);
        if (job_members[i].unit == JOB_MBPS)
            json_object_set_double_member(parent, job_members[i].member,
                                          number * 8 / 1e6);
        else
            json_object_set_member(parent, job_members[i].member,
                                   mt_json_node_new_uint64(number));
    }
}

/* Post-copy as libvirt shows it in the state of the domain; NULL: not begun. */
static const char *
job_postcopy_status(virDomainPtr domain)
{
    static const struct {
        int state;
        int reason;
        const char *status;
    } rows[] = {
        { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, "postcopy-active" },
        { VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY, "postcopy-active" },
        { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
          "postcopy-paused" },
        { VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED,
          "postcopy-paused" },
    };
    int state = 0;
    int reason = 0;

    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].state == state && rows[i].reason == reason)
            return rows[i].status;
    }

    return NULL;
}

/* The status of a job.  A type that is not known is a stage of a job that is
 * running. */
static const char *
job_status(const LvJob *job, const char *postcopy)
{
    const char *status =
        job->type >= 0 && job->type < (int)G_N_ELEMENTS(job_statuses)
            ? job_statuses[job->type]
            : "active";

    return g_strcmp0(status, "active") == 0 && postcopy ? postcopy : status;
}

JsonNode *
lv_job_to_migration(virDomainPtr domain, GError **error)
{
    JsonObject *object = json_object_new();
    g_autoptr(GError) failure = NULL;
    const char *postcopy;
    gboolean found;
    LvJob job;

    /* A guest that is not defined is unknown as soon as it has ended. */
    if (!job_read(domain, 0, &job)) {
        lv_error_take(&failure, LV_TO_QUERY, _("cannot read the job"));
        if (lv_error_is_loss() || virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) {
            g_propagate_error(error, g_steal_pointer(&failure));
            json_object_unref(object);
            return NULL;
        }
        if (virGetLastErrorCode() != VIR_ERR_OPERATION_INVALID)
            g_clear_error(&failure);
    }
    found = job.type != VIR_DOMAIN_JOB_NONE;
    if (!found) {
        job_clear(&job);
        found = job_read(domain, VIR_DOMAIN_JOB_STATS_COMPLETED |
                                     VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED,
                         &job) && job_is_migration(&job);
    }
    /* The guest does not run.  Its migration may have ended it, and libvirt
     * shows the result a moment later. */
    if (!found && failure) {
        job_clear(&job);
        g_propagate_error(error, g_steal_pointer(&failure));
        json_object_unref(object);
        return NULL;
    }
    postcopy = job_postcopy_status(domain);
    /* After a failure in post-copy, libvirt has no job until post-copy is
     * resumed. */
    if (found || g_strcmp0(postcopy, "postcopy-paused") == 0) {
        json_object_set_string_member(
            object, "status",
            g_strcmp0(postcopy, "postcopy-paused") == 0
                ? postcopy
                : job_status(&job, postcopy));
        job_add_members(&job, object);
    }
    json_object_set_boolean_member(
        object, JOB_IS_OUTGOING,
        job.operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT);
    job_clear(&job);

    return mt_json_node_new_object(object);
}

static void
job_set_result(JsonObject *answer, const char *status)
{
    json_object_set_string_member(answer, "status", status);
    if (strcmp(status, "failed") == 0)
        json_object_set_string_member(
            answer, "error-desc",
            _("libvirt has ended the migration and does not report whether it "
              "failed or was cancelled"));
}

/* libvirt has no job of a migration to another host. */
static void
job_remember_none(LvMigration *migration, const char *status,
                  JsonNode *answer)
{
    if (migration->runs)
        migration->ended = migration->aborted ? "cancelled" : "failed";
    migration->runs = FALSE;
    migration->aborted = FALSE;
    if (!migration->ended ||
        (status && strcmp(status, "completed") != 0))
        return;

    /* The job that is completed brought the guest to this host. */
    if (status)
        json_node_take_object(answer, json_object_new());
    job_set_result(json_node_get_object(answer), migration->ended);
}

/* Takes note of one answer to query-migrate. */
static void
job_remember_answer(LvMigration *migration, JsonNode *answer)
{
    JsonObject *object = json_node_get_object(answer);
    const char *status = mt_json_peek_string(object, "status");
    gboolean outgoing, ended;

    /* QEMU has answered itself. */
    if (!json_object_has_member(object, JOB_IS_OUTGOING))
        return;

    outgoing = json_object_get_boolean_member(object, JOB_IS_OUTGOING);
    json_object_remove_member(object, JOB_IS_OUTGOING);
    if (status && !outgoing && g_str_has_prefix(status, "postcopy"))
        return;
    if (!status || !outgoing) {
        job_remember_none(migration, status, answer);
        return;
    }

    ended = strcmp(status, "completed") == 0 ||
            strcmp(status, "cancelled") == 0 || strcmp(status, "failed") == 0;
    if (ended || !migration->runs)
        migration->aborted = FALSE;
    migration->runs = !ended;
    migration->ended = ended && strcmp(status, "completed") != 0
        ? g_intern_string(status) : NULL;
}

void
lv_job_remember(LvMigration *migration, MigtuneDriverCommand *commands,
                guint n_commands)
{
    for (guint i = 0; i < n_commands; i++) {
        MigtuneDriverCommand *command = &commands[i];

        if (!command->answered || command->error)
            continue;
        if (strcmp(command->name, "migrate_cancel") == 0)
            migration->aborted = TRUE;
        else if (strcmp(command->name, "query-migrate") == 0 &&
                 JSON_NODE_HOLDS_OBJECT(command->result))
            job_remember_answer(migration, command->result);
    }
}

JsonNode *
lv_job_new_completed(virDomainPtr domain)
{
    JsonObject *object = json_object_new();
    LvJob job;

    json_object_set_string_member(object, "status", "completed");
    if (domain && job_read(domain, VIR_DOMAIN_JOB_STATS_COMPLETED |
                                       VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED,
                           &job)) {
        if (job.type == VIR_DOMAIN_JOB_COMPLETED && job_is_migration(&job))
            job_add_members(&job, object);
        job_clear(&job);
    }

    return mt_json_node_new_object(object);
}
