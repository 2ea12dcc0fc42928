/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The speed of convergence policies, the simulator, the trace reader and
 * reports, by processor time.  Bounds are checked only without sanitizers.
 *
 *     speed [--check]
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "converge/simulate.h"
#include "record/report.h"

#define MIB 1048576.0
#define ROUNDS 2001

static double
now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

static gboolean
act(const MtDecision *decision, gpointer data)
{
    return TRUE;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The time of one sample with its pass event and poll, in microseconds: the
 * median of several batches. */
static double
speed_decision(const char *name)
{
    static double times[ROUNDS];
    const MtPolicyGuest guest = { .ram_bytes = 8 * 1024 * MIB };
    MtPolicyConfig config;
    g_autoptr(MtPolicyRun) run = NULL;
    gint64 ms = 0;

    mt_policy_config_init(&config, name, NULL);
    run = mt_policy_run_new(&config, &guest, act, NULL);
    mt_policy_run_start(run);
    for (guint i = 0; i < ROUNDS; i++) {
        double start = now_s();

        for (guint j = 0; j < 100; j++) {
            MtSample sample = {
                .time_ms = ms += 500,
                .phase = MT_PHASE_PRECOPY,
                .pass = 1 + ms / 3000,
                .remaining = (400 + ms % 97) * MIB,
                .total = guest.ram_bytes,
                .transferred = ms * 100000,
                .bandwidth = 118 * MIB,
            };

            mt_policy_run_sample(run, &sample);
            if (ms % 3000 == 0)
                mt_policy_run_pass(run, ms, sample.pass);
            mt_policy_run_advance(run, ms);
        }
        times[i] = (now_s() - start) / 100 * 1e6;
    }
    qsort(times, ROUNDS, sizeof(double), compare);
    return times[ROUNDS / 2];
}

/* Simulated migrations a second, with guests that converge. */
static double
speed_simulate(const char *name)
{
    MtPolicyConfig config;
    double start = now_s();
    guint n = 0;

    mt_policy_config_init(&config, name, NULL);
    for (; now_s() - start < 0.5; n++) {
        MtSimScene scene = {
            .guest = { .ram_bytes = 4096 * MIB, .postcopy = TRUE },
            .data_bytes = 4096 * MIB,
            .ratio = 1,
            .speed = INFINITY,
            .downtime_ms = 300,
            .limit_s = 3600,
            .n_works = 1,
            .works = { { 0, { 1, { { (64 + n % 512) * MIB, 200 * MIB } } } } },
            .n_links = 1,
            .links = { { 0, 1024 * MIB } },
        };
        MtSimResult result;

        mt_simulate(&scene, &config, NULL, NULL, &result);
    }
    return n / (now_s() - start);
}

static double
speed_report(gsize *ret_bytes)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(MtTrace) trace = NULL;
    g_autofree char *html = NULL;
    MtTrace *traces[1];
    double start;

    for (guint i = 0; i < 100000; i++) {
        g_string_append_printf(
            text, "{\"type\":\"sample\",\"time_ms\":%u,\"status\":\"active\","
            "\"pass\":%u,\"remaining\":%u,\"total\":8589934592,"
            "\"transferred\":%u,\"bandwidth\":123731968,\"dirty_rate\":%u,"
            "\"guest_paused\":false,\"downtime_limit_ms\":300,"
            "\"throttle\":0}\n", i * 100, i / 30 + 1, i * 7919 % 536870912,
            i * 100, i * 31 % 209715200);
    }
    start = now_s();
    trace = traces[0] = mt_trace_parse(text->str, text->len, "long", findings);
    html = mt_report_html(traces, 1);
    *ret_bytes = strlen(html);
    return now_s() - start;
}

int
main(int argc, char **argv)
{
    gboolean check = argc > 1 && strcmp(argv[1], "--check") == 0;
    gboolean ok = TRUE;
    double seconds;
    gsize bytes;

    for (guint i = 0; i < mt_policy_n(); i++) {
        const char *name = mt_policy_get(i)->name;
        double us = speed_decision(name);
        double rate = speed_simulate(name);

        printf("%-15s %8.3f us a sample, %9.0f simulated migrations/s\n",
               name, us, rate);
        ok &= us <= 1 && rate >= 20000;
    }
    seconds = speed_report(&bytes);
    printf("report of 100000 samples: %.3f s, %zu bytes\n", seconds, bytes);
    ok &= seconds <= 1 && bytes <= 1024 * 1024;
    return check && !ok;
}
