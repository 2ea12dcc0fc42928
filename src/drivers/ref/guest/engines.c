/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two engines of a guest: they stop and start it, and what they report
 * becomes the guest's status and events.
 *
 * The status that clients see is kept here and changes together with the state
 * of the guest, so that no client reads 'completed' while query-status still
 * says 'finish-migrate'.  Numbers come from the engine.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"
#include "util/i18n.h"

/* The event MIGRATION is sent with the status 'device' of every migration
 * since this release; before, only with pause-before-switchover. */
#define DEVICE_ALWAYS_SINCE MT_RELEASE(10, 0)
/* MIGRATION_PASS is not sent for the first pass since this release. */
#define NO_FIRST_PASS_SINCE MT_RELEASE(11, 1)

static void
source_stop(gpointer data)
{
    MtRefGuest *g = data;
    MtRefRunState before;

    g_mutex_lock(&g->run);
    mt_workload_stop(g->load);
    g_mutex_lock(&g->lock);
    before = g->before_stop = g->state;
    g->state = MT_REF_FINISH_MIGRATE;
    if (before == MT_REF_RUNNING)
        mt_ref_guest_queue_event_locked(g, "STOP", NULL);
    g_mutex_unlock(&g->lock);
    mt_engine_set_run_state(g->source, mt_ref_run_state_to_string(before));
    g_mutex_unlock(&g->run);
    mt_ref_guest_deliver_events(g);
}

/* The migration failed: the guest is as it was.  The event RESUME follows the
 * event with the status. */
static void
source_start(gpointer data)
{
    MtRefGuest *g = data;

    g_mutex_lock(&g->run);
    if (g->before_stop == MT_REF_RUNNING) {
        mt_ref_guest_run_locked(g);
        g_mutex_lock(&g->lock);
        g->resume_pending = TRUE;
        g_mutex_unlock(&g->lock);
    } else {
        g_mutex_lock(&g->lock);
        g->state = g->before_stop;
        g_mutex_unlock(&g->lock);
    }
    g_mutex_unlock(&g->run);
}

/* The guest has arrived.  It runs if it ran at the source, unless it was
 * created paused. */
static void
dest_start(gpointer data)
{
    MtRefGuest *g = data;
    g_autofree char *sent = mt_engine_dup_run_state(g->dest);
    MtRefRunState state = MT_REF_RUNNING;

    if (sent)
        mt_ref_run_state_from_string(sent, &state);
    g_mutex_lock(&g->run);
    g_mutex_lock(&g->lock);
    if (state == MT_REF_RUNNING && !g->autostart)
        state = MT_REF_PAUSED;
    if (state != MT_REF_RUNNING)
        g->state = state;
    else
        mt_ref_guest_queue_event_locked(g, "RESUME", NULL);
    g_mutex_unlock(&g->lock);
    if (state == MT_REF_RUNNING)
        mt_ref_guest_run_locked(g);
    g_mutex_unlock(&g->run);
    mt_ref_guest_deliver_events(g);
}

static void
source_pass_event_locked(MtRefGuest *g, guint64 pass)
{
    JsonObject *data;

    if (!g->events_enabled || (pass == 1 &&
        mt_ref_profile_release(g->profile) >= NO_FIRST_PASS_SINCE))
        return;

    data = json_object_new();
    json_object_set_int_member(data, "pass", pass);
    mt_ref_guest_queue_event_locked(g, "MIGRATION_PASS", data);
}

/* TRUE if the release does not have the status, or does not show it for this
 * migration. */
static gboolean
source_hides(MtRefGuest *g, MtStatus status)
{
    if (!mt_ref_profile_has_status(g->profile, mt_status_to_string(status)))
        return TRUE;

    return status == MT_STATUS_DEVICE && !g->pauses &&
           mt_ref_profile_release(g->profile) < DEVICE_ALWAYS_SINCE;
}

static void
source_resume_event_locked(MtRefGuest *g)
{
    if (g->resume_pending)
        mt_ref_guest_queue_event_locked(g, "RESUME", NULL);
    g->resume_pending = FALSE;
}

/* Sets the status, the run state and the error that belong together, and
 * queues the events. */
