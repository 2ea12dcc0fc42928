/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of QMP to and from JSON text.
 *
 * A message's kind follows from one of its members: a table has these members
 * and the functions that read the others.
 */
#include "config.h"

#include <string.h>

#include "qmp/message.h"
#include "migtune/migtune-error.h"
#include "util/i18n.h"
#include "util/json.h"

static gboolean
message_read_greeting(MtMessage *message, JsonObject *object, GError **error)
{
    JsonObject *qmp;
    JsonObject *version;

    if (!mt_json_get_object(object, "QMP", &qmp, error) ||
        !mt_json_get_object(qmp, "version", &version, error))
        return FALSE;

    message->version = json_object_ref(version);

    return TRUE;
}

static gboolean
message_read_id(MtMessage *message, JsonObject *object, GError **error)
{
    const char *id = NULL;

    /* QEMU returns the id of mt_message_append_command(), a string. */
    if (!mt_json_opt_string(object, "id", &id, error))
        return FALSE;
    message->id = g_strdup(id);

    return TRUE;
}

static gboolean
message_read_reply(MtMessage *message, JsonObject *object, GError **error)
{
    message->result = json_node_ref(json_object_get_member(object, "return"));

    return message_read_id(message, object, error);
}

static gboolean
message_read_error(MtMessage *message, JsonObject *object, GError **error)
{
    JsonObject *body;
    const char *error_class;
    const char *desc;

    if (!mt_json_get_object(object, "error", &body, error) ||
        !mt_json_get_string(body, "class", &error_class, error) ||
        !mt_json_get_string(body, "desc", &desc, error))
        return FALSE;

    message->error_class = g_strdup(error_class);
    message->error_desc = g_strdup(desc);

    return message_read_id(message, object, error);
}

static gboolean
message_read_event(MtMessage *message, JsonObject *object, GError **error)
{
    const char *event;

    if (!mt_json_get_string(object, "event", &event, error))
        return FALSE;

    message->event = g_strdup(event);

    return TRUE;
}

static const struct {
    const char *member;
    MtMessageKind kind;
    gboolean (*read)(MtMessage *message, JsonObject *object, GError **error);
} message_kinds[] = {
    { "return", MT_MESSAGE_REPLY, message_read_reply },
    { "error", MT_MESSAGE_ERROR, message_read_error },
    { "event", MT_MESSAGE_EVENT, message_read_event },
    { "QMP", MT_MESSAGE_GREETING, message_read_greeting },
};

MtMessage *
mt_message_parse_within(const char *text, gsize length,
                        const MtJsonLimits *limits, GError **error)
{
    g_autoptr(JsonNode) node =
        mt_json_parse_within(text, length, limits, error);
    g_autoptr(MtMessage) message = NULL;
    JsonObject *object;

    if (!node)
        return NULL;
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("expected a JSON object, found %s"),
                          mt_json_type_name(node));
        return NULL;
    }

    object = json_node_get_object(node);
    message = g_new0(MtMessage, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(message_kinds); i++) {
        if (!json_object_has_member(object, message_kinds[i].member))
            continue;
        message->kind = message_kinds[i].kind;
        if (!message_kinds[i].read(message, object, error))
            return NULL;
        return g_steal_pointer(&message);
    }
    migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                      _("expected a greeting, a reply, an error or an event, "
                        "found another object"));

    return NULL;
}

MtMessage *
mt_message_parse(const char *text, gsize length, GError **error)
{
    return mt_message_parse_within(text, length, NULL, error);
}

void
mt_message_free(MtMessage *message)
{
    if (!message)
        return;

    g_clear_pointer(&message->version, json_object_unref);
    g_clear_pointer(&message->result, json_node_unref);
    g_free(message->id);
    g_free(message->error_class);
    g_free(message->error_desc);
    g_free(message->event);
    g_free(message);
}

void
mt_message_append_command(GString *out, const char *name,
                          JsonObject *arguments, const char *id)
{
    g_autoptr(JsonObject) object = json_object_new();
    g_autofree char *line = NULL;

    json_object_set_string_member(object, "execute", name);
    if (arguments)
        json_object_set_object_member(object, "arguments",
                                      json_object_ref(arguments));
    json_object_set_string_member(object, "id", id);
    line = mt_json_object_to_line(object);
    g_string_append(out, line);
    g_string_append_c(out, '\n');
}

