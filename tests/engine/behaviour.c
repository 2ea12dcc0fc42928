/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The behaviour of a migration: use of the caches, changes while it runs, the
 * switchover, and statistics.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/memory/workload.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

#define N_PAGES 1024
#define RAM_BYTES (N_PAGES * MT_PAGE_SIZE)
#define WAIT_NS (30 * MT_NS_PER_S)

typedef struct {
    MtEngineSettings settings;
    MtRam *ram;
    MtRam *copy;
    MtDirty *dirty;
    MtThrottle *throttle;
    MtWorkload *load;           /* or NULL */
    MtEngine *source;
    MtEngine *dest;
    MtTransport *link;

    guint n_passes;             /* of the listener, atomic */
    guint n_stops;
    guint last_pass;            /* the listener dirties nothing after it */
    guint seen;                 /* bits of MtStatus, atomic */
    MtEngineStats at_pass[8];
} Run;

static void
run_stop(gpointer data)
{
    Run *r = data;

    if (r->load)
        mt_workload_stop(r->load);
    r->n_stops++;
}

static void
run_start(gpointer data)
{
    Run *r = data;

    if (r->load)
        mt_workload_start(r->load);
}

static void
run_init(Run *r)
{
    MtEngineGuest guest = { .stop = run_stop, .start = run_start, .data = r };
    GError *error = NULL;

    memset(r, 0, sizeof(*r));
    mt_engine_settings_init(&r->settings);
    r->settings.max_bandwidth = 0;
    r->settings.xbzrle_cache_bytes = RAM_BYTES;
    r->settings.timeout_ms = 10000;
    r->ram = mt_ram_new_simple(RAM_BYTES, &error);
    r->copy = mt_ram_new_simple(RAM_BYTES, &error);
    g_assert_no_error(error);
    r->dirty = mt_dirty_new(mt_ram_n_pages(r->ram));
    r->throttle = mt_throttle_new(&mt_throttle_defaults);
    mt_content_fill_ram(MT_CONTENT_TEXT, 1, r->ram);
    guest.throttle = r->throttle;
    r->source = mt_engine_new(r->ram, r->dirty, &guest);
    r->dest = mt_engine_new(r->copy, NULL, NULL);
    r->link = mt_transport_new_pair();
}

static void
run_writers(Run *r, MtWorkloadKind kind, guint64 pages_per_s)
{
    MtWorkloadSpec spec = {
        .kind = kind, .content = MT_CONTENT_RANDOM, .seed = 2, .n_threads = 1,
        .pages_per_s = pages_per_s,
    };
    GError *error = NULL;

    r->load = mt_workload_new(&spec, r->ram, r->dirty, r->throttle, &error);
    g_assert_no_error(error);
    mt_workload_start(r->load);
}

static void
run_begin(Run *r)
{
    GError *error = NULL;

    mt_engine_incoming(r->dest, &r->settings, r->link, &error);
    g_assert_no_error(error);
    mt_engine_migrate(r->source, &r->settings, r->link, &error);
    g_assert_no_error(error);
}

static void
run_end(Run *r)
{
    GError *error = NULL;

    mt_engine_wait(r->source, WAIT_NS, &error);
    g_assert_no_error(error);
    mt_engine_wait(r->dest, WAIT_NS, &error);
    g_assert_no_error(error);
    g_assert_true(mt_ram_equal(r->ram, r->copy, NULL));
}

static void
run_clear(Run *r)
{
    mt_engine_free(r->source);
    mt_engine_free(r->dest);
    mt_workload_free(r->load);
    mt_throttle_free(r->throttle);
    mt_dirty_free(r->dirty);
    mt_ram_free(r->ram);
    mt_ram_free(r->copy);
    mt_transport_unref(r->link);
}

/* Changes a byte in the same hundred pages at each sync. */
static void
dirty_some(MtEngine *engine, MtEngineEvent event, guint64 value,
           gpointer data)
{
    Run *r = data;

    if (event == MT_ENGINE_EVENT_STATUS)
        g_atomic_int_or(&r->seen, 1u << value);
    if (event != MT_ENGINE_EVENT_PASS || r->n_stops)
        return;

    g_atomic_int_inc((gint *)&r->n_passes);
    if (value < G_N_ELEMENTS(r->at_pass))
        mt_engine_get_stats(engine, &r->at_pass[value]);
    if (value > r->last_pass)
        return;
    for (guint i = 0; i < 100; i++) {
        mt_ram_page(r->ram, i * 7, NULL)[value] ^= 0xff;
        mt_dirty_mark(r->dirty, i * 7);
    }
}

