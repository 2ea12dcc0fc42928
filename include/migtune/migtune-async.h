/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The calls that wait, as pairs with the suffixes _async and _finish.
 *
 * The pair does what the call without a suffix does, see there, and follows
 * the rules of GTask: the callback runs in the thread-default main context of
 * the thread that called _async, once, and after _async has returned.
 * Arguments are copied.  If the call is cancelled, _finish fails with the error
 * of the call without a suffix.
 */

#include <migtune/migtune-job.h>
#include <migtune/migtune-libvirt.h>
#include <migtune/migtune-settings.h>

G_BEGIN_DECLS

/**
 * migtune_conn_open_async:
 * @uri: as for migtune_conn_open()
 * @flags: as for migtune_conn_open()
 * @timeout_ms: as for migtune_conn_open()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_conn_open() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void migtune_conn_open_async(const char *uri, unsigned int flags,
                             unsigned int timeout_ms, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_conn_open_finish: (constructor)
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_open_async().
 *
 * Returns: (transfer full): as migtune_conn_open().
 * Since: 0.1
 */
MigtuneConn *migtune_conn_open_finish(GAsyncResult *result, GError **error);

/**
 * migtune_conn_open_auth_async: (skip)
 * @uri: as for migtune_conn_open()
 * @flags: as for migtune_conn_open()
 * @timeout_ms: as for migtune_conn_open()
 * @auth: (nullable) (scope forever): as for migtune_conn_open_auth()
 * @auth_data: (nullable): for @auth
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * @auth is called in a thread of the library, not in the caller's main context.
 *
 * Since: 0.1
 */
void migtune_conn_open_auth_async(const char *uri, unsigned int flags,
                                  unsigned int timeout_ms, MigtuneAuthFunc auth,
                                  gpointer auth_data, GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);

/**
 * migtune_conn_open_auth_finish: (skip)
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_open_auth_async().
 *
 * Returns: (transfer full): as migtune_conn_open_auth().
 * Since: 0.1
 */
MigtuneConn *migtune_conn_open_auth_finish(GAsyncResult *result,
                                           GError **error);

/**
 * migtune_conn_list_async:
 * @conn: as for migtune_conn_list()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_conn_list() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void migtune_conn_list_async(MigtuneConn *conn, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_conn_list_finish:
 * @conn: as for migtune_conn_list_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_list_async().
 *
 * Returns: (transfer full) (array zero-terminated=1): as migtune_conn_list().
 * Since: 0.1
 */
char **migtune_conn_list_finish(MigtuneConn *conn, GAsyncResult *result,
                                GError **error);

/**
 * migtune_conn_list_inactive_async:
 * @conn: as for migtune_conn_list_inactive()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_conn_list_inactive() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_conn_list_inactive_async(MigtuneConn *conn, GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);

/**
 * migtune_conn_list_inactive_finish:
 * @conn: as for migtune_conn_list_inactive_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_list_inactive_async().
 *
 * Returns: (transfer full) (array zero-terminated=1): as
 * migtune_conn_list_inactive().
 * Since: 0.1
 */
char **migtune_conn_list_inactive_finish(MigtuneConn *conn,
                                         GAsyncResult *result, GError **error);

/**
 * migtune_conn_open_domain_async:
 * @conn: as for migtune_conn_open_domain()
 * @key: as for migtune_conn_open_domain()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_conn_open_domain() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_conn_open_domain_async(MigtuneConn *conn, const char *key,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);

/**
 * migtune_conn_open_domain_finish:
 * @conn: as for migtune_conn_open_domain_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_open_domain_async().
 *
 * Returns: (transfer full): as migtune_conn_open_domain().
 * Since: 0.1
 */
MigtuneDomain *
migtune_conn_open_domain_finish(MigtuneConn *conn, GAsyncResult *result,
                                GError **error);

/**
 * migtune_conn_lookup_async:
 * @conn: as for migtune_conn_lookup()
 * @name: as for migtune_conn_lookup()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_conn_lookup() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void
migtune_conn_lookup_async(MigtuneConn *conn, const char *name,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_conn_lookup_finish:
 * @conn: as for migtune_conn_lookup_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_conn_lookup_async().
 *
 * Returns: (transfer full): as migtune_conn_lookup().
 * Since: 0.1
 */
