/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replaying a trace: see replay.h.
 */
#include "config.h"

#include "record/record.h"
#include "record/replay.h"
#include "util/i18n.h"
#include "util/json.h"

typedef struct {
    MtPolicyAct act;
    gpointer data;
    gboolean aborted;
} Replay;

static gboolean
replay_act(const MtDecision *decision, gpointer data)
{
    Replay *self = data;
    gboolean ok;

    if (self->aborted)
        return TRUE;
    ok = self->act(decision, self->data);
    self->aborted = ok && decision->act == MT_ACT_ABORT;
    return ok;
}

/* The guest of a trace; the size of its RAM is in the samples. */
static void
replay_get_guest(const MtTrace *trace, MtPolicyGuest *ret_guest)
{
    *ret_guest = (MtPolicyGuest){ .postcopy = TRUE };
    for (guint i = 0; i < trace->samples->len && !ret_guest->ram_bytes; i++)
        ret_guest->ram_bytes =
            g_array_index(trace->samples, MtTraceSample, i).sample.total;
}

gboolean
mt_replay(const MtTrace *trace, const MtPolicyConfig *config, MtPolicyAct act,
          gpointer data)
{
    Replay self = { act, data, FALSE };
    MtPolicyConfig used = *config;
    MtPolicyGuest guest;
    g_autoptr(MtPolicyRun) run = NULL;
    gint64 end_ms = 0;
    guint pass = 0;

    if (config->policy == &mt_policy_kubevirt_stall && !trace->passes->len)
        used.policy = &mt_policy_kubevirt;
    replay_get_guest(trace, &guest);
    run = mt_policy_run_new(&used, &guest, replay_act, &self);
    mt_policy_run_start(run);
    for (guint i = 0; i <= trace->samples->len && !self.aborted; i++) {
        for (; pass < trace->passes->len; pass++) {
            const MtTracePass *event =
                &g_array_index(trace->passes, MtTracePass, pass);

            if (event->after > i)
                break;
            mt_policy_run_pass(run, event->time_ms, event->pass);
            end_ms = MAX(end_ms, event->time_ms);
        }
        if (i < trace->samples->len) {
            const MtSample *sample =
                &g_array_index(trace->samples, MtTraceSample, i).sample;

            mt_policy_run_sample(run, sample);
            end_ms = MAX(end_ms, sample->time_ms);
        }
    }
    if (!self.aborted)
        mt_policy_run_advance(run, end_ms);
    return used.policy == config->policy;
}

/* Nova and KubeVirt repeat an action at each poll. */
#define REPLAY_MAX_DECISIONS 10000

typedef struct {
    const char *policy;
    JsonArray *decisions;
    guint n;
} Replayed;

static gboolean
replay_add(const MtDecision *decision, gpointer data)
{
    Replayed *self = data;

    if (self->n++ < REPLAY_MAX_DECISIONS)
        json_array_add_object_element(
            self->decisions, mt_decision_to_json(decision, self->policy));
    return TRUE;
}

JsonNode *
migtune_replay(const char *path, MigtunePolicy *const *policies,
               GError **error)
{
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(MtTrace) trace = mt_trace_read(path, findings, error);
    JsonObject *object;
    JsonArray *decisions;

    if (!trace)
        return NULL;

    decisions = json_array_new();
    for (guint i = 0; policies[i]; i++) {
        Replayed self = { policies[i]->name, decisions };

        if (!mt_replay(trace, &policies[i]->config, replay_add, &self))
            mt_findings_add(findings, MT_FINDING_WARNING, "no-pass-events",
                            path, 0,
                            _("the trace has no pass events: as KubeVirt "
                              "does, 'kubevirt' was used instead of "
                              "'kubevirt-stall'"));
        if (self.n > REPLAY_MAX_DECISIONS)
            mt_findings_add(findings, MT_FINDING_WARNING, "many-decisions",
                            path, 0,
                            _("%s: only the first %d of %u decisions are "
                              "shown"), self.policy, REPLAY_MAX_DECISIONS,
                            self.n);
    }
    object = json_object_new();
    json_object_set_string_member(object, "file", trace->name);
    json_object_set_int_member(object, "samples", trace->samples->len);
    json_object_set_int_member(object, "passes", trace->passes->len);
    json_object_set_array_member(object, "decisions", decisions);
    json_object_set_array_member(object, "findings",
                                 mt_findings_to_json(findings));
    return mt_json_node_new_object(object);
}
