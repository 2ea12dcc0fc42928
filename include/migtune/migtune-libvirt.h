/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * For programs that use libvirt: their own connections, and lowering.
 *
 * libvirt's handles are pointers here, so that neither this header nor the
 * library needs libvirt.
 *
 * Lowering: the settings of a plan for a migration by libvirt.
 *
 * libvirt sets capabilities and parameters of QEMU itself when it migrates a
 * guest, and restores the former values when the migration ends.  For such a
 * migration most settings therefore have to be given to virDomainMigrate3(), as
 * flags and typed parameters.  Settings that libvirt does not change can be set
 * in the guest just before the migration.
 *
 * Without a guest none of these functions needs libvirt at run time.
 */

#include <migtune/migtune-conn.h>
#include <migtune/migtune-plan.h>

G_BEGIN_DECLS

/**
 * migtune_conn_new_for_libvirt:
 * @connect: (not nullable): a `virConnectPtr` of the program
 * @flags: a combination of #MigtuneConnFlags without
 *   %MIGTUNE_CONN_MANAGE_LIBVIRT
 * @timeout_ms: as for migtune_conn_open()
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Uses a connection to libvirt that the program has opened.  The new object
 * holds a reference to it, so the program may close its own.  The library does
 * not change the connection: its error handler and its keepalive stay, and
 * migtune_conn_watch() does not replace its close callback.  Events need an
 * event loop that the program has registered with libvirt and runs.
 *
 * The library does not open the connection again if it is lost: calls then fail
 * with %MIGTUNE_ERROR_DISCONNECTED.
 *
 * Returns: (transfer full): a connection, or %NULL with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT, %MIGTUNE_ERROR_DRIVER or
 *   %MIGTUNE_ERROR_CONNECT.
 * Since: 0.1
 */
MigtuneConn *migtune_conn_new_for_libvirt(gpointer connect, unsigned int flags,
                                          unsigned int timeout_ms,
                                          GCancellable *cancellable,
                                          GError **error);

/**
 * migtune_conn_open_libvirt_domain:
 * @conn: a connection of migtune_conn_new_for_libvirt()
 * @domain: (not nullable): a `virDomainPtr` of the same connection
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Opens the domain with the name and the UUID of @domain, which stays the
 * program's.
 *
 * Returns: (transfer full): as migtune_conn_open_domain(); also %NULL with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT if @domain belongs to another connection,
 *   and with %MIGTUNE_ERROR_NOT_RUNNING if another guest has its name now.
 * Since: 0.1
 */
MigtuneDomain *migtune_conn_open_libvirt_domain(MigtuneConn *conn,
                                                gpointer domain,
                                                GCancellable *cancellable,
                                                GError **error);

/**
 * MigtuneLowering:
 *
 * The settings of a plan as the flags and parameters of a migration by libvirt.
 *
 * Since: 0.1
 */
#define MIGTUNE_TYPE_LOWERING (migtune_lowering_get_type())
G_DECLARE_FINAL_TYPE(MigtuneLowering, migtune_lowering, MIGTUNE, LOWERING,
                     GObject)

/**
 * migtune_plan_lower:
 * @plan: a plan, applied or not, with a guest or without
 * @libvirt: (nullable): a release of libvirt, such as "9.0", the older one of
 *   the two hosts; %NULL for the libvirt of the plan's connection
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Without @libvirt the daemon of the plan's connection is asked which flags and
 * typed parameters it supports.  That changes nothing and leaves a line in the
 * daemon's log.  If the daemon cannot be asked, as over a read-only connection,
 * its release number is used, or that of the client library if that is older.
 * With @libvirt nothing is sent.
 *
 * Returns: (transfer full): the lowering, or %NULL with
 *   %MIGTUNE_ERROR_INVALID_VALUE if @libvirt is not a release, with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT if @libvirt is %NULL and the plan has no
 *   connection to libvirt, and with %MIGTUNE_ERROR_DISCONNECTED,
 *   %MIGTUNE_ERROR_TIMEOUT or %MIGTUNE_ERROR_CANCELLED.
 * Since: 0.1
 */
MigtuneLowering *migtune_plan_lower(MigtunePlan *plan, const char *libvirt,
                                    GCancellable *cancellable, GError **error);

/**
 * migtune_lowering_free:
 * @lowering: (nullable): a lowering
 *
 * Releases a lowering.
 *
 * Since: 0.1
 */
void migtune_lowering_free(MigtuneLowering *lowering);

