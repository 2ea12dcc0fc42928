/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * migtune's own policy: take the cheapest step that lets the migration end.
 *
 * It decides once a pass, because the remaining data is exact only at the end
 * of a pass.  If U bytes are dirty after a pass of T seconds, the guest writes
 * U different bytes in T seconds.  Two such points with different T give the
 * working-set model (model.h).  The model predicts how far the remaining data
 * will fall.  Each decision compares the results of waiting, a longer downtime,
 * throttling, post-copy and a pause, in this order of cost, and takes the first
 * one that ends the migration before the deadline.  The downtime is raised only
 * to the value that the prediction needs.
 *
 * If no step within the limits can end the migration, the policy reports this
 * immediately, with the limit that would suffice, and aborts at the deadline.
 *
 * The predictions assume that the guest continues to behave as in the last
 * passes. If its behaviour changes, the next pass shows this, and a new
 * decision is made.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>

#include "converge/model.h"
#include "converge/policy.h"
#include "util/i18n.h"

#define STEADY_POLL_MS 500

/* Number of stored points of the guest's write function. */
#define STEADY_POINTS 4

/* Only points whose times differ at least by this factor show whether the
 * guest's writes saturate. */
#define STEADY_APART 1.25

/* A larger share of RAM counts as all of it. */
#define STEADY_FULL 0.99

/* Shorter passes give no useful measurement. */
#define STEADY_SHORTEST_S 0.2

/* Number of fits; the working set and the share of it that was dirty depend
 * on each other. */
#define STEADY_FITS 4

/* A predicted downtime is raised by this factor, because passes vary. */
#define STEADY_MARGIN 1.1
#define STEADY_MARGIN_MS 10

/* Without a deadline, the remaining data may fall during this many times the
 * duration of the last pass. */
#define STEADY_PATIENCE 4

#define STEADY_THROTTLE_FIRST 20
#define STEADY_THROTTLE_STEP 10
#define STEADY_THROTTLE_MAX 99

/* A pass: its duration, the bytes that were not yet sent when the dirty log
 * was synced, and the bytes that the sync added. */
typedef struct {
    double seconds;
    double unsent;
    double added;
} SteadyPoint;

typedef struct {
    guint64 downtime_ms;
    guint throttle;             /* percent */
    gboolean no_throttle;       /* throttling has failed */
    gboolean final;             /* post-copy, pause or abort was requested */
    gboolean told;              /* reported that it cannot converge */

    guint64 pass;
    gint64 pass_start_ms;
    guint n_points;             /* total; the last STEADY_POINTS are stored */
    SteadyPoint points[STEADY_POINTS];
} SteadyState;

static void
steady_init(MtPolicyConfig *config)
{
    config->steady = (MtSteadyConfig){
        .downtime_ms = 300,
        .max_downtime_ms = 500,
    };
}

static gint64
steady_start(MtPolicyRun *run, gpointer data)
{
    SteadyState *state = data;

    state->downtime_ms = mt_policy_run_config(run)->steady.downtime_ms;
    return STEADY_POLL_MS;
}

/* The bytes that the guest wrote in a pass, if its working set has
 * @working_set bytes.  Some of them were still unsent and therefore already
 * dirty, so the sync did not add them. */
static double
steady_written(const SteadyPoint *point, double working_set)
{
    double clean = 1 - point->unsent / working_set;

    return point->added / MAX(clean, 0.1);
}

/* Limits the working set of a model to @total, the RAM.  Otherwise the model
 * would underestimate the write rate of a guest that has written to most of
 * its RAM. */
static void
steady_bound(MtModel *model, const SteadyPoint *last, double total)
{
    double written = steady_written(last, total);

    if (!isinf(model->parts[0].bytes) || total <= 0)
        return;

    written = MIN(written, total * STEADY_FULL);
    model->parts[0] = (MtModelPart){
        total, -total / last->seconds * log1p(-written / total)
    };
}

static void
steady_fit(const SteadyState *state, double total, MtModel *ret_model)
{
    const SteadyPoint *last =
        &state->points[(state->n_points - 1) % STEADY_POINTS];
    guint n = MIN(state->n_points, STEADY_POINTS);

    *ret_model = (MtModel){
        .n_parts = 1,
        .parts = { { INFINITY, last->added / last->seconds } },
    };
    steady_bound(ret_model, last, total);
    for (guint back = 2; back <= n; back++) {
        const SteadyPoint *other =
            &state->points[(state->n_points - back) % STEADY_POINTS];
        const SteadyPoint *shorter =
            other->seconds < last->seconds ? other : last;
        const SteadyPoint *longer = shorter == other ? last : other;

        if (longer->seconds < shorter->seconds * STEADY_APART)
            continue;
        for (guint i = 0; i < STEADY_FITS; i++) {
            double bytes = ret_model->parts[0].bytes;

            mt_model_fit(ret_model, shorter->seconds,
                         steady_written(shorter, bytes), longer->seconds,
                         steady_written(longer, bytes));
        }
        steady_bound(ret_model, last, total);
        return;
    }
}

