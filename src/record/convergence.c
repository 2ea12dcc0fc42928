/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A running migration with its policies and its trace.
 *
 * The caller polls the migration and passes each result.  Decisions of the
 * acting policy are returned to the caller; decisions of the other policies (in
 * shadow) are only recorded.  This code sends nothing to a guest.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "record/convergence.h"
#include "record/metrics.h"
#include "record/record.h"
#include "util/i18n.h"
#include "util/json.h"
#include "migtune/migtune-error.h"

/* Nova repeats an action twice a second; the trace contains each decision. */
#define CONVERGENCE_MAX_DECISIONS 10000

/* The least time between two writes of the metrics. */
#define CONVERGENCE_METRICS_MS 1000

/* A policy of the migration. */
typedef struct {
    struct _MigtuneConvergence *convergence;
    MigtunePolicy *policy;
    gboolean acts;              /* else it runs in shadow */
    gboolean over;              /* it has aborted or switched to post-copy */
    MtPolicyRun *run;           /* NULL until the size of the guest is known */
} Follower;

struct _MigtuneConvergence {
    gatomicrefcount refs;
    GPtrArray *followers;
    FILE *record;               /* NULL: no trace */
    char *path;
    char *metrics;              /* NULL: no metrics */
    char *domain;
    gboolean postcopy;          /* post-copy is available */
    guint64 disk_bytes;         /* of the disks that are copied */
    gboolean started;
    int error;                  /* errno of the trace; 0: none */

    MtTraceSample last;
    gboolean seen;
    gint64 metrics_ms;          /* when they were last written; -1: never */
    JsonArray *decisions;
    guint n_decisions;
    MtConvergenceFunc func;     /* NULL: none */
    gpointer func_data;

    /* While migtune_convergence_follow() runs. */
    MigtuneConvergenceAct act;
    gpointer data;
};

static MigtuneConvergence *
convergence_ref(MigtuneConvergence *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

G_DEFINE_BOXED_TYPE(MigtuneConvergence, migtune_convergence, convergence_ref,
                    migtune_convergence_free)

static void
follower_free(gpointer data)
{
    Follower *follower = data;

    mt_policy_run_free(follower->run);
    migtune_policy_unref(follower->policy);
    g_free(follower);
}

static void
convergence_add(MigtuneConvergence *self, MigtunePolicy *policy, gboolean acts)
{
    Follower *follower = g_new0(Follower, 1);

    follower->convergence = self;
    follower->policy = migtune_policy_ref(policy);
    follower->acts = acts;
    g_ptr_array_add(self->followers, follower);
}

static void
convergence_write(MigtuneConvergence *self, JsonObject *object)
{
    g_autofree char *line = NULL;

    if (!self->record)
        return;
    line = mt_json_object_to_line(object);
    /* Write whole lines: a reader of the growing file never sees half a
     * line. */
    if (fprintf(self->record, "%s\n", line) < 0 || fflush(self->record) != 0)
        self->error = self->error ? self->error : errno;
}

MigtuneConvergence *
migtune_convergence_new(const char *domain, MigtunePolicy *policy,
                        MigtunePolicy *const *shadows, const char *record,
                        const char *metrics, GError **error)
{
    MigtuneConvergence *self = g_new0(MigtuneConvergence, 1);

    g_atomic_ref_count_init(&self->refs);
    self->followers = g_ptr_array_new_with_free_func(follower_free);
    self->decisions = json_array_new();
    self->domain = g_strdup(domain);
    self->metrics = g_strdup(metrics);
    self->metrics_ms = -1;
    if (policy)
        convergence_add(self, policy, TRUE);
    for (guint i = 0; shadows && shadows[i]; i++)
        convergence_add(self, shadows[i], FALSE);
    if (!record)
        return self;

    self->path = g_strdup(record);
    self->record = fopen(record, "we");
    if (!self->record) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot write '%s': %s"),
                          record, g_strerror(errno));
        migtune_convergence_free(self);
        return NULL;
    }
    return self;
}

void
migtune_convergence_free(MigtuneConvergence *self)
{
    if (!self || !g_atomic_ref_count_dec(&self->refs))
        return;

    if (self->record)
        fclose(self->record);
    g_ptr_array_unref(self->followers);
    json_array_unref(self->decisions);
    g_free(self->path);
    g_free(self->metrics);
    g_free(self->domain);
    g_free(self);
}

void
mt_convergence_set_func(MigtuneConvergence *self, MtConvergenceFunc func,
                        gpointer data)
{
    self->func = func;
    self->func_data = data;
}

