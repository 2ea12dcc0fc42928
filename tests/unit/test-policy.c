/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convergence policies make the same decisions as the programs that they come
 * from, for inputs whose results are known.
 */
#include "config.h"

#include <locale.h>
#include <string.h>

#include "converge/policy/policy.h"
#include "migtune/migtune-error.h"

#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define SECOND 1000

/* Decisions as "TIME:VALUE" in seconds, or "TIME:ACTION". */
typedef struct {
    GString *text;
    MtAct fails;        /* fails the first @n_failures times */
    guint n_failures;
} Recorder;

static gboolean
record(const MtDecision *decision, gpointer data)
{
    Recorder *recorder = data;
    double seconds = decision->time_ms / 1000.0;

    g_assert_nonnull(decision->code);
    g_assert_cmpuint(strlen(decision->reason), >, 10);
    if (decision->act == MT_ACT_NOTE || decision->act == MT_ACT_SET_DEADLINE)
        return TRUE;
    if (recorder->text->len)
        g_string_append_c(recorder->text, ' ');
    if (decision->act == MT_ACT_SET_DOWNTIME)
        g_string_append_printf(recorder->text, "%g:%" G_GUINT64_FORMAT,
                               seconds, decision->value);
    else
        g_string_append_printf(recorder->text, "%g:%s", seconds,
                               mt_act_to_string(decision->act));
    if (recorder->n_failures && decision->act == recorder->fails) {
        recorder->n_failures--;
        return FALSE;
    }
    return TRUE;
}

typedef struct {
    MtPolicyConfig config;
    MtPolicyGuest guest;
    Recorder recorder;
    MtPolicyRun *run;
} Scene;

static void
scene_init(Scene *scene, const char *policy)
{
    g_autoptr(GError) error = NULL;

    memset(scene, 0, sizeof(*scene));
    scene->recorder.text = g_string_new(NULL);
    mt_policy_config_init(&scene->config, policy, &error);
    g_assert_no_error(error);
    scene->guest.ram_bytes = 2 * GIB;
}

static void
scene_start(Scene *scene)
{
    scene->run = mt_policy_run_new(&scene->config, &scene->guest, record,
                                   &scene->recorder);
    mt_policy_run_start(scene->run);
}

static void
scene_sample(Scene *scene, gint64 time_ms, guint64 pass, guint64 remaining,
             guint64 bandwidth)
{
    MtSample sample = {
        .time_ms = time_ms,
        .phase = MT_PHASE_PRECOPY,
        .pass = pass,
        .remaining = remaining,
        .total = scene->guest.ram_bytes,
        .transferred = 1000 + time_ms,
        .bandwidth = bandwidth,
    };

    mt_policy_run_sample(scene->run, &sample);
}

/* Runs up to @end_ms and compares all decisions since the start. */
static void
scene_expect(Scene *scene, gint64 end_ms, const char *expected)
{
    mt_policy_run_advance(scene->run, end_ms);
    g_assert_cmpstr(scene->recorder.text->str, ==, expected);
}

static void
scene_clear(Scene *scene)
{
    mt_policy_run_free(scene->run);
    g_string_free(scene->recorder.text, TRUE);
}

