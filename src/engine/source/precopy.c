/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pre-copy loop of a source.
 *
 * The first pass sends all RAM, each later pass the pages that the guest dirtied
 * during the pass before.  If the remaining pages can be sent within the downtime
 * limit at the measured bandwidth, the guest is stopped and they are sent.
 */
#include "config.h"

#include "engine/source/precopy.h"
#include "engine/engine-private.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

/* The longest duration of a RAM section. */
#define SECTION_NS (50 * MT_NS_PER_MS)

/* Pages sent between checks of clock, rate and failures. */
#define RUN_PAGES 128

/* The shortest window for measuring bandwidth and dirty rate. */
#define WINDOW_NS (100 * MT_NS_PER_MS)
#define WINDOW_FIRST_NS (5 * MT_NS_PER_MS)

/* The poll interval while there are no pages to send, and the interval of empty
 * sections that keep the connection alive. */
#define WAIT_NS (10 * MT_NS_PER_MS)
#define KEEPALIVE_NS (1000 * MT_NS_PER_MS)

typedef struct {
    MtEngine *engine;
    MtSource *source;
    MtReturnPath *path;
    const MtClock *clock;

    guint64 taken;              /* bytes already taken from the rate */

    gint64 window_ns;           /* start of the bandwidth window */
    guint64 window_bytes;
    guint64 window_pages;

    gint64 period_ns;           /* start of the dirty rate window */
    guint64 period_bytes;
    guint64 period_dirtied;

    guint64 dirty_at_sync;      /* bytes */
    gboolean measured;          /* a bandwidth window has ended */

    guint64 pass_pages;         /* sent before this pass */
    guint passes;
} Precopy;

static guint64
precopy_pages_sent(const MtCounters *c)
{
    /* A delta that overflows is counted as xbzrle and as normal page. */
    return mt_counted(c->normal) + mt_counted(c->duplicate) +
           mt_counted(c->xbzrle_pages) - mt_counted(c->xbzrle_overflow) +
           mt_counted(c->compression_pages);
}

static void
precopy_update_bandwidth(Precopy *p)
{
    MtEngine *e = p->engine;
    gint64 now = mt_clock_now(p->clock);
    gint64 dt = now - p->window_ns;
    guint64 bytes = mt_counted(e->counters.transferred) - p->window_bytes;
    guint64 pages = precopy_pages_sent(&e->counters) - p->window_pages;
    guint64 bandwidth;

    g_mutex_lock(&e->lock);
    e->progress.remaining = mt_dirty_count(e->dirty) * MT_PAGE_SIZE;
    if (dt >= WINDOW_NS || (!e->progress.bandwidth && dt >= WINDOW_FIRST_NS)) {
        e->progress.bandwidth = bytes * (double)MT_NS_PER_S / dt;
        e->progress.pages_per_second = pages * (double)MT_NS_PER_S / dt;
        p->measured = p->measured || dt >= WINDOW_NS;
        p->window_ns = now;
        p->window_bytes += bytes;
        p->window_pages += pages;
    }
    bandwidth = e->settings.avail_switchover_bandwidth ?
        e->settings.avail_switchover_bandwidth : e->progress.bandwidth;
    /* From what was dirty at the last sync, as in QEMU, not from what remains
     * now.  Until the dirty rate is known, the expected downtime is the
     * limit. */
    if (bandwidth && e->progress.dirty_pages_rate)
        e->progress.expected_downtime_ns = p->dirty_at_sync *
            (double)MT_NS_PER_S / bandwidth;
    g_mutex_unlock(&e->lock);
}

/* The number of bytes at or below which the guest is stopped. */
static guint64
precopy_threshold(Precopy *p)
{
    MtEngine *e = p->engine;
    gint64 limit = __atomic_load_n(&e->downtime_limit_ns, __ATOMIC_RELAXED);
    gint64 now = mt_clock_now(p->clock);
    guint64 bandwidth;

    g_mutex_lock(&e->lock);
    bandwidth = e->progress.bandwidth;
    g_mutex_unlock(&e->lock);

    if (e->settings.avail_switchover_bandwidth)
        bandwidth = e->settings.avail_switchover_bandwidth;
    else if (!bandwidth && now > p->window_ns)
        bandwidth = (mt_counted(e->counters.transferred) - p->window_bytes) *
                    (double)MT_NS_PER_S / (now - p->window_ns);
    return MIN(bandwidth * ((double)limit / MT_NS_PER_S), G_MAXINT64);
}

