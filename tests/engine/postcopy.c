/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Post-copy: the guest runs on the destination before its RAM has arrived.
 *
 * Writers of the destination's guest access missing pages.  At the end all pages
 * that they did not write are compared, and of the written pages the number of
 * changed bytes.  Most cases run without and with the channel of
 * postcopy-preempt, in both of its dialects.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/memory/workload.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

#define N_PAGES 4096
#define RAM_BYTES (N_PAGES * MT_PAGE_SIZE)
#define WAIT_NS (60 * MT_NS_PER_S)

typedef struct {
    const char *name;
    gboolean preempt;
    gboolean early;             /* the channel is opened at the start */
} Mode;

static const Mode modes[] = {
    { "plain", FALSE, FALSE },
    { "preempt", TRUE, FALSE },
    { "preempt-early", TRUE, TRUE },
};

/* Of the case that runs. */
static const Mode *mode = &modes[0];

typedef struct {
    MtRam *ram;
    MtDirty *dirty;
    MtGate *gate;
    MtWorkload *load;
    MtEngine *engine;
    guint n_stops;              /* atomic, like the next two */
    guint n_starts;
    guint seen;                 /* bits of MtStatus */
} Side;

typedef struct {
    MtEngineSettings settings;
    Side source;
    Side dest;
    MtTransport *link;
} Pair;

static void
side_stop(gpointer data)
{
    Side *s = data;

    mt_workload_stop(s->load);
    g_atomic_int_inc((gint *)&s->n_stops);
}

static void
side_start(gpointer data)
{
    Side *s = data;

    g_atomic_int_inc((gint *)&s->n_starts);
    mt_workload_start(s->load);
}

static void
side_listen(MtEngine *engine, MtEngineEvent event, guint64 value,
            gpointer data)
{
    Side *s = data;

    if (event == MT_ENGINE_EVENT_STATUS)
        g_atomic_int_or(&s->seen, 1u << value);
}

static void
side_init(Side *s, MtWorkloadKind kind, guint64 pages_per_s)
{
    MtWorkloadSpec spec = {
        .kind = kind, .content = MT_CONTENT_RANDOM, .seed = 3, .n_threads = 2,
        .pages_per_s = pages_per_s,
    };
    MtEngineGuest guest = {
        .stop = side_stop, .start = side_start, .data = s,
    };
    GError *error = NULL;

    s->ram = mt_ram_new_simple(RAM_BYTES, &error);
    g_assert_no_error(error);
    s->dirty = mt_dirty_new(mt_ram_n_pages(s->ram));
    s->gate = mt_gate_new(mt_ram_n_pages(s->ram));
    s->load = mt_workload_new(&spec, s->ram, s->dirty, NULL, &error);
    g_assert_no_error(error);
    mt_workload_set_gate(s->load, s->gate);
    guest.gate = s->gate;
    s->engine = mt_engine_new(s->ram, s->dirty, &guest);
    mt_engine_set_listener(s->engine, side_listen, s);
}

static void
side_clear(Side *s)
{
    mt_engine_free(s->engine);
    mt_workload_free(s->load);
    mt_gate_free(s->gate);
    mt_dirty_free(s->dirty);
    mt_ram_free(s->ram);
}

static void
pair_init(Pair *p, MtWorkloadKind there, guint64 pages_per_s)
{
    memset(p, 0, sizeof(*p));
    mt_engine_settings_init(&p->settings);
    p->settings.postcopy = p->settings.return_path = TRUE;
    p->settings.postcopy_preempt = mode->preempt;
    p->settings.wire.preempt_early = mode->early;
    /* Slow, so that post-copy is requested during the first pass. */
    p->settings.max_bandwidth = 16 << 20;
    p->settings.timeout_ms = 10000;
    side_init(&p->source, MT_WORKLOAD_UNIFORM, 2000);
    side_init(&p->dest, there, pages_per_s);
    mt_content_fill_ram(MT_CONTENT_MIXED, 1, p->source.ram);
    p->link = mt_transport_new_pair();
}

