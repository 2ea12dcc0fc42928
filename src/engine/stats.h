/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Statistics of a migration.
 *
 * MtEngineStats is a snapshot for callers: every member that query-migrate has
 * had in any release, under its name.  MtCounters has the counters that the
 * threads of an engine increment, each atomically and without a lock.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    MT_STATUS_NONE,
    MT_STATUS_SETUP,
    MT_STATUS_ACTIVE,
    MT_STATUS_PRE_SWITCHOVER,
    MT_STATUS_DEVICE,
    MT_STATUS_COMPLETED,
    MT_STATUS_CANCELLING,
    MT_STATUS_CANCELLED,
    MT_STATUS_FAILED,
    MT_STATUS_POSTCOPY_ACTIVE,
    MT_STATUS_POSTCOPY_PAUSED,
    MT_STATUS_POSTCOPY_RECOVER_SETUP,
    MT_STATUS_POSTCOPY_RECOVER,
} MtStatus;

/* The name that QEMU uses, such as "pre-switchover". */
const char *mt_status_to_string(MtStatus status);

typedef struct {
    MtStatus status;
    char *error_desc;           /* of a failure or a pause, or NULL */
    gint64 total_ns;
    gint64 setup_ns;
    gint64 downtime_ns;         /* once completed, or once the guest runs
                                 * on the destination */
    gint64 expected_downtime_ns;
    guint throttle_percent;     /* 0: never throttled */

    /* ram */
    guint64 transferred;        /* bytes, all channels */
    guint64 remaining;          /* bytes of pages still to be sent */
    guint64 total;
    guint64 duplicate;          /* zero pages */
    guint64 normal;             /* pages sent uncompressed on the main
                                 * channel, or by multifd channels */
    guint64 normal_bytes;
    guint64 dirty_pages_rate;   /* pages a second */
    double mbps;                /* megabits a second, of the last window */
    guint64 dirty_sync_count;
    guint64 page_size;
    guint64 multifd_bytes;
    guint64 pages_per_second;
    guint64 precopy_bytes;      /* while the guest ran on the source */
    guint64 downtime_bytes;     /* while it was stopped */
    guint64 postcopy_bytes;     /* while it ran on the destination */
    guint64 postcopy_requests;  /* page requests of the destination */

    /* xbzrle-cache */
    guint64 xbzrle_cache_bytes;
    guint64 xbzrle_bytes;
    guint64 xbzrle_pages;
    guint64 xbzrle_cache_miss;
    double xbzrle_cache_miss_rate;  /* of the last pass */
    guint64 xbzrle_overflow;
    double xbzrle_encoding_rate;    /* page bytes to delta bytes */
    guint64 xbzrle_unchanged;       /* of these pages, not sent because they
                                     * had not changed */

    /* compression */
    guint64 compression_pages;
    guint64 compression_busy;
    double compression_busy_rate;
    guint64 compressed_size;
    double compression_rate;

    /* Statistics that QEMU does not have. */
    guint64 multifd_packets;
    guint64 device_bytes;       /* of device state */
    guint64 bandwidth;          /* measured, bytes a second */
    guint64 downtime_budget;    /* bytes that fit into the downtime limit */
    double device_ratio;        /* device_bytes / downtime_budget */
} MtEngineStats;

void mt_engine_stats_clear(MtEngineStats *stats);

typedef struct {
    guint64 transferred;
    guint64 duplicate;
    guint64 normal;
    guint64 multifd_bytes;
    guint64 multifd_packets;
    guint64 xbzrle_bytes;
    guint64 xbzrle_pages;
    guint64 xbzrle_miss;
    guint64 xbzrle_overflow;
    guint64 xbzrle_unchanged;
    guint64 xbzrle_cache_bytes;
    guint64 compression_pages;
    guint64 compression_busy;
    guint64 compressed_size;
    guint64 postcopy_requests;
} MtCounters;

#define mt_count(counter, n) \
    ((void)__atomic_fetch_add(&(counter), (n), __ATOMIC_RELAXED))
#define mt_counted(counter) __atomic_load_n(&(counter), __ATOMIC_RELAXED)

G_END_DECLS
