/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the files of this folder: the public policy objects, and decisions
 * as JSON.
 */

#include "converge/finding.h"
#include "converge/policy/policy.h"
#include "migtune/migtune-converge.h"

G_BEGIN_DECLS

struct _MigtunePolicy {
    gatomicrefcount refs;
    char *name;
    char *file;                 /* NULL: not from a file */
    MtPolicyConfig config;
    MtFindings *findings;
    guint64 max_downtime_ms;    /* of the caller; 0: none */
    guint64 deadline_ms;
};

/* Whether decisions of this kind carry a value. */
gboolean mt_act_has_value(MtAct act);

JsonObject *mt_decision_to_json(const MtDecision *decision,
                                const char *policy);

G_END_DECLS
