/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios of tuning: the command from the start of the process to its output,
 * with a real QEMU and with a directory of many monitors, and plans without a
 * guest.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-server.h"
#include "guest.h"
#include "migtune/migtune.h"
#include "scenarios.h"

#define MS 1e3

/* Number of monitors in the directory; the last one never answers. */
#define TUNING_N_MONITORS 1000

/* Ten settings, as an administrator would request them. */
static const char *const tuning_ten[] = {
    "compression=zstd",         "compression.zstd.level=3",
    "parallel.connections=4",   "bandwidth=1GiB/s",
    "downtime=500",             "auto_converge=on",
    "auto_converge.initial=30", "auto_converge.increment=15",
    "events=on",                "return_path=on",
    NULL,
};

/*
 * Runs the command of this build with @arguments and adds the used time and
 * memory, in milliseconds and mebibytes.
 */
static gboolean
tuning_run(const char *const *arguments, const char *cache, int expected,
           Series *ms, Series *mib, GError **error)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) env = g_get_environ();
    struct rusage usage;
    double start;
    int status;
    GPid pid;

    g_ptr_array_add(argv, g_build_filename(build, "tools", "migtune", NULL));
    for (guint i = 0; arguments[i]; i++)
        g_ptr_array_add(argv, g_strdup(arguments[i]));
    g_ptr_array_add(argv, NULL);
    env = g_environ_setenv(env, "XDG_CACHE_HOME", cache, TRUE);
    env = g_environ_setenv(env, "XDG_STATE_HOME", cache, TRUE);
    {
        g_autofree char *drivers =
            g_build_filename(build, "src", "drivers", "qmp", NULL);

        env = g_environ_setenv(env, "MIGTUNE_DRIVER_PATH", drivers, TRUE);
    }

    start = bench_now();
    if (!g_spawn_async(NULL, (char **)argv->pdata, env,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                       NULL, NULL, &pid, error))
        return FALSE;
    if (wait4(pid, &status, 0, &usage) < 0)
        status = -1;
    series_add(ms, (bench_now() - start) * MS);
    if (mib)
        series_add(mib, usage.ru_maxrss / 1024.0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != expected) {
        migtune_error_set(error, MIGTUNE_ERROR_INTERNAL,
                          "migtune ended with status %d, expected %d",
                          WEXITSTATUS(status), expected);
        return FALSE;
    }

    return TRUE;
}

/* Measures get and set with one QEMU release. */
static gboolean
tuning_release(Bench *bench, const char *release, GError **error)
{
    g_autoptr(Guest) guest = NULL;
    g_autofree char *uri = NULL;
    g_autofree char *cache = g_build_filename(bench->dir, "cache", NULL);
    g_auto(Series) cold = { NULL }, warm = { NULL }, set = { NULL };
    g_auto(Series) mib = { NULL };
    g_autofree char *name = NULL;
    guint n = bench->repeats * 5;

    if (!guest_command(release)) {
        bench_note("QEMU %s: not here", release);
        return TRUE;
    }
    guest = guest_new(release, NULL);
    uri = g_strdup_printf("qmp://%s", guest_monitor(guest, 0));
    name = g_path_get_basename(guest_monitor(guest, 0));
    if (strchr(name, '.'))
        *strchr(name, '.') = '\0';

    for (guint i = 0; i < n; i++) {
        const char *get[] = { "-c", uri, "migrate-getparameters", name, NULL };
        const char *probe[] = { "--no-cache", "-c", uri,
                                "migrate-getparameters", name, NULL };
        /* Two different values, so that each command makes a change. */
        const char *change[] = { "-c", uri, "migrate-setparameters", name,
                                 i % 2 ? "downtime=500" : "downtime=400",
                                 i % 2 ? "events=on" : "events=off", NULL };

        if (!tuning_run(probe, cache, 0, &cold, NULL, error) ||
            (i == 0 && !tuning_run(get, cache, 0, &set, NULL, error)))
            return FALSE;
        if (i == 0)
            series_clear(&set);
        if (!tuning_run(get, cache, 0, &warm, &mib, error) ||
            !tuning_run(change, cache, 0, &set, NULL, error))
            return FALSE;
    }
    bench_note("QEMU %s, from process start to the end of the process:",
               release);
    bench_print("get, nothing cached", &cold, "ms");
    bench_print("get, cached", &warm, "ms");
    bench_print("  at most resident", &mib, "MiB");
    bench_print("set of a capability and a parameter, cached", &set, "ms");

    return TRUE;
}

