/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans about kept settings.
 *
 * Requests are kept, not values: a later start may use another QEMU, and then
 * the requests are translated for that QEMU.  When they are set, they are
 * judged by a fresh start of the present QEMU.
 */
#include "config.h"

#include <string.h>

#include "core/kept/plan-kept.h"
#include "plan/wish.h"
#include "util/i18n.h"

gboolean
mt_domain_get_targets(MigtuneDomain *domain, gboolean live, gboolean config,
                      MtTargets *ret_targets, GError **error)
{
    gboolean runs = !domain->identity.inactive;

    if (!live && !config) {
        live = runs;
        config = !runs;
    }
    if (live && !mt_domain_check_running(domain, error))
        return FALSE;

    *ret_targets =
        (live ? MT_TARGET_LIVE : 0) | (config ? MT_TARGET_CONFIG : 0);
    return TRUE;
}

JsonArray *
mt_targets_to_json(MtTargets targets)
{
    JsonArray *array = json_array_new();

    if (targets & MT_TARGET_LIVE)
        json_array_add_string_element(array, "live");
    if (targets & MT_TARGET_CONFIG)
        json_array_add_string_element(array, "config");

    return array;
}

/* A plan for a fresh start of the QEMU that runs now. */
static MtPlan *
plan_new_fresh(MigtuneDomain *domain, const virTypedParameter *params,
               int n_params, MtPolicy policy)
{
    return mt_plan_new(domain->name, domain->qemu, domain->caps,
                       mt_state_new_default(domain->caps), params, n_params,
                       policy);
}

MtPlan *
mt_plan_new_later(MigtuneDomain *domain, const virTypedParameter *params,
                  int n_params, MtPolicy policy, GError **error)
{
    g_autoptr(GError) failure = NULL;
    MtPlan *plan;

    if (!domain->identity.inactive &&
        mt_domain_get_caps(domain, FALSE, &failure))
        return plan_new_fresh(domain, params, n_params, policy);
    /* The guest may have ended after it was opened; its definition remains. */
    if (failure && !g_error_matches(failure, MIGTUNE_ERROR,
                                    MIGTUNE_ERROR_NOT_RUNNING)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }

    plan = mt_plan_new_unseen(domain->name, params, n_params, policy);
    mt_plan_warn(
        plan, "not-running",
        g_strdup_printf(_("%s is not running: only names, types and ranges "
                          "were checked, because the abilities of its QEMU are "
                          "not known before it starts"),
                        domain->name));
    return plan;
}

/* Returns the kept settings that @plan does not request again, in an array
 * with room for @n_more. */
static virTypedParameterPtr
plan_params_besides(const MtPlan *plan, const MtKept *kept, int n_more,
                    int *ret_n)
{
    virTypedParameterPtr all = mt_kept_to_params(kept, ret_n);
    virTypedParameterPtr left = g_new0(virTypedParameter, *ret_n + n_more + 1);
    int n = 0;

    for (int i = 0; i < *ret_n; i++) {
        if (mt_plan_find_wish(plan, mt_kept_row(all[i].field)))
            g_free(all[i].value.s);
        else
            left[n++] = all[i];
    }
    g_free(all);
    *ret_n = n;

    return left;
}

/* Copies the refusals of @both to the requests of @plan. */
static gboolean
plan_take_refusals(MtPlan *plan, const MtPlan *both)
{
    gboolean taken = FALSE;

    for (guint i = 0; i < both->wishes->len; i++) {
        const MtWish *refused = g_ptr_array_index(both->wishes, i);
        MtWish *wish = mt_plan_find_wish(plan, refused->row);

        if (!refused->error || !wish || wish->error)
            continue;
        mt_wish_refuse(
            wish, refused->error->code,
            migtune_error_get_field(refused->error, MIGTUNE_ERROR_FIELD_RULE),
            _("together with the settings that are already kept: %s"),
            refused->error->message);
        taken = TRUE;
    }

    return taken;
}

void
mt_plan_check_together(MtPlan *plan, MigtuneDomain *domain, const MtKept *kept,
                       const virTypedParameter *params, int n_params,
                       MtPolicy policy)
{
    g_autoptr(MtPlan) before = NULL;
    g_autoptr(MtPlan) both = NULL;
    g_autoptr(GError) cause = NULL;
    g_autoptr(GError) older = NULL;
    virTypedParameterPtr all;
    int n;

    if (!domain->caps || !mt_plan_check(plan, NULL))
        return;
    all = plan_params_besides(plan, kept, n_params, &n);
    if (n > 0) {
        before = plan_new_fresh(domain, all, n, policy);
        /* These requests belong to the caller and are not freed with the
         * others. */
        memcpy(all + n, params, n_params * sizeof(*params));
        both = plan_new_fresh(domain, all, n + n_params, policy);
    }
    if (before && !mt_plan_check(before, &older))
        mt_plan_warn(
            plan, "kept-not-supported",
            g_strdup_printf(_("the settings that are already kept are not "
                              "supported: %s"),
                            older->message));
    if (both && !mt_plan_check(both, &cause) &&
        !plan_take_refusals(plan, both) && !older && plan->wishes->len > 0)
        mt_wish_refuse(
            g_ptr_array_index(plan->wishes, plan->wishes->len - 1), cause->code,
            NULL, _("together with the settings that are already kept: %s"), cause->message);
    if (!mt_plan_check(plan, NULL))
        mt_plan_hold_back(plan);
    migtune_typed_params_free(all, n);
}

