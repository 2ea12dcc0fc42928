/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy of Proxmox VE: src/PVE/QemuMigrate.pm.
 *
 * It counts the polls where the data that remains has grown, or is 0, and
 * doubles the downtime at every sixth of them.  The count is not reset by
 * progress.  There is no timeout and no abort.
 */
#include "config.h"

#include "converge/policy/policy.h"
#include "util/i18n.h"

#define PROXMOX_POLL_MS 1000
#define PROXMOX_FAST_POLL_MS 100

/* The downtime is doubled when the count exceeds this. */
#define PROXMOX_GROWN_MAX 5

typedef struct {
    guint64 downtime_ms;
    guint64 n_polls;
    guint grown;
    guint64 last_transferred;
    guint64 last_remaining;
} ProxmoxState;

static void
proxmox_init(MtPolicyConfig *config)
{
    config->proxmox = (MtProxmoxConfig){ .downtime_ms = 100 };
}

static gint64
proxmox_start(MtPolicyRun *run, gpointer data)
{
    ProxmoxState *state = data;

    state->downtime_ms = mt_policy_run_config(run)->proxmox.downtime_ms;
    return PROXMOX_POLL_MS;
}

static gint64
proxmox_poll(MtPolicyRun *run, gpointer data, gint64 now_ms,
             const MtSample *sample)
{
    ProxmoxState *state = data;
    gint64 wait_ms = PROXMOX_POLL_MS;

    state->n_polls++;
    if (!sample)
        return now_ms + wait_ms;

    if (sample->remaining < sample->transferred / state->n_polls)
        wait_ms = PROXMOX_FAST_POLL_MS;
    if (sample->transferred == state->last_transferred)
        return now_ms + wait_ms;

    if ((state->last_remaining && sample->remaining > state->last_remaining) ||
        !sample->remaining)
        state->grown++;
    state->last_transferred = sample->transferred;
    state->last_remaining = sample->remaining;
    if (state->grown > PROXMOX_GROWN_MAX) {
        state->grown = 0;
        state->downtime_ms = MIN(2 * state->downtime_ms, MT_DOWNTIME_MAX_MS);
        mt_policy_decide(run, MT_ACT_SET_DOWNTIME, state->downtime_ms,
                         "remaining-grew",
                         _("the remaining data has grown, or was 0, at %d "
                           "polls"), PROXMOX_GROWN_MAX + 1);
    }

    return now_ms + wait_ms;
}

const MtPolicyClass mt_policy_proxmox = {
    .name = "proxmox",
    .help = N_("Proxmox VE: double the downtime while the remaining data "
               "grows"),
    .state_size = sizeof(ProxmoxState),
    .init = proxmox_init,
    .start = proxmox_start,
    .poll = proxmox_poll,
};
