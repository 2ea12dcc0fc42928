/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The run state of a guest, and the commands stop, cont and query-status.
 *
 * The writers start and stop under the lock @run, so that they always agree
 * with the state.  The state itself is protected by @lock.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"

/* StatusInfo has no member `singlestep` since this release. */
#define SINGLESTEP_GONE MT_RELEASE(9, 1)

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

gboolean
mt_ref_run_state_from_string(const char *name, MtRefRunState *ret)
{
    for (guint i = 0; i < MT_REF_N_RUN_STATES; i++) {
        if (strcmp(name, run_states[i]) == 0) {
            *ret = i;
            return TRUE;
        }
    }
    return FALSE;
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

void
mt_ref_guest_run_locked(MtRefGuest *g)
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

void
mt_ref_guest_start_first(MtRefGuest *g)
{
    g_mutex_lock(&g->run);
    if (mt_ref_guest_run_state(g) == MT_REF_RUNNING && !g->quit)
        mt_workload_start(g->load);
    g_mutex_unlock(&g->run);
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
        mt_ref_guest_run_locked(g);
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
