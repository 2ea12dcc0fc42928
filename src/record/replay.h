/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Runs a policy over a recorded trace.
 */

#include "record/trace.h"

G_BEGIN_DECLS

/*
 * Passes the samples and passes of @trace to a policy; @act is called for each
 * decision.  The policy is not called again after an abort that @act carries
 * out.  KubeVirt uses its older monitor instead of its stall detector if there
 * are no pass events; this function does the same, and then returns FALSE.
 */
gboolean mt_replay(const MtTrace *trace, const MtPolicyConfig *config,
                   MtPolicyAct act, gpointer data);

G_END_DECLS
