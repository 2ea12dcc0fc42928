/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine at one end, a real QEMU at the other: both directions, all
 * methods, several releases; RAM must be identical.
 *
 * A case is a method of the table below, a release, a direction, a transport,
 * and whether there is a return path.  A run has one of the four combinations of
 * the last two for each of the others; with -p on the
 * command line all cases can be named. The sending guest is busy: the engine's
 * writers dirty their RAM between passes; the RAM of QEMU is written through
 * its test protocol if the method needs several passes to have an effect.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/memory/workload.h"
#include "lib/qemu-guest.h"
#include "lib/share.h"
#include "lib/tls-files.h"
#include "util/clock.h"

#define RAM_BYTES (16 * 1024 * 1024)
#define BIOS_BYTES (64 * 1024)
#define TIMEOUT_MS 30000

enum {
    V5_2 = 1,
    V7_2 = 2,
    V10_0 = 4,
    V11_1 = 8,
    OLD = V5_2 | V7_2,
    NEW = V10_0 | V11_1,
    ALL = OLD | NEW,
};

static const struct {
    const char *name;
    guint bit;
    MtGeneration generation;
} releases[] = {
    { "5.2", V5_2, MT_GENERATION_OLD },
    { "7.2", V7_2, MT_GENERATION_OLD },
    { "10.0", V10_0, MT_GENERATION_NEW },
    { "11.1", V11_1, MT_GENERATION_NEW },
};

typedef struct {
    const char *name;
    guint releases;
    const char *multifd; /* the codec of the channels, or NULL: no channels */
    guint channels;
    const char *zero; /* zero-page-detection, if QEMU has it */
    gboolean xbzrle;
    gboolean compress;
    gboolean mapped; /* through a file, once, without a return path */
    gboolean no_wait; /* compress: without a free thread a page is sent plain */
    const char *global; /* a property of QEMU's migration object */
    gboolean busy;   /* from QEMU only: its RAM is written in several passes */
    const char *tls; /* the kind of credentials: "psk" or "x509" */
} Method;

static const Method methods[] = {
    { "plain", ALL },
    { "plain-busy", ALL, .busy = TRUE },
    { "plain-zero-none", NEW, .zero = "none" },
    { "xbzrle", ALL, .xbzrle = TRUE },
    { "compress", OLD, .compress = TRUE },
    { "compress-no-wait", OLD, .compress = TRUE, .no_wait = TRUE },
    { "compress-xbzrle", OLD, .compress = TRUE, .xbzrle = TRUE },
    { "multifd-none-1", ALL, "none", 1 },
    { "multifd-none-2", ALL, "none", 2 },
    { "multifd-none-4", ALL, "none", 4 },
    { "multifd-zlib-1", ALL, "zlib", 1 },
    { "multifd-zlib-2", ALL, "zlib", 2 },
    { "multifd-zlib-4", ALL, "zlib", 4 },
    { "multifd-zstd-1", ALL, "zstd", 1 },
    { "multifd-zstd-2", ALL, "zstd", 2 },
    { "multifd-zstd-4", ALL, "zstd", 4 },
    { "multifd-zlib-busy", ALL, "zlib", 2, .busy = TRUE },
    { "multifd-zero-legacy", NEW, "none", 2, .zero = "legacy" },
    { "multifd-zero-none", NEW, "zstd", 2, .zero = "none" },
    { "multifd-sync-each-section", NEW, "none", 2,
      .global = "migration.multifd-flush-after-each-section=on" },
    { "tls-psk", ALL, .tls = "psk" },
    { "tls-x509", ALL, .tls = "x509" },
    { "tls-psk-multifd", V7_2 | NEW, "zlib", 2, .tls = "psk" },
    { "tls-x509-multifd", V7_2 | NEW, "none", 2, .tls = "x509" },
    { "mapped", NEW, .mapped = TRUE },
    { "mapped-multifd", NEW, "none", 2, .mapped = TRUE },
};

static const char *const transports[] = { "tcp", "unix" };

typedef struct {
    const Method *method;
    guint release;
    guint transport;
    gboolean return_path;
    gboolean to_qemu;
} Case;

