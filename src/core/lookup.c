/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds guests on a connection: by key, by name or UUID, or all of them.
 *
 * A driver that can derive the key from a name is used for this.  Otherwise the
 * file name of a socket has priority.  If no file name matches, or several do,
 * all guests are queried for their names.  Two guests may have the same name,
 * as the source and the destination of a migration usually have; then neither
 * is chosen.  A monitor that another client uses does not answer; it delays the
 * lookup only until another guest has matched.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "util/i18n.h"

/* Limit on the monitors that one call opens at the same time. */
#define LOOKUP_MAX_OPEN 64

/* Once a guest has matched, how long the others may take to show that they
 * have the same name. */
#define LOOKUP_REST_MS 250

MigtuneDomain *
migtune_conn_open_domain(MigtuneConn *conn, const char *key,
                         GCancellable *cancellable, GError **error)
{
    MT_REQUIRE(MIGTUNE_IS_CONN(conn) && key != NULL, NULL);

    return mt_domain_open(conn, key, cancellable, error);
}

typedef struct {
    MigtuneConn *conn;
    GCancellable *cancellable;
    MigtuneDomainFunc func;
    gpointer user_data;
} LookupEach;

static void
lookup_visit(gpointer data, gpointer user_data)
{
    const LookupEach *each = user_data;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_cancellable_is_cancelled(each->cancellable))
        domain = mt_domain_open(each->conn, data, each->cancellable, &error);
    else
        migtune_error_set(&error, MIGTUNE_ERROR_CANCELLED,
                          _("cancelled before this guest was queried"));
    each->func(data, domain, error, each->user_data);
}

static void
lookup_visit_all(MigtuneConn *conn, char **keys, unsigned int max_open,
                 MigtuneDomainFunc func, gpointer user_data,
                 GCancellable *cancellable)
{
    LookupEach each = { conn, cancellable, func, user_data };
    guint n = g_strv_length(keys);
    GThreadPool *pool;

    if (max_open == 0 || max_open > LOOKUP_MAX_OPEN)
        max_open = LOOKUP_MAX_OPEN;
    pool = g_thread_pool_new(lookup_visit, &each, MIN(max_open, MAX(n, 1)),
                             FALSE, NULL);
    for (guint i = 0; i < n; i++)
        g_thread_pool_push(pool, keys[i], NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}

gboolean
migtune_conn_foreach(MigtuneConn *conn, unsigned int max_open,
                     MigtuneDomainFunc func, gpointer user_data,
                     GCancellable *cancellable, GError **error)
{
    g_auto(GStrv) keys = NULL;

    MT_REQUIRE(MIGTUNE_IS_CONN(conn) && func != NULL, FALSE);

    keys = migtune_conn_list(conn, cancellable, error);
    if (!keys)
        return FALSE;
    lookup_visit_all(conn, keys, max_open, func, user_data, cancellable);

    return TRUE;
}

/* A search for the guests that are called @name, in several threads. */
typedef struct {
    const char *name;
    GCancellable *rest; /* ends the search for further guests */

    GMutex lock;
    GCond changed;
    /* Under the lock. */
    GPtrArray *found; /* MigtuneDomain */
    guint n_asked;
    guint n_failed;
    GError *first_error; /* NULL: every guest answered */
} Lookup;

static void
lookup_clear(Lookup *lookup)
{
    g_mutex_clear(&lookup->lock);
    g_cond_clear(&lookup->changed);
    g_ptr_array_unref(lookup->found);
    g_clear_error(&lookup->first_error);
    g_object_unref(lookup->rest);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lookup, lookup_clear)

static void
lookup_take(const char *key, MigtuneDomain *domain, const GError *error,
            gpointer user_data)
{
    Lookup *lookup = user_data;

    g_mutex_lock(&lookup->lock);
    lookup->n_asked++;
    if (!domain) {
        lookup->n_failed++;
        if (!lookup->first_error)
            lookup->first_error = g_error_copy(error);
    } else if (mt_domain_is_called(domain, lookup->name)) {
        g_ptr_array_add(lookup->found, migtune_domain_ref(domain));
    }
    g_cond_broadcast(&lookup->changed);
    g_mutex_unlock(&lookup->lock);
}

typedef struct {
    Lookup *lookup;
    MigtuneConn *conn;
    char **keys;
} LookupAll;

static gpointer
lookup_run(gpointer data)
{
    LookupAll *all = data;

    lookup_visit_all(all->conn, all->keys, 0, lookup_take, all->lookup,
                     all->lookup->rest);
    return NULL;
}

static void
lookup_cancel_rest(GCancellable *cancellable, gpointer rest)
{
    g_cancellable_cancel(rest);
}

/*
 * Asks every guest.  Once one has matched, guests that do not answer are
 * waited for only LOOKUP_REST_MS longer.
 */
static void
lookup_ask_all(Lookup *lookup, MigtuneConn *conn, char **keys,
               GCancellable *cancellable)
{
    guint n = g_strv_length(keys);
    LookupAll all = { lookup, conn, keys };
    gint64 end = G_MAXINT64;
    GThread *thread;
    gulong id =
        cancellable
            ? g_cancellable_connect(cancellable, G_CALLBACK(lookup_cancel_rest),
                                    lookup->rest, NULL)
            : 0;

    thread = g_thread_new("migtune-lookup", lookup_run, &all);
    g_mutex_lock(&lookup->lock);
    while (lookup->n_asked < n) {
        if (end == G_MAXINT64 && lookup->found->len > 0)
            end = g_get_monotonic_time() + LOOKUP_REST_MS * 1000;
        if (end == G_MAXINT64)
            g_cond_wait(&lookup->changed, &lookup->lock);
        else if (!g_cond_wait_until(&lookup->changed, &lookup->lock, end))
            break;
    }
    g_mutex_unlock(&lookup->lock);
    g_cancellable_disconnect(cancellable, id);
    g_cancellable_cancel(lookup->rest);
    g_thread_join(thread);
}

static void
lookup_fail(const Lookup *lookup, guint n_keys, GError **error)
{
    /* If there is one guest, that guest was meant. */
    if (n_keys == 1 && lookup->first_error) {
        if (error)
            *error = g_error_copy(lookup->first_error);
    } else if (lookup->n_failed) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("no guest named '%s'; %u of %u guests could not "
                            "be asked: %s"),
                          lookup->name, lookup->n_failed, n_keys,
                          lookup->first_error->message);
    } else {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          ngettext("no guest named '%s' (%u guest found)",
                                   "no guest named '%s' (%u guests found)",
                                   n_keys),
                          lookup->name, n_keys);
    }
}

