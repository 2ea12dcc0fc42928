/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy "steady" completes each migration that any other policy completes,
 * and takes neither longer nor a longer downtime: in a suite of guests and links,
 * and for guests whose behaviour changes.
 */
#include "config.h"

#include <stdlib.h>

#include "scenes.h"

/* The limits for all policies in the comparison. */
#define SUITE_DOWNTIME_MS 500
#define SUITE_DEADLINE_S 1200

static void
suite_configure(MtPolicyConfig *config, const char *name, gboolean postcopy)
{
    mt_policy_config_init(config, name, NULL);
    if (g_str_equal(name, "nova")) {
        config->nova.force_complete = postcopy;
        config->nova.permit_postcopy = postcopy;
    } else if (g_str_equal(name, "vdsm")) {
        mt_vdsm_builtin(&config->vdsm, postcopy ? "post-copy" :
                        "minimal-downtime", NULL);
    } else if (g_str_has_prefix(name, "kubevirt")) {
        config->kubevirt.tuning = TRUE;
        config->kubevirt.max_downtime_ms = SUITE_DOWNTIME_MS;
        config->kubevirt.allow_postcopy = postcopy;
        config->kubevirt.allow_disruption = postcopy;
    } else if (g_str_equal(name, "steady")) {
        config->steady.max_downtime_ms = SUITE_DOWNTIME_MS;
        config->steady.deadline_ms = SUITE_DEADLINE_S * 1000;
        config->steady.allow_postcopy = postcopy;
    }
}

/* Guests of 1 to 512 GiB; idle, and with hot sets of 5, 25 and 75 % of RAM that
 * are written at 0.5, 1 and 2 times the bandwidth; with phases; over a link
 * that becomes slower. */
static guint
suite_scenes(gboolean postcopy, MtSimScene *scenes)
{
    static const double sizes[] = { 1024, 8192, 65536, 524288 };
    static const double hot[] = { 0.05, 0.25, 0.75 };
    static const double busy[] = { 0.5, 1, 2 };
    const double bandwidth = 1024;
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        scene_init(&scenes[n++], sizes[i], bandwidth, 1, 0.1, 0.3);
        for (guint j = 0; j < G_N_ELEMENTS(hot); j++) {
            for (guint k = 0; k < G_N_ELEMENTS(busy); k++)
                scene_init(&scenes[n++], sizes[i], bandwidth,
                           sizes[i] * hot[j], bandwidth * busy[k], 0.3);
        }
        scene_init(&scenes[n], sizes[i], bandwidth, sizes[i] * 0.25,
                   bandwidth * 2, 0.3);
        scenes[n].n_works = 2;
        scenes[n].works[1] = (MtSimWork){
            sizes[i] / bandwidth * 2, model(64 * MIB, 100 * MIB)
        };
        n++;
        scene_init(&scenes[n], sizes[i], bandwidth, sizes[i] * 0.05,
                   bandwidth * 0.7, 0.3);
        scenes[n].n_links = 2;
        scenes[n].links[1] = (MtSimLink){
            sizes[i] / bandwidth / 2, bandwidth / 2 * MIB
        };
        n++;
    }
    for (guint i = 0; i < n; i++) {
        scenes[i].guest.postcopy = postcopy;
        scenes[i].limit_s = SUITE_DEADLINE_S;
        scenes[i].device_s = 0.02;
    }
    return n;
}

