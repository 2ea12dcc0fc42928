/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations of a guest: the commands that begin, steer and end them, and what
 * the engine says meanwhile.
 *
 * The status that clients see is kept here and changes together with the state
 * of the guest, so that nobody reads "completed" of a guest that still seems to
 * stand at the switch-over.  Numbers come from the engine.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"
#include "util/clock.h"
#include "util/json-peek.h"

/* Since when things are as they are now. */
#define DEVICE_ALWAYS_SINCE MT_RELEASE(10, 0)
#define NO_FIRST_PASS_SINCE MT_RELEASE(11, 1)
#define INCOMING_TEXT_SINCE MT_RELEASE(6, 0)
#define TRANSPORT_FIRST_SINCE MT_RELEASE(8, 0)
#define INCOMING_SETUP_SINCE MT_RELEASE(8, 2)

/* An engine is over moments after it said so. */
#define OVER_NS (5 * MT_NS_PER_S)

void
mt_ref_side_clear(MtRefSide *side)
{
    g_free(side->error_desc);
    memset(side, 0, sizeof(*side));
}

static gboolean
status_is_final(MtStatus status)
{
    return status == MT_STATUS_COMPLETED || status == MT_STATUS_FAILED ||
           status == MT_STATUS_CANCELLED;
}

static gboolean
status_is_postcopy(MtStatus status)
{
    return status == MT_STATUS_POSTCOPY_ACTIVE ||
           status == MT_STATUS_POSTCOPY_PAUSED ||
           status == MT_STATUS_POSTCOPY_RECOVER_SETUP ||
           status == MT_STATUS_POSTCOPY_RECOVER;
}

gboolean
mt_ref_side_is_over(const MtRefSide *side)
{
    return !side->by_engine || status_is_final(side->status);
}

MtStatus
mt_ref_guest_outgoing_status(MtRefGuest *g)
{
    MtStatus status;

    g_mutex_lock(&g->lock);
    status = g->outgoing.any ? g->outgoing.status : MT_STATUS_NONE;
    g_mutex_unlock(&g->lock);
    return status;
}

gboolean
mt_ref_guest_is_migrating(MtRefGuest *g)
{
    gboolean migrating;

    g_mutex_lock(&g->lock);
    migrating = g->outgoing.any && !status_is_final(g->outgoing.status);
    g_mutex_unlock(&g->lock);
    return migrating;
}

/* With the lock held: whether anybody asked for it or not. */
static void
migration_tell(MtRefGuest *g, const char *status)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "status", status);
    mt_ref_guest_queue_event_locked(g, "MIGRATION", data);
}

void
mt_ref_guest_migration_event_locked(MtRefGuest *g, const char *status)
{
    if (g->events_wanted && mt_ref_profile_has_status(g->profile, status))
        migration_tell(g, status);
}

static void
migration_pass(MtRefGuest *g, guint64 pass)
{
    JsonObject *data;

    if (!g->events_wanted || (pass == 1 &&
        mt_ref_profile_release(g->profile) >= NO_FIRST_PASS_SINCE))
        return;

    data = json_object_new();
    json_object_set_int_member(data, "pass", pass);
    mt_ref_guest_queue_event_locked(g, "MIGRATION_PASS", data);
}

/* A status that the release has not, or has only on demand. */
static gboolean
source_hides(MtRefGuest *g, MtStatus status)
{
    if (!mt_ref_profile_has_status(g->profile, mt_status_to_string(status)))
        return TRUE;

    return status == MT_STATUS_DEVICE && !g->pauses &&
           mt_ref_profile_release(g->profile) < DEVICE_ALWAYS_SINCE;
}

/* With the lock held. */
static void
source_tell_resume(MtRefGuest *g)
{
    if (g->resume_untold)
        mt_ref_guest_queue_event_locked(g, "RESUME", NULL);
    g->resume_untold = FALSE;
}