static void
pair_clear(Pair *p)
{
    side_clear(&p->source);
    side_clear(&p->dest);
    mt_transport_unref(p->link);
}

static void
pair_begin(Pair *p)
{
    GError *error = NULL;

    mt_workload_start(p->source.load);
    mt_engine_incoming(p->dest.engine, &p->settings, p->link, &error);
    g_assert_no_error(error);
    mt_engine_migrate(p->source.engine, &p->settings, p->link, &error);
    g_assert_no_error(error);
}

static void
pair_wait_active(Pair *p, guint64 bytes)
{
    MtEngineStats stats = { 0 };

    while (stats.status < MT_STATUS_ACTIVE || stats.transferred < bytes) {
        g_usleep(500);
        mt_engine_get_stats(p->source.engine, &stats);
        mt_engine_stats_clear(&stats);
    }
}

static void
pair_postcopy(Pair *p)
{
    GError *error = NULL;

    mt_engine_start_postcopy(p->source.engine, &error);
    g_assert_no_error(error);
}

static void
pair_end(Pair *p)
{
    GError *error = NULL;

    mt_engine_wait(p->source.engine, WAIT_NS, &error);
    g_assert_no_error(error);
    mt_engine_wait(p->dest.engine, WAIT_NS, &error);
    g_assert_no_error(error);
    mt_workload_stop(p->dest.load);
}

/* Pages that were not written on the destination are equal; of a written page at
 * most @max_differing bytes differ. */
static void
pair_compare(Pair *p, guint max_differing)
{
    MtDirty *written = p->dest.dirty;
    guint n_alone = 0;

    mt_dirty_sync(written);
    for (guint64 i = 0; i < N_PAGES; i++) {
        const guint8 *a = mt_ram_page(p->source.ram, i, NULL);
        const guint8 *b = mt_ram_page(p->dest.ram, i, NULL);
        guint n = 0;

        for (guint k = 0; k < MT_PAGE_SIZE; k++)
            n += a[k] != b[k];
        if (!mt_dirty_take(written, i)) {
            n_alone++;
            g_assert_cmpuint(n, ==, 0);
        } else {
            g_assert_cmpuint(n, <=, max_differing);
        }
    }
    g_test_message("%u of %u pages were not written to", n_alone, N_PAGES);
}

static guint64
resident_bytes(void)
{
    g_autofree char *text = NULL;
    guint64 pages = 0;

    g_file_get_contents("/proc/self/statm", &text, NULL, NULL);
    g_assert_nonnull(text);
    g_assert_cmpint(sscanf(text, "%*u %" G_GUINT64_FORMAT, &pages), ==, 1);
    return pages * MT_PAGE_SIZE;
}

/* A guest that is mostly empty takes little memory on both sides, and the pages
 * that it has arrive. */
static void
test_sparse(gconstpointer data)
{
    enum { PAGES = 512 << 20 >> MT_PAGE_SHIFT, USED = 512 };
    const char *how = data;
    g_autoptr(MtTransport) link = mt_transport_new_pair();
    g_autoptr(MtRam) from = mt_ram_new_simple(512 << 20, NULL);
    g_autoptr(MtRam) to = mt_ram_new_simple(512 << 20, NULL);
    g_autoptr(MtGate) gate = mt_gate_new(PAGES);
    MtEngineGuest guest = { .gate = gate };
    g_autoptr(MtEngine) source = mt_engine_new(from, NULL, NULL);
    g_autoptr(MtEngine) dest = mt_engine_new(to, NULL, &guest);
    MtEngineSettings settings;
    GError *error = NULL;
    guint64 before, after;

    for (guint i = 0; i < USED; i++)
        mt_content_fill(MT_CONTENT_RANDOM, 1, i, mt_ram_page(from, i, NULL));
    mt_engine_settings_init(&settings);
    settings.return_path = TRUE;
    settings.multifd = strcmp(how, "multifd") == 0;
    settings.postcopy = strcmp(how, "postcopy") == 0;
    settings.postcopy_preempt = settings.postcopy && mode->preempt;
    settings.wire.preempt_early = mode->early;
    settings.max_bandwidth = settings.postcopy ? 1 << 20 : 0;

    before = resident_bytes();
    mt_engine_incoming(dest, &settings, link, &error);
    g_assert_no_error(error);
    mt_engine_migrate(source, &settings, link, &error);
    g_assert_no_error(error);
    if (settings.postcopy) {
        mt_engine_start_postcopy(source, &error);
        g_assert_no_error(error);
    }
    mt_engine_wait(source, WAIT_NS, &error);
    g_assert_no_error(error);
    mt_engine_wait(dest, WAIT_NS, &error);
    g_assert_no_error(error);
    after = resident_bytes();
    g_test_message("%s: %" G_GUINT64_FORMAT " KiB more", how,
                   after > before ? (after - before) / 1024 : 0);
    g_assert_cmpuint(after, <, before + (64 << 20));
    for (guint i = 0; i < 2 * USED; i++)
        g_assert_cmpmem(mt_ram_page(from, i, NULL), MT_PAGE_SIZE,
                        mt_ram_page(to, i, NULL), MT_PAGE_SIZE);
}

