/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections to a libvirt daemon.
 *
 * A daemon is restarted with every update while its guests run on, so the next
 * call that needs a lost connection opens it again.
 *
 * A connection is lost (conn is NULL), being opened (connecting) or open.  One
 * thread opens it, without holding the lock; others that need it wait for that
 * attempt, each with its own cancellable and time limit, and share its result.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* A peer that answers none of COUNT messages, S seconds apart, is lost.  virsh
 * uses the same values; shorter command timeouts shorten the interval. */
#define CONN_KEEPALIVE_S 5
#define CONN_KEEPALIVE_COUNT 6

/* The time limit for closing a connection. */
#define CONN_CLOSE_MS 2000

/* The smallest time limit for connecting to another host. */
#define CONN_REMOTE_TIMEOUT_MS 30000

/* How often a thread that waits for another's attempt checks its cancellable. */
#define CONN_CHECK_US (20 * G_TIME_SPAN_MILLISECOND)

/* The transports whose helper program may ask the user for a password. */
static const char *const conn_asking[] = { "ssh", "libssh", "libssh2", "ext" };

/* "ssh" of "qemu+ssh:"; "" if there is none. */
static char *
conn_transport(const char *uri)
{
    g_autofree char *scheme = g_uri_parse_scheme(uri);
    const char *plus = scheme ? strchr(scheme, '+') : NULL;

    return g_strdup(plus ? plus + 1 : "");
}

static gboolean
conn_has_host(const char *uri)
{
    const char *at = strstr(uri, "://");

    return at && at[3] && at[3] != '/' && at[3] != '?';
}

/* Derives the time limits, and whether an event loop is needed, from the URI. */
static void
conn_set_limits(LvConn *conn, const MigtuneDriverOptions *options)
{
    g_autofree char *transport = conn_transport(conn->uri);
    gboolean is_local = strcmp(transport, "unix") == 0 ||
                        (!*transport && !conn_has_host(conn->uri));
    const char *path = strstr(conn->uri, ":///");

    conn->command_timeout_ms = options->command_timeout_ms;
    conn->connect_timeout_ms = options->connect_timeout_ms;
    if (!is_local)
        conn->connect_timeout_ms = MAX(conn->connect_timeout_ms,
                                       CONN_REMOTE_TIMEOUT_MS);
    /* A person who types a password into ssh's own prompt takes any time, but
     * only at the first connection and if the program can ask people. */
    conn->first_timeout_ms = conn->connect_timeout_ms;
    for (gsize i = 0; conn->auth && i < G_N_ELEMENTS(conn_asking); i++) {
        if (strcmp(transport, conn_asking[i]) == 0)
            conn->first_timeout_ms = 0;
    }
    conn->is_local = is_local;
    conn->needs_loop = !is_local ||
                       (path && g_str_has_prefix(path, ":///embed"));
}

/* The error handler of a connection; without one libvirt prints. */
static void
conn_ignore_error(void *data, virErrorPtr error)
{
}

/* Silences the handler of the process, for connections that cannot be opened
 * and so have no handler of their own. */
static gpointer
conn_silence_process(gpointer data)
{
    virSetErrorFunc(NULL, conn_ignore_error);

    return GINT_TO_POINTER(TRUE);
}

/* An attempt to connect; counted. */
typedef struct {
    char *uri;
    unsigned int flags;
    int keepalive_s;            /* 0: none */
    LvAuth auth;
    LvWatch *watch;             /* NULL: no events are wanted */
    gboolean adopted;
    virConnectPtr conn;         /* the result */
    int callback;
} LvOpen;

static void
conn_open_clear(gpointer data)
{
    LvOpen *open = data;

    if (open->conn) {
        lv_watch_detach(open->conn, open->callback, open->adopted);
        virConnectClose(open->conn);
    }
    if (open->watch)
        lv_watch_unref(open->watch);
    g_free(open->uri);
}

static void
conn_open_unref(gpointer open)
{
    g_atomic_rc_box_release_full(open, conn_open_clear);
}

static gboolean
conn_open_run(gpointer data, GError **error)
{
    LvOpen *open = data;

    open->conn = virConnectOpenAuth(open->uri, &open->auth.auth, open->flags);
    if (!open->conn) {
        lv_error_take(error, LV_TO_OPEN, open->uri);
        return FALSE;
    }
    virConnSetErrorFunc(open->conn, NULL, conn_ignore_error);
    /* Without keepalive only the time limits end a call. */
    if (open->keepalive_s > 0)
        virConnectSetKeepAlive(open->conn, open->keepalive_s,
                               CONN_KEEPALIVE_COUNT);

    return !open->watch || lv_watch_attach(open->watch, open->conn,
                                           &open->callback, error);
}

