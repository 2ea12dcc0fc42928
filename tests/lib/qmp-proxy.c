/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A proxy between a client and the monitor of a real QEMU that disturbs one
 * command: it refuses the command without passing it on, answers it with bytes
 * that are not JSON, breaks the connection before or after QEMU has run it,
 * breaks it for good, or delays the command until the client disconnects, so
 * that a test can act between two commands of a client.
 *
 * qmp_capabilities and, without --all, queries (query-*) are not counted, other
 * commands are, from 1, over all connections; so a client that connects again is
 * not disturbed again.
 *
 * Prints its path when it listens and runs until its standard input ends.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>

#include "qmp/message.h"
#include "util/json.h"

typedef struct {
    char *listen;
    char *connect;
    int fail;
    int fail_from;
    int cut_before;
    int cut_after;
    int hold;
    int garbage;
    int dead_from;
    gboolean all;
    char *record;

    GSocket *listener;
    GSocket *client;
    GSocket *qemu;
    GString *from_client;
    GString *from_qemu;
    int n_changing;
    char *cut_id;               /* the connection breaks instead of its answer */
    int n_unanswered;           /* number of lines passed on */
    gboolean cut_when_answered;
} Proxy;

static void
proxy_hang_up(Proxy *proxy)
{
    if (proxy->client)
        g_socket_close(proxy->client, NULL);
    if (proxy->qemu)
        g_socket_close(proxy->qemu, NULL);
    g_clear_object(&proxy->client);
    g_clear_object(&proxy->qemu);
    g_clear_pointer(&proxy->cut_id, g_free);
    proxy->n_unanswered = 0;
    proxy->cut_when_answered = FALSE;
    g_string_truncate(proxy->from_client, 0);
    g_string_truncate(proxy->from_qemu, 0);
}

static void
proxy_send(GSocket *socket, const char *data, gsize length)
{
    while (length > 0) {
        gssize n = g_socket_send(socket, data, length, NULL, NULL);

        /* A closed connection is noticed by the next read. */
        if (n <= 0)
            return;
        data += n;
        length -= n;
    }
}

static void
proxy_forge(Proxy *proxy, JsonObject *command)
{
    g_autofree char *id = json_object_has_member(command, "id")
        ? mt_json_to_line(json_object_get_member(command, "id"))
        : g_strdup("null");
    g_autofree char *line = g_strdup_printf(
        "{\"id\": %s, \"error\": {\"class\": \"GenericError\", "
        "\"desc\": \"refused by the proxy\"}}\r\n", id);

    proxy_send(proxy->client, line, strlen(line));
}

/* Appends to the log, which is complete before the line is answered. */
static void
proxy_note(const Proxy *proxy, const char *line, gsize length)
{
    FILE *file = fopen(proxy->record, "a");

    if (!file)
        return;
    fwrite(line, 1, length, file);
    fclose(file);
}

/* Answers with something that no QEMU sends. */
static void
proxy_answer_garbage(Proxy *proxy)
{
    static const char garbage[] = "\001\377{\"return\": \002\r\n";

    proxy_send(proxy->client, garbage, sizeof(garbage) - 1);
}

/* Hangs up, and refuses all later connections. */
static void
proxy_die(Proxy *proxy)
{
    proxy_hang_up(proxy);
    g_socket_close(proxy->listener, NULL);
    unlink(proxy->listen);
}

static void
proxy_command(Proxy *proxy, const char *line, gsize length)
{
    g_autoptr(JsonObject) command = mt_json_parse_object(line, length, NULL);
    const char *name = NULL;
    const char *id = NULL;
    int nth = 0;

    if (command && mt_json_opt_string(command, "execute", &name, NULL) &&
        name && strcmp(name, "qmp_capabilities") != 0 &&
        (proxy->all || !g_str_has_prefix(name, "query-")))
        nth = ++proxy->n_changing;
    if (nth > 0 && proxy->record)
        proxy_note(proxy, line, length);
    if (nth > 0 && nth == proxy->hold)
        return;
    if (nth > 0 && nth == proxy->garbage) {
        proxy_answer_garbage(proxy);
        return;
    }
    if (nth > 0 && nth == proxy->dead_from) {
        proxy_die(proxy);
        return;
    }
    if (nth > 0 && (nth == proxy->fail ||
                    (proxy->fail_from && nth >= proxy->fail_from))) {
        proxy_forge(proxy, command);
        return;
    }
    /* Commands after the last one are lost with the connection. */
    if (proxy->cut_id)
        return;
    /* Earlier commands must have run: QEMU drops commands that are still
     * queued when the connection closes. */
    if (nth > 0 && nth == proxy->cut_before)
        proxy->cut_when_answered = TRUE;
    if (proxy->cut_when_answered) {
        if (proxy->n_unanswered == 0)
            proxy_hang_up(proxy);
        return;
    }
    if (nth > 0 && nth == proxy->cut_after &&
        mt_json_opt_string(command, "id", &id, NULL))
        proxy->cut_id = g_strdup(id);
    proxy->n_unanswered++;
    proxy_send(proxy->qemu, line, length);
}

