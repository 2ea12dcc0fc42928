/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A migration between two guests that are both known: the source, and a
 * destination that waits for it.
 *
 * The two sides are compared and get settings that fit each other, the
 * destination first; the destination listens, the source migrates, and the
 * guest runs on the destination only after the source is known to have
 * finished.  If anything fails before the guest moves, both sides get their
 * former settings back.
 *
 * A migration object is used by one thread at a time, except for
 * migtune_migration_abort(), migtune_migration_start_postcopy() and
 * migtune_migration_get_state(), which any thread may call.
 */

#include <migtune/migtune-converge.h>
#include <migtune/migtune-job.h>

G_BEGIN_DECLS

/**
 * MigtuneMigration:
 *
 * A migration between two guests that are both known.
 *
 * Since: 0.1
 */
#define MIGTUNE_TYPE_MIGRATION (migtune_migration_get_type())
G_DECLARE_FINAL_TYPE(MigtuneMigration, migtune_migration, MIGTUNE, MIGRATION,
                     GObject)

/**
 * MigtuneMigrationState:
 * @MIGTUNE_MIGRATION_NEW: nothing has been asked
 * @MIGTUNE_MIGRATION_CHECKED: the sides have been compared
 * @MIGTUNE_MIGRATION_TUNING: the settings are being made
 * @MIGTUNE_MIGRATION_LISTENING: the destination is told to listen
 * @MIGTUNE_MIGRATION_MIGRATING: the source migrates
 * @MIGTUNE_MIGRATION_STARTING: the source has finished, and the guest is
 *   started on the destination
 * @MIGTUNE_MIGRATION_COMPLETED: the guest is on the destination
 * @MIGTUNE_MIGRATION_FAILED: the migration failed; the outcome says where the
 *   guest is
 * @MIGTUNE_MIGRATION_CANCELLED: it was cancelled; the guest is on the source
 * @MIGTUNE_MIGRATION_UNKNOWN: it is not known where the guest is, or it is
 *   stopped on both sides
 *
 * The stage of a migration.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_MIGRATION_NEW,
    MIGTUNE_MIGRATION_CHECKED,
    MIGTUNE_MIGRATION_TUNING,
    MIGTUNE_MIGRATION_LISTENING,
    MIGTUNE_MIGRATION_MIGRATING,
    MIGTUNE_MIGRATION_STARTING,
    MIGTUNE_MIGRATION_COMPLETED,
    MIGTUNE_MIGRATION_FAILED,
    MIGTUNE_MIGRATION_CANCELLED,
    MIGTUNE_MIGRATION_UNKNOWN,
} MigtuneMigrationState;

/**
 * migtune_migration_state_to_string:
 * @state: a state
 *
 * Converts a state to its name in JSON output.
 *
 * Returns: its stable name, such as "migrating".
 * Since: 0.1
 */
const char *migtune_migration_state_to_string(MigtuneMigrationState state);

