/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the rules about two hosts share.  Each rule is an entry in a table of
 * rules.c, rules-tls.c or rules-releases.c.
 */

#include "pair/pairing.h"

G_BEGIN_DECLS

typedef struct MtPairRule MtPairRule;

struct MtPairRule {
    const char *id;
    const char *name;           /* "T1" ...; NULL: none */
    MtPairSeverity severity;
    MtSide side;
    void (*run)(MtPairing *p, const MtPairRule *rule);
    MtParamId row;              /* MT_PARAM_COMPRESSION: not about one
                                 * setting */
    MtRelease since, until;
    const char *origin;
};

/* Runs the @n rules of a table. */
void mt_rules_run(MtPairing *p, const MtPairRule *rules, gsize n);

/* Adds a finding of @rule.  Takes the texts. */
MtPairFinding *mt_rule_add(MtPairing *p, const MtPairRule *rule, char *expected,
                           char *found, char *text, const char *fix);

/* As mt_rule_add(), for a setting that is changed to @value instead, unless the
 * policy is strict. */
void mt_rule_replace(MtPairing *p, const MtPairRule *rule, const char *value,
                     char *expected, char *found, char *text);

/* The version of a side's QEMU, else its release; for g_free(). */
char *mt_rule_release(const MtPairSide *side);

gboolean mt_rule_has_postcopy(const MtPairing *p);
gboolean mt_rule_has_tls(const MtPairing *p);

/* The id of the TLS credentials in @values; "" if there are none.  For
 * g_free(). */
char *mt_rule_get_creds(const MtSet *values);

/* The other tables. */
void mt_rules_run_tls(MtPairing *p);
void mt_rules_run_releases(MtPairing *p);

/* Lists the facts that the monitors do not report and the user has to check. */
void mt_rules_list_unchecked(MtPairing *p);

G_END_DECLS
