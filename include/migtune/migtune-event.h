/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Events: which guests of a connection start and end while it is open.
 */

#include <migtune/migtune-conn.h>

G_BEGIN_DECLS

/**
 * MigtuneEvent:
 * @MIGTUNE_EVENT_STARTED: a guest runs that did not, or runs anew
 * @MIGTUNE_EVENT_STOPPED: a guest does not run any more
 * @MIGTUNE_EVENT_MIGRATED: it runs on another host now
 * @MIGTUNE_EVENT_LOST: the connection is gone, and is being opened anew; what
 *   happens until %MIGTUNE_EVENT_REGAINED is told after that
 * @MIGTUNE_EVENT_REGAINED: it is there again
 *
 * What has happened.  More may be added at the end.
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
 * Returns: the stable name of @event as it stands in JSON output: "started",
 *   "stopped", "migrated", "lost" or "regained"; "unknown" for any other.
 * Since: 0.1
 */
const char *migtune_event_to_string(MigtuneEvent event);

/**
 * MigtuneEventFunc:
 * @conn: the connection
 * @event: what has happened
 * @key: (nullable): of which domain, for migtune_conn_open_domain(); %NULL for
 *   what is about the connection
 * @detail: (nullable): how: "booted", "arrived" (by migration), "restored",
 *   "snapshot" or "woken"; "shutdown", "destroyed", "crashed", "migrated",
 *   "saved", "failed" or "snapshot"; "unseen" for what happened while the
 *   connection was lost; "unknown" for what only a newer libvirt has; %NULL
 *   for what is about the connection
 * @user_data: as given
 *
 * Called from a thread of the driver's own, one event after the other.  It may
 * call anything but migtune_conn_watch() and what could be the last
 * migtune_conn_unref().
 *
 * Since: 0.1
 */
typedef void (*MigtuneEventFunc)(MigtuneConn *conn, MigtuneEvent event,
                                 const char *key, const char *detail,
                                 gpointer user_data);

/**
 * migtune_conn_watch:
 * @conn: a connection
 * @func: (nullable): called for each event, from before this function returns
 *   until it is called again; %NULL for no more
 * @user_data: for @func
 * @error: return location
 *
 * Watches the guests of @conn.  @func takes the place of an earlier one, which
 * is not called any more when this function has returned.
 *
 * A domain that is open stands for one process of QEMU.  When that has ended,
 * be it that the guest runs anew or on another host, whatever is done with it
 * fails with %MIGTUNE_ERROR_NOT_RUNNING: it has to be opened again.  On a
 * connection that is watched that is noticed by events; on others libvirt is
 * asked before each change, and before anything else after a pause.
 *
 * A connection that is watched is kept alive by messages: a daemon that does
 * not answer them for half a minute counts as gone.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_UNSUPPORTED where the driver has no
 *   events, as that of `qmp:`, or what migtune_conn_open() says.
 * Since: 0.1
 */
gboolean migtune_conn_watch(MigtuneConn *conn, MigtuneEventFunc func,
                            gpointer user_data, GError **error);

G_END_DECLS
