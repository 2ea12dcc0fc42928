/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest is throttled in steps, and only if it is too fast. */
#include "config.h"

#include "engine/memory/throttle.h"

static void
test_steps(void)
{
    static const struct {
        const char *what;
        guint initial, increment, max, trigger;
        gboolean tailslow;
        guint64 dirtied, sent;
        guint expected[8]; /* after each sync */
    } cases[] = {
        { "defaults", 20, 10, 99, 50, FALSE, 600, 1000,
          { 0, 20, 20, 30, 30, 40, 40, 50 } },
        { "at the threshold", 20, 10, 99, 50, FALSE, 500, 1000,
          { 0, 0, 0, 0, 0, 0, 0, 0 } },
        { "low trigger", 20, 10, 99, 10, FALSE, 101, 1000,
          { 0, 20, 20, 30, 30, 40, 40, 50 } },
        { "maximum", 80, 15, 90, 50, FALSE, 600, 1000,
          { 0, 80, 80, 90, 90, 90, 90, 90 } },
        { "maximum below initial", 80, 15, 60, 50, FALSE, 600, 1000,
          { 0, 60, 60, 60, 60, 60, 60, 60 } },
        { "never all of the time", 99, 99, 99, 50, FALSE, 600, 1000,
          { 0, 99, 99, 99, 99, 99, 99, 99 } },
        /* 80 % running, threshold at 500 / 550 of it: 80 / 11 is 7 %; then
         * 73 / 11 is 6 %, 67 / 11 is 6 %. */
        { "tailslow near the end", 20, 10, 99, 50, TRUE, 550, 1000,
          { 0, 20, 20, 27, 27, 33, 33, 39 } },
        { "tailslow far away", 20, 10, 99, 50, TRUE, 5000, 1000,
          { 0, 20, 20, 30, 30, 40, 40, 50 } },
        { "nothing could be sent", 20, 10, 99, 50, TRUE, 1, 0,
          { 0, 20, 20, 30, 30, 40, 40, 50 } },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        MtThrottleSettings settings = {
            cases[i].initial, cases[i].increment, cases[i].max,
            cases[i].trigger, cases[i].tailslow,
        };
        g_autoptr(MtThrottle) throttle = mt_throttle_new(&settings);

        g_test_message("%s", cases[i].what);
        for (guint s = 0; s < G_N_ELEMENTS(cases[i].expected); s++) {
            mt_throttle_sync(throttle, cases[i].dirtied, cases[i].sent);
            g_assert_cmpuint(mt_throttle_percent(throttle), ==,
                             cases[i].expected[s]);
        }
        mt_throttle_reset(throttle);
        g_assert_cmpuint(mt_throttle_percent(throttle), ==, 0);
    }
}

static void
test_settings_change_while_it_runs(void)
{
    MtThrottleSettings settings = mt_throttle_defaults;
    g_autoptr(MtThrottle) throttle = mt_throttle_new(&settings);

    g_assert_cmpuint(settings.initial, ==, 20);
    mt_throttle_sync(throttle, 2, 1);
    mt_throttle_sync(throttle, 2, 1);
    settings.increment = 33;
    mt_throttle_set(throttle, &settings);
    mt_throttle_sync(throttle, 2, 1);
    mt_throttle_sync(throttle, 0, 1); /* a slow sync between does not matter */
    mt_throttle_sync(throttle, 2, 1);
    g_assert_cmpuint(mt_throttle_percent(throttle), ==, 53);
}

static void
test_sleep_follows_the_percentage(void)
{
    static const struct {
        guint percent;
        gint64 ran_ms, sleep_ms;
    } cases[] = {
        { 20, 40, 10 }, { 50, 10, 10 }, { 50, 20, 20 }, { 75, 10, 30 },
        { 99, 10, 990 }, { 50, 9, 0 },
    };
    g_autoptr(MtThrottle) idle = mt_throttle_new(&mt_throttle_defaults);

    g_assert_cmpint(mt_throttle_sleep_ns(idle, G_GINT64_CONSTANT(1) << 40), ==,
                    0);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        MtThrottleSettings settings = mt_throttle_defaults;
        g_autoptr(MtThrottle) throttle = NULL;

        settings.initial = cases[i].percent;
        throttle = mt_throttle_new(&settings);
        mt_throttle_sync(throttle, 2, 1);
        mt_throttle_sync(throttle, 2, 1);
        g_assert_cmpint(
            mt_throttle_sleep_ns(throttle, cases[i].ran_ms * 1000000), ==,
            cases[i].sleep_ms * 1000000);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/throttle/steps", test_steps);
    g_test_add_func("/throttle/settings-change-while-it-runs",
                    test_settings_change_while_it_runs);
    g_test_add_func("/throttle/sleep-follows-the-percentage",
                    test_sleep_follows_the_percentage);
    return g_test_run();
}
