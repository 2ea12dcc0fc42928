/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reference guest refuses, ignores and converts values as its release does:
 * compared with recorded answers of QEMU, and with every rule of the history
 * from its first release to its last.
 */
#include "config.h"

#include <string.h>

#include "ref-bare.h"
#include "util/json-peek.h"
#include "util/json.h"

static JsonObject *
load_object(const char *name)
{
    g_autofree char *path =
        g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    JsonObject *object;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    object = mt_json_parse_object(text, -1, &error);
    g_assert_no_error(error);

    return object;
}

static MtRelease
release_member(JsonObject *object, const char *member)
{
    const char *text = mt_json_peek_string(object, member);

    return text ? mt_release_parse(text) : MT_RELEASE_NONE;
}

/* All settings, as text. */
static char *
dump(RefBare *bare)
{
    MtRefRefusal refusal = { 0 };
    g_autoptr(JsonNode) capabilities =
        ref_bare_execute(bare, "query-migrate-capabilities", NULL, &refusal);
    g_autoptr(JsonNode) parameters =
        ref_bare_execute(bare, "query-migrate-parameters", NULL, &refusal);
    g_autofree char *a = mt_json_to_line(capabilities);
    g_autofree char *b = mt_json_to_line(parameters);

    return g_strconcat(a, b, NULL);
}

static void
run_before(RefBare *bare, JsonArray *before)
{
    for (guint i = 0; before && i < json_array_get_length(before); i++) {
        JsonArray *step = json_array_get_array_element(before, i);
        MtRefRefusal refusal = { 0 };
        g_autoptr(JsonNode) result =
            ref_bare_execute(bare, json_array_get_string_element(step, 0),
                             json_array_get_object_element(step, 1), &refusal);

        g_assert_cmpstr(refusal.desc, ==, NULL);
        g_assert_nonnull(result);
    }
}

static void
check_observed(MtRelease release, JsonObject *answer)
{
    const char *command = mt_json_peek_string(answer, "command");
    const char *where = mt_json_peek_string(answer, "where");
    JsonObject *arguments = mt_json_peek_object(answer, "arguments");
    g_autofree char *line = mt_json_object_to_line(answer);
    g_autoptr(RefBare) bare = ref_bare_new_for_release(release);
    g_autofree char *before = NULL, *after = NULL;
    g_autoptr(JsonNode) result = NULL;
    MtRefRefusal refusal = { 0 };

    g_test_message("%x: %s", release, line);
    bare->situation.migrating = g_strcmp0(where, "migrating") == 0;
    bare->situation.incoming = g_strcmp0(where, "started") == 0;
    if (bare->situation.incoming)
        ref_bare_start_incoming(bare, "tcp");
    if (g_strcmp0(mt_json_peek_string(answer, "compat"), "reject") == 0)
        bare->situation.reject = MT_REF_REJECT_DEPRECATED;
    if (g_strcmp0(mt_json_peek_string(answer, "compat"),
                  "reject-unstable") == 0)
        bare->situation.reject = MT_REF_REJECT_UNSTABLE;
    run_before(bare, mt_json_peek_array(answer, "before"));
    before = dump(bare);
    result = ref_bare_execute(bare, command, arguments, &refusal);
    after = dump(bare);

    g_assert_null(result);
    g_assert_cmpstr(refusal.error_class, ==,
                    mt_json_peek_string(answer, "class"));
    g_assert_cmpstr(refusal.desc, ==, mt_json_peek_string(answer, "desc"));
    if (!mt_ref_profile_has_quirk(bare->profile, "refused-list-stays") ||
        strcmp(command, "migrate-set-capabilities") != 0)
        g_assert_cmpstr(after, ==, before);
    mt_ref_refusal_clear(&refusal);
}

