/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An event loop for libvirt that is independent of the program's.
 *
 * Keepalive messages, events and qemu:///embed need an event loop that is
 * registered with libvirt and that some thread runs.  libvirt's default
 * implementation runs GLib's default main context, and running that in a
 * thread of a library would call the program's own timers and sources in a
 * foreign thread.  So the implementation here has a main context and a thread
 * of its own, in which nothing but libvirt's callbacks run.
 *
 * A process has one implementation, and registering a second one replaces the
 * first.  Therefore this one is registered only if the program asks for it
 * with MIGTUNE_CONN_MANAGE_LIBVIRT; a program that uses libvirt itself
 * registers and runs its own.
 */
#include "config.h"

#include <signal.h>

#include <glib-unix.h>

#include "drivers/libvirt/libvirt-private.h"

typedef struct {
    GMainContext *context;
    GMutex lock;
    /* Under the lock. */
    int last_id;
    GHashTable *watches;        /* id to LvSource; handles and timers */
} LvLoop;

/* A handle (fd >= 0) or a timer; counted: the table and GSource hold it. */
typedef struct {
    LvLoop *loop;
    int id;
    int fd;
    int events;                 /* of a handle, libvirt's */
    int interval_ms;            /* of a timer; -1: disabled */
    virEventHandleCallback handle;
    virEventTimeoutCallback timeout;
    void *opaque;
    virFreeCallback free;
    GSource *source;            /* under the lock; NULL: disabled */
} LvSource;

static LvLoop *loop_get(void);

static GIOCondition
loop_condition(int events)
{
    return (events & VIR_EVENT_HANDLE_READABLE ? G_IO_IN : 0) |
           (events & VIR_EVENT_HANDLE_WRITABLE ? G_IO_OUT : 0) |
           (events & VIR_EVENT_HANDLE_ERROR ? G_IO_ERR : 0) |
           (events & VIR_EVENT_HANDLE_HANGUP ? G_IO_HUP : 0);
}

static int
loop_events(GIOCondition condition)
{
    return (condition & G_IO_IN ? VIR_EVENT_HANDLE_READABLE : 0) |
           (condition & G_IO_OUT ? VIR_EVENT_HANDLE_WRITABLE : 0) |
           (condition & (G_IO_ERR | G_IO_NVAL) ? VIR_EVENT_HANDLE_ERROR : 0) |
           (condition & G_IO_HUP ? VIR_EVENT_HANDLE_HANGUP : 0);
}

static gboolean
loop_on_handle(int fd, GIOCondition condition, gpointer data)
{
    LvSource *source = data;

    source->handle(source->id, fd, loop_events(condition), source->opaque);

    return G_SOURCE_CONTINUE;
}

static gboolean
loop_on_timeout(gpointer data)
{
    LvSource *source = data;

    source->timeout(source->id, source->opaque);

    return G_SOURCE_CONTINUE;
}

static void
loop_source_unref(gpointer source)
{
    g_atomic_rc_box_release(source);
}

/* Replaces the GSource of @source by one with its present events or interval;
 * under the lock. */
static void
loop_restart(LvSource *source)
{
    if (source->source) {
        g_source_destroy(source->source);
        g_clear_pointer(&source->source, g_source_unref);
    }
    if (source->fd >= 0 && source->events) {
        source->source = g_unix_fd_source_new(source->fd,
                                              loop_condition(source->events));
        g_source_set_callback(source->source, G_SOURCE_FUNC(loop_on_handle),
                              g_atomic_rc_box_acquire(source),
                              loop_source_unref);
    } else if (source->fd < 0 && source->interval_ms >= 0) {
        source->source = g_timeout_source_new(source->interval_ms);
        g_source_set_callback(source->source, loop_on_timeout,
                              g_atomic_rc_box_acquire(source),
                              loop_source_unref);
    }
    if (source->source)
        g_source_attach(source->source, source->loop->context);
}

