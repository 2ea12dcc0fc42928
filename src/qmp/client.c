/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of one monitor.
 *
 * client_wait() polls the socket and the caller's cancellable until the
 * condition that the caller named is true, the client has failed, or the time is
 * up; mt_client_wait_event() does the same for an event.  Received bytes are cut
 * into lines, lines become messages.  A message is a greeting, an answer to a
 * command of the current batch, or an event, which only mt_client_wait_event()
 * uses.
 *
 * The first failure is kept in `failure` and closes the socket.  Answers that
 * arrived before it stay with their commands.
 */
#include "config.h"

#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-qmp"

#include <string.h>

#include "qmp/client.h"
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/json.h"

#define CLIENT_READ_BYTES (64 * 1024)

/* The id of a command is this prefix and the command's number. */
#define CLIENT_ID_PREFIX "mt-"

struct _MtClient {
    MtExec exec;                /* must be first: the two are cast */

    /* Fixed at creation. */
    MtAddress *address;
    char *where;
    guint connect_timeout_ms;
    guint command_timeout_ms;

    /* Of one connection. */
    GSocket *socket;
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
    MtCommand *commands;        /* the current batch, owned by the caller */
    guint n_commands;
    guint n_unanswered;
    guint64 first_id;
    gint64 last_answer_us;

    const char *event;          /* the watched one, borrowed; or NULL */
    gboolean event_arrived;     /* since the last answer */

    /* Of client_wait(). */
    gint64 fixed_deadline_us;   /* 0: the time limit of a command counts */
    GCancellable *cancellable;  /* borrowed */
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

/* One line of the debug log. */
static void
client_log(const MtClient *client, const char *what, const char *text,
           gsize length)
{
    g_autofree char *line = mt_message_for_log(text, length);

    g_debug("%s: %s %s", client->where, what, line);
}

static gboolean
client_parse_id(const char *id, guint64 *ret)
{
    return g_str_has_prefix(id, CLIENT_ID_PREFIX) &&
        g_ascii_string_to_unsigned(id + strlen(CLIENT_ID_PREFIX), 10, 0,
                                   G_MAXUINT64, ret, NULL);
}

/* The answer to qmp_capabilities. */
static void
client_negotiated(MtClient *client, const MtMessage *message)
{
    client->negotiating = FALSE;
    if (message->kind == MT_MESSAGE_ERROR)
        client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                    _("QEMU refused qmp_capabilities: %s"),
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
                        _("QEMU did not understand a command: %s"),
                        message->error_desc);
        else
            client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                        _("an answer has no command id"));
        return;
    }
    if (!client_parse_id(message->id, &id) || id >= client->next_id) {
        client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                    _("an answer has the id '%s', which no command has"),
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
                    _("a second answer has the id '%s'"), message->id);
        return;
    }

    command = &client->commands[id - client->first_id];
    command->answered = TRUE;
    client->n_unanswered--;
    client->event_arrived = FALSE;
    if (message->kind == MT_MESSAGE_REPLY)
        command->result = json_node_ref(message->result);
    else
        command->error = mt_message_refusal(command->name,
                                            message->error_class,
                                            message->error_desc);
}

/* When to stop waiting: every answer of a batch starts the time anew. */
static gint64
client_deadline(const MtClient *client)
{
    return client->fixed_deadline_us ? client->fixed_deadline_us
        : client->last_answer_us +
              client->command_timeout_ms * G_TIME_SPAN_MILLISECOND;
}

/* Called while a message is parsed: the time limit and the caller's cancellable
 * count there, too. */
static gboolean
client_may_go_on(gpointer data, GError **error)
{
    const MtClient *client = data;

    if (g_cancellable_is_cancelled(client->cancellable)) {
        mt_qmp_set_cancelled(error);
        return FALSE;
    }
    if (g_get_monotonic_time() >= client_deadline(client)) {
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          _("the time limit of %u ms passed in the middle of a "
                            "message"), client->command_timeout_ms);
        return FALSE;
    }

    return TRUE;
}