/* The error text is equal, and no setting has changed. */
static void
test_refusals_are_those_observed(void)
{
    g_autoptr(JsonObject) observed = load_object("observed-answers.json");
    JsonArray *refused = mt_json_peek_array(observed, "refused");
    guint n = 0;

    for (guint i = 0; i < json_array_get_length(refused); i++) {
        JsonObject *answer = json_array_get_object_element(refused, i);
        JsonArray *releases = mt_json_peek_array(answer, "releases");

        for (guint j = 0; j < json_array_get_length(releases); j++) {
            const char *r = json_array_get_string_element(releases, j);

            check_observed(mt_release_parse(r), answer);
            n++;
        }
    }
    g_test_message("%u answers", n);
    g_assert_cmpuint(n, >, 1000);
}

static void
test_values_are_stored_as_observed(void)
{
    g_autoptr(JsonObject) observed = load_object("observed-answers.json");
    JsonArray *stored = mt_json_peek_array(observed, "stored");

    for (guint i = 0; i < json_array_get_length(stored); i++) {
        JsonObject *answer = json_array_get_object_element(stored, i);
        JsonArray *releases = mt_json_peek_array(answer, "releases");
        JsonObject *arguments = mt_json_peek_object(answer, "arguments");
        g_autoptr(GList) names = json_object_get_members(arguments);
        g_autofree char *wanted =
            mt_json_to_line(json_object_get_member(answer, "stored"));

        for (guint j = 0; j < json_array_get_length(releases); j++) {
            const char *release = json_array_get_string_element(releases, j);
            g_autoptr(RefBare) bare =
                ref_bare_new_for_release(mt_release_parse(release));
            g_autoptr(JsonNode) result = NULL;
            g_autofree char *value = NULL;
            MtRefRefusal refusal = { 0 };

            g_test_message("%s: %s", release, (const char *)names->data);
            result = ref_bare_execute(bare, "migrate-set-parameters", arguments,
                                      &refusal);
            g_assert_cmpstr(refusal.desc, ==, NULL);
            value = ref_bare_dup_value(bare, names->data);
            g_assert_cmpstr(value, ==, wanted);
        }
    }
}

/* Switches on the requirements of @name in its release. */
static void
set_capabilities(RefBare *bare, const char *const *names, gboolean *ret_taken)
{
    g_autoptr(JsonObject) arguments = json_object_new();
    JsonArray *list = json_array_new();
    g_autoptr(JsonNode) result = NULL;
    MtRefRefusal refusal = { 0 };

    for (guint i = 0; names[i]; i++) {
        JsonObject *entry = json_object_new();

        json_object_set_string_member(entry, "capability", names[i]);
        json_object_set_boolean_member(entry, "state", TRUE);
        json_array_add_object_element(list, entry);
    }
    json_object_set_array_member(arguments, "capabilities", list);
    result =
        ref_bare_execute(bare, "migrate-set-capabilities", arguments, &refusal);
    if (refusal.desc)
        g_test_message("    %s", refusal.desc);
    *ret_taken = result != NULL;
    mt_ref_refusal_clear(&refusal);
}

static gboolean
is_stage(JsonObject *rule, const char *stage)
{
    JsonArray *stages = mt_json_peek_array(rule, "stage");

    for (guint i = 0; i < json_array_get_length(stages); i++) {
        if (g_str_equal(json_array_get_string_element(stages, i), stage))
            return TRUE;
    }

    return FALSE;
}

/* Sets both in one command, with the requirements of the second. */
static gboolean
pair_is_taken(MtRelease release, const char *who, const char *other)
{
    static const struct {
        const char *name, *needs;
        MtRelease from;
    } needs[] = {
        { "zero-copy-send", "multifd", MT_RELEASE(7, 1) },
        { "postcopy-preempt", "postcopy-ram", MT_RELEASE(7, 1) },
        { "switchover-ack", "return-path", MT_RELEASE(8, 1) },
        { "x-colo", "return-path", MT_RELEASE(11, 0) },
    };
    g_autoptr(RefBare) bare = ref_bare_new_for_release(release);
    const char *names[5] = { who, other };
    guint n = other ? 2 : 1;
    gboolean taken;

    for (guint i = 0; other && i < G_N_ELEMENTS(needs); i++) {
        if (release >= needs[i].from && (strcmp(needs[i].name, who) == 0 ||
                                         strcmp(needs[i].name, other) == 0))
            names[n++] = needs[i].needs;
    }
    set_capabilities(bare, names, &taken);

    return taken;
}