/*
 * Sync 1 puts all of RAM into the first pass.  Pages that the listener dirties at
 * sync n are found by sync n + 1 and sent in pass n + 1.
 */
static void
test_xbzrle_after_bulk(void)
{
    MtEngineStats end;
    Run r;

    run_init(&r);
    r.settings.xbzrle = TRUE;
    r.settings.downtime_limit_ns = 0;
    r.last_pass = 4;
    mt_engine_set_listener(r.source, dirty_some, &r);
    run_begin(&r);
    run_end(&r);
    mt_engine_get_stats(r.source, &end);

    /* The first pass does not use the cache. */
    g_assert_cmpuint(r.at_pass[2].normal, ==, N_PAGES);
    g_assert_cmpuint(r.at_pass[2].xbzrle_cache_miss, ==, 0);
    g_assert_cmpuint(r.at_pass[2].xbzrle_pages, ==, 0);
    /* The second pass fills it; there are deltas from the third pass on. */
    g_assert_cmpuint(r.at_pass[3].xbzrle_cache_miss, ==, 100);
    g_assert_cmpuint(r.at_pass[3].xbzrle_pages, ==, 0);
    g_assert_cmpuint(r.at_pass[4].xbzrle_cache_miss, ==, 100);
    g_assert_cmpuint(r.at_pass[4].xbzrle_pages, ==, 100);
    g_assert_cmpuint(end.xbzrle_pages, ==, 300);
    g_assert_cmpuint(end.xbzrle_cache_miss, ==, 100);
    g_assert_cmpuint(end.xbzrle_bytes, <, 300 * 32);
    g_assert_cmpuint(end.xbzrle_cache_bytes, ==, RAM_BYTES);
    run_clear(&r);
}

static void
test_xbzrle_in_bulk(void)
{
    Run r;

    run_init(&r);
    r.settings.xbzrle = r.settings.xbzrle_in_bulk = TRUE;
    r.settings.downtime_limit_ns = 0;
    r.last_pass = 2;
    mt_engine_set_listener(r.source, dirty_some, &r);
    run_begin(&r);
    run_end(&r);
    g_assert_cmpuint(r.at_pass[2].xbzrle_cache_miss, >=, N_PAGES);
    run_clear(&r);
}

static void
test_compress_in_bulk_only(void)
{
    MtEngineStats end;
    Run r;

    run_init(&r);
    r.settings.xbzrle = r.settings.compress = TRUE;
    r.settings.downtime_limit_ns = 0;
    r.last_pass = 4;
    mt_engine_set_listener(r.source, dirty_some, &r);
    run_begin(&r);
    run_end(&r);
    mt_engine_get_stats(r.source, &end);
    g_assert_cmpuint(end.compression_pages, ==, N_PAGES);
    g_assert_cmpuint(end.normal, ==, 100);
    g_assert_cmpuint(end.xbzrle_pages, ==, 300);
    g_assert_cmpfloat(end.compression_rate, >, 1.5);
    run_clear(&r);
}

/* The cache becomes smaller, and RAM is still correct. */
static void
resize_at_pass(MtEngine *engine, MtEngineEvent event, guint64 value,
               gpointer data)
{
    dirty_some(engine, event, value, data);
    if (event == MT_ENGINE_EVENT_PASS)
        g_assert_true(mt_engine_set_xbzrle_cache(
            engine, (guint64)MT_PAGE_SIZE << (value * 5 % 11), NULL));
}

static void
test_resize(void)
{
    g_autoptr(GError) error = NULL;
    Run r;

    run_init(&r);
    r.settings.xbzrle = TRUE;
    r.settings.downtime_limit_ns = 0;
    r.last_pass = 12;
    mt_engine_set_listener(r.source, resize_at_pass, &r);
    run_begin(&r);
    run_end(&r);
    g_assert_false(mt_engine_set_xbzrle_cache(r.source, 5000, &error));
    g_assert_nonnull(error);
    run_clear(&r);
}