/* Whether the guest with this key is open on @conn and is not called @name. */
static gboolean
lookup_is_other(MigtuneConn *conn, const char *key, const char *name)
{
    gboolean other = FALSE;

    g_mutex_lock(&conn->domains_lock);
    for (guint i = 0; i < conn->domains->len && !other; i++) {
        MigtuneDomain *domain = g_ptr_array_index(conn->domains, i);

        other =
            strcmp(domain->key, key) == 0 && !mt_domain_is_called(domain, name);
    }
    g_mutex_unlock(&conn->domains_lock);

    return other;
}

/*
 * Removes the keys of guests that need not be asked: of @found, and of those
 * that are open on @conn and have another name.  Their monitors are in use, by
 * this very connection.
 */
static void
lookup_drop(MigtuneConn *conn, char **keys, const char *name,
            const MigtuneDomain *found)
{
    char **to = keys;

    for (char **from = keys; *from; from++) {
        if ((found && strcmp(found->key, *from) == 0) ||
            lookup_is_other(conn, *from, name))
            g_free(*from);
        else
            *to++ = *from;
    }
    *to = NULL;
}

static int
lookup_compare_keys(gconstpointer a, gconstpointer b)
{
    MigtuneDomain *const *first = a;
    MigtuneDomain *const *second = b;

    return strcmp((*first)->key, (*second)->key);
}

/* Lists the keys of guests of one name. */
static void
lookup_fail_ambiguous(const Lookup *lookup, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);

    g_ptr_array_sort(lookup->found, lookup_compare_keys);
    for (guint i = 0; i < lookup->found->len; i++) {
        MigtuneDomain *domain = g_ptr_array_index(lookup->found, i);

        g_string_append_printf(list, "%s%s", i ? ", " : "", domain->key);
    }
    migtune_error_set(error, MIGTUNE_ERROR_AMBIGUOUS,
                      _("%u guests are named '%s'; use one of these keys: "
                        "%s"),
                      lookup->found->len, lookup->name, list->str);
}

/* Asks the driver for the key. */
static MigtuneDomain *
lookup_by_driver(MigtuneConn *conn, const char *name, GCancellable *cancellable,
                 GError **error)
{
    g_autofree char *key =
        conn->driver->lookup(conn->handle, name, cancellable, error);

    return key ? mt_domain_open(conn, key, cancellable, error) : NULL;
}

/*
 * Opens the guest that @name fits by its key, which is the usual case: no
 * other guest is asked then.  NULL without an error if several keys fit, or
 * none.
 */
static MigtuneDomain *
lookup_by_key(MigtuneConn *conn, const char *name, GCancellable *cancellable,
              GError **error)
{
    g_auto(GStrv) keys =
        conn->driver->find ? conn->driver->find(conn->handle, name) : NULL;

    return keys && keys[0] && !keys[1]
               ? mt_domain_open(conn, keys[0], cancellable, error)
               : NULL;
}

MigtuneDomain *
migtune_conn_lookup(MigtuneConn *conn, const char *name,
                    GCancellable *cancellable, GError **error)
{
    g_auto(Lookup) lookup = {
        .name = name,
        .rest = g_cancellable_new(),
        .found = g_ptr_array_new_with_free_func(
            (GDestroyNotify)migtune_domain_unref),
    };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) failure = NULL;
    g_auto(GStrv) keys = NULL;
    guint n_keys;

    g_mutex_init(&lookup.lock);
    g_cond_init(&lookup.changed);
    MT_REQUIRE(MIGTUNE_IS_CONN(conn) && name != NULL, NULL);

    if (conn->driver->lookup)
        return lookup_by_driver(conn, name, cancellable, error);

    keys = migtune_conn_list(conn, cancellable, error);
    if (!keys)
        return NULL;
    if (g_strv_contains((const char *const *)keys, name))
        return mt_domain_open(conn, name, cancellable, error);

    domain = lookup_by_key(conn, name, cancellable, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    /* Unless the guest itself has another name, which another may share. */
    if (domain &&
        (!domain->identity.name || strcmp(domain->identity.name, name) == 0))
        return g_steal_pointer(&domain);

    n_keys = g_strv_length(keys);
    lookup_drop(conn, keys, name, domain);
    lookup_ask_all(&lookup, conn, keys, cancellable);
    if (domain)
        g_ptr_array_add(lookup.found, g_steal_pointer(&domain));
    if (lookup.found->len == 1)
        return migtune_domain_ref(g_ptr_array_index(lookup.found, 0));

    if (lookup.found->len > 1)
        lookup_fail_ambiguous(&lookup, error);
    else if (g_cancellable_is_cancelled(cancellable))
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("cancelled while guests were being queried"));
    else
        lookup_fail(&lookup, n_keys, error);

    return NULL;
}
