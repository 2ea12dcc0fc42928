/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plots of recorded migrations as SVG.
 *
 * The panels are below each other over the same time: remaining data, rates,
 * the downtime limit and the throttle.  A pass is a tick at the foot of the
 * first panel, a decision a mark at its top.
 *
 * A trace can have more samples than a plot has columns.  For each column the
 * least and the greatest value are drawn, so that no peak is lost and the size
 * of the plot does not depend on the length of the trace.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "record/report.h"
#include "util/i18n.h"

#define SVG_WIDTH 960
#define SVG_LEFT 84
#define SVG_RIGHT 16
#define SVG_PLOT (SVG_WIDTH - SVG_LEFT - SVG_RIGHT)
#define SVG_HEIGHT 170          /* of a panel */
#define SVG_GAP 44
#define SVG_TOP 34
#define SVG_TICKS 4
/* Between a label and the axis: the mark of a decision at 0 s needs half its
 * width. */
#define SVG_LABEL_GAP 10

/* Maximum of marks of one kind for a run; more cannot be distinguished. */
#define SVG_MAX_MARKS 400

typedef enum {
    SERIES_REMAINING,
    SERIES_BANDWIDTH,
    SERIES_DIRTY,
    SERIES_DOWNTIME,
    SERIES_THROTTLE,
} Series;

typedef enum {
    UNIT_BYTES,
    UNIT_RATE,
    UNIT_MS,
    UNIT_PERCENT,
} Unit;

static const struct {
    const char *title;          /* N_() */
    Unit unit;
    guint n_series;
    Series series[2];
    gboolean optional;          /* left out if all values are 0 */
} panels[] = {
    { N_("Remaining data"), UNIT_BYTES, 1, { SERIES_REMAINING } },
    { N_("Bandwidth (solid) and dirty rate (dashed)"), UNIT_RATE, 2,
      { SERIES_BANDWIDTH, SERIES_DIRTY } },
    { N_("Downtime limit"), UNIT_MS, 1, { SERIES_DOWNTIME }, TRUE },
    { N_("Throttle"), UNIT_PERCENT, 1, { SERIES_THROTTLE }, TRUE },
};

const char mt_report_style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;"
    "--line:#d0d7de;--c0:#0550ae;--c1:#a04100;--c2:#116329;--c3:#8250df;"
    "--c4:#a40e26;--c5:#6e5600}"
    "@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;"
    "--dim:#9198a1;--line:#3d444d;--c0:#79c0ff;--c1:#ffa657;--c2:#7ee787;"
    "--c3:#d2a8ff;--c4:#ff9492;--c5:#e3d26f}}"
    "@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--dim:#444;"
    "--line:#bbb;--c0:#0550ae;--c1:#a04100;--c2:#116329;--c3:#8250df;"
    "--c4:#a40e26;--c5:#6e5600}}"
    "svg{background:var(--bg);font:12px system-ui,sans-serif}"
    "svg text{fill:var(--dim)}svg .title{fill:var(--fg);font-weight:600}"
    "svg .axis{stroke:var(--line);fill:none}"
    "svg .line{fill:none;stroke-width:1.6;stroke-linejoin:round}"
    "svg .second{stroke-dasharray:5 3}svg .pass{stroke-width:1;opacity:.6}"
    ".r0{stroke:var(--c0)}.r1{stroke:var(--c1)}.r2{stroke:var(--c2)}"
    ".r3{stroke:var(--c3)}.r4{stroke:var(--c4)}.r5{stroke:var(--c5)}"
    "svg .decision{stroke-width:1.5;fill:var(--bg)}"
    "svg .shadow{stroke-dasharray:2 2}";

static double
series_get(const MtTraceSample *sample, Series series)
{
    switch (series) {
    case SERIES_REMAINING:
        return sample->sample.remaining;
    case SERIES_BANDWIDTH:
        return sample->sample.bandwidth;
    case SERIES_DIRTY:
        return sample->sample.dirty_rate;
    case SERIES_DOWNTIME:
        return sample->downtime_limit_ms;
    default:
        return sample->throttle;
    }
}

static const MtTraceSample *
svg_sample(const MtTrace *trace, guint i)
{
    return &g_array_index(trace->samples, MtTraceSample, i);
}

static double
series_max(MtTrace *const *traces, guint n, Series series)
{
    double max = 0;

    for (guint i = 0; i < n; i++) {
        for (guint j = 0; j < traces[i]->samples->len; j++)
            max = MAX(max, series_get(svg_sample(traces[i], j), series));
    }

    return max;
}

/* Returns the end of an axis: a round number of bytes, milliseconds or
 * percent that is at least @value. */
