/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of a destination: accepts connections, loads the stream, answers.
 *
 * The first four bytes of a connection tell whether it is the main channel or a
 * multifd channel.  They are peeked, and one silent connection does not delay the
 * others.
 */
#include "config.h"

#include "engine/dest/dest.h"
#include "engine/dest/multifd-recv.h"
#include "engine/dest/preempt-recv.h"
#include "engine/engine-private.h"
#include "engine/engine-threads.h"
#include "engine/return-path.h"
#include "stream/devices.h"
#include "stream/wire.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

/* The interval at which silent connections are polled. */
#define PEEK_MS 2
/* The same after a second. */
#define PEEK_SLOW_MS 50

/* The interval at which a new recovery address is looked for. */
#define RECOVER_MS 50

/* How long to wait until the source closes, after the final answer. */
#define CLOSE_MS 2000

typedef struct {
    MtEngine *engine;
    MtIo *io;
    MtPageState pages;
    MtMultifdRecv *channels;
    GPtrArray *silent;          /* connections whose kind is unknown */
    MtDest *dest;
    MtPreemptRecv *preempt;
    gboolean committed;
} DestRun;

static void
dest_prepare_io(DestRun *run, MtIo *io)
{
    mt_io_set_timeout_ms(io, run->engine->settings.timeout_ms);
    mt_io_set_activity(io, &run->engine->activity);
}

/* Determines the kind of connection @i of the silent ones. */
static gboolean
dest_classify(DestRun *run, guint i, GError **error)
{
    MtIo *io = g_ptr_array_index(run->silent, i);
    guint8 first[MT_MULTIFD_HELLO_SIZE];
    gboolean hung_up = mt_io_is_hung_up(io);
    gssize n = mt_io_peek(io, first, sizeof(first));
    guint32 magic;

    if (n < 0 || (n < 4 && hung_up)) {
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "a connection was closed before its first four "
                          "bytes arrived");
        return FALSE;
    }
    if (n < 4)
        return TRUE;

    magic = mt_get_be32(first);
    /* The hello is read when all of it is there, so reading does not wait. */
    if (magic == MT_MULTIFD_MAGIC && n < (gssize)sizeof(first) && !hung_up)
        return TRUE;
    if (magic == MT_WIRE_MAGIC && !run->io) {
        run->io = g_ptr_array_steal_index(run->silent, i);
        mt_io_set_name(run->io, "main channel");
        return TRUE;
    }
    if (magic == MT_MULTIFD_MAGIC) {
        io = g_ptr_array_steal_index(run->silent, i);
        return mt_multifd_recv_add(run->channels, io, error);
    }

    migtune_error_set(error, MIGTUNE_ERROR_STREAM, magic == MT_WIRE_MAGIC ?
                      "a second main channel was connected (it begins with "
                      "0x%08x)" :
                      "a connection begins with 0x%08x, which is neither a "
                      "main channel nor a multifd channel", magic);
    return FALSE;
}

