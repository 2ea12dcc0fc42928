/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A simulated guest: content for its RAM, and threads that dirty it.
 *
 * Everything depends on a seed: the same seed gives the same bytes, and the same
 * number of steps of one thread gives the same writes.
 */

#include <glib.h>

#include "engine/memory/dirty.h"
#include "engine/memory/gate.h"
#include "engine/memory/ram.h"
#include "engine/memory/throttle.h"

G_BEGIN_DECLS

typedef enum {
    MT_CONTENT_ZERO,
    MT_CONTENT_SPARSE, /* a few bytes in a zero page */
    MT_CONTENT_TEXT,
    MT_CONTENT_RANDOM,
    MT_CONTENT_MIXED, /* 35 % zero, 45 % text, 10 % random, 10 % sparse */
    MT_CONTENT_N
} MtContent;

const char *mt_content_name(MtContent content);

/* Fills one page of 4096 bytes. */
void mt_content_fill(MtContent content, guint64 seed, guint64 index,
                     guint8 *page);

/* Fills all of @ram.  Nothing is marked dirty. */
void mt_content_fill_ram(MtContent content, guint64 seed, MtRam *ram);

typedef enum {
    MT_WORKLOAD_IDLE,
    MT_WORKLOAD_RW,         /* the load generator of the XBZRLE document of
                             * QEMU: increments every 1024th byte repeatedly */
    MT_WORKLOAD_UNIFORM,    /* 8 bytes in a random page */
    MT_WORKLOAD_HOT,        /* 90 % of the writes in a tenth of the pages */
    MT_WORKLOAD_SEQUENTIAL, /* whole pages, one after the other */
    MT_WORKLOAD_ONE_BYTE,   /* one byte in each page, one after the other */
    MT_WORKLOAD_ZERO,       /* pages become zero, then content again */
    MT_WORKLOAD_N
} MtWorkloadKind;

const char *mt_workload_name(MtWorkloadKind kind);

/* Find by name; FALSE if the name is unknown. */
gboolean mt_workload_from_name(const char *name, MtWorkloadKind *ret_kind);
gboolean mt_content_from_name(const char *name, MtContent *ret_content);

typedef struct {
    MtWorkloadKind kind;
    MtContent content;   /* what SEQUENTIAL and ZERO write */
    guint64 seed;
    guint n_threads;     /* 0 means 1; each has its own share of the pages */
    guint64 first_page;  /* a page index */
    guint64 n_pages;     /* 0: to the end; with RW at most 4096 pages, as in
                          * the document */
    guint64 pages_per_s; /* of all threads; 0: no limit */
} MtWorkloadSpec;

typedef struct MtWorkload MtWorkload;

/* @dirty and @throttle may be NULL; all arguments must outlive the workload. */
MtWorkload *mt_workload_new(const MtWorkloadSpec *spec, MtRam *ram,
                            MtDirty *dirty, MtThrottle *throttle,
                            GError **error);

/* Writers pass @gate, which must outlive the workload, before they access a page.
 * To be called while the workload is stopped. */
void mt_workload_set_gate(MtWorkload *load, MtGate *gate);

/* Stops the workload first. */
void mt_workload_free(MtWorkload *load);

/* Starts the threads, or continues them. */
void mt_workload_start(MtWorkload *load);

/* Returns when all threads have stopped and every write is marked as dirty; takes
 * microseconds even if the writers sleep. */
void mt_workload_stop(MtWorkload *load);

/* Does @n_steps page writes of the first thread's sequence in the calling thread.
 * Only while the workload is stopped. */
void mt_workload_step(MtWorkload *load, guint64 n_steps);

/* Page writes so far. */
guint64 mt_workload_writes(const MtWorkload *load);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtWorkload, mt_workload_free)

G_END_DECLS
