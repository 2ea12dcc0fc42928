/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulator: see simulate.h.
 */
#include "config.h"

#include <math.h>

#include "converge/simulate.h"

/* The shortest pass of QEMU: one iteration over the RAM list and a sync. */
#define SIM_MIN_PASS_S 0.001

/* QEMU compares the remaining data with the downtime after each iteration over
 * RAM: 50 ms without a limit of the bandwidth, otherwise one period of the rate
 * limit. */
#define SIM_ITERATION_S 0.05
#define SIM_RATE_PERIOD_S 0.1

/* Less data than a page counts as none. */
#define SIM_PAGE 4096

/* Policies use whole milliseconds. */
#define SIM_MS 1000.0

typedef struct {
    const MtSimScene *scene;
    MtPolicyAct act;
    gpointer data;
    MtPolicyRun *run;
    MtSimResult result;

    double now;
    guint work, link;
    double bandwidth_limit;     /* max-bandwidth; INFINITY: none */
    double share;               /* share of the processor time that the guest
                                 * has */
    double paused_at;           /* -1: not paused */
    gboolean ended;

    double pass_end;
    double pass_start;
    double left;                /* RAM bytes of this pass not sent yet */
    double written[MT_MODEL_PARTS];     /* different bytes since the pass
                                         * began */
} Sim;

const char *
mt_sim_outcome_to_string(MtSimOutcome outcome)
{
    static const char *const names[] = {
        [MT_SIM_COMPLETED] = "completed",
        [MT_SIM_POSTCOPY] = "post-copy",
        [MT_SIM_ABORTED] = "aborted",
        [MT_SIM_ENDLESS] = "endless",
    };

    return names[outcome];
}

/* Bytes on the link for a byte of RAM. */
static double
sim_ratio(const Sim *sim)
{
    const MtSimScene *scene = sim->scene;

    return sim->result.n_passes && scene->later_ratio > 0 ?
        scene->later_ratio : scene->ratio;
}

/* RAM bytes a second over a link of @bandwidth. */
static double
sim_speed_at(const Sim *sim, double bandwidth)
{
    return MIN(bandwidth / sim_ratio(sim), sim->scene->speed);
}

/* RAM bytes a second while the guest runs. */
static double
sim_speed(const Sim *sim)
{
    return sim_speed_at(sim, MIN(sim->scene->links[sim->link].bandwidth,
                                 sim->bandwidth_limit));
}

/* RAM bytes a second while the guest is stopped. */
static double
sim_full_speed(const Sim *sim)
{
    return sim_speed_at(sim, sim->scene->links[sim->link].bandwidth);
}

static double
sim_written(const Sim *sim)
{
    double written = 0;

    for (guint i = 0; i < MT_MODEL_PARTS; i++)
        written += sim->written[i];
    return MIN(written, sim->scene->guest.ram_bytes);
}

/* The remaining bytes of RAM at which the guest is stopped.  QEMU compares them
 * with bytes on the link, also with compression. */
static double
sim_threshold(const Sim *sim)
{
    return sim_speed(sim) * sim_ratio(sim) * sim->result.downtime_ms / SIM_MS;
}

/* Computes when QEMU will see that the remaining data of this pass fits into
 * the downtime, or that all data is sent. */
static void
sim_set_pass_end(Sim *sim)
{
    double speed = sim_speed(sim);
    double iteration = isinf(sim->bandwidth_limit) ? SIM_ITERATION_S :
        SIM_RATE_PERIOD_S;
    double to_send = MAX(sim->left - sim_threshold(sim), 0);
    double fits = sim->now + to_send / speed - sim->pass_start;
    double seen = MAX(ceil(fits / iteration), 1) * iteration;
    double all = sim->now + sim->left / speed - sim->pass_start;

    sim->pass_end = sim->pass_start + MAX(MIN(seen, all), SIM_MIN_PASS_S);
}

/* The share of the written bytes that the current pass had to send anyway.
 * In the first pass these are any RAM, later mostly the working set. */
static double
sim_overlap(const Sim *sim)
{
    const MtModel *model = &sim->scene->works[sim->work].model;
    double bytes = 0;

    for (guint i = 0; i < model->n_parts; i++)
        bytes += model->parts[i].bytes;
    if (!sim->result.n_passes)
        bytes = sim->scene->guest.ram_bytes;
    return bytes > 0 ? MIN(sim->left / bytes, 1) : 0;
}

static void
sim_move(Sim *sim, double to)
{
    double seconds = to - sim->now;
    const MtModel *model = &sim->scene->works[sim->work].model;
    double sent = MIN(sim->left, sim_speed(sim) * seconds);

    sim->left -= sent;
    sim->result.bytes += sent * sim_ratio(sim);
    if (sim->paused_at < 0) {
        for (guint i = 0; i < model->n_parts; i++)
            sim->written[i] =
                mt_model_part_written(&model->parts[i], sim->written[i],
                                      seconds, sim->share);
    }
    sim->now = to;
}

/* Sends @bytes of RAM with the guest stopped. */
static void
sim_finish(Sim *sim, MtSimOutcome outcome, double bytes)
{
    double stopped_at = sim->paused_at < 0 ? sim->now : sim->paused_at;
    double speed = sim_full_speed(sim);

    sim->ended = TRUE;
    sim->result.outcome = outcome;
    sim->result.bytes += bytes * sim_ratio(sim);
    sim->result.seconds = sim->now + sim->scene->device_s;
    if (outcome == MT_SIM_COMPLETED)
        sim->result.seconds += bytes / speed;
    sim->result.downtime = sim->result.seconds - stopped_at;
    /* With post-copy the guest runs on the destination while the rest is
     * sent. */
    if (outcome == MT_SIM_POSTCOPY)
        sim->result.seconds += bytes / speed;
}

