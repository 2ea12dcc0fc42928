/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A profile has the interface of its release: by the history, by the recordings
 * of real QEMUs, and by migtune's own probe.
 */
#include "config.h"

#include <string.h>

#include "probe/caps.h"
#include "ref-bare.h"
#include "schema-diff.h"
#include "util/json-peek.h"
#include "util/json.h"

#include "drivers/ref/profile/schema.h"

#include "migtune/migtune-error.h"

static MtRefProfile *
profile_of(MtRelease release, const char *const *options)
{
    g_autoptr(GError) error = NULL;
    MtRefProfile *profile = mt_ref_profile_new(release, options, NULL, &error);

    g_assert_no_error(error);

    return profile;
}

static JsonNode *
load_json(const char *name)
{
    g_autofree char *path =
        g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    JsonNode *node;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    node = mt_json_parse(text, -1, &error);
    g_assert_no_error(error);

    return node;
}

static MtRelease
span_release(JsonObject *known, const char *member)
{
    const char *text = mt_json_peek_string(known, member);

    return text ? mt_release_parse(text) : MT_RELEASE_NONE;
}

/* Compares the names of @array, of kind @kind, with those of @profile. */
static void
compare_names(MtRefProfile *profile, JsonArray *array, MtKind kind)
{
    guint n = 0;

    for (guint i = 0; i < json_array_get_length(array); i++) {
        const char *name = json_array_get_string_element(array, i);
        const MtRow *row = mt_row_find_qmp(kind, name);

        g_test_message("%s", name);
        g_assert_cmpint(mt_ref_profile_row(profile, row), !=, MT_REF_ABSENT);
    }
    for (guint i = 0; i < MT_N_PARAMS; i++)
        n += mt_row(i)->kind == kind &&
             mt_ref_profile_row(profile, mt_row(i)) != MT_REF_ABSENT;
    g_assert_cmpuint(n, ==, json_array_get_length(array));
}

static void
test_history_agrees(void)
{
    g_autoptr(JsonNode) history = load_json("migration-history.json");
    JsonArray *releases =
        mt_json_peek_array(json_node_get_object(history), "releases");

    for (guint i = 0; i < json_array_get_length(releases); i++) {
        JsonObject *known = json_array_get_object_element(releases, i);
        const char *name = mt_json_peek_string(known, "release");
        g_autoptr(MtRefProfile) profile =
            profile_of(mt_release_parse(name), NULL);
        JsonArray *commands = mt_json_peek_array(known, "commands");

        g_test_message("QEMU %s", name);
        compare_names(profile, mt_json_peek_array(known, "capabilities"),
                      MT_KIND_CAPABILITY);
        compare_names(profile, mt_json_peek_array(known, "parameters"),
                      MT_KIND_PARAMETER);
        for (guint j = 0; j < json_array_get_length(commands); j++) {
            const char *command = json_array_get_string_element(commands, j);

            /* Features that reference guests do not have: devices, disks,
             * Xen. */
            if (g_str_has_prefix(command, "snapshot-") ||
                strstr(command, "xen"))
                continue;
            g_test_message("  %s", command);
            g_assert_cmpint(mt_ref_profile_command(profile, command), !=,
                            MT_REF_ABSENT);
        }
    }
}

/* Returns whether @release has @name of kind @kind, by the span @known. */
static void
compare_span(MtRelease release, JsonObject *known, gboolean has)
{
    MtRelease since = span_release(known, "since");
    MtRelease removed = span_release(known, "removed");

    g_test_message("%x: %s", release, mt_json_peek_string(known, "name"));
    g_assert_cmpint(has, ==,
                    release >= since && (!removed || release < removed));
}

