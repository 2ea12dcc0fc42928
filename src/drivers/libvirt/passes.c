/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for a pass of a migration, which libvirt reports by an event.
 *
 * Events need an event loop that was registered with libvirt before the
 * connection was opened.  A local connection of a process that leaves libvirt to
 * this library is opened without one, because most commands need no events, and
 * it cannot be replaced while a migration uses it.  Therefore a second, read-only
 * connection is opened for the events.  Other connections have a loop, or never
 * will: then no events are received, and the caller polls.
 *
 * libvirt calls passes_take_event() in the thread of the event loop.  The
 * waiting thread only waits for a counter to change, and no event that comes
 * between two waits is lost.
 */
#include "config.h"

#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-libvirt"

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* The counter of events; counted, because libvirt uses it until the callback is
 * removed. */
typedef struct {
    GMutex lock;
    GCond cond;
    /* Under the lock. */
    guint64 n;
} LvPassCounter;

/* The registration for the events of one guest; counted. */
struct _LvPasses {
    char *uri;                  /* of the connection to open; NULL: none */
    char uuid[VIR_UUID_STRING_BUFLEN];
    virConnectPtr conn;         /* counted; that receives the events */
    int callback;               /* libvirt's id; -1: not registered */
    LvPassCounter *counter;

    /* Used by the thread that has the domain. */
    virConnectPtr main;         /* of the domain; only compared */
    guint64 n_seen;
};

static void
passes_counter_clear(gpointer data)
{
    LvPassCounter *counter = data;

    g_mutex_clear(&counter->lock);
    g_cond_clear(&counter->cond);
}

static void
passes_counter_unref(gpointer counter)
{
    g_atomic_rc_box_release_full(counter, passes_counter_clear);
}

static void
passes_clear(gpointer data)
{
    LvPasses *passes = data;

    if (passes->callback >= 0)
        virConnectDomainEventDeregisterAny(passes->conn, passes->callback);
    if (passes->conn)
        virConnectClose(passes->conn);
    passes_counter_unref(passes->counter);
    g_free(passes->uri);
}

static void
passes_unref(gpointer passes)
{
    g_atomic_rc_box_release_full(passes, passes_clear);
}

/* libvirt calls it in the thread of its event loop. */
static void
passes_take_event(virConnectPtr conn, virDomainPtr domain, int pass,
                  void *data)
{
    LvPassCounter *counter = data;

    g_debug("%s: event: pass %d", virDomainGetName(domain), pass);
    g_mutex_lock(&counter->lock);
    counter->n++;
    g_cond_broadcast(&counter->cond);
    g_mutex_unlock(&counter->lock);
}

/* Without a handler libvirt prints errors. */
static void
passes_ignore_error(void *data, virErrorPtr error)
{
}

/* Runs in a thread of its own. */
static gboolean
passes_register(gpointer data, GError **error)
{
    LvPasses *passes = data;
    virDomainPtr domain;

    if (passes->uri) {
        passes->conn = virConnectOpenReadOnly(passes->uri);
        if (!passes->conn) {
            lv_error_take(error, LV_TO_OPEN, passes->uri);
            return FALSE;
        }
        virConnSetErrorFunc(passes->conn, NULL, passes_ignore_error);
    }
    domain = virDomainLookupByUUIDString(passes->conn, passes->uuid);
    if (domain) {
        passes->callback = virConnectDomainEventRegisterAny(
            passes->conn, domain, VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
            VIR_DOMAIN_EVENT_CALLBACK(passes_take_event),
            g_atomic_rc_box_acquire(passes->counter), passes_counter_unref);
        if (passes->callback < 0)
            passes_counter_unref(passes->counter);
    }
    if (passes->callback < 0)
        lv_error_take(error, LV_TO_QUERY, _("cannot watch the passes"));
    if (domain)
        virDomainFree(domain);

    return passes->callback >= 0;
}

static void
passes_on_timeout(int timer, void *data)
{
}

/* Whether the process has registered an event loop with libvirt. */
static gboolean
passes_have_loop(void)
{
    int timer = virEventAddTimeout(-1, passes_on_timeout, NULL, NULL);

    if (timer >= 0)
        virEventRemoveTimeout(timer);
    return timer >= 0;
}

