/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both policies of KubeVirt share: the defaults and the time limit.
 */
#include "config.h"

#include "converge/policy/kubevirt.h"

#define GB 1000000000u

void
mt_kubevirt_init(MtPolicyConfig *config)
{
    config->kubevirt = (MtKubevirtConfig){
        .completion_s_per_gb = 150,
        .progress_s = 150,
        .max_downtime_ms = 900,
        .initial_ms = 150,
        .steps = 7,
        .start_after_pass = 3,
        .cooldown_s = 10,
        .margin_percent = 4,
        .stall_s = 40,
        .switchover_s = 60,
        .alpha = 0.4,
        .possible_factor = 1.5,
        .decay = 0.5,
        .local_minima = TRUE,
        .completion_factor = 2,
    };
}

/* The key says GiB; KubeVirt counts started gigabytes of 10^9 bytes. */
gint64
mt_kubevirt_acceptable(const MtKubevirtConfig *config,
                       const MtPolicyGuest *guest)
{
    guint64 bytes = guest->ram_bytes + guest->disk_bytes;

    return config->completion_s_per_gb * (gint64)((bytes + GB - 1) / GB);
}
