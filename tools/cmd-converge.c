/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about convergence without a running migration: simulate and replay.
 */
#include "config.h"

#include <glib/gi18n.h>

#include "cmd.h"
#include "converge-options.h"

static char *
converge_format_time(gint64 ms)
{
    if (ms >= 10000)
        return g_strdup_printf("%.1f s", ms / 1000.0);
    return g_strdup_printf("%" G_GINT64_FORMAT " ms", ms);
}

/* The value of a decision with its unit. */
static char *
converge_format_value(JsonObject *decision)
{
    const char *action = out_get_string(decision, "action");
    gint64 value;

    if (json_object_get_null_member(decision, "value"))
        return g_strdup("");

    value = json_object_get_int_member(decision, "value");
    if (g_strcmp0(action, "set-bandwidth") == 0) {
        g_autofree char *size = g_format_size_full(value,
                                                   G_FORMAT_SIZE_IEC_UNITS);

        return g_strdup_printf("%s/s", size);
    }
    if (g_strcmp0(action, "throttle") == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT " %%", value);
    return g_strdup_printf("%" G_GINT64_FORMAT " ms", value);
}

static void
converge_print_decisions(Tool *tool, JsonArray *decisions)
{
    const char *titles[] = { _("Time"), _("Policy"), _("Action"), _("Value"),
                             _("Reason"), NULL };
    g_autoptr(OutTable) table = out_table_new(titles);

    for (guint i = 0; i < json_array_get_length(decisions); i++) {
        JsonObject *decision = json_array_get_object_element(decisions, i);
        g_autofree char *time = g_strdup_printf(
            "%.3f s",
            json_object_get_int_member(decision, "time_ms") / 1000.0);
        g_autofree char *value = converge_format_value(decision);

        out_table_cell(table, OUT_PLAIN, time);
        out_table_cell(table, OUT_PLAIN, out_get_string(decision, "policy"));
        out_table_cell(table, OUT_PLAIN, out_get_string(decision, "action"));
        out_table_cell(table, OUT_PLAIN, value);
        out_table_cell(table, OUT_FAINT, out_get_string(decision, "reason"));
    }
    out_table_print(table, !tool->quiet, tool->colour);
}

static void
converge_print_results(Tool *tool, JsonArray *results)
{
    const char *titles[] = { _("Scenario"), _("Policy"), _("Outcome"),
                             _("Time"), _("Downtime"), _("Sent"),
                             _("Passes"), _("Actions"), NULL };
    g_autoptr(OutTable) table = out_table_new(titles);

    for (guint i = 0; i < json_array_get_length(results); i++) {
        JsonObject *result = json_array_get_object_element(results, i);
        const char *outcome = out_get_string(result, "outcome");
        g_autofree char *total = converge_format_time(
            json_object_get_int_member(result, "total_ms"));
        g_autofree char *downtime = converge_format_time(
            json_object_get_int_member(result, "downtime_ms"));
        g_autofree char *sent = g_format_size_full(
            json_object_get_int_member(result, "transferred"),
            G_FORMAT_SIZE_IEC_UNITS);
        g_autofree char *passes = g_strdup_printf(
            "%" G_GINT64_FORMAT,
            json_object_get_int_member(result, "passes"));
        JsonArray *decisions = out_get_array(result, "decisions");
        guint n = 0;
        g_autofree char *actions = NULL;

        for (guint j = 0; j < json_array_get_length(decisions); j++)
            n += g_strcmp0(out_get_string(
                json_array_get_object_element(decisions, j), "action"),
                "note") != 0;
        actions = g_strdup_printf("%u", n);
        out_table_cell(table, OUT_PLAIN, out_get_string(result, "scenario"));
        out_table_cell(table, OUT_PLAIN, out_get_string(result, "policy"));
        out_table_cell(table, g_strcmp0(outcome, "completed") == 0 ||
                       g_strcmp0(outcome, "post-copy") == 0 ? OUT_GOOD :
                       OUT_BAD, outcome);
        out_table_cell(table, OUT_PLAIN, total);
        out_table_cell(table, OUT_PLAIN, downtime);
        out_table_cell(table, OUT_PLAIN, sent);
        out_table_cell(table, OUT_PLAIN, passes);
        out_table_cell(table, OUT_PLAIN, actions);
    }
    out_table_print(table, !tool->quiet, tool->colour);
}

