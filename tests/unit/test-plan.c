/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans: each line of tests/data/plans/cases.txt is planned for its release and
 * policy, and compared with explain.txt.  MIGTUNE_TEST_REGENERATE=1 rewrites
 * explain.txt; review the difference.
 */
#include "config.h"

#include <string.h>

#include "plan/plan.h"
#include "util/json.h"

#include "migtune/migtune.h"

static char *
data_file(const char *name)
{
    return g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), "plans", name,
                            NULL);
}

static char *
data_read(const char *name)
{
    g_autofree char *path = data_file(name);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

/* A QEMU of @release in which @words are in force. */
static MtState *
state_with(const MtCaps *caps, char **words)
{
    MtState *state = mt_state_new_default(caps);

    for (char **w = words; *w; w++) {
        g_auto(GStrv) pair = g_strsplit(*w, "=", 2);
        const MtRow *row = mt_caps_find_row(caps, pair[0], NULL);
        g_autoptr(GError) error = NULL;
        MtValue *value;

        g_assert_nonnull(row);
        value = mt_value_parse(row, MT_SPELLING_OURS, pair[1], &error);
        g_assert_no_error(error);
        mt_set_put(state->values, row, value);
    }

    return state;
}

static MtPolicy
policy_of(const char *text)
{
    for (MtPolicy p = MT_POLICY_SUBSTITUTE; p <= MT_POLICY_BEST_EFFORT; p++) {
        if (strcmp(mt_policy_to_string(p), text) == 0)
            return p;
    }
    g_error("no policy %s", text);
}

/* Plans one line of cases.txt. */
static MtPlan *
plan_case(const char *line)
{
    g_auto(GStrv) halves = g_strsplit(line, "|", 2);
    g_auto(GStrv) first = g_strsplit(g_strstrip(halves[0]), " ", -1);
    g_auto(GStrv) wishes = g_strsplit(g_strstrip(halves[1]), " ", -1);
    g_autoptr(MtCaps) caps =
        mt_caps_new_for_release(mt_release_parse(first[0]));
    virTypedParameterPtr params = NULL;
    MtPlan *plan;
    int n = 0;

    g_assert_true(migtune_typed_params_parse((const char *const *)wishes,
                                             &params, &n, NULL));
    plan = mt_plan_new(NULL, first[0], caps, state_with(caps, first + 2),
                       params, n, policy_of(first[1]));
    migtune_typed_params_free(params, n);

    return plan;
}

static void
describe_case(GString *out, const char *line)
{
    g_autoptr(MtPlan) plan = plan_case(line);
    g_autofree char *table = mt_plan_to_text(plan);
    g_autoptr(GError) error = NULL;

    g_string_append_printf(out, "## %s\n%s", line, table);
    for (guint i = 0; i < plan->warnings->len; i++)
        g_string_append_printf(out, "warning: %s\n",
                               (char *)g_ptr_array_index(plan->warnings, i));
    for (guint i = 0; i < plan->steps->len; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);
        g_autofree char *arguments = mt_json_object_to_line(step->arguments);

        g_string_append_printf(out, "-> %s %s\n", step->execute, arguments);
    }
    if (!mt_plan_check(plan, &error)) {
        g_string_append_printf(out, "error: %s\n",
                               migtune_error_code_to_string(error->code));
        g_assert_cmpuint(plan->steps->len, ==, 0);
    }
    g_string_append_c(out, '\n');
}

