/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scripted monitors that listen on sockets.
 *
 * One thread polls all of them. Of a monitor with a client only that client is
 * polled, so that the next one waits in the queue of the listener, as with
 * QEMU. Answers are written with blocking calls, because a test always reads
 * them.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>

#include "fake-server.h"
#include "util/json.h"

typedef struct {
    FakeQmp *qmp;
    GSocket *listener;
    GSocket *client;            /* NULL if no client is connected */
    char *path;                 /* NULL for TCP */
    GString *input;
    FakeTrick trick;
    guint nth;
    guint n_commands;           /* commands of this connection */
    GPtrArray *held;            /* answers to send in reverse order */
} FakeMonitor;

struct _FakeServer {
    GPtrArray *monitors;
    GThread *thread;
    int stop[2];
    int n_accepted;             /* these two are atomic */
    int n_reads;
};

static const char *const trick_names[] = {
    [FAKE_TRICK_NONE] = "none",
    [FAKE_TRICK_SILENT] = "silent",
    [FAKE_TRICK_HALF_GREETING] = "half-greeting",
    [FAKE_TRICK_HALF_GREETING_CLOSE] = "half-greeting-close",
    [FAKE_TRICK_CLOSE] = "close",
    [FAKE_TRICK_GARBAGE] = "garbage",
    [FAKE_TRICK_NO_GREETING] = "no-greeting",
    [FAKE_TRICK_MEGABYTE] = "megabyte",
    [FAKE_TRICK_LONG_GREETING] = "long-greeting",
    [FAKE_TRICK_NOT_UTF8] = "not-utf8",
    [FAKE_TRICK_DEEP] = "deep",
    [FAKE_TRICK_ANSWER_TWICE] = "answer-twice",
    [FAKE_TRICK_ANSWER_WRONG_ID] = "answer-wrong-id",
    [FAKE_TRICK_ANSWER_NO_ID] = "answer-no-id",
    [FAKE_TRICK_ANSWER_NEVER] = "answer-never",
    [FAKE_TRICK_ANSWER_HALF] = "answer-half",
    [FAKE_TRICK_ANSWER_HALF_CLOSE] = "answer-half-close",
    [FAKE_TRICK_ANSWER_NOT_UTF8] = "answer-not-utf8",
    [FAKE_TRICK_ANSWER_DEEP] = "answer-deep",
    [FAKE_TRICK_ANSWER_GARBAGE] = "answer-garbage",
    [FAKE_TRICK_ANSWER_HUGE] = "answer-huge",
    [FAKE_TRICK_ANSWER_OBJECTS] = "answer-objects",
    [FAKE_TRICK_ANSWER_VALUES] = "answer-values",
    [FAKE_TRICK_ANSWER_GREETING] = "answer-greeting",
    [FAKE_TRICK_ANSWER_EVENTS] = "answer-events",
    [FAKE_TRICK_ANSWER_THEN_EVENTS] = "answer-then-events",
    [FAKE_TRICK_ANSWER_SPLIT] = "answer-split",
    [FAKE_TRICK_ANSWER_REVERSED] = "answer-reversed",
};
G_STATIC_ASSERT(G_N_ELEMENTS(trick_names) == FAKE_N_TRICKS);

const char *
fake_trick_name(FakeTrick trick)
{
    return trick < FAKE_N_TRICKS ? trick_names[trick] : NULL;
}

static void
monitor_hang_up(FakeMonitor *monitor)
{
    if (monitor->client)
        g_socket_close(monitor->client, NULL);
    g_clear_object(&monitor->client);
}

static void
monitor_send(FakeMonitor *monitor, const char *data, gsize length)
{
    while (monitor->client && length > 0) {
        gssize n = g_socket_send(monitor->client, data, length, NULL, NULL);

        if (n <= 0) {
            monitor_hang_up(monitor);
            return;
        }
        data += n;
        length -= n;
    }
}

static void
monitor_send_text(FakeMonitor *monitor, const char *text)
{
    monitor_send(monitor, text, strlen(text));
}

static void
monitor_send_run(FakeMonitor *monitor, char byte, gsize length)
{
    g_autofree char *run = g_malloc(length);

    memset(run, byte, length);
    monitor_send(monitor, run, length);
}

