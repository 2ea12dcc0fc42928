/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a connection finds: lists of domains, single domains, and versions.
 *
 * A caller that lists or looks up guests usually opens them next.  So the domains
 * are kept for a moment, and the version of the host's QEMU is read with them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* How long a guest that was listed or looked up can be opened without another
 * lookup. */
#define FIND_RECENT_US (2 * G_USEC_PER_SEC)

/* Keeps @domains for lv_conn_take_found() in place of earlier ones; takes
 * them. */
static void
find_remember(LvConn *conn, virDomainPtr *domains, guint n)
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
lv_conn_take_found(LvConn *conn, const char *name, gint64 *ret_found_us)
{
    virDomainPtr domain = NULL;
    gpointer key = NULL;
    gpointer value = NULL;

    g_mutex_lock(&conn->lock);
    if (g_get_monotonic_time() - conn->found_us > FIND_RECENT_US)
        g_hash_table_remove_all(conn->found);
    if (g_hash_table_steal_extended(conn->found, name, &key, &value))
        domain = value;
    *ret_found_us = conn->found_us;
    g_mutex_unlock(&conn->lock);
    g_free(key);

    return domain;
}

/* A query of the connection; counted. */
typedef struct {
    virConnectPtr conn;
    char *name;                 /* of the guest to look up */
    gboolean wants_qemu_version;
    unsigned long qemu_version; /* 0: not asked, or not known */
    GError *failure;            /* of the list or the lookup */
    unsigned int flags;         /* of the list */
    virDomainPtr *domains;      /* the answer, with n_domains */
    guint n_domains;
    unsigned long version;      /* the answer to a query of the version */
} LvQuestion;

static void
find_question_clear(gpointer data)
{
    LvQuestion *question = data;

    for (guint i = 0; i < question->n_domains; i++) {
        if (question->domains[i])
            virDomainFree(question->domains[i]);
    }
    /* libvirt allocates with malloc(). */
    free(question->domains);
    virConnectClose(question->conn);
    g_clear_error(&question->failure);
    g_free(question->name);
}

static void
find_question_unref(gpointer question)
{
    g_atomic_rc_box_release_full(question, find_question_clear);
}

/* "9.0.0" */
static char *
find_format_version(unsigned long version)
{
    return g_strdup_printf("%lu.%lu.%lu", version / 1000000,
                           version / 1000 % 1000, version % 1000);
}

/* The version, or the names of the domains, which are kept. */
static char **
find_take_names(LvConn *conn, LvQuestion *question)
{
    char **names = g_new0(char *, MAX(question->n_domains, 1) + 1);

    if (question->qemu_version) {
        g_mutex_lock(&conn->lock);
        if (conn->conn == question->conn)
            conn->qemu_version = question->qemu_version;
        g_mutex_unlock(&conn->lock);
    }
    if (question->version)
        names[0] = find_format_version(question->version);
    if (question->n_domains == 0)
        return names;
    for (guint i = 0; i < question->n_domains; i++)
        names[i] = g_strdup(virDomainGetName(question->domains[i]));
    find_remember(conn, question->domains, question->n_domains);

    return names;
}

/* Whether the connection leads to QEMU and its version was not asked yet. */
static gboolean
find_wants_qemu_version(LvConn *conn, virConnectPtr ref)
{
    g_autofree char *scheme = g_uri_parse_scheme(conn->uri);
    gboolean is_qemu = scheme && (strcmp(scheme, "qemu") == 0 ||
                                  g_str_has_prefix(scheme, "qemu+"));
    gboolean wants;

    g_mutex_lock(&conn->lock);
    wants = is_qemu && conn->conn == ref && conn->qemu_version == 0;
    g_mutex_unlock(&conn->lock);

    return wants;
}

unsigned long
lv_conn_get_qemu_version(LvConn *conn)
{
    unsigned long version;

    g_mutex_lock(&conn->lock);
    version = conn->conn ? conn->qemu_version : 0;
    g_mutex_unlock(&conn->lock);

    return version;
}

/* Runs a query; once more over a new connection if the old one is lost. */
static char **
find_query(LvConn *conn, LvCallFunc func, const char *name, LvCallPurpose what,
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
        question->wants_qemu_version = find_wants_qemu_version(conn, ref);
        if (lv_call(ref, func, g_atomic_rc_box_acquire(question),
                    find_question_unref, what, conn->command_timeout_ms,
                    cancellable, &failure))
            names = find_take_names(conn, question);
        again = g_error_matches(failure, MIGTUNE_ERROR,
                                MIGTUNE_ERROR_DISCONNECTED);
        if (again)
            lv_conn_lost(conn, ref);
        if (failure && (!again || i == 1))
            g_propagate_error(error, g_steal_pointer(&failure));
        find_question_unref(question);
    }

    return names;
}

