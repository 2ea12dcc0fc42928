/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports about recorded migrations: the text and the HTML page.
 *
 * The page is one file without anything from elsewhere, neither scripts nor
 * fonts.  All texts of a trace are escaped.
 */
#include "config.h"

#include <inttypes.h>

#include "record/report.h"
#include "util/i18n.h"
#include "util/json.h"

/* A column of a table. */
typedef struct {
    const char *title;          /* N_() */
    gboolean number;
} HtmlColumn;

/* Maximum of rows in the table of decisions of a run. */
#define REPORT_MAX_ROWS 500

char *
mt_report_text(MtTrace *const *traces, guint n)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < n; i++) {
        const MtTrace *trace = traces[i];
        MtReportRun run;
        g_autofree char *sent = NULL;

        mt_report_run_init(&run, trace, i);
        sent = mt_report_size(run.transferred);
        g_string_append_printf(out, "%s%s: %s%s%s\n", i ? "\n" : "",
                               trace->name, run.domain,
                               *run.domain ? ": " : "", run.status);
        g_string_append_printf(out, _("  time %.3f s, %" PRIu64
                                      " passes, %s sent"), run.seconds,
                               run.passes, sent);
        if (run.downtime_s >= 0)
            g_string_append_printf(out, _(", downtime %.3f s"),
                                   run.downtime_s);
        g_string_append_printf(out, _(", %u samples, %u decisions\n"),
                               trace->samples->len, trace->decisions->len);
        for (guint j = 0; j < trace->decisions->len; j++) {
            const MtTraceDecision *decision =
                &g_array_index(trace->decisions, MtTraceDecision, j);
            g_autoptr(GString) value = g_string_new(NULL);

            mt_report_value(value, decision);
            g_string_append_printf(
                out, "  %.3f s  %s  %s%s%s  %s  %s\n",
                decision->time_ms / 1000.0,
                decision->policy ? decision->policy : "-", decision->action,
                value->len ? " " : "", value->str,
                decision->result ? decision->result : "-", decision->reason);
        }
        mt_report_run_clear(&run);
    }

    return g_string_free(out, FALSE);
}

static void
html_cell(GString *out, const char *text)
{
    g_string_append(out, "<td>");
    mt_report_escape(out, text);
    g_string_append(out, "</td>");
}

static void
html_number_cell(GString *out, double value, guint digits, const char *unit)
{
    g_string_append(out, "<td class=\"n\">");
    if (value >= 0) {
        mt_report_number(out, value, digits);
        g_string_append(out, unit);
    }
    g_string_append(out, "</td>");
}

static void
html_head_row(GString *out, const char *caption, const HtmlColumn *columns)
{
    g_string_append(out, "<table>\n<caption>");
    mt_report_escape(out, caption);
    g_string_append(out, "</caption>\n<thead><tr>");
    for (; columns->title; columns++) {
        g_string_append_printf(out, "<th scope=\"col\"%s>",
                               columns->number ? " class=\"n\"" : "");
        mt_report_escape(out, _(columns->title));
        g_string_append(out, "</th>");
    }
    g_string_append(out, "</tr></thead>\n<tbody>\n");
}

static void
html_label(GString *out, const char *label, guint i)
{
    g_string_append_printf(out, "<th scope=\"row\"><svg class=\"key\" "
                           "viewBox=\"0 0 24 8\" aria-hidden=\"true\">"
                           "<path class=\"line r%u\" d=\"M0 4h24\"/></svg> ",
                           i % MT_REPORT_COLOURS);
    mt_report_escape(out, label);
    g_string_append(out, "</th>");
}

static void
html_runs(GString *out, const MtReportRun *runs, MtTrace *const *traces,
          guint n)
{
    static const HtmlColumn columns[] = {
        { N_("Run") }, { N_("Guest") }, { N_("Outcome") },
        { N_("Time"), TRUE }, { N_("Downtime"), TRUE }, { N_("Sent"), TRUE },
        { N_("Passes"), TRUE }, { N_("Samples"), TRUE }, { NULL }
    };

    html_head_row(out, _("Runs"), columns);
    for (guint i = 0; i < n; i++) {
        g_autofree char *sent = mt_report_size(runs[i].transferred);

        g_string_append(out, "<tr>");
        html_label(out, runs[i].label, i);
        html_cell(out, runs[i].domain);
        html_cell(out, runs[i].status);
        html_number_cell(out, runs[i].seconds, 3, " s");
        html_number_cell(out, runs[i].downtime_s, 3, " s");
        g_string_append_printf(out, "<td class=\"n\">%s</td>", sent);
        html_number_cell(out, runs[i].passes, 0, "");
        html_number_cell(out, traces[i]->samples->len, 0, "");
        g_string_append(out, "</tr>\n");
    }
    g_string_append(out, "</tbody></table>\n");
}