/**
 * MigtuneMigrationFlags:
 * @MIGTUNE_MIGRATION_TRUST_LINK: let the destination start the guest by itself.
 *   The guest is stopped for a shorter time; if the link breaks in the last
 *   moment, the guest can run on both sides
 * @MIGTUNE_MIGRATION_UNSAFE: migrate even if a finding refuses it; libvirt then
 *   gets VIR_MIGRATE_UNSAFE
 * @MIGTUNE_MIGRATION_PEER2PEER: only for libvirt: the daemon of the source
 *   migrates the guest by itself.  Without it the calling process drives the
 *   migration, and libvirt cancels it if the process ends
 * @MIGTUNE_MIGRATION_PERSISTENT: only for libvirt: the destination keeps the
 *   definition of the guest
 * @MIGTUNE_MIGRATION_UNDEFINE_SOURCE: only for libvirt: the source forgets the
 *   definition of the guest
 * @MIGTUNE_MIGRATION_TLS: only for libvirt: encrypt the migration with the
 *   credentials that libvirt has
 * @MIGTUNE_MIGRATION_RESUME: only for libvirt: continue a migration that was
 *   interrupted in post-copy
 *
 * How a migration between two known guests is done.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_MIGRATION_TRUST_LINK = 1 << 8,
    MIGTUNE_MIGRATION_UNSAFE = 1 << 9,
    MIGTUNE_MIGRATION_PEER2PEER = 1 << 10,
    MIGTUNE_MIGRATION_PERSISTENT = 1 << 11,
    MIGTUNE_MIGRATION_UNDEFINE_SOURCE = 1 << 12,
    MIGTUNE_MIGRATION_TLS = 1 << 13,
    MIGTUNE_MIGRATION_RESUME = 1 << 14,
} MigtuneMigrationFlags;

/**
 * migtune_migration_new: (skip)
 * @source: the guest that is to be migrated
 * @destination: a guest that was started to wait for it
 * @params: the requested settings
 * @nparams: their number
 * @flags: %MIGTUNE_SET_STRICT, %MIGTUNE_SET_SUBSTITUTE or
 *   %MIGTUNE_SET_BEST_EFFORT, and #MigtuneMigrationFlags
 * @error: return location
 *
 * Prepares a migration; nothing is sent.
 *
 * Returns: (transfer full): a migration that has not begun; %NULL with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT or %MIGTUNE_ERROR_UNSUPPORTED.
 * Since: 0.1
 */
MigtuneMigration *
migtune_migration_new(MigtuneDomain *source, MigtuneDomain *destination,
                      virTypedParameterPtr params, int nparams,
                      unsigned int flags, GError **error);

/**
 * migtune_migration_new_settings:
 * @source: the guest that is to be migrated
 * @destination: a guest that was started to wait for it
 * @settings: (nullable): the requested settings, an `a{sv}`
 * @flags: as for migtune_migration_new()
 * @error: return location
 *
 * Prepares a migration with the settings as a dictionary; nothing is sent.
 *
 * Returns: (transfer full): as migtune_migration_new().
 * Since: 0.1
 */
MigtuneMigration *
migtune_migration_new_settings(MigtuneDomain *source,
                               MigtuneDomain *destination, GVariant *settings,
                               unsigned int flags, GError **error);

/**
 * migtune_migration_new_libvirt: (skip)
 * @source: the guest of libvirt that is to be migrated
 * @destination: the libvirt to which it is migrated
 * @params: the requested settings
 * @nparams: their number
 * @flags: %MIGTUNE_SET_STRICT, %MIGTUNE_SET_SUBSTITUTE or
 *   %MIGTUNE_SET_BEST_EFFORT, and #MigtuneMigrationFlags except
 *   %MIGTUNE_MIGRATION_TRUST_LINK
 * @error: return location
 *
 * A migration by virDomainMigrate3() or, with %MIGTUNE_MIGRATION_PEER2PEER,
 * virDomainMigrateToURI3(), with the settings lowered to flags and typed
 * parameters.  QEMU's monitor is not used.  libvirt itself ensures that exactly
 * one side runs; migtune_recover() does not know such migrations.
 *
 * Returns: (transfer full): a migration that has not begun; %NULL with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT or %MIGTUNE_ERROR_UNSUPPORTED.
 * Since: 0.1
 */
MigtuneMigration *
migtune_migration_new_libvirt(MigtuneDomain *source, MigtuneConn *destination,
                              virTypedParameterPtr params, int nparams,
                              unsigned int flags, GError **error);

/**
 * migtune_migration_new_libvirt_settings:
 * @source: the guest of libvirt that is to be migrated
 * @destination: the libvirt to which it is migrated
 * @settings: (nullable): the requested settings, an `a{sv}`
 * @flags: as for migtune_migration_new_libvirt()
 * @error: return location
 *
 * Prepares a migration with the settings as a dictionary; nothing is sent.
 *
 * Returns: (transfer full): as migtune_migration_new_libvirt().
 * Since: 0.1
 */
