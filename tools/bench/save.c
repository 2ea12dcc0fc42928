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

#include "command.h"
#include "moves.h"
#include "scenarios.h"
#include "migtune/migtune-error.h"

#define GB 1e9
#define MIB 1048576.0
#define CHUNK_MIB 8     /* migtune's default */

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
    Series peak;        /* MiB of memory that migtune used at most */
} Costs;

static void
costs_clear(Costs *costs)
{
    series_clear(&costs->seconds);
    series_clear(&costs->cpu);
    series_clear(&costs->qemu);
    series_clear(&costs->bytes);
    series_clear(&costs->peak);
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
save_by_migtune(const char *monitor, const char *command, const char *first,
                const char *second, const Way *way, CommandCost *ret_cost,
                GError **error)
{
    g_autofree char *uri = g_strdup_printf("qmp://%s", monitor);
    g_autofree char *threads = g_strdup_printf("%u", way->threads);
    g_autofree char *level = g_strdup_printf("%d", way->level);
    gboolean is_save = strcmp(command, "save") == 0;
    const char *words[] = {
        "-q", "-c", uri, command, first, second, "--threads", threads,
        is_save ? "--level" : NULL, level, NULL
    };

    return command_run_migtune(words, ret_cost, error);
}

/* @ret_cost: only of migtune. */
static gboolean
save_save(Save *save, const Way *way, CommandCost *ret_cost, GError **error)
{
    g_autofree char *uri = NULL;

    g_unlink(save->file);
    if (way->migtune)
        return save_by_migtune(save->monitor, "save", "saved", save->file,
                               way, ret_cost, error) &&
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
             const char *monitor, CommandCost *ret_cost, GError **error)
{
    g_autofree char *uri = NULL;

    if (way->migtune)
        return save_by_migtune(monitor, "restore", save->file, "saved", way,
                               ret_cost, error);
    uri = g_strdup_printf("exec:zstd -q -dc %s", save->file);
    return qemu_guest_run(guest, error, "migrate-incoming", "{'uri': '%s'}",
                          uri) &&
           save_wait_incoming(guest, error);
}

static void
costs_add(Costs *costs, const Way *way, const BenchLoad *before,
          const BenchLoad *after, double qemu, const CommandCost *command)
{
    series_add(&costs->seconds, after->when - before->when);
    series_add(&costs->cpu, after->busy - before->busy);
    series_add(&costs->qemu, qemu);
    if (!way->migtune)
        return;
    series_add(&costs->peak, command->peak_bytes / MIB);
    /* zstd is a child of QEMU, so only migtune's processor time is known. */
    bench_load_note(bench_load_foreign(before, after, qemu));
}

static gboolean
save_measure(Save *save, const Way *way, Costs *costs, GError **error)
{
    double qemu = qemu_guest_cpu_seconds(save->source);
    CommandCost command = { 0 };
    BenchLoad before, after;
    struct stat st;

    bench_load_take(&before);
    if (!save_save(save, way, &command, error))
        return FALSE;
    bench_load_take(&after);
    costs_add(costs, way, &before, &after,
              qemu_guest_cpu_seconds(save->source) - qemu, &command);
    if (stat(save->file, &st) == 0)
        series_add(&costs->bytes, st.st_size / MIB);
    return TRUE;
}

static gboolean
save_measure_restore(Save *save, const Way *way, Costs *costs, GError **error)
{
    g_autofree char *monitor = NULL;
    g_autoptr(MtRam) held = move_hold_memory(save->bench, error);
    g_autoptr(QemuGuest) guest =
        held ? save_start_guest(save, TRUE, &monitor, error) : NULL;
    double qemu = guest ? qemu_guest_cpu_seconds(guest) : 0;
    CommandCost command = { 0 };
    BenchLoad before, after;

    if (!guest)
        return FALSE;
    g_clear_pointer(&held, mt_ram_free);
    bench_load_take(&before);
    if (!save_restore(save, way, guest, monitor, &command, error))
        return FALSE;
    bench_load_take(&after);
    costs_add(costs, way, &before, &after,
              qemu_guest_cpu_seconds(guest) - qemu, &command);
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
    if (way->migtune)
        bench_note("  %.1f MiB of memory at most (limit %u)",
                   series_median(&costs->peak),
                   way->threads * 2 * CHUNK_MIB + 32);
    if (way->migtune && way->threads > 1)
        bench_note("  elapsed / (processor / %.0f cores) = %.2f (limit "
                   "1.15); the same account gives %.2f s on 4 cores, %.2f s "
                   "on 8", cores, seconds / (cpu / cores),
                   costs_on(costs, 4), costs_on(costs, 8));
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
        { "migtune, 4 threads", 4, TRUE, SAVE_LEVEL },
        { "exec:zstd -T2", 2, FALSE, SAVE_LEVEL },
        { "exec:zstd, 1 thread, level 1", 1, FALSE, SAVE_LEVEL },
        /* libvirt runs zstd with its default level. */
        { "exec:zstd, 1 thread, level 3 (libvirt)", 1, FALSE, 3 },
    };
    g_auto(Save) save = { 0 };
    Costs costs[G_N_ELEMENTS(ways)] = { 0 };
    gboolean ok = save_init(&save, bench, error);

    for (guint n = 0; ok && save.source && n < bench->repeats; n++) {
        for (guint i = 0; ok && i < G_N_ELEMENTS(ways); i++) {
            /* Each round begins with another one. */
            guint k = (i + n) % G_N_ELEMENTS(ways);

            ok = save_measure(&save, &ways[k], &costs[k], error);
        }
    }
    for (guint i = 0; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        costs_print(&costs[i], "save", &ways[i], bench);
    for (guint i = 1; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        save_compare("save", &costs[0], &costs[i], ways[i].name);
    for (guint i = 1; ok && save.source && i < G_N_ELEMENTS(ways); i++) {
        if (!ways[i].migtune && ways[i].level == SAVE_LEVEL)
            bench_note("size of the file / size by %s: %.4f (limit 1.02)",
                       ways[i].name, series_median(&costs[0].bytes) /
                       series_median(&costs[i].bytes));
    }
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
        { "migtune, 4 threads", 4, TRUE, SAVE_LEVEL },
        { "exec:zstd -dc", 1, FALSE, SAVE_LEVEL },
    };
    g_auto(Save) save = { 0 };
    Costs costs[G_N_ELEMENTS(ways)] = { 0 };
    CommandCost unused;
    gboolean ok = save_init(&save, bench, error) &&
        (!save.source || save_save(&save, &ways[0], &unused, error));

    for (guint n = 0; ok && save.source && n < bench->repeats; n++) {
        for (guint i = 0; ok && i < G_N_ELEMENTS(ways); i++) {
            guint k = (i + n) % G_N_ELEMENTS(ways);

            ok = save_measure_restore(&save, &ways[k], &costs[k], error);
        }
    }
    for (guint i = 0; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        costs_print(&costs[i], "restore", &ways[i], bench);
    for (guint i = 1; ok && save.source && i < G_N_ELEMENTS(ways); i++)
        save_compare("restore", &costs[0], &costs[i], ways[i].name);
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++)
        costs_clear(&costs[i]);
    return ok;
}

/* The plain stream of the guest as a file, which is removed at the end. */
typedef struct {
    char *path;
    guint64 bytes;
} Plain;

static void
plain_clear(Plain *plain)
{
    if (plain->path)
        g_unlink(plain->path);
    g_free(plain->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plain, plain_clear)

static gboolean
plain_make(Plain *plain, Save *save, GError **error)
{
    g_autofree char *uri = NULL;
    struct stat st;

    plain->path = g_strdup_printf("/dev/shm/migtune-bench-%d.mig",
                                  (int)getpid());
    uri = g_strdup_printf("exec:cat > %s", plain->path);
    if (!save_by_qemu(save->source, uri, error))
        return FALSE;
    if (stat(plain->path, &st) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s does not exist",
                          plain->path);
        return FALSE;
    }
    plain->bytes = st.st_size;
    return TRUE;
}

/* A program that is measured without a guest. */
typedef struct {
    Series seconds;
    Series cpu;
    Series peak;
    double mib;         /* of the file that it wrote; 0: none */
} Job;

static void
job_clear(Job *job)
{
    series_clear(&job->seconds);
    series_clear(&job->cpu);
    series_clear(&job->peak);
}

/* @out: the file that it writes; NULL: none. */
static gboolean
job_run(Job *job, gboolean migtune, const char *const *words,
        const char *out, GError **error)
{
    BenchLoad before, after;
    CommandCost cost;
    struct stat st;

    bench_load_take(&before);
    if (!(migtune ? command_run_migtune(words, &cost, error) :
          command_run(words, &cost, error)))
        return FALSE;
    bench_load_take(&after);
    bench_load_note(bench_load_foreign(&before, &after, 0));
    series_add(&job->seconds, cost.seconds);
    series_add(&job->cpu, cost.cpu_seconds);
    series_add(&job->peak, cost.peak_bytes / MIB);
    if (out && stat(out, &st) == 0)
        job->mib = st.st_size / MIB;
    return TRUE;
}

static void
job_print(const Job *job, const char *name, guint64 bytes, guint limit_mib)
{
    bench_print(name, &job->seconds, "s");
    bench_note("  %.2f GB/s, processor %.2f s, memory %.1f MiB%s",
               bytes / GB / series_median(&job->seconds),
               series_median(&job->cpu), series_median(&job->peak),
               job->mib ? "" : ", no file");
    if (job->mib)
        bench_note("  %.1f MiB of file", job->mib);
    if (limit_mib)
        bench_note("  limit of the memory: %u MiB", limit_mib);
}

gboolean
scenario_inspect(Bench *bench, GError **error)
{
    const Way way = { "migtune", 2, TRUE, SAVE_LEVEL };
    g_auto(Save) save = { 0 };
    g_auto(Plain) plain = { NULL };
    CommandCost unused;

    if (!save_init(&save, bench, error))
        return FALSE;
    if (!save.source)
        return TRUE;
    if (!plain_make(&plain, &save, error) ||
        !save_save(&save, &way, &unused, error))
        return FALSE;
    {
        const struct {
            const char *name;
            const char *path;
        } rows[] = {
            { "inspect, plain stream", plain.path },
            { "inspect, save file", save.file },
        };

        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
            const char *words[] = { "-q", "inspect", "--check", rows[i].path,
                                    NULL };
            Job job = { { NULL } };
            gboolean ok = TRUE;

            for (guint n = 0; ok && n < bench->repeats; n++)
                ok = job_run(&job, TRUE, words, NULL, error);
            if (ok)
                job_print(&job, rows[i].name, plain.bytes, 0);
            job_clear(&job);
            if (!ok)
                return FALSE;
        }
    }
    return TRUE;
}