MigtuneDomain *migtune_conn_lookup_finish(MigtuneConn *conn,
                                          GAsyncResult *result, GError **error);

/**
 * migtune_domain_get_info_async:
 * @domain: as for migtune_domain_get_info()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_get_info() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_get_info_async(MigtuneDomain *domain, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_domain_get_info_finish:
 * @domain: as for migtune_domain_get_info_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_get_info_async().
 *
 * Returns: (transfer full): as migtune_domain_get_info().
 * Since: 0.1
 */
JsonNode *migtune_domain_get_info_finish(MigtuneDomain *domain,
                                         GAsyncResult *result, GError **error);

/**
 * migtune_domain_probe_async:
 * @domain: as for migtune_domain_probe()
 * @refresh: as for migtune_domain_probe()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_probe() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_probe_async(MigtuneDomain *domain, gboolean refresh,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_domain_probe_finish:
 * @domain: as for migtune_domain_probe_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_probe_async().
 *
 * Returns: (transfer full): as migtune_domain_probe().
 * Since: 0.1
 */
JsonNode *migtune_domain_probe_finish(MigtuneDomain *domain,
                                      GAsyncResult *result, GError **error);

/**
 * migtune_domain_get_settings_async:
 * @domain: as for migtune_domain_get_settings()
 * @names: (array zero-terminated=1) (nullable): as for
 * migtune_domain_get_settings()
 * @flags: as for migtune_domain_get_settings()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_get_settings() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_get_settings_async(MigtuneDomain *domain,
                                  const char *const *names, unsigned int flags,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);

/**
 * migtune_domain_get_settings_finish:
 * @domain: as for migtune_domain_get_settings_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_get_settings_async().
 *
 * Returns: (transfer full): as migtune_domain_get_settings().
 * Since: 0.1
 */
GVariant *
migtune_domain_get_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error);

/**
 * migtune_domain_report_async:
 * @domain: as for migtune_domain_report()
 * @names: (array zero-terminated=1) (nullable): as for migtune_domain_report()
 * @flags: as for migtune_domain_report()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_report() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_report_async(MigtuneDomain *domain, const char *const *names,
                            unsigned int flags, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_domain_report_finish:
 * @domain: as for migtune_domain_report_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_report_async().
 *
 * Returns: (transfer full): as migtune_domain_report().
 * Since: 0.1
 */
JsonNode *migtune_domain_report_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error);

/**
 * migtune_domain_set_settings_async:
 * @domain: as for migtune_domain_set_settings()
 * @settings: as for migtune_domain_set_settings()
 * @flags: as for migtune_domain_set_settings()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_set_settings() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_set_settings_async(MigtuneDomain *domain, GVariant *settings,
                                  unsigned int flags, GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);

/**
 * migtune_domain_set_settings_finish:
 * @domain: as for migtune_domain_set_settings_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_set_settings_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean
migtune_domain_set_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error);

/**
 * migtune_domain_plan_settings_async:
 * @domain: as for migtune_domain_plan_settings()
 * @settings: as for migtune_domain_plan_settings()
 * @flags: as for migtune_domain_plan_settings()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_plan_settings() without blocking; @callback
 * is called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_plan_settings_async(MigtuneDomain *domain,
                                        GVariant *settings, unsigned int flags,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);

/**
 * migtune_domain_plan_settings_finish:
 * @domain: as for migtune_domain_plan_settings_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_plan_settings_async().
 *
 * Returns: (transfer full): as migtune_domain_plan_settings().
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                    GError **error);

/**
 * migtune_domain_plan_reset_async:
 * @domain: as for migtune_domain_plan_reset()
 * @flags: as for migtune_domain_plan_reset()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_plan_reset() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_plan_reset_async(MigtuneDomain *domain, unsigned int flags,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);

/**
 * migtune_domain_plan_reset_finish:
 * @domain: as for migtune_domain_plan_reset_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_plan_reset_async().
 *
 * Returns: (transfer full): as migtune_domain_plan_reset().
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_reset_finish(MigtuneDomain *domain, GAsyncResult *result,
                                 GError **error);

/**
 * migtune_domain_plan_forget_async:
 * @domain: as for migtune_domain_plan_forget()
 * @names: (array zero-terminated=1): as for migtune_domain_plan_forget()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_plan_forget() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_plan_forget_async(MigtuneDomain *domain,
                                      const char *const *names,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);

/**
 * migtune_domain_plan_forget_finish:
 * @domain: as for migtune_domain_plan_forget_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_plan_forget_async().
 *
 * Returns: (transfer full): as migtune_domain_plan_forget().
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_forget_finish(MigtuneDomain *domain, GAsyncResult *result,
                                  GError **error);

/**
 * migtune_domain_plan_kept_async:
 * @domain: as for migtune_domain_plan_kept()
 * @flags: as for migtune_domain_plan_kept()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_plan_kept() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_plan_kept_async(MigtuneDomain *domain, unsigned int flags,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);

/**
 * migtune_domain_plan_kept_finish:
 * @domain: as for migtune_domain_plan_kept_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_plan_kept_async().
 *
 * Returns: (transfer full): as migtune_domain_plan_kept().
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_kept_finish(MigtuneDomain *domain, GAsyncResult *result,
                                GError **error);

/**
 * migtune_plan_apply_async:
 * @plan: as for migtune_plan_apply()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_plan_apply() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void migtune_plan_apply_async(MigtunePlan *plan, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_plan_apply_finish:
 * @plan: as for migtune_plan_apply_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_plan_apply_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_plan_apply_finish(MigtunePlan *plan, GAsyncResult *result,
                                   GError **error);

/**
 * migtune_plan_lower_async:
 * @plan: as for migtune_plan_lower()
 * @libvirt: (nullable): as for migtune_plan_lower()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_plan_lower() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void migtune_plan_lower_async(MigtunePlan *plan, const char *libvirt,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_plan_lower_finish:
 * @plan: as for migtune_plan_lower_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_plan_lower_async().
 *
 * Returns: (transfer full): as migtune_plan_lower().
 * Since: 0.1
 */
