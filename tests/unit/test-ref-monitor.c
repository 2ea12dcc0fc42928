/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Input of any kind to the monitor of a reference guest, and its answers.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "drivers/ref/monitor/execute.h"
#include "drivers/ref/monitor/json-feed.h"
#include "lib/ref-client.h"
#include "util/json.h"

/* Answers of real monitors as far as a client may rely on them: the class,
 * and the beginning of the text. */
typedef struct {
    const char *said;
    const char *heard[5];
} Talk;

#define ERROR(class, text) \
    "{\"error\": {\"class\": \"" class "\", \"desc\": \"" text
#define GENERIC(text) ERROR("GenericError", text)

static const Talk before[] = {
    { "{'execute': 'query-status'}\n",
      { ERROR("CommandNotFound", "Expecting capabilities negotiation") } },
    { "{'execute': 'nonsense'}\n",
      { ERROR("CommandNotFound", "Expecting capabilities negotiation") } },
    { "foo\n", { GENERIC("JSON parse error") } },
    { "{'execute': 'qmp_capabilities', 'arguments': {'foo': 1}}\n",
      { GENERIC("Parameter 'foo' is unexpected") } },
    { "{'execute': 'qmp_capabilities', 'arguments': {'enable': ['x']}}\n",
      { GENERIC("") } },
};

static const Talk after[] = {
    { "{'execute': 'qmp_capabilities'}\n",
      { ERROR("CommandNotFound", "Capabilities negotiation is already") } },
    { "{'exec-oob': 'query-status', 'id': 7}\n",
      { GENERIC("QMP input member 'exec-oob' is unexpected\"}, \"id\": 7}") } },
    { "{'execute': 'query-name', 'control': {'run-oob': true}}\n",
      { GENERIC("QMP input member 'control' is unexpected") } },
    { "{'execute': 1}\n", { GENERIC("QMP input member 'execute' must be") } },
    { "{'execute': 'query-name', 'arguments': []}\n",
      { GENERIC("QMP input member 'arguments' must be an object") } },
    { "{'id': 3}\n", { GENERIC("QMP input lacks member 'execute'\"}, \"id\": 3") } },
    { "{'execute': 'nonsense'}\n",
      { ERROR("CommandNotFound", "The command nonsense has not been found") } },
    { "[1,2]\n", { GENERIC("QMP input must be a JSON object") } },
    { "17 \n", { GENERIC("QMP input must be a JSON object") } },
    { "\"str\"", { GENERIC("QMP input must be a JSON object") } },
    { "null\n", { GENERIC("QMP input must be a JSON object") } },
    { "{'execute':'query-name','id':1}{'execute':'query-name','id':2}",
      { "{\"id\": 1, \"return\": {\"name\": \"test\"}}",
        "{\"id\": 2, \"return\": {\"name\": \"test\"}}" } },
    { "{\"execute\":\n\"query-name\"\r\n}\n",
      { "{\"return\": {\"name\": \"test\"}}" } },
    { "{'execute':'query-name','id':'x\\'y\"'}\n",
      { "{\"id\": \"x'y\\\"\", \"return\"" } },
    { "{'execute':'query-name','id':{'a':[null, 1.5, true]}}\n",
      { "{\"id\": {\"a\": [null, 1.5, true]}, \"return\"" } },
    { "{'execute':'query-name','id':null}\n", { "{\"id\": null, \"return\"" } },
    { "{\"execute\":\"x\" \"y\"}\n", { GENERIC("JSON parse error") } },
    { "}\n", { GENERIC("JSON parse error") } },
    { ",\n", { GENERIC("JSON parse error") } },
    { "{\"execute\":\"query-name\"]\n", { GENERIC("JSON parse error") } },
    { "{\"a\":tru}\n", { GENERIC("JSON parse error") } },
    { "{\"a\": @ 1, 'x\n{\"execute\":\"query-name\"}\n",
      { GENERIC("JSON parse error"), GENERIC("JSON parse error"),
        GENERIC("JSON parse error"), "{\"return\"" } },
    { "{\"execute\":\"que\n{\"execute\":\"query-name\"}\n",
      { GENERIC("JSON parse error"), "{\"return\"" } },
    { "\xff{\"execute\":\"query-name\"}\n",
      { GENERIC("JSON parse error"), "{\"return\"" } },
    { "{\"execute\":[[\xff{\"execute\":\"query-name\"}\n",
      { GENERIC("JSON parse error"), "{\"return\"" } },
    { "{\"execute\":\"abc\xff{\"execute\":\"query-name\"}\n",
      { GENERIC("JSON parse error"), "{\"return\"" } },
    { "{\"execute\":\"\xc3(\"}\n", { GENERIC("JSON parse error") } },
    { "{'execute':'query-name','id':18446744073709551615}\n",
      { "{\"id\": " } },
    { "  \r\n\t", { NULL } },
};

