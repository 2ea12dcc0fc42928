/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Checking the rules between rows against a set of values.
 */

#include "params/set.h"

G_BEGIN_DECLS

typedef struct {
    const MtRow *row;
    const MtRow *other;
    MtRelation relation;
    char *rule;                 /* "xbzrle excludes parallel" */
    char *message;              /* for the user; names both rows */
} MtFinding;

void mt_finding_free(MtFinding *finding);

/* Whether QEMU would refuse the values.  Else the finding is a remark. */
gboolean mt_finding_is_fatal(const MtFinding *finding);

/*
 * Checks @state by the rules of @release.  Returns an array of MtFinding, fatal
 * ones first.  Only findings about a row of @changed are reported, because a QEMU
 * may already be in a state that it would not accept now.
 */
GPtrArray *mt_rules_check(const MtSet *state, const MtSet *changed,
                          MtRelease release);

/* Whether QEMU of @release refuses @a and @b both set. */
gboolean mt_rules_exclude(const MtRow *a, const MtRow *b, MtRelease release);

G_END_DECLS
