/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of a running migration: what its threads report, and what the
 * interface asks of them.
 *
 * Layers, each of which calls only the ones after it: engine.c (the
 * interface), engine-source.c and engine-dest.c (one thread each),
 * source/precopy.c and source/postcopy.c (the loops of a source), this file.
 */
#include "config.h"

#include "engine/engine-private.h"
#include "util/clock.h"

/* Wakes the threads that sleep because of the rate limit. */
static void
engine_on_failure(gpointer data)
{
    MtEngine *e = data;

    mt_rate_stop(e->rate);
}

MtFailure *
mt_engine_new_failure(MtEngine *e)
{
    return mt_failure_new(engine_on_failure, e);
}

void
mt_engine_emit(MtEngine *e, MtEngineEvent event, guint64 value)
{
    if (e->listener)
        e->listener(e, event, value, e->listener_data);
}

void
mt_engine_set_status(MtEngine *e, MtStatus status)
{
    gboolean changed;

    g_mutex_lock(&e->lock);
    /* After cancelling, only mt_engine_finish() changes the status. */
    changed = e->status != MT_STATUS_CANCELLING && e->status != status;
    if (changed)
        e->status = status;
    g_mutex_unlock(&e->lock);
    if (changed)
        mt_engine_emit(e, MT_ENGINE_EVENT_STATUS, status);
}

void
mt_engine_finish(MtEngine *e, MtStatus status, MtOutcome outcome,
                 GError *error)
{
    g_mutex_lock(&e->lock);
    e->status = status;
    e->outcome = outcome;
    g_clear_error(&e->error);
    e->error = error;
    e->committing = FALSE;
    if (!e->end_ns)
        e->end_ns = mt_clock_now(mt_clock_system());
    g_mutex_unlock(&e->lock);
    mt_engine_emit(e, MT_ENGINE_EVENT_STATUS, status);

    g_mutex_lock(&e->lock);
    e->over = TRUE;
    g_cond_broadcast(&e->changed);
    g_mutex_unlock(&e->lock);
}

void
mt_engine_tune_throttle(MtEngine *e)
{
    MtThrottleSettings throttle = {
        .initial = e->settings.throttle_initial,
        .increment = e->settings.throttle_increment,
        .max = e->settings.throttle_max,
        .trigger = e->settings.throttle_trigger,
        .tailslow = e->settings.throttle_tailslow,
    };

    if (e->guest.throttle)
        mt_throttle_set(e->guest.throttle, &throttle);
}

void
mt_engine_stop_guest(MtEngine *e)
{
    gint64 now = mt_clock_now(mt_clock_system());

    if (e->guest.stop)
        e->guest.stop(e->guest.data);
    g_mutex_lock(&e->lock);
    e->guest_stopped = TRUE;
    e->stop_ns = now;
    e->progress.downtime_from = mt_counted(e->counters.transferred);
    g_mutex_unlock(&e->lock);
    mt_engine_emit(e, MT_ENGINE_EVENT_STOP, 0);
}

void
mt_engine_start_guest(MtEngine *e)
{
    gboolean start;

    g_mutex_lock(&e->lock);
    start = e->guest_stopped || !e->is_source;
    e->guest_stopped = FALSE;
    g_mutex_unlock(&e->lock);
    if (!start)
        return;

    if (e->guest.start)
        e->guest.start(e->guest.data);
    mt_engine_emit(e, MT_ENGINE_EVENT_RESUME, 0);
}

char *
mt_engine_dup_run_state(MtEngine *e)
{
    char *run_state;

    g_mutex_lock(&e->lock);
    run_state = g_strdup(e->run_state);
    g_mutex_unlock(&e->lock);
    return run_state;
}

void
mt_engine_set_link(MtEngine *e, MtIo *io)
{
    g_mutex_lock(&e->lock);
    e->link = io;
    g_mutex_unlock(&e->lock);
}

gboolean
mt_engine_may_recover(MtEngine *e)
{
    gboolean cancelled;

    g_mutex_lock(&e->lock);
    cancelled = e->status == MT_STATUS_CANCELLING;
    g_mutex_unlock(&e->lock);
    return e->settings.postcopy_recovers && !cancelled;
}

void
mt_engine_wait_recovery(MtEngine *e, GError *reason)
{
    MtFailure *before;

    g_mutex_lock(&e->lock);
    e->link = NULL;
    e->committing = FALSE;
    /* An address that was offered for an earlier link failure must not be used
     * for this one. */
    g_clear_pointer(&e->resume, mt_transport_unref);
    before = e->failure;
    e->failure = mt_engine_new_failure(e);
    g_clear_error(&e->error);
    e->error = reason;
    g_mutex_unlock(&e->lock);
    mt_failure_free(before);
    mt_engine_set_status(e, MT_STATUS_POSTCOPY_PAUSED);
}

MtTransport *
mt_engine_take_recovery(MtEngine *e, gboolean wait)
{
    MtTransport *transport;

    g_mutex_lock(&e->lock);
    while (wait && !e->resume && e->status != MT_STATUS_CANCELLING)
        g_cond_wait(&e->changed, &e->lock);
    transport = g_steal_pointer(&e->resume);
    g_mutex_unlock(&e->lock);
    return transport;
}

void
mt_engine_recovered(MtEngine *e)
{
    g_mutex_lock(&e->lock);
    g_clear_error(&e->error);
    g_mutex_unlock(&e->lock);
    mt_engine_set_status(e, MT_STATUS_POSTCOPY_ACTIVE);
}

void
mt_engine_enter_postcopy(MtEngine *e)
{
    g_mutex_lock(&e->lock);
    e->postcopy_ns = mt_clock_now(mt_clock_system());
    e->progress.postcopy_from = mt_counted(e->counters.transferred);
    g_mutex_unlock(&e->lock);
    mt_engine_set_status(e, MT_STATUS_POSTCOPY_ACTIVE);
}