/* Pairs that another rule forbids in all releases of a rule, or in the
 * releases before and after them, so that the end of the rule cannot be
 * seen. */
static gboolean
is_masked(const char *who, const char *other)
{
    static const char *const masked[][2] = {
        { "background-snapshot", "zero-copy-send" }, /* multifd */
        { "dirty-limit", "auto-converge" },          /* requires KVM in any case */
    };

    for (guint i = 0; i < G_N_ELEMENTS(masked); i++) {
        if ((strcmp(masked[i][0], who) == 0 &&
             strcmp(masked[i][1], other) == 0) ||
            (strcmp(masked[i][0], other) == 0 &&
             strcmp(masked[i][1], who) == 0))
            return TRUE;
    }

    return FALSE;
}

static gboolean
both_are_in(MtRelease release, const char *who, const char *other)
{
    const MtRow *a = mt_row_find_qmp(MT_KIND_CAPABILITY, who);
    const MtRow *b = mt_row_find_qmp(MT_KIND_CAPABILITY, other);

    return a && b && mt_row_in_release(a, release) &&
           mt_row_in_release(b, release);
}

/* Returns whether a rule lets QEMU of @release refuse the pair. */
static gboolean
pair_is_forbidden(JsonArray *rules, MtRelease release, const char *who,
                  const char *other)
{
    for (guint i = 0; i < json_array_get_length(rules); i++) {
        JsonObject *rule = json_array_get_object_element(rules, i);
        MtRelease to = release_member(rule, "to");

        if (g_strcmp0(mt_json_peek_string(rule, "relation"), "excludes") == 0 &&
            g_strcmp0(mt_json_peek_string(rule, "who"), who) == 0 &&
            g_strcmp0(mt_json_peek_string(rule, "other"), other) == 0 &&
            release >= release_member(rule, "from") && (!to || release <= to) &&
            !json_object_has_member(rule, "answer"))
            return TRUE;
    }

    return FALSE;
}

static void
check_capability_rule(JsonArray *rules, JsonObject *rule)
{
    const char *who = mt_json_peek_string(rule, "who");
    const char *other = mt_json_peek_string(rule, "other");
    gboolean excludes =
        g_str_equal(mt_json_peek_string(rule, "relation"), "excludes");
    MtRelease from = release_member(rule, "from");

    for (const MtRelease *r = mt_releases(); *r; r++) {
        gboolean forbidden = pair_is_forbidden(rules, *r, who, other);

        if (!both_are_in(*r, who, other))
            continue;
        g_test_message("%x: %s %s %s", *r, who, excludes ? "excludes" : "needs",
                       other);
        if (!excludes && *r >= from)
            g_assert_false(pair_is_taken(*r, who, NULL));
        if (forbidden || !is_masked(who, other))
            g_assert_cmpint(pair_is_taken(*r, who, other), ==, !forbidden);
    }
}

static void
test_capability_rules_begin_and_end(void)
{
    g_autoptr(JsonObject) history = load_object("migration-history.json");
    JsonArray *rules = mt_json_peek_array(history, "rules");
    guint n = 0;

    for (guint i = 0; i < json_array_get_length(rules); i++) {
        JsonObject *rule = json_array_get_object_element(rules, i);

        if (g_strcmp0(mt_json_peek_string(rule, "other_kind"), "capability") !=
                0 ||
            !is_stage(rule, "migrate-set-capabilities"))
            continue;
        check_capability_rule(rules, rule);
        n++;
    }
    g_assert_cmpuint(n, >, 25);
}

