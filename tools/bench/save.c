/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios of save files: a real QEMU is saved and restored by migtune, and by
 * `zstd` at the end of QEMU's own migration, as libvirt does it with one thread.
 *
 * All files are in memory, so only the processors limit the speed.  Each row has
 * the processor time of the whole machine beside the elapsed time: the machine
 * is full if their ratio is near the number of processors.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "moves.h"
#include "scenarios.h"
#include "migtune/migtune-error.h"

#define GB 1e9
#define MIB 1048576.0

#define SAVE_LEVEL 1
#define SAVE_WAIT_S 600

/* A program that saves or restores. */
typedef struct {
    const char *name;
    guint threads;      /* of migtune, or of zstd; 0: no compression */
    gboolean migtune;
    int level;
} Way;

typedef struct {
    const Bench *bench;
    Image image;
    const char *command;        /* that starts QEMU */
    QemuGuest *source;
    char *monitor;              /* of the source, for migtune */
    char *file;
} Save;

typedef struct {
    Series seconds;
    Series cpu;         /* processor seconds of the machine */
    Series qemu;        /* of QEMU, which uses one thread */
    Series bytes;       /* MiB of the file */
} Costs;

static void
costs_clear(Costs *costs)
{
    series_clear(&costs->seconds);
    series_clear(&costs->cpu);
    series_clear(&costs->qemu);
    series_clear(&costs->bytes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Costs, costs_clear)

static void
save_clear(Save *save)
{
    qemu_guest_free(save->source);
    image_clear(&save->image);
    if (save->file)
        g_unlink(save->file);
    g_free(save->file);
    g_free(save->monitor);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Save, save_clear)

static QemuGuest *
save_start_guest(Save *save, gboolean incoming, char **ret_monitor,
                 GError **error)
{
    g_autofree char *monitor = g_strdup_printf(
        "%s/%s.save", save->bench->dir, incoming ? "dest" : "source");
    g_autofree char *option =
        g_strdup_printf("unix:%s,server=on,wait=off", monitor);
    const char *more[] = { "-qmp", option, "-name", "saved", NULL };
    const QemuGuestSpec spec = {
        .command = save->command,
        .dir = save->bench->dir,
        .ram_bytes = save->bench->ram_bytes,
        .incoming = incoming,
        .private_ram = incoming,
        .ram_file = incoming ? NULL : save->image.path,
        .more_args = more,
    };
    QemuGuest *guest = qemu_guest_start(&spec, error);

    *ret_monitor = guest ? g_steal_pointer(&monitor) : NULL;
    return guest;
}

/* A migration by QEMU itself, through the commands of @uri. */
static gboolean
save_by_qemu(QemuGuest *guest, const char *uri, GError **error)
{
    return qemu_guest_run(guest, error, "migrate-set-parameters",
                          "{'max-bandwidth': 1099511627776}") &&
           qemu_guest_run(guest, error, "migrate", "{'uri': '%s'}", uri) &&
           qemu_guest_wait_migration(guest, SAVE_WAIT_S * 1000, error) &&
           qemu_guest_run(guest, error, "cont", NULL);
}

static gboolean
save_run_migtune(const char *const *words, GError **error)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *run = g_build_filename(build ? build : ".", "run", NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GSubprocess) process = NULL;

    g_ptr_array_add(argv, run);
    g_ptr_array_add(argv, (gpointer)"migtune");
    for (guint i = 0; words[i]; i++)
        g_ptr_array_add(argv, (gpointer)words[i]);
    g_ptr_array_add(argv, NULL);
    process = g_subprocess_newv((const char *const *)argv->pdata,
                                G_SUBPROCESS_FLAGS_STDOUT_SILENCE, error);
    return process && g_subprocess_wait_check(process, NULL, error);
}

static gboolean
save_by_migtune(const char *monitor, const char *command, const char *first,
                const char *second, const Way *way, GError **error)
{
    g_autofree char *uri = g_strdup_printf("qmp://%s", monitor);
    g_autofree char *threads = g_strdup_printf("%u", way->threads);
    g_autofree char *level = g_strdup_printf("%d", way->level);
    gboolean is_save = strcmp(command, "save") == 0;
    const char *words[] = {
        "-q", "-c", uri, command, first, second, "--threads", threads,
        is_save ? "--level" : NULL, level, NULL
    };

    return save_run_migtune(words, error);
}

static gboolean
save_save(Save *save, const Way *way, GError **error)
{
    g_autofree char *uri = NULL;

    g_unlink(save->file);
    if (way->migtune)
        return save_by_migtune(save->monitor, "save", "saved", save->file,
                               way, error) &&
               qemu_guest_run(save->source, error, "cont", NULL);
    uri = g_strdup_printf("exec:zstd -q -%d -T%u > %s", way->level,
                          way->threads, save->file);
    return save_by_qemu(save->source, uri, error);
}