MigtuneLowering *
migtune_plan_lower_finish(MigtunePlan *plan, GAsyncResult *result,
                          GError **error);

/**
 * migtune_lowering_prepare_async:
 * @lowering: as for migtune_lowering_prepare()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_lowering_prepare() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_lowering_prepare_async(MigtuneLowering *lowering,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);

/**
 * migtune_lowering_prepare_finish:
 * @lowering: as for migtune_lowering_prepare_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_lowering_prepare_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_lowering_prepare_finish(MigtuneLowering *lowering,
                                         GAsyncResult *result, GError **error);

/**
 * migtune_domain_migrate_async:
 * @domain: as for migtune_domain_migrate()
 * @uri: as for migtune_domain_migrate()
 * @flags: as for migtune_domain_migrate()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_migrate() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_migrate_async(MigtuneDomain *domain, const char *uri,
                             unsigned int flags, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_domain_migrate_finish:
 * @domain: as for migtune_domain_migrate_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_migrate_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_domain_migrate_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error);

/**
 * migtune_domain_migrate_incoming_async:
 * @domain: as for migtune_domain_migrate_incoming()
 * @uri: as for migtune_domain_migrate_incoming()
 * @flags: as for migtune_domain_migrate_incoming()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_migrate_incoming() without blocking;
 * @callback is called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_migrate_incoming_async(MigtuneDomain *domain,
                                           const char *uri, unsigned int flags,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data);

/**
 * migtune_domain_migrate_incoming_finish:
 * @domain: as for migtune_domain_migrate_incoming_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_migrate_incoming_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean
migtune_domain_migrate_incoming_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error);

/**
 * migtune_domain_get_job_info_async:
 * @domain: as for migtune_domain_get_job_info()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_get_job_info() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_get_job_info_async(MigtuneDomain *domain,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);

/**
 * migtune_domain_get_job_info_finish:
 * @domain: as for migtune_domain_get_job_info_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_get_job_info_async().
 *
 * Returns: (transfer full): as migtune_domain_get_job_info().
 * Since: 0.1
 */
JsonNode *
migtune_domain_get_job_info_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error);

/**
 * migtune_domain_get_job_settings_async:
 * @domain: as for migtune_domain_get_job_settings()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_get_job_settings() without blocking;
 * @callback is called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_get_job_settings_async(MigtuneDomain *domain,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data);

/**
 * migtune_domain_get_job_settings_finish:
 * @domain: as for migtune_domain_get_job_settings_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_get_job_settings_async().
 *
 * Returns: (transfer full): as migtune_domain_get_job_settings().
 * Since: 0.1
 */