/* With the lock held: what goes with a status. */
static void
source_enter(MtRefGuest *g, MtStatus status)
{
    if (g->quit) {
        g->outgoing.status = status;
        return;
    }
    /* Who cancels and the engine that ends are two threads: either may be
     * heard first. */
    if (status == MT_STATUS_CANCELLING && status_is_final(g->outgoing.status))
        return;
    if (status == MT_STATUS_CANCELLED &&
        g->outgoing.status != MT_STATUS_CANCELLING)
        mt_ref_guest_migration_event_locked(g, "cancelling");
    /* The way back from a status that the release has not. */
    if (status == g->outgoing.status && status == MT_STATUS_POSTCOPY_PAUSED)
        return;
    if (status == MT_STATUS_ACTIVE)
        migration_pass(g, 1);
    if (status == MT_STATUS_FAILED)
        mt_ref_guest_migration_event_locked(g, "failing");
    if (status == MT_STATUS_POSTCOPY_ACTIVE &&
        g->outgoing.status == MT_STATUS_DEVICE)
        mt_ref_guest_migration_event_locked(g, "postcopy-device");
    if (status == MT_STATUS_POSTCOPY_ACTIVE)
        g_clear_pointer(&g->outgoing.error_desc, g_free);

    g->outgoing.status = status;
    /* That one is over when the guest runs again; the others are before. */
    if (status == MT_STATUS_CANCELLED)
        source_tell_resume(g);
    mt_ref_guest_migration_event_locked(g, mt_status_to_string(status));

    /* The guest is over there, or nobody knows. */
    if (status_is_final(status) && g->state == MT_REF_FINISH_MIGRATE)
        g->state = MT_REF_POSTMIGRATE;
    if (status_is_final(status))
        source_tell_resume(g);
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
        source_enter(g, value);
    if (event == MT_ENGINE_EVENT_PASS && value > 1)
        migration_pass(g, value);
    g_mutex_unlock(&g->lock);
    mt_ref_guest_tell(g);
}

static void
dest_listen(MtEngine *engine, MtEngineEvent event, guint64 value,
            gpointer data)
{
    MtRefGuest *g = data;
    gboolean die;

    /* The command itself has told of the setup. */
    if (event != MT_ENGINE_EVENT_STATUS || value == MT_STATUS_SETUP)
        return;

    g_mutex_lock(&g->lock);
    g->incoming.status = value;
    g->recovering = g->recovering && value == MT_STATUS_POSTCOPY_PAUSED;
    if (status_is_final(value))
        g_clear_pointer(&g->incoming_address, g_free);
    if (value == MT_STATUS_FAILED)
        mt_ref_guest_migration_event_locked(g, "failing");
    mt_ref_guest_migration_event_locked(g, mt_status_to_string(value));
    die = value == MT_STATUS_FAILED && g->exit_on_error;
    if (die) {
        MtEngineStats stats;

        mt_engine_get_stats(engine, &stats);
        g_free(g->last_words);
        g->last_words = g_strdup_printf("the incoming migration failed: %s",
                                        stats.error_desc ? stats.error_desc :
                                        "no reason is known");
        mt_engine_stats_clear(&stats);
    }
    g_mutex_unlock(&g->lock);
    if (die)
        mt_ref_guest_die(g, NULL);
    mt_ref_guest_tell(g);
}

void
mt_ref_guest_make_engines(MtRefGuest *g)
{
    MtEngineGuest out = {
        .stop = mt_ref_guest_source_stop,
        .start = mt_ref_guest_source_start,
        .throttle = g->throttle,
        .data = g,
    };
    MtEngineGuest in = {
        .start = mt_ref_guest_dest_start, .gate = g->gate, .data = g,
    };

    g->source = mt_engine_new(g->ram, g->dirty, &out);
    mt_engine_set_listener(g->source, source_listen, g);
    g->dest = mt_engine_new(g->ram, g->dirty, &in);
    mt_engine_set_listener(g->dest, dest_listen, g);
}

