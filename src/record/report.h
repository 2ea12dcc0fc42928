/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reports about recorded migrations: a summary as text, plots as SVG, a page as
 * HTML, and metrics.
 */

#include "record/trace.h"

G_BEGIN_DECLS

/* Number of different colours; with more runs the colours repeat. */
#define MT_REPORT_COLOURS 6

/* The summary of a run in a report. */
typedef struct {
    char *label;                /* different for each run of the report */
    const char *domain;         /* "" if it is not known */
    const char *status;
    double seconds;             /* duration of the migration */
    double downtime_s;          /* -1: not known */
    guint64 transferred;
    guint64 passes;
} MtReportRun;

/* Fills in @ret_run for a trace; free with mt_report_run_clear(). */
void mt_report_run_init(MtReportRun *ret_run, const MtTrace *trace, guint i);
void mt_report_run_clear(MtReportRun *run);

/* Appends @text for XML and HTML.  Control characters become U+FFFD. */
void mt_report_escape(GString *out, const char *text);

/* Appends a number with at most @digits decimals and a decimal point. */
void mt_report_number(GString *out, double value, guint digits);

/* Returns a number of bytes with a unit; for g_free(). */
char *mt_report_size(guint64 bytes);

/* Appends the value of a decision with its unit, if it has one. */
void mt_report_value(GString *out, const MtTraceDecision *decision);

/* Appends an <svg> element with the plots of all traces in the same panels.
 * @alone: as a complete SVG file. */
void mt_report_svg(GString *out, MtTrace *const *traces, guint n,
                   gboolean alone);

char *mt_report_html(MtTrace *const *traces, guint n);
char *mt_report_text(MtTrace *const *traces, guint n);

/* CSS with the colours and line styles of the plots, for light and dark
 * mode. */
extern const char mt_report_style[];

G_END_DECLS