static void
test_bandwidth_changes(void)
{
    MtEngineStats stats;
    Run r;

    run_init(&r);
    /* At this rate the migration would take 16 s. */
    r.settings.max_bandwidth = RAM_BYTES / 16;
    run_begin(&r);
    g_usleep(300000);
    mt_engine_get_stats(r.source, &stats);
    g_assert_cmpint(stats.status, ==, MT_STATUS_ACTIVE);
    g_assert_cmpuint(stats.transferred, <, RAM_BYTES / 2);
    g_assert_cmpuint(stats.remaining, >, 0);
    mt_engine_set_max_bandwidth(r.source, 0);
    run_end(&r);
    mt_engine_get_stats(r.source, &stats);
    g_assert_cmpint(stats.total_ns, <, 12 * MT_NS_PER_S);
    run_clear(&r);
}

/* Zero pages count for the rate limit, too. */
static void
test_bandwidth_of_zero_pages(void)
{
    MtEngineStats stats;
    Run r;

    run_init(&r);
    mt_content_fill_ram(MT_CONTENT_ZERO, 0, r.ram);
    r.settings.max_bandwidth = 4096;
    run_begin(&r);
    g_usleep(500000);
    mt_engine_get_stats(r.source, &stats);
    g_assert_cmpint(stats.status, ==, MT_STATUS_ACTIVE);
    g_assert_cmpuint(stats.transferred, >, 0);
    g_assert_cmpuint(stats.transferred, <, 8192);
    g_assert_cmpint(stats.expected_downtime_ns, ==,
                    r.settings.downtime_limit_ns);
    mt_engine_set_max_bandwidth(r.source, 0);
    run_end(&r);
    run_clear(&r);
}

static void
test_downtime_changes(void)
{
    MtEngineStats stats;
    Run r;

    run_init(&r);
    r.settings.max_bandwidth = 20 << 20;
    r.settings.downtime_limit_ns = 0;
    run_writers(&r, MT_WORKLOAD_SEQUENTIAL, 0);
    run_begin(&r);
    /* Until a pass has ended with pages left to send. */
    for (guint i = 0; i < 400; i++) {
        g_usleep(50000);
        mt_engine_get_stats(r.source, &stats);
        if (stats.dirty_sync_count >= 2 && stats.dirty_pages_rate > 0 &&
            stats.expected_downtime_ns > 0)
            break;
    }
    g_assert_cmpint(stats.status, ==, MT_STATUS_ACTIVE);
    g_assert_cmpuint(stats.dirty_sync_count, >=, 2);
    g_assert_cmpuint(stats.dirty_pages_rate, >, 0);
    g_assert_cmpuint(stats.bandwidth, >, 0);
    g_assert_cmpuint(stats.bandwidth, <, 60 << 20);
    g_assert_cmpint(stats.expected_downtime_ns, >, 0);
    mt_engine_set_downtime_limit(r.source, 5 * MT_NS_PER_S);
    run_end(&r);
    run_clear(&r);
}

static void
test_auto_converge(void)
{
    MtEngineStats stats;
    Run r;

    run_init(&r);
    r.settings.max_bandwidth = 40 << 20;
    r.settings.downtime_limit_ns = 20 * MT_NS_PER_MS;
    r.settings.auto_converge = TRUE;
    r.settings.throttle_initial = 50;
    r.settings.throttle_increment = 30;
    run_writers(&r, MT_WORKLOAD_UNIFORM, 40000);
    run_begin(&r);
    for (guint i = 0; i < 400; i++) {
        g_usleep(50000);
        mt_engine_get_stats(r.source, &stats);
        if (stats.throttle_percent >= 80)
            break;
    }
    g_assert_cmpuint(stats.throttle_percent, >=, 80);
    mt_engine_set_downtime_limit(r.source, 5 * MT_NS_PER_S);
    run_end(&r);
    /* The guest is not throttled after the migration. */
    g_assert_cmpuint(mt_throttle_percent(r.throttle), ==, 0);
    run_clear(&r);
}

static void
test_pre_switchover(void)
{
    MtEngineStats stats;
    Run r;

    run_init(&r);
    r.settings.pause_before_switchover = TRUE;
    r.settings.timeout_ms = 2500;   /* the peer must notice within this time */
    mt_engine_set_listener(r.source, dirty_some, &r);
    run_begin(&r);
    g_usleep(3500000);
    g_assert_cmpint(mt_engine_get_status(r.source), ==,
                    MT_STATUS_PRE_SWITCHOVER);
    g_assert_cmpuint(r.n_stops, ==, 1);
    mt_engine_continue(r.source);
    run_end(&r);
    mt_engine_get_stats(r.source, &stats);
    g_assert_cmpint(stats.downtime_ns, >, 2 * MT_NS_PER_S);
    for (guint s = MT_STATUS_SETUP; s <= MT_STATUS_COMPLETED; s++)
        g_assert_true(g_atomic_int_get(&r.seen) & 1u << s);
    run_clear(&r);
}

