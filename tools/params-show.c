/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shows settings: the values in force, the kept settings, or both.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "each.h"
#include "params.h"

char **
params_get_names(const CmdLine *line)
{
    char **names;

    if (line->rest->len == 0)
        return NULL;

    names = g_new0(char *, line->rest->len + 1);
    for (guint i = 0; i < line->rest->len; i++)
        names[i] = g_strdup(line->rest->pdata[i]);

    return names;
}

typedef struct {
    const char *const *names;
    unsigned int flags;
    gboolean changed;           /* show only values that differ from the
                                 * default */
} ParamsGet;

static gboolean
params_has_pattern(const char *const *names)
{
    for (; names && *names; names++)
        if (strpbrk(*names, "*?"))
            return TRUE;

    return FALSE;
}

static gboolean
params_matches(const char *const *names, JsonObject *row)
{
    if (!names)
        return TRUE;

    for (; *names; names++) {
        const char *name = out_get_string(row, "name");
        const char *qmp = out_get_string(row, "qmp");

        if (g_pattern_match_simple(*names, name) ||
            (qmp && g_pattern_match_simple(*names, qmp)))
            return TRUE;
    }

    return FALSE;
}

/* Whether a value is not QEMU's default. */
static gboolean
params_is_changed(JsonObject *row)
{
    JsonNode *value = json_object_get_member(row, "value");
    JsonNode *normal = json_object_get_member(row, "default");

    return value && normal && !JSON_NODE_HOLDS_NULL(value) &&
           !JSON_NODE_HOLDS_NULL(normal) && !json_node_equal(value, normal);
}

/* Removes the rows of a report that were not asked for. */
static void
params_filter(JsonNode *report, const ParamsGet *get)
{
    JsonObject *object = json_node_get_object(report);
    JsonArray *rows = out_get_array(object, "parameters");
    gboolean pattern = params_has_pattern(get->names);

    for (guint i = rows ? json_array_get_length(rows) : 0; i > 0; i--) {
        JsonObject *row = json_array_get_object_element(rows, i - 1);

        if ((pattern && !params_matches(get->names, row)) ||
            (get->changed && !params_is_changed(row)))
            json_array_remove_element(rows, i - 1);
    }
}

static JsonNode *
params_get_report(MigtuneDomain *domain, const ParamsGet *get,
                  GCancellable *cancellable, GError **error)
{
    JsonNode *report = migtune_domain_report(
        domain, params_has_pattern(get->names) ? NULL : get->names, get->flags,
        cancellable, error);

    if (report)
        params_filter(report, get);
    return report;
}

static JsonNode *
params_report(MigtuneDomain *domain, gconstpointer data, int *status,
              GCancellable *cancellable, GError **error)
{
    return params_get_report(domain, data, cancellable, error);
}

/* The columns of the table, which depend on the report. */
typedef enum {
    PARAMS_LIVE,
    PARAMS_CONFIG,
    PARAMS_BOTH,
} ParamsView;

static ParamsView
params_get_view(JsonObject *report)
{
    JsonArray *shows = out_get_array(report, "shows");

    if (shows && json_array_get_length(shows) == 2)
        return PARAMS_BOTH;
    if (shows && json_array_get_length(shows) == 1 &&
        g_strcmp0(json_array_get_string_element(shows, 0), "config") == 0)
        return PARAMS_CONFIG;

    return PARAMS_LIVE;
}

/* Creates the table; @domains adds a column for the guest. */
static OutTable *
params_new_table(ParamsView view, gboolean domains)
{
    const char *first[] = { _("Value"), _("Kept"), _("Live") };
    const char *second[] = { _("In QEMU"), _("In QEMU"), _("Kept") };
    const char *titles[] = {
        _("Domain"), _("Parameter"), first[view], second[view], _("From"),
        _("Note"), NULL
    };

    return out_table_new(domains ? titles : titles + 1);
}

/* Adds the cells of one parameter of a report. */
static void
params_add_cells(OutTable *table, ParamsView view, JsonObject *row)
{
    const char *text = out_get_string(row, "text");
    const char *kept = out_get_string(row, "kept");
    const char *note = "";

    if (view == PARAMS_BOTH && out_get_bool(row, "differs"))
        note = _("differs");
    else if (out_get_bool(row, "deprecated"))
        note = _("deprecated");
    else if (out_get_bool(row, "unstable"))
        note = _("unstable");
    else if (out_get_string(row, "why"))
        note = out_get_string(row, "why");

    out_table_cell(table, OUT_PLAIN, out_get_string(row, "name"));
    if (view == PARAMS_BOTH) {
        out_table_cell(table, OUT_PLAIN, text ? text : "-");
        out_table_cell(table, OUT_PLAIN, kept ? kept : "-");
    } else {
        out_table_cell(table, OUT_PLAIN, text);
        out_table_cell(table, OUT_FAINT, out_get_string(row, "qmp"));
    }
    out_table_cell(table, OUT_FAINT, out_get_string(row, "from"));
    out_table_cell(table, OUT_FAIR, note);
}

