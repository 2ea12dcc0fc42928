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
 * one that ends the migration before the deadline.  The migration begins with a
 * short downtime, which is raised only to the value that the prediction needs:
 * with a longer one QEMU would stop the guest as soon as the remaining data fits,
 * although a few more passes would leave much less.  For the same reason the
 * downtime is shortened again if the guest becomes less busy, and is not raised to
 * the longest allowed one for a guest that is far too busy for it.
 *
 * If no step within the limits can end the migration, the policy reports this
 * immediately, with the limit that would suffice, and aborts at the deadline.
 *
 * The predictions assume that the guest continues to behave as in the last
 * passes.  If its behaviour changes, the next pass shows this: the passes before
 * are forgotten, and a new decision is made.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>

#include "converge/model.h"
#include "converge/policy/policy.h"
#include "util/i18n.h"

#define STEADY_POLL_MS 500

/* Shortest interval of the samples of a live migration. */
#define STEADY_SAMPLE_S 0.1

/* Number of stored points of the guest's write function. */
#define STEADY_POINTS 4

/* A guest that writes this share of its working set in a pass may write much
 * faster than the pass shows: the rate is only a lower bound. */
#define STEADY_SATURATED 0.9

/* How much the downtime is raised to measure a saturated guest with shorter
 * passes. */
#define STEADY_PROBE 1.25

/* Remaining data that falls less than this from pass to pass does not fall. */
#define STEADY_FALLS 0.95

/* Remaining data that rises more than this from pass to pass rises. */
#define STEADY_RISES 1.02

/* The limit that would suffice is reported again if it has changed by this
 * factor, but not more often than this. */
#define STEADY_REPORT_AGAIN 1.1
#define STEADY_REPORT_TIMES 5

/* Only points whose times differ at least by this factor show whether the
 * guest's writes saturate. */
#define STEADY_APART 1.25

/* A larger share of RAM counts as all of it. */
#define STEADY_FULL 0.99

/* A named limit suffices for a guest that writes this many times as fast as the
 * fastest pass showed: a host or a guest that is busy for a time slows the
 * writes. */
#define STEADY_FASTER 1.5

/* Shorter passes give no useful measurement. */
#define STEADY_SHORTEST_S 0.2

/* Number of fits; the working set and the share of it that was dirty depend
 * on each other. */
#define STEADY_FITS 4

/* A predicted downtime is raised by this factor, because passes vary, and by
 * what the guest writes in the interval in which QEMU compares the remaining
 * data with the downtime if the bandwidth is limited. */
#define STEADY_MARGIN 1.1
#define STEADY_MARGIN_MS 60

/* The downtime limit at the start.  QEMU uses the whole limit, also where more
 * passes would leave less.  If this one is not enough, the end of the first pass
 * shows it. */
#define STEADY_FIRST_MS 40

/* Without a deadline, the remaining data may fall during this many times the
 * duration of the last pass. */
#define STEADY_PATIENCE 4

/* Enough for the precision of a millisecond. */
#define STEADY_BISECTIONS 40

/* Passes that differ by this factor from what an unchanged guest can write show
 * that its behaviour has changed. */
#define STEADY_CHANGED 2

/* The longest downtime is set although the prediction needs more, up to this
 * factor: passes vary. */
#define STEADY_NEARLY 1.5

/* The downtime is shortened if less than this share of it is needed. */
#define STEADY_SHORTER 0.5

/* A longer downtime, if it is allowed, is preferred to a wait that delays the end
 * by more than this share of the time that the migration has taken so far. */
#define STEADY_WORTH 0.1

#define STEADY_THROTTLE_FIRST 20
#define STEADY_THROTTLE_STEP 10
#define STEADY_THROTTLE_MAX 99

/* A pass, or the average of several short ones: its duration, the bytes that
 * were not yet sent when the dirty log was synced, and the bytes that the sync
 * added. */
typedef struct {
    double seconds;
    double unsent;
    double added;
    double all;                 /* of the first pass: the bytes of RAM, of which
                                 * the unsent ones are a part; else 0 */
} SteadyPoint;

