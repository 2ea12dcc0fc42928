/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Work on pieces of a stream by several threads, with the results in order.
 *
 * The caller gets a free slot, fills it and puts it.  A thread of the pipeline
 * works on it.  What follows (writing the result) is done for one slot after
 * the other, in the order in which they were put, by the thread that has just
 * finished.  The number of slots bounds the memory.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct MtPipeline MtPipeline;

typedef struct {
    /* Runs in parallel.  @thread is from 0 on, below the number of threads. */
    gboolean (*work)(gpointer slot, guint thread, gpointer user_data,
                     GError **error);
    /* Runs for one slot at a time, in order. */
    gboolean (*drain)(gpointer slot, gpointer user_data, GError **error);
    /* Called once if something fails, from any thread; may be NULL. */
    void (*failed)(gpointer user_data);
} MtPipelineFuncs;

/* @slots are of the caller and stay it. */
MtPipeline *mt_pipeline_new(guint n_threads, gpointer *slots, guint n_slots,
                            const MtPipelineFuncs *funcs, gpointer user_data);

/* Ends the threads; what was put and not worked on is dropped. */
void mt_pipeline_free(MtPipeline *pipeline);

/* Waits for a free slot.  NULL if a thread has failed: its error. */
gpointer mt_pipeline_get(MtPipeline *pipeline, GError **error);
void mt_pipeline_put(MtPipeline *pipeline, gpointer slot);

/* Waits until all slots are drained.  FALSE with the first error. */
gboolean mt_pipeline_finish(MtPipeline *pipeline, GError **error);

/* Whether something has failed, without waiting. */
gboolean mt_pipeline_has_failed(MtPipeline *pipeline, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPipeline, mt_pipeline_free)

G_END_DECLS