/* Without an acknowledgement the guest is not switched over. */
static void
test_no_ack(void)
{
    g_autoptr(GError) error = NULL;
    Run r;

    run_init(&r);
    r.settings.return_path = r.settings.switchover_ack = TRUE;
    r.settings.ack_rule = MT_ACK_NEVER;
    run_begin(&r);
    g_assert_false(mt_engine_wait(r.source, 300 * MT_NS_PER_MS, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    g_assert_cmpuint(r.n_stops, ==, 0);
    g_clear_error(&error);
    mt_engine_cancel(r.source);
    g_assert_false(mt_engine_wait(r.source, WAIT_NS, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_assert_cmpint(mt_engine_get_outcome(r.source), ==, MT_OUTCOME_HERE);
    run_clear(&r);
}

/* The machine type decides whether a destination sends SWITCHOVER_ACK. */
static void
test_ack_by_machine(void)
{
    static const struct {
        const char *machine;
        gboolean ack;
    } cases[] = {
        { "pc-i440fx-8.1", TRUE },
        { "pc-q35-11.0", TRUE },
        { "pc-q35-11.1", FALSE },
        { "none", FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Run r;

        run_init(&r);
        r.settings.return_path = r.settings.switchover_ack = TRUE;
        strcpy(r.settings.machine, cases[i].machine);
        run_begin(&r);
        g_assert_cmpint(mt_engine_wait(r.source, cases[i].ack ? WAIT_NS :
                                       200 * MT_NS_PER_MS, NULL), ==,
                        cases[i].ack);
        run_clear(&r);
    }
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
test_idle_costs_nothing(void)
{
    double before;
    Run r;

    run_init(&r);
    r.settings.multifd = TRUE;
    mt_engine_incoming(r.dest, &r.settings, r.link, NULL);
    g_usleep(50000);
    before = cpu_seconds();
    g_usleep(500000);
    g_assert_cmpfloat(cpu_seconds() - before, <, 0.02);
    run_clear(&r);
}

static void
test_devices_are_relayed(void)
{
    static const char vmdesc[] =
        "{\"devices\": [{\"name\": \"dev\", \"instance_id\": 3, "
        "\"vmsd_name\": \"dev\", \"version\": 2, \"fields\": "
        "[{\"name\": \"a\", \"type\": \"buffer\", \"size\": 4}]}]}";
    static const guint8 sections[] = {
        4, 0, 0, 0, 9, 3, 'd', 'e', 'v', 0, 0, 0, 3, 0, 0, 0, 2,
        0xde, 0xad, 0xbe, 0xef, 0x7e, 0, 0, 0, 9,
    };
    g_autoptr(GBytes) in = g_bytes_new_static(sections, sizeof(sections));
    g_autoptr(GBytes) in_desc = g_bytes_new_static(vmdesc, strlen(vmdesc));
    g_autoptr(GBytes) out = NULL;
    g_autoptr(GBytes) out_desc = NULL;
    g_autofree char *machine = NULL;
    MtEngineStats stats;
    Run r;

    run_init(&r);
    r.settings.max_bandwidth = 50 << 20;
    strcpy(r.settings.machine, "pc-q35-7.2");
    mt_engine_set_devices(r.source, in, in_desc);
    run_begin(&r);
    run_end(&r);
    g_assert_true(mt_engine_get_devices(r.dest, &out, &out_desc));
    g_assert_true(g_bytes_equal(in, out));
    g_assert_true(g_bytes_equal(in_desc, out_desc));
    machine = mt_engine_dup_machine(r.dest);
    g_assert_cmpstr(machine, ==, "pc-q35-7.2");

    mt_engine_get_stats(r.source, &stats);
    g_assert_cmpuint(stats.device_bytes, ==, sizeof(sections));
    g_assert_cmpuint(stats.bandwidth, >, 0);
    g_assert_cmpfloat(stats.downtime_budget, >=, stats.bandwidth * 0.29);
    g_assert_cmpfloat(stats.device_ratio, >, 0);
    run_clear(&r);
}

static void
test_ignore_shared(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-shared-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "ram", NULL);
    g_autoptr(MtRam) ram = mt_ram_new();
    g_autoptr(MtRam) copy = mt_ram_new();
    g_autoptr(MtTransport) link = mt_transport_new_pair();
    MtRamBlockSpec shared = { .name = "shared", .length = 64 * 4096,
                              .path = path };
    MtRamBlockSpec own = { .name = "own", .length = 16 * 4096 };
    g_autoptr(MtEngine) source = NULL;
    g_autoptr(MtEngine) dest = NULL;
    MtEngineSettings settings;
    MtEngineStats stats;
    GError *error = NULL;

    mt_ram_add(ram, &shared, &error);
    mt_ram_add(ram, &own, &error);
    mt_ram_add(copy, &shared, &error);
    mt_ram_add(copy, &own, &error);
    g_assert_no_error(error);
    mt_content_fill_ram(MT_CONTENT_TEXT, 4, ram);
    source = mt_engine_new(ram, NULL, NULL);
    dest = mt_engine_new(copy, NULL, NULL);
    mt_engine_settings_init(&settings);
    settings.ignore_shared = TRUE;
    mt_engine_incoming(dest, &settings, link, NULL);
    mt_engine_migrate(source, &settings, link, NULL);
    mt_engine_wait(source, WAIT_NS, &error);
    g_assert_no_error(error);
    mt_engine_wait(dest, WAIT_NS, &error);
    g_assert_no_error(error);
    g_assert_true(mt_ram_equal(ram, copy, NULL));
    mt_engine_get_stats(source, &stats);
    g_assert_cmpuint(stats.normal, ==, 16);
    g_remove(path);
    g_rmdir(dir);
}

static void
test_many_engines(void)
{
    enum { N = 6 };
    g_autofree Run *runs = g_new(Run, N);

    for (guint i = 0; i < N; i++) {
        run_init(&runs[i]);
        runs[i].settings.multifd = i % 2;
        runs[i].settings.xbzrle = !(i % 2);
        run_writers(&runs[i], i % MT_WORKLOAD_N, 3000);
        runs[i].settings.max_passes = 5;
        run_begin(&runs[i]);
    }
    for (guint i = 0; i < N; i++)
        run_end(&runs[i]);
    for (guint i = 0; i < N; i++)
        run_clear(&runs[i]);
}

static void
test_busy(void)
{
    g_autoptr(GError) error = NULL;
    Run r;

    run_init(&r);
    r.settings.max_bandwidth = 1 << 20;
    run_begin(&r);
    g_assert_false(mt_engine_migrate(r.source, &r.settings, r.link, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    mt_engine_set_max_bandwidth(r.source, 0);
    run_end(&r);
    run_clear(&r);
}

/* An idle guest whose first pass is short takes the two syncs that QEMU makes. */
static void
test_idle_takes_two_syncs(void)
{
    MtEngineStats stats;
    Run r;

    run_init(&r);
    run_begin(&r);
    run_end(&r);
    mt_engine_get_stats(r.source, &stats);
    /* If this machine needed longer for the first pass, there are three. */
    g_assert_cmpuint(stats.dirty_sync_count, ==,
                     stats.total_ns < 100 * MT_NS_PER_MS ? 2 :
                     CLAMP(stats.dirty_sync_count, 2, 3));
    mt_engine_stats_clear(&stats);
    run_clear(&r);
}

/* Channels get no more than the rate allows, in any 100 ms and from the start,
 * at a high rate and at one below a packet. */
static void
test_rate_is_even(gconstpointer data)
{
    guint64 rate = GPOINTER_TO_SIZE(data);
    enum { SAMPLES = 150 };
    static struct { gint64 ns; guint64 bytes; } samples[SAMPLES];
    guint64 slack = rate / 10 + 2 * MT_MULTIFD_PAGES * MT_PAGE_SIZE / 4;
    MtEngineStats stats;
    Run r;

    run_init(&r);
    r.settings.multifd = TRUE;
    r.settings.max_bandwidth = rate;
    mt_content_fill_ram(MT_CONTENT_RANDOM, 1, r.ram);
    run_begin(&r);
    for (guint i = 0; i < SAMPLES; i++) {
        samples[i].ns = mt_clock_now(mt_clock_system());
        mt_engine_get_stats(r.source, &stats);
        samples[i].bytes = stats.transferred;
        mt_engine_stats_clear(&stats);
        g_usleep(5000);
    }
    mt_engine_cancel(r.source);
    mt_engine_wait(r.source, WAIT_NS, NULL);
    mt_engine_wait(r.dest, WAIT_NS, NULL);

    for (guint i = 0; i < SAMPLES; i++) {
        for (guint k = i + 1; k < SAMPLES; k++) {
            /* The sample is taken after its time. */
            gint64 ns = samples[MIN(k + 1, SAMPLES - 1)].ns - samples[i].ns;
            guint64 bytes = samples[k].bytes - samples[i].bytes;

            if (bytes > rate * (double)ns / MT_NS_PER_S + slack)
                g_error("%" G_GUINT64_FORMAT " bytes in %d ms", bytes,
                        (int)(ns / MT_NS_PER_MS));
        }
    }
    g_assert_cmpuint(samples[SAMPLES - 1].bytes, >, 0);
    run_clear(&r);
}

/* QEMU divides what was dirty at the last sync by the bandwidth: the value does
 * not fall while a pass is sent. */
static void
test_expected_downtime(void)
{
    MtEngineStats stats;
    gint64 least = G_MAXINT64;
    Run r;

    run_init(&r);
    r.settings.max_bandwidth = 4 << 20;
    r.settings.downtime_limit_ns = 1 * MT_NS_PER_MS;
    run_writers(&r, MT_WORKLOAD_UNIFORM, 4000);
    run_begin(&r);
    for (guint i = 0; i < 400; i++) {
        mt_engine_get_stats(r.source, &stats);
        if (stats.dirty_sync_count >= 3 && stats.dirty_pages_rate)
            least = MIN(least, stats.expected_downtime_ns);
        mt_engine_stats_clear(&stats);
        if (stats.dirty_sync_count >= 6)
            break;
        g_usleep(10000);
    }
    /* The guest dirties nearly all of its RAM in each pass of a second. */
    if (least != G_MAXINT64)
        g_assert_cmpint(least, >, 100 * MT_NS_PER_MS);
    mt_engine_cancel(r.source);
    mt_engine_wait(r.source, WAIT_NS, NULL);
    mt_engine_wait(r.dest, WAIT_NS, NULL);
    run_clear(&r);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/behaviour/xbzrle-after-bulk", test_xbzrle_after_bulk);
    g_test_add_func("/behaviour/xbzrle-in-bulk", test_xbzrle_in_bulk);
    g_test_add_func("/behaviour/compress-in-bulk-only",
                    test_compress_in_bulk_only);
    g_test_add_func("/behaviour/resize", test_resize);
    g_test_add_func("/behaviour/bandwidth-changes", test_bandwidth_changes);
    g_test_add_func("/behaviour/bandwidth-of-zero-pages",
                    test_bandwidth_of_zero_pages);
    g_test_add_func("/behaviour/downtime-changes", test_downtime_changes);
    g_test_add_func("/behaviour/auto-converge", test_auto_converge);
    g_test_add_func("/behaviour/pre-switchover", test_pre_switchover);
    g_test_add_func("/behaviour/no-ack", test_no_ack);
    g_test_add_func("/behaviour/ack-by-machine", test_ack_by_machine);
    g_test_add_func("/behaviour/idle-costs-nothing", test_idle_costs_nothing);
    g_test_add_func("/behaviour/devices-are-relayed",
                    test_devices_are_relayed);
    g_test_add_func("/behaviour/ignore-shared", test_ignore_shared);
    g_test_add_func("/behaviour/many-engines", test_many_engines);
    g_test_add_func("/behaviour/busy", test_busy);
    g_test_add_func("/behaviour/idle-takes-two-syncs",
                    test_idle_takes_two_syncs);
    g_test_add_data_func("/behaviour/rate-is-even/256k",
                         GSIZE_TO_POINTER(256 << 10), test_rate_is_even);
    g_test_add_data_func("/behaviour/rate-is-even/3M",
                         GSIZE_TO_POINTER(3 << 20), test_rate_is_even);
    g_test_add_func("/behaviour/expected-downtime", test_expected_downtime);
    return g_test_run();
}
