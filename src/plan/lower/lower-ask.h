/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Asking the libvirt of a guest which flags and typed parameters it supports.
 *
 * The release number is not enough, because distributions backport and remove
 * features.
 */

#include "plan/lower/lower.h"

#include "migtune/migtune-driver.h"

G_BEGIN_DECLS

struct _MtLowerAsk {
    unsigned int flags;         /* flags to ask about */
    unsigned int refused;       /* flags that libvirt does not support */
    GArray *params;             /* MigtuneDriverAsked */
};

/* Collects all flags and parameters that a lowering of @plan may use.  None of them
 * is marked as refused. */
MtLowerAsk *mt_lower_ask_new(const MtPlan *plan);
void mt_lower_ask_free(MtLowerAsk *ask);

/* Whether libvirt supports what @lower needs.  TRUE if it was not asked. */
gboolean mt_lower_ask_accepts(const MtLowerAsk *ask, const MtLowerRow *lower);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLowerAsk, mt_lower_ask_free)

G_END_DECLS
