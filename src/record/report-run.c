/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by all forms of reports: texts, numbers, and the summary of a run.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "record/report.h"
#include "util/i18n.h"

void
mt_report_escape(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        switch (c) {
        case '<':
            g_string_append(out, "&lt;");
            break;
        case '>':
            g_string_append(out, "&gt;");
            break;
        case '&':
            g_string_append(out, "&amp;");
            break;
        case '"':
            g_string_append(out, "&quot;");
            break;
        case '\'':
            g_string_append(out, "&#39;");
            break;
        default:
            /* XML and HTML do not allow these characters. */
            if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c & 0xfffe) == 0xfffe)
                c = 0xfffd;
            g_string_append_unichar(out, c);
        }
    }
}

void
mt_report_number(GString *out, double value, guint digits)
{
    char format[8] = { '%', '.', '0' + MIN(digits, 9), 'f', 0 };
    char text[G_ASCII_DTOSTR_BUF_SIZE + 400];
    char *end;

    g_ascii_formatd(text, sizeof(text), format, value);
    if (strchr(text, '.')) {
        end = text + strlen(text);
        while (end[-1] == '0')
            *--end = '\0';
        if (end[-1] == '.')
            *--end = '\0';
    }
    g_string_append(out, text);
}

char *
mt_report_size(guint64 bytes)
{
    return g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
}

void
mt_report_value(GString *out, const MtTraceDecision *decision)
{
    if (!decision->has_value)
        return;

    if (strcmp(decision->action, "set-bandwidth") == 0) {
        g_autofree char *size = mt_report_size(decision->value);

        g_string_append_printf(out, "%s/s", size);
    } else {
        g_string_append_printf(out, "%" PRIu64 "%s",
                               decision->value,
                               strcmp(decision->action, "throttle") == 0 ?
                               " %" : " ms");
    }
}

static double
report_outcome_number(const MtTrace *trace, const char *name, double missing)
{
    JsonNode *node = trace->outcome ?
        json_object_get_member(trace->outcome, name) : NULL;

    if (!node || !JSON_NODE_HOLDS_VALUE(node) ||
        (json_node_get_value_type(node) != G_TYPE_INT64 &&
         json_node_get_value_type(node) != G_TYPE_DOUBLE))
        return missing;
    return json_node_get_double(node);
}

void
mt_report_run_init(MtReportRun *ret_run, const MtTrace *trace, guint i)
{
    const MtSample last = mt_trace_get_last(trace).sample;
    g_autofree char *name = g_path_get_basename(trace->name);
    const char *domain = mt_trace_get_domain(trace);
    const char *status = mt_trace_get_status(trace);
    double downtime_ms = report_outcome_number(trace, "downtime_ms", -1);

    *ret_run = (MtReportRun){
        .label = g_strdup_printf("%u: %s", i + 1, name),
        .domain = domain ? domain : "",
        .status = status ? status : _("its end is not recorded"),
        .seconds = report_outcome_number(trace, "total_ms", last.time_ms) /
            1000,
        .downtime_s = downtime_ms < 0 ? -1 : downtime_ms / 1000,
        .transferred = last.transferred,
        .passes = last.pass,
    };
}

void
mt_report_run_clear(MtReportRun *run)
{
    g_free(run->label);
}
