/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of a source: connects, sends, and determines the outcome.
 */
#include "config.h"

#include <string.h>

#include "engine/engine-private.h"
#include "engine/engine-threads.h"
#include "engine/source/multifd-send.h"
#include "engine/source/postcopy.h"
#include "engine/source/precopy.h"
#include "engine/source/preempt-send.h"
#include "stream/devices.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

/* The channel of postcopy-preempt, as a fault_channel of the settings. */
#define FAULT_PREEMPT (-2)

/* The resources of one migration. */
typedef struct {
    MtEngine *engine;
    MtIo *io;
    MtIo **channels;
    guint n_channels;
    MtXbzrle *xbzrle;
    MtSource *source;
    MtReturnPath *path;
    MtIo *preempt_io;       /* NULL: not open */
    MtPreemptSend *preempt; /* its thread, in post-copy */
    gboolean all_sent;      /* only the destination decides now */
    gboolean gone;          /* the guest may run on the destination */
} SourceRun;

static void
source_prepare_io(SourceRun *run, MtIo *io, const char *name, int channel)
{
    const MtEngineSettings *set = &run->engine->settings;

    mt_io_set_name(io, name);
    mt_io_set_timeout_ms(io, set->timeout_ms);
    mt_io_set_read_timeout_ms(io, 0);
    mt_io_set_activity(io, &run->engine->activity);
    if (set->fault.kind != MT_IO_FAULT_NONE && set->fault_channel == channel)
        mt_io_set_fault(io, &set->fault);
}

static MtIo *
source_connect(SourceRun *run, GError **error)
{
    MtEngine *e = run->engine;

    return mt_transport_connect(e->transport, e->settings.timeout_ms,
                                mt_failure_get_cancel(e->failure), error);
}

static gboolean
source_connect_channels(SourceRun *run, GError **error)
{
    const MtEngineSettings *set = &run->engine->settings;

    if (!set->multifd || set->mapped_ram)
        return TRUE;

    run->channels = g_new0(MtIo *, set->multifd_channels);
    for (guint i = 0; i < set->multifd_channels; i++) {
        g_autofree char *name = g_strdup_printf("channel %u", i);

        run->channels[i] = source_connect(run, error);
        if (!run->channels[i])
            return FALSE;
        run->n_channels++;
        source_prepare_io(run, run->channels[i], name, i);
        if (!mt_multifd_send_hello(run->channels[i], i, set,
                                   &run->engine->counters, error))
            return FALSE;
    }

    return TRUE;
}

/* Opens the channel for requested pages, on the link @to. */
static gboolean
source_open_preempt(SourceRun *run, MtTransport *to, GError **error)
{
    MtEngine *e = run->engine;

    run->preempt_io = mt_transport_connect(to, e->settings.timeout_ms,
                                           mt_failure_get_cancel(e->failure),
                                           error);
    if (!run->preempt_io) {
        g_prefix_error(error, "channel for postcopy-preempt: ");
        return FALSE;
    }
    mt_io_set_name(run->preempt_io, "preempt channel");
    mt_io_set_timeout_ms(run->preempt_io, e->settings.timeout_ms);
    mt_io_set_read_timeout_ms(run->preempt_io, 0);
    mt_io_set_activity(run->preempt_io, &e->activity);
    if (e->settings.fault.kind != MT_IO_FAULT_NONE && !run->gone &&
        e->settings.fault_channel == FAULT_PREEMPT)
        mt_io_set_fault(run->preempt_io, &e->settings.fault);
    return TRUE;
}

/* The same, if it is the moment of this release: @early is at the start, else at
 * the switch to post-copy. */
static gboolean
source_open_preempt_now(SourceRun *run, MtTransport *to, gboolean early,
                        GError **error)
{
    const MtEngineSettings *set = &run->engine->settings;

    return !set->postcopy_preempt || set->wire.preempt_early != early ||
           source_open_preempt(run, to, error);
}

static gboolean
source_prepare_postcopy(gpointer data, GError **error)
{
    SourceRun *run = data;

    return source_open_preempt_now(run, run->engine->transport, FALSE, error);
}

