/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of QMP to and from JSON text.
 *
 * What kind a message is, is told by the member that it has: a table of those
 * members and of the functions that read the rest.
 */
#include "config.h"

#include "qmp/message.h"
#include "migtune/migtune-error.h"
#include "util/json.h"

static gboolean
message_read_greeting(MtMessage *message, JsonObject *object, GError **error)
{
    JsonArray *capabilities = NULL;
    JsonObject *qmp;
    JsonObject *version;

    if (!mt_json_get_object(object, "QMP", &qmp, error) ||
        !mt_json_get_object(qmp, "version", &version, error) ||
        !mt_json_opt_array(qmp, "capabilities", &capabilities, error))
        return FALSE;

    message->version = json_object_ref(version);
    for (guint i = 0; capabilities &&
         i < json_array_get_length(capabilities); i++) {
        JsonNode *node = json_array_get_element(capabilities, i);

        if (JSON_NODE_HOLDS_VALUE(node) &&
            g_strcmp0(json_node_get_string(node), "oob") == 0)
            message->oob = TRUE;
    }

    return TRUE;
}

static gboolean
message_read_id(MtMessage *message, JsonObject *object, GError **error)
{
    const char *id = NULL;

    /* Only what mt_message_append_command() writes can come back. */
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
    JsonObject *data = NULL;
    JsonObject *timestamp = NULL;
    const char *event;
    gint64 seconds = -1;
    gint64 microseconds = -1;

    if (!mt_json_get_string(object, "event", &event, error) ||
        !mt_json_opt_object(object, "data", &data, error) ||
        !mt_json_opt_object(object, "timestamp", &timestamp, error))
        return FALSE;
    if (timestamp &&
        (!mt_json_get_int64(timestamp, "seconds", &seconds, error) ||
         !mt_json_get_int64(timestamp, "microseconds", &microseconds, error)))
        return FALSE;

    message->event = g_strdup(event);
    message->data = data ? json_object_ref(data) : NULL;
    /* QEMU writes -1 when it could not read its clock. */
    message->timestamp_us = -1;
    if (seconds >= 0 && seconds < G_MAXINT64 / G_USEC_PER_SEC &&
        microseconds >= 0 && microseconds < G_USEC_PER_SEC)
        message->timestamp_us = seconds * G_USEC_PER_SEC + microseconds;

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
mt_message_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonObject) object = mt_json_parse_object(text, length, error);
    g_autoptr(MtMessage) message = NULL;

    if (!object)
        return NULL;

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
                      "expected a greeting, a reply, an error or an event, "
                      "found an object that is none of them");

    return NULL;
}

void
mt_message_free(MtMessage *message)
{
    if (!message)
        return;

    g_clear_pointer(&message->version, json_object_unref);
    g_clear_pointer(&message->result, json_node_unref);
    g_clear_pointer(&message->data, json_object_unref);
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

    migtune_error_set(&error, MIGTUNE_ERROR_QEMU, "QEMU refused %s: %s", name,
                      error_desc);
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_COMMAND, name);
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_QEMU_CLASS,
                            error_class);
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_QEMU_DESC, error_desc);

    return error;
}

char *
mt_message_version_text(JsonObject *version)
{
    JsonObject *qemu;
    const char *package = NULL;
    gint64 major;
    gint64 minor;
    gint64 micro;

    if (!mt_json_get_object(version, "qemu", &qemu, NULL) ||
        !mt_json_get_int64(qemu, "major", &major, NULL) ||
        !mt_json_get_int64(qemu, "minor", &minor, NULL) ||
        !mt_json_get_int64(qemu, "micro", &micro, NULL) ||
        !mt_json_opt_string(version, "package", &package, NULL))
        return NULL;

    if (!package || !*package)
        return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT
                               ".%" G_GINT64_FORMAT, major, minor, micro);
    return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT
                           ".%" G_GINT64_FORMAT " (%s)", major, minor, micro,
                           package);
}
