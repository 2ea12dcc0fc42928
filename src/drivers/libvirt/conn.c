/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections to a libvirt daemon.
 *
 * A daemon is restarted with every update while its guests run on, so a
 * connection that is lost is opened anew by the next who needs it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/libvirt/libvirt-private.h"

/* A peer that answers none of so many messages, so many seconds apart, is
 * gone: as virsh has it, and sooner for who has less patience. */
#define CONN_KEEPALIVE_S 5
#define CONN_KEEPALIVE_COUNT 6

/* How long a daemon may take to take leave of us. */
#define CONN_CLOSE_MS 2000

/* The transports that may ask the user for something while they connect. */
static const char *const conn_asking[] = { "ssh", "libssh", "libssh2", "ext" };

/* Over a network it may take longer than over a socket of this machine. */
#define CONN_REMOTE_TIMEOUT_MS 30000

/* "ssh" of "qemu+ssh:"; "" when there is none. */
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

/* How long to wait for it, and whether it wants the event loop. */
static void
conn_judge_uri(LvConn *conn, const MigtuneDriverOptions *options)
{
    g_autofree char *transport = conn_transport(conn->uri);
    gboolean is_local = strcmp(transport, "unix") == 0 ||
                        (!*transport && !conn_has_host(conn->uri));
    const char *path = strstr(conn->uri, ":///");

    conn->connect_timeout_ms = options->connect_timeout_ms;
    conn->command_timeout_ms = options->command_timeout_ms;
    conn->no_monitor = options->no_monitor;
    conn->read_only = options->read_only;
    conn->events = -1;
    if (!is_local)
        conn->connect_timeout_ms = MAX(conn->connect_timeout_ms,
                                       CONN_REMOTE_TIMEOUT_MS);
    for (gsize i = 0; i < G_N_ELEMENTS(conn_asking); i++) {
        if (strcmp(transport, conn_asking[i]) == 0)
            conn->connect_timeout_ms = 0;
    }
    conn->loop = !is_local || (path && g_str_has_prefix(path, ":///embed"));
}

/* How long what was looked up is good for opening it. */
#define CONN_FOUND_US (2 * G_USEC_PER_SEC)

/* libvirt's own way is to print. */
static void
conn_be_quiet(void *data, virErrorPtr error)
{
}

static gpointer
conn_prepare(gpointer data)
{
    virSetErrorFunc(NULL, conn_be_quiet);

    return GINT_TO_POINTER(TRUE);
}

/* What an attempt to connect needs and brings; counted. */
typedef struct {
    char *uri;
    unsigned int flags;
    int keepalive_s;            /* 0: none */
    LvWatch *watch;             /* NULL: nobody watches */
    virConnectPtr conn;
    int events;
} LvOpen;