/* Starts the thread that sends requested pages. */
static gboolean
source_start_preempt(SourceRun *run, GError **error)
{
    if (!run->preempt_io)
        return TRUE;

    run->preempt = mt_preempt_send_new(
        run->engine, run->path, run->preempt_io,
        run->engine->settings.wire.preempt_early, error);
    return run->preempt != NULL;
}

/* The main channel was shut down, or the return path has ended. */
static void
source_close_preempt(SourceRun *run)
{
    if (run->preempt_io)
        mt_io_shutdown(run->preempt_io);
    g_clear_pointer(&run->preempt, mt_preempt_send_free);
    g_clear_pointer(&run->preempt_io, mt_io_free);
}

static void
source_path_broken(gpointer data, GError *error)
{
    mt_failure_raise(data, error);
}

/* Makes the XBZRLE cache with the size that was requested last. */
static gboolean
source_make_cache(SourceRun *run, GError **error)
{
    MtEngine *e = run->engine;
    gboolean ok = TRUE;

    if (!e->settings.xbzrle)
        return TRUE;

    run->xbzrle = mt_xbzrle_new(e->settings.xbzrle_cache_bytes,
                                mt_ram_n_pages(e->ram), error);
    if (!run->xbzrle)
        return FALSE;

    g_mutex_lock(&e->lock);
    e->xbzrle = run->xbzrle;
    if (e->xbzrle_cache_bytes)
        ok = mt_xbzrle_resize(e->xbzrle, e->xbzrle_cache_bytes, error);
    g_mutex_unlock(&e->lock);
    return ok;
}

static void
source_start_pass(MtEngine *e)
{
    mt_dirty_start(e->dirty);
    for (guint i = 0; i < mt_ram_n_blocks(e->ram); i++) {
        const MtRamBlock *block = mt_ram_block(e->ram, i);
        guint64 n_all = block->max_length >> MT_PAGE_SHIFT;

        if (e->settings.ignore_shared && block->shared)
            mt_dirty_forget(e->dirty, block->first_page, n_all);
        else if (n_all > block->n_pages)
            mt_dirty_forget(e->dirty, block->first_page + block->n_pages,
                            n_all - block->n_pages);
    }
}

static gboolean
source_open_path(SourceRun *run, GError **error)
{
    run->path = mt_return_path_new(run->io, source_path_broken,
                                   run->engine->failure, error);
    return run->path != NULL;
}

static gboolean
source_setup(SourceRun *run, GError **error)
{
    MtEngine *e = run->engine;

    run->io = source_connect(run, error);
    if (!run->io)
        return FALSE;
    source_prepare_io(run, run->io, "main channel", -1);
    if (e->settings.mapped_ram && !mt_io_is_seekable(run->io)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "mapped-ram needs a file");
        return FALSE;
    }
    if (e->settings.return_path && !mt_io_is_two_way(run->io)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "return-path needs a connection with two "
                          "directions");
        return FALSE;
    }

    run->source = mt_source_new(e->ram, e->dirty, &e->settings, run->io,
                                &e->counters, e->failure);
    if (!mt_source_send_header(run->source, error) ||
        !source_connect_channels(run, error) ||
        !source_open_preempt_now(run, e->transport, TRUE, error) ||
        !source_make_cache(run, error) ||
        !mt_source_prepare(run->source, e->transport, run->channels,
                           run->n_channels, run->xbzrle, error))
        return FALSE;

    source_start_pass(e);
    if (e->settings.return_path && !source_open_path(run, error))
        return FALSE;
    return mt_source_send_start(run->source, error);
}

static void
source_get_devices(MtEngine *e, GBytes **ret_sections, GBytes **ret_vmdesc)
{
    const MtWireSwitches *wire = &e->settings.wire;
    g_autofree char *run_state = mt_engine_dup_run_state(e);
    MtDevicesNone none = {
        .footers = wire->send_footers,
        .global_state = wire->store_global_state,
        .global_state_id = wire->global_state_section_id,
        .global_state_flags = wire->global_state_flags,
        .configuration = wire->vmdesc_configuration,
        .machine = e->settings.machine,
        .run_state = e->settings.guest_running ? "running" : "paused",
    };

    if (run_state)
        none.run_state = run_state;
    g_mutex_lock(&e->lock);
    *ret_sections = e->sections ? g_bytes_ref(e->sections) : NULL;
    *ret_vmdesc = e->vmdesc ? g_bytes_ref(e->vmdesc) : NULL;
    g_mutex_unlock(&e->lock);
    if (!*ret_sections)
        mt_devices_make_none(&none, ret_sections, ret_vmdesc);

    g_mutex_lock(&e->lock);
    e->device_bytes = g_bytes_get_size(*ret_sections);
    g_mutex_unlock(&e->lock);
}

