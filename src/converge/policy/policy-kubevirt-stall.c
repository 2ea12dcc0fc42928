/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stall detector of KubeVirt: virt-launcher's stall-detector.go.
 *
 * It uses the remaining data only at pass events.  A migration stalls when a
 * pass ends with at least as much remaining data as the smallest value that is
 * older than stallProgressTimeout, reduced by a margin.  Then the detector
 * waits for a pass that ends near the best value seen.  At each deadline it
 * accepts a worse result: the best value becomes the smallest one since the
 * stall, and the time to the next deadline becomes shorter.  Then it chooses
 * between post-copy, a downtime without limit ("hard"), the largest allowed
 * downtime ("soft") and abort.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "converge/policy/kubevirt.h"
#include "util/i18n.h"

/* The first downtime, unless the allowed downtime is shorter. */
#define STALL_FIRST_MS 300

/* Values kept; if there are more, the oldest candidate or the largest value of
 * the history is dropped. */
#define STALL_KEEP 1024

typedef struct {
    gint64 time_ms;
    guint64 remaining;
} StallRecord;

typedef struct {
    gint64 acceptable_s;        /* 0: no limit */
    gint64 switchover_deadline_s;
    gboolean downtime_set;
    gboolean switchover;        /* a larger downtime was set */
    gboolean ended;
    double ewma;                /* bytes a second; 0: none yet */

    guint n_candidates;
    StallRecord candidates[STALL_KEEP];     /* ordered by time; remaining
                                             * falls */
    gboolean has_outside;
    guint64 outside_min;        /* smallest value older than the timeout */

    gboolean stalled;
    guint64 best;
    gint64 patience_ms;
    gint64 deadline_ms;
    guint n_history;
    guint64 history[STALL_KEEP];            /* since the stall; ascending */
} StallState;

static gint64
stall_start(MtPolicyRun *run, gpointer data)
{
    StallState *state = data;

    state->acceptable_s = mt_kubevirt_acceptable(
        &mt_policy_run_config(run)->kubevirt, mt_policy_run_guest(run));
    state->switchover_deadline_s = state->acceptable_s;
    return MT_KUBEVIRT_POLL_MS;
}

static void
stall_age(StallState *state, gint64 before_ms)
{
    guint n = 0;

    while (n < state->n_candidates &&
           state->candidates[n].time_ms <= before_ms) {
        guint64 remaining = state->candidates[n++].remaining;

        if (!state->has_outside || remaining < state->outside_min)
            state->outside_min = remaining;
        state->has_outside = TRUE;
    }
    state->n_candidates -= n;
    memmove(state->candidates, state->candidates + n,
            state->n_candidates * sizeof(StallRecord));
}

static void
stall_record(StallState *state, gint64 now_ms, guint64 remaining)
{
    guint n = state->n_candidates;

    if ((state->has_outside && remaining > state->outside_min) ||
        (n && remaining >= state->candidates[n - 1].remaining))
        return;

    if (n == STALL_KEEP)
        stall_age(state, state->candidates[0].time_ms);
    state->candidates[state->n_candidates++] =
        (StallRecord){ now_ms, remaining };
}

static void
stall_push(StallState *state, guint64 remaining)
{
    guint at = state->n_history;

    if (at == STALL_KEEP) {
        if (remaining >= state->history[at - 1])
            return;
        state->n_history = --at;
    }
    while (at && state->history[at - 1] > remaining)
        at--;
    memmove(state->history + at + 1, state->history + at,
            (state->n_history - at) * sizeof(guint64));
    state->history[at] = remaining;
    state->n_history++;
}

/* Whether the migration has stalled, at a pass that ended with @remaining. */
static gboolean
stall_detect(StallState *state, const MtKubevirtConfig *config, gint64 now_ms,
             guint64 remaining)
{
    guint64 limit;

    if (state->stalled) {
        stall_push(state, remaining);
        if (now_ms < state->deadline_ms)
            return TRUE;

        state->best = state->history[0];
        state->n_history--;
        memmove(state->history, state->history + 1,
                state->n_history * sizeof(guint64));
        state->patience_ms *= config->decay;
        state->deadline_ms = now_ms + state->patience_ms;
        return TRUE;
    }

    if (!state->has_outside)
        return FALSE;
    limit = state->outside_min * (1 - config->margin_percent / 100.0);
    if (remaining < limit)
        return FALSE;

    state->stalled = TRUE;
    state->best = state->outside_min;
    for (guint i = 0; i < state->n_candidates; i++)
        state->best = MIN(state->best, state->candidates[i].remaining);
    state->patience_ms = config->stall_s * 1000;
    state->deadline_ms = now_ms + state->patience_ms;
    return TRUE;
}

/* The time in milliseconds to send the remaining data at the average
 * bandwidth. */
static guint64
stall_estimate_ms(const StallState *state, guint64 remaining)
{
    double ms = remaining / (state->ewma / 1000);

    return ms >= G_MAXUINT32 ? G_MAXUINT32 : (guint64)ms;
}

/* Whether a switch-over of @est_ms ends within the extended time limit. */
static gboolean
stall_fits(const StallState *state, const MtKubevirtConfig *config,
           gint64 now_ms, guint64 est_ms)
{
    gint64 limit_s;

    if (!state->acceptable_s)
        return TRUE;
    limit_s = state->acceptable_s * config->completion_factor;
    return (gint64)est_ms <= (limit_s - now_ms / 1000) * 1000;
}