static void
conn_open_clear(gpointer data)
{
    LvOpen *open = data;

    if (open->conn) {
        lv_watch_part(open->conn, open->events);
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
    LvAuth auth;

    lv_auth_init(&auth);
    open->conn = virConnectOpenAuth(open->uri, &auth.auth, open->flags);
    if (!open->conn) {
        lv_error_take(error, LV_TO_OPEN, open->uri);
        return FALSE;
    }
    /* Where it is not to be had, calls end by their time limit alone. */
    if (open->keepalive_s > 0)
        virConnectSetKeepAlive(open->conn, open->keepalive_s,
                               CONN_KEEPALIVE_COUNT);

    return !open->watch || lv_watch_join(open->watch, open->conn,
                                         &open->events, error);
}

/* Opens it; under the lock. */
static void
conn_connect(LvConn *conn, GCancellable *cancellable, GError **error)
{
    static GOnce once = G_ONCE_INIT;
    LvOpen *open = g_atomic_rc_box_new0(LvOpen);

    g_once(&once, conn_prepare, NULL);
    if (conn->loop) {
        lv_loop_start();
        open->keepalive_s = CLAMP(conn->command_timeout_ms / 1000, 1,
                                  CONN_KEEPALIVE_S);
    }
    open->uri = g_strdup(conn->uri);
    open->flags = conn->read_only ? VIR_CONNECT_RO : 0;
    open->events = -1;
    if (conn->watch)
        open->watch = lv_watch_ref(conn->watch);
    if (lv_call(conn_open_run, g_atomic_rc_box_acquire(open), conn_open_unref,
                "connect", conn->connect_timeout_ms, cancellable, error)) {
        conn->events = open->events;
        conn->conn = g_steal_pointer(&open->conn);
    }
    conn_open_unref(open);
}

virConnectPtr
lv_conn_get(LvConn *conn, GCancellable *cancellable, GError **error)
{
    virConnectPtr result = NULL;

    g_mutex_lock(&conn->lock);
    if (!conn->conn)
        conn_connect(conn, cancellable, error);
    if (conn->conn) {
        result = conn->conn;
        virConnectRef(result);
    }
    g_mutex_unlock(&conn->lock);

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

/* A connection that is done with; counted. */
typedef struct {
    virConnectPtr conn;
    int events;
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

    lv_watch_part(parting->conn, parting->events);
    virConnectClose(parting->conn);

    return TRUE;
}

/* Takes leave of @old, which may be of a daemon that does not answer. */
static void
conn_part(virConnectPtr old, int events, gboolean wait)
{
    LvParting *parting = g_atomic_rc_box_new0(LvParting);

    parting->conn = old;
    parting->events = events;
    if (wait)
        lv_call(conn_parting_run, parting, conn_parting_unref, "take leave",
                CONN_CLOSE_MS, NULL, NULL);
    else
        lv_call_and_leave(conn_parting_run, parting, conn_parting_unref);
}

void
lv_conn_lost(LvConn *conn, virConnectPtr old)
{
    gboolean is_ours;
    int events = -1;

    g_mutex_lock(&conn->lock);
    is_ours = old && conn->conn == old;
    if (is_ours) {
        g_hash_table_remove_all(conn->found);
        events = conn->events;
        conn->events = -1;
        conn->conn = NULL;
        if (conn->watch)
            lv_watch_lost(conn->watch);
    }
    g_mutex_unlock(&conn->lock);
    if (is_ours)
        conn_part(old, events, FALSE);
}

/* Gives up the connection and who watches it; the next who needs one opens
 * another. */
static void
conn_give_up(LvConn *conn)
{
    virConnectPtr old;
    LvWatch *watch;
    int events;

    g_mutex_lock(&conn->lock);
    watch = g_steal_pointer(&conn->watch);
    old = g_steal_pointer(&conn->conn);
    events = conn->events;
    conn->events = -1;
    g_hash_table_remove_all(conn->found);
    g_mutex_unlock(&conn->lock);
    if (watch)
        lv_watch_end(watch);
    if (old)
        conn_part(old, events, TRUE);
}

gboolean
lv_watch(gpointer data, MigtuneDriverEventFunc func, gpointer user_data,
         GError **error)
{
    LvConn *conn = data;
    virConnectPtr ref;

    if (!func && !conn->watch)
        return TRUE;
    /* In any case another connection is needed: one with the event loop. */
    conn_give_up(conn);
    if (!func)
        return TRUE;

    g_mutex_lock(&conn->lock);
    conn->loop = TRUE;
    conn->watch = lv_watch_new(conn, func, user_data);
    g_mutex_unlock(&conn->lock);
    ref = lv_conn_get(conn, NULL, error);
    if (!ref) {
        conn_give_up(conn);
        return FALSE;
    }
    virConnectClose(ref);

    return TRUE;
}

static void
conn_domain_free(gpointer domain)
{
    virDomainFree(domain);
}

gpointer
lv_open(const char *uri, const MigtuneDriverOptions *options,
        GCancellable *cancellable, GError **error)
{
    LvConn *conn = g_new0(LvConn, 1);

    conn->uri = g_strdup(uri);
    conn->found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        conn_domain_free);
    g_mutex_init(&conn->lock);
    conn_judge_uri(conn, options);
    conn_connect(conn, cancellable, error);
    if (!conn->conn) {
        lv_close(conn);
        return NULL;
    }

    return conn;
}

void
lv_close(gpointer data)
{
    LvConn *conn = data;

    conn_give_up(conn);
    g_hash_table_unref(conn->found);
    g_mutex_clear(&conn->lock);
    g_free(conn->uri);
    g_free(conn);
}

/* Takes @domains; those of an earlier answer are forgotten. */
static void
conn_remember(LvConn *conn, virDomainPtr *domains, guint n)
{
    g_mutex_lock(&conn->lock);
    g_hash_table_remove_all(conn->found);
    for (guint i = 0; i < n; i++) {
        g_hash_table_replace(conn->found,
                             g_strdup(virDomainGetName(domains[i])),
                             domains[i]);
        domains[i] = NULL;
    }
    conn->found_us = g_get_monotonic_time();
    g_mutex_unlock(&conn->lock);
}

virDomainPtr
lv_conn_take_found(LvConn *conn, const char *name)
{
    virDomainPtr domain = NULL;
    gpointer key = NULL;
    gpointer value = NULL;

    g_mutex_lock(&conn->lock);
    if (g_get_monotonic_time() - conn->found_us > CONN_FOUND_US)
        g_hash_table_remove_all(conn->found);
    if (g_hash_table_steal_extended(conn->found, name, &key, &value))
        domain = value;
    g_mutex_unlock(&conn->lock);
    g_free(key);

    return domain;
}

/* A question about the connection: a name in, domains out; counted. */
typedef struct {
    virConnectPtr conn;
    char *name;                 /* whom is looked for */
    virDomainPtr *domains;      /* the answer */
    guint n_domains;
    unsigned long version;      /* or this */
} LvQuestion;

static void
conn_question_clear(gpointer data)
{
    LvQuestion *question = data;

    for (guint i = 0; i < question->n_domains; i++) {
        if (question->domains[i])
            virDomainFree(question->domains[i]);
    }
    /* libvirt's own allocator is the C library's. */
    free(question->domains);
    virConnectClose(question->conn);
    g_free(question->name);
}

static void
conn_question_unref(gpointer question)
{
    g_atomic_rc_box_release_full(question, conn_question_clear);
}

/* "9.0.0" */
static char *
conn_format_version(unsigned long version)
{
    return g_strdup_printf("%lu.%lu.%lu", version / 1000000,
                           version / 1000 % 1000, version % 1000);
}

/* The names of what was found, which is remembered, or the version. */
static char **
conn_take_names(LvConn *conn, LvQuestion *question)
{
    char **names = g_new0(char *, MAX(question->n_domains, 1) + 1);

    if (question->version)
        names[0] = conn_format_version(question->version);
    if (question->n_domains == 0)
        return names;
    for (guint i = 0; i < question->n_domains; i++)
        names[i] = g_strdup(virDomainGetName(question->domains[i]));
    conn_remember(conn, question->domains, question->n_domains);

    return names;
}

/*
 * Asks, a second time over a new connection where the old one turns out to be
 * dead: questions may be repeated.
 */
static char **
conn_ask(LvConn *conn, LvCallFunc func, const char *name, const char *what,
         GCancellable *cancellable, GError **error)
{
    char **names = NULL;
    gboolean again = TRUE;

    for (guint i = 0; again && i < 2; i++) {
        virConnectPtr ref = lv_conn_get(conn, cancellable, error);
        g_autoptr(GError) failure = NULL;
        LvQuestion *question;

        if (!ref)
            return NULL;
        question = g_atomic_rc_box_new0(LvQuestion);
        question->conn = ref;
        question->name = g_strdup(name);
        if (lv_call(func, g_atomic_rc_box_acquire(question),
                    conn_question_unref, what, conn->command_timeout_ms,
                    cancellable, &failure))
            names = conn_take_names(conn, question);
        again = g_error_matches(failure, MIGTUNE_ERROR,
                                MIGTUNE_ERROR_DISCONNECTED);
        if (again)
            lv_conn_lost(conn, ref);
        if (failure && (!again || i == 1))
            g_propagate_error(error, g_steal_pointer(&failure));
        conn_question_unref(question);
    }

    return names;
}

static gboolean
conn_list_which(LvQuestion *question, unsigned int flags, GError **error)
{
    int n = virConnectListAllDomains(question->conn, &question->domains,
                                     flags);

    if (n < 0) {
        lv_error_take(error, LV_TO_ASK, "listing the domains");
        return FALSE;
    }
    question->n_domains = n;

    return TRUE;
}

static gboolean
conn_list_run(gpointer question, GError **error)
{
    return conn_list_which(question, VIR_CONNECT_LIST_DOMAINS_ACTIVE, error);
}

static gboolean
conn_list_inactive_run(gpointer question, GError **error)
{
    return conn_list_which(question, VIR_CONNECT_LIST_DOMAINS_INACTIVE, error);
}

char **
lv_list(gpointer data, GCancellable *cancellable, GError **error)
{
    return conn_ask(data, conn_list_run, NULL, "list its domains",
                    cancellable, error);
}

char **
lv_list_inactive(gpointer data, GCancellable *cancellable, GError **error)
{
    return conn_ask(data, conn_list_inactive_run, NULL, "list its domains",
                    cancellable, error);
}

/* The number of a domain that runs; -1 for a text that is none. */
static int
conn_parse_id(const char *name)
{
    guint64 id;

    if (!g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT, &id, NULL))
        return -1;

    return id;
}