static gboolean
suite_is_good(const MtSimResult *result)
{
    return (result->outcome == MT_SIM_COMPLETED ||
            result->outcome == MT_SIM_POSTCOPY) &&
           result->seconds <= SUITE_DEADLINE_S &&
           result->downtime <= SUITE_DOWNTIME_MS / 1000.0 + 0.021;
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(double *values, guint n)
{
    if (!n)
        return 0;
    qsort(values, n, sizeof(*values), compare_doubles);
    return (values[n / 2] + values[(n - 1) / 2]) / 2;
}

/* The results of a policy over the suite. */
typedef struct {
    const char *name;
    guint n_good;
    MtSimResult results[64];
} SuiteRun;

/* The median over all scenarios; a migration that did not end inside the limits
 * counts as the deadline. */
static double
suite_median_seconds(const SuiteRun *run, guint n)
{
    double values[64];

    for (guint i = 0; i < n; i++)
        values[i] = suite_is_good(&run->results[i]) ?
            run->results[i].seconds : SUITE_DEADLINE_S;
    return median(values, n);
}

/* Medians of what migrations took. */
typedef struct {
    double seconds;
    double downtime_ms;         /* that was used, not that was allowed */
    double gib;
} SuiteMedians;

static void
suite_medians(const MtSimResult *const *results, guint n,
              SuiteMedians *ret_medians)
{
    double seconds[64], downtimes[64], bytes[64];

    for (guint i = 0; i < n; i++) {
        seconds[i] = results[i]->seconds;
        downtimes[i] = results[i]->downtime * 1000;
        bytes[i] = results[i]->bytes / MIB / 1024;
    }
    *ret_medians = (SuiteMedians){
        median(seconds, n), median(downtimes, n), median(bytes, n)
    };
}

/* The medians over the scenarios that both policies end inside the limits.
 * Returns their number. */
static guint
suite_compare(const SuiteRun *steady, const SuiteRun *other, guint n,
              SuiteMedians *ret_steady, SuiteMedians *ret_other)
{
    const MtSimResult *mine[64], *theirs[64];
    guint common = 0;

    for (guint i = 0; i < n; i++) {
        if (!suite_is_good(&steady->results[i]) ||
            !suite_is_good(&other->results[i]))
            continue;
        mine[common] = &steady->results[i];
        theirs[common++] = &other->results[i];
    }
    suite_medians(mine, common, ret_steady);
    suite_medians(theirs, common, ret_other);
    return common;
}

/* With the same limits for all policies, "steady" ends at least as many
 * migrations as any other policy, and where both end one, neither its median
 * time nor its median downtime is longer.  Over all migrations its median time is
 * at most 5 % longer: that is the price of the shorter downtime. */
static void
test_steady_suite(void)
{
    for (gint postcopy = 0; postcopy < 2; postcopy++) {
        MtSimScene scenes[64];
        guint n = suite_scenes(postcopy, scenes);
        SuiteRun runs[16];
        const SuiteRun *steady = NULL;

        g_assert_cmpuint(mt_policy_n(), <=, G_N_ELEMENTS(runs));
        for (guint i = 0; i < mt_policy_n(); i++) {
            MtPolicyConfig config;

            runs[i] = (SuiteRun){ .name = mt_policy_get(i)->name };
            suite_configure(&config, runs[i].name, postcopy);
            for (guint j = 0; j < n; j++) {
                mt_simulate(&scenes[j], &config, NULL, NULL,
                            &runs[i].results[j]);
                runs[i].n_good += suite_is_good(&runs[i].results[j]);
            }
            if (g_str_equal(runs[i].name, "steady"))
                steady = &runs[i];
        }
        for (guint i = 0; i < mt_policy_n(); i++) {
            SuiteMedians mine, theirs;
            guint common = suite_compare(steady, &runs[i], n, &mine, &theirs);

            g_test_message("%s%s: %u of %u end inside the limits, median %.1f "
                           "s; both end %u: %.2f s, %.0f ms, %.2f GiB; steady "
                           "%.2f s, %.0f ms, %.2f GiB", runs[i].name,
                           postcopy ? " with post-copy" : "", runs[i].n_good,
                           n, suite_median_seconds(&runs[i], n), common,
                           theirs.seconds, theirs.downtime_ms, theirs.gib,
                           mine.seconds, mine.downtime_ms, mine.gib);
            g_assert_cmpuint(steady->n_good, >=, runs[i].n_good);
            g_assert_cmpfloat(mine.seconds, <=, theirs.seconds + 0.001);
            g_assert_cmpfloat(mine.downtime_ms, <=, theirs.downtime_ms + 0.01);
            g_assert_cmpfloat(suite_median_seconds(steady, n), <=,
                              suite_median_seconds(&runs[i], n) * 1.05);
        }
    }
}

/* The lengths of a phase, in multiples of the first pass. */
static const double phase_lengths[] = { 0.07, 0.2, 0.45, 0.8, 1.3, 2.7 };

/* RAM in MiB, and bandwidth in MiB/s. */
static const double phase_sizes[][2] = {
    { 8192, 128 }, { 4096, 1024 }, { 65536, 2048 }
};

/* Guests whose behaviour changes: in each phase the size of the working set as a
 * share of RAM, and its write rate as a multiple of the bandwidth.  The last
 * phase does not end. */
static const struct {
    const char *name;
    guint64 limit_ms;
    guint n;
    double phases[MT_SIM_PHASES][2];
} phase_guests[] = {
    { "busy, then quiet", 5000, 2, { { 0.25, 2.3 }, { 0.008, 0.08 } } },
    { "busy, then quiet, 500 ms", 500, 2,
      { { 0.25, 2.3 }, { 0.008, 0.08 } } },
    { "busy, then less busy", 5000, 2, { { 0.5, 3 }, { 0.06, 1.5 } } },
    { "falling", 3000, 5,
      { { 0.7, 4 }, { 0.4, 2 }, { 0.2, 1.4 }, { 0.1, 0.9 }, { 0.05, 0.5 } } },
    { "rising", 3000, 4,
      { { 0.01, 0.1 }, { 0.05, 0.6 }, { 0.1, 1.2 }, { 0.2, 1.6 } } },
    { "alternating, then quiet", 2000, 8,
      { { 0.2, 2 }, { 0.01, 0.1 }, { 0.2, 2 }, { 0.01, 0.1 }, { 0.2, 2 },
        { 0.01, 0.1 }, { 0.2, 2 }, { 0.01, 0.1 } } },
    { "alternating, then busy", 2000, 7,
      { { 0.2, 2 }, { 0.01, 0.1 }, { 0.2, 2 }, { 0.01, 0.1 }, { 0.2, 2 },
        { 0.01, 0.1 }, { 0.2, 2 } } },
    { "quiet with peaks", 1000, 8,
      { { 0.02, 0.2 }, { 0.6, 5 }, { 0.02, 0.2 }, { 0.02, 0.2 }, { 0.6, 5 },
        { 0.02, 0.2 }, { 0.02, 0.2 }, { 0.02, 0.2 } } },
};

#define PHASE_SCENES (G_N_ELEMENTS(phase_guests) * \
                      G_N_ELEMENTS(phase_lengths) * G_N_ELEMENTS(phase_sizes))

