/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often a migration is looked at.
 */
#include "config.h"

#include <string.h>

#include "core/migration/migration-pace.h"
#include "util/json-peek.h"

static double
pace_get_ram(const MtJob *job, const char *member)
{
    JsonObject *ram = NULL;

    if (JSON_NODE_HOLDS_OBJECT(job->migration))
        ram = mt_json_peek_object(json_node_get_object(job->migration), "ram");

    return ram && json_object_has_member(ram, member)
               ? json_object_get_double_member(ram, member)
               : 0;
}

/*
 * Estimates how long the transfer of the remaining memory takes, in milliseconds;
 * 0: not known.
 *
 * QEMU's "mbps" counts the transferred bytes, and a zero page has few of them, so
 * the estimate also uses how fast the remaining memory has fallen.
 */
static double
pace_estimate_ms(MtPace *pace, const MtJob *job)
{
    double mbps = pace_get_ram(job, "mbps");
    double left = pace_get_ram(job, "remaining");
    gint64 now_us = g_get_monotonic_time();
    double fallen = pace->left_bytes - left;
    double rest_ms = mbps > 0 ? left * 8 / (mbps * 1000) : 0;
    double fall_ms = fallen > 0 && left > 0
                         ? left * (now_us - pace->left_us) / fallen / 1000
                         : 0;

    pace->left_bytes = left;
    pace->left_us = now_us;

    return rest_ms > 0 && fall_ms > 0 ? MIN(rest_ms, fall_ms)
                                      : MAX(rest_ms, fall_ms);
}

guint
mt_pace_poll_ms(MtPace *pace, const MtJob *job, guint last_ms)
{
    double rest_ms = pace_estimate_ms(pace, job);

    if (strcmp(job->run_state, "running") != 0)
        return 1;
    if (rest_ms > 0)
        return CLAMP(rest_ms / 4, MT_PACE_FIRST_MS, MT_PACE_LAST_MS);

    return MIN(last_ms * 2, MT_PACE_LAST_MS / 4);
}
