/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One migration over loopback TCP.
 *
 * QEMU's two sides are two processes.  The engine's source is this process.
 * Its destination is this process or, for a comparison with QEMU, a child
 * process. All sources have the content of the same file as RAM, and all
 * destinations have fresh memory.  The time is the one that the source reports.
 *
 * A source that has just started maps its RAM during the migration.  A source
 * that has migrated before, and the engine's source, have mapped it already.
 * Only sources of the same kind can be compared.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migtune/migtune-error.h"
#include "moves.h"
#include "util/clock.h"

#define TIMEOUT_NS (300 * MT_NS_PER_S)

gboolean
image_make(Image *image, const Bench *bench, MtContent content, GError **error)
{
    MtRamBlockSpec spec = { .name = "ram", .length = bench->ram_bytes };

    image->fd = memfd_create("migtune-bench", MFD_CLOEXEC);
    if (image->fd < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "no memory for an image: %s", g_strerror(errno));
        return FALSE;
    }
    image->path = g_strdup_printf("/proc/%d/fd/%d", (int)getpid(), image->fd);
    image->ram = mt_ram_new();
    spec.path = image->path;
    if (!mt_ram_add(image->ram, &spec, error))
        return FALSE;

    mt_content_fill_ram(content, 2020, image->ram);
    return TRUE;
}

void
image_clear(Image *image)
{
    g_clear_pointer(&image->ram, mt_ram_free);
    g_clear_pointer(&image->path, g_free);
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
}

void
move_settings(Move *move, const char *codec, guint channels, int level)
{
    MtEngineSettings *s = &move->settings;

    mt_engine_settings_init(s);
    s->max_bandwidth = 0;
    s->return_path = TRUE;
    s->multifd = codec != NULL;
    if (!codec)
        return;

    s->multifd_channels = channels;
    g_strlcpy(s->multifd_compression, codec, sizeof(s->multifd_compression));
    s->zlib_level = level;
    s->zstd_level = level;
}

static const struct {
    const char *release;
    MtGeneration generation;
} move_releases[] = {
    { "11.1", MT_GENERATION_NEW },
    { "10.0", MT_GENERATION_NEW },
    { "7.2", MT_GENERATION_OLD },
    { "5.2", MT_GENERATION_OLD },
};

const char *
move_find_qemu(const Bench *bench, const char **ret_release,
               MtGeneration *ret_generation)
{
    for (guint i = 0; i < G_N_ELEMENTS(move_releases); i++) {
        const char *release = move_releases[i].release;
        const char *command = NULL;

        if (!bench->release || strcmp(bench->release, release) == 0)
            command = qemu_guest_command(release);
        if (command) {
            *ret_release = release;
            *ret_generation = move_releases[i].generation;
            return command;
        }
    }
    return NULL;
}

/* Reads a line such as "VmRSS:   1234 kB" about this process. */
static guint64
move_status(const char *key)
{
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
        return 0;

    line = strstr(text, key);
    return line ? g_ascii_strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

guint64
move_memory(void)
{
    return move_status("VmRSS:");
}

guint64
move_peak(void)
{
    return move_status("VmHWM:");
}

void
move_reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    gssize n;

    if (fd < 0)
        return;
    n = write(fd, "5", 1);
    (void)n;
    close(fd);
}

/* Processor time of this process. */
static double
move_cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A running migration. */
typedef struct {
    const Move *move;
    MtRam *ram; /* RAM of the engine's destination in this process */
    MtDirty *dirty;
    MtThrottle *throttle;
    MtWorkload *load;
    MtWorkload *background;
    gboolean stopped; /* the guest is stopped */
    MtTransport *links[2];
    MtEngine *source, *dest;
    MtRam *cold_ram;            /* of the engine's source, if it is cold */
    QemuGuest *qemu_source;     /* a QEMU that was started for this move */
    QemuGuest *qemu_dest;
    pid_t child;                /* process of the engine's destination; 0:
                                 * none */
    double child_cpu_seconds;   /* of the child, after it has ended */
    char *address;
} Moving;

