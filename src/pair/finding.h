/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Findings of a check of two hosts.
 */

#include <json-glib/json-glib.h>

#include "params/table.h"

G_BEGIN_DECLS

typedef enum {
    MT_PAIR_INFO,
    MT_PAIR_WARN,
    MT_PAIR_SUBSTITUTE,         /* another setting is used instead */
    MT_PAIR_REFUSE,             /* the migration is not started */
} MtPairSeverity;

typedef struct {
    const char *id;             /* stable, such as "machine-type" */
    const char *rule;           /* "T1" ...; NULL: none */
    MtPairSeverity severity;
    MtSide side;                /* the side that must change, or both */
    const MtRow *row;           /* the setting; NULL: not about one setting */
    char *expected;             /* NULL: nothing is compared */
    char *found;
    char *text;                 /* the complete finding, in sentences */
    char *fix;                  /* how to correct it; NULL: not known */
    MtRelease since, until;     /* QEMU releases that are affected */
    const char *origin;         /* where the fact was found */
} MtPairFinding;

void mt_pair_finding_free(MtPairFinding *finding);

/* "info", "warn", "substitute", "refuse". */
const char *mt_pair_severity_to_string(MtPairSeverity severity);
JsonObject *mt_pair_finding_to_json(const MtPairFinding *finding);

/* A fact that the monitors do not report. */
typedef struct {
    const char *id;
    const char *text;           /* marked for translation */
    const char *how;            /* how to check it by hand; the same */
} MtPairUnchecked;

G_END_DECLS
