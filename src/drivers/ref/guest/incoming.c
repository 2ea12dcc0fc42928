/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command migrate-incoming.
 */
#include "config.h"

#include "drivers/ref/guest/guest-private.h"
#include "util/json-peek.h"

/* The texts, and the event, are as they are now since these releases. */
#define INCOMING_TEXT_SINCE MT_RELEASE(6, 0)
#define INCOMING_SETUP_SINCE MT_RELEASE(8, 2)

/*
 * A valid address brings the destination into the status `setup`.  Since 8.2
 * it keeps that status if listening fails.
 */
static gboolean
incoming_set_up(MtRefGuest *g, MtRefRefusal *refusal)
{
    gboolean later = mt_ref_profile_release(g->profile) >=
                     INCOMING_SETUP_SINCE;
    MtStatus before;

    g_mutex_lock(&g->lock);
    before = g->incoming.status;
    if (later && before == MT_STATUS_NONE) {
        g->incoming.any = TRUE;
        g->incoming.status = MT_STATUS_SETUP;
        mt_ref_guest_migration_event_locked(g, "setup");
    }
    g_mutex_unlock(&g->lock);
    if (before != MT_STATUS_NONE &&
        mt_ref_profile_has_quirk(g->profile, "failed-incoming-is-the-last"))
        return mt_ref_refuse(refusal, "Illegal migration incoming state: %s",
                             mt_status_to_string(before));
    return TRUE;
}

static gboolean
incoming_listen(MtRefGuest *g, JsonObject *arguments, MtTransport *transport,
                MtRefRefusal *refusal)
{
    g_autoptr(GError) error = NULL;
    gboolean exit_on_error = TRUE;
    MtEngineSettings settings;

    if (!mt_ref_guest_set_tls(g, transport, TRUE, refusal))
        return FALSE;
    mt_json_peek_bool(arguments, "exit-on-error", &exit_on_error);
    mt_ref_guest_tune(g, &settings);
    settings.timeout_ms = 0;
    g_mutex_lock(&g->lock);
    mt_ref_faults_load(&g->faults, TRUE, &settings);
    g->exit_on_error = exit_on_error;
    g_mutex_unlock(&g->lock);
    if (!mt_engine_incoming(g->dest, &settings, transport, &error))
        return mt_ref_refuse(refusal, "%s", error->message);

    g->incoming_begun = TRUE;
    g_mutex_lock(&g->lock);
    g->incoming.any = g->incoming.by_engine = TRUE;
    if (g->incoming.status == MT_STATUS_NONE)
        g->incoming.status = MT_STATUS_SETUP;
    g->incoming_address = mt_transport_dup_address(transport);
    g_mutex_unlock(&g->lock);
    return TRUE;
}

static gboolean
incoming_begin(MtRefGuest *g, JsonObject *arguments, const char *uri,
               MtRefRefusal *refusal)
{
    g_autoptr(MtTransport) transport = NULL;

    if (g_str_has_prefix(uri, "fd:")) {
        if (!incoming_set_up(g, refusal))
            return FALSE;
        transport = mt_ref_address_open(g, uri, TRUE, refusal);
        return transport && incoming_listen(g, arguments, transport, refusal);
    }

    transport = mt_ref_address_open(g, uri, TRUE, refusal);
    return transport && incoming_set_up(g, refusal) &&
           mt_ref_address_try_file(transport, TRUE, refusal) &&
           incoming_listen(g, arguments, transport, refusal);
}

gboolean
mt_ref_run_incoming(MtRefGuest *g, JsonObject *arguments,
                    JsonNode **ret_result, MtRefRefusal *refusal)
{
    MtRelease release = mt_ref_profile_release(g->profile);
    g_autofree char *uri = NULL;

    if (g->incoming_begun)
        return mt_ref_refuse(refusal, "The incoming migration has already "
                             "been started");
    if (mt_ref_guest_run_state(g) != MT_REF_INMIGRATE)
        return mt_ref_refuse(refusal, release < INCOMING_TEXT_SINCE ?
                             "For use with '-incoming defer'" :
                             "'-incoming' was not specified on the command "
                             "line");
    /* QEMU sends this event before any check, also if the capability events is
     * off. */
    if (release < INCOMING_SETUP_SINCE) {
        g_mutex_lock(&g->lock);
        mt_ref_guest_force_migration_event_locked(g, "setup");
        g_mutex_unlock(&g->lock);
    }

    return mt_ref_address_parse(g, arguments, TRUE, &uri, refusal) &&
           mt_ref_guest_check_scheme(g, uri, TRUE, refusal) &&
           mt_ref_guest_check_rules(g, uri, TRUE, refusal) &&
           incoming_begin(g, arguments, uri, refusal);
}