/* From now on only the destination decides.  FALSE: a failure came first. */
static gboolean
source_commit(SourceRun *run, GError **error)
{
    MtEngine *e = run->engine;
    gboolean ok;

    g_mutex_lock(&e->lock);
    e->committing = mt_failure_check(e->failure, error);
    ok = e->committing;
    g_mutex_unlock(&e->lock);
    return ok;
}

/* Closes a link that broke. */
static void
source_drop_link(SourceRun *run)
{
    mt_engine_set_link(run->engine, NULL);
    if (run->io)
        mt_io_shutdown(run->io);
    source_close_preempt(run);
    g_clear_pointer(&run->path, mt_return_path_free);
    mt_source_restart(run->source, NULL, NULL);
    g_clear_pointer(&run->io, mt_io_free);
}

/* Connects again and asks the destination for the missing pages. */
static gboolean
source_reconnect(SourceRun *run, MtTransport *to, GError **error)
{
    MtEngine *e = run->engine;
    gsize bitmap = mt_ram_n_pages(e->ram) / 8 + 64;

    mt_engine_set_status(e, MT_STATUS_POSTCOPY_RECOVER_SETUP);
    run->io = mt_transport_connect(to, e->settings.timeout_ms,
                                   mt_failure_get_cancel(e->failure), error);
    if (!run->io)
        return FALSE;

    mt_io_set_name(run->io, "main channel");
    mt_io_set_timeout_ms(run->io, e->settings.timeout_ms);
    mt_io_set_read_timeout_ms(run->io, 0);
    mt_io_set_activity(run->io, &e->activity);
    mt_source_restart(run->source, run->io, e->failure);
    mt_engine_set_link(e, run->io);
    if (!source_open_preempt_now(run, to, TRUE, error) ||
        !source_open_path(run, error))
        return FALSE;
    mt_return_path_allow_requests(run->path, e->ram);
    mt_return_path_allow_recovery(run->path, bitmap);
    mt_engine_set_status(e, MT_STATUS_POSTCOPY_RECOVER);
    if (!mt_postcopy_ask_bitmaps(e, run->source, run->path, error) ||
        !source_open_preempt_now(run, to, FALSE, error) ||
        !source_start_preempt(run, error) ||
        !mt_postcopy_resume(e, run->source, run->path, error))
        return FALSE;

    mt_engine_recovered(e);
    return TRUE;
}

/* Waits for a new link.  Takes ownership of @reason, the error of the old link.
 * FALSE: it was cancelled. */
static gboolean
source_recover(SourceRun *run, GError *reason, GError **error)
{
    MtEngine *e = run->engine;

    for (;;) {
        g_autoptr(MtTransport) to = NULL;

        source_drop_link(run);
        mt_engine_wait_recovery(e, g_steal_pointer(&reason));
        to = mt_engine_take_recovery(e, TRUE);
        if (!to) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              "the migration was cancelled");
            return FALSE;
        }
        if (source_reconnect(run, to, &reason))
            return TRUE;
    }
}

/* Starts the guest on the destination and sends the missing pages. */
static gboolean
source_postcopy(SourceRun *run, GBytes *sections, GError **error)
{
    MtEngine *e = run->engine;
    GError *local = NULL;
    gboolean ok;

    mt_engine_set_link(e, run->io);
    mt_return_path_allow_requests(run->path, e->ram);
    ok = source_start_preempt(run, &local) &&
         mt_postcopy_switch(e, run->source, sections, &run->gone, &local);
    for (;;) {
        ok = ok && mt_postcopy_send(e, run->source, run->path, &local) &&
             source_commit(run, &local) &&
             mt_return_path_wait_shut(run->path, e->settings.timeout_ms,
                                      &local);
        if (ok || !run->gone || !mt_engine_may_recover(e))
            break;

        /* The thread of the other channel may have failed first. */
        mt_failure_raise(e->failure, g_steal_pointer(&local));
        mt_failure_check(e->failure, &local);
        ok = source_recover(run, g_steal_pointer(&local), &local);
        if (!ok)
            break;
    }

    mt_engine_set_link(e, NULL);
    if (!ok)
        g_propagate_error(error, local);
    return ok;
}

