/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The tools of a scenario: series of repeated measurements, and output lines
 * with their median and spread.
 */

#include <glib.h>

typedef struct {
    guint repeats;
    guint64 ram_bytes; /* of the guests that are migrated */
    gboolean quick;    /* small enough for a smoke test */
    gboolean null;     /* measure a second QEMU instead of the engine */
    guint n_unlike;    /* rows of the null test whose ratio is not 1 */
    char *row;         /* only rows whose names contain this; NULL: all */
    char *release;     /* of QEMU, such as "10.0"; NULL: the newest one */
    char *dir;         /* for sockets and files of QEMU */
} Bench;

typedef struct {
    GArray *values; /* double */
} Series;

void series_add(Series *series, double value);
void series_drop_last(Series *series);
double series_median(const Series *series);
void series_clear(Series *series);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Series, series_clear)

/* Prints a line: name, median, unit, minimum, maximum, number of
 * repetitions. */
void bench_print(const char *name, const Series *series, const char *unit);

/* Prints a line with the ratio of two medians. */
void bench_print_ratio(const char *name, const Series *series,
                       const Series *base);

/*
 * The processor time that the whole machine has used, and the time that
 * processes waited for a processor (/proc/stat, /proc/pressure/cpu), in
 * seconds.  Interrupts are not counted, because they cannot be attributed to a
 * program.
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

/* A measurement with a larger share is not valid. */
#define BENCH_MAX_FOREIGN 0.05

/* Records the share of other programs during a measurement; the largest one
 * decides whether the run is valid. */
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
