/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of the source that sends requested pages on their own channel.
 *
 * It writes with an MtSource of its own, which takes pages out of the same pass
 * as the loop of postcopy.c: the one that takes a page sends it.
 */
#include "config.h"

#include "engine/source/preempt-send.h"
#include "engine/source/source.h"
#include "util/thread.h"

/* The interval of checks for a failure. */
#define WAIT_US 10000

struct MtPreemptSend {
    MtEngine *engine;
    MtReturnPath *path;
    MtIo *io;
    MtSource *source;
    GThread *thread;
    gboolean end_record;
};

/* Sends all pages that are requested now. */
static gboolean
preempt_answer(MtPreemptSend *p, GError **error)
{
    gboolean any = FALSE;
    guint64 index;

    while (mt_return_path_take_request(p->path, &index)) {
        mt_count(p->engine->counters.postcopy_requests, 1);
        if (!mt_source_send_page(p->source, index, error))
            return FALSE;
        any = TRUE;
    }

    return !any || mt_source_flush(p->source, error);
}

static gpointer
preempt_thread(gpointer data)
{
    MtPreemptSend *p = data;
    GError *error = NULL;
    gboolean ok = TRUE;
    gboolean open = TRUE;

    while (ok && open) {
        open = mt_return_path_wait_request(p->path, WAIT_US);
        ok = mt_failure_check(p->engine->failure, &error) &&
             preempt_answer(p, &error);
        /* The destination may have received everything and closed already. */
        if (ok && p->end_record && !mt_dirty_count(p->engine->dirty)) {
            mt_source_send_eos(p->source, NULL);
            p->end_record = FALSE;
        }
    }
    if (!ok)
        mt_failure_raise(p->engine->failure, error);
    return NULL;
}

MtPreemptSend *
mt_preempt_send_new(MtEngine *e, MtReturnPath *path, MtIo *io,
                    gboolean end_record, GError **error)
{
    MtPreemptSend *p = g_new0(MtPreemptSend, 1);

    p->engine = e;
    p->path = path;
    p->io = io;
    p->end_record = end_record;
    p->source = mt_source_new(e->ram, e->dirty, &e->settings, io, &e->counters,
                              e->failure);
    mt_source_begin_postcopy(p->source);
    p->thread = mt_thread_new("mt-preempt", preempt_thread, p, error);
    if (!p->thread) {
        mt_source_free(p->source);
        g_free(p);
        return NULL;
    }
    return p;
}

void
mt_preempt_send_free(MtPreemptSend *p)
{
    if (!p)
        return;

    g_thread_join(p->thread);
    mt_source_free(p->source);
    g_free(p);
}
