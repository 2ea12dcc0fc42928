/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public plan: a plan with the domain that it is for, and the journal that
 * keeps others from changing the guest between planning and applying.
 */
#include "config.h"

#include "core/journal.h"
#include "core/plan-kept.h"
#include "plan/apply.h"
#include "util/i18n.h"

struct _MigtunePlan {
    gint ref_count;
    MtPlan *plan;
    MigtuneDomain *domain;      /* NULL: made without a guest */
    MtTargets targets;
    gboolean defaults;          /* a reset to them */
    gboolean reset;
    MtJournal *journal;         /* until it has been applied */
    MtKeptChange *change;       /* of what is kept; NULL: none */
    GPtrArray *texts;           /* what get_verdict() handed out */
};

#define PLAN_POLICIES                                    \
    (MIGTUNE_SET_STRICT | MIGTUNE_SET_BEST_EFFORT |      \
     MIGTUNE_SET_SUBSTITUTE)
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

/* What the driver has to say about the commands, each thing once. */
static void
plan_remark(MtPlan *plan, MigtuneDomain *domain)
{
    const MigtuneDriver *driver = domain->conn->driver;

    for (guint i = 0; driver->remark && i < plan->steps->len; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);
        char *text = driver->remark(domain->handle, step->execute,
                                    step->arguments);

        if (text && !g_ptr_array_find_with_equal_func(plan->warnings, text,
                                                      g_str_equal, NULL))
            g_ptr_array_add(plan->warnings, text);
        else
            g_free(text);
    }
}

static MigtunePlan *
plan_wrap(MtPlan *inner, MigtuneDomain *domain, MtTargets targets)
{
    MigtunePlan *plan = g_new0(MigtunePlan, 1);

    plan->ref_count = 1;
    plan->plan = inner;
    plan->domain = domain ? migtune_domain_ref(domain) : NULL;
    plan->targets = targets;
    plan->texts = g_ptr_array_new_with_free_func(g_free);
    if (domain && inner)
        plan_remark(inner, domain);

    return plan;
}

MigtunePlan *
migtune_plan_ref(MigtunePlan *plan)
{
    g_return_val_if_fail(plan != NULL, NULL);

    g_atomic_int_inc(&plan->ref_count);
    return plan;
}

void
migtune_plan_unref(MigtunePlan *plan)
{
    if (!plan || !g_atomic_int_dec_and_test(&plan->ref_count))
        return;

    mt_plan_unref(plan->plan);
    mt_journal_free(plan->journal);
    mt_kept_change_free(plan->change);
    migtune_domain_unref(plan->domain);
    g_ptr_array_unref(plan->texts);
    g_free(plan);
}

/* The process of a guest, or at least the guest. */
static MtJournal *
plan_open_journal(MigtuneDomain *domain, GError **error)
{
    const MigtuneConn *conn = domain->conn;
    g_autofree char *id = NULL;

    if (domain->identity.instance)
        id = g_strdup_printf("instance %s", domain->identity.instance);
    else
        id = g_strdup_printf("address %s %s %s", conn->uri, domain->key,
                             domain->identity.uuid ? domain->identity.uuid
                                                   : "");

    return mt_journal_open(id, conn->options.connect_timeout_ms,
                           conn->cancellable, error);
}

static void
plan_warn_interrupted(MtPlan *plan, MtJournal *journal)
{
    gboolean interrupted = FALSE;
    g_autoptr(MtSet) former = mt_journal_load(journal, plan->caps,
                                              &interrupted);

    if (former && interrupted)
        g_ptr_array_add(
            plan->warnings,
            g_strdup(_("an earlier change of this guest was cut off before it "
                       "ended; 'reset --previous' leads back to the state "
                       "before it")));
}

/* What is in force, under the lock that @ret_journal holds. */
static MtState *
plan_read_state(MigtuneDomain *domain, MtJournal **ret_journal, GError **error)
{
    g_autoptr(MtJournal) journal = plan_open_journal(domain, error);
    MtState *state;

    if (!journal)
        return NULL;
    state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    if (state)
        *ret_journal = g_steal_pointer(&journal);

    return state;
}

