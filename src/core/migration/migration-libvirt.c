/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration from one libvirt to another.
 *
 * libvirt sets capabilities and parameters on both sides itself, so that the
 * settings are lowered to flags and typed parameters of its migration call.
 * Here the two hosts are compared, the call is made in a thread of its own, and
 * its job is followed.  QEMU's monitor is not used: what both QEMUs support
 * comes from the catalogue, and whatever libvirt does not know is refused.
 *
 * libvirt ensures that exactly one side runs, and cleans up after a failure.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/migration-evidence.h"
#include "core/migration/migration.h"
#include "plan/lower/lower-ask.h"
#include "util/clock.h"
#include "util/i18n.h"
#include "util/json-peek.h"

#define LIBVIRT_FIRST_POLL_MS 10
#define LIBVIRT_LAST_POLL_MS 100
/* How long, and how often, libvirt is asked to resume a migration. */
#define LIBVIRT_RESUME_US (5 * G_USEC_PER_SEC)
#define LIBVIRT_RESUME_WAIT_US 100000
/* Time limit for a cancelled migration to end. */
#define LIBVIRT_CANCEL_MS 30000

/*
 * The facts
 */

static JsonObject *
libvirt_get_host(MigtuneMigration *migration, const char *side)
{
    return mt_json_peek_object(json_node_get_object(migration->hosts), side);
}

static JsonObject *
libvirt_get_guest(MigtuneMigration *migration)
{
    return libvirt_get_host(migration, "guest");
}

/* A number that the domain's XML has as text; @missing if it has none. */
static guint64
libvirt_get_number(JsonObject *guest, const char *member, guint64 missing)
{
    const char *text = mt_json_peek_string(guest, member);

    return text ? g_ascii_strtoull(text, NULL, 10) : missing;
}

static GPtrArray *
libvirt_get_disks(JsonObject *guest)
{
    GPtrArray *disks = g_ptr_array_new_with_free_func(g_free);
    JsonArray *array = mt_json_peek_array(guest, "unsafe-disks");

    for (guint i = 0; array && i < json_array_get_length(array); i++)
        g_ptr_array_add(disks,
                        g_strdup(json_array_get_string_element(array, i)));

    return disks;
}

/* The facts of a side.  libvirt starts the guest of the destination with the
 * definition of the source, so both sides have the same machine. */
static MtPairSide *
libvirt_new_side(MigtuneMigration *migration, const char *which,
                 const MtJob *job, GError **error)
{
    g_autoptr(MtPairSide) side = mt_pair_side_new();
    JsonObject *host = libvirt_get_host(migration, which);
    JsonObject *guest = libvirt_get_guest(migration);
    const char *qemu = mt_json_peek_string(host, "qemu");
    const char *libvirt = mt_json_peek_string(host, "libvirt");
    const char *type = mt_json_peek_string(guest, "type");
    MtRelease release = qemu ? mt_release_parse(qemu) : MT_RELEASE_NONE;

    if (release == MT_RELEASE_NONE) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("libvirt of the %s does not report a QEMU"),
                          strcmp(which, "source") == 0 ? _("source")
                                                       : _("destination"));
        return NULL;
    }
    side->caps = mt_caps_new_for_release(release);
    side->state = mt_state_new_default(side->caps);
    g_free(side->state->run_state);
    side->state->run_state = g_strdup(job ? job->run_state : "inmigrate");
    g_free(side->state->migration);
    side->state->migration = g_strdup(job ? job->status : "none");
    side->version = mt_version_parse(qemu);
    side->libvirt = libvirt ? mt_version_parse(libvirt) : MT_VERSION_NONE;
    side->machine = g_strdup(mt_json_peek_string(guest, "machine"));
    side->target = g_strdup(mt_json_peek_string(guest, "arch"));
    side->n_cpus = libvirt_get_number(guest, "cpus", 1);
    side->threads = libvirt_get_number(guest, "threads", 1);
    side->ram_bytes = libvirt_get_number(guest, "memory-kib", 0) * 1024;
    side->kvm = type ? strcmp(type, "kvm") == 0 : -1;
    side->uuid = g_strdup(migration->source->identity.uuid);
    side->address = g_strdup(mt_json_peek_string(host, "uuid"));
    side->unsafe_disks = libvirt_get_disks(guest);

    return g_steal_pointer(&side);
}