gboolean
scenario_tuning(Bench *bench, GError **error)
{
    static const char *const releases[] = { "5.2", "7.2", "10.0" };

    for (guint i = 0; i < G_N_ELEMENTS(releases); i++) {
        if (!tuning_release(bench, releases[i], error))
            return FALSE;
    }

    return TRUE;
}

/* Measures plans without a guest, each with a new catalogue of the release. */
gboolean
scenario_planning(Bench *bench, GError **error)
{
    g_auto(Series) ms = { NULL };
    virTypedParameterPtr params = NULL;
    guint n_steps = 0;
    int n = 0;

    if (!migtune_typed_params_parse(tuning_ten, &params, &n, error))
        return FALSE;

    for (guint i = 0; i < bench->repeats * 20; i++) {
        double start = bench_now();
        g_autoptr(MigtunePlan) plan =
            migtune_explain("10.0", params, n, 0, error);
        g_autoptr(JsonNode) json = NULL;

        if (!plan)
            return FALSE;
        series_add(&ms, (bench_now() - start) * MS);
        json = migtune_plan_to_json(plan);
        n_steps = json_array_get_length(json_object_get_array_member(
            json_node_get_object(json), "steps"));
    }
    migtune_typed_params_free(params, n);
    bench_print("planning a set of ten parameters", &ms, "ms");
    bench_note("it is sent in %u changing commands, the last one with the two "
               "that read back", n_steps);

    return TRUE;
}

gboolean
scenario_monitors(Bench *bench, GError **error)
{
    g_autofree char *dir = g_build_filename(bench->dir, "monitors", NULL);
    g_autofree char *uri = g_strdup_printf("qmp://%s/", dir);
    g_autofree char *cache = g_build_filename(bench->dir, "cache", NULL);
    g_autoptr(FakeQmp) model = fake_qmp_new("qemu-7.2");
    g_autoptr(FakeServer) server = fake_server_new();
    g_auto(Series) get = { NULL }, set = { NULL }, mib = { NULL };
    guint n = bench->quick ? 50 : TUNING_N_MONITORS;

    g_mkdir_with_parents(dir, 0700);
    for (guint i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("%s/vm%04u.sock", dir, i);
        g_autofree char *name = g_strdup_printf("vm%04u", i);
        FakeQmp *qmp = fake_qmp_new_like(model);

        fake_qmp_set_identity(qmp, name, NULL);
        fake_server_add_unix(server, qmp, path);
    }
    fake_server_set_trick(server, FAKE_TRICK_SILENT, 0);
    fake_server_start(server);

    /* Exit status 1 is expected: the silent monitor is reported as an error. */
    for (guint i = 0; i < bench->repeats; i++) {
        const char *ask[] = { "-c", uri, "migrate-getparameters", "--all",
                              "downtime", NULL };
        const char *change[] = { "-c", uri, "migrate-setparameters", "--all",
                                 i % 2 ? "downtime=500" : "downtime=400",
                                 "auto_converge=on", NULL };

        if (!tuning_run(ask, cache, 1, &get, &mib, error) ||
            !tuning_run(change, cache, 1, &set, NULL, error))
            return FALSE;
    }
    bench_note("%u monitors in one directory, the last one silent for the "
               "2 s that it is waited for:", n);
    bench_print("get one parameter of all", &get, "ms");
    bench_print("  at most resident", &mib, "MiB");
    bench_print("set two parameters of all", &set, "ms");

    return TRUE;
}
