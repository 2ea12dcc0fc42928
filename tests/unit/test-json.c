/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON text is parsed exactly or refused. */
#include "config.h"

#include <string.h>

#include "migtune/migtune-error.h"
#include "util/json.h"

static void
test_integers_are_exact(void)
{
    static const struct {
        const char *text;
        gint64 as_int64;
        guint64 as_uint64;
    } cases[] = {
        { "0", 0, 0 },
        { "-1", -1, G_MAXUINT64 },
        { "9223372036854775807", G_MAXINT64, G_MAXINT64 },
        { "9223372036854775808", G_MININT64, G_GUINT64_CONSTANT(1) << 63 },
        { "-9223372036854775808", G_MININT64,
          G_GUINT64_CONSTANT(1) << 63 },
        { "18446744073709551614", -2, G_MAXUINT64 - 1 },
        { "18446744073709551615", -1, G_MAXUINT64 },
        { "1844674407370955161", G_GINT64_CONSTANT(1844674407370955161),
          G_GUINT64_CONSTANT(1844674407370955161) },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf(
            "{\"before\": 18446744073709551615, \"v\": %s, \"after\": [%s]}",
            cases[i].text, cases[i].text);
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonObject) object = mt_json_parse_object(text, -1, &error);
        gint64 as_int64 = 0;
        guint64 as_uint64 = 0;
        guint64 before = 0;
        JsonArray *after = NULL;

        g_assert_no_error(error);
        g_assert_true(mt_json_get_int64(object, "v", &as_int64, NULL));
        g_assert_true(mt_json_get_uint64(object, "v", &as_uint64, NULL));
        g_assert_true(mt_json_get_uint64(object, "before", &before, NULL));
        g_assert_true(mt_json_get_array(object, "after", &after, NULL));
        g_assert_cmpint(as_int64, ==, cases[i].as_int64);
        g_assert_cmpuint(as_uint64, ==, cases[i].as_uint64);
        g_assert_cmpuint(before, ==, G_MAXUINT64);
        g_assert_cmpint(json_array_get_int_element(after, 0), ==,
                        cases[i].as_int64);
    }
}

/* json-glib stores -1 and 2^64 - 1 in the same way; their texts differ. */
static void
test_integers_are_written_as_they_were_read(void)
{
    static const char *const cases[] = {
        "18446744073709551615",
        "-1",
        "[-1, 18446744073709551615, 9223372036854775807, 1.5, "
        "9223372036854775808, [], [18446744073709551614], "
        "-9223372036854775808]",
        "{\"a\": 1, \"b\": {\"c\": 9223372036854775808, \"d\": -1}, "
        "\"e\": [18446744073709551615, {\"f\": -2}]}",
    };
    g_autoptr(JsonNode) built = mt_json_node_new_uint64(G_MAXUINT64);
    g_autoptr(JsonNode) small = mt_json_node_new_uint64(7);
    g_autofree char *built_line = mt_json_to_line(built);

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonNode) node = mt_json_parse(cases[i], -1, NULL);
        g_autofree char *line = mt_json_to_line(node);

        g_assert_cmpstr(line, ==, cases[i]);
    }
    g_assert_cmpstr(built_line, ==, "18446744073709551615");
    g_assert_true(mt_json_node_is_unsigned(built));
    g_assert_false(mt_json_node_is_unsigned(small));
}

