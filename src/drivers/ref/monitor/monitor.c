/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client of a guest's monitor.
 *
 * The first command of a client must be qmp_capabilities.  Each JSON value is a
 * command, and is answered before the next one is read.  Events are sent in
 * between, by any thread.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "drivers/ref/monitor/execute.h"
#include "drivers/ref/monitor/json-feed.h"
#include "drivers/ref/monitor/monitor.h"
#include "util/json-peek.h"
#include "util/json.h"

/* Out-of-band execution, and the present texts, exist since these releases. */
#define OOB_SINCE MT_RELEASE(3, 1)
#define SHORT_TEXTS_SINCE MT_RELEASE(2, 12)

/* Descriptors that no command has taken yet. */
#define MAX_FDS 16

struct MtRefMonitor {
    MtRefGuest *guest;
    MtRefOutputFunc output;
    gpointer user_data;
    MtJsonFeed *feed;
    guint watch, watch_end;
    GArray *fds;
    gboolean oob;               /* the client has enabled it */

    GMutex lock;
    /* Under @lock. */
    gboolean ready;             /* negotiated: send events */
    gboolean executing;
    gboolean ending;            /* close after the answer */
    gboolean closed;
};

typedef struct {
    const char *command;
    JsonObject *arguments;      /* NULL: none */
    JsonNode *id;               /* NULL: none */
    gboolean out_of_band;
} MonitorRequest;

static void
monitor_send(MtRefMonitor *m, JsonObject *object)
{
    g_autofree char *line = mt_json_object_to_line(object);
    g_autofree char *text = g_strconcat(line, "\r\n", NULL);

    g_mutex_lock(&m->lock);
    if (!m->closed)
        m->output(text, strlen(text), m->user_data);
    g_mutex_unlock(&m->lock);
}

static void
monitor_close_locked(MtRefMonitor *m)
{
    if (!m->closed)
        m->output(NULL, 0, m->user_data);
    m->closed = TRUE;
}

static gboolean
monitor_is_closed(MtRefMonitor *m)
{
    gboolean closed;

    g_mutex_lock(&m->lock);
    closed = m->closed;
    g_mutex_unlock(&m->lock);
    return closed;
}

static MtRelease
monitor_release(MtRefMonitor *m)
{
    return mt_ref_profile_release(mt_ref_guest_get_profile(m->guest));
}

static void
monitor_greet(MtRefMonitor *m)
{
    g_autoptr(JsonObject) greeting = json_object_new();
    JsonObject *qmp = json_object_new();
    JsonArray *offered = json_array_new();

    if (monitor_release(m) >= OOB_SINCE)
        json_array_add_string_element(offered, "oob");
    json_object_set_object_member(
        qmp, "version",
        mt_ref_profile_version(mt_ref_guest_get_profile(m->guest)));
    json_object_set_array_member(qmp, "capabilities", offered);
    json_object_set_object_member(greeting, "QMP", qmp);
    monitor_send(m, greeting);
}

static void
monitor_on_event(const char *event, JsonObject *data, gint64 timestamp_us,
                 gpointer user_data)
{
    MtRefMonitor *m = user_data;
    g_autoptr(JsonObject) message = NULL;
    JsonObject *timestamp;
    gboolean ready;

    g_mutex_lock(&m->lock);
    ready = m->ready;
    g_mutex_unlock(&m->lock);
    if (!ready)
        return;

    message = json_object_new();
    timestamp = json_object_new();
    json_object_set_int_member(timestamp, "seconds",
                               timestamp_us / G_USEC_PER_SEC);
    json_object_set_int_member(timestamp, "microseconds",
                               timestamp_us % G_USEC_PER_SEC);
    json_object_set_object_member(message, "timestamp", timestamp);
    json_object_set_string_member(message, "event", event);
    if (data)
        json_object_set_object_member(message, "data",
                                      json_object_ref(data));
    monitor_send(m, message);
}

static void
monitor_on_end(gpointer user_data)
{
    MtRefMonitor *m = user_data;

    g_mutex_lock(&m->lock);
    m->ending = TRUE;
    if (!m->executing)
        monitor_close_locked(m);
    g_mutex_unlock(&m->lock);
}

static void
monitor_answer(MtRefMonitor *m, JsonNode *id, JsonNode *result)
{
    g_autoptr(JsonObject) message = json_object_new();

    json_object_set_member(message, "return", result);
    if (id)
        json_object_set_member(message, "id", json_node_copy(id));
    monitor_send(m, message);
}

static void
monitor_refuse(MtRefMonitor *m, JsonNode *id, const char *error_class,
               const char *desc)
{
    g_autoptr(JsonObject) message = json_object_new();
    JsonObject *error = json_object_new();

    json_object_set_string_member(error, "class", error_class);
    json_object_set_string_member(error, "desc", desc);
    json_object_set_object_member(message, "error", error);
    if (id)
        json_object_set_member(message, "id", json_node_copy(id));
    monitor_send(m, message);
}

