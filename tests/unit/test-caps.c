/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Probing recorded answers finds what the release has.  A QEMU newer than the
 * catalogue can be probed.  Damaged answers and cache files are detected.
 */
#include "config.h"

#include <string.h>
#include <utime.h>

#include <glib/gstdio.h>

#include "core/core.h"
#include "fake-qmp.h"
#include "params/rules.h"
#include "probe/cache.h"
#include "probe/caps.h"
#include "probe/state.h"
#include "util/json.h"

#include "migtune/migtune-error.h"

static const struct {
    const char *replies;
    MtRelease release;
    const char *source;
} recorded[] = {
    { "made-2.4", MT_RELEASE(2, 4), "commands" },
    { "made-2.5", MT_RELEASE(2, 5), "schema" },
    { "made-2.7", MT_RELEASE(2, 7), "schema" },
    { "made-2.8", MT_RELEASE(2, 8), "schema" },
    { "made-2.11", MT_RELEASE(2, 11), "schema" },
    { "qemu-5.2", MT_RELEASE(5, 2), "schema" },
    { "qemu-7.2", MT_RELEASE(7, 2), "schema" },
    { "qemu-10.0", MT_RELEASE(10, 0), "schema" },
};

/* Probing finds what the catalogue says about the release. */
static void
test_recorded_releases_are_recognised(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(recorded); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(recorded[i].replies);
        g_autoptr(MtCaps) expected =
            mt_caps_new_for_release(recorded[i].release);
        g_autoptr(MtCaps) caps = NULL;
        g_autoptr(GError) error = NULL;

        g_test_message("%s", recorded[i].replies);
        caps = mt_caps_probe(fake_qmp_exec(qmp), recorded[i].release, NULL,
                             &error);
        g_assert_no_error(error);
        g_assert_cmpstr(mt_caps_source(caps), ==, recorded[i].source);
        g_assert_cmphex(mt_caps_release(caps), ==, recorded[i].release);
        for (guint j = 0; j < MT_N_PARAMS; j++) {
            const MtRow *row = mt_row(j);
            const MtCapsEntry *found = mt_caps_lookup(caps, row);
            const MtCapsEntry *known = mt_caps_lookup(expected, row);

            g_test_message("  %s", row->name);
            g_assert_cmpint(found != NULL, ==, known != NULL);
            if (!found)
                continue;
            g_assert_cmpint(found->access, ==, known->access);
            g_assert_cmpint(found->settable, ==, known->settable);
            g_assert_cmpint(found->deprecated, ==, known->deprecated);
            g_assert_cmpint(found->unstable, ==, known->unstable);
        }
    }
}

/* The version number of QEMU counts only if the evidence leaves a choice. */
static void
test_evidence_outweighs_the_number(void)
{
    static const struct {
        const char *replies;
        MtRelease told;
        MtRelease found;
    } cases[] = {
        { "qemu-7.2", MT_RELEASE(2, 4), MT_RELEASE(7, 1) },
        { "qemu-7.2", MT_RELEASE(7, 1), MT_RELEASE(7, 1) },
        { "qemu-7.2", MT_RELEASE(7, 2), MT_RELEASE(7, 2) },
        /* The mark of 8.0 was removed in a later release. */
        { "qemu-7.2", MT_RELEASE(9, 0), MT_RELEASE(8, 0) },
        { "qemu-10.0", MT_RELEASE(12, 0), MT_RELEASE(10, 0) },
        { "qemu-5.2", MT_RELEASE_NONE, MT_RELEASE(5, 2) },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(cases[i].replies);
        g_autoptr(MtCaps) caps =
            mt_caps_probe(fake_qmp_exec(qmp), cases[i].told, NULL, NULL);

        g_test_message("%s told %x", cases[i].replies, cases[i].told);
        g_assert_cmphex(mt_caps_release(caps), ==, cases[i].found);
    }
}

typedef struct {
    MtExec exec;
    const char *schema;
} TextExec;

/* Answers query-qmp-schema with a text, and refuses other commands. */
static gboolean
text_run(MtExec *exec, MtCommand *commands, guint n_commands,
         GCancellable *cancellable, GError **error)
{
    TextExec *text = (TextExec *)exec;

    for (guint i = 0; i < n_commands; i++) {
        commands[i].answered = TRUE;
        if (strcmp(commands[i].name, "query-qmp-schema") == 0 && text->schema)
            commands[i].result = mt_json_parse(text->schema, -1, NULL);
        else
            migtune_error_set(&commands[i].error, MIGTUNE_ERROR_QEMU,
                              "refused");
    }

    return TRUE;
}

