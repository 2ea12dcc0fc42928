/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values at, inside and outside of their bounds, and of the wrong type.  Wrong values
 * are refused before anything is sent.  QEMU 2.12 to 5.2 would truncate some of
 * them.
 */
#include "config.h"

#include <string.h>

#include "tuning.h"
#include "util/json-peek.h"
#include "util/json.h"

/* The setting to add if the bound depends on another row. */
static const struct {
    const char *qmp;
    const char *with;
} companions[] = {
    { "max-cpu-throttle", "auto_converge.initial=1" },
};

static const char *
limits_companion(const char *qmp)
{
    for (gsize i = 0; i < G_N_ELEMENTS(companions); i++) {
        if (g_str_equal(companions[i].qmp, qmp))
            return companions[i].with;
    }

    return NULL;
}

static void
check_refused(Tuned *tuned, const char *qmp, const char *text,
              const char *before)
{
    g_autofree char *word = g_strdup_printf("%s=%s", qmp, text);
    const char *const words[] = { word, NULL };
    g_autoptr(MigtunePlan) plan = tuned_plan(tuned, words, 0);

    tuned_assert_refused(tuned, plan, MIGTUNE_ERROR_INVALID_VALUE, before);
    tuning_count(tuned->test, "values refused by bound or type");
}

static void
check_refused_number(Tuned *tuned, const char *qmp, guint64 number,
                     const char *before)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);

    check_refused(tuned, qmp, text, before);
}

static void
check_accepted(Tuned *tuned, const char *qmp, guint64 number,
               const char *before)
{
    g_autofree char *word =
        g_strdup_printf("%s=%" G_GUINT64_FORMAT, qmp, number);
    const char *const words[] = { word, limits_companion(qmp), NULL };
    g_autoptr(MigtunePlan) plan = tuned_plan(tuned, words, 0);
    g_autoptr(JsonNode) raw = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *after = NULL;
    MigtuneVerdict verdict;
    guint64 now = 0;

    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    verdict = migtune_plan_get_verdict(plan, 0, NULL, NULL, NULL, NULL);
    g_clear_pointer(&plan, migtune_plan_unref);
    raw = guest_get(tuned->guest, FALSE, qmp);
    g_assert_true(mt_json_node_peek_uint64(raw, &now));
    if (tuning_is_set(verdict)) {
        g_assert_cmpuint(now, ==, number);
    } else {
        g_assert_cmpint(verdict, ==, MIGTUNE_VERDICT_IGNORED);
        g_assert_cmpuint(now, !=, number);
    }
    after = guest_dump(tuned->guest);
    if (!g_str_equal(after, before))
        tuned_put_back(tuned, before);
    tuning_count(tuned->test, "values accepted at their bounds");
}

static guint64
limits_bound(JsonObject *row, const char *member, guint64 otherwise)
{
    guint64 number = otherwise;

    mt_json_node_peek_uint64(json_object_get_member(row, member), &number);
    return number;
}

static void
check_number(Tuned *tuned, JsonObject *row, const char *before)
{
    static const char *const wrong[] = { "-1", "x", "1x", "", "on", "1.5",
                                         "18446744073709551616" };
    static const guint cuts[] = { 8, 16, 32 };
    const char *qmp = json_object_get_string_member(row, "qmp");
    gboolean old = tuning_release(tuned->test->release) < 600;
    gboolean power = g_str_equal(qmp, "xbzrle-cache-size") ||
                     g_str_equal(qmp, "x-rdma-chunk-size");
    guint64 min = limits_bound(row, "min", 0);
    /* The catalogue's JSON has no number above 2^63 - 1. */
    guint64 max = limits_bound(row, "max", power ? 1ULL << 63 : G_MAXUINT64);

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        check_refused(tuned, qmp, wrong[i], before);
    if (min > 0)
        check_refused_number(tuned, qmp, min - 1, before);
    if (max < G_MAXUINT64)
        check_refused_number(tuned, qmp, max + 1, before);
    for (gsize i = 0; i < G_N_ELEMENTS(cuts); i++) {
        guint64 cut = (1ULL << cuts[i]) + MAX(min, 1);

        if (cut > max)
            check_refused_number(tuned, qmp, cut, before);
    }
    if (power)
        check_refused_number(tuned, qmp, max - max / 4, before);
    /* QEMU before 6.0 reads numbers as signed. */
    if (old && max > G_MAXINT64) {
        check_refused_number(tuned, qmp, 1ULL << 63, before);
        max = power ? 1ULL << 62 : G_MAXINT64;
    }
    check_accepted(tuned, qmp, min, before);
    check_accepted(tuned, qmp, max, before);
}

