/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Default settings of a migration, and checks.
 */
#include "config.h"

#include <string.h>

#include "stream/codec.h"
#include "engine/settings.h"
#include "engine/source/xbzrle-cache.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

void
mt_engine_settings_speak(MtEngineSettings *settings, MtGeneration generation)
{
    static const MtWireSwitches generations[] = {
        [MT_GENERATION_OLD] = {
            .send_configuration = TRUE,
            .send_footers = TRUE,
            .send_vmdesc = TRUE,
            .store_global_state = TRUE,
            .sync_each_section = TRUE,
            .preempt_early = TRUE,
            .ram_section_id = 2,
            .global_state_section_id = 4,
        },
        [MT_GENERATION_NEW] = {
            .send_configuration = TRUE,
            .send_footers = TRUE,
            .send_vmdesc = TRUE,
            .vmdesc_configuration = TRUE,
            .send_switchover_start = TRUE,
            .store_global_state = TRUE,
            .global_state_flags = TRUE,
            .reports_failure = TRUE,
            .ram_section_id = 1,
            .global_state_section_id = 3,
        },
    };

    settings->wire = generations[generation];
    settings->zero_detection = generation == MT_GENERATION_OLD ?
        MT_ZERO_LEGACY : MT_ZERO_MULTIFD;
}

void
mt_engine_settings_init(MtEngineSettings *settings)
{
    memset(settings, 0, sizeof(*settings));
    settings->multifd_channels = 2;
    strcpy(settings->multifd_compression, "none");
    settings->zlib_level = 1;
    settings->zstd_level = 1;
    settings->compress_level = 1;
    settings->compress_threads = 8;
    settings->decompress_threads = 2;
    settings->compress_wait_thread = TRUE;
    settings->xbzrle_cache_bytes = 64 << 20;
    settings->max_bandwidth = 128 << 20;
    settings->downtime_limit_ns = 300 * MT_NS_PER_MS;
    settings->throttle_initial = 20;
    settings->throttle_increment = 10;
    settings->throttle_max = 99;
    settings->throttle_trigger = 50;
    strcpy(settings->machine, "none");
    settings->guest_running = TRUE;
    settings->timeout_ms = 30000;
    settings->max_device_bytes = 256 << 20;
    settings->fault_channel = -1;
    mt_engine_settings_speak(settings, MT_GENERATION_NEW);
}

static gboolean
settings_conflict(const char *a, const char *b, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                      "%s and %s exclude each other", a, b);
    return FALSE;
}

static gboolean
settings_range(const char *name, gint64 value, gint64 min, gint64 max,
               GError **error)
{
    if (value >= min && value <= max)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                      "%s is %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " to %"
                      G_GINT64_FORMAT " are accepted", name, value, min, max);
    return FALSE;
}

gboolean
mt_engine_settings_check(const MtEngineSettings *s, GError **error)
{
    gboolean packs = strcmp(s->multifd_compression, "none") != 0;
    const struct {
        const char *a;
        gboolean has_a;
        const char *b;
        gboolean has_b;
    } conflicts[] = {
        { "multifd", s->multifd, "xbzrle", s->xbzrle },
        { "multifd", s->multifd, "compress", s->compress },
        { "mapped-ram", s->mapped_ram, "xbzrle", s->xbzrle },
        { "mapped-ram", s->mapped_ram, "compress", s->compress },
        { "mapped-ram", s->mapped_ram, "multifd compression",
          s->multifd && packs },
        { "mapped-ram", s->mapped_ram, "return-path", s->return_path },
        { "mapped-ram", s->mapped_ram, "postcopy", s->postcopy },
        { "x-ignore-shared", s->ignore_shared, "postcopy", s->postcopy },
        { "postcopy-preempt", s->postcopy_preempt, "compress", s->compress },
    };
    const struct {
        const char *name;
        gint64 value;
        gint64 min;
        gint64 max;
    } ranges[] = {
        { "multifd-channels", s->multifd_channels, 1, 255 },
        { "multifd-zlib-level", s->zlib_level, 0, 9 },
        { "multifd-zstd-level", s->zstd_level, 0, 20 },
        { "compress-level", s->compress_level, 0, 9 },
        { "compress-threads", s->compress_threads, 1, 255 },
        { "decompress-threads", s->decompress_threads, 1, 255 },
        { "cpu-throttle-initial", s->throttle_initial, 1, 99 },
        { "cpu-throttle-increment", s->throttle_increment, 1, 99 },
        { "max-cpu-throttle", s->throttle_max, s->throttle_initial, 99 },
        { "throttle-trigger-threshold", s->throttle_trigger, 1, 100 },
        { "downtime-limit (ns)", s->downtime_limit_ns, 0,
          2000 * MT_NS_PER_S },
    };

    for (guint i = 0; i < G_N_ELEMENTS(conflicts); i++) {
        if (conflicts[i].has_a && conflicts[i].has_b)
            return settings_conflict(conflicts[i].a, conflicts[i].b, error);
    }
    for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
        if (!settings_range(ranges[i].name, ranges[i].value, ranges[i].min,
                            ranges[i].max, error))
            return FALSE;
    }
    if (s->direct_io && !(s->mapped_ram && s->multifd)) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          "direct-io needs mapped-ram and multifd");
        return FALSE;
    }
    if (s->postcopy && !s->return_path) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          "postcopy needs return-path");
        return FALSE;
    }
    if (s->postcopy_preempt && !s->postcopy) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          "postcopy-preempt needs postcopy");
        return FALSE;
    }
    if (s->switchover_ack && !s->return_path) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          "switchover-ack needs return-path");
        return FALSE;
    }
    if (s->return_path && !s->wire.send_vmdesc) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          "return-path needs the device description "
                          "(send_vmdesc), by which a destination finds the "
                          "end of the stream");
        return FALSE;
    }
    if (s->xbzrle && !mt_xbzrle_check_size(s->xbzrle_cache_bytes, error))
        return FALSE;

    return mt_codec_find(s->multifd_compression, error) != NULL;
}

int
mt_engine_settings_level(const MtEngineSettings *settings,
                         const MtCodec *codec)
{
    const struct {
        const char *codec;
        int level;
    } levels[] = {
        { "zlib", settings->zlib_level },
        { "zstd", settings->zstd_level },
    };

    for (guint i = 0; i < G_N_ELEMENTS(levels); i++) {
        if (g_str_equal(levels[i].codec, codec->name))
            return levels[i].level;
    }

    return 0;
}
