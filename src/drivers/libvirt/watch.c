/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watching a connection: which guests start and end.
 *
 * libvirt calls watch_take_event() in the thread of its event loop, which must
 * not block.  So that function only records the event, for
 * lv_watch_has_ended(), and queues it.  The thread of the watch calls the
 * caller's event function.  It also opens a lost connection again and finds
 * the events that were missed by comparing which guests run before and after.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "drivers/libvirt/watch.h"
#include "util/i18n.h"

/* The time between two attempts to connect. */
#define WATCH_RETRY_US (500 * G_TIME_SPAN_MILLISECOND)

/* An entry of the thread's queue. */
typedef struct {
    enum {
        NEWS_EVENT,             /* of a guest */
        NEWS_CLOSED,            /* libvirt closed the connection */
        NEWS_LOST,              /* the connection was given up */
        NEWS_REGAINED,
        NEWS_END                /* the thread ends */
    } kind;
    MigtuneEvent event;
    char *name;
    const char *how;
    virConnectPtr conn;         /* NEWS_CLOSED: only compared */
} LvNews;

/* A guest. */
typedef struct {
    char *name;
    int id;                     /* of its last start */
    gboolean runs;
    MigtuneEvent event;         /* how it ended */
    const char *how;
} LvSeen;

struct _LvWatch {
    LvWatchOwner owner;         /* used in the thread only */
    MigtuneDriverEventFunc func;
    gpointer user_data;
    GAsyncQueue *queue;
    GCancellable *stop;         /* cancelled when the watch ends */
    GThread *thread;

    GMutex lock;
    /* Under the lock. */
    GHashTable *seen;           /* UUID to LvSeen */
    GHashTable *fresh;          /* UUIDs with events since lv_watch_attach() */
    gboolean attached;          /* events are received now */
    gboolean was_attached;      /* they were received before */
};

typedef struct {
    int detail;
    MigtuneEvent event;
    const char *how;
} LvEventRow;

static const LvEventRow watch_started[] = {
    { VIR_DOMAIN_EVENT_STARTED_BOOTED, MIGTUNE_EVENT_STARTED, "booted" },
    { VIR_DOMAIN_EVENT_STARTED_MIGRATED, MIGTUNE_EVENT_STARTED, "arrived" },
    { VIR_DOMAIN_EVENT_STARTED_RESTORED, MIGTUNE_EVENT_STARTED, "restored" },
    { VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT, MIGTUNE_EVENT_STARTED,
      "snapshot" },
    { VIR_DOMAIN_EVENT_STARTED_WAKEUP, MIGTUNE_EVENT_STARTED, "woken" },
    { -1, MIGTUNE_EVENT_STARTED, "unknown" },
};

static const LvEventRow watch_stopped[] = {
    { VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, MIGTUNE_EVENT_STOPPED, "shutdown" },
    { VIR_DOMAIN_EVENT_STOPPED_DESTROYED, MIGTUNE_EVENT_STOPPED, "destroyed" },
    { VIR_DOMAIN_EVENT_STOPPED_CRASHED, MIGTUNE_EVENT_STOPPED, "crashed" },
    { VIR_DOMAIN_EVENT_STOPPED_MIGRATED, MIGTUNE_EVENT_MIGRATED, "migrated" },
    { VIR_DOMAIN_EVENT_STOPPED_SAVED, MIGTUNE_EVENT_STOPPED, "saved" },
    { VIR_DOMAIN_EVENT_STOPPED_FAILED, MIGTUNE_EVENT_STOPPED, "failed" },
    { VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT, MIGTUNE_EVENT_STOPPED,
      "snapshot" },
    { -1, MIGTUNE_EVENT_STOPPED, "unknown" },
};

/* Changes that happened while the connection was lost. */
static const LvEventRow watch_unseen_start = {
    -1, MIGTUNE_EVENT_STARTED, "unseen"
};
static const LvEventRow watch_unseen_end = {
    -1, MIGTUNE_EVENT_STOPPED, "unseen"
};

