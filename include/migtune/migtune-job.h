/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Jobs: starting, watching and ending the migration of a domain.
 *
 * These send QEMU's own commands, with the tuning that is in force.  A domain
 * has one migration at a time, whoever started it; all that is told here is
 * QEMU's own account of it.
 */

#include <migtune/migtune-params.h>

G_BEGIN_DECLS

/**
 * MigtuneJobState:
 * @MIGTUNE_JOB_NONE: there has been none
 * @MIGTUNE_JOB_WAITING: the domain waits for one to come in
 * @MIGTUNE_JOB_ACTIVE: one is under way
 * @MIGTUNE_JOB_PAUSED: a postcopy migration lost its link and can be resumed
 * @MIGTUNE_JOB_COMPLETED: the last one succeeded
 * @MIGTUNE_JOB_FAILED: the last one failed
 * @MIGTUNE_JOB_CANCELLED: the last one was cancelled
 *
 * What has become of a migration.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_JOB_NONE,
    MIGTUNE_JOB_WAITING,
    MIGTUNE_JOB_ACTIVE,
    MIGTUNE_JOB_PAUSED,
    MIGTUNE_JOB_COMPLETED,
    MIGTUNE_JOB_FAILED,
    MIGTUNE_JOB_CANCELLED,
} MigtuneJobState;

/**
 * migtune_job_state_to_string:
 * @state: a state
 *
 * Returns: its stable name: "none", "waiting", "active", "paused",
 *   "completed", "failed" or "cancelled".
 * Since: 0.1
 */
const char *migtune_job_state_to_string(MigtuneJobState state);

/**
 * MigtuneMigrateFlags:
 * @MIGTUNE_MIGRATE_RESUME: go on with a postcopy migration that is paused
 *   (QEMU 3.0 and later)
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_MIGRATE_RESUME = 1 << 0,
} MigtuneMigrateFlags;

/**
 * migtune_domain_migrate:
 * @domain: the source
 * @uri: where to, in QEMU's words: `tcp:HOST:PORT`, `unix:PATH`,
 *   `exec:COMMAND`, `fd:NAME` or, from QEMU 8.2 on, `file:PATH`
 * @flags: a combination of #MigtuneMigrateFlags
 * @error: return location
 *
 * Starts a migration and returns once QEMU has taken it up; most of what can
 * go wrong with @uri shows later, in migtune_domain_wait_job(); only one that
 * is resumed waits, for 5 s at most, until it has its link.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_QEMU when it was refused, or a failure
 *   to talk to QEMU: %MIGTUNE_ERROR_STATE_UNKNOWN when a migration may have
 *   started all the same.
 * Since: 0.1
 */
gboolean migtune_domain_migrate(MigtuneDomain *domain, const char *uri,
                                unsigned int flags, GError **error);

/**
 * migtune_domain_migrate_incoming:
 * @domain: a domain that was started to wait for a migration
 * @uri: where to listen, in QEMU's words
 * @flags: %MIGTUNE_MIGRATE_RESUME, for one whose postcopy migration lost its
 *   link and is to go on, or 0
 * @error: return location
 *
 * Returns: %FALSE as migtune_domain_migrate().
 * Since: 0.1
 */
gboolean migtune_domain_migrate_incoming(MigtuneDomain *domain,
                                         const char *uri, unsigned int flags,
                                         GError **error);

/**
 * migtune_domain_get_job_stats:
 * @domain: a domain
 * @state: (nullable): where to put what has become of the migration
 * @params: (nullable): where to put the statistics
 * @nparams: (nullable): where to put how many
 * @error: return location
 *
 * All that QEMU tells of the present or last migration.  What libvirt has a
 * name for has that name, type and unit (VIR_DOMAIN_JOB_MEMORY_TOTAL,
 * "memory_total", in bytes); the rest is called as in `query-migrate`, with
 * dots between levels ("xbzrle-cache.encoding-rate"), and is a ULLONG, DOUBLE,
 * BOOLEAN or, for texts, lists and objects, a STRING.
 *
 * Returns: %FALSE when the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_get_job_stats(MigtuneDomain *domain,
                                      MigtuneJobState *state,
                                      virTypedParameterPtr *params,
                                      int *nparams, GError **error);

/**
 * migtune_domain_get_job_info:
 * @domain: a domain
 * @error: return location
 *
 * The same for people and programs that read JSON.
 *
 * Returns: (transfer full): a JSON object with the members `domain`, `job`
 *   (the name of a #MigtuneJobState), `status` (QEMU's own word for it, "none"
 *   without one), `state` (run state of the guest), `error` (why it failed,
 *   null when nothing is known of that) and `statistics`, an array of objects
 *   with `name`, `qmp` (where `query-migrate` has it; null for what was
 *   computed), `value`, `unit` (null without one) and `text` (value and unit
 *   as people read them).
 * Since: 0.1
 */
