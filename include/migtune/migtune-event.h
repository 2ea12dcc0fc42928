/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Events: guests of a connection that start and end while it is open.
 */

#include <migtune/migtune-conn.h>

G_BEGIN_DECLS

/**
 * MigtuneEvent:
 * @MIGTUNE_EVENT_STARTED: a guest has started or restarted
 * @MIGTUNE_EVENT_STOPPED: a guest has ended
 * @MIGTUNE_EVENT_MIGRATED: a guest has migrated to another host
 * @MIGTUNE_EVENT_LOST: the connection was lost and is being opened again;
 *   events of the meantime follow after %MIGTUNE_EVENT_REGAINED
 * @MIGTUNE_EVENT_REGAINED: the connection is open again
 *
 * An event.  More may be added at the end.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_EVENT_STARTED,
    MIGTUNE_EVENT_STOPPED,
    MIGTUNE_EVENT_MIGRATED,
    MIGTUNE_EVENT_LOST,
    MIGTUNE_EVENT_REGAINED,
} MigtuneEvent;

/**
 * migtune_event_to_string:
 * @event: a #MigtuneEvent
 *
 * Converts an event to its name in JSON output.
 *
 * Returns: the stable name of @event as it stands in JSON output: "started",
 *   "stopped", "migrated", "lost" or "regained"; "unknown" for any other.
 * Since: 0.1
 */
const char *migtune_event_to_string(MigtuneEvent event);

/**
 * MigtuneEventFunc:
 * @conn: the connection
 * @event: the event
 * @key: (nullable): key of the domain, for migtune_conn_open_domain(); %NULL
 *   for an event of the connection
 * @detail: (nullable): the cause: "booted", "arrived" (by migration),
 *   "restored", "snapshot" or "woken"; "shutdown", "destroyed", "crashed",
 *   "migrated", "saved", "failed" or "snapshot"; "unseen" if it happened while
 *   the connection was lost; "unknown" for a cause of a newer libvirt; %NULL
 *   for an event of the connection
 * @user_data: as given
 *
 * Called in a thread of the driver, one event after the other.  It must not
 * call migtune_conn_watch(), and must not release the last reference to @conn.
 *
 * Since: 0.1
 */
typedef void (*MigtuneEventFunc)(MigtuneConn *conn, MigtuneEvent event,
                                 const char *key, const char *detail,
                                 gpointer user_data);

/**
 * migtune_conn_watch:
 * @conn: a connection
 * @func: (nullable) (scope forever): called for each event, also before this
 *   function returns, until this function is called again; %NULL to end
 * @user_data: for @func
 * @error: return location
 *
 * Watches the guests of @conn.  An earlier @func is replaced, and is not called
 * any more once this function has returned.
 *
 * An open domain stands for one process of QEMU.  After that process has ended,
 * because the guest was restarted or has migrated, for example, every call on
 * the domain fails with %MIGTUNE_ERROR_NOT_RUNNING, and the domain has to be
 * opened again.  With a watch this is noticed by events.  Without one libvirt
 * is asked before each change, and before other calls after a pause.
 *
 * A watched connection is kept alive by messages: a daemon that does not answer
 * them for half a minute counts as lost.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_UNSUPPORTED if the driver has no events,
 *   such as `qmp:`, or an error of migtune_conn_open().
 * Since: 0.1
 */
gboolean migtune_conn_watch(MigtuneConn *conn, MigtuneEventFunc func,
                            gpointer user_data, GError **error);

G_END_DECLS