static void
test_history_of_query_migrate_agrees(void)
{
    g_autoptr(JsonNode) history = load_json("migration-history.json");
    JsonObject *root = json_node_get_object(history);
    JsonArray *members = mt_json_peek_array(root, "query_migrate");
    JsonArray *statuses = mt_json_peek_array(root, "statuses");

    for (const MtRelease *r = mt_releases(); *r; r++) {
        g_autoptr(MtRefProfile) profile = profile_of(*r, NULL);

        for (guint i = 0; i < json_array_get_length(members); i++) {
            JsonObject *known = json_array_get_object_element(members, i);
            const char *name = mt_json_peek_string(known, "name");

            compare_span(*r, known, mt_ref_profile_has_member(profile, name));
        }
        for (guint i = 0; i < json_array_get_length(statuses); i++) {
            JsonObject *known = json_array_get_object_element(statuses, i);
            const char *name = mt_json_peek_string(known, "name");

            compare_span(*r, known, mt_ref_profile_has_status(profile, name));
        }
    }
}

/* The first release with each of these, and the first one without it. */
static void
test_commands_come_and_go(void)
{
    static const struct {
        const char *command;
        MtRelease since, deprecated, removed;
    } cases[] = {
        { "migrate", MT_RELEASE(2, 4) },
        { "migrate_set_speed", MT_RELEASE(2, 4), MT_RELEASE(5, 0),
          MT_RELEASE(6, 0) },
        { "migrate-start-postcopy", MT_RELEASE(2, 5) },
        { "query-qmp-schema", MT_RELEASE(2, 5) },
        { "migrate-continue", MT_RELEASE(2, 11) },
        { "migrate-pause", MT_RELEASE(3, 0) },
        { "migrate-recover", MT_RELEASE(3, 0) },
        { "calc-dirty-rate", MT_RELEASE(5, 2) },
        { "set-vcpu-dirty-limit", MT_RELEASE(7, 1) },
        { "query-migrationthreads", MT_RELEASE(8, 0), MT_RELEASE(9, 2),
          MT_RELEASE(11, 0) },
        { "query-events", MT_RELEASE(2, 4), MT_RELEASE(5, 0),
          MT_RELEASE(6, 0) },
        { "no-such-command", MT_RELEASE_MAX },
    };

    for (const MtRelease *r = mt_releases(); *r; r++) {
        g_autoptr(MtRefProfile) profile = profile_of(*r, NULL);

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            MtRefState state =
                *r < cases[i].since ||
                        (cases[i].removed && *r >= cases[i].removed)
                    ? MT_REF_ABSENT
                : cases[i].deprecated && *r >= cases[i].deprecated
                    ? MT_REF_DEPRECATED
                    : MT_REF_PRESENT;

            g_test_message("%x %s", *r, cases[i].command);
            g_assert_cmpint(mt_ref_profile_command(profile, cases[i].command),
                            ==, state);
        }
    }
}

static void
test_names_come_and_go(void)
{
    static const struct {
        const char *kind, *name;
        MtRelease since, removed;
    } cases[] = {
        { "status", "no-such-status", MT_RELEASE_MAX },
        { "event", "MIGRATION", MT_RELEASE(2, 4) },
        { "event", "MIGRATION_PASS", MT_RELEASE(2, 6) },
        { "event", "UNPLUG_PRIMARY", MT_RELEASE(4, 2) },
        { "member", "ram.skipped", MT_RELEASE(2, 4), MT_RELEASE(9, 1) },
        { "member", "ram.no-such", MT_RELEASE_MAX },
        { "member", "status.none", MT_RELEASE(2, 4) },
        { "scheme", "tcp", MT_RELEASE(2, 4) },
        { "scheme", "vsock", MT_RELEASE(5, 2) },
        { "scheme", "file", MT_RELEASE(8, 2) },
        { "scheme", "x-rdma", MT_RELEASE_MAX },
        { "quirk", "refused-list-stays", MT_RELEASE(2, 10), MT_RELEASE(2, 12) },
        { "quirk", "narrowing", MT_RELEASE(2, 12), MT_RELEASE(6, 0) },
        { "quirk", "mapped-ram-latch", MT_RELEASE(9, 0) },
    };
    static const struct {
        const char *kind;
        gboolean (*has)(const MtRefProfile *profile, const char *name);
    } kinds[] = {
        { "status", mt_ref_profile_has_status },
        { "event", mt_ref_profile_has_event },
        { "member", mt_ref_profile_has_member },
        { "scheme", mt_ref_profile_has_scheme },
        { "quirk", mt_ref_profile_has_quirk },
    };

    for (const MtRelease *r = mt_releases(); *r; r++) {
        g_autoptr(MtRefProfile) profile = profile_of(*r, NULL);

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            gboolean there = *r >= cases[i].since &&
                             (!cases[i].removed || *r < cases[i].removed);

            for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
                if (strcmp(kinds[k].kind, cases[i].kind) != 0)
                    continue;
                g_test_message("%x %s %s", *r, cases[i].kind, cases[i].name);
                g_assert_cmpint(kinds[k].has(profile, cases[i].name), ==,
                                there);
            }
        }
    }
}

