/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Steering: a convergence policy acts on a running migration.
 *
 * migtune_migration_set_convergence() does all of this for a migration between
 * two known guests.  The functions of this header are for a migration that
 * migtune_domain_migrate() starts: the program looks at the job and passes what
 * it has seen.
 *
 * One thread at a time uses a steering.  Times are milliseconds.
 */

#include <migtune/migtune-converge.h>
#include <migtune/migtune-job.h>

G_BEGIN_DECLS

/**
 * MigtuneSteering: (skip)
 *
 * A convergence policy and those in shadow, for one migration.
 *
 * Since: 0.1
 */
typedef struct _MigtuneSteering MigtuneSteering;

/**
 * MigtuneSteeringDone:
 * @MIGTUNE_STEERING_POSTCOPY: it switched to post-copy, or the answer of the
 *   guest to that was lost
 * @MIGTUNE_STEERING_SUSPENDED: it stopped the guest, which was running
 *
 * What a policy has done to a guest that matters after the migration.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_STEERING_POSTCOPY = 1 << 0,
    MIGTUNE_STEERING_SUSPENDED = 1 << 1,
} MigtuneSteeringDone;

/**
 * MigtuneSteeringFunc:
 * @decision: an `a{sv}`, as of #MigtuneMigration::decision
 * @user_data: as given
 *
 * Sees each decision of the acting policy and of those in shadow, after it was
 * carried out or recorded.
 *
 * Since: 0.1
 */
typedef void (*MigtuneSteeringFunc)(GVariant *decision, gpointer user_data);

/**
 * migtune_steering_new: (skip)
 * @domain: the name of the guest
 * @policy: (nullable): the policy that acts
 * @shadows: (nullable) (array zero-terminated=1): policies that are followed
 *   without acting
 * @record: (nullable): a trace to write
 * @metrics: (nullable): a file for OpenMetrics
 * @error: return location
 *
 * Creates what steers one migration.
 *
 * Returns: (transfer full): what steers a migration; %NULL with
 *   %MIGTUNE_ERROR_IO if @record cannot be written.
 * Since: 0.1
 */
MigtuneSteering *migtune_steering_new(const char *domain,
                                      MigtunePolicy *policy,
                                      MigtunePolicy *const *shadows,
                                      const char *record, const char *metrics,
                                      GError **error);

/**
 * migtune_steering_free: (skip)
 * @steering: (nullable): what steers a migration
 *
 * Frees @steering, and ends its trace.
 *
 * Since: 0.1
 */
void migtune_steering_free(MigtuneSteering *steering);

/**
 * migtune_steering_set_func: (skip)
 * @steering: what steers a migration
 * @func: (nullable): called with each decision, from inside
 *   migtune_steering_follow()
 * @user_data: for @func
 *
 * Sets the function that sees each decision.
 *
 * Since: 0.1
 */
void migtune_steering_set_func(MigtuneSteering *steering,
                               MigtuneSteeringFunc func, gpointer user_data);

/**
 * migtune_steering_prepare: (skip)
 * @steering: what steers a migration
 * @source: the guest that is to be migrated
 * @cancellable: (nullable): cancels this call
 *
 * Reads the settings that the policy may change, so that
 * migtune_steering_finish() can restore them.  Call it before any setting is
 * changed for the migration.  With libvirt the monitor of the guest is not used.
 *
 * Since: 0.1
 */
void migtune_steering_prepare(MigtuneSteering *steering,
                              MigtuneDomain *source,
                              GCancellable *cancellable);

/**
 * migtune_steering_enable_postcopy: (skip)
 * @steering: what steers a migration
 * @source: the guest that is to be migrated
 * @destination: the guest that waits for it
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * migtune_policy_enable_postcopy() for the policy that acts.
 * migtune_steering_finish() turns post-copy off again on @source if the guest
 * has stayed there.
 *
 * Returns: as migtune_policy_enable_postcopy(); %TRUE without a policy.
 * Since: 0.1
 */
gboolean migtune_steering_enable_postcopy(MigtuneSteering *steering,
                                          MigtuneDomain *source,
                                          MigtuneDomain *destination,
                                          GCancellable *cancellable,
                                          GError **error);

/**
 * migtune_steering_start: (skip)
 * @steering: what steers a migration
 * @source: the guest that is migrated
 * @cancellable: (nullable): cancels this call
 *
 * Call it once, when the migration starts.
 *
 * Since: 0.1
 */
void migtune_steering_start(MigtuneSteering *steering, MigtuneDomain *source,
                            GCancellable *cancellable);

/**
 * migtune_steering_follow: (skip)
 * @steering: what steers a migration
 * @source: (nullable): the guest; %NULL carries no decision out
 * @job_info: of migtune_domain_get_job_info()
 * @cancellable: (nullable): cancels this call
 *
 * Gives a look at the migration to the policies and carries out what the acting
 * one decides.  Call it several times a second, and whenever
 * migtune_domain_wait_pass() has seen a pass.
 *
 * After a failure it is up to the policy what happens: some try again, some go
 * on, some take the action for done.  After the switch to post-copy, and after
 * an abort, nothing more is carried out.
 *
 * Since: 0.1
 */
void migtune_steering_follow(MigtuneSteering *steering, MigtuneDomain *source,
                             JsonNode *job_info, GCancellable *cancellable);

/**
 * migtune_steering_get_done: (skip)
 * @steering: what steers a migration
 *
 * What the acting policy has done to the guest.
 *
 * Returns: a combination of #MigtuneSteeringDone.
 * Since: 0.1
 */
unsigned int migtune_steering_get_done(MigtuneSteering *steering);

/**
 * migtune_steering_finish: (skip)
 * @steering: what steers a migration
 * @source: (nullable): the guest; %NULL if it has left the source
 * @job_info: (nullable): of the migration that has ended
 * @error: return location
 *
 * Restores the downtime, the bandwidth and the throttle that the policy has
 * changed if the migration has failed or was cancelled, writes the outcome and
 * closes the trace.
 *
 * Returns: %FALSE if a setting could not be restored, or with %MIGTUNE_ERROR_IO
 *   if the trace could not be written.
 * Since: 0.1
 */
gboolean migtune_steering_finish(MigtuneSteering *steering,
                                 MigtuneDomain *source, JsonNode *job_info,
                                 GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtuneSteering, migtune_steering_free)

G_END_DECLS