static void
test_nova_steps(void)
{
    static const struct {
        gint64 downtime_ms, steps, delay_s;
        double gib;
        const char *pairs;
    } cases[] = {
        { 400, 10, 30, 3.0, "(0,40) (90,76) (180,112) (270,148) (360,184) "
          "(450,220) (540,256) (630,292) (720,328) (810,364) (900,400)" },
        { 500, 10, 75, 2.0, "(0,50) (150,95) (300,140) (450,185) (600,230) "
          "(750,275) (900,320) (1050,365) (1200,410) (1350,455) (1500,500)" },
        { 500, 10, 75, 2.5, "(0,50) (187,95) (374,140) (561,185) (748,230) "
          "(935,275) (1122,320) (1309,365) (1496,410) (1683,455) (1870,500)" },
        { 103, 10, 75, 2.0, "(0,10) (150,19) (300,28) (450,38) (600,47) "
          "(750,56) (900,65) (1050,75) (1200,84) (1350,93) (1500,102)" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        MtNovaConfig config = {
            .downtime_ms = cases[i].downtime_ms,
            .steps = cases[i].steps,
            .delay_s = cases[i].delay_s,
        };
        g_autoptr(GString) pairs = g_string_new(NULL);

        for (gint64 j = 0; j <= config.steps; j++) {
            gint64 seconds, downtime_ms;

            mt_nova_step(&config, cases[i].gib, j, &seconds, &downtime_ms);
            g_string_append_printf(pairs, "%s(%" G_GINT64_FORMAT ",%"
                                   G_GINT64_FORMAT ")", j ? " " : "", seconds,
                                   downtime_ms);
        }
        g_assert_cmpstr(pairs->str, ==, cases[i].pairs);
    }
}

/* In binary floating point some last steps are one millisecond short. */
static void
test_nova_last_step(void)
{
    guint n_short = 0, n = 0;

    for (gint64 downtime_ms = 100; downtime_ms <= 5000; downtime_ms++) {
        for (gint64 steps = 3; steps <= 50; steps++) {
            MtNovaConfig config = { downtime_ms, steps, 75 };
            gint64 seconds, last_ms;

            mt_nova_step(&config, 2, steps, &seconds, &last_ms);
            g_assert_cmpint(last_ms, >=, downtime_ms - 1);
            g_assert_cmpint(last_ms, <=, downtime_ms);
            n_short += last_ms < downtime_ms;
            n++;
        }
    }
    g_assert_cmpuint(n, ==, 235248);
    g_assert_cmpuint(n_short, ==, 10525);
}

static void
test_nova_size(void)
{
    MtNovaConfig none = { 0 };
    MtNovaConfig flavor = { .flavor_gib = 8, .disk_gib = 40 };
    MtPolicyGuest small = { .ram_bytes = GIB / 2 };
    MtPolicyGuest odd = { .ram_bytes = 5 * GIB / 2, .disk_gib = 12 };

    g_assert_cmpfloat(mt_nova_gib(&none, &small), ==, 2.0);
    g_assert_cmpfloat(mt_nova_gib(&none, &odd), ==, 14.5);
    /* The flavor and the disks, if the caller knows them. */
    g_assert_cmpfloat(mt_nova_gib(&flavor, &odd), ==, 48);
}

/* A step is due when more than its time has passed.  A step that fails
 * counts as done. */
static void
test_nova_run(void)
{
    Scene scene;

    scene_init(&scene, "nova");
    scene.recorder.fails = MT_ACT_SET_DOWNTIME;
    scene.recorder.n_failures = 1;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, GIB, 0);
    scene_expect(&scene, 150 * SECOND, "0.5:50");
    scene_expect(&scene, 320 * SECOND, "0.5:50 150.5:95 300.5:140");
    scene_clear(&scene);
}

static void
test_nova_timeout(void)
{
    Scene scene;

    /* The abort is repeated until the job ends: 800 s for each of 2 GiB. */
    scene_init(&scene, "nova");
    scene.config.nova.downtime_ms = 0;
    scene.config.nova.completion_s = 4;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, GIB, 0);
    scene_expect(&scene, 9 * SECOND, "0.5:0 8.5:abort 9:abort");
    scene_clear(&scene);

    /* Post-copy comes one poll after the limit is passed, and is final. */
    scene_init(&scene, "nova");
    scene.config.nova.completion_s = 4;
    scene.config.nova.force_complete = TRUE;
    scene.config.nova.permit_postcopy = TRUE;
    scene.guest.postcopy = TRUE;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, GIB, 0);
    scene_expect(&scene, 60 * SECOND, "0.5:50 9:post-copy");
    scene_clear(&scene);

    /* A post-copy that fails is tried again at the next poll. */
    scene_init(&scene, "nova");
    scene.config.nova.completion_s = 4;
    scene.config.nova.force_complete = TRUE;
    scene.config.nova.permit_postcopy = TRUE;
    scene.guest.postcopy = TRUE;
    scene.recorder.fails = MT_ACT_POSTCOPY;
    scene.recorder.n_failures = 2;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, GIB, 0);
    scene_expect(&scene, 60 * SECOND,
                 "0.5:50 9:post-copy 9.5:post-copy 10:post-copy");
    scene_clear(&scene);

    /* Without post-copy the guest is paused, at each poll. */
    scene_init(&scene, "nova");
    scene.config.nova.completion_s = 4;
    scene.config.nova.force_complete = TRUE;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, GIB, 0);
    scene_expect(&scene, 9500, "0.5:50 9:pause 9.5:pause");
    scene_clear(&scene);

    /* 0 means no limit. */
    scene_init(&scene, "nova");
    scene.config.nova.completion_s = 0;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, GIB, 0);
    mt_policy_run_advance(scene.run, 100000 * SECOND);
    g_assert_null(strstr(scene.recorder.text->str, "abort"));
    scene_clear(&scene);
}

