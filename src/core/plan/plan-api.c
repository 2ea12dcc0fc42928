/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public plan: a plan with the domain that it is for.  A plan holds no lock;
 * plan-apply.c applies it.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-plan"

#include "config.h"

#include <string.h>

#include "core/plan/plan-private.h"
#include "plan/wish.h"
#include "util/i18n.h"
#include "util/json-peek.h"

G_DEFINE_TYPE(MigtunePlan, migtune_plan, G_TYPE_OBJECT)

#define PLAN_POLICIES                                                          \
    (MIGTUNE_SET_STRICT | MIGTUNE_SET_BEST_EFFORT | MIGTUNE_SET_SUBSTITUTE)
#define PLAN_TARGETS (MIGTUNE_SET_LIVE | MIGTUNE_SET_CONFIG)

static gboolean
plan_check_flags(unsigned int flags, unsigned int known, GError **error)
{
    unsigned int policy = flags & PLAN_POLICIES;

    if (!mt_core_check_flags(flags, known | PLAN_POLICIES, error))
        return FALSE;
    if (policy & (policy - 1)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("strict, substitute and best-effort exclude each "
                            "other"));
        return FALSE;
    }

    return TRUE;
}

static MtPolicy
plan_get_policy(unsigned int flags)
{
    return flags & MIGTUNE_SET_STRICT        ? MT_POLICY_STRICT
           : flags & MIGTUNE_SET_BEST_EFFORT ? MT_POLICY_BEST_EFFORT
                                             : MT_POLICY_SUBSTITUTE;
}

/* Adds the driver's remarks about the commands to the warnings, each once. */
static void
plan_add_remarks(MtPlan *plan, MigtuneDomain *domain)
{
    const MigtuneDriver *driver = domain->conn->driver;

    for (guint i = 0; driver->remark && i < plan->steps->len; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);
        char *text =
            driver->remark(domain->handle, step->execute, step->arguments);

        if (text && !g_ptr_array_find_with_equal_func(plan->warnings, text,
                                                      g_str_equal, NULL))
            mt_plan_warn(plan, "driver-remark", text);
        else
            g_free(text);
    }
}

/* Takes @inner. */
static MigtunePlan *
plan_wrap(MtPlan *inner, MigtuneDomain *domain, MtTargets targets)
{
    MigtunePlan *plan = g_object_new(MIGTUNE_TYPE_PLAN, NULL);

    plan->plan = inner;
    plan->domain = domain ? migtune_domain_ref(domain) : NULL;
    plan->targets = targets;
    if (domain && inner)
        plan_add_remarks(inner, domain);

    return plan;
}

static void
migtune_plan_init(MigtunePlan *plan)
{
    plan->texts = g_ptr_array_new_with_free_func(g_free);
}

static void
migtune_plan_finalize(GObject *object)
{
    MigtunePlan *plan = MIGTUNE_PLAN(object);

    mt_plan_unref(plan->plan);
    mt_kept_change_free(plan->change);
    g_clear_object(&plan->domain);
    g_ptr_array_unref(plan->texts);
    G_OBJECT_CLASS(migtune_plan_parent_class)->finalize(object);
}

static void
migtune_plan_class_init(MigtunePlanClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = migtune_plan_finalize;
}

MigtunePlan *
migtune_plan_ref(MigtunePlan *plan)
{
    g_return_val_if_fail(MIGTUNE_IS_PLAN(plan), NULL);

    return g_object_ref(plan);
}

void
migtune_plan_unref(MigtunePlan *plan)
{
    if (plan)
        g_object_unref(plan);
}

/*
 * Asks for the threads of the guest's CPUs, once for each connection: they tell
 * one QEMU process from the next where the driver cannot, as over TCP.  FALSE
 * if there are none.
 */
static gboolean
plan_ask_threads(MigtuneDomain *domain)
{
    g_autoptr(JsonNode) cpus = NULL;
    g_autoptr(GString) text = g_string_new("threads");
    JsonArray *array;

    if (domain->threads)
        return *domain->threads != '\0';
    domain->threads = g_strdup("");
    cpus = mt_exec_one(&domain->exec, "query-cpus-fast", NULL,
                       domain->cancellable, NULL);
    if (!cpus || !JSON_NODE_HOLDS_ARRAY(cpus))
        return FALSE;
    array = json_node_get_array(cpus);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *cpu = json_array_get_element(array, i);
        gint64 thread;

        if (JSON_NODE_HOLDS_OBJECT(cpu) &&
            mt_json_peek_int(json_node_get_object(cpu), "thread-id", &thread))
            g_string_append_printf(text, " %" G_GINT64_FORMAT, thread);
    }

    if (!strchr(text->str, ' '))
        return FALSE;

    g_free(domain->threads);
    domain->threads = g_string_free(g_steal_pointer(&text), FALSE);
    return TRUE;
}

