/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of an outgoing migration: migrate, migrate_cancel and
 * migrate-continue.
 */
#include "config.h"

#include "drivers/ref/guest/guest-private.h"
#include "util/clock.h"
#include "util/json-peek.h"

/* QEMU checks the rules about the transport before the state of the guest
 * since this release. */
#define TRANSPORT_FIRST_SINCE MT_RELEASE(8, 0)

/* Time that an engine may need to end its threads after it reported the end of
 * the migration. */
#define OVER_NS (5 * MT_NS_PER_S)

static gboolean
migrate_take_blk(MtRefGuest *g, JsonObject *arguments, MtRefRefusal *refusal)
{
    gboolean blk = FALSE;
    gboolean inc = FALSE;

    mt_json_peek_bool(arguments, "blk", &blk);
    mt_json_peek_bool(arguments, "inc", &inc);
    /* Releases without the capability block have only the arguments. */
    if ((!blk && !inc) || mt_ref_profile_row(g->profile,
                                             mt_row(MT_PARAM_BLOCK)) ==
        MT_REF_ABSENT)
        return TRUE;
    if (mt_ref_tunables_cap(g->tunables, MT_PARAM_BLOCK) ||
        mt_ref_tunables_number(g->tunables, MT_PARAM_BLOCK_INCREMENTAL))
        return mt_ref_refuse(refusal, "Command options are incompatible with "
                             "current migration capabilities");
    return mt_ref_guest_set_blk(g, refusal);
}

static gboolean
migrate_is_resume(JsonObject *arguments)
{
    gboolean resume = FALSE;

    mt_json_peek_bool(arguments, "resume", &resume);
    return resume;
}

/* Whether the state of the guest allows a migration. */
static gboolean
migrate_check_state(MtRefGuest *g, JsonObject *arguments,
                    MtRefRefusal *refusal)
{
    MtRefRunState state = mt_ref_guest_run_state(g);

    if (migrate_is_resume(arguments))
        return mt_ref_guest_may_resume(g, refusal);
    if (mt_ref_guest_is_migrating(g))
        return mt_ref_refuse(refusal,
                             "There's a migration process in progress");
    if (state == MT_REF_INMIGRATE)
        return mt_ref_refuse(refusal,
                             "Guest is waiting for an incoming migration");
    if (state == MT_REF_POSTMIGRATE &&
        !mt_ref_profile_has_quirk(g->profile, "migrate-again"))
        return mt_ref_refuse(refusal, "Can't migrate the vm that was paused "
                             "due to previous migration");
    return migrate_take_blk(g, arguments, refusal);
}

/* Records a migration that failed before it started.  @desc: the reason, NULL
 * if QEMU reports none. */
static gboolean
migrate_failed_early(MtRefGuest *g, const char *desc)
{
    g_mutex_lock(&g->lock);
    mt_ref_side_clear(&g->outgoing);
    g->outgoing.any = TRUE;
    g->outgoing.status = MT_STATUS_FAILED;
    g->outgoing.error_desc = g_strdup(desc);
    mt_ref_guest_migration_event_locked(g, "setup");
    mt_ref_guest_migration_event_locked(g, "failing");
    mt_ref_guest_migration_event_locked(g, "failed");
    g_mutex_unlock(&g->lock);
    return FALSE;
}

/* Since 8.0 the rules refuse this.  In older releases the migration fails and
 * only QEMU's log has the reason. */
static gboolean
migrate_lacks_channels(MtRefGuest *g, const char *uri)
{
    static const MtParamId caps[] = { MT_PARAM_MULTIFD, MT_PARAM_X_MULTIFD,
                                      MT_PARAM_POSTCOPY_PREEMPT };
    static const char *const several[] = { "tcp", "unix", "vsock", NULL };
    g_autofree char *scheme = g_strndup(uri, strcspn(uri, ":"));

    if (mt_ref_profile_release(g->profile) >= TRANSPORT_FIRST_SINCE ||
        g_strv_contains(several, scheme))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(caps); i++) {
        if (mt_ref_tunables_cap(g->tunables, caps[i]))
            return TRUE;
    }
    return FALSE;
}

