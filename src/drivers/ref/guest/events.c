/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events of a guest.
 *
 * An event is queued under the lock that protects what it reports, so that
 * events are in the order of the changes.  One thread at a time delivers them,
 * with no lock held, so that a watcher may call any function of the guest.
 */
#include "config.h"

#include "drivers/ref/guest/guest-private.h"

typedef struct {
    char *name;                 /* NULL: the guest has ended */
    JsonObject *data;
    gint64 timestamp_us;
} RefEvent;

typedef struct {
    guint id;
    MtRefEventFunc func;        /* either @func or @end is set */
    MtRefEndFunc end;
    gpointer user_data;
} RefWatcher;

static void
event_free(gpointer data)
{
    RefEvent *event = data;

    g_free(event->name);
    g_clear_pointer(&event->data, json_object_unref);
    g_free(event);
}

void
mt_ref_guest_queue_event_locked(MtRefGuest *g, const char *name,
                                JsonObject *data)
{
    RefEvent *event;

    if (name && !mt_ref_profile_has_event(g->profile, name)) {
        g_clear_pointer(&data, json_object_unref);
        return;
    }

    event = g_new0(RefEvent, 1);
    event->name = g_strdup(name);
    event->data = data;
    event->timestamp_us = g_get_real_time();
    g_queue_push_tail(&g->events, event);
}

void
mt_ref_guest_queue_event(MtRefGuest *g, const char *name, JsonObject *data)
{
    g_mutex_lock(&g->lock);
    mt_ref_guest_queue_event_locked(g, name, data);
    g_mutex_unlock(&g->lock);
}

/* Watchers may be added and removed while events are delivered. */
static void
events_deliver_one(MtRefGuest *g, const RefEvent *event)
{
    guint id = 0;

    for (;;) {
        RefWatcher next = { 0 };

        g_mutex_lock(&g->lock);
        for (guint i = 0; i < g->watchers->len && !next.id; i++) {
            const RefWatcher *w = &g_array_index(g->watchers, RefWatcher, i);

            if (w->id > id)
                next = *w;
        }
        g_mutex_unlock(&g->lock);
        if (!next.id)
            return;

        id = next.id;
        if (event->name && next.func)
            next.func(event->name, event->data, event->timestamp_us,
                      next.user_data);
        else if (!event->name && next.end)
            next.end(next.user_data);
    }
}

void
mt_ref_guest_deliver_events(MtRefGuest *g)
{
    RefEvent *event;

    g_mutex_lock(&g->lock);
    while (g->delivering && g->delivering != g_thread_self())
        g_cond_wait(&g->changed, &g->lock);
    /* A watcher that was called by this thread caused more events: the outer
     * call delivers them. */
    if (g->delivering || g_queue_is_empty(&g->events)) {
        g_mutex_unlock(&g->lock);
        return;
    }

    g->delivering = g_thread_self();
    while ((event = g_queue_pop_head(&g->events))) {
        g_mutex_unlock(&g->lock);
        events_deliver_one(g, event);
        event_free(event);
        g_mutex_lock(&g->lock);
    }
    g->delivering = NULL;
    g_cond_broadcast(&g->changed);
    g_mutex_unlock(&g->lock);
}

void
mt_ref_guest_init_events(MtRefGuest *g)
{
    g_queue_init(&g->events);
    g->watchers = g_array_new(FALSE, FALSE, sizeof(RefWatcher));
}

void
mt_ref_guest_drop_events(MtRefGuest *g)
{
    g_queue_clear_full(&g->events, event_free);
    g_clear_pointer(&g->watchers, g_array_unref);
}

static guint
events_add_watcher(MtRefGuest *g, const RefWatcher *fields)
{
    RefWatcher watcher = *fields;

    g_mutex_lock(&g->lock);
    watcher.id = ++g->last_watcher;
    g_array_append_val(g->watchers, watcher);
    g_mutex_unlock(&g->lock);

    return watcher.id;
}

guint
mt_ref_guest_watch(MtRefGuest *g, MtRefEventFunc func, gpointer user_data)
{
    return events_add_watcher(g, &(RefWatcher) {
        .func = func,
        .user_data = user_data,
    });
}

guint
mt_ref_guest_watch_end(MtRefGuest *g, MtRefEndFunc func, gpointer user_data)
{
    return events_add_watcher(g, &(RefWatcher) {
        .end = func,
        .user_data = user_data,
    });
}

void
mt_ref_guest_unwatch(MtRefGuest *g, guint id)
{
    g_mutex_lock(&g->lock);
    for (guint i = 0; i < g->watchers->len; i++) {
        if (g_array_index(g->watchers, RefWatcher, i).id == id) {
            g_array_remove_index(g->watchers, i);
            break;
        }
    }
    while (g->delivering && g->delivering != g_thread_self())
        g_cond_wait(&g->changed, &g->lock);
    g_mutex_unlock(&g->lock);
}

/*
 * Passes
 */

guint64
mt_ref_guest_count_passes(MtRefGuest *guest)
{
    guint64 n_passes;

    g_mutex_lock(&guest->lock);
    n_passes = guest->n_passes;
    g_mutex_unlock(&guest->lock);

    return n_passes;
}

static void
events_wake(GCancellable *cancellable, gpointer data)
{
    MtRefGuest *guest = data;

    g_mutex_lock(&guest->lock);
    g_cond_broadcast(&guest->changed);
    g_mutex_unlock(&guest->lock);
}

gboolean
mt_ref_guest_wait_pass(MtRefGuest *guest, guint64 n_passes, guint timeout_ms,
                       GCancellable *cancellable)
{
    gint64 end_us = g_get_monotonic_time() + timeout_ms * (gint64)1000;
    gulong handler =
        cancellable ? g_cancellable_connect(cancellable,
                                            G_CALLBACK(events_wake), guest,
                                            NULL)
                    : 0;
    gboolean seen;

    g_mutex_lock(&guest->lock);
    while (guest->n_passes <= n_passes && !guest->quit &&
           !g_cancellable_is_cancelled(cancellable) &&
           g_cond_wait_until(&guest->changed, &guest->lock, end_us))
        ;
    seen = guest->n_passes > n_passes;
    g_mutex_unlock(&guest->lock);
    g_cancellable_disconnect(cancellable, handler);

    return seen;
}