/* A bound holds in every release that has the parameter and checks it. */
static void
test_bounds_hold_in_every_release(void)
{
    for (const MtRelease *r = mt_releases(); *r; r++) {
        for (guint i = 0; i < MT_N_PARAMS; i++) {
            const MtRow *row = mt_row(i);
            g_autoptr(RefBare) bare = ref_bare_new_for_release(*r);
            g_autofree char *below = NULL, *at = NULL, *above = NULL;
            gboolean ignored;

            if (row->kind != MT_KIND_PARAMETER ||
                (row->type != MT_TYPE_INT && row->type != MT_TYPE_ULLONG) ||
                !mt_row_in_release(row, *r) || *r < row->settable ||
                i == MT_PARAM_X_CHECKPOINT_DELAY)
                continue;
            g_test_message("%x: %s", *r, row->qmp);
            ignored = row->ignored_until && *r <= row->ignored_until;
            at = g_strdup_printf("{'%s': %" G_GUINT64_FORMAT "}", row->qmp,
                                 MIN(row->max, (guint64)G_MAXINT64 / 2 + 1));
            g_assert_true(
                ref_bare_run(bare, "migrate-set-parameters", at, NULL));
            if (row->min > 0) {
                below = g_strdup_printf("{'%s': %" G_GUINT64_FORMAT "}",
                                        row->qmp, row->min - 1);
                g_assert_cmpint(
                    ref_bare_run(bare, "migrate-set-parameters", below, NULL),
                    ==, ignored);
            }
            /* If only eight bits are stored, 256 is stored as 0, which is
             * too small. */
            if (row->max < G_MAXINT32) {
                above = g_strdup_printf("{'%s': %" G_GUINT64_FORMAT "}",
                                        row->qmp, row->max + 1);
                g_assert_cmpint(
                    ref_bare_run(bare, "migrate-set-parameters", above, NULL),
                    ==, ignored);
            }
        }
    }
}