static gboolean
source_run(SourceRun *run, GError **error)
{
    MtEngine *e = run->engine;
    g_autoptr(GBytes) sections = NULL;
    g_autoptr(GBytes) vmdesc = NULL;
    gboolean postcopy = FALSE;

    if (!source_setup(run, error))
        return FALSE;

    g_mutex_lock(&e->lock);
    e->setup_ns = mt_clock_now(mt_clock_system()) - e->begin_ns;
    g_mutex_unlock(&e->lock);
    mt_engine_set_status(e, MT_STATUS_ACTIVE);

    if (!mt_precopy_run(e, run->source, run->path, source_prepare_postcopy,
                        run, &postcopy, error))
        return FALSE;

    source_get_devices(e, &sections, &vmdesc);
    if (postcopy)
        return source_postcopy(run, sections, error);

    if (!source_commit(run, error) ||
        !mt_source_send_devices(run->source, sections, vmdesc, error))
        return FALSE;

    run->all_sent = TRUE;
    if (run->path)
        return mt_return_path_wait_shut(run->path, e->settings.timeout_ms,
                                        error);
    mt_io_shutdown_write(run->io);
    return mt_transport_wait_verdict(e->transport, e->settings.timeout_ms,
                                     mt_failure_get_cancel(e->failure),
                                     error) &&
           mt_io_close(run->io, error);
}

/* The outcome after the failure @error. */
static MtOutcome
source_failed_outcome(SourceRun *run, const GError *error)
{
    if (run->gone)
        return MT_OUTCOME_UNKNOWN;

    if (!run->all_sent)
        return MT_OUTCOME_HERE;

    /* A destination that reports failures has either loaded the stream, and its
     * answer was lost, or has died. */
    return error->code == MIGTUNE_ERROR_TIMEOUT ||
           (error->code == MIGTUNE_ERROR_DISCONNECTED && run->path &&
            run->engine->settings.wire.reports_failure) ?
        MT_OUTCOME_UNKNOWN : MT_OUTCOME_HERE;
}

static void
source_clear(SourceRun *run)
{
    MtEngine *e = run->engine;

    if (run->source)
        mt_source_update_counters(run->source);
    g_mutex_lock(&e->lock);
    e->xbzrle = NULL;
    g_mutex_unlock(&e->lock);

    mt_source_free(run->source);
    if (run->io)
        mt_io_shutdown(run->io);
    source_close_preempt(run);
    mt_return_path_free(run->path);
    for (guint i = 0; i < run->n_channels; i++)
        mt_io_free(run->channels[i]);
    g_free(run->channels);
    mt_io_free(run->io);
    mt_xbzrle_free(run->xbzrle);
    if (e->guest.throttle)
        mt_throttle_reset(e->guest.throttle);
}

gpointer
mt_engine_source_thread(gpointer data)
{
    MtEngine *e = data;
    SourceRun run = { .engine = e };
    GError *error = NULL;
    GError *first = NULL;
    MtOutcome outcome = MT_OUTCOME_THERE;
    MtStatus status = MT_STATUS_COMPLETED;

    mt_engine_set_status(e, MT_STATUS_SETUP);
    if (source_run(&run, &error)) {
        g_mutex_lock(&e->lock);
        e->progress.remaining = 0;
        e->end_ns = mt_clock_now(mt_clock_system());
        g_mutex_unlock(&e->lock);
    } else {
        outcome = source_failed_outcome(&run, error);
        mt_failure_raise(e->failure, error);
        mt_failure_check(e->failure, &first);
        mt_transport_explain(e->transport, &first);
        status = first->code == MIGTUNE_ERROR_CANCELLED ?
            MT_STATUS_CANCELLED : MT_STATUS_FAILED;
    }

    source_clear(&run);
    if (outcome == MT_OUTCOME_HERE && !e->settings.keep_stopped)
        mt_engine_start_guest(e);
    mt_engine_finish(e, status, outcome, first);
    return NULL;
}