static void
html_decisions(GString *out, MtTrace *const *traces, guint n)
{
    static const HtmlColumn columns[] = {
        { N_("Run") }, { N_("Time"), TRUE }, { N_("Policy") },
        { N_("Action") }, { N_("Value") }, { N_("Result") }, { N_("Reason") },
        { NULL }
    };
    guint more = 0;

    html_head_row(out, _("Decisions"), columns);
    for (guint i = 0; i < n; i++) {
        g_autofree char *number = g_strdup_printf("%u", i + 1);

        for (guint j = 0; j < traces[i]->decisions->len; j++) {
            const MtTraceDecision *decision =
                &g_array_index(traces[i]->decisions, MtTraceDecision, j);
            g_autoptr(GString) value = g_string_new(NULL);

            if (j >= REPORT_MAX_ROWS) {
                more += traces[i]->decisions->len - j;
                break;
            }
            mt_report_value(value, decision);
            g_string_append(out, "<tr>");
            html_label(out, number, i);
            html_number_cell(out, decision->time_ms / 1000.0, 3, " s");
            html_cell(out, decision->policy ? decision->policy : "");
            html_cell(out, decision->action);
            html_cell(out, value->str);
            html_cell(out, decision->result ? decision->result : "");
            html_cell(out, decision->reason);
            g_string_append(out, "</tr>\n");
        }
    }
    g_string_append(out, "</tbody></table>\n");
    if (more) {
        g_string_append(out, "<p>");
        g_string_append_printf(out, _("%u further decisions are not shown."),
                               more);
        g_string_append(out, "</p>\n");
    }
}

char *
mt_report_html(MtTrace *const *traces, guint n)
{
    g_autofree MtReportRun *runs = g_new0(MtReportRun, n);
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < n; i++)
        mt_report_run_init(&runs[i], traces[i], i);

    g_string_append(out, "<!DOCTYPE html>\n<html lang=\"");
    mt_report_escape(out, _("en"));
    g_string_append(out, "\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" "
                    "content=\"width=device-width,initial-scale=1\">\n"
                    "<link rel=\"icon\" href=\"data:,\">\n<title>");
    mt_report_escape(out, _("Migration report"));
    g_string_append_printf(
        out, "</title>\n<style>%s"
        "body{margin:0 auto;max-width:70rem;padding:1rem;"
        "background:var(--bg);color:var(--fg);font:15px/1.5 "
        "system-ui,sans-serif}"
        "table{border-collapse:collapse;width:100%%;margin:1.5rem 0}"
        "caption{text-align:left;font-weight:600;padding:.3rem 0}"
        "th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;"
        "text-align:left;vertical-align:top;overflow-wrap:break-word}"
        ".n{text-align:right}th,td{white-space:nowrap}"
        "td:last-child{white-space:normal}"
        "figure{margin:0}figcaption{color:var(--dim)}"
        ".key{width:24px;height:8px;background:none}"
        "@media print{body{max-width:none;font-size:11px}"
        "tr,svg{break-inside:avoid}}"
        "</style>\n</head>\n<body>\n<main>\n<h1>", mt_report_style);
    mt_report_escape(out, _("Migration report"));
    g_string_append(out, "</h1>\n");
    html_runs(out, runs, traces, n);
    g_string_append(out, "<figure>\n");
    mt_report_svg(out, traces, n, FALSE);
    g_string_append(out, "<figcaption>");
    mt_report_escape(out, _("A triangle is a decision; a dotted one was "
                            "made by a policy in shadow and not carried out. "
                            "A tick is the start of a pass. Point at a mark "
                            "to read its text."));
    g_string_append(out, "</figcaption>\n</figure>\n");
    html_decisions(out, traces, n);
    g_string_append(out, "</main>\n</body>\n</html>\n");

    for (guint i = 0; i < n; i++)
        mt_report_run_clear(&runs[i]);
    return g_string_free(out, FALSE);
}