/* Asks libvirt about both hosts and the job of the source. */
static gboolean
libvirt_read_sides(MigtuneMigration *migration, GCancellable *cancellable,
                   GError **error)
{
    MigtuneDomain *source = migration->source;
    g_autoptr(MtDomainHold) hold = mt_domain_hold(source, cancellable, error);
    g_auto(MtJob) job = { NULL };

    if (!hold || !mt_domain_check_running(source, error) ||
        !mt_job_ask_again(source, cancellable, &job, error))
        return FALSE;
    g_clear_pointer(&migration->hosts, json_node_unref);
    migration->hosts = source->conn->driver->compare(
        source->handle, migration->to->handle, cancellable, error);
    if (!migration->hosts)
        return FALSE;

    mt_pair_side_free(migration->source_side);
    mt_pair_side_free(migration->destination_side);
    migration->destination_side = NULL;
    migration->source_side = libvirt_new_side(migration, "source", &job, error);
    if (migration->source_side)
        migration->destination_side =
            libvirt_new_side(migration, "destination", NULL, error);

    return migration->destination_side != NULL;
}

/*
 * The check
 */

static void
libvirt_refuse(MtPairing *pairing, const char *id, MtSide side, char *text,
               const char *fix)
{
    mt_pairing_add(pairing, id, MT_PAIR_REFUSE, side, NULL, NULL, text,
                   g_strdup(fix));
}

/* What libvirt would refuse once the migration has begun. */
static void
libvirt_judge_hosts(MigtuneMigration *migration)
{
    MtPairing *pairing = migration->pairing;
    JsonObject *there = libvirt_get_host(migration, "destination");
    const char *namesake = mt_json_peek_string(there, "namesake");
    const char *machine = mt_json_peek_string(there, "machine-error");
    const char *uuid = mt_json_peek_string(there, "uuid");
    gboolean same = FALSE;

    mt_json_peek_bool(there, "namesake-is-same", &same);
    if (uuid && g_strcmp0(uuid, mt_json_peek_string(
                                    libvirt_get_host(migration, "source"),
                                    "uuid")) == 0)
        libvirt_refuse(pairing, "libvirt-same-host", MT_SIDE_BOTH,
                       g_strdup(_("both connections lead to the same host, and "
                                  "libvirt does not migrate a guest to its own "
                                  "host")),
                       _("give the connection URI of another host"));
    else if (namesake && (!same || strcmp(namesake, "running") == 0))
        libvirt_refuse(pairing, "destination-has-guest", MT_SIDE_DESTINATION,
                       g_strdup_printf(
                           same ? _("a guest with the UUID of %s already runs "
                                    "on the destination")
                                : _("the destination has another guest with "
                                    "the name %s"),
                           migration->source->name),
                       NULL);
    if (machine)
        libvirt_refuse(pairing, "destination-machine", MT_SIDE_DESTINATION,
                       g_strdup_printf(_("libvirt of the destination cannot "
                                         "start this guest: %s"), machine),
                       _("use a host with a QEMU that has this machine type"));
}

static MtRelease
libvirt_get_release(const MtPairSide *side)
{
    return mt_version_release(side->libvirt);
}

static gboolean
libvirt_has_finding(const MtLowering *lowering, const char *name)
{
    for (guint i = 0; i < lowering->findings->len; i++) {
        const MtLowerFinding *one = g_ptr_array_index(lowering->findings, i);

        if (g_strcmp0(one->name, name) == 0)
            return TRUE;
    }

    return FALSE;
}

