/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that show and change the settings in force.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "catalogue.h"
#include "cmd.h"
#include "each.h"
#include "plans.h"

/* Returns the arguments of @line as names; NULL if there are none. */
static char **
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

static void
params_print_report(Tool *tool, JsonNode *report)
{
    JsonObject *object = json_node_get_object(report);
    ParamsView view = params_get_view(object);
    g_autoptr(OutTable) table = params_new_table(view, FALSE);
    JsonArray *rows = out_get_array(object, "parameters");
    guint n = rows ? json_array_get_length(rows) : 0;

    for (guint i = 0; i < n; i++)
        params_add_cells(table, view, json_array_get_object_element(rows, i));
    if (n > 0 || view != PARAMS_CONFIG)
        out_table_print(table, !tool->quiet, tool->colour);
    else if (!tool->quiet)
        out_line(_("No settings are kept for %s."),
                 out_get_string(object, "domain"));
    params_print_findings(tool, object);
}

static void
params_print_reports(Tool *tool, ParamsView view, GPtrArray *results)
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
    out_table_print(table, !tool->quiet, tool->colour);
    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];

        if (result->document)
            params_print_findings(tool,
                                  json_node_get_object(result->document));
    }
    each_report_errors(results);
}

/* Shows the settings of one domain or of all domains. */
static int
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
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GPtrArray) results = NULL;
    g_autoptr(JsonNode) report = NULL;

    if (!plans_check_targets(line, error))
        return TOOL_USAGE;
    if (cmd_line_has(line, "all")) {
        results = each_domain(tool, params_report, &get, error);
        if (!results)
            return TOOL_FAILED;
        if (tool->json) {
            report = each_to_json(results);
            out_json(report);
        } else {
            params_print_reports(tool,
                                 live && config ? PARAMS_BOTH
                                 : config       ? PARAMS_CONFIG
                                                : PARAMS_LIVE,
                                 results);
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
        params_print_report(tool, report);

    return TOOL_DONE;
}

static int
params_get(Tool *tool, const CmdLine *line, GError **error)
{
    return params_show(tool, line, 0, error);
}

typedef struct {
    const CmdLine *line;
    const PlansSettings *settings;
} ParamsSet;

/* Replaces NAME=default by the default value of this QEMU. */
static gboolean
params_expand_defaults(MigtuneDomain *domain, const PlansSettings *settings,
                       PlansSettings *expanded, GCancellable *cancellable,
                       GError **error)
{
    for (int i = 0; i < settings->n_params; i++) {
        const virTypedParameter *param = &settings->params[i];
        const char *names[] = { param->field, NULL };
        g_autofree char *value = g_strdup(param->value.s);
        g_autofree char *word = NULL;

        if (strcmp(value, "default") == 0) {
            g_autoptr(JsonNode) report =
                migtune_domain_report(domain, names, 0, cancellable, error);
            JsonArray *rows;

            if (!report)
                return FALSE;
            g_free(value);
            rows = out_get_array(json_node_get_object(report), "parameters");
            value = rows && json_array_get_length(rows) == 1
                ? out_value_to_text(json_object_get_member(
                      json_array_get_object_element(rows, 0), "default"))
                : NULL;
            if (!value || !*value) {
                migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                                  _("the default value of '%s' is not known"),
                                  param->field);
                return FALSE;
            }
        }
        word = g_strdup_printf("%s=%s", param->field, value);
        if (!plans_take_setting(word, expanded, error))
            return FALSE;
    }

    return TRUE;
}

static MigtunePlan *
params_plan_settings(MigtuneDomain *domain, const CmdLine *line,
                     const PlansSettings *settings, GCancellable *cancellable,
                     GError **error)
{
    g_auto(PlansSettings) expanded = { NULL, 0, { NULL } };

    if (!params_expand_defaults(domain, settings, &expanded, cancellable,
                                error))
        return NULL;
    for (guint i = 0; i < PLANS_N_SHORT; i++)
        expanded.short_values[i] = g_strdup(settings->short_values[i]);
    if (!plans_resolve_short_for(&expanded, line, domain, cancellable, error))
        return NULL;

    return migtune_domain_plan(domain, expanded.params, expanded.n_params,
                               plans_get_flags(line), cancellable, error);
}

