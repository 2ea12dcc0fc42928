/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations and the handles of libvirt, without waiting; see async.h.
 */
#include "config.h"

#include "core/async/async.h"
#include "core/migration/job.h"
#include "core/migration/migration.h"

MT_ASYNC_BOOLEAN(migtune_domain_migrate, MigtuneDomain,
                 migtune_domain_migrate(object, call->text, call->flags,
                                        cancellable, error))

void
migtune_domain_migrate_async(MigtuneDomain *domain, const char *uri,
                             unsigned int flags, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_migrate,
                                    .text = g_strdup(uri),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MT_ASYNC_BOOLEAN(migtune_domain_migrate_incoming, MigtuneDomain,
                 migtune_domain_migrate_incoming(object, call->text,
                                                 call->flags, cancellable,
                                                 error))

void
migtune_domain_migrate_incoming_async(MigtuneDomain *domain, const char *uri,
                                      unsigned int flags,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(
        domain,
        &(MtAsyncCall) { .kind = &kind_migtune_domain_migrate_incoming,
                         .text = g_strdup(uri),
                         .flags = flags },
        cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_get_job_info, MigtuneDomain, JsonNode *,
                 json_node_unref,
                 migtune_domain_get_job_info(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_get_job_info, MigtuneDomain,
                      MIGTUNE_IS_DOMAIN)

MT_ASYNC_POINTER(migtune_domain_get_job_settings, MigtuneDomain, GVariant *,
                 g_variant_unref,
                 migtune_domain_get_job_settings(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_get_job_settings, MigtuneDomain,
                      MIGTUNE_IS_DOMAIN)

MT_ASYNC_BOOLEAN(migtune_domain_abort_job, MigtuneDomain,
                 migtune_domain_abort_job(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_abort_job, MigtuneDomain,
                      MIGTUNE_IS_DOMAIN)

MT_ASYNC_BOOLEAN(migtune_domain_suspend, MigtuneDomain,
                 migtune_domain_suspend(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_suspend, MigtuneDomain, MIGTUNE_IS_DOMAIN)

MT_ASYNC_BOOLEAN(migtune_domain_resume, MigtuneDomain,
                 migtune_domain_resume(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_resume, MigtuneDomain, MIGTUNE_IS_DOMAIN)

MT_ASYNC_BOOLEAN(migtune_domain_start_postcopy, MigtuneDomain,
                 migtune_domain_start_postcopy(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_start_postcopy, MigtuneDomain,
                      MIGTUNE_IS_DOMAIN)

MT_ASYNC_BOOLEAN(migtune_domain_wait_job, MigtuneDomain,
                 mt_job_wait(object, call->number, call->flags, NULL, NULL,
                             call->context, cancellable, error))

void
migtune_domain_wait_job_async(MigtuneDomain *domain, unsigned int timeout_ms,
                              unsigned int flags, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_wait_job,
                                    .flags = flags,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

MT_ASYNC_BOOLEAN(migtune_domain_wait_incoming, MigtuneDomain,
                 migtune_domain_wait_incoming(object, call->number, cancellable,
                                              error))

void
migtune_domain_wait_incoming_async(MigtuneDomain *domain,
                                   unsigned int timeout_ms,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_wait_incoming,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

/* The wait does not fail, so that both results are pointers other than NULL. */
enum { WAIT_NO_PASS = 1, WAIT_PASS };

MT_ASYNC_KIND(migtune_domain_wait_pass, NULL,
              GINT_TO_POINTER(migtune_domain_wait_pass(object, call->number,
                                                       cancellable)
                                  ? WAIT_PASS
                                  : WAIT_NO_PASS))

void
migtune_domain_wait_pass_async(MigtuneDomain *domain, guint timeout_ms,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_wait_pass,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_wait_pass_finish(MigtuneDomain *domain, GAsyncResult *result,
                                GError **error)
{
    return GPOINTER_TO_INT(mt_async_finish(domain,
                                           &kind_migtune_domain_wait_pass,
                                           result, error)) == WAIT_PASS;
}

/* Sets the context of the caller, in which the signals are emitted. */
static MigtuneMigration *
in_context(MigtuneMigration *migration, const MtAsyncCall *call)
{
    migration->context = call->context;
    return migration;
}

MT_ASYNC_BOOLEAN(migtune_migration_check, MigtuneMigration,
                 migtune_migration_check(in_context(object, call), cancellable,
                                         error))
MT_ASYNC_NO_ARGUMENTS(migtune_migration_check, MigtuneMigration,
                      MIGTUNE_IS_MIGRATION)

MT_ASYNC_BOOLEAN(migtune_migration_run, MigtuneMigration,
                 migtune_migration_run(in_context(object, call), cancellable,
                                       error))
MT_ASYNC_NO_ARGUMENTS(migtune_migration_run, MigtuneMigration,
                      MIGTUNE_IS_MIGRATION)

MT_ASYNC_BOOLEAN(migtune_domain_continue_job, MigtuneDomain,
                 migtune_domain_continue_job(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_continue_job, MigtuneDomain,
                      MIGTUNE_IS_DOMAIN)

MT_ASYNC_POINTER(migtune_migration_find_destination, MigtuneConn,
                 MigtuneDomain *, g_object_unref,
                 migtune_migration_find_destination(object, call->other,
                                                    call->text, cancellable,
                                                    error))

void
migtune_migration_find_destination_async(
    MigtuneConn *conn, MigtuneDomain *source, const char *name,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));
    g_return_if_fail(MIGTUNE_IS_DOMAIN(source));

    mt_async_start(
        conn,
        &(MtAsyncCall) { .kind = &kind_migtune_migration_find_destination,
                         .other = g_object_ref(source),
                         .text = g_strdup(name) },
        cancellable, callback, user_data);
}

MT_ASYNC_BOOLEAN(migtune_migration_abort, MigtuneMigration,
                 migtune_migration_abort(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_migration_abort, MigtuneMigration,
                      MIGTUNE_IS_MIGRATION)

MT_ASYNC_BOOLEAN(migtune_migration_start_postcopy, MigtuneMigration,
                 migtune_migration_start_postcopy(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_migration_start_postcopy, MigtuneMigration,
                      MIGTUNE_IS_MIGRATION)

MT_ASYNC_NO_OBJECT(migtune_recover, JsonNode *, json_node_unref,
                   migtune_recover(call->flags, cancellable, error))

void
migtune_recover_async(gboolean dry_run, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_recover,
                                    .flags = dry_run },
                   cancellable, callback, user_data);
}

MT_ASYNC_NO_OBJECT(migtune_conn_new_for_libvirt, MigtuneConn *, g_object_unref,
                   migtune_conn_new_for_libvirt(call->handle, call->flags,
                                                call->number, cancellable,
                                                error))

void
migtune_conn_new_for_libvirt_async(gpointer connect, unsigned int flags,
                                   unsigned int timeout_ms,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_conn_new_for_libvirt,
                                    .handle = connect,
                                    .flags = flags,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_conn_open_libvirt_domain, MigtuneConn, MigtuneDomain *,
                 g_object_unref,
                 migtune_conn_open_libvirt_domain(object, call->handle,
                                                  cancellable, error))

void
migtune_conn_open_libvirt_domain_async(MigtuneConn *conn, gpointer domain,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    mt_async_start(
        conn,
        &(MtAsyncCall) { .kind = &kind_migtune_conn_open_libvirt_domain,
                         .handle = domain },
        cancellable, callback, user_data);
}