/* The downtime that is needed to send @bytes, with a margin. */
static double
steady_downtime_ms(double bytes, double bandwidth)
{
    return ceil(bytes / bandwidth * 1000 * STEADY_MARGIN) + STEADY_MARGIN_MS;
}

/* The downtime with which the migration can end within @seconds. */
static double
steady_needed_ms(const MtModel *model, double remaining, double bandwidth,
                 double seconds)
{
    return steady_downtime_ms(mt_model_remaining(model, remaining, bandwidth,
                                                 seconds), bandwidth);
}

/* The lowest throttle above @from percent with which @downtime_ms suffices;
 * 0 if there is none. */
static guint
steady_throttle(const MtModel *model, guint from, double remaining,
                double bandwidth, double downtime_ms, double seconds)
{
    guint percent = MAX(from + STEADY_THROTTLE_STEP, STEADY_THROTTLE_FIRST);

    for (; percent <= STEADY_THROTTLE_MAX; percent += STEADY_THROTTLE_STEP) {
        MtModel slower = *model;

        mt_model_scale(&slower, (100.0 - percent) / (100.0 - from));
        if (steady_needed_ms(&slower, remaining, bandwidth, seconds) <=
            downtime_ms)
            return percent;
    }

    return 0;
}

/* No step within the limits suffices: reports which limit would. */
static void
steady_tell(MtPolicyRun *run, SteadyState *state, const MtModel *model,
            double needed_ms, double bandwidth)
{
    const MtSteadyConfig *config = &mt_policy_run_config(run)->steady;
    double low = bandwidth, high = bandwidth;

    if (state->told)
        return;

    /* Find the bandwidth at which the balance fits into the allowed
     * downtime. */
    while (steady_downtime_ms(mt_model_balance(model, high), high) >
           config->max_downtime_ms && high < model->parts[0].rate)
        high *= 2;
    for (guint i = 0; i < 40; i++) {
        double middle = (low + high) / 2;

        if (steady_downtime_ms(mt_model_balance(model, middle), middle) >
            config->max_downtime_ms)
            low = middle;
        else
            high = middle;
    }
    state->told = mt_policy_decide(
        run, MT_ACT_NOTE, needed_ms, "cannot-converge",
        _("pass %" PRIu64 ": cannot converge within the limits: the "
          "guest writes %.0f MiB/s, %.0f MiB/s are sent; a downtime of %.0f "
          "ms (%" PRIu64 " ms are allowed) or a bandwidth of %.0f "
          "MiB/s would do"),
        state->pass, model->parts[0].rate / 1048576, bandwidth / 1048576,
        needed_ms, config->max_downtime_ms, high / 1048576);
}