MtJournal *
mt_plan_new_journal(MigtuneDomain *domain)
{
    const MigtuneDriverIdentity *identity = &domain->identity;
    g_autofree char *guest = mt_domain_dup_identity(domain);
    g_autofree char *process = NULL;

    if (identity->instance)
        process = g_strdup_printf("process %s ", identity->instance);
    else if (plan_ask_threads(domain))
        process = g_strdup_printf("address %s %s %s %s", domain->conn->uri,
                                  domain->key, guest, domain->threads);

    return mt_journal_new(guest, process);
}

static void
plan_warn_interrupted(MtPlan *plan, MtJournal *journal)
{
    gboolean interrupted = FALSE;
    g_autoptr(MtSet) former =
        mt_journal_load(journal, plan->caps, &interrupted, NULL);

    if (former && interrupted)
        mt_plan_warn(
            plan, "earlier-change-interrupted",
            g_strdup(_("an earlier change of this guest was interrupted; "
                       "'reset --previous' restores the state before it")));
}

/* Refuses what the manager of the guest needs otherwise: the driver would refuse
 * the command as well, but a plan must say so before it is applied. */
static void
plan_check_manager(const MigtuneDomain *domain, MtPlan *plan)
{
    MtWish *wish = mt_wishes_find(plan->wishes, mt_row(MT_PARAM_EVENTS));

    if (!(domain->conn->driver->features & MIGTUNE_DRIVER_LIBVIRT) || !wish ||
        wish->error || !wish->value || wish->value->boolean)
        return;

    mt_wish_refuse(wish, MIGTUNE_ERROR_UNSUPPORTED, NULL, "%s",
                   _("events cannot be switched off: libvirt needs the events "
                     "of a migration"));
    mt_plan_hold_back(plan);
}

/* Plans for the guest that runs. */
static MtPlan *
plan_new_live(MigtuneDomain *domain, const virTypedParameter *params,
              int n_params, MtPolicy policy, GError **error)
{
    g_autoptr(MtJournal) journal = NULL;
    MtState *state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    MtPlan *plan;

    if (!state)
        return NULL;

    /* Only now the driver has identified the process. */
    journal = mt_plan_new_journal(domain);
    plan = mt_plan_new(domain->name, domain->qemu, domain->caps, state, params,
                       n_params, policy);
    if (plan->doubts_caps && mt_domain_get_caps(domain, TRUE, NULL)) {
        state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
        mt_plan_unref(plan);
        if (!state)
            return NULL;
        plan = mt_plan_new(domain->name, domain->qemu, domain->caps, state,
                           params, n_params, policy);
    }
    plan_check_manager(domain, plan);
    plan_warn_interrupted(plan, journal);
    return plan;
}

/* Whether @change keeps a value or a policy that @kept does not have. */
static gboolean
plan_keeps_new(const MtKeptChange *change, const MtKept *kept)
{
    for (guint i = 0; i < change->names->len; i++) {
        const char *name = g_ptr_array_index(change->names, i);
        const MtKeptEntry *entry = mt_kept_find(kept, name);

        if (!entry ||
            g_strcmp0(entry->value,
                      g_hash_table_lookup(change->values, name)) != 0)
            return TRUE;
    }

    return change->policy &&
           g_strcmp0(change->policy,
                     mt_policy_to_string(mt_kept_get_policy(kept, 0))) != 0;
}

/* The policy of a document applies to all of its settings. */
static void
plan_warn_policy(MtPlan *plan, const MtKept *kept, MtPolicy policy)
{
    MtPolicy former = mt_kept_get_policy(kept, 0);

    if (former == policy || mt_kept_size(kept) == 0)
        return;

    mt_plan_warn(plan, "policy-of-all",
                 g_strdup_printf(_("the policy '%s' will apply to all settings "
                                   "that are kept; it was '%s'"),
                                 mt_policy_to_string(policy),
                                 mt_policy_to_string(former)));
}

