/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What both policies of KubeVirt share: see policy-kubevirt.c and
 * policy-kubevirt-stall.c.
 */

#include "converge/policy/policy.h"

G_BEGIN_DECLS

#define MT_KUBEVIRT_POLL_MS 400

void mt_kubevirt_init(MtPolicyConfig *config);

G_END_DECLS
