/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Slowing the guest: auto-converge.
 *
 * At each sync the source reports how much the guest dirtied and how much was
 * sent since the last sync.  If the guest was too fast twice, it is throttled by
 * a percentage, which increases up to the maximum.  Writers ask how long to sleep
 * after a slice of work.
 */

#include <glib.h>

G_BEGIN_DECLS

/* How long a throttled writer runs before it sleeps. */
#define MT_THROTTLE_SLICE_NS G_GINT64_CONSTANT(10000000)

typedef struct {
    guint initial;   /* percent, 1..99 */
    guint increment; /* percent, 1..99 */
    guint max;       /* percent, 1..99 */
    guint trigger;   /* percent of the sent bytes, 1..100: a guest that dirties
                      * more is too fast */
    gboolean tailslow; /* small steps near the end */
} MtThrottleSettings;

/* The defaults of QEMU. */
extern const MtThrottleSettings mt_throttle_defaults;

typedef struct MtThrottle MtThrottle;

MtThrottle *mt_throttle_new(const MtThrottleSettings *settings);
void mt_throttle_free(MtThrottle *throttle);

/* May be called while the migration runs, by the source's thread. */
void mt_throttle_set(MtThrottle *throttle, const MtThrottleSettings *settings);

/* Called by the source at a sync: bytes dirtied and sent since the last one. */
void mt_throttle_sync(MtThrottle *throttle, guint64 dirtied_bytes,
                      guint64 sent_bytes);

/* The migration is over: the guest is not throttled any more. */
void mt_throttle_reset(MtThrottle *throttle);

/* The percentage of time that the guest sleeps; 0: not throttled.  Any thread. */
guint mt_throttle_percent(const MtThrottle *throttle);

/* How long a writer that has run for @ran_ns has to sleep.  Any thread. */
gint64 mt_throttle_sleep_ns(const MtThrottle *throttle, gint64 ran_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtThrottle, mt_throttle_free)

G_END_DECLS
