/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The catalogue agrees with tests/data/migration-history.json: each capability and
 * parameter is a row with the same releases, bounds, defaults, enum members, sides
 * and rules, and there are no other rows.
 */
#include "config.h"

#include <string.h>

#include "params/rules.h"
#include "params/table.h"
#include "params/value.h"
#include "util/json-peek.h"
#include "util/json.h"

static JsonObject *
load_history(void)
{
    g_autofree char *path = g_build_filename(g_getenv("MIGTUNE_TEST_DATA"),
                                             "migration-history.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    JsonObject *history;
    gsize length;

    g_file_get_contents(path, &text, &length, &error);
    g_assert_no_error(error);
    history = mt_json_parse_object(text, length, &error);
    g_assert_no_error(error);
    return history;
}

static MtRelease
get_release(JsonObject *object, const char *member)
{
    const char *text = mt_json_peek_string(object, member);

    return text ? mt_release_parse(text) : MT_RELEASE_NONE;
}

/* Reads a number of the history; numbers that do not fit JSON are texts. */
static gboolean
get_number(JsonObject *object, const char *member, guint64 *number)
{
    const char *text = mt_json_peek_string(object, member);
    gint64 value;

    if (text && g_ascii_isdigit(*text)) {
        *number = g_ascii_strtoull(text, NULL, 10);
        return TRUE;
    }
    if (!mt_json_peek_int(object, member, &value))
        return FALSE;

    *number = value;
    return TRUE;
}

static const struct {
    const char *history;
    MtType type;
} types[] = {
    { "bool", MT_TYPE_BOOL },         { "enum", MT_TYPE_ENUM },
    { "int", MT_TYPE_INT },           { "uint8", MT_TYPE_INT },
    { "uint32", MT_TYPE_ULLONG },     { "uint64", MT_TYPE_ULLONG },
    { "size", MT_TYPE_ULLONG },       { "string-or-null", MT_TYPE_STRING },
    { "list-of-object", MT_TYPE_JSON }, { "list-of-string", MT_TYPE_JSON },
};

static void
compare_releases(const MtRow *row, JsonObject *known)
{
    const char *from = mt_json_peek_string(known, "renamed_from");
    const char *to = mt_json_peek_string(known, "renamed_to");
    const MtRow *older = mt_row_renamed_from(row);

    g_assert_cmphex(row->since, ==, get_release(known, "since"));
    g_assert_cmphex(row->deprecated, ==, get_release(known, "deprecated"));
    g_assert_cmphex(row->removed, ==, get_release(known, "removed"));
    g_assert_cmphex(row->unstable, ==, get_release(known, "unstable_since"));
    g_assert_cmpstr(older ? older->qmp : NULL, ==, from);
    g_assert_cmpstr(row->renamed_to == MT_PARAM_NONE
                        ? NULL
                        : mt_row(row->renamed_to)->qmp,
                    ==, to);
}

static void
compare_default(const MtRow *row, JsonObject *known)
{
    JsonNode *def = json_object_get_member(known, "default");
    JsonArray *before = mt_json_peek_array(known, "default_before");
    g_autoptr(MtValue) wanted = NULL;

    /* The default depends on the machine type. */
    if (mt_row_id(row) == MT_PARAM_ZERO_PAGE_DETECTION) {
        g_assert_null(row->def);
        return;
    }
    if (!def) {
        g_assert_null(row->def);
        return;
    }
    wanted = mt_value_from_json(row, def, NULL);
    g_assert_nonnull(wanted);
    g_assert_true(mt_value_is(row, wanted,
                              mt_row_default(row, MT_RELEASE_LAST)));
    for (guint i = 0; before && i < json_array_get_length(before); i++) {
        JsonObject *old = json_array_get_object_element(before, i);
        g_autoptr(MtValue) value = mt_value_from_json(
            row, json_object_get_member(old, "default"), NULL);

        g_assert_true(mt_value_is(
            row, value, mt_row_default(row, get_release(old, "to"))));
    }
}

static void
compare_parameter(const MtRow *row, JsonObject *known)
{
    const char *type = mt_json_peek_string(known, "type");
    const char *libvirt = mt_json_peek_string(known, "libvirt_param");
    JsonArray *members = mt_json_peek_array(known, "enum");
    gboolean found = FALSE;
    guint64 number;

    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i].history, type) == 0) {
            g_assert_cmpint(row->type, ==, types[i].type);
            found = TRUE;
        }
    }
    g_assert_true(found);
    if (get_number(known, "min", &number))
        g_assert_cmpuint(row->min, ==, number);
    if (get_number(known, "max", &number))
        g_assert_cmpuint(row->max, ==, number);
    /* libvirt's `compression` is not a parameter of QEMU. */
    if (libvirt && strcmp(libvirt, "compression") != 0)
        g_assert_cmpstr(row->name, ==, libvirt);
    g_assert_cmpint(row->libvirt, ==,
                    libvirt && strcmp(libvirt, "compression") != 0);
    compare_default(row, known);

    for (guint i = 0; members && i < json_array_get_length(members); i++) {
        JsonObject *member = json_array_get_object_element(members, i);
        gboolean optional = FALSE;

        mt_json_peek_bool(member, "optional", &optional);
        g_assert_cmpstr(row->members[i].name, ==,
                        mt_json_peek_string(member, "value"));
        g_assert_cmphex(row->members[i].since, ==,
                        get_release(member, "since"));
        g_assert_cmpint(row->members[i].build_option, ==, optional);
    }
    g_assert_true(!members ||
                  !row->members[json_array_get_length(members)].name);
}