static gboolean
migrate_begin(MtRefGuest *g, const char *uri, MtRefRefusal *refusal)
{
    g_autoptr(MtTransport) transport = mt_ref_address_open(g, uri, FALSE,
                                                           refusal);
    g_autoptr(GError) error = NULL;
    MtEngineSettings settings;

    /* Releases that parse the address first refuse it here; they look for a
     * descriptor only when the migration starts. */
    if (!transport && !g_str_has_prefix(uri, "fd:") &&
        !mt_ref_profile_has_quirk(g->profile, "bad-scheme-fails-job"))
        return FALSE;
    if (!transport)
        return migrate_failed_early(g, refusal->desc);
    if (migrate_lacks_channels(g, uri))
        return !migrate_failed_early(g, NULL);
    if (!mt_ref_address_try_file(transport, FALSE, refusal))
        return migrate_failed_early(g, refusal->desc);
    if (!mt_ref_guest_set_tls(g, transport, FALSE, refusal))
        return !migrate_failed_early(g, refusal->desc);

    mt_engine_wait(g->source, OVER_NS, NULL);
    mt_ref_guest_tune(g, &settings);
    g_mutex_lock(&g->lock);
    mt_ref_faults_load(&g->faults, FALSE, &settings);
    mt_ref_side_clear(&g->outgoing);
    g->outgoing.any = g->outgoing.by_engine = TRUE;
    g->outgoing.status = MT_STATUS_SETUP;
    g->pauses = settings.pause_before_switchover;
    g_mutex_unlock(&g->lock);
    if (mt_engine_migrate(g->source, &settings, transport, &error))
        return TRUE;

    mt_ref_refuse(refusal, "%s", error->message);
    return migrate_failed_early(g, refusal->desc);
}

static gboolean
migrate_has_cpr_channel(JsonObject *arguments)
{
    JsonArray *channels = mt_json_peek_array(arguments, "channels");

    for (guint i = 0; channels && i < json_array_get_length(channels); i++) {
        JsonObject *one = json_array_get_object_element(channels, i);

        if (g_strcmp0(mt_json_peek_string(one, "channel-type"), "cpr") == 0)
            return TRUE;
    }
    return FALSE;
}

/* The CPR modes hand the memory to another process, which a reference guest
 * does not support. */
static gboolean
migrate_check_mode(MtRefGuest *g, JsonObject *arguments,
                   MtRefRefusal *refusal)
{
    const char *mode = mt_ref_tunables_text(g->tunables, MT_PARAM_MODE);
    const char *reason = mt_ref_guest_blocked_reason(g);

    if (g_strcmp0(mode, "cpr-transfer") == 0 &&
        !migrate_has_cpr_channel(arguments))
        return mt_ref_refuse(refusal, "missing 'cpr' migration channel");
    if (reason)
        return mt_ref_refuse(refusal, "%s", reason);
    if (g_strcmp0(mode, "cpr-transfer") == 0 ||
        g_strcmp0(mode, "cpr-exec") == 0)
        return mt_ref_refuse(refusal, "a reference guest does not support "
                             "migration mode '%s'", mode);
    return TRUE;
}

gboolean
mt_ref_run_migrate(MtRefGuest *g, JsonObject *arguments,
                   JsonNode **ret_result, MtRefRefusal *refusal)
{
    gboolean scheme_first =
        !mt_ref_profile_has_quirk(g->profile, "bad-scheme-fails-job");
    gboolean rules_first =
        mt_ref_profile_release(g->profile) >= TRANSPORT_FIRST_SINCE;
    g_autofree char *uri = NULL;

    if (!mt_ref_address_parse(g, arguments, FALSE, &uri, refusal))
        return FALSE;
    if (scheme_first && !mt_ref_guest_check_scheme(g, uri, FALSE, refusal))
        return FALSE;
    if (rules_first && !mt_ref_guest_check_rules(g, uri, FALSE, refusal))
        return FALSE;
    if (!migrate_check_mode(g, arguments, refusal))
        return FALSE;
    if (!migrate_check_state(g, arguments, refusal))
        return FALSE;
    if (!scheme_first && !mt_ref_guest_check_scheme(g, uri, FALSE, refusal))
        return migrate_failed_early(g, NULL);
    if (!rules_first && !mt_ref_guest_check_rules(g, uri, FALSE, refusal))
        return FALSE;

    return migrate_is_resume(arguments) ? mt_ref_guest_resume(g, uri, refusal) :
           migrate_begin(g, uri, refusal);
}

gboolean
mt_ref_run_cancel(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                  MtRefRefusal *refusal)
{
    /* The guest runs at the destination and cannot return. */
    if (mt_ref_status_is_postcopy(mt_ref_guest_outgoing_status(g)) &&
        !mt_ref_profile_has_quirk(g->profile, "cancel-in-postcopy"))
        return mt_ref_refuse(refusal, "Postcopy migration in progress, "
                             "cannot cancel.");

    if (mt_ref_guest_is_migrating(g))
        mt_engine_cancel(g->source);
    return TRUE;
}

gboolean
mt_ref_run_continue(MtRefGuest *g, JsonObject *arguments,
                    JsonNode **ret_result, MtRefRefusal *refusal)
{
    const char *wanted = mt_json_peek_string(arguments, "state");
    MtStatus status = mt_ref_guest_outgoing_status(g);

    if (g_strcmp0(wanted, mt_status_to_string(status)) != 0)
        return mt_ref_refuse(refusal,
                             "Migration not in expected state: %s",
                             mt_status_to_string(status));

    if (status == MT_STATUS_PRE_SWITCHOVER)
        mt_engine_continue(g->source);
    return TRUE;
}