/* Takes over what mt_engine_retune() has changed. */
static void
precopy_retune(Precopy *p)
{
    MtEngine *e = p->engine;
    MtEngineSettings *s = &e->settings;
    gboolean retuned;

    g_mutex_lock(&e->lock);
    retuned = e->retuned;
    e->retuned = FALSE;
    if (retuned) {
        s->avail_switchover_bandwidth = e->tuned.avail_switchover_bandwidth;
        s->throttle_initial = e->tuned.throttle_initial;
        s->throttle_increment = e->tuned.throttle_increment;
        s->throttle_max = e->tuned.throttle_max;
        s->throttle_trigger = e->tuned.throttle_trigger;
        s->throttle_tailslow = e->tuned.throttle_tailslow;
        s->compress_wait_thread = e->tuned.compress_wait_thread;
        s->zero_detection = e->tuned.zero_detection;
    }
    g_mutex_unlock(&e->lock);
    if (!retuned)
        return;

    mt_engine_tune_throttle(e);
    mt_source_retune(p->source);
}

static gboolean
precopy_pace(Precopy *p, GError **error)
{
    MtEngine *e = p->engine;
    guint64 pending = 0;
    guint64 now;

    /*
     * Thousands of zero pages fit into the queue, and queued bytes are not
     * counted.  Pages that the channels have not sent are counted with their
     * full size: otherwise all jobs would be filled at once.  If they turn out
     * smaller, the difference is used for the next pages.
     */
    if (mt_rate_get(e->rate) &&
        (!mt_source_flush(p->source, error) ||
         !mt_source_submit(p->source, &pending, error)))
        return FALSE;

    now = MAX(mt_counted(e->counters.transferred) + pending * MT_PAGE_SIZE,
              p->taken);
    if (!mt_rate_take(e->rate, now - p->taken)) {
        if (mt_failure_check(e->failure, error))
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "cancelled");
        return FALSE;
    }

    p->taken = now;
    return mt_failure_check(e->failure, error);
}

/* With a low rate limit, few pages are sent at a time, to avoid long pauses. */
static guint
precopy_run_pages(Precopy *p)
{
    guint64 rate = mt_rate_get(p->engine->rate);
    guint64 pages = rate / (MT_NS_PER_S / SECTION_NS) / MT_PAGE_SIZE;

    return rate ? CLAMP(pages, 1, RUN_PAGES) : RUN_PAGES;
}

/* Sends one section of the pass; *@ret_done: the pass is over. */
static gboolean
precopy_section(Precopy *p, gboolean last, gboolean *ret_done, GError **error)
{
    gint64 end = mt_clock_now(p->clock) + SECTION_NS;
    guint max = last ? RUN_PAGES : precopy_run_pages(p);
    gboolean wrapped = FALSE;
    gboolean wrap;
    guint n = 0;

    if (!mt_source_begin(p->source, last, error))
        return FALSE;

    do {
        if (!mt_source_send_run(p->source, max, &n, error))
            return FALSE;
        /* The last pass has no rate limit: the guest is stopped. */
        if (!last && !precopy_pace(p, error))
            return FALSE;
        /* The pass before the last section may have ended in the middle of
         * RAM: then the part before that place follows the end. */
        wrap = last && !n && !wrapped && mt_dirty_count(p->engine->dirty);
        wrapped = wrapped || wrap;
    } while (wrap || (n && (last || mt_clock_now(p->clock) < end)));

    *ret_done = n == 0;
    if (!mt_source_end(p->source, error))
        return FALSE;

    mt_source_update_counters(p->source);
    precopy_update_bandwidth(p);
    return last || precopy_pace(p, error);
}

static void
precopy_throttle(Precopy *p, guint64 dirtied, guint64 sent)
{
    MtThrottle *throttle = p->engine->guest.throttle;

    if (!throttle || !p->engine->settings.auto_converge)
        return;

    mt_throttle_sync(throttle, dirtied, sent);
    g_mutex_lock(&p->engine->lock);
    p->engine->progress.throttle_percent = mt_throttle_percent(throttle);
    g_mutex_unlock(&p->engine->lock);
}