/* Makes the scenario @nth; returns its guest. */
static guint
phase_scene(guint nth, MtSimScene *scene)
{
    const double *size = phase_sizes[nth % G_N_ELEMENTS(phase_sizes)];
    guint rest = nth / G_N_ELEMENTS(phase_sizes);
    double length = phase_lengths[rest % G_N_ELEMENTS(phase_lengths)];
    guint guest = rest / G_N_ELEMENTS(phase_lengths);

    scene_init(scene, size[0], size[1], 1, 0, 0.3);
    scene->limit_s = SUITE_DEADLINE_S;
    scene->device_s = 0.02;
    scene->n_works = phase_guests[guest].n;
    for (guint i = 0; i < scene->n_works; i++)
        scene->works[i] = (MtSimWork){
            i * length * size[0] / size[1],
            model(phase_guests[guest].phases[i][0] * size[0] * MIB,
                  phase_guests[guest].phases[i][1] * size[1] * MIB),
        };
    return guest;
}

/* Returns whether the migration of the scenario @nth ends within the limits, and
 * its time.  The deadline and the time are multiples of the first pass. */
static gboolean
phase_run(guint nth, const char *policy, double deadline, double *ret_time,
          double *ret_downtime_ms)
{
    const double *size = phase_sizes[nth % G_N_ELEMENTS(phase_sizes)];
    MtPolicyConfig config;
    MtSimResult result;
    MtSimScene scene;
    guint64 limit_ms = phase_guests[phase_scene(nth, &scene)].limit_ms;

    scene.limit_s = MIN(scene.limit_s, deadline * size[0] / size[1]);
    suite_configure(&config, policy, FALSE);
    if (g_str_has_prefix(policy, "kubevirt")) {
        config.kubevirt.max_downtime_ms = limit_ms;
    } else if (g_str_equal(policy, "steady")) {
        config.steady.max_downtime_ms = limit_ms;
        config.steady.deadline_ms = scene.limit_s * 1000;
    }
    mt_simulate(&scene, &config, NULL, NULL, &result);
    *ret_time = result.seconds * size[1] / size[0];
    *ret_downtime_ms = result.downtime * 1000;
    return result.outcome == MT_SIM_COMPLETED &&
           *ret_downtime_ms <= limit_ms + 21;
}