static JsonNode *
params_set_one(MigtuneDomain *domain, gconstpointer data, int *status,
               GCancellable *cancellable, GError **error)
{
    const ParamsSet *set = data;
    g_autoptr(MigtunePlan) plan = params_plan_settings(
        domain, set->line, set->settings, cancellable, error);

    if (!plan)
        return NULL;

    return plans_run_quietly(set->line, plan,
                             cmd_line_has(set->line, "dry-run"), status,
                             cancellable, error);
}

/* "3 in-force, 1 substituted" */
static char *
params_count_verdicts(JsonObject *document)
{
    JsonArray *verdicts = out_get_array(document, "verdicts");
    guint n = verdicts ? json_array_get_length(verdicts) : 0;
    GString *text = g_string_new(NULL);

    for (int v = 0; v <= MIGTUNE_VERDICT_KEPT; v++) {
        const char *name = migtune_verdict_to_string(v);
        guint count = 0;

        for (guint i = 0; i < n; i++) {
            JsonObject *verdict = json_array_get_object_element(verdicts, i);

            count += g_strcmp0(out_get_string(verdict, "verdict"), name) == 0;
        }
        if (count > 0)
            g_string_append_printf(text, "%s%u %s", text->len ? ", " : "",
                                   count, name);
    }

    return g_string_free(text, FALSE);
}

/* How many verdicts of a document are 'refused'. */
static guint
params_count_refused(JsonObject *document)
{
    JsonArray *verdicts =
        document ? out_get_array(document, "verdicts") : NULL;
    guint count = 0;

    for (guint i = 0; verdicts && i < json_array_get_length(verdicts); i++)
        count += g_strcmp0(out_get_string(json_array_get_object_element(
                               verdicts, i), "verdict"), "refused") == 0;

    return count;
}

/* Prints the verdicts that have a reason, with their guest. */
static void
params_print_reasons(Tool *tool, GPtrArray *results)
{
    const char *titles[] = {
        _("Domain"), _("Parameter"), _("Verdict"), _("Why"), NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);
    guint n = 0;

    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];
        JsonArray *verdicts = result->document
            ? out_get_array(json_node_get_object(result->document),
                            "verdicts") : NULL;

        for (guint j = 0; verdicts && j < json_array_get_length(verdicts);
             j++) {
            JsonObject *row = json_array_get_object_element(verdicts, j);
            const char *why = out_get_string(row, "reason");

            if (!why || !*why)
                continue;
            out_table_cell(table, OUT_PLAIN, each_get_name(result));
            out_table_cell(table, OUT_PLAIN, out_get_string(row, "name"));
            out_table_cell(table, OUT_FAIR, out_get_string(row, "verdict"));
            out_table_cell(table, OUT_PLAIN, why);
            n++;
        }
    }
    if (n > 0 && !tool->quiet) {
        out_text("\n");
        out_table_print(table, TRUE, tool->colour);
    }
}

static void
params_print_sets(Tool *tool, GPtrArray *results)
{
    const char *titles[] = {
        _("Domain"), _("QEMU"), _("Result"), NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);

    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];
        JsonObject *document = result->document
            ? json_node_get_object(result->document) : NULL;
        g_autofree char *counts = NULL;

        out_table_cell(table, OUT_PLAIN, each_get_name(result));
        out_table_cell(table, OUT_PLAIN,
                       document ? out_get_string(document, "qemu") : "-");
        if (result->error) {
            out_table_cell(table, OUT_BAD,
                           params_count_refused(document) ? _("refused")
                                                          : _("failed"));
        } else {
            counts = params_count_verdicts(document);
            out_table_cell(table, OUT_GOOD,
                           out_get_string(document, "skipped")
                               ? out_get_string(document, "skipped")
                           : *counts ? counts
                                     : _("no kept settings"));
        }
    }
    out_table_print(table, !tool->quiet, tool->colour);
    params_print_reasons(tool, results);
    each_report_errors(results);
}

/* Applies the change to every domain and prints one line for each. */
static int
params_change_all(Tool *tool, EachFunc func, const ParamsSet *set,
                  GError **error)
{
    g_autoptr(GPtrArray) results = each_domain(tool, func, set, error);

    if (!results)
        return TOOL_FAILED;

    if (tool->json) {
        g_autoptr(JsonNode) document = each_to_json(results);

        out_json(document);
    } else {
        params_print_sets(tool, results);
    }

    return each_status(results);
}

