/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the rules about two hosts share.
 */
#include "config.h"

#include "pair/rule.h"
#include "util/i18n.h"

void
mt_rules_run(MtPairing *p, const MtPairRule *rules, gsize n)
{
    for (gsize i = 0; i < n; i++)
        rules[i].run(p, &rules[i]);
}

MtPairFinding *
mt_rule_add(MtPairing *p, const MtPairRule *rule, char *expected, char *found,
            char *text, const char *fix)
{
    MtPairFinding *finding =
        mt_pairing_add(p, rule->id, rule->severity, rule->side, expected,
                       found, text, g_strdup(fix));

    finding->rule = rule->name;
    finding->row =
        rule->row == MT_PARAM_COMPRESSION ? NULL : mt_row(rule->row);
    finding->since = rule->since;
    finding->until = rule->until;
    finding->origin = rule->origin;
    return finding;
}

void
mt_rule_replace(MtPairing *p, const MtPairRule *rule, const char *value,
                char *expected, char *found, char *text)
{
    MtPairFinding *finding =
        mt_rule_add(p, rule, expected, found, text, NULL);
    const MtRow *row = mt_row(rule->row);

    if (p->policy == MT_POLICY_STRICT) {
        g_autoptr(MtValue) other = mt_value_from_table(row, value);
        g_autofree char *shown = mt_value_format(row, other);

        finding->severity = MT_PAIR_REFUSE;
        finding->fix = g_strdup_printf(_("set %s=%s"), row->name, shown);
        return;
    }

    mt_pairing_change(p, rule->row, value, finding->text);
}

char *
mt_rule_release(const MtPairSide *side)
{
    char *text = mt_version_format(side->version);

    return text ? text : mt_release_format(mt_pair_side_release(side));
}

gboolean
mt_rule_has_postcopy(const MtPairing *p)
{
    return mt_pairing_has(p, MT_PARAM_POSTCOPY_RAM) ||
           mt_pairing_has(p, MT_PARAM_X_POSTCOPY_RAM);
}

gboolean
mt_rule_has_tls(const MtPairing *p)
{
    return mt_pairing_has(p, MT_PARAM_TLS_CREDS);
}

char *
mt_rule_get_creds(const MtSet *values)
{
    const MtValue *value = mt_set_get(values, mt_row(MT_PARAM_TLS_CREDS));

    return value ? g_strdup(value->text) : g_strdup("");
}
