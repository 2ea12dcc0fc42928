/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values: text, libvirt's typed parameters, QMP's JSON. */
#include "config.h"

#include <string.h>

#include "params/value.h"

#include "migtune/migtune-error.h"

typedef struct {
    const char *name;           /* QEMU's name implies QEMU's unit */
    const char *text;
    guint64 number;
    const char *shown;          /* NULL: refused */
} NumberCase;

static const NumberCase numbers[] = {
    { "bandwidth", "64", 64ull << 20, "64 MiB/s" },
    { "bandwidth", "64MiB", 64ull << 20, "64 MiB/s" },
    { "bandwidth", "64MiB/s", 64ull << 20, "64 MiB/s" },
    { "bandwidth", "1G", 1ull << 30, "1 GiB/s" },
    { "bandwidth", "1.5GiB/s", 3ull << 29, "1536 MiB/s" },
    { "bandwidth", "1000kB/s", 1000000, "1 MB/s" },
    { "bandwidth", "100MB/s", 100000000, "100 MB/s" },
    { "bandwidth", "1234567B/s", 1234567, "1234567 B/s" },
    { "bandwidth", "7000B/s", 7000, "7000 B/s" },
    { "bandwidth", "0", 0, "no limit" },
    { "bandwidth", "no limit", 0, "no limit" },
    { "bandwidth.postcopy", "0B/s", 0, "no limit" },
    { "bandwidth.avail.switchover", "0", 0, "measured" },
    { "bandwidth.avail.switchover", "no limit" },
    { "downtime", "0", 0, "0 ms" },
    { "bandwidth", "17592186044415", 17592186044415ull << 20, "17592186044415 MiB/s" },
    { "bandwidth", "17592186044416" },
    { "bandwidth", "64furlongs" },
    { "bandwidth", "-1" },
    { "bandwidth", "" },
    { "bandwidth", "MiB" },
    { "bandwidth", "1.MiB" },
    { "bandwidth", "0.3B" },
    { "bandwidth", "99999999999999999999" },
    { "max-bandwidth", "64", 64, "64 B/s" },
    { "max-bandwidth", "18446744073709551615", G_MAXUINT64, "18446744073709551615 B/s" },
    { "max-bandwidth", "18446744073709551616" },
    { "compression.xbzrle.cache", "64MiB", 64ull << 20, "64 MiB" },
    { "compression.xbzrle.cache", "67108864", 64ull << 20, "64 MiB" },
    { "compression.xbzrle.cache", "100000" },
    { "compression.xbzrle.cache", "2048" },
    { "compression.xbzrle.cache", "0" },
    { "compression.xbzrle.cache", "64MiB/s" },
    { "downtime", "300", 300, "300 ms" },
    { "downtime", "300ms", 300, "300 ms" },
    { "downtime", "1.5s", 1500, "1500 ms" },
    { "downtime", "1.5" },
    { "downtime", "2000s", 2000000, "2000000 ms" },
    { "downtime", "2000001" },
    { "compression.zlib.level", "9", 9, "9" },
    { "compression.zlib.level", "10" },
    { "compression.mt.level", "300" },
    { "parallel.connections", "255", 255, "255" },
    { "parallel.connections", "256" },
    { "parallel.connections", "0" },
    { "parallel.connections", "4 " },
    { "parallel.connections", "0x4" },
    { "auto_converge.initial", "20%", 20, "20 %" },
    { "auto_converge.initial", "100" },
    { "dirty_limit.rate", "5MB/s", 5, "5 MB/s" },
    { "rdma.chunk_size", "3MiB" },
    { "rdma.chunk_size", "2MiB", 2ull << 20, "2 MiB" },
};

static void
test_numbers_are_read_with_units(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        const NumberCase *c = &numbers[i];
        gboolean qmp = FALSE;
        const MtRow *row = mt_row_find(c->name, &qmp);
        g_autoptr(GError) error = NULL;
        g_autoptr(MtValue) value = NULL;
        g_autofree char *shown = NULL;

        g_test_message("%s=%s", c->name, c->text);
        value = mt_value_parse(row, qmp ? MT_SPELLING_QMP : MT_SPELLING_OURS,
                               c->text, &error);
        if (!c->shown) {
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
            g_assert_cmpstr(migtune_error_get_field(
                                error, MIGTUNE_ERROR_FIELD_PARAMETER),
                            ==, row->name);
            continue;
        }
        g_assert_no_error(error);
        g_assert_cmpuint(value->number, ==, c->number);
        shown = mt_value_format(row, value);
        g_assert_cmpstr(shown, ==, c->shown);
    }
}

