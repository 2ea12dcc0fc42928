/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of one monitor.
 *
 * One function waits: it runs the client's main context until what the
 * caller waits for has happened, the client has failed, time is up or the
 * caller's cancellable says so.  Everything else happens in the callbacks of
 * the socket: bytes are cut into lines, lines become messages, and a message
 * is a greeting, an answer to a command of the batch that is under way, or an
 * event.
 *
 * The first thing that goes wrong is kept in `failure` and closes the socket.
 * Answers that have arrived until then stay with their commands.
 */
#include "config.h"

#include <string.h>

#include <glib-unix.h>

#include "qmp/client.h"

#define CLIENT_READ_BYTES (64 * 1024)
/* What is in front of the number of a command. */
#define CLIENT_ID_PREFIX "mt-"

struct _MtClient {
    MtExec exec;                /* first: the two are cast to each other */

    /* Fixed at creation. */
    MtAddress *address;
    char *where;
    guint connect_timeout_ms;
    guint command_timeout_ms;
    GMainContext *context;
    MtClientEventFunc event_func;
    gpointer event_data;

    /* Of one connection. */
    GSocket *socket;
    GSource *in_source;
    GSource *out_source;        /* only while a write is unfinished */
    GError *failure;
    MtMessage *greeting;
    gboolean greeted;
    char *instance;
    char *binary;

    GByteArray *input;
    gsize n_searched;           /* input up to here holds no newline */
    GString *output;
    gsize n_written;

    /* Commands are numbered from 0 on; number 0 is qmp_capabilities. */
    guint64 next_id;
    gboolean negotiating;
    MtCommand *commands;        /* the batch under way, the caller's */
    guint n_commands;
    guint n_unanswered;
    guint64 first_id;
    gint64 last_answer_us;
};

static void client_disconnect(MtClient *client);

G_GNUC_PRINTF(3, 4)
static void
client_fail(MtClient *client, MigtuneErrorCode code, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    if (client->failure)
        return;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    migtune_error_set(&client->failure, code, "%s: %s", client->where, what);
    client_disconnect(client);
}

static gboolean
client_parse_id(const char *id, guint64 *ret)
{
    return g_str_has_prefix(id, CLIENT_ID_PREFIX) &&
        g_ascii_string_to_unsigned(id + strlen(CLIENT_ID_PREFIX), 10, 0,
                                   G_MAXUINT64, ret, NULL);
}

/* The answer to number 0. */
static void
client_negotiated(MtClient *client, const MtMessage *message)
{
    client->negotiating = FALSE;
    if (message->kind == MT_MESSAGE_ERROR)
        client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                    "QEMU refused qmp_capabilities: %s",
                    message->error_desc);
}

static void
client_answer(MtClient *client, const MtMessage *message)
{
    MtCommand *command;
    guint64 id;

    if (!message->id) {
        if (message->kind == MT_MESSAGE_ERROR)
            client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                        "QEMU did not understand what it was sent: %s",
                        message->error_desc);
        else
            client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                        "an answer does not say to which command it belongs");
        return;
    }
    if (!client_parse_id(message->id, &id) || id >= client->next_id) {
        client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                    "an answer with id \"%s\", which no command had",
                    message->id);
        return;
    }
    client->last_answer_us = g_get_monotonic_time();
    if (id == 0 && client->negotiating) {
        client_negotiated(client, message);
        return;
    }
    if (id < client->first_id || !client->commands ||
        client->commands[id - client->first_id].answered) {
        client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                    "a second answer with id \"%s\"", message->id);
        return;
    }

    command = &client->commands[id - client->first_id];
    command->answered = TRUE;
    client->n_unanswered--;
    if (message->kind == MT_MESSAGE_REPLY)
        command->result = json_node_ref(message->result);
    else
        command->error = mt_message_refusal(command->name,
                                            message->error_class,
                                            message->error_desc);
}

static void
client_message(MtClient *client, const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MtMessage) message = mt_message_parse(text, length, &error);

    if (!message) {
        client_fail(client, MIGTUNE_ERROR_PROTOCOL, "%s%s",
                    client->greeted ? "" : "this is no QMP monitor: ",
                    error->message);
        return;
    }
    if (!client->greeted && message->kind != MT_MESSAGE_GREETING) {
        client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                    "this is no QMP monitor: its first message is no "
                    "greeting");
        return;
    }

    switch (message->kind) {
    case MT_MESSAGE_GREETING:
        if (client->greeted) {
            client_fail(client, MIGTUNE_ERROR_PROTOCOL, "a second greeting");
            break;
        }
        client->greeted = TRUE;
        mt_message_free(client->greeting);
        client->greeting = g_steal_pointer(&message);
        break;
    case MT_MESSAGE_REPLY:
    case MT_MESSAGE_ERROR:
        client_answer(client, message);
        break;
    case MT_MESSAGE_EVENT:
        if (client->event_func)
            client->event_func(message, client->event_data);
        break;
    }
}

