/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of a reference guest's monitor: see ref-client.h.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "lib/ref-client.h"
#include "util/json-peek.h"
#include "util/json.h"

#define WAIT_US (60 * G_USEC_PER_SEC)

struct RefClient {
    MtRefGuest *guest;
    gboolean owns_guest;
    MtRefMonitor *monitor;

    GMutex lock;
    /* Protected by the lock. */
    GString *text;              /* answers, or all lines */
    GString *events;
    gboolean split;             /* events, if they are collected separately */
    gboolean closed;
};

static gboolean
client_keep_event(RefClient *c, const char *text, gsize length)
{
    g_autoptr(JsonObject) message = mt_json_parse_object(text, length - 2,
                                                         NULL);
    const char *name;
    JsonObject *data;

    if (!message || !json_object_has_member(message, "event"))
        return FALSE;

    name = json_object_get_string_member(message, "event");
    g_string_append_printf(c->events, "%s%s", c->events->len ? " " : "", name);
    if (!json_object_has_member(message, "data"))
        return TRUE;
    data = json_object_get_object_member(message, "data");
    if (json_object_has_member(data, "status"))
        g_string_append_printf(c->events, ":%s",
                               json_object_get_string_member(data, "status"));
    if (json_object_has_member(data, "pass"))
        g_string_append_printf(c->events, ":%d",
                               (int)json_object_get_int_member(data, "pass"));
    return TRUE;
}

static void
client_output(const char *text, gsize length, gpointer data)
{
    RefClient *c = data;

    g_mutex_lock(&c->lock);
    if (!text) {
        g_assert_false(c->closed);
        c->closed = TRUE;
    } else {
        g_assert_cmpuint(length, >, 2);
        g_assert_cmpmem(text + length - 2, 2, "\r\n", 2);
        if (!c->split || !client_keep_event(c, text, length))
            g_string_append_len(c->text, text, length);
    }
    g_mutex_unlock(&c->lock);
}

static RefClient *
client_new(MtRefGuest *guest, gboolean owns_guest)
{
    RefClient *c = g_new0(RefClient, 1);

    g_mutex_init(&c->lock);
    c->text = g_string_new(NULL);
    c->events = g_string_new(NULL);
    c->guest = guest;
    c->owns_guest = owns_guest;
    c->monitor = mt_ref_monitor_new(guest, client_output, c);
    return c;
}

RefClient *
ref_client_new_silent(const MtRefGuestSpec *spec)
{
    g_autoptr(MtRefGuestSpec) own = NULL;
    g_autoptr(GError) error = NULL;
    MtRefGuest *guest;

    if (!spec) {
        own = mt_ref_guest_spec_new("test", MT_RELEASE(7, 2));
        own->ram_bytes = 1 << 20;
    }
    guest = mt_ref_guest_new(spec ? spec : own, &error);
    g_assert_no_error(error);
    return client_new(guest, TRUE);
}

static void
client_negotiate(RefClient *c)
{
    g_autofree char *greeting = ref_client_take(c);
    g_autofree char *answer =
        ref_client_say(c, "{'execute': 'qmp_capabilities'}\n", -1);

    g_assert_nonnull(strstr(greeting, "\"QMP\""));
    g_assert_cmpstr(answer, ==, "{\"return\": {}}\r\n");
    g_mutex_lock(&c->lock);
    c->split = TRUE;
    g_mutex_unlock(&c->lock);
}

RefClient *
ref_client_new(const MtRefGuestSpec *spec)
{
    RefClient *c = ref_client_new_silent(spec);

    client_negotiate(c);
    return c;
}

RefClient *
ref_client_new_second(RefClient *first)
{
    RefClient *c = client_new(first->guest, FALSE);

    client_negotiate(c);
    return c;
}

void
ref_client_free(RefClient *c)
{
    if (!c)
        return;

    mt_ref_monitor_free(c->monitor);
    if (c->owns_guest)
        mt_ref_guest_free(c->guest);
    g_string_free(c->text, TRUE);
    g_string_free(c->events, TRUE);
    g_mutex_clear(&c->lock);
    g_free(c);
}