/**
 * migtune_lowering_check:
 * @lowering: a lowering
 * @error: return location
 *
 * Whether libvirt can be given all settings.
 *
 * Returns: %FALSE with the error of migtune_plan_check() or, with
 *   %MIGTUNE_ERROR_CONFLICT (libvirt's own rules) or
 *   %MIGTUNE_ERROR_UNSUPPORTED, with everything that this libvirt does not
 *   support or would refuse; code and fields are those of the first.
 * Since: 0.1
 */
gboolean migtune_lowering_check(MigtuneLowering *lowering, GError **error);

/**
 * migtune_lowering_get_flags:
 * @lowering: a lowering
 *
 * The flags of the migration call.
 *
 * Returns: flags of virDomainMigrate3(), %VIR_MIGRATE_LIVE among them.
 * Since: 0.1
 */
unsigned int migtune_lowering_get_flags(MigtuneLowering *lowering);

/**
 * migtune_lowering_get_params: (skip)
 * @lowering: a lowering
 * @nparams: where to put their number
 *
 * The typed parameters of the migration call.
 *
 * Returns: (transfer none) (nullable): typed parameters for
 *   virDomainMigrate3(), owned by @lowering.  The caller adds its own, such as
 *   the destination's address.
 * Since: 0.1
 */
virTypedParameterPtr
migtune_lowering_get_params(MigtuneLowering *lowering, int *nparams);

/**
 * migtune_lowering_prepare:
 * @lowering: a lowering of a plan that was made with a guest
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Sets the settings that have to be set in the guest just before the migration:
 * by libvirt's functions if there are any, and else through QEMU's monitor.
 *
 * Returns: %FALSE with the error of migtune_lowering_check() or of
 *   migtune_plan_apply().
 * Since: 0.1
 */
gboolean migtune_lowering_prepare(MigtuneLowering *lowering,
                                  GCancellable *cancellable, GError **error);

/**
 * migtune_lowering_to_json:
 * @lowering: a lowering
 *
 * All of a lowering as JSON.
 *
 * Returns: (transfer full): a JSON object with the members `libvirt` (the
 *   release), `flags` (an array of names), `flags-value`, `parameters` (an
 *   array of objects with `name`, `type` and `value`), `before` (an array of
 *   objects with either `function` and `value` or `execute` and `arguments`),
 *   `findings` (an array of objects with `name`, `rule`, which may be null,
 *   and `text`) and `virsh` (an array of command lines).
 * Since: 0.1
 */
JsonNode *migtune_lowering_to_json(MigtuneLowering *lowering);

/**
 * migtune_lowering_to_virsh:
 * @lowering: a lowering
 * @destination: (nullable): URI of the other host; %NULL for the word
 *   DESTINATION
 *
 * The commands of virsh that do the same.
 *
 * Returns: (transfer full) (array zero-terminated=1): commands for virsh that
 * do the same, in order, for g_strfreev().
 * Since: 0.1
 */
char **
migtune_lowering_to_virsh(MigtuneLowering *lowering, const char *destination);

/**
 * migtune_conn_new_for_libvirt_async:
 * @connect: as for migtune_conn_new_for_libvirt(); must stay valid
 *   until @callback is called
 * @flags: as for migtune_conn_new_for_libvirt()
 * @timeout_ms: as for migtune_conn_new_for_libvirt()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_conn_new_for_libvirt() without blocking; @callback
 * is called when it has ended.
 *
 * Since: 0.1
 */
void migtune_conn_new_for_libvirt_async(gpointer connect, unsigned int flags,
                                        unsigned int timeout_ms,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);

/**
 * migtune_conn_new_for_libvirt_finish: (constructor)
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_new_for_libvirt_async().
 *
 * Returns: (transfer full): as migtune_conn_new_for_libvirt().
 * Since: 0.1
 */
MigtuneConn *
migtune_conn_new_for_libvirt_finish(GAsyncResult *result, GError **error);

/**
 * migtune_conn_open_libvirt_domain_async:
 * @conn: as for migtune_conn_open_libvirt_domain()
 * @domain: as for migtune_conn_open_libvirt_domain(); must stay valid
 *   until @callback is called
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_conn_open_libvirt_domain() without blocking;
 * @callback is called when it has ended.
 *
 * Since: 0.1
 */
void migtune_conn_open_libvirt_domain_async(MigtuneConn *conn, gpointer domain,
                                            GCancellable *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer user_data);

/**
 * migtune_conn_open_libvirt_domain_finish:
 * @conn: as for migtune_conn_open_libvirt_domain_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_open_libvirt_domain_async().
 *
 * Returns: (transfer full): as migtune_conn_open_libvirt_domain().
 * Since: 0.1
 */
MigtuneDomain *
migtune_conn_open_libvirt_domain_finish(MigtuneConn *conn,
                                        GAsyncResult *result, GError **error);

G_END_DECLS