MigtuneMigration *
migtune_migration_new_libvirt_settings(MigtuneDomain *source,
                                       MigtuneConn *destination,
                                       GVariant *settings, unsigned int flags,
                                       GError **error);

/**
 * migtune_migration_find_destination:
 * @conn: the connection of the destination
 * @source: the guest that is to be migrated
 * @name: (nullable): the name, UUID or key of the destination; %NULL for the
 *   guest that waits for a migration and has the UUID of @source, or else its
 *   name
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Looks for the guest that waits for @source.
 *
 * Returns: (transfer full): the destination; %NULL with
 *   %MIGTUNE_ERROR_NOT_FOUND or %MIGTUNE_ERROR_AMBIGUOUS.
 * Since: 0.1
 */
MigtuneDomain *
migtune_migration_find_destination(MigtuneConn *conn, MigtuneDomain *source,
                                   const char *name, GCancellable *cancellable,
                                   GError **error);

/**
 * migtune_migration_set_address:
 * @migration: a migration that has not begun
 * @listen: (nullable): a QEMU address at which the destination listens; %NULL
 *   for a free TCP port, which needs QEMU 4.0
 * @connect: (nullable): a QEMU address to which the source connects; %NULL for
 *   the address @listen
 *
 * Sets the addresses of the link, before the migration runs.
 *
 * Since: 0.1
 */
void migtune_migration_set_address(MigtuneMigration *migration,
                                   const char *listen, const char *connect);

/**
 * migtune_migration_set_timeout:
 * @migration: a migration that has not begun
 * @timeout_ms: time limit of the migration in milliseconds, after which it is
 *   cancelled unless it is in post-copy; 0 for none
 *
 * Sets a time limit, before the migration runs.
 *
 * Since: 0.1
 */
void migtune_migration_set_timeout(MigtuneMigration *migration,
                                   unsigned int timeout_ms);

/**
 * migtune_migration_set_policy:
 * @migration: a migration that has not been checked and has not begun
 * @policy: the convergence policy whose decisions the program carries out
 *   itself; migtune_migration_set_convergence() does that for it
 * @error: return location
 *
 * Prepares @migration for the policy: if its rules switch to post-copy, as
 * migtune_policy_needs_postcopy() says, `postcopy` is added to the requested
 * settings, unless these already contain it.  Post-copy cannot be turned on
 * later.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_INVALID_ARGUMENT if the migration has
 *   been checked or has begun.
 * Since: 0.1
 */
gboolean migtune_migration_set_policy(MigtuneMigration *migration,
                                      MigtunePolicy *policy, GError **error);

/**
 * migtune_migration_set_convergence:
 * @migration: a migration that has not been checked and has not begun
 * @policy: (nullable): the policy that acts: migtune_policy_new() has it by
 *   name, migtune_policy_import() from a file, and migtune_policy_set_limits()
 *   limits it
 * @shadows: (nullable) (array zero-terminated=1): policies that are followed
 *   without acting
 * @record: (nullable): a trace to write, for migtune_report() and
 *   migtune_replay()
 * @metrics: (nullable): a file for OpenMetrics, which is replaced atomically
 *   about once a second
 * @error: return location
 *
 * migtune_migration_run() then gives each sample to the policies, as soon as a
 * pass begins where the guest reports that, carries out what @policy decides,
 * and emits #MigtuneMigration::decision.  What follows a failed action is up to
 * the policy: some try again, some go on, some take it for done.  After the
 * switch to post-copy nothing more is carried out.  If the guest stays on the
 * source, the downtime, the bandwidth and the throttle that the policy has
 * changed are restored.  For a guest of libvirt the actions are functions of
 * libvirt, and QEMU's monitor is not used.
 *
 * It includes migtune_migration_set_policy() for @policy.  A second call
 * replaces the first one.  An error while the trace is written is a warning of
 * the outcome.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_INVALID_ARGUMENT if the migration has
 *   been checked or has begun, or with %MIGTUNE_ERROR_IO if @record cannot be
 *   written.
 * Since: 0.1
 */