/* The probe finds what the catalogue lists, entry by entry. */
static void
compare_caps(const MtCaps *found, const MtCaps *known)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtCapsEntry *a = mt_caps_lookup(found, mt_row(i));
        const MtCapsEntry *b = mt_caps_lookup(known, mt_row(i));

        g_test_message("  %s", mt_row(i)->name);
        g_assert_cmpint(a != NULL, ==, b != NULL);
        if (!a)
            continue;
        g_assert_cmpint(a->access, ==, b->access);
        g_assert_cmpint(a->settable, ==, b->settable);
        g_assert_cmpint(a->readable, ==, b->readable);
        g_assert_cmpint(a->deprecated, ==, b->deprecated);
        g_assert_cmpint(a->unstable, ==, b->unstable);
        if (b->members)
            g_assert_cmpstrv(a->members, b->members);
        else
            g_assert_null(a->members);
    }
    g_assert_cmpuint(mt_caps_size(found), ==, mt_caps_size(known));
}

static void
test_prober_sees_the_catalogue(void)
{
    for (const MtRelease *r = mt_releases(); *r; r++) {
        g_autoptr(RefBare) bare =
            ref_bare_new(profile_of(*r, ref_bare_all_options));
        g_autoptr(MtCaps) known = mt_caps_new_for_release(*r);
        g_autoptr(MtCaps) caps = NULL;
        g_autoptr(GError) error = NULL;
        RefBareExec exec;

        g_test_message("release %x", *r);
        ref_bare_exec_init(&exec, bare);
        caps = mt_caps_probe(&exec.exec, *r, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmphex(mt_caps_release(caps), ==, *r);
        g_assert_cmpstr(mt_caps_source(caps), ==,
                        *r < MT_RELEASE(2, 5) ? "commands" : "schema");
        compare_caps(caps, known);
    }
}

/* Intended differences. */
static const char *const explained[] = {
    /* QEMU has no faults. */
    "command x-migtune-fault: ",
    /* Disks are not part of a reference guest. */
    "command human-monitor-command: features",
    /* Of all objects, a guest has TLS credentials and authorization. */
    "command object-add arg-type",
    NULL,
};

static gboolean
is_explained(const char *difference)
{
    for (guint i = 0; explained[i]; i++) {
        if (g_str_has_prefix(difference, explained[i]))
            return TRUE;
    }

    return FALSE;
}

static void
test_recorded_schemas_agree(void)
{
    static const struct {
        const char *file;
        MtRelease release;
    } cases[] = {
        { "replies/qemu-5.2.json", MT_RELEASE(5, 2) },
        { "replies/qemu-7.2.json", MT_RELEASE(7, 2) },
        { "replies/qemu-10.0.json", MT_RELEASE(10, 0) },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonNode) recorded = load_json(cases[i].file);
        g_autoptr(MtRefProfile) profile = profile_of(cases[i].release, NULL);
        g_autoptr(JsonNode) ours = mt_ref_schema_build(profile, FALSE);
        g_autoptr(GPtrArray) differences =
            schema_diff(json_object_get_member(json_node_get_object(recorded),
                                               "query-qmp-schema"),
                        ours);
        guint n = 0;

        for (guint j = 0; j < differences->len; j++) {
            const char *text = differences->pdata[j];

            /* The recording has only migration commands. */
            if (is_explained(text) || g_str_has_suffix(text, ": only here"))
                continue;
            g_test_message("%s: %s", cases[i].file, text);
            n++;
        }
        g_assert_cmpuint(n, ==, 0);
    }
}