/* Behaviour of single releases. */
static void
test_quirks(void)
{
    static const struct {
        MtRelease release;
        const char *first_command, *first;
        const char *command, *arguments;
        gboolean taken;
        const char *name, *value;
    } cases[] = {
        /* refused, but it stays on */
        { MT_RELEASE(2, 11), NULL, NULL, "migrate-set-capabilities",
          "{'capabilities': [{'capability': 'compress', 'state': true},"
          " {'capability': 'postcopy-ram', 'state': true}]}",
          FALSE, "postcopy-ram", "true" },
        { MT_RELEASE(2, 12), NULL, NULL, "migrate-set-capabilities",
          "{'capabilities': [{'capability': 'compress', 'state': true},"
          " {'capability': 'postcopy-ram', 'state': true}]}",
          FALSE, "postcopy-ram", "false" },
        /* accepted, but it stays off */
        { MT_RELEASE(2, 5), NULL, NULL, "migrate-set-capabilities",
          "{'capabilities': [{'capability': 'x-postcopy-ram', 'state': true},"
          " {'capability': 'compress', 'state': true}]}",
          TRUE, "x-postcopy-ram", "false" },
        { MT_RELEASE(2, 9), NULL, NULL, "migrate-set-capabilities",
          "{'capabilities': [{'capability': 'postcopy-ram', 'state': true},"
          " {'capability': 'compress', 'state': true}]}",
          TRUE, "postcopy-ram", "false" },
        /* the error is reported after the value was stored */
        { MT_RELEASE(2, 7), NULL, NULL, "migrate-set-parameters",
          "{'cpu-throttle-initial': 120}", FALSE, "cpu-throttle-initial",
          "120" },
        { MT_RELEASE(2, 8), NULL, NULL, "migrate-set-parameters",
          "{'cpu-throttle-initial': 120}", FALSE, "cpu-throttle-initial",
          "20" },
        /* listed, but it cannot be set */
        { MT_RELEASE(2, 5), NULL, NULL, "migrate-set-parameters",
          "{'x-cpu-throttle-initial': 30}", FALSE, "x-cpu-throttle-initial",
          "20" },
        { MT_RELEASE(2, 7), NULL, NULL, "migrate-set-parameters",
          "{'tls-creds': 'tls0'}", FALSE, "tls-creds", "\"\"" },
        { MT_RELEASE(2, 8), NULL, NULL, "query-migrate-parameters", NULL, TRUE,
          "tls-creds", NULL },
        { MT_RELEASE(2, 8), NULL, NULL, "migrate-set-parameters",
          "{'tls-creds': 'tls0'}", TRUE, "tls-creds", "\"tls0\"" },
        { MT_RELEASE(2, 9), NULL, NULL, "migrate-set-parameters",
          "{'tls-creds': null}", FALSE, "tls-creds", "\"\"" },
        { MT_RELEASE(2, 10), NULL, NULL, "migrate-set-parameters",
          "{'tls-creds': null}", TRUE, "tls-creds", "\"\"" },
        { MT_RELEASE(4, 0), NULL, NULL, "migrate-set-parameters",
          "{'tls-authz': null}", FALSE, "tls-authz", "\"\"" },
        { MT_RELEASE(8, 2), NULL, NULL, "migrate-set-parameters",
          "{'tls-authz': null}", TRUE, "tls-authz", "\"\"" },
        /* only the lower bits are stored */
        { MT_RELEASE(2, 11), NULL, NULL, "migrate-set-parameters",
          "{'compress-level': 256}", FALSE, "compress-level", "1" },
        { MT_RELEASE(2, 12), NULL, NULL, "migrate-set-parameters",
          "{'compress-level': 257}", TRUE, "compress-level", "1" },
        { MT_RELEASE(5, 2), NULL, NULL, "migrate-set-parameters",
          "{'multifd-channels': -1}", TRUE, "multifd-channels", "255" },
        { MT_RELEASE(6, 0), NULL, NULL, "migrate-set-parameters",
          "{'multifd-channels': -1}", FALSE, "multifd-channels", "2" },
        { MT_RELEASE(2, 11), NULL, NULL, "migrate-set-parameters",
          "{'max-bandwidth': -1}", FALSE, "max-bandwidth", "33554432" },
        { MT_RELEASE(11, 1), NULL, NULL, "migrate-set-parameters",
          "{'max-bandwidth': -1}", TRUE, "max-bandwidth",
          "18446744073709551615" },
        /* ignored */
        { MT_RELEASE(8, 2), NULL, NULL, "migrate-set-parameters",
          "{'multifd-zlib-level': 99}", TRUE, "multifd-zlib-level", "1" },
        { MT_RELEASE(9, 0), NULL, NULL, "migrate-set-parameters",
          "{'multifd-zlib-level': 9}", TRUE, "multifd-zlib-level", "9" },
        /* a refused command lets the next one fail */
        { MT_RELEASE(9, 0), "migrate-set-capabilities",
          "{'capabilities': [{'capability': 'mapped-ram', 'state': true}]}",
          "migrate-set-parameters", "{'tls-creds': 'tls0'}", TRUE, "tls-creds",
          "\"tls0\"" },
        /* legacy commands */
        { MT_RELEASE(2, 7), NULL, NULL, "migrate_set_downtime", "{'value': -1}",
          TRUE, "downtime-limit", NULL },
        { MT_RELEASE(2, 8), NULL, NULL, "migrate_set_downtime",
          "{'value': 0.0124}", TRUE, "downtime-limit", "12" },
        { MT_RELEASE(2, 8), NULL, NULL, "migrate_set_downtime",
          "{'value': 2000.5}", FALSE, "downtime-limit", "300" },
        { MT_RELEASE(2, 11), NULL, NULL, "migrate_set_speed", "{'value': -1}",
          FALSE, "max-bandwidth", "33554432" },
        { MT_RELEASE(2, 12), NULL, NULL, "migrate_set_speed", "{'value': -1}",
          TRUE, "max-bandwidth", "18446744073709551615" },
        { MT_RELEASE(2, 10), NULL, NULL, "migrate-set-cache-size",
          "{'value': 100000}", TRUE, "xbzrle-cache-size", NULL },
        { MT_RELEASE(2, 11), NULL, NULL, "migrate-set-cache-size",
          "{'value': 100000}", FALSE, "xbzrle-cache-size", "67108864" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RefBare) bare = ref_bare_new_for_release(cases[i].release);
        g_autofree char *desc = NULL, *value = NULL;

        g_test_message("%x: %s %s", cases[i].release, cases[i].command,
                       cases[i].arguments);
        if (cases[i].first)
            g_assert_true(ref_bare_run(bare, cases[i].first_command,
                                       cases[i].first, NULL));
        g_assert_cmpint(
            ref_bare_run(bare, cases[i].command, cases[i].arguments, &desc), ==,
            cases[i].taken);
        value = ref_bare_dup_value(bare, cases[i].name);
        g_assert_cmpstr(value, ==, cases[i].value);
    }
}