MigtunePlan *
migtune_domain_plan(MigtuneDomain *domain, virTypedParameterPtr params,
                    int nparams, unsigned int flags, GCancellable *cancellable,
                    GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(MtKept) kept = NULL;
    MigtunePlan *plan;
    MtTargets targets;
    MtPolicy policy;
    MtPlan *inner;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    MT_REQUIRE(params != NULL || nparams == 0, NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    if (!plan_check_flags(flags, PLAN_TARGETS, error) ||
        !mt_domain_get_targets(domain, flags & MIGTUNE_SET_LIVE,
                               flags & MIGTUNE_SET_CONFIG, &targets, error))
        return NULL;
    policy = plan_get_policy(flags);
    if (targets & MT_TARGET_CONFIG) {
        kept = mt_domain_kept_load_valid(domain, MIGTUNE_DRIVER_KEPT_CONFIG,
                                         error);
        if (!kept)
            return NULL;
        policy = mt_kept_get_policy(kept, flags);
    }

    if (targets & MT_TARGET_LIVE)
        inner = plan_new_live(domain, params, nparams, policy, error);
    else
        inner = mt_plan_new_later(domain, params, nparams, policy, error);
    if (!inner)
        return NULL;
    if (kept)
        mt_plan_check_together(inner, domain, kept, params, nparams, policy);
    if (targets == MT_TARGET_CONFIG)
        mt_plan_postpone(inner);

    plan = plan_wrap(inner, domain, targets);
    if (kept && mt_plan_check(inner, NULL)) {
        plan->change = mt_kept_change_new();
        mt_kept_change_add_wishes(plan->change, inner);
        if (flags & PLAN_POLICIES) {
            plan->change->policy = g_strdup(mt_policy_to_string(policy));
            plan_warn_policy(inner, kept, policy);
        }
        plan->keeps_new = plan_keeps_new(plan->change, kept);
    }

    return plan;
}

MigtunePlan *
migtune_domain_plan_kept(MigtuneDomain *domain, unsigned int flags,
                         GCancellable *cancellable, GError **error)
{
    MigtuneDriverKept which = flags & MIGTUNE_SET_LIVE
                                  ? MIGTUNE_DRIVER_KEPT_LIVE
                                  : MIGTUNE_DRIVER_KEPT_CONFIG;
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(MtKept) kept = NULL;
    g_autoptr(MtJournal) journal = NULL;
    MigtunePlan *plan;
    MtState *state;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    if (!plan_check_flags(flags, MIGTUNE_SET_LIVE, error) ||
        !mt_domain_check_running(domain, error))
        return NULL;
    kept = mt_domain_kept_for_plan(domain, which, error);
    if (!kept)
        return NULL;
    state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    if (!state)
        return NULL;
    journal = mt_plan_new_journal(domain);

    plan =
        plan_wrap(mt_plan_new_from_kept(domain, kept, state,
                                        mt_kept_get_policy(kept, flags), error),
                  domain, MT_TARGET_LIVE);
    plan_warn_interrupted(plan->plan, journal);
    return plan;
}

/* The known values of a guest that was just started: QEMU's defaults, except
 * for what the manager of the guest sets at every start. */
static MtSet *
plan_defaults(const MigtuneDomain *domain)
{
    g_autoptr(MtState) state = mt_state_new_default(domain->caps);
    const MtRow *events = mt_row(MT_PARAM_EVENTS);
    const MtRow *bandwidth = mt_row(MT_PARAM_MAX_BANDWIDTH);
    const MtCaps *caps = domain->caps;

    /* libvirt waits for the events of a migration, and limits the bandwidth of
     * its migrations only after virDomainMigrateSetMaxSpeed(). */
    if (domain->conn->driver->features & MIGTUNE_DRIVER_LIBVIRT) {
        if (mt_set_get(state->values, events))
            mt_set_put(state->values, events,
                       mt_value_from_table(events, "on"));
        if (mt_set_get(state->values, bandwidth))
            mt_set_put(state->values, bandwidth,
                       mt_value_from_table(bandwidth, "0"));
    }

    /* Also of those that can be set and not be read. */
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);
        const char *def = mt_row_default(entry->row, mt_caps_release(caps));

        if (entry->settable && !entry->readable && def)
            mt_set_put(state->values, entry->row,
                       mt_value_from_table(entry->row, def));
    }

    return g_steal_pointer(&state->values);
}

/* Adds the settings of @state that have no value in @defaults, which a new QEMU
 * does not report, to @unknown. */
static void
plan_find_without_default(const MtCaps *caps, const MtState *state,
                          const MtSet *defaults, GPtrArray *unknown)
{
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);
        const MtRow *row = entry->row;

        /* Lists and objects have no value that means the default. */
        if (entry->settable && row->type == MT_TYPE_JSON &&
            mt_set_get(state->values, row) && !mt_set_get(defaults, row))
            g_ptr_array_add(unknown, (gpointer)row);
    }
}