/* Plans for the guest that runs. */
static MtPlan *
plan_new_live(MigtuneDomain *domain, const virTypedParameter *params,
              int n_params, MtPolicy policy, MtJournal **ret_journal,
              GError **error)
{
    MtState *state = plan_read_state(domain, ret_journal, error);
    MtPlan *plan;

    if (!state)
        return NULL;

    plan = mt_plan_new(domain->name, domain->qemu, domain->caps, state, params,
                       n_params, policy);
    plan_warn_interrupted(plan, *ret_journal);
    return plan;
}

MigtunePlan *
migtune_domain_plan(MigtuneDomain *domain, virTypedParameterPtr params,
                    int nparams, unsigned int flags, GError **error)
{
    g_autoptr(MtJournal) journal = NULL;
    g_autoptr(MtKept) kept = NULL;
    MigtunePlan *plan;
    MtTargets targets;
    MtPolicy policy;
    MtPlan *inner;

    g_return_val_if_fail(domain != NULL, NULL);
    g_return_val_if_fail(params != NULL || nparams == 0, NULL);

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
        inner = plan_new_live(domain, params, nparams, policy, &journal,
                              error);
    else
        inner = mt_plan_new_later(domain, params, nparams, policy, error);
    if (!inner)
        return NULL;
    if (kept)
        mt_plan_check_together(inner, domain, kept, params, nparams, policy);
    if (targets == MT_TARGET_CONFIG)
        mt_plan_postpone(inner);

    plan = plan_wrap(inner, domain, targets);
    plan->journal = g_steal_pointer(&journal);
    if (kept && mt_plan_check(inner, NULL)) {
        plan->change = mt_kept_change_new();
        mt_kept_change_add_wishes(plan->change, inner);
        if (flags & PLAN_POLICIES)
            plan->change->policy = g_strdup(mt_policy_to_string(policy));
    }

    return plan;
}

MigtunePlan *
migtune_domain_plan_kept(MigtuneDomain *domain, unsigned int flags,
                         GError **error)
{
    MigtuneDriverKept which = flags & MIGTUNE_SET_LIVE
                                  ? MIGTUNE_DRIVER_KEPT_LIVE
                                  : MIGTUNE_DRIVER_KEPT_CONFIG;
    g_autoptr(MtJournal) journal = NULL;
    g_autoptr(MtKept) kept = NULL;
    MigtunePlan *plan;
    MtState *state;

    g_return_val_if_fail(domain != NULL, NULL);

    if (!plan_check_flags(flags, MIGTUNE_SET_LIVE, error) ||
        !mt_domain_check_running(domain, error))
        return NULL;
    kept = mt_domain_kept_for_plan(domain, which, error);
    if (!kept)
        return NULL;
    state = plan_read_state(domain, &journal, error);
    if (!state)
        return NULL;

    plan = plan_wrap(
        mt_plan_new_from_kept(domain, kept, state,
                              mt_kept_get_policy(kept, flags), error),
        domain, MT_TARGET_LIVE);
    plan_warn_interrupted(plan->plan, journal);
    plan->journal = g_steal_pointer(&journal);
    return plan;
}

/* The known values of a guest that was just started: QEMU's defaults, except
 * for what the manager of the guest sets at every start. */
static MtSet *
plan_defaults(const MigtuneDomain *domain)
{
    g_autoptr(MtState) state = mt_state_new_default(domain->caps);
    const MtRow *events = mt_row(MT_PARAM_EVENTS);

    /* libvirt waits for the events of a migration. */
    if ((domain->conn->driver->features & MIGTUNE_DRIVER_LIBVIRT) &&
        mt_set_get(state->values, events))
        mt_set_put(state->values, events, mt_value_from_table(events, "on"));

    return g_steal_pointer(&state->values);
}

