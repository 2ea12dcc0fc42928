/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rate limit of a source.
 *
 * The bucket fills at the set rate up to what 20 ms give.  A thread that finds it
 * not in debt takes all it needs, and the next thread waits for the debt: the
 * average is exact, and no write is split.  Threads wait in short sleeps, so that
 * they notice a new rate or a stop.
 */
#include "config.h"

#include "engine/source/rate.h"

#define BURST_NS (20 * MT_NS_PER_MS)
#define NAP_NS (5 * MT_NS_PER_MS)

struct MtRate {
    const MtClock *clock;
    guint64 bytes_per_s; /* atomic to read, under @lock to write */
    gint64 waited_ns;    /* atomic */
    gboolean stopped;    /* atomic */

    GMutex lock;
    double tokens; /* bytes; negative is debt */
    gint64 filled_ns;
};

MtRate *
mt_rate_new(const MtClock *clock, guint64 bytes_per_s)
{
    MtRate *rate = g_new0(MtRate, 1);

    rate->clock = clock;
    rate->bytes_per_s = bytes_per_s;
    rate->filled_ns = mt_clock_now(clock);
    g_mutex_init(&rate->lock);
    return rate;
}

void
mt_rate_free(MtRate *rate)
{
    if (!rate)
        return;

    g_mutex_clear(&rate->lock);
    g_free(rate);
}

/* Call with the lock held. */
static void
rate_fill(MtRate *rate)
{
    gint64 now = mt_clock_now(rate->clock);
    double per_ns = (double)rate->bytes_per_s / MT_NS_PER_S;

    rate->tokens += per_ns * (now - rate->filled_ns);
    rate->tokens = MIN(rate->tokens, per_ns * BURST_NS);
    rate->filled_ns = now;
}

void
mt_rate_set(MtRate *rate, guint64 bytes_per_s)
{
    g_mutex_lock(&rate->lock);
    rate_fill(rate);
    if (bytes_per_s == 0 || rate->bytes_per_s == 0)
        rate->tokens = 0;
    __atomic_store_n(&rate->bytes_per_s, bytes_per_s, __ATOMIC_RELAXED);
    g_mutex_unlock(&rate->lock);
}

guint64
mt_rate_get(MtRate *rate)
{
    return __atomic_load_n(&rate->bytes_per_s, __ATOMIC_RELAXED);
}

/* Takes @bytes if the bucket is not in debt; else *@ret_wait_ns is the duration
 * of the debt. */
static gboolean
rate_try(MtRate *rate, guint64 bytes, gint64 *ret_wait_ns)
{
    gboolean taken = TRUE;

    g_mutex_lock(&rate->lock);
    if (rate->bytes_per_s) {
        rate_fill(rate);
        taken = rate->tokens >= 0;
        if (taken)
            rate->tokens -= bytes;
        else
            *ret_wait_ns = -rate->tokens * MT_NS_PER_S / rate->bytes_per_s + 1;
    }
    g_mutex_unlock(&rate->lock);
    return taken;
}

gboolean
mt_rate_take(MtRate *rate, guint64 bytes)
{
    gint64 start = 0;
    gint64 wait_ns = 0;

    if (mt_rate_get(rate) == 0)
        return !__atomic_load_n(&rate->stopped, __ATOMIC_ACQUIRE);

    while (!__atomic_load_n(&rate->stopped, __ATOMIC_ACQUIRE)) {
        if (rate_try(rate, bytes, &wait_ns)) {
            if (start)
                __atomic_fetch_add(&rate->waited_ns,
                                   mt_clock_now(rate->clock) - start,
                                   __ATOMIC_RELAXED);
            return TRUE;
        }

        if (!start)
            start = mt_clock_now(rate->clock);
        mt_clock_sleep(rate->clock, MIN(wait_ns, NAP_NS));
    }
    return FALSE;
}

void
mt_rate_stop(MtRate *rate)
{
    __atomic_store_n(&rate->stopped, TRUE, __ATOMIC_RELEASE);
}

gint64
mt_rate_waited_ns(MtRate *rate)
{
    return __atomic_load_n(&rate->waited_ns, __ATOMIC_RELAXED);
}
