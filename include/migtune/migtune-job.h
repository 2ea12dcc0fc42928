/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Jobs: starting, watching and ending the migration of a domain.
 *
 * These functions send QEMU's own commands; the tuning that is in force
 * applies.  A domain has one migration at a time, whichever client started it.
 */

#include <migtune/migtune-params.h>

G_BEGIN_DECLS

/**
 * MigtuneJobState:
 * @MIGTUNE_JOB_NONE: there has been no migration
 * @MIGTUNE_JOB_WAITING: the domain waits for an incoming migration
 * @MIGTUNE_JOB_ACTIVE: a migration is under way
 * @MIGTUNE_JOB_PAUSED: a post-copy migration lost its link and can be resumed
 * @MIGTUNE_JOB_COMPLETED: the last one succeeded
 * @MIGTUNE_JOB_FAILED: the last one failed
 * @MIGTUNE_JOB_CANCELLED: the last one was cancelled
 *
 * The state of the present or last migration.
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
 * Converts a state to its name in JSON output.
 *
 * Returns: its stable name: "none", "waiting", "active", "paused",
 *   "completed", "failed" or "cancelled".
 * Since: 0.1
 */
const char *migtune_job_state_to_string(MigtuneJobState state);

/**
 * MigtuneMigrateFlags:
 * @MIGTUNE_MIGRATE_RESUME: resume a post-copy migration that is paused
 *   (QEMU 3.0 and later)
 *
 * How a migration is started.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_MIGRATE_RESUME = 1 << 0,
} MigtuneMigrateFlags;

/**
 * migtune_domain_migrate:
 * @domain: the source
 * @uri: a QEMU address: `tcp:HOST:PORT`, `unix:PATH`,
 *   `exec:COMMAND`, `fd:NAME` or, from QEMU 8.2 on, `file:PATH`
 * @flags: a combination of #MigtuneMigrateFlags
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Starts a migration and returns once QEMU has accepted it.  Most errors about
 * @uri show later, in migtune_domain_wait_job().  With
 * %MIGTUNE_MIGRATE_RESUME it waits up to 5 s until the link is connected.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_QEMU if QEMU refused it, with
 *   %MIGTUNE_ERROR_STATE_UNKNOWN if a migration may have started, or with
 *   another error if QEMU could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_migrate(MigtuneDomain *domain, const char *uri,
                                unsigned int flags, GCancellable *cancellable,
                                GError **error);

/**
 * migtune_domain_migrate_incoming:
 * @domain: a domain that was started to wait for a migration
 * @uri: a QEMU address to listen at
 * @flags: %MIGTUNE_MIGRATE_RESUME to resume a post-copy migration that lost its
 *   link, or 0
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Lets a domain that waits for a migration listen, and returns once QEMU has
 * accepted the address.
 *
 * Returns: %FALSE as migtune_domain_migrate().
 * Since: 0.1
 */
gboolean
migtune_domain_migrate_incoming(MigtuneDomain *domain, const char *uri,
                                unsigned int flags, GCancellable *cancellable,
                                GError **error);

/**
 * migtune_domain_get_job_stats: (skip)
 * @domain: a domain
 * @state: (nullable): where to put the state of the migration
 * @params: (nullable): where to put the statistics
 * @nparams: (nullable): where to put their number
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * All statistics of the present or last migration.  A statistic that libvirt
 * has, too, has libvirt's name, type and unit (VIR_DOMAIN_JOB_MEMORY_TOTAL,
 * "memory_total", in bytes).  Others have the name of `query-migrate`, with
 * dots between levels ("xbzrle-cache.encoding-rate"), and are a ULLONG, DOUBLE,
 * BOOLEAN or, for texts, lists and objects, a STRING.  @params and @nparams are
 * unchanged on failure.
 *
 * Returns: %FALSE if the domain could not be asked.
 * Since: 0.1
 */
