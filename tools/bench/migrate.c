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

/* Measures one migration.  @foreign grows to the share of the processors that
 * other programs used during it. */
static gboolean
figures_measure(Figures *figures, const Bench *bench, const Move *move,
                Image *image, double *foreign, GError **error)
{
    BenchLoad before, after;
    double running = running_seconds(move);
    MoveResult result;

    bench_load_take(&before);
    if (!move_run(bench, move, image, &result, error))
        return FALSE;
    bench_load_take(&after);
    *foreign = MAX(*foreign,
                   bench_load_foreign(&before, &after,
                                      running_seconds(move) - running));

    series_add(&figures->speed, bench->ram_bytes / GB / result.seconds);
    series_add(&figures->sent, result.sent / 1e6);
    series_add(&figures->cpu, result.cpu_seconds / (bench->ram_bytes / GB));
    return TRUE;
}

static void
figures_drop_last(Figures *figures)
{
    series_drop_last(&figures->speed);
    series_drop_last(&figures->sent);
    series_drop_last(&figures->cpu);
}

/* The two programs of a migration, and their figures. */
typedef struct {
    const char *name;
    gboolean qemu_source;
    gboolean qemu_dest;
    QemuGuest *source; /* the running QEMU; NULL: the engine, or start one */
    Figures figures;
} Ends;

static gboolean
ends_measure(Ends *ends, const Bench *bench, Move *move, Image *image,
             double *foreign, GError **error)
{
    move->qemu_source = ends->qemu_source;
    move->qemu_dest = ends->qemu_dest;
    move->source_guest = ends->source;
    return figures_measure(&ends->figures, bench, move, image, foreign, error);
}

/* So many rounds of a row may be measured again. */
#define MAX_AGAIN(bench) (2 * (bench)->repeats)

/*
 * Measures each of the @n ends once in each round.  The first one of a round is
 * the last one of the next round: a migration that follows an idle time receives
 * its memory later from the kernel than one that follows a migration, which frees
 * memory.  A round during which other programs used too much processor time is
 * measured again.
 */
static gboolean
ends_measure_all(Ends *ends, guint n, const Bench *bench, Move *move,
                 Image *image, GError **error)
{
    guint again = 0;

    for (guint round = 0; round < bench->repeats;) {
        double foreign = 0;

        for (guint turn = 0; turn < n; turn++) {
            if (!ends_measure(&ends[(round + turn) % n], bench, move, image,
                              &foreign, error))
                return FALSE;
        }
        if (foreign > BENCH_MAX_FOREIGN && !bench->quick &&
            again < MAX_AGAIN(bench)) {
            for (guint i = 0; i < n; i++)
                figures_drop_last(&ends[i].figures);
            again++;
            continue;
        }
        bench_load_note(foreign);
        round++;
    }
    if (again)
        bench_note("%u rounds were measured again, because other programs used "
                   "more than %.0f %% of the processors", again,
                   100 * BENCH_MAX_FOREIGN);
    return TRUE;
}

static void
ends_clear(Ends *ends, guint n)
{
    for (guint i = 0; i < n; i++) {
        figures_clear(&ends[i].figures);
        g_clear_pointer(&ends[i].source, qemu_guest_free);
    }
}

/* Starts a QEMU source whose RAM is mapped. */
static gboolean
ends_start_source(Ends *ends, const Bench *bench, const Move *move,
                  Image *image, GError **error)
{
    ends->source = move_start_source(bench, move, image, error);
    return ends->source != NULL;
}