static void
test_bounds(Case *test)
{
    static const struct {
        const char *type;
        const char *wrong[4];
    } types[] = {
        { "bool", { "2", "maybe", "" } },
        { "enum", { "no-such-value", "1", "" } },
        { "json", { "{", "[1] x", "" } },
    };
    JsonArray *rows = json_node_get_array(test->tuning->catalogue);
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *type = json_object_get_string_member(row, "type");
        const char *qmp = mt_json_peek_string(row, "qmp");

        if (!qmp || !tuned_has(&tuned, qmp, NULL))
            continue;
        if (g_str_equal(type, "int") || g_str_equal(type, "ullong"))
            check_number(&tuned, row, before);
        for (gsize j = 0; j < G_N_ELEMENTS(types); j++) {
            for (guint k = 0;
                 g_str_equal(type, types[j].type) && types[j].wrong[k]; k++)
                check_refused(&tuned, qmp, types[j].wrong[k], before);
        }
    }
    tuned_down(&tuned);
}

/* Checks that QEMU itself truncates the values that migtune refuses. */
static void
test_truncation_is_real(Case *test)
{
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) answer = guest_ask(
        guest, "migrate-set-parameters", "{\"cpu-throttle-initial\": 300}",
        &error);

    if (tuning_release(test->release) < 600) {
        g_autoptr(JsonNode) now =
            guest_get(guest, FALSE, "cpu-throttle-initial");

        g_assert_no_error(error);
        g_assert_cmpint(json_node_get_int(now), ==, 300 - 256);
    } else {
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    }
}

/* All mistakes of one call are reported. */
static void
test_all_mistakes_are_told(Case *test)
{
    const char *const words[] = {
        "downtime=99999999", "auto_converge.initial=0", "xbzrle=perhaps",
        "bandwith=1", "parallel.connections=x", NULL,
    };
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    plan = tuned_plan(&tuned, words, MIGTUNE_SET_BEST_EFFORT);
    for (guint i = 0; words[i]; i++)
        g_assert_cmpint(
            migtune_plan_get_verdict(plan, i, NULL, NULL, NULL, NULL), ==,
            MIGTUNE_VERDICT_REFUSED);
    g_assert_false(migtune_plan_check(plan, &error));
    g_assert_nonnull(strstr(error->message, "downtime"));
    g_assert_nonnull(strstr(error->message, "auto_converge.initial"));
    g_assert_nonnull(strstr(error->message, "xbzrle"));
    g_assert_nonnull(strstr(error->message, "'bandwidth'"));
    g_assert_nonnull(strstr(error->message, "parallel.connections"));
    tuned_assert_refused(&tuned, plan, MIGTUNE_ERROR_INVALID_VALUE, before);
    g_clear_pointer(&plan, migtune_plan_unref);
    tuned_down(&tuned);
}

void
tuning_add_limits(Tuning *tuning)
{
    tuning_add(tuning, "bounds-and-types-are-kept", test_bounds);
    tuning_add(tuning, "qemu-cuts-numbers-off", test_truncation_is_real);
    tuning_add(tuning, "all-mistakes-are-told", test_all_mistakes_are_told);
}