/* A complete post-copy, with all statistics. */
static void
test_completes(gconstpointer data)
{
    MtEngineStats stats;
    Pair p;

    /* The writers change one byte of each page in each round. */
    pair_init(&p, MT_WORKLOAD_ONE_BYTE, 0);
    p.settings.max_postcopy_bandwidth = 32 << 20;
    pair_begin(&p);
    pair_wait_active(&p, 1 << 20);
    g_assert_cmpuint(g_atomic_int_get(&p.dest.n_starts), ==, 0);
    pair_postcopy(&p);
    pair_end(&p);

    mt_engine_get_stats(p.source.engine, &stats);
    g_assert_cmpuint(stats.status, ==, MT_STATUS_COMPLETED);
    g_assert_cmpuint(mt_engine_get_outcome(p.source.engine), ==,
                     MT_OUTCOME_THERE);
    g_assert_cmpuint(mt_engine_get_outcome(p.dest.engine), ==,
                     MT_OUTCOME_HERE);
    g_assert_cmpuint(p.source.n_starts, ==, 0);
    g_assert_cmpuint(p.source.n_stops, ==, 1);
    g_assert_cmpuint(p.dest.n_starts, ==, 1);
    g_assert_true(p.source.seen & 1u << MT_STATUS_POSTCOPY_ACTIVE);
    g_assert_true(p.dest.seen & 1u << MT_STATUS_POSTCOPY_ACTIVE);

    /* The guest waited for pages, and they were sent first. */
    g_assert_cmpuint(stats.postcopy_requests, >, 0);
    g_assert_cmpuint(stats.postcopy_bytes, >, 1 << 20);
    g_assert_cmpuint(stats.precopy_bytes, >=, 1 << 20);
    g_assert_cmpuint(stats.transferred, ==, stats.precopy_bytes +
                     stats.downtime_bytes + stats.postcopy_bytes);
    g_assert_cmpint(stats.downtime_ns, >, 0);
    g_assert_cmpint(stats.downtime_ns, <, stats.total_ns);
    g_assert_cmpuint(stats.remaining, ==, 0);
    g_assert_cmpuint(mt_gate_count_missing(p.dest.gate), ==, 0);
    pair_compare(&p, 2 * mt_workload_writes(p.dest.load) / N_PAGES + 2);
    mt_engine_stats_clear(&stats);
    pair_clear(&p);
}