void
mt_ref_guest_retune(MtRefGuest *g)
{
    MtRefTunables *t = g->tunables;
    MtEngineSettings settings;

    g_mutex_lock(&g->lock);
    g->events_wanted = mt_ref_tunables_cap(t, MT_PARAM_EVENTS);
    g_mutex_unlock(&g->lock);
    if (!mt_ref_guest_is_migrating(g))
        return;

    mt_ref_guest_tune(g, &settings);
    if (mt_ref_tunables_changed(t, MT_PARAM_MAX_BANDWIDTH))
        mt_engine_set_max_bandwidth(g->source, settings.max_bandwidth);
    if (mt_ref_tunables_changed(t, MT_PARAM_MAX_POSTCOPY_BANDWIDTH))
        mt_engine_set_max_postcopy_bandwidth(g->source,
                                             settings.max_postcopy_bandwidth);
    if (mt_ref_tunables_changed(t, MT_PARAM_DOWNTIME_LIMIT))
        mt_engine_set_downtime_limit(g->source, settings.downtime_limit_ns);
    if (mt_ref_tunables_changed(t, MT_PARAM_XBZRLE_CACHE_SIZE))
        mt_engine_set_xbzrle_cache(g->source, settings.xbzrle_cache_bytes,
                                   NULL);
}

/* blk=true is the capability `block` for as long as the migration lasts. */
static gboolean
migrate_set_block(MtRefGuest *g, gboolean on, MtRefRefusal *refusal)
{
    JsonArray *list = json_array_new();
    JsonObject *one = json_object_new();
    g_autoptr(JsonObject) arguments = json_object_new();
    g_autoptr(JsonNode) result = NULL;
    MtRefSituation situation;

    json_object_set_string_member(one, "capability", "block");
    json_object_set_boolean_member(one, "state", on);
    json_array_add_object_element(list, one);
    json_object_set_array_member(arguments, "capabilities", list);
    mt_ref_guest_situation(g, &situation);
    return mt_ref_tunables_run(g->tunables, &situation,
                               "migrate-set-capabilities", arguments, &result,
                               refusal);
}

void
mt_ref_guest_unset_blk(MtRefGuest *g)
{
    MtRefRefusal refusal = { 0 };

    if (!g->set_by_blk || mt_ref_guest_is_migrating(g))
        return;

    g->set_by_blk = FALSE;
    migrate_set_block(g, FALSE, &refusal);
    mt_ref_refusal_clear(&refusal);
}

static gboolean
migrate_take_blk(MtRefGuest *g, JsonObject *arguments, MtRefRefusal *refusal)
{
    gboolean blk = FALSE;
    gboolean inc = FALSE;

    mt_json_peek_bool(arguments, "blk", &blk);
    mt_json_peek_bool(arguments, "inc", &inc);
    /* Before the capability the arguments were all there was. */
    if ((!blk && !inc) || mt_ref_profile_row(g->profile,
                                             mt_row(MT_PARAM_BLOCK)) ==
        MT_REF_ABSENT)
        return TRUE;
    if (mt_ref_tunables_cap(g->tunables, MT_PARAM_BLOCK) ||
        mt_ref_tunables_number(g->tunables, MT_PARAM_BLOCK_INCREMENTAL))
        return mt_ref_refuse(refusal, "Command options are incompatible with "
                             "current migration capabilities");
    if (!migrate_set_block(g, TRUE, refusal))
        return FALSE;

    g->set_by_blk = TRUE;
    return TRUE;
}

static gboolean
migrate_is_resume(JsonObject *arguments)
{
    gboolean resume = FALSE;

    mt_json_peek_bool(arguments, "resume", &resume);
    return resume;
}

/* Whether the guest is one that can be sent now. */
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

/* A migration that failed before it began; @desc NULL: nobody knows why. */
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

