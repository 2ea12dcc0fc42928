/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's settings for the capabilities and parameters of a guest, and
 * for the variant of the stream that its release uses.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"
#include "util/clock.h"

/* The stream changed in these releases.  A machine of an older type sends what
 * the older release sent; a destination reads all variants that its release
 * knows. */
#define SYNC_EACH_SECTION_GONE MT_RELEASE(8, 1)
#define GENERATION_NEW_SINCE MT_RELEASE(10, 0)
/* Since this release a destination sends the acknowledgement only if a device
 * asks for it; a reference guest has no such device.  Machine types of older
 * releases keep the old rule: it is always sent and waited for. */
#define ACK_COUNTED_SINCE MT_RELEASE(11, 1)

/* The channel of postcopy-preempt is opened at the switch to post-copy; by older
 * releases and machine types at the start. */
#define PREEMPT_LATE_SINCE MT_RELEASE(8, 0)

/* Post-copy waits for recovery when its connection breaks; its status is
 * reported after the guest has stopped. */
#define RECOVERY_SINCE MT_RELEASE(3, 0)
#define POSTCOPY_STATUS_LATE_SINCE MT_RELEASE(10, 0)

/* A source fails after this time without progress of the connection.  A
 * destination has no limit: a source may wait before the switch-over. */
#define SOURCE_TIMEOUT_MS 30000

/* Capabilities that are a boolean of the engine. */
static const struct {
    MtParamId id;
    gsize offset;
} tune_switches[] = {
    { MT_PARAM_MULTIFD, G_STRUCT_OFFSET(MtEngineSettings, multifd) },
    { MT_PARAM_X_MULTIFD, G_STRUCT_OFFSET(MtEngineSettings, multifd) },
    { MT_PARAM_XBZRLE, G_STRUCT_OFFSET(MtEngineSettings, xbzrle) },
    { MT_PARAM_COMPRESS, G_STRUCT_OFFSET(MtEngineSettings, compress) },
    { MT_PARAM_MAPPED_RAM, G_STRUCT_OFFSET(MtEngineSettings, mapped_ram) },
    { MT_PARAM_RETURN_PATH, G_STRUCT_OFFSET(MtEngineSettings, return_path) },
    { MT_PARAM_SWITCHOVER_ACK,
      G_STRUCT_OFFSET(MtEngineSettings, switchover_ack) },
    { MT_PARAM_VALIDATE_UUID,
      G_STRUCT_OFFSET(MtEngineSettings, validate_uuid) },
    { MT_PARAM_X_IGNORE_SHARED,
      G_STRUCT_OFFSET(MtEngineSettings, ignore_shared) },
    { MT_PARAM_AUTO_CONVERGE,
      G_STRUCT_OFFSET(MtEngineSettings, auto_converge) },
    { MT_PARAM_PAUSE_BEFORE_SWITCHOVER,
      G_STRUCT_OFFSET(MtEngineSettings, pause_before_switchover) },
    { MT_PARAM_POSTCOPY_RAM, G_STRUCT_OFFSET(MtEngineSettings, postcopy) },
    { MT_PARAM_X_POSTCOPY_RAM, G_STRUCT_OFFSET(MtEngineSettings, postcopy) },
    { MT_PARAM_POSTCOPY_PREEMPT,
      G_STRUCT_OFFSET(MtEngineSettings, postcopy_preempt) },
};

/* Parameters that are a `guint` of the engine.  If several rows set the same
 * one, each release has only one of them. */
