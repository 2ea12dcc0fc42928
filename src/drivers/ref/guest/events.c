/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events of a guest.
 *
 * They are put into a queue where what they tell of happens, so that their
 * order is that of the facts, and told by one thread at a time without a lock:
 * whoever listens may do what it likes.
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
    MtRefEventFunc func;        /* one of these two */
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

/* Watchers may come and go while they are called. */
static void
events_tell_one(MtRefGuest *g, const RefEvent *event)
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
mt_ref_guest_tell(MtRefGuest *g)
{
    RefEvent *event;

    g_mutex_lock(&g->lock);
    while (g->teller && g->teller != g_thread_self())
        g_cond_wait(&g->changed, &g->lock);
    /* A watcher caused more events: who called it goes on. */
    if (g->teller || g_queue_is_empty(&g->events)) {
        g_mutex_unlock(&g->lock);
        return;
    }

    g->teller = g_thread_self();
    while ((event = g_queue_pop_head(&g->events))) {
        g_mutex_unlock(&g->lock);
        events_tell_one(g, event);
        event_free(event);
        g_mutex_lock(&g->lock);
    }
    g->teller = NULL;
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
events_watch(MtRefGuest *g, const RefWatcher *what)
{
    RefWatcher watcher = *what;

    g_mutex_lock(&g->lock);
    watcher.id = ++g->last_watcher;
    g_array_append_val(g->watchers, watcher);
    g_mutex_unlock(&g->lock);

    return watcher.id;
}

guint
mt_ref_guest_watch(MtRefGuest *g, MtRefEventFunc func, gpointer user_data)
{
    return events_watch(g, &(RefWatcher) {
        .func = func,
        .user_data = user_data,
    });
}

guint
mt_ref_guest_watch_end(MtRefGuest *g, MtRefEndFunc func, gpointer user_data)
{
    return events_watch(g, &(RefWatcher) {
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
    while (g->teller && g->teller != g_thread_self())
        g_cond_wait(&g->changed, &g->lock);
    g_mutex_unlock(&g->lock);
}