static void
moving_clear(Moving *m)
{
    mt_engine_free(m->source);
    mt_engine_free(m->dest);
    mt_workload_free(m->load);
    mt_workload_free(m->background);
    mt_throttle_free(m->throttle);
    mt_dirty_free(m->dirty);
    mt_ram_free(m->ram);
    for (guint i = 0; i < 2; i++) {
        if (m->links[i])
            mt_transport_unref(m->links[i]);
    }
    mt_ram_free(m->cold_ram);
    if (m->child) {
        kill(m->child, SIGKILL);
        waitpid(m->child, NULL, 0);
    }
    if (m->qemu_source != m->move->source_guest)
        qemu_guest_free(m->qemu_source);
    qemu_guest_free(m->qemu_dest);
    g_free(m->address);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Moving, moving_clear)

static gboolean
moving_tell_qemu(const Moving *m, QemuGuest *qemu, GError **error)
{
    const MtEngineSettings *s = &m->move->settings;
    const struct {
        const char *name;
        gboolean on;
    } capabilities[] = {
        { "multifd", s->multifd },
        { "xbzrle", s->xbzrle },
        { "compress", s->compress },
        { "return-path", s->return_path },
    };

    for (guint i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (capabilities[i].on &&
            !qemu_guest_set_capability(qemu, capabilities[i].name, TRUE, error))
            return FALSE;
    }
    if (s->multifd &&
        !qemu_guest_run(qemu, error, "migrate-set-parameters",
                        "{'multifd-channels': %u, 'multifd-compression': '%s',"
                        " 'multifd-zlib-level': %d, 'multifd-zstd-level': %d}",
                        s->multifd_channels, s->multifd_compression,
                        s->zlib_level, s->zstd_level))
        return FALSE;
    if (s->compress &&
        !qemu_guest_run(qemu, error, "migrate-set-parameters",
                        "{'compress-level': %d, 'compress-threads': %u,"
                        " 'decompress-threads': %u}",
                        s->compress_level, s->compress_threads,
                        s->decompress_threads))
        return FALSE;
    return qemu_guest_run(qemu, error, "migrate-set-parameters",
                          "{'max-bandwidth': %" G_GUINT64_FORMAT "}",
                          s->max_bandwidth);
}

/* What a destination is told. */
typedef struct {
    guint64 ram_bytes;
    MtEngineSettings settings;
} MoveDest;

int
move_be_dest(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address = NULL;
    MtTransport *link = NULL;
    MtEngine *engine = NULL;
    MoveDest dest;
    MtRam *ram;
    gsize len;

    if (read(STDIN_FILENO, &dest, sizeof(dest)) != sizeof(dest))
        return 1;
    ram = mt_ram_new_simple(dest.ram_bytes, &error);
    if (ram)
        link = mt_transport_new("tcp:127.0.0.1:0", &error);
    if (link)
        engine = mt_engine_new(ram, NULL, NULL);
    if (engine && mt_engine_incoming(engine, &dest.settings, link, &error)) {
        address = mt_transport_dup_address(link);
        len = strlen(address);
        if (write(STDOUT_FILENO, address, len) != (gssize)len)
            return 1;
        /* The parent reads the address to its end. */
        close(STDOUT_FILENO);
        mt_engine_wait(engine, TIMEOUT_NS, &error);
    }
    if (error)
        g_printerr("destination: %s\n", error->message);

    return error ? 1 : 0;
}

/* Runs this program as the destination.  A program that has threads must not go
 * on after fork(): a thread may have held a lock. */
static pid_t
moving_spawn(int input, int output)
{
    char *argv[] = { (char *)"migtune-bench", (char *)MOVE_BE_DEST, NULL };
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    errno = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
    if (errno)
        pid = 0;
    posix_spawn_file_actions_destroy(&actions);

    return pid;
}

static gboolean
moving_start_child(Moving *m, const Bench *bench, GError **error)
{
    const MoveDest dest = { bench->ram_bytes, m->move->settings };
    char address[256];
    gsize have = 0;
    int fds[2] = { -1, -1 };
    int told[2] = { -1, -1 };
    gboolean ok = pipe2(told, O_CLOEXEC) == 0 && pipe2(fds, O_CLOEXEC) == 0 &&
                  write(told[1], &dest, sizeof(dest)) == sizeof(dest) &&
                  (m->child = moving_spawn(told[0], fds[1])) != 0;
    int code = errno;

    close(told[0]);
    close(told[1]);
    close(fds[1]);
    if (!ok) {
        close(fds[0]);
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "cannot start a destination: %s", g_strerror(code));
        return FALSE;
    }
    while (have + 1 < sizeof(address)) {
        gssize n = read(fds[0], address + have, sizeof(address) - 1 - have);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += n;
    }
    close(fds[0]);
    address[have] = '\0';
    m->address = g_strdup(address);
    if (!have)
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "the destination did not listen");
    return have > 0;
}

