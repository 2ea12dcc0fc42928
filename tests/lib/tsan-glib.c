/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells the thread sanitizer about the order that GLib's locks, queues and
 * results of tasks create.
 *
 * GLib implements its mutexes and conditions with futexes and is not built with
 * the sanitizer, which would report races on data that these locks protect. A
 * test program linked with this file calls the functions below instead of
 * GLib's; they call GLib's and announce the order to the sanitizer. Only builds
 * with b_sanitize=thread link this file.
 */
#include <dlfcn.h>
#include <gio/gio.h>

#include "migtune/migtune-error.h"

void __tsan_acquire(void *address);
void __tsan_release(void *address);

/*
 * GLib's own functions, looked up at the first call: GObject uses locks before
 * the constructors of a program run, when there is only one thread.
 */
static struct real {
    void (*mutex_lock)(GMutex *mutex);
    gboolean (*mutex_trylock)(GMutex *mutex);
    void (*mutex_unlock)(GMutex *mutex);
    void (*cond_wait)(GCond *cond, GMutex *mutex);
    gboolean (*cond_wait_until)(GCond *cond, GMutex *mutex, gint64 end_time);
    void (*queue_push)(GAsyncQueue *queue, gpointer data);
    gpointer (*queue_pop)(GAsyncQueue *queue);
    gpointer (*queue_try_pop)(GAsyncQueue *queue);
    gpointer (*queue_timeout_pop)(GAsyncQueue *queue, guint64 timeout_us);
    GThreadPool *(*pool_new)(GFunc func, gpointer user_data, gint max_threads,
                             gboolean exclusive, GError **error);
    gboolean (*pool_push)(GThreadPool *pool, gpointer data, GError **error);
    void (*task_return_pointer)(GTask *task, gpointer result,
                                GDestroyNotify destroy);
    void (*task_return_boolean)(GTask *task, gboolean result);
    void (*task_return_error)(GTask *task, GError *error);
    gpointer (*task_propagate_pointer)(GTask *task, GError **error);
    gboolean (*task_propagate_boolean)(GTask *task, GError **error);
    void (*pool_free)(GThreadPool *pool, gboolean immediate, gboolean wait);
} real;

static const struct {
    const char *name;
    void *where;
} real_names[] = {
    { "g_mutex_lock", &real.mutex_lock },
    { "g_mutex_trylock", &real.mutex_trylock },
    { "g_mutex_unlock", &real.mutex_unlock },
    { "g_cond_wait", &real.cond_wait },
    { "g_cond_wait_until", &real.cond_wait_until },
    { "g_async_queue_push", &real.queue_push },
    { "g_async_queue_pop", &real.queue_pop },
    { "g_async_queue_try_pop", &real.queue_try_pop },
    { "g_async_queue_timeout_pop", &real.queue_timeout_pop },
    { "g_thread_pool_new", &real.pool_new },
    { "g_thread_pool_push", &real.pool_push },
    { "g_task_return_pointer", &real.task_return_pointer },
    { "g_task_return_boolean", &real.task_return_boolean },
    { "g_task_return_error", &real.task_return_error },
    { "g_task_propagate_pointer", &real.task_propagate_pointer },
    { "g_task_propagate_boolean", &real.task_propagate_boolean },
    { "g_thread_pool_free", &real.pool_free },
};

static const struct real *
tsan_glib(void)
{
    if (G_UNLIKELY(!real.pool_free)) {
        for (gsize i = 0; i < G_N_ELEMENTS(real_names); i++)
            *(void **)real_names[i].where =
                dlsym(RTLD_NEXT, real_names[i].name);
    }

    return &real;
}

/* Without a call before main(), the first calls may come from two threads. */
static void __attribute__((constructor))
tsan_glib_init(void)
{
    tsan_glib();
}

void
g_mutex_lock(GMutex *mutex)
{
    tsan_glib()->mutex_lock(mutex);
    __tsan_acquire(mutex);
}

gboolean
g_mutex_trylock(GMutex *mutex)
{
    if (!tsan_glib()->mutex_trylock(mutex))
        return FALSE;

    __tsan_acquire(mutex);
    return TRUE;
}

void
g_mutex_unlock(GMutex *mutex)
{
    __tsan_release(mutex);
    tsan_glib()->mutex_unlock(mutex);
}

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
    __tsan_release(mutex);
    tsan_glib()->cond_wait(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    gboolean signalled;

    __tsan_release(mutex);
    signalled = tsan_glib()->cond_wait_until(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return signalled;
}

void
g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
    __tsan_release(queue);
    tsan_glib()->queue_push(queue, data);
}

gpointer
g_async_queue_pop(GAsyncQueue *queue)
{
    gpointer data = tsan_glib()->queue_pop(queue);

    __tsan_acquire(queue);
    return data;
}

gpointer
g_async_queue_try_pop(GAsyncQueue *queue)
{
    gpointer data = tsan_glib()->queue_try_pop(queue);

    __tsan_acquire(queue);
    return data;
}

gpointer
g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 timeout_us)
{
    gpointer data = tsan_glib()->queue_timeout_pop(queue, timeout_us);

    __tsan_acquire(queue);
    return data;
}

/* The function of a pool starts after the push of its data, and has ended
 * when the pool is freed with @wait. */
typedef struct {
    GFunc func;
    gpointer user_data;
} TsanPool;

static void
tsan_pool_run(gpointer data, gpointer user_data)
{
    TsanPool *ours = user_data;

    __tsan_acquire(ours);
    ours->func(data, ours->user_data);
    __tsan_release(ours);
}

GThreadPool *
g_thread_pool_new(GFunc func, gpointer user_data, gint max_threads,
                  gboolean exclusive, GError **error)
{
    TsanPool *ours = g_new(TsanPool, 1);

    ours->func = func;
    ours->user_data = user_data;
    return tsan_glib()->pool_new(tsan_pool_run, ours, max_threads, exclusive,
                                 error);
}

gboolean
g_thread_pool_push(GThreadPool *pool, gpointer data, GError **error)
{
    __tsan_release(pool->user_data);
    return tsan_glib()->pool_push(pool, data, error);
}

void
g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
    TsanPool *ours = pool->user_data;

    tsan_glib()->pool_free(pool, immediate, wait);
    if (!wait)
        return;             /* some functions may still run */
    __tsan_acquire(ours);
    g_free(ours);
}

/* GLib creates the first error of a domain without a lock that is seen here. */
__attribute__((constructor)) static void
tsan_make_first_error(void)
{
    GError *error = NULL;

    migtune_error_set(&error, MIGTUNE_ERROR_INTERNAL, "the first");
    g_clear_error(&error);
}

/* A thread returns the result of a task, and the main context of the caller
 * takes it. */
void
g_task_return_pointer(GTask *task, gpointer result, GDestroyNotify destroy)
{
    __tsan_release(task);
    tsan_glib()->task_return_pointer(task, result, destroy);
}

void
g_task_return_boolean(GTask *task, gboolean result)
{
    __tsan_release(task);
    tsan_glib()->task_return_boolean(task, result);
}

void
g_task_return_error(GTask *task, GError *error)
{
    __tsan_release(task);
    tsan_glib()->task_return_error(task, error);
}

gpointer
g_task_propagate_pointer(GTask *task, GError **error)
{
    gpointer result = tsan_glib()->task_propagate_pointer(task, error);

    __tsan_acquire(task);
    return result;
}

gboolean
g_task_propagate_boolean(GTask *task, GError **error)
{
    gboolean result = tsan_glib()->task_propagate_boolean(task, error);

    __tsan_acquire(task);
    return result;
}