/* An answer that is an array of empty objects, of about @bytes. */
static void
monitor_send_objects(FakeMonitor *monitor, gsize bytes)
{
    g_autoptr(GString) text = g_string_sized_new(bytes + 64);

    g_string_append(text, "{\"return\": [");
    while (text->len < bytes)
        g_string_append(text, "{},");
    g_string_append(text, "{}]}\r\n");
    monitor_send(monitor, text->str, text->len);
}

static void
monitor_greet(FakeMonitor *monitor)
{
    g_autofree char *greeting = fake_qmp_greeting(monitor->qmp);

    monitor->n_commands = 0;
    g_string_truncate(monitor->input, 0);
    g_ptr_array_set_size(monitor->held, 0);
    switch (monitor->trick) {
    case FAKE_TRICK_SILENT:
        return;
    case FAKE_TRICK_HALF_GREETING:
    case FAKE_TRICK_HALF_GREETING_CLOSE:
        monitor_send(monitor, greeting, 20);
        if (monitor->trick == FAKE_TRICK_HALF_GREETING_CLOSE)
            monitor_hang_up(monitor);
        return;
    case FAKE_TRICK_CLOSE:
        monitor_hang_up(monitor);
        return;
    case FAKE_TRICK_GARBAGE:
        monitor_send_text(monitor, "SSH-2.0-OpenSSH_9.2\r\n");
        return;
    case FAKE_TRICK_NO_GREETING:
        monitor_send_text(monitor, "{\"return\": {}}\r\n");
        return;
    case FAKE_TRICK_MEGABYTE:
        monitor_send_run(monitor, ' ', 1024 * 1024);
        return;
    case FAKE_TRICK_LONG_GREETING:
        monitor_send_run(monitor, ' ', 80 * 1024);
        break;
    case FAKE_TRICK_NOT_UTF8:
        monitor_send_text(monitor, "{\"QMP\": \"\xff\xfe\"}\r\n");
        return;
    case FAKE_TRICK_DEEP:
        monitor_send_run(monitor, '[', 60000);
        monitor_send_text(monitor, "\r\n");
        return;
    default:
        break;
    }
    monitor_send_text(monitor, greeting);
    monitor_send_text(monitor, "\r\n");
}

static void
monitor_send_held(FakeMonitor *monitor)
{
    for (guint i = monitor->held->len; i-- > 0; )
        monitor_send_text(monitor, g_ptr_array_index(monitor->held, i));
    g_ptr_array_set_size(monitor->held, 0);
}

static void
monitor_send_events(FakeMonitor *monitor)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < 1000; i++)
        g_string_append_printf(
            text, "{\"timestamp\": {\"seconds\": %u, \"microseconds\": 5}, "
            "\"event\": \"MIGRATION_PASS\", \"data\": {\"pass\": %u}}\r\n",
            i, i);
    monitor_send(monitor, text->str, text->len);
}