static gboolean
sim_act(const MtDecision *decision, gpointer data)
{
    Sim *sim = data;

    if (sim->ended)
        return FALSE;
    if (decision->act != MT_ACT_NOTE)
        sim->result.n_decisions++;
    if (sim->act && !sim->act(decision, sim->data))
        return FALSE;

    switch (decision->act) {
    case MT_ACT_SET_DOWNTIME:
        sim->result.downtime_ms = decision->value;
        sim_set_pass_end(sim);
        break;
    case MT_ACT_SET_BANDWIDTH:
        sim->bandwidth_limit = decision->value ? decision->value : INFINITY;
        sim_set_pass_end(sim);
        break;
    case MT_ACT_THROTTLE:
        sim->share = 1 - MIN(decision->value, 99) / 100.0;
        break;
    case MT_ACT_POSTCOPY:
        sim_finish(sim, MT_SIM_POSTCOPY, sim->left + sim_written(sim));
        break;
    case MT_ACT_PAUSE:
        if (sim->paused_at < 0)
            sim->paused_at = sim->now;
        break;
    case MT_ACT_ABORT:
        sim->ended = TRUE;
        sim->result.outcome = MT_SIM_ABORTED;
        sim->result.seconds = sim->now;
        sim->result.downtime =
            sim->paused_at < 0 ? 0 : sim->now - sim->paused_at;
        break;
    case MT_ACT_SET_DEADLINE:
    case MT_ACT_NOTE:
        break;
    }

    return TRUE;
}

static void
sim_sample(const Sim *sim, gint64 time_ms, MtSample *ret_sample)
{
    *ret_sample = (MtSample){
        .time_ms = time_ms,
        .phase = MT_PHASE_PRECOPY,
        .guest_paused = sim->paused_at >= 0,
        .pass = sim->result.n_passes + 1,
        .remaining = sim->left,
        .total = sim->scene->guest.ram_bytes,
        .transferred = sim->result.bytes,
        .bandwidth = sim_speed(sim) * sim_ratio(sim),
        .dirty_rate = sim->now > sim->pass_start ?
            sim_written(sim) / (sim->now - sim->pass_start) : 0,
        .downtime_ms = sim->result.downtime_ms,
    };
}

/* Syncs the dirty log: the next pass sends the bytes written during this
 * one. */
static void
sim_sync(Sim *sim)
{
    gint64 time_ms = sim->now * SIM_MS;
    MtSample sample;

    sim->left = MIN(sim->left + sim_written(sim) * (1 - sim_overlap(sim)),
                    sim->scene->guest.ram_bytes);
    for (guint i = 0; i < MT_MODEL_PARTS; i++)
        sim->written[i] = 0;
    sim->result.n_passes++;
    sim->pass_start = sim->now;
    if (sim->left <= sim_threshold(sim) + SIM_PAGE) {
        sim_finish(sim, MT_SIM_COMPLETED, sim->left);
        return;
    }

    sim_set_pass_end(sim);
    sim_sample(sim, time_ms, &sample);
    mt_policy_run_sample(sim->run, &sample);
    if (!sim->ended)
        mt_policy_run_pass(sim->run, time_ms, sim->result.n_passes + 1);
}

static void
sim_poll(Sim *sim, gint64 time_ms)
{
    MtSample sample;

    sim_sample(sim, time_ms, &sample);
    mt_policy_run_sample(sim->run, &sample);
    mt_policy_run_advance(sim->run, time_ms);
}

static void
sim_step(Sim *sim)
{
    const MtSimScene *scene = sim->scene;
    gint64 poll_ms = mt_policy_run_next(sim->run);
    double poll = poll_ms == MT_POLL_NEVER ? INFINITY : poll_ms / SIM_MS;
    double work = sim->work + 1 < scene->n_works ?
        scene->works[sim->work + 1].from_s : INFINITY;
    double link = sim->link + 1 < scene->n_links ?
        scene->links[sim->link + 1].from_s : INFINITY;
    double next = MAX(MIN(MIN(poll, sim->pass_end), MIN(work, link)),
                      sim->now);

    if (next > scene->limit_s) {
        sim_move(sim, scene->limit_s);
        sim->ended = TRUE;
        sim->result.outcome = MT_SIM_ENDLESS;
        sim->result.seconds = sim->now;
        sim->result.downtime =
            sim->paused_at < 0 ? 0 : sim->now - sim->paused_at;
        return;
    }

    sim_move(sim, next);
    if (work <= next)
        sim->work++;
    if (link <= next) {
        sim->link++;
        sim_set_pass_end(sim);
    }
    if (poll <= next)
        sim_poll(sim, poll_ms);
    if (sim->ended)
        return;

    if (sim->pass_end <= sim->now)
        sim_sync(sim);
}

void
mt_simulate(const MtSimScene *scene, const MtPolicyConfig *policy,
            MtPolicyAct act, gpointer data, MtSimResult *ret_result)
{
    Sim sim = {
        .scene = scene,
        .act = act,
        .data = data,
        .bandwidth_limit = INFINITY,
        .share = 1,
        .paused_at = -1,
        .left = scene->data_bytes,
    };

    if (scene->max_bandwidth > 0)
        sim.bandwidth_limit = scene->max_bandwidth;
    sim.result.downtime_ms = scene->downtime_ms;
    sim.run = mt_policy_run_new(policy, &scene->guest, sim_act, &sim);
    sim_set_pass_end(&sim);
    mt_policy_run_start(sim.run);
    while (!sim.ended)
        sim_step(&sim);
    mt_policy_run_free(sim.run);
    *ret_result = sim.result;
}
