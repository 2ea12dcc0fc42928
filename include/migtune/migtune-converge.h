/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Convergence: what is done while a migration runs, so that it ends.
 *
 * A policy decides by the samples of a migration: raise the allowed downtime,
 * throttle the guest, switch to post-copy, pause, abort.  Policies are those of
 * other programs, read from the files that configure these, and "steady", our
 * own.  They can act on a running migration, be followed without acting (in
 * shadow), over a recorded trace, and in a simulator.
 *
 * Units: sizes are bytes, rates bytes a second, times milliseconds.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/**
 * MigtunePolicy:
 *
 * A convergence policy.
 *
 * Since: 0.1
 */
typedef struct _MigtunePolicy MigtunePolicy;

#define MIGTUNE_TYPE_POLICY (migtune_policy_get_type())

/**
 * migtune_policy_get_type:
 *
 * Returns: the boxed type of policies.
 * Since: 0.1
 */
GType migtune_policy_get_type(void);

/**
 * MigtunePolicyAllow:
 * @MIGTUNE_POLICY_ALLOW_POSTCOPY: switch to post-copy
 * @MIGTUNE_POLICY_ALLOW_THROTTLE: take processor time from the guest
 * @MIGTUNE_POLICY_ALLOW_PAUSE: stop the guest until the migration has ended
 *
 * Steps that disturb a guest more than a longer downtime.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_POLICY_ALLOW_POSTCOPY = 1 << 0,
    MIGTUNE_POLICY_ALLOW_THROTTLE = 1 << 1,
    MIGTUNE_POLICY_ALLOW_PAUSE = 1 << 2,
} MigtunePolicyAllow;

/**
 * migtune_policy_list:
 *
 * Lists the convergence policies.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names of all
 *   policies.
 * Since: 0.1
 */
char **migtune_policy_list(void);

/**
 * migtune_policy_describe:
 * @name: the name of a policy
 *
 * Describes a convergence policy.
 *
 * Returns: (nullable): what the policy does, as one translated line; %NULL if
 *   there is no such policy.
 * Since: 0.1
 */
const char *migtune_policy_describe(const char *name);

/**
 * migtune_policy_new:
 * @name: one of migtune_policy_list()
 * @error: return location
 *
 * Makes a policy with default values.
 *
 * Returns: (transfer full): the policy with the defaults of the program that it
 *   comes from; %NULL with %MIGTUNE_ERROR_INVALID_ARGUMENT for another name.
 * Since: 0.1
 */
MigtunePolicy *migtune_policy_new(const char *name, GError **error);

/**
 * migtune_policy_import:
 * @path: a configuration of another program
 * @select: (nullable) (array zero-terminated=1): what to use of the file:
 *   "policy=NAME", and the labels of the guest and of its namespace as
 *   "vm.LABEL=VALUE" and "namespace.LABEL=VALUE"; for `nova.conf` the memory of
 *   the flavor in MiB as "flavor.ram=NUMBER", and each disk that is copied as
 *   "disk=BYTES"
 * @error: return location
 *
 * Reads a policy from `nova.conf`, `vdsm.conf`, a migration policy of oVirt or a
 * convergence schedule of VDSM as JSON, objects of kind KubeVirt and
 * MigrationPolicy as YAML, or a VM configuration of Proxmox.  The format is
 * recognised by the content.  migtune_policy_to_json() tells what was taken and
 * what was not.
 *
 * Returns: (transfer full): the policy; %NULL with %MIGTUNE_ERROR_IO, or with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT for a wrong type, a value out of bounds or
 *   an impossible schedule, with file and line.
 * Since: 0.1
 */
MigtunePolicy *migtune_policy_import(const char *path,
                                     const char *const *select,
                                     GError **error);

/**
 * migtune_policy_set_limits:
 * @policy: a policy that is not used yet
 * @max_downtime_ms: the longest downtime to set; 0 for the policy's own limit
 * @deadline_ms: since the start of the migration, which is aborted then; 0 for
 *   the policy's own deadline
 * @allow: a combination of #MigtunePolicyAllow for "steady"
 *
 * Sets limits of the caller.  For "steady" they are all that it knows.  Another
 * policy decides by its own rules; on a running migration its decisions that
 * exceed @max_downtime_ms are not carried out, and the deadline applies.
 *
 * Since: 0.1
 */