/* Sends the answer to the nth command with the fault that was asked for. */
static void
monitor_answer_badly(FakeMonitor *monitor, JsonObject *reply,
                     const char *line)
{
    g_autofree char *changed = NULL;

    switch (monitor->trick) {
    case FAKE_TRICK_ANSWER_TWICE:
        monitor_send_text(monitor, line);
        monitor_send_text(monitor, line);
        return;
    case FAKE_TRICK_ANSWER_WRONG_ID:
        json_object_set_string_member(reply, "id", "mt-999999");
        changed = mt_json_object_to_line(reply);
        monitor_send_text(monitor, changed);
        monitor_send_text(monitor, "\r\n");
        return;
    case FAKE_TRICK_ANSWER_NO_ID:
        json_object_remove_member(reply, "id");
        changed = mt_json_object_to_line(reply);
        monitor_send_text(monitor, changed);
        monitor_send_text(monitor, "\r\n");
        return;
    case FAKE_TRICK_ANSWER_NEVER:
        return;
    case FAKE_TRICK_ANSWER_HALF:
    case FAKE_TRICK_ANSWER_HALF_CLOSE:
        monitor_send(monitor, line, strlen(line) / 2);
        if (monitor->trick == FAKE_TRICK_ANSWER_HALF_CLOSE)
            monitor_hang_up(monitor);
        return;
    case FAKE_TRICK_ANSWER_NOT_UTF8:
        monitor_send_text(monitor, "{\"return\": \"\xff\"}\r\n");
        return;
    case FAKE_TRICK_ANSWER_DEEP:
        monitor_send_run(monitor, '[', 60000);
        monitor_send_run(monitor, ']', 60000);
        monitor_send_text(monitor, "\r\n");
        return;
    case FAKE_TRICK_ANSWER_GARBAGE:
        monitor_send_text(monitor, "(qemu) info migrate\r\n");
        return;
    case FAKE_TRICK_ANSWER_HUGE:
        monitor_send_run(monitor, ' ', 17 * 1024 * 1024);
        return;
    case FAKE_TRICK_ANSWER_OBJECTS:
        monitor_send_objects(monitor, 16 * 1024 * 1024);
        return;
    case FAKE_TRICK_ANSWER_VALUES:
        monitor_send_objects(monitor, 1024 * 1024);
        return;
    case FAKE_TRICK_ANSWER_GREETING:
        changed = fake_qmp_greeting(monitor->qmp);
        monitor_send_text(monitor, changed);
        monitor_send_text(monitor, "\r\n");
        return;
    case FAKE_TRICK_ANSWER_EVENTS:
        monitor_send_events(monitor);
        monitor_send_text(monitor, line);
        return;
    case FAKE_TRICK_ANSWER_THEN_EVENTS:
        monitor_send_text(monitor, line);
        monitor_send_events(monitor);
        return;
    case FAKE_TRICK_ANSWER_SPLIT:
        for (const char *c = line; *c; c++) {
            monitor_send(monitor, c, 1);
            g_usleep(50);
        }
        return;
    case FAKE_TRICK_ANSWER_REVERSED:
        g_ptr_array_add(monitor->held, g_strdup(line));
        return;
    default:
        monitor_send_text(monitor, line);
    }
}

static void
monitor_command(FakeMonitor *monitor, const char *text, gsize length)
{
    g_autoptr(JsonObject) command = mt_json_parse_object(text, length, NULL);
    g_autoptr(JsonObject) reply = NULL;
    g_autofree char *body = NULL;
    g_autofree char *line = NULL;
    const char *name = NULL;
    guint nth;

    if (!command) {
        monitor_send_text(monitor, "{\"error\": {\"class\": \"GenericError\","
                          " \"desc\": \"this is not JSON\"}}\r\n");
        return;
    }
    if (fake_qmp_answer(monitor->qmp, command, &reply) == FAKE_CUT) {
        monitor_hang_up(monitor);
        return;
    }

    body = mt_json_object_to_line(reply);
    line = g_strconcat(body, "\r\n", NULL);
    mt_json_opt_string(command, "execute", &name, NULL);
    nth = g_strcmp0(name, "qmp_capabilities") == 0
        ? 0 : ++monitor->n_commands;
    if (monitor->trick >= FAKE_TRICK_ANSWER_FIRST && nth > 0 &&
        (nth == monitor->nth || (monitor->held->len && nth > monitor->nth)))
        monitor_answer_badly(monitor, reply, line);
    else
        monitor_send_text(monitor, line);
}

static void
monitor_readable(FakeServer *server, FakeMonitor *monitor)
{
    char buffer[16384];
    gssize n = g_socket_receive(monitor->client, buffer, sizeof(buffer), NULL,
                                NULL);
    char *newline;

    if (n <= 0) {
        monitor_hang_up(monitor);
        return;
    }
    g_atomic_int_inc(&server->n_reads);
    g_string_append_len(monitor->input, buffer, n);
    while (monitor->client &&
           (newline = memchr(monitor->input->str, '\n',
                             monitor->input->len))) {
        gsize length = newline + 1 - monitor->input->str;
        g_autofree char *line = g_strndup(monitor->input->str, length);

        g_string_erase(monitor->input, 0, length);
        monitor_command(monitor, line, length);
    }
    monitor_send_held(monitor);
}

static void
monitor_accept(FakeServer *server, FakeMonitor *monitor)
{
    monitor->client = g_socket_accept(monitor->listener, NULL, NULL);
    if (!monitor->client)
        return;
    g_atomic_int_inc(&server->n_accepted);
    monitor_greet(monitor);
}

