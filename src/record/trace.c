/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading traces: see trace.h.
 *
 * Nearly all lines are samples with a dozen numbers.  A scanner reads them in
 * one pass without building a tree; it gives up at anything that is not a flat
 * object of numbers, simple strings and constants, and json-glib reads that
 * line.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "record/trace.h"
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/json.h"
#include "migtune/migtune-error.h"

/* A line can have this many JSON values; a header with a plan has the most. */
#define TRACE_MAX_VALUES 100000

#define TRACE_MAX_BYTES (G_GUINT64_CONSTANT(1) << 30)

/* A policy polls up to this time; later samples are ignored. */
#define TRACE_MAX_MS (30.0 * 86400 * 1000)

/* Larger numbers have no meaning in any member. */
#define TRACE_MAX_NUMBER 9.0e18

typedef struct {
    const char *type;           /* the member "type" */
    gsize type_length;
    const char *status;
    gsize status_length;
    gboolean paused;
    double time_ms;             /* -1: not given */
    double pass, remaining, total, transferred, bandwidth, dirty_rate;
    double downtime_limit_ms, throttle;
} TraceLine;

static const struct {
    const char *name;
    gsize offset;
} numbers[] = {
    { "time_ms", G_STRUCT_OFFSET(TraceLine, time_ms) },
    { "pass", G_STRUCT_OFFSET(TraceLine, pass) },
    { "remaining", G_STRUCT_OFFSET(TraceLine, remaining) },
    { "total", G_STRUCT_OFFSET(TraceLine, total) },
    { "transferred", G_STRUCT_OFFSET(TraceLine, transferred) },
    { "bandwidth", G_STRUCT_OFFSET(TraceLine, bandwidth) },
    { "dirty_rate", G_STRUCT_OFFSET(TraceLine, dirty_rate) },
    { "downtime_limit_ms", G_STRUCT_OFFSET(TraceLine, downtime_limit_ms) },
    { "throttle", G_STRUCT_OFFSET(TraceLine, throttle) },
};

static void
trace_clear_decision(gpointer data)
{
    MtTraceDecision *decision = data;

    g_free(decision->policy);
    g_free(decision->action);
    g_free(decision->reason);
    g_free(decision->result);
}

void
mt_trace_free(MtTrace *trace)
{
    if (!trace)
        return;

    g_free(trace->name);
    g_clear_pointer(&trace->header, json_object_unref);
    g_clear_pointer(&trace->outcome, json_object_unref);
    g_array_unref(trace->samples);
    g_array_unref(trace->passes);
    g_array_unref(trace->decisions);
    g_free(trace);
}

static const char *
trace_skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* Reads a string without escapes at @p; NULL if @p has something else. */
static const char *
trace_scan_string(const char *p, const char *end, const char **ret,
                  gsize *ret_length)
{
    const char *start = p + 1;

    if (p >= end || *p != '"')
        return NULL;
    for (p = start; p < end && *p != '"'; p++) {
        if (*p == '\\' || (guchar)*p < 0x20 || (guchar)*p > 0x7e)
            return NULL;
    }
    if (p >= end)
        return NULL;
    *ret = start;
    *ret_length = p - start;
    return p + 1;
}

/* Reads a number without sign, fraction or exponent and with at most 18
 * digits, as nearly all numbers are; NULL if @p has something else. */
static const char *
trace_scan_number(const char *p, const char *end, double *ret)
{
    const char *start = p;
    guint64 value = 0;

    while (p < end && g_ascii_isdigit(*p) && p - start < 19)
        value = value * 10 + (*p++ - '0');
    if (p == start || p - start > 18 || (*start == '0' && p - start > 1) ||
        (p < end && strchr(".eE-+0123456789", *p)))
        return NULL;
    *ret = value;
    return p;
}

static gboolean
trace_is(const char *text, gsize length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

/* Where to store the number of the member @name; NULL for other members. */
static double *
trace_find_number(TraceLine *line, const char *name, gsize length)
{
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (trace_is(name, length, numbers[i].name))
            return (double *)((char *)line + numbers[i].offset);
    }

    return NULL;
}

