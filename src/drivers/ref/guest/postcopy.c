/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of post-copy: start it, interrupt it, and recover it over
 * another connection.
 */
#include "config.h"

#include "drivers/ref/guest/guest-private.h"
#include "util/json-peek.h"

/* migrate-pause is accepted also in postcopy-recover. */
#define PAUSE_IN_RECOVER_SINCE MT_RELEASE(8, 2)
/* migrate-recover may be repeated. */
#define RECOVER_AGAIN_SINCE MT_RELEASE(7, 1)
/* Older releases send the event with the status setup again when they listen
 * for the recovery. */
#define SETUP_ONCE_SINCE MT_RELEASE(8, 2)

gboolean
mt_ref_guest_may_resume(MtRefGuest *g, MtRefRefusal *refusal)
{
    if (mt_ref_guest_outgoing_status(g) != MT_STATUS_POSTCOPY_PAUSED)
        return mt_ref_refuse(refusal, "Cannot resume if there is no paused "
                             "migration");
    if (mt_ref_tunables_cap(g->tunables, MT_PARAM_RELEASE_RAM))
        return mt_ref_refuse(refusal, "Postcopy recovery cannot work when "
                             "release-ram capability is set");
    return TRUE;
}

gboolean
mt_ref_guest_resume(MtRefGuest *g, const char *uri, MtRefRefusal *refusal)
{
    g_autoptr(MtTransport) transport = mt_ref_address_open(g, uri, FALSE,
                                                           refusal);
    g_autoptr(GError) error = NULL;

    if (!transport || !mt_ref_guest_set_tls(g, transport, FALSE, refusal))
        return FALSE;

    g_mutex_lock(&g->lock);
    g_clear_pointer(&g->outgoing.error_desc, g_free);
    g_mutex_unlock(&g->lock);
    return mt_engine_resume(g->source, transport, &error) ||
           mt_ref_refuse(refusal, "%s", error->message);
}

gboolean
mt_ref_run_start_postcopy(MtRefGuest *g, JsonObject *arguments,
                          JsonNode **ret_result, MtRefRefusal *refusal)
{
    gboolean any;

    if (!mt_ref_tunables_cap(g->tunables, MT_PARAM_POSTCOPY_RAM) &&
        !mt_ref_tunables_cap(g->tunables, MT_PARAM_X_POSTCOPY_RAM))
        return mt_ref_refuse(refusal, "Enable postcopy with "
                             "migrate_set_capability before the start of "
                             "migration");

    g_mutex_lock(&g->lock);
    any = g->outgoing.any;
    g_mutex_unlock(&g->lock);
    if (!any)
        return mt_ref_refuse(refusal, "Postcopy must be started after "
                             "migration has been started");
    /* QEMU reports no error if the migration has ended already. */
    mt_engine_start_postcopy(g->source, NULL);
    return TRUE;
}

static gboolean
side_may_pause_locked(MtRefGuest *g, const MtRefSide *side)
{
    return side->any && (side->status == MT_STATUS_POSTCOPY_ACTIVE ||
        (side->status == MT_STATUS_POSTCOPY_RECOVER &&
         mt_ref_profile_release(g->profile) >= PAUSE_IN_RECOVER_SINCE));
}

gboolean
mt_ref_run_pause(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                 MtRefRefusal *refusal)
{
    gboolean recover = mt_ref_profile_release(g->profile) >=
                       PAUSE_IN_RECOVER_SINCE;
    gboolean out, in;

    g_mutex_lock(&g->lock);
    out = side_may_pause_locked(g, &g->outgoing);
    in = side_may_pause_locked(g, &g->incoming);
    if (out) {
        g_free(g->outgoing.error_desc);
        g->outgoing.error_desc =
            g_strdup("Postcopy migration is paused by the user");
    }
    g_mutex_unlock(&g->lock);
    if (!out && !in)
        return mt_ref_refuse(refusal, "migrate-pause is currently only "
                             "supported during postcopy-active %sstate",
                             recover ? "or postcopy-recover " : "");

    mt_engine_pause_postcopy(out ? g->source : g->dest);
    return TRUE;
}

static gboolean
recover_may_begin_locked(MtRefGuest *g, MtRefRefusal *refusal)
{
    if (!g->incoming.any || g->incoming.status != MT_STATUS_POSTCOPY_PAUSED)
        return mt_ref_refuse(refusal, "Migrate recover can only be run when "
                             "postcopy is paused.");
    if (g->recovering &&
        mt_ref_profile_release(g->profile) < RECOVER_AGAIN_SINCE)
        return mt_ref_refuse(refusal, "Migrate recovery is triggered already");

    return TRUE;
}

gboolean
mt_ref_run_recover(MtRefGuest *g, JsonObject *arguments,
                   JsonNode **ret_result, MtRefRefusal *refusal)
{
    const char *uri = mt_json_peek_string(arguments, "uri");
    g_autoptr(MtTransport) transport = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ok;

    g_mutex_lock(&g->lock);
    ok = recover_may_begin_locked(g, refusal);
    g_mutex_unlock(&g->lock);
    if (!ok || !mt_ref_guest_check_scheme(g, uri, TRUE, refusal))
        return FALSE;
    transport = mt_ref_address_open(g, uri, TRUE, refusal);
    if (!transport || !mt_ref_guest_set_tls(g, transport, TRUE, refusal))
        return FALSE;
    if (!mt_engine_recover(g->dest, transport, &error))
        return mt_ref_refuse(refusal, "%s", error->message);

    g_mutex_lock(&g->lock);
    g->recovering = g->incoming.status == MT_STATUS_POSTCOPY_PAUSED;
    if (mt_ref_profile_release(g->profile) < SETUP_ONCE_SINCE)
        mt_ref_guest_migration_event_locked(g, "setup");
    g_mutex_unlock(&g->lock);
    return TRUE;
}
