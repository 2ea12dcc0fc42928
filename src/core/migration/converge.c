/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out the decisions of a convergence policy on a guest.
 *
 * The policies and the trace are those of MigtuneConvergence, which sends
 * nothing.  Here each action becomes a call for the guest, and what an action
 * has changed is restored if the guest stays on the source.
 *
 * For a guest of libvirt only functions of libvirt are used, also if the
 * connection could use QEMU's monitor: a monitor command would mark the guest
 * as tainted.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/converge.h"
#include "record/convergence.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* The settings that actions change. */
typedef enum {
    STEERING_DOWNTIME,
    STEERING_BANDWIDTH,
    STEERING_THROTTLE_MAX,
    STEERING_THROTTLE_INITIAL,
    STEERING_N_SETTINGS,
} SteeringSetting;

static const struct {
    const char *name;
    MtParamId id;
    gboolean libvirt;           /* libvirt has a function for it */
    guint64 unit;               /* of QEMU's value in migtune's unit */
} steering_settings[STEERING_N_SETTINGS] = {
    { "downtime", MT_PARAM_DOWNTIME_LIMIT, TRUE, 1 },
    { "bandwidth", MT_PARAM_MAX_BANDWIDTH, TRUE, 1 << 20 },
    { "auto_converge.max", MT_PARAM_MAX_CPU_THROTTLE, FALSE, 1 },
    { "auto_converge.initial", MT_PARAM_CPU_THROTTLE_INITIAL, FALSE, 1 },
};

struct _MigtuneSteering {
    MigtuneConvergence *convergence;
    MigtunePolicy *policy;      /* that acts; NULL: none */
    MigtuneMigration *migration; /* NULL: the source is used directly */
    MigtuneSteeringFunc func;
    gpointer func_data;

    MtSet *former;              /* values to restore; NULL: not known */
    JsonObject *former_libvirt; /* the same of a guest of libvirt */
    gboolean changed[STEERING_N_SETTINGS];
    gboolean enabled_postcopy;  /* the capability was turned on */
    unsigned int done;          /* MigtuneSteeringDone */
    gboolean started;
    gint64 start_us;

    /* Only valid during migtune_steering_follow(). */
    MigtuneDomain *source;
    JsonNode *info;
    GCancellable *cancellable;
    GError *failure;            /* of the last action */
};

static gboolean
steering_is_libvirt(MigtuneDomain *source)
{
    return (source->conn->driver->features & MIGTUNE_DRIVER_LIBVIRT) != 0;
}

/*
 * Settings
 */

/* Returns the value of a setting; NULL if it is not known. */
static JsonNode *
steering_find(JsonNode *report, const char *name)
{
    JsonArray *rows =
        report ? mt_json_peek_array(json_node_get_object(report), "parameters")
               : NULL;

    for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        JsonNode *value = json_object_get_member(row, "value");

        if (g_strcmp0(mt_json_peek_string(row, "name"), name) == 0)
            return value && JSON_NODE_HOLDS_VALUE(value) ? value : NULL;
    }

    return NULL;
}

/* QEMU's parameters as libvirt's functions report them; NULL if they are not
 * known. */
static JsonObject *
steering_ask_libvirt(MigtuneDomain *source, GCancellable *cancellable)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(source, cancellable, NULL);
    g_autoptr(JsonNode) now =
        hold ? mt_exec_one(&source->look, "query-migrate-parameters", NULL,
                           cancellable, NULL)
             : NULL;

    return now && JSON_NODE_HOLDS_OBJECT(now) ? json_node_dup_object(now)
                                              : NULL;
}

/* Reads the downtime limit, and whether post-copy is switched on.  Returns the
 * report about both; NULL if there is none. */
static JsonNode *
steering_read(MigtuneSteering *steering, MigtuneDomain *source,
              GCancellable *cancellable, guint64 *ret_downtime_ms,
              gboolean *ret_postcopy)
{
    static const char *const names[] = { "downtime", "postcopy", NULL };
    gboolean libvirt = steering_is_libvirt(source);
    g_autoptr(JsonNode) report =
        !libvirt || source->conn->options.no_monitor
            ? migtune_domain_report(source, names, 0, cancellable, NULL)
            : NULL;
    JsonNode *downtime = steering_find(report, "downtime");
    JsonNode *enabled = steering_find(report, "postcopy");
    const MtLowering *lowering =
        steering->migration ? steering->migration->lowering : NULL;

    *ret_downtime_ms = downtime ? json_node_get_int(downtime) : 0;
    *ret_postcopy = enabled && json_node_get_boolean(enabled);
    if (libvirt && !downtime) {
        g_autoptr(JsonObject) now = steering_ask_libvirt(source, cancellable);
        gint64 limit_ms;

        if (now && mt_json_peek_int(now, "downtime-limit", &limit_ms))
            *ret_downtime_ms = MAX(limit_ms, 0);
    }
    if (lowering)
        *ret_postcopy = (lowering->flags & VIR_MIGRATE_POSTCOPY) != 0;

    return g_steal_pointer(&report);
}