/* Plans and applies settings in one domain or in all domains. */
static int
params_change(Tool *tool, const CmdLine *line, const PlansSettings *settings,
              GError **error)
{
    const ParamsSet set = { line, settings };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;

    if (!plans_check_targets(line, error))
        return TOOL_USAGE;
    if (cmd_line_has(line, "all"))
        return params_change_all(tool, params_set_one, &set, error);

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    plan =
        params_plan_settings(domain, line, settings, tool->cancellable, error);
    if (!plan)
        return TOOL_FAILED;

    return plans_run(tool, line, plan, cmd_line_has(line, "dry-run"), error);
}

static int
params_set(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };

    if (!plans_take_settings(line, &settings, error))
        return TOOL_USAGE;

    return params_change(tool, line, &settings, error);
}

static int
params_capabilities(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };
    guint n_settings = 0;

    for (guint i = 0; i < line->rest->len; i++)
        n_settings += strchr(line->rest->pdata[i], '=') != NULL;

    if (n_settings == 0)
        return params_show(tool, line, MIGTUNE_GET_CAPABILITIES, error);
    if (n_settings < line->rest->len) {
        tool_usage_error(error, _("%s: give either names to show or "
                                  "NAME=on|off to set, not both"),
                         line->cmd->name);
        return TOOL_USAGE;
    }
    if (!catalogue_check_capabilities(line->rest, error) ||
        !plans_take_settings(line, &settings, error))
        return TOOL_USAGE;

    return params_change(tool, line, &settings, error);
}

/* virsh's commands for single settings; the value is in virsh's unit. */
static const struct {
    const char *command;
    const char *option;         /* that selects this setting, or NULL */
    const char *name;
    const char *unit;
} params_virsh[] = {
    { "migrate-setmaxdowntime", NULL, "downtime", "ms" },
    { "migrate-getmaxdowntime", NULL, "downtime", NULL },
    { "migrate-setspeed", "postcopy", "bandwidth.postcopy", "MiB/s" },
    { "migrate-setspeed", NULL, "bandwidth", "MiB/s" },
    { "migrate-getspeed", "postcopy", "bandwidth.postcopy", NULL },
    { "migrate-getspeed", NULL, "bandwidth", NULL },
    { "migrate-compcache", "size", "compression.xbzrle.cache", "B" },
    { "migrate-compcache", NULL, "compression.xbzrle.cache", NULL },
};

static int
params_run_virsh(Tool *tool, const CmdLine *line, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(params_virsh); i++) {
        const char *value = cmd_line_get(line, "value");
        g_autofree char *word = NULL;
        g_auto(PlansSettings) settings = { NULL, 0, { NULL } };

        if (strcmp(params_virsh[i].command, line->cmd->name) != 0 ||
            (params_virsh[i].option &&
             !cmd_line_has(line, params_virsh[i].option)))
            continue;
        if (!params_virsh[i].unit) {
            g_ptr_array_add(line->rest, g_strdup(params_virsh[i].name));
            return params_show(tool, line, 0, error);
        }
        value = value ? value : cmd_line_get(line, "size");
        word = g_strdup_printf("%s=%s%s", params_virsh[i].name, value,
                               strspn(value, "0123456789") == strlen(value)
                                   ? params_virsh[i].unit : "");
        if (!plans_take_setting(word, &settings, error))
            return TOOL_USAGE;
        return params_change(tool, line, &settings, error);
    }

    g_assert_not_reached();
}

static gboolean
params_check_reset(const CmdLine *line, GError **error)
{
    gboolean defaults = cmd_line_has(line, "defaults");
    gboolean previous = cmd_line_has(line, "previous");
    gboolean config_alone =
        cmd_line_has(line, "config") && !cmd_line_has(line, "live");

    if (!plans_check_targets(line, error))
        return FALSE;
    if (defaults && previous)
        tool_usage_error(error, _("%s: --defaults and --previous exclude "
                                  "each other"),
                         line->cmd->name);
    else if (config_alone && (defaults || previous))
        tool_usage_error(error, _("%s: --defaults and --previous apply to "
                                  "the running guest, not to kept settings"),
                         line->cmd->name);
    else if (line->rest->len > 0 && cmd_line_has(line, "live") &&
             cmd_line_has(line, "config"))
        tool_usage_error(error, _("%s: names are accepted with either --live "
                                  "or --config, not with both"),
                         line->cmd->name);
    else
        return TRUE;

    return FALSE;
}

