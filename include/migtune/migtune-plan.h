/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Plans: what would be sent, what becomes of every wish, and doing it.
 *
 * A plan is made from wishes, from what a QEMU can do and from what is in
 * force in it; nothing is changed by making one.  Applying it is atomic over
 * all its commands: if one fails, or its answer is lost, the former state is
 * established again and read back.
 */

#include <migtune/migtune-params.h>

G_BEGIN_DECLS

typedef struct _MigtunePlan MigtunePlan;

/**
 * MigtuneVerdict:
 * @MIGTUNE_VERDICT_IN_FORCE: the wished value is in force
 * @MIGTUNE_VERDICT_SUBSTITUTED: an equivalent is in force instead
 * @MIGTUNE_VERDICT_IGNORED: QEMU accepted it and reads back another value
 * @MIGTUNE_VERDICT_DROPPED: it cannot be had, and was left out
 * @MIGTUNE_VERDICT_REFUSED: it cannot be had, and nothing was changed
 * @MIGTUNE_VERDICT_KEPT: it is kept for later starts of the guest, of which
 *   each will say what it makes of it; the one that runs is not changed
 *
 * What became, or would become, of a wish.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_VERDICT_IN_FORCE,
    MIGTUNE_VERDICT_SUBSTITUTED,
    MIGTUNE_VERDICT_IGNORED,
    MIGTUNE_VERDICT_DROPPED,
    MIGTUNE_VERDICT_REFUSED,
    MIGTUNE_VERDICT_KEPT,
} MigtuneVerdict;

/**
 * migtune_verdict_to_string:
 * @verdict: a verdict
 *
 * Returns: its stable name: "in-force", "substituted", "ignored", "dropped",
 *   "refused" or "kept".
 * Since: 0.1
 */
const char *migtune_verdict_to_string(MigtuneVerdict verdict);

/**
 * migtune_domain_plan:
 * @domain: a domain
 * @params: what is wished
 * @nparams: how many
 * @flags: a policy, %MIGTUNE_SET_LIVE, %MIGTUNE_SET_CONFIG
 * @error: return location
 *
 * Probes @domain if that was not done yet, reads what is in force and plans.
 * A wish that is wrong in itself or cannot be had is no error here: it has the
 * verdict %MIGTUNE_VERDICT_REFUSED and its reason, as has every other, and
 * migtune_plan_check() fails.
 *
 * With %MIGTUNE_SET_CONFIG the wishes are kept for every later start of the
 * guest, beside those that are kept already: see
 * migtune_domain_plan_kept().  What would become of them is judged by the
 * QEMU that runs now; for a guest that does not run only names, types and
 * ranges are checked.
 *
 * Returns: (transfer full): a plan, or %NULL when the domain could not be
 *   asked, %MIGTUNE_ERROR_NOT_RUNNING, or %MIGTUNE_ERROR_INVALID_VALUE when
 *   what is kept is damaged.
 * Since: 0.1
 */
MigtunePlan *migtune_domain_plan(MigtuneDomain *domain,
                                 virTypedParameterPtr params, int nparams,
                                 unsigned int flags, GError **error);

/**
 * migtune_domain_plan_reset:
 * @domain: a domain
 * @flags: %MIGTUNE_SET_LIVE, %MIGTUNE_SET_CONFIG, %MIGTUNE_SET_DEFAULTS
 * @error: return location
 *
 * For the guest that runs: back to the state before the last set that this
 * user made, which is remembered for as long as the QEMU process runs, or with
 * %MIGTUNE_SET_DEFAULTS to QEMU's defaults.  With %MIGTUNE_SET_CONFIG nothing
 * is kept for later starts any more.
 *
 * Returns: (transfer full): a plan, or %NULL with %MIGTUNE_ERROR_NOT_FOUND
 *   when no former state is remembered, or as migtune_domain_plan().
 * Since: 0.1
 */
MigtunePlan *migtune_domain_plan_reset(MigtuneDomain *domain,
                                       unsigned int flags, GError **error);

/**
 * migtune_domain_plan_forget:
 * @domain: a domain
 * @names: which parameters, %NULL-terminated
 * @error: return location
 *
 * Keeps these parameters no longer for later starts.
 *
 * Returns: (transfer full): a plan, or %NULL with %MIGTUNE_ERROR_NOT_FOUND
 *   when one of them is not kept, or as migtune_domain_plan().
 * Since: 0.1
 */
MigtunePlan *migtune_domain_plan_forget(MigtuneDomain *domain,
                                        const char *const *names,
                                        GError **error);

/**
 * migtune_domain_plan_kept:
 * @domain: a domain that runs
 * @flags: a policy instead of the one that is kept; %MIGTUNE_SET_LIVE for what
 *   is kept with the guest that runs instead of with its definition
 * @error: return location
 *
 * Brings kept settings into force in the QEMU that runs now, whose release
 * need not be that for which they were kept: they are kept as wishes and
 * planned anew.  When nothing is kept the plan is empty.
 *
 * Where the domain's driver keeps settings with the domain, as libvirt does in
 * the metadata, that is where they are, and what is set in the guest that runs
 * is kept with it as well and goes along when it migrates.  For all others
 * they are in one XML file a domain below `$XDG_CONFIG_HOME/migtune`, and
 * nothing is kept with the guest that runs but what is in force in it.
 *
 * Returns: (transfer full): a plan, or %NULL with
 *   %MIGTUNE_ERROR_NOT_RUNNING, %MIGTUNE_ERROR_INVALID_VALUE when what is kept
 *   is damaged, or as migtune_domain_plan().
 * Since: 0.1
 */
