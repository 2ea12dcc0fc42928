/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The catalogue as people read it; see catalogue.h.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <glib/gi18n.h>

#include "catalogue.h"

/* The row that is called @name, here or in QEMU. */
static JsonObject *
catalogue_find(JsonArray *rows, const char *name)
{
    const char *canonical = migtune_param_canonical_name(name);

    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *own = out_get_string(row, "name");

        if (g_strcmp0(own, canonical ? canonical : name) == 0)
            return row;
    }

    return NULL;
}

JsonNode *
catalogue_get(const char *const *names, const char *release, GError **error)
{
    g_autoptr(JsonNode) all = migtune_catalogue_to_json(release, error);
    g_autoptr(JsonArray) chosen = NULL;
    JsonNode *node;

    if (!all)
        return NULL;
    if (!names)
        return g_steal_pointer(&all);

    chosen = json_array_new();
    for (; *names; names++) {
        JsonObject *row = catalogue_find(json_node_get_array(all), *names);

        if (row) {
            json_array_add_object_element(chosen, json_object_ref(row));
            continue;
        }
        if (migtune_param_canonical_name(*names))
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              _("QEMU %s has no %s"), release, *names);
        else
            migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                              _("there is no parameter '%s'"), *names);
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                    *names);
        return NULL;
    }

    node = json_node_new(JSON_NODE_ARRAY);
    json_node_set_array(node, chosen);
    return node;
}

gboolean
catalogue_check_capabilities(GPtrArray *words, GError **error)
{
    g_autoptr(JsonNode) all = migtune_catalogue_to_json(NULL, error);

    if (!all)
        return FALSE;

    for (guint i = 0; i < words->len; i++) {
        const char *word = words->pdata[i];
        g_autofree char *name = g_strndup(word, strcspn(word, "="));
        JsonObject *row = catalogue_find(json_node_get_array(all), name);

        if (row &&
            g_strcmp0(out_get_string(row, "kind"), "capability") != 0) {
            tool_usage_error(error, _("%s is no capability; "
                                      "migrate-setparameters sets it"), name);
            return FALSE;
        }
    }

    return TRUE;
}

/* What the values of a row may be: "on|off", "0..9", "none|zlib|zstd". */
static char *
catalogue_get_range(JsonObject *row)
{
    JsonArray *values = out_get_array(row, "values");
    const char *type = out_get_string(row, "type");
    g_autofree char *min =
        out_value_to_text(json_object_get_member(row, "min"));
    g_autofree char *max =
        out_value_to_text(json_object_get_member(row, "max"));

    if (values && json_array_get_length(values) > 0)
        return out_join(values, "|");
    if (g_strcmp0(type, "bool") == 0)
        return g_strdup("on|off");
    if (*min && *max)
        return g_strdup_printf("%s..%s", min, max);
    if (*min)
        return g_strdup_printf("%s..", min);

    return g_strdup(type);
}

void
catalogue_print_table(Tool *tool, JsonNode *rows)
{
    static const char *const members[] = { "since", "deprecated", "removed" };
    const char *titles[] = {
        _("Parameter"), _("In QEMU"), _("Kind"), _("Values"), _("Unit"),
        _("Since"), _("Deprecated"), _("Removed"), NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);
    JsonArray *array = json_node_get_array(rows);

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *row = json_array_get_object_element(array, i);
        const char *qmp = out_get_string(row, "qmp");
        gboolean gone = out_get_string(row, "removed") != NULL;
        g_autofree char *range = catalogue_get_range(row);

        out_table_cell(table, gone ? OUT_FAINT : OUT_PLAIN,
                       out_get_string(row, "name"));
        out_table_cell(table, OUT_PLAIN, qmp ? qmp : "-");
        out_table_cell(table, OUT_PLAIN, out_get_string(row, "kind"));
        out_table_cell(table, OUT_PLAIN, range);
        out_table_cell(table, OUT_PLAIN, out_get_string(row, "unit"));
        for (guint j = 0; j < G_N_ELEMENTS(members); j++) {
            const char *text = out_get_string(row, members[j]);

            out_table_cell(table, j == 0 ? OUT_PLAIN : OUT_FAIR,
                           text ? text : "-");
        }
    }

    out_table_print(table, !tool->quiet, tool->colour);
}

/* What is told of one row beyond its name, in this order. */
static const struct {
    const char *member;
    const char *title;
} catalogue_facts[] = {
    { "qmp", N_("In QEMU") },
    { "kind", N_("Kind") },
    { "unit", N_("Unit") },
    { "default", N_("Default") },
    { "sides", N_("Set on") },
    { "when", N_("Takes effect") },
    { "needs", N_("Needs") },
    { "conflicts", N_("Conflicts") },
    { "since", N_("Since") },
    { "deprecated", N_("Deprecated") },
    { "removed", N_("Removed") },
};

static char *
catalogue_get_fact(JsonObject *row, const char *member)
{
    JsonArray *array = out_get_array(row, member);

    return array ? out_join(array, ", ")
                 : out_value_to_text(json_object_get_member(row, member));
}

void
catalogue_print_details(Tool *tool, JsonNode *rows)
{
    JsonObject *row =
        json_array_get_object_element(json_node_get_array(rows), 0);
    const char *titles[] = { "", "", NULL };
    g_autoptr(OutTable) table = out_table_new(titles);
    g_autofree char *range = catalogue_get_range(row);
    g_autofree char *values = g_strconcat(_("Values"), ":", NULL);

    out_line("%s - %s", out_get_string(row, "name"),
             _(out_get_string(row, "help")));
    out_table_cell(table, OUT_TITLE, values);
    out_table_cell(table, OUT_PLAIN, range);
    for (guint i = 0; i < G_N_ELEMENTS(catalogue_facts); i++) {
        g_autofree char *text =
            catalogue_get_fact(row, catalogue_facts[i].member);
        g_autofree char *title =
            g_strconcat(_(catalogue_facts[i].title), ":", NULL);

        if (!*text)
            continue;
        out_table_cell(table, OUT_TITLE, title);
        out_table_cell(table, OUT_PLAIN, text);
    }
    out_table_print(table, FALSE, tool->colour);
}

void
catalogue_print_names(JsonNode *rows)
{
    JsonArray *array = json_node_get_array(rows);

    for (guint i = 0; i < json_array_get_length(array); i++)
        out_line("%s", out_get_string(json_array_get_object_element(array, i),
                                      "name"));
}

void
catalogue_print_rst(JsonNode *rows)
{
    JsonArray *array = json_node_get_array(rows);

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *row = json_array_get_object_element(array, i);
        g_autofree char *range = catalogue_get_range(row);

        printf("**%s**\n    %s.\n\n    Values: ``%s``",
               out_get_string(row, "name"), out_get_string(row, "help"),
               range);
        for (guint j = 0; j < G_N_ELEMENTS(catalogue_facts); j++) {
            g_autofree char *text =
                catalogue_get_fact(row, catalogue_facts[j].member);

            if (*text)
                printf("; %s: ``%s``", catalogue_facts[j].title, text);
        }
        fputs(".\n\n", stdout);
    }
}