/* Parts of messages, each of which a user needs to correct the value. */
static const struct {
    const char *name;
    const char *text;
    const char *part;
} refused[] = {
    { "bandwidth", "18446744073709551615", "without a unit is in MiB/s" },
    { "bandwidth", "1Gbit/s", "MiB/s, GiB/s" },
    { "bandwidth", "", "the value is empty" },
    { "downtime", "", "the value is empty" },
    { "parallel", "", "the value is empty" },
    { "mode", "", "the value is empty" },
    { "tls.creds", "", "'none' clears the setting" },
    { "block_bitmap_mapping", "", "the value is empty" },
    { "block_bitmap_mapping", "{", "line 1, column 1" },
};

static void
test_messages_say_what_is_accepted(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        const MtRow *row = mt_row_find(refused[i].name, NULL);
        g_autoptr(GError) error = NULL;

        g_assert_null(mt_value_parse(row, MT_SPELLING_OURS, refused[i].text,
                                     &error));
        g_test_message("%s", error->message);
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
        g_assert_nonnull(strstr(error->message, refused[i].part));
    }
}

/* A typed parameter either holds the value exactly or is not made. */
static void
test_nothing_is_truncated(void)
{
    static const struct {
        const char *name;
        MtSpelling spelling;
        guint64 number;
        gboolean fits;
    } cases[] = {
        { "bandwidth", MT_SPELLING_OURS, 0, TRUE },
        { "bandwidth", MT_SPELLING_OURS, 1000, FALSE },
        { "bandwidth", MT_SPELLING_OURS, 524288, FALSE },
        { "bandwidth", MT_SPELLING_OURS, 3 << 20, TRUE },
        { "bandwidth", MT_SPELLING_OURS, G_MAXUINT64, FALSE },
        { "bandwidth", MT_SPELLING_QMP, 1000, TRUE },
        { "bandwidth.postcopy", MT_SPELLING_OURS, 1000, FALSE },
        { "bandwidth.avail.switchover", MT_SPELLING_OURS, 1, FALSE },
        { "compression.zlib.level", MT_SPELLING_OURS, G_MAXINT, TRUE },
        { "compression.zlib.level", MT_SPELLING_OURS, 1ull << 31, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const MtRow *row = mt_row_find(cases[i].name, NULL);
        MtValue value = { .type = row->type, .number = cases[i].number };
        virTypedParameter param;

        g_assert_cmpint(mt_value_to_typed(row, cases[i].spelling, &value,
                                          row->name, &param), ==,
                        cases[i].fits);
        g_assert_cmpint(param.type != 0, ==, cases[i].fits);
    }
}

static void
test_a_text_can_be_cleared(void)
{
    const MtRow *row = mt_row(MT_PARAM_TLS_CREDS);
    g_autoptr(MtValue) none =
        mt_value_parse(row, MT_SPELLING_OURS, "none", NULL);
    g_autofree char *shown = mt_value_format(row, none);

    g_assert_cmpstr(none->text, ==, "");
    g_assert_cmpstr(shown, ==, "none");
}

static void
test_switches_are_on_or_off(void)
{
    static const struct {
        const char *text;
        int value;              /* -1: refused */
    } cases[] = {
        { "on", 1 },   { "ON", 1 },  { "true", 1 }, { "yes", 1 }, { "1", 1 },
        { "off", 0 },  { "false", 0 }, { "no", 0 }, { "0", 0 },
        { "2", -1 },   { "", -1 },   { "onn", -1 },
    };
    const MtRow *row = mt_row(MT_PARAM_MULTIFD);

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtValue) value =
            mt_value_parse(row, MT_SPELLING_OURS, cases[i].text, NULL);

        g_test_message("'%s'", cases[i].text);
        g_assert_cmpint(value ? value->boolean : -1, ==, cases[i].value);
    }
}

static void
test_every_value_survives_json_and_libvirt(void)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        g_autoptr(MtValue) value = NULL;
        g_autoptr(MtValue) from_json = NULL;
        g_autoptr(MtValue) from_typed = NULL;
        g_autoptr(JsonNode) node = NULL;
        virTypedParameter param;

        if (row->type == MT_TYPE_JSON)
            value = mt_value_parse(row, MT_SPELLING_OURS,
                                   "[{\"b\": [1, \"x\"], \"a\": null}]", NULL);
        else if (row->def)
            value = mt_value_from_table(row, row->def);
        else
            value = mt_value_new_text(row->type, row->members[0].name);

        g_test_message("%s", row->name);
        if (row->kind != MT_KIND_WISH) {
            node = mt_value_to_json(row, value);
            from_json = mt_value_from_json(row, node, NULL);
            g_assert_true(mt_value_equal(value, from_json));
        }
        mt_value_to_typed(row, MT_SPELLING_OURS, value, row->name, &param);
        from_typed =
            mt_value_from_typed(row, MT_SPELLING_OURS, &param, NULL);
        g_assert_true(mt_value_equal(value, from_typed));
        if (param.type == VIR_TYPED_PARAM_STRING)
            g_free(param.value.s);
    }
}

