/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Comparing two sides, and one answer for both.
 *
 * A pairing is made from the facts of both sides and the requested settings.  It
 * decides what becomes of each request on both sides together, makes a plan for
 * each side, and lists what was found.  It asks nothing and changes nothing, so
 * that every rule can be tested without a guest.
 */

#include "pair/finding.h"
#include "pair/side.h"
#include "plan/plan.h"

G_BEGIN_DECLS

typedef struct {
    const MtPairSide *source;
    const MtPairSide *destination;
    MtPolicy policy;
    const char *uri;            /* of the migration; NULL: not known yet */

    MtCaps *common;             /* what both sides can do together */
    MtPlan *wishes;             /* the requests, resolved for @common */
    MtSet *source_after;        /* all values once both plans are applied */
    MtSet *destination_after;
    MtPlan *source_plan;
    MtPlan *destination_plan;

    GPtrArray *findings;        /* MtPairFinding */
    GPtrArray *unchecked;       /* const MtPairUnchecked */
} MtPairing;

/* Borrows @source and @destination, which must outlive the pairing. */
MtPairing *mt_pairing_new(const MtPairSide *source,
                          const MtPairSide *destination,
                          const virTypedParameter *params, int n_params,
                          MtPolicy policy, const char *uri);
void mt_pairing_free(MtPairing *pairing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPairing, mt_pairing_free)

/* Whether no finding refuses the migration. */
gboolean mt_pairing_is_ok(const MtPairing *pairing);

/* The finding with this id; NULL if there is none. */
const MtPairFinding *mt_pairing_find(const MtPairing *pairing,
                                     const char *id);

/* Whether @id is on, or has another value than its default, on the source when
 * the migration starts. */
gboolean mt_pairing_has(const MtPairing *pairing, MtParamId id);

/* Gives @id the value @text of the table on both sides that have it. */
void mt_pairing_change(MtPairing *pairing, MtParamId id, const char *text,
                       const char *reason);

/* Adds a finding; takes the texts.  @id and @origin must be static. */
MtPairFinding *mt_pairing_add(MtPairing *pairing, const char *id,
                              MtPairSeverity severity, MtSide side,
                              char *expected, char *found, char *text,
                              char *fix);

/* The verdicts, which hold on both sides:
 * an array of objects with `name`, `asked`, `source`, `destination`, `verdict`
 * and `reason`.  @source and @destination are what was read back; NULL: what
 * is expected. */
JsonArray *mt_pairing_verdicts_to_json(const MtPairing *pairing,
                                       const MtSet *source,
                                       const MtSet *destination);
JsonArray *mt_pairing_findings_to_json(const MtPairing *pairing);
JsonArray *mt_pairing_unchecked_to_json(const MtPairing *pairing);

/*
 * Compares what was read back on both sides with what was planned.  Returns a
 * text that names each difference that would end the migration; NULL if there
 * is none.
 */
char *mt_pairing_compare(const MtPairing *pairing, const MtSet *source,
                         const MtSet *destination);

/* rules.c: runs all rules. */
void mt_pair_rules_run(MtPairing *pairing);

G_END_DECLS