gboolean migtune_migration_set_convergence(MigtuneMigration *migration,
                                           MigtunePolicy *policy,
                                           MigtunePolicy *const *shadows,
                                           const char *record,
                                           const char *metrics,
                                           GError **error);

/**
 * migtune_policy_enable_postcopy:
 * @policy: a policy
 * @source: the guest that is to be migrated
 * @destination: the guest that waits for it
 * @ret_enabled: (out) (optional): whether post-copy was off on the source and
 *   has been turned on
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Turns the capability `postcopy` on for both guests if the rules of @policy
 * switch to post-copy.  It is for a migration that
 * migtune_domain_migrate() starts; migtune_migration_set_policy() is for a
 * #MigtuneMigration.
 *
 * Returns: %FALSE if one of the guests cannot have it.  It is then on for
 *   neither, unless it was on before, and the policy does without it.
 * Since: 0.1
 */
gboolean migtune_policy_enable_postcopy(MigtunePolicy *policy,
                                        MigtuneDomain *source,
                                        MigtuneDomain *destination,
                                        gboolean *ret_enabled,
                                        GCancellable *cancellable,
                                        GError **error);

/**
 * MigtuneMigrationFunc:
 * @migration: the migration
 * @info: what migtune_domain_get_job_info() returns for the source, with the
 *   additional member `query-migrate`, QEMU's own answer
 * @user_data: as given
 *
 * Sees each sample of a running migration and may act on it:
 * migtune_domain_set_parameters() on the source for downtime, bandwidth and
 * throttling, migtune_migration_start_postcopy(), migtune_domain_suspend() on
 * the source, or migtune_migration_abort().
 *
 * Since: 0.1
 */
typedef void (*MigtuneMigrationFunc)(MigtuneMigration *migration,
                                     JsonNode *info, gpointer user_data);

/**
 * migtune_migration_set_observer:
 * @migration: a migration that has not begun
 * @func: (nullable) (scope notified): called for each sample, in the thread
 *   that runs the migration
 * @user_data: for @func
 * @destroy: (nullable): for @user_data
 *
 * Sets a function that sees each sample of the migration.
 *
 * Since: 0.1
 */
void migtune_migration_set_observer(MigtuneMigration *migration,
                                    MigtuneMigrationFunc func,
                                    gpointer user_data,
                                    GDestroyNotify destroy);

/**
 * migtune_migration_get_source:
 * @migration: a migration
 *
 * Borrows the source.
 *
 * Returns: (transfer none): the source.
 * Since: 0.1
 */
MigtuneDomain *migtune_migration_get_source(MigtuneMigration *migration);

/**
 * migtune_migration_get_destination:
 * @migration: a migration
 *
 * Borrows the destination.
 *
 * Returns: (transfer none) (nullable): the destination; %NULL if libvirt
 *   migrates the guest, until it runs there.
 * Since: 0.1
 */
MigtuneDomain *migtune_migration_get_destination(MigtuneMigration *migration);

/**
 * migtune_migration_get_state:
 * @migration: a migration
 *
 * Tells how far the migration is.
 *
 * Returns: its state.
 * Since: 0.1
 */
MigtuneMigrationState
migtune_migration_get_state(MigtuneMigration *migration);

/**
 * migtune_migration_check:
 * @migration: a migration that has not begun
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Asks both sides, compares them, and plans the settings of both.  Nothing is
 * changed.  migtune_migration_to_json() has the findings.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_CONFLICT if a finding refuses the
 *   migration, or with another error if a side could not be asked.
 * Since: 0.1
 */
gboolean migtune_migration_check(MigtuneMigration *migration,
                                 GCancellable *cancellable, GError **error);