/* Waits for the child, and stores the processor time that it has used. */
static gboolean
moving_wait_child(Moving *m, GError **error)
{
    struct rusage usage;
    int status = 0;

    while (wait4(m->child, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    m->child = 0;
    m->child_cpu_seconds =
        usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
        (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_IO, "the destination failed");
    return FALSE;
}

static gboolean
moving_start_dest(Moving *m, const Bench *bench, GError **error)
{
    QemuGuestSpec spec = {
        .command = m->move->qemu, .dir = bench->dir,
        .ram_bytes = bench->ram_bytes, .incoming = TRUE, .private_ram = TRUE,
    };
    MtRam *ram = m->move->dest_ram;

    if (m->move->qemu_dest) {
        g_autoptr(GSocketListener) listener = g_socket_listener_new();
        guint port = g_socket_listener_add_any_inet_port(listener, NULL, error);

        m->address = g_strdup_printf("tcp:127.0.0.1:%u", port);
        g_clear_object(&listener);
        m->qemu_dest = qemu_guest_start(&spec, error);
        return m->qemu_dest && moving_tell_qemu(m, m->qemu_dest, error) &&
               qemu_guest_run(m->qemu_dest, error, "migrate-incoming",
                              "{'uri': '%s'}", m->address);
    }

    if (m->move->separate && !ram)
        return moving_start_child(m, bench, error);
    if (!ram) {
        m->ram = ram = mt_ram_new_simple(bench->ram_bytes, error);
        if (!ram)
            return FALSE;
    }
    m->links[0] = mt_transport_new("tcp:127.0.0.1:0", error);
    m->dest = mt_engine_new(ram, NULL, NULL);
    if (!m->links[0] || !mt_engine_incoming(m->dest, &m->move->settings,
                                            m->links[0], error))
        return FALSE;
    m->address = mt_transport_dup_address(m->links[0]);
    return TRUE;
}

static gboolean
moving_by_qemu(Moving *m, const Bench *bench, const Image *image,
               MoveResult *result, GError **error)
{
    QemuGuestSpec spec = {
        .command = m->move->qemu, .dir = bench->dir,
        .ram_bytes = bench->ram_bytes, .ram_file = image->path,
    };

    if (!m->qemu_source)
        m->qemu_source = qemu_guest_start(&spec, error);
    if (!m->qemu_source || !moving_tell_qemu(m, m->qemu_source, error) ||
        !qemu_guest_run(m->qemu_source, error, "migrate", "{'uri': '%s'}",
                        m->address) ||
        !qemu_guest_wait_migration(m->qemu_source, 300000, error))
        return FALSE;

    result->seconds =
        qemu_guest_migration_number(m->qemu_source, "total-time") / 1000.0;
    result->sent =
        qemu_guest_migration_number(m->qemu_source, "ram.transferred");
    return m->qemu_source != m->move->source_guest ||
           qemu_guest_run(m->qemu_source, error, "cont", NULL);
}

static void
moving_stop_writers(gpointer data)
{
    Moving *m = data;

    m->stopped = TRUE;
    mt_workload_stop(m->load);
    mt_workload_stop(m->background);
}

static void
moving_start_writers(gpointer data)
{
    Moving *m = data;

    m->stopped = FALSE;
    if (!m->move->steps_per_pass)
        mt_workload_start(m->load);
    mt_workload_start(m->background);
}

static void
moving_listen(MtEngine *engine, MtEngineEvent event, guint64 value,
              gpointer data)
{
    Moving *m = data;

    if (event == MT_ENGINE_EVENT_PASS && value <= m->move->last_pass &&
        m->move->steps_per_pass && !m->stopped)
        mt_workload_step(m->load, m->move->steps_per_pass);
}

static gboolean
moving_by_engine(Moving *m, Image *image, MoveResult *result, GError **error)
{
    MtEngineGuest guest = { moving_stop_writers, moving_start_writers };

    m->dirty = mt_dirty_new(mt_ram_n_pages(image->ram));
    m->throttle = mt_throttle_new(&mt_throttle_defaults);
    m->load = mt_workload_new(&m->move->load, image->ram, m->dirty, m->throttle,
                              error);
    m->background = mt_workload_new(&m->move->background, image->ram, m->dirty,
                                    m->throttle, error);
    m->links[1] = mt_transport_new(m->address, error);
    if (!m->load || !m->background || !m->links[1])
        return FALSE;

    if (m->move->cold) {
        MtRamBlockSpec spec = {
            .name = "ram", .length = mt_ram_block(image->ram, 0)->used_length,
            .path = image->path,
        };

        m->cold_ram = mt_ram_new();
        if (!mt_ram_add(m->cold_ram, &spec, error))
            return FALSE;
    }
    guest.throttle = m->throttle;
    guest.data = m;
    m->source = mt_engine_new(m->cold_ram ? m->cold_ram : image->ram,
                              m->dirty, &guest);
    mt_engine_set_listener(m->source, moving_listen, m);
    moving_start_writers(m);
    if (!mt_engine_migrate(m->source, &m->move->settings, m->links[1], error) ||
        !mt_engine_wait(m->source, TIMEOUT_NS, error))
        return FALSE;

    mt_engine_get_stats(m->source, &result->stats);
    result->seconds = result->stats.total_ns / (double)MT_NS_PER_S;
    result->sent = result->stats.transferred;
    mt_engine_stats_clear(&result->stats);
    return TRUE;
}

/* The processor time of both sides, in any process. */
static double
moving_cpu_seconds(const Moving *m)
{
    double seconds = 0;

    if (m->qemu_source)
        seconds += qemu_guest_cpu_seconds(m->qemu_source);
    if (m->qemu_dest)
        seconds += qemu_guest_cpu_seconds(m->qemu_dest);
    if (!m->move->qemu_source || !m->move->qemu_dest)
        seconds += move_cpu_seconds();
    return seconds + m->child_cpu_seconds;
}

QemuGuest *
move_start_source(const Bench *bench, const Move *move, Image *image,
                  GError **error)
{
    QemuGuestSpec spec = {
        .command = move->qemu, .dir = bench->dir,
        .ram_bytes = bench->ram_bytes, .ram_file = image->path,
    };
    g_autoptr(QemuGuest) guest = qemu_guest_start(&spec, error);
    Move first = *move;
    MoveResult unmeasured;

    if (!guest)
        return NULL;
    first.source_guest = guest;
    first.qemu_source = first.qemu_dest = TRUE;
    return move_run(bench, &first, image, &unmeasured, error) ?
           g_steal_pointer(&guest) : NULL;
}

MtRam *
move_hold_memory(const Bench *bench, GError **error)
{
    MtRam *ram = mt_ram_new_simple(bench->ram_bytes, error);

    if (ram)
        memset(mt_ram_block(ram, 0)->host, 1, bench->ram_bytes);
    return ram;
}

gboolean
move_run(const Bench *bench, const Move *move, Image *image,
         MoveResult *ret_result, GError **error)
{
    g_auto(Moving) m = {
        .move = move,
        .qemu_source = move->qemu_source ? move->source_guest : NULL,
    };
    g_autoptr(MtRam) held = NULL;
    double cpu_before;
    gboolean ok;

    memset(ret_result, 0, sizeof(*ret_result));
    if (!move->dest_ram && !(held = move_hold_memory(bench, error)))
        return FALSE;
    if (!moving_start_dest(&m, bench, error))
        return FALSE;

    g_clear_pointer(&held, mt_ram_free);
    cpu_before = moving_cpu_seconds(&m);

    ok = move->qemu_source ? moving_by_qemu(&m, bench, image, ret_result, error)
                           : moving_by_engine(&m, image, ret_result, error);
    if (!ok)
        return FALSE;

    if (move->qemu_dest)
        ok = qemu_guest_wait_migration(m.qemu_dest, 60000, error);
    else if (m.child)
        ok = moving_wait_child(&m, error);
    else
        ok = mt_engine_wait(m.dest, TIMEOUT_NS, error);
    ret_result->cpu_seconds = moving_cpu_seconds(&m) - cpu_before;
    return ok;
}