/* Whether @name is "execute", or "exec-oob" if that is enabled. */
static gboolean
monitor_is_execute(MtRefMonitor *m, const char *name)
{
    return strcmp(name, "execute") == 0 ||
           (m->oob && strcmp(name, "exec-oob") == 0);
}

static gboolean
monitor_read_member(MtRefMonitor *m, MonitorRequest *request, const char *name,
               JsonNode *value, MtRefRefusal *refusal)
{
    if (strcmp(name, "id") == 0)
        return TRUE;
    if (strcmp(name, "arguments") == 0) {
        if (!JSON_NODE_HOLDS_OBJECT(value))
            return mt_ref_refuse(refusal, "QMP input member '%s' must be an "
                                 "object", name);
        request->arguments = json_node_get_object(value);
        return TRUE;
    }
    if (!monitor_is_execute(m, name))
        return mt_ref_refuse(refusal, "QMP input member '%s' is unexpected",
                             name);
    if (request->command)
        return mt_ref_refuse(refusal, "QMP input member '%s' clashes with "
                             "another", name);
    if (!mt_json_node_peek_string(value))
        return mt_ref_refuse(refusal, "QMP input member '%s' must be a "
                             "string", name);

    request->command = mt_json_node_peek_string(value);
    request->out_of_band = strcmp(name, "execute") != 0;
    return TRUE;
}

static gboolean
monitor_read_request(MtRefMonitor *m, JsonObject *object,
                     MonitorRequest *request, MtRefRefusal *refusal)
{
    g_autoptr(GList) names = json_object_get_members(object);

    request->id = json_object_get_member(object, "id");
    for (GList *l = names; l; l = l->next) {
        if (!monitor_read_member(m, request, l->data,
                            json_object_get_member(object, l->data), refusal))
            return FALSE;
    }
    return request->command ? TRUE :
           mt_ref_refuse(refusal, "QMP input lacks member 'execute'");
}

static gboolean
monitor_refuse_order(MtRefMonitor *m, const char *command, gboolean done,
                     MtRefRefusal *refusal)
{
    gboolean brief = monitor_release(m) >= SHORT_TEXTS_SINCE;

    if (done && brief)
        mt_ref_refuse(refusal, "Capabilities negotiation is already complete, "
                      "command ignored");
    else if (done)
        mt_ref_refuse(refusal, "Capabilities negotiation is already complete, "
                      "command '%s' ignored", command);
    else if (brief)
        mt_ref_refuse(refusal, "Expecting capabilities negotiation with "
                      "'qmp_capabilities'");
    else
        mt_ref_refuse(refusal, "Expecting capabilities negotiation with "
                      "'qmp_capabilities' before command '%s'", command);
    refusal->error_class = "CommandNotFound";
    return FALSE;
}

static gboolean
monitor_negotiate(MtRefMonitor *m, JsonObject *arguments, JsonNode **ret_result,
                  MtRefRefusal *refusal)
{
    g_autoptr(JsonObject) args = arguments ? json_object_ref(arguments) :
                                 json_object_new();
    const MtRefGuestSpec *spec = mt_ref_guest_get_spec(m->guest);
    JsonArray *enable;

    if (!mt_ref_input_check(mt_ref_guest_get_profile(m->guest),
                            "qmp_capabilities", args,
                            mt_ref_guest_spec_reject(spec), refusal))
        return FALSE;

    enable = mt_json_peek_array(args, "enable");
    for (guint i = 0; enable && i < json_array_get_length(enable); i++)
        m->oob |= g_strcmp0(json_array_get_string_element(enable, i),
                            "oob") == 0;
    g_mutex_lock(&m->lock);
    m->ready = TRUE;
    g_mutex_unlock(&m->lock);
    *ret_result = mt_json_node_new_object(json_object_new());
    return TRUE;
}

