/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as one message of QMP: what is accepted as JSON comes back from
 * its canonical line as the same value, and what is a message is whole.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "qmp/message.h"
#include "util/json.h"

static void
check_json(const char *text, size_t size)
{
    g_autoptr(JsonNode) node = mt_json_parse(text, size, NULL);
    g_autoptr(JsonNode) again = NULL;
    g_autofree char *line = NULL;
    g_autofree char *line_again = NULL;

    if (!node)
        return;
    line = mt_json_to_line(node);
    g_assert_null(strchr(line, '\n'));
    again = mt_json_parse(line, -1, NULL);
    g_assert_nonnull(again);
    line_again = mt_json_to_line(again);
    g_assert_cmpstr(line, ==, line_again);
}

static void
check_message(const char *text, size_t size)
{
    g_autoptr(MtMessage) message = mt_message_parse(text, size, NULL);
    g_autoptr(GError) refusal = NULL;
    g_autofree char *logged = mt_message_for_log(text, size);

    if (!message)
        return;

    switch (message->kind) {
    case MT_MESSAGE_GREETING:
        g_assert_nonnull(message->version);
        break;
    case MT_MESSAGE_REPLY:
        g_assert_nonnull(message->result);
        break;
    case MT_MESSAGE_ERROR:
        refusal = mt_message_refusal("x", message->error_class,
                                     message->error_desc);
        g_assert_nonnull(refusal);
        break;
    case MT_MESSAGE_EVENT:
        g_assert_nonnull(message->event);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_json((const char *)data, size);
    check_message((const char *)data, size);

    return 0;
}