static int
converge_simulate(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(GPtrArray) policies = converge_get_policies(tool, line, TRUE,
                                                          error);
    g_autoptr(JsonNode) document = NULL;
    JsonObject *object;

    if (!policies)
        return TOOL_USAGE;
    document = migtune_simulate(cmd_line_get(line, "file"),
                                (MigtunePolicy *const *)policies->pdata,
                                error);
    if (!document)
        return TOOL_FAILED;

    object = json_node_get_object(document);
    if (tool->json) {
        out_json(document);
        return TOOL_DONE;
    }
    converge_print_findings(tool, object);
    converge_print_results(tool, out_get_array(object, "results"));
    if (cmd_line_has(line, "verbose")) {
        JsonArray *results = out_get_array(object, "results");

        for (guint i = 0; i < json_array_get_length(results); i++) {
            JsonObject *result = json_array_get_object_element(results, i);
            JsonArray *decisions = out_get_array(result, "decisions");

            if (!json_array_get_length(decisions))
                continue;
            out_text("\n");
            out_line("%s:", out_get_string(result, "scenario"));
            converge_print_decisions(tool, decisions);
        }
    }

    return TOOL_DONE;
}

static int
converge_replay(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(GPtrArray) policies = converge_get_policies(tool, line, FALSE,
                                                          error);
    g_autoptr(JsonNode) document = NULL;
    JsonObject *object;
    JsonArray *decisions;

    if (!policies)
        return TOOL_USAGE;
    if (policies->len == 1) {
        tool_usage_error(error, _("replay: no policy given; expected "
                                  "--converge POLICY or --converge-from "
                                  "FILE"));
        return TOOL_USAGE;
    }
    document = migtune_replay(cmd_line_get(line, "trace"),
                              (MigtunePolicy *const *)policies->pdata, error);
    if (!document)
        return TOOL_FAILED;

    object = json_node_get_object(document);
    if (tool->json) {
        out_json(document);
        return TOOL_DONE;
    }
    converge_print_findings(tool, object);
    decisions = out_get_array(object, "decisions");
    if (json_array_get_length(decisions))
        converge_print_decisions(tool, decisions);
    else if (!tool->quiet)
        out_line("%s", _("No decision."));
    return TOOL_DONE;
}

static const CmdOption converge_simulate_options[] = {
    { "file", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "FILE",
      .help = N_("scenarios as JSON: guests as working sets, links and "
                 "methods") },
    CONVERGE_POLICY_OPTIONS,
    { "verbose", 0, CMD_OPT_FLAG,
      .help = N_("print each decision with its reason") },
    { NULL }
};

static const CmdOption converge_replay_options[] = {
    { "trace", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "TRACE",
      .help = N_("a trace of a migration as JSON lines, such as from "
                 "'migrate --record'") },
    CONVERGE_POLICY_OPTIONS,
    { NULL }
};

const Cmd cmd_converge_commands[] = {
    { "simulate", 0, converge_simulate_options, converge_simulate,
      N_("simulate migrations with convergence policies"),
      N_("Simulates each scenario of a file with each policy and prints how "
         "the migrations end: time, downtime, bytes on the link, and passes. "
         "Without --converge and --converge-from all policies are compared. "
         "No guest and no QEMU is needed.") },
    { "replay", 0, converge_replay_options, converge_replay,
      N_("show what a convergence policy would do in a recorded migration"),
      N_("Gives the samples of a trace to one or more convergence policies "
         "and prints their decisions with the reasons. The recorded "
         "migration went on without these decisions, so that what follows "
         "the first one only shows what the policy makes of the same "
         "samples.") },
    { NULL }
};