static void
steady_decide(MtPolicyRun *run, SteadyState *state, gint64 now_ms,
              double remaining, double total, double bandwidth)
{
    const MtSteadyConfig *config = &mt_policy_run_config(run)->steady;
    const SteadyPoint *last =
        &state->points[(state->n_points - 1) % STEADY_POINTS];
    double seconds = config->deadline_ms ?
        MAX(config->deadline_ms - now_ms, 0) / 1000.0 :
        STEADY_PATIENCE * MAX(last->seconds, remaining / bandwidth);
    double least, needed_ms, working_mib, rate_mib;
    MtModel model;
    guint throttle;

    steady_fit(state, total, &model);
    working_mib = model.parts[0].bytes / 1048576;
    rate_mib = model.parts[0].rate / 1048576;
    least = mt_model_remaining(&model, remaining, bandwidth, seconds);
    needed_ms = steady_downtime_ms(least, bandwidth);

    /* 1. Wait: the remaining data will fit into the downtime. */
    if (needed_ms <= state->downtime_ms)
        return;

    /* 2. A longer downtime. */
    if (needed_ms <= config->max_downtime_ms) {
        if (mt_policy_decide(
                run, MT_ACT_SET_DOWNTIME, needed_ms, "downtime-needed",
                _("pass %" PRIu64 ": working set %.0f MiB, written "
                  "at %.0f MiB/s, sent at %.0f MiB/s: no less than %.0f MiB "
                  "will remain"), state->pass, working_mib, rate_mib,
                bandwidth / 1048576, least / 1048576))
            state->downtime_ms = needed_ms;
        return;
    }

    /* Until it is known whether the guest's writes saturate, only steps that
     * can be undone are taken. */
    if (state->n_points < 2)
        return;

    /* The longest allowed downtime supports each further step, and the guest
     * may become less busy than predicted. */
    if (state->downtime_ms < config->max_downtime_ms &&
        mt_policy_decide(run, MT_ACT_SET_DOWNTIME, config->max_downtime_ms,
                         "downtime-largest",
                         _("pass %" PRIu64 ": %.0f ms would be "
                           "needed, this is the longest that is allowed"),
                         state->pass, needed_ms))
        state->downtime_ms = config->max_downtime_ms;

    /* 3. Throttle the guest. */
    throttle = config->allow_throttle && !state->no_throttle ?
        steady_throttle(&model, state->throttle, remaining, bandwidth,
                        config->max_downtime_ms, seconds) : 0;
    if (throttle) {
        if (mt_policy_decide(
                run, MT_ACT_THROTTLE, throttle, "throttle-needed",
                _("pass %" PRIu64 ": working set %.0f MiB, written "
                  "at %.0f MiB/s, sent at %.0f MiB/s: even %" PRIu64
                  " ms of downtime are not enough"), state->pass, working_mib,
                rate_mib, bandwidth / 1048576, config->max_downtime_ms)) {
            state->throttle = throttle;
            return;
        }
        state->no_throttle = TRUE;
    }

    /* 4. Post-copy. */
    if (config->allow_postcopy && mt_policy_run_guest(run)->postcopy) {
        state->final = mt_policy_decide(
            run, MT_ACT_POSTCOPY, 0, "post-copy-needed",
            _("pass %" PRIu64 ": working set %.0f MiB, written at "
              "%.0f MiB/s, sent at %.0f MiB/s: pre-copy would need %.0f ms of "
              "downtime, %" PRIu64 " ms are allowed"), state->pass,
            working_mib, rate_mib, bandwidth / 1048576, needed_ms,
            config->max_downtime_ms);
        return;
    }

    /* 5. Pause the guest until the end. */
    if (config->allow_pause) {
        state->final = mt_policy_decide(
            run, MT_ACT_PAUSE, 0, "pause-needed",
            _("pass %" PRIu64 ": only a pause of about %.0f ms lets "
              "the migration end"), state->pass,
            remaining / bandwidth * 1000);
        return;
    }

    steady_tell(run, state, &model, needed_ms, bandwidth);
}

static double
steady_bandwidth(const MtSample *sample, gint64 now_ms)
{
    if (sample->bandwidth)
        return sample->bandwidth;
    return now_ms > 0 ? sample->transferred * 1000.0 / now_ms : 0;
}

static void
steady_new_pass(MtPolicyRun *run, SteadyState *state, gint64 now_ms,
                const MtSample *sample)
{
    double seconds = (now_ms - state->pass_start_ms) / 1000.0;
    double bandwidth = steady_bandwidth(sample, now_ms);
    double unsent;

    state->pass = sample->pass;
    state->pass_start_ms = now_ms;
    if (state->final || seconds < STEADY_SHORTEST_S || bandwidth <= 0 ||
        sample->phase != MT_PHASE_PRECOPY)
        return;

    /* The data that fitted into the downtime was not sent before the sync. */
    unsent = MIN(bandwidth * state->downtime_ms / 1000, sample->remaining);
    state->points[state->n_points % STEADY_POINTS] =
        (SteadyPoint){ seconds, unsent, sample->remaining - unsent };
    state->n_points++;
    steady_decide(run, state, now_ms, sample->remaining, sample->total,
                  bandwidth);
}

static void
steady_pass(MtPolicyRun *run, gpointer data, gint64 now_ms,
            const MtSample *sample)
{
    SteadyState *state = data;

    if (sample->pass > state->pass)
        steady_new_pass(run, state, now_ms, sample);
}

static gint64
steady_poll(MtPolicyRun *run, gpointer data, gint64 now_ms,
            const MtSample *sample)
{
    SteadyState *state = data;
    const MtSteadyConfig *config = &mt_policy_run_config(run)->steady;

    if (!sample)
        return now_ms + STEADY_POLL_MS;
    if (sample->phase == MT_PHASE_POSTCOPY)
        return MT_POLL_NEVER;

    if (config->deadline_ms && now_ms >= config->deadline_ms) {
        mt_policy_decide(run, MT_ACT_ABORT, 0, "deadline",
                         _("the deadline of %" PRId64 " s is reached "
                           "with %.0f MiB remaining"),
                         config->deadline_ms / 1000,
                         sample->remaining / 1048576.0);
        return MT_POLL_NEVER;
    }

    /* The first pass, or the policy has missed pass events. */
    if (!state->pass)
        state->pass = sample->pass;
    else if (sample->pass > state->pass)
        steady_new_pass(run, state, now_ms, sample);
    return now_ms + STEADY_POLL_MS;
}

const MtPolicyClass mt_policy_steady = {
    .name = "steady",
    .help = N_("predict the passes and take the cheapest step that lets the "
               "migration end"),
    .state_size = sizeof(SteadyState),
    .init = steady_init,
    .start = steady_start,
    .poll = steady_poll,
    .pass = steady_pass,
};
