/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface of the engine: see engine.h.
 */
#include "config.h"

#include <string.h>

#include "engine/engine-private.h"
#include "engine/engine-threads.h"
#include "util/clock.h"
#include "util/thread.h"
#include "migtune/migtune-error.h"

MtEngine *
mt_engine_new(MtRam *ram, MtDirty *dirty, const MtEngineGuest *guest)
{
    MtEngine *e = g_new0(MtEngine, 1);

    e->ram = ram;
    if (!dirty)
        e->own_dirty = mt_dirty_new(mt_ram_n_pages(ram));
    e->dirty = dirty ? dirty : e->own_dirty;
    if (guest)
        e->guest = *guest;
    e->over = TRUE;
    g_mutex_init(&e->lock);
    g_cond_init(&e->changed);
    return e;
}

static void
engine_forget_run(MtEngine *e)
{
    if (e->thread)
        g_thread_join(e->thread);
    e->thread = NULL;
    g_clear_pointer(&e->failure, mt_failure_free);
    g_clear_pointer(&e->rate, mt_rate_free);
    g_clear_pointer(&e->transport, mt_transport_unref);
    g_clear_pointer(&e->resume, mt_transport_unref);
    g_clear_error(&e->error);
}

void
mt_engine_end(MtEngine *e)
{
    if (!e)
        return;

    g_mutex_lock(&e->lock);
    e->committing = FALSE;
    g_mutex_unlock(&e->lock);
    mt_engine_cancel(e);
    if (e->thread)
        g_thread_join(e->thread);
    e->thread = NULL;
}

void
mt_engine_free(MtEngine *e)
{
    if (!e)
        return;

    mt_engine_end(e);
    engine_forget_run(e);
    mt_dirty_free(e->own_dirty);
    g_clear_pointer(&e->sections, g_bytes_unref);
    g_clear_pointer(&e->vmdesc, g_bytes_unref);
    g_free(e->machine);
    g_free(e->run_state);
    g_mutex_clear(&e->lock);
    g_cond_clear(&e->changed);
    g_free(e);
}

void
mt_engine_set_listener(MtEngine *e, MtEngineListener listener, gpointer data)
{
    e->listener = listener;
    e->listener_data = data;
}

static gboolean
engine_check_transport(const MtEngineSettings *settings, MtTransport *t,
                       GError **error)
{
    if (settings->mapped_ram && !mt_transport_is_file(t)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "mapped-ram needs an address file:PATH");
        return FALSE;
    }
    if (settings->multifd && !settings->mapped_ram &&
        !mt_transport_is_multi(t)) {
        g_autofree char *address = mt_transport_dup_address(t);

        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "multifd needs several connections: expected tcp: "
                          "or unix:, not '%s'", address);
        return FALSE;
    }

    return TRUE;
}

/* Resets the engine for a new migration. */
static gboolean
engine_begin(MtEngine *e, gboolean is_source,
             const MtEngineSettings *settings, MtTransport *transport,
             GError **error)
{
    gboolean busy;

    g_mutex_lock(&e->lock);
    busy = !e->over;
    g_mutex_unlock(&e->lock);
    if (busy) {
        migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                          "a migration is running already");
        return FALSE;
    }
    if (!mt_engine_settings_check(settings, error) ||
        !engine_check_transport(settings, transport, error))
        return FALSE;

    engine_forget_run(e);
    if (!is_source && e->guest.gate)
        mt_gate_open(e->guest.gate);
    e->is_source = is_source;
    e->settings = *settings;
    e->transport = mt_transport_ref(transport);
    e->failure = mt_engine_new_failure(e);
    e->activity = 0;
    memset(&e->counters, 0, sizeof(e->counters));
    memset(&e->progress, 0, sizeof(e->progress));
    __atomic_store_n(&e->max_bandwidth, settings->max_bandwidth,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&e->max_postcopy_bandwidth,
                     settings->max_postcopy_bandwidth, __ATOMIC_RELAXED);
    __atomic_store_n(&e->downtime_limit_ns, settings->downtime_limit_ns,
                     __ATOMIC_RELAXED);
    e->rate = mt_rate_new(mt_clock_system(), settings->max_bandwidth);
    mt_engine_tune_throttle(e);

    g_mutex_lock(&e->lock);
    e->retuned = FALSE;
    e->status = MT_STATUS_NONE;
    e->outcome = MT_OUTCOME_PENDING;
    e->over = e->committing = e->go_on = e->guest_stopped = FALSE;
    e->postcopy_wanted = FALSE;
    e->postcopy_ns = 0;
    e->begin_ns = mt_clock_now(mt_clock_system());
    e->setup_ns = e->stop_ns = e->end_ns = 0;
    e->device_bytes = 0;
    e->xbzrle_cache_bytes = 0;
    g_clear_pointer(&e->run_state, g_free);
    e->progress.remaining = is_source ? mt_ram_bytes(e->ram) : 0;
    g_mutex_unlock(&e->lock);
    return TRUE;
}

