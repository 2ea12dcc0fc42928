/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calls that wait, without waiting.
 *
 * Each _async function copies its arguments and starts one thread, which makes
 * the call of the same name and hands the result to a GTask; the task calls
 * back in the main context of the caller.  The threads are not those of GLib's
 * pool, because a call may last as long as a migration and the pool is small.
 */
#include "config.h"

#include "core/job.h"
#include "core/migration.h"
#include "util/i18n.h"

typedef struct _AsyncCall AsyncCall;

/* The result, for @destroy of the call; without that a gboolean. */
typedef gpointer (*AsyncRun)(gpointer object, const AsyncCall *call,
                             GCancellable *cancellable, GError **error);

struct _AsyncCall {
    AsyncRun run;
    GDestroyNotify destroy; /* of the result; NULL: it is a gboolean */
    GMainContext *context;  /* of the caller */
    char *text;
    char **names;
    GVariant *settings;
    unsigned int flags;
    unsigned int number;
};

static void
async_call_free(gpointer data)
{
    AsyncCall *call = data;

    g_main_context_unref(call->context);
    g_free(call->text);
    g_strfreev(call->names);
    g_clear_pointer(&call->settings, g_variant_unref);
    g_free(call);
}

static gpointer
async_thread(gpointer data)
{
    g_autoptr(GTask) task = data;
    const AsyncCall *call = g_task_get_task_data(task);
    GError *error = NULL;
    gpointer result = call->run(g_task_get_source_object(task), call,
                                g_task_get_cancellable(task), &error);

    if (!result)
        g_task_return_error(task, error);
    else if (call->destroy)
        g_task_return_pointer(task, result, call->destroy);
    else
        g_task_return_boolean(task, TRUE);

    return NULL;
}

/* Takes what @call points to. */
static void
async_start(gpointer object, const AsyncCall *call, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task =
        g_task_new(object, cancellable, callback, user_data);
    AsyncCall *copy = g_new(AsyncCall, 1);
    g_autoptr(GError) cause = NULL;
    GThread *thread;

    *copy = *call;
    copy->context = g_main_context_ref_thread_default();
    g_task_set_task_data(task, copy, async_call_free);
    /* The call itself says what a cancellation has led to. */
    g_task_set_check_cancellable(task, FALSE);
    thread = g_thread_try_new("migtune-call", async_thread, g_object_ref(task),
                              &cause);
    if (thread) {
        g_thread_unref(thread);
        return;
    }

    g_object_unref(task);
    g_task_return_new_error(task, MIGTUNE_ERROR, MIGTUNE_ERROR_INTERNAL,
                            _("cannot start a thread: %s"), cause->message);
}

static gboolean
async_is_result(gpointer object, GAsyncResult *result)
{
    return g_task_is_valid(result, object);
}

static gpointer
run_conn_open(gpointer object, const AsyncCall *call, GCancellable *cancellable,
              GError **error)
{
    return migtune_conn_open(call->text, call->flags, call->number, cancellable,
                             error);
}

void
migtune_conn_open_async(const char *uri, unsigned int flags,
                        unsigned int timeout_ms, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
    async_start(NULL,
                &(AsyncCall) { .run = run_conn_open,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .text = g_strdup(uri),
                               .flags = flags,
                               .number = timeout_ms },
                cancellable, callback, user_data);
}

