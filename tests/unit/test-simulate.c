/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The working-set model gives known results, the simulator agrees with the
 * model, and the policy "steady" names the limits that suffice.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenes.h"

static void
assert_near(double value, double expected, double tolerance)
{
    if (fabs(value - expected) > tolerance)
        g_error("%g is not within %g of %g", value, tolerance, expected);
}

static void
test_written(void)
{
    MtModel m = model(512, 200);

    assert_near(mt_model_written(&m, 0.5), 90.8403, 0.0001);
    assert_near(mt_model_written(&m, 4), 404.6790, 0.0001);
    m = model(INFINITY, 200);
    assert_near(mt_model_written(&m, 4), 800, 1e-9);
}

static void
test_fit(void)
{
    MtModel m;

    mt_model_fit(&m, 0.5, 90.8403, 4, 404.6790);
    assert_near(m.parts[0].bytes, 512.0, 0.01);
    assert_near(m.parts[0].rate, 200.0, 0.01);

    /* Growth in proportion to the time. */
    mt_model_fit(&m, 1, 100, 4, 400);
    g_assert_true(isinf(m.parts[0].bytes));
    assert_near(m.parts[0].rate, 100, 1e-9);

    /* No growth: the rate is a lower bound. */
    mt_model_fit(&m, 1, 64, 4, 64);
    assert_near(m.parts[0].bytes, 64, 1e-9);
    assert_near(m.parts[0].rate, 64, 1e-9);

    /* An idle guest. */
    mt_model_fit(&m, 1, 0, 4, 0);
    assert_near(mt_model_written(&m, 10), 0, 1e-9);

    /* Fitting two points of a known guest returns this guest. */
    for (double bytes = 16; bytes < 1e6; bytes *= 4) {
        for (double rate = 1; rate < 1e5; rate *= 5) {
            MtModel guest = model(bytes, rate);
            double t1 = 0.2, t2 = 1.7;
            double u1 = mt_model_written(&guest, t1);
            double u2 = mt_model_written(&guest, t2);

            if (u2 > bytes * 0.999 || u2 / u1 > t2 / t1 * 0.995)
                continue;
            mt_model_fit(&m, t1, u1, t2, u2);
            assert_near(m.parts[0].bytes / bytes, 1, 1e-4);
            assert_near(m.parts[0].rate / rate, 1, 1e-4);
        }
    }
}

static void
test_floor(void)
{
    static const struct {
        double bytes, rate, bandwidth, floor;
    } cases[] = {
        { 512, 200, 118, 352.7 },
        { 8192, 1500, 1024, 4581 },
        { 64, 100, 125, 0 },
        { 512, 200, 295, 0 },
        { 1024, 300, 118, 919.6 },
    };
    MtModel m;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        m = model(cases[i].bytes, cases[i].rate);
        assert_near(mt_model_floor(&m, cases[i].bandwidth), cases[i].floor,
                    0.5);
    }

    m = model(INFINITY, 200);
    g_assert_true(isinf(mt_model_floor(&m, 100)));
    /* A log that grows without bound beside a hot set: a fixed point. */
    m = (MtModel){ 2, { { INFINITY, 50 }, { 512, 200 } } };
    {
        double floor = mt_model_floor(&m, 168);

        assert_near(mt_model_written(&m, floor / 168), floor, 0.01);
        g_assert_cmpfloat(floor, >, 100);
    }
}

/* M, B, W, r and downtime of guests in MiB, MiB/s and seconds. */
static const struct {
    double first, bandwidth, bytes, rate, downtime;
    gboolean ends;
    guint n_passes;
    double seconds, downtime_taken, sent;
} guests[] = {
    { 4096, 1024, 512, 200, 0.3, TRUE, 2, 4.395, 0.0715, 4574 },
    { 4096, 1024, 32, 10, 0.3, TRUE, 1, 4.0, 0.0223, 4119 },
    { 4096, 118, 512, 200, 0.3, FALSE },
    { 16384, 1024, 8192, 1500, 0.3, FALSE },
    { 2048, 125, 64, 100, 0.5, TRUE, 2, 16.896, 0.2819, 2147 },
};