/* The ratio of @ours to @theirs in each round; both are not sorted yet. */
static void
pairs_fill(Series *pairs, const Figures *ours, const Figures *theirs)
{
    for (guint i = 0; i < ours->speed.values->len; i++)
        series_add(pairs, g_array_index(ours->speed.values, double, i) /
                   g_array_index(theirs->speed.values, double, i));
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

/* One line of the summary table.  @ratio: the median of the speed of all
 * pairs. */
static void
migrate_note(GString *table, const char *name, const Figures *ours,
             const Figures *theirs, double ratio)
{
    g_string_append_printf(table, "  %-34s %8.3f %9.3f %8.2f %8.3f %8.2f\n",
                           name, series_median(&ours->speed),
                           series_median(&theirs->speed), ratio,
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

/* Prints the figures of @ours and the comparison with @theirs, and adds them to
 * @table. */
static void
migrate_compare(Bench *bench, const char *row, const Ends *ours,
                const Ends *theirs, GString *table)
{
    g_autofree char *name = g_strdup_printf("%s, %s", row, ours->name);
    g_auto(Series) pairs = { NULL };
    gboolean alike;

    pairs_fill(&pairs, &ours->figures, &theirs->figures);
    alike = pairs_are_alike(&pairs);
    figures_print(&ours->figures, row, ours->name);
    figures_print(&theirs->figures, row, theirs->name);
    bench_print("  speed, pair by pair", &pairs, "times");
    bench_print_ratio("  bytes sent, to QEMU", &ours->figures.sent,
                      &theirs->figures.sent);
    bench_print_ratio("  processor time, to QEMU", &ours->figures.cpu,
                      &theirs->figures.cpu);
    migrate_note(table, name, &ours->figures, &theirs->figures,
                 series_median(&pairs));
    if (bench->null) {
        bench_note("null test: %s", alike ? "1 within the spread" : "NOT 1");
        bench->n_unlike += !alike;
    }
}

/*
 * Measures a row in pairs.  Both sources have their RAM mapped because they have
 * migrated before, or (a cold row) neither has.  Both destinations are new
 * processes with fresh memory.  With --null, a second QEMU takes the place of
 * the engine.
 */
static gboolean
migrate_row(Bench *bench, const Row *row, Image *image, const char *qemu,
            GString *table, GError **error)
{
    Ends ends[] = {
        { .name = bench->null ? "second QEMU" : "engine",
          .qemu_source = bench->null, .qemu_dest = bench->null },
        { .name = "QEMU", .qemu_source = TRUE, .qemu_dest = TRUE },
    };
    Move move = {
        .load = { .kind = MT_WORKLOAD_IDLE }, .qemu = qemu,
        .separate = TRUE, .cold = row->cold,
    };
    guint n = qemu ? 2 : 1;
    gboolean ok = TRUE;

    move_settings(&move, row->codec, row->channels, row->level);
    for (guint i = 0; ok && i < n && !row->cold; i++) {
        if (ends[i].qemu_source)
            ok = ends_start_source(&ends[i], bench, &move, image, error);
    }
    ok = ok && ends_measure_all(ends, n, bench, &move, image, error);
    if (ok && qemu)
        migrate_compare(bench, row->name, &ends[0], &ends[1], table);
    else if (ok)
        figures_print(&ends[0].figures, row->name, ends[0].name);
    ends_clear(ends, n);
    return ok;
}

static const char *
migrate_find_qemu(const Bench *bench, MtGeneration *ret_generation)
{
    const char *release = NULL;
    const char *qemu = move_find_qemu(bench, &release, ret_generation);

    if (qemu)
        bench_note("beside QEMU %s", release);
    else
        bench_note("no QEMU to compare with: set MIGTUNE_QEMU_10_0 or the like");
    return qemu;
}

static gboolean
migrate_rows(Bench *bench, const Row *rows, guint n, GError **error)
{
    g_auto(Image) image = IMAGE_INIT;
    MtGeneration generation;
    const char *qemu = migrate_find_qemu(bench, &generation);
    g_autoptr(GString) table = migrate_table(bench->null ? "second" :
                                             "engine", "QEMU");

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

#define N_ENDS 4

/* Compares migrations between the engine and QEMU with those from QEMU to QEMU.
 * With --null, all programs are QEMU. */
static gboolean
mixed_row(Bench *bench, const Row *row, Move *move, Image *image,
          GString *table, GError **error)
{
    gboolean null = bench->null;
    Ends ends[N_ENDS] = {
        { .name = "QEMU to QEMU", .qemu_source = TRUE, .qemu_dest = TRUE },
        { .name = null ? "second QEMU" : "QEMU to engine",
          .qemu_source = TRUE, .qemu_dest = null },
        { .name = null ? "third QEMU" : "engine to QEMU",
          .qemu_source = null, .qemu_dest = TRUE },
        { .name = null ? "fourth QEMU" : "engine to engine",
          .qemu_source = null, .qemu_dest = null },
    };
    gboolean ok = TRUE;

    for (guint i = 0; ok && i < N_ENDS; i++) {
        if (ends[i].qemu_source)
            ok = ends_start_source(&ends[i], bench, move, image, error);
    }
    ok = ok && ends_measure_all(ends, N_ENDS, bench, move, image, error);
    for (guint i = 1; ok && i < N_ENDS; i++)
        migrate_compare(bench, row->name, &ends[i], &ends[0], table);
    ends_clear(ends, N_ENDS);
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
    MtGeneration generation = MT_GENERATION_NEW;
    const char *qemu = migrate_find_qemu(bench, &generation);
    g_autoptr(GString) table = migrate_table("these", "QEMUs");

    if (!qemu)
        return TRUE;
    if (!image_make(&image, bench, MT_CONTENT_MIXED, error))
        return FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = { .load = { .kind = MT_WORKLOAD_IDLE }, .qemu = qemu,
                      .separate = TRUE };

        if (!row_wanted(bench, &rows[i]))
            continue;
        move_settings(&move, rows[i].codec, rows[i].channels, rows[i].level);
        mt_engine_settings_speak(&move.settings, generation);
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
