/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that dirty guest RAM.
 *
 * Guest RAM is read while it is written.  This race is part of every migration,
 * and the dirty log makes it harmless.  The thread sanitizer cannot know this, so
 * all writes are in small functions that are excluded from it.
 */
#include "config.h"

#include <string.h>

#include "engine/memory/workload-private.h"
#include "engine/memory/workload.h"
#include "migtune/migtune-error.h"
#include "util/clock.h"

#define NOT_SANITIZED __attribute__((no_sanitize("thread"), noinline))

#define MAX_THREADS 64
/* Steps between two reads of the clock. */
#define BATCH 32
/* The size of the buffer in the XBZRLE document, in pages. */
#define RW_PAGES 4096
#define RW_STRIDE 1024
/* How long to wait for a page before checking for a stop. */
#define GATE_US 5000

typedef struct {
    MtWorkload *load;
    GThread *thread;
    guint64 first, n; /* its share of the pages */

    /* Used by the writing thread, or by mt_workload_step(). */
    guint64 state;
    guint64 position;
} WorkloadWriter;

struct MtWorkload {
    MtWorkloadSpec spec;
    MtRam *ram;
    MtDirty *dirty;
    MtThrottle *throttle;
    MtGate *gate;               /* or NULL */
    WorkloadWriter *writers;
    guint n_writers;
    gboolean started;

    gboolean running; /* atomic to read, under @lock to write */
    guint64 writes;   /* atomic */

    GMutex lock;
    GCond stop;
};

/* Writes to the page at @page once. */
typedef void (*WorkloadStep)(WorkloadWriter *w);

static NOT_SANITIZED void
workload_write_page(guint8 *page, const guint8 *content)
{
    volatile guint64 *to = (volatile guint64 *)page;
    const guint64 *from = (const guint64 *)content;

    for (guint i = 0; i < MT_PAGE_SIZE / sizeof(guint64); i++)
        to[i] = from[i];
}

static NOT_SANITIZED void
workload_write_word(guint8 *page, guint word, guint64 value)
{
    ((volatile guint64 *)page)[word] = value;
}

static NOT_SANITIZED void
workload_bump(guint8 *page, guint at)
{
    volatile guint8 *byte = page + at;

    *byte = *byte + 1;
}

static gboolean
workload_running(MtWorkload *load)
{
    return __atomic_load_n(&load->running, __ATOMIC_ACQUIRE);
}

/* Page @n of the writer's share; NULL if the writer was stopped while the page
 * was missing. */
static guint8 *
workload_page(const WorkloadWriter *w, guint64 n)
{
    MtGate *gate = w->load->gate;

    while (gate && !mt_gate_pass(gate, w->first + n, GATE_US)) {
        if (!workload_running(w->load))
            return NULL;
    }
    return mt_ram_page(w->load->ram, w->first + n, NULL);
}

static void
workload_mark(const WorkloadWriter *w, guint64 n)
{
    if (w->load->dirty)
        mt_dirty_mark(w->load->dirty, w->first + n);
}

static void
workload_step_rw(WorkloadWriter *w)
{
    guint64 n = w->position++ % w->n;
    guint8 *page = workload_page(w, n);

    for (guint at = 0; page && at < MT_PAGE_SIZE; at += RW_STRIDE)
        workload_bump(page, at);
    workload_mark(w, n);
}

static void
workload_word(WorkloadWriter *w, guint64 n)
{
    guint64 value = mt_random_next(&w->state);
    guint8 *page = workload_page(w, n);

    if (page)
        workload_write_word(page, value % (MT_PAGE_SIZE / 8), value);
    workload_mark(w, n);
}

static void
workload_step_uniform(WorkloadWriter *w)
{
    workload_word(w, mt_random_next(&w->state) % w->n);
}

static void
workload_step_hot(WorkloadWriter *w)
{
    guint64 bits = mt_random_next(&w->state);
    guint64 hot = MAX(w->n / 10, 1);

    workload_word(w, bits % 10 ? (bits >> 8) % hot : (bits >> 8) % w->n);
}