/* Reads true, false or null at @p; NULL if @p has something else. */
static const char *
trace_scan_constant(const char *p, const char *end, gboolean *ret)
{
    static const char *const constants[] = { "true", "false", "null" };

    for (guint i = 0; i < G_N_ELEMENTS(constants); i++) {
        gsize length = strlen(constants[i]);

        if ((gsize)(end - p) >= length &&
            memcmp(p, constants[i], length) == 0) {
            *ret = i == 0;
            return p + length;
        }
    }

    return NULL;
}

/* Reads a flat object; FALSE if json-glib must read the line. */
static gboolean
trace_scan(const char *p, const char *end, TraceLine *line)
{
    p = trace_skip(p, end);
    if (p >= end || *p++ != '{')
        return FALSE;

    for (;;) {
        const char *name, *text;
        gsize length, text_length;
        double *number, unused;
        gboolean truth;

        p = trace_scan_string(trace_skip(p, end), end, &name, &length);
        if (!p)
            return FALSE;
        p = trace_skip(p, end);
        if (p >= end || *p++ != ':')
            return FALSE;
        p = trace_skip(p, end);
        if (p >= end)
            return FALSE;
        number = trace_find_number(line, name, length);
        if (g_ascii_isdigit(*p)) {
            p = trace_scan_number(p, end, number ? number : &unused);
        } else if (number) {
            return FALSE;
        } else if (*p == '"') {
            p = trace_scan_string(p, end, &text, &text_length);
            if (p && trace_is(name, length, "type")) {
                line->type = text;
                line->type_length = text_length;
            } else if (p && trace_is(name, length, "status")) {
                line->status = text;
                line->status_length = text_length;
            }
        } else {
            p = trace_scan_constant(p, end, &truth);
            if (p && trace_is(name, length, "guest_paused"))
                line->paused = truth;
        }
        if (!p)
            return FALSE;
        p = trace_skip(p, end);
        if (p < end && *p == ',') {
            p++;
            continue;
        }
        return p < end && *p == '}' && trace_skip(p + 1, end) == end;
    }
}

/* The state of reading a trace; @number is the line for findings. */
typedef struct {
    MtTrace *trace;
    MtFindings *findings;
    guint number;
    gint64 newest_ms;
} TraceReader;

static void
trace_warn(const TraceReader *reader, const char *code, const char *text)
{
    mt_findings_add(reader->findings, MT_FINDING_WARNING, code,
                    reader->trace->name, reader->number, "%s", text);
}

/* Reads a number of @object if there is one.  FALSE with a finding if the
 * member is not a valid number. */
static gboolean
trace_get_number(const TraceReader *reader, JsonObject *object,
                 const char *name, double *ret)
{
    JsonNode *node = json_object_get_member(object, name);
    double value = NAN;

    if (!node || JSON_NODE_HOLDS_NULL(node))
        return TRUE;
    if (JSON_NODE_HOLDS_VALUE(node) &&
        (json_node_get_value_type(node) == G_TYPE_INT64 ||
         json_node_get_value_type(node) == G_TYPE_DOUBLE))
        value = json_node_get_double(node);
    if (mt_json_node_is_unsigned(node))
        value = G_MAXUINT64;
    if (value >= 0 && value <= TRACE_MAX_NUMBER) {
        *ret = value;
        return TRUE;
    }

    mt_findings_add(reader->findings, MT_FINDING_WARNING, "wrong-type",
                    reader->trace->name, reader->number,
                    _("'%s' is not a number from 0 to %g; the line is "
                      "skipped"), name, TRACE_MAX_NUMBER);
    return FALSE;
}

/* Reads the same members as the scanner from a line that json-glib parsed. */
static gboolean
trace_read_object(const TraceReader *reader, JsonObject *object,
                  TraceLine *line)
{
    gboolean paused = FALSE;

    line->type = mt_json_peek_string(object, "type");
    line->type_length = line->type ? strlen(line->type) : 0;
    line->status = mt_json_peek_string(object, "status");
    line->status_length = line->status ? strlen(line->status) : 0;
    mt_json_peek_bool(object, "guest_paused", &paused);
    line->paused = paused;
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (!trace_get_number(reader, object, numbers[i].name,
                              (double *)((char *)line + numbers[i].offset)))
            return FALSE;
    }

    return TRUE;
}

