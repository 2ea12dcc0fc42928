/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios that repeat published measurements. */
#include "config.h"

#include <string.h>

#include "lib/qemu-guest.h"
#include "moves.h"
#include "scenarios.h"
#include "util/clock.h"

/*
 * 2013: pages enter the XBZRLE cache only after the bulk stage.  QEMU's commit
 * 5cc11c46 has the figures of one migration with this rule and one without it,
 * both of a guest that ran the load generator of QEMU's XBZRLE document.
 *
 * The size of the guest, the cache, the bandwidth and the downtime are known
 * (the defaults of that QEMU).  docs/internals/measurements.rst derives the
 * other facts from the figures: the share of zero pages; the number of times
 * that the generator wrote its whole buffer after the bulk stage (the xbzrle
 * pages divided by the size of the buffer), which differs between the two
 * migrations and does not depend on the rule; and the other pages that the
 * guest wrote during the bulk stage (the misses with the rule that the
 * generator did not cause).
 *
 * In this scenario the generator stops after that number of passes, as it must
 * have done in the measured guest, so that the migration converges.
 */
#define BULK_BANDWIDTH (32 << 20)
#define BULK_DOWNTIME_NS (30 * MT_NS_PER_MS)
#define BULK_CACHE_BYTES (64 << 20)
#define BULK_BUFFER_PAGES 4096
#define BULK_GUEST_PAGES 264304 /* 1057216 kB; a guest with 1 GiB */
#define BULK_ZERO_PERMILLE 420
#define BULK_BACKGROUND_PER_S 580

typedef struct {
    const char *name;
    gboolean in_bulk;
    guint rounds;
    const char *published;
} BulkRow;

static const BulkRow bulk_rows[] = {
    { "after the bulk stage", FALSE, 29,
      "   22.19   706034   108556   175146   117811     3127    18750        0"
      "       29" },
    { "in the bulk stage", TRUE, 5,
      "   22.41   721318   105553   179589    21527      630   179589        0"
      "       21" },
    { "after it, fewer passes", FALSE, 5, NULL },
    { "in it, more passes", TRUE, 29, NULL },
};

/* Fills the image with as many zero pages and other pages as the guest had,
 * in runs. */
static void
bulk_fill(MtRam *ram)
{
    for (guint64 p = 0; p < mt_ram_n_pages(ram); p++) {
        gboolean zero = (p / 16 * 2654435761u >> 8) % 1000 < BULK_ZERO_PERMILLE;

        mt_content_fill(zero ? MT_CONTENT_ZERO : MT_CONTENT_TEXT, 2013, p,
                        mt_ram_page(ram, p, NULL));
    }
}

static void
bulk_move(Move *move, const BulkRow *row, guint64 n_pages)
{
    MtEngineSettings *s = &move->settings;

    move_settings(move, NULL, 0, 0);
    s->xbzrle = TRUE;
    s->xbzrle_cache_bytes = BULK_CACHE_BYTES;
    s->xbzrle_in_bulk = row->in_bulk;
    s->max_bandwidth = BULK_BANDWIDTH;
    s->downtime_limit_ns = BULK_DOWNTIME_NS;

    move->load.kind = MT_WORKLOAD_RW;
    move->load.first_page = n_pages / 3;
    move->steps_per_pass = BULK_BUFFER_PAGES;
    /* Pages written during the first pass miss the cache in the second one;
     * from the third pass on there are deltas. */
    move->last_pass = row->rounds + 1;
    move->background.kind = MT_WORKLOAD_UNIFORM;
    move->background.pages_per_s = BULK_BACKGROUND_PER_S;
}

static gboolean
bulk_run(const Bench *bench, const BulkRow *row, Image *image, GError **error)
{
    Move move = { .last_pass = 0 };
    MoveResult result;
    const MtEngineStats *s = &result.stats;
    g_autofree char *first =
        g_strdup_printf("%s, %u rounds", row->name, row->rounds);

    bulk_fill(image->ram);
    bulk_move(&move, row, mt_ram_n_pages(image->ram));
    if (!move_run(bench, &move, image, &result, error))
        return FALSE;

    bench_note("%-32s %8.2f %8" G_GUINT64_FORMAT " %8" G_GUINT64_FORMAT
               " %8" G_GUINT64_FORMAT " %8" G_GUINT64_FORMAT
               " %8" G_GUINT64_FORMAT " %8" G_GUINT64_FORMAT
               " %8" G_GUINT64_FORMAT " %8.0f", first, result.seconds,
               result.sent / 1024, s->duplicate, s->normal, s->xbzrle_pages,
               s->xbzrle_bytes / 1024, s->xbzrle_cache_miss,
               s->xbzrle_overflow, s->downtime_ns / (double)MT_NS_PER_MS);
    if (row->published)
        bench_note("%-32s %s", "    published", row->published);
    return TRUE;
}

