/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bucket keeps the average rate, follows changes, and ends waits when stopped. */
#include "config.h"

#include "engine/source/rate.h"

#define MB G_GUINT64_CONSTANT(1000000)

static void
test_average(void)
{
    static const struct {
        guint64 bytes_per_s, write, n;
    } cases[] = {
        { 100 * MB, 4096, 20000 },
        { 100 * MB, 10 * MB, 10 },
        { 1 * MB, 1, 100000 },
        { 1000 * MB, 524288, 1000 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        MtFakeClock fake;
        g_autoptr(MtRate) rate = NULL;
        double expected_ns, took_ns;

        mt_fake_clock_init(&fake, 1000);
        rate = mt_rate_new(&fake.clock, cases[i].bytes_per_s);
        for (guint64 n = 0; n < cases[i].n; n++)
            g_assert_true(mt_rate_take(rate, cases[i].write));

        /* The debt of the last write is not waited for. */
        took_ns = mt_clock_now(&fake.clock) - 1000;
        expected_ns = (double)cases[i].write * (cases[i].n - 1) * MT_NS_PER_S /
                      cases[i].bytes_per_s;
        g_assert_cmpfloat(took_ns, >=, expected_ns * 0.999 - 1);
        g_assert_cmpfloat(took_ns, <=, expected_ns * 1.02 + 1e6);
        g_assert_cmpint(mt_rate_waited_ns(rate), ==, fake.slept_ns);
    }
}

static void
test_idle_time_is_not_saved_up(void)
{
    MtFakeClock fake;
    g_autoptr(MtRate) rate = NULL;

    mt_fake_clock_init(&fake, 0);
    rate = mt_rate_new(&fake.clock, MB);
    mt_fake_clock_advance(&fake, 3600 * MT_NS_PER_S);
    for (guint i = 0; i < 100; i++)
        mt_rate_take(rate, 10000);
    g_assert_cmpint(fake.slept_ns, >=, 950 * MT_NS_PER_MS);
}

static void
test_changes_take_effect(void)
{
    MtFakeClock fake;
    g_autoptr(MtRate) rate = NULL;

    mt_fake_clock_init(&fake, 0);
    rate = mt_rate_new(&fake.clock, 0);
    for (guint i = 0; i < 1000; i++)
        g_assert_true(mt_rate_take(rate, MB));
    g_assert_cmpint(fake.slept_ns, ==, 0);

    mt_rate_set(rate, MB);
    g_assert_cmpuint(mt_rate_get(rate), ==, MB);
    mt_rate_take(rate, MB);
    mt_rate_take(rate, MB); /* waits a second for the first one */
    g_assert_cmpint(fake.slept_ns, >=, 999 * MT_NS_PER_MS);
    g_assert_cmpint(fake.slept_ns, <=, 1001 * MT_NS_PER_MS);

    mt_rate_set(rate, 1000 * MB); /* the debt of a megabyte is now a ms */
    mt_rate_take(rate, 1);
    g_assert_cmpint(fake.slept_ns, <=, 1003 * MT_NS_PER_MS);

    mt_rate_set(rate, 0);
    mt_rate_take(rate, 1000 * MB);
    g_assert_cmpint(fake.slept_ns, <=, 1003 * MT_NS_PER_MS);
}

static gpointer
taker_run(gpointer data)
{
    while (mt_rate_take(data, 4096))
        ;
    return NULL;
}

static void
test_stop_frees_who_waits(void)
{
    g_autoptr(MtRate) rate = mt_rate_new(mt_clock_system(), 1);
    GThread *threads[2];
    gint64 start = mt_clock_now(mt_clock_system());

    for (guint i = 0; i < 2; i++)
        threads[i] = g_thread_new("taker", taker_run, rate);
    mt_clock_sleep(mt_clock_system(), 10 * MT_NS_PER_MS);
    mt_rate_stop(rate);
    for (guint i = 0; i < 2; i++)
        g_thread_join(threads[i]);
    g_assert_cmpint(mt_clock_now(mt_clock_system()) - start, <,
                    20 * MT_NS_PER_S);
    g_assert_false(mt_rate_take(rate, 1));
    mt_rate_set(rate, 0);
    g_assert_false(mt_rate_take(rate, 1));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rate/average", test_average);
    g_test_add_func("/rate/idle-time-is-not-saved-up",
                    test_idle_time_is_not_saved_up);
    g_test_add_func("/rate/changes-take-effect", test_changes_take_effect);
    g_test_add_func("/rate/stop-frees-who-waits", test_stop_frees_who_waits);
    return g_test_run();
}
