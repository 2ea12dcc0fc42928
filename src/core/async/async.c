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

#include "core/async/async.h"
#include "util/i18n.h"

static void
async_call_free(gpointer data)
{
    MtAsyncCall *call = data;

    g_main_context_unref(call->context);
    for (gsize i = 0; i < G_N_ELEMENTS(call->more); i++)
        g_free(call->more[i]);
    g_free(call->text);
    g_strfreev(call->names);
    g_clear_object(&call->other);
    g_clear_pointer(&call->settings, g_variant_unref);
    g_free(call);
}

static gpointer
async_thread(gpointer data)
{
    g_autoptr(GTask) task = data;
    const MtAsyncCall *call = g_task_get_task_data(task);
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
void
mt_async_start(gpointer object, const MtAsyncCall *call,
               GCancellable *cancellable, GAsyncReadyCallback callback,
               gpointer user_data)
{
    g_autoptr(GTask) task =
        g_task_new(object, cancellable, callback, user_data);
    MtAsyncCall *copy = g_new(MtAsyncCall, 1);
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

/* A call of a progress function, on its way to the caller's main context. */
typedef struct {
    MigtuneImageFunc func;
    gpointer func_data;
    guint64 done_bytes;
    guint64 total_bytes;
} AsyncProgress;

static gboolean
async_deliver_progress(gpointer data)
{
    const AsyncProgress *progress = data;

    progress->func(progress->done_bytes, progress->total_bytes,
                   progress->func_data);
    return G_SOURCE_REMOVE;
}

void
mt_async_progress(guint64 done_bytes, guint64 total_bytes, gpointer data)
{
    const MtAsyncCall *call = data;
    AsyncProgress *progress;
    GSource *source;

    if (!call->func)
        return;

    progress = g_new0(AsyncProgress, 1);
    progress->func = call->func;
    progress->func_data = call->func_data;
    progress->done_bytes = done_bytes;
    progress->total_bytes = total_bytes;
    /* The result has the same priority, and so comes after all progress. */
    source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, async_deliver_progress, progress, g_free);
    g_source_attach(source, call->context);
    g_source_unref(source);
}

gboolean
mt_async_is_result(gpointer object, GAsyncResult *result)
{
    return g_task_is_valid(result, object);
}

static gpointer
run_conn_open(gpointer object, const MtAsyncCall *call,
              GCancellable *cancellable, GError **error)
{
    return migtune_conn_open(call->text, call->flags, call->number, cancellable,
                             error);
}

void
migtune_conn_open_async(const char *uri, unsigned int flags,
                        unsigned int timeout_ms, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .run = run_conn_open,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .text = g_strdup(uri),
                                    .flags = flags,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

MigtuneConn *
migtune_conn_open_finish(GAsyncResult *result, GError **error)
{
    MT_REQUIRE(mt_async_is_result(NULL, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_list(gpointer object, const MtAsyncCall *call,
              GCancellable *cancellable, GError **error)
{
    return migtune_conn_list(object, cancellable, error);
}

void
migtune_conn_list_async(MigtuneConn *conn, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    mt_async_start(conn,
                   &(MtAsyncCall) { .run = run_conn_list,
                                    .destroy = (GDestroyNotify)g_strfreev },
                   cancellable, callback, user_data);
}

char **
migtune_conn_list_finish(MigtuneConn *conn, GAsyncResult *result,
                         GError **error)
{
    MT_REQUIRE(mt_async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_list_inactive(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(conn,
                   &(MtAsyncCall) { .run = run_conn_list_inactive,
                                    .destroy = (GDestroyNotify)g_strfreev },
                   cancellable, callback, user_data);
}

char **
migtune_conn_list_inactive_finish(MigtuneConn *conn, GAsyncResult *result,
                                  GError **error)
{
    MT_REQUIRE(mt_async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_open_domain(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(conn,
                   &(MtAsyncCall) { .run = run_conn_open_domain,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .text = g_strdup(key) },
                   cancellable, callback, user_data);
}

MigtuneDomain *
migtune_conn_open_domain_finish(MigtuneConn *conn, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(mt_async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_conn_lookup(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(conn,
                   &(MtAsyncCall) { .run = run_conn_lookup,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .text = g_strdup(name) },
                   cancellable, callback, user_data);
}

MigtuneDomain *
migtune_conn_lookup_finish(MigtuneConn *conn, GAsyncResult *result,
                           GError **error)
{
    MT_REQUIRE(mt_async_is_result(conn, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_get_info(gpointer object, const MtAsyncCall *call,
                    GCancellable *cancellable, GError **error)
{
    return migtune_domain_get_info(object, cancellable, error);
}

void
migtune_domain_get_info_async(MigtuneDomain *domain, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(
        domain,
        &(MtAsyncCall) { .run = run_domain_get_info,
                         .destroy = (GDestroyNotify)json_node_unref },
        cancellable, callback, user_data);
}

JsonNode *
migtune_domain_get_info_finish(MigtuneDomain *domain, GAsyncResult *result,
                               GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_probe(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_probe,
                                    .destroy = (GDestroyNotify)json_node_unref,
                                    .flags = refresh },
                   cancellable, callback, user_data);
}

JsonNode *
migtune_domain_probe_finish(MigtuneDomain *domain, GAsyncResult *result,
                            GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_get_settings(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_get_settings,
                                    .destroy = (GDestroyNotify)g_variant_unref,
                                    .names = g_strdupv((char **)names),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

GVariant *
migtune_domain_get_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_report(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_report,
                                    .destroy = (GDestroyNotify)json_node_unref,
                                    .names = g_strdupv((char **)names),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

JsonNode *
migtune_domain_report_finish(MigtuneDomain *domain, GAsyncResult *result,
                             GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_set_settings(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_set_settings,
                                    .settings = g_variant_ref_sink(settings),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

gboolean
migtune_domain_set_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                   GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_domain_plan_settings(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_plan_settings,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .settings = g_variant_ref_sink(settings),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_settings_finish(MigtuneDomain *domain, GAsyncResult *result,
                                    GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_plan_reset(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_plan_reset,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_reset_finish(MigtuneDomain *domain, GAsyncResult *result,
                                 GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_plan_forget(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_plan_forget,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .names = g_strdupv((char **)names) },
                   cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_forget_finish(MigtuneDomain *domain, GAsyncResult *result,
                                  GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_domain_plan_kept(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(domain,
                   &(MtAsyncCall) { .run = run_domain_plan_kept,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MigtunePlan *
migtune_domain_plan_kept_finish(MigtuneDomain *domain, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(mt_async_is_result(domain, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_plan_apply(gpointer object, const MtAsyncCall *call,
               GCancellable *cancellable, GError **error)
{
    return GINT_TO_POINTER(migtune_plan_apply(object, cancellable, error));
}

void
migtune_plan_apply_async(MigtunePlan *plan, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_PLAN(plan));

    mt_async_start(plan, &(MtAsyncCall) { .run = run_plan_apply }, cancellable,
                   callback, user_data);
}

gboolean
migtune_plan_apply_finish(MigtunePlan *plan, GAsyncResult *result,
                          GError **error)
{
    MT_REQUIRE(mt_async_is_result(plan, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}

static gpointer
run_plan_lower(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(plan,
                   &(MtAsyncCall) { .run = run_plan_lower,
                                    .destroy = (GDestroyNotify)g_object_unref,
                                    .text = g_strdup(libvirt) },
                   cancellable, callback, user_data);
}

MigtuneLowering *
migtune_plan_lower_finish(MigtunePlan *plan, GAsyncResult *result,
                          GError **error)
{
    MT_REQUIRE(mt_async_is_result(plan, result), NULL);

    return g_task_propagate_pointer(G_TASK(result), error);
}

static gpointer
run_lowering_prepare(gpointer object, const MtAsyncCall *call,
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

    mt_async_start(lowering, &(MtAsyncCall) { .run = run_lowering_prepare },
                   cancellable, callback, user_data);
}

gboolean
migtune_lowering_prepare_finish(MigtuneLowering *lowering, GAsyncResult *result,
                                GError **error)
{
    MT_REQUIRE(mt_async_is_result(lowering, result), FALSE);

    return g_task_propagate_boolean(G_TASK(result), error);
}
