/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios of migrations between two known guests: many pairs of reference
 * guests in one process, and what migtune adds to one migration between real
 * QEMUs.  pair-runs.c is the process.
 */
#include "config.h"

#include "migtune/migtune-error.h"
#include "moves.h"
#include "scenarios.h"

#define PAIRS_N 200
#define PAIRS_N_QUICK 20
#define PAIRS_N_NUMBERS 3

/* Runs the program with @words and adds the numbers that it prints. */
static gboolean
pairs_run(const Bench *bench, const char *const *words,
          Series *const series[PAIRS_N_NUMBERS], GError **error)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *program =
        g_build_filename(build, "tools", "bench", "migtune-bench-pairs", NULL);
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/ref:%s/src/drivers/qmp", build, build);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) env = g_get_environ();
    g_auto(GStrv) numbers = NULL;
    g_autofree char *output = NULL;
    int status;

    g_ptr_array_add(argv, program);
    for (guint i = 0; words[i]; i++)
        g_ptr_array_add(argv, (gpointer)words[i]);
    g_ptr_array_add(argv, NULL);
    env = g_environ_setenv(env, "MIGTUNE_DRIVER_PATH", drivers, TRUE);
    env = g_environ_setenv(env, "XDG_CACHE_HOME", bench->dir, TRUE);
    env = g_environ_setenv(env, "XDG_STATE_HOME", bench->dir, TRUE);
    if (!g_spawn_sync(NULL, (char **)argv->pdata, env, 0, NULL, NULL, &output,
                      NULL, &status, error))
        return FALSE;

    numbers = g_strsplit(output, " ", -1);
    if (status != 0 || g_strv_length(numbers) != PAIRS_N_NUMBERS) {
        migtune_error_set(error, MIGTUNE_ERROR_INTERNAL,
                          "migtune-bench-pairs printed '%s'", output);
        return FALSE;
    }
    for (guint i = 0; i < PAIRS_N_NUMBERS; i++)
        series_add(series[i], g_ascii_strtod(numbers[i], NULL));

    return TRUE;
}

gboolean
scenario_pairs(Bench *bench, GError **error)
{
    g_auto(Series) seconds = { NULL }, idle = { NULL }, most = { NULL };
    Series *const series[] = { &seconds, &idle, &most };
    guint n = bench->quick ? PAIRS_N_QUICK : PAIRS_N;
    g_autofree char *number = g_strdup_printf("%u", n);
    const char *const words[] = { "many", number, NULL };

    for (guint i = 0; i < bench->repeats; i++) {
        if (!pairs_run(bench, words, series, error))
            return FALSE;
    }
    bench_note("%u pairs of reference guests of 4 MiB in one process, 16 "
               "migrations at a time:", n);
    bench_print("all migrations", &seconds, "s");
    bench_print("  threads while no guest migrates", &idle, "");
    bench_print("  threads at most", &most, "");

    return TRUE;
}

gboolean
scenario_pair(Bench *bench, GError **error)
{
    g_auto(Series) begin = { NULL }, downtime = { NULL }, extra = { NULL };
    g_auto(Series) begin_trust = { NULL }, downtime_trust = { NULL };
    g_auto(Series) cold = { NULL }, ignored = { NULL };
    Series *const first[] = { &cold, &ignored, &ignored };
    Series *const usual[] = { &begin, &downtime, &extra };
    Series *const trusting[] = { &begin_trust, &downtime_trust, &ignored };
    const char *release;
    MtGeneration generation;

    if (!move_find_qemu(bench, &release, &generation)) {
        bench_note("a migration of two QEMUs: there is no QEMU");
        return TRUE;
    }
    {
        const char *const words[] = { "one", release, NULL };
        const char *const trust[] = { "one", release, "trust-link", NULL };

        /* The first run fills the cache on disk, which the others use. */
        if (!pairs_run(bench, words, first, error))
            return FALSE;
        for (guint i = 0; i < bench->repeats; i++) {
            if (!pairs_run(bench, words, usual, error) ||
                !pairs_run(bench, trust, trusting, error))
                return FALSE;
        }
    }
    bench_note("two local QEMUs %s, zstd on 4 channels:", release);
    bench_print("check, tune and start, nothing cached", &cold, "ms");
    bench_print("check, tune and start, cached", &begin, "ms");
    bench_print("  with --trust-link", &begin_trust, "ms");
    bench_print("downtime by QEMU's account", &downtime, "ms");
    bench_print("  more until the destination is told to run", &extra, "ms");
    bench_print("downtime with --trust-link", &downtime_trust, "ms");

    return TRUE;
}