/* Reports the findings of @lowering that @before does not have. */
static void
libvirt_report_lowering(MtPairing *pairing, const MtLowering *lowering,
                        MtSide side, const MtLowering *before)
{
    for (guint i = 0; i < lowering->findings->len; i++) {
        const MtLowerFinding *one = g_ptr_array_index(lowering->findings, i);

        if (before && libvirt_has_finding(before, one->name))
            continue;
        libvirt_refuse(pairing, "libvirt-setting", side,
                       g_strdup_printf("%s%s%s", one->rule ? one->rule : "",
                                       one->rule ? ": " : "", one->text),
                       NULL);
    }
}

/* Refuses settings that only QEMU's monitor could make before the call. */
static void
libvirt_judge_before(MtPairing *pairing, const MtLowering *lowering)
{
    for (guint i = 0; i < mt_set_size(lowering->before); i++) {
        const MtRow *row = mt_set_nth(lowering->before, i);

        if (mt_lower_before(row))
            continue;
        libvirt_refuse(pairing, "libvirt-monitor", MT_SIDE_SOURCE,
                       g_strdup_printf(_("libvirt has no function for %s, and "
                                         "the monitor of QEMU is not used for a "
                                         "migration"), row->name),
                       _("set it with 'migtune migrate-setparameters' before, "
                         "which marks the guest as tainted"));
    }
}

/* Asks the libvirt of the source what it supports.  NULL if it cannot be
 * asked. */
static MtLowerAsk *
libvirt_ask(MigtuneMigration *migration, GCancellable *cancellable)
{
    MigtuneDomain *source = migration->source;
    const MigtuneDriver *driver = source->conn->driver;
    g_autoptr(MtDomainHold) hold = mt_domain_hold(source, cancellable, NULL);
    g_autoptr(MtLowerAsk) ask = mt_lower_ask_new(migration->pairing->wishes);

    if (!hold || !driver->takes)
        return NULL;
    if ((ask->params->len == 0 && ask->flags == 0) ||
        driver->takes(source->handle, ask->flags, &ask->refused,
                      (MigtuneDriverAsked *)(gpointer)ask->params->data,
                      ask->params->len, cancellable, NULL))
        return g_steal_pointer(&ask);

    return NULL;
}

static void
libvirt_lower(MigtuneMigration *migration, GCancellable *cancellable)
{
    MtPairing *pairing = migration->pairing;
    g_autoptr(MtLowerAsk) ask = libvirt_ask(migration, cancellable);
    g_autoptr(MtLowering) there = mt_lowering_new(
        pairing->wishes, libvirt_get_release(pairing->destination), NULL);
    MtLowering *here = mt_lowering_new(
        pairing->wishes, libvirt_get_release(pairing->source), ask);

    g_clear_pointer(&migration->lowering, mt_lowering_free);
    migration->lowering = here;
    if (migration->libvirt_flags & VIR_MIGRATE_POSTCOPY_RESUME)
        here->flags |= VIR_MIGRATE_POSTCOPY;
    here->flags |= migration->libvirt_flags;
    libvirt_report_lowering(pairing, here, MT_SIDE_SOURCE, NULL);
    libvirt_report_lowering(pairing, there, MT_SIDE_DESTINATION, here);
    libvirt_judge_before(pairing, here);
    if (here->flags & VIR_MIGRATE_TLS)
        mt_pairing_note_libvirt_tls(pairing);
}

/* A migration that is to be resumed must have been interrupted in post-copy. */
static gboolean
libvirt_check_resume(MigtuneMigration *migration, GError **error)
{
    const char *status = migration->source_side->state->migration;

    if (strcmp(status, "postcopy-paused") == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      _("%s: there is no interrupted post-copy migration to "
                        "resume; the migration is '%s'"),
                      migration->source->name, status);
    return FALSE;
}