MtRefGuest *
ref_client_guest(RefClient *c)
{
    return c->guest;
}

char *
ref_client_take(RefClient *c)
{
    char *text;

    g_mutex_lock(&c->lock);
    text = g_strdup(c->text->str);
    g_string_truncate(c->text, 0);
    g_mutex_unlock(&c->lock);
    return text;
}

char *
ref_client_say(RefClient *c, const char *text, gssize length)
{
    mt_ref_monitor_feed(c->monitor, text,
                        length < 0 ? strlen(text) : (gsize)length, NULL, 0);
    return ref_client_take(c);
}

char *
ref_client_say_fd(RefClient *c, const char *text, int fd)
{
    mt_ref_monitor_feed(c->monitor, text, strlen(text), &fd, 1);
    return ref_client_take(c);
}

gboolean
ref_client_is_closed(RefClient *c)
{
    gboolean closed;

    g_mutex_lock(&c->lock);
    closed = c->closed;
    g_mutex_unlock(&c->lock);
    return closed;
}

JsonObject *
ref_client_ask(RefClient *c, const char *command, const char *arguments)
{
    g_autofree char *line = g_strdup_printf(
        "{'execute': '%s'%s%s}\n", command,
        arguments ? ", 'arguments': " : "", arguments ? arguments : "");
    g_autofree char *answer = ref_client_say(c, line, -1);
    g_autoptr(GError) error = NULL;
    JsonObject *object;

    if (!*answer)
        g_error("%s was not answered", line);
    object = mt_json_parse_object(answer, strlen(answer) - 2, &error);
    if (error)
        g_error("%s: answer \"%s\": %s", line, answer, error->message);
    return object;
}

JsonNode *
ref_client_get(RefClient *c, const char *command, const char *arguments)
{
    g_autoptr(JsonObject) answer = ref_client_ask(c, command, arguments);

    if (!json_object_has_member(answer, "return")) {
        g_autofree char *text = mt_json_object_to_line(answer);

        g_error("%s %s: %s", command, arguments ? arguments : "", text);
    }
    return json_object_dup_member(answer, "return");
}

void
ref_client_run(RefClient *c, const char *command, const char *format, ...)
{
    g_autofree char *arguments = NULL;
    g_autoptr(JsonNode) result = NULL;
    va_list args;

    if (format) {
        va_start(args, format);
        arguments = g_strdup_vprintf(format, args);
        va_end(args);
    }
    result = ref_client_get(c, command, arguments);
}

char *
ref_client_refused(RefClient *c, const char *command, const char *arguments)
{
    g_autoptr(JsonObject) answer = ref_client_ask(c, command, arguments);
    JsonObject *error;

    if (!json_object_has_member(answer, "error"))
        g_error("%s %s was not refused", command, arguments ? arguments : "");
    error = json_object_get_object_member(answer, "error");
    return g_strdup(json_object_get_string_member(error, "desc"));
}

char *
ref_client_events(RefClient *c)
{
    char *events;

    g_mutex_lock(&c->lock);
    events = g_strdup(c->events->str);
    g_mutex_unlock(&c->lock);
    return events;
}

static char *
client_text_of(RefClient *c, const char *command, const char *absent)
{
    g_autoptr(JsonNode) node = ref_client_get(c, command, NULL);
    JsonObject *object = json_node_get_object(node);

    return g_strdup(json_object_has_member(object, "status") ?
                    json_object_get_string_member(object, "status") : absent);
}

char *
ref_client_status(RefClient *c)
{
    return client_text_of(c, "query-migrate", "none");
}

char *
ref_client_run_state(RefClient *c)
{
    return client_text_of(c, "query-status", "?");
}

void
ref_client_wait(RefClient *c, const char *wanted)
{
    static const char *const final[] = {
        "completed", "failed", "cancelled", NULL
    };
    gint64 end = g_get_monotonic_time() + WAIT_US;

    for (;;) {
        g_autofree char *status = ref_client_status(c);

        if (strcmp(status, wanted) == 0)
            return;
        if (g_strv_contains(final, status) ||
            g_get_monotonic_time() > end) {
            g_autoptr(JsonNode) node = ref_client_get(c, "query-migrate",
                                                      NULL);
            g_autofree char *all = mt_json_to_line(node);

            g_error("waiting for %s: %s", wanted, all);
        }
        g_usleep(1000);
    }
}