static void
watch_news_free(gpointer data)
{
    LvNews *news = data;

    g_free(news->name);
    g_free(news);
}

static void
watch_seen_free(gpointer data)
{
    LvSeen *seen = data;

    g_free(seen->name);
    g_free(seen);
}

static void
watch_clear(gpointer data)
{
    LvWatch *watch = data;

    g_async_queue_unref(watch->queue);
    g_object_unref(watch->stop);
    g_hash_table_unref(watch->seen);
    g_clear_pointer(&watch->fresh, g_hash_table_unref);
    g_mutex_clear(&watch->lock);
}

LvWatch *
lv_watch_ref(LvWatch *watch)
{
    return g_atomic_rc_box_acquire(watch);
}

void
lv_watch_unref(gpointer watch)
{
    g_atomic_rc_box_release_full(watch, watch_clear);
}

static LvNews *
watch_push(LvWatch *watch, int kind)
{
    LvNews *news = g_new0(LvNews, 1);

    news->kind = kind;
    g_async_queue_push(watch->queue, news);

    return news;
}

static void
watch_push_event(LvWatch *watch, const LvEventRow *row, const char *name)
{
    LvNews *news = g_new0(LvNews, 1);

    news->kind = NEWS_EVENT;
    news->event = row->event;
    news->how = row->how;
    news->name = g_strdup(name);
    g_async_queue_push(watch->queue, news);
}

static const LvEventRow *
watch_find_row(const LvEventRow *rows, int detail)
{
    while (rows->detail != -1 && rows->detail != detail)
        rows++;

    return rows;
}

/* Records a change, and queues it unless this is the first list of guests.
 * @id is ignored if the guest ended.  An end is recorded once, even if both the
 * list of guests and an event show it.  Call with the lock held. */
static void
watch_record(LvWatch *watch, const LvEventRow *row, const char *uuid,
             const char *name, int id)
{
    LvSeen *seen = g_hash_table_lookup(watch->seen, uuid);
    gboolean starts = row->event == MIGTUNE_EVENT_STARTED;
    g_autofree char *former_name = NULL;

    if (seen && !seen->runs && !starts)
        return;
    if (!seen) {
        seen = g_new0(LvSeen, 1);
        seen->id = -1;
        g_hash_table_insert(watch->seen, g_strdup(uuid), seen);
    }
    /* @name may be the former name. */
    former_name = g_steal_pointer(&seen->name);
    seen->name = g_strdup(name);
    seen->runs = starts;
    seen->event = row->event;
    seen->how = row->how;
    if (seen->runs)
        seen->id = id;
    if (watch->fresh)
        g_hash_table_add(watch->fresh, g_strdup(uuid));
    if (watch->was_attached)
        watch_push_event(watch, row, name);
}

/* libvirt calls it in the thread of its event loop. */
static int
watch_take_event(virConnectPtr conn, virDomainPtr domain, int event,
                 int detail, void *data)
{
    LvWatch *watch = data;
    const LvEventRow *row = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (event == VIR_DOMAIN_EVENT_STARTED)
        row = watch_find_row(watch_started, detail);
    else if (event == VIR_DOMAIN_EVENT_STOPPED)
        row = watch_find_row(watch_stopped, detail);
    if (!row || virDomainGetUUIDString(domain, uuid) < 0)
        return 0;

    g_mutex_lock(&watch->lock);
    watch_record(watch, row, uuid, virDomainGetName(domain),
                 virDomainGetID(domain));
    g_mutex_unlock(&watch->lock);

    return 0;
}

/* libvirt calls it in the thread of its event loop. */
static void
watch_take_close(virConnectPtr conn, int reason, void *data)
{
    LvNews *news = g_new0(LvNews, 1);
    LvWatch *watch = data;

    news->kind = NEWS_CLOSED;
    news->conn = conn;
    g_async_queue_push(watch->queue, news);
}

