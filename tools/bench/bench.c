/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures the engine.
 *
 *     migtune-bench [--repeats N] [--size MIB] [--row TEXT] [--quick]
 *                   [SCENARIO…]
 *
 * The first lines name the machine and the libraries, and each line has its spread
 * and its number of repetitions.
 */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "moves.h"
#include "util/isa.h"
#include "util/clock.h"

double
bench_now(void)
{
    return mt_clock_now(mt_clock_system()) / (double)MT_NS_PER_S;
}

double
bench_cpu_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

void
series_add(Series *series, double value)
{
    if (!series->values)
        series->values = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_append_val(series->values, value);
}

void
series_drop_last(Series *series)
{
    g_array_set_size(series->values, series->values->len - 1);
}

static gint
series_compare(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
series_at(const GArray *values, guint i)
{
    return g_array_index(values, double, i);
}

/* A sorted copy; the series itself keeps the order of the measurements. */
static GArray *
series_sort(const Series *series)
{
    GArray *values = series->values ? g_array_copy(series->values)
                                    : g_array_new(FALSE, FALSE, sizeof(double));

    g_array_sort(values, series_compare);
    return values;
}

double
series_median(const Series *series)
{
    g_autoptr(GArray) values = series_sort(series);
    guint n = values->len;

    return n ? (series_at(values, n / 2) + series_at(values, (n - 1) / 2)) / 2
             : 0;
}

void
series_clear(Series *series)
{
    g_clear_pointer(&series->values, g_array_unref);
}

void
bench_print(const char *name, const Series *series, const char *unit)
{
    g_autoptr(GArray) values = series_sort(series);
    guint n = values->len;

    if (n == 0)
        printf("  %-44s %10s\n", name, "-");
    else
        printf("  %-44s %10.3f %-8s  %.3f … %.3f  (%u)\n", name,
               series_median(series), unit, series_at(values, 0),
               series_at(values, n - 1), n);
    fflush(stdout);
}

void
bench_print_ratio(const char *name, const Series *series, const Series *base)
{
    double below = series_median(base);

    if (below > 0)
        printf("  %-44s %10.2f times\n", name, series_median(series) / below);
}

/* The worst share of other load during a measurement. */
static double worst_foreign;

static double
bench_own_seconds(int who)
{
    struct rusage usage;

    getrusage(who, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void
bench_load_take(BenchLoad *load)
{
    g_autofree char *stat = NULL;
    g_autofree char *pressure = NULL;
    guint64 user = 0, nice = 0, system = 0, steal = 0;
    const char *total;

    load->when = bench_now();
    if (g_file_get_contents("/proc/stat", &stat, NULL, NULL))
        sscanf(stat, "cpu %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %"
               G_GUINT64_FORMAT " %*u %*u %*u %*u %" G_GUINT64_FORMAT,
               &user, &nice, &system, &steal);
    load->busy = (user + nice + system + steal) /
        (double)sysconf(_SC_CLK_TCK);
    load->own = bench_own_seconds(RUSAGE_SELF) +
        bench_own_seconds(RUSAGE_CHILDREN);
    load->stalled = 0;
    if (g_file_get_contents("/proc/pressure/cpu", &pressure, NULL, NULL) &&
        (total = strstr(pressure, "total=")))
        load->stalled = g_ascii_strtoull(total + 6, NULL, 10) / 1e6;
}

double
bench_load_foreign(const BenchLoad *before, const BenchLoad *after,
                   double running)
{
    double elapsed = after->when - before->when;
    double foreign = after->busy - before->busy -
        (after->own - before->own) - running;

    return elapsed > 0 ?
        MAX(0, foreign) / elapsed / g_get_num_processors() : 0;
}

void
bench_load_note(double foreign)
{
    worst_foreign = MAX(worst_foreign, foreign);
}

/* Measures and prints the load by other programs before the first
 * measurement. */
static void
bench_check_quiet(void)
{
    BenchLoad before, after;
    double foreign;

    bench_load_take(&before);
    g_usleep(G_USEC_PER_SEC);
    bench_load_take(&after);
    foreign = bench_load_foreign(&before, &after, 0);
    bench_load_note(foreign);
    printf("before: other programs use %.1f %% of the processors, pressure "
           "%.1f %%\n", 100 * foreign,
           100 * (after.stalled - before.stalled) /
           (after.when - before.when));
}

/* Prints whether the run is valid; FALSE if other programs used too much
 * processor time during a measurement. */
static gboolean
bench_print_validity(const BenchLoad *start)
{
    BenchLoad end;
    gboolean valid = worst_foreign <= BENCH_MAX_FOREIGN;

    bench_load_take(&end);
    printf("\n%s: other programs used up to %.1f %% of the processors during "
           "a measurement (limit %.0f %%); pressure %.1f %% of the time\n",
           valid ? "VALID" : "NOT VALID", 100 * worst_foreign,
           100 * BENCH_MAX_FOREIGN, 100 * (end.stalled - start->stalled) /
           MAX(end.when - start->when, 1e-9));
    return valid;
}

void
bench_note(const char *format, ...)
{
    va_list args;

    printf("  ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
}

/* The processor's model name from /proc/cpuinfo. */
static char *
bench_processor(void)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
        lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; line && *line; line++) {
        const char *colon = strchr(*line, ':');

        if (colon && g_str_has_prefix(*line, "model name"))
            return g_strstrip(g_strdup(colon + 1));
    }
    return g_strdup("unknown processor");
}

static void
bench_print_machine(const Bench *bench)
{
    g_autofree char *processor = bench_processor();
    struct utsname name;
    double load = 0;

    uname(&name);
    if (getloadavg(&load, 1) < 1)
        load = 0;
    printf("%s, %u processors, %.1f GiB, vectors %s, %s %s, load %.1f\n"
           "guests of %" G_GUINT64_FORMAT " MiB, %u repetitions; median,"
           " smallest … largest (repetitions)\n",
           processor, g_get_num_processors(),
           sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30),
           mt_isa_name(mt_isa_best()), name.sysname, name.release, load,
           bench->ram_bytes >> 20, bench->repeats);
}

static gboolean
bench_wanted(const Scenario *scenario, char **names)
{
    return !names || !*names ||
           g_strv_contains((const char *const *)names, scenario->name);
}

static int
bench_run(Bench *bench, char **names)
{
    int failed = 0;

    for (const Scenario *s = bench_scenarios; s->name; s++) {
        g_autoptr(GError) error = NULL;

        if (!bench_wanted(s, names))
            continue;
        printf("\n%s: %s\n", s->name, s->help);
        fflush(stdout);
        if (!s->run(bench, &error)) {
            fprintf(stderr, "%s: %s\n", s->name, error->message);
            failed = 1;
        }
    }
    return failed;
}

static gboolean
bench_check_names(char **names)
{
    gboolean good = TRUE;

    for (char **name = names; name && *name; name++) {
        const Scenario *s = bench_scenarios;

        while (s->name && strcmp(s->name, *name) != 0)
            s++;
        if (!s->name) {
            fprintf(stderr, "unknown scenario '%s'\n", *name);
            good = FALSE;
        }
    }
    return good;
}

/* Writes the RAM of the guests of save and restore into a file, for guests that
 * another program starts. */
static int
bench_write_image(const Bench *bench, const char *path)
{
    g_auto(Image) image = IMAGE_INIT;
    g_autoptr(GError) error = NULL;

    if (!image_make(&image, bench, MT_CONTENT_MIXED, &error) ||
        !g_file_set_contents_full(
            path, (const char *)mt_ram_block(image.ram, 0)->host,
            bench->ram_bytes, G_FILE_SET_CONTENTS_NONE, 0644, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    return 0;
}

static char *
bench_help(void)
{
    GString *text = g_string_new("Scenarios:\n");

    for (const Scenario *s = bench_scenarios; s->name; s++)
        g_string_append_printf(text, "  %-12s %s\n", s->name, s->help);
    return g_string_free(text, FALSE);
}

int
main(int argc, char **argv)
{
    Bench bench = { .repeats = 5, .ram_bytes = 1 << 30 };
    gint repeats = 0;
    gint size_mib = 0;
    g_auto(GStrv) names = NULL;
    g_autofree char *image = NULL;
    g_autofree char *help = bench_help();
    g_autofree char *template = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("[SCENARIO…]");
    const GOptionEntry options[] = {
        { "repeats", 'n', 0, G_OPTION_ARG_INT, &repeats,
          "measure each figure so often", "N" },
        { "size", 's', 0, G_OPTION_ARG_INT, &size_mib,
          "guests of so many MiB", "MIB" },
        { "row", 'r', 0, G_OPTION_ARG_STRING, &bench.row,
          "of the migrations, only those with TEXT in their name", "TEXT" },
        { "quick", 'q', 0, G_OPTION_ARG_NONE, &bench.quick,
          "once, with small guests, on a machine that may be busy", NULL },
        { "qemu", 0, 0, G_OPTION_ARG_STRING, &bench.release,
          "of the migrations: the release of the QEMU to compare with; default: "
          "the newest one", "RELEASE" },
        { "null", 0, 0, G_OPTION_ARG_NONE, &bench.null,
          "of the migrations: measure a second QEMU in place of the engine; "
          "every ratio must be 1 within its spread", NULL },
        { "image", 0, 0, G_OPTION_ARG_FILENAME, &image,
          "only write the RAM of the guests of save and restore into FILE",
          "FILE" },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &names, NULL,
          NULL },
        { NULL },
    };
    const char *release = NULL;
    MtGeneration generation;
    BenchLoad start;
    gboolean valid;
    int status;

    if (argc == 2 && strcmp(argv[1], MOVE_BE_DEST) == 0)
        return move_be_dest();

    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_set_description(context, help);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    if (!bench_check_names(names))
        return 2;

    if (bench.null && !move_find_qemu(&bench, &release, &generation)) {
        fprintf(stderr, "skipped: --null needs a QEMU; set MIGTUNE_QEMU_10_0 or "
                "the like\n");
        return 77;
    }
    if (bench.quick) {
        bench.repeats = 1;
        bench.ram_bytes = 64 << 20;
    }
    if (repeats > 0)
        bench.repeats = repeats;
    if (size_mib > 0)
        bench.ram_bytes = (guint64)size_mib << 20;
    if (image)
        return bench_write_image(&bench, image);

    template = g_build_filename(g_get_tmp_dir(), "migtune-bench-XXXXXX", NULL);
    bench.dir = g_mkdtemp(template);
    if (!bench.dir) {
        fprintf(stderr, "%s: %s\n", template, g_strerror(errno));
        return 1;
    }

    bench_print_machine(&bench);
    bench_load_take(&start);
    bench_check_quiet();
    status = bench_run(&bench, names);
    valid = bench_print_validity(&start);
    if (bench.n_unlike) {
        fprintf(stderr, "null test: %u rows differ from 1 by more than their "
                "spread\n", bench.n_unlike);
        /* An invalid run says nothing about the benchmark itself. */
        status |= valid;
    }
    if (!valid && !bench.quick && !status)
        status = 3;
    fflush(stdout);
    g_rmdir(bench.dir);
    g_free(bench.row);
    return status;
}
