/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calc-dirty-rate: how fast the guest writes to its RAM.
 *
 * QEMU compares samples.  A reference guest counts the pages in its dirty log
 * at the end of the interval.  During a migration the log belongs to the
 * migration, and the migration's own dirty rate is reported.
 */
#include "config.h"

#include "drivers/ref/guest/guest-private.h"
#include "util/json-peek.h"

/* Arguments and members of the answer exist since these releases. */
#define UNIT_SINCE MT_RELEASE(8, 2)
#define MODE_SINCE MT_RELEASE(6, 2)
#define SAMPLES_SINCE MT_RELEASE(6, 1)

#define DEFAULT_SAMPLES 512
#define MIN_SAMPLES 128
#define MAX_SAMPLES 16384
#define MAX_MS 60000
#define MIN_MS 50

/* MiB a second. */
static gint64
rate_of_pages(guint64 pages, gint64 us)
{
    return (double)pages * MT_PAGE_SIZE / (1 << 20) * G_USEC_PER_SEC /
           MAX(us, 1);
}

/* The lock @command is held, so that no migration starts meanwhile. */
static gint64
rate_measure(MtRefGuest *g, gboolean owns_log, gint64 us)
{
    MtEngineStats stats;
    gint64 rate;

    if (owns_log)
        return rate_of_pages(mt_dirty_sync(g->dirty), us);

    mt_engine_get_stats(g->source, &stats);
    rate = rate_of_pages(stats.dirty_pages_rate, G_USEC_PER_SEC);
    mt_engine_stats_clear(&stats);
    return rate;
}

static gpointer
rate_thread(gpointer data)
{
    MtRefGuest *g = data;
    gint64 begin = g_get_monotonic_time();
    gboolean stop;
    gint64 rate;

    g_mutex_lock(&g->lock);
    while (!g->rate.stop &&
           g_cond_wait_until(&g->changed, &g->lock,
                             begin + g->rate.calc_ms * 1000))
        ;
    stop = g->rate.stop;
    g_mutex_unlock(&g->lock);
    if (stop)
        return NULL;

    g_mutex_lock(&g->command);
    rate = rate_measure(g, g->rate.owns_log && !mt_ref_guest_is_migrating(g),
                        g_get_monotonic_time() - begin);
    g_mutex_lock(&g->lock);
    g->rate.mb_per_s = rate;
    g->rate.state = MT_REF_RATE_MEASURED;
    g_mutex_unlock(&g->lock);
    g_mutex_unlock(&g->command);
    return NULL;
}

void
mt_ref_guest_stop_rate(MtRefGuest *g)
{
    g_mutex_lock(&g->lock);
    g->rate.stop = TRUE;
    g_cond_broadcast(&g->changed);
    g_mutex_unlock(&g->lock);
    g_clear_pointer(&g->rate.thread, g_thread_join);
}

/* In milliseconds; 0: out of range. */
static guint64
rate_time(MtRefGuest *g, JsonObject *arguments, MtRefRefusal *refusal)
{
    const char *unit = mt_json_peek_string(arguments, "calc-time-unit");
    gboolean units = mt_ref_profile_release(g->profile) >= UNIT_SINCE;
    gint64 time = 0;

    mt_json_peek_int(arguments, "calc-time", &time);
    time = CLAMP(time, 0, MAX_MS + 1);
    if (g_strcmp0(unit, "millisecond") != 0)
        time *= 1000;
    if (time >= MIN_MS && time <= MAX_MS)
        return time;

    mt_ref_refuse(refusal, units ? "Calculation time is out of range [%dms, "
                  "%dms]." : "calc-time is out of range[%d, %d].",
                  units ? MIN_MS : 1, units ? MAX_MS : MAX_MS / 1000);
    return 0;
}