typedef struct {
    guint64 downtime_ms;
    guint throttle;             /* percent */
    gboolean no_throttle;       /* throttling has failed */
    gboolean final;             /* post-copy, pause or abort was requested */
    double most;                /* the largest working set seen: dirty bytes
                                 * at the start of a pass, or of a saturated
                                 * guest */
    double fastest;             /* the highest write rate of all fits */
    double reported_ms;         /* the downtime that the last report named */
    guint n_reports;            /* reports that it cannot converge */
    gboolean endless_reported;  /* reported that there is no deadline */

    /* The window that is measured: one pass, or several short ones. */
    guint64 pass;
    gint64 pass_start_ms;
    guint64 pass_remaining;     /* at its start */
    guint64 pass_transferred;
    guint n_points;             /* total; the last STEADY_POINTS are stored */
    SteadyPoint points[STEADY_POINTS];
    SteadyPoint longest;        /* of all points */
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

    const MtSteadyConfig *config = &mt_policy_run_config(run)->steady;
    guint64 first_ms = MIN(STEADY_FIRST_MS, config->max_downtime_ms);

    state->downtime_ms = config->downtime_ms;
    if (state->downtime_ms > first_ms &&
        mt_policy_decide(run, MT_ACT_SET_DOWNTIME, first_ms, "downtime-first",
                         _("a short downtime first, instead of %" PRIu64
                           " ms; it is raised to what the passes need"),
                         state->downtime_ms))
        state->downtime_ms = first_ms;
    return STEADY_POLL_MS;
}

/* The bytes that the guest wrote in a pass, if its working set has
 * @working_set bytes.  Some of them were still unsent and therefore already
 * dirty, so the sync did not add them.  In the first pass the unsent bytes are
 * any RAM, later they are part of the working set. */