gboolean
mt_migration_check_libvirt(MigtuneMigration *migration,
                           GCancellable *cancellable, GError **error)
{
    gboolean resumes =
        (migration->libvirt_flags & VIR_MIGRATE_POSTCOPY_RESUME) != 0;

    g_clear_pointer(&migration->pairing, mt_pairing_free);
    if (!libvirt_read_sides(migration, cancellable, error) ||
        (resumes && !libvirt_check_resume(migration, error)))
        return FALSE;
    if (resumes) {
        /* The rules are about a migration that begins. */
        g_free(migration->source_side->state->migration);
        migration->source_side->state->migration = g_strdup("none");
    }
    migration->pairing = mt_pairing_new(
        migration->source_side, migration->destination_side, migration->params,
        migration->n_params, migration->policy, NULL);
    if (!resumes)
        libvirt_judge_hosts(migration);
    libvirt_lower(migration, cancellable);

    return TRUE;
}

/*
 * The migration
 */

/* The call of libvirt and the thread that makes it; counted. */
typedef struct {
    MigtuneMigration *migration;
    MigtuneDomain *domain;      /* used by the thread only */
    GCancellable *stop;         /* cancelled when the call has ended */

    GMutex lock;
    GCond ended;
    /* Under the lock. */
    gboolean done;
    gboolean ok;
    GError *error;
} LibvirtCall;

static void
libvirt_call_clear(gpointer data)
{
    LibvirtCall *call = data;

    g_object_unref(call->migration);
    g_object_unref(call->domain);
    g_object_unref(call->stop);
    g_clear_error(&call->error);
    g_mutex_clear(&call->lock);
    g_cond_clear(&call->ended);
}

static void
libvirt_call_unref(LibvirtCall *call)
{
    g_atomic_rc_box_release_full(call, libvirt_call_clear);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LibvirtCall, libvirt_call_unref)

/* Whether to ask again to resume an interrupted migration.  libvirt refuses it
 * until QEMU has noticed on both hosts that the connection is broken. */
static gboolean
libvirt_call_repeats(MigtuneMigration *migration, const GError *error,
                     gint64 end_us)
{
    if (!(migration->lowering->flags & VIR_MIGRATE_POSTCOPY_RESUME) ||
        !g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED) ||
        g_atomic_int_get(&migration->aborted) ||
        g_get_monotonic_time() > end_us)
        return FALSE;

    g_usleep(LIBVIRT_RESUME_WAIT_US);
    return TRUE;
}

static gpointer
libvirt_call_run(gpointer data)
{
    LibvirtCall *call = data;
    MigtuneMigration *migration = call->migration;
    const MtLowering *lowering = migration->lowering;
    gint64 end_us = g_get_monotonic_time() + LIBVIRT_RESUME_US;
    GError *error = NULL;
    gboolean ok;

    do {
        g_clear_error(&error);
        ok = call->domain->conn->driver->migrate(
            call->domain->handle, migration->to->handle, lowering->flags,
            lowering->params->data, lowering->params->len, NULL, &error);
    } while (!ok && libvirt_call_repeats(migration, error, end_us));

    g_mutex_lock(&call->lock);
    call->ok = ok;
    call->error = error;
    call->done = TRUE;
    g_cond_signal(&call->ended);
    g_mutex_unlock(&call->lock);
    g_cancellable_cancel(call->stop);
    libvirt_call_unref(call);

    return NULL;
}

/* Begins the migration.  It has a domain handle of its own, because the call
 * returns only when the migration has ended. */
