/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The settings of one migration, and the dialect of the stream.
 *
 * Both sides use the same structure; each side ignores the settings of the
 * other.
 * Sizes are bytes, times nanoseconds unless the name says otherwise, rates
 * bytes a second.
 */

#include <glib.h>

#include "stream/codec.h"
#include "util/io.h"

G_BEGIN_DECLS

typedef enum {
    MT_ZERO_NONE,           /* zero pages are sent as normal pages */
    MT_ZERO_LEGACY,         /* detected by the main thread, sent on the
                             * main channel */
    MT_ZERO_MULTIFD,        /* detected and sent by the multifd channels */
} MtZeroDetection;

/* When a destination sends SWITCHOVER_ACK. */
typedef enum {
    MT_ACK_AUTO,            /* depends on the name of the machine type */
    MT_ACK_ALWAYS,
    MT_ACK_NEVER,
} MtAckRule;

typedef enum {
    MT_GENERATION_OLD,      /* up to 7.2 */
    MT_GENERATION_NEW,      /* 10.0 and later */
} MtGeneration;

/*
 * Details of the stream that differ between releases.  The source uses all but
 * refuse_flush and refuse_switchover_start, which only the destination uses.  The destination also uses
 * @send_vmdesc: if FALSE, device state may end without a description.
 */
typedef struct {
    gboolean send_configuration;
    gboolean send_footers;
    gboolean send_vmdesc;
    gboolean vmdesc_configuration;  /* has a "configuration" member */
    gboolean send_switchover_start;
    gboolean store_global_state;
    gboolean global_state_flags;    /* its layout of 10.0 */
    gboolean sync_each_section;     /* multifd: SYNC at every EOS */
    guint32 ram_section_id;
    guint32 global_state_section_id;
    gboolean reports_failure;       /* the destination sends SHUT if loading
                                     * fails: 8.0 and later */
    gboolean refuse_flush;          /* the multifd flush record of 8.1 */
    gboolean refuse_switchover_start;   /* the command of 10.0 */
    gboolean preempt_early;         /* the channel of postcopy_preempt is opened
                                     * at the start, as up to 7.2, not at the
                                     * switch */
} MtWireSwitches;

typedef struct {
    /* Capabilities. */
    gboolean multifd;
    gboolean xbzrle;
    gboolean compress;              /* per page, by threads */
    gboolean mapped_ram;
    gboolean return_path;
    gboolean switchover_ack;
    gboolean validate_uuid;
    gboolean ignore_shared;
    gboolean auto_converge;
    gboolean pause_before_switchover;
    gboolean direct_io;             /* with mapped_ram and multifd */
    gboolean postcopy;              /* post-copy may be started */
    gboolean postcopy_preempt;      /* with a channel for requested pages */

    /* Parameters. */
    guint multifd_channels;         /* 1..255 */
    char multifd_compression[16];   /* a codec's name: "none", "zlib", ... */
    int zlib_level;
    int zstd_level;
    int compress_level;
    guint compress_threads;
    guint decompress_threads;
    gboolean compress_wait_thread;
    guint64 xbzrle_cache_bytes;     /* a power of two */
    gboolean xbzrle_in_bulk;        /* pages of the first pass enter the cache
                                     * (for the benchmark) */
    guint64 max_bandwidth;          /* 0: no limit */
    guint64 max_postcopy_bandwidth; /* of pages that were not requested; 0: no
                                     * limit */
    guint64 avail_switchover_bandwidth;     /* 0: measured */
    gint64 downtime_limit_ns;
    guint throttle_initial;         /* percent */
    guint throttle_increment;
    guint throttle_max;
    guint throttle_trigger;         /* percent of what was sent */
    gboolean throttle_tailslow;     /* smaller steps towards the end */
    MtZeroDetection zero_detection;
    guint8 uuid[16];                /* all zero: none */
    char machine[128];              /* as in the configuration section */
    gboolean guest_running;         /* what the global state says */

    MtWireSwitches wire;

    /* Destination. */
    MtAckRule ack_rule;
    gboolean check_machine;         /* the name must be @machine */
    gboolean wait_for_channels;     /* wait for missing multifd connections even
                                     * if the main channel is closed */

    /* Settings that QEMU does not have. */
    guint timeout_ms;               /* without progress; 0: no limit */
    guint64 max_device_bytes;       /* of device state that is kept */
    gboolean postcopy_status_early; /* the status postcopy-active is set before
                                     * the guest is stopped, as up to 9.2 */
    gboolean postcopy_recovers;     /* a post-copy is paused if its link breaks */
    guint max_passes;               /* after so many passes the guest is stopped
                                     * in any case; 0: never */
    gboolean keep_stopped;          /* a failed source does not start its
                                     * guest again */
    MtIoFault fault;                /* when writing; see @fault_channel */
    int fault_channel;              /* -1: the main channel; -2: the channel of
                                     * postcopy_preempt, before a recovery; else
                                     * a multifd channel */
    guint fail_at_pass;             /* this side fails at the end of that pass;
                                     * 0: never */
} MtEngineSettings;

/* The defaults of the newest release, with `-machine none`. */
void mt_engine_settings_init(MtEngineSettings *settings);

/* Sets everything that depends on the release: the switches and where zero
 * pages are detected. */
void mt_engine_settings_speak(MtEngineSettings *settings,
                              MtGeneration generation);

/* The compression level for @codec; 0 if it has no levels. */
int mt_engine_settings_level(const MtEngineSettings *settings,
                             const MtCodec *codec);

/* Checks ranges and settings that exclude each other. */
gboolean mt_engine_settings_check(const MtEngineSettings *settings,
                                  GError **error);

G_END_DECLS