static double
steady_written(const SteadyPoint *point, double working_set)
{
    double clean = 1 - point->unsent / (point->all > 0 ? point->all :
                                        working_set);

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

static gboolean
steady_are_apart(const SteadyPoint *a, const SteadyPoint *b)
{
    return MAX(a->seconds, b->seconds) >=
           MIN(a->seconds, b->seconds) * STEADY_APART;
}

/*
 * Whether the guest behaved differently in the two passes: it cannot write less
 * in a longer time, nor more than in proportion to the time.  @total: the RAM.
 */
static gboolean
steady_differ(const SteadyPoint *a, const SteadyPoint *b, double total)
{
    const SteadyPoint *shorter = a->seconds < b->seconds ? a : b;
    const SteadyPoint *longer = shorter == a ? b : a;
    double less = steady_written(shorter, total);
    double more = steady_written(longer, total);

    return less > more * STEADY_CHANGED ||
           less * longer->seconds * STEADY_CHANGED < more * shorter->seconds;
}

/* Stores the newest point.  Passes before a change of the guest's behaviour do
 * not predict the next ones. */
static void
steady_add_point(SteadyState *state, const SteadyPoint *point, double total)
{
    if (state->n_points && total > 0 &&
        (steady_differ(&state->longest, point, total) ||
         steady_differ(&state->points[(state->n_points - 1) % STEADY_POINTS],
                       point, total))) {
        state->n_points = 0;
        state->longest = *point;
    }
    state->points[state->n_points % STEADY_POINTS] = *point;
    state->n_points++;
    if (point->seconds > state->longest.seconds)
        state->longest = *point;
}

/* The point to compare the last one with: the longest pass shows the working
 * set best.  NULL if all passes were about as long as the last one. */
static const SteadyPoint *
steady_other_point(const SteadyState *state)
{
    const SteadyPoint *last =
        &state->points[(state->n_points - 1) % STEADY_POINTS];
    guint n = MIN(state->n_points, STEADY_POINTS);

    if (steady_are_apart(&state->longest, last))
        return &state->longest;
    for (guint back = 2; back <= n; back++) {
        const SteadyPoint *other =
            &state->points[(state->n_points - back) % STEADY_POINTS];

        if (steady_are_apart(other, last))
            return other;
    }

    return NULL;
}

/* Returns FALSE if the guest writes nearly all of its working set in each
 * pass: then the rate of the model is only a lower bound. */
static gboolean
steady_fit(const SteadyState *state, double total, MtModel *ret_model)
{
    const SteadyPoint *last =
        &state->points[(state->n_points - 1) % STEADY_POINTS];
    const SteadyPoint *other = steady_other_point(state);
    const SteadyPoint *shorter, *longer;

    *ret_model = (MtModel){
        .n_parts = 1,
        .parts = { { INFINITY, last->added / last->seconds } },
    };
    steady_bound(ret_model, last, total);
    if (!other)
        return TRUE;

    shorter = other->seconds < last->seconds ? other : last;
    longer = shorter == other ? last : other;
    for (guint i = 0; i < STEADY_FITS; i++) {
        double bytes = ret_model->parts[0].bytes;

        mt_model_fit(ret_model, shorter->seconds,
                     steady_written(shorter, bytes), longer->seconds,
                     steady_written(longer, bytes));
    }
    steady_bound(ret_model, last, total);
    if (steady_written(shorter, ret_model->parts[0].bytes) <
        ret_model->parts[0].bytes * STEADY_SATURATED)
        return TRUE;

    ret_model->parts[0].rate =
        MAX(ret_model->parts[0].rate, -log1p(-STEADY_SATURATED) *
            ret_model->parts[0].bytes / shorter->seconds);
    return FALSE;
}

/* The downtime that is needed to send @bytes, with a margin for a guest that
 * writes @rate bytes a second. */
static double
steady_downtime_ms(double bytes, double bandwidth, double rate)
{
    return ceil(bytes / bandwidth * 1000 * STEADY_MARGIN +
                MIN(rate / bandwidth, 1) * STEADY_MARGIN_MS);
}

/* The downtime with which the migration can end within @seconds. */
static double
steady_needed_ms(const MtModel *model, double remaining, double bandwidth,
                 double seconds)
{
    return steady_downtime_ms(mt_model_remaining(model, remaining, bandwidth,
                                                 seconds),
                              bandwidth, model->parts[0].rate);
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

/* The bandwidth at which the balance fits into the allowed downtime. */
static double
steady_enough_bandwidth(const MtModel *model, double bandwidth,
                        guint64 downtime_ms)
{
    double low = bandwidth, high = bandwidth;

    while (steady_downtime_ms(mt_model_balance(model, high), high, INFINITY) >
           downtime_ms && high < model->parts[0].rate)
        high *= 2;
    for (guint i = 0; i < STEADY_BISECTIONS; i++) {
        double middle = (low + high) / 2;

        if (steady_downtime_ms(mt_model_balance(model, middle), middle,
                               INFINITY) > downtime_ms)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* Bytes that a downtime must send to suffice at any write rate: the whole
 * working set.  Live samples are up to 100 ms old, in which the link has sent
 * data. */
static double
steady_whole_set(const SteadyState *state, const MtModel *model,
                 double bandwidth)
{
    return MAX(state->most, model->parts[0].bytes) +
           bandwidth * STEADY_SAMPLE_S;
}

/* The guest writes all of its working set in each pass, so only the downtime
 * that sends the whole working set is known to suffice. */
static void
steady_report_saturated(MtPolicyRun *run, SteadyState *state,
                        const MtModel *model, double needed_ms,
                        double enough_ms, double bandwidth)
{
    const MtSteadyConfig *config = &mt_policy_run_config(run)->steady;
    double bytes = steady_whole_set(state, model, bandwidth);

    if (mt_policy_decide(
            run, MT_ACT_NOTE, enough_ms, "cannot-converge",
            _("pass %" PRIu64 ": cannot converge within the limits: the guest "
              "writes its whole working set of %.0f MiB in each pass, at "
              "%.0f MiB/s or more; %.0f MiB/s are sent; at least %.0f ms of "
              "downtime are needed (%" PRIu64 " ms are allowed); %.0f ms, or "
              "a bandwidth of %.0f MiB/s, would do at any write rate"),
            state->pass, state->most / 1048576, model->parts[0].rate / 1048576,
            bandwidth / 1048576, needed_ms, config->max_downtime_ms, enough_ms,
            bytes * STEADY_MARGIN /
            MAX(config->max_downtime_ms - STEADY_MARGIN_MS, 1.0) * 1000 /
            1048576))
        state->reported_ms = enough_ms;
}

/* The write rate is known: names the limit that suffices up to the rate of
 * @faster, and the one that suffices at any rate. */
static void
steady_report_measured(MtPolicyRun *run, SteadyState *state,
                       const MtModel *model, const MtModel *faster,
                       double enough_ms, double any_ms, double bandwidth)
{
    const MtSteadyConfig *config = &mt_policy_run_config(run)->steady;
    double rate = model->parts[0].rate;
    double bytes = steady_whole_set(state, model, bandwidth);
    gboolean ok;

    if (rate <= bandwidth)
        ok = mt_policy_decide(
            run, MT_ACT_NOTE, enough_ms, "cannot-converge",
            _("pass %" PRIu64 ": cannot end before the deadline: the guest "
              "writes %.0f MiB/s, %.0f MiB/s are sent; a downtime of %.0f ms "
              "(%" PRIu64 " ms are allowed) or a later deadline would do up "
              "to a write rate of %.0f MiB/s; %.0f ms would do at any write "
              "rate, for a working set of %.0f MiB"),
            state->pass, rate / 1048576, bandwidth / 1048576, enough_ms,
            config->max_downtime_ms, faster->parts[0].rate / 1048576, any_ms,
            bytes / 1048576);
    else
        ok = mt_policy_decide(
            run, MT_ACT_NOTE, enough_ms, "cannot-converge",
            _("pass %" PRIu64 ": cannot converge within the limits: the "
              "guest writes %.0f MiB/s, %.0f MiB/s are sent; a downtime of "
              "%.0f ms (%" PRIu64 " ms are allowed) or a bandwidth of %.0f "
              "MiB/s would do up to a write rate of %.0f MiB/s; %.0f ms would "
              "do at any write rate, for a working set of %.0f MiB"),
            state->pass, rate / 1048576, bandwidth / 1048576, enough_ms,
            config->max_downtime_ms,
            steady_enough_bandwidth(faster, bandwidth,
                                    config->max_downtime_ms) / 1048576,
            faster->parts[0].rate / 1048576, any_ms, bytes / 1048576);
    if (ok)
        state->reported_ms = enough_ms;
}

/* No step within the limits suffices: reports which limit would.  A later
 * pass may show that the limit is another one.  @late: the deadline is near. */
static void
steady_report(MtPolicyRun *run, SteadyState *state, const MtModel *model,
              gboolean saturated, gboolean late, double needed_ms,
              double remaining, double bandwidth, double seconds)
{
    double any_ms = MAX(steady_downtime_ms(steady_whole_set(state, model,
                                                            bandwidth),
                                           bandwidth, INFINITY), needed_ms);
    double enough_ms = any_ms;
    MtModel faster = *model;

    if (!saturated && model->parts[0].rate > 0) {
        mt_model_scale(&faster, state->fastest * STEADY_FASTER /
                       model->parts[0].rate);
        enough_ms = MIN(MAX(needed_ms,
                            steady_needed_ms(&faster, remaining, bandwidth,
                                             seconds)), any_ms);
    }
    if (state->n_reports == STEADY_REPORT_TIMES ||
        (state->n_reports && late) ||
        (state->n_reports &&
         enough_ms < state->reported_ms * STEADY_REPORT_AGAIN &&
         enough_ms > state->reported_ms / STEADY_REPORT_AGAIN))
        return;

    state->n_reports++;
    if (saturated)
        steady_report_saturated(run, state, model, needed_ms, enough_ms,
                                bandwidth);
    else
        steady_report_measured(run, state, model, &faster, enough_ms, any_ms,
                               bandwidth);
}

/* Whether the last pass left as much as the one before it. */
static gboolean
steady_stands_still(const SteadyState *state)
{
    const SteadyPoint *last =
        &state->points[(state->n_points - 1) % STEADY_POINTS];
    const SteadyPoint *before =
        &state->points[(state->n_points - 2) % STEADY_POINTS];

    return state->n_points >= 2 &&
           last->unsent + last->added >=
           (before->unsent + before->added) * STEADY_FALLS;
}

/* Whether the last pass left more than the one before it. */
static gboolean
steady_rises(const SteadyState *state)
{
    const SteadyPoint *last =
        &state->points[(state->n_points - 1) % STEADY_POINTS];
    const SteadyPoint *before =
        &state->points[(state->n_points - 2) % STEADY_POINTS];

    return state->n_points < 2 ||
           last->unsent + last->added >
           (before->unsent + before->added) * STEADY_RISES;
}

/* Predicts the least remaining data within @seconds.  @remaining: bytes that were
 * dirty when the current pass began. */
static double
steady_least(const SteadyState *state, const MtModel *model, double remaining,
             double bandwidth, double seconds)
{
    double least = mt_model_remaining(model, remaining, bandwidth, seconds);

    /* What a pass has left can remain, unless it still rises. */
    return steady_rises(state) ? least : MIN(least, remaining);
}

/*
 * The longest wait, up to @seconds, that delays the end of the migration by no
 * more than @delay seconds.  Data that is sent while the guest runs need not be
 * sent while it is stopped, so that only what the guest writes meanwhile delays
 * the end.
 */
static double
steady_worth(const SteadyState *state, const MtModel *model, double remaining,
             double bandwidth, double seconds, double delay)
{
    double latest = remaining / bandwidth + delay;
    double low = 0, high = seconds;

    for (guint i = 0; i < STEADY_BISECTIONS; i++) {
        double middle = (low + high) / 2;
        double left = steady_least(state, model, remaining, bandwidth, middle);

        if (middle + left / bandwidth <= latest)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Sets a shorter downtime if much less than the present one will be needed. */
static void
steady_shorten(MtPolicyRun *run, SteadyState *state, const MtModel *model,
               double needed_ms, double least, double bandwidth,
               double seconds)
{
    const MtSteadyConfig *config = &mt_policy_run_config(run)->steady;
    guint64 first_ms = MIN(STEADY_FIRST_MS, config->max_downtime_ms);
    guint64 shorter_ms = MAX((guint64)needed_ms, first_ms);

    if (shorter_ms < state->downtime_ms * STEADY_SHORTER &&
        mt_policy_decide(
            run, MT_ACT_SET_DOWNTIME, shorter_ms, "downtime-shorter",
            _("pass %" PRIu64 ": written at %.0f MiB/s, sent at %.0f MiB/s: no "
              "more than %.0f MiB will remain within %.1f s, and a shorter "
              "downtime is enough"), state->pass,
            model->parts[0].rate / 1048576, bandwidth / 1048576,
            least / 1048576, seconds))
        state->downtime_ms = shorter_ms;
}

/* @remaining: bytes that were dirty when the current pass began. */
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
    double worth, least, soon, needed_ms, soon_ms, working_mib, rate_mib;
    gboolean saturated, late;
    MtModel model;
    guint throttle;

    saturated = !steady_fit(state, total, &model);
    state->fastest = MAX(state->fastest, model.parts[0].rate);
    state->most = MAX(state->most, remaining);
    if (saturated)
        state->most = MAX(state->most, model.parts[0].bytes);
    working_mib = model.parts[0].bytes / 1048576;
    rate_mib = model.parts[0].rate / 1048576;
    least = steady_least(state, &model, remaining, bandwidth, seconds);
    needed_ms = steady_downtime_ms(least, bandwidth, model.parts[0].rate);
    worth = steady_worth(state, &model, remaining, bandwidth, seconds,
                         STEADY_WORTH * now_ms / 1000);
    soon = steady_least(state, &model, remaining, bandwidth, worth);
    soon_ms = steady_downtime_ms(soon, bandwidth, model.parts[0].rate);
    if (soon_ms <= config->max_downtime_ms && soon_ms > needed_ms) {
        least = soon;
        needed_ms = soon_ms;
        seconds = worth;
    }

    if (!config->deadline_ms && !state->endless_reported)
        state->endless_reported = mt_policy_decide(
            run, MT_ACT_NOTE, 0, "no-deadline",
            _("no deadline: if the remaining data does not fit into the "
              "downtime, the migration goes on until it is cancelled"));

    /* The guest may write faster than the passes show.  With a longer downtime
     * the passes become shorter and show more. */
    if (saturated && steady_stands_still(state))
        needed_ms = MAX(needed_ms,
                        MIN(state->downtime_ms * STEADY_PROBE,
                            steady_downtime_ms(model.parts[0].bytes,
                                               bandwidth, INFINITY)));

    /* 1. Wait: the remaining data will fit into the downtime.  A longer downtime
     * than needed would stop the guest earlier, and for longer. */
    if (needed_ms <= state->downtime_ms) {
        steady_shorten(run, state, &model, needed_ms, least, bandwidth,
                       seconds);
        return;
    }

    /* 2. A longer downtime. */
    if (needed_ms <= config->max_downtime_ms) {
        if (mt_policy_decide(
                run, MT_ACT_SET_DOWNTIME, needed_ms, "downtime-needed",
                _("pass %" PRIu64 ": working set %.0f MiB, written "
                  "at %.0f MiB/s, sent at %.0f MiB/s: no less than %.0f MiB "
                  "will remain within %.1f s"), state->pass, working_mib,
                rate_mib, bandwidth / 1048576, least / 1048576, seconds))
            state->downtime_ms = needed_ms;
        return;
    }

    /* Until it is known whether the guest's writes saturate, only steps that
     * can be undone are taken. */
    if (state->n_points < 2)
        return;

    throttle = config->allow_throttle && !state->no_throttle ?
        steady_throttle(&model, state->throttle, remaining, bandwidth,
                        config->max_downtime_ms, seconds) : 0;

    /* The longest allowed downtime is set if it may suffice or if a throttled
     * guest needs it, and as the last attempt before the deadline.  Otherwise
     * only a less busy guest lets the migration end, and it may then need much
     * less. */
    late = config->deadline_ms &&
           (seconds < STEADY_PATIENCE * last->seconds ||
            seconds < STEADY_PATIENCE * remaining / bandwidth);
    if (state->downtime_ms < config->max_downtime_ms &&
        (throttle || late ||
         needed_ms <= config->max_downtime_ms * STEADY_NEARLY) &&
        mt_policy_decide(run, MT_ACT_SET_DOWNTIME, config->max_downtime_ms,
                         "downtime-largest",
                         _("pass %" PRIu64 ": %.0f ms would be "
                           "needed, this is the longest that is allowed"),
                         state->pass, needed_ms))
        state->downtime_ms = config->max_downtime_ms;

    /* 3. Throttle the guest. */
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

    /* Shortly before the deadline no more is learnt. */
    steady_report(run, state, &model, saturated, late, needed_ms, remaining, bandwidth, seconds);
}

static double
steady_bandwidth(const MtSample *sample, gint64 now_ms)
{
    if (sample->bandwidth)
        return sample->bandwidth;
    return now_ms > 0 ? sample->transferred * 1000.0 / now_ms : 0;
}

/* The bytes with which QEMU ends a pass.  A policy that runs in shadow or over a
 * trace sets no downtime. */
static double
steady_fits(const MtPolicyRun *run, const MtSample *sample, double bandwidth)
{
    guint64 limit_ms = sample->downtime_ms ? sample->downtime_ms :
        mt_policy_run_config(run)->steady.downtime_ms;

    return bandwidth * limit_ms / 1000;
}

/*
 * Returns how many bytes of the newest pass were sent before @sample was
 * taken.  Samples of a live migration come up to some 100 ms after the start of
 * a pass, on a busy host much later; the remaining data of a short pass is then
 * far less than the guest has written.
 *
 * Of the sent bytes, the pass of the earlier sample had all that did not fit
 * into the downtime.  If there were further passes between the two samples, all
 * passes are taken to be of the same size.
 */
static double
steady_sent_of_pass(const MtPolicyRun *run, const MtSample *sample,
                    double bandwidth)
{
    const MtSample *earlier = mt_policy_run_earlier_pass(run);
    double fits = steady_fits(run, sample, bandwidth);
    double sent, n, size;

    if (!earlier || sample->pass <= earlier->pass)
        return 0;

    n = sample->pass - earlier->pass;
    sent = (double)sample->transferred - earlier->transferred -
           MAX(earlier->remaining - fits, 0);
    size = (sent + (n - 1) * fits + sample->remaining) / n;
    /* QEMU notices only once in an iteration that the data fits. */
    size -= bandwidth * STEADY_SAMPLE_S;
    if (sample->total)
        size = MIN(size, sample->total);
    return MAX(size - sample->remaining, 0);
}

static void
steady_begin_window(SteadyState *state, gint64 now_ms, const MtSample *sample)
{
    state->pass = sample->pass;
    state->pass_start_ms = now_ms;
    state->pass_remaining = sample->remaining;
    state->pass_transferred = sample->transferred;
}

/*
 * Measures a window of @n passes.  What the syncs added follows from the
 * remaining and the sent data, if pages are sent uncompressed; otherwise more
 * than the downtime allows seems to be unsent at the end of a pass.
 */
static void
steady_measure(const MtPolicyRun *run, const SteadyState *state,
               const MtSample *sample, guint64 n, double bandwidth,
               SteadyPoint *ret_point)
{
    double fits = MIN(steady_fits(run, sample, bandwidth),
                      sample->remaining);
    double sent = (double)sample->transferred - state->pass_transferred;
    double added = (sample->remaining + sent - state->pass_remaining) / n;

    if (state->pass <= 1 || added <= 0 || sample->remaining - added > fits)
        added = sample->remaining - fits;
    ret_point->added = MIN(added, sample->remaining);
    ret_point->unsent = sample->remaining - ret_point->added;
}

static void
steady_new_pass(MtPolicyRun *run, SteadyState *state, gint64 now_ms,
                const MtSample *sample)
{
    double bandwidth = steady_bandwidth(sample, now_ms);
    double sent = bandwidth > 0 ?
        steady_sent_of_pass(run, sample, bandwidth) : 0;
    gint64 begin_ms = bandwidth > 0 ?
        MAX(now_ms - (gint64)(sent / bandwidth * 1000),
            state->pass_start_ms + 1) : now_ms;
    double seconds = (begin_ms - state->pass_start_ms) / 1000.0;
    MtSample begin = *sample;   /* as it was when the pass began */
    /* The first pass is much longer than the passes that may end with it, and
     * its data includes pages of zeros, which take no bytes. */
    guint64 n = state->pass <= 1 ? 1 : sample->pass - state->pass;
    SteadyPoint point = {
        .seconds = seconds / n,
        .all = state->pass <= 1 ? sample->total : 0,
    };

    begin.remaining += sent;
    begin.transferred -= MIN(begin.transferred, (guint64)sent);
    /* Several short passes are measured together. */
    if (seconds < STEADY_SHORTEST_S)
        return;
    if (state->final || bandwidth <= 0 ||
        sample->phase != MT_PHASE_PRECOPY) {
        steady_begin_window(state, begin_ms, &begin);
        return;
    }

    steady_measure(run, state, &begin, n, bandwidth, &point);
    steady_begin_window(state, begin_ms, &begin);
    steady_add_point(state, &point, begin.total);
    steady_decide(run, state, now_ms, begin.remaining, begin.total, bandwidth);
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
        steady_begin_window(state, 0, sample);
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