/* The settings that the engine receives, whatever their name in the release. */
static void
test_what_is_in_force(void)
{
    g_autoptr(RefBare) old = ref_bare_new_for_release(MT_RELEASE(2, 10));
    g_autoptr(RefBare) x = ref_bare_new_for_release(MT_RELEASE(3, 1));
    g_autoptr(RefBare) new = ref_bare_new_for_release(MT_RELEASE(10, 0));

    g_assert_true(
        ref_bare_run(old, "migrate-set-cache-size", "{'value': 100000}", NULL));
    g_assert_cmpuint(
        mt_ref_tunables_number(old->tunables, MT_PARAM_XBZRLE_CACHE_SIZE), ==,
        65536);
    g_assert_true(
        mt_ref_tunables_changed(old->tunables, MT_PARAM_XBZRLE_CACHE_SIZE));
    g_assert_true(ref_bare_run(old, "query-migrate-cache-size", NULL, NULL));
    g_assert_false(
        mt_ref_tunables_changed(old->tunables, MT_PARAM_XBZRLE_CACHE_SIZE));

    g_assert_true(ref_bare_run(
        x, "migrate-set-capabilities",
        "{'capabilities': [{'capability': 'x-multifd', 'state': true}]}",
        NULL));
    g_assert_true(ref_bare_run(x, "migrate-set-parameters",
                               "{'x-multifd-channels': 5}", NULL));
    g_assert_true(mt_ref_tunables_cap(x->tunables, MT_PARAM_MULTIFD));
    g_assert_cmpuint(
        mt_ref_tunables_number(x->tunables, MT_PARAM_MULTIFD_CHANNELS), ==, 5);
    g_assert_cmpstr(
        mt_ref_tunables_text(x->tunables, MT_PARAM_MULTIFD_COMPRESSION), ==,
        "none");

    g_assert_true(ref_bare_run(new, "migrate-set-parameters",
                               "{'multifd-compression': 'zstd',"
                               " 'downtime-limit': 9}",
                               NULL));
    g_assert_true(
        mt_ref_tunables_changed(new->tunables, MT_PARAM_MULTIFD_COMPRESSION));
    g_assert_false(
        mt_ref_tunables_changed(new->tunables, MT_PARAM_MAX_BANDWIDTH));
    g_assert_cmpstr(
        mt_ref_tunables_text(new->tunables, MT_PARAM_MULTIFD_COMPRESSION), ==,
        "zstd");
}