/* Whether the events need a connection of their own. */
static gboolean
passes_need_conn(LvConn *conn)
{
    gboolean needs;

    g_mutex_lock(&conn->lock);
    needs = conn->manages_libvirt && !conn->adopted && !conn->needs_loop;
    g_mutex_unlock(&conn->lock);

    return needs;
}

/* Registers for the events of @domain, which is usable.  If that fails, the
 * result has no callback, so that it is not tried again. */
static LvPasses *
passes_new(LvDomain *domain, GCancellable *cancellable)
{
    LvConn *conn = domain->conn;
    LvPasses *passes = g_atomic_rc_box_new0(LvPasses);
    g_autoptr(GError) error = NULL;

    passes->callback = -1;
    passes->counter = g_atomic_rc_box_new0(LvPassCounter);
    g_mutex_init(&passes->counter->lock);
    g_cond_init(&passes->counter->cond);
    passes->main = virDomainGetConnect(domain->domain);
    g_strlcpy(passes->uuid, domain->uuid, sizeof(passes->uuid));
    if (passes_need_conn(conn)) {
        lv_loop_start();
        passes->uri = g_strdup(conn->uri);
    } else if (passes_have_loop()) {
        passes->conn = passes->main;
        virConnectRef(passes->conn);
    } else {
        g_debug("%s: no event loop is registered with libvirt: the migration "
                "is polled", domain->name);
        return passes;
    }
    if (!lv_call(passes->conn, passes_register,
                 g_atomic_rc_box_acquire(passes), passes_unref,
                 LV_CALL_CONNECT, conn->command_timeout_ms, cancellable,
                 &error)) {
        LvPasses *failed = g_atomic_rc_box_new0(LvPasses);

        /* An abandoned call still uses the other one. */
        failed->callback = -1;
        failed->counter = g_atomic_rc_box_acquire(passes->counter);
        failed->main = passes->main;
        passes_unref(passes);
        g_debug("%s: no events of passes, the migration is polled: %s",
                domain->name, error->message);
        return failed;
    }

    return passes;
}

static gboolean
passes_end_run(gpointer data, GError **error)
{
    return TRUE;
}

void
lv_passes_end(LvDomain *domain)
{
    LvPasses *passes = g_steal_pointer(&domain->passes);

    /* The last reference, whose release calls libvirt. */
    if (passes)
        lv_call_detached(passes_end_run, passes, passes_unref);
}

/* Whether @passes receives events of the present connection, or cannot. */
static gboolean
passes_are_current(const LvPasses *passes, const LvDomain *domain)
{
    return passes->main == virDomainGetConnect(domain->domain) &&
           (passes->callback < 0 || virConnectIsAlive(passes->conn) == 1);
}

static void
passes_wake(GCancellable *cancellable, gpointer data)
{
    LvPassCounter *counter = data;

    g_mutex_lock(&counter->lock);
    g_cond_broadcast(&counter->cond);
    g_mutex_unlock(&counter->lock);
}

static gboolean
passes_wait(LvPasses *passes, guint timeout_ms, GCancellable *cancellable)
{
    gint64 end_us = g_get_monotonic_time() +
                    timeout_ms * G_TIME_SPAN_MILLISECOND;
    LvPassCounter *counter = passes->counter;
    gulong handler = 0;
    gboolean seen;

    if (cancellable)
        handler = g_cancellable_connect(cancellable, G_CALLBACK(passes_wake),
                                        counter, NULL);
    g_mutex_lock(&counter->lock);
    while (counter->n == passes->n_seen &&
           !g_cancellable_is_cancelled(cancellable) &&
           g_cond_wait_until(&counter->cond, &counter->lock, end_us))
        ;
    seen = counter->n != passes->n_seen;
    passes->n_seen = counter->n;
    g_mutex_unlock(&counter->lock);
    if (cancellable)
        g_cancellable_disconnect(cancellable, handler);

    return seen;
}

gboolean
lv_wait_pass(gpointer data, guint timeout_ms, GCancellable *cancellable)
{
    LvDomain *domain = data;

    if (!domain->domain)
        return FALSE;
    if (domain->passes && !passes_are_current(domain->passes, domain))
        lv_passes_end(domain);
    if (!domain->passes)
        domain->passes = passes_new(domain, cancellable);
    if (domain->passes->callback < 0)
        return FALSE;

    return passes_wait(domain->passes, timeout_ms, cancellable);
}