static void
test_vdsm_schedule(void)
{
    static const struct {
        const char *policy;
        guint passes[12];
        guint n_failures;       /* of post-copy */
        const char *expected;
    } cases[] = {
        { "minimal-downtime", { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 0,
          "0:100 30:150 40:200 50:300 60:400 80:500 90:abort" },
        { "minimal-downtime", { 1, 20, 40, 60, 80, 100, 120 }, 0,
          "0:100 20:150 30:200 40:300 50:400 60:500 70:abort" },
        { "minimal-downtime", { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 0,
          "0:100" },
        { "post-copy", { 1, 2, 3, 4, 5, 6, 7 }, 0,
          "0:100 30:150 40:200 50:post-copy" },
        { "post-copy", { 1, 2, 3, 4, 5, 6, 7 }, 1,
          "0:100 30:150 40:200 50:post-copy 60:abort" },
        /* Passes of earlier jobs are subtracted. */
        { "suspend-workload", { 41, 42, 43, 44, 45, 46, 47, 48, 49, 50 }, 0,
          "0:100 30:150 40:200 50:300 60:400 80:500 90:5000 100:abort" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Scene scene;

        scene_init(&scene, "vdsm");
        mt_vdsm_builtin(&scene.config.vdsm, cases[i].policy, &error);
        g_assert_no_error(error);
        scene.recorder.fails = MT_ACT_POSTCOPY;
        scene.recorder.n_failures = cases[i].n_failures;
        scene_start(&scene);
        for (guint j = 0; cases[i].passes[j]; j++)
            scene_sample(&scene, (j + 1) * 10 * SECOND, cases[i].passes[j],
                         GIB, 0);
        scene_expect(&scene, 110 * SECOND, cases[i].expected);
        scene_clear(&scene);
    }
}

static void
test_vdsm_legacy(void)
{
    static const struct {
        gint64 downtime_ms, steps;
        const char *values;
    } cases[] = {
        { 500, 5, "101 104 120 189 500" },
        { 500, 1, "500" },
        { 500, 2, "251 500" },
        { 500, 10, "51 51 53 57 65 79 108 165 278 499" },
    };
    g_autoptr(GError) error = NULL;
    MtVdsmConfig config;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) values = g_string_new(NULL);
        guint last;

        mt_vdsm_legacy(&config, cases[i].downtime_ms, cases[i].steps, &error);
        g_assert_no_error(error);
        g_string_append_printf(values, "%" G_GUINT64_FORMAT,
                               config.init[0].value);
        last = config.n_items - 2;
        for (guint j = 0; j < last; j++) {
            g_assert_cmpint(config.items[j].limit, ==, j + 1);
            g_string_append_printf(values, " %" G_GUINT64_FORMAT,
                                   config.items[j].value);
        }
        g_assert_cmpstr(values->str, ==, cases[i].values);
        g_assert_cmpint(config.items[last].limit, ==, 42);
        g_assert_cmpint(config.items[last + 1].act, ==, MT_ACT_ABORT);
        g_assert_cmpint(config.items[last + 1].limit, ==, -1);
    }

    g_assert_false(mt_vdsm_legacy(&config, 500, 0, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(mt_vdsm_legacy(&config, 500, G_MAXINT64, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(mt_vdsm_builtin(&config, "maximal-downtime", &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
}

static void
test_vdsm_percent(void)
{
    g_assert_cmpuint(mt_vdsm_percent(0, 100), ==, 100);
    g_assert_cmpuint(mt_vdsm_percent(100, 100), ==, 0);
    g_assert_cmpuint(mt_vdsm_percent(50, 100), ==, 50);
    g_assert_cmpuint(mt_vdsm_percent(33, 100), ==, 67);
    g_assert_cmpuint(mt_vdsm_percent(1, 100), ==, 99);
    g_assert_cmpuint(mt_vdsm_percent(99, 100), ==, 1);
    g_assert_cmpuint(mt_vdsm_percent(1, 1000), ==, 99);
    g_assert_cmpuint(mt_vdsm_percent(0, 0), ==, 0);
}

static void
test_proxmox(void)
{
    static const struct {
        guint64 downtime_ms;
        guint64 first, step;    /* remaining */
        gint64 end_s;
        const char *expected;
    } cases[] = {
        { 100, 100 * GIB, 1, 25, "7:200 13:400 19:800 25:1600" },
        { 100, 100 * GIB, 0, 100, "" },
        { 1500000, 100 * GIB, 1, 12, "7:2000000" },
        { 0, 100 * GIB, 1, 13, "7:0 13:0" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Scene scene;

        scene_init(&scene, "proxmox");
        scene.config.proxmox.downtime_ms = cases[i].downtime_ms;
        scene_start(&scene);
        for (gint64 s = 1; s <= cases[i].end_s; s++)
            scene_sample(&scene, s * SECOND, 1,
                         cases[i].first + s * cases[i].step, 0);
        scene_expect(&scene, cases[i].end_s * SECOND, cases[i].expected);
        scene_clear(&scene);
    }
}

/* If no data remains, the polls after the first one are more frequent. */
static void
test_proxmox_zero(void)
{
    Scene scene;

    scene_init(&scene, "proxmox");
    scene_start(&scene);
    for (gint64 ms = 1000; ms <= 2200; ms += 100)
        scene_sample(&scene, ms, 1, 0, 0);
    /* Polls 6 and 12. */
    scene_expect(&scene, 2200, "1.5:200 2.1:400");
    scene_clear(&scene);
}

static void
test_kubevirt_size(void)
{
    static const struct {
        guint64 mib;
        gint64 seconds;
    } cases[] = {
        { 512, 150 }, { 1024, 300 }, { 2048, 450 }, { 4096, 750 },
        { 8192, 1350 },
    };
    Scene scene;

    scene_init(&scene, "kubevirt");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        scene.guest.ram_bytes = cases[i].mib << 20;
        g_assert_cmpint(mt_kubevirt_acceptable(&scene.config.kubevirt,
                                               &scene.guest), ==,
                        cases[i].seconds);
    }
    scene_clear(&scene);
}

static void
test_kubevirt_tuning(void)
{
    static const struct {
        gint64 initial_ms, steps, max_ms;
        const char *values;
    } cases[] = {
        { 150, 7, 900, "150 257 364 471 578 685 792 899 900" },
        { 150, 7, 1050, "150 278 406 534 662 790 918 1046 1050" },
        { 150, 7, 300, "150 171 192 213 234 255 276 297 300" },
        { 150, 7, 150, "150" },
        { 150, 7, 100, "100" },
        { 150, 7, 160, "150 151 152 153 154 155 156 157 158 159 160" },
        { 100, 3, 1000, "100 400 700 1000" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) decisions = NULL;
        g_autoptr(GString) values = g_string_new(NULL);
        Scene scene;

        scene_init(&scene, "kubevirt");
        scene.config.kubevirt.tuning = TRUE;
        scene.config.kubevirt.initial_ms = cases[i].initial_ms;
        scene.config.kubevirt.steps = cases[i].steps;
        scene.config.kubevirt.max_downtime_ms = cases[i].max_ms;
        scene_start(&scene);
        for (gint64 s = 0; s < 140; s++)
            scene_sample(&scene, s * SECOND, s < 5 ? 1 : 3, GIB - s, 0);
        decisions = g_strsplit(scene.recorder.text->str, " ", -1);
        for (guint j = 0; decisions[j]; j++)
            g_string_append_printf(values, "%s%s", j ? " " : "",
                                   strchr(decisions[j], ':') + 1);
        g_assert_cmpstr(values->str, ==, cases[i].values);
        scene_clear(&scene);
    }
}

static void
test_kubevirt_timeouts(void)
{
    Scene scene;

    /* 2 GiB are 3 started GB: 450 s; remaining that falls is progress. */
    scene_init(&scene, "kubevirt");
    scene_start(&scene);
    for (gint64 s = 0; s <= 460; s++)
        scene_sample(&scene, s * SECOND, 1, GIB - s, 0);
    scene_expect(&scene, 460 * SECOND, "451.2:abort");
    scene_clear(&scene);

    /* No decrease for more than 150 s. */
    scene_init(&scene, "kubevirt");
    scene_start(&scene);
    for (gint64 s = 0; s <= 200; s++)
        scene_sample(&scene, s * SECOND, 1, GIB, 0);
    scene_expect(&scene, 200 * SECOND, "150.8:abort");
    scene_clear(&scene);

    /* A saw-tooth always has a decrease from one poll to another. */
    scene_init(&scene, "kubevirt");
    scene.config.kubevirt.completion_s_per_gb = 0;
    scene_start(&scene);
    for (gint64 s = 0; s <= 2000; s++)
        scene_sample(&scene, s * SECOND, 1, GIB + (s % 2) * GIB, 0);
    scene_expect(&scene, 2000 * SECOND, "");
    scene_clear(&scene);

    /* If disruption is allowed: post-copy; or a pause and twice the time;
     * or, with a VFIO device, twice the time as downtime. */
    for (guint i = 0; i < 3; i++) {
        static const char *const expected[] = {
            "451.2:post-copy",
            "451.2:pause 901.2:abort",
            "451.2:900000 901.2:abort",
        };

        scene_init(&scene, "kubevirt");
        scene.config.kubevirt.allow_disruption = TRUE;
        scene.config.kubevirt.allow_postcopy = i != 1;
        scene.guest.vfio = i == 2;
        scene_start(&scene);
        for (gint64 s = 0; s <= 910; s++)
            scene_sample(&scene, s * SECOND, 1, GIB - s, 0);
        scene_expect(&scene, 910 * SECOND, expected[i]);
        scene_clear(&scene);
    }
}

/* A pass at each time.  All times are shifted by this, so that a bandwidth
 * is known before. */
#define STALL_BASE 1000

static void
stall_init(Scene *scene)
{
    scene_init(scene, "kubevirt-stall");
    scene->config.kubevirt.stall_s = 25;
    scene->config.kubevirt.completion_s_per_gb = 100;   /* 300 s */
}

static void
stall_start(Scene *scene, guint64 bandwidth)
{
    scene_start(scene);
    scene_sample(scene, 0, 1, GIB, bandwidth);
    mt_policy_run_advance(scene->run, 400);
}

static void
stall_pass(Scene *scene, gint64 time_ms, guint64 remaining, guint64 bandwidth)
{
    scene_sample(scene, STALL_BASE + time_ms, 2, remaining, bandwidth);
    mt_policy_run_pass(scene->run, STALL_BASE + time_ms, 2);
}

/* A migration stalls at a pass with at least the smallest value that is
 * older than the timeout, reduced by the margin. */
static void
test_stall_margin(void)
{
    static const struct {
        gint64 margin;
        guint64 remaining;
        gboolean stalled;
    } cases[] = {
        { 4, 900, FALSE }, { 4, 970, TRUE }, { 10, 955, TRUE },
        { 4, 955, FALSE }, { 4, 960, TRUE }, { 4, 959, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Scene scene;

        stall_init(&scene);
        scene.config.kubevirt.margin_percent = cases[i].margin;
        stall_start(&scene, 1000);
        stall_pass(&scene, 0, 1000, 1000);
        stall_pass(&scene, 25000, cases[i].remaining, 1000);
        /* The remaining data needs nearly the allowed downtime, so a stall
         * results in the allowed downtime. */
        scene_expect(&scene, 26001, cases[i].stalled ? "0.4:300 26:900" :
                     "0.4:300");
        scene_clear(&scene);
    }
}

/* Only candidates older than the timeout count as old. */
static void
test_stall_age(void)
{
    for (guint stalled = 0; stalled < 2; stalled++) {
        Scene scene;

        stall_init(&scene);
        stall_start(&scene, 1000);
        stall_pass(&scene, 0, 500, 1000);
        stall_pass(&scene, 5000, 400, 1000);
        stall_pass(&scene, 10000, 300, 1000);
        stall_pass(&scene, 30000, 200, 1000);
        /* outsideMin is 400: the limit is 384.  The best value is 200. */
        scene.config.kubevirt.local_minima = FALSE;
        stall_pass(&scene, 30001, stalled ? 384 : 383, 1000);
        stall_pass(&scene, 30002, 208, 1000);
        scene_expect(&scene, 31200, stalled ? "0.4:300 31.002:900" :
                     "0.4:300");
        scene_clear(&scene);
    }
}

/* The best value is raised at each deadline, and the deadlines come closer. */
static void
test_stall_patience(void)
{
    static const struct {
        gint64 time_ms;
        guint64 remaining;      /* with one byte more there is no action */
    } cases[] = {
        { 9999, 104 }, { 24999, 104 }, { 25000, 208 }, { 37499, 208 },
        { 37500, 312 }, { 43750, 520 }, { 50000, 624 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (guint more = 0; more < 2; more++) {
            const gint64 stall_ms = 60000;
            g_autofree char *expected = NULL;
            Scene scene;

            stall_init(&scene);
            stall_start(&scene, 1000);
            stall_pass(&scene, 0, 110, 1000);
            stall_pass(&scene, 1000, 100, 1000);
            /* The migration stalls here, with 100 as the best value. */
            stall_pass(&scene, stall_ms, 5000, 1000);
            stall_pass(&scene, stall_ms, 300, 1000);
            stall_pass(&scene, stall_ms, 500, 1000);
            stall_pass(&scene, stall_ms, 200, 1000);
            stall_pass(&scene, stall_ms, 600, 1000);
            for (guint j = 0; j < i; j++) {
                if (cases[j].time_ms >= 25000 &&
                    cases[j].time_ms < cases[i].time_ms)
                    stall_pass(&scene, stall_ms + cases[j].time_ms, 100000,
                               1000);
            }
            stall_pass(&scene, stall_ms + cases[i].time_ms,
                       cases[i].remaining + more, 1000);
            expected = more ? g_strdup("0.4:300") :
                       g_strdup_printf("0.4:300 %g:900",
                                       (stall_ms + STALL_BASE +
                                        cases[i].time_ms) / 1000.0);
            g_assert_cmpstr(scene.recorder.text->str, ==, expected);
            scene_clear(&scene);
        }
    }
}

static void
test_stall_decide(void)
{
    static const struct {
        gboolean disruption, postcopy, vfio;
        double factor;
        guint64 remaining, bandwidth;
        const char *expected;   /* after "0.4:300 " */
    } cases[] = {
        { FALSE, FALSE, FALSE, 2.0, 900, 1000, "26:900" },
        { FALSE, FALSE, FALSE, 2.0, 1000, 1000, "26:900" },
        { FALSE, FALSE, FALSE, 2.0, 1801, 1000, "26:abort" },
        { FALSE, TRUE, FALSE, 2.0, 1801, 1000, "26:abort" },
        { FALSE, FALSE, FALSE, 2.0, 5000, 2000, "26:abort" },
        { FALSE, FALSE, FALSE, 3.0, 5000, 2000, "26:900" },
        { FALSE, FALSE, FALSE, 1.5, 999999, 1000, "" },
        { TRUE, FALSE, FALSE, 1.5, 50000, 1000, "26:2000000" },
        { TRUE, TRUE, FALSE, 1.5, 50000, 1000, "26:post-copy" },
        { TRUE, TRUE, TRUE, 1.5, 50000, 1000, "26:2000000" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *expected = NULL;
        Scene scene;

        stall_init(&scene);
        scene.config.kubevirt.allow_disruption = cases[i].disruption;
        scene.config.kubevirt.allow_postcopy = cases[i].postcopy;
        scene.config.kubevirt.possible_factor = cases[i].factor;
        scene.guest.vfio = cases[i].vfio;
        stall_start(&scene, cases[i].bandwidth);
        stall_pass(&scene, 0, cases[i].remaining, cases[i].bandwidth);
        stall_pass(&scene, 25000, cases[i].remaining, cases[i].bandwidth);
        expected = g_strdup_printf("0.4:300%s%s", *cases[i].expected ? " " :
                                   "", cases[i].expected);
        g_assert_cmpstr(scene.recorder.text->str, ==, expected);
        scene_clear(&scene);
    }
}

/* An action that fails is tried again at the next pass. */
static void
test_stall_retry(void)
{
    Scene scene;

    stall_init(&scene);
    scene.recorder.fails = MT_ACT_SET_DOWNTIME;
    scene.recorder.n_failures = 2;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, GIB, 1000);
    scene_expect(&scene, 1999, "0.4:300 0.8:300 1.2:300");
    scene.recorder.n_failures = 1;
    stall_pass(&scene, 1000, 900, 1000);
    stall_pass(&scene, 26000, 900, 1000);
    stall_pass(&scene, 27000, 900, 1000);
    stall_pass(&scene, 28000, 900, 1000);
    scene_expect(&scene, 30000,
                 "0.4:300 0.8:300 1.2:300 27:900 28:900");
    scene_clear(&scene);
}

static void
test_stall_timeout(void)
{
    Scene scene;

    /* 300 s are over, the rest takes 500 ms. */
    stall_init(&scene);
    scene.config.kubevirt.allow_disruption = TRUE;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, 500, 1000);
    scene_expect(&scene, 302 * SECOND, "0.4:300 301.2:2000000");
    /* The switch-over may take 60 s. */
    scene_expect(&scene, 370 * SECOND, "0.4:300 301.2:2000000 362:abort");
    scene_clear(&scene);

    /* In this case post-copy does not need the permission to disrupt the
     * workload. */
    stall_init(&scene);
    scene.config.kubevirt.allow_postcopy = TRUE;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, 500, 1000);
    scene_expect(&scene, 400 * SECOND, "0.4:300 301.2:post-copy");
    scene_clear(&scene);

    /* Without a bandwidth nothing can be estimated. */
    stall_init(&scene);
    scene.config.kubevirt.allow_postcopy = TRUE;
    scene_start(&scene);
    scene_sample(&scene, 0, 1, 500, 0);
    scene_expect(&scene, 400 * SECOND, "0.4:300 301.2:abort");
    scene_clear(&scene);
}

static void
test_stall_first(void)
{
    for (guint i = 0; i < 2; i++) {
        Scene scene;

        stall_init(&scene);
        scene.config.kubevirt.max_downtime_ms = i ? 5000 : 150;
        scene_start(&scene);
        scene_sample(&scene, 0, 1, GIB, 1000);
        scene_expect(&scene, 1000, i ? "0.4:300" : "0.4:150");
        scene_clear(&scene);
    }
}

/* The exponential average: 1000, then 1400 after 2000, then 1040 after 500. */
static void
test_stall_average(void)
{
    static const struct {
        guint64 bandwidths[3];
        guint64 remaining;      /* takes 1350 ms at the average */
    } cases[] = {
        { { 1000, 1000, 1000 }, 1350 },
        { { 1000, 2000, 2000 }, 2214 },     /* 1400, then 1640 */
        { { 1000, 2000, 500 }, 1404 },      /* 1400, then 1040 */
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (guint more = 0; more < 2; more++) {
            Scene scene;

            stall_init(&scene);
            scene.config.kubevirt.stall_s = 0;
            scene.config.kubevirt.margin_percent = 0;
            scene.config.kubevirt.local_minima = FALSE;
            scene_start(&scene);
            for (guint j = 0; j < 3; j++)
                scene_sample(&scene, 400 * (j + 1), 1, GIB,
                             cases[i].bandwidths[j]);
            mt_policy_run_advance(scene.run, 1201);
            scene_sample(&scene, 1300, 2, cases[i].remaining + 2 * more, 0);
            /* A stall is found at the next pass: the timeout is 0. */
            mt_policy_run_pass(scene.run, 1300, 2);
            mt_policy_run_pass(scene.run, 1301, 3);
            scene_expect(&scene, 1302, more ? "0.4:300 1.301:abort" :
                         "0.4:300 1.301:900");
            scene_clear(&scene);
        }
    }
}

/* Policies accept an unknown status, and end with the job. */
static void
test_phases(void)
{
    g_assert_cmpint(mt_phase_from_status("active"), ==, MT_PHASE_PRECOPY);
    g_assert_cmpint(mt_phase_from_status("failing"), ==, MT_PHASE_ENDING);
    g_assert_cmpint(mt_phase_from_status("postcopy-device"), ==,
                    MT_PHASE_POSTCOPY);
    g_assert_cmpint(mt_phase_from_status("hovering"), ==, MT_PHASE_OTHER);
    g_assert_cmpint(mt_phase_from_status(NULL), ==, MT_PHASE_OTHER);

    for (guint i = 0; i < mt_policy_n(); i++) {
        MtSample sample = { .time_ms = 1000, .phase = MT_PHASE_OTHER };
        Scene scene;

        scene_init(&scene, mt_policy_get(i)->name);
        scene_start(&scene);
        mt_policy_run_advance(scene.run, 900);
        mt_policy_run_sample(scene.run, &sample);
        mt_policy_run_pass(scene.run, 1000, G_MAXUINT64);
        sample.time_ms = 11000;
        sample.remaining = G_MAXUINT64;
        sample.transferred = G_MAXUINT64;
        sample.pass = G_MAXUINT64;
        mt_policy_run_sample(scene.run, &sample);
        mt_policy_run_advance(scene.run, 12000);
        sample.time_ms = 12000;
        sample.phase = MT_PHASE_ENDED;
        mt_policy_run_sample(scene.run, &sample);
        g_assert_cmpint(mt_policy_run_next(scene.run), ==, MT_POLL_NEVER);
        mt_policy_run_pass(scene.run, 13000, 5);
        scene_clear(&scene);
    }
}

static void
test_names(void)
{
    g_autoptr(GError) error = NULL;
    MtPolicyConfig config;

    g_assert_false(mt_policy_config_init(&config, "novas", &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "kubevirt-stall"));
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "C");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/names", test_names);
    g_test_add_func("/policy/phases", test_phases);
    g_test_add_func("/policy/nova/steps", test_nova_steps);
    g_test_add_func("/policy/nova/last-step", test_nova_last_step);
    g_test_add_func("/policy/nova/size", test_nova_size);
    g_test_add_func("/policy/nova/run", test_nova_run);
    g_test_add_func("/policy/nova/timeout", test_nova_timeout);
    g_test_add_func("/policy/vdsm/schedule", test_vdsm_schedule);
    g_test_add_func("/policy/vdsm/legacy", test_vdsm_legacy);
    g_test_add_func("/policy/vdsm/percent", test_vdsm_percent);
    g_test_add_func("/policy/proxmox/doubles", test_proxmox);
    g_test_add_func("/policy/proxmox/zero", test_proxmox_zero);
    g_test_add_func("/policy/kubevirt/size", test_kubevirt_size);
    g_test_add_func("/policy/kubevirt/tuning", test_kubevirt_tuning);
    g_test_add_func("/policy/kubevirt/timeouts", test_kubevirt_timeouts);
    g_test_add_func("/policy/stall/first", test_stall_first);
    g_test_add_func("/policy/stall/margin", test_stall_margin);
    g_test_add_func("/policy/stall/age", test_stall_age);
    g_test_add_func("/policy/stall/patience", test_stall_patience);
    g_test_add_func("/policy/stall/decide", test_stall_decide);
    g_test_add_func("/policy/stall/retry", test_stall_retry);
    g_test_add_func("/policy/stall/timeout", test_stall_timeout);
    g_test_add_func("/policy/stall/average", test_stall_average);

    return g_test_run();
}
