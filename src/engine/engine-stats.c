/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Statistics of a migration: see stats.h.
 */
#include "config.h"

#include <string.h>

#include "engine/engine-private.h"
#include "util/clock.h"

static const char *const status_names[] = {
    [MT_STATUS_NONE] = "none",
    [MT_STATUS_SETUP] = "setup",
    [MT_STATUS_ACTIVE] = "active",
    [MT_STATUS_PRE_SWITCHOVER] = "pre-switchover",
    [MT_STATUS_DEVICE] = "device",
    [MT_STATUS_COMPLETED] = "completed",
    [MT_STATUS_CANCELLING] = "cancelling",
    [MT_STATUS_CANCELLED] = "cancelled",
    [MT_STATUS_FAILED] = "failed",
    [MT_STATUS_POSTCOPY_ACTIVE] = "postcopy-active",
    [MT_STATUS_POSTCOPY_PAUSED] = "postcopy-paused",
    [MT_STATUS_POSTCOPY_RECOVER_SETUP] = "postcopy-recover-setup",
    [MT_STATUS_POSTCOPY_RECOVER] = "postcopy-recover",
};

const char *
mt_status_to_string(MtStatus status)
{
    return status < G_N_ELEMENTS(status_names) ? status_names[status] :
           "none";
}

void
mt_engine_stats_clear(MtEngineStats *stats)
{
    g_clear_pointer(&stats->error_desc, g_free);
}

static void
stats_xbzrle(MtEngine *e, MtEngineStats *s)
{
    const MtCounters *c = &e->counters;

    s->xbzrle_cache_bytes = mt_counted(c->xbzrle_cache_bytes);
    s->xbzrle_bytes = mt_counted(c->xbzrle_bytes);
    s->xbzrle_pages = mt_counted(c->xbzrle_pages);
    s->xbzrle_cache_miss = mt_counted(c->xbzrle_miss);
    s->xbzrle_overflow = mt_counted(c->xbzrle_overflow);
    s->xbzrle_unchanged = mt_counted(c->xbzrle_unchanged);
    s->xbzrle_cache_miss_rate = e->progress.xbzrle_miss_rate;
    s->xbzrle_encoding_rate = e->progress.xbzrle_encoding_rate;
}

static void
stats_compression(MtEngine *e, MtEngineStats *s)
{
    const MtCounters *c = &e->counters;

    s->compression_pages = mt_counted(c->compression_pages);
    s->compression_busy = mt_counted(c->compression_busy);
    s->compressed_size = mt_counted(c->compressed_size);
    if (s->compression_pages + s->compression_busy)
        s->compression_busy_rate = (double)s->compression_busy /
            (s->compression_pages + s->compression_busy);
    if (s->compressed_size)
        s->compression_rate = (double)s->compression_pages * MT_PAGE_SIZE /
            s->compressed_size;
}

/* The current throughput, or the average of the whole migration once it has
 * completed.  Call with the lock held. */
static double
engine_mbps(const MtEngine *e, const MtEngineStats *s)
{
    gint64 sending_ns = s->total_ns - s->setup_ns;

    if (s->status != MT_STATUS_COMPLETED || sending_ns <= 0)
        return e->progress.bandwidth * 8 / 1e6;
    return (double)s->transferred * 8 * 1e3 / sending_ns;
}

void
mt_engine_get_stats(MtEngine *e, MtEngineStats *s)
{
    const MtCounters *c = &e->counters;
    gint64 now = mt_clock_now(mt_clock_system());

    memset(s, 0, sizeof(*s));
    g_mutex_lock(&e->lock);
    s->status = e->status;
    s->error_desc = e->error ? g_strdup(e->error->message) : NULL;
    s->total_ns = e->begin_ns ? (e->end_ns ? e->end_ns : now) - e->begin_ns :
                  0;
    s->setup_ns = e->setup_ns;
    if (e->stop_ns && e->postcopy_ns)
        s->downtime_ns = e->postcopy_ns - e->stop_ns;
    else if (e->stop_ns && e->status == MT_STATUS_COMPLETED)
        s->downtime_ns = e->end_ns - e->stop_ns;
    s->expected_downtime_ns = e->progress.expected_downtime_ns;
    s->throttle_percent = e->progress.throttle_percent;

    s->transferred = mt_counted(c->transferred);
    s->remaining = e->progress.remaining;
    s->total = mt_ram_bytes(e->ram);
    s->duplicate = mt_counted(c->duplicate);
    s->normal = mt_counted(c->normal);
    s->normal_bytes = s->normal * MT_PAGE_SIZE;
    s->dirty_pages_rate = e->progress.dirty_pages_rate;
    s->mbps = engine_mbps(e, s);
    s->dirty_sync_count = e->progress.syncs;
    s->page_size = MT_PAGE_SIZE;
    s->multifd_bytes = mt_counted(c->multifd_bytes);
    s->pages_per_second = e->progress.pages_per_second;
    s->precopy_bytes = e->stop_ns ? e->progress.downtime_from :
                       s->transferred;
    s->postcopy_bytes = e->postcopy_ns ? s->transferred -
                        e->progress.postcopy_from : 0;
    s->downtime_bytes = s->transferred - s->precopy_bytes -
                        s->postcopy_bytes;
    s->postcopy_requests = mt_counted(c->postcopy_requests);
    s->multifd_packets = mt_counted(c->multifd_packets);

    stats_xbzrle(e, s);
    stats_compression(e, s);

    s->device_bytes = e->device_bytes;
    s->bandwidth = e->progress.bandwidth;
    s->downtime_budget = e->progress.bandwidth *
        ((double)__atomic_load_n(&e->downtime_limit_ns, __ATOMIC_RELAXED) /
         MT_NS_PER_S);
    if (s->downtime_budget)
        s->device_ratio = (double)s->device_bytes / s->downtime_budget;
    g_mutex_unlock(&e->lock);
}