/* Changes a setting by a function of libvirt.  @value is QEMU's. */
static gboolean
steering_set_libvirt(MigtuneDomain *source, SteeringSetting setting,
                     JsonNode *value, GCancellable *cancellable,
                     GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(source, cancellable, error);
    g_autoptr(JsonNode) result = NULL;
    JsonObject *arguments;

    if (!hold)
        return FALSE;
    arguments = json_object_new();
    json_object_set_member(arguments, mt_row(steering_settings[setting].id)->qmp,
                           json_node_copy(value));
    result = mt_exec_one(&source->exec, "migrate-set-parameters", arguments,
                         cancellable, error);

    return result != NULL;
}

/* @value: in migtune's unit. */
static gboolean
steering_set(MigtuneSteering *steering, SteeringSetting setting, guint64 value,
             GError **error)
{
    const char *name = steering_settings[setting].name;
    g_auto(GVariantDict) settings = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(JsonNode) node = NULL;

    steering->changed[setting] = TRUE;
    if (!steering_is_libvirt(steering->source)) {
        g_variant_dict_insert(&settings, name, "t", value);
        return migtune_domain_set_settings(
            steering->source, g_variant_dict_end(&settings), MIGTUNE_SET_LIVE,
            steering->cancellable, error);
    }

    node = json_node_init_int(
        json_node_alloc(), MIN(value * steering_settings[setting].unit,
                               G_MAXINT64));
    return steering_set_libvirt(steering->source, setting, node,
                                steering->cancellable, error);
}

/* Restores one setting; TRUE also if its former value is not known. */
static gboolean
steering_restore(MigtuneSteering *steering, MigtuneDomain *source,
                 SteeringSetting setting, GError **error)
{
    const MtRow *row = mt_row(steering_settings[setting].id);
    const MtValue *value =
        steering->former ? mt_set_get(steering->former, row) : NULL;
    JsonNode *node =
        steering->former_libvirt
            ? json_object_get_member(steering->former_libvirt, row->qmp)
            : NULL;
    g_autoptr(MtSet) values = mt_set_new();
    g_autoptr(MigtunePlan) plan = NULL;

    if (node)
        return steering_set_libvirt(source, setting, node, NULL, error);
    if (!value)
        return TRUE;

    mt_set_put(values, row, mt_value_copy(value));
    plan = mt_domain_plan_values(source, values, NULL, error);
    return plan && migtune_plan_apply(plan, NULL, error);
}

static gboolean
steering_disable_postcopy(MigtuneDomain *source, GError **error)
{
    g_auto(GVariantDict) settings = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&settings, "postcopy", "b", FALSE);
    return migtune_domain_set_settings(source, g_variant_dict_end(&settings),
                                       MIGTUNE_SET_LIVE, NULL, error);
}

/*
 * Actions
 */

static gboolean
steering_act_downtime(MigtuneSteering *steering, guint64 value, GError **error)
{
    return steering_set(steering, STEERING_DOWNTIME, value, error);
}

static gboolean
steering_act_bandwidth(MigtuneSteering *steering, guint64 value,
                       GError **error)
{
    return steering_set(steering, STEERING_BANDWIDTH, value >> 20, error);
}

/* Only QEMU's auto-converge can throttle a guest; its limit determines how
 * much. */
static gboolean
steering_act_throttle(MigtuneSteering *steering, guint64 value, GError **error)
{
    static const char *const names[] = { "auto_converge", NULL };
    g_autoptr(JsonNode) report = NULL;
    JsonNode *enabled;

    if (steering_is_libvirt(steering->source)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("libvirt has no function that throttles a guest "
                            "during a migration"));
        return FALSE;
    }
    report = migtune_domain_report(steering->source, names, 0,
                                   steering->cancellable, error);
    if (!report)
        return FALSE;
    enabled = steering_find(report, "auto_converge");
    if (!enabled || !json_node_get_boolean(enabled)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("QEMU throttles a guest only if auto_converge was "
                            "on when the migration started"));
        return FALSE;
    }
    return steering_set(steering, STEERING_THROTTLE_MAX, value, error) &&
           steering_set(steering, STEERING_THROTTLE_INITIAL, value, error);
}

