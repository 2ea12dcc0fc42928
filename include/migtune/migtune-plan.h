/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Plans: the commands for a set of settings, and a verdict for each setting.
 *
 * A plan is made from the requested settings, from what QEMU supports and from
 * the values in force.  Making a plan changes nothing and holds no lock.
 * Applying it is atomic: if a command fails, or its answer is lost, the former
 * values are restored and read back.
 *
 * A plan is used by one thread at a time.
 */

#include <migtune/migtune-params.h>

G_BEGIN_DECLS

/**
 * MigtunePlan:
 *
 * The commands for a set of settings, and a verdict for each setting.
 *
 * Since: 0.1
 */
#define MIGTUNE_TYPE_PLAN (migtune_plan_get_type())
G_DECLARE_FINAL_TYPE(MigtunePlan, migtune_plan, MIGTUNE, PLAN, GObject)

/**
 * MigtuneVerdict:
 * @MIGTUNE_VERDICT_IN_FORCE: the requested value is in force
 * @MIGTUNE_VERDICT_SUBSTITUTED: an equivalent is in force instead
 * @MIGTUNE_VERDICT_IGNORED: QEMU accepted it and reads back another value
 * @MIGTUNE_VERDICT_DROPPED: it is not supported, and was left out
 * @MIGTUNE_VERDICT_REFUSED: it is not supported, and nothing was changed
 * @MIGTUNE_VERDICT_KEPT: it is kept for later starts of the guest; the running
 *   guest is not changed
 * @MIGTUNE_VERDICT_NO_EFFECT: it is set, but another setting makes it
 *   ineffective, which the reason names
 * @MIGTUNE_VERDICT_UNVERIFIED: it was sent, and this QEMU cannot read it back
 * @MIGTUNE_VERDICT_FORGOTTEN: it is no longer kept for later starts
 * @MIGTUNE_VERDICT_PLANNED: the requested value will be in force once the plan has
 *   been applied; it may be in force already
 *
 * The result for a requested setting: before a plan is applied the expected
 * result, and afterwards the result that was read back.  A plan that was not
 * applied has %MIGTUNE_VERDICT_PLANNED and never %MIGTUNE_VERDICT_IN_FORCE.
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
    MIGTUNE_VERDICT_NO_EFFECT,
    MIGTUNE_VERDICT_UNVERIFIED,
    MIGTUNE_VERDICT_FORGOTTEN,
    MIGTUNE_VERDICT_PLANNED,
} MigtuneVerdict;

/**
 * migtune_verdict_to_string:
 * @verdict: a verdict
 *
 * Converts a verdict to its name in JSON output.
 *
 * Returns: its stable name: "in-force", "substituted", "ignored", "dropped",
 *   "refused", "kept", "no-effect", "unverified", "forgotten" or "planned".
 * Since: 0.1
 */
const char *migtune_verdict_to_string(MigtuneVerdict verdict);

/**
 * migtune_domain_plan: (skip)
 * @domain: a domain
 * @params: the settings
 * @nparams: their number
 * @flags: a policy, %MIGTUNE_SET_LIVE, %MIGTUNE_SET_CONFIG
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Probes @domain if necessary, reads the values in force and plans.  A setting
 * that is wrong or not supported is not an error of this function: it has the
 * verdict %MIGTUNE_VERDICT_REFUSED with a reason, and migtune_plan_check()
 * fails.
 *
 * With %MIGTUNE_SET_CONFIG the settings are kept for every later start of the
 * guest, beside those that are kept already: see migtune_domain_plan_kept().
 * The running QEMU decides which of them are supported.  If the guest does not
 * run, only names, types and ranges are checked.
 *
 * Returns: (transfer full): a plan, or %NULL if the domain could not be asked,
 *   with %MIGTUNE_ERROR_NOT_RUNNING, or with %MIGTUNE_ERROR_INVALID_VALUE if
 *   the kept settings are damaged.
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan(MigtuneDomain *domain, virTypedParameterPtr params,
                    int nparams, unsigned int flags, GCancellable *cancellable,
                    GError **error);

/**
 * migtune_domain_plan_reset:
 * @domain: a domain
 * @flags: %MIGTUNE_SET_LIVE, %MIGTUNE_SET_CONFIG, %MIGTUNE_SET_DEFAULTS
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Restores the values before the last change that this user made to the running
 * QEMU process, or with %MIGTUNE_SET_DEFAULTS QEMU's defaults.  With
 * %MIGTUNE_SET_CONFIG all kept settings are removed; without that flag they are
 * never changed, also if the guest does not run.
 *
 * Returns: (transfer full): a plan, or %NULL with %MIGTUNE_ERROR_NOT_FOUND if
 * no earlier change is recorded, or as migtune_domain_plan().
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_reset(MigtuneDomain *domain, unsigned int flags,
                          GCancellable *cancellable, GError **error);

/**
 * migtune_domain_plan_forget:
 * @domain: a domain
 * @names: (array zero-terminated=1): the parameters
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Removes these parameters from the kept settings.
 *
 * Returns: (transfer full): a plan, or %NULL with %MIGTUNE_ERROR_NOT_FOUND if
 *   one of them is not kept, or as migtune_domain_plan().
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_forget(MigtuneDomain *domain, const char *const *names,
                           GCancellable *cancellable, GError **error);

/**
 * migtune_domain_plan_kept:
 * @domain: a domain that runs
 * @flags: a policy instead of the kept one; %MIGTUNE_SET_LIVE for the settings
 *   kept with the running guest instead of with its definition
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Plans the kept settings for the running QEMU.  Its release may differ from
 * the release for which they were kept.  If nothing is kept, the plan is empty.
 *
 * libvirt keeps the settings of a domain in its metadata.  There, settings of
 * the running guest are kept with the guest, too, and follow it when it
 * migrates.  For other drivers each domain has an XML file below
 * `$XDG_CONFIG_HOME/migtune`, and nothing is kept with the running guest.
 *
 * Returns: (transfer full): a plan, or %NULL with
 *   %MIGTUNE_ERROR_NOT_RUNNING, %MIGTUNE_ERROR_INVALID_VALUE if the kept
 *   settings are damaged, or as migtune_domain_plan().
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_kept(MigtuneDomain *domain, unsigned int flags,
                         GCancellable *cancellable, GError **error);

/**
 * migtune_explain: (skip)
 * @release: a QEMU release, such as "9.1"
 * @params: the settings
 * @nparams: their number
 * @flags: %MIGTUNE_SET_STRICT or %MIGTUNE_SET_BEST_EFFORT or 0
 * @error: return location
 *
 * Plans without a guest, for a QEMU of that release that has just been started
 * and that was built with all options.
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
 * Takes a reference.
 *
 * Returns: @plan.
 * Since: 0.1
 */