static void
compare_rows(JsonObject *history, const char *list, MtKind kind, guint n)
{
    JsonArray *array = mt_json_peek_array(history, list);

    g_assert_cmpuint(json_array_get_length(array), ==, n);
    for (guint i = 0; i < n; i++) {
        JsonObject *known = json_array_get_object_element(array, i);
        const char *name = mt_json_peek_string(known, "name");
        const char *side = mt_json_peek_string(known, "side");
        const MtRow *row = mt_row_find_qmp(kind, name);

        g_test_message("%s", name);
        g_assert_nonnull(row);
        compare_releases(row, known);
        if (side)
            g_assert_cmpstr(mt_sides_to_string(row->sides), ==, side);
        if (kind == MT_KIND_PARAMETER)
            compare_parameter(row, known);
    }
}

static void
test_has_what_is_known(void)
{
    g_autoptr(JsonObject) history = load_history();

    compare_rows(history, "capabilities", MT_KIND_CAPABILITY, 27);
    compare_rows(history, "parameters", MT_KIND_PARAMETER, 40);
    /* One more for `compression`. */
    g_assert_cmpint(MT_N_PARAMS, ==, 27 + 40 + 1);
}

static void
test_releases_have_what_they_had(void)
{
    static const struct {
        const char *list;
        MtKind kind;
    } lists[] = { { "capabilities", MT_KIND_CAPABILITY },
                  { "parameters", MT_KIND_PARAMETER } };
    g_autoptr(JsonObject) history = load_history();
    JsonArray *releases = mt_json_peek_array(history, "releases");
    const MtRelease *next = mt_releases();

    for (guint i = 0; i < json_array_get_length(releases); i++) {
        JsonObject *one = json_array_get_object_element(releases, i);
        MtRelease release = get_release(one, "release");

        g_assert_cmphex(*next++, ==, release);
        for (guint j = 0; j < G_N_ELEMENTS(lists); j++) {
            JsonArray *names = mt_json_peek_array(one, lists[j].list);
            guint n = 0;

            for (guint k = 0; k < json_array_get_length(names); k++) {
                const char *name = json_array_get_string_element(names, k);
                const MtRow *row = mt_row_find_qmp(lists[j].kind, name);

                g_test_message("%s: %s",
                               mt_json_peek_string(one, "release"), name);
                g_assert_nonnull(row);
                g_assert_true(mt_row_in_release(row, release));
            }
            for (guint k = 0; k < MT_N_PARAMS; k++)
                n += mt_row(k)->kind == lists[j].kind &&
                     mt_row_in_release(mt_row(k), release);
            g_assert_cmpuint(n, ==, json_array_get_length(names));
        }
    }
    g_assert_cmphex(*next, ==, MT_RELEASE_NONE);
}

/* The row that a rule of the history is about; NULL if it is not a row. */
static const MtRow *
rule_row(const char *name, const char *kind)
{
    if (strcmp(kind, "capability") == 0)
        return mt_row_find_qmp(MT_KIND_CAPABILITY, name);
    if (strcmp(kind, "parameter") == 0)
        return mt_row_find_qmp(MT_KIND_PARAMETER, name);

    return NULL;
}