/* With other features used before the switch. */
static void
test_after(gconstpointer data)
{
    const char *how = data;
    Pair p;

    pair_init(&p, MT_WORKLOAD_ONE_BYTE, 1000);
    if (strcmp(how, "xbzrle") == 0)
        p.settings.xbzrle = TRUE;
    if (strcmp(how, "compress") == 0)
        p.settings.compress = TRUE;
    if (strstr(how, "multifd"))
        p.settings.multifd = TRUE;
    if (strcmp(how, "old-multifd") == 0) {
        mt_engine_settings_speak(&p.settings, MT_GENERATION_OLD);
        p.settings.wire.preempt_early = mode->early;
    }
    if (strcmp(how, "pause") == 0)
        p.settings.pause_before_switchover = TRUE;
    pair_begin(&p);
    pair_wait_active(&p, strcmp(how, "multifd") == 0 ? 0 : 2 << 20);
    pair_postcopy(&p);
    if (strcmp(how, "pause") == 0) {
        while (mt_engine_get_status(p.source.engine) !=
               MT_STATUS_PRE_SWITCHOVER)
            g_usleep(500);
        g_assert_cmpuint(g_atomic_int_get(&p.dest.n_starts), ==, 0);
        mt_engine_continue(p.source.engine);
    }
    pair_end(&p);
    g_assert_cmpuint(p.dest.n_starts, ==, 1);
    pair_compare(&p, 2 * mt_workload_writes(p.dest.load) / N_PAGES + 2);
    pair_clear(&p);
}

/* Post-copy is possible but not requested: the stream ends as pre-copy. */
static void
test_not_asked(gconstpointer data)
{
    MtEngineStats stats;
    Pair p;

    pair_init(&p, MT_WORKLOAD_IDLE, 0);
    p.settings.max_bandwidth = 0;
    pair_begin(&p);
    pair_end(&p);
    g_assert_true(mt_ram_equal(p.source.ram, p.dest.ram, NULL));
    mt_engine_get_stats(p.source.engine, &stats);
    g_assert_cmpuint(stats.postcopy_bytes, ==, 0);
    g_assert_cmpuint(stats.postcopy_requests, ==, 0);
    mt_engine_stats_clear(&stats);
    pair_clear(&p);
}

/* After the package was sent, a cancelled source does not start its guest. */
static void
test_cancel(gconstpointer data)
{
    Pair p;

    pair_init(&p, MT_WORKLOAD_ONE_BYTE, 1000);
    p.settings.max_postcopy_bandwidth = 1 << 20;
    pair_begin(&p);
    pair_wait_active(&p, 1 << 20);
    pair_postcopy(&p);
    while (!g_atomic_int_get(&p.dest.n_starts))
        g_usleep(500);
    mt_engine_cancel(p.source.engine);
    g_assert_false(mt_engine_wait(p.source.engine, WAIT_NS, NULL));
    g_assert_false(mt_engine_wait(p.dest.engine, WAIT_NS, NULL));
    g_assert_cmpuint(mt_engine_get_outcome(p.source.engine), ==,
                     MT_OUTCOME_UNKNOWN);
    g_assert_cmpuint(p.source.n_starts, ==, 0);
    g_assert_cmpuint(p.dest.n_starts, ==, 1);

    /* Its writers wait for missing pages, and can be stopped. */
    g_assert_cmpuint(mt_gate_count_missing(p.dest.gate), >, 0);
    mt_workload_stop(p.dest.load);
    pair_clear(&p);
}

static void
side_wait(Side *s, MtStatus status)
{
    gint64 end = g_get_monotonic_time() + WAIT_NS / 1000;

    while (mt_engine_get_status(s->engine) != status) {
        if (g_get_monotonic_time() > end)
            g_error("the status is still %s instead of %s",
                    mt_status_to_string(mt_engine_get_status(s->engine)),
                    mt_status_to_string(status));
        g_usleep(500);
    }
}

/* The link is shut down twice, and each time the post-copy continues on a new
 * link. */