char *
ref_client_path(const char *name)
{
    static int counter;
    g_autofree char *base =
        g_strdup_printf("migtune-ref-%d-%d-%s", (int)getpid(),
                        g_atomic_int_add(&counter, 1), name);

    return g_build_filename(g_get_tmp_dir(), base, NULL);
}

void
ref_client_assert_same_ram(RefClient *a, RefClient *b)
{
    g_autofree char *where = NULL;

    if (!mt_ram_equal(mt_ref_guest_get_ram(ref_client_guest(a)),
                      mt_ref_guest_get_ram(ref_client_guest(b)), &where))
        g_error("RAM differs: %s", where);
}

void
ref_client_migrate(RefClient *from, RefClient *to, const char *scheme)
{
    g_autofree char *path = ref_client_path("link");
    g_autofree char *uri = g_strdup_printf("unix:%s", path);

    if (strcmp(scheme, "tcp") == 0) {
        g_autoptr(JsonNode) info = NULL;
        JsonArray *list;
        JsonObject *address;

        ref_client_run(to, "migrate-incoming", "{'uri': 'tcp:127.0.0.1:0'}");
        info = ref_client_get(to, "query-migrate", NULL);
        list = mt_json_peek_array(json_node_get_object(info),
                                  "socket-address");
        g_assert_nonnull(list);
        address = json_array_get_object_element(list, 0);
        g_free(uri);
        uri = g_strdup_printf("tcp:%s:%s",
                              mt_json_peek_string(address, "host"),
                              mt_json_peek_string(address, "port"));
    } else {
        ref_client_run(to, "migrate-incoming", "{'uri': '%s'}", uri);
    }
    ref_client_run(from, "migrate", "{'uri': '%s'}", uri);
}

RefClient *
ref_client_new_guest(MtRelease release, gboolean incoming)
{
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new("guest", release);
    RefClient *c;

    spec->ram_bytes = REF_CLIENT_RAM_BYTES;
    spec->content = MT_CONTENT_MIXED;
    spec->content_seed = 7;
    spec->incoming = incoming;
    c = ref_client_new(spec);
    ref_client_run(c, "migrate-set-capabilities", "{'capabilities': "
                   "[{'capability': 'events', 'state': true}]}");
    return c;
}

RefClient *
ref_client_new_slow(MtRelease release, const char *bandwidth)
{
    RefClient *c = ref_client_new_guest(release, FALSE);

    ref_client_run(c, "migrate-set-parameters", "{'max-bandwidth': %s}",
                   bandwidth);
    return c;
}

gint64
ref_client_number(RefClient *c, const char *path)
{
    g_autoptr(JsonNode) info = ref_client_get(c, "query-migrate", NULL);
    JsonObject *object = json_node_get_object(info);
    const char *dot = strchr(path, '.');
    gint64 number = 0;

    if (dot) {
        g_autofree char *parent = g_strndup(path, dot - path);

        object = mt_json_peek_object(object, parent);
        g_assert_nonnull(object);
    }
    if (!mt_json_peek_int(object, dot ? dot + 1 : path, &number))
        g_error("query-migrate has no %s", path);
    return number;
}

void
ref_client_assert_run_state(RefClient *c, const char *wanted)
{
    g_autofree char *state = ref_client_run_state(c);

    g_assert_cmpstr(state, ==, wanted);
}

void
ref_client_wait_come_in(RefClient *c, const char *wanted)
{
    gint64 end = g_get_monotonic_time() + WAIT_US;

    while (g_get_monotonic_time() < end) {
        g_autofree char *state = ref_client_run_state(c);

        if (strcmp(state, "inmigrate") != 0)
            break;
        g_usleep(1000);
    }
    if (wanted)
        ref_client_assert_run_state(c, wanted);
}