/* The threads of the rows of scenario_image(). */
static const guint image_threads[] = { 1, 2, 4 };

#define N_IMAGE_THREADS G_N_ELEMENTS(image_threads)

typedef struct {
    Job pack[N_IMAGE_THREADS];      /* stream to save file */
    Job unpack[N_IMAGE_THREADS];    /* the save file is read and checked */
    Job zstd[2];                    /* with 1 and 2 threads */
    Job unzstd;
} ImageJobs;

static gboolean
image_round(ImageJobs *jobs, const Plain *plain, const char *file,
            const char *zst, GError **error)
{
    g_autofree char *level = g_strdup_printf("%d", SAVE_LEVEL);
    g_autofree char *zstd_level = g_strdup_printf("-%d", SAVE_LEVEL);

    for (guint i = 0; i < N_IMAGE_THREADS; i++) {
        g_autofree char *threads = g_strdup_printf("%u", image_threads[i]);
        const char *pack[] = {
            "-q", "image-convert", plain->path, file, "--format", "save",
            "--level", level, "--threads", threads, NULL
        };
        const char *unpack[] = { "-q", "image-verify", file, "--threads",
                                 threads, NULL };

        if (!job_run(&jobs->pack[i], TRUE, pack, file, error) ||
            !job_run(&jobs->unpack[i], TRUE, unpack, NULL, error))
            return FALSE;
    }
    for (guint i = 0; i < 2; i++) {
        const char *pack[] = { "zstd", "-q", "-f", zstd_level,
                               i ? "-T2" : "-T1", plain->path, "-o", zst,
                               NULL };

        if (!job_run(&jobs->zstd[i], FALSE, pack, zst, error))
            return FALSE;
    }
    {
        const char *unpack[] = { "zstd", "-q", "-t", zst, NULL };

        return job_run(&jobs->unzstd, FALSE, unpack, NULL, error);
    }
}