static void
test_recover(gconstpointer data)
{
    gboolean by_source = GPOINTER_TO_INT(data);
    Pair p;

    pair_init(&p, MT_WORKLOAD_ONE_BYTE, 1000);
    p.settings.postcopy_recovers = TRUE;
    p.settings.max_postcopy_bandwidth = 8 << 20;
    pair_begin(&p);
    pair_wait_active(&p, 1 << 20);
    pair_postcopy(&p);
    while (!g_atomic_int_get(&p.dest.n_starts))
        g_usleep(500);

    for (guint round = 0; round < 2; round++) {
        g_autoptr(MtTransport) unused = mt_transport_new_pair();
        g_autoptr(MtTransport) other = mt_transport_new_pair();
        guint64 missing;
        GError *error = NULL;

        g_usleep(100000);
        mt_engine_pause_postcopy(by_source ? p.source.engine : p.dest.engine);
        side_wait(&p.source, MT_STATUS_POSTCOPY_PAUSED);
        side_wait(&p.dest, MT_STATUS_POSTCOPY_PAUSED);
        missing = mt_gate_count_missing(p.dest.gate);
        g_assert_cmpuint(missing, >, 0);
        g_assert_cmpuint(missing, <, N_PAGES);

        /* The address that was offered last is used. */
        mt_engine_recover(p.dest.engine, unused, &error);
        g_assert_no_error(error);
        g_usleep(1000);
        mt_engine_recover(p.dest.engine, other, &error);
        g_assert_no_error(error);
        mt_engine_resume(p.source.engine, other, &error);
        g_assert_no_error(error);
        side_wait(&p.source, MT_STATUS_POSTCOPY_ACTIVE);
    }
    mt_engine_set_max_postcopy_bandwidth(p.source.engine, 0);
    pair_end(&p);
    g_assert_cmpuint(p.dest.n_starts, ==, 1);
    g_assert_cmpuint(p.source.n_starts, ==, 0);
    g_assert_true(p.dest.seen & 1u << MT_STATUS_POSTCOPY_RECOVER);
    g_assert_true(p.source.seen & 1u << MT_STATUS_POSTCOPY_RECOVER);
    pair_compare(&p, 2 * mt_workload_writes(p.dest.load) / N_PAGES + 2);
    pair_clear(&p);
}

/* A link that breaks pauses the post-copy, too; a cancel while it is paused ends
 * it at once. */