static gsize
client_max_message(const MtClient *client)
{
    return client->greeted ? MT_CLIENT_MAX_MESSAGE : MT_CLIENT_MAX_GREETING;
}

static gboolean
client_too_long(MtClient *client, gsize length)
{
    if (length <= client_max_message(client))
        return FALSE;

    client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                "%s longer than %" G_GSIZE_FORMAT " bytes",
                client->greeted ? "a message"
                : "this is no QMP monitor: a greeting",
                client_max_message(client));

    return TRUE;
}

/* Takes whole lines out of the input. */
static void
client_split(MtClient *client)
{
    const char *data = (const char *)client->input->data;
    gsize from = 0;

    for (;;) {
        gsize at = MAX(from, client->n_searched);
        const char *newline = at < client->input->len
            ? memchr(data + at, '\n', client->input->len - at) : NULL;
        gsize length;

        client->n_searched = client->input->len;
        if (!newline)
            break;
        client->n_searched = newline + 1 - data;
        length = newline - data - from;
        if (length > 0 && data[from + length - 1] == '\r')
            length--;
        if (client_too_long(client, length))
            return;
        if (length > 0)
            client_message(client, data + from, length);
        if (client->failure)
            return;
        from = newline + 1 - data;
    }
    if (from > 0)
        g_byte_array_remove_range(client->input, 0, from);
    client->n_searched -= from;
    client_too_long(client, client->input->len);
}

static void
client_eof(MtClient *client, const char *why)
{
    client_fail(client, MIGTUNE_ERROR_DISCONNECTED,
                "QEMU closed the connection%s%s%s",
                client->input->len > 0 ? " in the middle of a message"
                : client->greeted ? "" : " before its greeting",
                why ? ": " : "", why ? why : "");
}

static gboolean
client_readable(GSocket *socket, GIOCondition condition, gpointer data)
{
    MtClient *client = data;
    g_autoptr(GError) error = NULL;
    guint before = client->input->len;
    gssize n;

    g_byte_array_set_size(client->input, before + CLIENT_READ_BYTES);
    n = g_socket_receive(socket, (char *)client->input->data + before,
                         CLIENT_READ_BYTES, NULL, &error);
    g_byte_array_set_size(client->input, before + MAX(n, 0));
    if (n > 0) {
        mt_qmp_acknowledge(socket);
        client_split(client);
    } else if (n == 0) {
        client_eof(client, NULL);
    } else if (!g_error_matches(error, G_IO_ERROR,
                                G_IO_ERROR_WOULD_BLOCK)) {
        client_eof(client, error->message);
    }

    return G_SOURCE_CONTINUE;
}

static gboolean client_writable(GSocket *socket, GIOCondition condition,
                                gpointer data);

/* Writes what can be written now and asks to be called for the rest. */
static void
client_flush(MtClient *client)
{
    g_autoptr(GError) error = NULL;
    gssize n;

    while (client->n_written < client->output->len) {
        n = g_socket_send(client->socket,
                          client->output->str + client->n_written,
                          client->output->len - client->n_written, NULL,
                          &error);
        if (n < 0)
            break;
        client->n_written += n;
    }
    if (error && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
        if (client->out_source)
            return;
        client->out_source = g_socket_create_source(client->socket, G_IO_OUT,
                                                    NULL);
        g_source_set_callback(client->out_source,
                              G_SOURCE_FUNC(client_writable), client, NULL);
        g_source_attach(client->out_source, client->context);
        return;
    }

    /* Either all is written or the peer has gone.  If it has, what it said
     * before is still to be read, and reading will find the end. */
    g_string_truncate(client->output, 0);
    client->n_written = 0;
    if (client->out_source) {
        g_source_destroy(client->out_source);
        g_clear_pointer(&client->out_source, g_source_unref);
    }
}

static gboolean
client_writable(GSocket *socket, GIOCondition condition, gpointer data)
{
    client_flush(data);

    return G_SOURCE_CONTINUE;
}

static void
client_disconnect(MtClient *client)
{
    if (client->in_source) {
        g_source_destroy(client->in_source);
        g_clear_pointer(&client->in_source, g_source_unref);
    }
    if (client->out_source) {
        g_source_destroy(client->out_source);
        g_clear_pointer(&client->out_source, g_source_unref);
    }
    if (client->socket)
        g_socket_close(client->socket, NULL);
    g_clear_object(&client->socket);
}