gboolean
mt_ref_guest_check_scheme(MtRefGuest *g, const char *uri, gboolean incoming,
                          MtRefRefusal *refusal)
{
    g_autofree char *scheme = g_strndup(uri, strcspn(uri, ":"));
    if (strchr(uri, ':') && mt_ref_profile_has_scheme(g->profile, scheme))
        return TRUE;
    if (incoming ||
        !mt_ref_profile_has_quirk(g->profile, "bad-scheme-fails-job"))
        return mt_ref_refuse(refusal, "unknown migration protocol: %s", uri);

    mt_ref_refuse(refusal, "Parameter 'uri' expects a valid migration "
                  "protocol");
    return FALSE;
}

static gboolean
migrate_rules(MtRefGuest *g, const char *uri, gboolean incoming,
              MtRefRefusal *refusal)
{
    g_autofree char *scheme = g_strndup(uri, strcspn(uri, ":"));
    MtRefSituation situation;

    mt_ref_guest_situation(g, &situation);
    return mt_ref_tunables_check_start(g->tunables, &situation, incoming,
                                       scheme, refusal);
}

/* From 8.0 on the rules refuse this; before, the migration fails, and only the
 * log of QEMU says why. */
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
    g_autoptr(MtTransport) transport = mt_ref_address_open(g, uri, refusal);
    g_autoptr(GError) error = NULL;
    MtEngineSettings settings;

    /* Where addresses are read first, only a descriptor is looked for later. */
    if (!transport && !g_str_has_prefix(uri, "fd:") &&
        !mt_ref_profile_has_quirk(g->profile, "bad-scheme-fails-job"))
        return FALSE;
    if (!transport)
        return migrate_failed_early(g, refusal->desc);
    if (migrate_lacks_channels(g, uri))
        return !migrate_failed_early(g, NULL);
    if (!mt_ref_address_try_file(transport, FALSE, refusal))
        return migrate_failed_early(g, refusal->desc);

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

/* Nothing here goes on in another process with the same memory. */
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
        return mt_ref_refuse(refusal, "a reference guest does not migrate by "
                             "mode %s", mode);
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
    if (rules_first && !migrate_rules(g, uri, FALSE, refusal))
        return FALSE;
    if (!migrate_check_mode(g, arguments, refusal))
        return FALSE;
    if (!migrate_check_state(g, arguments, refusal))
        return FALSE;
    if (!scheme_first && !mt_ref_guest_check_scheme(g, uri, FALSE, refusal))
        return migrate_failed_early(g, NULL);
    if (!rules_first && !migrate_rules(g, uri, FALSE, refusal))
        return FALSE;

    return migrate_is_resume(arguments) ? mt_ref_guest_resume(g, uri, refusal) :
           migrate_begin(g, uri, refusal);
}

/*
 * Once the address is one, the destination is in `setup`; where that is a
 * status of it, it stays so when nothing can be heard there.
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
        transport = mt_ref_address_open(g, uri, refusal);
        return transport && incoming_listen(g, arguments, transport, refusal);
    }

    transport = mt_ref_address_open(g, uri, refusal);
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
    /* Before anything is looked at, and without being asked for events. */
    if (release < INCOMING_SETUP_SINCE) {
        g_mutex_lock(&g->lock);
        migration_tell(g, "setup");
        g_mutex_unlock(&g->lock);
    }

    return mt_ref_address_parse(g, arguments, TRUE, &uri, refusal) &&
           mt_ref_guest_check_scheme(g, uri, TRUE, refusal) &&
           migrate_rules(g, uri, TRUE, refusal) &&
           incoming_begin(g, arguments, uri, refusal);
}

gboolean
mt_ref_run_cancel(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                  MtRefRefusal *refusal)
{
    /* The guest is over there, and cannot come back. */
    if (status_is_postcopy(mt_ref_guest_outgoing_status(g)) &&
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
