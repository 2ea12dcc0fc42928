/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations from engine to engine, with each way of sending and each workload
 * while the writers run: at the switchover RAM is equal, and both sides counted
 * the same pages.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "stream/codec.h"
#include "engine/engine.h"
#include "engine/memory/workload.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

#define RAM_BYTES (12 << 20)
#define WAIT_NS (60 * MT_NS_PER_S)

typedef struct {
    MtEngineSettings settings;
    MtWorkloadSpec load;
    MtContent content;
    const char *transport;      /* "pair", "unix", "tcp", "exec", "file" */
    guint64 ram_bytes;
} Case;

static void
case_init(Case *c)
{
    memset(c, 0, sizeof(*c));
    mt_engine_settings_init(&c->settings);
    c->settings.max_bandwidth = 0;
    c->settings.max_passes = 6;
    c->settings.downtime_limit_ns = 5 * MT_NS_PER_MS;
    c->settings.timeout_ms = 20000;
    c->settings.xbzrle_cache_bytes = 4 << 20;
    c->settings.compress_threads = 2;
    c->content = MT_CONTENT_MIXED;
    c->load.kind = MT_WORKLOAD_UNIFORM;
    c->load.n_threads = 2;
    c->load.pages_per_s = 50000;
    c->transport = "pair";
    c->ram_bytes = RAM_BYTES;
}

static void
guest_stop(gpointer data)
{
    mt_workload_stop(data);
}

static void
guest_start(gpointer data)
{
    mt_workload_start(data);
}

/* Makes both ends; the second one is NULL for a file, which must be written before
 * it is read. */
static void
make_transport(const Case *c, const char *dir, MtTransport **ret_from,
               MtTransport **ret_to)
{
    g_autofree char *from = NULL;
    g_autofree char *to = NULL;
    GError *error = NULL;

    if (g_str_equal(c->transport, "pair")) {
        *ret_from = mt_transport_new_pair();
        *ret_to = mt_transport_ref(*ret_from);
        return;
    }
    if (g_str_equal(c->transport, "unix")) {
        from = g_strdup_printf("unix:%s/sock", dir);
    } else if (g_str_equal(c->transport, "tcp")) {
        from = g_strdup("tcp:127.0.0.1:0");
    } else if (g_str_equal(c->transport, "exec")) {
        from = g_strdup_printf("exec:cat %s/file", dir);
        to = g_strdup_printf("exec:cat > %s/file", dir);
    } else {
        from = g_strdup_printf("file:%s/file,offset=12k", dir);
    }

    *ret_from = mt_transport_new(from, &error);
    g_assert_no_error(error);
    *ret_to = g_str_equal(c->transport, "tcp") ? NULL :
              mt_transport_new(to ? to : from, &error);
    g_assert_no_error(error);
}

static gboolean
is_stored(const Case *c)
{
    return g_str_equal(c->transport, "exec") ||
           g_str_equal(c->transport, "file");
}

static void
check_counters(const Case *c, MtEngine *source, MtEngine *dest)
{
    MtEngineStats a, b;
    guint64 n_pages = c->ram_bytes / MT_PAGE_SIZE;
    guint64 deltas;

    mt_engine_get_stats(source, &a);
    mt_engine_get_stats(dest, &b);
    g_assert_cmpint(a.status, ==, MT_STATUS_COMPLETED);
    g_assert_cmpint(b.status, ==, MT_STATUS_COMPLETED);
    deltas = a.xbzrle_pages - a.xbzrle_unchanged;
    if (!c->settings.mapped_ram) {
        g_assert_cmpuint(a.transferred, ==, b.transferred);
        g_assert_cmpuint(a.normal, ==, b.normal);
        g_assert_cmpuint(a.duplicate, ==, b.duplicate);
    }
    g_assert_cmpuint(a.multifd_bytes, ==, b.multifd_bytes);
    g_assert_cmpuint(a.compression_pages, ==, b.compression_pages);
    g_assert_cmpuint(a.compressed_size, ==, b.compressed_size);
    g_assert_cmpuint(deltas, ==, b.xbzrle_pages);
    g_assert_cmpuint(a.normal + a.duplicate + a.compression_pages, >=,
                     n_pages);
    g_assert_cmpuint(a.remaining, ==, 0);
    g_assert_cmpuint(a.total, ==, c->ram_bytes);
    g_assert_cmpuint(a.precopy_bytes + a.downtime_bytes, ==, a.transferred);
    g_assert_cmpuint(a.dirty_sync_count, >=, 2);
    g_assert_cmpuint(a.device_bytes, >, 0);
    g_assert_cmpuint(a.device_bytes, ==, b.device_bytes);
    g_assert_cmpint(a.total_ns, >=, a.downtime_ns + a.setup_ns);
    g_assert_cmpint(a.downtime_ns, >, 0);
    mt_engine_stats_clear(&a);
    mt_engine_stats_clear(&b);
}

