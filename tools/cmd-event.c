/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for events of the guests of a connection.
 *
 * A thread of the library queues the events. The command prints them in order
 * and checks at intervals whether it should stop.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib/gi18n.h>

#include "cmd.h"

#define EVENT_LOOK_US (50 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    MigtuneEvent event;
    char *key;
    char *detail;
} Event;

static void
event_free(gpointer data)
{
    Event *event = data;

    g_free(event->key);
    g_free(event->detail);
    g_free(event);
}

static void
event_queue(MigtuneConn *conn, MigtuneEvent event, const char *key,
           const char *detail, gpointer user_data)
{
    GAsyncQueue *queue = user_data;
    Event *copy = g_new0(Event, 1);

    copy->event = event;
    copy->key = g_strdup(key);
    copy->detail = g_strdup(detail);
    g_async_queue_push(queue, copy);
}

static void
event_print(const Tool *tool, const Event *event)
{
    const char *name = migtune_event_to_string(event->event);
    g_autoptr(JsonNode) node = NULL;
    JsonObject *object;

    if (!tool->json) {
        if (event->key)
            out_line("%s: %s (%s)", event->key, name, event->detail);
        else
            out_line(_("connection: %s"), name);
    } else {
        object = json_object_new();
        json_object_set_string_member(object, "event", name);
        if (event->key)
            json_object_set_string_member(object, "domain", event->key);
        else
            json_object_set_null_member(object, "domain");
        if (event->detail)
            json_object_set_string_member(object, "detail", event->detail);
        else
            json_object_set_null_member(object, "detail");
        node = json_node_new(JSON_NODE_OBJECT);
        json_node_take_object(node, object);
        out_json(node);
    }
    fflush(stdout);
}

/* Prints events until the command should end; only those of @domain unless it
 * is NULL. */
static gboolean
event_loop(Tool *tool, const CmdLine *line, const char *domain,
           GAsyncQueue *queue, GError **error)
{
    const char *timeout = cmd_line_get(line, "timeout");
    gboolean loop = cmd_line_has(line, "loop");
    gint64 seconds = timeout ? g_ascii_strtoll(timeout, NULL, 10) : 0;
    gint64 end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;

    while (!g_cancellable_is_cancelled(tool->cancellable)) {
        Event *event = g_async_queue_timeout_pop(queue, EVENT_LOOK_US);
        gboolean is_meant = event && (!domain || !event->key ||
                                      strcmp(domain, event->key) == 0);

        if (is_meant)
            event_print(tool, event);
        is_meant = is_meant && event->key;
        g_clear_pointer(&event, event_free);
        if (is_meant && !loop)
            return TRUE;
        if (timeout && g_get_monotonic_time() >= end) {
            if (loop)
                return TRUE;
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              _("no event within %s s"), timeout);
            return FALSE;
        }
    }
    if (loop)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      _("the command was stopped before an event came"));
    return FALSE;
}

static int
event_run(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(GAsyncQueue) queue = g_async_queue_new_full(event_free);
    const char *key = cmd_line_get(line, "domain");
    MigtuneConn *conn = tool_connect(tool, error);
    g_autoptr(MigtuneDomain) domain = NULL;
    gboolean ok;

    if (!conn || !migtune_conn_watch(conn, event_queue, queue, error))
        return TOOL_FAILED;

    /* One question that does not depend on whether the guest runs: a list of
     * those that run and a list of the others miss a guest that changes
     * between the two. */
    if (key)
        domain = migtune_conn_lookup(conn, key, tool->cancellable, error);
    ok = !key || domain;
    if (ok && !tool->quiet && !tool->json) {
        out_line(_("Waiting for events of %s"), migtune_conn_get_uri(conn));
        fflush(stdout);
    }
    ok = ok && event_loop(tool, line,
                          domain ? migtune_domain_get_key(domain) : NULL,
                          queue, error);
    migtune_conn_watch(conn, NULL, NULL, NULL);

    return ok ? TOOL_DONE : TOOL_FAILED;
}

static const CmdOption event_options[] = {
    { "domain", 0, CMD_OPT_DATA, .word = CMD_WORD_DOMAIN,
      .metavar = "DOMAIN", .help = N_("only events of this guest") },
    { "loop", 0, CMD_OPT_FLAG,
      .help = N_("continue after the first event") },
    { "timeout", 0, CMD_OPT_NUMBER, .metavar = "SECONDS",
      .help = N_("how long to wait; the default is no limit") },
    { NULL }
};

const Cmd cmd_event_commands[] = {
    { "event", 0, event_options, event_run,
      N_("wait until a guest starts or stops"),
      N_("Waits until a libvirt guest starts, stops or migrates away, and "
         "prints the event and its cause: started (booted, arrived, "
         "restored, snapshot or woken), stopped (shutdown, destroyed, "
         "crashed, saved, failed or snapshot), migrated. If the connection "
         "is lost, for example because the daemon is restarted, it is opened "
         "again; both events are printed, and events that were missed in "
         "between are marked 'unseen'. With --loop the command continues "
         "until the timeout or SIGINT. Without --loop the exit status is 1 "
         "if no event came.") },
    { NULL }
};
