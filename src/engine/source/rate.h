/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Slowing the sender: a token bucket in bytes a second.
 *
 * Every thread that sends takes what it is about to send, and waits while the
 * bucket is in debt.  Taking comes before sending and may overdraw, so that a
 * large write needs no splitting.  The rate may be changed at any time by any
 * thread; those who wait notice at once.
 */

#include <glib.h>

#include "util/clock.h"

G_BEGIN_DECLS

typedef struct MtRate MtRate;

/* @bytes_per_s 0: as fast as it goes. */
MtRate *mt_rate_new(const MtClock *clock, guint64 bytes_per_s);
void mt_rate_free(MtRate *rate);

void mt_rate_set(MtRate *rate, guint64 bytes_per_s);
guint64 mt_rate_get(MtRate *rate);

/* Takes @bytes and waits until they may be sent.  FALSE when mt_rate_stop()
 * was called: the caller gives up. */
gboolean mt_rate_take(MtRate *rate, guint64 bytes);

/* Lets everybody who waits, or will, return FALSE. */
void mt_rate_stop(MtRate *rate);

/* Time that threads have spent waiting, all together. */
gint64 mt_rate_waited_ns(MtRate *rate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRate, mt_rate_free)

G_END_DECLS