static gboolean
rate_samples(JsonObject *arguments, const char *mode, guint64 *ret,
             MtRefRefusal *refusal)
{
    gint64 samples = DEFAULT_SAMPLES;

    if (mt_json_peek_int(arguments, "sample-pages", &samples)) {
        if (g_strcmp0(mode, "page-sampling") != 0)
            return mt_ref_refuse(refusal, "sample-pages is used only in "
                                 "page-sampling mode");
        if (samples < MIN_SAMPLES || samples > MAX_SAMPLES)
            return mt_ref_refuse(refusal, "sample-pages is out of range[%d, "
                                 "%d].", MIN_SAMPLES, MAX_SAMPLES);
    }

    *ret = samples;
    return TRUE;
}

gboolean
mt_ref_run_calc_rate(MtRefGuest *g, JsonObject *arguments,
                     JsonNode **ret_result, MtRefRefusal *refusal)
{
    const char *mode = mt_json_peek_string(arguments, "mode");
    g_autoptr(GError) error = NULL;
    guint64 samples = 0;
    guint64 ms;
    gboolean busy;

    if (!mode)
        mode = "page-sampling";
    g_mutex_lock(&g->lock);
    busy = g->rate.state == MT_REF_RATE_MEASURING;
    g_mutex_unlock(&g->lock);
    if (busy)
        return mt_ref_refuse(refusal,
                             "the dirty rate is already being measured.");
    ms = rate_time(g, arguments, refusal);
    if (!ms || !rate_samples(arguments, mode, &samples, refusal))
        return FALSE;
    if (g_strcmp0(mode, "dirty-ring") == 0)
        return mt_ref_refuse(refusal, "mode dirty-ring is not enabled, use "
                             "other method instead.");

    g_clear_pointer(&g->rate.thread, g_thread_join);
    g->rate.owns_log = !mt_ref_guest_is_migrating(g);
    if (g->rate.owns_log)
        mt_dirty_sync(g->dirty);
    g_mutex_lock(&g->lock);
    g->rate.stop = FALSE;
    g->rate.state = MT_REF_RATE_MEASURING;
    g->rate.start_s = g_get_real_time() / G_USEC_PER_SEC;
    g->rate.calc_ms = ms;
    g->rate.sample_pages = samples;
    g_free(g->rate.mode);
    g->rate.mode = g_strdup(mode);
    g_mutex_unlock(&g->lock);
    g->rate.thread = g_thread_try_new("ref-rate", rate_thread, g, &error);
    if (g->rate.thread)
        return TRUE;

    g_mutex_lock(&g->lock);
    g->rate.state = MT_REF_RATE_UNSTARTED;
    g_mutex_unlock(&g->lock);
    return mt_ref_refuse(refusal, "%s", error->message);
}

gboolean
mt_ref_run_query_rate(MtRefGuest *g, JsonObject *arguments,
                      JsonNode **ret_result, MtRefRefusal *refusal)
{
    static const char *const states[] = {
        [MT_REF_RATE_UNSTARTED] = "unstarted",
        [MT_REF_RATE_MEASURING] = "measuring",
        [MT_REF_RATE_MEASURED] = "measured",
    };
    const char *unit = mt_json_peek_string(arguments, "calc-time-unit");
    gboolean in_ms = g_strcmp0(unit, "millisecond") == 0;
    MtRelease release = mt_ref_profile_release(g->profile);
    JsonObject *info = json_object_new();

    g_mutex_lock(&g->lock);
    json_object_set_string_member(info, "status", states[g->rate.state]);
    if (g->rate.state == MT_REF_RATE_MEASURED)
        json_object_set_int_member(info, "dirty-rate", g->rate.mb_per_s);
    json_object_set_int_member(info, "start-time", g->rate.start_s);
    json_object_set_int_member(info, "calc-time", g->rate.calc_ms /
                               (in_ms ? 1 : 1000));
    if (release >= SAMPLES_SINCE)
        json_object_set_int_member(info, "sample-pages",
                                   g->rate.sample_pages);
    if (release >= MODE_SINCE)
        json_object_set_string_member(info, "mode", g->rate.mode ?
                                      g->rate.mode : "page-sampling");
    if (release >= UNIT_SINCE)
        json_object_set_string_member(info, "calc-time-unit",
                                      in_ms ? "millisecond" : "second");
    g_mutex_unlock(&g->lock);

    *ret_result = mt_json_node_new_object(info);
    return TRUE;
}
