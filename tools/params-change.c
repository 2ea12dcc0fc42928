/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes settings in one domain or in all domains: sets them, resets them, or
 * applies the kept settings.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "each.h"
#include "params.h"

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

    for (int v = 0; v <= MIGTUNE_VERDICT_PLANNED; v++) {
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

int
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

int
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

int
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