static void
plan_warn_not_restored(MtPlan *plan, const GPtrArray *unknown)
{
    for (guint i = 0; i < unknown->len; i++) {
        const MtRow *row = g_ptr_array_index(unknown, i);

        mt_plan_warn(plan, "not-restored",
                     g_strdup_printf(_("%s is not reset: QEMU did not report "
                                       "its former value"), row->name));
    }
}

/* Plans that the guest that runs goes back. */
static MtPlan *
plan_new_reset(MigtuneDomain *domain, gboolean defaults, GError **error)
{
    g_autoptr(GPtrArray) unknown = g_ptr_array_new();
    g_autoptr(MtJournal) journal = NULL;
    g_autoptr(MtState) state =
        mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    g_autoptr(MtSet) values = NULL;
    MtPlan *plan;

    if (!state)
        return NULL;

    if (defaults) {
        values = plan_defaults(domain);
        plan_find_without_default(domain->caps, state, values, unknown);
    } else {
        journal = mt_plan_new_journal(domain);
        values = mt_journal_load(journal, domain->caps, NULL, unknown);
    }
    if (!values) {
        /* The journals are separate: with --no-monitor the guest is
         * identified without the information that only its monitor has. */
        migtune_error_set(
            error, MIGTUNE_ERROR_NOT_FOUND,
            domain->conn->options.no_monitor
                ? _("no earlier change of %s by this user with --no-monitor is "
                    "recorded; changes made through QEMU's monitor cannot be "
                    "undone with --no-monitor; 'reset --defaults' restores "
                    "QEMU's defaults of the settings for which libvirt has "
                    "functions")
                : _("no earlier change of %s by this user is recorded; use "
                    "'reset --defaults' to restore QEMU's defaults"),
            domain->name);
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                    "no-earlier-change");
        return NULL;
    }

    plan = mt_plan_new_restore(domain->name, domain->qemu, domain->caps,
                               g_steal_pointer(&state), values);
    plan_warn_not_restored(plan, unknown);

    return plan;
}

/* Adds to @plan that @entry is kept no longer. */
static void
plan_forget(MigtunePlan *plan, const MtKeptEntry *entry)
{
    mt_kept_change_put(plan->change, entry->name, NULL);
    mt_plan_add_forgotten(plan->plan, entry->name, mt_kept_row(entry->name),
                          entry->value);
}

/* A plan that changes nothing yet. */
static MtPlan *
plan_new_nothing(MigtuneDomain *domain)
{
    MtPlan *plan =
        mt_plan_new_unseen(domain->name, NULL, 0, MT_POLICY_SUBSTITUTE);

    g_free(plan->qemu);
    plan->qemu = g_strdup(domain->qemu);
    return plan;
}

MigtunePlan *
migtune_domain_plan_reset(MigtuneDomain *domain, unsigned int flags,
                          GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(MtKept) kept = NULL;
    MigtunePlan *plan;
    MtTargets targets;
    MtPlan *inner;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    if (!mt_core_check_flags(flags, MIGTUNE_SET_DEFAULTS | PLAN_TARGETS,
                             error) ||
        !mt_domain_get_targets(
            domain, flags & MIGTUNE_SET_LIVE || !(flags & MIGTUNE_SET_CONFIG),
            flags & MIGTUNE_SET_CONFIG, &targets, error))
        return NULL;
    if (targets & MT_TARGET_CONFIG) {
        kept = mt_domain_kept_load_valid(domain, MIGTUNE_DRIVER_KEPT_CONFIG,
                                         error);
        if (!kept)
            return NULL;
    }

    inner = targets & MT_TARGET_LIVE
                ? plan_new_reset(domain, flags & MIGTUNE_SET_DEFAULTS, error)
                : plan_new_nothing(domain);
    if (!inner)
        return NULL;

    plan = plan_wrap(inner, domain, targets);
    plan->reset = TRUE;
    plan->defaults = flags & MIGTUNE_SET_DEFAULTS;
    if (kept) {
        plan->change = mt_kept_change_new();
        for (guint i = 0; i < mt_kept_size(kept); i++)
            plan_forget(plan, mt_kept_nth(kept, i));
        plan->keeps_new = mt_kept_size(kept) > 0;
    }

    return plan;
}