/* The resources of one run, which are always freed. */
typedef struct {
    const Case *c;
    char *dir;
    char *address; /* the settings of both sides */
    QemuGuest *qemu;
    MtRam *ram;
    MtDirty *dirty;
    MtWorkload *load;
    MtThrottle *throttle;
    gboolean stopped; /* the guest, for the listener */
    MtTransport *link;
    TlsFiles *tls;
    MtEngine *engine;
    MtEngineSettings settings;
} Run;

static void
run_clear(Run *run)
{
    mt_engine_free(run->engine);
    mt_workload_free(run->load);
    mt_throttle_free(run->throttle);
    mt_dirty_free(run->dirty);
    mt_ram_free(run->ram);
    if (run->link)
        mt_transport_unref(run->link);
    qemu_guest_free(run->qemu);
    tls_files_free(run->tls);
    if (run->dir) {
        g_autofree char *file = g_build_filename(run->dir, "stream", NULL);
        g_autofree char *saved = g_build_filename(run->dir, "saved", NULL);

        g_unlink(file);
        g_unlink(saved);
        g_rmdir(run->dir);
    }
    g_free(run->dir);
    g_free(run->address);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static void
run_settings(Run *run)
{
    const Method *m = run->c->method;
    MtEngineSettings *s = &run->settings;

    mt_engine_settings_init(s);
    mt_engine_settings_speak(s, releases[run->c->release].generation);
    s->multifd = m->multifd != NULL;
    if (m->multifd) {
        s->multifd_channels = m->channels;
        g_strlcpy(s->multifd_compression, m->multifd,
                  sizeof(s->multifd_compression));
    }
    s->xbzrle = m->xbzrle;
    s->compress = m->compress;
    s->compress_wait_thread = !m->no_wait;
    s->wire.sync_each_section |= m->global != NULL;
    s->compress_threads = 2;
    s->decompress_threads = 2;
    s->mapped_ram = m->mapped;
    s->return_path = run->c->return_path;
    if (g_strcmp0(m->zero, "none") == 0)
        s->zero_detection = MT_ZERO_NONE;
    if (g_strcmp0(m->zero, "legacy") == 0)
        s->zero_detection = MT_ZERO_LEGACY;
    s->timeout_ms = TIMEOUT_MS;
}

/* Gives QEMU its credentials. */
static void
run_tell_tls(Run *run, GError **error)
{
    const Method *m = run->c->method;
    g_autofree char *dir = NULL;

    if (!m->tls)
        return;

    run->tls = tls_files_new();
    dir = tls_files_dir(run->tls, "good");
    qemu_guest_run(run->qemu, error, "object-add",
                   "{'qom-type': 'tls-creds-%s', 'id': 'tls0', 'dir': '%s', "
                   "'endpoint': '%s'}", m->tls, dir,
                   run->c->to_qemu ? "server" : "client");
    if (*error)
        return;
    qemu_guest_run(run->qemu, error, "migrate-set-parameters",
                   "{'tls-creds': 'tls0', 'tls-hostname': 'localhost'}");
}

/* Opens the address of the engine's side. */
static void
run_open_link(Run *run)
{
    const Method *m = run->c->method;
    MtTlsCredsSpec spec = {
        .kind = g_strcmp0(m->tls, "psk") == 0 ? MT_TLS_PSK : MT_TLS_X509,
        .server = !run->c->to_qemu,
        .verify_peer = TRUE,
    };
    g_autoptr(MtTlsCreds) creds = NULL;
    g_autoptr(MtTls) tls = NULL;
    g_autofree char *dir = NULL;
    g_autoptr(GError) error = NULL;

    run->link = mt_transport_new(run->address, &error);
    g_assert_no_error(error);
    if (!m->tls)
        return;

    dir = tls_files_dir(run->tls, "good");
    spec.dir = dir;
    creds = mt_tls_creds_new(&spec, &error);
    g_assert_no_error(error);
    tls = mt_tls_new(creds, "localhost",
                     releases[run->c->release].generation ==
                     MT_GENERATION_NEW);
    mt_transport_set_tls(run->link, tls, TIMEOUT_MS);
}

/* Gives the same settings to the QEMU of @run. Returns FALSE with a skipped
 * test if its build does not have the method. */
static gboolean
run_tell_qemu(Run *run)
{
    const Method *m = run->c->method;
    const struct {
        const char *name;
        gboolean on;
    } capabilities[] = {
        { "multifd", m->multifd != NULL },
        { "xbzrle", m->xbzrle },
        { "compress", m->compress },
        { "mapped-ram", m->mapped },
        { "return-path", run->c->return_path },
        { "events", TRUE },
    };
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (capabilities[i].on)
            qemu_guest_set_capability(run->qemu, capabilities[i].name, TRUE,
                                      &error);
        g_assert_no_error(error);
    }

    if (m->multifd) {
        if (!qemu_guest_run(run->qemu, &error, "migrate-set-parameters",
                            "{'multifd-channels': %u,"
                            " 'multifd-compression': '%s'}",
                            m->channels, m->multifd)) {
            g_test_skip(error->message);
            return FALSE;
        }
    }
    if (m->compress)
        qemu_guest_run(run->qemu, &error, "migrate-set-parameters",
                       "{'compress-threads': 2, 'decompress-threads': 2,"
                       " 'compress-wait-thread': %s}",
                       m->no_wait ? "false" : "true");
    g_assert_no_error(error);
    run_tell_tls(run, &error);
    g_assert_no_error(error);
    if (m->zero)
        qemu_guest_run(run->qemu, &error, "migrate-set-parameters",
                       "{'zero-page-detection': '%s'}", m->zero);
    g_assert_no_error(error);
    return TRUE;
}

