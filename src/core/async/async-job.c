/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations and the handles of libvirt, without waiting; see async.c.
 */
#include "config.h"

#include "core/async/async.h"
#include "core/migration/job.h"
#include "core/migration/migration.h"

static gpointer
run_domain_migrate(gpointer object, const MtAsyncCall *call,
                   GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_domain_migrate(
        object, call->text, call->flags, cancellable, error));
}

void
migtune_domain_migrate_async(MigtuneDomain *domain, const char *uri,
                             unsigned int flags, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_migrate,
                                    .text = g_strdup(uri),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_migrate_finish(MigtuneDomain *domain, GAsyncResult *result,
                              GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_migrate_incoming(gpointer object, const MtAsyncCall *call,
                            GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_domain_migrate_incoming(
        object, call->text, call->flags, cancellable, error));
}

void
migtune_domain_migrate_incoming_async(MigtuneDomain *domain, const char *uri,
                                      unsigned int flags,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_migrate_incoming,
                                    .text = g_strdup(uri),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_migrate_incoming_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_get_job_info(gpointer object, const MtAsyncCall *call,
                        GCancellable *cancellable, GError **error)
{
    return migtune_domain_get_job_info(object, cancellable, error);
}

void
migtune_domain_get_job_info_async(MigtuneDomain *domain,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(
        domain,
        &(MtAsyncCall) { .run = run_domain_get_job_info,
                         .destroy = (GDestroyNotify)json_node_unref },
        cancellable, callback, user_data);
}

JsonNode *
migtune_domain_get_job_info_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_get_job_settings(gpointer object, const MtAsyncCall *call,
                            GCancellable *cancellable, GError **error)
{
    return migtune_domain_get_job_settings(object, cancellable, error);
}

void
migtune_domain_get_job_settings_async(MigtuneDomain *domain,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(
        domain,
        &(MtAsyncCall) { .run = run_domain_get_job_settings,
                         .destroy = (GDestroyNotify)g_variant_unref },
        cancellable, callback, user_data);
}

GVariant *
migtune_domain_get_job_settings_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_abort_job(gpointer object, const MtAsyncCall *call,
                     GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(
        migtune_domain_abort_job(object, cancellable, error));
}

void
migtune_domain_abort_job_async(MigtuneDomain *domain, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain, &(MtAsyncCall) { .run = run_domain_abort_job },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_abort_job_finish(MigtuneDomain *domain, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_suspend(gpointer object, const MtAsyncCall *call,
                   GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_domain_suspend(object, cancellable, error));
}

void
migtune_domain_suspend_async(MigtuneDomain *domain, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain, &(MtAsyncCall) { .run = run_domain_suspend },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_suspend_finish(MigtuneDomain *domain, GAsyncResult *result,
                              GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_resume(gpointer object, const MtAsyncCall *call,
                  GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_domain_resume(object, cancellable, error));
}

void
migtune_domain_resume_async(MigtuneDomain *domain, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain, &(MtAsyncCall) { .run = run_domain_resume },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_resume_finish(MigtuneDomain *domain, GAsyncResult *result,
                             GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_start_postcopy(gpointer object, const MtAsyncCall *call,
                          GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(
        migtune_domain_start_postcopy(object, cancellable, error));
}

void
migtune_domain_start_postcopy_async(MigtuneDomain *domain,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain, &(MtAsyncCall) { .run = run_domain_start_postcopy },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_start_postcopy_finish(MigtuneDomain *domain,
                                     GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_wait_job(gpointer object, const MtAsyncCall *call,
                    GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(mt_job_wait(object, call->number, call->flags, NULL,
                                       NULL, call->context, cancellable,
                                       error));
}

void
migtune_domain_wait_job_async(MigtuneDomain *domain, unsigned int timeout_ms,
                              unsigned int flags, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_wait_job,
                                    .flags = flags,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_wait_job_finish(MigtuneDomain *domain, GAsyncResult *result,
                               GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_wait_incoming(gpointer object, const MtAsyncCall *call,
                         GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(
        migtune_domain_wait_incoming(object, call->number, cancellable, error));
}

void
migtune_domain_wait_incoming_async(MigtuneDomain *domain,
                                   unsigned int timeout_ms,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_wait_incoming,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_wait_incoming_finish(MigtuneDomain *domain, GAsyncResult *result,
                                    GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_migration_check(gpointer object, const MtAsyncCall *call,
                    GCancellable *cancellable, GError **error)
{
    MigtuneMigration *migration = object;

    migration->context = call->context;
    return GINT_TO_POINTER(
        migtune_migration_check(migration, cancellable, error));
}

void
migtune_migration_check_async(MigtuneMigration *migration,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_MIGRATION(migration));

    mt_async_start(migration, &(MtAsyncCall) { .run = run_migration_check },
                   cancellable, callback, user_data);
}

gboolean
migtune_migration_check_finish(MigtuneMigration *migration,
                               GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(migration, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_migration_run(gpointer object, const MtAsyncCall *call,
                  GCancellable *cancellable, GError **error)
{
    MigtuneMigration *migration = object;

    migration->context = call->context;
    return GINT_TO_POINTER(
        migtune_migration_run(migration, cancellable, error));
}

void
migtune_migration_run_async(MigtuneMigration *migration,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_MIGRATION(migration));

    mt_async_start(migration, &(MtAsyncCall) { .run = run_migration_run },
                   cancellable, callback, user_data);
}

gboolean
migtune_migration_run_finish(MigtuneMigration *migration, GAsyncResult *result,
                             GError **error)
{
    MT_REQUIRE(mt_async_is_result(migration, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_continue_job(gpointer object, const MtAsyncCall *call,
                        GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(
        migtune_domain_continue_job(object, cancellable, error));
}

void
migtune_domain_continue_job_async(MigtuneDomain *domain,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain, &(MtAsyncCall) { .run = run_domain_continue_job },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_continue_job_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_migration_find_destination(gpointer object, const MtAsyncCall *call,
                               GCancellable *cancellable, GError **error)
{
    return migtune_migration_find_destination(object, call->other, call->text,
                                              cancellable, error);
}

void
migtune_migration_find_destination_async(
    MigtuneConn *conn, MigtuneDomain *source, const char *name,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));
    g_return_if_fail(MIGTUNE_IS_DOMAIN(source));

    mt_async_start(conn,
                   &(MtAsyncCall) { .run = run_migration_find_destination,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .other = g_object_ref(source),
                                    .text = g_strdup(name) },
                   cancellable, callback, user_data);
}

MigtuneDomain *
migtune_migration_find_destination_finish(MigtuneConn *conn,
                                          GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_migration_abort(gpointer object, const MtAsyncCall *call,
                    GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_migration_abort(object, cancellable, error));
}

void
migtune_migration_abort_async(MigtuneMigration *migration,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_MIGRATION(migration));

    mt_async_start(migration, &(MtAsyncCall) { .run = run_migration_abort },
                   cancellable, callback, user_data);
}

gboolean
migtune_migration_abort_finish(MigtuneMigration *migration,
                               GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(migration, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_migration_start_postcopy(gpointer object, const MtAsyncCall *call,
                             GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(
        migtune_migration_start_postcopy(object, cancellable, error));
}

void
migtune_migration_start_postcopy_async(MigtuneMigration *migration,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_MIGRATION(migration));

    mt_async_start(migration,
                   &(MtAsyncCall) { .run = run_migration_start_postcopy },
                   cancellable, callback, user_data);
}

gboolean
migtune_migration_start_postcopy_finish(MigtuneMigration *migration,
                                        GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(migration, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_recover(gpointer object, const MtAsyncCall *call, GCancellable *cancellable,
            GError **error)
{
    return migtune_recover(call->flags, cancellable, error);
}

void
migtune_recover_async(gboolean dry_run, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .run = run_recover,
                                    .destroy = (GDestroyNotify)json_node_unref,
                                    .flags = dry_run },
                   cancellable, callback, user_data);
}

JsonNode *
migtune_recover_finish(GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(NULL, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_new_for_libvirt(gpointer object, const MtAsyncCall *call,
                         GCancellable *cancellable, GError **error)
{
    return migtune_conn_new_for_libvirt(call->handle, call->flags, call->number,
                                        cancellable, error);
}

void
migtune_conn_new_for_libvirt_async(gpointer connect, unsigned int flags,
                                   unsigned int timeout_ms,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .run = run_conn_new_for_libvirt,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .handle = connect,
                                    .flags = flags,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

MigtuneConn *
migtune_conn_new_for_libvirt_finish(GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(NULL, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_open_libvirt_domain(gpointer object, const MtAsyncCall *call,
                             GCancellable *cancellable, GError **error)
{
    return migtune_conn_open_libvirt_domain(object, call->handle, cancellable,
                                            error);
}

void
migtune_conn_open_libvirt_domain_async(MigtuneConn *conn, gpointer domain,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    mt_async_start(conn,
                   &(MtAsyncCall) { .run = run_conn_open_libvirt_domain,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .handle = domain },
                   cancellable, callback, user_data);
}

MigtuneDomain *
migtune_conn_open_libvirt_domain_finish(MigtuneConn *conn, GAsyncResult *result,
                                        GError **error)
{
    MT_REQUIRE(mt_async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}