static gboolean
dest_accept_multifd(DestRun *run, GError **error)
{
    MtEngine *e = run->engine;
    guint n_wanted = e->settings.multifd_channels + 1 +
                     (e->settings.postcopy_preempt ? 1 : 0);
    guint n_accepted = 0;
    gboolean hung_up = FALSE;   /* main channel, at the last iteration */
    gint64 begin = 0;

    run->channels = mt_multifd_recv_new(
        e->ram, mt_codec_find(e->settings.multifd_compression, NULL),
        &e->settings, &run->pages, &e->counters, e->failure);
    while (!run->io || !mt_multifd_recv_is_full(run->channels)) {
        guint wait_ms = !begin ? 0 :
            g_get_monotonic_time() - begin < G_USEC_PER_SEC ? PEEK_MS :
            PEEK_SLOW_MS;
        guint n_before = n_accepted;
        GError *local = NULL;

        if (n_accepted < n_wanted) {
            MtIo *io = mt_transport_accept(
                e->transport, wait_ms, mt_failure_get_cancel(e->failure),
                &local);

            if (io) {
                n_accepted++;
                dest_prepare_io(run, io);
                g_ptr_array_add(run->silent, io);
            }
        } else {
            mt_io_poll("destination", -1, 0, PEEK_MS,
                       mt_failure_get_cancel(e->failure), &local);
        }
        if (local) {
            g_propagate_error(error, local);
            return FALSE;
        }
        if (!begin)
            begin = g_get_monotonic_time();

        for (guint i = run->silent->len; i > 0; i--) {
            if (!dest_classify(run, i - 1, error))
                return FALSE;
        }
        /* A source connects all channels before it closes the main channel. */
        if (hung_up && n_accepted == n_before && n_accepted < n_wanted &&
            !e->settings.wait_for_channels) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "the main channel was closed when %u of %u "
                              "connections had arrived", n_accepted, n_wanted);
            return FALSE;
        }
        hung_up = run->io && mt_io_is_hung_up(run->io);
        if (e->settings.timeout_ms && g_get_monotonic_time() - begin >
            e->settings.timeout_ms * (gint64)1000) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              "%u of %u connections arrived within %u ms, "
                              "%u of them sent no data", n_accepted,
                              n_wanted, e->settings.timeout_ms,
                              run->silent->len);
            return FALSE;
        }
    }

    return TRUE;
}

static gboolean
dest_accept(DestRun *run, GError **error)
{
    MtEngine *e = run->engine;
    gboolean ok;

    if (e->settings.multifd && !e->settings.mapped_ram) {
        ok = dest_accept_multifd(run, error);
    } else {
        run->io = mt_transport_accept(e->transport, 0,
                                      mt_failure_get_cancel(e->failure),
                                      error);
        ok = run->io != NULL;
    }
    if (!ok || !e->settings.postcopy_preempt)
        mt_transport_stop_listening(e->transport);
    if (!ok)
        return FALSE;

    dest_prepare_io(run, run->io);
    if (e->settings.fault.kind != MT_IO_FAULT_NONE)
        mt_io_set_fault(run->io, &e->settings.fault);
    return TRUE;
}

/* Sends the final answer, if the source still waits for it. */
static gboolean
dest_commit(DestRun *run, GError **error)
{
    static const guint8 success[4];
    guint8 byte;

    if (!mt_dest_has_return_path(run->dest))
        return TRUE;
    /* In post-copy the guest runs here in any case. */
    if (mt_dest_is_postcopy(run->dest)) {
        mt_dest_send(run->dest, MT_RP_SHUT, success, sizeof(success), NULL);
        return TRUE;
    }
    if (mt_io_is_socket(run->io) && mt_io_peek(run->io, &byte, 1) < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "the stream was loaded, but the source closed the "
                          "connection before the final answer");
        return FALSE;
    }

    return mt_dest_send(run->dest, MT_RP_SHUT, success, sizeof(success),
                       error);
}

/* Starts the guest in post-copy, with the RAM that has arrived. */
static void
dest_run_guest(gpointer data, GBytes *sections)
{
    DestRun *run = data;
    MtEngine *e = run->engine;

    g_mutex_lock(&e->lock);
    g_free(e->run_state);
    e->run_state = mt_devices_dup_run_state(sections);
    g_mutex_unlock(&e->lock);
    mt_engine_set_link(e, run->io);
    mt_engine_enter_postcopy(e);
    if (e->settings.guest_running)
        mt_engine_start_guest(e);
}

static void
dest_resumed(gpointer data)
{
    DestRun *run = data;

    mt_engine_recovered(run->engine);
}

/* Whether pages can still arrive on the channel for requested pages. */
static gboolean
dest_more(gpointer data)
{
    DestRun *run = data;

    return run->preempt && mt_preempt_recv_is_open(run->preempt);
}

/* Receives requested pages on their own channel, from a connection to @from. */
static gboolean
dest_start_preempt(DestRun *run, MtTransport *from, GError **error)
{
    MtEngine *e = run->engine;
    MtIo *io = NULL;

    if (!e->settings.postcopy_preempt)
        return TRUE;

    /* With multifd a connection that sends no data may be this channel. */
    if (run->silent->len)
        io = g_ptr_array_steal_index(run->silent, 0);
    run->preempt = mt_preempt_recv_new(run->dest, e->guest.gate, from, io,
                                       &e->activity, error);
    return run->preempt != NULL;
}