/* Only the RAM of a machine with a processor, which is stopped, can be
 * written while it migrates, which xbzrle and further passes require. */
static gboolean
run_has_pc(const Run *run)
{
    return (run->c->method->xbzrle || run->c->method->busy) &&
           !run->c->to_qemu;
}

static gboolean
run_start_qemu(Run *run)
{
    g_autofree char *bios = g_build_filename(run->dir, "bios", NULL);
    g_autofree char *bios_bytes = g_malloc0(BIOS_BYTES);
    const char *global_args[] = { "-global", run->c->method->global, NULL };
    const char *pc_args[] = { "-m", "16M", "-vga", "none", "-bios", bios,
                              NULL };
    g_autoptr(GError) error = NULL;
    QemuGuestSpec spec = {
        .command = qemu_guest_command(releases[run->c->release].name),
        .dir = run->dir,
        .ram_bytes = RAM_BYTES,
        .incoming = run->c->to_qemu,
    };

    if (run->c->method->global)
        spec.more_args = global_args;
    if (run_has_pc(run)) {
        g_file_set_contents(bios, bios_bytes, BIOS_BYTES, &error);
        g_assert_no_error(error);
        spec.machine = "pc";
        spec.more_args = pc_args;
    }
    run->qemu = qemu_guest_start(&spec, &error);
    g_assert_no_error(error);
    g_unlink(bios);
    return run_tell_qemu(run);
}

/* Adds QEMU's standard error to the message of a failure. */
static void
run_check(Run *run, GError *error)
{
    if (error && run->qemu) {
        g_autofree char *log = qemu_guest_dup_log(run->qemu);

        g_test_message("QEMU says: %s", log);
    }
    g_assert_no_error(error);
}

/* Writers are threads; but deltas require the same pages to be written in
 * each pass, whatever the scheduling: then the listener writes. */
static void
run_stop_writers(gpointer data)
{
    Run *run = data;

    run->stopped = TRUE;
    mt_workload_stop(run->load);
}

static void
run_start_writers(gpointer data)
{
    Run *run = data;

    run->stopped = FALSE;
    if (!run->c->method->xbzrle)
        mt_workload_start(run->load);
}

static void
run_listen(MtEngine *engine, MtEngineEvent event, guint64 value, gpointer data)
{
    Run *run = data;

    gboolean pass = event == MT_ENGINE_EVENT_PASS ||
                    (event == MT_ENGINE_EVENT_STATUS &&
                     value == MT_STATUS_ACTIVE);

    if (pass && run->c->method->xbzrle && !run->stopped)
        mt_workload_step(run->load, 256);
}

