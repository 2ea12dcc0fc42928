/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plan as JSON and as text.
 */
#include "config.h"

#include <string.h>

#include "plan/plan.h"
#include "plan/wish.h"
#include "util/i18n.h"
#include "util/json-peek.h"

const char *
mt_policy_to_string(MtPolicy policy)
{
    static const char *const names[] = { "substitute", "strict",
                                         "best-effort" };

    return names[policy];
}

MigtuneVerdict
mt_verdict_show(MigtuneVerdict verdict, gboolean applied)
{
    return verdict == MIGTUNE_VERDICT_IN_FORCE && !applied
               ? MIGTUNE_VERDICT_PLANNED : verdict;
}

static JsonArray *
report_steps(const MtPlan *plan)
{
    const char *side = mt_sides_to_string(mt_state_side(plan->before));
    JsonArray *array = json_array_new();

    for (guint i = 0; i < plan->steps->len; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "side", side);
        json_object_set_string_member(object, "execute", step->execute);
        json_object_set_object_member(object, "arguments",
                                      json_object_ref(step->arguments));
        json_array_add_object_element(array, object);
    }

    return array;
}

static void
report_set_release(JsonObject *object, const char *member, MtRelease release)
{
    g_autofree char *text = mt_release_format(release);

    mt_json_set_text(object, member, text);
}

/* The settings that are used for the wish, other than the wish itself. */
static JsonArray *
report_becomes(const MtPlan *plan, const MtWish *wish)
{
    JsonArray *array = json_array_new();

    if (wish->error || wish->given_up)
        return array;
    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        JsonObject *object;

        if ((a->row == wish->row && mt_value_equal(a->value, wish->value)) ||
            (a->wish != wish && !g_ptr_array_find(wish->rows, a->row, NULL)))
            continue;
        /* A row that has its default already was not switched off. */
        if (a->rank == MT_RANK_RELEASE &&
            !mt_set_is_set(plan->before->values, a->row))
            continue;
        object = json_object_new();
        json_object_set_string_member(object, "name", a->row->name);
        json_object_set_member(
            object, "value",
            mt_value_to_report(a->row, MT_SPELLING_OURS, a->value));
        json_array_add_object_element(array, object);
    }

    return array;
}

/* Sets @member to a value of the row that @wish shows, or to null. */
static void
report_set_value(JsonObject *object, const char *member, const MtWish *wish,
                 const MtValue *value)
{
    if (value)
        json_object_set_member(
            object, member,
            mt_value_to_report(wish->shown ? wish->shown : wish->row,
                               wish->spelling, value));
    else
        json_object_set_null_member(object, member);
}

static JsonArray *
report_codes(const MtWish *wish)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < wish->reasons->len; i++)
        json_array_add_string_element(
            array, mt_reason_to_string(
                       g_array_index(wish->reasons, MtReason, i)));

    return array;
}

static JsonObject *
report_verdict(const MtPlan *plan, const MtWish *wish)
{
    JsonObject *object = json_object_new();
    const MtValue *read = plan->applied          ? wish->after
                          : plan->before->assumed ? NULL
                                                  : wish->before;

    json_object_set_string_member(object, "name", wish->name);
    if (wish->value)
        json_object_set_member(object, "asked",
                               mt_value_to_report(wish->row, wish->spelling,
                                                  wish->value));
    else
        json_object_set_string_member(object, "asked", wish->asked);
    report_set_value(object, "before", wish, wish->before);
    report_set_value(object, "after", wish, wish->after);
    report_set_value(object, "now", wish, read);
    json_object_set_string_member(
        object, "verdict",
        migtune_verdict_to_string(
            mt_verdict_show(wish->verdict, plan->applied)));
    json_object_set_array_member(object, "becomes",
                                 report_becomes(plan, wish));
    json_object_set_array_member(object, "codes", report_codes(wish));
    mt_json_set_text(object, "reason",
                     wish->reason->len ? wish->reason->str : NULL);
    report_set_release(object, "since",
                       wish->row ? mt_row_since(wish->row) : MT_RELEASE_NONE);
    report_set_release(object, "removed",
                       wish->row ? wish->row->removed : MT_RELEASE_NONE);

    return object;
}