/* Call with the lock held. */
static LvOpen *
conn_open_new(LvConn *conn)
{
    LvOpen *open = g_atomic_rc_box_new0(LvOpen);

    if (conn->needs_loop)
        open->keepalive_s = CLAMP(conn->command_timeout_ms / 1000, 1,
                                  CONN_KEEPALIVE_S);
    open->uri = g_strdup(conn->uri);
    open->flags = conn->read_only ? VIR_CONNECT_RO : 0;
    open->callback = -1;
    lv_auth_init(&open->auth, conn->auth, conn->auth_data);
    if (conn->watch)
        open->watch = lv_watch_ref(conn->watch);

    return open;
}

/* A connection that is no longer used; counted. */
typedef struct {
    virConnectPtr conn;
    int callback;
    gboolean adopted;
} LvParting;

static void
conn_parting_unref(gpointer parting)
{
    g_atomic_rc_box_release(parting);
}

static gboolean
conn_parting_run(gpointer data, GError **error)
{
    LvParting *parting = data;

    lv_watch_detach(parting->conn, parting->callback, parting->adopted);
    virConnectClose(parting->conn);

    return TRUE;
}

/* Closes @old, whose daemon may not answer. */
static void
conn_part(const LvConn *conn, virConnectPtr old, int callback, gboolean wait)
{
    LvParting *parting = g_atomic_rc_box_new0(LvParting);

    parting->conn = old;
    parting->callback = callback;
    parting->adopted = conn->adopted;
    if (wait)
        lv_call(NULL, conn_parting_run, parting, conn_parting_unref,
                LV_CALL_CLOSE, CONN_CLOSE_MS, NULL, NULL);
    else
        lv_call_detached(conn_parting_run, parting, conn_parting_unref);
}

/* Makes one attempt to connect.  Call with the lock held, which is released
 * meanwhile. */
static void
conn_connect(LvConn *conn, guint timeout_ms, GCancellable *cancellable,
             GError **error)
{
    LvOpen *open = conn_open_new(conn);
    GError *failure = NULL;
    virConnectPtr outdated = NULL;

    if (conn->needs_loop && conn->manages_libvirt)
        lv_loop_start();
    conn->connecting = TRUE;
    g_mutex_unlock(&conn->lock);
    lv_call(NULL, conn_open_run, g_atomic_rc_box_acquire(open),
            conn_open_unref, LV_CALL_CONNECT, timeout_ms, cancellable,
            &failure);
    g_mutex_lock(&conn->lock);
    conn->connecting = FALSE;
    conn->n_attempts++;
    g_clear_error(&conn->failure);
    if (failure) {
        conn->failure = g_error_copy(failure);
        g_propagate_error(error, failure);
    } else if (conn->watch == open->watch) {
        conn->callback = open->callback;
        conn->conn = g_steal_pointer(&open->conn);
    } else {
        /* lv_watch() was called meanwhile: the caller connects again. */
        outdated = g_steal_pointer(&open->conn);
    }
    g_cond_broadcast(&conn->cond);
    if (outdated)
        conn_part(conn, outdated, open->callback, FALSE);
    conn_open_unref(open);
}

/* Waits for the attempt of another thread.  Call with the lock held.  FALSE
 * with an error if that attempt failed, or this thread need not wait on. */
static gboolean
conn_join(LvConn *conn, GCancellable *cancellable, GError **error)
{
    gint64 end_us = g_get_monotonic_time() +
        conn->connect_timeout_ms * G_TIME_SPAN_MILLISECOND;
    guint attempt = conn->n_attempts;

    while (conn->connecting && conn->n_attempts == attempt) {
        gint64 now_us = g_get_monotonic_time();

        if (g_cancellable_is_cancelled(cancellable)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              _("%s: it was cancelled while another thread "
                                "was connecting"), conn->uri);
            return FALSE;
        }
        if (now_us >= end_us) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              _("%s: libvirt did not connect within %u ms"),
                              conn->uri, conn->connect_timeout_ms);
            return FALSE;
        }
        g_cond_wait_until(&conn->cond, &conn->lock,
                          MIN(end_us, now_us + CONN_CHECK_US));
    }
    if (conn->conn || !conn->failure ||
        g_error_matches(conn->failure, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED))
        return TRUE;

    g_propagate_error(error, g_error_copy(conn->failure));
    return FALSE;
}