/* Records the starts and ends that no event reported.  Call with the lock
 * held. */
static void
watch_compare(LvWatch *watch, virDomainPtr *domains, int n)
{
    g_autoptr(GHashTable) running =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) fresh = g_steal_pointer(&watch->fresh);
    GHashTableIter iter;
    gpointer key, value;

    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        int id = virDomainGetID(domains[i]);
        const LvSeen *seen;

        /* libvirt lists a guest that ends meanwhile, with the number -1. */
        if (id == -1 || virDomainGetUUIDString(domains[i], uuid) < 0)
            continue;
        g_hash_table_add(running, g_strdup(uuid));
        seen = g_hash_table_lookup(watch->seen, uuid);
        if (g_hash_table_contains(fresh, uuid) ||
            (seen && seen->runs && seen->id == id))
            continue;
        if (seen && seen->runs)
            watch_record(watch, &watch_unseen_end, uuid, seen->name, -1);
        watch_record(watch, &watch_unseen_start, uuid,
                     virDomainGetName(domains[i]), id);
    }

    g_hash_table_iter_init(&iter, watch->seen);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const LvSeen *seen = value;

        if (seen->runs && !g_hash_table_contains(fresh, key) &&
            !g_hash_table_contains(running, key))
            watch_record(watch, &watch_unseen_end, key, seen->name, -1);
    }
}

/* Reads which guests run.  An event that arrives meanwhile is newer than the
 * list, so its guest is not compared. */
static gboolean
watch_list(LvWatch *watch, virConnectPtr conn, GError **error)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(conn, &domains,
                                     VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    if (n < 0) {
        lv_error_take(error, LV_TO_QUERY, _("cannot list the domains"));
        return FALSE;
    }
    g_mutex_lock(&watch->lock);
    if (watch->was_attached)
        watch_push(watch, NEWS_REGAINED);
    watch_compare(watch, domains, n);
    watch->attached = TRUE;
    watch->was_attached = TRUE;
    g_mutex_unlock(&watch->lock);
    for (int i = 0; i < n; i++)
        virDomainFree(domains[i]);
    free(domains);

    return TRUE;
}

gboolean
lv_watch_attach(LvWatch *watch, virConnectPtr conn, int *ret_callback,
                GError **error)
{
    g_mutex_lock(&watch->lock);
    g_clear_pointer(&watch->fresh, g_hash_table_unref);
    watch->fresh =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_mutex_unlock(&watch->lock);

    if (!watch->owner.adopted &&
        virConnectRegisterCloseCallback(conn, watch_take_close,
                                        lv_watch_ref(watch),
                                        lv_watch_unref) < 0) {
        lv_watch_unref(watch);
        lv_error_take(error, LV_TO_QUERY, _("cannot watch the connection"));
        return FALSE;
    }
    lv_watch_ref(watch);
    *ret_callback = virConnectDomainEventRegisterAny(
        conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
        VIR_DOMAIN_EVENT_CALLBACK(watch_take_event), watch, lv_watch_unref);
    if (*ret_callback < 0) {
        lv_watch_unref(watch);
        lv_error_take(error, LV_TO_QUERY, _("cannot watch the domains"));
        if (!watch->owner.adopted)
            virConnectUnregisterCloseCallback(conn, watch_take_close);
        return FALSE;
    }

    return watch_list(watch, conn, error);
}

void
lv_watch_detach(virConnectPtr conn, int callback, gboolean adopted)
{
    if (callback < 0)
        return;
    virConnectDomainEventDeregisterAny(conn, callback);
    if (!adopted)
        virConnectUnregisterCloseCallback(conn, watch_take_close);
}

void
lv_watch_set_lost(LvWatch *watch)
{
    g_mutex_lock(&watch->lock);
    watch->attached = FALSE;
    g_mutex_unlock(&watch->lock);
    watch_push(watch, NEWS_LOST);
}