MigtunePlan *
migtune_domain_plan_forget(MigtuneDomain *domain, const char *const *names,
                           GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(MtKept) kept = NULL;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain) && names != NULL, NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    kept = mt_domain_kept_load_valid(domain, MIGTUNE_DRIVER_KEPT_CONFIG, error);
    if (!kept)
        return NULL;

    plan = plan_wrap(plan_new_nothing(domain), domain, MT_TARGET_CONFIG);
    plan->change = mt_kept_change_new();
    for (; *names; names++) {
        const MtRow *row = mt_kept_row(*names);
        guint n_before = plan->change->names->len;

        for (guint i = 0; i < mt_kept_size(kept); i++) {
            const MtKeptEntry *entry = mt_kept_nth(kept, i);

            if (g_strcmp0(entry->name, *names) == 0 ||
                (row && mt_kept_row(entry->name) == row))
                plan_forget(plan, entry);
        }
        if (plan->change->names->len == n_before) {
            migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                              _("%s is not kept for %s"), *names, domain->name);
            if (error)
                migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                        *names);
            return NULL;
        }
        plan->keeps_new = TRUE;
    }

    return g_steal_pointer(&plan);
}

MtPlan *
mt_plan_get_inner(MigtunePlan *plan)
{
    return plan->plan;
}

MigtuneDomain *
mt_plan_get_domain(MigtunePlan *plan)
{
    return plan->domain;
}

MigtunePlan *
mt_domain_plan_values(MigtuneDomain *domain, const MtSet *values,
                      GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, cancellable, error);
    MtState *state;

    if (!hold)
        return NULL;
    state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    if (!state)
        return NULL;

    return plan_wrap(mt_plan_new_restore(domain->name, domain->qemu,
                                         domain->caps, state, values),
                     domain, MT_TARGET_LIVE);
}

MigtunePlan *
migtune_explain(const char *release_text, virTypedParameterPtr params,
                int nparams, unsigned int flags, GError **error)
{
    g_autoptr(MtCaps) caps = NULL;
    g_autofree char *qemu = NULL;
    MtRelease release;

    MT_REQUIRE(release_text != NULL, NULL);
    MT_REQUIRE(params != NULL || nparams == 0, NULL);

    if (!plan_check_flags(flags, 0, error))
        return NULL;
    release = mt_core_parse_release(release_text, error);
    if (release == MT_RELEASE_NONE)
        return NULL;

    caps = mt_caps_new_for_release(release);
    qemu = mt_release_format(release);
    return plan_wrap(mt_plan_new(NULL, qemu, caps, mt_state_new_default(caps),
                                 params, nparams, plan_get_policy(flags)),
                     NULL, 0);
}

gboolean
migtune_plan_check(MigtunePlan *plan, GError **error)
{
    MT_REQUIRE(plan != NULL, FALSE);

    return mt_plan_check(plan->plan, error);
}

JsonNode *
migtune_plan_to_json(MigtunePlan *plan)
{
    JsonNode *node;
    JsonObject *object;

    g_return_val_if_fail(plan != NULL, NULL);

    node = mt_plan_to_json(plan->plan);
    object = json_node_get_object(node);
    json_object_set_array_member(object, "affects",
                                 mt_targets_to_json(plan->targets));
    json_object_set_array_member(object, "kept",
                                 mt_kept_change_to_json(plan->change));
    json_object_set_boolean_member(
        object, "changed", plan->plan->steps->len > 0 || plan->keeps_new);
    return node;
}

char *
migtune_plan_to_text(MigtunePlan *plan)
{
    g_return_val_if_fail(plan != NULL, NULL);

    return mt_plan_to_text(plan->plan);
}

char **
migtune_plan_dup_row(MigtunePlan *plan, int nth)
{
    g_return_val_if_fail(plan != NULL, NULL);
    g_return_val_if_fail(nth < (int)plan->plan->wishes->len, NULL);

    return mt_plan_dup_row(plan->plan, nth);
}

unsigned int
migtune_plan_get_n_verdicts(MigtunePlan *plan)
{
    g_return_val_if_fail(plan != NULL, 0);

    return plan->plan->wishes->len;
}

MigtuneVerdict
migtune_plan_get_verdict(MigtunePlan *plan, unsigned int nth, const char **name,
                         const char **asked, const char **now,
                         const char **reason)
{
    const MtWish *wish;

    g_return_val_if_fail(plan != NULL, MIGTUNE_VERDICT_REFUSED);
    g_return_val_if_fail(nth < plan->plan->wishes->len,
                         MIGTUNE_VERDICT_REFUSED);

    wish = g_ptr_array_index(plan->plan->wishes, nth);
    if (name)
        *name = wish->name;
    if (asked)
        *asked = wish->asked;
    if (now) {
        *now = NULL;
        if (wish->after) {
            char *text = mt_value_format(
                wish->shown ? wish->shown : wish->row, wish->after);

            g_ptr_array_add(plan->texts, text);
            *now = text;
        }
    }
    if (reason)
        *reason = wish->reason->len ? wish->reason->str : NULL;

    return mt_verdict_show(wish->verdict, plan->plan->applied);
}
