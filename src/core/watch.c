/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events of a connection, where its driver has such.
 */
#include "config.h"

#include "core/core.h"
#include "util/i18n.h"

static const char *const event_names[] = {
    [MIGTUNE_EVENT_STARTED] = "started",   [MIGTUNE_EVENT_STOPPED] = "stopped",
    [MIGTUNE_EVENT_MIGRATED] = "migrated", [MIGTUNE_EVENT_LOST] = "lost",
    [MIGTUNE_EVENT_REGAINED] = "regained",
};

const char *
migtune_event_to_string(MigtuneEvent event)
{
    return (guint)event < G_N_ELEMENTS(event_names) ? event_names[event]
                                                    : "unknown";
}

static void
watch_take(MigtuneEvent event, const char *key, const char *detail,
           gpointer user_data)
{
    MigtuneConn *conn = user_data;

    conn->event_func(conn, event, key, detail, conn->event_data);
}

gboolean
migtune_conn_watch(MigtuneConn *conn, MigtuneEventFunc func, gpointer user_data,
                   GError **error)
{
    const MigtuneDriver *driver;
    gboolean ok;

    MT_REQUIRE(MIGTUNE_IS_CONN(conn), FALSE);

    driver = conn->driver;
    if (!driver->watch) {
        if (!func)
            return TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the driver '%s' does not report which guests "
                            "start and end"),
                          driver->name);
        return FALSE;
    }

    /* Two threads that start a watch at the same time leave one watch. */
    g_mutex_lock(&conn->watch_lock);
    /* After this the former function is not called any more. */
    ok = driver->watch(conn->handle, NULL, NULL, error);
    if (ok && func) {
        conn->event_func = func;
        conn->event_data = user_data;
        ok = driver->watch(conn->handle, watch_take, conn, error);
    }
    g_mutex_unlock(&conn->watch_lock);

    return ok;
}