static gboolean
array_has(JsonNode *list, const char *key, const char *name)
{
    JsonArray *array = json_node_get_array(list);

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *entry = json_array_get_object_element(array, i);

        if (g_strcmp0(mt_json_peek_string(entry, key), name) == 0)
            return TRUE;
    }

    return FALSE;
}

static void
test_lists_are_those_of_the_release(void)
{
    g_autoptr(MtRefProfile) old = profile_of(MT_RELEASE(5, 2), NULL);
    g_autoptr(MtRefProfile) new = profile_of(MT_RELEASE(6, 0), NULL);
    g_autoptr(JsonNode) old_commands = mt_ref_schema_commands(old);
    g_autoptr(JsonNode) new_commands = mt_ref_schema_commands(new);
    g_autoptr(JsonNode) old_events = mt_ref_schema_events(old);
    g_autoptr(JsonNode) all = mt_ref_schema_build(old, FALSE);
    g_autoptr(JsonNode) hidden = mt_ref_schema_build(old, TRUE);

    g_assert_true(array_has(old_commands, "name", "migrate_set_speed"));
    g_assert_false(array_has(new_commands, "name", "migrate_set_speed"));
    g_assert_true(array_has(new_commands, "name", "migrate"));
    g_assert_true(array_has(old_events, "name", "MIGRATION"));
    g_assert_false(array_has(old_events, "name", "VFIO_MIGRATION"));
    g_assert_true(array_has(all, "name", "migrate_set_speed"));
    g_assert_false(array_has(hidden, "name", "migrate_set_speed"));
}