#define SCHEMA(params, rest)                                                 \
    "[{\"name\": \"migrate-set-parameters\", \"meta-type\": \"command\","     \
    "  \"arg-type\": \"1\", \"ret-type\": \"0\"},"                            \
    " {\"name\": \"1\", \"meta-type\": \"object\", \"members\": [" params     \
    "]}," rest                                                               \
    " {\"name\": \"int\", \"meta-type\": \"builtin\","                        \
    "  \"json-type\": \"int\"},"                                             \
    " {\"name\": \"bool\", \"meta-type\": \"builtin\","                       \
    "  \"json-type\": \"boolean\"}]"

static void
test_what_nobody_knows_is_there(void)
{
    static const char schema[] = SCHEMA(
        "{\"name\": \"warp-factor\", \"type\": \"int\", \"default\": null,"
        " \"features\": [\"unstable\"]},"
        "{\"name\": \"warp-core\", \"type\": \"5\"},"
        "{\"name\": \"warp-list\", \"type\": \"6\"},"
        "{\"name\": \"downtime-limit\", \"type\": \"int\"}",
        "{\"name\": \"5\", \"meta-type\": \"enum\", \"members\":"
        " [{\"name\": \"hot\"}, {\"name\": \"cold\"}]},"
        "{\"name\": \"6\", \"meta-type\": \"array\","
        " \"element-type\": \"int\"},");
    TextExec exec = { { text_run, NULL }, schema };
    g_autoptr(GError) error = NULL;
    g_autoptr(MtCaps) caps =
        mt_caps_probe(&exec.exec, MT_RELEASE(12, 0), NULL, &error);
    g_autoptr(MtCaps) again = NULL;
    g_autoptr(JsonNode) json = NULL;

    g_assert_no_error(error);
    json = mt_caps_to_json(caps);
    again = mt_caps_from_json(json);
    for (guint i = 0; i < 2; i++) {
        MtCaps *c = i ? again : caps;
        MtSpelling spelling = MT_SPELLING_OURS;
        const MtRow *row = mt_caps_find_row(c, "warp-factor", &spelling);
        const MtRow *core = mt_caps_find_row(c, "warp-core", NULL);
        const MtRow *list = mt_caps_find_row(c, "warp-list", NULL);

        g_assert_nonnull(row);
        g_assert_cmpint(row->type, ==, MT_TYPE_ULLONG);
        g_assert_true(mt_caps_lookup(c, row)->unstable);
        g_assert_cmpint(core->type, ==, MT_TYPE_ENUM);
        g_assert_true(mt_caps_has_member(c, core, "cold"));
        g_assert_false(mt_caps_has_member(c, core, "lukewarm"));
        g_assert_cmpint(list->type, ==, MT_TYPE_JSON);
        g_assert_null(mt_caps_find_row(c, "warp-engine", NULL));
    }
}