JsonNode *migtune_domain_get_job_info(MigtuneDomain *domain, GError **error);

/**
 * migtune_domain_abort_job:
 * @domain: a domain
 * @error: return location
 *
 * Asks QEMU to cancel its migration, and returns at once; without one nothing
 * happens.  Once postcopy has begun QEMU does not cancel any more.
 *
 * Returns: %FALSE when it was refused or the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_abort_job(MigtuneDomain *domain, GError **error);

/**
 * migtune_domain_suspend:
 * @domain: a domain
 * @error: return location
 *
 * Stops the guest, so that a migration that does not converge comes to its
 * end; the guest then goes on at the destination as a stopped one, until
 * migtune_domain_resume() there.
 *
 * Returns: %FALSE when it was refused or the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_suspend(MigtuneDomain *domain, GError **error);

/**
 * migtune_domain_resume:
 * @domain: a domain
 * @error: return location
 *
 * Lets a guest that was stopped run, also when the connection was cancelled:
 * it undoes migtune_domain_suspend().  A guest that has been migrated away must
 * not run here again, and QEMU does not prevent it.
 *
 * Returns: %FALSE when it was refused or the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_resume(MigtuneDomain *domain, GError **error);

/**
 * migtune_domain_start_postcopy:
 * @domain: a domain with a migration that is active, on both sides of which
 *   the capability `postcopy` was on before
 * @error: return location
 *
 * Lets the guest go on at the destination, which fetches what is missing.
 *
 * Returns: %FALSE when it was refused or the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_start_postcopy(MigtuneDomain *domain,
                                       GError **error);

/**
 * migtune_domain_continue_job:
 * @domain: a domain whose migration waits before the switchover
 * @error: return location
 *
 * Continues a migration that QEMU has paused because the capability
 * `pause_before_switchover` is on (the status is "pre-switchover").
 *
 * Returns: %FALSE if QEMU refused it or the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_continue_job(MigtuneDomain *domain, GError **error);

/**
 * MigtuneJobFunc:
 * @info: what migtune_domain_get_job_info() returns
 * @user_data: as given
 *
 * Since: 0.1
 */
typedef void (*MigtuneJobFunc)(JsonNode *info, gpointer user_data);

/**
 * migtune_domain_wait_job:
 * @domain: a domain
 * @timeout_ms: how long, in milliseconds; 0 for as long as it takes
 * @func: (nullable): called whenever QEMU has been asked, which is ten times
 *   a second or more often
 * @user_data: for @func
 * @error: return location
 *
 * Waits until the migration has ended.  When the connection is cancelled
 * meanwhile, the migration is cancelled too, and its end waited for.  A lost
 * connection to the monitor is made again.
 *
 * Returns: %TRUE when it succeeded.  %FALSE with %MIGTUNE_ERROR_QEMU when it
 *   failed; with %MIGTUNE_ERROR_CANCELLED when it was cancelled, by whomever;
 *   with %MIGTUNE_ERROR_TIMEOUT when it goes on; with %MIGTUNE_ERROR_NOT_FOUND
 *   when there has been none; with %MIGTUNE_ERROR_STATE_UNKNOWN when the
 *   domain cannot be asked any more.
 * Since: 0.1
 */
gboolean migtune_domain_wait_job(MigtuneDomain *domain,
                                 unsigned int timeout_ms, MigtuneJobFunc func,
                                 gpointer user_data, GError **error);

G_END_DECLS
