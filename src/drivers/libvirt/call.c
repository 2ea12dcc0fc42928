/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of libvirt with a time limit.
 *
 * A libvirt function returns when the daemon answers; it has no time limit and
 * cannot be cancelled.  So each call runs in a thread of a pool.  The caller
 * waits for that thread until the time is up or the call is cancelled, and then
 * abandons the thread, which keeps all the data that it needs.  The destructors of
 * the libraries must not run beside such a thread: see lv_wait_idle().
 *
 * One thread at a time uses the socket of a connection.  In the libvirt library of
 * 9.0 (not in 11.3), a call of another thread is sometimes not sent before the
 * first thread receives something: at the end of its own call, which can be a
 * whole migration.  A further call makes the first thread send both.  So a call
 * that takes long is followed by a short one.
 */
#include "config.h"

#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-libvirt"

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* How often a waiting thread checks its cancellable. */
#define CALL_CHECK_US (20 * G_TIME_SPAN_MILLISECOND)
/* When the first short call follows; each time after that is twice as long. */
#define CALL_FOLLOW_US (100 * G_TIME_SPAN_MILLISECOND)
/* Limits the threads that a daemon which never answers can block. */
#define CALL_MAX_FOLLOWERS 4

/* libvirt has state of its own in the process, such as its TLS library, so the
 * calls of all connections are counted together. */
static GMutex calls_lock;
static GCond calls_cond;
/* Under calls_lock. */
static guint calls_running;

typedef struct {
    gint ref_count;
    virConnectPtr conn;         /* counted; NULL: no short calls follow */
    LvCallFunc func;
    gpointer data;
    GDestroyNotify free;
    GCancellable *abandoned;    /* cancelled when the caller stops waiting */

    GMutex lock;
    GCond cond;
    /* Under the lock. */
    gboolean held;              /* the user is being asked */
    gboolean left;              /* the caller does not wait any more */
    gboolean done;
    gboolean ok;
    GError *error;
} LvCall;

/* The messages of a call; the message of a timeout ends with the time. */
static const struct {
    const char *timeout;
    const char *cancelled;
} call_texts[] = {
    [LV_CALL_CLOSE] = { N_("libvirt did not close the connection"),
                        N_("cancelled while closing the connection") },
    [LV_CALL_CONNECT] = { N_("libvirt did not connect"),
                          N_("cancelled while connecting to libvirt") },
    [LV_CALL_LIST] = { N_("libvirt did not list its domains"),
                       N_("cancelled while libvirt listed its domains") },
    [LV_CALL_LOOKUP] = { N_("libvirt did not look up the domain"),
                         N_("cancelled while libvirt looked up the domain") },
    [LV_CALL_VERSION] = { N_("libvirt did not report its version"),
                          N_("cancelled while libvirt reported its version") },
    [LV_CALL_COMMAND] = { N_("libvirt did not answer"),
                          N_("cancelled while waiting for libvirt") },
    [LV_CALL_METADATA_READ] = {
        N_("libvirt did not read the metadata"),
        N_("cancelled while libvirt read the metadata") },
    [LV_CALL_METADATA_WRITE] = {
        N_("libvirt did not write the metadata"),
        N_("cancelled while libvirt wrote the metadata") },
    [LV_CALL_TAKES] = {
        N_("libvirt did not report the parameters of its migration"),
        N_("cancelled while libvirt reported the parameters of its "
           "migration") },
    [LV_CALL_SAVE] = { N_("libvirt did not save the domain"),
                       N_("cancelled while libvirt saved the domain") },
    [LV_CALL_RESTORE] = {
        N_("libvirt did not restore the domain"),
        N_("cancelled while libvirt restored the domain, which may go on") },
    [LV_CALL_COMPARE] = {
        N_("libvirt did not describe both hosts"),
        N_("cancelled while libvirt described both hosts") },
};

static void
call_unref(LvCall *call)
{
    if (!g_atomic_int_dec_and_test(&call->ref_count))
        return;

    if (call->free)
        call->free(call->data);
    if (call->conn)
        virConnectClose(call->conn);
    g_clear_error(&call->error);
    g_object_unref(call->abandoned);
    g_mutex_clear(&call->lock);
    g_cond_clear(&call->cond);
    g_free(call);
}

/* The call that this thread runs. */
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

    g_mutex_lock(&calls_lock);
    calls_running--;
    g_cond_broadcast(&calls_cond);
    g_mutex_unlock(&calls_lock);
}

/* GLib's pools share their threads, so this rarely creates one. */
static void
call_start(LvCall *call)
{
    GThreadPool *pool = g_thread_pool_new(call_run, NULL, 1, FALSE, NULL);

    g_mutex_lock(&calls_lock);
    calls_running++;
    g_mutex_unlock(&calls_lock);
    g_thread_pool_push(pool, call, NULL);
    g_thread_pool_free(pool, FALSE, FALSE);
}

/* Abandons the call.  If the user is being asked, it waits until that has
 * ended, because the terminal must show typed text again.  Call with the lock
 * held. */