static LibvirtCall *
libvirt_call_start(MigtuneMigration *migration, GCancellable *cancellable,
                   GError **error)
{
    MigtuneDomain *domain = mt_domain_open(
        migration->source->conn, migration->source->key, cancellable, error);
    LibvirtCall *call;

    if (!domain)
        return NULL;
    /* The driver begins to receive the events before the first one is sent. */
    if (migration->follower)
        mt_domain_wait_pass(migration->source, 0, cancellable);
    call = g_atomic_rc_box_new0(LibvirtCall);
    call->migration = g_object_ref(migration);
    call->domain = domain;
    call->stop = g_cancellable_new();
    g_mutex_init(&call->lock);
    g_cond_init(&call->ended);
    g_thread_unref(g_thread_new("migtune-migrate", libvirt_call_run,
                                g_atomic_rc_box_acquire(call)));

    return call;
}

/* Waits until the call has ended, but not longer than @ms.  For a convergence
 * policy or a record it also returns when a pass begins, because the remaining
 * data is exact then. */
static gboolean
libvirt_call_wait(LibvirtCall *call, guint ms)
{
    gint64 end_us = g_get_monotonic_time() + ms * (gint64)1000;
    gboolean done;

    if (call->migration->follower) {
        mt_domain_wait_pass(call->migration->source, ms, call->stop);
        end_us = 0;
    }
    g_mutex_lock(&call->lock);
    while (!call->done && g_cond_wait_until(&call->ended, &call->lock, end_us))
        ;
    done = call->done;
    g_mutex_unlock(&call->lock);

    return done;
}

/* Settings that libvirt has functions for and that the call cannot express, as
 * QEMU's members; NULL if there are none. */
static JsonObject *
libvirt_get_before(const MtLowering *lowering)
{
    JsonObject *object = json_object_new();

    for (guint i = 0; i < mt_set_size(lowering->before); i++) {
        const MtRow *row = mt_set_nth(lowering->before, i);

        if (mt_lower_before(row))
            json_object_set_member(
                object, row->qmp,
                mt_value_to_json(row, mt_set_get(lowering->before, row)));
    }
    if (json_object_get_size(object) > 0)
        return object;

    json_object_unref(object);
    return NULL;
}

/* The present values of the members of @wanted; NULL if they are not known. */
static JsonObject *
libvirt_read_former(MigtuneDomain *source, JsonObject *wanted)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(source, NULL, NULL);
    g_autoptr(JsonNode) now = NULL;
    JsonObject *former;
    GList *members;

    if (hold)
        now = mt_exec_one(&source->look, "query-migrate-parameters", NULL, NULL,
                          NULL);
    if (!now || !JSON_NODE_HOLDS_OBJECT(now))
        return NULL;

    former = json_object_new();
    members = json_object_get_members(wanted);
    for (GList *at = members; at; at = at->next) {
        JsonNode *node =
            json_object_get_member(json_node_get_object(now), at->data);

        if (node)
            json_object_set_member(former, at->data, json_node_copy(node));
    }
    g_list_free(members);

    return former;
}

/* Takes @values. */
static gboolean
libvirt_set(MigtuneDomain *source, JsonObject *values,
            GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(source, cancellable, error);
    g_autoptr(JsonNode) result = NULL;

    if (!hold) {
        json_object_unref(values);
        return FALSE;
    }
    result = mt_exec_one(&source->exec, "migrate-set-parameters", values,
                         cancellable, error);

    return result != NULL;
}

/* Makes the settings that have functions of their own, and reads them back.
 * Takes @values. */
static gboolean
libvirt_set_before(MigtuneMigration *migration, JsonObject *values,
                   GCancellable *cancellable, GError **error)
{
    g_autoptr(JsonObject) wanted = json_object_ref(values);
    g_autoptr(JsonObject) now = NULL;

    if (!libvirt_set(migration->source, values, cancellable, error))
        return FALSE;
    now = libvirt_read_former(migration->source, wanted);
    if (now)
        mt_evidence_add_parameters(migration->evidence, now);

    return TRUE;
}

/* Asks about the job of @domain, without the monitor. */
static gboolean
libvirt_ask_job(MigtuneDomain *domain, MtJob *job)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, NULL, NULL);

    mt_job_clear(job);
    return hold && mt_job_ask_again(domain, NULL, job, NULL);
}

