/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about convergence without a running migration: simulate and replay.
 */
#include "config.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#include "cmd.h"
#include "converge-drive.h"

static char *
converge_format_time(gint64 ms)
{
    if (ms >= 10000)
        return g_strdup_printf("%.1f s", ms / 1000.0);
    return g_strdup_printf("%" PRId64 " ms", ms);
}

/* Formats the value of a decision with its unit. */
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
        return g_strdup_printf("%" PRId64 " %%", value);
    return g_strdup_printf("%" PRId64 " ms", value);
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
            "%" PRId64,
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

/* Interval between two samples. */
#define RECORD_POLL_MS 100

/* Sleeps until the next sample; a signal ends the sleep early. */
static void
record_sleep(Tool *tool)
{
    GPollFD fd;

    if (!g_cancellable_make_pollfd(tool->cancellable, &fd)) {
        g_usleep(RECORD_POLL_MS * 1000);
        return;
    }
    g_poll(&fd, 1, RECORD_POLL_MS);
    g_cancellable_release_fd(tool->cancellable);
}

/* Follows the migration of @domain to its end.  Returns the last job
 * information. */
static JsonNode *
record_follow(Tool *tool, MigtuneDomain *domain, ConvergeDrive *drive,
              gboolean wait, GError **error)
{
    gboolean seen = FALSE;

    for (;;) {
        g_autoptr(JsonNode) info =
            migtune_domain_get_job_info(domain, tool->cancellable, error);
        const char *job;

        if (!info)
            return NULL;
        job = out_get_string(json_node_get_object(info), "job");
        if (g_strcmp0(job, "active") == 0 || g_strcmp0(job, "paused") == 0) {
            seen = TRUE;
            converge_drive_follow(drive, NULL, info);
        } else if (seen) {
            return g_steal_pointer(&info);
        } else if (!wait) {
            migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                              _("%s: no migration is running; --wait waits "
                                "for one"), migtune_domain_get_name(domain));
            return NULL;
        }
        record_sleep(tool);
    }
}

/* Only so that the driver receives events: they tell it how a guest ended. */
static void
record_ignore_event(MigtuneConn *conn, MigtuneEvent event, const char *key,
                    const char *detail, gpointer user_data)
{
}

static int
record_domain(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(ConvergeDrive) drive = { 0 };
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) info = NULL;

    if (!domain)
        return TOOL_FAILED;
    if (!converge_drive_init(&drive, tool, line,
                             migtune_domain_get_name(domain), FALSE, error))
        return TOOL_USAGE;

    converge_drive_start(&drive, domain);
    info = record_follow(tool, domain, &drive, cmd_line_has(line, "wait"),
                         &cause);
    /* The guest has left this host, or the user has stopped the recording. */
    if (!converge_drive_finish(&drive, NULL, info, error))
        return TOOL_FAILED;
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return TOOL_FAILED;
    }
    if (tool->json)
        out_json(info);
    else if (!tool->quiet)
        out_line(_("%s: migration %s"), migtune_domain_get_name(domain),
                 out_get_string(json_node_get_object(info), "job"));
    return TOOL_DONE;
}

static int
converge_record(Tool *tool, const CmdLine *line, GError **error)
{
    MigtuneConn *conn;
    int status;

    if (!cmd_line_has(line, "record") && !cmd_line_has(line, "metrics")) {
        tool_usage_error(error, _("record: nothing to write; expected "
                                  "--record FILE or --metrics FILE"));
        return TOOL_USAGE;
    }
    /* Watching a migration must not taint the guest. */
    if (!tool->conn)
        tool->no_monitor = TRUE;
    conn = tool_connect(tool, error);
    if (!conn)
        return TOOL_FAILED;

    /* Not every driver has events. */
    migtune_conn_watch(conn, record_ignore_event, NULL, NULL);
    status = record_domain(tool, line, error);
    migtune_conn_watch(conn, NULL, NULL, NULL);

    return status;
}

