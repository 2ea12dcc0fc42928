/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public functions about policies and the simulator; see
 * migtune-converge.h.
 */
#include "config.h"

#include "converge/import/import.h"
#include "converge/scene.h"
#include "record/record.h"
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/json.h"
#include "migtune/migtune-error.h"

G_DEFINE_BOXED_TYPE(MigtunePolicy, migtune_policy, migtune_policy_ref,
                    migtune_policy_unref)

char **
migtune_policy_list(void)
{
    char **names = g_new0(char *, mt_policy_n() + 1);

    for (guint i = 0; i < mt_policy_n(); i++)
        names[i] = g_strdup(mt_policy_get(i)->name);
    return names;
}

const char *
migtune_policy_describe(const char *name)
{
    const MtPolicyClass *policy = mt_policy_find(name, NULL);

    return policy ? _(policy->help) : NULL;
}

MigtunePolicy *
migtune_policy_new(const char *name, GError **error)
{
    MtPolicyConfig config;
    MigtunePolicy *policy;

    if (!mt_policy_config_init(&config, name, error))
        return NULL;

    policy = g_new0(MigtunePolicy, 1);
    g_atomic_ref_count_init(&policy->refs);
    policy->name = g_strdup(name);
    policy->config = config;
    policy->findings = mt_findings_new();
    return policy;
}

MigtunePolicy *
migtune_policy_import(const char *path, const char *const *select,
                      GError **error)
{
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;
    g_autofree char *base = g_path_get_basename(path);
    MtPolicyConfig config = { 0 };
    MtImport import = {
        .file = path,
        .select = select,
        .config = &config,
        .findings = findings,
    };
    MigtunePolicy *policy;

    if (!g_file_get_contents(path, &text, &import.length, &cause)) {
        g_autofree char *why = mt_foreign_text(cause);

        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot read '%s': %s"),
                          path, why);
        return NULL;
    }
    import.text = text;
    if (!mt_import(&import)) {
        mt_findings_check(findings, error);
        return NULL;
    }

    policy = g_new0(MigtunePolicy, 1);
    g_atomic_ref_count_init(&policy->refs);
    policy->name = g_strdup_printf("%s:%s", config.policy->name, base);
    policy->file = g_strdup(path);
    policy->config = config;
    policy->findings = g_steal_pointer(&findings);
    return policy;
}

void
migtune_policy_set_limits(MigtunePolicy *policy, guint64 max_downtime_ms,
                          guint64 deadline_ms, unsigned int allow)
{
    policy->max_downtime_ms = MIN(max_downtime_ms, MT_DOWNTIME_MAX_MS);
    policy->deadline_ms = MIN(deadline_ms, G_MAXINT64);
    if (policy->config.policy == &mt_policy_steady) {
        MtSteadyConfig *steady = &policy->config.steady;

        if (max_downtime_ms)
            steady->max_downtime_ms = policy->max_downtime_ms;
        steady->downtime_ms = MIN(steady->downtime_ms,
                                  steady->max_downtime_ms);
        steady->deadline_ms = policy->deadline_ms;
        steady->allow_postcopy = allow & MIGTUNE_POLICY_ALLOW_POSTCOPY;
        steady->allow_throttle = allow & MIGTUNE_POLICY_ALLOW_THROTTLE;
        steady->allow_pause = allow & MIGTUNE_POLICY_ALLOW_PAUSE;
    }
}

MigtunePolicy *
migtune_policy_ref(MigtunePolicy *policy)
{
    g_atomic_ref_count_inc(&policy->refs);
    return policy;
}

void
migtune_policy_unref(MigtunePolicy *policy)
{
    if (!policy || !g_atomic_ref_count_dec(&policy->refs))
        return;

    g_free(policy->name);
    g_free(policy->file);
    mt_findings_free(policy->findings);
    g_free(policy);
}

const char *
migtune_policy_get_name(MigtunePolicy *policy)
{
    return policy->name;
}

static gboolean
policy_vdsm_has_postcopy(const MtVdsmConfig *vdsm)
{
    for (guint i = 0; i < vdsm->n_items; i++) {
        if (vdsm->items[i].act == MT_ACT_POSTCOPY)
            return TRUE;
    }
    return FALSE;
}

