/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls with an end.
 *
 * libvirt's functions return when the other side answers, and there is no way
 * to give them a time limit or to stop them.  So each runs in a thread of a
 * pool, and who called waits for it as long as he wants to; when he stops
 * waiting the thread is left to itself, with all that it needs.
 */
#include "config.h"

#include "drivers/libvirt/libvirt-private.h"

/* How often somebody who waits looks whether he is to stop. */
#define CALL_LOOK_US (20 * 1000)

typedef struct {
    gint ref_count;
    LvCallFunc func;
    gpointer data;
    GDestroyNotify free;

    GMutex lock;
    GCond cond;
    gboolean held;              /* under the lock, as all below */
    gboolean left;              /* nobody waits any more */
    gboolean done;
    gboolean ok;
    GError *error;
} LvCall;

static void
call_unref(LvCall *call)
{
    if (!g_atomic_int_dec_and_test(&call->ref_count))
        return;

    if (call->free)
        call->free(call->data);
    g_clear_error(&call->error);
    g_mutex_clear(&call->lock);
    g_cond_clear(&call->cond);
    g_free(call);
}

/* The one that this thread is about. */
static GPrivate call_current = G_PRIVATE_INIT(NULL);

static void
call_run(gpointer data, gpointer user_data)
{
    LvCall *call = data;
    GError *error = NULL;
    gboolean ok;

    g_private_set(&call_current, call);
    ok = call->func(call->data, &error);
    g_private_set(&call_current, NULL);
    g_mutex_lock(&call->lock);
    call->ok = ok;
    call->error = error;
    call->done = TRUE;
    g_cond_signal(&call->cond);
    g_mutex_unlock(&call->lock);
    call_unref(call);
}

/* The threads are GLib's, which keeps a few of them at hand. */
static void
call_start(LvCall *call)
{
    GThreadPool *pool = g_thread_pool_new(call_run, NULL, 1, FALSE, NULL);

    g_thread_pool_push(pool, call, NULL);
    g_thread_pool_free(pool, FALSE, FALSE);
}

/* Who is being asked something may have to be let off: a terminal shows again
 * what is typed. */
static void
call_leave(LvCall *call)
{
    call->left = TRUE;
    while (call->held)
        g_cond_wait(&call->cond, &call->lock);
}

/* Waits until it is done; FALSE with an error when it is to be left. */
static gboolean
call_wait(LvCall *call, const char *what, guint timeout_ms,
          GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;

    while (!call->done) {
        gint64 now = g_get_monotonic_time();
        gint64 until = timeout_ms && !call->held ? end : G_MAXINT64;

        if (call->held)
            end = now + timeout_ms * G_TIME_SPAN_MILLISECOND;
        if (g_cancellable_is_cancelled(cancellable)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              "it was stopped while libvirt was asked to %s",
                              what);
            call_leave(call);
            return FALSE;
        }
        if (now >= until) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              "libvirt did not %s within %u ms", what,
                              timeout_ms);
            call_leave(call);
            return FALSE;
        }
        if (cancellable)
            until = MIN(until, now + CALL_LOOK_US);
        if (until == G_MAXINT64)
            g_cond_wait(&call->cond, &call->lock);
        else
            g_cond_wait_until(&call->cond, &call->lock, until);
    }

    return TRUE;
}

static LvCall *
call_new(LvCallFunc func, gpointer data, GDestroyNotify free, gint n_refs)
{
    LvCall *call = g_new0(LvCall, 1);

    call->ref_count = n_refs;
    call->func = func;
    call->data = data;
    call->free = free;
    g_mutex_init(&call->lock);
    g_cond_init(&call->cond);

    return call;
}

gboolean
lv_call(LvCallFunc func, gpointer data, GDestroyNotify free, const char *what,
        guint timeout_ms, GCancellable *cancellable, GError **error)
{
    LvCall *call = call_new(func, data, free, 2);
    gboolean ok = FALSE;

    call_start(call);
    g_mutex_lock(&call->lock);
    if (call_wait(call, what, timeout_ms, cancellable, error)) {
        ok = call->ok;
        if (!ok)
            g_propagate_error(error, g_steal_pointer(&call->error));
    }
    g_mutex_unlock(&call->lock);
    call_unref(call);

    return ok;
}

void
lv_call_and_leave(LvCallFunc func, gpointer data, GDestroyNotify free)
{
    call_start(call_new(func, data, free, 1));
}

void
lv_call_hold(gboolean hold)
{
    LvCall *call = g_private_get(&call_current);

    if (!call)
        return;
    g_mutex_lock(&call->lock);
    call->held = hold;
    g_cond_signal(&call->cond);
    g_mutex_unlock(&call->lock);
}

gboolean
lv_call_is_left(void)
{
    LvCall *call = g_private_get(&call_current);
    gboolean left;

    if (!call)
        return FALSE;
    g_mutex_lock(&call->lock);
    left = call->left;
    g_mutex_unlock(&call->lock);

    return left;
}

/* Several at a time. */
typedef struct {
    void (*func)(guint nth, gpointer data);
    gpointer data;
} LvEach;

static void
call_each_run(gpointer nth, gpointer user_data)
{
    const LvEach *each = user_data;

    each->func(GPOINTER_TO_UINT(nth), each->data);
}

void
lv_call_each(guint n, void (*func)(guint nth, gpointer data), gpointer data)
{
    LvEach each = { func, data };
    GThreadPool *pool;

    if (n == 0)
        return;

    pool = g_thread_pool_new(call_each_run, &each, MAX(n - 1, 1), FALSE, NULL);
    /* The first is done here; a pool takes no 0 anyway. */
    for (guint i = 1; i < n; i++)
        g_thread_pool_push(pool, GUINT_TO_POINTER(i), NULL);
    func(0, data);
    g_thread_pool_free(pool, FALSE, TRUE);
}
