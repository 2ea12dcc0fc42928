/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Monotonic time and sleep, replaceable in tests.
 *
 * Code that needs time is given an MtClock.  A test gives it an MtFakeClock, in
 * which a sleep only advances the time.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

#define MT_NS_PER_S G_GINT64_CONSTANT(1000000000)
#define MT_NS_PER_MS G_GINT64_CONSTANT(1000000)

typedef struct MtClock MtClock;

struct MtClock {
    gint64 (*now_ns)(const MtClock *clock);
    void (*sleep_ns)(const MtClock *clock, gint64 ns);
};

/* The CLOCK_MONOTONIC of this machine. */
const MtClock *mt_clock_system(void);

/* Returns the nanoseconds since a fixed time in the past; never decreases. */
gint64 mt_clock_now(const MtClock *clock);

/* Sleeps for @ns nanoseconds; returns at once if @ns is 0 or negative. */
void mt_clock_sleep(const MtClock *clock, gint64 ns);

/*
 * Sleeps @ms of real time, or until @cancellable is cancelled: then FALSE with
 * MIGTUNE_ERROR_CANCELLED.
 */
gboolean mt_sleep_ms(guint ms, GCancellable *cancellable, GError **error);

/* A clock that only advances by mt_fake_clock_advance() and sleeps.  Any thread
 * may use it. */
typedef struct {
    MtClock clock;
    gint64 now_ns;   /* atomic */
    gint64 slept_ns; /* atomic: the sum of all sleeps */
} MtFakeClock;

void mt_fake_clock_init(MtFakeClock *fake, gint64 now_ns);
void mt_fake_clock_advance(MtFakeClock *fake, gint64 ns);

G_END_DECLS