static void
test_what_is_not_json_is_refused(void)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        { "", "no value" },
        { "  \r\n", "no value" },
        { "18446744073709551616", "64 bits" },
        { "-9223372036854775809", "64 bits" },
        { "99999999999999999999999999", "64 bits" },
        { "1e999", "too large" },
        { "010", "not a number" },
        { "0x10", "not a number" },
        { "1.", "not a number" },
        { ".5", "no value" },
        { "-", "not a number" },
        { "1abc", "not a number" },
        { "1e", "not a number" },
        { "'a'", "no value" },
        { "/*x*/3", "no value" },
        { "// x\n3", "no value" },
        { "var a = 1;", "no value" },
        { "NaN", "no value" },
        { "nul", "no value" },
        { "{a:1}", "no value" },
        { "[1,]", "bad JSON" },
        { "[1 2]", "bad JSON" },
        { "{\"a\" 1}", "bad JSON" },
        { "{\"a\"}", "bad JSON" },
        { "{1:1}", "bad JSON" },
        { "1 2", "follows" },
        { "{} {}", "follows" },
        { "{}]", "follows" },
        { ",", "bad JSON" },
        { "{", "bad JSON" },
        { "[}", "bad JSON" },
        { "]", "without an opening" },
        { "\"abc", "does not end" },
        { "\"abc\\", "does not end" },
        { "\"a\nb\"", "control character" },
        { "\"\\x41\"", "unknown escape" },
        { "\"a\\u0000b\"", "u0000" },
        { "\"\\u12\"", "hexadecimal" },
        { "\"\\ud800\"", "surrogate" },
        { "\"\\udc00\"", "surrogate" },
        { "\"\\ud800\\u0041\"", "surrogate" },
        { "\"\xff\"", "byte 1: not UTF-8" },
        { "\"\xc0\x80\"", "not UTF-8" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonNode) node = mt_json_parse(cases[i].text, -1, &error);
        g_autofree char *shown = g_strescape(cases[i].text, NULL);

        g_test_message("%s", shown);
        g_assert_null(node);
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
        g_assert_nonnull(strstr(error->message, cases[i].why));
    }
}

