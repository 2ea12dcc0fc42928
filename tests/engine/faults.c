/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults between source and destination: links that are cut, stall or change a
 * byte, unexpected clients, cancellations.  Nothing hangs, errors name the place,
 * and afterwards the guest can run on one side only.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "stream/wire.h"
#include "engine/memory/workload.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

#define N_PAGES 256
#define RAM_BYTES (N_PAGES * MT_PAGE_SIZE)
#define WAIT_NS (20 * MT_NS_PER_S)

/* The least that a channel sends, if another channel sends all pages: its hello
 * and a SYNC at the start and at the end. */
#define LEAST_BYTES (MT_MULTIFD_HELLO_SIZE + 2 * MT_MULTIFD_HEADER_SIZE - 1)

/* Two engines and the guest of the source. */
typedef struct {
    MtEngineSettings from;
    MtEngineSettings to;
    MtRam *ram;
    MtRam *copy;
    MtDirty *dirty;
    MtWorkload *load;
    MtEngine *source;
    MtEngine *dest;
    gboolean runs_here;         /* the guest of the source; atomic */
    gboolean runs_there;
} Pair;

static void
source_stop(gpointer data)
{
    Pair *p = data;

    mt_workload_stop(p->load);
    g_atomic_int_set(&p->runs_here, FALSE);
}

static void
source_start(gpointer data)
{
    Pair *p = data;

    g_atomic_int_set(&p->runs_here, TRUE);
    mt_workload_start(p->load);
}

static void
dest_start(gpointer data)
{
    Pair *p = data;

    g_atomic_int_set(&p->runs_there, TRUE);
}

static Pair *
pair_new(void)
{
    Pair *p = g_new0(Pair, 1);
    MtWorkloadSpec spec = {
        .kind = MT_WORKLOAD_UNIFORM, .seed = 7, .pages_per_s = 2000,
    };
    MtEngineGuest here = { .stop = source_stop, .start = source_start,
                           .data = p };
    MtEngineGuest there = { .start = dest_start, .data = p };
    GError *error = NULL;

    mt_engine_settings_init(&p->from);
    p->from.return_path = TRUE;
    p->from.timeout_ms = 5000;
    p->from.max_bandwidth = 0;
    p->to = p->from;
    p->ram = mt_ram_new_simple(RAM_BYTES, &error);
    p->copy = mt_ram_new_simple(RAM_BYTES, &error);
    g_assert_no_error(error);
    mt_content_fill_ram(MT_CONTENT_MIXED, 3, p->ram);
    p->dirty = mt_dirty_new(mt_ram_n_pages(p->ram));
    p->load = mt_workload_new(&spec, p->ram, p->dirty, NULL, &error);
    g_assert_no_error(error);
    p->source = mt_engine_new(p->ram, p->dirty, &here);
    p->dest = mt_engine_new(p->copy, NULL, &there);
    source_start(p);
    return p;
}

static void
pair_free(Pair *p)
{
    mt_engine_free(p->source);
    mt_engine_free(p->dest);
    mt_workload_free(p->load);
    mt_dirty_free(p->dirty);
    mt_ram_free(p->ram);
    mt_ram_free(p->copy);
    g_free(p);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pair, pair_free)

static void
pair_begin(Pair *p, MtTransport *link)
{
    g_autoptr(MtTransport) to = NULL;
    GError *error = NULL;

    mt_engine_incoming(p->dest, &p->to, link, &error);
    g_assert_no_error(error);
    if (mt_transport_is_pair(link)) {
        to = mt_transport_ref(link);
    } else {
        g_autofree char *address = mt_transport_dup_address(link);

        to = mt_transport_new(address, &error);
        g_assert_no_error(error);
    }
    mt_engine_migrate(p->source, &p->from, to, &error);
    g_assert_no_error(error);
}

static void
pair_give_error(GError *error, GError **ret_error)
{
    if (ret_error)
        *ret_error = error;
    else
        g_clear_error(&error);
}