static void
find_ask_qemu_version(LvQuestion *question)
{
    if (virConnectGetVersion(question->conn, &question->qemu_version) < 0)
        question->qemu_version = 0;
}

/* Runs @func, and at the same time reads QEMU's version if it is needed: a
 * caller that lists or looks up guests usually opens them next. */
static gboolean
find_question_run(LvQuestion *question, void (*func)(guint nth, gpointer data),
                  GError **error)
{
    lv_call_each(question->wants_qemu_version ? 2 : 1, func, question);
    if (!question->failure)
        return TRUE;

    g_propagate_error(error, g_steal_pointer(&question->failure));
    return FALSE;
}

static void
find_list_part(guint nth, gpointer data)
{
    LvQuestion *question = data;
    int n;

    if (nth == 1) {
        find_ask_qemu_version(question);
        return;
    }
    n = virConnectListAllDomains(question->conn, &question->domains,
                                 question->flags);
    if (n < 0)
        lv_error_take(&question->failure, LV_TO_QUERY,
                      _("cannot list the domains"));
    else
        question->n_domains = n;
}

static gboolean
find_list_run(gpointer data, GError **error)
{
    LvQuestion *question = data;

    question->flags = VIR_CONNECT_LIST_DOMAINS_ACTIVE;
    return find_question_run(question, find_list_part, error);
}

static gboolean
find_list_inactive_run(gpointer data, GError **error)
{
    LvQuestion *question = data;

    question->flags = VIR_CONNECT_LIST_DOMAINS_INACTIVE;
    return find_question_run(question, find_list_part, error);
}

char **
lv_list(gpointer data, GCancellable *cancellable, GError **error)
{
    return find_query(data, find_list_run, NULL, LV_CALL_LIST, cancellable,
                      error);
}

char **
lv_list_inactive(gpointer data, GCancellable *cancellable, GError **error)
{
    return find_query(data, find_list_inactive_run, NULL, LV_CALL_LIST,
                      cancellable, error);
}

/* The number of a running domain; -1 if @name is not a number. */
static int
find_parse_id(const char *name)
{
    guint64 id;

    if (!g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT, &id, NULL))
        return -1;

    return id;
}

static virDomainPtr
find_lookup_any(virConnectPtr conn, const char *name)
{
    virDomainPtr domain = virDomainLookupByName(conn, name);

    if (!domain && !lv_error_is_loss() && g_uuid_string_is_valid(name))
        domain = virDomainLookupByUUIDString(conn, name);
    if (!domain && !lv_error_is_loss() && find_parse_id(name) >= 0)
        domain = virDomainLookupByID(conn, find_parse_id(name));

    return domain;
}

static void
find_lookup_part(guint nth, gpointer data)
{
    LvQuestion *question = data;
    virDomainPtr domain;

    if (nth == 1) {
        find_ask_qemu_version(question);
        return;
    }
    domain = find_lookup_any(question->conn, question->name);
    if (!domain && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
        migtune_error_set(&question->failure, MIGTUNE_ERROR_NOT_FOUND,
                          _("libvirt has no domain with the name, UUID or "
                            "number '%s'"), question->name);
    else if (!domain)
        lv_error_take(&question->failure, LV_TO_QUERY,
                      _("cannot look up the domain"));
    if (!domain)
        return;
    question->domains = calloc(1, sizeof(*question->domains));
    question->domains[0] = domain;
    question->n_domains = 1;
}

static gboolean
find_lookup_run(gpointer question, GError **error)
{
    return find_question_run(question, find_lookup_part, error);
}

char *
lv_lookup(gpointer data, const char *name, GCancellable *cancellable,
          GError **error)
{
    char **names = find_query(data, find_lookup_run, name, LV_CALL_LOOKUP,
                              cancellable, error);
    char *result = names ? g_steal_pointer(&names[0]) : NULL;

    g_strfreev(names);
    return result;
}

static gboolean
find_version_run(gpointer data, GError **error)
{
    LvQuestion *question = data;
    unsigned long here;
    unsigned long there;

    if (virGetVersion(&here, NULL, NULL) < 0 ||
        virConnectGetLibVersion(question->conn, &there) < 0) {
        lv_error_take(error, LV_TO_QUERY, _("cannot read libvirt's version"));
        return FALSE;
    }
    question->version = MIN(here, there);

    return TRUE;
}

char *
lv_version(gpointer data, GCancellable *cancellable, GError **error)
{
    char **names = find_query(data, find_version_run, NULL, LV_CALL_VERSION,
                              cancellable, error);
    char *result = names ? g_steal_pointer(&names[0]) : NULL;

    g_strfreev(names);
    return result;
}