virConnectPtr
lv_conn_get(LvConn *conn, GCancellable *cancellable, GError **error)
{
    virConnectPtr result = NULL;
    GError *failure = NULL;

    g_mutex_lock(&conn->lock);
    while (!conn->conn && !failure) {
        if (conn->adopted)
            migtune_error_set(&failure, MIGTUNE_ERROR_DISCONNECTED,
                              _("%s: the program's connection to libvirt is "
                                "lost; only the program can open another one"),
                              conn->uri);
        else if (conn->connecting)
            conn_join(conn, cancellable, &failure);
        else
            conn_connect(conn, conn->connect_timeout_ms, cancellable,
                         &failure);
    }
    if (conn->conn) {
        result = conn->conn;
        virConnectRef(result);
        g_clear_error(&failure);
    }
    g_mutex_unlock(&conn->lock);
    if (failure)
        g_propagate_error(error, failure);

    return result;
}

gboolean
lv_conn_is_current(LvConn *conn, virDomainPtr domain)
{
    gboolean is_current;

    g_mutex_lock(&conn->lock);
    is_current = conn->conn && conn->conn == virDomainGetConnect(domain);
    g_mutex_unlock(&conn->lock);

    return is_current;
}

void
lv_conn_lost(LvConn *conn, virConnectPtr old)
{
    gboolean is_ours;
    int callback = -1;

    g_mutex_lock(&conn->lock);
    is_ours = old && conn->conn == old &&
              !(conn->adopted && virConnectIsAlive(old) == 1);
    if (is_ours) {
        g_hash_table_remove_all(conn->found);
        conn->qemu_version = 0;
        callback = conn->callback;
        conn->callback = -1;
        conn->conn = NULL;
        if (conn->watch)
            lv_watch_set_lost(conn->watch);
    }
    g_mutex_unlock(&conn->lock);
    if (is_ours)
        conn_part(conn, old, callback, FALSE);
}

/* Ends the watch and closes the connection, unless @keep.  The next call that
 * needs a closed connection opens it again. */
static void
conn_give_up(LvConn *conn, gboolean keep)
{
    virConnectPtr old;
    LvWatch *watch;
    int callback;

    g_mutex_lock(&conn->lock);
    watch = g_steal_pointer(&conn->watch);
    old = conn->conn;
    if (keep && old)
        virConnectRef(old);
    else
        conn->conn = NULL;
    callback = conn->callback;
    conn->callback = -1;
    conn->qemu_version = 0;
    g_hash_table_remove_all(conn->found);
    g_mutex_unlock(&conn->lock);
    if (watch)
        lv_watch_end(watch);
    if (old)
        conn_part(conn, old, callback, TRUE);
}

static void
conn_reopen(gpointer data, GCancellable *cancellable)
{
    virConnectPtr ref = lv_conn_get(data, cancellable, NULL);

    if (ref)
        virConnectClose(ref);
}

static void
conn_closed(gpointer data, virConnectPtr closed)
{
    lv_conn_lost(data, closed);
}

/* The part of an attempt to connect that registers for events. */
static gboolean
conn_attach_run(gpointer data, GError **error)
{
    LvOpen *open = data;

    return lv_watch_attach(open->watch, open->conn, &open->callback, error);
}

/* Registers the watch with the program's connection.  Call with the watch lock
 * held. */
static gboolean
conn_attach_adopted(LvConn *conn, virConnectPtr ref, GError **error)
{
    LvOpen *open = g_atomic_rc_box_new0(LvOpen);
    gboolean ok;

    open->conn = ref;
    open->callback = -1;
    open->adopted = TRUE;
    virConnectRef(ref);
    open->watch = lv_watch_ref(conn->watch);
    ok = lv_call(ref, conn_attach_run, g_atomic_rc_box_acquire(open),
                 conn_open_unref, LV_CALL_CONNECT, conn->command_timeout_ms,
                 NULL, error);
    if (ok) {
        g_mutex_lock(&conn->lock);
        conn->callback = open->callback;
        g_mutex_unlock(&conn->lock);
        open->callback = -1;
    }
    conn_open_unref(open);

    return ok;
}

