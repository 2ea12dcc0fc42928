/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Findings about files: see finding.h.
 */
#include "config.h"

#include <stdarg.h>

#include "converge/finding.h"
#include "util/i18n.h"
#include "migtune/migtune-error.h"

#define FINDINGS_MAX 200

struct MtFindings {
    GPtrArray *items;
    guint n_more;           /* not kept */
};

static void
finding_free(gpointer data)
{
    MtFinding *finding = data;

    g_free(finding->file);
    g_free(finding->text);
    g_free(finding);
}

MtFindings *
mt_findings_new(void)
{
    MtFindings *findings = g_new0(MtFindings, 1);

    findings->items = g_ptr_array_new_with_free_func(finding_free);
    return findings;
}

void
mt_findings_free(MtFindings *findings)
{
    if (!findings)
        return;

    g_ptr_array_unref(findings->items);
    g_free(findings);
}

void
mt_findings_add(MtFindings *findings, MtSeverity severity, const char *code,
                const char *file, guint line, const char *format, ...)
{
    MtFinding *finding;
    va_list args;

    /* Errors are always kept: mt_findings_check() looks for one. */
    if (findings->items->len >= FINDINGS_MAX &&
        (severity != MT_FINDING_ERROR || findings->n_more)) {
        findings->n_more++;
        return;
    }

    finding = g_new0(MtFinding, 1);
    finding->severity = severity;
    finding->code = code;
    finding->file = g_utf8_make_valid(file, -1);
    finding->line = line;
    va_start(args, format);
    finding->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(findings->items, finding);
}

guint
mt_findings_n(const MtFindings *findings)
{
    return findings->items->len;
}

const MtFinding *
mt_findings_get(const MtFindings *findings, guint i)
{
    return g_ptr_array_index(findings->items, i);
}

gboolean
mt_findings_check(const MtFindings *findings, GError **error)
{
    for (guint i = 0; i < findings->items->len; i++) {
        const MtFinding *finding = g_ptr_array_index(findings->items, i);

        if (finding->severity != MT_FINDING_ERROR)
            continue;
        if (finding->line)
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                              "%s:%u: %s", finding->file, finding->line,
                              finding->text);
        else
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT, "%s: %s",
                              finding->file, finding->text);
        return FALSE;
    }

    return TRUE;
}

JsonArray *
mt_findings_to_json(const MtFindings *findings)
{
    static const char *const severities[] = {
        [MT_FINDING_INFO] = "info",
        [MT_FINDING_WARNING] = "warning",
        [MT_FINDING_ERROR] = "error",
    };
    JsonArray *array = json_array_new();

    for (guint i = 0; i < findings->items->len; i++) {
        const MtFinding *finding = g_ptr_array_index(findings->items, i);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "severity",
                                      severities[finding->severity]);
        json_object_set_string_member(object, "code", finding->code);
        json_object_set_string_member(object, "file", finding->file);
        if (finding->line)
            json_object_set_int_member(object, "line", finding->line);
        else
            json_object_set_null_member(object, "line");
        json_object_set_string_member(object, "text", finding->text);
        json_array_add_object_element(array, object);
    }

    return array;
}