/* Whether @name, of migtune or of QEMU, is among @names. */
static gboolean
params_is_named(const char *const *names, const char *name)
{
    for (; *names; names++) {
        const char *canonical = migtune_param_canonical_name(*names);

        if (g_strcmp0(canonical ? canonical : *names, name) == 0)
            return TRUE;
    }

    return FALSE;
}

/* Plans the named part of a reset: the plan of the whole reset has the value
 * of each parameter. */
static MigtunePlan *
params_plan_named(MigtuneDomain *domain, const char *const *names,
                  unsigned int flags, GCancellable *cancellable, GError **error)
{
    g_autoptr(MigtunePlan) whole =
        migtune_domain_plan_reset(domain, flags, cancellable, error);
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };

    if (!whole)
        return NULL;

    for (guint i = 0; i < migtune_plan_get_n_verdicts(whole); i++) {
        const char *name, *asked;
        g_autofree char *word = NULL;

        migtune_plan_get_verdict(whole, i, &name, &asked, NULL, NULL);
        if (!params_is_named(names, name) || !asked)
            continue;
        word = g_strdup_printf("%s=%s", name, asked);
        if (!plans_take_setting(word, &settings, error))
            return NULL;
    }
    for (; *names; names++) {
        if (!migtune_param_canonical_name(*names)) {
            migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                              _("unknown parameter '%s'"), *names);
            if (error)
                migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                        *names);
            return NULL;
        }
    }
    if (settings.n_params == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND, "%s",
                          flags & MIGTUNE_SET_DEFAULTS
                              ? _("the named parameters already have their "
                                  "default values")
                              : _("the last change did not include the named "
                                  "parameters; --defaults restores QEMU's "
                                  "defaults"));
        return NULL;
    }

    /* A plan can lock the guest. */
    g_clear_pointer(&whole, migtune_plan_unref);
    return migtune_domain_plan(domain, settings.params, settings.n_params,
                               flags & ~MIGTUNE_SET_DEFAULTS, cancellable,
                               error);
}

static MigtunePlan *
params_plan_reset(const CmdLine *line, MigtuneDomain *domain,
                  GCancellable *cancellable, GError **error)
{
    g_auto(GStrv) names = params_get_names(line);
    gboolean live = !cmd_line_has(line, "config") ||
                    cmd_line_has(line, "live");
    unsigned int flags = plans_get_flags(line);

    if (cmd_line_has(line, "defaults"))
        flags |= MIGTUNE_SET_DEFAULTS;
    if (names && live)
        return params_plan_named(domain, (const char *const *)names, flags,
                                 cancellable, error);
    if (names)
        return migtune_domain_plan_forget(domain, (const char *const *)names,
                                          cancellable, error);

    return migtune_domain_plan_reset(domain, flags, cancellable, error);
}

/* Returns the status of a reset: it has failed in part if a setting was not
 * reset, which a warning says. */
static int
params_get_reset_status(MigtunePlan *plan, int status)
{
    g_autoptr(JsonNode) node = migtune_plan_to_json(plan);
    JsonArray *codes = out_get_array(json_node_get_object(node),
                                     "warning-codes");

    for (guint i = 0; codes && i < json_array_get_length(codes); i++)
        if ((status == TOOL_DONE || status == TOOL_INEXACT) &&
            strcmp(json_array_get_string_element(codes, i),
                   "not-restored") == 0)
            return TOOL_UNKNOWN;

    return status;
}

static JsonNode *
params_reset_one(MigtuneDomain *domain, gconstpointer data, int *status,
                 GCancellable *cancellable, GError **error)
{
    const ParamsSet *set = data;
    g_autoptr(MigtunePlan) plan =
        params_plan_reset(set->line, domain, cancellable, error);
    JsonNode *document;

    if (!plan)
        return NULL;

    document = plans_run_quietly(set->line, plan,
                                 cmd_line_has(set->line, "dry-run"), status,
                                 cancellable, error);
    *status = params_get_reset_status(plan, *status);

    return document;
}

