/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios with whole migrations of one image: the engine and a real QEMU, in
 * turn and with the same settings.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "moves.h"
#include "scenarios.h"
#include "util/clock.h"

#define GB 1e9

typedef struct {
    const char *name;
    const char *codec; /* NULL: without multifd */
    guint channels;
    int level;
    gboolean cold; /* the sources have just started */
} Row;

static gboolean
row_wanted(const Bench *bench, const Row *row)
{
    return !bench->row || strstr(row->name, bench->row);
}

/* The figures of one row with one kind of source and destination. */
typedef struct {
    Series speed; /* GB of RAM a second */
    Series sent;  /* MB */
    Series cpu;   /* seconds for each GB of RAM, both ends */
} Figures;

static void
figures_clear(Figures *figures)
{
    series_clear(&figures->speed);
    series_clear(&figures->sent);
    series_clear(&figures->cpu);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Figures, figures_clear)

/* Processor time that a running QEMU has used so far; 0 without a QEMU. */
static double
running_seconds(const Move *move)
{
    return move->source_guest ? qemu_guest_cpu_seconds(move->source_guest) : 0;
}

static gboolean
figures_measure(Figures *figures, const Bench *bench, const Move *move,
                Image *image, GError **error)
{
    BenchLoad before, after;
    double running = running_seconds(move);
    MoveResult result;

    bench_load_take(&before);
    if (!move_run(bench, move, image, &result, error))
        return FALSE;
    bench_load_take(&after);
    bench_load_note(bench_load_foreign(&before, &after,
                                       running_seconds(move) - running));

    series_add(&figures->speed, bench->ram_bytes / GB / result.seconds);
    series_add(&figures->sent, result.sent / 1e6);
    series_add(&figures->cpu, result.cpu_seconds / (bench->ram_bytes / GB));
    return TRUE;
}

/* The last value of a series that was not sorted yet. */
static double
series_last(const Series *series)
{
    return g_array_index(series->values, double, series->values->len - 1);
}

static void
figures_print(const Figures *figures, const char *row, const char *who)
{
    g_autofree char *speed = g_strdup_printf("%s, %s", row, who);
    g_autofree char *sent = g_strdup_printf("%s, %s, sent", row, who);
    g_autofree char *cpu = g_strdup_printf("%s, %s, processor", row, who);

    bench_print(speed, &figures->speed, "GB/s");
    bench_print(sent, &figures->sent, "MB");
    bench_print(cpu, &figures->cpu, "s/GB");
}

/* One line of the summary table. */
static void
migrate_note(GString *table, const char *name, const Figures *ours,
             const Figures *theirs)
{
    double speed = series_median(&theirs->speed);

    g_string_append_printf(table, "  %-34s %8.3f %9.3f %8.2f %8.3f %8.2f\n",
                           name, series_median(&ours->speed), speed,
                           series_median(&ours->speed) / speed,
                           series_median(&ours->sent) /
                               series_median(&theirs->sent),
                           series_median(&ours->cpu) /
                               series_median(&theirs->cpu));
}

static GString *
migrate_table(const char *ours, const char *theirs)
{
    GString *table = g_string_new(NULL);

    g_string_append_printf(table, "\n  %-34s %8s %9s %8s %8s %8s\n",
                           "medians", ours, theirs, "ratio", "bytes",
                           "cpu");
    return table;
}

/* Returns whether the ratios of the pairs, widened by a tenth, contain 1:
 * two runs of one program on a shared machine differ by that much. */
static gboolean
pairs_are_alike(const Series *pairs)
{
    double lowest = G_MAXDOUBLE, highest = 0;

    for (guint i = 0; i < pairs->values->len; i++) {
        double ratio = g_array_index(pairs->values, double, i);

        lowest = MIN(lowest, ratio);
        highest = MAX(highest, ratio);
    }

    return lowest * 0.9 <= 1 && highest * 1.1 >= 1;
}

/*
 * Measures a row in pairs, in turn.  Both sources have their RAM mapped because
 * they have migrated before, or (a cold row) neither has.  Both destinations
 * are new processes with fresh memory.  With --null, the first one of each pair
 * is also a QEMU.
 */