/* Rules that are checked when a migration starts. */
static void
test_rules_of_the_start(void)
{
    static const struct {
        MtRelease release;
        const char *capability, *parameters, *scheme;
        gboolean incoming, taken;
    } cases[] = {
        { MT_RELEASE(7, 2), "multifd", NULL, "exec", FALSE, TRUE },
        { MT_RELEASE(8, 0), "multifd", NULL, "exec", FALSE, FALSE },
        { MT_RELEASE(8, 0), "multifd", NULL, "exec", TRUE, FALSE },
        { MT_RELEASE(8, 0), "multifd", NULL, "tcp", FALSE, TRUE },
        { MT_RELEASE(8, 0), "xbzrle", NULL, "exec", FALSE, TRUE },
        { MT_RELEASE(9, 0), "mapped-ram", NULL, "tcp", FALSE, FALSE },
        { MT_RELEASE(9, 0), "mapped-ram", NULL, "file", FALSE, TRUE },
        { MT_RELEASE(9, 0), "mapped-ram", "{'multifd-compression': 'zlib'}",
          "file", FALSE, FALSE },
        { MT_RELEASE(9, 0), "mapped-ram", "{'tls-creds': 'tls0'}", "file",
          FALSE, FALSE },
        { MT_RELEASE(8, 2), "postcopy-ram", "{'mode': 'cpr-reboot'}", "tcp",
          FALSE, TRUE },
        { MT_RELEASE(9, 0), "postcopy-ram", "{'mode': 'cpr-reboot'}", "tcp",
          FALSE, FALSE },
        { MT_RELEASE(9, 0), "x-colo", "{'mode': 'cpr-reboot'}", "tcp", FALSE,
          FALSE },
        { MT_RELEASE(10, 0), "postcopy-ram", NULL, "rdma", FALSE, TRUE },
        { MT_RELEASE(10, 1), "postcopy-ram", NULL, "rdma", FALSE, FALSE },
        { MT_RELEASE(8, 2), "xbzrle", NULL, "rdma", TRUE, FALSE },
        { MT_RELEASE(8, 2), "xbzrle", NULL, "rdma", FALSE, TRUE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RefBare) bare = ref_bare_new_for_release(cases[i].release);
        const char *names[] = { cases[i].capability, NULL };
        MtRefRefusal refusal = { 0 };
        gboolean taken;

        g_test_message("%x: %s over %s", cases[i].release, cases[i].capability,
                       cases[i].scheme);
        set_capabilities(bare, names, &taken);
        g_assert_true(taken);
        if (cases[i].parameters)
            g_assert_true(ref_bare_run(bare, "migrate-set-parameters",
                                       cases[i].parameters, NULL));
        g_assert_cmpint(mt_ref_tunables_check_start(
                            bare->tunables, &bare->situation, cases[i].incoming,
                            cases[i].scheme, &refusal),
                        ==, cases[i].taken);
        g_assert_cmpint(refusal.desc == NULL, ==, cases[i].taken);
        mt_ref_refusal_clear(&refusal);
    }
}

/* The address that was listened on limits the capabilities that can be
 * switched on. */
static void
test_capabilities_after_the_start(void)
{
    static const struct {
        MtRelease release;
        const char *scheme;
        gboolean taken;
    } cases[] = {
        { MT_RELEASE(5, 2), "exec", TRUE },
        { MT_RELEASE(7, 2), "exec", FALSE },
        { MT_RELEASE(7, 2), "tcp", TRUE },
        { MT_RELEASE(10, 0), "exec", TRUE },
        { MT_RELEASE(10, 0), "tcp", FALSE },
        { MT_RELEASE(10, 0), "unix", FALSE },
    };
    static const char *const names[] = { "multifd", NULL };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RefBare) bare = ref_bare_new_for_release(cases[i].release);
        gboolean taken;

        g_test_message("%x %s", cases[i].release, cases[i].scheme);
        bare->situation.incoming = TRUE;
        ref_bare_start_incoming(bare, cases[i].scheme);
        set_capabilities(bare, names, &taken);
        g_assert_cmpint(taken, ==, cases[i].taken);
    }
}

