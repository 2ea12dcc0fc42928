/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios that repeat published measurements. */
#include "config.h"

#include <string.h>

#include "moves.h"
#include "scenarios.h"
#include "util/clock.h"

/*
 * 2013: pages enter the XBZRLE cache only after the bulk stage.  A guest of
 * 1 GiB runs the load generator of QEMU's XBZRLE document, the cache has
 * 64 MiB.  The link is fast enough for the bulk stage to be short; the downtime
 * is too short for the generator's 16 MiB, and the number of passes is about
 * what the published deltas make of its 4096 pages.  The generator goes once
 * through its buffer in each pass, however busy the machine is.
 */
#define BULK_BANDWIDTH (400 * 1000 * 1000)
#define BULK_DOWNTIME_NS (MT_NS_PER_MS / 10)
#define BULK_MAX_PASSES 30
#define BULK_BUFFER_PAGES 4096

gboolean
scenario_bulk(Bench *bench, GError **error)
{
    static const struct {
        const char *name;
        gboolean in_bulk;
        guint misses, pages; /* as published */
    } rows[] = {
        { "after the bulk stage", FALSE, 18750, 117811 },
        { "in the bulk stage", TRUE, 179589, 21527 },
    };
    g_auto(Image) image = { NULL };

    if (!image_make(&image, bench, MT_CONTENT_MIXED, error))
        return FALSE;

    bench_note("%-22s %8s %9s %8s %8s %8s %8s %6s   published", "", "seconds",
               "MB sent", "normal", "xbzrle", "misses", "overflow", "passes");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = { .load = { .kind = MT_WORKLOAD_RW } };
        MoveResult result;
        const MtEngineStats *s = &result.stats;

        move_settings(&move, NULL, 0, 0);
        move.settings.xbzrle = TRUE;
        move.settings.xbzrle_cache_bytes = 64 << 20;
        move.settings.xbzrle_in_bulk = rows[i].in_bulk;
        move.settings.max_bandwidth = BULK_BANDWIDTH;
        move.settings.downtime_limit_ns = BULK_DOWNTIME_NS;
        move.settings.max_passes = BULK_MAX_PASSES;
        /* Pages of the generator alone, as far from the start as its buffer
         * would be in a guest that has booted. */
        move.steps_per_pass = BULK_BUFFER_PAGES;
        move.load.first_page = MIN(100000, bench->ram_bytes / 8192);
        if (!move_run(bench, &move, &image, &result, error))
            return FALSE;

        bench_note("%-22s %8.2f %9.1f %8" G_GUINT64_FORMAT
                   " %8" G_GUINT64_FORMAT " %8" G_GUINT64_FORMAT
                   " %8" G_GUINT64_FORMAT " %6" G_GUINT64_FORMAT
                   "   misses %u, xbzrle %u",
                   rows[i].name, result.seconds, result.sent / 1e6, s->normal,
                   s->xbzrle_pages, s->xbzrle_cache_miss, s->xbzrle_overflow,
                   s->dirty_sync_count, rows[i].misses, rows[i].pages);
    }
    return TRUE;
}

/* 2020: one byte in each page, per-page threads against multifd. */
static void
threads_fill(MtRam *ram)
{
    for (guint64 p = 0; p < mt_ram_n_pages(ram); p++) {
        guint8 *page = mt_ram_page(ram, p, NULL);

        memset(page, 0, MT_PAGE_SIZE);
        page[0] = 1;
    }
}

gboolean
scenario_threads(Bench *bench, GError **error)
{
    static const struct {
        const char *name;
        const char *codec; /* NULL: per-page threads */
        guint n;
    } rows[] = {
        { "per-page zlib 1, 2 threads", NULL, 2 },
        { "multifd zlib 1 x2", "zlib", 2 },
        { "multifd zstd 1 x2", "zstd", 2 },
    };
    g_auto(Image) image = { NULL };
    g_auto(Series) first = { NULL };

    if (!image_make(&image, bench, MT_CONTENT_ZERO, error))
        return FALSE;
    threads_fill(image.ram);

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Series) more = { NULL };
        Series *seconds = i ? &more : &first;
        Move move = { .load = { .kind = MT_WORKLOAD_IDLE } };

        move_settings(&move, rows[i].codec, rows[i].n, 1);
        if (!rows[i].codec) {
            move.settings.compress = TRUE;
            move.settings.compress_level = 1;
            move.settings.compress_threads = rows[i].n;
            move.settings.decompress_threads = rows[i].n;
            move.settings.compress_wait_thread = TRUE;
        }
        for (guint n = 0; n < bench->repeats; n++) {
            MoveResult result;

            if (!move_run(bench, &move, &image, &result, error))
                return FALSE;
            series_add(seconds, result.seconds);
        }
        bench_print(rows[i].name, seconds, "s");
        if (i)
            bench_print_ratio("  per-page threads to it", &first, seconds);
    }
    return TRUE;
}