static virDomainPtr
conn_lookup_any(virConnectPtr conn, const char *name)
{
    virDomainPtr domain = virDomainLookupByName(conn, name);

    if (!domain && !lv_error_is_loss() && g_uuid_string_is_valid(name))
        domain = virDomainLookupByUUIDString(conn, name);
    if (!domain && !lv_error_is_loss() && conn_parse_id(name) >= 0)
        domain = virDomainLookupByID(conn, conn_parse_id(name));

    return domain;
}

static gboolean
conn_lookup_run(gpointer data, GError **error)
{
    LvQuestion *question = data;
    virDomainPtr domain = conn_lookup_any(question->conn, question->name);

    if (!domain && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          "libvirt has no domain with the name, UUID or "
                          "number '%s'", question->name);
    else if (!domain)
        lv_error_take(error, LV_TO_ASK, "looking up the domain");
    if (!domain)
        return FALSE;
    question->domains = calloc(1, sizeof(*question->domains));
    question->domains[0] = domain;
    question->n_domains = 1;

    return TRUE;
}

char *
lv_lookup(gpointer data, const char *name, GCancellable *cancellable,
          GError **error)
{
    char **names = conn_ask(data, conn_lookup_run, name, "look up a domain",
                            cancellable, error);
    char *result = names ? g_steal_pointer(&names[0]) : NULL;

    g_strfreev(names);
    return result;
}

static gboolean
conn_version_run(gpointer data, GError **error)
{
    LvQuestion *question = data;
    unsigned long here;
    unsigned long there;

    if (virGetVersion(&here, NULL, NULL) < 0 ||
        virConnectGetLibVersion(question->conn, &there) < 0) {
        lv_error_take(error, LV_TO_ASK, "asking for libvirt's version");
        return FALSE;
    }
    question->version = MIN(here, there);

    return TRUE;
}

char *
lv_version(gpointer data, GCancellable *cancellable, GError **error)
{
    char **names = conn_ask(data, conn_version_run, NULL, "tell its version",
                            cancellable, error);
    char *result = names ? g_steal_pointer(&names[0]) : NULL;

    g_strfreev(names);
    return result;
}