static void
test_every_case_becomes_what_is_written(void)
{
    g_autofree char *cases = data_read("cases.txt");
    g_auto(GStrv) lines = g_strsplit(cases, "\n", -1);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *path = data_file("explain.txt");
    g_autofree char *expected = NULL;

    for (char **line = lines; *line; line++) {
        if (**line && **line != '#')
            describe_case(out, *line);
    }
    if (g_getenv("MIGTUNE_TEST_REGENERATE")) {
        g_assert_true(g_file_set_contents(path, out->str, -1, NULL));
        return;
    }
    expected = data_read("explain.txt");
    if (strcmp(expected, out->str) != 0) {
        g_auto(GStrv) have = g_strsplit(out->str, "\n", -1);
        g_auto(GStrv) want = g_strsplit(expected, "\n", -1);

        for (guint i = 0; have[i] && want[i]; i++) {
            if (strcmp(have[i], want[i]) != 0) {
                g_test_message("line %u: found: %s", i + 1, have[i]);
                g_test_message("line %u: wanted: %s", i + 1, want[i]);
                break;
            }
        }
        g_test_fail();
    }
}

/*
 * For any two settings and any release, planning ends, gives each setting a
 * verdict with a reason, and has no steps if one of them is refused.
 */
static void
test_every_pair_has_its_verdicts(void)
{
    /* Under valgrind only a sample is tested. */
    guint step = g_getenv("MIGTUNE_TEST_SHORT") ? 37 : 1;

    for (const MtRelease *r = mt_releases(); *r; r++) {
        g_autoptr(MtCaps) caps = mt_caps_new_for_release(*r);

        for (guint i = *r % step; i < MT_N_PARAMS * MT_N_PARAMS; i += step) {
            const MtRow *rows[] = { mt_row(i / MT_N_PARAMS),
                                    mt_row(i % MT_N_PARAMS) };
            virTypedParameter params[2] = { { .type = 0 } };
            MtPolicy policy = i % 3;
            g_autoptr(MtPlan) plan = NULL;

            for (guint j = 0; j < 2; j++) {
                static char on[] = "on", many[] = "1MiB", two[] = "2";
                static char list[] = "[]", text[] = "x", method[] = "zstd";
                const MtRow *row = rows[j];

                g_strlcpy(params[j].field, row->name,
                          sizeof(params[j].field));
                params[j].type = VIR_TYPED_PARAM_STRING;
                params[j].value.s =
                    row->kind == MT_KIND_WISH           ? method
                    : row->type == MT_TYPE_BOOL         ? on
                    : row->type == MT_TYPE_JSON         ? list
                    : row->type == MT_TYPE_STRING       ? text
                    : row->members
                        ? (char *)row->members[1].name
                    : row->unit == MT_UNIT_BYTES        ? many
                                                        : two;
            }
            plan = mt_plan_new(NULL, "x", caps, mt_state_new_default(caps),
                               params, 2, policy);
            if (!mt_plan_check(plan, NULL))
                g_assert_cmpuint(plan->steps->len, ==, 0);
            g_assert_cmpuint(plan->steps->len, <=, 4);
            if (*r >= MT_RELEASE(2, 11))
                g_assert_cmpuint(plan->steps->len, <=, 2);
            for (guint j = 0; j < plan->wishes->len; j++) {
                const MtWish *wish = g_ptr_array_index(plan->wishes, j);

                if (wish->verdict != MIGTUNE_VERDICT_IN_FORCE) {
                    if (!wish->reason->len)
                        g_test_message("%s, %s of %s and %s has no reason",
                                       mt_policy_to_string(policy),
                                       wish->name, rows[0]->name,
                                       rows[1]->name);
                    g_assert_cmpuint(wish->reason->len, >, 0);
                    g_assert_cmpuint(wish->reasons->len, >, 0);
                }
                if (wish->error)
                    g_assert_cmpint(wish->verdict, ==,
                                    MIGTUNE_VERDICT_REFUSED);
                else if (wish->verdict == MIGTUNE_VERDICT_REFUSED)
                    g_assert_false(mt_plan_check(plan, NULL));
            }
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/every-case-becomes-what-is-written",
                    test_every_case_becomes_what_is_written);
    g_test_add_func("/plan/every-pair-has-its-verdicts",
                    test_every_pair_has_its_verdicts);
    return g_test_run();
}