gboolean
migtune_domain_get_job_stats(MigtuneDomain *domain, MigtuneJobState *state,
                             virTypedParameterPtr *params, int *nparams,
                             GCancellable *cancellable, GError **error);

/**
 * migtune_domain_get_job_info:
 * @domain: a domain
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * The same as JSON.
 *
 * Returns: (transfer full): a JSON object with the members `domain`, `job`
 *   (the name of a #MigtuneJobState), `status` (QEMU's own word for it, "none"
 *   without one), `state` (run state of the guest), `error` (why it failed,
 *   null if that is not known) and `statistics`, an array of objects
 *   with `name`, `qmp` (where `query-migrate` has it; null for what was
 *   computed), `value`, `unit` (null without one) and `text` (value and unit
 *   as people read them).
 * Since: 0.1
 */
JsonNode *
migtune_domain_get_job_info(MigtuneDomain *domain, GCancellable *cancellable,
                            GError **error);

/**
 * migtune_domain_get_job_settings:
 * @domain: a domain
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * The same as a dictionary.
 *
 * Returns: (transfer full): an `a{sv}` with the strings "job" (the name of a
 *   #MigtuneJobState), "status" and "state" and the dictionary "statistics",
 *   an `a{sv}`; %NULL if the domain could not be asked.
 * Since: 0.1
 */
GVariant *
migtune_domain_get_job_settings(MigtuneDomain *domain,
                                GCancellable *cancellable, GError **error);

/**
 * migtune_domain_abort_job:
 * @domain: a domain
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Asks QEMU to cancel its migration, and returns at once.  If no migration is
 * under way, nothing is sent.
 *
 * Once post-copy has begun, and after migtune_domain_start_postcopy(), a
 * migration is not cancelled: the guest runs at the destination and part of its
 * memory is still at the source, so that both would be lost.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_CONFLICT, whose field
 *   %MIGTUNE_ERROR_FIELD_REASON is "postcopy-begun", with %MIGTUNE_ERROR_QEMU,
 *   or if the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_abort_job(MigtuneDomain *domain,
                                  GCancellable *cancellable, GError **error);

/**
 * migtune_domain_suspend:
 * @domain: a domain
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Stops the guest, so that a migration that does not converge can end.  The
 * guest is then stopped at the destination, too, until migtune_domain_resume()
 * is called there.
 *
 * Returns: %FALSE if QEMU refused it or could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_suspend(MigtuneDomain *domain,
                                GCancellable *cancellable, GError **error);

/**
 * migtune_domain_resume:
 * @domain: a domain
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Lets a guest run that migtune_domain_suspend() has stopped.  A guest that has
 * been migrated away must not run here again, and QEMU does not prevent it.
 *
 * Returns: %FALSE if QEMU refused it or could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_resume(MigtuneDomain *domain, GCancellable *cancellable,
                               GError **error);

/**
 * migtune_domain_start_postcopy:
 * @domain: a domain with an active migration that was started with the
 *   capability `postcopy` on at both sides
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Lets the guest run at the destination, which fetches the missing memory.
 *
 * Returns: %FALSE if QEMU refused it or could not be asked.
 * Since: 0.1
 */
gboolean
migtune_domain_start_postcopy(MigtuneDomain *domain, GCancellable *cancellable,
                              GError **error);

/**
 * migtune_domain_continue_job:
 * @domain: a domain whose migration waits before the switchover
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Continues a migration that QEMU has paused because the capability
 * `pause_before_switchover` is on (the status is "pre-switchover").
 *
 * Returns: %FALSE if QEMU refused it or the domain could not be asked.
 * Since: 0.1
 */
gboolean migtune_domain_continue_job(MigtuneDomain *domain,
                                     GCancellable *cancellable,
                                     GError **error);

