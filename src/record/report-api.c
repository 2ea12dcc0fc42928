/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public functions about reports; see migtune-converge.h.
 */
#include "config.h"

#include <string.h>

#include "record/metrics.h"
#include "record/record.h"
#include "record/report.h"
#include "util/i18n.h"
#include "util/json.h"
#include "migtune/migtune-error.h"

/* More plots in one panel cannot be distinguished. */
#define REPORT_MAX_RUNS 100

static char *
report_svg(MtTrace *const *traces, guint n)
{
    GString *out = g_string_new(NULL);

    mt_report_svg(out, traces, n, TRUE);
    return g_string_free(out, FALSE);
}

static char *
report_metrics(MtTrace *const *traces, guint n)
{
    g_autofree MtMetricsRun *metrics = g_new0(MtMetricsRun, n);
    g_autofree MtReportRun *runs = g_new0(MtReportRun, n);
    char *text;

    for (guint i = 0; i < n; i++) {
        const MtTrace *trace = traces[i];

        mt_report_run_init(&runs[i], trace, i);
        metrics[i] = (MtMetricsRun){
            .domain = runs[i].domain,
            .run = runs[i].label,
            .status = runs[i].status,
            .last = mt_trace_get_last(trace),
            .downtime_s = runs[i].downtime_s,
            .n_decisions = trace->decisions->len,
        };
    }
    text = mt_metrics_text(metrics, n);
    for (guint i = 0; i < n; i++)
        mt_report_run_clear(&runs[i]);
    return text;
}

static const struct {
    const char *format;
    char *(*run)(MtTrace *const *traces, guint n);
} formats[] = {
    { "text", mt_report_text },
    { "html", mt_report_html },
    { "svg", report_svg },
    { "prom", report_metrics },
};

static void
report_free_trace(gpointer data)
{
    mt_trace_free(data);
}

char *
migtune_report(const char *const *paths, const char *format,
               JsonNode **ret_findings, GError **error)
{
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(GPtrArray) traces =
        g_ptr_array_new_with_free_func(report_free_trace);
    char *text = NULL;

    if (!paths[0] || g_strv_length((char **)paths) > REPORT_MAX_RUNS) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a report needs 1 to %d traces"),
                          REPORT_MAX_RUNS);
        return NULL;
    }
    for (guint i = 0; paths[i]; i++) {
        MtTrace *trace = mt_trace_read(paths[i], findings, error);

        if (!trace)
            return NULL;
        g_ptr_array_add(traces, trace);
    }
    for (guint i = 0; i < G_N_ELEMENTS(formats) && !text; i++) {
        if (g_str_equal(formats[i].format, format))
            text = formats[i].run((MtTrace *const *)traces->pdata,
                                  traces->len);
    }
    if (!text)
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("'%s' is not a format of reports; expected text, "
                            "html, svg or prom"), format);
    else if (ret_findings)
        *ret_findings =
            mt_json_node_new_array(mt_findings_to_json(findings));
    return text;
}