static void
watch_tell(LvWatch *watch, MigtuneEvent event, const char *name,
           const char *how)
{
    watch->func(event, name, how, watch->user_data);
}

/* Reports that the connection is lost or there again, unless @lost says that
 * this was reported. */
static void
watch_tell_conn(LvWatch *watch, gboolean *lost, gboolean is_lost)
{
    if (*lost != is_lost)
        watch_tell(watch, is_lost ? MIGTUNE_EVENT_LOST
                                  : MIGTUNE_EVENT_REGAINED, NULL, NULL);
    *lost = is_lost;
}

/* FALSE if the thread is to end. */
static gboolean
watch_handle(LvWatch *watch, const LvNews *news, gboolean *lost)
{
    switch (news->kind) {
    case NEWS_EVENT:
        watch_tell(watch, news->event, news->name, news->how);
        break;
    case NEWS_CLOSED:
        watch->owner.closed(watch->owner.data, news->conn);
        break;
    case NEWS_LOST:
        watch_tell_conn(watch, lost, TRUE);
        break;
    case NEWS_REGAINED:
        watch_tell_conn(watch, lost, FALSE);
        break;
    case NEWS_END:
        return FALSE;
    }

    return TRUE;
}

static gpointer
watch_run(gpointer data)
{
    LvWatch *watch = data;
    gboolean go_on = TRUE;
    gboolean lost = FALSE;

    while (go_on) {
        LvNews *news =
            lost ? g_async_queue_timeout_pop(watch->queue, WATCH_RETRY_US)
                 : g_async_queue_pop(watch->queue);

        if (news) {
            go_on = watch_handle(watch, news, &lost);
            watch_news_free(news);
        } else {
            watch->owner.reopen(watch->owner.data, watch->stop);
        }
    }
    lv_watch_unref(watch);

    return NULL;
}

LvWatch *
lv_watch_new(const LvWatchOwner *owner, MigtuneDriverEventFunc func,
             gpointer user_data)
{
    LvWatch *watch = g_atomic_rc_box_new0(LvWatch);

    watch->owner = *owner;
    watch->stop = g_cancellable_new();
    watch->func = func;
    watch->user_data = user_data;
    watch->queue = g_async_queue_new_full(watch_news_free);
    watch->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        watch_seen_free);
    g_mutex_init(&watch->lock);
    watch->thread = g_thread_new("libvirt-watch", watch_run,
                                 lv_watch_ref(watch));

    return watch;
}

void
lv_watch_end(LvWatch *watch)
{
    g_cancellable_cancel(watch->stop);
    watch_push(watch, NEWS_END);
    g_thread_join(watch->thread);
    lv_watch_unref(watch);
}

/* How the start with the number @id ended; NULL if it still runs. */
static char *
watch_how_ended(const LvSeen *seen, guint id, gboolean *ret_migrated)
{
    *ret_migrated = FALSE;
    if (seen && seen->runs && seen->id == (int)id)
        return NULL;
    if (seen && seen->runs)
        return g_strdup(_("it was stopped and started again"));
    if (!seen || seen->id != (int)id)
        return g_strdup(_("it was stopped"));
    *ret_migrated = seen->event == MIGTUNE_EVENT_MIGRATED;
    if (*ret_migrated)
        return g_strdup(_("it was migrated to another host"));

    return g_strdup_printf(_("it was stopped (%s)"), seen->how);
}

gboolean
lv_watch_has_ended(LvWatch *watch, const char *uuid, guint id, char **ret_how,
                   gboolean *ret_migrated)
{
    gboolean attached;

    *ret_how = NULL;
    *ret_migrated = FALSE;
    g_mutex_lock(&watch->lock);
    attached = watch->attached;
    if (attached)
        *ret_how = watch_how_ended(g_hash_table_lookup(watch->seen, uuid), id,
                                   ret_migrated);
    g_mutex_unlock(&watch->lock);

    return attached;
}
