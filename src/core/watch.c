/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events of a connection, where its driver has such.
 */
#include "config.h"

#include "core/core.h"
#include "util/i18n.h"

static const char *const event_names[] = {
    [MIGTUNE_EVENT_STARTED] = "started",
    [MIGTUNE_EVENT_STOPPED] = "stopped",
    [MIGTUNE_EVENT_MIGRATED] = "migrated",
    [MIGTUNE_EVENT_LOST] = "lost",
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
migtune_conn_watch(MigtuneConn *conn, MigtuneEventFunc func,
                   gpointer user_data, GError **error)
{
    const MigtuneDriver *driver;

    g_return_val_if_fail(conn != NULL, FALSE);

    driver = conn->driver;
    if (!driver->watch) {
        if (!func)
            return TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the driver %s does not tell which guests start "
                            "and end"),
                          driver->name);
        return FALSE;
    }

    /* The former one is not called any more after this. */
    if (!driver->watch(conn->handle, NULL, NULL, error) || !func)
        return func == NULL;
    conn->event_func = func;
    conn->event_data = user_data;

    return driver->watch(conn->handle, watch_take, conn, error);
}