static void
test_passes(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(guests); i++) {
        MtModel m = model(guests[i].bytes, guests[i].rate);
        MtModelRun run;

        mt_model_run(&m, guests[i].first, guests[i].bandwidth,
                     guests[i].downtime, 1000, INFINITY, &run);
        g_assert_cmpint(run.ends, ==, guests[i].ends);
        if (!run.ends)
            continue;
        g_assert_cmpuint(run.n_passes, ==, guests[i].n_passes);
        assert_near(run.seconds, guests[i].seconds, 0.0006);
        assert_near(run.downtime, guests[i].downtime_taken, 0.0001);
        assert_near(run.bytes, guests[i].sent, 0.6);
    }
}

/* Without a policy a migration completes if the balance fits into the
 * downtime, and the downtime is not longer than allowed. */
static void
test_simulate_model(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(guests); i++) {
        MtPolicyConfig none;
        MtSimScene scene;
        MtSimResult result;
        MtModel m = model(guests[i].bytes, guests[i].rate);
        double balance = mt_model_balance(&m, guests[i].bandwidth);

        mt_policy_config_init(&none, "none", NULL);
        for (guint longer = 0; longer < 2; longer++) {
            double downtime = longer ?
                balance / guests[i].bandwidth * 1.05 + 0.05 :
                guests[i].downtime;

            scene_init(&scene, guests[i].first, guests[i].bandwidth,
                       guests[i].bytes, guests[i].rate, downtime);
            mt_simulate(&scene, &none, NULL, NULL, &result);
            if (!longer && !guests[i].ends) {
                g_assert_cmpint(result.outcome, ==, MT_SIM_ENDLESS);
                assert_near(result.seconds, 3600, 1e-6);
                continue;
            }
            g_assert_cmpint(result.outcome, ==, MT_SIM_COMPLETED);
            g_assert_cmpfloat(result.downtime, <=, downtime + 0.001);
            g_assert_cmpfloat(result.seconds, >,
                              guests[i].first / guests[i].bandwidth);
        }
    }
}

/* The remaining data as a continuous function of time. */
static void
test_balance(void)
{
    MtModel m = model(512, 200);

    assert_near(mt_model_balance(&m, 118), 209.92, 0.001);
    assert_near(mt_model_balance(&m, 200), 0, 1e-9);
    assert_near(mt_model_remaining(&m, 400, 118, 0), 400, 1e-9);
    assert_near(mt_model_remaining(&m, 400, 118, 100), 209.92, 0.001);
    assert_near(mt_model_remaining(&m, 400, 300, 100), 0, 1e-9);
    m = model(INFINITY, 200);
    g_assert_true(isinf(mt_model_balance(&m, 118)));
    assert_near(mt_model_remaining(&m, 400, 300, 2), 200, 1e-9);
    assert_near(mt_model_remaining(&m, 400, 100, 2), 600, 1e-9);
}

/* A link that becomes slower, and a guest that becomes busier, half way. */
static void
test_simulate_phases(void)
{
    MtPolicyConfig none;
    MtSimScene scene;
    MtSimResult result;

    mt_policy_config_init(&none, "none", NULL);
    scene_init(&scene, 1000, 100, 1, 0, 0.3);
    scene.n_links = 2;
    scene.links[1] = (MtSimLink){ 5, 50 * MIB };
    mt_simulate(&scene, &none, NULL, NULL, &result);
    assert_near(result.seconds, 15, 0.01);

    scene_init(&scene, 1000, 100, 1, 0, 0.3);
    scene.n_works = 2;
    scene.works[1] = (MtSimWork){ 5, model(200 * MIB, 400 * MIB) };
    mt_simulate(&scene, &none, NULL, NULL, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_ENDLESS);
}

/* Compression: fewer bytes, but no more RAM a second than it can process. */
static void
test_simulate_method(void)
{
    MtPolicyConfig none;
    MtSimScene scene;
    MtSimResult result;

    mt_policy_config_init(&none, "none", NULL);
    scene_init(&scene, 1000, 100, 1, 0, 0.3);
    scene.ratio = 0.25;
    mt_simulate(&scene, &none, NULL, NULL, &result);
    assert_near(result.seconds, 2.5, 0.01);
    assert_near(result.bytes / MIB, 250, 0.1);
    scene.speed = 200 * MIB;
    mt_simulate(&scene, &none, NULL, NULL, &result);
    assert_near(result.seconds, 5, 0.01);
    assert_near(result.bytes / MIB, 250, 0.1);
}