static int
params_reset(Tool *tool, const CmdLine *line, GError **error)
{
    const ParamsSet set = { line, NULL };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    int status;

    if (!params_check_reset(line, error))
        return TOOL_USAGE;
    if (cmd_line_has(line, "all"))
        return params_change_all(tool, params_reset_one, &set, error);

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    plan = params_plan_reset(line, domain, tool->cancellable, error);
    if (!plan)
        return TOOL_FAILED;

    status = plans_run(tool, line, plan, cmd_line_has(line, "dry-run"), error);

    return params_get_reset_status(plan, status);
}

/* Makes the document for a domain that was skipped. */
static JsonNode *
params_new_skipped(MigtuneDomain *domain, const char *why)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "domain",
                                  migtune_domain_get_name(domain));
    json_object_set_string_member(object, "qemu",
                                  migtune_domain_get_qemu(domain));
    json_object_set_boolean_member(object, "applied", FALSE);
    json_object_set_array_member(object, "verdicts", json_array_new());
    json_object_set_string_member(object, "skipped", why);
    json_node_take_object(node, object);

    return node;
}

static JsonNode *
params_apply_one(MigtuneDomain *domain, gconstpointer data, int *status,
                 GCancellable *cancellable, GError **error)
{
    const ParamsSet *set = data;
    g_autoptr(GError) cause = NULL;
    g_autoptr(MigtunePlan) plan = migtune_domain_plan_kept(
        domain, plans_get_flags(set->line), cancellable, &cause);

    if (plan)
        return plans_run_quietly(set->line, plan,
                                 cmd_line_has(set->line, "dry-run"), status,
                                 cancellable, error);
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING))
        return params_new_skipped(domain, _("not running"));

    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

static int
params_apply_config(Tool *tool, const CmdLine *line, GError **error)
{
    const ParamsSet set = { line, NULL };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;

    if (cmd_line_has(line, "all"))
        return params_change_all(tool, params_apply_one, &set, error);

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    plan = migtune_domain_plan_kept(domain, plans_get_flags(line),
                                    tool->cancellable, error);
    if (!plan)
        return TOOL_FAILED;
    if (migtune_plan_get_n_verdicts(plan) == 0 && !tool->json) {
        if (!tool->quiet)
            out_line(_("No settings are kept for %s."),
                     migtune_domain_get_name(domain));
        return TOOL_DONE;
    }

    return plans_run(tool, line, plan, cmd_line_has(line, "dry-run"), error);
}

static int
params_params(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(GStrv) names = params_get_names(line);
    const char *format = cmd_line_get(line, "format");
    g_autoptr(JsonNode) rows =
        catalogue_get((const char *const *)names, cmd_line_get(line, "qemu"),
                      error);

    if (!rows)
        return TOOL_USAGE;

    if (tool->json)
        out_json(rows);
    else if (g_strcmp0(format, "rst") == 0)
        catalogue_print_rst(rows);
    else if (g_strcmp0(format, "names") == 0)
        catalogue_print_names(rows);
    else if (names && !names[1])
        catalogue_print_details(tool, rows);
    else
        catalogue_print_table(tool, rows);

    return TOOL_DONE;
}

#define PARAMS_DOMAIN                                                   \
    { "domain", 0, CMD_OPT_DATA, .required = TRUE,                      \
      .word = CMD_WORD_DOMAIN, .metavar = "DOMAIN",                     \
      .help = N_("name, UUID or key of a guest") }

#define PARAMS_ALL                                                      \
    { "all", 0, CMD_OPT_FLAG, .replaces_data = TRUE,                    \
      .help = N_("all guests of the connection") }

#define PARAMS_TARGETS(live_help, config_help)                          \
    { "live", 0, CMD_OPT_FLAG, .help = live_help },                     \
    { "config", 0, CMD_OPT_FLAG, .help = config_help },                 \
    { "current", 0, CMD_OPT_FLAG,                                       \
      .help = N_("--live if the guest runs, else --config (the "        \
                 "default)") }

#define PARAMS_GET_TARGETS                                              \
    PARAMS_TARGETS(N_("show the values in force in the running guest; " \
                      "with --config, compare them with the kept "      \
                      "settings"),                                      \
                   N_("show the settings that are kept for later "      \
                      "starts of the guest"))

