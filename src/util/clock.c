/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Monotonic time and sleep.
 *
 * A clock is two callbacks, and each object that needs time has a pointer to
 * one.  A test gives it another clock, without changing global state.
 */
#include "config.h"

#include <errno.h>
#include <time.h>

#include "migtune/migtune-error.h"
#include "util/clock.h"
#include "util/i18n.h"

static gint64
clock_system_now(const MtClock *clock)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * MT_NS_PER_S + ts.tv_nsec;
}

static void
clock_system_sleep(const MtClock *clock, gint64 ns)
{
    struct timespec ts = { ns / MT_NS_PER_S, ns % MT_NS_PER_S };

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
        ;
}

static const MtClock clock_system = {
    .now_ns = clock_system_now,
    .sleep_ns = clock_system_sleep,
};

const MtClock *
mt_clock_system(void)
{
    return &clock_system;
}

gint64
mt_clock_now(const MtClock *clock)
{
    return clock->now_ns(clock);
}

void
mt_clock_sleep(const MtClock *clock, gint64 ns)
{
    if (ns > 0)
        clock->sleep_ns(clock, ns);
}

gboolean
mt_sleep_ms(guint ms, GCancellable *cancellable, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
    GPollFD fd;
    gboolean have_fd = g_cancellable_make_pollfd(cancellable, &fd);
    gint64 left_us;

    /* A signal ends a poll early. */
    while ((left_us = end_us - g_get_monotonic_time()) > 0 &&
           !g_cancellable_is_cancelled(cancellable))
        g_poll(&fd, have_fd ? 1 : 0, (left_us + 999) / 1000);
    if (have_fd)
        g_cancellable_release_fd(cancellable);
    if (!g_cancellable_is_cancelled(cancellable))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      _("the operation was cancelled"));
    return FALSE;
}

static gint64
clock_fake_now(const MtClock *clock)
{
    const MtFakeClock *fake = (const MtFakeClock *)clock;

    return __atomic_load_n(&fake->now_ns, __ATOMIC_ACQUIRE);
}

static void
clock_fake_sleep(const MtClock *clock, gint64 ns)
{
    MtFakeClock *fake = (MtFakeClock *)clock;

    __atomic_fetch_add(&fake->slept_ns, ns, __ATOMIC_RELAXED);
    mt_fake_clock_advance(fake, ns);
}

void
mt_fake_clock_init(MtFakeClock *fake, gint64 now_ns)
{
    fake->clock.now_ns = clock_fake_now;
    fake->clock.sleep_ns = clock_fake_sleep;
    fake->now_ns = now_ns;
    fake->slept_ns = 0;
}

void
mt_fake_clock_advance(MtFakeClock *fake, gint64 ns)
{
    __atomic_fetch_add(&fake->now_ns, ns, __ATOMIC_RELEASE);
}