/* Waits for both, and checks that the guest runs exactly once. */
static gboolean
pair_end(Pair *p, GError **ret_source, GError **ret_dest)
{
    GError *source_error = NULL;
    GError *dest_error = NULL;
    gboolean ok = mt_engine_wait(p->source, WAIT_NS, &source_error);
    gboolean dest_ok = mt_engine_wait(p->dest, WAIT_NS, &dest_error);
    MtOutcome here = mt_engine_get_outcome(p->source);
    MtOutcome there = mt_engine_get_outcome(p->dest);

    g_assert_cmpint(here, !=, MT_OUTCOME_PENDING);
    g_assert_cmpint(there, !=, MT_OUTCOME_PENDING);
    g_assert_cmpint(ok, ==, here == MT_OUTCOME_THERE);
    g_assert_cmpint(dest_ok, ==, there == MT_OUTCOME_HERE);
    g_assert_cmpint(g_atomic_int_get(&p->runs_here), ==,
                    here == MT_OUTCOME_HERE);
    g_assert_cmpint(g_atomic_int_get(&p->runs_there), ==, dest_ok);
    if (here != MT_OUTCOME_UNKNOWN &&
        g_atomic_int_get(&p->runs_here) + g_atomic_int_get(&p->runs_there) != 1)
        g_error("the guest runs %s: the source says \"%s\", the destination "
                "\"%s\"", dest_ok ? "twice" : "nowhere",
                source_error ? source_error->message : "done",
                dest_error ? dest_error->message : "done");
    if (ok)
        g_assert_true(mt_ram_equal(p->ram, p->copy, NULL));
    pair_give_error(source_error, ret_source);
    pair_give_error(dest_error, ret_dest);
    return ok;
}

static void
use_plain(MtEngineSettings *s)
{
}

static void
use_multifd(MtEngineSettings *s)
{
    s->multifd = TRUE;
    strcpy(s->multifd_compression, "zstd");
}

static void
use_old_multifd(MtEngineSettings *s)
{
    mt_engine_settings_speak(s, MT_GENERATION_OLD);
    s->multifd = TRUE;
    strcpy(s->multifd_compression, "zlib");
}

/* A pair tells the source the result even without a return path. */
static void
use_one_way(MtEngineSettings *s)
{
    s->return_path = FALSE;
}

static void
use_xbzrle(MtEngineSettings *s)
{
    s->xbzrle = TRUE;
    s->xbzrle_cache_bytes = 1 << 20;
}

static const struct {
    const char *name;
    void (*set)(MtEngineSettings *s);
    int n_channels;
} ways[] = {
    { "plain", use_plain, 0 },
    { "one-way", use_one_way, 0 },
    { "xbzrle", use_xbzrle, 0 },
    { "multifd", use_multifd, 2 },
    { "old-multifd", use_old_multifd, 2 },
};

/* How many bytes a migration writes into each channel. */
static guint64
measure(guint way, int channel)
{
    g_autoptr(Pair) p = pair_new();
    g_autoptr(MtTransport) link = mt_transport_new_pair();
    MtEngineStats stats;
    guint64 bytes;

    ways[way].set(&p->from);
    ways[way].set(&p->to);
    pair_begin(p, link);
    g_assert_true(pair_end(p, NULL, NULL));
    mt_engine_get_stats(p->source, &stats);
    bytes = channel < 0 ? stats.transferred - stats.multifd_bytes :
            stats.multifd_bytes / ways[way].n_channels;
    mt_engine_stats_clear(&stats);
    return bytes;
}

static gboolean
run_fault_on(MtTransport *link, guint way, int channel,
             const MtIoFault *fault, guint timeout_ms)
{
    g_autoptr(Pair) p = pair_new();
    g_autoptr(GError) here = NULL;
    g_autoptr(GError) there = NULL;
    gboolean ok;

    ways[way].set(&p->from);
    ways[way].set(&p->to);
    p->from.fault = *fault;
    p->from.fault_channel = channel;
    p->from.timeout_ms = p->to.timeout_ms = timeout_ms;
    pair_begin(p, link);
    ok = pair_end(p, &here, &there);
    if (!ok) {
        g_assert_nonnull(here);
        g_assert_true(here->domain == MIGTUNE_ERROR);
        if (there && there->code == MIGTUNE_ERROR_STREAM)
            g_assert_true(strstr(there->message, "offset") ||
                          strstr(there->message, "hello") ||
                          strstr(there->message, "connection"));
    }
    return ok;
}

static gboolean
run_fault(guint way, int channel, const MtIoFault *fault, guint timeout_ms)
{
    g_autoptr(MtTransport) link = mt_transport_new_pair();

    return run_fault_on(link, way, channel, fault, timeout_ms);
}