static int
loop_add(LvSource *source)
{
    LvLoop *loop = source->loop;

    g_mutex_lock(&loop->lock);
    source->id = ++loop->last_id;
    g_hash_table_insert(loop->watches, GINT_TO_POINTER(source->id), source);
    loop_restart(source);
    g_mutex_unlock(&loop->lock);

    return source->id;
}

static int
loop_add_handle(int fd, int events, virEventHandleCallback callback,
                void *opaque, virFreeCallback free)
{
    LvSource *source = g_atomic_rc_box_new0(LvSource);

    source->loop = loop_get();
    source->fd = fd;
    source->events = events;
    source->handle = callback;
    source->opaque = opaque;
    source->free = free;

    return loop_add(source);
}

static int
loop_add_timeout(int interval_ms, virEventTimeoutCallback callback,
                 void *opaque, virFreeCallback free)
{
    LvSource *source = g_atomic_rc_box_new0(LvSource);

    source->loop = loop_get();
    source->fd = -1;
    source->interval_ms = interval_ms;
    source->timeout = callback;
    source->opaque = opaque;
    source->free = free;

    return loop_add(source);
}

static void
loop_update(int id, int events, int interval_ms)
{
    LvLoop *loop = loop_get();
    LvSource *source;

    g_mutex_lock(&loop->lock);
    source = g_hash_table_lookup(loop->watches, GINT_TO_POINTER(id));
    if (source) {
        source->events = events;
        source->interval_ms = interval_ms;
        loop_restart(source);
    }
    g_mutex_unlock(&loop->lock);
}

static void
loop_update_handle(int id, int events)
{
    loop_update(id, events, -1);
}

static void
loop_update_timeout(int id, int interval_ms)
{
    loop_update(id, 0, interval_ms);
}

/* In the loop's thread, and so never during a callback of the source. */
static gboolean
loop_free_source(gpointer data)
{
    LvSource *source = data;

    if (source->free)
        source->free(source->opaque);

    return G_SOURCE_REMOVE;
}

static int
loop_remove(int id)
{
    LvLoop *loop = loop_get();
    gpointer value = NULL;
    LvSource *source;
    GSource *idle;

    g_mutex_lock(&loop->lock);
    g_hash_table_steal_extended(loop->watches, GINT_TO_POINTER(id), NULL,
                                &value);
    source = value;
    if (source && source->source) {
        g_source_destroy(source->source);
        g_clear_pointer(&source->source, g_source_unref);
    }
    g_mutex_unlock(&loop->lock);
    if (!source)
        return -1;

    /* libvirt may hold locks that its free function takes. */
    idle = g_idle_source_new();
    g_source_set_priority(idle, G_PRIORITY_DEFAULT);
    g_source_set_callback(idle, loop_free_source, source, loop_source_unref);
    g_source_attach(idle, loop->context);
    g_source_unref(idle);

    return 0;
}

static gpointer
loop_run(gpointer data)
{
    LvLoop *loop = data;
    sigset_t set;

    /* libvirt writes to its sockets here, also after the daemon has ended. */
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (;;)
        g_main_context_iteration(loop->context, TRUE);

    return NULL;
}

static gpointer
loop_new(gpointer data)
{
    LvLoop *loop = g_new0(LvLoop, 1);

    loop->context = g_main_context_new();
    loop->watches = g_hash_table_new(NULL, NULL);
    g_mutex_init(&loop->lock);

    return loop;
}

static LvLoop *
loop_get(void)
{
    static GOnce once = G_ONCE_INIT;

    return g_once(&once, loop_new, NULL);
}

static gpointer
loop_register(gpointer data)
{
    LvLoop *loop = loop_get();

    virEventRegisterImpl(loop_add_handle, loop_update_handle, loop_remove,
                         loop_add_timeout, loop_update_timeout, loop_remove);
    g_thread_unref(g_thread_new("libvirt-loop", loop_run, loop));

    return GINT_TO_POINTER(TRUE);
}

void
lv_loop_start(void)
{
    static GOnce once = G_ONCE_INIT;

    g_once(&once, loop_register, NULL);
}
