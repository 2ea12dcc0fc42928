/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The messages of QMP (greeting, command, reply, error and event), to and from
 * JSON text.
 */

#include "util/json.h"

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

    /* Reply and error: the command's id; NULL if the peer sent none. */
    char *id;

    /* Reply. */
    JsonNode *result;

    /* Error. */
    char *error_class;
    char *error_desc;

    /* Event. */
    char *event;
} MtMessage;

/* NULL with MIGTUNE_ERROR_PROTOCOL if @text is not a QMP message. */
MtMessage *mt_message_parse(const char *text, gsize length, GError **error);

/* Does the same within @limits, which may be NULL. */
MtMessage *mt_message_parse_within(const char *text, gsize length,
                                   const MtJsonLimits *limits, GError **error);

void mt_message_free(MtMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMessage, mt_message_free)

/* Appends a command, with the newline that ends it. */
void mt_message_append_command(GString *out, const char *name,
                               JsonObject *arguments, const char *id);

/* MIGTUNE_ERROR_QEMU for a refused command @name: the error's fields have the
 * command, QEMU's class and QEMU's text. */
GError *mt_message_refusal(const char *name, const char *error_class,
                           const char *error_desc);

/*
 * An upper bound of the JSON nodes in @text: brackets and commas, also those in
 * strings.  It needs no memory, unlike the parser, which needs about a hundred
 * bytes a node.
 */
gsize mt_message_count_nodes(const char *text, gsize length);

/* The largest number of JSON nodes in a message. */
#define MT_MESSAGE_MAX_NODES 200000

/* The largest answer to @command, in bytes. */
gsize mt_message_max_answer(const char *command);

/* FALSE with MIGTUNE_ERROR_PROTOCOL if @text, an answer to @command, exceeds a
 * limit.  Check this before mt_message_parse(), which allocates memory for
 * every node. */
gboolean mt_message_check_answer(const char *command, const char *text,
                                 gsize length, GError **error);

/*
 * @length bytes of a message as one line for the debug log: cut after
 * MT_MESSAGE_LOG_BYTES, with the values of members that may hold a secret
 * (passwords, keys, tokens) replaced by "***".  @text need not be valid.
 */
#define MT_MESSAGE_LOG_BYTES 4096
char *mt_message_for_log(const char *text, gsize length);

G_END_DECLS