MigtunePlan *migtune_domain_plan_kept(MigtuneDomain *domain,
                                      unsigned int flags, GError **error);

/**
 * migtune_explain:
 * @release: a QEMU release, such as "9.1"
 * @params: what is wished
 * @nparams: how many
 * @flags: %MIGTUNE_SET_STRICT or %MIGTUNE_SET_BEST_EFFORT or 0
 * @error: return location
 *
 * Plans without a guest, for a freshly started QEMU of that release as the
 * catalogue knows it, with every build option on.
 *
 * Returns: (transfer full): a plan that cannot be applied; %NULL with
 *   %MIGTUNE_ERROR_INVALID_VALUE for a release that is not one of 2.4 to 11.1.
 * Since: 0.1
 */
MigtunePlan *migtune_explain(const char *release, virTypedParameterPtr params,
                             int nparams, unsigned int flags, GError **error);

/**
 * migtune_plan_ref: (skip)
 * @plan: a plan
 *
 * Returns: @plan.
 * Since: 0.1
 */
MigtunePlan *migtune_plan_ref(MigtunePlan *plan);

/**
 * migtune_plan_unref:
 * @plan: (nullable): a plan
 *
 * Since: 0.1
 */
void migtune_plan_unref(MigtunePlan *plan);

/**
 * migtune_plan_check:
 * @plan: a plan
 * @error: return location
 *
 * Returns: %FALSE when a wish was refused; @error tells of all of them, its
 *   code and fields are those of the first.
 * Since: 0.1
 */
gboolean migtune_plan_check(MigtunePlan *plan, GError **error);

/**
 * migtune_plan_apply:
 * @plan: a plan of migtune_domain_plan() or migtune_domain_plan_reset()
 * @error: return location
 *
 * Sends the commands and reads everything back; after that the verdicts say
 * what was read.  A plan can be applied once.
 *
 * Returns: %FALSE with the error of migtune_plan_check(); with
 *   %MIGTUNE_ERROR_QEMU, %MIGTUNE_ERROR_CANCELLED, %MIGTUNE_ERROR_TIMEOUT or
 *   %MIGTUNE_ERROR_DISCONNECTED when nothing had been changed yet; with
 *   %MIGTUNE_ERROR_ROLLED_BACK; or with %MIGTUNE_ERROR_STATE_UNKNOWN.
 * Since: 0.1
 */
gboolean migtune_plan_apply(MigtunePlan *plan, GError **error);

/**
 * migtune_plan_to_json:
 * @plan: a plan, applied or not
 *
 * Returns: (transfer full): a JSON object with the members `domain` (null
 *   without one), `qemu`, `policy` ("strict", "substitute" or "best-effort"),
 *   `affects` (an array of "live" and "config"), `applied`, `kept`, an array
 *   of objects with `name` and `value` of what is to be kept (null for what
 *   no longer is), `steps`, an array of objects with `side`, `execute` and
 *   `arguments`; `verdicts`, an array of objects with `name`, `asked`, `now`
 *   (null when it cannot be told), `verdict`, `becomes` (an array of objects
 *   with `name` and `value`), `reason` (null when there is nothing to say),
 *   `since` and `removed` (QEMU releases or null); and `warnings`, an array of
 *   texts.
 * Since: 0.1
 */
JsonNode *migtune_plan_to_json(MigtunePlan *plan);

/**
 * migtune_plan_to_text:
 * @plan: a plan, applied or not
 *
 * Returns: (transfer full): the table of verdicts as the `migtune` command
 *   prints it, without colour.
 * Since: 0.1
 */
char *migtune_plan_to_text(MigtunePlan *plan);

/**
 * migtune_plan_get_n_verdicts:
 * @plan: a plan
 *
 * Returns: how many wishes there are.
 * Since: 0.1
 */
unsigned int migtune_plan_get_n_verdicts(MigtunePlan *plan);

/**
 * migtune_plan_get_verdict:
 * @plan: a plan
 * @nth: which, from 0
 * @name: (nullable): where to put the name of the parameter
 * @asked: (nullable): where to put the value that was wished, as text
 * @now: (nullable): where to put the value in force (after
 *   migtune_plan_apply()) or to be expected (before); %NULL when that cannot
 *   be told
 * @reason: (nullable): where to put the reason, %NULL when there is nothing to
 *   say
 *
 * The texts belong to @plan and stay until it is applied or released.
 *
 * Returns: the verdict.
 * Since: 0.1
 */
MigtuneVerdict migtune_plan_get_verdict(MigtunePlan *plan, unsigned int nth,
                                        const char **name, const char **asked,
                                        const char **now,
                                        const char **reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtunePlan, migtune_plan_unref)

G_END_DECLS