static void
run_case(const Case *c)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-matrix-XXXXXX", NULL);
    g_autofree char *sock = g_build_filename(dir, "sock", NULL);
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autofree char *where = NULL;
    GError *error = NULL;
    g_autoptr(MtRam) ram = mt_ram_new_simple(c->ram_bytes, &error);
    g_autoptr(MtRam) copy = mt_ram_new_simple(c->ram_bytes, &error);
    g_autoptr(MtDirty) dirty = mt_dirty_new(mt_ram_n_pages(ram));
    g_autoptr(MtThrottle) throttle = mt_throttle_new(&mt_throttle_defaults);
    g_autoptr(MtWorkload) load = NULL;
    g_autoptr(MtTransport) from = NULL;
    g_autoptr(MtTransport) to = NULL;
    MtEngineGuest guest = {
        .stop = guest_stop, .start = guest_start, .throttle = throttle,
    };
    g_autoptr(MtEngine) source = NULL;
    g_autoptr(MtEngine) dest = NULL;

    mt_content_fill_ram(c->content, c->load.seed, ram);
    memset(mt_ram_block(copy, 0)->host, 0x5a, c->ram_bytes);
    load = mt_workload_new(&c->load, ram, dirty, throttle, &error);
    g_assert_no_error(error);
    guest.data = load;
    source = mt_engine_new(ram, dirty, &guest);
    dest = mt_engine_new(copy, NULL, NULL);
    make_transport(c, dir, &from, &to);

    mt_workload_start(load);
    if (!is_stored(c)) {
        mt_engine_incoming(dest, &c->settings, from, &error);
        g_assert_no_error(error);
    }
    if (!to) {
        g_autofree char *address = mt_transport_dup_address(from);

        to = mt_transport_new(address, &error);
        g_assert_no_error(error);
    }
    mt_engine_migrate(source, &c->settings, to, &error);
    g_assert_no_error(error);
    mt_engine_wait(source, WAIT_NS, &error);
    g_assert_no_error(error);
    if (is_stored(c)) {
        mt_engine_incoming(dest, &c->settings, from, &error);
        g_assert_no_error(error);
    }
    mt_engine_wait(dest, WAIT_NS, &error);
    g_assert_no_error(error);

    if (!mt_ram_equal(ram, copy, &where))
        g_error("RAM differs: %s", where);
    g_assert_cmpint(mt_engine_get_outcome(source), ==, MT_OUTCOME_THERE);
    g_assert_cmpint(mt_engine_get_outcome(dest), ==, MT_OUTCOME_HERE);
    check_counters(c, source, dest);

    g_remove(sock);
    g_remove(file);
    g_rmdir(dir);
}

static void
use_main(MtEngineSettings *s)
{
}

static void
use_xbzrle(MtEngineSettings *s)
{
    s->xbzrle = TRUE;
}

static void
use_compress(MtEngineSettings *s)
{
    s->compress = TRUE;
}

static void
use_compress_nowait(MtEngineSettings *s)
{
    s->compress = TRUE;
    s->compress_wait_thread = FALSE;
}

static void
use_compress_xbzrle(MtEngineSettings *s)
{
    s->compress = s->xbzrle = TRUE;
}

static void
use_old(MtEngineSettings *s)
{
    mt_engine_settings_speak(s, MT_GENERATION_OLD);
}

static void
use_return_path(MtEngineSettings *s)
{
    s->return_path = TRUE;
}

static void
use_ack(MtEngineSettings *s)
{
    s->return_path = s->switchover_ack = TRUE;
    s->ack_rule = MT_ACK_ALWAYS;
}

static void
use_no_zero_detection(MtEngineSettings *s)
{
    s->zero_detection = MT_ZERO_NONE;
}

static void
use_bare(MtEngineSettings *s)
{
    mt_engine_settings_speak(s, MT_GENERATION_OLD);
    s->wire.send_configuration = s->wire.send_footers = FALSE;
    s->wire.store_global_state = FALSE;
}

