/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scripted monitor behaves as the release that it stands for. */
#include "config.h"

#include <string.h>

#include "fake-qmp.h"
#include "migtune/migtune-error.h"
#include "util/json.h"

static const char *const files[] = {
    "made-2.4", "made-2.5", "made-2.7", "made-2.8", "made-2.11",
    "qemu-5.2", "qemu-7.2", "qemu-10.0",
};

/* TRUE when @command with the arguments @text was accepted. */
static gboolean
accepts(FakeQmp *qmp, const char *command, const char *text)
{
    g_autoptr(JsonNode) result = mt_exec_one(
        fake_qmp_exec(qmp), command,
        text ? mt_json_parse_object(text, -1, NULL) : NULL, NULL, NULL);

    return result != NULL;
}

static char *
answer(FakeQmp *qmp, const char *command)
{
    g_autoptr(JsonNode) result = mt_exec_one(fake_qmp_exec(qmp), command,
                                             NULL, NULL, NULL);

    return result ? mt_json_to_line(result) : NULL;
}

/* Whatever the list of commands and the schema name is there. */
static void
test_files_agree_with_themselves(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(files[i]);
        g_autofree char *parameters = answer(qmp,
                                             "query-migrate-parameters");
        g_autofree char *schema = answer(qmp, "query-qmp-schema");
        g_autofree char *name = answer(qmp, "query-name");

        g_assert_nonnull(parameters);
        g_assert_nonnull(name);
        g_assert_cmpint(schema != NULL, ==, i > 0);
        g_assert_true(accepts(qmp, "migrate-set-parameters", "{}"));
        g_assert_true(accepts(qmp, "migrate-set-capabilities",
                              "{\"capabilities\": [{\"capability\": "
                              "\"xbzrle\", \"state\": true}]}"));
        g_assert_false(accepts(qmp, "no-such-command", NULL));
        g_assert_false(accepts(qmp, "migrate-set-parameters",
                               "{\"no-such\": 1}"));
        g_assert_false(accepts(qmp, "migrate-set-capabilities",
                               "{\"capabilities\": [{\"capability\": "
                               "\"no-such\", \"state\": true}]}"));
    }
}