static gboolean
steering_act_postcopy(MigtuneSteering *steering, guint64 value, GError **error)
{
    g_autoptr(GError) cause = NULL;

    /* Set this even if the reply is lost: the migration must not be
     * cancelled then. */
    steering->done |= MIGTUNE_STEERING_POSTCOPY;
    if (steering->migration
            ? migtune_migration_start_postcopy(steering->migration,
                                               steering->cancellable, &cause)
            : migtune_domain_start_postcopy(steering->source,
                                            steering->cancellable, &cause))
        return TRUE;

    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
        steering->done &= ~MIGTUNE_STEERING_POSTCOPY;
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

static gboolean
steering_act_pause(MigtuneSteering *steering, guint64 value, GError **error)
{
    const char *state =
        mt_json_peek_string(json_node_get_object(steering->info), "state");

    if (steering->done & MIGTUNE_STEERING_SUSPENDED ||
        g_strcmp0(state, "running") != 0)
        return TRUE;
    if (!migtune_domain_suspend(steering->source, steering->cancellable,
                                error))
        return FALSE;

    steering->done |= MIGTUNE_STEERING_SUSPENDED;
    return TRUE;
}

static gboolean
steering_act_abort(MigtuneSteering *steering, guint64 value, GError **error)
{
    return steering->migration
               ? migtune_migration_abort(steering->migration,
                                         steering->cancellable, error)
               : migtune_domain_abort_job(steering->source,
                                          steering->cancellable, error);
}

/* The policy's own deadline and notes need no call. */
static gboolean
steering_act_note(MigtuneSteering *steering, guint64 value, GError **error)
{
    return TRUE;
}

static const struct {
    const char *action;
    gboolean (*run)(MigtuneSteering *steering, guint64 value, GError **error);
} steering_actions[] = {
    { "set-downtime", steering_act_downtime },
    { "set-bandwidth", steering_act_bandwidth },
    { "throttle", steering_act_throttle },
    { "post-copy", steering_act_postcopy },
    { "pause", steering_act_pause },
    { "abort", steering_act_abort },
    { "set-deadline", steering_act_note },
    { "note", steering_act_note },
};

static gboolean
steering_act(const char *action, guint64 value, const char *reason,
             gpointer data)
{
    MigtuneSteering *steering = data;

    g_clear_error(&steering->failure);
    for (guint i = 0; i < G_N_ELEMENTS(steering_actions); i++) {
        if (strcmp(steering_actions[i].action, action) == 0)
            return steering_actions[i].run(steering, value,
                                           &steering->failure);
    }

    return FALSE;
}

static GVariant *
steering_decision_to_variant(MigtuneSteering *steering, JsonObject *decision)
{
    static const char *const texts[] = { "policy", "action", "code", "reason",
                                         "result" };
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    gint64 number;

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *text = mt_json_peek_string(decision, texts[i]);

        if (text)
            g_variant_dict_insert(&dict, texts[i], "s", text);
    }
    if (mt_json_peek_int(decision, "time_ms", &number))
        g_variant_dict_insert(&dict, "time_ms", "x", number);
    if (mt_json_peek_int(decision, "value", &number))
        g_variant_dict_insert(&dict, "value", "t", (guint64)number);
    if (g_strcmp0(mt_json_peek_string(decision, "result"), "failed") == 0 &&
        steering->failure)
        g_variant_dict_insert(&dict, "error", "s",
                              steering->failure->message);

    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static void
steering_tell(JsonObject *decision, gpointer data)
{
    MigtuneSteering *steering = data;
    g_autoptr(GVariant) variant = NULL;

    if (!steering->func)
        return;
    variant = steering_decision_to_variant(steering, decision);
    steering->func(variant, steering->func_data);
}

/*
 * The object
 */

MigtuneSteering *
migtune_steering_new(const char *domain, MigtunePolicy *policy,
                     MigtunePolicy *const *shadows, const char *record,
                     const char *metrics, GError **error)
{
    MigtuneConvergence *convergence;
    MigtuneSteering *steering;

    MT_REQUIRE(domain != NULL, NULL);

    convergence = migtune_convergence_new(domain, policy, shadows, record,
                                          metrics, error);
    if (!convergence)
        return NULL;

    steering = g_new0(MigtuneSteering, 1);
    steering->convergence = convergence;
    steering->policy = policy ? migtune_policy_ref(policy) : NULL;
    mt_convergence_set_func(convergence, steering_tell, steering);
    return steering;
}

void
migtune_steering_free(MigtuneSteering *steering)
{
    if (!steering)
        return;

    migtune_convergence_free(steering->convergence);
    migtune_policy_unref(steering->policy);
    mt_set_free(steering->former);
    g_clear_pointer(&steering->former_libvirt, json_object_unref);
    g_clear_error(&steering->failure);
    g_free(steering);
}

void
migtune_steering_set_func(MigtuneSteering *steering, MigtuneSteeringFunc func,
                          gpointer user_data)
{
    g_return_if_fail(steering != NULL);

    steering->func = func;
    steering->func_data = user_data;
}

void
mt_steering_set_migration(MigtuneSteering *steering,
                          MigtuneMigration *migration)
{
    steering->migration = migration;
}

gboolean
mt_steering_has_started(const MigtuneSteering *steering)
{
    return steering->started;
}

void
migtune_steering_prepare(MigtuneSteering *steering, MigtuneDomain *source,
                         GCancellable *cancellable)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(MtState) state = NULL;

    g_return_if_fail(steering != NULL);
    g_return_if_fail(MIGTUNE_IS_DOMAIN(source));

    if (!steering->policy || steering->former || steering->former_libvirt)
        return;
    if (steering_is_libvirt(source)) {
        steering->former_libvirt = steering_ask_libvirt(source, cancellable);
        return;
    }
    hold = mt_domain_hold(source, cancellable, NULL);
    state = hold ? mt_domain_read_state(source, MT_STATE_VALUES, NULL) : NULL;
    if (state)
        steering->former = mt_set_copy(state->values);
}

