/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as NAME=VALUE words, one a line: what is understood comes back
 * from its typed parameter as the same value, and it can be planned for
 * some release.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "plan/plan.h"

#include "migtune/migtune.h"

static void
check_values(virTypedParameterPtr params, int n)
{
    for (int i = 0; i < n; i++) {
        g_autofree char *shown = migtune_typed_param_format(&params[i]);
        gboolean qmp = FALSE;
        const MtRow *row = mt_row_find(params[i].field, &qmp);
        MtSpelling spelling = qmp ? MT_SPELLING_QMP : MT_SPELLING_OURS;
        g_autoptr(MtValue) value = NULL;
        g_autoptr(MtValue) again = NULL;
        virTypedParameter copy;

        g_assert_nonnull(shown);
        if (!row || row->kind == MT_KIND_WISH)
            continue;
        value = mt_value_from_typed(row, spelling, &params[i], NULL);
        if (!value || row->unit == MT_UNIT_RATE)
            continue;
        mt_value_to_typed(row, spelling, value, row->name, &copy);
        again = mt_value_from_typed(row, spelling, &copy, NULL);
        g_assert_true(mt_value_equal(value, again));
        if (copy.type == VIR_TYPED_PARAM_STRING)
            g_free(copy.value.s);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const MtRelease releases[] = { MT_RELEASE(2, 4), MT_RELEASE(4, 2),
                                          MT_RELEASE(7, 2),
                                          MT_RELEASE(11, 1) };
    g_autofree char *text = g_strndup(size ? (const char *)data : "", size);
    g_auto(GStrv) words = g_strsplit(text, "\n", 16);
    g_autoptr(MtCaps) caps = NULL;
    g_autoptr(MtPlan) plan = NULL;
    g_autofree char *table = NULL;
    g_autoptr(JsonNode) json = NULL;
    virTypedParameterPtr params = NULL;
    int n = 0;

    if (!migtune_typed_params_parse((const char *const *)words, &params, &n,
                                    NULL))
        return 0;

    check_values(params, n);
    caps = mt_caps_new_for_release(releases[size % G_N_ELEMENTS(releases)]);
    plan = mt_plan_new(NULL, "?", caps, mt_state_new_default(caps), params, n,
                       size % 3);
    table = mt_plan_to_text(plan);
    json = mt_plan_to_json(plan);
    g_assert_true(g_utf8_validate(table, -1, NULL));
    g_assert_nonnull(json);
    if (!mt_plan_check(plan, NULL))
        g_assert_cmpuint(plan->steps->len, ==, 0);
    migtune_typed_params_free(params, n);

    return 0;
}
