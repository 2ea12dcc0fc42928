/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The post-copy loop of a source.
 *
 * The guest runs on the destination.  Requested pages are sent first and ignore
 * the rate limit, here or on their own channel by the thread of preempt-send.c;
 * all others follow in order.  Pages do not become dirty on the
 * source any more, so there is one pass.
 */
#include "config.h"

#include "engine/source/postcopy.h"
#include "engine/engine-private.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

/* Pages sent between checks for requests. */
#define RUN_PAGES 32

/* The duration of a section, and the number of runs a second with a limit. */
#define SECTION_NS (50 * MT_NS_PER_MS)
#define PIECES_PER_S 200

/* The interval of checks for a cancel. */
#define WAIT_NS (10 * MT_NS_PER_MS)

typedef struct {
    MtEngine *engine;
    MtSource *source;
    MtReturnPath *path;
    const MtClock *clock;

    guint64 rate;               /* the limit when it was last read */
    gint64 since_ns;            /* when it was read */
    guint64 pages;              /* sent since then, without requests */
} Postcopy;

/* Sends all requested pages. */
static gboolean
postcopy_answer(Postcopy *p, GError **error)
{
    gboolean any = FALSE;
    guint64 index;

    /* The thread of the channel for them sends them. */
    if (p->engine->settings.postcopy_preempt)
        return TRUE;

    while (mt_return_path_take_request(p->path, &index)) {
        mt_count(p->engine->counters.postcopy_requests, 1);
        if (!mt_source_send_page(p->source, index, error) ||
            !mt_failure_check(p->engine->failure, error))
            return FALSE;
        any = TRUE;
    }

    return !any || mt_source_flush(p->source, error);
}

/* How far the pages that were not requested are ahead of the rate. */
static gint64
postcopy_ahead_ns(Postcopy *p)
{
    guint64 rate = __atomic_load_n(&p->engine->max_postcopy_bandwidth,
                                   __ATOMIC_RELAXED);
    gint64 now = mt_clock_now(p->clock);

    if (rate != p->rate) {
        p->rate = rate;
        p->since_ns = now;
        p->pages = 0;
    }
    return rate ? p->pages * MT_PAGE_SIZE * (double)MT_NS_PER_S / rate -
           (now - p->since_ns) : 0;
}

/* Waits until the rate allows the next page or a page is requested. */
static gboolean
postcopy_pace(Postcopy *p, GError **error)
{
    gint64 ahead = postcopy_ahead_ns(p);

    if (ahead > 0)
        mt_return_path_wait_request(p->path, MIN(ahead, WAIT_NS) / 1000);
    return mt_failure_check(p->engine->failure, error);
}

static void
postcopy_tell(Postcopy *p)
{
    MtEngine *e = p->engine;

    g_mutex_lock(&e->lock);
    e->progress.remaining = mt_dirty_count(e->dirty) * MT_PAGE_SIZE;
    g_mutex_unlock(&e->lock);
}

/* Sends pages in order, as many as the rate allows now. */
static gboolean
postcopy_send_run(Postcopy *p, guint *ret_n, GError **error)
{
    guint max = RUN_PAGES;

    if (postcopy_ahead_ns(p) > 0)
        return TRUE;
    if (p->rate)
        max = CLAMP(p->rate / PIECES_PER_S / MT_PAGE_SIZE, 1, RUN_PAGES);
    if (!mt_source_send_run(p->source, max, ret_n, error))
        return FALSE;

    p->pages += *ret_n;
    return TRUE;
}

/* Sends one section; @last: an empty END section. */
static gboolean
postcopy_section(Postcopy *p, gboolean last, GError **error)
{
    gint64 end = mt_clock_now(p->clock) + SECTION_NS;
    guint n = 1;

    if (!mt_source_begin(p->source, last, error))
        return FALSE;
    while (n && !last && mt_clock_now(p->clock) < end) {
        if (!postcopy_answer(p, error) ||
            !postcopy_send_run(p, &n, error) ||
            !postcopy_pace(p, error))
            return FALSE;
    }
    if (!mt_source_end(p->source, error))
        return FALSE;

    postcopy_tell(p);
    return mt_failure_check(p->engine->failure, error);
}

gboolean
mt_postcopy_switch(MtEngine *e, MtSource *source, GBytes *sections,
                   gboolean *ret_gone, GError **error)
{
    if (!mt_source_discard(source, error) ||
        !mt_failure_check(e->failure, error) ||
        !mt_source_send_package(source, sections, error))
        return FALSE;

    *ret_gone = TRUE;
    if (!mt_source_send_behind(source, error))
        return FALSE;

    mt_engine_enter_postcopy(e);
    return TRUE;
}

gboolean
mt_postcopy_send(MtEngine *e, MtSource *source, MtReturnPath *path,
                 GError **error)
{
    Postcopy p = {
        .engine = e,
        .source = source,
        .path = path,
        .clock = mt_clock_system(),
    };

    p.since_ns = mt_clock_now(p.clock);
    while (mt_dirty_count(e->dirty)) {
        if (!postcopy_section(&p, FALSE, error))
            return FALSE;
    }

    return postcopy_section(&p, TRUE, error) &&
           mt_source_send_eof(source, error);
}

gboolean
mt_postcopy_ask_bitmaps(MtEngine *e, MtSource *source, MtReturnPath *path,
                        GError **error)
{
    guint timeout_ms = e->settings.timeout_ms;

    for (guint i = 0; i < mt_ram_n_blocks(e->ram); i++) {
        const MtRamBlock *block = mt_ram_block(e->ram, i);
        g_autoptr(GBytes) bitmap = NULL;

        if (!mt_source_ask_bitmap(source, block, error))
            return FALSE;
        bitmap = mt_return_path_wait_bitmap(path, block->name,
                                            (block->n_pages + 7) / 8,
                                            timeout_ms, error);
        if (!bitmap)
            return FALSE;
        mt_source_use_bitmap(source, block, bitmap);
    }

    return TRUE;
}

gboolean
mt_postcopy_resume(MtEngine *e, MtSource *source, MtReturnPath *path,
                   GError **error)
{
    return mt_source_send_resume(source, error) &&
           mt_return_path_wait_resumed(path, e->settings.timeout_ms, error);
}
