/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP messages are classified and read, or refused with the reason. */
#include "config.h"

#include <string.h>

#include "migtune/migtune-error.h"
#include "qmp/message.h"

static MtMessage *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    MtMessage *message = mt_message_parse(text, strlen(text), &error);

    g_assert_no_error(error);
    g_assert_nonnull(message);

    return message;
}

static void
test_greeting(void)
{
    g_autoptr(MtMessage) message = parse(
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "
        "\"major\": 7}, \"package\": \"Debian 1\"}, "
        "\"capabilities\": [\"oob\"]}}");
    g_autoptr(MtMessage) old = parse(
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 4, "
        "\"major\": 2}, \"package\": \"\"}}}");

    g_assert_cmpint(message->kind, ==, MT_MESSAGE_GREETING);
    g_assert_cmpstr(json_object_get_string_member(message->version, "package"),
                    ==, "Debian 1");
    g_assert_cmpstr(json_object_get_string_member(old->version, "package"), ==,
                    "");
}

static void
test_answers(void)
{
    g_autoptr(MtMessage) reply = parse("{\"return\": null, \"id\": \"a\"}");
    g_autoptr(MtMessage) refusal = parse(
        "{\"error\": {\"class\": \"C\", \"desc\": \"D\"}}");
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(reply->kind, ==, MT_MESSAGE_REPLY);
    g_assert_true(JSON_NODE_HOLDS_NULL(reply->result));
    g_assert_cmpstr(reply->id, ==, "a");
    g_assert_cmpint(refusal->kind, ==, MT_MESSAGE_ERROR);
    g_assert_null(refusal->id);

    error = mt_message_refusal("stop", refusal->error_class,
                               refusal->error_desc);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_assert_cmpstr(error->message, ==, "QEMU refused stop: D");
    g_assert_cmpstr(migtune_error_get_field(
        error, MIGTUNE_ERROR_FIELD_COMMAND), ==, "stop");
    g_assert_cmpstr(migtune_error_get_field(
        error, MIGTUNE_ERROR_FIELD_QEMU_CLASS), ==, "C");
    g_assert_cmpstr(migtune_error_get_field(
        error, MIGTUNE_ERROR_FIELD_QEMU_DESC), ==, "D");
}

static void
test_event(void)
{
    g_autoptr(MtMessage) message = parse(
        "{\"event\": \"STOP\", \"data\": {\"a\": 1}, \"timestamp\": "
        "{\"seconds\": -1, \"microseconds\": -1}}");

    g_assert_cmpint(message->kind, ==, MT_MESSAGE_EVENT);
    g_assert_cmpstr(message->event, ==, "STOP");
}

static void
test_other_objects_are_refused(void)
{
    static const char *const cases[] = {
        "", "[]", "{}", "\"QMP\"", "{\"QMP\": 1}", "{\"QMP\": {}}",
        "{\"QMP\": {\"version\": \"2.4\"}}",
        "{\"return\": 1, \"id\": 1}", "{\"return\": 1, \"id\": null}",
        "{\"error\": 1}", "{\"error\": {\"class\": \"C\"}}",
        "{\"error\": {\"desc\": \"D\", \"class\": 1}}",
        "{\"event\": 1}", "{\"event\": null, \"data\": {}}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("%s", cases[i]);
        g_assert_null(mt_message_parse(cases[i], strlen(cases[i]), &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
    }
}

static void
test_a_command_is_one_line(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(JsonObject) arguments = json_object_new();

    json_object_set_string_member(arguments, "text", "a\n\"b\"");
    mt_message_append_command(out, "stop", NULL, "1");
    mt_message_append_command(out, "x", arguments, "2");
    g_assert_cmpstr(out->str, ==,
                    "{\"execute\": \"stop\", \"id\": \"1\"}\n"
                    "{\"arguments\": {\"text\": \"a\\u000a\\\"b\\\"\"}, "
                    "\"execute\": \"x\", \"id\": \"2\"}\n");
}

static void
test_secrets_are_not_logged(void)
{
    static const struct {
        const char *text;
        const char *logged;
    } cases[] = {
        { "{\"execute\": \"stop\"}", "{\"execute\": \"stop\"}" },
        { "{\"password\": \"p\\\"q\", \"a\": 1}",
          "{\"password\": \"***\", \"a\": 1}" },
        { "{\"a\": {\"Vnc-Secret\" :{\"x\": [1, \"}\"]}}, \"b\": 2}",
          "{\"a\": {\"Vnc-Secret\": \"***\"}, \"b\": 2}" },
        { "[{\"token\":12},{\"passphrase\":null}]",
          "[{\"token\": \"***\"},{\"passphrase\": \"***\"}]" },
        { "[\"password\", \"secret\"]", "[\"password\", \"secret\"]" },
        { "{\"password\": \"not clo", "{\"password\": \"***\"" },
        { "a\nb", "a b" },
        { "", "" },
    };
    g_autofree char *text = g_strnfill(MT_MESSAGE_LOG_BYTES + 1, '\n');
    g_autofree char *cut = mt_message_for_log(text, strlen(text));

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *logged = mt_message_for_log(cases[i].text,
                                                     strlen(cases[i].text));

        g_assert_cmpstr(logged, ==, cases[i].logged);
    }
    g_assert_true(g_str_has_suffix(cut, " ... (4097 bytes)"));
}

static void
test_nodes_are_counted(void)
{
    static const struct {
        const char *text;
        gsize n;
    } cases[] = {
        { "1", 1 }, { "[1, 2, {}]", 5 }, { "{\"return\": {}}", 3 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpuint(mt_message_count_nodes(cases[i].text,
                                                strlen(cases[i].text)), ==,
                         cases[i].n);
}

static void
test_answers_are_limited_by_command(void)
{
    g_autofree char *padding = g_strnfill(300 * 1024, 'a');
    g_autofree char *large = g_strdup_printf("{\"return\": \"%s\"}", padding);
    g_autofree char *commas = g_strnfill(MT_MESSAGE_MAX_NODES, ',');
    g_autoptr(GError) error = NULL;

    g_assert_false(mt_message_check_answer("query-name", large, strlen(large),
                                           &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
    g_clear_error(&error);
    mt_message_check_answer("query-qmp-schema", large, strlen(large), &error);
    g_assert_no_error(error);
    g_assert_false(mt_message_check_answer("query-qmp-schema", commas,
                                           strlen(commas), &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/message/greeting", test_greeting);
    g_test_add_func("/message/answers", test_answers);
    g_test_add_func("/message/event", test_event);
    g_test_add_func("/message/other-objects-are-refused",
                    test_other_objects_are_refused);
    g_test_add_func("/message/a-command-is-one-line",
                    test_a_command_is_one_line);
    g_test_add_func("/message/nodes-are-counted", test_nodes_are_counted);
    g_test_add_func("/message/answers-are-limited-by-command",
                    test_answers_are_limited_by_command);
    g_test_add_func("/message/secrets-are-not-logged",
                    test_secrets_are_not_logged);
    return g_test_run();
}
