/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * No policy: the migration runs as it was started.
 */
#include "config.h"

#include "converge/policy/policy.h"
#include "util/i18n.h"

static void
none_init(MtPolicyConfig *config)
{
}

static gint64
none_start(MtPolicyRun *run, gpointer state)
{
    return MT_POLL_NEVER;
}

static gint64
none_poll(MtPolicyRun *run, gpointer state, gint64 now_ms,
          const MtSample *sample)
{
    return MT_POLL_NEVER;
}

const MtPolicyClass mt_policy_none = {
    .name = "none",
    .help = N_("take no action while the migration runs"),
    .init = none_init,
    .start = none_start,
    .poll = none_poll,
};
