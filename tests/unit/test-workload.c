/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Content and writes follow from their seed, every write is in the dirty log,
 * and writers stop when they are told to.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "engine/memory/workload.h"
#include "engine/memory/zero.h"
#include "migtune/migtune-error.h"
#include "util/clock.h"

#define N_PAGES 256

static MtRam *
small_ram(void)
{
    return mt_ram_new_simple(N_PAGES * 4096, NULL);
}

static void
test_content_follows_from_its_seed(void)
{
    for (MtContent content = 0; content < MT_CONTENT_N; content++) {
        g_autoptr(MtRam) a = small_ram();
        g_autoptr(MtRam) b = small_ram();
        MtContent again;

        mt_content_fill_ram(content, 1, a);
        mt_content_fill_ram(content, 1, b);
        g_assert_true(mt_ram_equal(a, b, NULL));
        mt_content_fill_ram(content, 2, b);
        g_assert_cmpint(mt_ram_equal(a, b, NULL), ==,
                        content == MT_CONTENT_ZERO);

        g_assert_true(mt_content_from_name(mt_content_name(content), &again));
        g_assert_cmpint(again, ==, content);
    }
    g_assert_false(mt_content_from_name("gold", NULL));
}

/* The ratio of zlib shows the kind of content. */
static void
test_content_is_what_its_name_says(void)
{
    static const struct {
        MtContent content;
        double at_least, at_most; /* compressed size / size */
    } cases[] = {
        { MT_CONTENT_ZERO, 0, 0.01 },
        { MT_CONTENT_SPARSE, 0.001, 0.05 },
        { MT_CONTENT_TEXT, 0.25, 0.5 },
        { MT_CONTENT_RANDOM, 0.99, 1.01 },
        { MT_CONTENT_MIXED, 0.15, 0.4 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtRam) ram = mt_ram_new_simple(4096 * 4096, NULL);
        uLongf n = compressBound(4096 * 4096);
        g_autofree guint8 *out = g_malloc(n);
        double ratio;

        mt_content_fill_ram(cases[i].content, 7, ram);
        compress2(out, &n, mt_ram_block(ram, 0)->host, 4096 * 4096, 1);
        ratio = n / (4096.0 * 4096);
        g_test_message("%s: %.3f", mt_content_name(cases[i].content), ratio);
        g_assert_cmpfloat(ratio, >=, cases[i].at_least);
        g_assert_cmpfloat(ratio, <=, cases[i].at_most);
    }
}

static void
test_mixed_shares(void)
{
    guint zero = 0;

    for (guint64 p = 0; p < 16384; p++) {
        guint8 page[4096];

        mt_content_fill(MT_CONTENT_MIXED, 3, p, page);
        zero += mt_zero_page(page);
    }
    g_assert_cmpuint(zero, >, 16384 * 30 / 100);
    g_assert_cmpuint(zero, <, 16384 * 40 / 100);
}

/* The pages that differ between @before and @after are those in the log. */
static void
check_log(MtRam *before, MtRam *after, MtDirty *dirty, gboolean exactly)
{
    mt_dirty_sync(dirty);
    for (guint64 p = 0; p < N_PAGES; p++) {
        gboolean differs = memcmp(mt_ram_page(before, p, NULL),
                                  mt_ram_page(after, p, NULL), 4096) != 0;
        gboolean marked = mt_dirty_take(dirty, p);

        if (exactly)
            g_assert_cmpint(differs, ==, marked);
        else
            g_assert_true(marked || !differs);
    }
}

static void
test_every_write_is_logged(void)
{
    for (MtWorkloadKind kind = 0; kind < MT_WORKLOAD_N; kind++) {
        g_autoptr(MtRam) before = small_ram();
        g_autoptr(MtRam) a = small_ram();
        g_autoptr(MtRam) b = small_ram();
        g_autoptr(MtDirty) dirty = mt_dirty_new(N_PAGES);
        MtWorkloadSpec spec = {
            .kind = kind, .content = MT_CONTENT_RANDOM, .seed = 4,
            .first_page = 10, .n_pages = 100,
        };
        g_autoptr(MtWorkload) load =
            mt_workload_new(&spec, a, dirty, NULL, NULL);
        g_autoptr(MtWorkload) same = mt_workload_new(&spec, b, NULL, NULL, NULL);
        MtWorkloadKind again;

        mt_content_fill_ram(MT_CONTENT_TEXT, 5, before);
        mt_content_fill_ram(MT_CONTENT_TEXT, 5, a);
        mt_content_fill_ram(MT_CONTENT_TEXT, 5, b);
        mt_workload_step(load, 70);
        mt_workload_step(same, 30);
        mt_workload_step(same, 40);
        g_assert_true(mt_ram_equal(a, b, NULL));
        g_assert_cmpint(mt_ram_equal(a, before, NULL), ==,
                        kind == MT_WORKLOAD_IDLE);
        check_log(before, a, dirty, TRUE);
        g_assert_cmpuint(mt_workload_writes(load), ==,
                         kind == MT_WORKLOAD_IDLE ? 0 : 70);

        g_assert_true(mt_workload_from_name(mt_workload_name(kind), &again));
        g_assert_cmpint(again, ==, kind);
    }
    g_assert_false(mt_workload_from_name("sleepy", NULL));
}