/* Waits until the RAM has arrived. */
static gboolean
save_wait_incoming(QemuGuest *guest, GError **error)
{
    double end = bench_now() + SAVE_WAIT_S;

    while (bench_now() < end) {
        g_autoptr(JsonNode) node = qemu_guest_execute(guest, "query-status",
                                                      NULL, error);
        const char *status;

        if (!node)
            return FALSE;
        status = json_object_get_string_member(json_node_get_object(node),
                                               "status");
        if (strcmp(status, "inmigrate") != 0)
            return TRUE;
        g_usleep(2000);
    }
    g_set_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT,
                "the guest is not restored in time");
    return FALSE;
}

static gboolean
save_restore(Save *save, const Way *way, QemuGuest *guest,
             const char *monitor, GError **error)
{
    g_autofree char *uri = NULL;

    if (way->migtune)
        return save_by_migtune(monitor, "restore", save->file, "saved", way,
                               error);
    uri = g_strdup_printf("exec:zstd -q -dc %s", save->file);
    return qemu_guest_run(guest, error, "migrate-incoming", "{'uri': '%s'}",
                          uri) &&
           save_wait_incoming(guest, error);
}

static void
costs_add(Costs *costs, const BenchLoad *before, const BenchLoad *after,
          double qemu)
{
    series_add(&costs->seconds, after->when - before->when);
    series_add(&costs->cpu, after->busy - before->busy);
    series_add(&costs->qemu, qemu);
}

static gboolean
save_measure(Save *save, const Way *way, Costs *costs, GError **error)
{
    double qemu = qemu_guest_cpu_seconds(save->source);
    BenchLoad before, after;
    struct stat st;

    bench_load_take(&before);
    if (!save_save(save, way, error))
        return FALSE;
    bench_load_take(&after);
    costs_add(costs, &before, &after,
              qemu_guest_cpu_seconds(save->source) - qemu);
    if (stat(save->file, &st) == 0)
        series_add(&costs->bytes, st.st_size / MIB);
    return TRUE;
}

static gboolean
save_measure_restore(Save *save, const Way *way, Costs *costs, GError **error)
{
    g_autofree char *monitor = NULL;
    g_autoptr(QemuGuest) guest = save_start_guest(save, TRUE, &monitor, error);
    double qemu = guest ? qemu_guest_cpu_seconds(guest) : 0;
    BenchLoad before, after;

    if (!guest)
        return FALSE;
    bench_load_take(&before);
    if (!save_restore(save, way, guest, monitor, error))
        return FALSE;
    bench_load_take(&after);
    costs_add(costs, &before, &after, qemu_guest_cpu_seconds(guest) - qemu);
    return TRUE;
}

/* The elapsed time on @cores processors, if the processor time stays the same
 * and the machine is as full as it was: QEMU does its part in one thread. */
static double
costs_on(const Costs *costs, double cores)
{
    double here = g_get_num_processors();
    double seconds = series_median(&costs->seconds);
    double cpu = series_median(&costs->cpu);
    double qemu = series_median(&costs->qemu);

    return MAX(cpu / cores, qemu) * seconds / MAX(cpu / here, qemu);
}

static void
costs_print(const Costs *costs, const char *what, const Way *way,
            const Bench *bench)
{
    double seconds = series_median(&costs->seconds);
    double cpu = series_median(&costs->cpu);
    double cores = g_get_num_processors();
    g_autofree char *name = g_strdup_printf("%s, %s", what, way->name);
    g_autofree char *used = g_strdup_printf("%s, processor", name);

    bench_print(name, &costs->seconds, "s");
    bench_print(used, &costs->cpu, "s");
    if (costs->bytes.values)
        bench_note("  %.1f MiB of file", series_median(&costs->bytes));
    bench_note("  %.2f GB/s; processor time of QEMU %.2f s",
               bench->ram_bytes / GB / seconds,
               series_median(&costs->qemu));
    if (way->migtune && way->threads > 1)
        bench_note("  elapsed / (processor / %.0f cores) = %.2f; the same "
                   "account gives %.2f s on 4 cores, %.2f s on 8", cores,
                   seconds / (cpu / cores), costs_on(costs, 4),
                   costs_on(costs, 8));
}

static gboolean
save_init(Save *save, const Bench *bench, GError **error)
{
    MtGeneration generation;
    const char *release;

    save->bench = bench;
    save->image = (Image)IMAGE_INIT;
    save->command = move_find_qemu(bench, &release, &generation);
    if (!save->command) {
        bench_note("no QEMU: nothing is measured");
        return TRUE;
    }
    save->file = g_strdup_printf("/dev/shm/migtune-bench-%d.mts",
                                 (int)getpid());
    if (!image_make(&save->image, bench, MT_CONTENT_MIXED, error))
        return FALSE;
    save->source = save_start_guest(save, FALSE, &save->monitor, error);
    bench_note("QEMU %s, zstd level %d", release, SAVE_LEVEL);
    /* The first migration maps RAM. */
    return save->source &&
           save_by_qemu(save->source, "exec:cat > /dev/null", error);
}