static double
svg_round_up(double value, Unit unit)
{
    static const double steps[] = { 1, 2, 4, 5, 8, 10 };
    double scale = 1;

    if (unit == UNIT_PERCENT)
        return 100;
    if (value <= 0)
        return 1;
    if (unit != UNIT_MS) {
        while (value / scale >= 1024)
            scale *= 1024;
    }
    scale *= pow(10, floor(log10(value / scale)));
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (steps[i] * scale >= value)
            return steps[i] * scale;
    }

    return value;
}

static void
svg_value(GString *out, double value, Unit unit)
{
    static const char *const units[] = {
        "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
    };
    guint i = 0;

    if (unit == UNIT_MS || unit == UNIT_PERCENT) {
        mt_report_number(out, value, value < 10 ? 1 : 0);
        g_string_append(out, unit == UNIT_MS ? " ms" : " %");
        return;
    }
    for (; value >= 1024 && i + 1 < G_N_ELEMENTS(units); i++)
        value /= 1024;
    mt_report_number(out, value, value < 10 ? 1 : 0);
    g_string_append_printf(out, " %s%s", units[i],
                           unit == UNIT_RATE ? "/s" : "");
}

typedef struct {
    GString *out;
    double end_ms;              /* of the time axis */
    double max;                 /* of the value axis */
    guint top;                  /* of the panel */
} SvgPanel;

static double
svg_x(const SvgPanel *panel, double time_ms)
{
    return SVG_LEFT + SVG_PLOT * MIN(time_ms / panel->end_ms, 1);
}

static double
svg_y(const SvgPanel *panel, double value)
{
    return panel->top + SVG_HEIGHT * (1 - MIN(value / panel->max, 1));
}

static void
svg_point(const SvgPanel *panel, gboolean *first, double x, double value)
{
    g_string_append_c(panel->out, *first ? 'M' : 'L');
    mt_report_number(panel->out, x, 1);
    g_string_append_c(panel->out, ' ');
    mt_report_number(panel->out, svg_y(panel, value), 1);
    *first = FALSE;
}

static void
svg_series(const SvgPanel *panel, const MtTrace *trace, Series series,
           guint run, gboolean second)
{
    gboolean first = TRUE;
    guint i = 0, n = trace->samples->len;

    g_string_append_printf(panel->out, "<path class=\"line r%u%s\" d=\"",
                           run % MT_REPORT_COLOURS, second ? " second" : "");
    while (i < n) {
        int column = svg_x(panel, svg_sample(trace, i)->sample.time_ms);
        double x = svg_x(panel, svg_sample(trace, i)->sample.time_ms);
        double low = series_get(svg_sample(trace, i), series), high = low;
        double start = low, end = low;
        guint in_column = 0;

        for (; i < n; i++, in_column++) {
            const MtTraceSample *sample = svg_sample(trace, i);

            if ((int)svg_x(panel, sample->sample.time_ms) != column)
                break;
            end = series_get(sample, series);
            low = MIN(low, end);
            high = MAX(high, end);
        }
        svg_point(panel, &first, x, start);
        if (in_column > 1) {
            if (low < start)
                svg_point(panel, &first, x, low);
            if (high > start)
                svg_point(panel, &first, x, high);
            svg_point(panel, &first, x, end);
        }
    }
    g_string_append(panel->out, "\"/>\n");
}

static void
svg_axes(const SvgPanel *panel, const char *title, Unit unit, gboolean last)
{
    GString *out = panel->out;

    g_string_append_printf(out, "<text class=\"title\" x=\"%d\" y=\"%u\">",
                           SVG_LEFT, panel->top - 8);
    mt_report_escape(out, title);
    g_string_append(out, "</text>\n");
    for (guint i = 0; i <= SVG_TICKS; i++) {
        double value = panel->max * i / SVG_TICKS;
        guint y = svg_y(panel, value);
        double ms = panel->end_ms * i / SVG_TICKS;
        guint x = svg_x(panel, ms);

        g_string_append_printf(out, "<path class=\"axis\" d=\"M%d %uH%d\"/>"
                               "<text x=\"%d\" y=\"%u\" "
                               "text-anchor=\"end\">", SVG_LEFT, y,
                               SVG_WIDTH - SVG_RIGHT, SVG_LEFT - SVG_LABEL_GAP, y + 4);
        svg_value(out, value, unit);
        g_string_append(out, "</text>\n");
        if (!last)
            continue;
        g_string_append_printf(out, "<text x=\"%u\" y=\"%u\" "
                               "text-anchor=\"%s\">", x,
                               panel->top + SVG_HEIGHT + 18,
                               i == SVG_TICKS ? "end" : "middle");
        mt_report_number(out, ms / 1000, panel->end_ms < 20000 ? 2 : 0);
        g_string_append(out, " s</text>\n");
    }
}