static void
test_threads_log_and_stop(void)
{
    for (MtWorkloadKind kind = 0; kind < MT_WORKLOAD_N; kind++) {
        g_autoptr(MtRam) before = small_ram();
        g_autoptr(MtRam) ram = small_ram();
        g_autoptr(MtDirty) dirty = mt_dirty_new(N_PAGES);
        MtWorkloadSpec spec = {
            .kind = kind, .content = MT_CONTENT_SPARSE, .n_threads = 3,
        };
        g_autoptr(MtWorkload) load =
            mt_workload_new(&spec, ram, dirty, NULL, NULL);
        guint64 writes;

        for (guint round = 0; round < 3; round++) {
            mt_workload_start(load);
            mt_clock_sleep(mt_clock_system(), 3 * MT_NS_PER_MS);
            mt_workload_stop(load);
        }
        writes = mt_workload_writes(load);
        g_assert_cmpint(writes > 0, ==, kind != MT_WORKLOAD_IDLE);
        check_log(before, ram, dirty, FALSE);
        mt_clock_sleep(mt_clock_system(), 2 * MT_NS_PER_MS);
        g_assert_cmpuint(mt_workload_writes(load), ==, writes);
    }
}

static void
test_a_rate_is_kept(void)
{
    const guint64 per_s = 5000;
    g_autoptr(MtRam) ram = small_ram();
    MtWorkloadSpec spec = { .kind = MT_WORKLOAD_UNIFORM, .n_threads = 2,
                            .pages_per_s = per_s };
    g_autoptr(MtWorkload) load = mt_workload_new(&spec, ram, NULL, NULL, NULL);
    const MtClock *clock = mt_clock_system();
    gint64 start = mt_clock_now(clock);
    double took_s;

    mt_workload_start(load);
    mt_clock_sleep(clock, 100 * MT_NS_PER_MS);
    mt_workload_stop(load);
    took_s = (mt_clock_now(clock) - start) / (double)MT_NS_PER_S;
    /* Two threads may each be one batch ahead. */
    g_assert_cmpuint(mt_workload_writes(load), <=, per_s * took_s + 2 * 64);
    g_assert_cmpuint(mt_workload_writes(load), >, 0);
}

static void
test_a_throttled_writer_sleeps_and_still_stops(void)
{
    MtThrottleSettings settings = mt_throttle_defaults;
    g_autoptr(MtThrottle) throttle = NULL;
    g_autoptr(MtRam) ram = small_ram();
    MtWorkloadSpec spec = { .kind = MT_WORKLOAD_UNIFORM };
    g_autoptr(MtWorkload) load = NULL;
    const MtClock *clock = mt_clock_system();
    guint64 before = G_MAXUINT64;
    guint tries = 0;

    settings.initial = 99;
    throttle = mt_throttle_new(&settings);
    mt_throttle_sync(throttle, 2, 1);
    mt_throttle_sync(throttle, 2, 1);
    load = mt_workload_new(&spec, ram, NULL, throttle, NULL);
    mt_workload_start(load);
    /* After 10 ms of work it sleeps for almost a second. */
    while (mt_workload_writes(load) == 0 ||
           mt_workload_writes(load) != before) {
        g_assert_cmpuint(++tries, <, 200);
        before = mt_workload_writes(load);
        mt_clock_sleep(clock, 50 * MT_NS_PER_MS);
    }
    mt_workload_stop(load);
}

static void
test_wrong_settings_are_refused(void)
{
    static const MtWorkloadSpec specs[] = {
        { .kind = MT_WORKLOAD_N },
        { .content = MT_CONTENT_N },
        { .n_threads = 65 },
        { .first_page = N_PAGES },
        { .first_page = 1, .n_pages = N_PAGES },
        { .n_pages = G_MAXUINT64 },
    };
    g_autoptr(MtRam) ram = small_ram();

    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(mt_workload_new(&specs[i], ram, NULL, NULL, &error));
        g_assert_true(error && error->domain == MIGTUNE_ERROR);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/workload/content-follows-from-its-seed",
                    test_content_follows_from_its_seed);
    g_test_add_func("/workload/content-is-what-its-name-says",
                    test_content_is_what_its_name_says);
    g_test_add_func("/workload/mixed-shares", test_mixed_shares);
    g_test_add_func("/workload/every-write-is-logged",
                    test_every_write_is_logged);
    g_test_add_func("/workload/threads-log-and-stop",
                    test_threads_log_and_stop);
    g_test_add_func("/workload/a-rate-is-kept", test_a_rate_is_kept);
    g_test_add_func("/workload/a-throttled-writer-sleeps-and-still-stops",
                    test_a_throttled_writer_sleeps_and_still_stops);
    g_test_add_func("/workload/wrong-settings-are-refused",
                    test_wrong_settings_are_refused);
    return g_test_run();
}