static void
test_link_drops(gconstpointer data)
{
    GError *error = NULL;
    Pair p;

    pair_init(&p, MT_WORKLOAD_ONE_BYTE, 1000);
    p.settings.postcopy_recovers = TRUE;
    p.settings.max_postcopy_bandwidth = 4 << 20;
    p.settings.fault.kind = MT_IO_FAULT_DROP;
    p.settings.fault.at = 4 << 20;
    pair_begin(&p);
    pair_wait_active(&p, 1 << 20);
    g_assert_false(mt_engine_resume(p.source.engine, p.link, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    pair_postcopy(&p);
    side_wait(&p.source, MT_STATUS_POSTCOPY_PAUSED);
    side_wait(&p.dest, MT_STATUS_POSTCOPY_PAUSED);

    mt_engine_cancel(p.source.engine);
    g_assert_false(mt_engine_wait(p.source.engine, WAIT_NS, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_clear_error(&error);
    g_assert_cmpuint(p.source.n_starts, ==, 0);
    mt_workload_stop(p.dest.load);
    pair_clear(&p);
}

static void
test_refused(gconstpointer data)
{
    GError *error = NULL;
    Pair p;

    /* The setting is off on the source. */
    pair_init(&p, MT_WORKLOAD_IDLE, 0);
    p.settings.postcopy = FALSE;
    pair_begin(&p);
    g_assert_false(mt_engine_start_postcopy(p.source.engine, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    p.settings.postcopy = TRUE;
    mt_engine_cancel(p.source.engine);
    pair_clear(&p);

    /* The setting is off on the destination. */
    pair_init(&p, MT_WORKLOAD_IDLE, 0);
    p.settings.postcopy = FALSE;
    mt_engine_incoming(p.dest.engine, &p.settings, p.link, &error);
    g_assert_no_error(error);
    p.settings.postcopy = TRUE;
    mt_engine_migrate(p.source.engine, &p.settings, p.link, &error);
    g_assert_no_error(error);
    g_assert_false(mt_engine_wait(p.dest.engine, WAIT_NS, &error));
    g_assert_nonnull(strstr(error->message, "postcopy-ram"));
    g_clear_error(&error);
    g_assert_false(mt_engine_wait(p.source.engine, WAIT_NS, NULL));
    g_assert_cmpuint(mt_engine_get_outcome(p.source.engine), ==,
                     MT_OUTCOME_HERE);
    pair_clear(&p);
}

/* The channel of postcopy-preempt breaks alone: the post-copy is paused, and
 * continues on new connections. */
static void
test_preempt_drops(gconstpointer data)
{
    g_autoptr(MtTransport) other = mt_transport_new_pair();
    GError *error = NULL;
    MtEngineStats stats;
    Pair p;

    pair_init(&p, MT_WORKLOAD_ONE_BYTE, 1000);
    p.settings.postcopy_recovers = TRUE;
    p.settings.max_postcopy_bandwidth = 1 << 20;
    p.settings.fault.kind = MT_IO_FAULT_DROP;
    p.settings.fault.at = 64 << 10;
    p.settings.fault_channel = -2;
    pair_begin(&p);
    pair_wait_active(&p, 1 << 20);
    pair_postcopy(&p);
    side_wait(&p.source, MT_STATUS_POSTCOPY_PAUSED);
    side_wait(&p.dest, MT_STATUS_POSTCOPY_PAUSED);
    /* More than one page arrived before, on that channel. */
    mt_engine_get_stats(p.source.engine, &stats);
    g_assert_cmpuint(stats.postcopy_requests, >, 8);
    mt_engine_stats_clear(&stats);

    mt_engine_recover(p.dest.engine, other, &error);
    g_assert_no_error(error);
    mt_engine_resume(p.source.engine, other, &error);
    g_assert_no_error(error);
    side_wait(&p.source, MT_STATUS_POSTCOPY_ACTIVE);
    mt_engine_set_max_postcopy_bandwidth(p.source.engine, 0);
    pair_end(&p);
    g_assert_cmpuint(p.dest.n_starts, ==, 1);
    pair_compare(&p, 2 * mt_workload_writes(p.dest.load) / N_PAGES + 2);
    pair_clear(&p);
}

typedef struct {
    const Mode *mode;
    void (*func)(gconstpointer data);
    gconstpointer data;
} Case;

static void
run_case(gconstpointer data)
{
    const Case *c = data;

    mode = c->mode;
    c->func(c->data);
}

static void
add_case(const Mode *with, const char *name,
         void (*func)(gconstpointer data), gconstpointer data)
{
    g_autofree char *path = g_strdup_printf("/postcopy/%s/%s", with->name,
                                            name);
    Case *c = g_new(Case, 1);

    *c = (Case) { with, func, data };
    g_test_add_data_func_full(path, c, run_case, g_free);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*func)(gconstpointer data);
        gconstpointer data;
    } cases[] = {
        { "completes", test_completes, NULL },
        { "after/xbzrle", test_after, "xbzrle" },
        { "after/multifd", test_after, "multifd" },
        { "after/old-multifd", test_after, "old-multifd" },
        { "after/pause", test_after, "pause" },
        { "sparse/precopy", test_sparse, "precopy" },
        { "sparse/multifd", test_sparse, "multifd" },
        { "sparse/postcopy", test_sparse, "postcopy" },
        { "not-asked", test_not_asked, NULL },
        { "cancel", test_cancel, NULL },
        { "recover/source", test_recover, GINT_TO_POINTER(TRUE) },
        { "recover/destination", test_recover, GINT_TO_POINTER(FALSE) },
        { "link-drops", test_link_drops, NULL },
    };

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(cases); j++)
            add_case(&modes[i], cases[j].name, cases[j].func, cases[j].data);
        if (modes[i].preempt)
            add_case(&modes[i], "drops", test_preempt_drops, NULL);
    }
    /* postcopy-preempt excludes compress. */
    add_case(&modes[0], "after/compress", test_after, "compress");
    add_case(&modes[0], "refused", test_refused, NULL);
    return g_test_run();
}