static gboolean
migrate_row(Bench *bench, const Row *row, Image *image, const char *qemu,
            GString *table, GError **error)
{
    g_auto(Figures) ours = { { NULL } };
    g_auto(Figures) theirs = { { NULL } };
    g_auto(Series) pairs = { NULL };
    g_autoptr(QemuGuest) source = NULL;
    g_autoptr(QemuGuest) second = NULL;
    Move move = {
        .load = { .kind = MT_WORKLOAD_IDLE }, .qemu = qemu,
        .separate = TRUE, .cold = row->cold,
    };

    move_settings(&move, row->codec, row->channels, row->level);
    if (qemu && !row->cold) {
        source = move_start_source(bench, &move, image, error);
        if (source && bench->null)
            second = move_start_source(bench, &move, image, error);
        if (!source || (bench->null && !second))
            return FALSE;
    }

    for (guint i = 0; i < bench->repeats; i++) {
        move.qemu_source = move.qemu_dest = bench->null;
        move.source_guest = second;
        if (!figures_measure(&ours, bench, &move, image, error))
            return FALSE;
        if (!qemu)
            continue;
        move.qemu_source = move.qemu_dest = TRUE;
        move.source_guest = source;
        if (!figures_measure(&theirs, bench, &move, image, error))
            return FALSE;
        series_add(&pairs, series_last(&ours.speed) /
                   series_last(&theirs.speed));
    }

    figures_print(&ours, row->name, bench->null ? "second QEMU" : "engine");
    if (qemu) {
        gboolean alike = pairs_are_alike(&pairs);

        figures_print(&theirs, row->name, "QEMU");
        bench_print("  speed, pair by pair", &pairs, "times");
        bench_print_ratio("  bytes sent, to QEMU", &ours.sent, &theirs.sent);
        bench_print_ratio("  processor time, to QEMU", &ours.cpu,
                          &theirs.cpu);
        migrate_note(table, row->name, &ours, &theirs);
        if (bench->null) {
            bench_note("null test: %s", alike ? "1 within the spread" :
                       "NOT 1");
            bench->n_unlike += !alike;
        }
    }
    return TRUE;
}

static const char *
migrate_find_qemu(void)
{
    const char *release = NULL;
    const char *qemu = move_find_qemu(&release);

    if (qemu)
        bench_note("beside QEMU %s", release);
    else
        bench_note("no QEMU to compare with: MIGTUNE_QEMU_10_0 is not set");
    return qemu;
}

static gboolean
migrate_rows(Bench *bench, const Row *rows, guint n, GError **error)
{
    g_auto(Image) image = IMAGE_INIT;
    const char *qemu = migrate_find_qemu();
    g_autoptr(GString) table = migrate_table(bench->null ? "second" :
                                             "engine", "QEMU");

    if (bench->null && !qemu)
        return TRUE;
    if (!image_make(&image, bench, MT_CONTENT_MIXED, error))
        return FALSE;

    for (guint i = 0; i < n; i++) {
        if (row_wanted(bench, &rows[i]) &&
            !migrate_row(bench, &rows[i], &image, qemu, table, error))
            return FALSE;
    }
    if (qemu)
        printf("%s", table->str);
    return TRUE;
}

gboolean
scenario_move(Bench *bench, GError **error)
{
    static const Row rows[] = {
        { "no multifd", NULL, 0, 0 },
        { "multifd none x2", "none", 2, 0 },
        { "multifd zlib 1 x2", "zlib", 2, 1 },
        { "multifd zstd 1 x2", "zstd", 2, 1 },
        { "multifd zstd 3 x2", "zstd", 2, 3 },
        { "no multifd, cold", NULL, 0, 0, TRUE },
        { "multifd none x2, cold", "none", 2, 0, TRUE },
    };

    return migrate_rows(bench, rows, G_N_ELEMENTS(rows), error);
}

gboolean
scenario_channels(Bench *bench, GError **error)
{
    static const Row rows[] = {
        { "multifd none x1", "none", 1, 0 },
        { "multifd none x2", "none", 2, 0 },
        { "multifd none x4", "none", 4, 0 },
        { "multifd zstd 1 x1", "zstd", 1, 1 },
        { "multifd zstd 1 x2", "zstd", 2, 1 },
        { "multifd zstd 1 x4", "zstd", 4, 1 },
    };

    return migrate_rows(bench, rows, G_N_ELEMENTS(rows), error);
}

/* The programs on both sides; other entries are compared with the first one. */
static const struct {
    const char *name;
    gboolean qemu_source;
    gboolean qemu_dest;
} mixed_ends[] = {
    { "QEMU to QEMU", TRUE, TRUE },
    { "QEMU to engine", TRUE, FALSE },
    { "engine to QEMU", FALSE, TRUE },
    { "engine to engine", FALSE, FALSE },
};

#define N_ENDS G_N_ELEMENTS(mixed_ends)