static void
test_odd_schemas_are_survived(void)
{
    static const struct {
        const char *schema;
        int code;               /* -1: accepted in part */
    } cases[] = {
        { "{}", MIGTUNE_ERROR_PROTOCOL },
        { "[]", MIGTUNE_ERROR_PROTOCOL },
        { "[1, null, \"x\", [], {}]", MIGTUNE_ERROR_PROTOCOL },
        { "[{\"name\": 1, \"meta-type\": \"command\"}]",
          MIGTUNE_ERROR_PROTOCOL },
        { "[{\"name\": \"a\", \"meta-type\": \"command\"}]",
          MIGTUNE_ERROR_UNSUPPORTED },
        { SCHEMA("", ""), MIGTUNE_ERROR_UNSUPPORTED },
        { SCHEMA("{\"name\": \"x\", \"type\": \"nowhere\"}", ""), -1 },
        { SCHEMA("{\"name\": \"x\"}, {\"name\": \"x\"}, 3, {\"type\": 5}",
                 ""),
          -1 },
        { SCHEMA("{\"name\": \"x\", \"type\": \"1\"}", ""), -1 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        TextExec exec = { { text_run, NULL }, cases[i].schema };
        g_autoptr(GError) error = NULL;
        g_autoptr(MtCaps) caps =
            mt_caps_probe(&exec.exec, MT_RELEASE(7, 2), NULL, &error);

        g_test_message("%s", cases[i].schema);
        if (cases[i].code < 0)
            g_assert_no_error(error);
        else
            g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
    }
}

static void
test_cache_holds_what_was_found(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-cache-XXXXXX", NULL);
    g_autofree char *sub = g_build_filename(dir, "a", "b", NULL);

    for (guint i = 0; i < G_N_ELEMENTS(recorded); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(recorded[i].replies);
        g_autoptr(MtCaps) caps =
            mt_caps_probe(fake_qmp_exec(qmp), recorded[i].release, NULL, NULL);
        g_autoptr(MtCaps) cached = NULL;
        g_autoptr(JsonNode) before = mt_caps_to_json(caps);
        g_autoptr(JsonNode) after = NULL;

        g_assert_null(mt_cache_load(sub, recorded[i].replies));
        mt_cache_save(sub, recorded[i].replies, caps);
        cached = mt_cache_load(sub, recorded[i].replies);
        g_assert_nonnull(cached);
        g_assert_cmpstr(mt_caps_source(cached), ==, "cache");
        after = mt_caps_to_json(cached);
        g_assert_true(json_node_equal(before, after));
    }
    g_assert_null(mt_cache_load(NULL, "x"));
    g_assert_null(mt_cache_load(sub, NULL));
    g_assert_null(mt_cache_load("/dev/null/nowhere", "x"));
    {
        g_autofree char *command = g_strdup_printf("rm -r '%s'", dir);

        g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL,
                                                NULL));
    }
}

/* Another QEMU may be started behind the same address. */
static void
test_cache_expires(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-cache-XXXXXX", NULL);
    g_autoptr(MtCaps) caps = mt_caps_new_for_release(MT_RELEASE(7, 2));
    g_autoptr(MtCaps) fresh = NULL;
    g_autoptr(GDir) opened = NULL;
    const char *name;
    guint n = 0;

    mt_cache_save(dir, "a", caps);
    fresh = mt_cache_load(dir, "a");
    g_assert_nonnull(fresh);
    g_assert_true(mt_caps_is_cached(fresh));
    for (gint days = 2; days <= 60; days += 58) {
        g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);

        while ((name = g_dir_read_name(files))) {
            g_autofree char *path = g_build_filename(dir, name, NULL);
            struct utimbuf times = { 0 };

            times.modtime = g_get_real_time() / G_USEC_PER_SEC - days * 86400;
            g_assert_cmpint(g_utime(path, &times), ==, 0);
        }
        g_assert_null(mt_cache_load(dir, "a"));
    }
    /* A file that is two months old is removed. */
    mt_cache_save(dir, "b", caps);
    opened = g_dir_open(dir, 0, NULL);
    while ((name = g_dir_read_name(opened))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        n++;
        g_unlink(path);
    }
    g_assert_cmpuint(n, ==, 1);
    g_rmdir(dir);
}

static void
test_cache_key_is_about_one_qemu(void)
{
    g_autoptr(JsonNode) version = mt_json_parse("{\"micro\": 22}", -1, NULL);
    g_autofree char *one = mt_cache_key(version, NULL, "tcp host1");
    g_autofree char *two = mt_cache_key(version, NULL, "tcp host2");
    g_autofree char *same1 = mt_cache_key(version, "inode 7", "socket a");
    g_autofree char *same2 = mt_cache_key(version, "inode 7", "socket b");

    g_assert_cmpstr(one, !=, two);
    g_assert_cmpstr(same1, ==, same2);
    g_assert_null(mt_cache_key(NULL, NULL, "tcp host1"));
}