/**
 * migtune_migration_run:
 * @migration: a migration that has not begun
 * @cancellable: (nullable): cancels this call; the migration is then cancelled,
 *   too, unless post-copy has begun
 * @error: return location
 *
 * Checks the migration unless that has been done, and carries it out.  Blocks
 * until the guest runs on one side.
 *
 * Returns: %TRUE if the guest is on the destination.  %FALSE with
 *   %MIGTUNE_ERROR_CONFLICT if a finding refuses the migration; with
 *   %MIGTUNE_ERROR_BUSY if another migtune migrates this guest; with
 *   %MIGTUNE_ERROR_STATE_UNKNOWN if it is not known where the guest is or if it
 *   is stopped on both sides, and with %MIGTUNE_ERROR_CANCELLED,
 *   %MIGTUNE_ERROR_TIMEOUT, %MIGTUNE_ERROR_QEMU or another error if it is on
 *   the source.
 * Since: 0.1
 */
gboolean migtune_migration_run(MigtuneMigration *migration,
                               GCancellable *cancellable, GError **error);

/**
 * migtune_migration_abort:
 * @migration: a migration
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Cancels the migration, unless post-copy has begun.  migtune_migration_run()
 * then fails with %MIGTUNE_ERROR_CANCELLED.
 *
 * Returns: %FALSE as migtune_domain_abort_job().
 * Since: 0.1
 */
gboolean migtune_migration_abort(MigtuneMigration *migration,
                                 GCancellable *cancellable, GError **error);

/**
 * migtune_migration_start_postcopy:
 * @migration: a running migration with the setting `postcopy`
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Switches the migration to post-copy.
 *
 * Returns: %FALSE as migtune_domain_start_postcopy().
 * Since: 0.1
 */
gboolean migtune_migration_start_postcopy(MigtuneMigration *migration,
                                          GCancellable *cancellable,
                                          GError **error);

/**
 * migtune_migration_to_json:
 * @migration: a migration
 *
 * All of a migration as JSON.
 *
 * Returns: (transfer full): a JSON object with the members `state`, `source`
 *   and `destination` (objects with `domain`, `uuid`, `qemu`, `machine`),
 *   `ok`, `findings` (an array of objects with `id`, `rule`, `severity`
 *   ("refuse", "substitute", "warn" or "info"), `side`, `parameter`,
 *   `expected`, `found`, `text`, `fix`, `since`, `until` and `origin`),
 *   `not-checked` (an array of objects with `id`, `text` and `how`),
 *   `verdicts` (an array of objects with `name`, `asked`, `source`,
 *   `destination`, `verdict` and `reason`), `steps` (an array of objects with
 *   `side`, `domain`, `execute` and `arguments`, in the order in which they are
 *   sent), and after migtune_migration_run() `outcome`, an object with `guest`
 *   ("source", "destination", "both", "stopped" or "unknown"), `source-state`,
 *   `destination-state`, `downtime-ms`, `extra-downtime-ms`, `total-ms` and
 *   `warnings`.  If libvirt migrates the guest, the steps are functions of
 *   libvirt, and `virsh` is an array with the equivalent commands.
 *
 *   After a migration by libvirt the verdicts are based on what libvirt reported
 *   about it: QEMU's statistics of the completed job, and the parameters that
 *   libvirt has functions to read.  A setting is `in-force` (or `substituted`) if
 *   these prove it: the method and the cache of XBZRLE, auto-converge if the
 *   guest was throttled, post-copy if the migration switched to it, and the
 *   downtime limit.  It is `ignored` if libvirt reports another value.  All other
 *   settings are `unverified`: libvirt accepted them and does not report whether
 *   QEMU used them.  After a failure no setting is `in-force`.
 * Since: 0.1
 */
JsonNode *migtune_migration_to_json(MigtuneMigration *migration);

