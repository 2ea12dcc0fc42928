/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public plan: a plan with the domain that it is for, and the journal that
 * keeps others from changing the guest between planning and applying.
 */
#include "config.h"

#include "core/core.h"
#include "core/journal.h"
#include "plan/apply.h"
#include "util/i18n.h"

struct _MigtunePlan {
    gint ref_count;
    MtPlan *plan;
    MigtuneDomain *domain;      /* NULL: made without a guest */
    MtJournal *journal;         /* until it has been applied */
    GPtrArray *texts;           /* what get_verdict() handed out */
};

#define PLAN_POLICIES (MIGTUNE_SET_STRICT | MIGTUNE_SET_BEST_EFFORT)

gboolean
mt_core_check_flags(unsigned int flags, unsigned int known, GError **error)
{
    if ((flags & ~known) == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("unknown flags 0x%x; accepted: 0x%x"), flags & ~known,
                      known);
    return FALSE;
}

static gboolean
plan_get_policy(unsigned int flags, MtPolicy *policy, GError **error)
{
    if (!mt_core_check_flags(flags, PLAN_POLICIES, error))
        return FALSE;
    if (flags == PLAN_POLICIES) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("strict and best-effort exclude each other"));
        return FALSE;
    }

    *policy = flags & MIGTUNE_SET_STRICT        ? MT_POLICY_STRICT
              : flags & MIGTUNE_SET_BEST_EFFORT ? MT_POLICY_BEST_EFFORT
                                                : MT_POLICY_SUBSTITUTE;
    return TRUE;
}

static MigtunePlan *
plan_wrap(MtPlan *inner, MigtuneDomain *domain, MtJournal *journal)
{
    MigtunePlan *plan = g_new0(MigtunePlan, 1);

    plan->ref_count = 1;
    plan->plan = inner;
    plan->domain = domain ? migtune_domain_ref(domain) : NULL;
    plan->journal = journal;
    plan->texts = g_ptr_array_new_with_free_func(g_free);
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

MigtunePlan *
migtune_domain_plan(MigtuneDomain *domain, virTypedParameterPtr params,
                    int nparams, unsigned int flags, GError **error)
{
    g_autoptr(MtJournal) journal = NULL;
    MtState *state;
    MtPolicy policy;
    MtPlan *plan;

    g_return_val_if_fail(domain != NULL, NULL);
    g_return_val_if_fail(params != NULL || nparams == 0, NULL);

    if (!plan_get_policy(flags, &policy, error))
        return NULL;
    journal = plan_open_journal(domain, error);
    if (!journal)
        return NULL;
    state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    if (!state)
        return NULL;

    plan = mt_plan_new(domain->name, domain->qemu, domain->caps, state, params,
                       nparams, policy);
    plan_warn_interrupted(plan, journal);
    return plan_wrap(plan, domain, g_steal_pointer(&journal));
}

/* Every value that is known to be QEMU's default here. */
static MtSet *
plan_defaults(const MtCaps *caps)
{
    g_autoptr(MtState) state = mt_state_new_default(caps);

    return g_steal_pointer(&state->values);
}

MigtunePlan *
migtune_domain_plan_reset(MigtuneDomain *domain, unsigned int flags,
                          GError **error)
{
    g_autoptr(MtJournal) journal = NULL;
    g_autoptr(MtState) state = NULL;
    g_autoptr(MtSet) values = NULL;
    MtPlan *plan;

    g_return_val_if_fail(domain != NULL, NULL);

    if (!mt_core_check_flags(flags, MIGTUNE_SET_DEFAULTS, error))
        return NULL;
    journal = plan_open_journal(domain, error);
    if (!journal)
        return NULL;
    state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    if (!state)
        return NULL;

    if (flags & MIGTUNE_SET_DEFAULTS)
        values = plan_defaults(domain->caps);
    else
        values = mt_journal_load(journal, domain->caps, NULL);
    if (!values) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("no earlier change of %s by this user is "
                            "remembered; QEMU's defaults are to be had with "
                            "'reset --defaults'"),
                          domain->name);
        return NULL;
    }
    plan = mt_plan_new_restore(domain->name, domain->qemu, domain->caps,
                               g_steal_pointer(&state), values);

    return plan_wrap(plan, domain, g_steal_pointer(&journal));
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
    g_autoptr(MtJournal) journal = plan_open_journal(domain, error);
    MtState *state;
    MtPlan *plan;

    if (!journal)
        return NULL;
    state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    if (!state)
        return NULL;
    plan = mt_plan_new_restore(domain->name, domain->qemu, domain->caps,
                               state, values);

    return plan_wrap(plan, domain, g_steal_pointer(&journal));
}

MigtunePlan *
migtune_explain(const char *release_text, virTypedParameterPtr params,
                int nparams, unsigned int flags, GError **error)
{
    g_autoptr(MtCaps) caps = NULL;
    g_autofree char *qemu = NULL;
    MtRelease release;
    MtPolicy policy;

    g_return_val_if_fail(release_text != NULL, NULL);
    g_return_val_if_fail(params != NULL || nparams == 0, NULL);

    if (!plan_get_policy(flags, &policy, error))
        return NULL;
    release = mt_core_parse_release(release_text, error);
    if (release == MT_RELEASE_NONE)
        return NULL;

    caps = mt_caps_new_for_release(release);
    qemu = mt_release_format(release);
    return plan_wrap(mt_plan_new(NULL, qemu, caps, mt_state_new_default(caps),
                                 params, nparams, policy),
                     NULL, NULL);
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

gboolean
migtune_plan_apply(MigtunePlan *plan, GError **error)
{
    g_autoptr(MtSet) former = NULL;
    g_autoptr(GError) cause = NULL;
    gboolean ok;

    g_return_val_if_fail(plan != NULL, FALSE);

    if (!plan->domain) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a plan that was made without a guest cannot be "
                            "applied"));
        return FALSE;
    }

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
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&cause));

    return ok;
}

JsonNode *
migtune_plan_to_json(MigtunePlan *plan)
{
    g_return_val_if_fail(plan != NULL, NULL);

    return mt_plan_to_json(plan->plan);
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
