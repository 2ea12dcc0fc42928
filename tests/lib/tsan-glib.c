/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shows GLib's locks to the thread sanitizer.
 *
 * GLib makes its mutexes and conditions from futexes inside a library that is
 * not instrumented, so the sanitizer sees no order between threads and reports
 * races that are none.  These functions stand before GLib's in a test program
 * that is built with the sanitizer, call GLib's, and tell what they mean.
 */
#include "config.h"

#include <dlfcn.h>
#include <glib.h>

#include "migtune/migtune-error.h"

void __tsan_acquire(void *addr);
void __tsan_release(void *addr);

/* GLib's own function @name, looked up once into @cache. */
static gpointer
glib_function(gpointer *cache, const char *name)
{
    gpointer found = __atomic_load_n(cache, __ATOMIC_ACQUIRE);

    if (!found) {
        found = dlsym(RTLD_NEXT, name);
        g_assert(found);
        __atomic_store_n(cache, found, __ATOMIC_RELEASE);
    }
    return found;
}

#define GLIB_FUNCTION(name)                                                    \
    static gpointer cache;                                                     \
    __typeof__(&name) real = glib_function(&cache, #name)

void
g_mutex_lock(GMutex *mutex)
{
    GLIB_FUNCTION(g_mutex_lock);

    real(mutex);
    __tsan_acquire(mutex);
}

gboolean
g_mutex_trylock(GMutex *mutex)
{
    GLIB_FUNCTION(g_mutex_trylock);

    if (!real(mutex))
        return FALSE;
    __tsan_acquire(mutex);
    return TRUE;
}

void
g_mutex_unlock(GMutex *mutex)
{
    GLIB_FUNCTION(g_mutex_unlock);

    __tsan_release(mutex);
    real(mutex);
}

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
    GLIB_FUNCTION(g_cond_wait);

    __tsan_release(mutex);
    real(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    GLIB_FUNCTION(g_cond_wait_until);
    gboolean signalled;

    __tsan_release(mutex);
    signalled = real(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return signalled;
}

__attribute__((constructor)) static void
make_first_error(void)
{
    GError *error = NULL;

    migtune_error_set(&error, MIGTUNE_ERROR_INTERNAL, "the first");
    g_clear_error(&error);
}