/* Waits for the source at @from, which is replaced if another address is offered
 * meanwhile. */
static gboolean
dest_accept_again(DestRun *run, MtTransport **from, GError **error)
{
    MtEngine *e = run->engine;

    while (!run->io) {
        MtTransport *other;
        GError *local = NULL;

        run->io = mt_transport_accept(*from, RECOVER_MS,
                                      mt_failure_get_cancel(e->failure),
                                      &local);
        if (local) {
            g_propagate_error(error, local);
            return FALSE;
        }
        other = mt_engine_take_recovery(e, FALSE);
        if (other && !run->io) {
            mt_transport_unref(*from);
            *from = g_steal_pointer(&other);
        }
        g_clear_pointer(&other, mt_transport_unref);
    }

    if (!e->settings.postcopy_preempt)
        mt_transport_stop_listening(*from);
    return TRUE;
}

/* The link broke in post-copy: waits for a new link.  Takes ownership of
 * @reason. */
static gboolean
dest_recover(DestRun *run, GError *reason, GError **error)
{
    MtEngine *e = run->engine;
    g_autoptr(MtTransport) from = NULL;

    mt_engine_set_link(e, NULL);
    /* The thread of the other channel may have failed first. */
    mt_failure_raise(e->failure, g_steal_pointer(&reason));
    g_clear_pointer(&run->preempt, mt_preempt_recv_free);
    mt_failure_check(e->failure, &reason);
    mt_dest_let_go(run->dest);
    g_clear_pointer(&run->channels, mt_multifd_recv_free);
    g_clear_pointer(&run->io, mt_io_free);
    mt_engine_wait_recovery(e, reason);
    from = mt_engine_take_recovery(e, TRUE);
    if (!from) {
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          "the migration was cancelled");
        return FALSE;
    }
    if (!dest_accept_again(run, &from, error))
        return FALSE;

    dest_prepare_io(run, run->io);
    mt_io_set_name(run->io, "main channel");
    mt_engine_set_link(e, run->io);
    mt_dest_set_failure(run->dest, e->failure);
    mt_engine_set_status(e, MT_STATUS_POSTCOPY_RECOVER);
    return dest_start_preempt(run, from, error);
}

static gboolean
dest_load(DestRun *run, GError **error)
{
    MtEngine *e = run->engine;
    GError *local = NULL;
    gboolean ok = mt_dest_load(run->dest, run->io, run->channels,
                               e->transport, &local);

    while (!ok && mt_dest_is_postcopy(run->dest) && mt_engine_may_recover(e)) {
        if (!dest_recover(run, g_steal_pointer(&local), &local))
            break;
        ok = mt_dest_resume(run->dest, run->io, &local);
    }

    mt_engine_set_link(e, NULL);
    g_clear_pointer(&run->preempt, mt_preempt_recv_free);
    ok = ok && mt_io_finish_command(run->io, &local);
    if (!ok)
        g_propagate_error(error, local);
    return ok;
}

static gboolean
dest_run(DestRun *run, GError **error)
{
    MtEngine *e = run->engine;
    MtDestPostcopy postcopy = {
        .gate = e->guest.gate,
        .run = dest_run_guest,
        .resumed = dest_resumed,
        .more = dest_more,
        .data = run,
    };

    mt_page_state_init(&run->pages, e->ram);
    if (!dest_accept(run, error))
        return FALSE;

    mt_engine_set_status(e, MT_STATUS_ACTIVE);
    run->dest = mt_dest_new(e->ram, &e->settings, &run->pages, &e->counters,
                            e->failure);
    mt_dest_set_postcopy(run->dest, &postcopy);
    if (run->channels && !mt_multifd_recv_start(run->channels, error))
        return FALSE;
    if (!dest_start_preempt(run, e->transport, error) ||
        !dest_load(run, error))
        return FALSE;

    g_mutex_lock(&e->lock);
    e->committing = mt_failure_check(e->failure, error);
    run->committed = e->committing;
    g_mutex_unlock(&e->lock);
    run->committed = run->committed && dest_commit(run, error);
    return run->committed;
}

