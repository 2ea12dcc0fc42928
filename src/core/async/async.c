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
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/post.h"

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
    gpointer result = call->kind->run(g_task_get_source_object(task), call,
                                      g_task_get_cancellable(task), &error);

    if (result)
        g_task_return_pointer(task, result, call->kind->destroy);
    else
        g_task_return_error(task, error);

    return NULL;
}

void
mt_async_start(gpointer object, const MtAsyncCall *call,
               GCancellable *cancellable, GAsyncReadyCallback callback,
               gpointer user_data)
{
    g_autoptr(GTask) task =
        g_task_new(object, cancellable, callback, user_data);
    MtAsyncCall *copy = g_new(MtAsyncCall, 1);
    g_autoptr(GError) cause = NULL;
    g_autofree char *why = NULL;
    GThread *thread;

    *copy = *call;
    copy->context = g_main_context_ref_thread_default();
    g_task_set_task_data(task, copy, async_call_free);
    g_task_set_source_tag(task, (gpointer)call->kind);
    /* The call itself says what a cancellation has led to. */
    g_task_set_check_cancellable(task, FALSE);
    thread = g_thread_try_new("migtune-call", async_thread, g_object_ref(task),
                              &cause);
    if (thread) {
        g_thread_unref(thread);
        return;
    }

    why = mt_foreign_text(cause);
    g_object_unref(task);
    g_task_return_new_error(task, MIGTUNE_ERROR, MIGTUNE_ERROR_INTERNAL,
                            _("cannot start a thread: %s"), why);
}

gpointer
mt_async_finish(gpointer object, const MtAsyncKind *kind, GAsyncResult *result,
                GError **error)
{
    if (!g_task_is_valid(result, object) ||
        g_task_get_source_tag(G_TASK(result)) != kind) {
        mt_require_failed(error, kind->finish,
                             "result belongs to this call");
        return NULL;
    }

    return g_task_propagate_pointer(G_TASK(result), error);
}

/* A call of a progress function, on its way to the caller's main context. */
typedef struct {
    MigtuneImageFunc func;
    gpointer func_data;
    guint64 done_bytes;
    guint64 total_bytes;
} AsyncProgress;

static void
async_deliver_progress(gpointer data)
{
    const AsyncProgress *progress = data;

    progress->func(progress->done_bytes, progress->total_bytes,
                   progress->func_data);
}

void
mt_async_progress(guint64 done_bytes, guint64 total_bytes, gpointer data)
{
    const MtAsyncCall *call = data;
    AsyncProgress *progress;

    if (!call->func)
        return;

    progress = g_new0(AsyncProgress, 1);
    progress->func = call->func;
    progress->func_data = call->func_data;
    progress->done_bytes = done_bytes;
    progress->total_bytes = total_bytes;
    /* The result has the same priority, and so comes after all progress. */
    mt_post(call->context, async_deliver_progress, progress, g_free);
}