static gboolean
mixed_row(Bench *bench, const Row *row, Move *move, Image *image,
          GString *table, GError **error)
{
    Figures figures[N_ENDS] = { { { NULL } } };
    gboolean ok = TRUE;

    /* Take turns, because the load of the machine may change. */
    for (guint n = 0; ok && n < bench->repeats; n++) {
        for (guint i = 0; ok && i < N_ENDS; i++) {
            move->qemu_source = mixed_ends[i].qemu_source;
            move->qemu_dest = mixed_ends[i].qemu_dest;
            ok = figures_measure(&figures[i], bench, move, image, error);
        }
    }
    for (guint i = 0; i < N_ENDS; i++) {
        g_autofree char *name =
            g_strdup_printf("%s, %s", row->name, mixed_ends[i].name);

        if (ok) {
            figures_print(&figures[i], row->name, mixed_ends[i].name);
            migrate_note(table, name, &figures[i], &figures[0]);
        }
    }
    for (guint i = 0; i < N_ENDS; i++)
        figures_clear(&figures[i]);
    return ok;
}

gboolean
scenario_mixed(Bench *bench, GError **error)
{
    static const Row rows[] = {
        { "no multifd", NULL, 0, 0 },
        { "multifd none x2", "none", 2, 0 },
        { "multifd zlib 1 x2", "zlib", 2, 1 },
        { "multifd zstd 1 x2", "zstd", 2, 1 },
    };
    g_auto(Image) image = IMAGE_INIT;
    const char *release = NULL;
    const char *qemu = move_find_qemu(&release);
    g_autoptr(GString) table = migrate_table("these", "QEMUs");

    if (!qemu) {
        bench_note("no QEMU to compare with: MIGTUNE_QEMU_10_0 is not set");
        return TRUE;
    }
    bench_note("QEMU is %s", release);
    if (!image_make(&image, bench, MT_CONTENT_MIXED, error))
        return FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = { .load = { .kind = MT_WORKLOAD_IDLE }, .qemu = qemu };

        if (!row_wanted(bench, &rows[i]))
            continue;
        move_settings(&move, rows[i].codec, rows[i].channels, rows[i].level);
        if (strcmp(release, "10.0") != 0)
            mt_engine_settings_speak(&move.settings, MT_GENERATION_OLD);
        if (!mixed_row(bench, &rows[i], &move, &image, table, error))
            return FALSE;
    }
    printf("%s", table->str);
    return TRUE;
}

/* Memory of both sides of the engine together.  The RAM of the guest is
 * populated before, so all growth is overhead. */
static gboolean
memory_row(Bench *bench, const Row *row, guint64 cache_bytes, Image *image,
           MtRam *copy, GError **error)
{
    g_auto(Series) growth = { NULL };
    g_autofree char *name = NULL;
    Move move = { .dest_ram = copy };

    move_settings(&move, row->codec, row->channels, row->level);
    move.settings.xbzrle = cache_bytes != 0;
    if (cache_bytes) {
        move.settings.xbzrle_cache_bytes = cache_bytes;
        move.settings.xbzrle_in_bulk = TRUE; /* fills the cache */
    }
    for (guint i = 0; i < bench->repeats; i++) {
        guint64 before;
        MoveResult result;

        move_reset_peak();
        before = move_memory();
        if (!move_run(bench, &move, image, &result, error))
            return FALSE;
        series_add(&growth, (move_peak() - (double)before) / (1 << 20));
    }
    name = g_strdup_printf("%s, both sides", row->name);
    bench_print(name, &growth, "MiB");
    return TRUE;
}

gboolean
scenario_memory(Bench *bench, GError **error)
{
    static const struct {
        Row row;
        guint64 cache_bytes;
    } rows[] = {
        { { "no multifd", NULL, 0, 0 }, 0 },
        { { "multifd none x2", "none", 2, 0 }, 0 },
        { { "multifd zlib 1 x2", "zlib", 2, 1 }, 0 },
        { { "multifd zstd 1 x4", "zstd", 4, 1 }, 0 },
        { { "multifd zstd 3 x16", "zstd", 16, 3 }, 0 },
        { { "xbzrle, cache of 64 MiB", NULL, 0, 0 }, 64 << 20 },
    };
    g_auto(Image) image = IMAGE_INIT;
    g_autoptr(MtRam) copy = NULL;

    if (!image_make(&image, bench, MT_CONTENT_MIXED, error))
        return FALSE;
    copy = mt_ram_new_simple(bench->ram_bytes, error);
    if (!copy)
        return FALSE;
    memset(mt_ram_block(copy, 0)->host, 1, bench->ram_bytes);

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (row_wanted(bench, &rows[i].row) &&
            !memory_row(bench, &rows[i].row, rows[i].cache_bytes, &image, copy,
                        error))
            return FALSE;
    }
    bench_note("allowed: 64 MiB, the cache, and 2 MiB a channel; each side");
    return TRUE;
}