/* Adds the line of the document to the reason of each refusal. */
static void
plan_add_lines(MtPlan *plan, const MtKept *kept)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        for (guint j = 0; wish->error && j < mt_kept_size(kept); j++) {
            const MtKeptEntry *entry = mt_kept_nth(kept, j);
            g_autofree char *former = NULL;

            if (strcmp(entry->name, wish->name) != 0 &&
                (!wish->row || mt_kept_row(entry->name) != wish->row))
                continue;
            former = wish->error->message;
            wish->error->message = g_strdup_printf(
                _("%s, line %u: %s"), mt_kept_where(kept), entry->line, former);
            g_string_assign(wish->reason, wish->error->message);
            break;
        }
    }
}

MtPlan *
mt_plan_new_from_kept(MigtuneDomain *domain, const MtKept *kept, MtState *state,
                      MtPolicy policy, GError **error)
{
    int n;
    virTypedParameterPtr params = mt_kept_to_params(kept, &n);
    MtPlan *plan = NULL;

    if (state)
        plan = mt_plan_new(domain->name, domain->qemu, domain->caps, state,
                           params, n, policy);
    else
        plan = mt_plan_new_later(domain, params, n, policy, error);
    if (plan)
        plan_add_lines(plan, kept);
    migtune_typed_params_free(params, n);
    return plan;
}

MtKept *
mt_domain_kept_for_plan(MigtuneDomain *domain, MigtuneDriverKept which,
                        GError **error)
{
    g_autoptr(GError) cause = NULL;
    MtKept *kept;

    if (which == MIGTUNE_DRIVER_KEPT_LIVE && !mt_domain_keeps_live(domain)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("settings that are stored with the running guest "
                            "%s must be in force in it; use --config to keep "
                            "settings for later starts"),
                          domain->name);
        return NULL;
    }

    kept = mt_domain_kept_load_valid(domain, which, &cause);
    if (!kept && which == MIGTUNE_DRIVER_KEPT_CONFIG &&
        mt_domain_keeps_live(domain) &&
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED))
        return mt_domain_kept_load_valid(domain, MIGTUNE_DRIVER_KEPT_LIVE,
                                         error);
    if (!kept)
        g_propagate_error(error, g_steal_pointer(&cause));

    return kept;
}

/* Changes the record of the running guest.  A failure is a warning, because the
 * requested change itself has been made. */
static void
record_change(MigtuneDomain *domain, MtPlan *plan, const MtKeptChange *change)
{
    g_autoptr(GError) error = NULL;

    if (change->names->len == 0 ||
        mt_domain_kept_change(domain, MIGTUNE_DRIVER_KEPT_LIVE, change, NULL,
                              &error))
        return;

    mt_plan_warn(plan, "not-recorded",
                    g_strdup_printf(_("it is in force, but could not be "
                                      "recorded with the guest: %s"),
                                    error->message));
}

void
mt_domain_record_set(MigtuneDomain *domain, MtPlan *plan)
{
    g_autoptr(MtKeptChange) change = mt_kept_change_new();

    if (!mt_domain_keeps_live(domain))
        return;

    mt_kept_change_add_wishes(change, plan);
    record_change(domain, plan, change);
}

/* Returns whether @entry is no longer in force. */
static gboolean
record_is_stale(MigtuneDomain *domain, const MtKeptEntry *entry)
{
    virTypedParameter param = { .type = VIR_TYPED_PARAM_STRING };
    g_autoptr(MtPlan) plan = NULL;
    MtState *state = mt_domain_read_state(domain, MT_STATE_VALUES, NULL);

    if (!state)
        return FALSE;

    g_strlcpy(param.field, entry->name, sizeof(param.field));
    param.value.s = entry->value;
    plan = mt_plan_new(domain->name, domain->qemu, domain->caps, state, &param,
                       1, MT_POLICY_SUBSTITUTE);
    return !mt_plan_check(plan, NULL) || plan->steps->len > 0;
}

void
mt_domain_record_reset(MigtuneDomain *domain, MtPlan *plan, gboolean all)
{
    g_autoptr(MtKeptChange) change = mt_kept_change_new();
    g_autoptr(MtKept) kept = NULL;

    if (!mt_domain_keeps_live(domain))
        return;

    kept = mt_domain_kept_load(domain, MIGTUNE_DRIVER_KEPT_LIVE, NULL);
    for (guint i = 0; kept && i < mt_kept_size(kept); i++) {
        const MtKeptEntry *entry = mt_kept_nth(kept, i);

        if (all || record_is_stale(domain, entry))
            mt_kept_change_put(change, entry->name, NULL);
    }
    record_change(domain, plan, change);
}