/* Why the migration is to be cancelled; NULL if it is not. */
static GError *
libvirt_get_cancel_reason(MigtuneMigration *migration, gint64 end_us,
                          GCancellable *cancellable)
{
    GError *error = NULL;

    if (g_cancellable_is_cancelled(cancellable) ||
        g_atomic_int_get(&migration->aborted))
        migtune_error_set(&error, MIGTUNE_ERROR_CANCELLED,
                          _("the migration was cancelled"));
    else if (end_us && g_get_monotonic_time() >= end_us)
        migtune_error_set(&error, MIGTUNE_ERROR_TIMEOUT,
                          _("the migration was cancelled after its time "
                            "limit"));

    return error;
}

/*
 * Follows the job until the call has ended.  FALSE with an error if the waiting
 * ended before.
 *
 * A cancelled migration is cancelled again with each query, because libvirt has
 * no job before the first stage of the migration.  In post-copy a migration that
 * this process drives is always waited for: libvirt would treat the end of the
 * process as a failure.
 */
static gboolean
libvirt_follow(MigtuneMigration *migration, LibvirtCall *call, gint64 end_us,
               GCancellable *cancellable, GError **ret_why, GError **error)
{
    gboolean direct = !(migration->lowering->flags & VIR_MIGRATE_PEER2PEER);
    guint poll_ms = LIBVIRT_FIRST_POLL_MS;
    gint64 cancelled_us = 0;

    while (!libvirt_call_wait(call, poll_ms)) {
        g_auto(MtJob) job = { NULL };
        gboolean known = libvirt_ask_job(migration->source, &job);
        gboolean postcopy = known && g_str_has_prefix(job.status, "postcopy");

        poll_ms = MIN(poll_ms * 2, LIBVIRT_LAST_POLL_MS);
        if (known && job.state == MIGTUNE_JOB_ACTIVE) {
            mt_evidence_add(migration->evidence, &job);
            if (JSON_NODE_HOLDS_OBJECT(job.migration))
                mt_json_peek_int(json_node_get_object(job.migration),
                                 "downtime", &migration->outcome->downtime_ms);
            mt_migration_show(migration, &job);
        }
        if (!*ret_why)
            *ret_why = libvirt_get_cancel_reason(migration, end_us,
                                                 cancellable);
        if (!*ret_why || (postcopy && direct))
            continue;
        if (postcopy) {
            migtune_error_set(error, MIGTUNE_ERROR_STILL_RUNNING,
                              _("post-copy has begun, so the migration was not "
                                "cancelled and goes on"));
            return FALSE;
        }
        cancelled_us = cancelled_us ? cancelled_us : g_get_monotonic_time();
        migtune_domain_abort_job(migration->source, NULL, NULL);
        if (g_get_monotonic_time() - cancelled_us >
            LIBVIRT_CANCEL_MS * (gint64)1000) {
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("the migration was cancelled, but libvirt has "
                                "not ended it within %u s"),
                              LIBVIRT_CANCEL_MS / 1000);
            return FALSE;
        }
    }

    return TRUE;
}

/*
 * The end
 */

static gboolean
libvirt_place(MigtuneMigration *migration, MtPlace place,
              MigtuneMigrationState state)
{
    migration->outcome->place = place;
    mt_migration_enter(migration, state);
    return state == MIGTUNE_MIGRATION_COMPLETED;
}

/* The guest on the destination; NULL if it does not run there. */
static MigtuneDomain *
libvirt_open_arrived(MigtuneMigration *migration, MtJob *job)
{
    g_autoptr(MigtuneDomain) domain = migtune_conn_lookup(
        migration->to, migration->source->name, NULL, NULL);

    if (domain && !domain->identity.inactive && libvirt_ask_job(domain, job))
        return g_steal_pointer(&domain);

    return NULL;
}