static gboolean
row_needs(const MtRow *row, const MtRow *other, MtRelease release)
{
    for (const MtRule *r = row->rules; r && r->relation; r++) {
        if (r->relation == MT_RULE_NEEDS && mt_row(r->other) == other &&
            release >= r->from && (!r->until || release <= r->until))
            return TRUE;
    }

    return FALSE;
}

static void
test_rules_hold_when_they_did(void)
{
    g_autoptr(JsonObject) history = load_history();
    JsonArray *rules = mt_json_peek_array(history, "rules");
    guint n_checked = 0;

    for (guint i = 0; i < json_array_get_length(rules); i++) {
        JsonObject *rule = json_array_get_object_element(rules, i);
        const char *who = mt_json_peek_string(rule, "who");
        const char *name = mt_json_peek_string(rule, "other");
        const MtRow *row = rule_row(who, "capability");
        const MtRow *other =
            rule_row(name, mt_json_peek_string(rule, "other_kind"));
        MtRelease from = get_release(rule, "from");
        MtRelease to = get_release(rule, "to");
        gboolean needs =
            strcmp(mt_json_peek_string(rule, "relation"), "requires") == 0;

        if (!other)
            continue;
        g_test_message("%s, %s", who, name);
        for (const MtRelease *r = mt_releases(); *r; r++) {
            if (*r < from || (to && *r > to))
                continue;
            if (needs)
                g_assert_true(row_needs(row, other, *r));
            else
                g_assert_true(mt_rules_exclude(row, other, *r));
            n_checked++;
        }
    }
    g_assert_cmpuint(n_checked, >, 300);
}

/* The only exclusion that QEMU does not enforce itself. */
static void
test_rules_end_when_they_did(void)
{
    g_autoptr(JsonObject) history = load_history();
    JsonArray *rules = mt_json_peek_array(history, "rules");

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        for (guint j = i + 1; j < MT_N_PARAMS; j++) {
            const MtRow *a = mt_row(i), *b = mt_row(j);

            for (const MtRelease *r = mt_releases(); *r; r++) {
                gboolean known = FALSE;

                if (!mt_rules_exclude(a, b, *r))
                    continue;
                for (guint k = 0; k < json_array_get_length(rules); k++) {
                    JsonObject *rule =
                        json_array_get_object_element(rules, k);
                    const char *who = mt_json_peek_string(rule, "who");
                    const char *other = mt_json_peek_string(rule, "other");
                    MtRelease to = get_release(rule, "to");

                    if (((strcmp(who, a->qmp) == 0 &&
                          strcmp(other, b->qmp) == 0) ||
                         (strcmp(who, b->qmp) == 0 &&
                          strcmp(other, a->qmp) == 0)) &&
                        *r >= get_release(rule, "from") && (!to || *r <= to))
                        known = TRUE;
                }
                /* Multifd loses pages after a switch to post-copy. */
                if (mt_row(MT_PARAM_POSTCOPY_RAM) == a &&
                    mt_row(MT_PARAM_MULTIFD) == b && *r < MT_RELEASE(8, 1))
                    known = TRUE;
                g_test_message("%s %s %x", a->name, b->name, *r);
                g_assert_true(known);
            }
        }
    }
}

static void
test_rows_are_sound(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        gboolean number =
            row->type == MT_TYPE_INT || row->type == MT_TYPE_ULLONG;

        g_test_message("%u %s", i, row->name);
        g_assert_cmpuint(mt_row_id(row), ==, i);
        g_assert_true(g_hash_table_add(names, (gpointer)row->name));
        g_assert_true(row->name == row->qmp || !row->qmp ||
                      strcmp(row->name, row->qmp) == 0 ||
                      g_hash_table_add(names, (gpointer)row->qmp));
        g_assert_true(row->help && *row->help);
        g_assert_true(row->sides != 0);
        g_assert_cmpint(number, ==, row->max > 0);
        g_assert_cmpint(row->type == MT_TYPE_ENUM, ==, row->members != NULL);
        if (number && row->def) {
            g_autoptr(MtValue) value = mt_value_from_table(row, row->def);

            g_assert_true(mt_value_check(row, value, NULL));
        }
        for (const MtRule *r = row->rules; r && r->relation; r++) {
            g_assert_cmpuint(r->other, <, MT_N_PARAMS);
            g_assert_cmpuint(r->other, !=, i);
        }
    }
}

