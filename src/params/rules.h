/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Rules between rows: what excludes, needs or makes useless what, as a list of
 * findings about a state that would result.
 */

#include "params/set.h"

G_BEGIN_DECLS

typedef struct {
    const MtRow *row;
    const MtRow *other;
    MtRelation relation;
    char *rule;                 /* "xbzrle excludes parallel" */
    char *message;              /* for people, a whole sentence */
} MtFinding;

void mt_finding_free(MtFinding *finding);

/* Whether it makes the state impossible, or is only worth a remark. */
gboolean mt_finding_is_fatal(const MtFinding *finding);

/*
 * Checks @state by the rules of @release.  Only what has to do with a row of
 * @changed is reported: a QEMU may be in a state that it would not accept.
 * Returns an array of MtFinding, fatal ones first.
 */
GPtrArray *mt_rules_check(const MtSet *state, const MtSet *changed,
                          MtRelease release);

/* Whether @a and @b exclude each other in @release when both are set. */
gboolean mt_rules_exclude(const MtRow *a, const MtRow *b, MtRelease release);

G_END_DECLS
