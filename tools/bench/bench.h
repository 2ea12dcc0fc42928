/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a scenario works with: series of figures that are repeated, and lines
 * of output with their median and spread.
 */

#include <glib.h>

typedef struct {
    guint repeats;
    guint64 ram_bytes; /* of the guests that are migrated */
    gboolean quick;    /* small enough for a smoke test */
    gboolean null;     /* a second QEMU in the engine's place */
    guint n_unlike;    /* rows of the null test whose ratio is not 1 */
    char *row;         /* NULL: all; else what their names contain */
    char *dir;         /* for sockets and what QEMU writes */
} Bench;

typedef struct {
    GArray *values; /* double */
} Series;

void series_add(Series *series, double value);
double series_median(const Series *series);
void series_clear(Series *series);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Series, series_clear)

/* A line: name, median, unit, smallest and largest, how many. */
void bench_print(const char *name, const Series *series, const char *unit);

/* A line of two medians' ratio. */
void bench_print_ratio(const char *name, const Series *series,
                       const Series *base);

/*
 * Processor time that the whole machine has used, and what it waited for a
 * processor (/proc/stat, /proc/pressure/cpu), in seconds.  Interrupts are left
 * out, because they cannot be attributed to a program.
 */
typedef struct {
    double when;
    double busy;
    double own;     /* this process and its children that have ended */
    double stalled;
} BenchLoad;

void bench_load_take(BenchLoad *load);

/* The share of all processors that other programs used since @before, where
 * @running seconds were used by children that still run. */
double bench_load_foreign(const BenchLoad *before, const BenchLoad *after,
                          double running);

/* Above this share no measurement is valid. */
#define BENCH_MAX_FOREIGN 0.05

/* Notes a share of other load during a measurement; the worst one decides
 * whether the run is valid. */
void bench_load_note(double foreign);

void bench_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

typedef struct {
    const char *name;
    const char *help;
    gboolean (*run)(Bench *bench, GError **error);
} Scenario;

/* Ends with an entry without a name. */
extern const Scenario bench_scenarios[];

/* Wall clock time, and processor time of the calling thread, in seconds. */
double bench_now(void);
double bench_cpu_now(void);
