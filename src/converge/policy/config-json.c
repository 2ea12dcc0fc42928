/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of a policy as JSON, with the member names of the program that
 * the policy comes from.
 */
#include "config.h"

#include "converge/policy/policy.h"

typedef enum {
    CONFIG_INT,
    CONFIG_BOOL,
    CONFIG_DOUBLE,
} ConfigType;

typedef struct {
    const char *name;
    ConfigType type;
    gsize offset;
} ConfigField;

#define NOVA(name, type, member) \
    { "live_migration_" name, type, G_STRUCT_OFFSET(MtNovaConfig, member) }

static const ConfigField nova_fields[] = {
    NOVA("downtime", CONFIG_INT, downtime_ms),
    NOVA("downtime_steps", CONFIG_INT, steps),
    NOVA("downtime_delay", CONFIG_INT, delay_s),
    NOVA("completion_timeout", CONFIG_INT, completion_s),
    NOVA("force_complete", CONFIG_BOOL, force_complete),
    NOVA("permit_post_copy", CONFIG_BOOL, permit_postcopy),
    { NULL }
};

#define KUBEVIRT(name, type, member) \
    { name, type, G_STRUCT_OFFSET(MtKubevirtConfig, member) }

static const ConfigField kubevirt_fields[] = {
    KUBEVIRT("completionTimeoutPerGiB", CONFIG_INT, completion_s_per_gb),
    KUBEVIRT("progressTimeout", CONFIG_INT, progress_s),
    KUBEVIRT("maxDowntimeMs", CONFIG_INT, max_downtime_ms),
    KUBEVIRT("allowPostCopy", CONFIG_BOOL, allow_postcopy),
    KUBEVIRT("allowWorkloadDisruption", CONFIG_BOOL, allow_disruption),
    KUBEVIRT("downtimeTuning", CONFIG_BOOL, tuning),
    KUBEVIRT("initialMs", CONFIG_INT, initial_ms),
    KUBEVIRT("steps", CONFIG_INT, steps),
    KUBEVIRT("startAfterIteration", CONFIG_INT, start_after_pass),
    KUBEVIRT("cooldownSeconds", CONFIG_INT, cooldown_s),
    KUBEVIRT("stallMargin", CONFIG_INT, margin_percent),
    KUBEVIRT("stallProgressTimeout", CONFIG_INT, stall_s),
    KUBEVIRT("switchoverTimeout", CONFIG_INT, switchover_s),
    KUBEVIRT("ewmaAlpha", CONFIG_DOUBLE, alpha),
    KUBEVIRT("precopyPossibleFactor", CONFIG_DOUBLE, possible_factor),
    KUBEVIRT("patienceWindowDecayFactor", CONFIG_DOUBLE, decay),
    KUBEVIRT("searchLocalMinima", CONFIG_BOOL, local_minima),
    KUBEVIRT("completionTimeoutFactor", CONFIG_DOUBLE, completion_factor),
    { NULL }
};

static const ConfigField proxmox_fields[] = {
    { "migrate_downtime_ms", CONFIG_INT,
      G_STRUCT_OFFSET(MtProxmoxConfig, downtime_ms) },
    { NULL }
};

#define STEADY(name, type, member) \
    { name, type, G_STRUCT_OFFSET(MtSteadyConfig, member) }

static const ConfigField steady_fields[] = {
    STEADY("downtime_ms", CONFIG_INT, downtime_ms),
    STEADY("max_downtime_ms", CONFIG_INT, max_downtime_ms),
    STEADY("deadline_ms", CONFIG_INT, deadline_ms),
    STEADY("allow_throttle", CONFIG_BOOL, allow_throttle),
    STEADY("allow_postcopy", CONFIG_BOOL, allow_postcopy),
    STEADY("allow_pause", CONFIG_BOOL, allow_pause),
    { NULL }
};

static void
config_add_fields(JsonObject *object, const ConfigField *fields,
                  const void *config)
{
    for (; fields->name; fields++) {
        const char *place = (const char *)config + fields->offset;

        switch (fields->type) {
        case CONFIG_INT:
            json_object_set_int_member(object, fields->name,
                                       *(const gint64 *)place);
            break;
        case CONFIG_BOOL:
            json_object_set_boolean_member(object, fields->name,
                                           *(const gboolean *)place);
            break;
        case CONFIG_DOUBLE:
            json_object_set_double_member(object, fields->name,
                                          *(const double *)place);
            break;
        }
    }
}

static JsonArray *
config_get_items(const MtVdsmItem *items, guint n, gboolean limits)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < n; i++) {
        JsonObject *item = json_object_new();

        if (limits)
            json_object_set_int_member(item, "limit", items[i].limit);
        json_object_set_string_member(item, "action",
                                      mt_act_to_string(items[i].act));
        if (items[i].act == MT_ACT_SET_DOWNTIME)
            json_object_set_int_member(item, "value", items[i].value);
        json_array_add_object_element(array, item);
    }

    return array;
}

JsonObject *
mt_policy_config_to_json(const MtPolicyConfig *config)
{
    JsonObject *object = json_object_new();

    if (config->policy == &mt_policy_nova) {
        config_add_fields(object, nova_fields, &config->nova);
        if (config->nova.flavor_gib > 0)
            json_object_set_double_member(object, "flavor_gib",
                                          config->nova.flavor_gib);
        if (config->nova.disk_gib > 0)
            json_object_set_double_member(object, "disk_gib",
                                          config->nova.disk_gib);
    } else if (config->policy == &mt_policy_kubevirt ||
               config->policy == &mt_policy_kubevirt_stall) {
        config_add_fields(object, kubevirt_fields, &config->kubevirt);
    } else if (config->policy == &mt_policy_proxmox) {
        config_add_fields(object, proxmox_fields, &config->proxmox);
    } else if (config->policy == &mt_policy_steady) {
        config_add_fields(object, steady_fields, &config->steady);
    } else if (config->policy == &mt_policy_vdsm) {
        json_object_set_int_member(object, "interval_ms",
                                   config->vdsm.interval_ms);
        json_object_set_array_member(
            object, "init", config_get_items(config->vdsm.init,
                                             config->vdsm.n_init, FALSE));
        json_object_set_array_member(
            object, "stalling", config_get_items(config->vdsm.items,
                                                 config->vdsm.n_items, TRUE));
    }
    return object;
}