gboolean
scenario_bulk(Bench *bench, GError **error)
{
    g_auto(Image) image = IMAGE_INIT;
    Bench guest = *bench;

    guest.ram_bytes = bench->ram_bytes / MT_PAGE_SIZE * BULK_GUEST_PAGES /
                      ((1 << 30) / MT_PAGE_SIZE) * MT_PAGE_SIZE;
    if (!image_make(&image, &guest, MT_CONTENT_ZERO, error))
        return FALSE;

    bench_note("%-32s %8s %8s %8s %8s %8s %8s %8s %8s %8s", "pages enter",
               "seconds", "kB sent", "zero", "normal", "xbzrle", "kB of it",
               "misses", "overflow", "down ms");
    for (guint i = 0; i < G_N_ELEMENTS(bulk_rows); i++) {
        if (!bulk_run(&guest, &bulk_rows[i], &image, error))
            return FALSE;
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

/* QEMU 7.2 supports both methods. */
#define THREADS_QEMU "7.2"

typedef struct {
    const char *name;
    const char *codec; /* NULL: per-page threads */
    int level;
} ThreadsRow;

static const ThreadsRow threads_rows[] = {
    { "per-page zlib 1, 2 threads", NULL, 1 },
    { "multifd zlib 1 x2", "zlib", 1 },
    { "multifd zstd 1 x2", "zstd", 1 },
    { "multifd zstd 3 x2", "zstd", 3 },
};

static void
threads_move(Move *move, const ThreadsRow *row)
{
    MtEngineSettings *s = &move->settings;

    move_settings(move, row->codec, 2, row->level);
    s->compress = row->codec == NULL;
    s->compress_level = row->level;
    s->compress_threads = 2;
    s->decompress_threads = 2;
    s->compress_wait_thread = TRUE;
}

/* Runs all rows, with the engine or, if @qemu is not NULL, with that QEMU. */
static gboolean
threads_run(Bench *bench, const char *qemu, Image *image, GError **error)
{
    double first_s = 0, first_cpu = 0;

    for (guint i = 0; i < G_N_ELEMENTS(threads_rows); i++) {
        const ThreadsRow *row = &threads_rows[i];
        g_auto(Series) seconds = { NULL };
        g_auto(Series) cpu = { NULL };
        g_auto(Series) sent = { NULL };
        g_autofree char *bytes = NULL;
        g_autoptr(QemuGuest) source = NULL;
        Move move = { .qemu = qemu, .qemu_source = qemu != NULL,
                      .qemu_dest = qemu != NULL, .separate = TRUE };

        threads_move(&move, row);
        if (qemu && !(source = move_start_source(bench, &move, image, error)))
            return FALSE;
        move.source_guest = source;
        for (guint n = 0; n < bench->repeats; n++) {
            MoveResult result;

            if (!move_run(bench, &move, image, &result, error))
                return FALSE;
            series_add(&seconds, result.seconds);
            series_add(&cpu, result.cpu_seconds);
            series_add(&sent, result.sent);
        }
        first_s = i ? first_s : series_median(&seconds);
        first_cpu = i ? first_cpu : series_median(&cpu);
        /* QEMU does not report the size of its channels' data before
         * compression. */
        bytes = qemu ? g_strdup("-")
                     : g_strdup_printf("%.0f", series_median(&sent) *
                                       MT_MULTIFD_PAGES * MT_PAGE_SIZE /
                                       bench->ram_bytes);
        bench_note("%-28s %-10s %8.2f %8.2f %8.1f %8.1f %9s", row->name,
                   qemu ? "QEMU " THREADS_QEMU : "engine",
                   series_median(&seconds), series_median(&cpu),
                   first_s / series_median(&seconds),
                   first_cpu / series_median(&cpu), bytes);
    }
    return TRUE;
}

gboolean
scenario_threads(Bench *bench, GError **error)
{
    const char *qemu = qemu_guest_command(THREADS_QEMU);
    g_auto(Image) image = IMAGE_INIT;

    if (!image_make(&image, bench, MT_CONTENT_ZERO, error))
        return FALSE;
    threads_fill(image.ram);

    bench_note("%-28s %-10s %8s %8s %8s %8s %9s", "medians", "", "seconds",
               "cpu s", "times", "of cpu", "128 pages");
    if (!threads_run(bench, NULL, &image, error) ||
        (qemu && !threads_run(bench, qemu, &image, error)))
        return FALSE;
    bench_note("times: against the first row.  128 pages: bytes of them, with "
               "%d of packet header", MT_MULTIFD_HEADER_SIZE);
    return TRUE;
}