MigtuneConn *
migtune_conn_open_finish(GAsyncResult *result, GError **error)
{
    MT_REQUIRE(async_is_result(NULL, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_list(gpointer object, const AsyncCall *call, GCancellable *cancellable,
              GError **error)
{
    return migtune_conn_list(object, cancellable, error);
}

void
migtune_conn_list_async(MigtuneConn *conn, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    async_start(conn,
                &(AsyncCall) { .run = run_conn_list,
                               .destroy = (GDestroyNotify)g_strfreev },
                cancellable, callback, user_data);
}

char **
migtune_conn_list_finish(MigtuneConn *conn, GAsyncResult *result,
                         GError **error)
{
    MT_REQUIRE(async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_list_inactive(gpointer object, const AsyncCall *call,
                       GCancellable *cancellable, GError **error)
{
    return migtune_conn_list_inactive(object, cancellable, error);
}

void
migtune_conn_list_inactive_async(MigtuneConn *conn, GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    async_start(conn,
                &(AsyncCall) { .run = run_conn_list_inactive,
                               .destroy = (GDestroyNotify)g_strfreev },
                cancellable, callback, user_data);
}

char **
migtune_conn_list_inactive_finish(MigtuneConn *conn, GAsyncResult *result,
                                  GError **error)
{
    MT_REQUIRE(async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_open_domain(gpointer object, const AsyncCall *call,
                     GCancellable *cancellable, GError **error)
{
    return migtune_conn_open_domain(object, call->text, cancellable, error);
}

void
migtune_conn_open_domain_async(MigtuneConn *conn, const char *key,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    async_start(conn,
                &(AsyncCall) { .run = run_conn_open_domain,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .text = g_strdup(key) },
                cancellable, callback, user_data);
}

MigtuneDomain *
migtune_conn_open_domain_finish(MigtuneConn *conn, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_lookup(gpointer object, const AsyncCall *call,
                GCancellable *cancellable, GError **error)
{
    return migtune_conn_lookup(object, call->text, cancellable, error);
}

void
migtune_conn_lookup_async(MigtuneConn *conn, const char *name,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    async_start(conn,
                &(AsyncCall) { .run = run_conn_lookup,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .text = g_strdup(name) },
                cancellable, callback, user_data);
}

MigtuneDomain *
migtune_conn_lookup_finish(MigtuneConn *conn, GAsyncResult *result,
                           GError **error)
{
    MT_REQUIRE(async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_get_info(gpointer object, const AsyncCall *call,
                    GCancellable *cancellable, GError **error)
{
    return migtune_domain_get_info(object, cancellable, error);
}

void
migtune_domain_get_info_async(MigtuneDomain *domain, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain,
                &(AsyncCall) { .run = run_domain_get_info,
                               .destroy = (GDestroyNotify)json_node_unref },
                cancellable, callback, user_data);
}

JsonNode *
migtune_domain_get_info_finish(MigtuneDomain *domain, GAsyncResult *result,
                               GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_probe(gpointer object, const AsyncCall *call,
                 GCancellable *cancellable, GError **error)
{
    return migtune_domain_probe(object, (gboolean)call->flags, cancellable,
                                error);
}

void
migtune_domain_probe_async(MigtuneDomain *domain, gboolean refresh,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain,
                &(AsyncCall) { .run = run_domain_probe,
                               .destroy = (GDestroyNotify)json_node_unref,
                               .flags = refresh },
                cancellable, callback, user_data);
}

JsonNode *
migtune_domain_probe_finish(MigtuneDomain *domain, GAsyncResult *result,
                            GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_get_settings(gpointer object, const AsyncCall *call,
                        GCancellable *cancellable, GError **error)
{
    return migtune_domain_get_settings(object, (const char *const *)call->names,
                                       call->flags, cancellable, error);
}

void
migtune_domain_get_settings_async(MigtuneDomain *domain,
                                  const char *const *names, unsigned int flags,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain,
                &(AsyncCall) { .run = run_domain_get_settings,
                               .destroy = (GDestroyNotify)g_variant_unref,
                               .names = g_strdupv((char **)names),
                               .flags = flags },
                cancellable, callback, user_data);
}

GVariant *
migtune_domain_get_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_report(gpointer object, const AsyncCall *call,
                  GCancellable *cancellable, GError **error)
{
    return migtune_domain_report(object, (const char *const *)call->names,
                                 call->flags, cancellable, error);
}

void
migtune_domain_report_async(MigtuneDomain *domain, const char *const *names,
                            unsigned int flags, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain,
                &(AsyncCall) { .run = run_domain_report,
                               .destroy = (GDestroyNotify)json_node_unref,
                               .names = g_strdupv((char **)names),
                               .flags = flags },
                cancellable, callback, user_data);
}

JsonNode *
migtune_domain_report_finish(MigtuneDomain *domain, GAsyncResult *result,
                             GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_set_settings(gpointer object, const AsyncCall *call,
                        GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_domain_set_settings(
        object, call->settings, call->flags, cancellable, error));
}

void
migtune_domain_set_settings_async(MigtuneDomain *domain, GVariant *settings,
                                  unsigned int flags, GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));
    g_return_if_fail(settings != NULL);

    async_start(domain,
                &(AsyncCall) { .run = run_domain_set_settings,
                               .settings = g_variant_ref_sink(settings),
                               .flags = flags },
                cancellable, callback, user_data);
}

gboolean
migtune_domain_set_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_plan_settings(gpointer object, const AsyncCall *call,
                         GCancellable *cancellable, GError **error)
{
    return migtune_domain_plan_settings(object, call->settings, call->flags,
                                        cancellable, error);
}

void
migtune_domain_plan_settings_async(MigtuneDomain *domain, GVariant *settings,
                                   unsigned int flags,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));
    g_return_if_fail(settings != NULL);

    async_start(domain,
                &(AsyncCall) { .run = run_domain_plan_settings,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .settings = g_variant_ref_sink(settings),
                               .flags = flags },
                cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                    GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_plan_reset(gpointer object, const AsyncCall *call,
                      GCancellable *cancellable, GError **error)
{
    return migtune_domain_plan_reset(object, call->flags, cancellable, error);
}

void
migtune_domain_plan_reset_async(MigtuneDomain *domain, unsigned int flags,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain,
                &(AsyncCall) { .run = run_domain_plan_reset,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .flags = flags },
                cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_reset_finish(MigtuneDomain *domain, GAsyncResult *result,
                                 GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_plan_forget(gpointer object, const AsyncCall *call,
                       GCancellable *cancellable, GError **error)
{
    return migtune_domain_plan_forget(object, (const char *const *)call->names,
                                      cancellable, error);
}

void
migtune_domain_plan_forget_async(MigtuneDomain *domain,
                                 const char *const *names,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain,
                &(AsyncCall) { .run = run_domain_plan_forget,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .names = g_strdupv((char **)names) },
                cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_forget_finish(MigtuneDomain *domain, GAsyncResult *result,
                                  GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_plan_kept(gpointer object, const AsyncCall *call,
                     GCancellable *cancellable, GError **error)
{
    return migtune_domain_plan_kept(object, call->flags, cancellable, error);
}

void
migtune_domain_plan_kept_async(MigtuneDomain *domain, unsigned int flags,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain,
                &(AsyncCall) { .run = run_domain_plan_kept,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .flags = flags },
                cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_kept_finish(MigtuneDomain *domain, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_plan_apply(gpointer object, const AsyncCall *call,
               GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_plan_apply(object, cancellable, error));
}

void
migtune_plan_apply_async(MigtunePlan *plan, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_PLAN(plan));

    async_start(plan, &(AsyncCall) { .run = run_plan_apply }, cancellable,
                callback, user_data);
}

gboolean
migtune_plan_apply_finish(MigtunePlan *plan, GAsyncResult *result,
                          GError **error)
{
    MT_REQUIRE(async_is_result(plan, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_plan_lower(gpointer object, const AsyncCall *call,
               GCancellable *cancellable, GError **error)
{
    return migtune_plan_lower(object, call->text, cancellable, error);
}

void
migtune_plan_lower_async(MigtunePlan *plan, const char *libvirt,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_PLAN(plan));

    async_start(plan,
                &(AsyncCall) { .run = run_plan_lower,
                               .destroy = (GDestroyNotify)g_object_unref,
                               .text = g_strdup(libvirt) },
                cancellable, callback, user_data);
}

MigtuneLowering *
migtune_plan_lower_finish(MigtunePlan *plan, GAsyncResult *result,
                          GError **error)
{
    MT_REQUIRE(async_is_result(plan, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_lowering_prepare(gpointer object, const AsyncCall *call,
                     GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(
        migtune_lowering_prepare(object, cancellable, error));
}

void
migtune_lowering_prepare_async(MigtuneLowering *lowering,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_LOWERING(lowering));

    async_start(lowering, &(AsyncCall) { .run = run_lowering_prepare },
                cancellable, callback, user_data);
}

gboolean
migtune_lowering_prepare_finish(MigtuneLowering *lowering, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(async_is_result(lowering, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_migrate(gpointer object, const AsyncCall *call,
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

    async_start(domain,
                &(AsyncCall) { .run = run_domain_migrate,
                               .text = g_strdup(uri),
                               .flags = flags },
                cancellable, callback, user_data);
}

gboolean
migtune_domain_migrate_finish(MigtuneDomain *domain, GAsyncResult *result,
                              GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_migrate_incoming(gpointer object, const AsyncCall *call,
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

    async_start(domain,
                &(AsyncCall) { .run = run_domain_migrate_incoming,
                               .text = g_strdup(uri),
                               .flags = flags },
                cancellable, callback, user_data);
}

gboolean
migtune_domain_migrate_incoming_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_get_job_info(gpointer object, const AsyncCall *call,
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

    async_start(domain,
                &(AsyncCall) { .run = run_domain_get_job_info,
                               .destroy = (GDestroyNotify)json_node_unref },
                cancellable, callback, user_data);
}

JsonNode *
migtune_domain_get_job_info_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_get_job_settings(gpointer object, const AsyncCall *call,
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

    async_start(domain,
                &(AsyncCall) { .run = run_domain_get_job_settings,
                               .destroy = (GDestroyNotify)g_variant_unref },
                cancellable, callback, user_data);
}

GVariant *
migtune_domain_get_job_settings_finish(MigtuneDomain *domain,
                                       GAsyncResult *result, GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_abort_job(gpointer object, const AsyncCall *call,
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

    async_start(domain, &(AsyncCall) { .run = run_domain_abort_job },
                cancellable, callback, user_data);
}

gboolean
migtune_domain_abort_job_finish(MigtuneDomain *domain, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_suspend(gpointer object, const AsyncCall *call,
                   GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_domain_suspend(object, cancellable, error));
}

void
migtune_domain_suspend_async(MigtuneDomain *domain, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain, &(AsyncCall) { .run = run_domain_suspend }, cancellable,
                callback, user_data);
}

gboolean
migtune_domain_suspend_finish(MigtuneDomain *domain, GAsyncResult *result,
                              GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_resume(gpointer object, const AsyncCall *call,
                  GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_domain_resume(object, cancellable, error));
}

void
migtune_domain_resume_async(MigtuneDomain *domain, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    async_start(domain, &(AsyncCall) { .run = run_domain_resume }, cancellable,
                callback, user_data);
}

gboolean
migtune_domain_resume_finish(MigtuneDomain *domain, GAsyncResult *result,
                             GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_start_postcopy(gpointer object, const AsyncCall *call,
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

    async_start(domain, &(AsyncCall) { .run = run_domain_start_postcopy },
                cancellable, callback, user_data);
}

gboolean
migtune_domain_start_postcopy_finish(MigtuneDomain *domain,
                                     GAsyncResult *result, GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_wait_job(gpointer object, const AsyncCall *call,
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

    async_start(domain,
                &(AsyncCall) { .run = run_domain_wait_job,
                               .flags = flags,
                               .number = timeout_ms },
                cancellable, callback, user_data);
}

gboolean
migtune_domain_wait_job_finish(MigtuneDomain *domain, GAsyncResult *result,
                               GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_wait_incoming(gpointer object, const AsyncCall *call,
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

    async_start(
        domain,
        &(AsyncCall) { .run = run_domain_wait_incoming, .number = timeout_ms },
        cancellable, callback, user_data);
}

gboolean
migtune_domain_wait_incoming_finish(MigtuneDomain *domain, GAsyncResult *result,
                                    GError **error)
{
    MT_REQUIRE(async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_migration_check(gpointer object, const AsyncCall *call,
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

    async_start(migration, &(AsyncCall) { .run = run_migration_check },
                cancellable, callback, user_data);
}

gboolean
migtune_migration_check_finish(MigtuneMigration *migration,
                               GAsyncResult *result, GError **error)
{
    MT_REQUIRE(async_is_result(migration, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_migration_run(gpointer object, const AsyncCall *call,
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

    async_start(migration, &(AsyncCall) { .run = run_migration_run },
                cancellable, callback, user_data);
}

gboolean
migtune_migration_run_finish(MigtuneMigration *migration,
                             GAsyncResult *result, GError **error)
{
    MT_REQUIRE(async_is_result(migration, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}