/* Handles qmp_capabilities; other commands go to the guest. */
static MtRefAnswer
monitor_execute(MtRefMonitor *m, const MonitorRequest *request,
                JsonNode **ret_result, MtRefRefusal *refusal)
{
    gboolean negotiation = strcmp(request->command, "qmp_capabilities") == 0;
    MtRefAnswer answer;
    int fd = -1;

    if (negotiation && !m->ready)
        return monitor_negotiate(m, request->arguments, ret_result, refusal) ?
               MT_REF_ANSWERED : MT_REF_REFUSED;
    if (negotiation && !mt_ref_input_check(
                           mt_ref_guest_get_profile(m->guest),
                           request->command, request->arguments, 0,
                           refusal))
        return MT_REF_REFUSED;
    if (negotiation || !m->ready) {
        monitor_refuse_order(m, request->command, m->ready, refusal);
        return MT_REF_REFUSED;
    }
    if (request->out_of_band && strcmp(request->command, "migrate-pause") &&
        strcmp(request->command, "migrate-recover")) {
        mt_ref_refuse(refusal, "The command %s does not support OOB",
                      request->command);
        return MT_REF_REFUSED;
    }

    if (m->fds->len)
        fd = g_array_index(m->fds, int, 0);
    answer = mt_ref_execute_fd(m->guest, request->command,
                                     request->arguments, &fd, ret_result,
                                     refusal);
    if (m->fds->len && fd < 0)
        g_array_remove_index(m->fds, 0);
    return answer;
}

static void
monitor_run(MtRefMonitor *m, const MonitorRequest *request)
{
    g_auto(MtRefRefusal) refusal = { 0 };
    JsonNode *result = NULL;
    MtRefAnswer answer;

    g_mutex_lock(&m->lock);
    m->executing = TRUE;
    g_mutex_unlock(&m->lock);

    answer = monitor_execute(m, request, &result, &refusal);
    if (answer == MT_REF_REFUSED)
        monitor_refuse(m, request->id, refusal.error_class, refusal.desc);
    else if (answer != MT_REF_HANG_UP)
        monitor_answer(m, request->id, result);

    g_mutex_lock(&m->lock);
    m->executing = FALSE;
    if (answer == MT_REF_HANG_UP || answer == MT_REF_QUIT || m->ending)
        monitor_close_locked(m);
    g_mutex_unlock(&m->lock);
}

static void
monitor_bad_json(MtRefMonitor *m, const char *wrong)
{
    g_autofree char *text = NULL;

    if (monitor_release(m) < SHORT_TEXTS_SINCE)
        text = g_strdup("Invalid JSON syntax");
    else if (g_str_has_prefix(wrong, "JSON"))
        text = g_strdup(wrong);
    else
        text = g_strdup_printf("JSON parse error, %s", wrong);
    monitor_refuse(m, NULL, "GenericError", text);
}

static gboolean
monitor_on_value(JsonNode *node, const char *wrong, gpointer user_data)
{
    MtRefMonitor *m = user_data;
    g_auto(MtRefRefusal) refusal = { 0 };
    MonitorRequest request = { 0 };

    if (!node)
        monitor_bad_json(m, wrong);
    else if (!JSON_NODE_HOLDS_OBJECT(node))
        monitor_refuse(m, NULL, "GenericError",
                       "QMP input must be a JSON object");
    else if (!monitor_read_request(m, json_node_get_object(node), &request,
                                   &refusal))
        monitor_refuse(m, request.id, refusal.error_class, refusal.desc);
    else
        monitor_run(m, &request);

    return !monitor_is_closed(m);
}

MtRefMonitor *
mt_ref_monitor_new(MtRefGuest *guest, MtRefOutputFunc output,
                   gpointer user_data)
{
    MtRefMonitor *m = g_new0(MtRefMonitor, 1);

    m->guest = guest;
    m->output = output;
    m->user_data = user_data;
    m->fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_mutex_init(&m->lock);
    m->feed = mt_json_feed_new(monitor_on_value, m);
    monitor_greet(m);
    m->watch = mt_ref_guest_watch(guest, monitor_on_event, m);
    m->watch_end = mt_ref_guest_watch_end(guest, monitor_on_end, m);
    if (mt_ref_guest_has_quit(guest))
        monitor_on_end(m);
    return m;
}

static void
monitor_drop_fds(MtRefMonitor *m, guint from)
{
    for (guint i = from; i < m->fds->len; i++)
        close(g_array_index(m->fds, int, i));
    g_array_set_size(m->fds, MIN(from, m->fds->len));
}

void
mt_ref_monitor_free(MtRefMonitor *m)
{
    if (!m)
        return;

    mt_ref_guest_unwatch(m->guest, m->watch);
    mt_ref_guest_unwatch(m->guest, m->watch_end);
    mt_json_feed_free(m->feed);
    monitor_drop_fds(m, 0);
    g_array_unref(m->fds);
    g_mutex_clear(&m->lock);
    g_free(m);
}

void
mt_ref_monitor_feed(MtRefMonitor *m, const char *text, gsize length, int *fds,
                    guint n_fds)
{
    /* As with QEMU, new descriptors replace those that no command has taken. */
    if (n_fds) {
        monitor_drop_fds(m, 0);
        g_array_append_vals(m->fds, fds, n_fds);
        monitor_drop_fds(m, MAX_FDS);
    }
    if (!monitor_is_closed(m))
        mt_json_feed_push(m->feed, text, length);
}
