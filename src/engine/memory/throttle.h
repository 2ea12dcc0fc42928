/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Slowing the guest: auto-converge.
 *
 * The source tells at each sync how much the guest dirtied and how much was
 * sent since the last one.  When the guest was too fast twice, it is slowed by
 * a percentage, more and more up to the maximum.  Writers ask how long to
 * sleep after a slice of work.
 */

#include <glib.h>

G_BEGIN_DECLS

/* Of a throttled writer's time, what it may run before it sleeps. */
#define MT_THROTTLE_SLICE_NS G_GINT64_CONSTANT(10000000)

typedef struct {
    guint initial;   /* percent, 1..99 */
    guint increment; /* percent, 1..99 */
    guint max;       /* percent, 1..99 */
    guint trigger;   /* percent of what was sent, 1..100: dirtying more is too
                      * fast */
    gboolean tailslow; /* small steps near the end */
} MtThrottleSettings;

/* QEMU's defaults. */
extern const MtThrottleSettings mt_throttle_defaults;

typedef struct MtThrottle MtThrottle;

MtThrottle *mt_throttle_new(const MtThrottleSettings *settings);
void mt_throttle_free(MtThrottle *throttle);

/* The source, at a sync.  May be changed while it runs. */
void mt_throttle_set(MtThrottle *throttle, const MtThrottleSettings *settings);

/* The source, at a sync: what was dirtied and sent since the last one. */
void mt_throttle_sync(MtThrottle *throttle, guint64 dirtied_bytes,
                      guint64 sent_bytes);

/* The migration is over: the guest runs freely. */
void mt_throttle_reset(MtThrottle *throttle);

/* Percent of its time that the guest sleeps; 0 when it is not throttled.  Any
 * thread. */
guint mt_throttle_percent(const MtThrottle *throttle);

/* How long a writer that has run for @ran_ns has to sleep.  Any thread. */
gint64 mt_throttle_sleep_ns(const MtThrottle *throttle, gint64 ran_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtThrottle, mt_throttle_free)

G_END_DECLS