/* Prints the problems of the kept settings as warnings. */
static void
params_print_findings(Tool *tool, JsonObject *report)
{
    JsonArray *findings = out_get_array(report, "findings");

    for (guint i = 0; findings && i < json_array_get_length(findings); i++)
        if (!tool->quiet)
            out_error(_("warning: %s"),
                      json_array_get_string_element(findings, i));
}

/* Keeps the columns of --columns.  A guest that does not run has the same names
 * of columns as one that runs. */
static gboolean
params_choose_columns(OutTable *table, const CmdLine *line, ParamsView view,
                      gboolean domains, GError **error)
{
    const char *names[] = {
        "domain", "name", "value", view == PARAMS_BOTH ? "kept" : "qemu",
        "from", "note", NULL
    };
    const char *wanted = cmd_line_get(line, "columns");

    return !wanted || out_table_choose(table, domains ? names : names + 1,
                                       wanted, error);
}

/* Fails if --columns is wrong, before a guest is asked. */
static gboolean
params_check_columns(const CmdLine *line, ParamsView view, gboolean domains,
                     GError **error)
{
    g_autoptr(OutTable) table = params_new_table(view, domains);

    return params_choose_columns(table, line, view, domains, error);
}

static void
params_print_report(Tool *tool, const CmdLine *line, JsonNode *report)
{
    JsonObject *object = json_node_get_object(report);
    ParamsView view = params_get_view(object);
    g_autoptr(OutTable) table = params_new_table(view, FALSE);
    JsonArray *rows = out_get_array(object, "parameters");
    guint n = rows ? json_array_get_length(rows) : 0;

    for (guint i = 0; i < n; i++)
        params_add_cells(table, view, json_array_get_object_element(rows, i));
    params_choose_columns(table, line, view, FALSE, NULL);
    if (n > 0 || view != PARAMS_CONFIG)
        out_table_print(table, !tool->quiet, tool->colour);
    else if (!tool->quiet)
        out_line(_("No settings are kept for %s."),
                 out_get_string(object, "domain"));
    params_print_findings(tool, object);
}

static void
params_print_reports(Tool *tool, const CmdLine *line, ParamsView view,
                     GPtrArray *results)
{
    g_autoptr(OutTable) table = params_new_table(view, TRUE);

    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];
        JsonArray *rows = result->document
            ? out_get_array(json_node_get_object(result->document),
                            "parameters")
            : NULL;

        for (guint j = 0; rows && j < json_array_get_length(rows); j++) {
            out_table_cell(table, OUT_PLAIN, each_get_name(result));
            params_add_cells(table, view,
                             json_array_get_object_element(rows, j));
        }
    }
    params_choose_columns(table, line, view, TRUE, NULL);
    out_table_print(table, !tool->quiet, tool->colour);
    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];

        if (result->document)
            params_print_findings(tool,
                                  json_node_get_object(result->document));
    }
    each_report_errors(results);
}

int
params_show(Tool *tool, const CmdLine *line, unsigned int flags,
            GError **error)
{
    gboolean live = cmd_line_has(line, "live");
    gboolean config = cmd_line_has(line, "config");
    g_auto(GStrv) names = params_get_names(line);
    const ParamsGet get = {
        (const char *const *)names,
        flags | (live ? MIGTUNE_GET_LIVE : 0) |
            (config ? MIGTUNE_GET_CONFIG : 0),
        cmd_line_has(line, "changed")
    };
    ParamsView view = live && config ? PARAMS_BOTH
                      : config       ? PARAMS_CONFIG
                                     : PARAMS_LIVE;
    gboolean all = cmd_line_has(line, "all");
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GPtrArray) results = NULL;
    g_autoptr(JsonNode) report = NULL;

    if (!plans_check_targets(line, error) ||
        !params_check_columns(line, view, all, error))
        return TOOL_USAGE;
    if (all) {
        results = each_domain(tool, params_report, &get, error);
        if (!results)
            return TOOL_FAILED;
        if (tool->json) {
            report = each_to_json(results);
            out_json(report);
        } else {
            params_print_reports(tool, line, view, results);
        }
        return each_status(results);
    }

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    report = params_get_report(domain, &get, tool->cancellable, error);
    if (!report)
        return TOOL_FAILED;

    if (tool->json)
        out_json(report);
    else
        params_print_report(tool, line, report);

    return TOOL_DONE;
}