/* Plans that the guest that runs goes back. */
static MtPlan *
plan_new_reset(MigtuneDomain *domain, gboolean defaults,
               MtJournal **ret_journal, GError **error)
{
    g_autoptr(MtState) state = plan_read_state(domain, ret_journal, error);
    g_autoptr(MtSet) values = NULL;

    if (!state)
        return NULL;

    if (defaults)
        values = plan_defaults(domain);
    else
        values = mt_journal_load(*ret_journal, domain->caps, NULL);
    if (!values) {
        /* The two are remembered apart: a guest is told from one of the same
         * name by what its monitor says. */
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          domain->conn->options.no_monitor
                          ? _("no earlier change of %s by this user with "
                              "--no-monitor is remembered; libvirt has no "
                              "function of its own for going back on others, "
                              "and --no-monitor leaves nothing else; QEMU's "
                              "defaults of what libvirt has functions for are "
                              "to be had with 'reset --defaults'")
                          : _("no earlier change of %s by this user is "
                              "remembered; QEMU's defaults are to be had with "
                              "'reset --defaults'"),
                          domain->name);
        return NULL;
    }

    return mt_plan_new_restore(domain->name, domain->qemu, domain->caps,
                               g_steal_pointer(&state), values);
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
    MtPlan *plan = mt_plan_new_unseen(domain->name, NULL, 0,
                                      MT_POLICY_SUBSTITUTE);

    g_free(plan->qemu);
    plan->qemu = g_strdup(domain->qemu);
    return plan;
}

MigtunePlan *
migtune_domain_plan_reset(MigtuneDomain *domain, unsigned int flags,
                          GError **error)
{
    g_autoptr(MtJournal) journal = NULL;
    g_autoptr(MtKept) kept = NULL;
    MigtunePlan *plan;
    MtTargets targets;
    MtPlan *inner;

    g_return_val_if_fail(domain != NULL, NULL);

    if (!mt_core_check_flags(flags, MIGTUNE_SET_DEFAULTS | PLAN_TARGETS,
                             error) ||
        !mt_domain_get_targets(domain, flags & MIGTUNE_SET_LIVE,
                               flags & MIGTUNE_SET_CONFIG, &targets, error))
        return NULL;
    if (targets & MT_TARGET_CONFIG) {
        kept = mt_domain_kept_load_valid(domain, MIGTUNE_DRIVER_KEPT_CONFIG,
                                         error);
        if (!kept)
            return NULL;
    }

    inner = targets & MT_TARGET_LIVE
                ? plan_new_reset(domain, flags & MIGTUNE_SET_DEFAULTS,
                                 &journal, error)
                : plan_new_nothing(domain);
    if (!inner)
        return NULL;

    plan = plan_wrap(inner, domain, targets);
    plan->journal = g_steal_pointer(&journal);
    plan->reset = TRUE;
    plan->defaults = flags & MIGTUNE_SET_DEFAULTS;
    if (kept) {
        plan->change = mt_kept_change_new();
        for (guint i = 0; i < mt_kept_size(kept); i++)
            plan_forget(plan, mt_kept_nth(kept, i));
    }

    return plan;
}

MigtunePlan *
migtune_domain_plan_forget(MigtuneDomain *domain, const char *const *names,
                           GError **error)
{
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(MtKept) kept = NULL;

    g_return_val_if_fail(domain != NULL && names != NULL, NULL);

    kept = mt_domain_kept_load_valid(domain, MIGTUNE_DRIVER_KEPT_CONFIG,
                                     error);
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
                              _("%s is not kept for %s"), *names,
                              domain->name);
            if (error)
                migtune_error_set_field(
                    *error, MIGTUNE_ERROR_FIELD_PARAMETER, *names);
            return NULL;
        }
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

void
mt_plan_let_go(MigtunePlan *plan)
{
    g_clear_pointer(&plan->journal, mt_journal_free);
}

MigtunePlan *
mt_domain_plan_values(MigtuneDomain *domain, const MtSet *values,
                      GError **error)
{
    g_autoptr(MtJournal) journal = NULL;
    MtState *state = plan_read_state(domain, &journal, error);
    MigtunePlan *plan;

    if (!state)
        return NULL;
    plan = plan_wrap(mt_plan_new_restore(domain->name, domain->qemu,
                                         domain->caps, state, values),
                     domain, MT_TARGET_LIVE);
    plan->journal = g_steal_pointer(&journal);

    return plan;
}

MigtunePlan *
migtune_explain(const char *release_text, virTypedParameterPtr params,
                int nparams, unsigned int flags, GError **error)
{
    g_autoptr(MtCaps) caps = NULL;
    g_autofree char *qemu = NULL;
    MtRelease release;

    g_return_val_if_fail(release_text != NULL, NULL);
    g_return_val_if_fail(params != NULL || nparams == 0, NULL);

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
    g_return_val_if_fail(plan != NULL, FALSE);

    return mt_plan_check(plan->plan, error);
}

