/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for what happens to the guests of a connection.
 *
 * Events come from a thread of the library's; the command prints them one
 * after the other, and looks now and then whether it is to stop.
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
event_take(MigtuneConn *conn, MigtuneEvent event, const char *key,
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

/* FALSE with an error unless there is a domain of that name. */
static gboolean
event_check_domain(MigtuneConn *conn, const char *name, GError **error)
{
    g_auto(GStrv) active = migtune_conn_list(conn, error);
    g_auto(GStrv) inactive =
        active ? migtune_conn_list_inactive(conn, error) : NULL;

    if (!inactive)
        return FALSE;
    if (g_strv_contains((const char *const *)active, name) ||
        g_strv_contains((const char *const *)inactive, name))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                      _("no domain is called '%s'"), name);
    return FALSE;
}

/* Prints what comes until it is to end; FALSE with an error. */
static gboolean
event_loop(Tool *tool, const CmdLine *line, GAsyncQueue *queue,
           GError **error)
{
    const char *domain = cmd_line_get(line, "domain");
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
                              _("nothing happened within %s s"), timeout);
            return FALSE;
        }
    }
    if (loop)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      _("it was stopped before anything happened"));
    return FALSE;
}

static int
event_run(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(GAsyncQueue) queue = g_async_queue_new_full(event_free);
    const char *domain = cmd_line_get(line, "domain");
    MigtuneConn *conn = tool_connect(tool, error);
    gboolean ok;

    if (!conn || !migtune_conn_watch(conn, event_take, queue, error))
        return TOOL_FAILED;

    ok = !domain || event_check_domain(conn, domain, error);
    if (ok && !tool->quiet && !tool->json) {
        out_line(_("Waiting for events of %s"), migtune_conn_get_uri(conn));
        fflush(stdout);
    }
    ok = ok && event_loop(tool, line, queue, error);
    migtune_conn_watch(conn, NULL, NULL, NULL);

    return ok ? TOOL_DONE : TOOL_FAILED;
}

static const CmdOption event_options[] = {
    { "domain", 0, CMD_OPT_DATA, .word = CMD_WORD_DOMAIN,
      .metavar = "DOMAIN", .help = N_("only of this guest") },
    { "loop", 0, CMD_OPT_FLAG,
      .help = N_("go on after the first event") },
    { "timeout", 0, CMD_OPT_NUMBER, .metavar = "SECONDS",
      .help = N_("how long to wait; without it for ever") },
    { NULL }
};

const Cmd cmd_event_commands[] = {
    { "event", 0, event_options, event_run,
      N_("wait until a guest starts or ends"),
      N_("Waits until a guest of libvirt starts, is stopped or is migrated "
         "away, and prints that, with how it came: started (booted, arrived, "
         "restored, snapshot or woken), stopped (shutdown, destroyed, "
         "crashed, saved, failed or snapshot), migrated. A connection that is "
         "lost, as by a restart of the daemon, is opened anew, and both is "
         "printed; what happened meanwhile is called unseen. With --loop it "
         "goes on until the time is over or SIGINT comes. Without, the exit "
         "status is 1 when nothing has happened.") },
    { NULL }
};