/* A migration that was begun cannot start. */
static void
engine_abandon(MtEngine *e, MtOutcome outcome)
{
    g_mutex_lock(&e->lock);
    e->over = TRUE;
    e->outcome = outcome;
    g_mutex_unlock(&e->lock);
}

static gboolean
engine_start(MtEngine *e, const char *name, GThreadFunc thread,
             MtOutcome outcome, GError **error)
{
    e->thread = mt_thread_new(name, thread, e, error);
    if (!e->thread)
        engine_abandon(e, outcome);
    return e->thread != NULL;
}

gboolean
mt_engine_migrate(MtEngine *e, const MtEngineSettings *settings,
                  MtTransport *to, GError **error)
{
    if (!engine_begin(e, TRUE, settings, to, error))
        return FALSE;

    return engine_start(e, "mig-source", mt_engine_source_thread,
                        MT_OUTCOME_HERE, error);
}

gboolean
mt_engine_incoming(MtEngine *e, const MtEngineSettings *settings,
                   MtTransport *from, GError **error)
{
    if (!engine_begin(e, FALSE, settings, from, error))
        return FALSE;
    if (!mt_transport_listen(from, error)) {
        engine_abandon(e, MT_OUTCOME_THERE);
        return FALSE;
    }
    if (!engine_start(e, "mig-dest", mt_engine_dest_thread, MT_OUTCOME_THERE,
                      error)) {
        mt_transport_stop_listening(from);
        return FALSE;
    }
    return TRUE;
}

gboolean
mt_engine_wait(MtEngine *e, gint64 timeout_ns, GError **error)
{
    gint64 end = g_get_monotonic_time() + timeout_ns / 1000;
    gboolean in_time = TRUE;
    gboolean ok;

    g_mutex_lock(&e->lock);
    while (!e->over && in_time) {
        if (timeout_ns)
            in_time = g_cond_wait_until(&e->changed, &e->lock, end);
        else
            g_cond_wait(&e->changed, &e->lock);
    }
    ok = e->over && e->status == MT_STATUS_COMPLETED;
    if (!e->over)
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          "the migration is not over yet");
    else if (!ok && e->error && error)
        *error = g_error_copy(e->error);
    else if (!ok)
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "no migration was started");
    g_mutex_unlock(&e->lock);
    return ok;
}

void
mt_engine_cancel(MtEngine *e)
{
    GError *error = NULL;
    gboolean cancel;

    g_mutex_lock(&e->lock);
    cancel = !e->over && !e->committing;
    if (cancel) {
        e->status = MT_STATUS_CANCELLING;
        migtune_error_set(&error, MIGTUNE_ERROR_CANCELLED,
                          "the migration was cancelled");
        /* Under the lock, so that no thread can commit in between. */
        mt_failure_raise(e->failure, error);
        g_cond_broadcast(&e->changed);
    }
    g_mutex_unlock(&e->lock);
    if (cancel)
        mt_engine_emit(e, MT_ENGINE_EVENT_STATUS, MT_STATUS_CANCELLING);
}

void
mt_engine_set_max_bandwidth(MtEngine *e, guint64 bytes_per_s)
{
    g_mutex_lock(&e->lock);
    __atomic_store_n(&e->max_bandwidth, bytes_per_s, __ATOMIC_RELAXED);
    if (!e->over)
        mt_rate_set(e->rate, bytes_per_s);
    g_mutex_unlock(&e->lock);
}

void
mt_engine_set_max_postcopy_bandwidth(MtEngine *e, guint64 bytes_per_s)
{
    __atomic_store_n(&e->max_postcopy_bandwidth, bytes_per_s,
                     __ATOMIC_RELAXED);
}

void
mt_engine_set_downtime_limit(MtEngine *e, gint64 limit_ns)
{
    __atomic_store_n(&e->downtime_limit_ns, MAX(limit_ns, 0),
                     __ATOMIC_RELAXED);
}