/* Starts the next pass with the pages dirtied since the last sync. */
static void
precopy_sync(Precopy *p)
{
    MtEngine *e = p->engine;
    guint64 dirtied = mt_dirty_sync(e->dirty);
    gint64 now = mt_clock_now(p->clock);
    guint64 sent = mt_counted(e->counters.transferred);
    MtXbzrleStats stats;
    guint64 syncs;

    if (e->settings.ignore_shared) {
        for (guint i = 0; i < mt_ram_n_blocks(e->ram); i++) {
            const MtRamBlock *block = mt_ram_block(e->ram, i);

            if (block->shared)
                mt_dirty_forget(e->dirty, block->first_page, block->n_pages);
        }
    }

    p->period_dirtied += dirtied;
    if (e->xbzrle) {
        guint64 pages = precopy_pages_sent(&e->counters);

        mt_xbzrle_sync(e->xbzrle);
        mt_xbzrle_period(e->xbzrle, pages - p->pass_pages);
        mt_xbzrle_stats(e->xbzrle, &stats);
        p->pass_pages = pages;
    }

    g_mutex_lock(&e->lock);
    syncs = ++e->progress.syncs;
    p->dirty_at_sync = mt_dirty_count(e->dirty) * MT_PAGE_SIZE;
    e->progress.remaining = p->dirty_at_sync;
    if (e->xbzrle) {
        e->progress.xbzrle_miss_rate = stats.cache_miss_rate;
        e->progress.xbzrle_encoding_rate = stats.encoding_rate;
    }
    if (now - p->period_ns >= WINDOW_NS)
        e->progress.dirty_pages_rate = p->period_dirtied *
            (double)MT_NS_PER_S / (now - p->period_ns);
    g_mutex_unlock(&e->lock);

    if (now - p->period_ns >= WINDOW_NS) {
        precopy_throttle(p, p->period_dirtied * MT_PAGE_SIZE,
                         sent - p->period_bytes);
        p->period_ns = now;
        p->period_bytes = sent;
        p->period_dirtied = 0;
    }
    mt_engine_emit(e, MT_ENGINE_EVENT_PASS, syncs);
}

/* Whether the destination allows the switchover. */
static gboolean
precopy_may_switch(Precopy *p)
{
    return !p->engine->settings.switchover_ack || !p->path ||
           mt_return_path_got_ack(p->path);
}

static gboolean
precopy_keepalive(Precopy *p, GError **error)
{
    return mt_source_begin(p->source, FALSE, error) &&
           mt_source_end(p->source, error);
}

/* Waits: there are no pages to send, but the switchover is not allowed yet. */
static gboolean
precopy_idle(Precopy *p, GError **error)
{
    GError *local = NULL;

    mt_io_poll("source", -1, 0, WAIT_NS / MT_NS_PER_MS,
               mt_failure_get_cancel(p->engine->failure), &local);
    if (!local)
        return TRUE;

    g_propagate_error(error, local);
    return FALSE;
}

static gboolean
precopy_wants_postcopy(Precopy *p)
{
    gboolean wanted;

    g_mutex_lock(&p->engine->lock);
    wanted = p->engine->postcopy_wanted;
    g_mutex_unlock(&p->engine->lock);
    return wanted;
}

/* Ends a pass that left @left bytes.  FALSE: this side must fail now. */
static gboolean
precopy_end_pass(Precopy *p, guint64 left, GError **error)
{
    MtEngine *e = p->engine;

    p->passes++;
    if (p->passes == e->settings.fail_at_pass) {
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "the source failed at the end of pass %u, as "
                          "requested", p->passes);
        return FALSE;
    }
    /* QEMU does not sync again if nothing remains before it has measured the
     * bandwidth.  Here this is done only if the sync would find nothing. */
    if (left || p->measured || !precopy_may_switch(p) ||
        !mt_dirty_log_is_empty(e->dirty))
        precopy_sync(p);
    return TRUE;
}

/* @left pages remain after a section; @done: it reached the end of RAM;
 * @n_idle: the number of sections until now that found no page to send although
 * some remain: those are pages of shared blocks, once all of RAM was visited. */