/* A broken TCP connection may lose bytes in flight. */
static void
test_cut_tcp(void)
{
    for (guint way = 0; way < G_N_ELEMENTS(ways); way++) {
        for (guint i = 0; i < 24; i++) {
            g_autoptr(MtTransport) link =
                mt_transport_new("tcp:127.0.0.1:0", NULL);
            int channel = i % 3 < (guint)ways[way].n_channels ? i % 3 : -1;
            MtIoFault fault = { MT_IO_FAULT_DROP, i * i * i * 60 };

            if (ways[way].set != use_one_way)
                run_fault_on(link, way, channel, &fault, 5000);
        }
    }
}

/* The link is cut at each byte of the structure and at some other bytes. */
static void
test_cut(gconstpointer data)
{
    guint way = GPOINTER_TO_UINT(data);
    guint step = g_test_slow() ? 1 : 97;

    for (int channel = -1; channel < ways[way].n_channels; channel++) {
        guint64 bytes = measure(way, channel);

        for (guint64 at = 0; at < bytes + 400; at += step) {
            MtIoFault fault = { MT_IO_FAULT_DROP, at };

            /* Bytes of pages are equivalent. */
            if (at > 300 && at + 2500 < bytes)
                at += (bytes - 2500 - at) / 10;
            if (run_fault(way, channel, &fault, 5000))
                g_assert_cmpuint(at, >, channel < 0 ? bytes / 4 :
                                 LEAST_BYTES);
        }
    }
}

static void
test_corrupt(gconstpointer data)
{
    guint way = GPOINTER_TO_UINT(data);
    guint step = g_test_slow() ? 1 : 149;

    for (int channel = -1; channel < ways[way].n_channels; channel++) {
        guint64 bytes = measure(way, channel);

        for (guint64 at = 0; at < bytes; at += step) {
            g_autoptr(Pair) p = pair_new();
            g_autoptr(MtTransport) link = mt_transport_new_pair();
            MtIoFault fault = { MT_IO_FAULT_CORRUPT, at };

            if (at > 300 && at + 1500 < bytes)
                at += (bytes - 1500 - at) / 10;
            ways[way].set(&p->from);
            ways[way].set(&p->to);
            p->from.fault = fault;
            p->from.fault_channel = channel;
            p->from.timeout_ms = p->to.timeout_ms = 150;
            pair_begin(p, link);
            /* A changed byte of a page is not detected; only the side that
             * runs is checked. */
            mt_engine_wait(p->source, WAIT_NS, NULL);
            mt_engine_wait(p->dest, WAIT_NS, NULL);
            g_assert_cmpint(g_atomic_int_get(&p->runs_here) +
                            g_atomic_int_get(&p->runs_there), <=, 1);
            if (mt_engine_get_outcome(p->source) != MT_OUTCOME_UNKNOWN)
                g_assert_cmpint(g_atomic_int_get(&p->runs_here) +
                                g_atomic_int_get(&p->runs_there), ==, 1);
        }
    }
}

static void
test_stall(void)
{
    for (guint way = 0; way < G_N_ELEMENTS(ways); way++) {
        for (int channel = -1; channel < ways[way].n_channels; channel++) {
            guint64 bytes = measure(way, channel);
            const guint64 places[] = {
                0, 3, 70, channel < 0 ? bytes / 2 : LEAST_BYTES,
            };

            for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
                MtIoFault fault = { MT_IO_FAULT_STALL, places[i] };

                g_assert_false(run_fault(way, channel, &fault, 150));
            }
        }
    }
}

/* The final answer of the destination is lost. */
static void
test_answer_lost(void)
{
    for (guint64 at = 0; at < 20; at++) {
        g_autoptr(Pair) p = pair_new();
        g_autoptr(MtTransport) link = mt_transport_new_pair();
        MtIoFault fault = { MT_IO_FAULT_DROP, at };

        p->to.fault = fault;
        pair_begin(p, link);
        g_assert_cmpint(pair_end(p, NULL, NULL), ==, at >= 16);
    }
}

/* A proxy between source and destination, which closes both connections when it
 * reads SHUT. */
typedef struct {
    MtIo *source;
    MtIo *dest;
} Thief;

static gpointer
thief_forward(gpointer data)
{
    Thief *t = data;
    guint8 buf[65536];
    struct iovec iov = { buf, sizeof(buf) };
    gssize n;

    while ((n = mt_io_read_some(t->source, &iov, 1, NULL)) > 0 &&
           mt_io_write(t->dest, buf, n, NULL)) {
    }
    return NULL;
}

