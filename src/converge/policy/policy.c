/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The run that gives a policy its polls and events in the order of time: see
 * policy.h.
 */
#include "config.h"

#include <stdarg.h>

#include "converge/policy/policy.h"

struct MtPolicyRun {
    MtPolicyConfig config;
    MtPolicyGuest guest;
    MtPolicyAct act;
    gpointer data;
    gpointer state;
    gint64 now_ms;          /* of what is being handled */
    gint64 next_ms;
    gboolean has_sample;
    MtSample sample;        /* the newest one */
    gboolean has_earlier;
    MtSample earlier;       /* the last one of an earlier pass */
};

static const struct {
    const char *status;
    MtPhase phase;
} phases[] = {
    { "setup", MT_PHASE_SETUP },
    { "wait-unplug", MT_PHASE_SETUP },
    { "active", MT_PHASE_PRECOPY },
    { "colo", MT_PHASE_PRECOPY },
    { "postcopy-device", MT_PHASE_POSTCOPY },
    { "postcopy-active", MT_PHASE_POSTCOPY },
    { "postcopy-paused", MT_PHASE_POSTCOPY },
    { "postcopy-recover-setup", MT_PHASE_POSTCOPY },
    { "postcopy-recover", MT_PHASE_POSTCOPY },
    { "pre-switchover", MT_PHASE_ENDING },
    { "device", MT_PHASE_ENDING },
    { "cancelling", MT_PHASE_ENDING },
    { "failing", MT_PHASE_ENDING },
    { "completed", MT_PHASE_ENDED },
    { "failed", MT_PHASE_ENDED },
    { "cancelled", MT_PHASE_ENDED },
};

MtPhase
mt_phase_from_status(const char *status)
{
    for (guint i = 0; status && i < G_N_ELEMENTS(phases); i++) {
        if (g_str_equal(phases[i].status, status))
            return phases[i].phase;
    }

    return MT_PHASE_OTHER;
}

const char *
mt_act_to_string(MtAct act)
{
    static const char *const names[] = {
        [MT_ACT_SET_DOWNTIME] = "set-downtime",
        [MT_ACT_SET_BANDWIDTH] = "set-bandwidth",
        [MT_ACT_THROTTLE] = "throttle",
        [MT_ACT_POSTCOPY] = "post-copy",
        [MT_ACT_PAUSE] = "pause",
        [MT_ACT_ABORT] = "abort",
        [MT_ACT_SET_DEADLINE] = "set-deadline",
        [MT_ACT_NOTE] = "note",
    };

    return names[act];
}

MtPolicyRun *
mt_policy_run_new(const MtPolicyConfig *config, const MtPolicyGuest *guest,
                  MtPolicyAct act, gpointer data)
{
    MtPolicyRun *run = g_new0(MtPolicyRun, 1);

    run->config = *config;
    run->guest = *guest;
    run->act = act;
    run->data = data;
    run->state = g_malloc0(MAX(config->policy->state_size, 1));
    run->next_ms = MT_POLL_NEVER;
    return run;
}

void
mt_policy_run_free(MtPolicyRun *run)
{
    if (!run)
        return;

    g_free(run->state);
    g_free(run);
}

void
mt_policy_run_start(MtPolicyRun *run)
{
    run->now_ms = 0;
    run->next_ms = run->config.policy->start(run, run->state);
}

void
mt_policy_run_advance(MtPolicyRun *run, gint64 time_ms)
{
    while (run->next_ms <= time_ms) {
        gint64 now_ms = run->next_ms;

        run->now_ms = now_ms;
        run->next_ms = run->config.policy->poll(
            run, run->state, now_ms, run->has_sample ? &run->sample : NULL);
        g_assert(run->next_ms > now_ms);
    }
}

static void
policy_enter_pass(MtPolicyRun *run, guint64 pass)
{
    if (!run->has_sample || pass <= run->sample.pass)
        return;

    run->earlier = run->sample;
    run->has_earlier = TRUE;
}

void
mt_policy_run_sample(MtPolicyRun *run, const MtSample *sample)
{
    if (run->has_sample && sample->time_ms < run->sample.time_ms)
        return;

    mt_policy_run_advance(run, sample->time_ms - 1);
    policy_enter_pass(run, sample->pass);
    run->sample = *sample;
    run->has_sample = TRUE;
    if (sample->phase == MT_PHASE_ENDED)
        run->next_ms = MT_POLL_NEVER;
}

void
mt_policy_run_pass(MtPolicyRun *run, gint64 time_ms, guint64 pass)
{
    mt_policy_run_advance(run, time_ms - 1);
    if (run->next_ms == MT_POLL_NEVER || !run->has_sample)
        return;

    policy_enter_pass(run, pass);
    run->sample.pass = MAX(run->sample.pass, pass);
    run->now_ms = time_ms;
    if (run->config.policy->pass)
        run->config.policy->pass(run, run->state, time_ms, &run->sample);
}

gint64
mt_policy_run_next(const MtPolicyRun *run)
{
    return run->next_ms;
}

const MtPolicyConfig *
mt_policy_run_config(const MtPolicyRun *run)
{
    return &run->config;
}

const MtPolicyGuest *
mt_policy_run_guest(const MtPolicyRun *run)
{
    return &run->guest;
}

const MtSample *
mt_policy_run_earlier_pass(const MtPolicyRun *run)
{
    return run->has_earlier ? &run->earlier : NULL;
}

gboolean
mt_policy_decide(MtPolicyRun *run, MtAct act, guint64 value, const char *code,
                 const char *format, ...)
{
    MtDecision decision = {
        .time_ms = run->now_ms,
        .act = act,
        .value = value,
        .code = code,
    };
    va_list args;

    va_start(args, format);
    g_vsnprintf(decision.reason, sizeof(decision.reason), format, args);
    va_end(args);
    return run->act(&decision, run->data);
}
