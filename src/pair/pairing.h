/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Compares the two sides of a migration, and makes one plan for both.
 *
 * A pairing is made from the facts of both sides and the requested settings.
 * It decides how each request is fulfilled on both sides together, makes a plan
 * for each side, and lists its findings.  It sends no commands and changes
 * nothing, so that every rule can be tested without a guest.
 */

#include "pair/finding.h"
#include "pair/side.h"
#include "plan/plan.h"

G_BEGIN_DECLS

typedef struct {
    const MtPairSide *source;
    const MtPairSide *destination;
    MtPolicy policy;
    const char *uri;            /* of the migration; NULL: not known */

    MtCaps *common;             /* what both sides support */
    MtPlan *wishes;             /* the requests, resolved for @common */
    MtSet *source_after;        /* all values once both plans are applied */
    MtSet *destination_after;
    MtPlan *source_plan;        /* empty if the migration is refused */
    MtPlan *destination_plan;
    gboolean overridden;        /* the findings that refuse are ignored */

    GPtrArray *findings;        /* MtPairFinding */
    GPtrArray *unchecked;       /* const MtPairUnchecked */
} MtPairing;

/* Keeps pointers to @source and @destination, which must outlive the
 * pairing. */
MtPairing *mt_pairing_new(const MtPairSide *source,
                          const MtPairSide *destination,
                          const virTypedParameter *params, int n_params,
                          MtPolicy policy, const char *uri);
void mt_pairing_free(MtPairing *pairing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPairing, mt_pairing_free)

/* Whether no finding refuses the migration. */
gboolean mt_pairing_is_ok(const MtPairing *pairing);

/* Makes the plans although a finding refuses the migration. */
void mt_pairing_override(MtPairing *pairing);

/* The finding with this id; NULL if there is none. */
const MtPairFinding *mt_pairing_find(const MtPairing *pairing,
                                     const char *id);

/* Whether @id will be switched on, or differ from its default, on the source
 * when the migration starts. */
gboolean mt_pairing_has(const MtPairing *pairing, MtParamId id);

/* Plans the value @text (as in the table) of @id on both sides that have it. */
void mt_pairing_change(MtPairing *pairing, MtParamId id, const char *text,
                       const char *reason);

/* Adds a finding; takes the texts.  @id and @origin must be static. */
MtPairFinding *mt_pairing_add(MtPairing *pairing, const char *id,
                              MtPairSeverity severity, MtSide side,
                              char *expected, char *found, char *text,
                              char *fix);

/* The verdicts, which apply to both sides: an array of objects with `name`,
 * `asked`, `source`, `destination`, `verdict` and `reason`.  @source and
 * @destination are the values that were read back; NULL: the planned values. */
JsonArray *mt_pairing_verdicts_to_json(const MtPairing *pairing,
                                       const MtSet *source,
                                       const MtSet *destination);
JsonArray *mt_pairing_findings_to_json(const MtPairing *pairing);
/* For a migration that libvirt encrypts: libvirt makes the credentials, and does
 * not report its certificates. */
void mt_pairing_note_libvirt_tls(MtPairing *pairing);

JsonArray *mt_pairing_unchecked_to_json(const MtPairing *pairing);

/*
 * Compares the values that were read back on both sides with the planned
 * values.  Returns a text that names each difference that would make the
 * migration fail; NULL if there is none.
 */
char *mt_pairing_compare(const MtPairing *pairing, const MtSet *source,
                         const MtSet *destination);

/* rules.c: runs all rules. */
void mt_pair_rules_run(MtPairing *pairing);

G_END_DECLS