/* Guests with phases of many lengths: "steady" ends each migration that another
 * policy ends within the limits.  Where both end, its median downtime is not
 * longer: it does not stop a guest for long that is about to become quiet.  Its
 * median time is at most 5 % longer. */
static void
test_steady_phases(void)
{
    for (guint i = 0; i < mt_policy_n(); i++) {
        const char *policy = mt_policy_get(i)->name;
        double times[2][PHASE_SCENES], downtimes[2][PHASE_SCENES];
        guint n = 0, n_steady = 0, n_other = 0;

        for (guint nth = 0; nth < PHASE_SCENES; nth++) {
            gboolean steady = phase_run(nth, "steady", INFINITY,
                                        &times[0][n], &downtimes[0][n]);
            gboolean other = phase_run(nth, policy, INFINITY, &times[1][n],
                                       &downtimes[1][n]);
            MtSimScene scene;

            if (other && !steady)
                g_error("scenario %u, %s: %s ends it, steady does not", nth,
                        phase_guests[phase_scene(nth, &scene)].name, policy);
            n_steady += steady;
            n_other += other;
            n += steady && other;
        }
        g_test_message("%s: %u of %u end inside the limits, steady %u; both: "
                       "time %.3f, steady %.3f; downtime %.0f ms, steady %.0f "
                       "ms", policy, n_other, (guint)PHASE_SCENES, n_steady,
                       median(times[1], n), median(times[0], n),
                       median(downtimes[1], n), median(downtimes[0], n));
        g_assert_cmpfloat(median(downtimes[0], n), <=,
                          median(downtimes[1], n) + 0.01);
        g_assert_cmpfloat(median(times[0], n), <=,
                          median(times[1], n) * 1.05);
    }
}

/* Near a deadline, "steady" ends at least as many of these migrations as any
 * other policy. */
static void
test_steady_deadlines(void)
{
    static const double deadlines[] = { 1.1, 1.2, 1.4, 1.6, 2, 3 };

    for (guint i = 0; i < G_N_ELEMENTS(deadlines); i++) {
        guint n_steady = 0;
        double unused;

        for (guint nth = 0; nth < PHASE_SCENES; nth++)
            n_steady += phase_run(nth, "steady", deadlines[i], &unused,
                                  &unused);
        for (guint p = 0; p < mt_policy_n(); p++) {
            const char *policy = mt_policy_get(p)->name;
            guint n = 0;

            for (guint nth = 0; nth < PHASE_SCENES; nth++)
                n += phase_run(nth, policy, deadlines[i], &unused, &unused);
            g_test_message("deadline %.1f: %s %u, steady %u", deadlines[i],
                           policy, n, n_steady);
            g_assert_cmpuint(n_steady, >=, n);
        }
    }
}

/* The busy phase of this guest ends while the rest is sent.  The downtime is as
 * short as with any other policy, although a long one is allowed. */
static void
test_steady_waits(void)
{
    MtPolicyConfig config;
    MtSimResult result;
    MtSimScene scene;

    mt_policy_config_init(&config, "steady", NULL);
    config.steady.max_downtime_ms = 5000;
    config.steady.deadline_ms = 600000;
    scene_init(&scene, 8192, 256, 2048, 600, 0.3);
    scene.n_works = 2;
    scene.works[1] = (MtSimWork){ 60, model(64 * MIB, 20 * MIB) };
    scene.n_links = 2;
    scene.links[1] = (MtSimLink){ 20, 128 * MIB };
    mt_simulate(&scene, &config, NULL, NULL, &result);
    g_assert_cmpint(result.outcome, ==, MT_SIM_COMPLETED);
    g_assert_cmpfloat(result.downtime, <, 0.1);
    g_assert_cmpfloat(result.seconds, <, 77);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/steady/suite", test_steady_suite);
    g_test_add_func("/steady/phases", test_steady_phases);
    g_test_add_func("/steady/deadlines", test_steady_deadlines);
    g_test_add_func("/steady/waits", test_steady_waits);

    return g_test_run();
}