static const struct {
    MtParamId id;
    gsize offset;
} tune_numbers[] = {
    { MT_PARAM_MULTIFD_CHANNELS,
      G_STRUCT_OFFSET(MtEngineSettings, multifd_channels) },
    { MT_PARAM_X_MULTIFD_CHANNELS,
      G_STRUCT_OFFSET(MtEngineSettings, multifd_channels) },
    { MT_PARAM_MULTIFD_ZLIB_LEVEL,
      G_STRUCT_OFFSET(MtEngineSettings, zlib_level) },
    { MT_PARAM_MULTIFD_ZSTD_LEVEL,
      G_STRUCT_OFFSET(MtEngineSettings, zstd_level) },
    { MT_PARAM_COMPRESS_LEVEL,
      G_STRUCT_OFFSET(MtEngineSettings, compress_level) },
    { MT_PARAM_COMPRESS_THREADS,
      G_STRUCT_OFFSET(MtEngineSettings, compress_threads) },
    { MT_PARAM_DECOMPRESS_THREADS,
      G_STRUCT_OFFSET(MtEngineSettings, decompress_threads) },
    { MT_PARAM_CPU_THROTTLE_INITIAL,
      G_STRUCT_OFFSET(MtEngineSettings, throttle_initial) },
    { MT_PARAM_X_CPU_THROTTLE_INITIAL,
      G_STRUCT_OFFSET(MtEngineSettings, throttle_initial) },
    { MT_PARAM_CPU_THROTTLE_INCREMENT,
      G_STRUCT_OFFSET(MtEngineSettings, throttle_increment) },
    { MT_PARAM_X_CPU_THROTTLE_INCREMENT,
      G_STRUCT_OFFSET(MtEngineSettings, throttle_increment) },
    { MT_PARAM_MAX_CPU_THROTTLE,
      G_STRUCT_OFFSET(MtEngineSettings, throttle_max) },
    { MT_PARAM_THROTTLE_TRIGGER_THRESHOLD,
      G_STRUCT_OFFSET(MtEngineSettings, throttle_trigger) },
};

static const struct {
    const char *name;
    MtZeroDetection value;
} tune_zero[] = {
    { "none", MT_ZERO_NONE },
    { "legacy", MT_ZERO_LEGACY },
    { "multifd", MT_ZERO_MULTIFD },
};

static gboolean
tune_has(MtRefGuest *g, MtParamId id)
{
    return mt_ref_profile_row(g->profile, mt_row(id)) != MT_REF_ABSENT;
}

static void
tune_dialect(MtRefGuest *g, MtEngineSettings *s)
{
    MtRelease release = mt_ref_profile_release(g->profile);
    MtRelease machine = mt_ref_machine_release(g->spec->machine);
    MtRelease sent_as = machine ? MIN(machine, release) : release;
    const char *zero = tune_has(g, MT_PARAM_ZERO_PAGE_DETECTION) ?
        mt_ref_tunables_text(g->tunables, MT_PARAM_ZERO_PAGE_DETECTION) :
        "legacy";

    mt_engine_settings_speak(s, release < GENERATION_NEW_SINCE ?
                             MT_GENERATION_OLD : MT_GENERATION_NEW);
    s->postcopy_status_early = release < POSTCOPY_STATUS_LATE_SINCE;
    s->postcopy_recovers = release >= RECOVERY_SINCE;
    s->wire.send_switchover_start = sent_as >= GENERATION_NEW_SINCE;
    s->wire.sync_each_section = sent_as < SYNC_EACH_SECTION_GONE;
    s->wire.preempt_early = sent_as < PREEMPT_LATE_SINCE;
    s->wire.refuse_switchover_start = release < GENERATION_NEW_SINCE;
    s->wire.refuse_flush = release < SYNC_EACH_SECTION_GONE;
    s->switchover_ack = s->switchover_ack && sent_as < ACK_COUNTED_SINCE;
    s->ack_rule = s->switchover_ack ? MT_ACK_ALWAYS : MT_ACK_NEVER;
    for (guint i = 0; i < G_N_ELEMENTS(tune_zero); i++) {
        if (g_strcmp0(zero, tune_zero[i].name) == 0)
            s->zero_detection = tune_zero[i].value;
    }
}

/* Some releases turn negative rates into 2^63 and more: no limit. */
static guint64
tune_rate(guint64 bytes_per_s)
{
    return bytes_per_s > G_MAXINT64 ? 0 : bytes_per_s;
}

/* QEMU limits what it sends in a tenth of a second.  A limit of less than ten
 * bytes per second becomes 0 there, which means no limit. */
static guint64
tune_limit(guint64 bytes_per_s)
{
    return bytes_per_s < 10 ? 0 : tune_rate(bytes_per_s);
}

/* Up to 2.10 any size is accepted and rounded down to a power of two. */
static guint64
tune_cache(guint64 bytes)
{
    return bytes < MT_PAGE_SIZE ? MT_PAGE_SIZE :
           G_GUINT64_CONSTANT(1) << (g_bit_storage(bytes) - 1);
}