static void
use_limited(MtEngineSettings *s)
{
    s->max_bandwidth = 200 << 20;
    s->auto_converge = TRUE;
}

static const struct {
    const char *name;
    void (*set)(MtEngineSettings *s);
} main_modes[] = {
    { "plain", use_main },
    { "old", use_old },
    { "xbzrle", use_xbzrle },
    { "compress", use_compress },
    { "compress-nowait", use_compress_nowait },
    { "compress-xbzrle", use_compress_xbzrle },
    { "return-path", use_return_path },
    { "switchover-ack", use_ack },
    { "no-zero-detection", use_no_zero_detection },
    { "bare", use_bare },
    { "limited", use_limited },
};

static const char *const dialects[] = { "new", "old", "new-legacy-zero" };
static const guint channel_counts[] = { 1, 2, 4 };
static const char *const transports[] = { "pair", "unix", "tcp" };
static const char *const main_transports[] = {
    "pair", "unix", "tcp", "exec", "file"
};

static void
test_main(gconstpointer data)
{
    guint mode = GPOINTER_TO_UINT(data);

    for (guint kind = 0; kind < MT_WORKLOAD_N; kind++) {
        Case c;

        case_init(&c);
        c.load.kind = kind;
        c.load.seed = mode * 100 + kind;
        main_modes[mode].set(&c.settings);
        run_case(&c);
    }
}

static void
set_multifd(Case *c, const char *codec, guint n_channels, const char *dialect)
{
    if (g_str_equal(dialect, "old"))
        mt_engine_settings_speak(&c->settings, MT_GENERATION_OLD);
    if (g_str_equal(dialect, "new-legacy-zero"))
        c->settings.zero_detection = MT_ZERO_LEGACY;
    c->settings.multifd = TRUE;
    c->settings.multifd_channels = n_channels;
    g_strlcpy(c->settings.multifd_compression, codec,
              sizeof(c->settings.multifd_compression));
}

static void
test_multifd(gconstpointer data)
{
    const MtCodec *codec = data;

    guint n = MT_WORKLOAD_N * G_N_ELEMENTS(dialects) *
              G_N_ELEMENTS(channel_counts);

    /* By default each dialect and number of channels under two workloads,
     * others for each; 5 is prime to MT_WORKLOAD_N. */
    for (guint i = 0; i < n; i += g_test_slow() ? 1 : 5) {
        guint j = i / MT_WORKLOAD_N;
        Case c;

        case_init(&c);
        c.load.kind = i % MT_WORKLOAD_N;
        c.load.seed = i;
        c.settings.return_path = i & 1;
        set_multifd(&c, codec->name,
                    channel_counts[j % G_N_ELEMENTS(channel_counts)],
                    dialects[j / G_N_ELEMENTS(channel_counts)]);
        run_case(&c);
    }
}

static void
test_mapped(gconstpointer data)
{
    for (guint i = 0; i < 3 * MT_WORKLOAD_N; i++) {
        Case c;

        case_init(&c);
        c.load.kind = i % MT_WORKLOAD_N;
        c.transport = "file";
        c.settings.mapped_ram = TRUE;
        c.settings.multifd = i / MT_WORKLOAD_N > 0;
        c.settings.multifd_channels = 1 + i / MT_WORKLOAD_N;
        run_case(&c);
    }
}

static void
test_direct(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-direct-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "probe", NULL);
    GError *error = NULL;
    MtIo *io = mt_io_open_file(path, MT_IO_FILE_WRITE, TRUE, &error);
    Case c;

    mt_io_free(io);
    g_remove(path);
    g_rmdir(dir);
    if (!io) {
        g_test_skip("the file system of temporary files has no direct I/O");
        g_clear_error(&error);
        return;
    }

    case_init(&c);
    c.transport = "file";
    c.settings.mapped_ram = c.settings.multifd = c.settings.direct_io = TRUE;
    run_case(&c);
}

static void
test_transports(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(main_transports); i++) {
        Case c;

        case_init(&c);
        c.transport = main_transports[i];
        c.settings.return_path = !is_stored(&c);
        run_case(&c);
        c.settings.return_path = FALSE;
        run_case(&c);
        c.settings.xbzrle = TRUE;
        run_case(&c);
    }
    for (guint i = 0; i < G_N_ELEMENTS(transports); i++) {
        Case c;

        case_init(&c);
        c.transport = transports[i];
        set_multifd(&c, "zstd", 3, "new");
        run_case(&c);
    }
}

