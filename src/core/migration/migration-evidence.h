/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What libvirt reports of a migration, and which requested settings it proves.
 */

#include "core/migration/job.h"
#include "plan/plan.h"

G_BEGIN_DECLS

typedef struct _MtEvidence MtEvidence;

MtEvidence *mt_evidence_new(void);
void mt_evidence_free(MtEvidence *evidence);

/* Adds the statistics of a running or finished migration. */
void mt_evidence_add(MtEvidence *evidence, const MtJob *job);

/* Adds parameters that were read back, named as QEMU names them. */
void mt_evidence_add_parameters(MtEvidence *evidence, JsonObject *parameters);

/*
 * Makes the verdicts of @plan after the migration.  "in-force" and "substituted"
 * remain only where the evidence proves the setting; a setting for which libvirt
 * reports another value is "ignored"; any other is "unverified".
 */
void mt_evidence_judge(const MtEvidence *evidence, gboolean completed,
                       MtPlan *plan, const MtSet *planned);

G_END_DECLS