#define PARAMS_SET_TARGETS                                              \
    PARAMS_TARGETS(N_("change the running guest"),                      \
                   N_("keep the settings for later starts of the guest"))

#define PARAMS_POLICY                                                   \
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,             \
      .metavar = "POLICY",                                              \
      .help = N_("how to treat settings that this QEMU does not support " \
                 "exactly as given: refuse them (strict), use the "     \
                 "documented equivalent (substitute, the default), or also " \
                 "leave out settings without an equivalent (best-effort)") }

#define PARAMS_DRY_RUN                                                  \
    { "dry-run", 0, CMD_OPT_FLAG,                                       \
      .help = N_("print the plan without changing anything") }

#define PARAMS_STRICT_EXIT                                              \
    { "strict-exit", 0, CMD_OPT_FLAG,                                   \
      .help = N_("exit with status 3 if a verdict is neither in-force, " \
                 "kept nor forgotten") }

static const CmdOption params_get_options[] = {
    PARAMS_DOMAIN,
    { "changed", 0, CMD_OPT_FLAG,
      .help = N_("show only values that differ from QEMU's default") },
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("the parameters to show, with * and ? as wildcards; the "
                 "default is all parameters of the guest") },
    PARAMS_GET_TARGETS,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_set_options[] = {
    PARAMS_DOMAIN,
    { "setting", 0, CMD_OPT_REST, .word = CMD_WORD_SETTING,
      .metavar = "NAME=VALUE",
      .help = N_("the settings") },
    { "level", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("compression level: the level of the compression method "
                 "that is set by the same command, else of the method in "
                 "force, else compression.mt.level") },
    { "threads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("number of compression threads: compression.mt.threads, or "
                 "parallel.connections if the compression method, as for "
                 "--level, is zlib, zstd, qatzip, qpl or uadk") },
    { "dthreads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("number of decompression threads: compression.mt.dthreads") },
    PARAMS_SET_TARGETS,
    PARAMS_POLICY,
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_virsh_get_options[] = {
    PARAMS_DOMAIN,
    { "postcopy", 0, CMD_OPT_FLAG, .hidden = TRUE, .help = "as virsh" },
    { "size", 0, CMD_OPT_TEXT, .metavar = "BYTES", .hidden = TRUE,
      .help = "as virsh" },
    { NULL }
};

static const CmdOption params_virsh_set_options[] = {
    PARAMS_DOMAIN,
    { "value", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "VALUE",
      .help = "as virsh" },
    { "postcopy", 0, CMD_OPT_FLAG, .hidden = TRUE, .help = "as virsh" },
    { NULL }
};

#define PARAMS_VIRSH(command, options)                                  \
    { command, CMD_HIDDEN, options, params_run_virsh,                   \
      N_("the same as in virsh"), N_("The same as in virsh.") }

static const CmdOption params_capabilities_options[] = {
    PARAMS_DOMAIN,
    { "capability", 0, CMD_OPT_REST, .word = CMD_WORD_CAPABILITY,
      .metavar = "NAME[=on|off]",
      .help = N_("capabilities to show or to set; the default is to show "
                 "all") },
    PARAMS_TARGETS(N_("show or change the running guest"),
                   N_("show or change the settings that are kept for later "
                      "starts of the guest")),
    PARAMS_POLICY,
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_reset_options[] = {
    PARAMS_DOMAIN,
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("the parameters to restore or, with --config, to forget; "
                 "the default is all") },
    PARAMS_TARGETS(N_("reset the running guest"),
                   N_("forget the settings that are kept for later starts of "
                      "the guest")),
    { "defaults", 0, CMD_OPT_FLAG,
      .help = N_("restore the values that QEMU starts with") },
    { "previous", 0, CMD_OPT_FLAG,
      .help = N_("restore the values before the last change (the default)") },
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_apply_config_options[] = {
    PARAMS_DOMAIN,
    { "live", 0, CMD_OPT_FLAG,
      .help = N_("use the settings stored with the running guest, for "
                 "example after a migration, instead of those stored with "
                 "its definition") },
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,
      .metavar = "POLICY",
      .help = N_("the same as for migrate-setparameters; overrides the kept "
                 "policy") },
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const char *const params_formats[] = { "table", "names", "rst", NULL };

static const CmdOption params_params_options[] = {
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("the parameters to list; a single parameter is described in "
                 "full") },
    { "qemu", 0, CMD_OPT_TEXT, .word = CMD_WORD_RELEASE,
      .metavar = "RELEASE",
      .help = N_("only the parameters of this QEMU release, such as 7.2") },
    { "format", 0, CMD_OPT_TEXT, .choices = params_formats,
      .metavar = "FORMAT",
      .help = N_("a table, only the names, or the list for "
                 "migtune-params(7)") },
    { NULL }
};

const Cmd cmd_params_commands[] = {
    { "migrate-getparameters", 0, params_get_options, params_get,
      N_("show the migration settings in force"),
      N_("Reads parameters and capabilities from QEMU and prints them with "
         "their values and units. A name can be migtune's or QEMU's own.\n\n"
         "The column From shows where a value comes from: 'default' is "
         "QEMU's default, 'kept' comes from the kept settings, 'set' was set "
         "while the guest was running; any other word names the program that "
         "manages the guest, such as libvirt. --config shows the kept "
         "settings; --live and --config together compare them with the "
         "values in force.") },
    { "migrate-setparameters", CMD_SETTINGS, params_set_options, params_set,
      N_("change migration settings"),
      N_("Plans the change from the settings given, the abilities of this "
         "QEMU and the values in force, applies the plan and reads the "
         "values back. The change is all or nothing: if one setting is "
         "refused, nothing is sent; if a command fails, the former values "
         "are restored.\n\n"
         "A setting is NAME=VALUE, or --NAME VALUE for every parameter of "
         "migtune-params(7); QEMU's own names are accepted as well. Sizes "
         "and rates accept the usual suffixes, as in 64MiB and 1GiB/s.\n\n"
         "Each setting gets a verdict. in-force: the value was read back and "
         "is effective. substituted: an equivalent is in force instead. "
         "no-effect: the value was set, but another setting makes it "
         "ineffective. unverified: the value was sent, and this QEMU cannot "
         "report it. ignored: QEMU accepted the value and reports another "
         "one. dropped: the setting is not supported and was left out, which "
         "does no harm. refused: the setting is not supported, and nothing "
         "was changed. kept: the setting is kept for later starts, and "
         "nothing was sent. forgotten: the setting is no longer kept.\n\n"
         "With --config the settings are added to the kept settings. "
         "apply-config applies them after the guest has been started again; "
         "reset --config forgets them.") },
    { "migrate-capabilities", 0, params_capabilities_options,
      params_capabilities,
      N_("show or set migration capabilities"),
      N_("Without =on or =off, prints the capabilities and whether they are "
         "on. With =on or =off, sets them in the same way as "
         "migrate-setparameters.") },
    PARAMS_VIRSH("migrate-setmaxdowntime", params_virsh_set_options),
    PARAMS_VIRSH("migrate-getmaxdowntime", params_virsh_get_options),
    PARAMS_VIRSH("migrate-setspeed", params_virsh_set_options),
    PARAMS_VIRSH("migrate-getspeed", params_virsh_get_options),
    PARAMS_VIRSH("migrate-compcache", params_virsh_get_options),
    { "reset", 0, params_reset_options, params_reset,
      N_("restore the former values or QEMU's defaults"),
      N_("Restores the values that were in force before the last change, or "
         "with --defaults the defaults of QEMU. The values before the last "
         "change are remembered for as long as the QEMU process runs; a "
         "second reset therefore restores the values before the first one. "
         "With --config, kept settings are forgotten: all of them, or the "
         "named parameters.") },
    { "apply-config", 0, params_apply_config_options, params_apply_config,
      N_("apply the kept settings"),
      N_("Applies the settings that were kept by migrate-setparameters "
         "--config to the running QEMU. Its release can differ from the "
         "release that was running when they were kept. The output is the "
         "same as that of migrate-setparameters. With --all, guests that are "
         "not running are skipped.") },
    { "params", 0, params_params_options, params_params,
      N_("list all parameters"),
      N_("Prints the catalogue: every migration capability and parameter of "
         "every QEMU release, with the releases that added, deprecated and "
         "removed it. This needs no guest.") },
    { NULL }
};
