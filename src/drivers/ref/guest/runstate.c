/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the guest runs: stop, cont, and what a migration does to it.
 *
 * Writers start and stop under the lock @run, so that the state and what the
 * writers do agree; the state itself is read under @lock, which is never held
 * for long.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"

/* Releases whose StatusInfo has `singlestep`. */
#define SINGLESTEP_GONE MT_RELEASE(9, 1)
/* Data of the event SHUTDOWN. */
#define SHUTDOWN_GUEST_SINCE MT_RELEASE(2, 10)
#define SHUTDOWN_REASON_SINCE MT_RELEASE(4, 0)

static const char *const run_states[] = {
    [MT_REF_PRELAUNCH] = "prelaunch",
    [MT_REF_INMIGRATE] = "inmigrate",
    [MT_REF_RUNNING] = "running",
    [MT_REF_PAUSED] = "paused",
    [MT_REF_FINISH_MIGRATE] = "finish-migrate",
    [MT_REF_POSTMIGRATE] = "postmigrate",
};

const char *
mt_ref_run_state_to_string(MtRefRunState state)
{
    return run_states[state];
}

MtRefRunState
mt_ref_guest_run_state(MtRefGuest *g)
{
    MtRefRunState state;

    g_mutex_lock(&g->lock);
    state = g->state;
    g_mutex_unlock(&g->lock);
    return state;
}

/* With @run held.  From anything to running. */
static void
run_state_go(MtRefGuest *g)
{
    gboolean go;

    g_mutex_lock(&g->lock);
    go = !g->quit && g->state != MT_REF_RUNNING;
    if (go)
        g->state = MT_REF_RUNNING;
    go = go && g->filled;
    g_mutex_unlock(&g->lock);
    if (go)
        mt_workload_start(g->load);
}

/* What comes first: the content of RAM, then whoever writes to it. */
void
mt_ref_guest_start_first(MtRefGuest *g)
{
    g_mutex_lock(&g->run);
    if (mt_ref_guest_run_state(g) == MT_REF_RUNNING && !g->quit)
        mt_workload_start(g->load);
    g_mutex_unlock(&g->run);
}

void
mt_ref_guest_source_stop(gpointer data)
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
    mt_ref_guest_tell(g);
}

/* It failed: the guest is as it was.  That it runs is told after the status
 * which says so. */
void
mt_ref_guest_source_start(gpointer data)
{
    MtRefGuest *g = data;

    g_mutex_lock(&g->run);
    if (g->before_stop == MT_REF_RUNNING) {
        run_state_go(g);
        g_mutex_lock(&g->lock);
        g->resume_untold = TRUE;
        g_mutex_unlock(&g->lock);
    } else {
        g_mutex_lock(&g->lock);
        g->state = g->before_stop;
        g_mutex_unlock(&g->lock);
    }
    g_mutex_unlock(&g->run);
}

static MtRefRunState
run_state_from_stream(MtRefGuest *g)
{
    g_autofree char *name = mt_engine_dup_run_state(g->dest);

    for (guint i = 0; name && i < MT_REF_N_RUN_STATES; i++) {
        if (strcmp(name, run_states[i]) == 0)
            return i;
    }
    return MT_REF_RUNNING;
}

/* It came in: it runs if it ran over there, unless it was started paused. */
void
mt_ref_guest_dest_start(gpointer data)
{
    MtRefGuest *g = data;
    MtRefRunState state = run_state_from_stream(g);

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
        run_state_go(g);
    g_mutex_unlock(&g->run);
    mt_ref_guest_tell(g);
}

void
mt_ref_guest_die(MtRefGuest *g, const char *reason)
{
    MtRelease release = mt_ref_profile_release(g->profile);
    JsonObject *data = NULL;
    gboolean first, cancel_in;

    g_mutex_lock(&g->run);
    g_mutex_lock(&g->lock);
    first = !g->quit;
    /* It may be the end of an incoming migration that calls. */
    cancel_in = first && !mt_ref_side_is_over(&g->incoming);
    g->quit = TRUE;
    if (first && reason && release >= SHUTDOWN_GUEST_SINCE) {
        data = json_object_new();
        json_object_set_boolean_member(data, "guest", FALSE);
        if (release >= SHUTDOWN_REASON_SINCE)
            json_object_set_string_member(data, "reason", reason);
    }
    if (first && reason)
        mt_ref_guest_queue_event_locked(g, "SHUTDOWN", data);
    if (first)
        mt_ref_guest_queue_event_locked(g, NULL, NULL);
    g_cond_broadcast(&g->changed);
    g_mutex_unlock(&g->lock);
    mt_workload_stop(g->load);
    g_mutex_unlock(&g->run);
    if (first)
        mt_engine_cancel(g->source);
    if (cancel_in)
        mt_engine_cancel(g->dest);
}

gboolean
mt_ref_run_stop(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                MtRefRefusal *refusal)
{
    g_mutex_lock(&g->run);
    g_mutex_lock(&g->lock);
    if (g->state == MT_REF_INMIGRATE)
        g->autostart = FALSE;
    if (g->state != MT_REF_RUNNING) {
        g_mutex_unlock(&g->lock);
        g_mutex_unlock(&g->run);
        return TRUE;
    }
    g->state = MT_REF_PAUSED;
    mt_ref_guest_queue_event_locked(g, "STOP", NULL);
    g_mutex_unlock(&g->lock);
    mt_workload_stop(g->load);
    g_mutex_unlock(&g->run);
    return TRUE;
}

gboolean
mt_ref_run_cont(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                MtRefRefusal *refusal)
{
    gboolean go = FALSE;
    gboolean ok = TRUE;

    g_mutex_lock(&g->run);
    g_mutex_lock(&g->lock);
    switch (g->state) {
    case MT_REF_INMIGRATE:
        g->autostart = TRUE;
        break;
    case MT_REF_FINISH_MIGRATE:
        ok = mt_ref_refuse(refusal, "Migration is not finalized yet");
        break;
    case MT_REF_RUNNING:
        break;
    case MT_REF_PRELAUNCH:
    case MT_REF_PAUSED:
    case MT_REF_POSTMIGRATE:
    case MT_REF_N_RUN_STATES:
    default:
        go = TRUE;
        mt_ref_guest_queue_event_locked(g, "RESUME", NULL);
        break;
    }
    g_mutex_unlock(&g->lock);
    if (go)
        run_state_go(g);
    g_mutex_unlock(&g->run);
    return ok;
}

gboolean
mt_ref_run_query_status(MtRefGuest *g, JsonObject *arguments,
                        JsonNode **ret_result, MtRefRefusal *refusal)
{
    MtRefRunState state = mt_ref_guest_run_state(g);
    JsonObject *status = json_object_new();

    json_object_set_string_member(status, "status",
                                  mt_ref_run_state_to_string(state));
    if (mt_ref_profile_release(g->profile) < SINGLESTEP_GONE)
        json_object_set_boolean_member(status, "singlestep", FALSE);
    json_object_set_boolean_member(status, "running",
                                   state == MT_REF_RUNNING);
    *ret_result = json_node_init_object(json_node_alloc(), status);
    json_object_unref(status);
    return TRUE;
}

gboolean
mt_ref_run_quit(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                MtRefRefusal *refusal)
{
    mt_ref_guest_die(g, "host-qmp-quit");
    return TRUE;
}