static void
test_typed_parameters_of_other_types(void)
{
    static const struct {
        const char *name;
        int type;
        long long value;
        gboolean fits;
    } cases[] = {
        { "compression.zlib.level", VIR_TYPED_PARAM_INT, 5, TRUE },
        { "compression.zlib.level", VIR_TYPED_PARAM_UINT, 5, TRUE },
        { "compression.zlib.level", VIR_TYPED_PARAM_LLONG, 5, TRUE },
        { "compression.zlib.level", VIR_TYPED_PARAM_ULLONG, 5, TRUE },
        { "compression.zlib.level", VIR_TYPED_PARAM_INT, -1, FALSE },
        { "compression.zlib.level", VIR_TYPED_PARAM_LLONG, 261, FALSE },
        { "compression.zlib.level", VIR_TYPED_PARAM_BOOLEAN, 1, FALSE },
        { "bandwidth", VIR_TYPED_PARAM_INT, 32, TRUE },
        { "bandwidth", VIR_TYPED_PARAM_LLONG, -5, FALSE },
        { "parallel", VIR_TYPED_PARAM_BOOLEAN, 1, TRUE },
        { "parallel", VIR_TYPED_PARAM_INT, 1, TRUE },
        { "parallel", VIR_TYPED_PARAM_INT, 7, FALSE },
        { "parallel", VIR_TYPED_PARAM_ULLONG, 1, FALSE },
        { "tls.creds", VIR_TYPED_PARAM_INT, 1, FALSE },
        { "mode", VIR_TYPED_PARAM_INT, 1, FALSE },
        { "mode", 99, 1, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const MtRow *row = mt_row_find(cases[i].name, NULL);
        virTypedParameter param = { .type = cases[i].type };
        g_autoptr(GError) error = NULL;
        g_autoptr(MtValue) value = NULL;

        switch (cases[i].type) {
        case VIR_TYPED_PARAM_INT: param.value.i = cases[i].value; break;
        case VIR_TYPED_PARAM_UINT: param.value.ui = cases[i].value; break;
        case VIR_TYPED_PARAM_BOOLEAN: param.value.b = cases[i].value; break;
        default: param.value.l = cases[i].value; break;
        }
        g_test_message("%u %s", i, cases[i].name);
        value = mt_value_from_typed(row, MT_SPELLING_OURS, &param, &error);
        g_assert_cmpint(value != NULL, ==, cases[i].fits);
        if (!cases[i].fits)
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    }
}

static void
test_answers_of_another_type_are_refused(void)
{
    static const struct {
        const char *name;
        const char *json;
    } cases[] = {
        { "parallel", "1" },        { "parallel", "\"on\"" },
        { "compression.zlib.level", "true" },
        { "compression.zlib.level", "1.5" },
        { "bandwidth", "\"64\"" },  { "mode", "7" },
        { "tls.creds", "{}" },      { "bandwidth", "null" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonNode) node = json_from_string(cases[i].json, NULL);
        g_autoptr(GError) error = NULL;

        g_test_message("%s: %s", cases[i].name, cases[i].json);
        g_assert_null(mt_value_from_json(mt_row_find(cases[i].name, NULL),
                                         node, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/value/numbers-are-read-with-units",
                    test_numbers_are_read_with_units);
    g_test_add_func("/value/messages-say-what-is-accepted",
                    test_messages_say_what_is_accepted);
    g_test_add_func("/value/nothing-is-truncated", test_nothing_is_truncated);
    g_test_add_func("/value/a-text-can-be-cleared",
                    test_a_text_can_be_cleared);
    g_test_add_func("/value/switches-are-on-or-off",
                    test_switches_are_on_or_off);
    g_test_add_func("/value/every-value-survives-json-and-libvirt",
                    test_every_value_survives_json_and_libvirt);
    g_test_add_func("/value/typed-parameters-of-other-types",
                    test_typed_parameters_of_other_types);
    g_test_add_func("/value/answers-of-another-type-are-refused",
                    test_answers_of_another_type_are_refused);
    return g_test_run();
}
