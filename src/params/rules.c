/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checking rules between rows.
 *
 * The rules are data in the table of rows, except the one rule that compares two
 * numbers, which is a function here.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "params/rules.h"
#include "util/i18n.h"

void
mt_finding_free(MtFinding *finding)
{
    if (!finding)
        return;

    g_free(finding->rule);
    g_free(finding->message);
    g_free(finding);
}

gboolean
mt_finding_is_fatal(const MtFinding *finding)
{
    return finding->relation == MT_RULE_EXCLUDES ||
           finding->relation == MT_RULE_NEEDS;
}

static gboolean
rule_holds_in(const MtRule *rule, MtRelease release)
{
    return release >= rule->from &&
           (rule->until == MT_RELEASE_NONE || release <= rule->until);
}

gboolean
mt_rules_exclude(const MtRow *a, const MtRow *b, MtRelease release)
{
    const MtRow *pair[] = { a, b };

    for (guint i = 0; i < 2; i++) {
        for (const MtRule *r = pair[i]->rules; r && r->relation; r++) {
            if (r->relation == MT_RULE_EXCLUDES &&
                mt_row(r->other) == pair[1 - i] && rule_holds_in(r, release))
                return TRUE;
        }
    }

    return FALSE;
}

/* "parallel", or "compression=zlib" if the rule is about one value. */
static char *
rule_other_text(const MtRule *rule)
{
    const MtRow *other = mt_row(rule->other);

    if (rule->other == MT_PARAM_MULTIFD_COMPRESSION && rule->value)
        return g_strdup_printf("compression=%s", rule->value);
    if (rule->value)
        return g_strdup_printf("%s=%s", other->name, rule->value);

    return g_strdup(other->name);
}

static gboolean
rule_other_is_set(const MtRule *rule, const MtSet *state)
{
    const MtRow *other = mt_row(rule->other);
    const MtValue *value = mt_set_get(state, other);

    if (rule->value)
        return value && g_strcmp0(value->text, rule->value) == 0;

    return mt_set_is_set(state, other);
}

static MtFinding *
finding_new(const MtRow *row, const MtRow *other, MtRelation relation)
{
    MtFinding *finding = g_new0(MtFinding, 1);

    finding->row = row;
    finding->other = other;
    finding->relation = relation;
    return finding;
}

/* The finding of @rule about @row in @state; NULL if the rule is obeyed. */
static MtFinding *
rule_judge(const MtRow *row, const MtRule *rule, const MtSet *state,
           gboolean row_changed)
{
    const MtRow *other = mt_row(rule->other);
    gboolean row_set = mt_set_is_set(state, row);
    gboolean other_set = rule_other_is_set(rule, state);
    g_autofree char *other_text = rule_other_text(rule);
    MtFinding *finding;

    switch (rule->relation) {
    case MT_RULE_EXCLUDES:
        if (!row_set || !other_set)
            return NULL;
        finding = finding_new(row, other, rule->relation);
        finding->rule = g_strdup_printf("%s excludes %s", row->name,
                                        other_text);
        finding->message = g_strdup_printf(
            _("%s and %s exclude each other in this QEMU"), row->name,
            other_text);
        return finding;
    case MT_RULE_NEEDS:
        if (!row_set || other_set)
            return NULL;
        finding = finding_new(row, other, rule->relation);
        finding->rule = g_strdup_printf("%s needs %s", row->name, other_text);
        finding->message = g_strdup_printf(_("%s needs %s=on"), row->name,
                                           other_text);
        return finding;
    case MT_RULE_USELESS_WITH:
        if (!row_set || !other_set)
            return NULL;
        finding = finding_new(row, other, rule->relation);
        finding->rule = g_strdup_printf("%s is useless with %s", row->name,
                                        other_text);
        finding->message = g_strdup_printf(
            _("%s has no effect while %s is on, and later releases of QEMU "
              "refuse the combination"),
            row->name, other_text);
        return finding;
    case MT_RULE_EFFECT_WITH:
        /* A row at its default is not expected to have an effect. */
        if (!row_changed || !row_set || other_set)
            return NULL;
        finding = finding_new(row, other, rule->relation);
        finding->rule = g_strdup_printf("%s takes effect with %s", row->name,
                                        other_text);
        finding->message = g_strdup_printf(_("%s takes effect only with %s"),
                                           row->name, other_text);
        return finding;
    case MT_RULE_END:
        break;
    }

    return NULL;
}

/* auto_converge.initial must not exceed auto_converge.max. */
static MtFinding *
rules_check_throttle(const MtSet *state, const MtSet *changed)
{
    const MtRow *initial = mt_row(MT_PARAM_CPU_THROTTLE_INITIAL);
    const MtRow *max = mt_row(MT_PARAM_MAX_CPU_THROTTLE);
    const MtValue *low = mt_set_get(state, initial);
    const MtValue *high = mt_set_get(state, max);
    MtFinding *finding;

    if (!low || !high || low->number <= high->number ||
        (!mt_set_get(changed, initial) && !mt_set_get(changed, max)))
        return NULL;

    finding = finding_new(initial, max, MT_RULE_EXCLUDES);
    finding->rule = g_strdup("auto_converge.initial is at most "
                             "auto_converge.max");
    finding->message = g_strdup_printf(
        _("auto_converge.initial (%" PRIu64
          " %%) must not exceed auto_converge.max (%" PRIu64 " %%)"),
        low->number, high->number);
    return finding;
}

static int
findings_compare(gconstpointer a, gconstpointer b)
{
    const MtFinding *first = *(MtFinding *const *)a;
    const MtFinding *second = *(MtFinding *const *)b;

    return mt_finding_is_fatal(second) - mt_finding_is_fatal(first);
}

GPtrArray *
mt_rules_check(const MtSet *state, const MtSet *changed, MtRelease release)
{
    GPtrArray *findings =
        g_ptr_array_new_with_free_func((GDestroyNotify)mt_finding_free);
    MtFinding *finding;

    for (guint i = 0; i < mt_set_size(state); i++) {
        const MtRow *row = mt_set_nth(state, i);
        gboolean row_changed = mt_set_get(changed, row) != NULL;

        for (const MtRule *r = row->rules; r && r->relation; r++) {
            if (!rule_holds_in(r, release) ||
                !(row_changed || mt_set_get(changed, mt_row(r->other))))
                continue;
            finding = rule_judge(row, r, state, row_changed);
            if (finding)
                g_ptr_array_add(findings, finding);
        }
    }

    finding = rules_check_throttle(state, changed);
    if (finding)
        g_ptr_array_add(findings, finding);
    g_ptr_array_sort(findings, findings_compare);

    return findings;
}
