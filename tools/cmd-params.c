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

/* The cells of one parameter of a report. */
static void
params_add_cells(OutTable *table, JsonObject *row)
{
    const char *note = "";

    if (out_get_bool(row, "deprecated"))
        note = _("deprecated");
    else if (out_get_bool(row, "unstable"))
        note = _("unstable");

    out_table_cell(table, OUT_PLAIN, out_get_string(row, "name"));
    out_table_cell(table, OUT_PLAIN, out_get_string(row, "text"));
    out_table_cell(table, OUT_FAINT, out_get_string(row, "qmp"));
    out_table_cell(table, OUT_FAIR, note);
}

static void
params_print_report(Tool *tool, JsonNode *report)
{
    const char *titles[] = {
        _("Parameter"), _("Value"), _("In QEMU"), _("Note"), NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);
    JsonArray *rows =
        out_get_array(json_node_get_object(report), "parameters");

    for (guint i = 0; rows && i < json_array_get_length(rows); i++)
        params_add_cells(table, json_array_get_object_element(rows, i));
    out_table_print(table, !tool->quiet, tool->colour);
}

static void
params_print_reports(Tool *tool, GPtrArray *results)
{
    const char *titles[] = {
        _("Domain"), _("Parameter"), _("Value"), _("In QEMU"), _("Note"), NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);

    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];
        JsonArray *rows = result->document
            ? out_get_array(json_node_get_object(result->document),
                            "parameters")
            : NULL;

        for (guint j = 0; rows && j < json_array_get_length(rows); j++) {
            out_table_cell(table, OUT_PLAIN, each_get_name(result));
            params_add_cells(table, json_array_get_object_element(rows, j));
        }
    }
    out_table_print(table, !tool->quiet, tool->colour);
    each_report_errors(results);
}

/* Shows what is in force, in one domain or in all. */
static int
params_show(Tool *tool, const CmdLine *line, unsigned int flags,
            GError **error)
{
    g_auto(GStrv) names = params_get_names(line);
    const ParamsGet get = { (const char *const *)names, flags };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GPtrArray) results = NULL;
    g_autoptr(JsonNode) report = NULL;

    if (cmd_line_has(line, "all")) {
        results = each_domain(tool, params_report, &get, error);
        if (!results)
            return TOOL_FAILED;
        if (tool->json) {
            report = each_to_json(results);
            out_json(report);
        } else {
            params_print_reports(tool, results);
        }
        return each_status(results);
    }

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    report = migtune_domain_report(domain, get.names, flags, error);
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

    for (int v = 0; v <= MIGTUNE_VERDICT_REFUSED; v++) {
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
            out_table_cell(table, OUT_GOOD, counts);
        }
    }
    out_table_print(table, !tool->quiet, tool->colour);
    each_report_errors(results);
}

/* Plans and applies wishes, in one domain or in all. */
static int
params_change(Tool *tool, const CmdLine *line, const PlansWishes *wishes,
              GError **error)
{
    const ParamsSet set = { line, wishes };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GPtrArray) results = NULL;

    if (cmd_line_has(line, "all")) {
        results = each_domain(tool, params_set_one, &set, error);
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

static int
params_reset(Tool *tool, const CmdLine *line, GError **error)
{
    gboolean defaults = cmd_line_has(line, "defaults");
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;

    if (defaults && cmd_line_has(line, "previous")) {
        tool_usage_error(error, _("%s: either --defaults or --previous"),
                         line->cmd->name);
        return TOOL_USAGE;
    }

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!domain)
        return TOOL_FAILED;
    plan = migtune_domain_plan_reset(
        domain, defaults ? MIGTUNE_SET_DEFAULTS : 0, error);
    if (!plan)
        return TOOL_FAILED;

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
    PARAMS_POLICY,
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_reset_options[] = {
    PARAMS_DOMAIN,
    { "defaults", 0, CMD_OPT_FLAG,
      .help = N_("back to what QEMU starts with") },
    { "previous", 0, CMD_OPT_FLAG,
      .help = N_("back to what was in force before the last set (the "
                 "default)") },
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
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
         "and units. A name may be migtune's or QEMU's.") },
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
         "out; refused, it cannot be had and nothing was changed.") },
    { "migrate-capabilities", 0, params_capabilities_options,
      params_capabilities,
      N_("show or set migration capabilities"),
      N_("Without =on or =off prints capabilities and whether they are on. "
         "With it, sets them the way migrate-setparameters does.") },
    { "reset", 0, params_reset_options, params_reset,
      N_("go back to the former tuning or to QEMU's defaults"),
      N_("Undoes the last set that was made on this guest, or with "
         "--defaults every setting. The state before the last set is "
         "remembered for as long as the QEMU process runs.") },
    { "params", 0, params_params_options, params_params,
      N_("list what can be tuned"),
      N_("Prints the catalogue: every capability and parameter of every QEMU "
         "release, since when it is there, when it was deprecated and when "
         "it was removed. Needs no guest.") },
    { NULL }
};