static gboolean
precopy_pass_is_over(Precopy *p, guint64 left, gboolean done, guint n_idle)
{
    if (!left)
        return done;
    return n_idle > 1 || (p->measured &&
                          left * MT_PAGE_SIZE < precopy_threshold(p));
}

/*
 * Sends passes until the switchover; *@ret_postcopy: post-copy was requested.
 * As in QEMU, a pass ends when the remaining pages fit into the downtime: if
 * they still fit after a sync, the guest is stopped.
 */
static gboolean
precopy_iterate(Precopy *p, gboolean *ret_postcopy, GError **error)
{
    MtEngine *e = p->engine;
    guint n_idle = 0;

    for (;;) {
        guint64 before = mt_dirty_count(e->dirty);
        guint64 left;
        gboolean done;

        precopy_retune(p);
        if (!precopy_section(p, FALSE, &done, error))
            return FALSE;
        *ret_postcopy = precopy_wants_postcopy(p);
        if (*ret_postcopy)
            return TRUE;
        if (done)
            mt_source_bulk_done(p->source);

        left = mt_dirty_count(e->dirty);
        n_idle = done && left == before ? n_idle + 1 : 0;
        if (!precopy_pass_is_over(p, left, done, n_idle))
            continue;
        n_idle = 0;

        if (!precopy_end_pass(p, left, error))
            return FALSE;
        left = mt_dirty_count(e->dirty);
        if (precopy_may_switch(p) &&
            (left * MT_PAGE_SIZE <= precopy_threshold(p) ||
             (e->settings.max_passes && p->passes >= e->settings.max_passes)))
            return TRUE;
        if (!left && !precopy_idle(p, error))
            return FALSE;
    }
}

/* Waits in pre-switchover, with the guest stopped, for mt_engine_continue(). */
static gboolean
precopy_pause(Precopy *p, GError **error)
{
    MtEngine *e = p->engine;
    gint64 alive = mt_clock_now(p->clock);
    gboolean go_on = FALSE;

    mt_engine_set_status(e, MT_STATUS_PRE_SWITCHOVER);
    for (;;) {
        g_mutex_lock(&e->lock);
        go_on = e->go_on;
        e->go_on = FALSE;
        g_mutex_unlock(&e->lock);
        if (go_on)
            return TRUE;

        if (!precopy_idle(p, error))
            return FALSE;
        if (mt_clock_now(p->clock) - alive > KEEPALIVE_NS) {
            if (!precopy_keepalive(p, error))
                return FALSE;
            alive = mt_clock_now(p->clock);
        }
    }
}

gboolean
mt_precopy_run(MtEngine *e, MtSource *source, MtReturnPath *path,
               MtPostcopyPrepare prepare, gpointer data,
               gboolean *ret_postcopy, GError **error)
{
    Precopy p = {
        .engine = e,
        .source = source,
        .path = path,
        .clock = mt_clock_system(),
    };
    gboolean early;
    gboolean done;

    p.window_ns = p.period_ns = mt_clock_now(p.clock);
    p.taken = p.window_bytes = p.period_bytes =
        mt_counted(e->counters.transferred);

    /* The start of the first pass counts as a sync. */
    g_mutex_lock(&e->lock);
    e->progress.syncs = 1;
    e->progress.expected_downtime_ns = e->settings.downtime_limit_ns;
    g_mutex_unlock(&e->lock);
    mt_engine_emit(e, MT_ENGINE_EVENT_PASS, 1);

    if (!precopy_iterate(&p, ret_postcopy, error) ||
        (*ret_postcopy && (!prepare(data, error) ||
                           !mt_source_leave_precopy(source, error))))
        return FALSE;

    early = *ret_postcopy && e->settings.postcopy_status_early;
    if (early && !e->settings.pause_before_switchover)
        mt_engine_set_status(e, MT_STATUS_POSTCOPY_ACTIVE);
    mt_engine_stop_guest(e);
    if (e->settings.pause_before_switchover && !precopy_pause(&p, error))
        return FALSE;
    mt_engine_set_status(e, early ? MT_STATUS_POSTCOPY_ACTIVE :
                         MT_STATUS_DEVICE);
    precopy_sync(&p);

    return mt_source_switch_over(source, error) &&
           (*ret_postcopy || precopy_section(&p, TRUE, &done, error));
}
