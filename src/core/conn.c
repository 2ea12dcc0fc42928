/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections: an open URI, and finding domains behind it.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "core/registry.h"
#include "probe/cache.h"
#include "util/i18n.h"

#define CONN_CONNECT_TIMEOUT_MS 2000
#define CONN_COMMAND_TIMEOUT_MS 10000

/* Monitors that may be open at once in one call. */
#define CONN_MAX_OPEN 64

JsonNode *
migtune_get_drivers(void)
{
    return mt_registry_describe();
}

MigtuneConn *
migtune_conn_open(const char *uri, unsigned int flags, GError **error)
{
    return migtune_conn_open_full(uri, flags, 0, NULL, error);
}

MigtuneConn *
migtune_conn_open_full(const char *uri, unsigned int flags,
                       unsigned int timeout_ms, GCancellable *cancellable,
                       GError **error)
{
    g_autoptr(MigtuneConn) conn = NULL;

    g_return_val_if_fail(uri != NULL, NULL);

    if (!mt_core_check_flags(flags, MIGTUNE_CONN_NO_CACHE |
                                        MIGTUNE_CONN_NO_MONITOR |
                                        MIGTUNE_CONN_READ_ONLY,
                             error))
        return NULL;

    conn = g_new0(MigtuneConn, 1);
    conn->ref_count = 1;
    mt_probing_init(&conn->probing);
    conn->uri = g_strdup(uri);
    conn->flags = flags;
    if (cancellable)
        conn->cancellable = g_object_ref(cancellable);
    conn->options.size = sizeof(conn->options);
    conn->options.connect_timeout_ms =
        timeout_ms ? timeout_ms : CONN_CONNECT_TIMEOUT_MS;
    conn->options.command_timeout_ms =
        timeout_ms ? timeout_ms : CONN_COMMAND_TIMEOUT_MS;
    conn->options.no_monitor = (flags & (MIGTUNE_CONN_NO_MONITOR |
                                         MIGTUNE_CONN_READ_ONLY)) != 0;
    conn->options.read_only = (flags & MIGTUNE_CONN_READ_ONLY) != 0;
    /* What is reached without the monitor is not all that QEMU can do. */
    if (flags == 0)
        conn->cache_dir = mt_cache_default_dir();
    conn->driver = mt_registry_find(uri, error);
    if (!conn->driver)
        return NULL;
    if (conn->options.read_only && !conn->driver->remark) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("%s: who may ask QEMU's monitor may do all; "
                            "--readonly is for libvirt"), uri);
        return NULL;
    }
    if (conn->options.no_monitor && !conn->driver->remark) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("%s: there is nothing but QEMU's monitor here; "
                            "--no-monitor is for libvirt"), uri);
        return NULL;
    }
    conn->handle = conn->driver->open(uri, &conn->options, cancellable, error);
    if (!conn->handle)
        return NULL;

    return g_steal_pointer(&conn);
}

MigtuneConn *
migtune_conn_ref(MigtuneConn *conn)
{
    g_return_val_if_fail(conn != NULL, NULL);

    g_atomic_int_inc(&conn->ref_count);
    return conn;
}

void
migtune_conn_unref(MigtuneConn *conn)
{
    if (!conn || !g_atomic_int_dec_and_test(&conn->ref_count))
        return;

    if (conn->handle)
        conn->driver->close(conn->handle);
    mt_probing_clear(&conn->probing);
    g_clear_object(&conn->cancellable);
    g_free(conn->cache_dir);
    g_free(conn->uri);
    g_free(conn);
}

const char *
migtune_conn_get_uri(MigtuneConn *conn)
{
    g_return_val_if_fail(conn != NULL, NULL);

    return conn->uri;
}

static int
conn_compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **
conn_sort(char **keys)
{
    if (keys)
        qsort(keys, g_strv_length(keys), sizeof(*keys), conn_compare_keys);

    return keys;
}

char **
migtune_conn_list(MigtuneConn *conn, GError **error)
{
    g_return_val_if_fail(conn != NULL, NULL);

    return conn_sort(conn->driver->list(conn->handle, conn->cancellable,
                                        error));
}

char **
migtune_conn_list_inactive(MigtuneConn *conn, GError **error)
{
    g_return_val_if_fail(conn != NULL, NULL);

    if (!conn->driver->list_inactive)
        return g_new0(char *, 1);

    return conn_sort(conn->driver->list_inactive(conn->handle,
                                                 conn->cancellable, error));
}

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

    if (max_open == 0 || max_open > CONN_MAX_OPEN)
        max_open = CONN_MAX_OPEN;
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
