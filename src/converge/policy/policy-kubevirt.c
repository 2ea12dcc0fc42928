/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The migration monitor of KubeVirt without the stall detector: virt-launcher's
 * live-migration-source.go.
 *
 * Every 400 ms it checks whether the remaining data is less than at the last
 * poll, and raises the downtime in steps if downtimeTuning is configured.  Then
 * it takes at most one action: a completion timeout that may disrupt the guest,
 * a progress timeout, or a completion timeout that aborts.
 */
#include "config.h"

#include <inttypes.h>

#include "converge/policy/kubevirt.h"
#include "util/i18n.h"

/* The downtime that KubeVirt assumes after it failed to set one. */
#define KUBEVIRT_UNSET_MS 300

typedef struct {
    gint64 acceptable_s;        /* 0: no limit */
    guint64 watermark;          /* remaining at the last poll */
    gint64 progress_ms;         /* time of the last progress */
    gboolean tuned;             /* the first downtime was attempted */
    gint64 current_ms;
    gint64 changed_ms;
    gboolean paused;            /* a disruptive action was taken */
    gboolean postcopy;
} KubevirtState;

static gint64
kubevirt_start(MtPolicyRun *run, gpointer data)
{
    KubevirtState *state = data;

    state->acceptable_s = mt_kubevirt_acceptable(
        &mt_policy_run_config(run)->kubevirt, mt_policy_run_guest(run));
    state->current_ms = KUBEVIRT_UNSET_MS;
    return MT_KUBEVIRT_POLL_MS;
}

static void
kubevirt_tune(MtPolicyRun *run, KubevirtState *state, gint64 now_ms,
              guint64 pass)
{
    const MtKubevirtConfig *config = &mt_policy_run_config(run)->kubevirt;
    gint64 step_ms =
        MAX((config->max_downtime_ms - config->initial_ms) / config->steps, 1);
    gint64 new_ms;

    if (!state->tuned) {
        new_ms = MIN(config->initial_ms, config->max_downtime_ms);
        state->tuned = TRUE;
        state->changed_ms = now_ms;
        if (mt_policy_decide(run, MT_ACT_SET_DOWNTIME, new_ms,
                             "downtime-initial",
                             _("the first downtime of downtimeTuning")))
            state->current_ms = new_ms;
        return;
    }

    new_ms = MIN(state->current_ms + step_ms, config->max_downtime_ms);
    if ((gint64)pass < config->start_after_pass ||
        now_ms - state->changed_ms < config->cooldown_s * 1000 ||
        new_ms <= state->current_ms)
        return;

    if (mt_policy_decide(run, MT_ACT_SET_DOWNTIME, new_ms, "downtime-step",
                         _("pass %" PRIu64 " is under way and the "
                           "last change was %" PRId64 " s ago"), pass,
                         (now_ms - state->changed_ms) / 1000)) {
        state->current_ms = new_ms;
        state->changed_ms = now_ms;
    }
}

/* The action of a completion timeout that may disrupt the guest. */
static void
kubevirt_disrupt(MtPolicyRun *run, KubevirtState *state)
{
    const MtKubevirtConfig *config = &mt_policy_run_config(run)->kubevirt;
    gint64 limit_s = state->acceptable_s;

    if (config->allow_postcopy && !mt_policy_run_guest(run)->vfio) {
        state->postcopy = mt_policy_decide(
            run, MT_ACT_POSTCOPY, 0, "completion-timeout",
            _("the migration has taken more than %" PRId64 " s"),
            limit_s);
    } else if (mt_policy_run_guest(run)->vfio) {
        if (mt_policy_decide(run, MT_ACT_SET_DOWNTIME,
                             MIN(2 * limit_s * 1000, MT_DOWNTIME_MAX_MS),
                             "completion-timeout",
                             _("the migration has taken more than %"
                               PRId64 " s and a VFIO device excludes "
                               "post-copy"), limit_s)) {
            state->paused = TRUE;
            state->acceptable_s *= 2;
        }
    } else if (mt_policy_decide(run, MT_ACT_PAUSE, 0, "completion-timeout",
                                _("the migration has taken more than %"
                                  PRId64 " s and post-copy is not "
                                  "allowed"), limit_s)) {
        state->paused = TRUE;
        state->acceptable_s *= 2;
    }
}

static gint64
kubevirt_poll(MtPolicyRun *run, gpointer data, gint64 now_ms,
              const MtSample *sample)
{
    KubevirtState *state = data;
    const MtKubevirtConfig *config = &mt_policy_run_config(run)->kubevirt;
    gint64 next_ms = now_ms + MT_KUBEVIRT_POLL_MS;
    gboolean late;

    if (!sample)
        return next_ms;

    if (!state->watermark || sample->remaining < state->watermark)
        state->progress_ms = now_ms;
    state->watermark = sample->remaining;
    if (state->postcopy || sample->phase == MT_PHASE_POSTCOPY)
        return MT_POLL_NEVER;

    if (config->tuning)
        kubevirt_tune(run, state, now_ms, sample->pass);
    late = state->acceptable_s && now_ms / 1000 > state->acceptable_s;
    if (config->allow_disruption && late && !state->paused) {
        kubevirt_disrupt(run, state);
    } else if (config->progress_s &&
               now_ms - state->progress_ms > config->progress_s * 1000) {
        mt_policy_decide(run, MT_ACT_ABORT, 0, "progress-timeout",
                         _("the remaining data has not become less for more "
                           "than %" PRId64 " s"), config->progress_s);
        return MT_POLL_NEVER;
    } else if (late) {
        mt_policy_decide(run, MT_ACT_ABORT, 0, "completion-timeout",
                         _("the migration has taken more than %"
                           PRId64 " s"), state->acceptable_s);
        return MT_POLL_NEVER;
    }

    return next_ms;
}

const MtPolicyClass mt_policy_kubevirt = {
    .name = "kubevirt",
    .help = N_("KubeVirt: timeouts by guest size, downtime in steps"),
    .state_size = sizeof(KubevirtState),
    .init = mt_kubevirt_init,
    .start = kubevirt_start,
    .poll = kubevirt_poll,
};