static void
proxy_answer(Proxy *proxy, const char *line, gsize length)
{
    g_autoptr(MtMessage) message = NULL;
    gsize bare = length;

    while (bare > 0 && g_ascii_isspace(line[bare - 1]))
        bare--;
    message = mt_message_parse(line, bare, NULL);
    if (message && (message->kind == MT_MESSAGE_REPLY ||
                    message->kind == MT_MESSAGE_ERROR)) {
        proxy->n_unanswered--;
        if (proxy->cut_id && g_strcmp0(message->id, proxy->cut_id) == 0) {
            proxy_hang_up(proxy);
            return;
        }
    }
    proxy_send(proxy->client, line, length);
    if (proxy->cut_when_answered && proxy->n_unanswered == 0)
        proxy_hang_up(proxy);
}

/* Returns FALSE at the end of the connection. */
static gboolean
proxy_read(Proxy *proxy, GSocket *from, GString *input,
           void (*func)(Proxy *, const char *, gsize))
{
    char buffer[16384];
    gssize n = g_socket_receive(from, buffer, sizeof(buffer), NULL, NULL);
    char *newline;

    if (n <= 0)
        return FALSE;
    g_string_append_len(input, buffer, n);
    while (proxy->client &&
           (newline = memchr(input->str, '\n', input->len))) {
        gsize length = newline + 1 - input->str;
        g_autofree char *line = g_strndup(input->str, length);

        g_string_erase(input, 0, length);
        func(proxy, line, length);
    }

    return TRUE;
}

static void
proxy_accept(Proxy *proxy)
{
    g_autoptr(GSocketAddress) address =
        g_unix_socket_address_new(proxy->connect);

    proxy->client = g_socket_accept(proxy->listener, NULL, NULL);
    if (!proxy->client)
        return;
    proxy->qemu = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM,
                               G_SOCKET_PROTOCOL_DEFAULT, NULL);
    if (!g_socket_connect(proxy->qemu, address, NULL, NULL))
        proxy_hang_up(proxy);
}

static void
proxy_run(Proxy *proxy)
{
    for (;;) {
        gboolean connected = proxy->client != NULL;
        struct pollfd fds[] = {
            { .fd = STDIN_FILENO, .events = POLLIN },
            { .fd = connected ? g_socket_get_fd(proxy->client)
                    : g_socket_is_closed(proxy->listener)
                        ? -1
                        : g_socket_get_fd(proxy->listener),
              .events = POLLIN },
            { .fd = connected ? g_socket_get_fd(proxy->qemu) : -1,
              .events = POLLIN },
        };
        char byte;

        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
            continue;
        if (fds[0].revents && read(STDIN_FILENO, &byte, 1) <= 0)
            break;
        if (!connected) {
            if (fds[1].revents)
                proxy_accept(proxy);
            continue;
        }
        if (fds[2].revents &&
            !proxy_read(proxy, proxy->qemu, proxy->from_qemu, proxy_answer))
            proxy_hang_up(proxy);
        if (proxy->client && fds[1].revents &&
            !proxy_read(proxy, proxy->client, proxy->from_client,
                        proxy_command))
            proxy_hang_up(proxy);
    }
    proxy_hang_up(proxy);
}

int
main(int argc, char **argv)
{
    Proxy p = { .listen = NULL };
    const GOptionEntry entries[] = {
        { "listen", 0, 0, G_OPTION_ARG_FILENAME, &p.listen,
          "for the client", "PATH" },
        { "connect", 0, 0, G_OPTION_ARG_FILENAME, &p.connect,
          "QEMU's monitor", "PATH" },
        { "fail", 0, 0, G_OPTION_ARG_INT, &p.fail, "refuse command N", "N" },
        { "fail-from", 0, 0, G_OPTION_ARG_INT, &p.fail_from,
          "refuse command N and all that follow", "N" },
        { "cut-before", 0, 0, G_OPTION_ARG_INT, &p.cut_before,
          "hang up before QEMU sees command N", "N" },
        { "cut-after", 0, 0, G_OPTION_ARG_INT, &p.cut_after,
          "hang up when QEMU has answered it", "N" },
        { "hold", 0, 0, G_OPTION_ARG_INT, &p.hold,
          "neither pass on nor answer command N", "N" },
        { "garbage", 0, 0, G_OPTION_ARG_INT, &p.garbage,
          "answer command N with bytes that are not JSON", "N" },
        { "dead-from", 0, 0, G_OPTION_ARG_INT, &p.dead_from,
          "hang up at command N and refuse later connections", "N" },
        { "all", 0, 0, G_OPTION_ARG_NONE, &p.all, "count queries, too", NULL },
        { "record", 0, 0, G_OPTION_ARG_FILENAME, &p.record,
          "append every command that is counted", "FILE" },
        { NULL }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GSocketAddress) address = NULL;
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    if (!p.listen || !p.connect) {
        fprintf(stderr, "--listen and --connect are needed\n");
        return 2;
    }

    unlink(p.listen);
    address = g_unix_socket_address_new(p.listen);
    p.listener = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM,
                              G_SOCKET_PROTOCOL_DEFAULT, &error);
    if (!p.listener || !g_socket_bind(p.listener, address, TRUE, &error) ||
        !g_socket_listen(p.listener, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    p.from_client = g_string_new(NULL);
    p.from_qemu = g_string_new(NULL);
    printf("%s\n", p.listen);
    fflush(stdout);
    proxy_run(&p);

    unlink(p.listen);
    g_object_unref(p.listener);
    g_string_free(p.from_client, TRUE);
    g_string_free(p.from_qemu, TRUE);
    g_free(p.listen);
    g_free(p.connect);
    g_free(p.record);

    return 0;
}