/* A guest of the engine that writes. */
static void
run_make_guest(Run *run)
{
    const Method *m = run->c->method;
    g_autoptr(GError) error = NULL;
    MtWorkloadSpec spec = {
        .kind = m->xbzrle ? MT_WORKLOAD_ONE_BYTE : MT_WORKLOAD_HOT,
        .seed = 1,
        .n_pages = m->xbzrle ? 256 : 0,
        .pages_per_s = 20000,
    };
    MtEngineGuest guest = { run_stop_writers, run_start_writers };

    run->ram = mt_ram_new_simple(RAM_BYTES, &error);
    g_assert_no_error(error);
    mt_content_fill_ram(MT_CONTENT_MIXED, 11, run->ram);
    run->dirty = mt_dirty_new(mt_ram_n_pages(run->ram));
    run->throttle = mt_throttle_new(&mt_throttle_defaults);
    run->load = mt_workload_new(&spec, run->ram, run->dirty, run->throttle,
                                &error);
    g_assert_no_error(error);

    guest.throttle = run->throttle;
    guest.data = run;
    run->engine = mt_engine_new(run->ram, run->dirty, &guest);
    mt_engine_set_listener(run->engine, run_listen, run);
}

/* A free TCP port, or a path. */
static void
run_choose_address(Run *run)
{
    g_autoptr(GSocketListener) listener = NULL;
    guint port;

    if (run->c->method->mapped) {
        run->address = g_strdup_printf("file:%s/stream", run->dir);
    } else if (strcmp(transports[run->c->transport], "unix") == 0) {
        run->address = g_strdup_printf("unix:%s/stream", run->dir);
    } else {
        listener = g_socket_listener_new();
        port = g_socket_listener_add_any_inet_port(listener, NULL, NULL);
        run->address = g_strdup_printf("tcp:127.0.0.1:%u", port);
    }
}

static void
run_compare(const guint8 *ours, const char *theirs, gsize n)
{
    g_assert_cmpuint(n, ==, RAM_BYTES);
    for (gsize at = 0; at < n; at += MT_PAGE_SIZE) {
        if (memcmp(ours + at, theirs + at, MT_PAGE_SIZE) != 0)
            g_error("page at 0x%zx differs", at);
    }
}

static void
run_compare_with_qemu(Run *run)
{
    g_autofree char *path = g_build_filename(run->dir, "saved", NULL);
    g_autofree char *saved = NULL;
    g_autoptr(GError) error = NULL;
    const guint8 *ours = mt_ram_block(run->ram, 0)->host;
    gsize n;

    qemu_guest_run(run->qemu, &error, "pmemsave",
                   "{'val': 0, 'size': %d, 'filename': '%s'}", RAM_BYTES, path);
    run_check(run, error);
    g_file_get_contents(path, &saved, &n, &error);
    g_assert_no_error(error);
    run_compare(ours, saved, n);
}

/* Checks that the method had its effect. */
static void
run_check_our_stats(Run *run)
{
    const Method *m = run->c->method;
    MtEngineStats stats;

    mt_engine_get_stats(run->engine, &stats);
    g_test_message("%" G_GUINT64_FORMAT " passes, %" G_GUINT64_FORMAT
                   " normal, %" G_GUINT64_FORMAT " zero, %" G_GUINT64_FORMAT
                   " xbzrle pages, %" G_GUINT64_FORMAT " bytes",
                   stats.dirty_sync_count, stats.normal, stats.duplicate,
                   stats.xbzrle_pages, stats.transferred);
    g_assert_cmpuint(stats.total, ==, RAM_BYTES);
    if (m->xbzrle)
        g_assert_cmpuint(stats.xbzrle_pages, >, 0);
    if (m->compress)
        g_assert_cmpuint(stats.compression_pages, >, 0);
    if (g_strcmp0(m->zero, "none") == 0)
        g_assert_cmpuint(stats.duplicate, ==, 0);
    else if (!m->mapped)
        g_assert_cmpuint(stats.duplicate, >, 0);
    mt_engine_stats_clear(&stats);
}

static void
run_to_qemu(Run *run)
{
    g_autoptr(GError) error = NULL;
    gboolean by_file = run->c->method->mapped;

    if (!run_start_qemu(run))
        return;

    run_make_guest(run);
    if (!by_file)
        qemu_guest_run(run->qemu, &error, "migrate-incoming", "{'uri': '%s'}",
                       run->address);
    g_assert_no_error(error);

    run_open_link(run);
    run->settings.max_passes = 6;
    run->settings.downtime_limit_ns = 1000; /* so that there are several passes */
    run_start_writers(run);
    mt_engine_migrate(run->engine, &run->settings, run->link, &error);
    g_assert_no_error(error);
    mt_engine_wait(run->engine, TIMEOUT_MS * MT_NS_PER_MS, &error);
    run_check(run, error);

    if (by_file)
        qemu_guest_run(run->qemu, &error, "migrate-incoming", "{'uri': '%s'}",
                       run->address);
    g_assert_no_error(error);
    qemu_guest_wait_migration(run->qemu, TIMEOUT_MS, &error);
    run_check(run, error);

    g_assert_cmpint(mt_engine_get_outcome(run->engine), ==, MT_OUTCOME_THERE);
    run_check_our_stats(run);
    run_compare_with_qemu(run);
}