/* The limit of the bandwidth does not apply to the last pass. */
static void
test_simulate_limit(void)
{
    MtPolicyConfig none;
    MtSimScene scene;
    MtSimResult result;

    mt_policy_config_init(&none, "none", NULL);
    scene_init(&scene, 1000, 1000, 1, 0, 0.3);
    scene.max_bandwidth = 100 * MIB;
    mt_simulate(&scene, &none, NULL, NULL, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_COMPLETED);
    /* 970 MiB or a little more before the guest is stopped. */
    g_assert_cmpfloat(result.seconds - result.downtime, >=, 9.7 - 0.001);
    g_assert_cmpfloat(result.seconds - result.downtime, <=, 9.8 + 0.001);
    g_assert_cmpfloat(result.downtime, <=, 0.031);
    g_assert_cmpfloat(result.downtime, >, 0.015);

    /* The threshold is in bytes on the link, also with compression. */
    scene_init(&scene, 1000, 100, 1, 0, 0.3);
    scene.ratio = 0.5;
    mt_simulate(&scene, &none, NULL, NULL, &result);
    g_assert_cmpfloat(result.downtime, <=, 0.15 + 0.001);
}

/* The effect of each action on a guest whose floor needs a downtime of 2989
 * ms. */
static void
test_simulate_actions(void)
{
    MtPolicyConfig config;
    MtSimScene scene;
    MtSimResult result;

    scene_init(&scene, 4096, 118, 512, 200, 0.3);
    scene.guest.postcopy = TRUE;
    scene.device_s = 0.05;

    mt_policy_config_init(&config, "kubevirt", NULL);
    config.kubevirt.completion_s_per_gb = 20;       /* 100 s */
    mt_simulate(&scene, &config, NULL, NULL, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_ABORTED);
    assert_near(result.seconds, 101.2, 0.001);

    config.kubevirt.allow_disruption = TRUE;
    mt_simulate(&scene, &config, NULL, NULL, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_COMPLETED);
    g_assert_cmpfloat(result.downtime, >, 2.9);
    assert_near(result.seconds - result.downtime, 101.2, 0.001);

    config.kubevirt.allow_postcopy = TRUE;
    mt_simulate(&scene, &config, NULL, NULL, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_POSTCOPY);
    assert_near(result.downtime, 0.05, 1e-6);
    g_assert_cmpfloat(result.seconds, >, 101.2);

    mt_policy_config_init(&config, "steady", NULL);
    config.steady.deadline_ms = 600000;
    config.steady.allow_throttle = TRUE;
    mt_simulate(&scene, &config, NULL, NULL, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_COMPLETED);
    g_assert_cmpfloat(result.downtime, <=, 0.56);
}

typedef struct {
    guint64 pass;           /* of the first message */
    guint64 needed_ms;      /* of the last one */
} Told;

static gboolean
hear(const MtDecision *decision, gpointer data)
{
    Told *told = data;

    g_test_message("%.3f s: %s %" G_GUINT64_FORMAT " %s: %s",
                   decision->time_ms / 1000.0, mt_act_to_string(decision->act),
                   decision->value, decision->code, decision->reason);

    if (g_str_equal(decision->code, "cannot-converge")) {
        if (!told->needed_ms)
            g_assert_cmpint(sscanf(decision->reason, "pass %"
                                   G_GUINT64_FORMAT, &told->pass), ==, 1);
        told->needed_ms = decision->value;
    }
    return TRUE;
}

/* Within the first three passes "steady" reports that the limits do not
 * suffice and which downtime would; with that downtime the migration
 * completes. */