gboolean
migtune_steering_enable_postcopy(MigtuneSteering *steering,
                                 MigtuneDomain *source,
                                 MigtuneDomain *destination,
                                 GCancellable *cancellable, GError **error)
{
    MT_REQUIRE(steering != NULL, FALSE);

    return !steering->policy ||
           migtune_policy_enable_postcopy(steering->policy, source,
                                          destination,
                                          &steering->enabled_postcopy,
                                          cancellable, error);
}

void
migtune_steering_start(MigtuneSteering *steering, MigtuneDomain *source,
                       GCancellable *cancellable)
{
    g_autoptr(JsonNode) report = NULL;
    guint64 downtime_ms;
    gboolean postcopy;

    g_return_if_fail(steering != NULL);
    g_return_if_fail(MIGTUNE_IS_DOMAIN(source));

    migtune_steering_prepare(steering, source, cancellable);
    steering->started = TRUE;
    steering->start_us = g_get_monotonic_time();
    report = steering_read(steering, source, cancellable, &downtime_ms,
                           &postcopy);
    migtune_convergence_start(steering->convergence, report, downtime_ms,
                              postcopy);
}

void
migtune_steering_follow(MigtuneSteering *steering, MigtuneDomain *source,
                        JsonNode *job_info, GCancellable *cancellable)
{
    g_return_if_fail(steering != NULL);
    g_return_if_fail(job_info != NULL);

    steering->source = source;
    steering->info = job_info;
    steering->cancellable = cancellable;
    migtune_convergence_follow(
        steering->convergence,
        (g_get_monotonic_time() - steering->start_us) / 1000, job_info,
        source ? steering_act : NULL, steering);
    steering->source = NULL;
    steering->info = NULL;
    steering->cancellable = NULL;
}

unsigned int
migtune_steering_get_done(MigtuneSteering *steering)
{
    g_return_val_if_fail(steering != NULL, 0);

    return steering->done;
}

/* Adds a text to @left, and frees it. */
static void
steering_add(GString *left, char *text)
{
    g_string_append_printf(left, "%s%s", left->len ? "; " : "", text);
    g_free(text);
}

/* Restores what the policy has changed.  Returns what is still in force, or
 * NULL. */
static char *
steering_undo(MigtuneSteering *steering, MigtuneDomain *source)
{
    g_autoptr(GString) left = g_string_new(NULL);

    for (guint i = 0; i < STEERING_N_SETTINGS; i++) {
        g_autoptr(GError) cause = NULL;

        if (steering->changed[i] &&
            !steering_restore(steering, source, i, &cause))
            steering_add(left,
                         g_strdup_printf(_("%s: the value of %s that the "
                                           "policy has set is still in force: "
                                           "%s"),
                                         source->name,
                                         steering_settings[i].name,
                                         cause->message));
    }
    if (steering->enabled_postcopy) {
        g_autoptr(GError) cause = NULL;

        if (!steering_disable_postcopy(source, &cause))
            steering_add(left,
                         g_strdup_printf(_("%s: post-copy, which was turned on "
                                           "for the policy, is still on: %s"),
                                         source->name, cause->message));
    }
    return left->len ? g_strdup(left->str) : NULL;
}

gboolean
migtune_steering_finish(MigtuneSteering *steering, MigtuneDomain *source,
                        JsonNode *job_info, GError **error)
{
    const char *job =
        job_info ? mt_json_peek_string(json_node_get_object(job_info), "job")
                 : NULL;
    g_autofree char *left = NULL;

    MT_REQUIRE(steering != NULL, FALSE);

    if (source && (g_strcmp0(job, "cancelled") == 0 ||
                   g_strcmp0(job, "failed") == 0))
        left = steering_undo(steering, source);
    if (!migtune_convergence_finish(steering->convergence, job_info, error)) {
        if (left)
            g_prefix_error(error, "%s; ", left);
        return FALSE;
    }
    if (!left)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_QEMU, "%s", left);
    return FALSE;
}