static void
check_talk(RefClient *c, const Talk *talk)
{
    g_autofree char *answer = ref_client_say(c, talk->said, -1);
    g_auto(GStrv) lines = g_strsplit(answer, "\r\n", -1);
    guint n = 0;

    for (; n < G_N_ELEMENTS(talk->heard) && talk->heard[n]; n++) {
        if (!lines[n] || !g_str_has_prefix(lines[n], talk->heard[n]))
            g_error("%s: answered \"%s\", not \"%s\"", talk->said, answer,
                    talk->heard[n]);
    }
    if (lines[n] && *lines[n])
        g_error("%s: answered \"%s\", too much", talk->said, answer);
}

static void
test_talk(void)
{
    g_autoptr(RefClient) c = ref_client_new_silent(NULL);
    g_autofree char *greeting = ref_client_take(c);
    g_autofree char *ready = NULL;

    g_assert_true(g_str_has_prefix(
        greeting, "{\"QMP\": {\"capabilities\": [\"oob\"], \"version\": "));
    g_assert_nonnull(strstr(greeting, "\"major\": 7, \"micro\": "));
    for (guint i = 0; i < G_N_ELEMENTS(before); i++)
        check_talk(c, &before[i]);
    ready = ref_client_say(c, "{'execute':'qmp_capabilities','id':{'a':[1]}}",
                           -1);
    g_assert_cmpstr(ready, ==, "{\"id\": {\"a\": [1]}, \"return\": {}}\r\n");
    for (guint i = 0; i < G_N_ELEMENTS(after); i++)
        check_talk(c, &after[i]);
}

/* The same input one byte at a time. */
static void
test_slowly(void)
{
    g_autoptr(RefClient) c = ref_client_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(after); i++) {
        g_autofree char *at_once = ref_client_say(c, after[i].said, -1);
        g_autoptr(GString) slowly = g_string_new(NULL);

        for (const char *p = after[i].said; *p; p++) {
            g_autofree char *piece = ref_client_say(c, p, 1);

            g_string_append(slowly, piece);
        }
        g_assert_cmpstr(slowly->str, ==, at_once);
    }
}

static const struct {
    MtRelease release;
    const char *greets;
    const char *unready;
    const char *bad;
} eras[] = {
    { MT_RELEASE(2, 4), "\"capabilities\": []",
      "'qmp_capabilities' before command 'stop'", "Invalid JSON syntax" },
    { MT_RELEASE(3, 0), "\"capabilities\": []", "with 'qmp_capabilities'\"",
      "JSON parse error" },
    { MT_RELEASE(3, 1), "\"capabilities\": [\"oob\"]",
      "with 'qmp_capabilities'\"", "JSON parse error" },
    { MT_RELEASE(11, 1), "\"capabilities\": [\"oob\"]",
      "with 'qmp_capabilities'\"", "JSON parse error" },
};

static void
test_eras(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(eras); i++) {
        g_autoptr(MtRefGuestSpec) spec =
            mt_ref_guest_spec_new("old", eras[i].release);
        g_autoptr(RefClient) c = ref_client_new_silent(spec);
        g_autofree char *greeting = ref_client_take(c);
        g_autofree char *unready =
            ref_client_say(c, "{'execute': 'stop'}\n", -1);
        g_autofree char *bad = ref_client_say(c, "]\n", -1);

        g_assert_nonnull(strstr(greeting, eras[i].greets));
        g_assert_nonnull(strstr(unready, eras[i].unready));
        g_assert_nonnull(strstr(bad, eras[i].bad));
    }
}

static void
test_out_of_band(void)
{
    g_autoptr(RefClient) c = ref_client_new_silent(NULL);
    g_autofree char *greeting = ref_client_take(c);
    g_autofree char *ready = ref_client_say(
        c, "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}",
        -1);
    g_autofree char *refused =
        ref_client_say(c, "{'exec-oob':'query-name','id':1}", -1);
    g_autofree char *run =
        ref_client_say(c, "{'exec-oob':'migrate-pause','id':2}", -1);

    g_assert_cmpstr(ready, ==, "{\"return\": {}}\r\n");
    g_assert_nonnull(strstr(refused, "query-name does not support OOB"));
    g_assert_nonnull(strstr(run, "postcopy-active"));
}