static void
test_releases(void)
{
    static const struct {
        const char *file;
        const char *command;
        const char *arguments;
        gboolean accepted;
    } cases[] = {
        { "made-2.4", "query-qmp-schema", NULL, FALSE },
        { "made-2.5", "migrate-set-parameters",
          "{\"x-cpu-throttle-initial\": 30}", FALSE },
        { "made-2.5", "migrate-set-parameters", "{\"max-bandwidth\": 1}",
          FALSE },
        { "made-2.5", "migrate_set_speed", "{\"value\": 1000}", TRUE },
        { "made-2.5", "migrate_set_downtime", "{\"value\": 0.5}", TRUE },
        { "made-2.7", "migrate-set-parameters", "{\"tls-creds\": \"x\"}",
          FALSE },
        { "made-2.8", "migrate-set-parameters", "{\"tls-creds\": \"x\"}",
          TRUE },
        { "made-2.8", "migrate-set-parameters", "{\"max-bandwidth\": 1}",
          TRUE },
        { "made-2.8", "migrate-set-parameters", "{\"max-bandwidth\": \"1\"}",
          FALSE },
        { "made-2.8", "migrate-set-parameters",
          "{\"xbzrle-cache-size\": 4096}", FALSE },
        { "made-2.8", "migrate-set-cache-size", "{\"value\": 100000}",
          TRUE },
        { "made-2.8", "migrate_set_downtime", "{\"value\": -1}", FALSE },
        { "made-2.11", "migrate-set-cache-size", "{\"value\": 100000}",
          FALSE },
        { "made-2.11", "migrate-set-parameters",
          "{\"xbzrle-cache-size\": 4096}", TRUE },
        { "qemu-7.2", "migrate_set_speed", "{\"value\": 1000}", FALSE },
        { "qemu-10.0", "migrate-set-parameters", "{\"compress-level\": 1}",
          FALSE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(cases[i].file);
        g_autofree char *before = fake_qmp_dump(qmp);
        g_autofree char *after = NULL;

        g_test_message("%s: %s %s", cases[i].file, cases[i].command,
                       cases[i].arguments ? cases[i].arguments : "");
        g_assert_cmpint(accepts(qmp, cases[i].command, cases[i].arguments),
                        ==, cases[i].accepted);
        after = fake_qmp_dump(qmp);
        g_assert_cmpint(strcmp(before, after) != 0, ==, cases[i].accepted);
    }
}

static void
test_read_back(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("made-2.8");
    g_autofree char *cache = NULL;
    g_autofree char *parameters = NULL;

    g_assert_true(accepts(qmp, "migrate-set-cache-size",
                          "{\"value\": 100000}"));
    g_assert_true(accepts(qmp, "migrate_set_downtime", "{\"value\": 1.5}"));
    g_assert_true(accepts(qmp, "migrate_set_speed", "{\"value\": 77}"));
    cache = answer(qmp, "query-migrate-cache-size");
    parameters = answer(qmp, "query-migrate-parameters");
    g_assert_cmpstr(cache, ==, "65536");
    g_assert_nonnull(strstr(parameters, "\"downtime-limit\": 1500,"));
    g_assert_nonnull(strstr(parameters, "\"max-bandwidth\": 77,"));
}

/* 2.10 and 2.11 keep a list that they refuse; earlier ones refuse none and
 * switch postcopy off; later ones change nothing. */
static void
test_refused_capabilities(void)
{
    static const char both[] =
        "{\"capabilities\": [{\"capability\": \"compress\", \"state\": true},"
        "{\"capability\": \"postcopy-ram\", \"state\": true}]}";
    static const char preempt[] =
        "{\"capabilities\": [{\"capability\": \"postcopy-preempt\","
        " \"state\": true}]}";
    g_autoptr(FakeQmp) old = fake_qmp_new("made-2.8");
    g_autoptr(FakeQmp) keeps = fake_qmp_new("made-2.11");
    g_autoptr(FakeQmp) recent = fake_qmp_new("qemu-7.2");
    g_autofree char *before = fake_qmp_dump(recent);
    g_autofree char *after = NULL;
    g_autofree char *old_after = NULL;
    g_autofree char *kept = NULL;

    g_assert_true(accepts(old, "migrate-set-capabilities", both));
    old_after = fake_qmp_dump(old);
    g_assert_nonnull(strstr(old_after, "\"compress\": true"));
    g_assert_nonnull(strstr(old_after, "\"postcopy-ram\": false"));

    g_assert_false(accepts(keeps, "migrate-set-capabilities", both));
    kept = fake_qmp_dump(keeps);
    g_assert_nonnull(strstr(kept, "\"compress\": true"));
    g_assert_nonnull(strstr(kept, "\"postcopy-ram\": true"));

    g_assert_false(accepts(recent, "migrate-set-capabilities", preempt));
    fake_qmp_set_busy(recent, TRUE);
    g_assert_false(accepts(recent, "migrate-set-capabilities",
                           "{\"capabilities\": []}"));
    after = fake_qmp_dump(recent);
    g_assert_cmpstr(before, ==, after);
}

static void
test_ignored_levels(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(FakeQmp) recent = fake_qmp_new("qemu-10.0");
    g_autofree char *before = fake_qmp_dump(qmp);
    g_autofree char *recent_before = fake_qmp_dump(recent);
    g_autofree char *after = NULL;
    g_autofree char *recent_after = NULL;
    static const char level[] = "{\"multifd-zstd-level\": 7}";

    g_assert_true(accepts(qmp, "migrate-set-parameters", level));
    g_assert_true(accepts(recent, "migrate-set-parameters", level));
    after = fake_qmp_dump(qmp);
    recent_after = fake_qmp_dump(recent);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpstr(recent_after, !=, recent_before);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fake-qmp/files-agree-with-themselves",
                    test_files_agree_with_themselves);
    g_test_add_func("/fake-qmp/releases", test_releases);
    g_test_add_func("/fake-qmp/read-back", test_read_back);
    g_test_add_func("/fake-qmp/refused-capabilities",
                    test_refused_capabilities);
    g_test_add_func("/fake-qmp/ignored-levels", test_ignored_levels);
    return g_test_run();
}
