/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bringing back the former values after a plan failed.
 */

#include "plan/plan.h"
#include "qmp/exec.h"

G_BEGIN_DECLS

/* How far a plan has come. */
typedef struct {
    guint n_sent;               /* steps that may have reached QEMU */
    guint n_done;               /* steps that QEMU has carried out */
    gboolean lost;              /* the answer to the last step sent is lost */
} MtProgress;

/*
 * Gives the touched rows their values in @former again, or those of the plan if
 * @former is NULL.  Turns @failure, which is taken, into an error that says how
 * that ended.
 */
void mt_undo(const MtPlan *plan, MtExec *exec, const MtProgress *progress,
             const MtState *former, GError *failure, GError **error);

/* Reads the present values, over a new connection if the old one is lost. */
MtState *mt_undo_read(MtExec *exec, const MtCaps *caps, GError **error);

G_END_DECLS