/* The largest number of channels. */
static void
test_many_channels(void)
{
    Case c;

    case_init(&c);
    set_multifd(&c, "none", 255, "new");
    run_case(&c);
}

/* Random settings, from a seed. */
static void
random_case(guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    Case c;

    case_init(&c);
    c.load.kind = g_rand_int_range(rand, 0, MT_WORKLOAD_N);
    c.load.seed = seed;
    c.load.n_threads = g_rand_int_range(rand, 1, 4);
    c.load.pages_per_s = g_rand_boolean(rand) ? 0 :
                         g_rand_int_range(rand, 100, 200000);
    c.content = g_rand_int_range(rand, 0, MT_CONTENT_N);
    c.ram_bytes = (guint64)g_rand_int_range(rand, 1, 3000) * MT_PAGE_SIZE;
    c.settings.max_passes = g_rand_int_range(rand, 1, 12);
    c.settings.downtime_limit_ns =
        g_rand_int_range(rand, 0, 300) * MT_NS_PER_MS;
    c.settings.return_path = g_rand_boolean(rand);
    c.settings.auto_converge = g_rand_boolean(rand);
    c.settings.zlib_level = g_rand_int_range(rand, 0, 10);
    c.settings.zstd_level = g_rand_int_range(rand, 0, 6);
    c.settings.compress_level = g_rand_int_range(rand, 0, 10);
    c.settings.compress_threads = g_rand_int_range(rand, 1, 5);
    c.settings.decompress_threads = g_rand_int_range(rand, 1, 5);
    c.settings.compress_wait_thread = g_rand_boolean(rand);
    c.settings.xbzrle_cache_bytes = (guint64)MT_PAGE_SIZE <<
                                    g_rand_int_range(rand, 0, 13);
    if (g_rand_boolean(rand)) {
        set_multifd(&c, mt_codec_get(g_rand_int_range(rand, 0,
                                                      mt_codec_n()))->name,
                    g_rand_int_range(rand, 1, 9),
                    dialects[g_rand_int_range(rand, 0, 3)]);
        c.transport = transports[g_rand_int_range(rand, 0, 3)];
    } else {
        main_modes[g_rand_int_range(rand, 0, G_N_ELEMENTS(main_modes))].set(
            &c.settings);
        c.settings.xbzrle_in_bulk = g_rand_boolean(rand);
        c.transport = main_transports[g_rand_int_range(rand, 0, 5)];
        if (is_stored(&c))
            c.settings.return_path = c.settings.switchover_ack = FALSE;
        if (g_str_equal(c.transport, "file") && g_rand_boolean(rand)) {
            c.settings.mapped_ram = TRUE;
            c.settings.xbzrle = c.settings.compress = FALSE;
            c.settings.wire.send_configuration = TRUE;
        }
    }

    g_test_message("seed %u: %s, %s, %s", seed, c.transport,
                   c.settings.multifd ? c.settings.multifd_compression :
                   "main", mt_workload_name(c.load.kind));
    run_case(&c);
}

static void
test_random(gconstpointer data)
{
    guint n = GPOINTER_TO_UINT(data);
    const char *one = g_getenv("MIGTUNE_TEST_SEED");

    if (one) {
        random_case(g_ascii_strtoull(one, NULL, 10));
        return;
    }
    for (guint i = 0; i < n; i++) {
        guint32 seed = g_test_rand_int();

        g_print("# seed %u\n", seed);
        random_case(seed);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(main_modes); i++) {
        g_autofree char *path = g_strdup_printf("/matrix/main/%s",
                                                main_modes[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_main);
    }
    for (guint i = 0; i < mt_codec_n(); i++) {
        g_autofree char *path = g_strdup_printf("/matrix/multifd/%s",
                                                mt_codec_get(i)->name);

        g_test_add_data_func(path, mt_codec_get(i), test_multifd);
    }
    g_test_add_data_func("/matrix/mapped", NULL, test_mapped);
    g_test_add_func("/matrix/mapped/direct-io", test_direct);
    g_test_add_func("/matrix/transports", test_transports);
    g_test_add_func("/matrix/255-channels", test_many_channels);
    g_test_add_data_func("/matrix/random",
                         GUINT_TO_POINTER(g_test_slow() ? 200 : 10),
                         test_random);
    return g_test_run();
}