/* Waits until the source closes.  Closing a socket with unread data resets the
 * connection, and the source would not read the final answer. */
static void
dest_wait_for_close(DestRun *run)
{
    guint8 buf[256];
    struct iovec iov = { buf, sizeof(buf) };

    if (run->channels)
        mt_multifd_recv_drain(run->channels, CLOSE_MS);
    if (!mt_dest_has_return_path(run->dest) || !mt_io_is_socket(run->io))
        return;

    mt_io_shutdown_write(run->io);
    mt_io_set_activity(run->io, NULL);
    mt_io_set_read_timeout_ms(run->io, CLOSE_MS);
    for (guint i = 0; i < 64; i++) {
        if (mt_io_read_some(run->io, &iov, 1, NULL) <= 0)
            return;
    }
}

static void
dest_clear(DestRun *run)
{
    mt_multifd_recv_free(run->channels);
    mt_preempt_recv_free(run->preempt);
    mt_dest_free(run->dest);
    mt_page_state_clear(&run->pages);
    g_ptr_array_unref(run->silent);
    mt_io_free(run->io);
}

static void
dest_keep(DestRun *run)
{
    MtEngine *e = run->engine;

    g_mutex_lock(&e->lock);
    g_clear_pointer(&e->sections, g_bytes_unref);
    g_clear_pointer(&e->vmdesc, g_bytes_unref);
    g_clear_pointer(&e->machine, g_free);
    e->sections = mt_dest_ref_sections(run->dest);
    e->vmdesc = mt_dest_ref_vmdesc(run->dest);
    g_free(e->run_state);
    e->run_state = e->sections ? mt_devices_dup_run_state(e->sections) : NULL;
    e->machine = g_strdup(mt_dest_get_machine(run->dest));
    e->device_bytes = mt_dest_get_device_bytes(run->dest);
    e->end_ns = mt_clock_now(mt_clock_system());
    g_mutex_unlock(&e->lock);
}

gpointer
mt_engine_dest_thread(gpointer data)
{
    MtEngine *e = data;
    DestRun run = { .engine = e };
    GError *error = NULL;
    GError *first = NULL;
    MtStatus status = MT_STATUS_FAILED;
    MtOutcome outcome = MT_OUTCOME_THERE;

    run.silent = g_ptr_array_new_with_free_func((GDestroyNotify)mt_io_free);
    mt_engine_set_status(e, MT_STATUS_SETUP);
    if (dest_run(&run, &error)) {
        mt_transport_give_verdict(e->transport, TRUE);
        dest_keep(&run);
        if (e->settings.guest_running && !mt_dest_is_postcopy(run.dest))
            mt_engine_start_guest(e);
        mt_engine_finish(e, MT_STATUS_COMPLETED, MT_OUTCOME_HERE, NULL);
        dest_wait_for_close(&run);
        dest_clear(&run);
        return NULL;
    }

    mt_transport_give_verdict(e->transport, FALSE);
    mt_failure_raise(e->failure, error);
    mt_failure_check(e->failure, &first);
    mt_transport_explain(e->transport, &first);
    if (first->code == MIGTUNE_ERROR_CANCELLED)
        status = MT_STATUS_CANCELLED;
    if (run.dest && mt_dest_has_return_path(run.dest) && !run.committed &&
        !mt_dest_is_postcopy(run.dest)) {
        mt_io_set_cancel(run.io, NULL);
        mt_io_set_timeout_ms(run.io, 1000);
        mt_return_send_u32(run.io, MT_RP_SHUT, 1, NULL);
    }
    /* The guest has run here with a part of its RAM. */
    if (run.dest && mt_dest_is_postcopy(run.dest))
        outcome = MT_OUTCOME_UNKNOWN;
    dest_clear(&run);
    mt_engine_finish(e, status, outcome, first);
    return NULL;
}