static void
test_steady_tells(void)
{
    static const struct {
        double first, bandwidth, bytes, rate;
    } cases[] = {
        { 4096, 118, 512, 200 },
        { 16384, 1024, 8192, 1500 },
        { 2048, 118, 1024, 300 },
        { 65536, 1024, 40000, 1100 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        MtPolicyConfig config;
        MtSimScene scene;
        MtSimResult result;
        Told told = { 0 };

        mt_policy_config_init(&config, "steady", NULL);
        config.steady.deadline_ms = 1200000;
        scene_init(&scene, cases[i].first, cases[i].bandwidth, cases[i].bytes,
                   cases[i].rate, 0.3);
        mt_simulate(&scene, &config, hear, &told, &result);
        g_assert_cmpint(result.outcome, ==, MT_SIM_ABORTED);
        assert_near(result.seconds, 1200, 0.001);
        g_assert_cmpuint(told.needed_ms, >, 500);
        g_assert_cmpint(told.pass, <=, 4);      /* the third one has ended */

        config.steady.max_downtime_ms = told.needed_ms;
        mt_simulate(&scene, &config, hear, &told, &result);
        g_assert_cmpint(result.outcome, ==, MT_SIM_COMPLETED);
        g_assert_cmpfloat(result.downtime * 1000, <=, told.needed_ms + 1);
    }
}

/* A working set that is written completely in each pass: its write rate is not
 * known, but the named limit still lets the migration end. */
static void
test_steady_saturated(void)
{
    static const struct {
        double first, bandwidth, bytes, rate;
    } cases[] = {
        { 1024, 100, 150, 400 },
        { 1024, 100, 150, 2000 },
        { 1024, 100, 150, 50000 },
        { 4096, 118, 512, 5000 },
        { 8192, 1024, 2048, 20000 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (guint rate_limited = 0; rate_limited < 2; rate_limited++) {
            MtPolicyConfig config;
            MtSimScene scene;
            MtSimResult result;
            Told told = { 0 };

            mt_policy_config_init(&config, "steady", NULL);
            config.steady.deadline_ms = 1200000;
            scene_init(&scene, cases[i].first, cases[i].bandwidth,
                       cases[i].bytes, cases[i].rate, 0.3);
            if (rate_limited) {
                scene.max_bandwidth = scene.links[0].bandwidth;
                scene.links[0].bandwidth *= 10;
            }
            mt_simulate(&scene, &config, hear, &told, &result);
            g_assert_cmpint(result.outcome, ==, MT_SIM_ABORTED);
            g_assert_cmpint(told.pass, <=, 4);
            g_assert_cmpuint(told.needed_ms, >, 500);

            config.steady.max_downtime_ms = told.needed_ms;
            mt_simulate(&scene, &config, hear, &told, &result);
            g_assert_cmpint(result.outcome, ==, MT_SIM_COMPLETED);
            g_assert_cmpfloat(result.downtime * 1000, <=,
                              told.needed_ms + 1);
        }
    }
}

/*
 * Samples that come long after a pass has begun, as on a busy host: QEMU is
 * imitated, and only looked at every @interval_s.  The named limit must still be
 * enough for the whole working set, without being far more than that.
 */
typedef struct {
    double downtime_ms;
    guint64 enough_ms;
    guint n_seen;           /* passes seen before the first message */
    guint n_before_report;
} Watched;

static gboolean
watch_act(const MtDecision *decision, gpointer data)
{
    Watched *watched = data;

    g_test_message("%.3f s: %s %" G_GUINT64_FORMAT " %s: %s",
                   decision->time_ms / 1000.0, mt_act_to_string(decision->act),
                   decision->value, decision->code, decision->reason);
    if (decision->act == MT_ACT_SET_DOWNTIME)
        watched->downtime_ms = decision->value;
    if (g_str_equal(decision->code, "cannot-converge")) {
        if (!watched->enough_ms)
            watched->n_before_report = watched->n_seen;
        watched->enough_ms = decision->value;
    }
    return TRUE;
}

static void
watch_late(double ram, double set, double rate, double bandwidth,
           double interval_s, Watched *watched)
{
    const double step = 0.001;
    double left = ram, written = 0, sent = 0;
    guint64 pass = 1, seen = 0;
    gint64 sample_ms = 0;
    MtPolicyConfig config;
    const MtPolicyGuest guest = { .ram_bytes = ram };
    g_autoptr(MtPolicyRun) run = NULL;

    mt_policy_config_init(&config, "steady", NULL);
    run = mt_policy_run_new(&config, &guest, watch_act, watched);
    mt_policy_run_start(run);
    for (gint64 ms = 0; ms < 30000; ms++) {
        if (ms >= sample_ms) {
            const MtSample sample = {
                .time_ms = ms, .phase = MT_PHASE_PRECOPY, .pass = pass,
                .remaining = left, .total = ram, .transferred = sent,
                .bandwidth = bandwidth, .downtime_ms = watched->downtime_ms,
            };

            sample_ms += interval_s * 1000;
            mt_policy_run_sample(run, &sample);
            watched->n_seen += pass > seen;
            if (seen && pass > seen)
                mt_policy_run_pass(run, ms, pass);
            mt_policy_run_advance(run, ms);
            seen = pass;
        }
        left -= bandwidth * step;
        sent += bandwidth * step;
        written = set - (set - written) * exp(-rate * step / set);
        if (left <= bandwidth * watched->downtime_ms / 1000) {
            left += written * (1 - left / (pass == 1 ? ram : set));
            written = 0;
            pass++;
        }
    }
}

static void
test_steady_late(void)
{
    static const struct {
        double ram, set, rate, bandwidth, interval_s;
    } cases[] = {
        { 64, 16, 400, 20, 0.1 },
        { 64, 16, 400, 20, 0.3 },
        { 64, 16, 400, 20, 0.5 },
        { 64, 16, 400, 20, 0.9 },
        { 64, 16, 400, 20, 1.7 },
        { 64, 16, 60, 20, 0.3 },
        { 64, 16, 60, 20, 0.9 },
        { 64, 48, 100, 20, 0.7 },
        { 1024, 150, 50000, 100, 1.3 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        double bandwidth = cases[i].bandwidth * MIB;
        double whole_ms = cases[i].set / cases[i].bandwidth * 1000;
        double least_ms = whole_ms * (1 - cases[i].bandwidth / cases[i].rate);
        Watched watched = { .downtime_ms = 300 };

        watch_late(cases[i].ram * MIB, cases[i].set * MIB,
                   cases[i].rate * MIB, bandwidth, cases[i].interval_s,
                   &watched);
        g_test_message("case %u: %" G_GUINT64_FORMAT " ms named, %.0f ms "
                       "needed, %.0f ms for the working set", i,
                       watched.enough_ms, least_ms, whole_ms);
        g_assert_cmpfloat(watched.enough_ms, >=, least_ms);
        g_assert_cmpfloat(watched.enough_ms, <, whole_ms * 1.5 + 500);
        g_assert_cmpuint(watched.n_before_report, <=, 4);
    }
}

/* Without a deadline the policy says so, once. */
static gboolean
count_endless(const MtDecision *decision, gpointer data)
{
    *(guint *)data += g_str_equal(decision->code, "no-deadline");
    return TRUE;
}

static void
test_steady_endless(void)
{
    MtPolicyConfig config;
    MtSimScene scene;
    MtSimResult result;
    guint n = 0;

    mt_policy_config_init(&config, "steady", NULL);
    scene_init(&scene, 4096, 118, 512, 2000, 0.3);
    mt_simulate(&scene, &config, count_endless, &n, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_ENDLESS);
    g_assert_cmpuint(n, ==, 1);
    n = 0;
    config.steady.deadline_ms = 600000;
    mt_simulate(&scene, &config, count_endless, &n, &result);
    g_assert_cmpuint(n, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/written", test_written);
    g_test_add_func("/model/fit", test_fit);
    g_test_add_func("/model/floor", test_floor);
    g_test_add_func("/model/balance", test_balance);
    g_test_add_func("/model/passes", test_passes);
    g_test_add_func("/simulate/model", test_simulate_model);
    g_test_add_func("/simulate/phases", test_simulate_phases);
    g_test_add_func("/simulate/method", test_simulate_method);
    g_test_add_func("/simulate/limit", test_simulate_limit);
    g_test_add_func("/simulate/actions", test_simulate_actions);
    g_test_add_func("/steady/tells", test_steady_tells);
    g_test_add_func("/steady/saturated", test_steady_saturated);
    g_test_add_func("/steady/late-samples", test_steady_late);
    g_test_add_func("/steady/endless", test_steady_endless);

    return g_test_run();
}