/* Deep nesting and long input use a bounded amount of memory. */
static void
test_bounds(void)
{
    g_autoptr(RefClient) c = ref_client_new(NULL);
    g_autofree char *deep = g_strnfill(MT_JSON_FEED_MAX_DEPTH + 1, '[');
    g_autofree char *less = g_strnfill(200, '[');
    g_autofree char *open = g_strnfill(1 << 20, 'x');
    g_autofree char *answer = ref_client_say(c, deep, -1);
    g_autofree char *silent = ref_client_say(c, less, -1);
    g_autofree char *reset = ref_client_say(c, "\xff", -1);
    g_autofree char *begun = ref_client_say(c, "{'execute': '", -1);
    g_autoptr(JsonNode) name = NULL;
    guint n_errors = 0;

    g_assert_nonnull(strstr(answer, "JSON nesting depth limit exceeded"));
    g_assert_cmpstr(silent, ==, "");
    g_assert_nonnull(strstr(reset, "JSON parse error"));
    g_assert_cmpstr(begun, ==, "");
    for (guint i = 0; i < MT_JSON_FEED_MAX_BYTES / (1 << 20) + 1; i++) {
        g_autofree char *more = ref_client_say(c, open, 1 << 20);

        n_errors += strstr(more, "size limit exceeded") != NULL;
    }
    g_assert_cmpuint(n_errors, ==, 1);
    g_free(ref_client_say(c, "\n", -1));
    name = ref_client_get(c, "query-name", NULL);
}

static void
test_events(void)
{
    g_autoptr(RefClient) first = ref_client_new(NULL);
    g_autoptr(RefClient) second = ref_client_new_second(first);
    g_autofree char *here = NULL;
    g_autofree char *there = NULL;
    g_autofree char *raw = NULL;

    ref_client_run(first, "stop", NULL);
    ref_client_run(first, "stop", NULL);
    ref_client_run(first, "cont", NULL);
    here = ref_client_events(first);
    there = ref_client_events(second);
    g_assert_cmpstr(here, ==, "STOP RESUME");
    g_assert_cmpstr(there, ==, "STOP RESUME");
}

/* Events are sent only after the negotiation, with a time stamp. */
static void
test_events_wait(void)
{
    g_autoptr(RefClient) c = ref_client_new_silent(NULL);
    g_autoptr(JsonNode) result = NULL;
    g_auto(MtRefRefusal) refusal = { 0 };
    g_autofree char *greeting = ref_client_take(c);
    g_autofree char *nothing = NULL;
    g_autofree char *ready = NULL;
    g_autofree char *event = NULL;

    g_assert_cmpint(mt_ref_execute(ref_client_guest(c), "stop", NULL,
                                         &result, &refusal), ==,
                    MT_REF_ANSWERED);
    nothing = ref_client_take(c);
    g_assert_cmpstr(nothing, ==, "");
    ready = ref_client_say(c, "{'execute':'qmp_capabilities'}", -1);
    event = ref_client_say(c, "{'execute':'cont'}", -1);
    g_assert_true(g_str_has_prefix(event, "{\"event\": \"RESUME\", \"timestamp\""
                                   ": {\"microseconds\": "));
    g_assert_nonnull(strstr(event, "\"seconds\": "));
    g_assert_nonnull(strstr(event, "{\"return\": {}}"));
}

static void
test_quit(void)
{
    g_autoptr(RefClient) first = ref_client_new(NULL);
    g_autoptr(RefClient) second = ref_client_new_second(first);
    g_autofree char *answer =
        ref_client_say(first, "{'execute':'quit'}{'execute':'stop'}", -1);
    g_autofree char *events = ref_client_events(second);
    g_autofree char *late = NULL;

    g_assert_cmpstr(answer, ==, "{\"return\": {}}\r\n");
    g_assert_cmpstr(events, ==, "SHUTDOWN");
    g_assert_true(ref_client_is_closed(first));
    g_assert_true(ref_client_is_closed(second));
    g_assert_true(mt_ref_guest_has_quit(ref_client_guest(first)));
    late = ref_client_say(second, "{'execute':'query-name'}", -1);
    g_assert_cmpstr(late, ==, "");
}