/* Takes the statistics of the destination, which has those of the whole
 * migration. */
static gboolean
libvirt_arrive(MigtuneMigration *migration)
{
    g_auto(MtJob) job = { NULL };
    MigtuneDomain *arrived = libvirt_open_arrived(migration, &job);

    if (arrived) {
        g_clear_object(&migration->destination);
        migration->destination = arrived;
        mt_evidence_add(migration->evidence, &job);
        g_free(migration->outcome->destination_state);
        migration->outcome->destination_state = g_strdup(job.run_state);
        if (JSON_NODE_HOLDS_OBJECT(job.migration))
            mt_json_peek_int(json_node_get_object(job.migration), "downtime",
                             &migration->outcome->downtime_ms);
    }

    return libvirt_place(migration, MT_PLACE_DESTINATION,
                         MIGTUNE_MIGRATION_COMPLETED);
}

static void
libvirt_warn(MigtuneMigration *migration, char *text)
{
    g_ptr_array_add(migration->outcome->warnings, text);
}

/* The call failed: finds out where the guest is.  Takes @failure. */
static gboolean
libvirt_fail(MigtuneMigration *migration, GError *failure, GError **error)
{
    g_auto(MtJob) here = { NULL };
    g_auto(MtJob) there = { NULL };
    gboolean known = libvirt_ask_job(migration->source, &here);
    g_autoptr(MigtuneDomain) arrived = libvirt_open_arrived(migration, &there);
    gboolean cancelled = g_error_matches(failure, MIGTUNE_ERROR,
                                         MIGTUNE_ERROR_CANCELLED) ||
                         g_error_matches(failure, MIGTUNE_ERROR,
                                         MIGTUNE_ERROR_TIMEOUT);
    g_autofree char *text = g_strdup(failure->message);

    if (known)
        migration->outcome->source_state = g_strdup(here.run_state);
    if (arrived)
        migration->outcome->destination_state = g_strdup(there.run_state);
    if (known && here.state == MIGTUNE_JOB_PAUSED && !arrived) {
        g_clear_error(&failure);
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s; post-copy had begun, and the destination does "
                            "not tell whether it has the guest; the source "
                            "must not continue it, because its memory may be "
                            "out of date"),
                          text);
        return libvirt_place(migration, MT_PLACE_UNKNOWN,
                             MIGTUNE_MIGRATION_UNKNOWN);
    }
    if (known && here.state == MIGTUNE_JOB_PAUSED) {
        g_clear_error(&failure);
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s; post-copy had begun: the guest is on the "
                            "destination, and part of its memory is still on "
                            "the source; 'migtune migrate --resume' continues"),
                          text);
        return libvirt_place(migration, MT_PLACE_DESTINATION,
                             MIGTUNE_MIGRATION_UNKNOWN);
    }
    if (known && here.state == MIGTUNE_JOB_ACTIVE) {
        g_clear_error(&failure);
        migtune_error_set(error, MIGTUNE_ERROR_STILL_RUNNING,
                          _("%s; libvirt still runs the migration"), text);
        return libvirt_place(migration, MT_PLACE_UNKNOWN,
                             MIGTUNE_MIGRATION_UNKNOWN);
    }
    /* The answer of a migration that has succeeded can be lost. */
    if (!known && arrived && strcmp(there.run_state, "running") == 0) {
        g_clear_error(&failure);
        libvirt_warn(migration,
                     g_strdup_printf(_("libvirt reports a failure, but the "
                                       "guest runs on the destination: %s"),
                                     text));
        return libvirt_arrive(migration);
    }
    if (!known) {
        g_clear_error(&failure);
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s; libvirt of the source does not report "
                            "whether the guest runs there; ask both hosts with "
                            "'migtune list' when it answers again"), text);
        return libvirt_place(migration, MT_PLACE_UNKNOWN,
                             MIGTUNE_MIGRATION_UNKNOWN);
    }
    g_free(failure->message);
    failure->message = g_strdup_printf(
        _("%s; the guest is on the source ('%s')"), text, here.run_state);
    g_propagate_error(error, failure);

    return libvirt_place(migration, MT_PLACE_SOURCE,
                         cancelled ? MIGTUNE_MIGRATION_CANCELLED
                                   : MIGTUNE_MIGRATION_FAILED);
}