static void
save_compare(const char *what, const Costs *ours, const Costs *theirs,
             const char *name)
{
    g_autofree char *text = g_strdup_printf("%s: migtune is faster than %s",
                                            what, name);

    bench_print_ratio(text, &theirs->seconds, &ours->seconds);
}

gboolean
scenario_save(Bench *bench, GError **error)
{
    const guint cores = g_get_num_processors();
    const Way ways[] = {
        { "migtune, all processors", cores, TRUE, SAVE_LEVEL },
        { "migtune, 1 thread", 1, TRUE, SAVE_LEVEL },
        { "exec:zstd -T2", 2, FALSE, SAVE_LEVEL },
        { "exec:zstd, 1 thread, level 1", 1, FALSE, SAVE_LEVEL },
        /* libvirt runs zstd with its default level. */
        { "exec:zstd, 1 thread, level 3 (libvirt)", 1, FALSE, 3 },
    };
    g_auto(Save) save = { 0 };
    Costs costs[G_N_ELEMENTS(ways)] = { 0 };
    gboolean ok = save_init(&save, bench, error);

    for (guint n = 0; ok && save.source && n < bench->repeats; n++) {
        for (guint i = 0; ok && i < G_N_ELEMENTS(ways); i++)
            ok = save_measure(&save, &ways[i], &costs[i], error);
    }
    for (guint i = 0; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        costs_print(&costs[i], "save", &ways[i], bench);
    for (guint i = 1; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        save_compare("save", &costs[0], &costs[i], ways[i].name);
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++)
        costs_clear(&costs[i]);
    return ok;
}

gboolean
scenario_restore(Bench *bench, GError **error)
{
    const guint cores = g_get_num_processors();
    const Way ways[] = {
        { "migtune, all processors", cores, TRUE, SAVE_LEVEL },
        { "migtune, 1 thread", 1, TRUE, SAVE_LEVEL },
        { "exec:zstd -dc", 1, FALSE, SAVE_LEVEL },
    };
    g_auto(Save) save = { 0 };
    Costs costs[G_N_ELEMENTS(ways)] = { 0 };
    gboolean ok = save_init(&save, bench, error) &&
        (!save.source || save_save(&save, &ways[0], error));

    for (guint n = 0; ok && save.source && n < bench->repeats; n++) {
        for (guint i = 0; ok && i < G_N_ELEMENTS(ways); i++)
            ok = save_measure_restore(&save, &ways[i], &costs[i], error);
    }
    for (guint i = 0; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        costs_print(&costs[i], "restore", &ways[i], bench);
    for (guint i = 1; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        save_compare("restore", &costs[0], &costs[i], ways[i].name);
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++)
        costs_clear(&costs[i]);
    return ok;
}

/* The speed of a command that reads a file of @bytes. */
static gboolean
save_measure_command(const char *name, const char *const *words,
                     guint64 bytes, guint repeats, GError **error)
{
    Series speed = { NULL };
    gboolean ok = TRUE;

    for (guint n = 0; ok && n < repeats; n++) {
        double start = bench_now();

        ok = save_run_migtune(words, error);
        series_add(&speed, bytes / GB / (bench_now() - start));
    }
    if (ok)
        bench_print(name, &speed, "GB/s");
    series_clear(&speed);
    return ok;
}

gboolean
scenario_inspect(Bench *bench, GError **error)
{
    const Way way = { "migtune", 2, TRUE, SAVE_LEVEL };
    g_auto(Save) save = { 0 };
    g_autofree char *plain = g_strdup_printf("/dev/shm/migtune-bench-%d.mig",
                                             (int)getpid());
    g_autofree char *uri = g_strdup_printf("exec:cat > %s", plain);
    struct stat st;
    gboolean ok = save_init(&save, bench, error);

    if (!ok || !save.source)
        return ok;
    ok = save_by_qemu(save.source, uri, error) && stat(plain, &st) == 0 &&
         save_save(&save, &way, error);
    if (ok) {
        const char *inspect[] = { "-q", "inspect", "--check", plain, NULL };
        const char *packed[] = { "-q", "inspect", "--check", save.file,
                                 NULL };
        const char *verify1[] = { "-q", "image-verify", save.file,
                                  "--threads", "1", NULL };
        const char *verify2[] = { "-q", "image-verify", save.file,
                                  "--threads", "2", NULL };

        ok = save_measure_command("inspect, plain stream", inspect,
                                  st.st_size, bench->repeats, error) &&
             save_measure_command("inspect, save file", packed, st.st_size,
                                  bench->repeats, error) &&
             save_measure_command("image-verify, 1 thread", verify1,
                                  st.st_size, bench->repeats, error) &&
             save_measure_command("image-verify, 2 threads", verify2,
                                  st.st_size, bench->repeats, error);
    }
    g_unlink(plain);
    return ok;
}