void migtune_policy_set_limits(MigtunePolicy *policy, guint64 max_downtime_ms,
                               guint64 deadline_ms, unsigned int allow);

/**
 * migtune_policy_ref: (skip)
 * @policy: a policy
 *
 * Takes a reference.
 *
 * Returns: @policy.
 * Since: 0.1
 */
MigtunePolicy *migtune_policy_ref(MigtunePolicy *policy);

/**
 * migtune_policy_unref:
 * @policy: (nullable): a policy
 *
 * Releases a reference.
 *
 * Since: 0.1
 */
void migtune_policy_unref(MigtunePolicy *policy);

/**
 * migtune_policy_get_name:
 * @policy: a policy
 *
 * Tells the name of a policy.
 *
 * Returns: its name; for one that was read from a file, with that file.
 * Since: 0.1
 */
const char *migtune_policy_get_name(MigtunePolicy *policy);

/**
 * migtune_policy_needs_postcopy:
 * @policy: a policy
 *
 * Whether the rules of another program that @policy follows switch to
 * post-copy.  Such a program turns the capability `postcopy` on before the
 * migration starts, because it cannot be turned on later.  "steady" needs it in
 * no case: it switches if that is allowed and the capability is on.
 *
 * Returns: whether the capability should be turned on on both sides.
 * Since: 0.1
 */
gboolean migtune_policy_needs_postcopy(MigtunePolicy *policy);

/**
 * migtune_policy_to_json:
 * @policy: a policy
 *
 * All that is known about a policy.
 *
 * Returns: (transfer full): a JSON object with the members `name`, `policy`
 *   (one of migtune_policy_list()), `file` (null without one), `settings` (an
 *   object) and `findings`, an array of objects with `severity` ("info",
 *   "warning" or "error"), `code`, `file`, `line` (null for the whole file) and
 *   `text`.
 * Since: 0.1
 */
JsonNode *migtune_policy_to_json(MigtunePolicy *policy);

/**
 * migtune_simulate:
 * @path: a file with scenarios as JSON, as libmigtune(3) describes it
 * @policies: (array zero-terminated=1): policies
 * @error: return location
 *
 * Simulates each scenario with each policy.
 *
 * Returns: (transfer full): a JSON object with the members `file`, `results`,
 *   an array of objects with `scenario`, `policy`, `outcome` ("completed",
 *   "post-copy", "aborted" or "endless"), `total_ms`, `downtime_ms`,
 *   `transferred`, `passes`, `downtime_limit_ms` and `decisions`, and
 *   `findings`.  Decisions are those of migtune_replay().  %NULL with
 *   %MIGTUNE_ERROR_IO or %MIGTUNE_ERROR_INVALID_ARGUMENT, with file and line.
 * Since: 0.1
 */
JsonNode *migtune_simulate(const char *path, MigtunePolicy *const *policies,
                           GError **error);

/**
 * migtune_replay:
 * @path: a trace: JSON lines, as libmigtune(3) describes them
 * @policies: (array zero-terminated=1): policies
 * @error: return location
 *
 * What each policy would have decided at the samples of a trace.  The trace
 * does not change by it.  Post-copy is taken as available, and what follows an
 * abort is left out.
 *
 * Returns: (transfer full): a JSON object with the members `file`, `samples`
 *   and `passes` (how many), `decisions`, an array of objects with `policy`,
 *   `time_ms`, `action` ("set-downtime", "set-bandwidth", "throttle",
 *   "post-copy", "pause", "abort", "set-deadline" or "note"), `value`
 *   (milliseconds, bytes a second or percent; null without one), `code` and
 *   `reason`, and `findings`.  %NULL as for migtune_simulate().
 * Since: 0.1
 */
JsonNode *migtune_replay(const char *path, MigtunePolicy *const *policies,
                         GError **error);

/**
 * migtune_report:
 * @paths: (array zero-terminated=1): 1 to 100 traces
 * @format: "text", "html", "svg" or "prom"
 * @ret_findings: (out) (optional) (transfer full): an array of what is wrong
 *   with the traces
 * @error: return location
 *
 * A report about recorded migrations: a summary; a page with plots and tables
 * that needs nothing from elsewhere; the plots only; or the last values as
 * OpenMetrics.
 *
 * Returns: (transfer full): the report; %NULL with %MIGTUNE_ERROR_IO or
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT.
 * Since: 0.1
 */
char *migtune_report(const char *const *paths, const char *format,
                     JsonNode **ret_findings, GError **error);