static void
test_suggests_the_nearest(void)
{
    static const struct {
        const char *wrong;
        const char *near;
    } cases[] = {
        { "compresion", "compression" },
        { "multifd-chanels", "multifd-channels" },
        { "auto-converge.initial", "auto_converge.initial" },
        { "Bandwidth", "bandwidth" },
        { "dthreads", "compression.mt.dthreads" },
        { "xyzzy", NULL },
        { "", NULL },
        { "q", NULL },
    };
    g_autofree char *long_name = g_strnfill(5000, 'a');

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpstr(mt_row_suggest(cases[i].wrong), ==, cases[i].near);
    g_assert_null(mt_row_suggest(long_name));
}

/* A setting is older than the QMP parameter that sets it today. */
static void
test_settings_are_older_than_their_names(void)
{
    static const struct {
        MtParamId id;
        MtRelease since;
    } cases[] = {
        { MT_PARAM_MAX_BANDWIDTH, MT_RELEASE(0, 14) },
        { MT_PARAM_DOWNTIME_LIMIT, MT_RELEASE(0, 14) },
        { MT_PARAM_XBZRLE_CACHE_SIZE, MT_RELEASE(1, 2) },
        { MT_PARAM_MULTIFD, MT_RELEASE(2, 11) },
        { MT_PARAM_CPU_THROTTLE_INITIAL, MT_RELEASE(2, 5) },
        { MT_PARAM_MAX_POSTCOPY_BANDWIDTH, MT_RELEASE(3, 0) },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmphex(mt_row_since(mt_row(cases[i].id)), ==,
                        cases[i].since);
}

static void
test_cache_of_a_running_migration(void)
{
    const MtRow *row = mt_row(MT_PARAM_XBZRLE_CACHE_SIZE);

    g_assert_cmpint(mt_row_when(row, MT_RELEASE(2, 10)), ==, MT_WHEN_RUNNING);
    g_assert_cmpint(mt_row_when(row, MT_RELEASE(2, 11)), ==, MT_WHEN_SETUP);
    g_assert_cmpint(mt_row_when(row, MT_RELEASE(11, 1)), ==, MT_WHEN_SETUP);
    g_assert_cmpint(mt_row_when(mt_row(MT_PARAM_DOWNTIME_LIMIT),
                                MT_RELEASE(11, 1)), ==, MT_WHEN_RUNNING);
}

static void
test_releases_are_read(void)
{
    static const struct {
        const char *text;
        MtRelease release;
    } cases[] = {
        { "7.2", MT_RELEASE(7, 2) },     { "7.2.22", MT_RELEASE(7, 2) },
        { "v10.0", MT_RELEASE(10, 0) },  { "2.12", MT_RELEASE(2, 12) },
        { "10.0-rc1", MT_RELEASE(10, 0) }, { "", MT_RELEASE_NONE },
        { "7", MT_RELEASE_NONE },        { "7.", MT_RELEASE_NONE },
        { "7.2x", MT_RELEASE_NONE },     { "-7.2", MT_RELEASE_NONE },
        { "99999999999.1", MT_RELEASE_NONE },
        { "unknown", MT_RELEASE_NONE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmphex(mt_release_parse(cases[i].text), ==,
                        cases[i].release);
    g_assert_false(mt_release_exists(MT_RELEASE(7, 3)));
    g_assert_cmphex(mt_release_before(MT_RELEASE(3, 0)), ==,
                    MT_RELEASE(2, 12));
    g_assert_cmphex(mt_release_before(MT_RELEASE_FIRST), ==, MT_RELEASE_NONE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/table/has-what-is-known", test_has_what_is_known);
    g_test_add_func("/table/releases-have-what-they-had",
                    test_releases_have_what_they_had);
    g_test_add_func("/table/rules-hold-when-they-did",
                    test_rules_hold_when_they_did);
    g_test_add_func("/table/rules-end-when-they-did",
                    test_rules_end_when_they_did);
    g_test_add_func("/table/rows-are-sound", test_rows_are_sound);
    g_test_add_func("/table/suggests-the-nearest", test_suggests_the_nearest);
    g_test_add_func("/table/settings-are-older-than-their-names",
                    test_settings_are_older_than_their_names);
    g_test_add_func("/table/cache-of-a-running-migration",
                    test_cache_of_a_running_migration);
    g_test_add_func("/table/releases-are-read", test_releases_are_read);
    return g_test_run();
}