static void
test_a_nul_does_not_end_the_text(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(mt_json_parse("{}\0{}", 5, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
    g_clear_error(&error);
    g_assert_null(mt_json_parse(NULL, 0, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
}

static void
test_depth_is_limited(void)
{
    for (guint depth = MT_JSON_MAX_DEPTH; depth < 200000; depth *= 2) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonNode) node = NULL;

        for (guint i = 0; i < depth; i++)
            g_string_append(text, i % 2 ? "{\"a\":" : "[");
        g_string_append(text, "1");
        for (guint i = depth; i-- > 0; )
            g_string_append(text, i % 2 ? "}" : "]");

        node = mt_json_parse(text->str, text->len, &error);
        if (depth <= MT_JSON_MAX_DEPTH) {
            g_autofree char *line = NULL;

            g_assert_no_error(error);
            line = mt_json_to_line(node);
            g_assert_cmpuint(strlen(line), >, depth);
        } else {
            g_assert_null(node);
            g_assert_nonnull(strstr(error->message, "deeper than 128"));
        }
    }
}

/* Stops the parser at the call with the number in @data. */
static gboolean
stop_parsing(gpointer data, GError **error)
{
    guint *n_calls_left = data;

    if ((*n_calls_left)-- > 0)
        return TRUE;
    migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT, "time is up");
    return FALSE;
}

static void
test_a_reader_sets_limits(void)
{
    static const struct {
        gsize max_bytes;
        guint max_values;
        const char *text;
        const char *why;        /* NULL: within the limits */
    } cases[] = {
        { 7, 0, "[1,2,3]", NULL },
        { 6, 0, "[1,2,3]", "longer than 6 bytes" },
        { 0, 4, "[1,2,3]", NULL },
        { 0, 3, "[1,2,3]", "more than 3 values" },
        { 0, 3, "{\"a\":1}", NULL },
        { 0, 2, "{\"a\":1}", "more than 2 values" },
        { 0, 2, "[[[]]]", "more than 2 values" },
        { 0, 1, " null ", NULL },
    };
    g_autoptr(GString) many = g_string_new("[");
    guint n_calls_left = 2;
    MtJsonLimits limits = { .max_values = 200000 };
    g_autoptr(GError) error = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const MtJsonLimits few = { .max_bytes = cases[i].max_bytes,
                                   .max_values = cases[i].max_values };
        g_autoptr(GError) why = NULL;
        g_autoptr(JsonNode) node =
            mt_json_parse_within(cases[i].text, -1, &few, &why);

        if (!cases[i].why) {
            g_assert_no_error(why);
            continue;
        }
        g_assert_error(why, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
        g_assert_nonnull(strstr(why->message, cases[i].why));
    }

    /* 16 MiB, of which json-glib would make more than a gigabyte. */
    while (many->len < 16 * 1024 * 1024)
        g_string_append(many, "{},");
    g_string_append(many, "{}]");
    g_assert_null(mt_json_parse_within(many->str, many->len, &limits, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
    g_clear_error(&error);

    limits.go_on = stop_parsing;
    limits.user_data = &n_calls_left;
    g_assert_null(mt_json_parse_within(many->str, many->len, &limits, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
}

static void
test_members_are_typed(void)
{
    static const char text[] =
        "{\"s\": \"x\", \"b\": true, \"i\": 7, \"d\": 7.5, \"n\": null,"
        " \"a\": [1], \"o\": {}}";
    g_autoptr(JsonObject) object = mt_json_parse_object(text, -1, NULL);
    g_autoptr(GError) error = NULL;
    const char *s = "untouched";
    gboolean b = FALSE;
    gint64 i = 3;
    guint64 u = 3;
    JsonArray *a = NULL;
    JsonObject *o = NULL;

    g_assert_true(mt_json_get_bool(object, "b", &b, NULL) && b);
    g_assert_true(mt_json_get_object(object, "o", &o, NULL) && o);
    g_assert_true(mt_json_opt_array(object, "a", &a, NULL) && a);

    g_assert_false(mt_json_get_string(object, "i", &s, &error));
    g_assert_cmpstr(error->message, ==,
                    "member 'i': expected a string, found an integer");
    g_clear_error(&error);
    g_assert_false(mt_json_get_string(object, "x", &s, &error));
    g_assert_cmpstr(error->message, ==,
                    "member 'x' is missing; expected a string");
    g_clear_error(&error);
    g_assert_true(mt_json_opt_string(object, "x", &s, &error));
    g_assert_cmpstr(s, ==, "untouched");
    g_assert_false(mt_json_opt_int64(object, "d", &i, &error));
    g_assert_cmpstr(error->message, ==, "member 'd': expected an integer, "
                    "found a number with a fraction");
    g_clear_error(&error);
    g_assert_false(mt_json_opt_uint64(object, "n", &u, NULL));
    g_assert_false(mt_json_opt_bool(object, "s", &b, NULL));
    g_assert_false(mt_json_opt_array(object, "o", &a, NULL));
    g_assert_false(mt_json_opt_object(object, "a", &o, &error));
    g_assert_cmpstr(error->message, ==,
                    "member 'a': expected an object, found an array");
    g_assert_cmpint(i, ==, 3);
    g_assert_cmpuint(u, ==, 3);

    g_assert_null(mt_json_parse_object("[]", -1, NULL));
}

static void
test_a_line_is_canonical(void)
{
    static const struct {
        const char *text;
        const char *line;
    } cases[] = {
        { "{\"b\":1,\"a\":[true,null,\"x\"],\"aa\":{}}",
          "{\"a\": [true, null, \"x\"], \"aa\": {}, \"b\": 1}" },
        { "[1.0, 0.5, 1e3, -0, 3e-7]",
          "[1.0, 0.5, 1000.0, 0, 2.9999999999999999e-07]" },
        { "\"\\u0001\\\"\\\\\\n\\u00e9\\ud83d\\ude00\\/\"",
          "\"\\u0001\\\"\\\\\\u000aé😀/\"" },
        { "{\"a\":1,\"a\":2}", "{\"a\": 2}" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonNode) node = mt_json_parse(cases[i].text, -1, NULL);
        g_autoptr(JsonNode) again = NULL;
        g_autofree char *line = NULL;

        g_assert_nonnull(node);
        line = mt_json_to_line(node);
        g_assert_cmpstr(line, ==, cases[i].line);
        again = mt_json_parse(line, -1, NULL);
        g_assert_true(json_node_equal(node, again));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/integers-are-exact", test_integers_are_exact);
    g_test_add_func("/json/integers-are-written-as-they-were-read",
                    test_integers_are_written_as_they_were_read);
    g_test_add_func("/json/what-is-not-json-is-refused",
                    test_what_is_not_json_is_refused);
    g_test_add_func("/json/a-nul-does-not-end-the-text", test_a_nul_does_not_end_the_text);
    g_test_add_func("/json/depth-is-limited", test_depth_is_limited);
    g_test_add_func("/json/a-reader-sets-limits", test_a_reader_sets_limits);
    g_test_add_func("/json/members-are-typed", test_members_are_typed);
    g_test_add_func("/json/a-line-is-canonical", test_a_line_is_canonical);
    return g_test_run();
}
