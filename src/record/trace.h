/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Traces of migrations: JSON lines.
 *
 * Each line is an object with a "type": "header" (once, first), "sample",
 * "pass", "decision" and "outcome" (once, last).  Unknown types and members are
 * ignored, so that a trace can carry more than this version knows.
 * libmigtune(3) describes all members.
 */

#include "converge/finding.h"
#include "converge/policy/policy.h"

G_BEGIN_DECLS

/* Longer lines are refused. */
#define MT_TRACE_MAX_LINE (1024 * 1024)

/* A sample, with additional members that only reports use. */
typedef struct {
    MtSample sample;
    guint64 downtime_limit_ms;  /* 0: not known */
    guint throttle;             /* percent */
} MtTraceSample;

typedef struct {
    gint64 time_ms;
    guint64 pass;
    guint after;            /* number of samples before it */
} MtTracePass;

typedef struct {
    gint64 time_ms;
    char *policy;
    char *action;
    gboolean has_value;
    guint64 value;
    char *reason;
    char *result;           /* "taken", "failed", "shadow" or "refused" */
} MtTraceDecision;

typedef struct {
    char *name;             /* of the file */
    JsonObject *header;     /* NULL if there is none */
    JsonObject *outcome;    /* NULL if there is none */
    GArray *samples;        /* ordered by time */
    GArray *passes;         /* ordered by time */
    GArray *decisions;      /* MtTraceDecision */
} MtTrace;

/*
 * Reads a trace.  Damaged lines, and lines that are older than the line before,
 * are skipped with a finding.  A trace with neither a sample nor an outcome is an
 * error finding and NULL.  With an outcome only, it is a warning: a migration can
 * fail, or be over, before there are statistics.
 */
MtTrace *mt_trace_parse(const char *text, gsize length, const char *name,
                        MtFindings *findings);

/* The same from a file; NULL with @error. */
MtTrace *mt_trace_read(const char *path, MtFindings *findings,
                       GError **error);
void mt_trace_free(MtTrace *trace);

/* Texts of the trace's header and outcome, NULL if absent. */
const char *mt_trace_get_domain(const MtTrace *trace);
const char *mt_trace_get_status(const MtTrace *trace);

/* The last sample; all members are 0 if there is none. */
MtTraceSample mt_trace_get_last(const MtTrace *trace);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtTrace, mt_trace_free)

G_END_DECLS