static void
source_enter_locked(MtRefGuest *g, MtStatus status)
{
    if (g->quit) {
        g->outgoing.status = status;
        return;
    }
    /* The thread that cancels and the engine's thread report independently, in
     * any order. */
    if (status == MT_STATUS_CANCELLING &&
        mt_ref_status_is_final(g->outgoing.status))
        return;
    if (status == MT_STATUS_CANCELLED &&
        g->outgoing.status != MT_STATUS_CANCELLING)
        mt_ref_guest_migration_event_locked(g, "cancelling");
    /* The engine returns from a status that this release does not have. */
    if (status == g->outgoing.status && status == MT_STATUS_POSTCOPY_PAUSED)
        return;
    if (status == MT_STATUS_ACTIVE)
        source_pass_event_locked(g, 1);
    if (status == MT_STATUS_FAILED)
        mt_ref_guest_migration_event_locked(g, "failing");
    if (status == MT_STATUS_POSTCOPY_ACTIVE &&
        g->outgoing.status == MT_STATUS_DEVICE)
        mt_ref_guest_migration_event_locked(g, "postcopy-device");
    if (status == MT_STATUS_POSTCOPY_ACTIVE)
        g_clear_pointer(&g->outgoing.error_desc, g_free);

    g->outgoing.status = status;
    /* A cancelled migration ends after the guest runs again, others before. */
    if (status == MT_STATUS_CANCELLED)
        source_resume_event_locked(g);
    mt_ref_guest_migration_event_locked(g, mt_status_to_string(status));

    /* The guest is at the destination, or it is unknown where it is. */
    if (mt_ref_status_is_final(status) && g->state == MT_REF_FINISH_MIGRATE)
        g->state = MT_REF_POSTMIGRATE;
    if (mt_ref_status_is_final(status))
        source_resume_event_locked(g);
}

static void
source_listen(MtEngine *engine, MtEngineEvent event, guint64 value,
              gpointer data)
{
    MtRefGuest *g = data;

    if (event == MT_ENGINE_EVENT_STATUS && value == MT_STATUS_SETUP)
        mt_ref_guest_wait_filled(g);

    g_mutex_lock(&g->lock);
    if (event == MT_ENGINE_EVENT_STATUS && !source_hides(g, value))
        source_enter_locked(g, value);
    if (event == MT_ENGINE_EVENT_PASS && value > 1) {
        source_pass_event_locked(g, value);
        g->n_passes++;
        g_cond_broadcast(&g->changed);
    }
    g_mutex_unlock(&g->lock);
    mt_ref_guest_deliver_events(g);
}

static void
dest_listen(MtEngine *engine, MtEngineEvent event, guint64 value,
            gpointer data)
{
    MtRefGuest *g = data;
    gboolean die;

    /* The command has already reported the status setup. */
    if (event != MT_ENGINE_EVENT_STATUS || value == MT_STATUS_SETUP)
        return;

    g_mutex_lock(&g->lock);
    g->incoming.status = value;
    g->recovering = g->recovering && value == MT_STATUS_POSTCOPY_PAUSED;
    if (mt_ref_status_is_final(value))
        g_clear_pointer(&g->incoming_address, g_free);
    if (value == MT_STATUS_FAILED)
        mt_ref_guest_migration_event_locked(g, "failing");
    mt_ref_guest_migration_event_locked(g, mt_status_to_string(value));
    die = value == MT_STATUS_FAILED && g->exit_on_error;
    if (die) {
        MtEngineStats stats;

        mt_engine_get_stats(engine, &stats);
        g_free(g->last_words);
        g->last_words = g_strdup_printf(
            _("the incoming migration failed: %s"),
            stats.error_desc ? stats.error_desc : _("unknown reason"));
        mt_engine_stats_clear(&stats);
    }
    g_mutex_unlock(&g->lock);
    if (die)
        mt_ref_guest_die(g, NULL);
    mt_ref_guest_deliver_events(g);
}

void
mt_ref_guest_make_engines(MtRefGuest *g)
{
    MtEngineGuest out = {
        .stop = source_stop,
        .start = source_start,
        .throttle = g->throttle,
        .data = g,
    };
    MtEngineGuest in = {
        .start = dest_start, .gate = g->gate, .data = g,
    };

    g->source = mt_engine_new(g->ram, g->dirty, &out);
    mt_engine_set_listener(g->source, source_listen, g);
    g->dest = mt_engine_new(g->ram, g->dirty, &in);
    mt_engine_set_listener(g->dest, dest_listen, g);
}