void
mt_engine_retune(MtEngine *e, const MtEngineSettings *settings)
{
    if (settings->max_bandwidth !=
        __atomic_load_n(&e->max_bandwidth, __ATOMIC_RELAXED))
        mt_engine_set_max_bandwidth(e, settings->max_bandwidth);
    mt_engine_set_max_postcopy_bandwidth(e, settings->max_postcopy_bandwidth);
    mt_engine_set_downtime_limit(e, settings->downtime_limit_ns);
    g_mutex_lock(&e->lock);
    e->tuned = *settings;
    e->retuned = TRUE;
    g_mutex_unlock(&e->lock);
}

gboolean
mt_engine_set_xbzrle_cache(MtEngine *e, guint64 bytes, GError **error)
{
    gboolean ok = mt_xbzrle_check_size(bytes, error);

    if (!ok)
        return FALSE;

    g_mutex_lock(&e->lock);
    e->xbzrle_cache_bytes = bytes;
    if (e->xbzrle)
        ok = mt_xbzrle_resize(e->xbzrle, bytes, error);
    g_mutex_unlock(&e->lock);
    return ok;
}

void
mt_engine_set_run_state(MtEngine *e, const char *run_state)
{
    g_mutex_lock(&e->lock);
    g_free(e->run_state);
    e->run_state = g_strdup(run_state);
    g_mutex_unlock(&e->lock);
}

gboolean
mt_engine_start_postcopy(MtEngine *e, GError **error)
{
    gboolean ok;

    g_mutex_lock(&e->lock);
    ok = e->settings.postcopy && e->is_source && !e->over;
    if (ok)
        e->postcopy_wanted = TRUE;
    g_mutex_unlock(&e->lock);
    if (!ok)
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "post-copy can be started only on a running source "
                          "with the capability postcopy-ram");
    return ok;
}

void
mt_engine_pause_postcopy(MtEngine *e)
{
    g_mutex_lock(&e->lock);
    if (e->link && (e->status == MT_STATUS_POSTCOPY_ACTIVE ||
                    e->status == MT_STATUS_POSTCOPY_RECOVER))
        mt_io_shutdown(e->link);
    g_mutex_unlock(&e->lock);
}

static gboolean
engine_offer(MtEngine *e, MtTransport *transport, GError **error)
{
    gboolean paused;

    g_mutex_lock(&e->lock);
    paused = e->status == MT_STATUS_POSTCOPY_PAUSED && !e->over;
    if (paused) {
        g_clear_pointer(&e->resume, mt_transport_unref);
        e->resume = mt_transport_ref(transport);
        g_cond_broadcast(&e->changed);
    }
    g_mutex_unlock(&e->lock);
    if (!paused)
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "no post-copy is paused");
    return paused;
}

gboolean
mt_engine_resume(MtEngine *e, MtTransport *to, GError **error)
{
    return engine_offer(e, to, error);
}

gboolean
mt_engine_recover(MtEngine *e, MtTransport *from, GError **error)
{
    return mt_transport_listen(from, error) && engine_offer(e, from, error);
}

void
mt_engine_continue(MtEngine *e)
{
    g_mutex_lock(&e->lock);
    e->go_on = TRUE;
    g_mutex_unlock(&e->lock);
}

MtStatus
mt_engine_get_status(MtEngine *e)
{
    MtStatus status;

    g_mutex_lock(&e->lock);
    status = e->status;
    g_mutex_unlock(&e->lock);
    return status;
}

MtOutcome
mt_engine_get_outcome(MtEngine *e)
{
    MtOutcome outcome;

    g_mutex_lock(&e->lock);
    outcome = e->outcome;
    g_mutex_unlock(&e->lock);
    return outcome;
}

void
mt_engine_set_devices(MtEngine *e, GBytes *sections, GBytes *vmdesc)
{
    g_mutex_lock(&e->lock);
    g_clear_pointer(&e->sections, g_bytes_unref);
    g_clear_pointer(&e->vmdesc, g_bytes_unref);
    e->sections = sections ? g_bytes_ref(sections) : NULL;
    e->vmdesc = vmdesc ? g_bytes_ref(vmdesc) : NULL;
    g_mutex_unlock(&e->lock);
}

gboolean
mt_engine_get_devices(MtEngine *e, GBytes **ret_sections, GBytes **ret_vmdesc)
{
    gboolean have;

    g_mutex_lock(&e->lock);
    have = e->sections != NULL;
    if (have) {
        *ret_sections = g_bytes_ref(e->sections);
        *ret_vmdesc = e->vmdesc ? g_bytes_ref(e->vmdesc) : NULL;
    }
    g_mutex_unlock(&e->lock);
    return have;
}

char *
mt_engine_dup_machine(MtEngine *e)
{
    char *machine;

    g_mutex_lock(&e->lock);
    machine = g_strdup(e->machine);
    g_mutex_unlock(&e->lock);
    return machine;
}
