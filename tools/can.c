/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers --can; see can.h.
 *
 * A name is looked up in the result of a probe or in the catalogue. For
 * NAME=VALUE a strict plan is made and discarded. If that plan is refused only
 * because of other settings or a running migration, the QEMU still supports
 * the value.
 */
#include "config.h"

#include <string.h>

#include "can.h"
#include "plans.h"

/* Returns whether @rows has a row with this name of migtune or of QEMU. */
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
can_check_name(JsonArray *rows, const char *name)
{
    const char *canonical = migtune_param_canonical_name(name);

    if (can_find(rows, name, canonical))
        return CAN_YES;

    return canonical ? CAN_NO : CAN_UNKNOWN;
}

static int
can_check_plan(MigtunePlan *plan)
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
can_domain(MigtuneDomain *domain, const char *what, GCancellable *cancellable,
           GError **error)
{
    g_autoptr(JsonNode) found = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };

    if (!strchr(what, '=')) {
        found = migtune_domain_probe(domain, FALSE, cancellable, error);
        if (!found)
            return CAN_UNKNOWN;
        return can_check_name(
            out_get_array(json_node_get_object(found), "parameters"), what);
    }

    if (!plans_take_setting(what, &settings, error))
        return CAN_UNKNOWN;
    plan = migtune_domain_plan(domain, settings.params, settings.n_params,
                               MIGTUNE_SET_STRICT, cancellable, error);
    return plan ? can_check_plan(plan) : CAN_UNKNOWN;
}

int
can_release(const char *release, const char *what, GError **error)
{
    g_autoptr(JsonNode) catalogue = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };

    if (!strchr(what, '=')) {
        catalogue = migtune_catalogue_to_json(release, error);
        if (!catalogue)
            return CAN_NO;
        return can_check_name(json_node_get_array(catalogue), what);
    }

    if (!plans_take_setting(what, &settings, error))
        return CAN_UNKNOWN;
    plan = migtune_explain(release, settings.params, settings.n_params,
                           MIGTUNE_SET_STRICT, error);
    return plan ? can_check_plan(plan) : CAN_NO;
}

int
can_guest(Tool *tool, MigtuneDomain *domain, const char *what, GError **error)
{
    g_autoptr(JsonNode) info = NULL;
    const char *release;

    if (!tool_is_libvirt(tool))
        return can_domain(domain, what, tool->cancellable, error);

    info = migtune_domain_get_info(domain, tool->cancellable, error);
    if (!info)
        return CAN_UNKNOWN;
    release = out_get_string(json_node_get_object(info), "release");

    return release ? can_release(release, what, error) : CAN_UNKNOWN;
}