void
migtune_convergence_start(MigtuneConvergence *self, JsonNode *details,
                          guint64 downtime_limit_ms, gboolean postcopy)
{
    g_autoptr(JsonObject) header = json_object_new();
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format_iso8601(now);
    JsonArray *policies = json_array_new();

    self->started = TRUE;
    self->postcopy = postcopy;
    self->last.downtime_limit_ms = downtime_limit_ms;
    json_object_set_string_member(header, "type", "header");
    json_object_set_int_member(header, "version", 1);
    json_object_set_string_member(header, "migtune", PACKAGE_VERSION);
    json_object_set_string_member(header, "time", time);
    json_object_set_string_member(header, "domain", self->domain);
    json_object_set_boolean_member(header, "postcopy", postcopy);
    for (guint i = 0; i < self->followers->len; i++) {
        Follower *follower = g_ptr_array_index(self->followers, i);
        g_autoptr(JsonNode) node = migtune_policy_to_json(follower->policy);

        json_object_set_boolean_member(json_node_get_object(node), "shadow",
                                       !follower->acts);
        json_array_add_element(policies, g_steal_pointer(&node));
    }
    json_object_set_array_member(header, "policies", policies);
    if (details)
        json_object_set_member(header, "details", json_node_copy(details));
    convergence_write(self, header);
}

static void
convergence_record(Follower *follower, const MtDecision *decision,
                   const char *result)
{
    MigtuneConvergence *self = follower->convergence;
    JsonObject *object = mt_decision_to_json(decision, follower->policy->name);

    json_object_set_string_member(object, "result", result);
    if (self->func)
        self->func(object, self->func_data);
    if (self->record) {
        g_autoptr(JsonObject) line = json_object_new();
        g_autoptr(GList) members = json_object_get_members(object);

        json_object_set_string_member(line, "type", "decision");
        for (GList *member = members; member; member = member->next)
            json_object_set_member(
                line, member->data,
                json_node_copy(json_object_get_member(object, member->data)));
        convergence_write(self, line);
    }
    if (json_array_get_length(self->decisions) < CONVERGENCE_MAX_DECISIONS)
        json_array_add_object_element(self->decisions, object);
    else
        json_object_unref(object);
}

static gboolean
convergence_act(const MtDecision *decision, gpointer data)
{
    Follower *follower = data;
    MigtuneConvergence *self = follower->convergence;
    guint64 max_ms = follower->policy->max_downtime_ms;
    const char *result = "shadow";
    gboolean ok = TRUE;

    if (follower->over)
        return TRUE;
    if (decision->act == MT_ACT_NOTE || decision->act == MT_ACT_SET_DEADLINE) {
        result = follower->acts ? "taken" : "shadow";
        if (follower->acts && self->act)
            self->act(mt_act_to_string(decision->act), decision->value,
                      decision->reason, self->data);
    } else if (follower->acts && max_ms &&
               decision->act == MT_ACT_SET_DOWNTIME &&
               decision->value > max_ms) {
        result = "refused";
        ok = FALSE;
    } else if (follower->acts) {
        ok = self->act && self->act(mt_act_to_string(decision->act),
                                    decision->value, decision->reason,
                                    self->data);
        result = ok ? "taken" : "failed";
        self->n_decisions += ok;
        if (ok && decision->act == MT_ACT_SET_DOWNTIME)
            self->last.downtime_limit_ms = decision->value;
    }
    follower->over = ok && (decision->act == MT_ACT_ABORT ||
                            decision->act == MT_ACT_POSTCOPY);
    convergence_record(follower, decision, result);
    return ok;
}

/* Enforces the caller's deadline, which only the policy "steady" knows. */
static void
convergence_check_deadline(Follower *follower, const MtSample *sample)
{
    guint64 deadline_ms = follower->policy->deadline_ms;
    MtDecision decision = {
        .time_ms = sample->time_ms,
        .act = MT_ACT_ABORT,
        .code = "deadline",
    };

    if (!deadline_ms || (guint64)sample->time_ms < deadline_ms ||
        sample->phase == MT_PHASE_POSTCOPY ||
        sample->phase == MT_PHASE_ENDED ||
        follower->policy->config.policy == &mt_policy_steady)
        return;

    g_snprintf(decision.reason, sizeof(decision.reason),
               _("the deadline of %" PRIu64 " s is reached"),
               deadline_ms / 1000);
    convergence_act(&decision, follower);
}

static void
follower_start(Follower *follower, const MtSample *sample)
{
    guint64 limit_ms = follower->convergence->last.downtime_limit_ms;
    MtPolicyConfig config = follower->policy->config;
    const MtPolicyGuest guest = {
        .ram_bytes = sample->total,
        .disk_bytes = follower->convergence->disk_bytes,
        .disk_gib = follower->convergence->disk_bytes ?
            mt_nova_disk_gib(follower->convergence->disk_bytes) : 0,
        .postcopy = !follower->acts || follower->convergence->postcopy,
    };

    /* The limit that the guest has, instead of QEMU's default. */
    if (config.policy == &mt_policy_steady && limit_ms) {
        config.steady.downtime_ms = limit_ms;
        if (!follower->policy->max_downtime_ms)
            config.steady.max_downtime_ms =
                MAX(config.steady.max_downtime_ms, limit_ms);
    }
    follower->run = mt_policy_run_new(&config, &guest, convergence_act,
                                      follower);
    mt_policy_run_start(follower->run);
}

