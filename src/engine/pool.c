/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that send the pages of a pass: see pool.h.
 */
#include "config.h"

#include "engine/pool.h"
#include "util/thread.h"

/* Several, so that a thread finds the next job when it finishes one; a job takes
 * one kilobyte. */
#define JOBS_PER_THREAD 6

typedef struct {
    MtPool *pool;
    gpointer channel;
    GThread *thread;
    gboolean sync;          /* a sync is requested; under the pool's lock */
} PoolThread;

struct MtPool {
    MtPoolFuncs funcs;
    MtFailure *failure;
    guint n_threads;
    guint n_jobs;
    PoolThread *threads;
    MtJob *jobs;            /* all jobs */

    GMutex lock;
    GCond work;             /* a job, a sync or the end of the pool */
    GCond progress;         /* a job or a sync is done, or a thread failed */
    MtJob **queue;          /* ring buffer */
    guint head;
    guint n_queued;
    guint64 n_pages;        /* in jobs that are queued or in work */
    MtJob **idle;           /* stack */
    guint n_idle;
    guint n_waiting;        /* threads that wait for work */
    guint wanted;           /* idle jobs for which mt_pool_get() waits */
    guint n_syncs;          /* threads that have not finished the sync */
    gboolean quit;
    gboolean failed;
};

static void
pool_fail(MtPool *pool, GError *error)
{
    mt_failure_raise(pool->failure, error);
    g_mutex_lock(&pool->lock);
    pool->failed = TRUE;
    g_cond_broadcast(&pool->progress);
    g_cond_broadcast(&pool->work);
    g_mutex_unlock(&pool->lock);
}

static gpointer
pool_thread(gpointer data)
{
    PoolThread *self = data;
    MtPool *pool = self->pool;
    GError *error = NULL;

    g_mutex_lock(&pool->lock);
    while (!pool->quit && !pool->failed) {
        MtJob *job = NULL;
        gboolean ok;

        if (pool->n_queued) {
            job = pool->queue[pool->head];
            pool->head = (pool->head + 1) % pool->n_jobs;
            pool->n_queued--;
        } else if (!self->sync) {
            pool->n_waiting++;
            g_cond_wait(&pool->work, &pool->lock);
            pool->n_waiting--;
            continue;
        }
        g_mutex_unlock(&pool->lock);

        ok = job ? pool->funcs.run(self->channel, job, &error) :
             pool->funcs.sync(self->channel, &error);
        if (!ok) {
            pool_fail(pool, error);
            return NULL;
        }

        g_mutex_lock(&pool->lock);
        if (job) {
            pool->n_pages -= job->n;
            pool->idle[pool->n_idle++] = job;
            if (pool->wanted && pool->n_idle >= pool->wanted)
                g_cond_signal(&pool->progress);
        } else {
            self->sync = FALSE;
            if (--pool->n_syncs == 0)
                g_cond_signal(&pool->progress);
        }
    }
    g_mutex_unlock(&pool->lock);
    return NULL;
}

MtPool *
mt_pool_new(const MtPoolFuncs *funcs, gpointer *channels, guint n,
            MtFailure *failure, GError **error)
{
    MtPool *pool = g_new0(MtPool, 1);

    pool->funcs = *funcs;
    pool->failure = failure;
    pool->n_threads = n;
    pool->n_jobs = n * JOBS_PER_THREAD;
    pool->jobs = g_new(MtJob, pool->n_jobs);
    pool->queue = g_new(MtJob *, pool->n_jobs);
    pool->idle = g_new(MtJob *, pool->n_jobs);
    g_mutex_init(&pool->lock);
    g_cond_init(&pool->work);
    g_cond_init(&pool->progress);
    while (pool->n_idle < pool->n_jobs) {
        pool->idle[pool->n_idle] = &pool->jobs[pool->n_idle];
        pool->n_idle++;
    }

    pool->threads = g_new0(PoolThread, n);
    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("mig-send-%u", i);

        pool->threads[i].pool = pool;
        pool->threads[i].channel = channels[i];
        pool->threads[i].thread = mt_thread_new(name, pool_thread,
                                                &pool->threads[i], error);
        if (!pool->threads[i].thread) {
            mt_pool_free(pool);
            return NULL;
        }
    }

    return pool;
}

void
mt_pool_free(MtPool *pool)
{
    if (!pool)
        return;

    g_mutex_lock(&pool->lock);
    pool->quit = TRUE;
    g_cond_broadcast(&pool->work);
    g_mutex_unlock(&pool->lock);
    for (guint i = 0; i < pool->n_threads; i++) {
        if (pool->threads[i].thread)
            g_thread_join(pool->threads[i].thread);
    }

    g_mutex_clear(&pool->lock);
    g_cond_clear(&pool->work);
    g_cond_clear(&pool->progress);
    g_free(pool->threads);
    g_free(pool->jobs);
    g_free(pool->queue);
    g_free(pool->idle);
    g_free(pool);
}

MtJob *
mt_pool_get(MtPool *pool, GError **error)
{
    MtJob *job = NULL;

    g_mutex_lock(&pool->lock);
    /* If it must wait, it waits for several jobs: a wake-up costs more than
     * filling a job. */
    if (!pool->n_idle)
        pool->wanted = pool->n_jobs / 2;
    while (pool->n_idle < MAX(pool->wanted, 1) && !pool->failed)
        g_cond_wait(&pool->progress, &pool->lock);
    pool->wanted = 0;
    if (!pool->failed)
        job = pool->idle[--pool->n_idle];
    g_mutex_unlock(&pool->lock);

    if (!job) {
        mt_failure_check(pool->failure, error);
        return NULL;
    }
    job->block = NULL;
    job->n = 0;
    return job;
}

void
mt_pool_submit(MtPool *pool, MtJob *job)
{
    g_mutex_lock(&pool->lock);
    if (job->n) {
        pool->n_pages += job->n;
        pool->queue[(pool->head + pool->n_queued++) % pool->n_jobs] = job;
        if (pool->n_waiting)
            g_cond_signal(&pool->work);
    } else {
        pool->idle[pool->n_idle++] = job;
    }
    g_mutex_unlock(&pool->lock);
}

guint64
mt_pool_pending_pages(MtPool *pool)
{
    guint64 n;

    g_mutex_lock(&pool->lock);
    n = pool->n_pages;
    g_mutex_unlock(&pool->lock);
    return n;
}

gboolean
mt_pool_sync(MtPool *pool, GError **error)
{
    gboolean ok;

    g_mutex_lock(&pool->lock);
    for (guint i = 0; i < pool->n_threads; i++)
        pool->threads[i].sync = TRUE;
    pool->n_syncs = pool->n_threads;
    g_cond_broadcast(&pool->work);
    while (pool->n_syncs && !pool->failed)
        g_cond_wait(&pool->progress, &pool->lock);
    ok = !pool->failed;
    g_mutex_unlock(&pool->lock);

    return ok || mt_failure_check(pool->failure, error);
}