static void
image_print(const ImageJobs *jobs, guint64 bytes)
{
    static const char *const names[] = { "stream to save file",
                                         "save file checked" };

    for (guint what = 0; what < 2; what++) {
        const Job *job = what ? jobs->unpack : jobs->pack;

        for (guint i = 0; i < N_IMAGE_THREADS; i++) {
            g_autofree char *name = g_strdup_printf(
                "%s, %u threads", names[what], image_threads[i]);

            job_print(&job[i], name, bytes,
                      image_threads[i] * 2 * CHUNK_MIB + 32);
        }
        bench_note("%s: 2 threads are %.2f times as fast as 1 (limit 1.9 on "
                   "2 cores), 4 threads %.2f times", names[what],
                   series_median(&job[0].seconds) /
                   series_median(&job[1].seconds),
                   series_median(&job[0].seconds) /
                   series_median(&job[2].seconds));
    }
    job_print(&jobs->zstd[0], "zstd -T1", bytes, 0);
    job_print(&jobs->zstd[1], "zstd -T2", bytes, 0);
    job_print(&jobs->unzstd, "zstd -t", bytes, 0);
    bench_note("processor time, 1 thread / zstd -T1: %.3f (limit 1.10)",
               series_median(&jobs->pack[0].cpu) /
               series_median(&jobs->zstd[0].cpu));
    bench_note("size of the file / zstd -T2: %.4f (limit 1.02)",
               jobs->pack[1].mib / jobs->zstd[1].mib);
}

