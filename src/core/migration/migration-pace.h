/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How often a migration is looked at.
 */

#include "core/migration/job.h"

G_BEGIN_DECLS

#define MT_PACE_FIRST_MS 2
#define MT_PACE_LAST_MS 100

typedef struct {
    double left_bytes;          /* remaining memory at the last query; 0: not
                                 * known */
    gint64 left_us;             /* time of that query */
} MtPace;

/* Returns the time to the next query.  Near the end of the migration the
 * queries are frequent, because the guest is stopped until the next one. */
guint mt_pace_poll_ms(MtPace *pace, const MtJob *job, guint last_ms);

G_END_DECLS
