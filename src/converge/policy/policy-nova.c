/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy of OpenStack Nova: nova/virt/libvirt/migration.py and driver.py.
 *
 * Twice a second Nova compares the elapsed time with two things that scale
 * with the size of the guest: a completion timeout, and a series of downtime
 * steps that ends at live_migration_downtime.  All comparisons are strict, and
 * Nova calculates with Python floats, which are IEEE doubles: the order of
 * operations decides whether the last step is one millisecond short.
 *
 * A forced completion is queued by one poll and carried out by the next one.
 */
#include "config.h"

#include <inttypes.h>

#include "converge/policy/policy.h"
#include "util/i18n.h"

#define NOVA_POLL_MS 500
#define NOVA_MIN_GIB 2.0
#define GIB 1073741824.0

typedef struct {
    double gib;
    gint64 limit_s;             /* 0: none */
    gint64 attempted_ms;        /* downtime last attempted; -1: none */
    gboolean force_queued;
    gboolean postcopy;          /* it was started by this policy */
} NovaState;

static void
nova_init(MtPolicyConfig *config)
{
    config->nova = (MtNovaConfig){
        .downtime_ms = 500,
        .steps = 10,
        .delay_s = 75,
        .completion_s = 800,
    };
}

double
mt_nova_disk_gib(double bytes)
{
    return MAX(NOVA_MIN_GIB, bytes / GIB);
}

double
mt_nova_gib(const MtNovaConfig *config, const MtPolicyGuest *guest)
{
    double gib = config->flavor_gib > 0 ? config->flavor_gib :
        guest->ram_bytes / GIB;

    return MAX(NOVA_MIN_GIB, gib) +
           (config->disk_gib > 0 ? config->disk_gib : guest->disk_gib);
}

void
mt_nova_step(const MtNovaConfig *config, double gib, gint64 i,
             gint64 *ret_seconds, gint64 *ret_downtime_ms)
{
    gint64 delay = config->delay_s * gib;
    double base = (double)config->downtime_ms / config->steps;
    double offset = (config->downtime_ms - base) / config->steps;

    *ret_seconds = delay * i;
    *ret_downtime_ms = base + offset * i;
}

static gint64
nova_start(MtPolicyRun *run, gpointer data)
{
    NovaState *state = data;
    const MtNovaConfig *config = &mt_policy_run_config(run)->nova;

    state->gib = mt_nova_gib(config, mt_policy_run_guest(run));
    state->limit_s = config->completion_s * state->gib;
    state->attempted_ms = -1;
    return 0;
}

/* Carries out the completion that an earlier poll has queued. */
static void
nova_force(MtPolicyRun *run, NovaState *state, const MtSample *sample)
{
    const MtNovaConfig *config = &mt_policy_run_config(run)->nova;

    state->force_queued = FALSE;
    if (state->postcopy || sample->phase == MT_PHASE_POSTCOPY)
        return;

    if (config->permit_postcopy && mt_policy_run_guest(run)->postcopy) {
        state->postcopy = mt_policy_decide(
            run, MT_ACT_POSTCOPY, 0, "completion-timeout",
            _("the migration has taken more than %" PRId64
              " s (live_migration_completion_timeout for %.4g GiB)"),
            state->limit_s, state->gib);
    } else {
        mt_policy_decide(
            run, MT_ACT_PAUSE, 0, "completion-timeout",
            _("the migration has taken more than %" PRId64
              " s (live_migration_completion_timeout for %.4g GiB) and "
              "post-copy is not available"),
            state->limit_s, state->gib);
    }
}

static void
nova_completion(MtPolicyRun *run, NovaState *state, gint64 now_ms)
{
    const MtNovaConfig *config = &mt_policy_run_config(run)->nova;

    if (!state->limit_s || now_ms <= state->limit_s * 1000)
        return;

    if (config->force_complete)
        state->force_queued = TRUE;
    else
        mt_policy_decide(run, MT_ACT_ABORT, 0, "completion-timeout",
                         _("the migration has taken more than %"
                           PRId64 " s "
                           "(live_migration_completion_timeout for %.4g GiB)"),
                         state->limit_s, state->gib);
}

/* As in Nova, a downtime counts as set even if setting it failed. */
static void
nova_downtime(MtPolicyRun *run, NovaState *state, gint64 now_ms)
{
    const MtNovaConfig *config = &mt_policy_run_config(run)->nova;
    gint64 wanted_ms = -1;
    gint64 step = 0;

    for (gint64 i = 0; i <= config->steps; i++) {
        gint64 seconds, downtime_ms;

        mt_nova_step(config, state->gib, i, &seconds, &downtime_ms);
        if (now_ms <= seconds * 1000)
            break;
        wanted_ms = downtime_ms;
        step = i;
    }
    if (wanted_ms < 0 || wanted_ms == state->attempted_ms)
        return;

    state->attempted_ms = wanted_ms;
    mt_policy_decide(run, MT_ACT_SET_DOWNTIME, wanted_ms, "downtime-step",
                     _("step %" PRId64 " of %" PRId64
                       " is due at %" PRId64 " s"), step,
                     config->steps,
                     (gint64)(config->delay_s * state->gib) * step);
}

static gint64
nova_poll(MtPolicyRun *run, gpointer data, gint64 now_ms,
          const MtSample *sample)
{
    NovaState *state = data;

    if (!sample)
        return now_ms + NOVA_POLL_MS;

    if (state->force_queued)
        nova_force(run, state, sample);
    if (!state->postcopy && sample->phase != MT_PHASE_POSTCOPY)
        nova_completion(run, state, now_ms);
    nova_downtime(run, state, now_ms);
    return now_ms + NOVA_POLL_MS;
}

const MtPolicyClass mt_policy_nova = {
    .name = "nova",
    .help = N_("OpenStack Nova: downtime in steps by time, then a timeout"),
    .state_size = sizeof(NovaState),
    .init = nova_init,
    .start = nova_start,
    .poll = nova_poll,
};
