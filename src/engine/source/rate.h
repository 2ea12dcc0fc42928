/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The rate limit of a source: a token bucket in bytes a second.
 *
 * A thread that sends takes its bytes from the bucket and waits while the bucket
 * is in debt.  Taking may overdraw the bucket, so large writes need not be split.
 * The rate may be changed at any time by any thread; waiting threads notice.
 */

#include <glib.h>

#include "util/clock.h"

G_BEGIN_DECLS

typedef struct MtRate MtRate;

/* @bytes_per_s 0: no limit. */
MtRate *mt_rate_new(const MtClock *clock, guint64 bytes_per_s);
void mt_rate_free(MtRate *rate);

void mt_rate_set(MtRate *rate, guint64 bytes_per_s);
guint64 mt_rate_get(MtRate *rate);

/* Takes @bytes and waits until they may be sent.  FALSE after mt_rate_stop(). */
gboolean mt_rate_take(MtRate *rate, guint64 bytes);

/* Makes all current and later calls of mt_rate_take() return FALSE. */
void mt_rate_stop(MtRate *rate);

/* The total time that threads have waited. */
gint64 mt_rate_waited_ns(MtRate *rate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRate, mt_rate_free)

G_END_DECLS
