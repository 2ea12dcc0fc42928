/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A policy over a trace.
 */

#include "record/trace.h"

G_BEGIN_DECLS

/*
 * Gives the samples and passes of @trace to a policy; @act is told each
 * decision.  Nothing is decided after an abort that @act carries out.  As
 * KubeVirt does, its stall detector is replaced by its older monitor if the
 * trace has no pass events; then the result is FALSE.
 */
gboolean mt_replay(const MtTrace *trace, const MtPolicyConfig *config,
                   MtPolicyAct act, gpointer data);

G_END_DECLS