/* Reads a sample from the statistics of a job. */
static void
convergence_read(MigtuneConvergence *self, gint64 time_ms, JsonObject *info)
{
    JsonArray *statistics = mt_json_peek_array(info, "statistics");
    const char *status = mt_json_peek_string(info, "status");
    const char *state = mt_json_peek_string(info, "state");
    guint64 page_size = 4096, dirty_pages = 0, elapsed = 0, throttle = 0;
    MtSample *sample = &self->last.sample;
    gint64 before_ms = sample->time_ms;
    const struct {
        const char *name;
        guint64 *place;
    } numbers[] = {
        { "time_elapsed", &elapsed },
        { "memory_total", &sample->total },
        { "memory_remaining", &sample->remaining },
        { "memory_processed", &sample->transferred },
        { "memory_bps", &sample->bandwidth },
        { "memory_iteration", &sample->pass },
        { "memory_dirty_rate", &dirty_pages },
        { "memory_page_size", &page_size },
        { "disk_total", &self->disk_bytes },
        { "auto_converge_throttle", &throttle },
    };

    for (guint i = 0; statistics && i < json_array_get_length(statistics);
         i++) {
        JsonObject *row = json_array_get_object_element(statistics, i);
        const char *name = mt_json_peek_string(row, "name");
        JsonNode *value = json_object_get_member(row, "value");

        for (guint j = 0; name && value && j < G_N_ELEMENTS(numbers); j++) {
            if (g_str_equal(numbers[j].name, name))
                mt_json_node_peek_uint64(value, numbers[j].place);
        }
    }
    sample->time_ms = MAX(elapsed ? (gint64)MIN(elapsed, G_MAXINT64) :
                          time_ms, before_ms);
    sample->dirty_rate = dirty_pages * page_size;
    sample->phase = mt_phase_from_status(status);
    sample->guest_paused = g_strcmp0(state, "paused") == 0;
    self->last.throttle = MIN(throttle, 100);
}

static void
convergence_write_sample(MigtuneConvergence *self, const char *status)
{
    const MtSample *sample = &self->last.sample;

    if (!self->record)
        return;
    /* The same text as of mt_json_to_line(), ten times faster. */
    if (fprintf(self->record,
                "{\"type\":\"sample\",\"time_ms\":%" PRId64
                ",\"status\":\"%s\",\"pass\":%" PRIu64 ",\"remaining\":%"
                PRIu64 ",\"total\":%" PRIu64 ",\"transferred\":%" PRIu64
                ",\"bandwidth\":%" PRIu64 ",\"dirty_rate\":%" PRIu64
                ",\"guest_paused\":%s,\"downtime_limit_ms\":%" PRIu64
                ",\"throttle\":%u}\n", sample->time_ms, status, sample->pass,
                sample->remaining, sample->total, sample->transferred,
                sample->bandwidth, sample->dirty_rate,
                sample->guest_paused ? "true" : "false",
                self->last.downtime_limit_ms, self->last.throttle) < 0 ||
        fflush(self->record) != 0)
        self->error = self->error ? self->error : errno;
}

static void
convergence_write_pass(MigtuneConvergence *self)
{
    if (self->record &&
        (fprintf(self->record, "{\"type\":\"pass\",\"time_ms\":%" PRId64
                 ",\"pass\":%" PRIu64 "}\n", self->last.sample.time_ms,
                 self->last.sample.pass) < 0 || fflush(self->record) != 0))
        self->error = self->error ? self->error : errno;
}

static void
convergence_write_metrics(MigtuneConvergence *self, const char *status,
                          double downtime_s)
{
    const MtMetricsRun run = {
        .domain = self->domain,
        .run = "",
        .status = status,
        .last = self->last,
        .downtime_s = downtime_s,
        .n_decisions = self->n_decisions,
    };
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;

    if (!self->metrics)
        return;
    text = mt_metrics_text(&run, 1);
    self->metrics_ms = self->last.sample.time_ms;
    /* The collector may run as another user. */
    if (!g_file_set_contents_full(self->metrics, text, -1,
                                  G_FILE_SET_CONTENTS_CONSISTENT, 0644,
                                  &cause))
        self->error = self->error ? self->error : EIO;
}

/* QEMU's statuses have no characters that JSON must escape; a status with
 * other characters is replaced by "unknown". */
