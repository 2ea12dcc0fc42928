/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections: an open URI and the driver behind it.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "core/registry.h"
#include "probe/cache.h"
#include "util/i18n.h"

G_DEFINE_TYPE(MigtuneConn, migtune_conn, G_TYPE_OBJECT)

#define CONN_CONNECT_TIMEOUT_MS 2000
#define CONN_COMMAND_TIMEOUT_MS 10000

JsonNode *
migtune_get_drivers(void)
{
    return mt_registry_describe();
}

gboolean
migtune_wait_idle(unsigned int timeout_ms)
{
    return mt_registry_wait_idle(timeout_ms);
}

/* FALSE with an error if the driver does not support what @conn asks for. */
static gboolean
conn_check_features(const MigtuneConn *conn, GError **error)
{
    guint features = conn->driver->features;

    if (conn->options.read_only && !(features & MIGTUNE_DRIVER_READ_ONLY)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("%s: read-only connections are not supported by "
                            "the driver '%s'; they are with libvirt"),
                          conn->uri, conn->driver->name);
        return FALSE;
    }
    if (conn->options.no_monitor && !(features & MIGTUNE_DRIVER_NO_MONITOR)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("%s: the driver '%s' has no other way than QEMU's "
                            "monitor; --no-monitor is supported with "
                            "libvirt"),
                          conn->uri, conn->driver->name);
        return FALSE;
    }

    return TRUE;
}

MigtuneConn *
migtune_conn_open(const char *uri, unsigned int flags, unsigned int timeout_ms,
                  GCancellable *cancellable, GError **error)
{
    return migtune_conn_open_auth(uri, flags, timeout_ms, NULL, NULL,
                                  cancellable, error);
}

/* A connection that is not open yet. */
static MigtuneConn *
conn_new(const char *uri, unsigned int flags, unsigned int timeout_ms,
         GError **error)
{
    g_autoptr(MigtuneConn) conn = NULL;

    if (!mt_core_check_flags(flags, MIGTUNE_CONN_NO_CACHE |
                                        MIGTUNE_CONN_NO_MONITOR |
                                        MIGTUNE_CONN_READ_ONLY |
                                        MIGTUNE_CONN_MANAGE_LIBVIRT,
                             error))
        return NULL;

    conn = g_object_new(MIGTUNE_TYPE_CONN, NULL);
    conn->uri = g_strdup(uri);
    conn->flags = flags;
    conn->options.size = sizeof(conn->options);
    conn->options.connect_timeout_ms =
        timeout_ms ? timeout_ms : CONN_CONNECT_TIMEOUT_MS;
    conn->options.command_timeout_ms =
        timeout_ms ? timeout_ms : CONN_COMMAND_TIMEOUT_MS;
    conn->options.no_monitor = (flags & MIGTUNE_CONN_NO_MONITOR) != 0;
    conn->options.read_only = (flags & MIGTUNE_CONN_READ_ONLY) != 0;
    conn->options.manages_libvirt =
        (flags & MIGTUNE_CONN_MANAGE_LIBVIRT) != 0;
    /* Without the monitor a probe finds only a part of what QEMU has. */
    if (!(flags & ~MIGTUNE_CONN_MANAGE_LIBVIRT))
        conn->cache_dir = mt_cache_default_dir();
    /* It is below the current directory if HOME is. */
    if (conn->cache_dir && !g_path_is_absolute(conn->cache_dir))
        g_clear_pointer(&conn->cache_dir, g_free);
    conn->driver = mt_registry_find(uri, error);
    if (!conn->driver)
        return NULL;
    if (!conn_check_features(conn, error))
        return NULL;
    /* libvirt's monitor needs a connection that can write. */
    if (conn->options.read_only)
        conn->options.no_monitor =
            (conn->driver->features & MIGTUNE_DRIVER_NO_MONITOR) != 0;

    return g_steal_pointer(&conn);
}

MigtuneConn *
migtune_conn_open_auth(const char *uri, unsigned int flags,
                       unsigned int timeout_ms, MigtuneAuthFunc auth,
                       gpointer auth_data, GCancellable *cancellable,
                       GError **error)
{
    g_autoptr(MigtuneConn) conn = NULL;

    MT_REQUIRE(uri != NULL, NULL);

    conn = conn_new(uri, flags, timeout_ms, error);
    if (!conn)
        return NULL;
    conn->options.auth = auth;
    conn->options.auth_data = auth_data;
    conn->handle = conn->driver->open(uri, &conn->options, cancellable, error);
    if (!conn->handle)
        return NULL;

    return g_steal_pointer(&conn);
}

/* The scheme under which the driver of libvirt is found. */
#define CONN_LIBVIRT_URI "qemu:///system"

MigtuneConn *
migtune_conn_new_for_libvirt(gpointer connect, unsigned int flags,
                             unsigned int timeout_ms,
                             GCancellable *cancellable, GError **error)
{
    g_autoptr(MigtuneConn) conn = NULL;
    char *uri = NULL;

    MT_REQUIRE(connect != NULL, NULL);

    if (!mt_core_check_flags(flags, MIGTUNE_CONN_NO_CACHE |
                                        MIGTUNE_CONN_NO_MONITOR |
                                        MIGTUNE_CONN_READ_ONLY, error))
        return NULL;
    conn = conn_new(CONN_LIBVIRT_URI, flags, timeout_ms, error);
    if (!conn)
        return NULL;
    if (!conn->driver->adopt) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the driver '%s' cannot use a connection of the "
                            "program"), conn->driver->name);
        return NULL;
    }
    conn->handle = conn->driver->adopt(connect, &uri, &conn->options,
                                       cancellable, error);
    if (!conn->handle)
        return NULL;
    g_free(conn->uri);
    conn->uri = uri;
    conn->adopted = TRUE;

    return g_steal_pointer(&conn);
}

static void
migtune_conn_init(MigtuneConn *conn)
{
    mt_probing_init(&conn->probing);
    g_mutex_init(&conn->watch_lock);
    g_mutex_init(&conn->domains_lock);
    conn->domains = g_ptr_array_new();
}

static void
migtune_conn_finalize(GObject *object)
{
    MigtuneConn *conn = MIGTUNE_CONN(object);

    if (conn->handle)
        conn->driver->close(conn->handle);
    mt_probing_clear(&conn->probing);
    g_mutex_clear(&conn->watch_lock);
    g_mutex_clear(&conn->domains_lock);
    g_ptr_array_unref(conn->domains);
    g_free(conn->cache_dir);
    g_free(conn->uri);
    G_OBJECT_CLASS(migtune_conn_parent_class)->finalize(object);
}

static void
migtune_conn_class_init(MigtuneConnClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = migtune_conn_finalize;
}

MigtuneConn *
migtune_conn_ref(MigtuneConn *conn)
{
    g_return_val_if_fail(MIGTUNE_IS_CONN(conn), NULL);

    return g_object_ref(conn);
}

void
migtune_conn_unref(MigtuneConn *conn)
{
    if (conn)
        g_object_unref(conn);
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
migtune_conn_list(MigtuneConn *conn, GCancellable *cancellable, GError **error)
{
    MT_REQUIRE(conn != NULL, NULL);

    return conn_sort(conn->driver->list(conn->handle, cancellable, error));
}

char **
migtune_conn_list_inactive(MigtuneConn *conn, GCancellable *cancellable,
                           GError **error)
{
    MT_REQUIRE(conn != NULL, NULL);

    if (!conn->driver->list_inactive)
        return g_new0(char *, 1);

    return conn_sort(
        conn->driver->list_inactive(conn->handle, cancellable, error));
}