/* A release is accepted before it is published. */
static void
test_overrides(void)
{
    const MtRefOverride overrides[] = {
        { (char *)"multifd", MT_REF_DEPRECATED },
        { (char *)"xbzrle", MT_REF_ABSENT },
        { (char *)"auto-converge", MT_REF_STUBBED },
        { (char *)"compress", MT_REF_PRESENT },
        { (char *)"block", MT_REF_PRESENT },
        { (char *)"migrate-pause", MT_REF_ABSENT },
        { (char *)"multifd-compression=zstd", MT_REF_ABSENT },
        { (char *)"multifd-compression=uadk", MT_REF_DEPRECATED },
        { (char *)"downtime-limit", MT_REF_STUBBED },
        { NULL },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(RefBare) bare = ref_bare_new(
        mt_ref_profile_new(MT_RELEASE(11, 1), NULL, overrides, &error));
    g_autoptr(MtCaps) caps = NULL;
    g_autofree char *value = NULL, *block = NULL;
    RefBareExec exec;
    const MtCapsEntry *compression;

    g_assert_no_error(error);
    ref_bare_exec_init(&exec, bare);
    caps = mt_caps_probe(&exec.exec, MT_RELEASE(11, 1), NULL, &error);
    g_assert_no_error(error);
    g_assert_true(mt_caps_lookup(caps, mt_row(MT_PARAM_MULTIFD))->deprecated);
    g_assert_null(mt_caps_lookup(caps, mt_row(MT_PARAM_XBZRLE)));
    g_assert_nonnull(mt_caps_lookup(caps, mt_row(MT_PARAM_COMPRESS)));
    compression = mt_caps_lookup(caps, mt_row(MT_PARAM_MULTIFD_COMPRESSION));
    g_assert_false(
        g_strv_contains((const char *const *)compression->members, "zstd"));
    g_assert_true(
        g_strv_contains((const char *const *)compression->members, "uadk"));
    g_assert_false(ref_bare_run(bare, "migrate-pause", NULL, NULL));

    block = ref_bare_dup_value(bare, "block");
    g_assert_cmpstr(block, ==, "false");

    /* Stored and listed, without any effect. */
    g_assert_true(ref_bare_run(bare, "migrate-set-capabilities",
                               "{'capabilities': [{'capability': "
                               "'auto-converge', 'state': true}]}",
                               NULL));
    g_assert_true(ref_bare_run(bare, "migrate-set-parameters",
                               "{'downtime-limit': 7}", NULL));
    value = ref_bare_dup_value(bare, "auto-converge");
    g_assert_cmpstr(value, ==, "true");
    g_assert_false(mt_ref_tunables_cap(bare->tunables, MT_PARAM_AUTO_CONVERGE));
    g_assert_cmpuint(
        mt_ref_tunables_number(bare->tunables, MT_PARAM_DOWNTIME_LIMIT), ==,
        300);
}

static void
test_what_there_is_not_is_refused(void)
{
    static const char *const options[] = { "zstd", "magic", NULL };
    static const MtRefOverride overrides[] = {
        { (char *)"no-such-thing", MT_REF_ABSENT },
        { NULL },
    };
    struct {
        MtRelease release;
        const char *const *options;
        const MtRefOverride *overrides;
        const char *named;
    } cases[] = {
        { MT_RELEASE(2, 3), NULL, NULL, "2.3" },
        { MT_RELEASE(9, 9), NULL, NULL, "9.9" },
        { MT_RELEASE(7, 2), options, NULL, "magic" },
        { MT_RELEASE(7, 2), NULL, overrides, "no-such-thing" },
    };
    MtRefState state;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(mt_ref_profile_new(cases[i].release, cases[i].options,
                                         cases[i].overrides, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
        g_assert_nonnull(strstr(error->message, cases[i].named));
    }
    g_assert_true(mt_ref_state_from_string("stubbed", &state));
    g_assert_cmpint(state, ==, MT_REF_STUBBED);
    g_assert_false(mt_ref_state_from_string("gone", &state));
}

/* Two hundred guests of different releases are created in a short time. */
static void
test_a_profile_is_cheap(void)
{
    gint64 start = g_get_monotonic_time();

    for (guint i = 0; i < 200; i++) {
        g_autoptr(MtRefProfile) profile = profile_of(MT_RELEASE(11, 1), NULL);

        g_assert_cmphex(mt_ref_profile_release(profile), ==, MT_RELEASE(11, 1));
    }
    g_test_message("%.0f us each", (g_get_monotonic_time() - start) / 200.0);
    /* The limit allows for sanitizers and valgrind. */
    g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ref-profile/history-agrees", test_history_agrees);
    g_test_add_func("/ref-profile/history-of-query-migrate-agrees",
                    test_history_of_query_migrate_agrees);
    g_test_add_func("/ref-profile/commands-come-and-go",
                    test_commands_come_and_go);
    g_test_add_func("/ref-profile/names-come-and-go", test_names_come_and_go);
    g_test_add_func("/ref-profile/prober-sees-the-catalogue",
                    test_prober_sees_the_catalogue);
    g_test_add_func("/ref-profile/recorded-schemas-agree",
                    test_recorded_schemas_agree);
    g_test_add_func("/ref-profile/lists-are-those-of-the-release",
                    test_lists_are_those_of_the_release);
    g_test_add_func("/ref-profile/overrides", test_overrides);
    g_test_add_func("/ref-profile/what-there-is-not-is-refused",
                    test_what_there_is_not_is_refused);
    g_test_add_func("/ref-profile/a-profile-is-cheap", test_a_profile_is_cheap);

    return g_test_run();
}