/* Fills the RAM of the source through its file, before it migrates. For
 * several slow passes less RAM is filled. */
static void
run_fill_qemu(Run *run)
{
    g_autoptr(GError) error = NULL;
    MtRamBlockSpec spec = { .name = "ram", .length = RAM_BYTES,
                            .path = qemu_guest_ram_path(run->qemu) };
    g_autoptr(MtRam) file = mt_ram_new();
    guint64 n_pages = run_has_pc(run) ? 256 : RAM_BYTES / MT_PAGE_SIZE;

    mt_ram_add(file, &spec, &error);
    g_assert_no_error(error);
    for (guint64 p = 0; p < n_pages; p++)
        mt_content_fill(MT_CONTENT_MIXED, 12, p, mt_ram_page(file, p, NULL));
}

/* Changes a byte in each of some pages repeatedly until QEMU has sent enough
 * deltas or made enough passes, and then lets it switch over. The bandwidth
 * is so small that all of these pages are dirty again after each pass. */
static void
run_dirty_qemu(Run *run)
{
    enum { N_PAGES = 96 };
    gboolean deltas = run->c->method->xbzrle;
    const char *what = deltas ? "xbzrle-cache.pages" : "ram.dirty-sync-count";
    gint64 enough = deltas ? 50 : 5;
    g_autoptr(GError) error = NULL;
    const char *status;
    gint64 done;
    guint n = 0;

    while ((status = qemu_guest_migration_status(run->qemu, &error)) &&
           strcmp(status, "pre-switchover") != 0) {
        g_assert_cmpstr(status, !=, "completed");
        g_assert_cmpstr(status, !=, "failed");
        done = qemu_guest_migration_number(run->qemu, what);
        for (guint i = 0; done < enough && i < N_PAGES && !error; i++, n++) {
            guint8 byte = n + 1;

            qemu_guest_write(run->qemu,
                             (n % N_PAGES) * MT_PAGE_SIZE + n % 4096, &byte, 1,
                             &error);
        }
        run_check(run, error);
    }
    run_check(run, error);

    qemu_guest_run(run->qemu, &error, "migrate-continue",
                   "{'state': 'pre-switchover'}");
    run_check(run, error);
}

/* The blocks of QEMU's machine. */
static MtRam *
run_dest_ram(const Run *run)
{
    static const MtRamBlockSpec pc_blocks[] = {
        { "/rom@etc/acpi/tables", 128 * 1024, 2 * 1024 * 1024 },
        { "pc.rom", 128 * 1024 },
        { "pc.bios", BIOS_BYTES },
        { "/rom@etc/table-loader", 4096, 64 * 1024 },
        { "/rom@etc/acpi/rsdp", 4096, 64 * 1024 },
    };
    g_autoptr(GError) error = NULL;
    MtRam *ram = mt_ram_new_simple(RAM_BYTES, &error);

    for (guint i = 0; run_has_pc(run) && i < G_N_ELEMENTS(pc_blocks); i++)
        mt_ram_add(ram, &pc_blocks[i], &error);
    g_assert_no_error(error);
    /* A destination may be given RAM that is not zero. */
    memset(mt_ram_block(ram, 0)->host, 0xa5, RAM_BYTES);
    return ram;
}

static void
run_compare_with_file(Run *run)
{
    const guint8 *ours = mt_ram_block(run->ram, 0)->host;
    g_autoptr(GError) error = NULL;
    g_autofree char *file = NULL;
    gsize n;

    g_file_get_contents(qemu_guest_ram_path(run->qemu), &file, &n, &error);
    g_assert_no_error(error);
    run_compare(ours, file, n);
}

static void
run_receive(Run *run, GError **error)
{
    mt_engine_incoming(run->engine, &run->settings, run->link, error);
    g_assert_no_error(*error);
}