/* A damaged file is either ignored or gives a complete result. */
static void
test_damaged_cache_is_a_miss(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-10.0");
    g_autoptr(MtCaps) caps =
        mt_caps_probe(fake_qmp_exec(qmp), MT_RELEASE(10, 0), NULL, NULL);
    g_autoptr(JsonNode) node = mt_caps_to_json(caps);
    g_autoptr(MtCaps) whole = NULL;
    g_autofree char *inner = mt_json_to_line(node);
    g_autofree char *text =
        g_strdup_printf("{\"key\": \"k\", \"caps\": %s}", inner);
    gsize length = strlen(text);
    GRand *random = g_rand_new_with_seed(7);

    whole = mt_cache_parse(text, length, "k");
    g_assert_nonnull(whole);
    g_assert_null(mt_cache_parse(text, length, "other"));
    for (gsize n = 0; n < length; n += 7)
        g_assert_null(mt_cache_parse(text, n, "k"));
    for (guint i = 0; i < 500; i++) {
        g_autofree char *copy = g_memdup2(text, length + 1);
        g_autoptr(MtCaps) found = NULL;

        copy[g_rand_int_range(random, 0, length)] =
            g_rand_int_range(random, 1, 256);
        found = mt_cache_parse(copy, length, "k");
        if (found)
            g_assert_cmpuint(mt_caps_size(found), >, 0);
    }
    g_rand_free(random);
}

static void
test_state_is_read_in_one_go(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(recorded); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(recorded[i].replies);
        MtExec *exec = fake_qmp_exec(qmp);
        g_autoptr(MtCaps) caps =
            mt_caps_probe(exec, recorded[i].release, NULL, NULL);
        g_autoptr(MtState) state = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *compression = NULL;
        gboolean cache = recorded[i].release < MT_RELEASE(2, 11);

        g_test_message("%s", recorded[i].replies);
        fake_qmp_reset_count(qmp);
        state = mt_state_read(exec, caps, MT_STATE_VALUES, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(fake_qmp_n_commands(qmp), ==, cache ? 3 : 2);
        g_assert_false(state->stale);
        compression = mt_state_compression(state->values);
        g_assert_cmpstr(compression, ==, "none");
        for (guint j = 0; j < mt_caps_size(caps); j++) {
            const MtCapsEntry *entry = mt_caps_nth(caps, j);

            /* QEMU does not list it until it has been set. */
            if (!entry->readable ||
                entry->row == mt_row(MT_PARAM_BLOCK_BITMAP_MAPPING) ||
                recorded[i].release == MT_RELEASE(2, 8))
                continue;
            g_test_message("  %s", entry->row->name);
            g_assert_nonnull(mt_set_get(state->values, entry->row));
        }
    }
}

typedef struct {
    MtProbing probing;
    MtCaps *caps;
    gint n_probes;
} Crowd;

static gpointer
probe_in_crowd(gpointer data)
{
    Crowd *crowd = data;
    g_autoptr(MtCaps) caps = mt_probing_begin(&crowd->probing, "key", NULL);

    if (caps) {
        g_assert_true(caps == crowd->caps);
        return NULL;
    }

    g_atomic_int_inc(&crowd->n_probes);
    g_usleep(50000);
    mt_probing_end(&crowd->probing, "key", crowd->caps);

    return NULL;
}

/* Of many guests of one binary one is probed; the result is handed over in
 * memory, so it does not matter whether the cache can be written. */
static void
test_a_binary_is_probed_once(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    Crowd crowd = { .n_probes = 0 };
    GThread *threads[8];

    mt_probing_init(&crowd.probing);
    crowd.caps = mt_caps_probe(fake_qmp_exec(qmp), 0, NULL, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("probe", probe_in_crowd, &crowd);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_cmpint(crowd.n_probes, ==, 1);
    mt_probing_clear(&crowd.probing);
    mt_caps_unref(crowd.caps);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/caps/recorded-releases-are-recognised",
                    test_recorded_releases_are_recognised);
    g_test_add_func("/caps/evidence-outweighs-the-number",
                    test_evidence_outweighs_the_number);
    g_test_add_func("/caps/unknown-names-are-listed",
                    test_what_nobody_knows_is_there);
    g_test_add_func("/caps/odd-schemas-are-survived",
                    test_odd_schemas_are_survived);
    g_test_add_func("/caps/cache-holds-what-was-found",
                    test_cache_holds_what_was_found);
    g_test_add_func("/caps/cache-expires", test_cache_expires);
    g_test_add_func("/caps/cache-key-is-about-one-qemu",
                    test_cache_key_is_about_one_qemu);
    g_test_add_func("/caps/a-binary-is-probed-once",
                    test_a_binary_is_probed_once);
    g_test_add_func("/caps/damaged-cache-is-a-miss",
                    test_damaged_cache_is_a_miss);
    g_test_add_func("/caps/state-is-read-in-one-go",
                    test_state_is_read_in_one_go);
    return g_test_run();
}