static void
test_a_default_that_depends_on_the_machine(void)
{
    static const struct {
        const char *machine, *value;
    } cases[] = {
        { NULL, "\"multifd\"" },           { "none", "\"multifd\"" },
        { "q35", "\"multifd\"" },          { "pc-q35-8.2", "\"legacy\"" },
        { "pc-i440fx-2.11", "\"legacy\"" }, { "pc-q35-9.0", "\"multifd\"" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RefBare) bare = ref_bare_new_for_release(MT_RELEASE(10, 0));
        g_autofree char *value = NULL;

        mt_ref_tunables_set_machine(bare->tunables, cases[i].machine);
        value = ref_bare_dup_value(bare, "zero-page-detection");
        g_assert_cmpstr(value, ==, cases[i].value);
    }
}

static void
test_policy_on_deprecated_things(void)
{
    g_autoptr(RefBare) bare = ref_bare_new_for_release(MT_RELEASE(8, 2));
    g_autofree char *told = NULL, *hidden = NULL;

    told = ref_bare_dup_value(bare, "compress-level");
    g_assert_cmpstr(told, ==, "1");
    bare->situation.hide_deprecated = TRUE;
    hidden = ref_bare_dup_value(bare, "compress-level");
    g_assert_cmpstr(hidden, ==, NULL);

    g_assert_true(ref_bare_run(bare, "migrate",
                               "{'uri': 'tcp:a:1', "
                               "'blk': true}",
                               NULL));
    bare->situation.reject = MT_REF_REJECT_DEPRECATED;
    g_assert_false(ref_bare_run(bare, "migrate",
                                "{'uri': 'tcp:a:1', "
                                "'blk': true}",
                                NULL));
    g_assert_true(ref_bare_run(bare, "migrate", "{'uri': 'tcp:a:1'}", NULL));
}

/* The address is removed from the list of listening addresses, and only
 * there. */
static void
test_policy_on_unstable_things(void)
{
    g_autoptr(RefBare) bare = ref_bare_new_for_release(MT_RELEASE(10, 0));
    g_autoptr(RefBare) old = ref_bare_new_for_release(MT_RELEASE(5, 2));
    g_autofree char *told = NULL, *hidden = NULL, *cap = NULL;

    told = ref_bare_dup_value(bare, "x-checkpoint-delay");
    g_assert_cmpstr(told, ==, "20000");
    bare->situation.hide_unstable = TRUE;
    hidden = ref_bare_dup_value(bare, "x-checkpoint-delay");
    g_assert_cmpstr(hidden, ==, NULL);
    cap = ref_bare_dup_value(bare, "x-colo");
    g_assert_cmpstr(cap, ==, "false");

    old->situation.reject = MT_REF_REJECT_UNSTABLE;
    g_assert_true(ref_bare_run(old, "migrate-set-parameters",
                               "{'x-checkpoint-delay': 5}", NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ref-tunables/refusals-are-those-observed",
                    test_refusals_are_those_observed);
    g_test_add_func("/ref-tunables/values-are-stored-as-observed",
                    test_values_are_stored_as_observed);
    g_test_add_func("/ref-tunables/capability-rules-begin-and-end",
                    test_capability_rules_begin_and_end);
    g_test_add_func("/ref-tunables/bounds-hold-in-every-release",
                    test_bounds_hold_in_every_release);
    g_test_add_func("/ref-tunables/quirks", test_quirks);
    g_test_add_func("/ref-tunables/what-is-in-force", test_what_is_in_force);
    g_test_add_func("/ref-tunables/rules-of-the-start",
                    test_rules_of_the_start);
    g_test_add_func("/ref-tunables/capabilities-after-the-start",
                    test_capabilities_after_the_start);
    g_test_add_func("/ref-tunables/a-default-that-depends-on-the-machine",
                    test_a_default_that_depends_on_the_machine);
    g_test_add_func("/ref-tunables/policy-on-deprecated-things",
                    test_policy_on_deprecated_things);
    g_test_add_func("/ref-tunables/policy-on-unstable-things",
                    test_policy_on_unstable_things);

    return g_test_run();
}
