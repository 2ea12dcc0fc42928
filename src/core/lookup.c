/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding guests on a connection: by key, by name or UUID, or all of them.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "util/i18n.h"

/* Limit on the monitors that one call opens at the same time. */
#define LOOKUP_MAX_OPEN 64

MigtuneDomain *
migtune_conn_open_domain(MigtuneConn *conn, const char *key, GError **error)
{
    g_return_val_if_fail(conn != NULL && key != NULL, NULL);

    return mt_domain_open(conn, key, error);
}

typedef struct {
    MigtuneConn *conn;
    MigtuneDomainFunc func;
    gpointer user_data;
} ConnEach;

static void
conn_visit(gpointer data, gpointer user_data)
{
    const ConnEach *each = user_data;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_cancellable_set_error_if_cancelled(each->conn->cancellable, NULL))
        domain = mt_domain_open(each->conn, data, &error);
    else
        migtune_error_set(&error, MIGTUNE_ERROR_CANCELLED,
                          _("it was stopped before this domain was asked"));
    each->func(data, domain, error, each->user_data);
}

static void
conn_visit_all(MigtuneConn *conn, char **keys, unsigned int max_open,
               MigtuneDomainFunc func, gpointer user_data)
{
    ConnEach each = { conn, func, user_data };
    guint n = g_strv_length(keys);
    GThreadPool *pool;

    if (max_open == 0 || max_open > LOOKUP_MAX_OPEN)
        max_open = LOOKUP_MAX_OPEN;
    pool = g_thread_pool_new(conn_visit, &each, MIN(max_open, MAX(n, 1)),
                             FALSE, NULL);
    for (guint i = 0; i < n; i++)
        g_thread_pool_push(pool, keys[i], NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}

gboolean
migtune_conn_foreach(MigtuneConn *conn, unsigned int max_open,
                     MigtuneDomainFunc func, gpointer user_data,
                     GError **error)
{
    g_auto(GStrv) keys = NULL;

    g_return_val_if_fail(conn != NULL && func != NULL, FALSE);

    keys = migtune_conn_list(conn, error);
    if (!keys)
        return FALSE;
    conn_visit_all(conn, keys, max_open, func, user_data);

    return TRUE;
}

typedef struct {
    GMutex lock;
    const char *name;
    MigtuneDomain *found;
    guint n_found;
    guint n_failed;
    GError *first_error;
} ConnSearch;

static void
conn_search_one(const char *key, MigtuneDomain *domain, const GError *error,
                gpointer user_data)
{
    ConnSearch *search = user_data;

    g_mutex_lock(&search->lock);
    if (!domain) {
        search->n_failed++;
        if (!search->first_error)
            search->first_error = g_error_copy(error);
    } else if (mt_domain_is_called(domain, search->name)) {
        search->n_found++;
        if (!search->found)
            search->found = migtune_domain_ref(domain);
    }
    g_mutex_unlock(&search->lock);
}

static void
conn_search_failed(const ConnSearch *search, guint n_keys, GError **error)
{
    /* Where there is one, it is the one that was meant. */
    if (n_keys == 1 && search->first_error) {
        if (error)
            *error = g_error_copy(search->first_error);
    } else if (search->n_failed) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("no domain is called '%s'; %u of %u could not be "
                            "asked: %s"),
                          search->name, search->n_failed, n_keys,
                          search->first_error->message);
    } else {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("of %u domains none is called '%s'"), n_keys,
                          search->name);
    }
}

/* Where the driver knows who is called so. */
static MigtuneDomain *
conn_lookup_by_driver(MigtuneConn *conn, const char *name, GError **error)
{
    g_autofree char *key = conn->driver->lookup(conn->handle, name,
                                                conn->cancellable, error);

    return key ? mt_domain_open(conn, key, error) : NULL;
}

MigtuneDomain *
migtune_conn_lookup(MigtuneConn *conn, const char *name, GError **error)
{
    ConnSearch search = { .name = name };
    g_auto(GStrv) likely = NULL;
    g_auto(GStrv) keys = NULL;
    MigtuneDomain *domain;

    g_return_val_if_fail(conn != NULL && name != NULL, NULL);

    if (conn->driver->lookup)
        return conn_lookup_by_driver(conn, name, error);

    keys = migtune_conn_list(conn, error);
    if (!keys)
        return NULL;
    if (g_strv_contains((const char *const *)keys, name))
        return mt_domain_open(conn, name, error);

    if (conn->driver->find)
        likely = conn->driver->find(conn->handle, name);
    if (likely && likely[0]) {
        domain = mt_domain_open(conn, likely[0], NULL);
        if (domain && mt_domain_is_called(domain, name))
            return domain;
        migtune_domain_unref(domain);
    }

    g_mutex_init(&search.lock);
    conn_visit_all(conn, keys, 0, conn_search_one, &search);
    g_mutex_clear(&search.lock);
    if (search.n_found > 1) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("%u domains are called '%s'; use the UUID or the "
                            "socket"),
                          search.n_found, name);
        g_clear_pointer(&search.found, migtune_domain_unref);
    } else if (!search.found) {
        conn_search_failed(&search, g_strv_length(keys), error);
    }
    g_clear_error(&search.first_error);

    return search.found;
}
