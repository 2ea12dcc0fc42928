/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What travels over a monitor: greeting, command, reply, error and event, to
 * and from JSON text.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum {
    MT_MESSAGE_GREETING,
    MT_MESSAGE_REPLY,
    MT_MESSAGE_ERROR,
    MT_MESSAGE_EVENT,
} MtMessageKind;

/* One message from QEMU.  Which members are set depends on the kind. */
typedef struct {
    MtMessageKind kind;

    /* Greeting. */
    JsonObject *version;
    gboolean oob;               /* out-of-band execution is on offer */

    /* Reply and error; NULL when the peer did not say which command. */
    char *id;

    /* Reply. */
    JsonNode *result;

    /* Error. */
    char *error_class;
    char *error_desc;

    /* Event. */
    char *event;
    JsonObject *data;           /* NULL when there is none */
    gint64 timestamp_us;        /* -1 when there is none */
} MtMessage;

/* NULL with MIGTUNE_ERROR_PROTOCOL when @text is no message of QMP. */
MtMessage *mt_message_parse(const char *text, gsize length, GError **error);
void mt_message_free(MtMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMessage, mt_message_free)

/* Appends a command, with the newline that ends it. */
void mt_message_append_command(GString *out, const char *name,
                               JsonObject *arguments, const char *id);

/*
 * The refusal of command @name as an error of the library: class and text are
 * in its fields.
 */
GError *mt_message_refusal(const char *name, const char *error_class,
                           const char *error_desc);

/*
 * "7.2.22 (Debian ...)" of a `version` object as in the greeting; NULL when
 * it has another form.
 */
char *mt_message_version_text(JsonObject *version);

G_END_DECLS