static void
call_abandon(LvCall *call)
{
    call->left = TRUE;
    g_mutex_unlock(&call->lock);
    g_cancellable_cancel(call->abandoned);
    g_mutex_lock(&call->lock);
    while (call->held)
        g_cond_wait(&call->cond, &call->lock);
}

static gboolean
call_follow_run(gpointer conn, GError **error)
{
    unsigned long version;

    virConnectGetLibVersion(conn, &version);
    return TRUE;
}

static void
call_follow_free(gpointer conn)
{
    virConnectClose(conn);
}

/* Makes the short call that follows @call. */
static void
call_follow(const LvCall *call)
{
    virConnectRef(call->conn);
    lv_call_detached(call_follow_run, call->conn, call_follow_free);
}

/* Waits until the call is done.  FALSE with an error if it was abandoned. */
static gboolean
call_wait(LvCall *call, LvCallPurpose what, guint timeout_ms,
          GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    gint64 follow = g_get_monotonic_time() + CALL_FOLLOW_US;
    guint n_followers = call->conn ? 0 : CALL_MAX_FOLLOWERS;

    while (!call->done) {
        gint64 now = g_get_monotonic_time();
        gint64 until = timeout_ms && !call->held ? end : G_MAXINT64;

        if (call->held)
            end = now + timeout_ms * G_TIME_SPAN_MILLISECOND;
        if (g_cancellable_is_cancelled(cancellable)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "%s",
                              _(call_texts[what].cancelled));
            call_abandon(call);
            return FALSE;
        }
        if (now >= until) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              _("%s within %u ms"),
                              _(call_texts[what].timeout), timeout_ms);
            call_abandon(call);
            return FALSE;
        }
        if (cancellable)
            until = MIN(until, now + CALL_CHECK_US);
        if (n_followers < CALL_MAX_FOLLOWERS && now >= follow) {
            call_follow(call);
            n_followers++;
            follow = now + (CALL_FOLLOW_US << n_followers);
        }
        if (n_followers < CALL_MAX_FOLLOWERS)
            until = MIN(until, follow);
        if (until == G_MAXINT64)
            g_cond_wait(&call->cond, &call->lock);
        else
            g_cond_wait_until(&call->cond, &call->lock, until);
    }

    return TRUE;
}

static LvCall *
call_new(virConnectPtr conn, LvCallFunc func, gpointer data,
         GDestroyNotify free, gint n_refs)
{
    LvCall *call = g_new0(LvCall, 1);

    call->ref_count = n_refs;
    call->conn = conn;
    if (conn)
        virConnectRef(conn);
    call->func = func;
    call->data = data;
    call->free = free;
    call->abandoned = g_cancellable_new();
    g_mutex_init(&call->lock);
    g_cond_init(&call->cond);

    return call;
}

gboolean
lv_call(virConnectPtr conn, LvCallFunc func, gpointer data,
        GDestroyNotify free, LvCallPurpose what, guint timeout_ms,
        GCancellable *cancellable, GError **error)
{
    LvCall *call = call_new(conn, func, data, free, 2);
    gint64 start_us = g_get_monotonic_time();
    GError *failure = NULL;
    gboolean ok = FALSE;

    call_start(call);
    g_mutex_lock(&call->lock);
    if (call_wait(call, what, timeout_ms, cancellable, &failure)) {
        ok = call->ok;
        failure = g_steal_pointer(&call->error);
    }
    g_mutex_unlock(&call->lock);
    call_unref(call);
    g_debug("call %d: %s after %.1f ms", what, failure ? failure->message : "ok",
            (g_get_monotonic_time() - start_us) / 1000.0);
    if (failure)
        g_propagate_error(error, failure);

    return ok;
}

void
lv_call_detached(LvCallFunc func, gpointer data, GDestroyNotify free)
{
    call_start(call_new(NULL, func, data, free, 1));
}

gboolean
lv_call_hold(gboolean hold)
{
    LvCall *call = g_private_get(&call_current);
    gboolean ok;

    if (!call)
        return TRUE;
    g_mutex_lock(&call->lock);
    ok = !hold || !call->left;
    call->held = hold && ok;
    g_cond_signal(&call->cond);
    g_mutex_unlock(&call->lock);

    return ok;
}

GCancellable *
lv_call_get_cancellable(void)
{
    LvCall *call = g_private_get(&call_current);

    return call ? call->abandoned : NULL;
}

/* What the threads of lv_call_each() share. */
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
    /* This thread runs the first; a pool does not accept a 0 anyway. */
    for (guint i = 1; i < n; i++)
        g_thread_pool_push(pool, GUINT_TO_POINTER(i), NULL);
    func(0, data);
    g_thread_pool_free(pool, FALSE, TRUE);
}

gboolean
lv_wait_idle(guint timeout_ms)
{
    gint64 end_us = g_get_monotonic_time() +
                    timeout_ms * G_TIME_SPAN_MILLISECOND;
    gboolean idle;

    g_mutex_lock(&calls_lock);
    while (calls_running > 0 &&
           g_cond_wait_until(&calls_cond, &calls_lock, end_us))
        ;
    idle = calls_running == 0;
    g_mutex_unlock(&calls_lock);

    return idle;
}
