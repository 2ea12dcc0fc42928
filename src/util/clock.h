/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Monotonic time and sleep, replaceable in tests.
 *
 * Whoever needs time is given an MtClock; a test gives it an MtFakeClock, in
 * which sleeping only moves the hands.
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

/* The machine's own clock. */
const MtClock *mt_clock_system(void);

/* Nanoseconds since some moment; never goes back. */
gint64 mt_clock_now(const MtClock *clock);

/* Sleeps for @ns, or not at all when it is not positive. */
void mt_clock_sleep(const MtClock *clock, gint64 ns);

/*
 * Sleeps @ms of real time, or until @cancellable is cancelled: then FALSE with
 * MIGTUNE_ERROR_CANCELLED.
 */
gboolean mt_sleep_ms(guint ms, GCancellable *cancellable, GError **error);

/* A clock that stands still until it is moved.  Any thread may use it. */
typedef struct {
    MtClock clock;
    gint64 now_ns;   /* atomic */
    gint64 slept_ns; /* atomic: the sum of all sleeps */
} MtFakeClock;

void mt_fake_clock_init(MtFakeClock *fake, gint64 now_ns);
void mt_fake_clock_advance(MtFakeClock *fake, gint64 ns);

G_END_DECLS
