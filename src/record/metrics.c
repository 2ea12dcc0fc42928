/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metrics as text: see metrics.h.
 */
#include "config.h"

#include "record/metrics.h"
#include "record/report.h"

typedef enum {
    METRIC_ELAPSED,
    METRIC_TOTAL,
    METRIC_REMAINING,
    METRIC_TRANSFERRED,
    METRIC_BANDWIDTH,
    METRIC_DIRTY,
    METRIC_PASS,
    METRIC_LIMIT,
    METRIC_THROTTLE,
    METRIC_DOWNTIME,
    METRIC_DECISIONS,
    METRIC_INFO,
} Metric;

/* Names and help texts are part of an interface and are not translated. */
static const struct {
    const char *name;
    const char *help;
} metrics[] = {
    [METRIC_ELAPSED] = { "elapsed_seconds",
                         "Time since the start of the migration." },
    [METRIC_TOTAL] = { "ram_bytes", "RAM of the guest." },
    [METRIC_REMAINING] = { "remaining_bytes", "RAM that is still to be sent."
    },
    [METRIC_TRANSFERRED] = { "transferred_bytes", "Bytes sent so far." },
    [METRIC_BANDWIDTH] = { "bandwidth_bytes_per_second",
                           "Current bandwidth." },
    [METRIC_DIRTY] = { "dirty_bytes_per_second",
                       "Rate at which the guest writes to its RAM." },
    [METRIC_PASS] = { "pass", "Number of the current pass over the RAM." },
    [METRIC_LIMIT] = { "downtime_limit_seconds", "Allowed downtime." },
    [METRIC_THROTTLE] = { "throttle_ratio",
                          "Share of processor time taken from the guest." },
    [METRIC_DOWNTIME] = { "downtime_seconds",
                          "Downtime of a migration that has ended." },
    [METRIC_DECISIONS] = { "decisions",
                           "Decisions of the convergence policy." },
    [METRIC_INFO] = { "info", "State of the migration." },
};

/* -1 if the run does not have it. */
static double
metrics_get(const MtMetricsRun *run, Metric metric)
{
    const MtSample *sample = &run->last.sample;

    switch (metric) {
    case METRIC_ELAPSED:
        return sample->time_ms / 1000.0;
    case METRIC_TOTAL:
        return sample->total;
    case METRIC_REMAINING:
        return sample->remaining;
    case METRIC_TRANSFERRED:
        return sample->transferred;
    case METRIC_BANDWIDTH:
        return sample->bandwidth;
    case METRIC_DIRTY:
        return sample->dirty_rate;
    case METRIC_PASS:
        return sample->pass;
    case METRIC_LIMIT:
        return run->last.downtime_limit_ms ?
            run->last.downtime_limit_ms / 1000.0 : -1;
    case METRIC_THROTTLE:
        return run->last.throttle / 100.0;
    case METRIC_DOWNTIME:
        return run->downtime_s;
    case METRIC_DECISIONS:
        return run->n_decisions;
    default:
        return 1;
    }
}

/* The value of a label. */
static void
metrics_label(GString *out, const char *name, const char *text,
              gboolean first)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    g_string_append_printf(out, "%s%s=\"", first ? "" : ",", name);
    for (const char *p = valid; *p; p++) {
        if (*p == '\\' || *p == '"')
            g_string_append_c(out, '\\');
        if (*p == '\n')
            g_string_append(out, "\\n");
        else
            g_string_append_c(out, *p);
    }
    g_string_append_c(out, '"');
}

char *
mt_metrics_text(const MtMetricsRun *runs, guint n)
{
    GString *out = g_string_new(NULL);

    for (guint m = 0; m < G_N_ELEMENTS(metrics); m++) {
        g_string_append_printf(out, "# HELP migtune_migration_%s %s\n"
                               "# TYPE migtune_migration_%s gauge\n",
                               metrics[m].name, metrics[m].help,
                               metrics[m].name);
        for (guint i = 0; i < n; i++) {
            double value = metrics_get(&runs[i], m);

            if (value < 0)
                continue;
            g_string_append_printf(out, "migtune_migration_%s{",
                                   metrics[m].name);
            metrics_label(out, "domain", runs[i].domain, TRUE);
            if (*runs[i].run)
                metrics_label(out, "run", runs[i].run, FALSE);
            if (m == METRIC_INFO)
                metrics_label(out, "status", runs[i].status, FALSE);
            g_string_append(out, "} ");
            mt_report_number(out, value, 6);
            g_string_append_c(out, '\n');
        }
    }
    g_string_append(out, "# EOF\n");
    return g_string_free(out, FALSE);
}
