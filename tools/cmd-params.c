/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that show and change what is in force.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "catalogue.h"
#include "cmd.h"
#include "each.h"
#include "plans.h"

/* The words of @line as names, NULL for none. */
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
} ParamsGet;

static JsonNode *
params_report(MigtuneDomain *domain, gconstpointer data, int *status,
              GError **error)
{
    const ParamsGet *get = data;

    return migtune_domain_report(domain, get->names, get->flags, error);
}

/* What a report shows decides about its columns. */
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

/* The titles behind that of the parameter. */
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

/* The cells of one parameter of a report. */
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

/* What is wrong with what is kept. */
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
        out_line(_("Nothing is kept for %s."),
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

/* Shows what is in force, in one domain or in all. */
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
            (config ? MIGTUNE_GET_CONFIG : 0)
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
    report = migtune_domain_report(domain, get.names, get.flags, error);
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
    const PlansWishes *wishes;
} ParamsSet;

static JsonNode *
params_set_one(MigtuneDomain *domain, gconstpointer data, int *status,
               GError **error)
{
    const ParamsSet *set = data;
    g_autoptr(MigtunePlan) plan = migtune_domain_plan(
        domain, set->wishes->params, set->wishes->n_params,
        plans_get_flags(set->line), error);

    if (!plan)
        return NULL;

    return plans_run_quietly(set->line, plan,
                             cmd_line_has(set->line, "dry-run"), status,
                             error);
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
            out_table_cell(table, OUT_BAD, _("failed"));
        } else {
            counts = params_count_verdicts(document);
            out_table_cell(table, OUT_GOOD,
                           out_get_string(document, "skipped")
                               ? out_get_string(document, "skipped")
                           : *counts ? counts
                                     : _("nothing is kept"));
        }
    }
    out_table_print(table, !tool->quiet, tool->colour);
    each_report_errors(results);
}

/* The same for every domain, and a line about each. */
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

/* Plans and applies wishes, in one domain or in all. */
static int
params_change(Tool *tool, const CmdLine *line, const PlansWishes *wishes,
              GError **error)
{
    const ParamsSet set = { line, wishes };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;

    if (!plans_check_targets(line, error))
        return TOOL_USAGE;
    if (cmd_line_has(line, "all"))
        return params_change_all(tool, params_set_one, &set, error);

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    plan = migtune_domain_plan(domain, wishes->params, wishes->n_params,
                               plans_get_flags(line), error);
    if (!plan)
        return TOOL_FAILED;

    return plans_run(tool, line, plan, cmd_line_has(line, "dry-run"), error);
}

static int
params_set(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(PlansWishes) wishes = { NULL, 0 };

    if (!plans_take_wishes(line, &wishes, error))
        return TOOL_USAGE;

    return params_change(tool, line, &wishes, error);
}

static int
params_capabilities(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(PlansWishes) wishes = { NULL, 0 };
    guint n_wishes = 0;

    for (guint i = 0; i < line->rest->len; i++)
        n_wishes += strchr(line->rest->pdata[i], '=') != NULL;

    if (n_wishes == 0)
        return params_show(tool, line, MIGTUNE_GET_CAPABILITIES, error);
    if (n_wishes < line->rest->len) {
        tool_usage_error(error, _("%s: either names to see or NAME=on|off to "
                                  "set, not both"), line->cmd->name);
        return TOOL_USAGE;
    }
    if (!catalogue_check_capabilities(line->rest, error) ||
        !plans_take_wishes(line, &wishes, error))
        return TOOL_USAGE;

    return params_change(tool, line, &wishes, error);
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
        tool_usage_error(error, _("%s: either --defaults or --previous"),
                         line->cmd->name);
    else if (config_alone && (defaults || previous))
        tool_usage_error(error, _("%s: --defaults and --previous are about "
                                  "the guest that runs, not about what is "
                                  "kept"), line->cmd->name);
    else if (line->rest->len > 0 && !config_alone)
        tool_usage_error(error, _("%s: names go with --config alone: what is "
                                  "in force is reset as a whole"),
                         line->cmd->name);
    else
        return TRUE;

    return FALSE;
}

