/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What one migration is asked to do, and which generation of QEMU's stream it
 * speaks.
 *
 * The same structure serves both sides; a side ignores what is the other's.
 * Sizes are bytes, times nanoseconds unless the name says otherwise, rates
 * bytes a second.
 */

#include <glib.h>

#include "stream/codec.h"
#include "util/io.h"

G_BEGIN_DECLS

typedef enum {
    MT_ZERO_NONE,           /* zero pages are sent as they are */
    MT_ZERO_LEGACY,         /* found by the main thread, sent on main */
    MT_ZERO_MULTIFD,        /* found and sent by the channels, if any */
} MtZeroDetection;

/* When a destination sends SWITCHOVER_ACK. */
typedef enum {
    MT_ACK_AUTO,            /* by the machine type's name; "none": no */
    MT_ACK_ALWAYS,
    MT_ACK_NEVER,
} MtAckRule;

typedef enum {
    MT_GENERATION_OLD,      /* up to 7.2 */
    MT_GENERATION_NEW,      /* 10.0 and later */
} MtGeneration;

/* The switches of the stream that differ between releases: a source's.  Of
 * these a destination looks at @send_vmdesc: without it, device state may end
 * without a description.  The last two are a destination's. */
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
    gboolean refuse_flush;          /* multifd's record of 8.1 */
    gboolean refuse_switchover_start;   /* the command of 10.0 */
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
    gboolean postcopy;              /* mt_engine_start_postcopy() can be; a
                                     * destination accepts that it may */

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
    gboolean xbzrle_in_bulk;        /* pages of the first pass enter the cache:
                                     * for measuring what that costs */
    guint64 max_bandwidth;          /* 0: no limit */
    guint64 max_postcopy_bandwidth; /* of pages nobody asked for; 0: none */
    guint64 avail_switchover_bandwidth;     /* 0: measured */
    gint64 downtime_limit_ns;
    guint throttle_initial;         /* percent */
    guint throttle_increment;
    guint throttle_max;
    guint throttle_trigger;         /* percent of what was sent */
    MtZeroDetection zero_detection;
    guint8 uuid[16];                /* all zero: there is none */
    char machine[128];              /* as in the configuration section */
    gboolean guest_running;         /* what the global state says */

    MtWireSwitches wire;

    /* Destination. */
    MtAckRule ack_rule;
    gboolean check_machine;         /* the name must be @machine */

    /* This engine's own. */
    guint timeout_ms;               /* of silence; 0: for ever */
    guint64 max_device_bytes;       /* of device state that is kept */
    gboolean postcopy_told_early;   /* its status comes before the guest is
                                     * stopped, as up to 9.2 */
    gboolean postcopy_recovers;     /* a postcopy that breaks is paused */
    guint max_passes;               /* then the guest is stopped whatever is
                                     * left; 0: never */
    gboolean keep_stopped;          /* a failed source does not start its
                                     * guest again */
    MtIoFault fault;                /* of the main channel, writing */
    int fault_channel;              /* -1: main; else that multifd channel */
    guint fail_at_pass;             /* this side dies when it ends; 0: no */
} MtEngineSettings;

/* The defaults of the newest release, with `-machine none`. */
void mt_engine_settings_init(MtEngineSettings *settings);

/* Everything that is a matter of the release: the switches and where zero
 * pages are found. */
void mt_engine_settings_speak(MtEngineSettings *settings,
                              MtGeneration generation);

/* The level that @codec encodes with, on the codec's own scale; 0 if it has
 * none. */
int mt_engine_settings_level(const MtEngineSettings *settings,
                             const MtCodec *codec);

/* What excludes what, and ranges. */
gboolean mt_engine_settings_check(const MtEngineSettings *settings,
                                  GError **error);

G_END_DECLS