/**
 * MigtuneConvergence:
 *
 * Policies that follow a running migration, and its trace.
 *
 * Since: 0.1
 */
typedef struct _MigtuneConvergence MigtuneConvergence;

#define MIGTUNE_TYPE_CONVERGENCE (migtune_convergence_get_type())

/**
 * migtune_convergence_get_type:
 *
 * Returns: the boxed type of what follows a migration.  A copy is a reference.
 * Since: 0.1
 */
GType migtune_convergence_get_type(void);

/**
 * MigtuneConvergenceAct:
 * @action: "set-downtime", "set-bandwidth", "throttle", "post-copy", "pause" or
 *   "abort"; or "set-deadline" or "note", for which nothing is to be done
 * @value: milliseconds, bytes a second or percent
 * @reason: a translated sentence
 * @user_data: of migtune_convergence_follow()
 *
 * Carries a decision of the acting policy out.
 *
 * Returns: whether that succeeded.  What follows a failure is up to the policy:
 *   some try again, some go on, some take it for done.
 * Since: 0.1
 */
typedef gboolean (*MigtuneConvergenceAct)(const char *action, guint64 value,
                                          const char *reason,
                                          gpointer user_data);

/**
 * migtune_convergence_new:
 * @domain: the name of the guest
 * @policy: (nullable): the policy that acts
 * @shadows: (nullable) (array zero-terminated=1): policies that are followed
 *   without acting
 * @record: (nullable): a trace to write
 * @metrics: (nullable): a file for OpenMetrics, which is replaced atomically
 *   about once a second
 * @error: return location
 *
 * Prepares to follow a migration with policies.
 *
 * Returns: (transfer full): what follows a migration; %NULL with
 *   %MIGTUNE_ERROR_IO if @record cannot be written.
 * Since: 0.1
 */
MigtuneConvergence *
migtune_convergence_new(const char *domain, MigtunePolicy *policy,
                        MigtunePolicy *const *shadows, const char *record,
                        const char *metrics, GError **error);

/**
 * migtune_convergence_free: (skip)
 * @convergence: (nullable): what follows a migration
 *
 * Releases the reference of the caller, and closes the trace with the last one.
 *
 * Since: 0.1
 */
void migtune_convergence_free(MigtuneConvergence *convergence);

/**
 * migtune_convergence_start:
 * @convergence: what follows a migration
 * @details: (nullable): goes into the header of the trace
 * @downtime_limit_ms: the allowed downtime at the start; 0 if it is not known
 * @postcopy: whether post-copy is available
 *
 * Call it once, when the migration starts.
 *
 * Since: 0.1
 */
void migtune_convergence_start(MigtuneConvergence *convergence,
                               JsonNode *details, guint64 downtime_limit_ms,
                               gboolean postcopy);

/**
 * migtune_convergence_follow:
 * @convergence: what follows a migration
 * @time_ms: since the start, if @job_info does not say it
 * @job_info: of migtune_domain_get_job_info()
 * @act: (nullable) (scope call) (closure user_data): carries decisions out
 * @user_data: for @act
 *
 * Gives a look at the migration to the policies.  Call it several times a
 * second; @act is called from inside.
 *
 * Since: 0.1
 */
void migtune_convergence_follow(MigtuneConvergence *convergence,
                                gint64 time_ms, JsonNode *job_info,
                                MigtuneConvergenceAct act,
                                gpointer user_data);

/**
 * migtune_convergence_finish:
 * @convergence: what follows a migration
 * @job_info: (nullable): of the migration that has ended
 * @error: return location
 *
 * Writes the outcome and closes the trace.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_IO if anything could not be written since
 *   the start.
 * Since: 0.1
 */
gboolean migtune_convergence_finish(MigtuneConvergence *convergence,
                                    JsonNode *job_info, GError **error);

/**
 * migtune_convergence_get_decisions:
 * @convergence: what follows a migration
 *
 * What the policies have decided.
 *
 * Returns: (transfer full): an array of the decisions so far, as in
 *   migtune_replay(), with `result`: "taken", "failed", "refused" (by a limit of
 *   the caller) or "shadow".
 * Since: 0.1
 */
JsonNode *
migtune_convergence_get_decisions(MigtuneConvergence *convergence);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtunePolicy, migtune_policy_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtuneConvergence, migtune_convergence_free)

G_END_DECLS