static void
stall_switch(MtPolicyRun *run, StallState *state, gint64 now_ms,
             gint64 downtime_ms, const char *code, const char *reason)
{
    state->switchover = mt_policy_decide(run, MT_ACT_SET_DOWNTIME, downtime_ms,
                                         code, "%s", reason);
    if (state->switchover)
        state->switchover_deadline_s =
            now_ms / 1000 + mt_policy_run_config(run)->kubevirt.switchover_s;
}

static void
stall_decide(MtPolicyRun *run, StallState *state, gint64 now_ms,
             guint64 remaining)
{
    const MtKubevirtConfig *config = &mt_policy_run_config(run)->kubevirt;
    guint64 target = state->best * (1 + config->margin_percent / 100.0);
    guint64 est_ms = stall_estimate_ms(state, remaining);

    if ((config->local_minima && remaining > target) ||
        !stall_fits(state, config, now_ms, est_ms))
        return;

    if (config->allow_disruption && config->allow_postcopy &&
        !mt_policy_run_guest(run)->vfio) {
        state->ended = mt_policy_decide(
            run, MT_ACT_POSTCOPY, 0, "stalled",
            _("the migration has stalled with %" PRIu64 " bytes "
              "remaining"), remaining);
    } else if (config->allow_disruption) {
        stall_switch(run, state, now_ms, MT_DOWNTIME_MAX_MS, "stalled-hard",
                     _("the migration has stalled and the workload may be "
                       "disrupted"));
    } else if (est_ms <= config->max_downtime_ms * config->possible_factor) {
        stall_switch(run, state, now_ms, config->max_downtime_ms,
                     "stalled-soft",
                     _("the migration has stalled near the downtime that is "
                       "allowed"));
    } else {
        mt_policy_decide(run, MT_ACT_ABORT, 0, "stalled-abort",
                         _("the migration has stalled: the remaining data "
                           "takes %" PRIu64 " ms, and %"
                           PRId64 " ms are allowed"), est_ms,
                         config->max_downtime_ms);
        state->ended = TRUE;
    }
}

static void
stall_timeout(MtPolicyRun *run, StallState *state, gint64 now_ms,
              const MtSample *sample)
{
    const MtKubevirtConfig *config = &mt_policy_run_config(run)->kubevirt;
    gint64 limit_s = sample->guest_paused ? state->acceptable_s :
                     state->switchover_deadline_s;

    if (state->ended || !state->acceptable_s || now_ms / 1000 <= limit_s)
        return;

    if (state->ewma > 0 && !state->switchover &&
        stall_fits(state, config, now_ms,
                   stall_estimate_ms(state, sample->remaining))) {
        if (config->allow_postcopy) {
            state->ended = mt_policy_decide(
                run, MT_ACT_POSTCOPY, 0, "completion-timeout",
                _("the migration has taken more than %" PRId64 " s"),
                limit_s);
            return;
        }
        if (config->allow_disruption) {
            stall_switch(run, state, now_ms, MT_DOWNTIME_MAX_MS,
                         "completion-timeout",
                         _("the time limit is reached and the workload may be "
                           "disrupted"));
            if (state->switchover) {
                state->acceptable_s *= config->completion_factor;
                mt_policy_decide(run, MT_ACT_SET_DEADLINE,
                                 state->switchover_deadline_s * 1000,
                                 "completion-timeout",
                                 _("the switch-over has %" PRId64
                                   " s"), config->switchover_s);
            }
            return;
        }
    }
    mt_policy_decide(run, MT_ACT_ABORT, 0, "completion-timeout",
                     _("the migration has taken more than %" PRId64
                       " s"), limit_s);
    state->ended = TRUE;
}

static void
stall_pass(MtPolicyRun *run, gpointer data, gint64 now_ms,
           const MtSample *sample)
{
    StallState *state = data;
    const MtKubevirtConfig *config = &mt_policy_run_config(run)->kubevirt;

    if (state->ended || sample->phase == MT_PHASE_POSTCOPY)
        return;

    if (state->ewma > 0 && !state->switchover) {
        stall_age(state, now_ms - config->stall_s * 1000);
        stall_record(state, now_ms, sample->remaining);
        if (stall_detect(state, config, now_ms, sample->remaining))
            stall_decide(run, state, now_ms, sample->remaining);
    }
    stall_timeout(run, state, now_ms, sample);
}

static gint64
stall_poll(MtPolicyRun *run, gpointer data, gint64 now_ms,
           const MtSample *sample)
{
    StallState *state = data;
    const MtKubevirtConfig *config = &mt_policy_run_config(run)->kubevirt;

    if (!sample)
        return now_ms + MT_KUBEVIRT_POLL_MS;
    if (state->ended || sample->phase == MT_PHASE_POSTCOPY)
        return MT_POLL_NEVER;

    if (!state->downtime_set)
        state->downtime_set = mt_policy_decide(
            run, MT_ACT_SET_DOWNTIME,
            MIN(config->max_downtime_ms, STALL_FIRST_MS), "downtime-initial",
            _("the first downtime of the stall detector"));
    if (sample->bandwidth)
        state->ewma = state->ewma > 0 ?
            config->alpha * sample->bandwidth +
            (1 - config->alpha) * state->ewma :
            sample->bandwidth;
    stall_timeout(run, state, now_ms, sample);
    return state->ended ? MT_POLL_NEVER : now_ms + MT_KUBEVIRT_POLL_MS;
}

const MtPolicyClass mt_policy_kubevirt_stall = {
    .name = "kubevirt-stall",
    .help = N_("KubeVirt's stall detector: act at the best pass after a "
               "stall"),
    .state_size = sizeof(StallState),
    .init = mt_kubevirt_init,
    .start = stall_start,
    .poll = stall_poll,
    .pass = stall_pass,
};