static void
test_fds(void)
{
    g_autoptr(RefClient) c = ref_client_new(NULL);
    static const char getfd[] =
        "{'execute':'getfd','arguments':{'fdname':'a'}}";
    g_autofree char *without = ref_client_say(c, getfd, -1);
    g_autofree char *with = ref_client_say_fd(c, getfd, dup(0));
    g_autofree char *digit = ref_client_say_fd(
        c, "{'execute':'getfd','arguments':{'fdname':'1'}}", dup(0));
    g_autofree char *unused = ref_client_say_fd(c, "{'execute':'stop'}",
                                                dup(0));
    g_autofree char *later = ref_client_say(c, getfd, -1);
    g_autofree char *closed = NULL;
    g_autofree char *again = NULL;

    g_assert_nonnull(strstr(without, "No file descriptor supplied"));
    g_assert_nonnull(strstr(with, "\"return\": {}"));
    g_assert_nonnull(strstr(digit, "not starting with a digit"));
    g_assert_nonnull(strstr(unused, "\"return\": {}"));
    g_assert_nonnull(strstr(later, "\"return\": {}"));
    closed = ref_client_say(
        c, "{'execute':'closefd','arguments':{'fdname':'a'}}", -1);
    g_assert_nonnull(strstr(closed, "\"return\": {}"));
    again = ref_client_refused(c, "closefd", "{'fdname': 'a'}");
    g_assert_cmpstr(again, ==, "File descriptor named 'a' not found");
}

/* A descriptor with the access mode of the migration is found by the number of
 * its set. */
static void
test_fdsets(void)
{
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new(
        "fdsets", MT_RELEASE(10, 0));
    g_autoptr(RefClient) c = ref_client_new(spec);
    g_autofree char *path = ref_client_path("fdset");
    g_autofree char *none = NULL;
    g_autofree char *write_only = NULL;
    g_autofree char *read_only = NULL;
    g_autofree char *gone = NULL;
    g_autofree char *answer = NULL;
    g_autofree char *said = NULL;
    g_autofree char *content = NULL;
    gsize length;

    none = ref_client_refused(c, "add-fd", NULL);
    g_assert_cmpstr(none, ==, "No file descriptor supplied via SCM_RIGHTS");
    answer = ref_client_say_fd(c, "{'execute':'add-fd'}",
                               open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    g_assert_nonnull(strstr(answer, "fdset-id"));
    write_only = ref_client_refused(c, "migrate",
                                    "{'uri': 'file:/dev/fdset/0'}");
    g_assert_nonnull(strstr(write_only, "matching flags=0x41"));
    said = ref_client_say_fd(
        c, "{'execute':'add-fd','arguments':{'fdset-id':0,'opaque':'w'}}",
        open(path, O_WRONLY | O_CLOEXEC));
    g_assert_nonnull(strstr(said, "fdset-id"));
    ref_client_run(c, "migrate", "{'uri': 'file:/dev/fdset/0,offset=4096'}");
    ref_client_wait(c, "completed");
    g_assert_true(g_file_get_contents(path, &content, &length, NULL));
    g_assert_cmpuint(length, >, 4096 + 4);
    g_assert_cmpint(memcmp(content + 4096, "QEVM", 4), ==, 0);
    ref_client_run(c, "remove-fd", "{'fdset-id': 0}");
    gone = ref_client_refused(c, "remove-fd", "{'fdset-id': 0}");
    g_assert_cmpstr(gone, ==,
                    "File descriptor named 'fdset-id:0' not found");
    read_only = ref_client_refused(c, "migrate",
                                   "{'uri': 'file:/dev/fdset/0'}");
    g_assert_nonnull(read_only);
    unlink(path);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ref/monitor/talk", test_talk);
    g_test_add_func("/ref/monitor/slowly", test_slowly);
    g_test_add_func("/ref/monitor/eras", test_eras);
    g_test_add_func("/ref/monitor/out-of-band", test_out_of_band);
    g_test_add_func("/ref/monitor/bounds", test_bounds);
    g_test_add_func("/ref/monitor/events", test_events);
    g_test_add_func("/ref/monitor/events-wait", test_events_wait);
    g_test_add_func("/ref/monitor/quit", test_quit);
    g_test_add_func("/ref/monitor/fds", test_fds);
    g_test_add_func("/ref/monitor/fdsets", test_fdsets);
    return g_test_run();
}