/* A source with this callback only ends an iteration. */
static gboolean
client_wake(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static gboolean
client_cancelled(int fd, GIOCondition condition, gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static gboolean
client_answered(const MtClient *client)
{
    return client->n_unanswered == 0 && !client->negotiating;
}

static gboolean
client_has_greeting(const MtClient *client)
{
    return client->greeted;
}

static gboolean
client_never(const MtClient *client)
{
    return FALSE;
}

/* The time that is up next: a batch may take its time for every answer. */
static gint64
client_deadline(const MtClient *client, gint64 fixed_us)
{
    return fixed_us ? fixed_us
        : client->last_answer_us + client->command_timeout_ms * 1000LL;
}

/*
 * Runs the context until @done, or the client fails, or the time is up.
 * @deadline_us of 0 stands for the time-out of a command.  Returns whether
 * @done was reached; FALSE without a failure means that the time is up.
 */
static gboolean
client_wait(MtClient *client, gboolean (*done)(const MtClient *),
            gint64 deadline_us, GCancellable *cancellable)
{
    g_autoptr(GSource) timer = NULL;
    g_autoptr(GSource) cancel = NULL;
    GPollFD cancel_fd;
    gboolean reached = FALSE;

    timer = g_timeout_source_new(0);
    g_source_set_callback(timer, client_wake, NULL, NULL);
    g_source_attach(timer, client->context);
    /* GLib's own source of a cancellable leaks when it goes away while
     * another thread is still cancelling. */
    if (g_cancellable_make_pollfd(cancellable, &cancel_fd)) {
        cancel = g_unix_fd_source_new(cancel_fd.fd, G_IO_IN);
        g_source_set_callback(cancel, G_SOURCE_FUNC(client_cancelled), NULL,
                              NULL);
        g_source_attach(cancel, client->context);
    }

    for (;;) {
        gint64 until_us = client_deadline(client, deadline_us);

        reached = !client->failure && done(client);
        if (reached || client->failure)
            break;
        if (g_cancellable_is_cancelled(cancellable)) {
            client_fail(client, MIGTUNE_ERROR_CANCELLED,
                        "the operation was cancelled");
            break;
        }
        if (g_get_monotonic_time() >= until_us)
            break;
        g_source_set_ready_time(timer, until_us);
        g_main_context_iteration(client->context, TRUE);
    }

    g_source_destroy(timer);
    if (cancel) {
        g_source_destroy(cancel);
        g_cancellable_release_fd(cancellable);
    }

    return reached;
}

static void
client_queue(MtClient *client, const char *name, JsonObject *arguments)
{
    g_autofree char *id = g_strdup_printf(CLIENT_ID_PREFIX "%" G_GUINT64_FORMAT,
                                          client->next_id++);

    mt_message_append_command(client->output, name, arguments, id);
}

/* Sends what has been queued, with @commands behind it, and waits. */
static gboolean
client_exchange(MtClient *client, MtCommand *commands, guint n_commands,
                GCancellable *cancellable, GError **error)
{
    client->commands = n_commands > 0 ? commands : NULL;
    client->n_commands = n_commands;
    client->n_unanswered = n_commands;
    client->first_id = client->next_id;
    for (guint i = 0; i < n_commands; i++)
        client_queue(client, commands[i].name, commands[i].arguments);
    client->last_answer_us = g_get_monotonic_time();

    client_flush(client);
    if (!client_wait(client, client_answered, 0, cancellable) &&
        !client->failure) {
        guint first = 0;

        while (first < n_commands && commands[first].answered)
            first++;
        client_fail(client, MIGTUNE_ERROR_TIMEOUT,
                    "QEMU did not answer %s within %u ms",
                    client->negotiating ? "qmp_capabilities"
                    : commands[first].name, client->command_timeout_ms);
    }

    client->commands = NULL;
    if (!client->failure)
        return TRUE;

    g_propagate_error(error, g_error_copy(client->failure));
    /* All answers came and then something went wrong: that is for the next
     * call to say. */
    if (client_answered(client) && n_commands > 0) {
        g_clear_error(error);
        return TRUE;
    }

    return FALSE;
}

static gboolean
client_greet(MtClient *client, gint64 deadline_us, GCancellable *cancellable)
{
    if (client_wait(client, client_has_greeting, deadline_us, cancellable))
        return TRUE;

    if (client->input->len == 0)
        client_fail(client, MIGTUNE_ERROR_BUSY,
                    "no greeting came within %u ms: another client holds the "
                    "monitor, and QEMU serves one at a time",
                    client->connect_timeout_ms);
    else
        client_fail(client, MIGTUNE_ERROR_TIMEOUT,
                    "only the first %u bytes of a greeting came within %u ms",
                    client->input->len, client->connect_timeout_ms);

    return FALSE;
}

gboolean
mt_client_open(MtClient *client, MtCommand *commands, guint n_commands,
               GCancellable *cancellable, GError **error)
{
    gint64 deadline_us;

    mt_client_close(client);
    g_clear_error(&client->failure);
    deadline_us = g_get_monotonic_time() +
        client->connect_timeout_ms * 1000LL;
    client->socket = mt_qmp_connect(client->address, deadline_us,
                                          cancellable, error);
    if (!client->socket)
        return FALSE;

    mt_qmp_peer(client->socket, &client->instance, &client->binary);
    client->in_source = g_socket_create_source(client->socket, G_IO_IN, NULL);
    g_source_set_callback(client->in_source, G_SOURCE_FUNC(client_readable),
                          client, NULL);
    g_source_attach(client->in_source, client->context);

    if (!client_greet(client, deadline_us, cancellable)) {
        g_propagate_error(error, g_error_copy(client->failure));
        return FALSE;
    }

    client->negotiating = TRUE;
    client_queue(client, "qmp_capabilities", NULL);

    return client_exchange(client, commands, n_commands, cancellable, error);
}

void
mt_client_close(MtClient *client)
{
    client_disconnect(client);
    client->greeted = FALSE;
    client->negotiating = FALSE;
    g_clear_pointer(&client->instance, g_free);
    g_clear_pointer(&client->binary, g_free);
    g_byte_array_set_size(client->input, 0);
    client->n_searched = 0;
    g_string_truncate(client->output, 0);
    client->n_written = 0;
    client->next_id = 0;
}

static gboolean
client_check_open(const MtClient *client, GError **error)
{
    if (client->socket)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      "not connected to %s%s%s", client->where,
                      client->failure ? " any more: " : "",
                      client->failure ? client->failure->message : "");

    return FALSE;
}

gboolean
mt_client_run(MtClient *client, MtCommand *commands, guint n_commands,
              GCancellable *cancellable, GError **error)
{
    if (!client_check_open(client, error))
        return FALSE;
    /* Nothing has been sent: the connection can be used again. */
    if (g_cancellable_is_cancelled(cancellable)) {
        mt_qmp_set_cancelled(error);
        return FALSE;
    }

    return client_exchange(client, commands, n_commands, cancellable, error);
}

gboolean
mt_client_wait_events(MtClient *client, guint timeout_ms,
                      GCancellable *cancellable, GError **error)
{
    if (!client_check_open(client, error))
        return FALSE;

    client_wait(client, client_never,
                g_get_monotonic_time() + timeout_ms * 1000LL, cancellable);
    if (client->failure) {
        g_propagate_error(error, g_error_copy(client->failure));
        return FALSE;
    }

    return TRUE;
}

static gboolean
client_exec_run(MtExec *exec, MtCommand *commands, guint n_commands,
                GCancellable *cancellable, GError **error)
{
    return mt_client_run((MtClient *)exec, commands, n_commands, cancellable,
                         error);
}

static gboolean
client_exec_reconnect(MtExec *exec, GCancellable *cancellable, GError **error)
{
    return mt_client_open((MtClient *)exec, NULL, 0, cancellable, error);
}

MtClient *
mt_client_new(MtAddress *address, guint connect_timeout_ms,
              guint command_timeout_ms)
{
    MtClient *client = g_new0(MtClient, 1);

    client->exec.run = client_exec_run;
    client->exec.reconnect = client_exec_reconnect;
    client->address = address;
    client->where = mt_address_to_text(address);
    client->connect_timeout_ms = connect_timeout_ms
        ? connect_timeout_ms : MT_CLIENT_CONNECT_TIMEOUT_MS;
    client->command_timeout_ms = command_timeout_ms
        ? command_timeout_ms : MT_CLIENT_COMMAND_TIMEOUT_MS;
    client->context = g_main_context_new();
    client->input = g_byte_array_new();
    client->output = g_string_new(NULL);

    return client;
}

void
mt_client_free(MtClient *client)
{
    if (!client)
        return;

    mt_client_close(client);
    g_main_context_unref(client->context);
    g_byte_array_unref(client->input);
    g_string_free(client->output, TRUE);
    g_clear_error(&client->failure);
    mt_message_free(client->greeting);
    mt_address_free(client->address);
    g_free(client->where);
    g_free(client);
}

void
mt_client_set_event_func(MtClient *client, MtClientEventFunc func,
                         gpointer data)
{
    client->event_func = func;
    client->event_data = data;
}

MtExec *
mt_client_exec(MtClient *client)
{
    return &client->exec;
}

gboolean
mt_client_is_open(const MtClient *client)
{
    return client->socket != NULL;
}

const MtMessage *
mt_client_get_greeting(const MtClient *client)
{
    return client->greeting;
}

const char *
mt_client_get_instance(const MtClient *client)
{
    return client->instance;
}

const char *
mt_client_get_binary(const MtClient *client)
{
    return client->binary;
}
