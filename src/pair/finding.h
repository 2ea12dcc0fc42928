/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a check of two hosts has found.
 */

#include <json-glib/json-glib.h>

#include "params/table.h"

G_BEGIN_DECLS

typedef enum {
    MT_PAIR_INFO,
    MT_PAIR_WARN,
    MT_PAIR_SUBSTITUTE,         /* something else is done instead */
    MT_PAIR_REFUSE,             /* nothing is started */
} MtPairSeverity;

typedef struct {
    const char *id;             /* stable, such as "machine-type" */
    const char *rule;           /* "T1" ...; NULL: none */
    MtPairSeverity severity;
    MtSide side;                /* that has to change, or both */
    const MtRow *row;           /* NULL: not about a setting */
    char *expected;             /* NULL: there is nothing to compare */
    char *found;
    char *text;                 /* the whole finding, as sentences */
    char *fix;                  /* what would fix it; NULL: nothing known */
    MtRelease since, until;     /* the QEMU releases that have it */
    const char *origin;         /* where the fact is from */
} MtPairFinding;

void mt_pair_finding_free(MtPairFinding *finding);

/* "info", "warn", "substitute", "refuse". */
const char *mt_pair_severity_to_string(MtPairSeverity severity);
JsonObject *mt_pair_finding_to_json(const MtPairFinding *finding);

/* What cannot be known from the monitors. */
typedef struct {
    const char *id;
    const char *text;           /* to be translated */
    const char *how;            /* how to check it by hand; the same */
} MtPairUnchecked;

G_END_DECLS