static void
svg_passes(const SvgPanel *panel, const MtTrace *trace, guint run)
{
    guint n = trace->passes->len;
    guint step = n / SVG_MAX_MARKS + 1;

    for (guint i = 0; i < n; i += step) {
        const MtTracePass *pass =
            &g_array_index(trace->passes, MtTracePass, i);

        g_string_append_printf(panel->out, "<path class=\"pass r%u\" d=\"M",
                               run % MT_REPORT_COLOURS);
        mt_report_number(panel->out, svg_x(panel, pass->time_ms), 1);
        g_string_append_printf(panel->out, " %uv-8\"><title>",
                               panel->top + SVG_HEIGHT);
        g_string_append_printf(panel->out, _("pass %" PRIu64),
                               pass->pass);
        g_string_append(panel->out, "</title></path>\n");
    }
}

static void
svg_decisions(const SvgPanel *panel, const MtTrace *trace, guint run)
{
    guint n = MIN(trace->decisions->len, SVG_MAX_MARKS);

    for (guint i = 0; i < n; i++) {
        const MtTraceDecision *decision =
            &g_array_index(trace->decisions, MtTraceDecision, i);

        g_string_append_printf(panel->out, "<path class=\"decision r%u%s\" "
                               "d=\"M", run % MT_REPORT_COLOURS,
                               g_strcmp0(decision->result, "shadow") == 0 ?
                               " shadow" : "");
        mt_report_number(panel->out, svg_x(panel, decision->time_ms), 1);
        g_string_append_printf(panel->out, " %ul5 -9h-10z\"><title>",
                               panel->top + 9);
        mt_report_number(panel->out, decision->time_ms / 1000.0, 3);
        g_string_append(panel->out, " s: ");
        if (decision->policy) {
            mt_report_escape(panel->out, decision->policy);
            g_string_append(panel->out, ": ");
        }
        mt_report_escape(panel->out, decision->action);
        if (decision->has_value)
            g_string_append_c(panel->out, ' ');
        mt_report_value(panel->out, decision);
        g_string_append(panel->out, ": ");
        mt_report_escape(panel->out, decision->reason);
        g_string_append(panel->out, "</title></path>\n");
    }
}

void
mt_report_svg(GString *out, MtTrace *const *traces, guint n, gboolean alone)
{
    SvgPanel panel = { .out = out, .end_ms = 1, .top = SVG_TOP };
    double max[G_N_ELEMENTS(panels)] = { 0 };
    guint n_panels = 0, drawn = 0;

    for (guint i = 0; i < n; i++) {
        const MtTrace *trace = traces[i];

        panel.end_ms = MAX(panel.end_ms,
                           mt_trace_get_last(trace).sample.time_ms);
    }
    for (guint p = 0; p < G_N_ELEMENTS(panels); p++) {
        for (guint s = 0; s < panels[p].n_series; s++)
            max[p] = MAX(max[p], series_max(traces, n, panels[p].series[s]));
        n_panels += !panels[p].optional || max[p] > 0;
    }

    g_string_append_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                           "viewBox=\"0 0 %d %u\" role=\"img\" "
                           "aria-labelledby=\"plot-title plot-desc\">\n"
                           "<title id=\"plot-title\">", SVG_WIDTH,
                           SVG_TOP + n_panels * (SVG_HEIGHT + SVG_GAP));
    mt_report_escape(out, _("The course of the migration over time"));
    g_string_append(out, "</title><desc id=\"plot-desc\">");
    mt_report_escape(out, _("Remaining data, bandwidth and dirty rate, "
                            "downtime limit and throttle over time, with the "
                            "passes as ticks and the decisions as marks. The "
                            "tables have the same as numbers."));
    g_string_append(out, "</desc>\n");
    if (alone)
        g_string_append_printf(out, "<style>%s</style>\n", mt_report_style);

    for (guint p = 0; p < G_N_ELEMENTS(panels); p++) {
        if (panels[p].optional && max[p] <= 0)
            continue;
        drawn++;
        panel.max = svg_round_up(max[p], panels[p].unit);
        svg_axes(&panel, _(panels[p].title), panels[p].unit,
                 drawn == n_panels);
        for (guint i = 0; i < n; i++) {
            for (guint s = 0; s < panels[p].n_series; s++)
                svg_series(&panel, traces[i], panels[p].series[s], i, s > 0);
            if (p == 0) {
                svg_passes(&panel, traces[i], i);
                svg_decisions(&panel, traces[i], i);
            }
        }
        panel.top += SVG_HEIGHT + SVG_GAP;
    }
    g_string_append(out, "</svg>\n");
}