/* Checks that the line is not older than the lines before it. */
static gboolean
trace_in_time(TraceReader *reader, const TraceLine *line)
{
    if (line->time_ms < 0) {
        trace_warn(reader, "no-time",
                   _("'time_ms' is missing; the line is skipped"));
        return FALSE;
    }
    if (line->time_ms > TRACE_MAX_MS) {
        trace_warn(reader, "too-late",
                   _("'time_ms' is more than 30 days after the start; the "
                     "line is skipped"));
        return FALSE;
    }
    if ((gint64)line->time_ms < reader->newest_ms) {
        mt_findings_add(reader->findings, MT_FINDING_WARNING, "time-backwards",
                        reader->trace->name, reader->number,
                        _("the time goes back from %" PRId64 " ms to "
                          "%.0f ms; the line is skipped"), reader->newest_ms,
                        line->time_ms);
        return FALSE;
    }
    reader->newest_ms = line->time_ms;
    return TRUE;
}

static void
trace_add_sample(TraceReader *reader, const TraceLine *line)
{
    char status[64] = "";
    MtTraceSample sample = {
        .sample = {
            .time_ms = line->time_ms,
            .guest_paused = line->paused,
            .pass = line->pass,
            .remaining = line->remaining,
            .total = line->total,
            .transferred = line->transferred,
            .bandwidth = line->bandwidth,
            .dirty_rate = line->dirty_rate,
            .downtime_ms = line->downtime_limit_ms,
        },
        .downtime_limit_ms = line->downtime_limit_ms,
        .throttle = MIN(line->throttle, 100),
    };

    if (!trace_in_time(reader, line))
        return;

    if (line->status && line->status_length < sizeof(status)) {
        memcpy(status, line->status, line->status_length);
        status[line->status_length] = '\0';
    }
    sample.sample.phase = mt_phase_from_status(status);
    if (line->status && sample.sample.phase == MT_PHASE_OTHER)
        trace_warn(reader, "unknown-status",
                   _("the status is not known; policies see it as unknown"));
    g_array_append_val(reader->trace->samples, sample);
}

static void
trace_add_pass(TraceReader *reader, const TraceLine *line)
{
    MtTracePass pass = {
        line->time_ms, line->pass, reader->trace->samples->len,
    };

    if (trace_in_time(reader, line))
        g_array_append_val(reader->trace->passes, pass);
}

static void
trace_add_decision(TraceReader *reader, JsonObject *object,
                   const TraceLine *line)
{
    const char *action = mt_json_peek_string(object, "action");
    const char *reason = mt_json_peek_string(object, "reason");
    double value = -1;
    MtTraceDecision decision = { 0 };

    if (!action || line->time_ms < 0) {
        trace_warn(reader, "wrong-type",
                   _("a decision needs 'time_ms' and 'action'; the line is "
                     "skipped"));
        return;
    }
    if (!trace_get_number(reader, object, "value", &value))
        return;
    decision.time_ms = line->time_ms;
    decision.policy = g_strdup(mt_json_peek_string(object, "policy"));
    decision.action = g_strdup(action);
    decision.has_value = value >= 0;
    decision.value = value >= 0 ? value : 0;
    decision.reason = g_strdup(reason ? reason : "");
    decision.result = g_strdup(mt_json_peek_string(object, "result"));
    g_array_append_val(reader->trace->decisions, decision);
}

/* Reads a line that the scanner cannot read. */
static void
trace_read_slowly(TraceReader *reader, const char *text, gsize length,
                  gboolean last)
{
    const MtJsonLimits limits = { .max_values = TRACE_MAX_VALUES };
    TraceLine line = { .time_ms = -1 };
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) node =
        g_utf8_validate(text, length, NULL) ?
        mt_json_parse_within(text, length, &limits, &cause) : NULL;
    JsonObject *object;

    if (!node || !JSON_NODE_HOLDS_OBJECT(node)) {
        mt_findings_add(reader->findings, MT_FINDING_WARNING,
                        last ? "cut" : "syntax", reader->trace->name,
                        reader->number,
                        last ? _("the trace is cut off in this line, which is "
                                 "skipped") :
                        _("the line is not a JSON object and is skipped"));
        return;
    }
    object = json_node_get_object(node);
    if (!trace_read_object(reader, object, &line))
        return;

    if (!line.type) {
        trace_warn(reader, "no-type",
                   _("'type' is missing; the line is skipped"));
    } else if (g_str_equal(line.type, "sample")) {
        trace_add_sample(reader, &line);
    } else if (g_str_equal(line.type, "pass")) {
        trace_add_pass(reader, &line);
    } else if (g_str_equal(line.type, "decision")) {
        trace_add_decision(reader, object, &line);
    } else if (g_str_equal(line.type, "header") && !reader->trace->header) {
        reader->trace->header = json_object_ref(object);
    } else if (g_str_equal(line.type, "outcome") && !reader->trace->outcome) {
        reader->trace->outcome = json_object_ref(object);
    }
}

