/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Threads that share the pages of a pass.
 *
 * The migration thread fills jobs of up to MT_MULTIFD_PAGES pages of one
 * block; whichever thread is free takes the next.  A sync waits until no job
 * is left and has every thread do what its channel needs for that.
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
    /* In the thread of @channel; on error the whole migration fails. */
    gboolean (*run)(gpointer channel, const MtJob *job, GError **error);
    gboolean (*sync)(gpointer channel, GError **error);
} MtPoolFuncs;

typedef struct MtPool MtPool;

/* One thread for each of the @n @channels, which are borrowed. */
MtPool *mt_pool_new(const MtPoolFuncs *funcs, gpointer *channels, guint n,
                    MtFailure *failure);

/* Jobs that no thread has begun are dropped. */
void mt_pool_free(MtPool *pool);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPool, mt_pool_free)

/* An empty job; waits for one.  NULL after a failure.  Each must come back
 * by mt_pool_submit(). */
MtJob *mt_pool_get(MtPool *pool, GError **error);
void mt_pool_submit(MtPool *pool, MtJob *job);
gboolean mt_pool_sync(MtPool *pool, GError **error);

G_END_DECLS