gboolean
migtune_policy_needs_postcopy(MigtunePolicy *policy)
{
    const MtPolicyConfig *config = &policy->config;

    if (config->policy == &mt_policy_nova)
        return config->nova.permit_postcopy;
    if (config->policy == &mt_policy_vdsm)
        return policy_vdsm_has_postcopy(&config->vdsm);
    if (config->policy == &mt_policy_kubevirt ||
        config->policy == &mt_policy_kubevirt_stall)
        return config->kubevirt.allow_postcopy;
    return FALSE;
}

JsonNode *
migtune_policy_to_json(MigtunePolicy *policy)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "name", policy->name);
    json_object_set_string_member(object, "policy",
                                  policy->config.policy->name);
    mt_json_set_text(object, "file", policy->file);
    json_object_set_object_member(object, "settings",
                                  mt_policy_config_to_json(&policy->config));
    json_object_set_array_member(object, "findings",
                                 mt_findings_to_json(policy->findings));
    return mt_json_node_new_object(object);
}

gboolean
mt_act_has_value(MtAct act)
{
    return act == MT_ACT_SET_DOWNTIME || act == MT_ACT_SET_BANDWIDTH ||
           act == MT_ACT_THROTTLE || act == MT_ACT_SET_DEADLINE;
}

JsonObject *
mt_decision_to_json(const MtDecision *decision, const char *policy)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "policy", policy);
    json_object_set_int_member(object, "time_ms", decision->time_ms);
    json_object_set_string_member(object, "action",
                                  mt_act_to_string(decision->act));
    if (mt_act_has_value(decision->act) || decision->value)
        json_object_set_int_member(object, "value",
                                   MIN(decision->value, G_MAXINT64));
    else
        json_object_set_null_member(object, "value");
    json_object_set_string_member(object, "code", decision->code);
    json_object_set_string_member(object, "reason", decision->reason);
    return object;
}

/* Nova and KubeVirt repeat an action at each poll; the first decisions
 * suffice. */
#define SIMULATE_MAX_DECISIONS 1000

typedef struct {
    const char *policy;
    JsonArray *decisions;
} Simulated;

static gboolean
simulate_act(const MtDecision *decision, gpointer data)
{
    Simulated *self = data;

    if (json_array_get_length(self->decisions) < SIMULATE_MAX_DECISIONS)
        json_array_add_object_element(
            self->decisions, mt_decision_to_json(decision, self->policy));
    return TRUE;
}

static JsonObject *
simulate_one(const MtScene *scene, MigtunePolicy *policy)
{
    Simulated self = { policy->name, json_array_new() };
    JsonObject *object = json_object_new();
    MtSimResult result;

    mt_simulate(&scene->scene, &policy->config, simulate_act, &self, &result);
    json_object_set_string_member(object, "scenario", scene->name);
    json_object_set_string_member(object, "policy", policy->name);
    json_object_set_string_member(object, "outcome",
                                  mt_sim_outcome_to_string(result.outcome));
    json_object_set_int_member(object, "total_ms", result.seconds * 1000);
    json_object_set_int_member(object, "downtime_ms", result.downtime * 1000);
    json_object_set_int_member(object, "transferred",
                               MIN(result.bytes, 9e18));
    json_object_set_int_member(object, "passes", result.n_passes);
    json_object_set_int_member(object, "downtime_limit_ms",
                               result.downtime_ms);
    json_object_set_array_member(object, "decisions", self.decisions);
    return object;
}

JsonNode *
migtune_simulate(const char *path, MigtunePolicy *const *policies,
                 GError **error)
{
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(GPtrArray) scenes = NULL;
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;
    JsonObject *object;
    JsonArray *results;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &cause)) {
        g_autofree char *why = mt_foreign_text(cause);

        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot read '%s': %s"),
                          path, why);
        return NULL;
    }
    scenes = mt_scenes_parse(text, length, path, findings);
    if (!mt_findings_check(findings, error))
        return NULL;

    results = json_array_new();
    for (guint i = 0; i < scenes->len; i++) {
        for (guint j = 0; policies[j]; j++)
            json_array_add_object_element(
                results, simulate_one(g_ptr_array_index(scenes, i),
                                      policies[j]));
    }
    object = json_object_new();
    json_object_set_string_member(object, "file", path);
    json_object_set_array_member(object, "results", results);
    json_object_set_array_member(object, "findings",
                                 mt_findings_to_json(findings));
    return mt_json_node_new_object(object);
}