static void
tune_uuid(const char *text, guint8 *uuid)
{
    for (guint n = 0; text && *text && n < 32; text++) {
        int digit = g_ascii_xdigit_value(*text);

        if (digit < 0)
            continue;
        uuid[n / 2] = uuid[n / 2] << 4 | digit;
        n++;
    }
}

/* Some releases accept capabilities that exclude each other.  Here one of them
 * has no effect, as in QEMU. */
static void
tune_conflicts(MtEngineSettings *s)
{
    if (s->multifd)
        s->xbzrle = s->compress = FALSE;
    /* Post-copy always uses a return path. */
    s->return_path = s->return_path || s->postcopy;
    s->direct_io = s->direct_io && s->mapped_ram && s->multifd;
    s->switchover_ack = s->switchover_ack && s->return_path;
    s->throttle_max = MAX(s->throttle_max, s->throttle_initial);
}

void
mt_ref_guest_tune(MtRefGuest *g, MtEngineSettings *s)
{
    MtRefTunables *t = g->tunables;
    const char *codec;

    mt_engine_settings_init(s);
    for (guint i = 0; i < G_N_ELEMENTS(tune_switches); i++) {
        if (tune_has(g, tune_switches[i].id))
            G_STRUCT_MEMBER(gboolean, s, tune_switches[i].offset) =
                mt_ref_tunables_cap(t, tune_switches[i].id);
    }
    for (guint i = 0; i < G_N_ELEMENTS(tune_numbers); i++) {
        if (tune_has(g, tune_numbers[i].id))
            G_STRUCT_MEMBER(guint, s, tune_numbers[i].offset) =
                mt_ref_tunables_number(t, tune_numbers[i].id);
    }
    if (tune_has(g, MT_PARAM_COMPRESS_WAIT_THREAD))
        s->compress_wait_thread =
            mt_ref_tunables_number(t, MT_PARAM_COMPRESS_WAIT_THREAD) != 0;
    if (tune_has(g, MT_PARAM_CPU_THROTTLE_TAILSLOW))
        s->throttle_tailslow =
            mt_ref_tunables_number(t, MT_PARAM_CPU_THROTTLE_TAILSLOW) != 0;
    if (tune_has(g, MT_PARAM_DIRECT_IO))
        s->direct_io = mt_ref_tunables_number(t, MT_PARAM_DIRECT_IO) != 0;
    if (tune_has(g, MT_PARAM_MULTIFD_COMPRESSION)) {
        codec = mt_ref_tunables_text(t, MT_PARAM_MULTIFD_COMPRESSION);
        g_strlcpy(s->multifd_compression, codec ? codec : "none",
                  sizeof(s->multifd_compression));
    }
    if (tune_has(g, MT_PARAM_AVAIL_SWITCHOVER_BANDWIDTH))
        s->avail_switchover_bandwidth = tune_rate(
            mt_ref_tunables_number(t, MT_PARAM_AVAIL_SWITCHOVER_BANDWIDTH));

    s->xbzrle_cache_bytes = tune_cache(
        mt_ref_tunables_number(t, MT_PARAM_XBZRLE_CACHE_SIZE));
    s->max_bandwidth =
        tune_limit(mt_ref_tunables_number(t, MT_PARAM_MAX_BANDWIDTH));
    if (tune_has(g, MT_PARAM_MAX_POSTCOPY_BANDWIDTH))
        s->max_postcopy_bandwidth = tune_limit(
            mt_ref_tunables_number(t, MT_PARAM_MAX_POSTCOPY_BANDWIDTH));
    s->downtime_limit_ns =
        mt_ref_tunables_number(t, MT_PARAM_DOWNTIME_LIMIT) * MT_NS_PER_MS;

    tune_dialect(g, s);
    tune_uuid(g->spec->uuid, s->uuid);
    g_strlcpy(s->machine, g->spec->machine ? g->spec->machine : "none",
              sizeof(s->machine));
    s->check_machine = TRUE;
    s->wait_for_channels = TRUE;
    s->timeout_ms = SOURCE_TIMEOUT_MS;
    tune_conflicts(s);
}
