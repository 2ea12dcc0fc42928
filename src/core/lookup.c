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

/* How long to wait for the other guests after one with the name was found. */
#define LOOKUP_GRACE_US (50 * G_TIME_SPAN_MILLISECOND)

/* A search among all guests; counted, because a monitor that does not answer
 * may keep its thread beyond the search. */
typedef struct {
    MigtuneConn *conn;
    char *name;
    guint n_keys;

    GMutex lock;
    GCond cond;
    /* Under the lock. */
    guint n_left;               /* keys that were not visited yet */
    guint n_failed;
    gboolean ended;             /* the search has its result */
    gint64 found_us;            /* when the first guest was found */
    GPtrArray *found;           /* MigtuneDomain */
    GError *first_error;
} ConnSearch;

typedef struct {
    ConnSearch *search;
    char *key;
} ConnVisit;

static void
conn_search_clear(gpointer data)
{
    ConnSearch *search = data;

    g_ptr_array_unref(search->found);
    g_clear_error(&search->first_error);
    g_mutex_clear(&search->lock);
    g_cond_clear(&search->cond);
    g_free(search->name);
    migtune_conn_unref(search->conn);
}

static void
conn_search_unref(ConnSearch *search)
{
    g_atomic_rc_box_release_full(search, conn_search_clear);
}

/* Opens one guest.  @domain and @error are taken over by the search. */
static void
conn_search_visit(gpointer data, gpointer user_data)
{
    ConnVisit *visit = data;
    ConnSearch *search = visit->search;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ended;

    g_mutex_lock(&search->lock);
    ended = search->ended;
    g_mutex_unlock(&search->lock);
    if (!ended)
        domain = mt_domain_open(search->conn, visit->key, &error);

    g_mutex_lock(&search->lock);
    search->n_left--;
    if (error) {
        search->n_failed++;
        if (!search->first_error)
            search->first_error = g_steal_pointer(&error);
    } else if (domain && !search->ended &&
               mt_domain_is_called(domain, search->name)) {
        if (search->found->len == 0)
            search->found_us = g_get_monotonic_time();
        g_ptr_array_add(search->found, g_steal_pointer(&domain));
    }
    g_cond_signal(&search->cond);
    g_mutex_unlock(&search->lock);
    conn_search_unref(search);
    g_free(visit->key);
    g_free(visit);
}

/* Waits until all guests were asked.  Once a guest is found, those that do not
 * answer soon, such as one whose monitor is busy, are not waited for. */
static void
conn_search_wait(ConnSearch *search)
{
    while (search->n_left > 0) {
        gint64 until_us = search->found_us + LOOKUP_GRACE_US;

        if (search->found->len == 0)
            g_cond_wait(&search->cond, &search->lock);
        else if (g_get_monotonic_time() >= until_us)
            break;
        else
            g_cond_wait_until(&search->cond, &search->lock, until_us);
    }
    search->ended = TRUE;
}

static void
conn_search_fail(const ConnSearch *search, GError **error)
{
    /* The only guest is the one that was meant. */
    if (search->n_keys == 1 && search->first_error) {
        if (error)
            *error = g_error_copy(search->first_error);
    } else if (search->n_failed) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("no guest named '%s'; %u of %u guests could not "
                            "be asked: %s"),
                          search->name, search->n_failed, search->n_keys,
                          search->first_error->message);
    } else {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("no guest named '%s' (%u guests found)"),
                          search->name, search->n_keys);
    }
}

static int
conn_compare_domains(gconstpointer a, gconstpointer b)
{
    MigtuneDomain *const *left = a;
    MigtuneDomain *const *right = b;

    return strcmp((*left)->key, (*right)->key);
}

static void
conn_search_fail_ambiguous(const ConnSearch *search, GError **error)
{
    g_autoptr(GString) keys = g_string_new(NULL);

    g_ptr_array_sort(search->found, conn_compare_domains);
    for (guint i = 0; i < search->found->len; i++) {
        MigtuneDomain *domain = g_ptr_array_index(search->found, i);

        g_string_append_printf(keys, "%s%s", i > 0 ? ", " : "", domain->key);
    }
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("%u guests are named '%s'; use one of their keys: %s"),
                      search->found->len, search->name, keys->str);
}

/* The only guest of @keys that is called @name. */
static MigtuneDomain *
conn_search_all(MigtuneConn *conn, char **keys, const char *name,
                GError **error)
{
    ConnSearch *search = g_atomic_rc_box_new0(ConnSearch);
    GThreadPool *pool = g_thread_pool_new(conn_search_visit, NULL,
                                          LOOKUP_MAX_OPEN, FALSE, NULL);
    MigtuneDomain *domain = NULL;

    search->conn = migtune_conn_ref(conn);
    search->name = g_strdup(name);
    search->n_keys = g_strv_length(keys);
    search->n_left = search->n_keys;
    search->found = g_ptr_array_new_with_free_func(
        (GDestroyNotify)migtune_domain_unref);
    g_mutex_init(&search->lock);
    g_cond_init(&search->cond);
    for (guint i = 0; i < search->n_keys; i++) {
        ConnVisit *visit = g_new0(ConnVisit, 1);

        visit->search = g_atomic_rc_box_acquire(search);
        visit->key = g_strdup(keys[i]);
        g_thread_pool_push(pool, visit, NULL);
    }
    g_mutex_lock(&search->lock);
    conn_search_wait(search);
    if (search->found->len == 1)
        domain = migtune_domain_ref(g_ptr_array_index(search->found, 0));
    else if (search->found->len > 1)
        conn_search_fail_ambiguous(search, error);
    else
        conn_search_fail(search, error);
    /* The search's own references must not end in another thread. */
    g_ptr_array_set_size(search->found, 0);
    g_mutex_unlock(&search->lock);
    g_thread_pool_free(pool, FALSE, FALSE);
    conn_search_unref(search);

    return domain;
}

/* Lets the driver look the guest up. */
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

    /* If exactly one name of a socket matches, and its guest has the name, the
     * others are not asked. */
    if (conn->driver->find)
        likely = conn->driver->find(conn->handle, name);
    if (likely && likely[0] && !likely[1]) {
        domain = mt_domain_open(conn, likely[0], NULL);
        if (domain && mt_domain_is_called(domain, name))
            return domain;
        migtune_domain_unref(domain);
    }

    return conn_search_all(conn, keys, name, error);
}