/* Makes the call and waits for it.  @started is set if there was a call. */
static gboolean
libvirt_run(MigtuneMigration *migration, gint64 end_us, gboolean *started,
            GCancellable *cancellable, GError **error)
{
    g_autoptr(LibvirtCall) call =
        libvirt_call_start(migration, cancellable, error);
    g_autoptr(GError) why = NULL;
    GError *failure = NULL;
    gboolean ok;

    *started = call != NULL;
    if (!call)
        return libvirt_place(migration, MT_PLACE_SOURCE,
                             MIGTUNE_MIGRATION_FAILED);

    mt_migration_enter(migration, MIGTUNE_MIGRATION_MIGRATING);
    if (!libvirt_follow(migration, call, end_us, cancellable, &why, error))
        return libvirt_place(migration, MT_PLACE_UNKNOWN,
                             MIGTUNE_MIGRATION_UNKNOWN);

    g_mutex_lock(&call->lock);
    ok = call->ok;
    failure = g_steal_pointer(&call->error);
    g_mutex_unlock(&call->lock);
    if (ok)
        return libvirt_arrive(migration);
    /* The reason for which the migration was cancelled says more. */
    if (why && g_error_matches(failure, MIGTUNE_ERROR,
                               MIGTUNE_ERROR_CANCELLED)) {
        g_error_free(failure);
        failure = g_steal_pointer(&why);
    } else if (g_error_matches(failure, MIGTUNE_ERROR,
                               MIGTUNE_ERROR_CANCELLED)) {
        g_prefix_error(&failure, "%s: ", _("the migration was cancelled"));
    }

    return libvirt_fail(migration, failure, error);
}

gboolean
mt_migration_carry_out_libvirt(MigtuneMigration *migration,
                               GCancellable *cancellable, GError **error)
{
    gint64 begin_us = g_get_monotonic_time();
    gint64 end_us = migration->timeout_ms
                        ? begin_us + migration->timeout_ms * (gint64)1000
                        : 0;
    JsonObject *before = libvirt_get_before(migration->lowering);
    JsonObject *former =
        before ? libvirt_read_former(migration->source, before) : NULL;
    gboolean started = FALSE;
    gboolean done = FALSE;
    g_autoptr(GError) cause = NULL;

    migration->outcome = g_new0(MtOutcome, 1);
    migration->outcome->warnings = g_ptr_array_new_with_free_func(g_free);
    migration->outcome->downtime_ms = -1;
    migration->outcome->extra_us = -1;
    migration->evidence = mt_evidence_new();

    mt_migration_enter(migration, MIGTUNE_MIGRATION_TUNING);
    if (!before || libvirt_set_before(migration, before, cancellable, error))
        done = libvirt_run(migration, end_us, &started, cancellable, error);
    else
        libvirt_place(migration, MT_PLACE_SOURCE, MIGTUNE_MIGRATION_FAILED);
    if (former && migration->outcome->place == MT_PLACE_SOURCE &&
        json_object_get_size(former) > 0 &&
        !libvirt_set(migration->source, g_steal_pointer(&former), NULL, &cause))
        libvirt_warn(migration,
                     g_strdup_printf(_("%s: the former settings could not be "
                                       "restored: %s"),
                                     migration->source->name, cause->message));
    g_clear_pointer(&former, json_object_unref);
    mt_evidence_judge(migration->evidence, done, migration->pairing->wishes,
                      migration->pairing->source_after);
    migration->outcome->total_us = g_get_monotonic_time() - begin_us;

    return done;
}