/* The former values of everything that the steps change. */
static MtSet *
plan_former_values(const MtPlan *plan)
{
    MtSet *former = mt_set_new();

    for (guint i = 0; i < plan->steps->len; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);

        for (guint j = 0; j < step->rows->len; j++) {
            const MtRow *row = g_ptr_array_index(step->rows, j);
            const MtValue *value = mt_set_get(plan->before->values, row);

            if (value)
                mt_set_put(former, row, mt_value_copy(value));
        }
    }

    return former;
}

/* Carries it out in the guest that runs. */
static gboolean
plan_apply_live(MigtunePlan *plan, GError **error)
{
    g_autoptr(MtSet) former = NULL;
    g_autoptr(GError) cause = NULL;
    gboolean ok;

    if (plan->journal && plan->plan->steps->len > 0) {
        former = plan_former_values(plan->plan);
        mt_journal_begin(plan->journal, plan->plan->caps, former);
    }
    ok = mt_plan_apply(plan->plan, &plan->domain->exec,
                       plan->domain->conn->cancellable, &cause);
    /* What is not known to have ended stays as interrupted. */
    if (plan->journal && ok)
        mt_journal_end(plan->journal);
    else if (plan->journal && !g_error_matches(cause, MIGTUNE_ERROR,
                                               MIGTUNE_ERROR_STATE_UNKNOWN))
        mt_journal_abort(plan->journal);
    g_clear_pointer(&plan->journal, mt_journal_free);
    if (!ok) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }

    if (plan->reset)
        mt_domain_record_reset(plan->domain, plan->plan, plan->defaults);
    else
        mt_domain_record_set(plan->domain, plan->plan);
    return TRUE;
}

/* Takes back what was kept, because the rest failed. */
static void
plan_restore_kept(MigtunePlan *plan, const MtKeptChange *inverse,
                  GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *first = NULL;

    if (mt_domain_kept_change(plan->domain, MIGTUNE_DRIVER_KEPT_CONFIG,
                              inverse, NULL, &cause))
        return;

    first = g_strdup(error && *error ? (*error)->message : "");
    g_clear_error(error);
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("%s; and what is kept could not be restored: %s"),
                      first, cause->message);
}

gboolean
migtune_plan_apply(MigtunePlan *plan, GError **error)
{
    g_autoptr(MtKeptChange) inverse = NULL;

    g_return_val_if_fail(plan != NULL, FALSE);

    if (!plan->domain) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a plan that was made without a guest cannot be "
                            "applied"));
        return FALSE;
    }
    if (!mt_plan_check(plan->plan, error))
        return FALSE;

    /* This first: it can be taken back whatever happens to the guest. */
    if (plan->change &&
        !mt_domain_kept_change(plan->domain, MIGTUNE_DRIVER_KEPT_CONFIG,
                               plan->change, &inverse, error))
        return FALSE;
    if (plan->targets & MT_TARGET_LIVE && !plan_apply_live(plan, error)) {
        if (inverse)
            plan_restore_kept(plan, inverse, error);
        return FALSE;
    }

    plan->plan->applied = TRUE;
    return TRUE;
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
    return node;
}

char *
migtune_plan_to_text(MigtunePlan *plan)
{
    g_return_val_if_fail(plan != NULL, NULL);

    return mt_plan_to_text(plan->plan);
}

unsigned int
migtune_plan_get_n_verdicts(MigtunePlan *plan)
{
    g_return_val_if_fail(plan != NULL, 0);

    return plan->plan->wishes->len;
}

MigtuneVerdict
migtune_plan_get_verdict(MigtunePlan *plan, unsigned int nth,
                         const char **name, const char **asked,
                         const char **now, const char **reason)
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
        if (wish->now) {
            char *text = mt_value_format(
                wish->shown ? wish->shown : wish->row, wish->now);

            g_ptr_array_add(plan->texts, text);
            *now = text;
        }
    }
    if (reason)
        *reason = wish->reason->len ? wish->reason->str : NULL;

    return wish->verdict;
}

gboolean
migtune_domain_set_parameters(MigtuneDomain *domain,
                              virTypedParameterPtr params, int nparams,
                              unsigned int flags, GError **error)
{
    g_autoptr(MigtunePlan) plan =
        migtune_domain_plan(domain, params, nparams, flags, error);

    return plan && migtune_plan_apply(plan, error);
}
