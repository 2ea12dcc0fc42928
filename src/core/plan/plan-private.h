/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The public plan from inside.
 */

#include "core/kept/plan-kept.h"
#include "core/plan/journal.h"

G_BEGIN_DECLS

struct _MigtunePlan {
    GObject parent_instance;
    MtPlan *plan;
    MigtuneDomain *domain; /* NULL: made without a guest */
    MtTargets targets;
    gboolean defaults; /* a reset to the defaults */
    gboolean reset;
    gboolean tried;       /* apply has begun, whatever came of it */
    MtKeptChange *change; /* of kept settings; NULL: none */
    gboolean keeps_new;   /* @change differs from the kept settings */
    GPtrArray *texts;     /* owned; returned by get_verdict() */
};

/* The journal of the guest's process and the lock of the guest; neither is
 * opened yet.  The caller holds the domain. */
MtJournal *mt_plan_new_journal(MigtuneDomain *domain);

G_END_DECLS