static void
run_from_qemu(Run *run)
{
    g_autoptr(GError) error = NULL;
    gboolean by_file = run->c->method->mapped;

    if (!run_start_qemu(run))
        return;

    run_fill_qemu(run);
    run->ram = run_dest_ram(run);
    run->engine = mt_engine_new(run->ram, NULL, NULL);
    run_open_link(run);

    if (run_has_pc(run)) {
        qemu_guest_run(run->qemu, &error, "migrate-set-parameters",
                       "{'downtime-limit': 1, 'max-bandwidth': 4000000}");
        g_assert_no_error(error);
        qemu_guest_set_capability(run->qemu, "pause-before-switchover", TRUE,
                                  &error);
        g_assert_no_error(error);
    }

    if (!by_file)
        run_receive(run, &error);
    qemu_guest_run(run->qemu, &error, "migrate", "{'uri': '%s'}",
                   run->address);
    g_assert_no_error(error);
    if (run_has_pc(run))
        run_dirty_qemu(run);
    qemu_guest_wait_migration(run->qemu, TIMEOUT_MS, &error);
    run_check(run, error);
    if (run->c->method->xbzrle)
        g_assert_cmpint(qemu_guest_migration_number(run->qemu,
                                                    "xbzrle-cache.pages"),
                        >, 0);
    if (by_file)
        run_receive(run, &error);

    mt_engine_wait(run->engine, TIMEOUT_MS * MT_NS_PER_MS, &error);
    run_check(run, error);
    g_assert_cmpint(mt_engine_get_outcome(run->engine), ==, MT_OUTCOME_HERE);
    run_compare_with_file(run);
}

static void
test_case(gconstpointer data)
{
    g_auto(Run) run = { .c = data };
    g_autoptr(GError) error = NULL;

    run.dir = g_dir_make_tmp("migtune-XXXXXX", &error);
    g_assert_no_error(error);
    run_choose_address(&run);
    run_settings(&run);
    if (run.c->to_qemu)
        run_to_qemu(&run);
    else
        run_from_qemu(&run);
}

static void
test_missing(gconstpointer data)
{
    g_autofree char *why = g_strdup_printf(
        "no QEMU %s: tools/get-qemus.sh says how to get one",
        (const char *)data);

    g_test_skip(why);
}

static void
add_case(const Method *method, guint release, guint transport,
         gboolean return_path, gboolean to_qemu)
{
    g_autofree char *path = NULL;
    Case *c = g_new(Case, 1);

    *c = (Case){ method, release, transport, return_path, to_qemu };
    path = g_strdup_printf(
        "/qemu-%s/%s/%s/%s%s", releases[release].name,
        to_qemu ? "to" : "from", method->name,
        method->mapped ? "file" : transports[transport],
        return_path ? "-return-path" : "");
    g_test_add_data_func_full(path, c, test_case, g_free);
}

static void
add_method(const Share *share, const Method *method, guint release)
{
    guint n = method - methods;

    for (guint to = 0; to < (method->busy ? 1 : 2); to++) {
        if (method->mapped) {
            add_case(method, release, 0, FALSE, to);
            continue;
        }
        for (guint t = 0; t < G_N_ELEMENTS(transports); t++) {
            for (guint path = 0; path < 2; path++) {
                if (share_has(share, 2 * t + path + n + to))
                    add_case(method, release, t, path, to);
            }
        }
    }
}

int
main(int argc, char **argv)
{
    gboolean named = FALSE;
    Share share;

    for (int i = 1; i < argc; i++)
        named = named || g_str_has_prefix(argv[i], "-p");
    g_test_init(&argc, &argv, NULL);
    share_init(&share, 4);
    share.full = share.full || named;

    for (guint r = 0; r < G_N_ELEMENTS(releases); r++) {
        /* Only by name. */
        if (releases[r].bit == V11_1 && !share.full)
            continue;
        if (!qemu_guest_command(releases[r].name)) {
            g_autofree char *path =
                g_strdup_printf("/qemu-%s", releases[r].name);

            g_test_add_data_func(path, releases[r].name, test_missing);
            continue;
        }
        for (guint m = 0; m < G_N_ELEMENTS(methods); m++) {
            if (methods[m].releases & releases[r].bit)
                add_method(&share, &methods[m], r);
        }
    }
    return g_test_run();
}