GVariant *
migtune_domain_get_job_settings_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error);

/**
 * migtune_domain_abort_job_async:
 * @domain: as for migtune_domain_abort_job()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_abort_job() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_abort_job_async(MigtuneDomain *domain, GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);

/**
 * migtune_domain_abort_job_finish:
 * @domain: as for migtune_domain_abort_job_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_abort_job_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_domain_abort_job_finish(MigtuneDomain *domain,
                                         GAsyncResult *result, GError **error);

/**
 * migtune_domain_suspend_async:
 * @domain: as for migtune_domain_suspend()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_suspend() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_suspend_async(MigtuneDomain *domain, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_domain_suspend_finish:
 * @domain: as for migtune_domain_suspend_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_suspend_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_domain_suspend_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error);

/**
 * migtune_domain_resume_async:
 * @domain: as for migtune_domain_resume()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_resume() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_resume_async(MigtuneDomain *domain, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_domain_resume_finish:
 * @domain: as for migtune_domain_resume_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_resume_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_domain_resume_finish(MigtuneDomain *domain,
                                      GAsyncResult *result, GError **error);

/**
 * migtune_domain_start_postcopy_async:
 * @domain: as for migtune_domain_start_postcopy()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_start_postcopy() without blocking; @callback
 * is called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_start_postcopy_async(MigtuneDomain *domain,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);

/**
 * migtune_domain_start_postcopy_finish:
 * @domain: as for migtune_domain_start_postcopy_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_start_postcopy_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean
migtune_domain_start_postcopy_finish(MigtuneDomain *domain,
                                     GAsyncResult *result, GError **error);

/**
 * migtune_domain_wait_job_async:
 * @domain: as for migtune_domain_wait_job()
 * @timeout_ms: as for migtune_domain_wait_job()
 * @flags: as for migtune_domain_wait_job()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_wait_job() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void
migtune_domain_wait_job_async(MigtuneDomain *domain, unsigned int timeout_ms,
                              unsigned int flags, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_domain_wait_job_finish:
 * @domain: as for migtune_domain_wait_job_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_wait_job_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean migtune_domain_wait_job_finish(MigtuneDomain *domain,
                                        GAsyncResult *result, GError **error);

/**
 * migtune_domain_wait_incoming_async:
 * @domain: as for migtune_domain_wait_incoming()
 * @timeout_ms: as for migtune_domain_wait_incoming()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_wait_incoming() without blocking; @callback
 * is called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_wait_incoming_async(MigtuneDomain *domain,
                                        unsigned int timeout_ms,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);

/**
 * migtune_domain_wait_incoming_finish:
 * @domain: as for migtune_domain_wait_incoming_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_wait_incoming_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean
migtune_domain_wait_incoming_finish(MigtuneDomain *domain, GAsyncResult *result,
                                    GError **error);

/**
 * migtune_domain_continue_job_async:
 * @domain: as for migtune_domain_continue_job()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_continue_job() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_continue_job_async(MigtuneDomain *domain,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);

/**
 * migtune_domain_continue_job_finish:
 * @domain: as for migtune_domain_continue_job_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_continue_job_async().
 *
 * Returns: whether it succeeded.
 * Since: 0.1
 */
gboolean
migtune_domain_continue_job_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error);

/**
 * migtune_domain_wait_pass_async:
 * @domain: as for migtune_domain_wait_pass()
 * @timeout_ms: as for migtune_domain_wait_pass()
 * @cancellable: (nullable): ends the wait
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_wait_pass() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_wait_pass_async(MigtuneDomain *domain, guint timeout_ms,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);

/**
 * migtune_domain_wait_pass_finish:
 * @domain: as for migtune_domain_wait_pass_async()
 * @result: what the callback was given
 * @error: return location
 *
 * The wait itself does not fail: @error is set only if @result belongs to
 * another call.
 *
 * Returns: whether a pass has begun.
 * Since: 0.1
 */
gboolean migtune_domain_wait_pass_finish(MigtuneDomain *domain,
                                         GAsyncResult *result, GError **error);

G_END_DECLS