/**
 * migtune_domain_wait_pass:
 * @domain: a domain that is migrating
 * @timeout_ms: the longest time to wait
 * @cancellable: (nullable): ends the wait
 *
 * Waits until QEMU reports that a pass over the guest's memory has begun: it
 * sends such events if the capability `events` is on, and the driver must be
 * able to receive them (`qmp:`).  The driver `ref:` reports passes always.
 * libvirt turns the capability on itself, and its events are received from the
 * first call on if an event loop is registered with it, as
 * %MIGTUNE_CONN_MANAGE_LIBVIRT does.  Otherwise this call only waits until the
 * time has passed.  With `qmp:` a pass that begins while no call has the
 * connection is not reported.
 *
 * What migtune_domain_get_job_info() returns right after this call is exact about
 * the memory that the guest has written during the pass before.
 *
 * Returns: whether a pass has begun.
 * Since: 0.1
 */
gboolean migtune_domain_wait_pass(MigtuneDomain *domain, guint timeout_ms,
                                  GCancellable *cancellable);

/**
 * MigtuneJobFunc:
 * @domain: the domain
 * @info: what migtune_domain_get_job_info() returns
 * @user_data: as given
 *
 * It may call any function on @domain.
 *
 * Returns: whether to go on waiting.
 * Since: 0.1
 */
typedef gboolean (*MigtuneJobFunc)(MigtuneDomain *domain, JsonNode *info,
                                   gpointer user_data);

/**
 * MigtuneWaitFlags:
 * @MIGTUNE_WAIT_CANCEL_MIGRATION: if the call is cancelled, cancel the
 *   migration, too, and wait for its end; a migration in post-copy is never
 *   cancelled, see migtune_domain_abort_job()
 *
 * What the end of a wait means for the migration.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_WAIT_CANCEL_MIGRATION = 1 << 0,
} MigtuneWaitFlags;

/**
 * migtune_domain_wait_job:
 * @domain: the source of a migration
 * @timeout_ms: time limit in milliseconds; 0 for none
 * @flags: a combination of #MigtuneWaitFlags
 * @func: (nullable) (scope call): called whenever QEMU has been asked, which is
 *   at least ten times a second
 * @user_data: for @func
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Waits until the migration has ended.  A lost connection to the monitor is
 * made again.  Other calls can use @domain meanwhile.  Progress is also
 * reported by the signal #MigtuneDomain::job-progress.
 *
 * A migration that has completed has left the source.  Whether the guest has
 * arrived is up to the destination: see migtune_domain_wait_incoming().
 *
 * Returns: %TRUE if it completed.  %FALSE with %MIGTUNE_ERROR_QEMU if it failed
 *   or lost its link in post-copy; with %MIGTUNE_ERROR_CANCELLED if the
 *   migration was cancelled, by any client; with %MIGTUNE_ERROR_TIMEOUT if it
 *   goes on after the time limit; with %MIGTUNE_ERROR_STILL_RUNNING if it goes
 *   on and @func or @cancellable ended the call; with
 *   %MIGTUNE_ERROR_NOT_FOUND if there is no migration; with
 *   %MIGTUNE_ERROR_STATE_UNKNOWN if the domain cannot be asked any more.
 * Since: 0.1
 */
gboolean migtune_domain_wait_job(MigtuneDomain *domain, unsigned int timeout_ms,
                                 unsigned int flags, MigtuneJobFunc func,
                                 gpointer user_data, GCancellable *cancellable,
                                 GError **error);

/**
 * migtune_domain_wait_incoming:
 * @domain: the destination of a migration
 * @timeout_ms: time limit in milliseconds; 0 for none
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Waits until the guest has arrived: its state is not "inmigrate" any more, and
 * its QEMU answers.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_TIMEOUT if it still waits, or if its QEMU
 *   could not be asked, because it has ended, for example.
 * Since: 0.1
 */
gboolean
migtune_domain_wait_incoming(MigtuneDomain *domain, unsigned int timeout_ms,
                             GCancellable *cancellable, GError **error);

G_END_DECLS
