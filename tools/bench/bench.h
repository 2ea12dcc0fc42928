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

void bench_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

typedef struct {
    const char *name;
    const char *help;
    gboolean (*run)(Bench *bench, GError **error);
} Scenario;

/* Ends with an entry without a name. */
extern const Scenario bench_scenarios[];

/* Seconds since some moment, and those that the calling thread has run. */
double bench_now(void);
double bench_cpu_now(void);