static void
trace_read_line(TraceReader *reader, const char *text, gsize length,
                gboolean last)
{
    TraceLine line = { .time_ms = -1 };

    if (trace_skip(text, text + length) == text + length)
        return;
    if (length > MT_TRACE_MAX_LINE) {
        trace_warn(reader, "too-long",
                   _("the line is longer than 1 MiB and is skipped"));
        return;
    }
    if (trace_scan(text, text + length, &line) && line.type) {
        if (trace_is(line.type, line.type_length, "sample")) {
            trace_add_sample(reader, &line);
            return;
        }
        if (trace_is(line.type, line.type_length, "pass")) {
            trace_add_pass(reader, &line);
            return;
        }
    }
    trace_read_slowly(reader, text, length, last);
}

MtTrace *
mt_trace_parse(const char *text, gsize length, const char *name,
               MtFindings *findings)
{
    g_autoptr(MtTrace) trace = g_new0(MtTrace, 1);
    TraceReader reader = { .trace = trace, .findings = findings };

    trace->name = g_utf8_make_valid(name, -1);
    trace->samples = g_array_new(FALSE, FALSE, sizeof(MtTraceSample));
    trace->passes = g_array_new(FALSE, FALSE, sizeof(MtTracePass));
    trace->decisions = g_array_new(FALSE, FALSE, sizeof(MtTraceDecision));
    g_array_set_clear_func(trace->decisions, trace_clear_decision);

    while (length) {
        const char *newline = memchr(text, '\n', length);
        gsize line_length = newline ? (gsize)(newline - text) : length;

        reader.number++;
        trace_read_line(&reader, text, line_length, !newline);
        text += line_length + (newline ? 1 : 0);
        length -= line_length + (newline ? 1 : 0);
    }
    if (!trace->samples->len)
        mt_findings_add(findings,
                        trace->outcome ? MT_FINDING_WARNING : MT_FINDING_ERROR,
                        "no-sample", name, 0,
                        reader.number ? _("the trace has no sample: no line "
                                          "is a JSON object with the type "
                                          "'sample'")
                                      : _("the trace is empty"));
    if (!trace->samples->len && !trace->outcome)
        return NULL;

    return g_steal_pointer(&trace);
}

MtTrace *
mt_trace_read(const char *path, MtFindings *findings, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, &cause);
    MtTrace *trace;

    if (!file) {
        g_autofree char *why = mt_foreign_text(cause);

        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot read '%s': %s"),
                          path, why);
        return NULL;
    }
    if (g_mapped_file_get_length(file) > TRACE_MAX_BYTES) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("'%s' is longer than 1 GiB, the most that a "
                            "trace can have"), path);
        return NULL;
    }

    trace = mt_trace_parse(g_mapped_file_get_contents(file),
                           g_mapped_file_get_length(file), path, findings);
    if (!trace)
        mt_findings_check(findings, error);
    return trace;
}

const char *
mt_trace_get_domain(const MtTrace *trace)
{
    return trace->header ? mt_json_peek_string(trace->header, "domain") : NULL;
}

const char *
mt_trace_get_status(const MtTrace *trace)
{
    return trace->outcome ? mt_json_peek_string(trace->outcome, "status") :
           NULL;
}

MtTraceSample
mt_trace_get_last(const MtTrace *trace)
{
    return trace->samples->len ? g_array_index(trace->samples, MtTraceSample,
                                               trace->samples->len - 1)
                               : (MtTraceSample){ { 0 } };
}