static int
params_reset(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(GStrv) names = params_get_names(line);
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    unsigned int flags = plans_get_flags(line);

    if (!params_check_reset(line, error))
        return TOOL_USAGE;

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    if (cmd_line_has(line, "defaults"))
        flags |= MIGTUNE_SET_DEFAULTS;
    if (names)
        plan = migtune_domain_plan_forget(domain, (const char *const *)names,
                                          error);
    else
        plan = migtune_domain_plan_reset(domain, flags, error);
    if (!plan)
        return TOOL_FAILED;

    return plans_run(tool, line, plan, cmd_line_has(line, "dry-run"), error);
}

/* What stands for a domain that has nothing to be done to. */
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
                 GError **error)
{
    const ParamsSet *set = data;
    g_autoptr(GError) cause = NULL;
    g_autoptr(MigtunePlan) plan = migtune_domain_plan_kept(
        domain, plans_get_flags(set->line), &cause);

    if (plan)
        return plans_run_quietly(set->line, plan,
                                 cmd_line_has(set->line, "dry-run"), status,
                                 error);
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
    plan = migtune_domain_plan_kept(domain, plans_get_flags(line), error);
    if (!plan)
        return TOOL_FAILED;
    if (migtune_plan_get_n_verdicts(plan) == 0 && !tool->json) {
        if (!tool->quiet)
            out_line(_("Nothing is kept for %s."),
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
      .help = N_("every guest of the connection instead of one") }

#define PARAMS_TARGETS(live_help, config_help)                          \
    { "live", 0, CMD_OPT_FLAG, .help = live_help },                     \
    { "config", 0, CMD_OPT_FLAG, .help = config_help },                 \
    { "current", 0, CMD_OPT_FLAG,                                       \
      .help = N_("--live if the guest runs, else --config (the "        \
                 "default)") }

#define PARAMS_GET_TARGETS                                              \
    PARAMS_TARGETS(N_("what is in force in the guest that runs; with "  \
                      "--config the two are compared"),                 \
                   N_("what is kept for later starts of the guest"))

#define PARAMS_SET_TARGETS                                              \
    PARAMS_TARGETS(N_("change the guest that runs"),                    \
                   N_("keep it for later starts of the guest"))

#define PARAMS_POLICY                                                   \
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,             \
      .metavar = "POLICY",                                              \
      .help = N_("what to do about wishes that cannot be had exactly: " \
                 "refuse them (strict), use the documented equivalent " \
                 "(substitute, the default), or also leave out what "   \
                 "has none (best-effort)") }

#define PARAMS_DRY_RUN                                                  \
    { "dry-run", 0, CMD_OPT_FLAG,                                       \
      .help = N_("print the plan and change nothing") }

#define PARAMS_STRICT_EXIT                                              \
    { "strict-exit", 0, CMD_OPT_FLAG,                                   \
      .help = N_("exit status 3 when something was substituted, "       \
                 "ignored or dropped") }

static const CmdOption params_get_options[] = {
    PARAMS_DOMAIN,
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("which parameters; without any all that the guest has") },
    PARAMS_GET_TARGETS,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_set_options[] = {
    PARAMS_DOMAIN,
    { "wish", 0, CMD_OPT_REST, .word = CMD_WORD_WISH,
      .metavar = "NAME=VALUE",
      .help = N_("what is wished") },
    { "level", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("compression level: compression.mt.level, or that of the "
                 "method that the same command wishes") },
    { "threads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("threads that compress: compression.mt.threads, or with "
                 "compression=zlib, zstd, qatzip, qpl or uadk "
                 "parallel.connections") },
    { "dthreads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("threads that decompress: compression.mt.dthreads") },
    PARAMS_SET_TARGETS,
    PARAMS_POLICY,
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_capabilities_options[] = {
    PARAMS_DOMAIN,
    { "capability", 0, CMD_OPT_REST, .word = CMD_WORD_CAPABILITY,
      .metavar = "NAME[=on|off]",
      .help = N_("capabilities to see, or to set; without any all are "
                 "shown") },
    PARAMS_TARGETS(N_("see or change the guest that runs"),
                   N_("see or change what is kept for later starts of the "
                      "guest")),
    PARAMS_POLICY,
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_reset_options[] = {
    PARAMS_DOMAIN,
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("with --config, which parameters are to be kept no longer; "
                 "without any, none is") },
    PARAMS_TARGETS(N_("reset the guest that runs"),
                   N_("keep nothing for later starts of the guest")),
    { "defaults", 0, CMD_OPT_FLAG,
      .help = N_("back to what QEMU starts with") },
    { "previous", 0, CMD_OPT_FLAG,
      .help = N_("back to what was in force before the last set (the "
                 "default)") },
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    { NULL }
};

static const CmdOption params_apply_config_options[] = {
    PARAMS_DOMAIN,
    { "live", 0, CMD_OPT_FLAG,
      .help = N_("what is kept with the guest that runs, as after it has "
                 "migrated, instead of with its definition") },
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,
      .metavar = "POLICY",
      .help = N_("as for migrate-setparameters, instead of the policy that "
                 "is kept") },
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const char *const params_formats[] = { "table", "names", "rst", NULL };

static const CmdOption params_params_options[] = {
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("which parameters; one alone is told in full") },
    { "qemu", 0, CMD_OPT_TEXT, .word = CMD_WORD_RELEASE,
      .metavar = "RELEASE",
      .help = N_("only what QEMU of that release has, such as 7.2") },
    { "format", 0, CMD_OPT_TEXT, .choices = params_formats,
      .metavar = "FORMAT",
      .help = N_("a table, names alone, or the list of migtune-params(7)") },
    { NULL }
};

const Cmd cmd_params_commands[] = {
    { "migrate-getparameters", 0, params_get_options, params_get,
      N_("show the migration tuning that is in force"),
      N_("Asks QEMU and prints parameters and capabilities with their values "
         "and units. A name may be migtune's or QEMU's.\n\n"
         "From says where a value comes from: default, QEMU's own; kept, from "
         "what is kept for later starts; set, by hand; or the name of what "
         "manages the guest. With --config it is told what is kept, with "
         "--live and --config where the two differ.") },
    { "migrate-setparameters", CMD_WISHES, params_set_options, params_set,
      N_("change the migration tuning"),
      N_("Makes a plan from what is wished, from what this QEMU can do and "
         "from what is in force, carries it out and reads back what is in "
         "force then. All or nothing: when a wish is refused nothing is "
         "sent, and when a command fails the former state is "
         "established again.\n\n"
         "A wish is NAME=VALUE, or --NAME VALUE for every parameter of "
         "migtune-params(7); QEMU's own names are accepted, too. Sizes and "
         "rates take the usual suffixes, as in 64MiB and 1GiB/s.\n\n"
         "What became of each wish is told by a verdict: in-force; "
         "substituted, an equivalent was used; ignored, QEMU accepted it and "
         "reads back another value; dropped, it cannot be had and was left "
         "out; refused, it cannot be had and nothing was changed; kept, it is "
         "kept for later starts, and nothing was sent.\n\n"
         "With --config wishes are kept, beside those that are kept already, "
         "until reset --config forgets them; apply-config brings them into "
         "force when the guest has been started again.") },
    { "migrate-capabilities", 0, params_capabilities_options,
      params_capabilities,
      N_("show or set migration capabilities"),
      N_("Without =on or =off prints capabilities and whether they are on. "
         "With it, sets them the way migrate-setparameters does.") },
    { "reset", 0, params_reset_options, params_reset,
      N_("go back to the former tuning or to QEMU's defaults"),
      N_("Undoes the last set that was made on this guest, or with "
         "--defaults every setting. The state before the last set is "
         "remembered for as long as the QEMU process runs. With --config "
         "what is kept for later starts is forgotten, all or the parameters "
         "that are named.") },
    { "apply-config", 0, params_apply_config_options, params_apply_config,
      N_("bring into force what is kept"),
      N_("Carries out the wishes that migrate-setparameters --config has "
         "kept, in the QEMU that runs now, whose release need not be the one "
         "they were kept for. What became of each is told as by "
         "migrate-setparameters. With --all a guest that does not run is "
         "passed over.") },
    { "params", 0, params_params_options, params_params,
      N_("list what can be tuned"),
      N_("Prints the catalogue: every capability and parameter of every QEMU "
         "release, since when it is there, when it was deprecated and when "
         "it was removed. Needs no guest.") },
    { NULL }
};