MigtunePlan *migtune_plan_ref(MigtunePlan *plan);

/**
 * migtune_plan_unref:
 * @plan: (nullable): a plan
 *
 * Releases a reference.
 *
 * Since: 0.1
 */
void migtune_plan_unref(MigtunePlan *plan);

/**
 * migtune_plan_check:
 * @plan: a plan
 * @error: return location
 *
 * Whether the plan can be applied.
 *
 * Returns: %FALSE if a setting was refused.  The message of @error names all
 *   refused settings; its code and fields are those of the first.
 * Since: 0.1
 */
gboolean migtune_plan_check(MigtunePlan *plan, GError **error);

/**
 * migtune_plan_apply:
 * @plan: a plan of migtune_domain_plan() or migtune_domain_plan_reset()
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Locks the guest, sends the commands and reads the values back; the verdicts
 * then say what was read.  A plan can be applied once, also if that fails.
 *
 * Returns: %FALSE with the error of migtune_plan_check(); with
 *   %MIGTUNE_ERROR_BUSY if another migtune is changing the guest; with
 *   %MIGTUNE_ERROR_QEMU, %MIGTUNE_ERROR_CANCELLED, %MIGTUNE_ERROR_TIMEOUT or
 *   %MIGTUNE_ERROR_DISCONNECTED if nothing has been changed; with
 *   %MIGTUNE_ERROR_ROLLED_BACK; or with %MIGTUNE_ERROR_STATE_UNKNOWN.
 * Since: 0.1
 */
gboolean migtune_plan_apply(MigtunePlan *plan, GCancellable *cancellable,
                            GError **error);

/**
 * migtune_plan_to_json:
 * @plan: a plan, applied or not
 *
 * All of a plan as JSON.
 *
 * Returns: (transfer full): a JSON object with the members `domain` (null
 *   without one), `qemu`, `policy` ("strict", "substitute" or "best-effort"),
 *   `affects` (an array of "live" and "config"), `applied`, `changed` (whether
 *   any value is, or was, to be changed: false if all of them were in force and
 *   kept), `kept`, an array of objects with `name` and `value` of what is to be kept (null for what
 *   no longer is), `steps`, an array of objects with `side`, `execute` and
 *   `arguments`; `verdicts`, an array of objects with `name`, `asked`, `before`
 *   (the value when the plan was made), `after` (the value that is expected, or
 *   that was read back once the plan has been applied), `now` (the value that
 *   was read last; null if none was read), `verdict`, `becomes` (an array of
 *   objects with `name` and `value`), `codes` (an array of stable words, one for
 *   each sentence of `reason`), `reason` (null if there is nothing to say),
 *   `since` and `removed` (QEMU releases or null); `warnings`, an array of
 *   texts; and `warning-codes`, a stable word for each of them.
 * Since: 0.1
 */
JsonNode *migtune_plan_to_json(MigtunePlan *plan);

/**
 * migtune_plan_to_text:
 * @plan: a plan, applied or not
 *
 * The verdicts of a plan as text.
 *
 * Returns: (transfer full): the table of verdicts as the `migtune` command
 *   prints it, without colour.
 * Since: 0.1
 */
char *migtune_plan_to_text(MigtunePlan *plan);

/**
 * migtune_plan_dup_row:
 * @plan: a plan, applied or not
 * @nth: the verdict, from 0; -1 for the headings of the columns
 *
 * The rows of migtune_plan_to_text(), for programs that lay out the table
 * themselves.  The texts are translated.
 *
 * Returns: (transfer full) (array zero-terminated=1): the cells: parameter,
 *   requested value, value before, value after, verdict and reason; a value that
 *   is not known is "-".
 * Since: 0.1
 */
char **migtune_plan_dup_row(MigtunePlan *plan, int nth);

/**
 * migtune_plan_get_n_verdicts:
 * @plan: a plan
 *
 * Tells how many verdicts the plan has.
 *
 * Returns: the number of settings.
 * Since: 0.1
 */
unsigned int migtune_plan_get_n_verdicts(MigtunePlan *plan);

/**
 * migtune_plan_get_verdict:
 * @plan: a plan
 * @nth: number of the setting, from 0
 * @name: (nullable): where to put the name of the parameter
 * @asked: (nullable): where to put the requested value, as text
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
                                        const char **now, const char **reason);

/**
 * migtune_plan_dup_before:
 * @plan: a plan, applied or not
 * @nth: which, from 0
 *
 * Tells what a setting was before the plan.
 *
 * Returns: (transfer full) (nullable): the value that was in force when @plan
 *   was made, as text, for g_free(); %NULL if it is not known.
 * Since: 0.1
 */
char *migtune_plan_dup_before(MigtunePlan *plan, unsigned int nth);

G_END_DECLS
