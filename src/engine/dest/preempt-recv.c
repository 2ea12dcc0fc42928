/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of the destination that receives requested pages on their own
 * channel.
 *
 * It reads with an MtDest of its own, which places pages in the same RAM and
 * marks them at the same gate as the main channel.  The source sends each page
 * only once, so the two never place the same page.
 */
#include "config.h"

#include "engine/dest/dest-private.h"
#include "engine/dest/preempt-recv.h"
#include "util/thread.h"
#include "migtune/migtune-error.h"

struct MtPreemptRecv {
    MtDest *dest;               /* of this channel */
    MtFailure *failure;         /* of the main channel */
    MtGate *gate;
    MtTransport *transport;
    MtIo *io;
    MtCancel *cancel;
    guint64 *activity;
    GThread *thread;
    gboolean over;              /* atomic */
};

static gboolean
preempt_read(MtPreemptRecv *p, GError **error)
{
    MtDest *dest = p->dest;
    guint64 received;
    gboolean ok;

    if (!p->io)
        p->io = mt_transport_accept(p->transport, 0, p->cancel, error);
    mt_transport_stop_listening(p->transport);
    if (!p->io)
        return FALSE;

    mt_io_set_name(p->io, "preempt channel");
    mt_io_set_cancel(p->io, p->cancel);
    mt_io_set_activity(p->io, p->activity);
    /* It is silent as long as the guest needs no page. */
    mt_io_set_read_timeout_ms(p->io, 0);
    dest->io = p->io;
    mt_stream_in_init(&dest->in, p->io);
    ok = mt_dest_ram_section(dest, FALSE, error);
    received = mt_stream_in_offset(&dest->in);
    mt_count(dest->counters->transferred, received);
    if (!ok)
        g_prefix_error(error, "preempt channel, near offset %"
                       G_GUINT64_FORMAT ": ", received);
    return ok;
}

static gpointer
preempt_thread(gpointer data)
{
    MtPreemptRecv *p = data;
    GError *error = NULL;
    gboolean ok = preempt_read(p, &error);

    /* A source that has sent everything closes the channel. */
    if (!ok && (mt_cancel_fired(p->cancel) ||
                (error->code == MIGTUNE_ERROR_DISCONNECTED &&
                 !mt_gate_count_missing(p->gate))))
        g_clear_error(&error);
    if (error)
        mt_failure_raise(p->failure, error);
    __atomic_store_n(&p->over, TRUE, __ATOMIC_RELEASE);
    return NULL;
}

MtPreemptRecv *
mt_preempt_recv_new(MtDest *main, MtGate *gate, MtTransport *transport,
                    MtIo *io, guint64 *activity, GError **error)
{
    MtPreemptRecv *p = g_new0(MtPreemptRecv, 1);

    p->dest = mt_dest_new(main->ram, main->settings, main->pages,
                          main->counters, main->failure);
    p->dest->postcopy.gate = gate;
    p->dest->phase = DEST_POSTCOPY;
    p->dest->have_blocks = TRUE;
    p->failure = main->failure;
    p->gate = gate;
    p->transport = mt_transport_ref(transport);
    p->io = io;
    p->cancel = mt_cancel_new();
    p->activity = activity;
    p->thread = mt_thread_new("mt-preempt", preempt_thread, p, error);
    if (!p->thread) {
        mt_preempt_recv_free(p);
        return NULL;
    }
    return p;
}

void
mt_preempt_recv_free(MtPreemptRecv *p)
{
    if (!p)
        return;

    mt_cancel_fire(p->cancel);
    if (p->thread)
        g_thread_join(p->thread);
    /* The gate belongs to the main channel, which still uses it. */
    p->dest->postcopy.gate = NULL;
    mt_dest_free(p->dest);
    mt_io_free(p->io);
    mt_transport_stop_listening(p->transport);
    mt_transport_unref(p->transport);
    mt_cancel_unref(p->cancel);
    g_free(p);
}

gboolean
mt_preempt_recv_is_open(MtPreemptRecv *p)
{
    return !__atomic_load_n(&p->over, __ATOMIC_ACQUIRE);
}