gboolean
scenario_image(Bench *bench, GError **error)
{
    g_auto(Save) save = { 0 };
    g_auto(Plain) plain = { NULL };
    g_autofree char *zst = g_strdup_printf("/dev/shm/migtune-bench-%d.zst",
                                           (int)getpid());
    ImageJobs jobs = { 0 };
    gboolean ok = save_init(&save, bench, error);

    if (!ok || !save.source)
        return ok;
    ok = plain_make(&plain, &save, error);
    /* Its memory is not needed any more. */
    g_clear_pointer(&save.source, qemu_guest_free);
    for (guint n = 0; ok && n < bench->repeats; n++)
        ok = image_round(&jobs, &plain, save.file, zst, error);
    if (ok)
        image_print(&jobs, plain.bytes);
    g_unlink(zst);
    for (guint i = 0; i < N_IMAGE_THREADS; i++) {
        job_clear(&jobs.pack[i]);
        job_clear(&jobs.unpack[i]);
    }
    job_clear(&jobs.zstd[0]);
    job_clear(&jobs.zstd[1]);
    job_clear(&jobs.unzstd);
    return ok;
}

/* Bytes a second of the disk that the default level is chosen for. */
#define LEVEL_DISK GB

gboolean
scenario_levels(Bench *bench, GError **error)
{
    static const int levels[] = { -20, -10, -5, -3, -1, 1, 2, 3 };
    g_auto(Save) save = { 0 };
    Costs costs[G_N_ELEMENTS(levels)] = { 0 };
    const Way largest = { "level", g_get_num_processors(), TRUE, -20 };
    CommandCost unused;
    double least = G_MAXDOUBLE;
    int best = 0;
    /* Each file takes the memory of the one before it. */
    gboolean ok = save_init(&save, bench, error) &&
        (!save.source || save_save(&save, &largest, &unused, error));

    for (guint n = 0; ok && save.source && n < bench->repeats; n++) {
        for (guint i = 0; ok && i < G_N_ELEMENTS(levels); i++) {
            guint k = (i + n) % G_N_ELEMENTS(levels);
            const Way way = { "level", g_get_num_processors(), TRUE,
                              levels[k] };

            ok = save_measure(&save, &way, &costs[k], error);
        }
    }
    for (guint i = 0; ok && save.source && i < G_N_ELEMENTS(levels); i++) {
        double bytes = series_median(&costs[i].bytes) * MIB;
        double seconds = MAX(series_median(&costs[i].seconds),
                             bytes / LEVEL_DISK);
        g_autofree char *name = g_strdup_printf("save, level %d", levels[i]);

        bench_print(name, &costs[i].seconds, "s");
        /* Writing goes on while the next chunks are compressed. */
        bench_note("  %.1f MiB of file; %.2f s with a disk of 1 GB/s; the "
                   "same account gives %.2f s on 4 cores, %.2f s on 8",
                   bytes / MIB, seconds,
                   MAX(costs_on(&costs[i], 4), bytes / LEVEL_DISK),
                   MAX(costs_on(&costs[i], 8), bytes / LEVEL_DISK));
        if (seconds < least) {
            least = seconds;
            best = levels[i];
        }
    }
    if (ok && save.source)
        bench_note("the least time with a disk of 1 GB/s: level %d, %.2f s",
                   best, least);
    for (guint i = 0; i < G_N_ELEMENTS(levels); i++)
        costs_clear(&costs[i]);
    return ok;
}
