/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ordered work by several threads: see pipeline.h.
 */
#include "config.h"

#include "image/pipeline.h"

typedef struct {
    MtPipeline *pipeline;
    guint number;
    GThread *thread;
} Worker;

typedef struct {
    gpointer slot;
    gboolean done;
} Job;

struct MtPipeline {
    MtPipelineFuncs funcs;
    gpointer user_data;
    guint n_threads;
    Worker *workers;

    GMutex lock;
    GCond cond;
    /* Under the lock. */
    GQueue free;            /* slots */
    GQueue waiting;         /* of Job *, not yet worked on */
    GQueue order;           /* of Job *, all that were put and not drained */
    gboolean draining;
    gboolean quit;
    GError *error;          /* the first one */
};

/* Takes @error. */
static void
pipeline_fail(MtPipeline *p, GError *error)
{
    gboolean first = !p->error;

    if (first)
        p->error = error;
    else
        g_error_free(error);
    g_cond_broadcast(&p->cond);
    if (first && p->funcs.failed)
        p->funcs.failed(p->user_data);
}

/* Drains what is done, in order, unless another thread does.  With the lock,
 * which is released while a slot is drained. */
static void
pipeline_drain(MtPipeline *p)
{
    Job *job;

    if (p->draining)
        return;

    p->draining = TRUE;
    while (!p->error && (job = g_queue_peek_head(&p->order)) && job->done) {
        GError *error = NULL;
        gboolean ok;

        g_mutex_unlock(&p->lock);
        ok = p->funcs.drain(job->slot, p->user_data, &error);
        g_mutex_lock(&p->lock);
        if (!ok) {
            pipeline_fail(p, error);
            break;
        }
        g_queue_pop_head(&p->order);
        g_queue_push_tail(&p->free, job->slot);
        g_free(job);
        g_cond_broadcast(&p->cond);
    }
    p->draining = FALSE;
}

static gpointer
pipeline_thread(gpointer data)
{
    Worker *worker = data;
    MtPipeline *p = worker->pipeline;

    g_mutex_lock(&p->lock);
    for (;;) {
        GError *error = NULL;
        gboolean ok;
        Job *job;

        while (!p->quit && !p->error && g_queue_is_empty(&p->waiting))
            g_cond_wait(&p->cond, &p->lock);
        if (p->quit || p->error)
            break;
        job = g_queue_pop_head(&p->waiting);
        g_mutex_unlock(&p->lock);
        ok = p->funcs.work(job->slot, worker->number, p->user_data, &error);
        g_mutex_lock(&p->lock);
        if (!ok) {
            pipeline_fail(p, error);
            break;
        }
        job->done = TRUE;
        pipeline_drain(p);
    }
    g_mutex_unlock(&p->lock);
    return NULL;
}

MtPipeline *
mt_pipeline_new(guint n_threads, gpointer *slots, guint n_slots,
                const MtPipelineFuncs *funcs, gpointer user_data)
{
    MtPipeline *p = g_new0(MtPipeline, 1);

    p->funcs = *funcs;
    p->user_data = user_data;
    p->n_threads = n_threads;
    g_mutex_init(&p->lock);
    g_cond_init(&p->cond);
    for (guint i = 0; i < n_slots; i++)
        g_queue_push_tail(&p->free, slots[i]);
    p->workers = g_new0(Worker, n_threads);
    for (guint i = 0; i < n_threads; i++) {
        p->workers[i].pipeline = p;
        p->workers[i].number = i;
        p->workers[i].thread = g_thread_new("image", pipeline_thread,
                                            &p->workers[i]);
    }

    return p;
}

void
mt_pipeline_free(MtPipeline *p)
{
    if (!p)
        return;

    g_mutex_lock(&p->lock);
    p->quit = TRUE;
    g_cond_broadcast(&p->cond);
    g_mutex_unlock(&p->lock);
    for (guint i = 0; i < p->n_threads; i++)
        g_thread_join(p->workers[i].thread);

    g_free(p->workers);
    g_queue_clear(&p->free);
    g_queue_clear(&p->waiting);
    g_queue_clear_full(&p->order, g_free);
    g_clear_error(&p->error);
    g_mutex_clear(&p->lock);
    g_cond_clear(&p->cond);
    g_free(p);
}

static gpointer
pipeline_end(MtPipeline *p, GError **error)
{
    if (error && p->error)
        *error = g_error_copy(p->error);
    return NULL;
}

gpointer
mt_pipeline_get(MtPipeline *p, GError **error)
{
    gpointer slot;

    g_mutex_lock(&p->lock);
    while (!p->error && g_queue_is_empty(&p->free))
        g_cond_wait(&p->cond, &p->lock);
    slot = p->error ? pipeline_end(p, error) : g_queue_pop_head(&p->free);
    g_mutex_unlock(&p->lock);

    return slot;
}

void
mt_pipeline_put(MtPipeline *p, gpointer slot)
{
    Job *job = g_new0(Job, 1);

    job->slot = slot;
    g_mutex_lock(&p->lock);
    g_queue_push_tail(&p->waiting, job);
    g_queue_push_tail(&p->order, job);
    g_cond_broadcast(&p->cond);
    g_mutex_unlock(&p->lock);
}

gboolean
mt_pipeline_finish(MtPipeline *p, GError **error)
{
    gboolean ok;

    g_mutex_lock(&p->lock);
    while (!p->error && !g_queue_is_empty(&p->order))
        g_cond_wait(&p->cond, &p->lock);
    ok = !p->error;
    if (!ok)
        pipeline_end(p, error);
    g_mutex_unlock(&p->lock);

    return ok;
}

gboolean
mt_pipeline_has_failed(MtPipeline *p, GError **error)
{
    gboolean failed;

    g_mutex_lock(&p->lock);
    failed = p->error != NULL;
    if (failed)
        pipeline_end(p, error);
    g_mutex_unlock(&p->lock);

    return failed;
}
