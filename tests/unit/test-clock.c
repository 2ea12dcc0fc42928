/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system's clock goes forward; the fake one goes where it is put. */
#include "config.h"

#include "util/clock.h"

static void
test_system_clock_sleeps(void)
{
    const MtClock *clock = mt_clock_system();
    gint64 start = mt_clock_now(clock);

    mt_clock_sleep(clock, 2 * MT_NS_PER_MS);
    g_assert_cmpint(mt_clock_now(clock) - start, >=, 2 * MT_NS_PER_MS);
    mt_clock_sleep(clock, -1);
    mt_clock_sleep(clock, 0);
}

static void
test_fake_clock_only_moves_its_hands(void)
{
    MtFakeClock fake;

    mt_fake_clock_init(&fake, 100);
    g_assert_cmpint(mt_clock_now(&fake.clock), ==, 100);
    mt_clock_sleep(&fake.clock, 3600 * MT_NS_PER_S);
    g_assert_cmpint(mt_clock_now(&fake.clock), ==, 100 + 3600 * MT_NS_PER_S);
    mt_fake_clock_advance(&fake, 5);
    g_assert_cmpint(mt_clock_now(&fake.clock), ==, 105 + 3600 * MT_NS_PER_S);
    g_assert_cmpint(fake.slept_ns, ==, 3600 * MT_NS_PER_S);
    mt_clock_sleep(&fake.clock, -7);
    g_assert_cmpint(fake.slept_ns, ==, 3600 * MT_NS_PER_S);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock/system-clock-sleeps", test_system_clock_sleeps);
    g_test_add_func("/clock/fake-clock-only-moves-its-hands",
                    test_fake_clock_only_moves_its_hands);
    return g_test_run();
}