static void
workload_content(WorkloadWriter *w, guint64 n, MtContent content)
{
    guint64 buffer[MT_PAGE_SIZE / sizeof(guint64)];
    guint8 *page = workload_page(w, n);

    mt_content_fill(content, mt_random_next(&w->state), w->first + n,
                    (guint8 *)buffer);
    if (page)
        workload_write_page(page, (const guint8 *)buffer);
    workload_mark(w, n);
}

static void
workload_step_sequential(WorkloadWriter *w)
{
    workload_content(w, w->position++ % w->n, w->load->spec.content);
}

static void
workload_step_one_byte(WorkloadWriter *w)
{
    guint64 n = w->position % w->n;
    guint8 *page = workload_page(w, n);

    /* The offset of the byte depends on the page and the round. */
    if (page)
        workload_bump(page, (n * 61 + w->position / w->n * 7) % MT_PAGE_SIZE);
    w->position++;
    workload_mark(w, n);
}

static void
workload_step_zero(WorkloadWriter *w)
{
    guint64 n = w->position % w->n;
    gboolean to_zero = (w->position++ / w->n) % 2 == 0;

    workload_content(w, n, to_zero ? MT_CONTENT_ZERO : w->load->spec.content);
}

static const struct {
    const char *name;
    WorkloadStep step;
} workload_kinds[MT_WORKLOAD_N] = {
    [MT_WORKLOAD_IDLE] = { "idle", NULL },
    [MT_WORKLOAD_RW] = { "rw", workload_step_rw },
    [MT_WORKLOAD_UNIFORM] = { "uniform", workload_step_uniform },
    [MT_WORKLOAD_HOT] = { "hot", workload_step_hot },
    [MT_WORKLOAD_SEQUENTIAL] = { "sequential", workload_step_sequential },
    [MT_WORKLOAD_ONE_BYTE] = { "one-byte", workload_step_one_byte },
    [MT_WORKLOAD_ZERO] = { "zero", workload_step_zero },
};

const char *
mt_workload_name(MtWorkloadKind kind)
{
    return workload_kinds[kind].name;
}

gboolean
mt_workload_from_name(const char *name, MtWorkloadKind *ret_kind)
{
    for (guint i = 0; i < MT_WORKLOAD_N; i++) {
        if (strcmp(name, workload_kinds[i].name) == 0) {
            *ret_kind = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
workload_check(const MtWorkloadSpec *spec, guint64 n_pages, GError **error)
{
    if (spec->kind >= MT_WORKLOAD_N || spec->content >= MT_CONTENT_N) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "workload %d with content %d is not supported",
                          (int)spec->kind, (int)spec->content);
        return FALSE;
    }
    if (spec->n_threads > MAX_THREADS) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          "%u writing threads: at most %d are supported",
                          spec->n_threads, MAX_THREADS);
        return FALSE;
    }
    if (spec->first_page >= n_pages ||
        spec->n_pages > n_pages - spec->first_page) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          "workload on %" G_GUINT64_FORMAT
                          " pages from %" G_GUINT64_FORMAT
                          " on: the guest has %" G_GUINT64_FORMAT,
                          spec->n_pages, spec->first_page, n_pages);
        return FALSE;
    }
    return TRUE;
}

/* Gives each writer a share of the pages; no share is empty. */
static void
workload_share_out(MtWorkload *load, guint64 n_pages)
{
    guint64 done = 0;

    load->n_writers = MIN(MAX(load->spec.n_threads, 1), n_pages);
    load->writers = g_new0(WorkloadWriter, load->n_writers);
    for (guint i = 0; i < load->n_writers; i++) {
        WorkloadWriter *w = &load->writers[i];

        w->load = load;
        w->first = load->spec.first_page + done;
        w->n = (n_pages - done) / (load->n_writers - i);
        w->state = load->spec.seed * 64 + i;
        done += w->n;
    }
}

MtWorkload *
mt_workload_new(const MtWorkloadSpec *spec, MtRam *ram, MtDirty *dirty,
                MtThrottle *throttle, GError **error)
{
    guint64 all = mt_ram_n_pages(ram);
    guint64 n_pages = spec->n_pages;
    MtWorkload *load;

    if (!workload_check(spec, all, error))
        return NULL;
    if (n_pages == 0) {
        n_pages = all - spec->first_page;
        if (spec->kind == MT_WORKLOAD_RW)
            n_pages = MIN(n_pages, RW_PAGES);
    }

    load = g_new0(MtWorkload, 1);
    load->spec = *spec;
    load->ram = ram;
    load->dirty = dirty;
    load->throttle = throttle;
    g_mutex_init(&load->lock);
    g_cond_init(&load->stop);
    workload_share_out(load, n_pages);
    return load;
}