static gpointer
thief_answers(gpointer data)
{
    Thief *t = data;
    guint8 head[4], payload[MT_RP_MAX];

    while (mt_io_read(t->dest, head, sizeof(head), NULL) &&
           mt_get_be16(head) != MT_RP_SHUT &&
           mt_io_read(t->dest, payload, mt_get_be16(head + 2), NULL) &&
           mt_io_write(t->source, head, sizeof(head), NULL) &&
           mt_io_write(t->source, payload, mt_get_be16(head + 2), NULL)) {
    }
    mt_io_shutdown(t->source);
    return NULL;
}

/*
 * SHUT is lost: the destination runs the guest.  A source whose destination
 * reports failures keeps its guest stopped; one of 7.2 runs it again, as QEMU
 * does, because there a closed connection is what a failure looks like.
 */
static void
test_answer_stolen(gconstpointer data)
{
    gboolean old = GPOINTER_TO_INT(data);
    g_autofree char *dir = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *here = g_strdup_printf("unix:%s/source", dir);
    g_autofree char *there = g_strdup_printf("unix:%s/dest", dir);
    g_autoptr(MtTransport) front = mt_transport_new(here, NULL);
    g_autoptr(MtTransport) to = mt_transport_new(here, NULL);
    g_autoptr(MtTransport) back = mt_transport_new(there, NULL);
    g_autoptr(MtTransport) dest = mt_transport_new(there, NULL);
    g_autoptr(Pair) p = pair_new();
    g_autoptr(GError) error = NULL;
    GThread *threads[2];
    Thief thief;

    if (old) {
        mt_engine_settings_speak(&p->from, MT_GENERATION_OLD);
        mt_engine_settings_speak(&p->to, MT_GENERATION_OLD);
    }
    g_assert_true(mt_transport_listen(front, &error));
    mt_engine_incoming(p->dest, &p->to, dest, &error);
    g_assert_no_error(error);
    mt_engine_migrate(p->source, &p->from, to, &error);
    g_assert_no_error(error);
    thief.source = mt_transport_accept(front, 0, NULL, &error);
    g_assert_no_error(error);
    thief.dest = mt_transport_connect(back, 0, NULL, &error);
    g_assert_no_error(error);
    threads[0] = g_thread_new("forward", thief_forward, &thief);
    threads[1] = g_thread_new("answers", thief_answers, &thief);

    g_assert_false(mt_engine_wait(p->source, WAIT_NS, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    g_assert_true(mt_engine_wait(p->dest, WAIT_NS, NULL));
    g_assert_cmpint(mt_engine_get_outcome(p->dest), ==, MT_OUTCOME_HERE);
    g_assert_cmpint(mt_engine_get_outcome(p->source), ==,
                    old ? MT_OUTCOME_HERE : MT_OUTCOME_UNKNOWN);
    g_assert_cmpint(g_atomic_int_get(&p->runs_here), ==, old);
    g_assert_cmpint(g_atomic_int_get(&p->runs_there), ==, TRUE);

    mt_io_shutdown(thief.dest);
    for (guint i = 0; i < 2; i++)
        g_thread_join(threads[i]);
    mt_io_free(thief.source);
    mt_io_free(thief.dest);
    mt_transport_stop_listening(front);
    g_rmdir(dir);
}

static void
test_source_dies_at_pass(void)
{
    for (guint pass = 1; pass < 4; pass++) {
        g_autoptr(Pair) p = pair_new();
        g_autoptr(MtTransport) link = mt_transport_new_pair();
        g_autoptr(GError) error = NULL;

        p->from.fail_at_pass = pass;
        p->from.downtime_limit_ns = 0;
        mt_workload_stop(p->load);
        mt_dirty_mark_range(p->dirty, 0, N_PAGES);
        mt_workload_start(p->load);
        pair_begin(p, link);
        if (pair_end(p, &error, NULL))
            continue;
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    }
}

static void
cancel_when(MtEngine *engine, MtEngineEvent event, guint64 value,
            gpointer data)
{
    guint want = GPOINTER_TO_UINT(data);

    if (event == (want & 0xff) && (event != MT_ENGINE_EVENT_STATUS ||
                                   value == want >> 8))
        mt_engine_cancel(engine);
}

/* Cancels at each event: the guest continues on the source, or already ran on the
 * destination. */
static void
test_cancel(void)
{
    static const struct {
        MtEngineEvent event;
        MtStatus status;
    } when[] = {
        { MT_ENGINE_EVENT_STATUS, MT_STATUS_SETUP },
        { MT_ENGINE_EVENT_STATUS, MT_STATUS_ACTIVE },
        { MT_ENGINE_EVENT_PASS },
        { MT_ENGINE_EVENT_STOP },
        { MT_ENGINE_EVENT_STATUS, MT_STATUS_DEVICE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(when) * 2; i++) {
        g_autoptr(Pair) p = pair_new();
        g_autoptr(MtTransport) link = mt_transport_new_pair();
        g_autoptr(GError) error = NULL;
        guint j = i / 2;

        if (i % 2)
            use_multifd(&p->from);
        p->to.multifd = p->from.multifd;
        strcpy(p->to.multifd_compression, p->from.multifd_compression);
        mt_engine_set_listener(p->source, cancel_when,
                               GUINT_TO_POINTER(when[j].event |
                                                when[j].status << 8));
        mt_engine_incoming(p->dest, &p->to, link, NULL);
        mt_engine_migrate(p->source, &p->from, link, NULL);
        g_assert_false(mt_engine_wait(p->source, WAIT_NS, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
        g_assert_cmpint(mt_engine_get_status(p->source), ==,
                        MT_STATUS_CANCELLED);
        /* If the source did not connect, the destination still listens. */
        mt_engine_cancel(p->dest);
        g_assert_false(mt_engine_wait(p->dest, WAIT_NS, NULL));
        g_assert_true(g_atomic_int_get(&p->runs_here));
        g_assert_false(g_atomic_int_get(&p->runs_there));
    }
}

/* A cancel at a random time ends the migration at once. */
static void
test_cancel_any_time(void)
{
    for (guint i = 0; i < 40; i++) {
        g_autoptr(Pair) p = pair_new();
        g_autoptr(MtTransport) link = mt_transport_new_pair();

        pair_begin(p, link);
        g_usleep(i * 150);
        mt_engine_cancel(p->source);
        pair_end(p, NULL, NULL);
    }
}

/* After a failure the same engine can migrate again. */
static void
test_again(void)
{
    g_autoptr(Pair) p = pair_new();
    g_autoptr(MtTransport) bad = mt_transport_new_pair();
    g_autoptr(MtTransport) good = mt_transport_new_pair();
    MtIoFault fault = { MT_IO_FAULT_DROP, 5000 };
    MtIoFault none = { MT_IO_FAULT_NONE };

    p->from.fault = fault;
    pair_begin(p, bad);
    g_assert_false(pair_end(p, NULL, NULL));
    p->from.fault = none;
    pair_begin(p, good);
    g_assert_true(pair_end(p, NULL, NULL));
}

static void
test_no_listener(void)
{
    static const char *const uris[] = {
        "unix:/nonexistent/socket", "tcp:127.0.0.1:1", "fd:9999",
        "exec:exit 3", "file:/nonexistent/file",
    };

    for (guint i = 0; i < G_N_ELEMENTS(uris); i++) {
        g_autoptr(Pair) p = pair_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(MtTransport) to = mt_transport_new(uris[i], &error);

        g_assert_no_error(error);
        p->from.return_path = FALSE;
        mt_engine_migrate(p->source, &p->from, to, &error);
        g_assert_no_error(error);
        g_assert_false(mt_engine_wait(p->source, WAIT_NS, &error));
        g_assert_nonnull(error);
        g_assert_cmpint(mt_engine_get_status(p->source), ==,
                        MT_STATUS_FAILED);
        g_assert_true(g_atomic_int_get(&p->runs_here));
    }
}

/* The first bytes of an unexpected client, and the resulting error. */
static const struct {
    const char *what;
    guint8 bytes[80];
    guint n;
    int code;
    gboolean multifd;
    gboolean close;
} strangers[] = {
    { "nothing and goes", { 0 }, 0, MIGTUNE_ERROR_DISCONNECTED, FALSE, TRUE },
    { "nothing and stays", { 0 }, 0, MIGTUNE_ERROR_TIMEOUT },
    { "half a header", { 'Q', 'E', 'V' }, 3, MIGTUNE_ERROR_TIMEOUT },
    { "another protocol", "GET / HTTP/1.0\r\n\r\n", 18,
      MIGTUNE_ERROR_STREAM },
    { "version 2", { 'Q', 'E', 'V', 'M', 0, 0, 0, 2 }, 8,
      MIGTUNE_ERROR_STREAM },
    { "no section", { 'Q', 'E', 'V', 'M', 0, 0, 0, 3, 0x55 }, 9,
      MIGTUNE_ERROR_STREAM },
    { "an end at once", { 'Q', 'E', 'V', 'M', 0, 0, 0, 3, 0 }, 9,
      MIGTUNE_ERROR_STREAM, FALSE, TRUE },
    { "nothing and stays, multifd", { 0 }, 0, MIGTUNE_ERROR_TIMEOUT, TRUE },
    { "nothing and goes, multifd", { 0 }, 0, MIGTUNE_ERROR_DISCONNECTED, TRUE,
      TRUE },
    { "another protocol, multifd", "GET / HTTP/1.0\r\n\r\n", 18,
      MIGTUNE_ERROR_STREAM, TRUE },
    { "only a main channel", { 'Q', 'E', 'V', 'M', 0, 0, 0, 3, 1 }, 9,
      MIGTUNE_ERROR_TIMEOUT, TRUE },
    { "the magic of a channel", { 0x11, 0x22, 0x33, 0x44 }, 4,
      MIGTUNE_ERROR_TIMEOUT, TRUE },
    { "a hello of version 2", { 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 2 }, 64,
      MIGTUNE_ERROR_STREAM, TRUE },
    { "a hello of channel 9",
      { 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1, [24] = 9 }, 64,
      MIGTUNE_ERROR_STREAM, TRUE },
    { "a hello of another guest",
      { 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1, [8] = 1 }, 64,
      MIGTUNE_ERROR_STREAM, TRUE },
    { "half a hello", { 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1 }, 30,
      MIGTUNE_ERROR_TIMEOUT, TRUE },
};

static void
test_strangers(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(strangers); i++) {
        g_autoptr(Pair) p = pair_new();
        g_autoptr(MtTransport) link = mt_transport_new_pair();
        g_autoptr(MtIo) io = NULL;
        g_autoptr(GError) error = NULL;

        p->to.timeout_ms = 100;
        p->to.multifd = strangers[i].multifd;
        mt_engine_incoming(p->dest, &p->to, link, &error);
        g_assert_no_error(error);
        io = mt_transport_connect(link, 1000, NULL, &error);
        g_assert_no_error(error);
        mt_io_write(io, strangers[i].bytes, strangers[i].n, &error);
        g_assert_no_error(error);
        if (strangers[i].close)
            mt_io_shutdown_write(io);
        g_assert_false(mt_engine_wait(p->dest, WAIT_NS, &error));
        if (!g_error_matches(error, MIGTUNE_ERROR, strangers[i].code))
            g_error("%s: %s", strangers[i].what, error->message);
        /* Reading did not wait for one connection only. */
        if (strangers[i].multifd && error->code == MIGTUNE_ERROR_TIMEOUT)
            g_assert_nonnull(strstr(error->message, "connections arrived"));
    }
}

/* Two connections with the same channel number. */
static void
test_channel_twice(void)
{
    g_autoptr(Pair) p = pair_new();
    g_autoptr(MtTransport) link = mt_transport_new_pair();
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    MtMultifdHello hello = { .id = 1 };
    guint8 bytes[MT_MULTIFD_HELLO_SIZE];

    mt_wire_put_hello(&hello, bytes);
    p->to.multifd = TRUE;
    mt_engine_incoming(p->dest, &p->to, link, NULL);
    a = mt_transport_connect(link, 1000, NULL, NULL);
    b = mt_transport_connect(link, 1000, NULL, NULL);
    g_assert_true(mt_io_write(a, bytes, sizeof(bytes), NULL));
    g_assert_true(mt_io_write(b, bytes, sizeof(bytes), NULL));
    g_assert_false(mt_engine_wait(p->dest, WAIT_NS, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
    g_assert_nonnull(strstr(error->message, "channel 1"));
}

/* A stream whose device state never ends. */
static void
test_endless(void)
{
    g_autoptr(Pair) p = pair_new();
    g_autoptr(MtTransport) link = mt_transport_new_pair();
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(MtIo) io = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *more = g_malloc(65536);

    for (guint i = 0; i < 65536; i++)
        more[i] = i % 7 == 6 ? '}' : i % 7 == 1 ? 6 : 0;
    mt_append_be32(out, MT_WIRE_MAGIC);
    mt_append_be32(out, MT_WIRE_VERSION);
    mt_append_u8(out, MT_SECTION_FULL);
    p->to.max_device_bytes = 1 << 20;
    mt_engine_incoming(p->dest, &p->to, link, NULL);
    io = mt_transport_connect(link, 1000, NULL, NULL);
    mt_io_set_timeout_ms(io, 2000);
    g_assert_true(mt_io_write(io, out->data, out->len, NULL));
    for (guint i = 0; i < 64; i++) {
        if (!mt_io_write(io, more, 65536, NULL))
            break;
    }
    g_assert_false(mt_engine_wait(p->dest, WAIT_NS, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
}

/* Settings that must be equal on both sides; the error names the setting. */
static void
test_disagreements(void)
{
    static const struct {
        const char *what;
        gsize member;
        const char *says;
    } cases[] = {
        { "mapped-ram", G_STRUCT_OFFSET(MtEngineSettings, mapped_ram),
          "mapped-ram" },
        { "ignore-shared", G_STRUCT_OFFSET(MtEngineSettings, ignore_shared),
          "x-ignore-shared" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Pair) p = pair_new();
        g_autofree char *dir = g_dir_make_tmp("migtune-faults-XXXXXX", NULL);
        g_autofree char *path = g_build_filename(dir, "file", NULL);
        g_autofree char *uri = g_strdup_printf("file:%s", path);
        g_autoptr(MtTransport) to = mt_transport_new(uri, NULL);
        g_autoptr(MtTransport) from = mt_transport_new(uri, NULL);
        g_autoptr(GError) error = NULL;

        p->from.return_path = p->to.return_path = FALSE;
        G_STRUCT_MEMBER(gboolean, &p->to, cases[i].member) = TRUE;
        mt_engine_migrate(p->source, &p->from, to, NULL);
        mt_engine_wait(p->source, WAIT_NS, &error);
        g_assert_no_error(error);
        mt_engine_incoming(p->dest, &p->to, from, NULL);
        g_assert_false(mt_engine_wait(p->dest, WAIT_NS, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
        g_assert_nonnull(strstr(error->message, cases[i].says));
        g_remove(path);
        g_rmdir(dir);
    }
}

static void
test_bad_settings(void)
{
    MtEngineSettings s;
    GError *error = NULL;

    mt_engine_settings_init(&s);
    g_assert_true(mt_engine_settings_check(&s, &error));
    s.multifd_channels = 256;
    g_assert_false(mt_engine_settings_check(&s, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    g_clear_error(&error);
    mt_engine_settings_init(&s);
    s.multifd = s.xbzrle = TRUE;
    g_assert_false(mt_engine_settings_check(&s, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONFLICT);
    g_clear_error(&error);
    mt_engine_settings_init(&s);
    strcpy(s.multifd_compression, "lzma");
    g_assert_false(mt_engine_settings_check(&s, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *cut = g_strdup_printf("/faults/cut/%s",
                                               ways[i].name);
        g_autofree char *corrupt = g_strdup_printf("/faults/corrupt/%s",
                                                   ways[i].name);

        g_test_add_data_func(cut, GUINT_TO_POINTER(i), test_cut);
        g_test_add_data_func(corrupt, GUINT_TO_POINTER(i), test_corrupt);
    }
    g_test_add_func("/faults/cut-tcp", test_cut_tcp);
    g_test_add_func("/faults/stall", test_stall);
    g_test_add_func("/faults/answer-lost", test_answer_lost);
    g_test_add_data_func("/faults/answer-stolen/new", GINT_TO_POINTER(FALSE),
                         test_answer_stolen);
    g_test_add_data_func("/faults/answer-stolen/old", GINT_TO_POINTER(TRUE),
                         test_answer_stolen);
    g_test_add_func("/faults/source-dies", test_source_dies_at_pass);
    g_test_add_func("/faults/cancel", test_cancel);
    g_test_add_func("/faults/cancel-any-time", test_cancel_any_time);
    g_test_add_func("/faults/again", test_again);
    g_test_add_func("/faults/no-listener", test_no_listener);
    g_test_add_func("/faults/strangers", test_strangers);
    g_test_add_func("/faults/channel-twice", test_channel_twice);
    g_test_add_func("/faults/endless", test_endless);
    g_test_add_func("/faults/disagreements", test_disagreements);
    g_test_add_func("/faults/bad-settings", test_bad_settings);
    return g_test_run();
}
