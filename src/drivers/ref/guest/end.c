/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a guest: by the command quit, by a failed incoming migration, or
 * because its connection is closed.
 */
#include "config.h"

#include "drivers/ref/guest/guest-private.h"

/* The members of the data of the event SHUTDOWN exist since these releases. */
#define SHUTDOWN_GUEST_SINCE MT_RELEASE(2, 10)
#define SHUTDOWN_REASON_SINCE MT_RELEASE(4, 0)

void
mt_ref_guest_die(MtRefGuest *g, const char *reason)
{
    MtRelease release = mt_ref_profile_release(g->profile);
    JsonObject *data = NULL;
    gboolean first, cancel_in;

    g_mutex_lock(&g->run);
    g_mutex_lock(&g->lock);
    first = !g->quit;
    /* An incoming migration that has ended may call this itself. */
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
mt_ref_run_quit(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                MtRefRefusal *refusal)
{
    mt_ref_guest_die(g, "host-qmp-quit");
    return TRUE;
}

gboolean
mt_ref_guest_has_quit(MtRefGuest *g)
{
    gboolean over;

    g_mutex_lock(&g->lock);
    over = g->quit;
    g_mutex_unlock(&g->lock);
    return over;
}