/* Starts to watch.  Call with the watch lock held. */
static gboolean
conn_watch_start(LvConn *conn, MigtuneDriverEventFunc func, gpointer user_data,
                 GError **error)
{
    const LvWatchOwner owner = { conn_reopen, conn_closed, conn,
                                 conn->adopted };
    virConnectPtr ref;

    g_mutex_lock(&conn->lock);
    conn->needs_loop = TRUE;
    conn->watch = lv_watch_new(&owner, func, user_data);
    g_mutex_unlock(&conn->lock);
    ref = lv_conn_get(conn, NULL, error);
    if (!ref || (conn->adopted && !conn_attach_adopted(conn, ref, error))) {
        if (ref)
            virConnectClose(ref);
        conn_give_up(conn, conn->adopted);
        return FALSE;
    }
    virConnectClose(ref);

    return TRUE;
}

gboolean
lv_watch(gpointer data, MigtuneDriverEventFunc func, gpointer user_data,
         GError **error)
{
    LvConn *conn = data;
    gboolean watched;
    gboolean ok = TRUE;

    /* Two threads may call this at the same time. */
    g_mutex_lock(&conn->watch_lock);
    g_mutex_lock(&conn->lock);
    watched = conn->watch != NULL;
    g_mutex_unlock(&conn->lock);
    /* The present connection may have been opened without an event loop. */
    if (watched || func)
        conn_give_up(conn, conn->adopted);
    if (func)
        ok = conn_watch_start(conn, func, user_data, error);
    g_mutex_unlock(&conn->watch_lock);

    return ok;
}

gboolean
lv_conn_has_ended(LvConn *conn, const char *uuid, guint id, char **ret_how,
                  gboolean *ret_migrated)
{
    LvWatch *watch = NULL;
    gboolean known;

    *ret_how = NULL;
    *ret_migrated = FALSE;
    g_mutex_lock(&conn->lock);
    if (conn->watch)
        watch = lv_watch_ref(conn->watch);
    g_mutex_unlock(&conn->lock);
    if (!watch)
        return FALSE;
    known = lv_watch_has_ended(watch, uuid, id, ret_how, ret_migrated);
    lv_watch_unref(watch);

    return known;
}

static void
conn_domain_free(gpointer domain)
{
    virDomainFree(domain);
}

/* An option that a library of another release may not have. */
#define CONN_HAS_OPTION(options, member) \
    ((options)->size >= G_STRUCT_OFFSET(MigtuneDriverOptions, member) + \
                            sizeof((options)->member))

static LvConn *
conn_new(const char *uri, const MigtuneDriverOptions *options)
{
    LvConn *conn = g_new0(LvConn, 1);

    conn->uri = g_strdup(uri);
    conn->callback = -1;
    conn->found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        conn_domain_free);
    g_mutex_init(&conn->lock);
    g_mutex_init(&conn->watch_lock);
    g_cond_init(&conn->cond);
    conn->no_monitor = options->no_monitor;
    conn->read_only = options->read_only;
    if (CONN_HAS_OPTION(options, auth_data)) {
        conn->auth = options->auth;
        conn->auth_data = options->auth_data;
    }
    if (CONN_HAS_OPTION(options, manages_libvirt))
        conn->manages_libvirt = options->manages_libvirt;
    conn_set_limits(conn, options);

    return conn;
}

gpointer
lv_open(const char *uri, const MigtuneDriverOptions *options,
        GCancellable *cancellable, GError **error)
{
    static GOnce once = G_ONCE_INIT;
    LvConn *conn = conn_new(uri, options);

    if (conn->manages_libvirt)
        g_once(&once, conn_silence_process, NULL);
    g_mutex_lock(&conn->lock);
    conn_connect(conn, conn->first_timeout_ms, cancellable, error);
    g_mutex_unlock(&conn->lock);
    if (!conn->conn) {
        lv_close(conn);
        return NULL;
    }

    return conn;
}

gpointer
lv_adopt(gpointer native, char **ret_uri, const MigtuneDriverOptions *options,
         GCancellable *cancellable, GError **error)
{
    char *uri = virConnectGetURI(native);
    LvConn *conn;

    if (!uri) {
        lv_error_take(error, LV_TO_OPEN, _("cannot read the URI"));
        return NULL;
    }
    conn = conn_new(uri, options);
    conn->adopted = TRUE;
    conn->conn = native;
    virConnectRef(conn->conn);
    *ret_uri = g_strdup(uri);
    /* libvirt allocates with malloc(). */
    free(uri);

    return conn;
}

void
lv_close(gpointer data)
{
    LvConn *conn = data;

    conn_give_up(conn, FALSE);
    g_hash_table_unref(conn->found);
    g_clear_error(&conn->failure);
    g_cond_clear(&conn->cond);
    g_mutex_clear(&conn->watch_lock);
    g_mutex_clear(&conn->lock);
    g_free(conn->uri);
    g_free(conn);
}
