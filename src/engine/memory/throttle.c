/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slowing the guest.
 *
 * One percentage, decided by the source's thread and read by the writers.
 */
#include "config.h"

#include "engine/memory/throttle.h"

/* The number of syncs with a guest that is too fast before it is throttled. */
#define PATIENCE 2
#define MAX_PERCENT 99

const MtThrottleSettings mt_throttle_defaults = {
    .initial = 20,
    .increment = 10,
    .max = 99,
    .trigger = 50,
    .tailslow = FALSE,
};

struct MtThrottle {
    guint percent; /* atomic */

    /* The source's thread. */
    MtThrottleSettings settings;
    guint too_fast;
};

MtThrottle *
mt_throttle_new(const MtThrottleSettings *settings)
{
    MtThrottle *throttle = g_new0(MtThrottle, 1);

    throttle->settings = *settings;
    return throttle;
}

void
mt_throttle_free(MtThrottle *throttle)
{
    g_free(throttle);
}

void
mt_throttle_set(MtThrottle *throttle, const MtThrottleSettings *settings)
{
    throttle->settings = *settings;
}

/* The next increment.  With tailslow it is at most what would reduce the dirty
 * rate to the threshold, if the dirty rate is proportional to the run time. */
static guint
throttle_step(const MtThrottle *throttle, guint now, double dirtied,
              double threshold)
{
    double running = 100.0 - now;
    double wanted;

    if (!throttle->settings.tailslow)
        return throttle->settings.increment;

    wanted = running - running * threshold / dirtied;
    return MIN((guint)wanted, throttle->settings.increment);
}

void
mt_throttle_sync(MtThrottle *throttle, guint64 dirtied_bytes,
                 guint64 sent_bytes)
{
    const MtThrottleSettings *set = &throttle->settings;
    double threshold = (double)sent_bytes * set->trigger / 100;
    guint now = mt_throttle_percent(throttle);
    guint next = set->initial;

    if (dirtied_bytes <= threshold || ++throttle->too_fast < PATIENCE)
        return;

    throttle->too_fast = 0;
    if (now)
        next = now + throttle_step(throttle, now, dirtied_bytes, threshold);
    next = MIN(next, MIN(set->max, MAX_PERCENT));
    __atomic_store_n(&throttle->percent, next, __ATOMIC_RELAXED);
}

void
mt_throttle_reset(MtThrottle *throttle)
{
    throttle->too_fast = 0;
    __atomic_store_n(&throttle->percent, 0, __ATOMIC_RELAXED);
}

guint
mt_throttle_percent(const MtThrottle *throttle)
{
    return __atomic_load_n(&throttle->percent, __ATOMIC_RELAXED);
}

gint64
mt_throttle_sleep_ns(const MtThrottle *throttle, gint64 ran_ns)
{
    guint percent = mt_throttle_percent(throttle);

    if (percent == 0 || ran_ns < MT_THROTTLE_SLICE_NS)
        return 0;

    return ran_ns * percent / (100 - percent);
}