static gpointer
server_main(gpointer data)
{
    FakeServer *server = data;
    guint n = server->monitors->len;
    g_autofree struct pollfd *fds = g_new0(struct pollfd, n + 1);

    for (;;) {
        fds[n].fd = server->stop[0];
        fds[n].events = POLLIN;
        for (guint i = 0; i < n; i++) {
            FakeMonitor *monitor = g_ptr_array_index(server->monitors, i);

            fds[i].fd = g_socket_get_fd(monitor->client ? monitor->client
                                        : monitor->listener);
            fds[i].events = POLLIN;
        }
        if (poll(fds, n + 1, -1) < 0 && errno != EINTR)
            break;
        if (fds[n].revents)
            break;
        for (guint i = 0; i < n; i++) {
            FakeMonitor *monitor = g_ptr_array_index(server->monitors, i);

            if (!fds[i].revents)
                continue;
            if (monitor->client)
                monitor_readable(server, monitor);
            else
                monitor_accept(server, monitor);
        }
    }

    return NULL;
}

static void
monitor_free(gpointer data)
{
    FakeMonitor *monitor = data;

    monitor_hang_up(monitor);
    g_socket_close(monitor->listener, NULL);
    g_object_unref(monitor->listener);
    if (monitor->path)
        unlink(monitor->path);
    g_free(monitor->path);
    g_string_free(monitor->input, TRUE);
    g_ptr_array_unref(monitor->held);
    fake_qmp_free(monitor->qmp);
    g_free(monitor);
}

FakeServer *
fake_server_new(void)
{
    FakeServer *server = g_new0(FakeServer, 1);

    server->monitors = g_ptr_array_new_with_free_func(monitor_free);
    if (pipe(server->stop) != 0)
        g_error("pipe: %s", g_strerror(errno));

    return server;
}

void
fake_server_free(FakeServer *server)
{
    if (!server)
        return;

    close(server->stop[1]);
    if (server->thread)
        g_thread_join(server->thread);
    close(server->stop[0]);
    g_ptr_array_unref(server->monitors);
    g_free(server);
}

static FakeMonitor *
server_add(FakeServer *server, FakeQmp *qmp, GSocketAddress *address)
{
    g_autoptr(GError) error = NULL;
    FakeMonitor *monitor = g_new0(FakeMonitor, 1);

    g_assert(!server->thread);
    monitor->qmp = qmp;
    monitor->input = g_string_new(NULL);
    monitor->held = g_ptr_array_new_with_free_func(g_free);
    monitor->listener = g_socket_new(g_socket_address_get_family(address),
                                     G_SOCKET_TYPE_STREAM,
                                     G_SOCKET_PROTOCOL_DEFAULT, &error);
    if (!monitor->listener)
        g_error("%s", error->message);
    /* The backlog that QEMU uses. */
    g_socket_set_listen_backlog(monitor->listener, 1);
    if (!g_socket_bind(monitor->listener, address, TRUE, &error) ||
        !g_socket_listen(monitor->listener, &error))
        g_error("%s", error->message);
    g_ptr_array_add(server->monitors, monitor);

    return monitor;
}

void
fake_server_add_unix(FakeServer *server, FakeQmp *qmp, const char *path)
{
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    FakeMonitor *monitor;

    unlink(path);
    monitor = server_add(server, qmp, address);
    monitor->path = g_strdup(path);
}

guint16
fake_server_add_tcp(FakeServer *server, FakeQmp *qmp, guint16 port,
                    gboolean ipv6)
{
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(
        ipv6 ? G_SOCKET_FAMILY_IPV6 : G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) address =
        g_inet_socket_address_new(loopback, port);
    g_autoptr(GSocketAddress) bound = NULL;
    FakeMonitor *monitor = server_add(server, qmp, address);

    bound = g_socket_get_local_address(monitor->listener, NULL);

    return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
}

void
fake_server_set_trick(FakeServer *server, FakeTrick trick, guint nth)
{
    FakeMonitor *monitor = g_ptr_array_index(server->monitors,
                                             server->monitors->len - 1);

    g_assert(!server->thread);
    monitor->trick = trick;
    monitor->nth = nth;
}

void
fake_server_start(FakeServer *server)
{
    server->thread = g_thread_new("fake-qmp", server_main, server);
}

guint
fake_server_n_accepted(FakeServer *server)
{
    return g_atomic_int_get(&server->n_accepted);
}

guint
fake_server_n_reads(FakeServer *server)
{
    return g_atomic_int_get(&server->n_reads);
}
