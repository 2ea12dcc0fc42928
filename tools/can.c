/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can this QEMU do that?  See can.h.
 *
 * A name is looked up in what a probe found, or in the catalogue.  For a name
 * with a value a strict plan is made and thrown away: what it refuses because
 * of other settings is something that this QEMU can do all the same.
 */
#include "config.h"

#include <string.h>

#include "can.h"
#include "plans.h"

/* Whether a row of @rows is called @name, here or in QEMU. */
static gboolean
can_find(JsonArray *rows, const char *name, const char *canonical)
{
    for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *own = out_get_string(row, "name");

        if (g_strcmp0(own, name) == 0 ||
            (canonical && g_strcmp0(own, canonical) == 0) ||
            g_strcmp0(out_get_string(row, "qmp"), name) == 0)
            return TRUE;
    }

    return FALSE;
}

static int
can_judge_name(JsonArray *rows, const char *name)
{
    const char *canonical = migtune_param_canonical_name(name);

    if (can_find(rows, name, canonical))
        return CAN_YES;

    return canonical ? CAN_NO : CAN_UNKNOWN;
}

static int
can_judge_plan(MigtunePlan *plan)
{
    g_autoptr(GError) refusal = NULL;

    if (migtune_plan_check(plan, &refusal))
        return CAN_YES;

    switch (refusal->code) {
    case MIGTUNE_ERROR_CONFLICT:
    case MIGTUNE_ERROR_BUSY:
        return CAN_YES;
    case MIGTUNE_ERROR_UNKNOWN_PARAMETER:
        return CAN_UNKNOWN;
    default:
        return CAN_NO;
    }
}

int
can_domain(MigtuneDomain *domain, const char *what, GError **error)
{
    g_autoptr(JsonNode) found = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_auto(PlansWishes) wishes = { NULL, 0 };

    if (!strchr(what, '=')) {
        found = migtune_domain_probe(domain, FALSE, error);
        if (!found)
            return CAN_NO;
        return can_judge_name(
            out_get_array(json_node_get_object(found), "parameters"), what);
    }

    if (!plans_take_wish(what, &wishes, error))
        return CAN_UNKNOWN;
    plan = migtune_domain_plan(domain, wishes.params, wishes.n_params,
                               MIGTUNE_SET_STRICT, error);
    return plan ? can_judge_plan(plan) : CAN_NO;
}

int
can_release(const char *release, const char *what, GError **error)
{
    g_autoptr(JsonNode) catalogue = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_auto(PlansWishes) wishes = { NULL, 0 };

    if (!strchr(what, '=')) {
        catalogue = migtune_catalogue_to_json(release, error);
        if (!catalogue)
            return CAN_NO;
        return can_judge_name(json_node_get_array(catalogue), what);
    }

    if (!plans_take_wish(what, &wishes, error))
        return CAN_UNKNOWN;
    plan = migtune_explain(release, wishes.params, wishes.n_params,
                           MIGTUNE_SET_STRICT, error);
    return plan ? can_judge_plan(plan) : CAN_NO;
}