/**
 * migtune_recover:
 * @dry_run: only look
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Clears up after migrations of migtune_migration_run() that were cut off, for
 * example because the program was killed: asks both sides where the guest is,
 * restores their settings where that is safe, and starts the guest on the
 * destination if the source has finished and the destination had not been told
 * to run yet.  A guest that may run elsewhere is never started.
 *
 * Returns: (transfer full): a JSON array with an object for each such
 *   migration, with the members `domain`, `phase`, `guest` ("source",
 *   "destination", "both", "stopped" or "unknown"), `source-state`,
 *   `destination-state`, `source-error`, `destination-error`, `text`, `started`,
 *   `over` (whether nothing is left to do), `warning` (what the user must do
 *   before the next migration to this destination, or null) and `error`.
 * Since: 0.1
 */
JsonNode *migtune_recover(gboolean dry_run, GCancellable *cancellable,
                          GError **error);

/**
 * migtune_migration_check_async:
 * @migration: as for migtune_migration_check()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_migration_check() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_migration_check_async(MigtuneMigration *migration,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);

/**
 * migtune_migration_check_finish:
 * @migration: as for migtune_migration_check_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_migration_check_async().
 *
 * Returns: as migtune_migration_check().
 * Since: 0.1
 */
gboolean migtune_migration_check_finish(MigtuneMigration *migration,
                                        GAsyncResult *result, GError **error);

/**
 * migtune_migration_run_async:
 * @migration: as for migtune_migration_run()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * The signals are emitted in the main context of the caller.
 *
 * Since: 0.1
 */
void migtune_migration_run_async(MigtuneMigration *migration,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);

/**
 * migtune_migration_run_finish:
 * @migration: as for migtune_migration_run_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_migration_run_async().
 *
 * Returns: as migtune_migration_run().
 * Since: 0.1
 */
gboolean migtune_migration_run_finish(MigtuneMigration *migration,
                                      GAsyncResult *result, GError **error);

/**
 * migtune_migration_find_destination_async:
 * @conn: as for migtune_migration_find_destination()
 * @source: as for migtune_migration_find_destination()
 * @name: (nullable): as for migtune_migration_find_destination()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_migration_find_destination() without blocking;
 * @callback is called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_migration_find_destination_async(MigtuneConn *conn,
                                         MigtuneDomain *source,
                                         const char *name,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);

/**
 * migtune_migration_find_destination_finish:
 * @conn: as for migtune_migration_find_destination_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_migration_find_destination_async().
 *
 * Returns: (transfer full): as migtune_migration_find_destination().
 * Since: 0.1
 */
MigtuneDomain *
migtune_migration_find_destination_finish(MigtuneConn *conn,
                                          GAsyncResult *result,
                                          GError **error);

/**
 * migtune_migration_abort_async:
 * @migration: as for migtune_migration_abort()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_migration_abort() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_migration_abort_async(MigtuneMigration *migration,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);

/**
 * migtune_migration_abort_finish:
 * @migration: as for migtune_migration_abort_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_migration_abort_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_migration_abort_finish(MigtuneMigration *migration,
                                        GAsyncResult *result, GError **error);

/**
 * migtune_migration_start_postcopy_async:
 * @migration: as for migtune_migration_start_postcopy()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_migration_start_postcopy() without blocking;
 * @callback is called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_migration_start_postcopy_async(MigtuneMigration *migration,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);

/**
 * migtune_migration_start_postcopy_finish:
 * @migration: as for migtune_migration_start_postcopy_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_migration_start_postcopy_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean
migtune_migration_start_postcopy_finish(MigtuneMigration *migration,
                                        GAsyncResult *result, GError **error);

/**
 * migtune_recover_async:
 * @dry_run: as for migtune_recover()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_recover() without blocking; @callback is called when
 * it has ended.
 *
 * Since: 0.1
 */
void migtune_recover_async(gboolean dry_run, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_recover_finish:
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_recover_async().
 *
 * Returns: (transfer full): as migtune_recover().
 * Since: 0.1
 */
JsonNode *migtune_recover_finish(GAsyncResult *result, GError **error);

G_END_DECLS