void
mt_workload_set_gate(MtWorkload *load, MtGate *gate)
{
    g_assert(!load->started);
    load->gate = gate;
}

void
mt_workload_free(MtWorkload *load)
{
    if (!load)
        return;

    mt_workload_stop(load);
    g_cond_clear(&load->stop);
    g_mutex_clear(&load->lock);
    g_free(load->writers);
    g_free(load);
}

/* Sleeps for @ns or until the workload is stopped. */
static void
workload_nap(MtWorkload *load, gint64 ns)
{
    gint64 end_us = g_get_monotonic_time() + ns / 1000;

    if (ns <= 0)
        return;

    g_mutex_lock(&load->lock);
    while (load->running &&
           g_cond_wait_until(&load->stop, &load->lock, end_us))
        ;
    g_mutex_unlock(&load->lock);
}

/* How far a writer with @done page writes since @start_ns is ahead of its rate. */
static gint64
workload_ahead_ns(const MtWorkload *load, guint64 done, gint64 since_ns)
{
    double per_writer;

    if (!load->spec.pages_per_s)
        return 0;

    per_writer = (double)load->spec.pages_per_s / load->n_writers;
    return done / per_writer * MT_NS_PER_S - since_ns;
}

static gpointer
workload_thread(gpointer data)
{
    WorkloadWriter *w = data;
    MtWorkload *load = w->load;
    const MtClock *clock = mt_clock_system();
    WorkloadStep step = workload_kinds[load->spec.kind].step;
    gint64 start_ns = mt_clock_now(clock);
    gint64 slice_ns = start_ns;
    guint64 done = 0;

    while (workload_running(load)) {
        gint64 now;
        gint64 sleep_ns = 0;
        guint n;

        for (n = 0; n < BATCH && workload_running(load); n++)
            step(w);
        done += n;
        __atomic_fetch_add(&load->writes, n, __ATOMIC_RELAXED);

        now = mt_clock_now(clock);
        if (now - slice_ns >= MT_THROTTLE_SLICE_NS) {
            if (load->throttle)
                sleep_ns = mt_throttle_sleep_ns(load->throttle, now - slice_ns);
            slice_ns = now + sleep_ns;
        }
        sleep_ns = MAX(sleep_ns, workload_ahead_ns(load, done, now - start_ns));
        workload_nap(load, sleep_ns);
    }
    return NULL;
}

void
mt_workload_start(MtWorkload *load)
{
    if (load->started || load->spec.kind == MT_WORKLOAD_IDLE)
        return;

    load->started = TRUE;
    __atomic_store_n(&load->running, TRUE, __ATOMIC_RELEASE);
    for (guint i = 0; i < load->n_writers; i++)
        /* Without a thread this share of the pages is not written. */
        load->writers[i].thread = g_thread_try_new(
            "mt-writer", workload_thread, &load->writers[i], NULL);
}

void
mt_workload_stop(MtWorkload *load)
{
    if (!load->started)
        return;

    g_mutex_lock(&load->lock);
    __atomic_store_n(&load->running, FALSE, __ATOMIC_RELEASE);
    g_cond_broadcast(&load->stop);
    g_mutex_unlock(&load->lock);

    for (guint i = 0; i < load->n_writers; i++)
        g_thread_join(load->writers[i].thread);
    load->started = FALSE;
}

void
mt_workload_step(MtWorkload *load, guint64 n_steps)
{
    WorkloadStep step = workload_kinds[load->spec.kind].step;

    g_assert(!load->started);
    if (!step)
        return;

    for (guint64 i = 0; i < n_steps; i++)
        step(&load->writers[0]);
    __atomic_fetch_add(&load->writes, n_steps, __ATOMIC_RELAXED);
}

guint64
mt_workload_writes(const MtWorkload *load)
{
    return __atomic_load_n(&load->writes, __ATOMIC_RELAXED);
}
