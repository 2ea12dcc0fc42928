/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Threads that send the pages of a pass.
 *
 * The migration thread fills jobs of up to MT_MULTIFD_PAGES pages of one block;
 * the next free thread takes a job.  A sync waits until all jobs are done and
 * calls the sync function of each channel in its thread.
 */

#include <glib.h>

#include "engine/failure.h"
#include "engine/memory/ram.h"
#include "stream/wire.h"

G_BEGIN_DECLS

typedef struct {
    const MtRamBlock *block;
    guint n;
    guint64 offsets[MT_MULTIFD_PAGES];
} MtJob;

typedef struct {
    /* Called in the thread of @channel; an error fails the migration. */
    gboolean (*run)(gpointer channel, const MtJob *job, GError **error);
    gboolean (*sync)(gpointer channel, GError **error);
} MtPoolFuncs;

typedef struct MtPool MtPool;

/* One thread for each of the @n channels, which must outlive the pool.  NULL on
 * error. */
MtPool *mt_pool_new(const MtPoolFuncs *funcs, gpointer *channels, guint n,
                    MtFailure *failure, GError **error);

/* Drops jobs that no thread has started.  NULL is allowed. */
void mt_pool_free(MtPool *pool);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPool, mt_pool_free)

/* Waits for an empty job; NULL after a failure.  Each job must be returned by
 * mt_pool_submit(). */
MtJob *mt_pool_get(MtPool *pool, GError **error);
void mt_pool_submit(MtPool *pool, MtJob *job);
gboolean mt_pool_sync(MtPool *pool, GError **error);

/* Pages in jobs that were submitted and are not done. */
guint64 mt_pool_pending_pages(MtPool *pool);

G_END_DECLS