JsonNode *
mt_plan_to_json(const MtPlan *plan)
{
    JsonObject *root = json_object_new();
    JsonArray *verdicts = json_array_new();
    JsonArray *warnings = json_array_new();
    JsonArray *codes = json_array_new();

    mt_json_set_text(root, "domain", plan->domain);
    json_object_set_string_member(root, "qemu", plan->qemu);
    json_object_set_string_member(root, "policy",
                                  mt_policy_to_string(plan->policy));
    json_object_set_boolean_member(root, "applied", plan->applied);
    json_object_set_array_member(root, "steps", report_steps(plan));
    for (guint i = 0; i < plan->wishes->len; i++)
        json_array_add_object_element(
            verdicts,
            report_verdict(plan, g_ptr_array_index(plan->wishes, i)));
    json_object_set_array_member(root, "verdicts", verdicts);
    for (guint i = 0; i < plan->warnings->len; i++) {
        json_array_add_string_element(warnings,
                                      g_ptr_array_index(plan->warnings, i));
        json_array_add_string_element(
            codes, g_ptr_array_index(plan->warning_codes, i));
    }
    json_object_set_array_member(root, "warnings", warnings);
    json_object_set_array_member(root, "warning-codes", codes);

    return mt_json_node_new_object(root);
}

const char *
migtune_verdict_to_string(MigtuneVerdict verdict)
{
    static const char *const names[] = {
        [MIGTUNE_VERDICT_IN_FORCE] = "in-force",
        [MIGTUNE_VERDICT_SUBSTITUTED] = "substituted",
        [MIGTUNE_VERDICT_IGNORED] = "ignored",
        [MIGTUNE_VERDICT_DROPPED] = "dropped",
        [MIGTUNE_VERDICT_REFUSED] = "refused",
        [MIGTUNE_VERDICT_KEPT] = "kept",
        [MIGTUNE_VERDICT_NO_EFFECT] = "no-effect",
        [MIGTUNE_VERDICT_UNVERIFIED] = "unverified",
        [MIGTUNE_VERDICT_FORGOTTEN] = "forgotten",
        [MIGTUNE_VERDICT_PLANNED] = "planned",
    };

    if ((guint)verdict >= G_N_ELEMENTS(names))
        return "unknown";

    return names[verdict];
}

enum { REPORT_COLUMNS = 6 };

/* Appends a cell and pads it to @width; the last cell of a line ends the line. */
static void
report_cell(GString *table, const char *text, glong width, gboolean last)
{
    g_string_append(table, text);
    if (last) {
        while (table->len && table->str[table->len - 1] == ' ')
            g_string_truncate(table, table->len - 1);
        g_string_append_c(table, '\n');
        return;
    }
    for (glong n = g_utf8_strlen(text, -1); n < width + 2; n++)
        g_string_append_c(table, ' ');
}

static char *
report_format(const MtWish *wish, const MtValue *value)
{
    return value ? mt_value_format(wish->shown ? wish->shown : wish->row,
                                   value)
                 : g_strdup("-");
}

/* The reason without the name of the parameter, which is in the same row. */
static const char *
report_reason(const MtWish *wish)
{
    const char *reason = wish->reason->str;
    gsize length = strlen(wish->name);

    if (strncmp(reason, wish->name, length) == 0 &&
        strncmp(reason + length, ": ", 2) == 0)
        return reason + length + 2;

    return reason;
}

char **
mt_plan_dup_row(const MtPlan *plan, int nth)
{
    char **row = g_new0(char *, REPORT_COLUMNS + 1);

    if (nth < 0) {
        const char *titles[] = {
            _("Parameter"), _("Asked"), _("Before"),
            plan->later ? _("Later") : _("After"), _("Verdict"), _("Why")
        };

        G_STATIC_ASSERT(G_N_ELEMENTS(titles) == REPORT_COLUMNS);
        for (guint i = 0; i < REPORT_COLUMNS; i++)
            row[i] = g_strdup(titles[i]);
    } else {
        const MtWish *wish = g_ptr_array_index(plan->wishes, nth);

        row[0] = g_strdup(wish->name);
        row[1] = g_strdup(wish->asked);
        row[2] = report_format(wish, wish->before);
        row[3] = report_format(wish, wish->after);
        row[4] = g_strdup(migtune_verdict_to_string(
            mt_verdict_show(wish->verdict, plan->applied)));
        row[5] = g_strdup(report_reason(wish));
    }

    return row;
}

char *
mt_plan_to_text(const MtPlan *plan)
{
    g_autoptr(GPtrArray) rows =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    glong widths[REPORT_COLUMNS] = { 0 };
    GString *table = g_string_new(NULL);

    for (int nth = -1; nth < (int)plan->wishes->len; nth++)
        g_ptr_array_add(rows, mt_plan_dup_row(plan, nth));
    for (guint i = 0; i < rows->len; i++) {
        char **row = g_ptr_array_index(rows, i);

        for (guint j = 0; j < REPORT_COLUMNS; j++)
            widths[j] = MAX(widths[j], g_utf8_strlen(row[j], -1));
    }
    for (guint i = 0; i < rows->len; i++) {
        char **row = g_ptr_array_index(rows, i);

        for (guint j = 0; j < REPORT_COLUMNS; j++)
            report_cell(table, row[j], widths[j], j == REPORT_COLUMNS - 1);
    }

    return g_string_free(table, FALSE);
}