static const char *
convergence_status(JsonObject *info)
{
    const char *status = mt_json_peek_string(info, "status");

    if (!status || strspn(status, "abcdefghijklmnopqrstuvwxyz-") !=
        strlen(status))
        return "unknown";
    return status;
}

void
migtune_convergence_follow(MigtuneConvergence *self, gint64 time_ms,
                           JsonNode *job_info, MigtuneConvergenceAct act,
                           gpointer user_data)
{
    JsonObject *info = json_node_get_object(job_info);
    const MtSample *sample = &self->last.sample;
    guint64 pass = sample->pass;
    gboolean seen = self->seen;
    MtPhase phase = mt_phase_from_status(convergence_status(info));

    if (!self->started)
        migtune_convergence_start(self, NULL, 0, FALSE);
    if (phase == MT_PHASE_ENDED)
        return;                 /* migtune_convergence_finish() records it */
    convergence_read(self, time_ms, info);
    if (!sample->total)
        return;                 /* QEMU is still setting up */

    self->seen = TRUE;
    self->act = act;
    self->data = user_data;
    convergence_write_sample(self, convergence_status(info));
    if (seen && sample->pass > pass)
        convergence_write_pass(self);
    for (guint i = 0; i < self->followers->len; i++) {
        Follower *follower = g_ptr_array_index(self->followers, i);

        if (!follower->run)
            follower_start(follower, sample);
        self->last.sample.downtime_ms = self->last.downtime_limit_ms;
        mt_policy_run_sample(follower->run, sample);
        if (seen && sample->pass > pass)
            mt_policy_run_pass(follower->run, sample->time_ms, sample->pass);
        mt_policy_run_advance(follower->run, sample->time_ms);
        convergence_check_deadline(follower, sample);
    }
    if (self->metrics_ms < 0 ||
        sample->time_ms >= self->metrics_ms + CONVERGENCE_METRICS_MS)
        convergence_write_metrics(self, convergence_status(info), -1);
    self->act = NULL;
}

/* If the migration was over before it could be followed, its end is the only
 * sample of the trace. */
static void
convergence_read_end(MigtuneConvergence *self, JsonObject *info)
{
    gboolean seen = self->seen;

    convergence_read(self, self->last.sample.time_ms, info);
    self->seen = self->last.sample.total > 0;
    if (!self->seen)
        return;
    if (self->last.sample.phase == MT_PHASE_ENDED &&
        g_str_equal(convergence_status(info), "completed"))
        self->last.sample.remaining = 0;
    if (!seen)
        convergence_write_sample(self, convergence_status(info));
}

gboolean
migtune_convergence_finish(MigtuneConvergence *self, JsonNode *job_info,
                           GError **error)
{
    g_autoptr(JsonObject) outcome = json_object_new();
    JsonObject *info = job_info ? json_node_get_object(job_info) : NULL;
    JsonArray *statistics = info ? mt_json_peek_array(info, "statistics") :
        NULL;
    const char *status = info ? convergence_status(info) : "unknown";
    static const struct {
        const char *name;
        const char *member;
    } members[] = {
        { "time_elapsed", "total_ms" },
        { "downtime", "downtime_ms" },
        { "memory_processed", "transferred" },
    };
    double downtime_s = -1;

    if (!self->started)
        migtune_convergence_start(self, NULL, 0, FALSE);
    if (info)
        convergence_read_end(self, info);
    json_object_set_string_member(outcome, "type", "outcome");
    json_object_set_int_member(outcome, "time_ms", self->last.sample.time_ms);
    json_object_set_string_member(outcome, "status", status);
    for (guint i = 0; statistics && i < json_array_get_length(statistics);
         i++) {
        JsonObject *row = json_array_get_object_element(statistics, i);
        const char *name = mt_json_peek_string(row, "name");
        JsonNode *value = json_object_get_member(row, "value");

        for (guint j = 0; value && j < G_N_ELEMENTS(members); j++) {
            if (g_strcmp0(name, members[j].name) == 0)
                json_object_set_member(outcome, members[j].member,
                                       json_node_copy(value));
        }
        if (value && g_strcmp0(name, "downtime") == 0)
            downtime_s = json_node_get_int(value) / 1000.0;
    }
    if (info)
        mt_json_set_text(outcome, "error", mt_json_peek_string(info, "error"));
    convergence_write(self, outcome);
    convergence_write_metrics(self, status, downtime_s);
    if (self->record && fclose(self->record) != 0)
        self->error = self->error ? self->error : errno;
    self->record = NULL;
    if (!self->error)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot write '%s': %s"),
                      self->path ? self->path : self->metrics,
                      g_strerror(self->error));
    return FALSE;
}

JsonNode *
migtune_convergence_get_decisions(MigtuneConvergence *self)
{
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);

    json_node_set_array(node, self->decisions);
    return node;
}