GError *
mt_message_refusal(const char *name, const char *error_class,
                   const char *error_desc)
{
    GError *error = NULL;

    migtune_error_set(&error, MIGTUNE_ERROR_QEMU, _("QEMU refused %s: %s"), name,
                      error_desc);
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_COMMAND, name);
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_QEMU_CLASS,
                            error_class);
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_QEMU_DESC, error_desc);

    return error;
}

gsize
mt_message_count_nodes(const char *text, gsize length)
{
    gsize n = 1;

    for (gsize i = 0; i < length; i++)
        n += text[i] == '{' || text[i] == '[' || text[i] == ',';

    return n;
}

/* The schema of QEMU 10.0, the largest answer, has 214 KB and 18031 nodes. */
#define MESSAGE_MAX_SCHEMA (2 * 1024 * 1024)
#define MESSAGE_MAX_ANSWER (256 * 1024)

gsize
mt_message_max_answer(const char *command)
{
    return strcmp(command, "query-qmp-schema") == 0 ? MESSAGE_MAX_SCHEMA
                                                    : MESSAGE_MAX_ANSWER;
}

gboolean
mt_message_check_answer(const char *command, const char *text, gsize length,
                        GError **error)
{
    gsize max = mt_message_max_answer(command);

    if (length > max) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("a message is longer than %u bytes"), (guint)max);
        return FALSE;
    }
    if (mt_message_count_nodes(text, length) > MT_MESSAGE_MAX_NODES) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("a message has more than %d values"),
                          MT_MESSAGE_MAX_NODES);
        return FALSE;
    }

    return TRUE;
}

/* Parts of member names whose values are not logged. */
static const char *const message_secrets[] = {
    "password", "passwd", "passphrase", "secret", "token", "credential",
    "private-key",
};

/* Whether the @length bytes at @name contain one of these parts. */
static gboolean
message_is_secret(const char *name, gsize length)
{
    g_autofree char *lower = g_ascii_strdown(name, length);

    for (gsize i = 0; i < G_N_ELEMENTS(message_secrets); i++) {
        if (strstr(lower, message_secrets[i]))
            return TRUE;
    }

    return FALSE;
}

/* The end of the string that begins with the quote at @at. */
static const char *
message_string_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < end)
            at++;
    }

    return MIN(at + 1, end);
}

/* The end of the value at @at: a string, a number or a word, or a whole object
 * or array. */
static const char *
message_value_end(const char *at, const char *end)
{
    guint depth = 0;

    do {
        if (at == end)
            break;
        if (*at == '"') {
            at = message_string_end(at, end);
        } else if (strchr("{[", *at)) {
            depth++;
            at++;
        } else if (strchr("}]", *at)) {
            if (depth == 0)
                break;
            depth--;
            at++;
        } else if (depth == 0 && (*at == ',' || g_ascii_isspace(*at))) {
            break;
        } else {
            at++;
        }
    } while (at < end && (depth > 0 || !strchr(",}] \t\r\n", *at)));

    return at;
}

static const char *
message_skip_space(const char *at, const char *end)
{
    while (at < end && g_ascii_isspace(*at))
        at++;

    return at;
}

char *
mt_message_for_log(const char *text, gsize length)
{
    const char *end = text + MIN(length, MT_MESSAGE_LOG_BYTES);
    GString *out = g_string_sized_new(end - text + 16);
    const char *at = text;
    char *line;

    while (at < end) {
        const char *from = at;
        const char *value;

        if (*at != '"') {
            g_string_append_c(out, g_ascii_iscntrl(*at) ? ' ' : *at);
            at++;
            continue;
        }
        at = message_string_end(at, end);
        g_string_append_len(out, from, at - from);
        value = message_skip_space(at, end);
        if (value == end || *value != ':' ||
            !message_is_secret(from, at - from))
            continue;
        value = message_skip_space(value + 1, end);
        g_string_append(out, ": \"***\"");
        at = message_value_end(value, end);
    }
    if (length > MT_MESSAGE_LOG_BYTES)
        g_string_append_printf(out, "... (%" G_GSIZE_FORMAT " bytes)", length);
    line = g_utf8_make_valid(out->str, out->len);
    g_string_free(out, TRUE);

    return line;
}
