/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Findings, and their form in JSON.
 */
#include "config.h"

#include "pair/finding.h"
#include "util/json-peek.h"

void
mt_pair_finding_free(MtPairFinding *finding)
{
    if (!finding)
        return;

    g_free(finding->expected);
    g_free(finding->found);
    g_free(finding->text);
    g_free(finding->fix);
    g_free(finding);
}

const char *
mt_pair_severity_to_string(MtPairSeverity severity)
{
    static const char *const names[] = { "info", "warn", "substitute",
                                         "refuse" };

    return names[severity];
}

JsonObject *
mt_pair_finding_to_json(const MtPairFinding *finding)
{
    JsonObject *object = json_object_new();
    g_autofree char *since = mt_release_format(finding->since);
    g_autofree char *until = mt_release_format(finding->until);

    json_object_set_string_member(object, "id", finding->id);
    mt_json_set_text(object, "rule", finding->rule);
    json_object_set_string_member(
        object, "severity", mt_pair_severity_to_string(finding->severity));
    json_object_set_string_member(object, "side",
                                  mt_sides_to_string(finding->side));
    mt_json_set_text(object, "parameter",
                     finding->row ? finding->row->name : NULL);
    mt_json_set_text(object, "expected", finding->expected);
    mt_json_set_text(object, "found", finding->found);
    json_object_set_string_member(object, "text", finding->text);
    mt_json_set_text(object, "fix", finding->fix);
    mt_json_set_text(object, "since", since);
    mt_json_set_text(object, "until", until);
    mt_json_set_text(object, "origin", finding->origin);

    return object;
}