static void
client_message(MtClient *client, const char *text, gsize length)
{
    const MtJsonLimits limits = {
        .max_values = MT_MESSAGE_MAX_NODES,
        .go_on = client_may_go_on,
        .user_data = client,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(MtMessage) message = NULL;

    client_log(client, "received", text, length);
    message = mt_message_parse_within(text, length, &limits, &error);
    if (!message) {
        client_fail(client, error->code,
                    client->greeted ||
                            error->code != MIGTUNE_ERROR_PROTOCOL
                        ? "%s" : _("this is not a QMP monitor: %s"),
                    error->message);
        return;
    }
    if (!client->greeted && message->kind != MT_MESSAGE_GREETING) {
        client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                    _("this is not a QMP monitor: its first message is not a "
                      "greeting"));
        return;
    }

    switch (message->kind) {
    case MT_MESSAGE_GREETING:
        if (client->greeted) {
            client_fail(client, MIGTUNE_ERROR_PROTOCOL, _("QEMU sent a second "
                                                          "greeting"));
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
        client->event_arrived |= client->event &&
            g_strcmp0(client->event, message->event) == 0;
        break;
    }
}

/* The largest message that the peer may send now. */
static gsize
client_max_message(const MtClient *client)
{
    gsize max = mt_message_max_answer("");

    if (!client->greeted)
        return MT_CLIENT_MAX_GREETING;
    for (guint i = 0; client->commands && i < client->n_commands; i++) {
        if (!client->commands[i].answered)
            max = MAX(max, mt_message_max_answer(client->commands[i].name));
    }

    return max;
}

static gboolean
client_too_long(MtClient *client, gsize length)
{
    gsize max = client_max_message(client);

    if (length <= max)
        return FALSE;

    client_fail(client, MIGTUNE_ERROR_PROTOCOL,
                client->greeted
                ? _("a message is longer than %u bytes")
                : _("this is not a QMP monitor: a greeting is longer than %u "
                    "bytes"), (guint)max);

    return TRUE;
}

/* Handles the complete lines of the input and removes them. */
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

/* The first command that has no answer; NULL if there is none. */
static const char *
client_get_unanswered(const MtClient *client)
{
    if (client->negotiating)
        return "qmp_capabilities";
    for (guint i = 0; client->commands && i < client->n_commands; i++) {
        if (!client->commands[i].answered)
            return client->commands[i].name;
    }

    return NULL;
}

static char *
client_describe_eof(const MtClient *client)
{
    const char *command = client_get_unanswered(client);
    gboolean middle = client->input->len > 0;

    if (middle)
        return command ? g_strdup_printf(
                             _("QEMU closed the connection in the middle of a "
                               "message, before it answered %s"),
                             command)
                       : g_strdup(_("QEMU closed the connection in the middle "
                                    "of a message"));
    if (command)
        return g_strdup_printf(
            _("QEMU closed the connection before it answered %s"), command);

    return g_strdup(client->greeted
                        ? _("QEMU closed the connection")
                        : _("QEMU closed the connection before its greeting"));
}

static void
client_eof(MtClient *client, const char *why)
{
    g_autofree char *text = client_describe_eof(client);

    if (why)
        client_fail(client, MIGTUNE_ERROR_DISCONNECTED, "%s: %s", text, why);
    else
        client_fail(client, MIGTUNE_ERROR_DISCONNECTED, "%s", text);
}

static void
client_read(MtClient *client)
{
    g_autoptr(GError) error = NULL;
    guint before = client->input->len;
    gssize n;

    g_byte_array_set_size(client->input, before + CLIENT_READ_BYTES);
    n = g_socket_receive(client->socket, (char *)client->input->data + before,
                         CLIENT_READ_BYTES, NULL, &error);
    g_byte_array_set_size(client->input, before + MAX(n, 0));
    if (n > 0) {
        mt_qmp_acknowledge(client->socket);
        client_split(client);
    } else if (n == 0) {
        client_eof(client, NULL);
    } else if (!g_error_matches(error, G_IO_ERROR,
                                G_IO_ERROR_WOULD_BLOCK)) {
        g_autofree char *why = mt_foreign_text(error);

        client_eof(client, why);
    }
}

static gboolean
client_has_output(const MtClient *client)
{
    return client->n_written < client->output->len;
}

/* Writes what the socket takes now; client_wait() writes the rest. */
static void
client_flush(MtClient *client)
{
    g_autoptr(GError) error = NULL;
    gssize n;

    while (client_has_output(client)) {
        n = g_socket_send(client->socket,
                          client->output->str + client->n_written,
                          client->output->len - client->n_written, NULL,
                          &error);
        if (n < 0)
            break;
        client->n_written += n;
    }
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return;

    /* Either all is written or the peer closed the connection.  The peer's
     * last messages can still be read then, and reading finds the end. */
    g_string_truncate(client->output, 0);
    client->n_written = 0;
}

static void
client_disconnect(MtClient *client)
{
    if (client->socket)
        g_socket_close(client->socket, NULL);
    g_clear_object(&client->socket);
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

/* Waits for the socket, or for @cancel if that is not NULL, or for
 * @timeout_us; reads and writes what is possible. */
static void
client_poll(MtClient *client, const GPollFD *cancel, gint64 timeout_us)
{
    GPollFD fds[2] = {
        {
            .fd = g_socket_get_fd(client->socket),
            .events = G_IO_IN | (client_has_output(client) ? G_IO_OUT : 0),
        },
    };

    if (cancel)
        fds[1] = *cancel;
    g_poll(fds, cancel ? 2 : 1, MIN((timeout_us + 999) / 1000, G_MAXINT));
    if (fds[0].revents & G_IO_OUT)
        client_flush(client);
    if (fds[0].revents & ~G_IO_OUT)
        client_read(client);
}

/*
 * Waits until @done, or the client fails, or the time is up.  With 0 for
 * @deadline_us the timeout of a command counts.  Returns whether @done is
 * true; FALSE without a failure means that the time is up.
 */
static gboolean
client_wait(MtClient *client, gboolean (*done)(const MtClient *),
            gint64 deadline_us, GCancellable *cancellable)
{
    GPollFD cancel;
    gboolean have_cancel = g_cancellable_make_pollfd(cancellable, &cancel);
    gboolean reached = FALSE;

    client->fixed_deadline_us = deadline_us;
    client->cancellable = cancellable;
    for (;;) {
        gint64 left_us;

        reached = !client->failure && done(client);
        if (reached || client->failure)
            break;
        if (g_cancellable_is_cancelled(cancellable)) {
            client_fail(client, MIGTUNE_ERROR_CANCELLED,
                        _("the operation was cancelled"));
            break;
        }
        left_us = client_deadline(client) - g_get_monotonic_time();
        if (left_us <= 0)
            break;
        client_poll(client, have_cancel ? &cancel : NULL, left_us);
    }
    if (have_cancel)
        g_cancellable_release_fd(cancellable);
    client->cancellable = NULL;

    return reached;
}

void
mt_client_watch_event(MtClient *client, const char *event)
{
    client->event = event;
}

gboolean
mt_client_wait_event(MtClient *client, guint timeout_ms,
                     GCancellable *cancellable)
{
    gint64 end_us = g_get_monotonic_time() +
        timeout_ms * (gint64)G_TIME_SPAN_MILLISECOND;
    GPollFD cancel;
    gboolean have_cancel = g_cancellable_make_pollfd(cancellable, &cancel);
    gboolean arrived;

    /* A message that has begun to arrive may be read to its end. */
    client->fixed_deadline_us = end_us +
        client->command_timeout_ms * (gint64)G_TIME_SPAN_MILLISECOND;
    while (mt_client_is_open(client) && !client->event_arrived &&
           !g_cancellable_is_cancelled(cancellable)) {
        gint64 left_us = end_us - g_get_monotonic_time();

        if (left_us <= 0)
            break;
        client_poll(client, have_cancel ? &cancel : NULL, left_us);
    }
    if (have_cancel)
        g_cancellable_release_fd(cancellable);
    arrived = client->event_arrived;
    client->event_arrived = FALSE;

    return arrived;
}

static void
client_queue(MtClient *client, const char *name, JsonObject *arguments)
{
    g_autofree char *id = g_strdup_printf(CLIENT_ID_PREFIX "%" G_GUINT64_FORMAT,
                                          client->next_id++);
    gsize before = client->output->len;

    mt_message_append_command(client->output, name, arguments, id);
    /* Without the newline. */
    client_log(client, "sent", client->output->str + before,
               client->output->len - before - 1);
}

/* Sends the queued commands and @commands, and waits for all answers. */
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
        client_fail(client, MIGTUNE_ERROR_TIMEOUT,
                    _("QEMU did not answer %s within %u ms"),
                    client_get_unanswered(client), client->command_timeout_ms);
    }

    client->commands = NULL;
    if (!client->failure)
        return TRUE;

    g_propagate_error(error, g_error_copy(client->failure));
    /* A failure after the last answer is reported by the next call. */
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

    if (client->input->len == 0) {
        client_fail(client, MIGTUNE_ERROR_BUSY,
                    _("no greeting arrived within %u ms: another client holds "
                      "the monitor, and QEMU serves one client at a time"),
                    client->connect_timeout_ms);
        if (g_error_matches(client->failure, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY))
            migtune_error_set_field(client->failure, MIGTUNE_ERROR_FIELD_REASON,
                                    MT_QMP_MONITOR_HELD);
    } else {
        client_fail(client, MIGTUNE_ERROR_TIMEOUT,
                    _("only %u bytes of a greeting arrived within %u ms"),
                    client->input->len, client->connect_timeout_ms);
    }

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
        client->connect_timeout_ms * G_TIME_SPAN_MILLISECOND;
    client->socket = mt_qmp_connect(client->address, deadline_us, cancellable,
                                    error);
    if (!client->socket)
        return FALSE;

    mt_qmp_peer(client->socket, &client->instance, &client->binary);

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

    if (client->failure)
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          _("no longer connected to %s: %s"), client->where,
                          client->failure->message);
    else
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          _("not connected to %s"), client->where);

    return FALSE;
}

gboolean
mt_client_run(MtClient *client, MtCommand *commands, guint n_commands,
              GCancellable *cancellable, GError **error)
{
    if (!client_check_open(client, error)) {
        if (n_commands > 0)
            g_prefix_error(error, _("%s was not sent: "), commands[0].name);
        return FALSE;
    }
    /* Nothing is sent, so the connection stays usable. */
    if (g_cancellable_is_cancelled(cancellable)) {
        mt_qmp_set_cancelled(error);
        return FALSE;
    }

    return client_exchange(client, commands, n_commands, cancellable, error);
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
    client->connect_timeout_ms = connect_timeout_ms;
    client->command_timeout_ms = command_timeout_ms;
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
    g_byte_array_unref(client->input);
    g_string_free(client->output, TRUE);
    g_clear_error(&client->failure);
    mt_message_free(client->greeting);
    mt_address_free(client->address);
    g_free(client->where);
    g_free(client);
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