/* The format of a file according to its name; NULL if it is not known. */
static const char *
report_get_format(const char *path)
{
    static const char *const endings[][2] = {
        { ".html", "html" }, { ".htm", "html" }, { ".svg", "svg" },
        { ".prom", "prom" }, { ".txt", "text" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(endings); i++) {
        if (g_str_has_suffix(path, endings[i][0]))
            return endings[i][1];
    }

    return NULL;
}

static int
converge_report(Tool *tool, const CmdLine *line, GError **error)
{
    const char *path = cmd_line_get(line, "output");
    const char *format = path ? report_get_format(path) : "text";
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    g_autoptr(JsonNode) findings = NULL;
    g_autoptr(JsonNode) document = json_node_new(JSON_NODE_OBJECT);
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;

    if (!format) {
        tool_usage_error(error, _("--output: the name of '%s' must end with "
                                  ".html, .svg, .prom or .txt"), path);
        return TOOL_USAGE;
    }
    for (guint i = 0; i < line->rest->len; i++)
        g_ptr_array_add(files, g_ptr_array_index(line->rest, i));
    if (!files->len) {
        tool_usage_error(error, _("report: no file given; expected FILE"));
        return TOOL_USAGE;
    }
    g_ptr_array_add(files, NULL);
    text = migtune_report((const char *const *)files->pdata, format,
                          &findings, error);
    if (!text)
        return TOOL_FAILED;

    json_node_take_object(document, json_object_new());
    json_object_set_member(json_node_get_object(document), "findings",
                           json_node_copy(findings));
    if (path && !g_file_set_contents_full(path, text, -1,
                                          G_FILE_SET_CONTENTS_CONSISTENT,
                                          0644, &cause)) {
        g_autofree char *why = out_foreign_text(cause);

        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot write '%s': %s"),
                          path, why);
        return TOOL_FAILED;
    }
    if (tool->json) {
        json_object_set_string_member(json_node_get_object(document),
                                      "format", format);
        json_object_set_string_member(json_node_get_object(document),
                                      path ? "output" : "report",
                                      path ? path : text);
        out_json(document);
        return TOOL_DONE;
    }
    converge_print_findings(tool, json_node_get_object(document));
    if (!path) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **row = lines; *row && (row[1] || **row); row++)
            out_line("%s", *row);
    }
    return TOOL_DONE;
}

static const CmdOption converge_record_options[] = {
    { "domain", 0, CMD_OPT_DATA, .required = TRUE, .word = CMD_WORD_DOMAIN,
      .metavar = "DOMAIN", .help = N_("name, UUID or key of a guest") },
    CONVERGE_RECORD_OPTIONS,
    { "wait", 0, CMD_OPT_FLAG,
      .help = N_("wait for a migration if none is running") },
    { NULL }
};

static const CmdOption converge_report_options[] = {
    { "file", 0, CMD_OPT_REST, .metavar = "FILE",
      .help = N_("traces of one or more migrations") },
    { "output", 'o', CMD_OPT_TEXT, .metavar = "PATH",
      .help = N_("write a page with plots (.html), the plots only (.svg), "
                 "OpenMetrics (.prom) or the summary (.txt)") },
    { NULL }
};

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
         "and prints their decisions with the reasons. The decisions did "
         "not change the recorded migration: after the first decision the "
         "output only shows how the policy judges the same samples.") },
    { "record", 0, converge_record_options, converge_record,
      N_("write a trace of a migration that another program has started"),
      N_("Looks at the migration of a guest ten times a second until it has "
         "ended, and writes a trace, OpenMetrics, or both. Nothing is "
         "changed; with libvirt the monitor of the guest is not used, so "
         "that the guest is not marked as tainted.") },
    { "report", 0, converge_report_options, converge_report,
      N_("show recorded migrations: summary, plots, metrics"),
      N_("Prints a summary of traces, or writes one page with plots of the "
         "remaining data, the rates, the downtime limit and the throttle, "
         "with passes and decisions. Several traces are drawn over each "
         "other. The page contains everything that it needs.") },
    { NULL }
};
