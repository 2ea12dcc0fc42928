/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Findings about a file that was read, such as a configuration of another
 * program, a scenario or a trace: errors, and other facts that the user should
 * know.  Each finding has a stable code, the file and the line.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum {
    MT_FINDING_INFO,        /* a setting that was imported */
    MT_FINDING_WARNING,     /* a setting that was ignored, or a known trap */
    MT_FINDING_ERROR,       /* the file cannot be used */
} MtSeverity;

typedef struct {
    MtSeverity severity;
    const char *code;       /* stable */
    char *file;
    guint line;             /* 0: the whole file */
    char *text;             /* a sentence, translated */
} MtFinding;

typedef struct MtFindings MtFindings;

MtFindings *mt_findings_new(void);
void mt_findings_free(MtFindings *findings);

/* Only some hundred findings are stored; further ones are only counted. */
void mt_findings_add(MtFindings *findings, MtSeverity severity,
                     const char *code, const char *file, guint line,
                     const char *format, ...) G_GNUC_PRINTF(6, 7);

guint mt_findings_n(const MtFindings *findings);
const MtFinding *mt_findings_get(const MtFindings *findings, guint i);

/* Returns FALSE with the first error finding, if there is one. */
gboolean mt_findings_check(const MtFindings *findings, GError **error);

/* An array of objects with "severity", "code", "file", "line" and "text". */
JsonArray *mt_findings_to_json(const MtFindings *findings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtFindings, mt_findings_free)

G_END_DECLS
