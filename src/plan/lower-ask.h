/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a lowering would like to give to libvirt's migration call, and what of
 * it the libvirt of a guest says that it takes.
 *
 * A release tells what libvirt was written to take; a distribution may have
 * added to that or taken from it.  So where there is a daemon it is asked.
 */

#include "plan/lower.h"

#include "migtune/migtune-driver.h"

G_BEGIN_DECLS

struct _MtLowerAsk {
    unsigned int flags;         /* asked about */
    unsigned int refused;       /* of these */
    GArray *params;             /* MigtuneDriverAsked */
};

/* All that a lowering of @plan would use, whatever the release; nothing of it
 * is refused as yet. */
MtLowerAsk *mt_lower_ask_new(const MtPlan *plan);
void mt_lower_ask_free(MtLowerAsk *ask);

/* Whether what @how says was taken; what was not asked about was. */
gboolean mt_lower_ask_took(const MtLowerAsk *ask, const MtLowerRow *how);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLowerAsk, mt_lower_ask_free)

G_END_DECLS
