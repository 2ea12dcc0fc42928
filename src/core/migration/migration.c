/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The object for a migration between two known guests: its creation, the check,
 * and its report.  migration-run.c carries it out.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/migration-evidence.h"
#include "core/migration/migration.h"
#include "core/settings.h"
#include "util/i18n.h"
#include "util/json-peek.h"

G_DEFINE_TYPE(MigtuneMigration, migtune_migration, G_TYPE_OBJECT)

enum { MIGRATION_PROGRESS, MIGRATION_STATE, MIGRATION_N_SIGNALS };

#define MIGRATION_POLICIES                                                     \
    (MIGTUNE_SET_STRICT | MIGTUNE_SET_BEST_EFFORT | MIGTUNE_SET_SUBSTITUTE)

static void
migtune_migration_init(MigtuneMigration *migration)
{
}

static void
migtune_migration_finalize(GObject *object)
{
    MigtuneMigration *migration = MIGTUNE_MIGRATION(object);

    migtune_migration_set_observer(migration, NULL, NULL, NULL);
    if (migration->follower)
        migration->follower->free(migration->steering);
    mt_lowering_free(migration->lowering);
    g_clear_pointer(&migration->hosts, json_node_unref);
    mt_pairing_free(migration->pairing);
    mt_pair_side_free(migration->source_side);
    mt_pair_side_free(migration->destination_side);
    mt_set_free(migration->source_read);
    mt_set_free(migration->destination_read);
    mt_outcome_free(migration->outcome);
    mt_evidence_free(migration->evidence);
    migtune_typed_params_free(migration->params, migration->n_params);
    g_free(migration->listen);
    g_free(migration->connect);
    g_clear_object(&migration->source);
    g_clear_object(&migration->destination);
    g_clear_object(&migration->to);
    G_OBJECT_CLASS(migtune_migration_parent_class)->finalize(object);
}

static void
migtune_migration_class_init(MigtuneMigrationClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = migtune_migration_finalize;

    /**
     * MigtuneMigration::progress:
     * @migration: the migration
     * @progress: what migtune_domain_get_job_settings() returns for the source
     *
     * Emitted whenever the source has been asked.
     *
     * Since: 0.1
     */
    g_signal_new("progress", MIGTUNE_TYPE_MIGRATION, G_SIGNAL_RUN_LAST, 0,
                 NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_VARIANT);

    /**
     * MigtuneMigration::state:
     * @migration: the migration
     * @state: the name of the new #MigtuneMigrationState
     *
     * Emitted when the migration enters another stage.
     *
     * Since: 0.1
     */
    g_signal_new("state", MIGTUNE_TYPE_MIGRATION, G_SIGNAL_RUN_LAST, 0, NULL,
                 NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);

    /**
     * MigtuneMigration::decision:
     * @migration: the migration
     * @decision: an `a{sv}` with `time_ms` (`x`, since the start), `policy`,
     *   `action` ("set-downtime", "set-bandwidth", "throttle", "post-copy",
     *   "pause", "abort", "set-deadline" or "note"), `value` (`t`:
     *   milliseconds, bytes a second or percent; absent without one), `code`,
     *   `reason` (a translated sentence), `result` ("taken", "failed",
     *   "refused" by a limit of the caller, or "shadow") and `error`, the text
     *   of a failure
     *
     * Emitted for each decision of the policies of
     * migtune_migration_set_convergence(), after it was carried out.
     *
     * Since: 0.1
     */
    g_signal_new("decision", MIGTUNE_TYPE_MIGRATION, G_SIGNAL_RUN_LAST, 0, NULL,
                 NULL, NULL, G_TYPE_NONE, 1, G_TYPE_VARIANT);
}

/* Copies typed parameters by way of their dictionary. */
static gboolean
migration_take_params(MigtuneMigration *migration,
                      const virTypedParameter *params, int n_params,
                      GError **error)
{
    if (n_params == 0)
        return TRUE;

    return mt_settings_to_typed(mt_settings_from_typed(params, n_params),
                                &migration->params, &migration->n_params,
                                error);
}

MigtuneMigration *
mt_migration_new(MigtuneDomain *source, MigtuneDomain *destination,
                 const virTypedParameter *params, int n_params,
                 unsigned int flags, unsigned int known, GError **error)
{
    g_autoptr(MigtuneMigration) migration = NULL;
    unsigned int policy = flags & MIGRATION_POLICIES;

    if (!mt_core_check_flags(flags, MIGRATION_POLICIES | known, error))
        return NULL;
    MT_REQUIRE((policy & (policy - 1)) == 0, NULL);

    migration = g_object_new(MIGTUNE_TYPE_MIGRATION, NULL);
    migration->source = g_object_ref(source);
    if (destination)
        migration->destination = g_object_ref(destination);
    migration->policy = policy == MIGTUNE_SET_STRICT ? MT_POLICY_STRICT
                        : policy == MIGTUNE_SET_BEST_EFFORT
                            ? MT_POLICY_BEST_EFFORT
                            : MT_POLICY_SUBSTITUTE;
    migration->trusts_link = (flags & MIGTUNE_MIGRATION_TRUST_LINK) != 0;
    migration->unsafe = (flags & MIGTUNE_MIGRATION_UNSAFE) != 0;
    if (!migration_take_params(migration, params, n_params, error))
        return NULL;

    return g_steal_pointer(&migration);
}

MigtuneMigration *
migtune_migration_new(MigtuneDomain *source, MigtuneDomain *destination,
                      virTypedParameterPtr params, int nparams,
                      unsigned int flags, GError **error)
{
    MT_REQUIRE(MIGTUNE_IS_DOMAIN(source), NULL);
    MT_REQUIRE(MIGTUNE_IS_DOMAIN(destination), NULL);
    MT_REQUIRE(params != NULL || nparams == 0, NULL);

    if ((source->conn->driver->features | destination->conn->driver->features) &
        MIGTUNE_DRIVER_LIBVIRT) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("libvirt migrates its guests itself, to another "
                            "libvirt: give the connection of the destination "
                            "instead of a waiting guest"));
        return NULL;
    }

    return mt_migration_new(source, destination, params, nparams, flags,
                            MIGTUNE_MIGRATION_TRUST_LINK |
                                MIGTUNE_MIGRATION_UNSAFE,
                            error);
}

MigtuneMigration *
migtune_migration_new_settings(MigtuneDomain *source,
                               MigtuneDomain *destination, GVariant *settings,
                               unsigned int flags, GError **error)
{
    virTypedParameterPtr params = NULL;
    MigtuneMigration *migration;
    int n = 0;

    if (settings && !mt_settings_to_typed(settings, &params, &n, error))
        return NULL;
    migration = migtune_migration_new(source, destination, params, n, flags,
                                      error);
    migtune_typed_params_free(params, n);

    return migration;
}

/* The flags of libvirt's call for those of a migration. */
static const struct {
    unsigned int flag;
    unsigned int libvirt;
} libvirt_flags[] = {
    { MIGTUNE_MIGRATION_PEER2PEER, VIR_MIGRATE_PEER2PEER },
    { MIGTUNE_MIGRATION_PERSISTENT, VIR_MIGRATE_PERSIST_DEST },
    { MIGTUNE_MIGRATION_UNDEFINE_SOURCE, VIR_MIGRATE_UNDEFINE_SOURCE },
    { MIGTUNE_MIGRATION_UNSAFE, VIR_MIGRATE_UNSAFE },
    { MIGTUNE_MIGRATION_TLS, VIR_MIGRATE_TLS },
    { MIGTUNE_MIGRATION_RESUME, VIR_MIGRATE_POSTCOPY_RESUME },
};

MigtuneMigration *
migtune_migration_new_libvirt(MigtuneDomain *source, MigtuneConn *destination,
                              virTypedParameterPtr params, int nparams,
                              unsigned int flags, GError **error)
{
    MigtuneMigration *migration;
    const MigtuneDriver *driver;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(source), NULL);
    MT_REQUIRE(MIGTUNE_IS_CONN(destination), NULL);
    MT_REQUIRE(params != NULL || nparams == 0, NULL);

    driver = source->conn->driver;
    if (driver != destination->driver || !driver->migrate || !driver->compare) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("libvirt migrates guests only from libvirt to "
                            "libvirt: %s is not reached through the same "
                            "driver as %s"),
                          destination->uri, source->name);
        return NULL;
    }
    if (flags & MIGTUNE_MIGRATION_RESUME && nparams > 0) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a migration that is resumed keeps its settings; "
                            "none can be given"));
        return NULL;
    }
    migration = mt_migration_new(source, NULL, params, nparams, flags,
                                 MIGTUNE_MIGRATION_UNSAFE |
                                     MIGTUNE_MIGRATION_PEER2PEER |
                                     MIGTUNE_MIGRATION_PERSISTENT |
                                     MIGTUNE_MIGRATION_UNDEFINE_SOURCE |
                                     MIGTUNE_MIGRATION_TLS |
                                     MIGTUNE_MIGRATION_RESUME,
                                 error);
    if (!migration)
        return NULL;

    migration->to = g_object_ref(destination);
    for (guint i = 0; i < G_N_ELEMENTS(libvirt_flags); i++) {
        if (flags & libvirt_flags[i].flag)
            migration->libvirt_flags |= libvirt_flags[i].libvirt;
    }

    return migration;
}

MigtuneMigration *
migtune_migration_new_libvirt_settings(MigtuneDomain *source,
                                       MigtuneConn *destination,
                                       GVariant *settings, unsigned int flags,
                                       GError **error)
{
    virTypedParameterPtr params = NULL;
    MigtuneMigration *migration;
    int n = 0;

    if (settings && !mt_settings_to_typed(settings, &params, &n, error))
        return NULL;
    migration = migtune_migration_new_libvirt(source, destination, params, n,
                                              flags, error);
    migtune_typed_params_free(params, n);

    return migration;
}

void
migtune_migration_set_address(MigtuneMigration *migration, const char *listen,
                              const char *connect)
{
    g_return_if_fail(MIGTUNE_IS_MIGRATION(migration));

    g_free(migration->listen);
    g_free(migration->connect);
    migration->listen = g_strdup(listen);
    migration->connect = g_strdup(connect);
}

void
migtune_migration_set_timeout(MigtuneMigration *migration,
                              unsigned int timeout_ms)
{
    g_return_if_fail(MIGTUNE_IS_MIGRATION(migration));

    migration->timeout_ms = timeout_ms;
}

void
migtune_migration_set_observer(MigtuneMigration *migration,
                               MigtuneMigrationFunc func, gpointer user_data,
                               GDestroyNotify destroy)
{
    g_return_if_fail(MIGTUNE_IS_MIGRATION(migration));

    if (migration->observer_destroy)
        migration->observer_destroy(migration->observer_data);
    migration->observer = func;
    migration->observer_data = user_data;
    migration->observer_destroy = destroy;
}

MigtuneDomain *
migtune_migration_get_source(MigtuneMigration *migration)
{
    g_return_val_if_fail(MIGTUNE_IS_MIGRATION(migration), NULL);

    return migration->source;
}

MigtuneDomain *
migtune_migration_get_destination(MigtuneMigration *migration)
{
    g_return_val_if_fail(MIGTUNE_IS_MIGRATION(migration), NULL);

    return migration->destination;
}

MigtuneMigrationState
migtune_migration_get_state(MigtuneMigration *migration)
{
    g_return_val_if_fail(MIGTUNE_IS_MIGRATION(migration),
                         MIGTUNE_MIGRATION_NEW);

    return g_atomic_int_get(&migration->state);
}

/* An error that names all refusing findings; its field "rule" is the id of the
 * first one. */
static void
migration_refuse(MigtuneMigration *migration, GError **error)
{
    const GPtrArray *findings = migration->pairing->findings;
    g_autoptr(GString) text = g_string_new(NULL);
    const char *id = NULL;

    for (guint i = 0; i < findings->len; i++) {
        const MtPairFinding *one = g_ptr_array_index(findings, i);

        if (one->severity != MT_PAIR_REFUSE)
            continue;
        id = id ? id : one->id;
        g_string_append_printf(text, "%s%s", text->len ? "; " : "", one->text);
    }
    migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                      _("%s cannot be migrated to this destination: %s"),
                      migration->source->name, text->str);
    if (error) {
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_RULE, id);
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                "pair-refused");
    }
}

/* Asks both monitors, compares them, and plans the settings. */
static gboolean
migration_check_monitors(MigtuneMigration *migration, GCancellable *cancellable,
                         GError **error)
{
    g_autoptr(MtPairSide) source = NULL;
    g_autoptr(MtPairSide) destination = NULL;

    source = mt_migration_read_side(migration->source, cancellable, error);
    if (!source) {
        mt_migration_prefix_error(migration, migration->source, error);
        return FALSE;
    }
    destination =
        mt_migration_read_side(migration->destination, cancellable, error);
    if (!destination) {
        mt_migration_prefix_error(migration, migration->destination, error);
        return FALSE;
    }

    g_clear_pointer(&migration->pairing, mt_pairing_free);
    mt_pair_side_free(migration->source_side);
    mt_pair_side_free(migration->destination_side);
    migration->source_side = g_steal_pointer(&source);
    migration->destination_side = g_steal_pointer(&destination);
    migration->pairing = mt_pairing_new(
        migration->source_side, migration->destination_side, migration->params,
        migration->n_params, migration->policy,
        migration->connect ? migration->connect : migration->listen);
    if (migration->unsafe)
        mt_pairing_override(migration->pairing);

    return TRUE;
}

gboolean
migtune_migration_check(MigtuneMigration *migration, GCancellable *cancellable,
                        GError **error)
{
    MT_REQUIRE(MIGTUNE_IS_MIGRATION(migration), FALSE);
    MT_REQUIRE(migration->outcome == NULL, FALSE);

    if (!(migration->to
              ? mt_migration_check_libvirt(migration, cancellable, error)
              : migration_check_monitors(migration, cancellable, error)))
        return FALSE;
    mt_migration_enter(migration, MIGTUNE_MIGRATION_CHECKED);
    if (mt_pairing_is_ok(migration->pairing))
        return TRUE;

    migration_refuse(migration, error);
    return FALSE;
}

static gboolean
migration_run(MigtuneMigration *migration, GCancellable *cancellable,
              GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!migration->pairing || !mt_pairing_is_ok(migration->pairing)) {
        if (!migtune_migration_check(migration, cancellable, &cause) &&
            (!migration->pairing || !migration->unsafe ||
             !g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_CONFLICT))) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
    }

    return migration->to
               ? mt_migration_carry_out_libvirt(migration, cancellable, error)
               : mt_migration_carry_out(migration, cancellable, error);
}

gboolean
migtune_migration_run(MigtuneMigration *migration, GCancellable *cancellable,
                      GError **error)
{
    gboolean done;

    MT_REQUIRE(MIGTUNE_IS_MIGRATION(migration), FALSE);
    MT_REQUIRE(migration->outcome == NULL, FALSE);

    migration->cancellable = cancellable;
    if (migration->follower)
        migration->follower->begin(migration);
    done = migration_run(migration, cancellable, error);
    if (migration->follower)
        migration->follower->end(migration);
    migration->cancellable = NULL;

    return done;
}

gboolean
migtune_migration_abort(MigtuneMigration *migration, GCancellable *cancellable,
                        GError **error)
{
    MT_REQUIRE(MIGTUNE_IS_MIGRATION(migration), FALSE);

    if (!migtune_domain_abort_job(migration->source, cancellable, error))
        return FALSE;
    g_atomic_int_set(&migration->aborted, TRUE);

    return TRUE;
}

gboolean
migtune_migration_start_postcopy(MigtuneMigration *migration,
                                 GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) cause = NULL;
    gboolean first;

    MT_REQUIRE(MIGTUNE_IS_MIGRATION(migration), FALSE);

    /* Set this even if the reply is lost: the migration must not be cancelled
     * then. */
    first = g_atomic_int_compare_and_exchange(&migration->postcopy, FALSE,
                                              TRUE);
    if (migtune_domain_start_postcopy(migration->source, cancellable, &cause))
        return TRUE;

    if (first && g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
        g_atomic_int_set(&migration->postcopy, FALSE);
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

/*
 * The report
 */

static JsonObject *
migration_side_to_json(MigtuneDomain *domain, const MtPairSide *side)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "domain", domain->name);
    mt_json_set_text(object, "uuid", domain->identity.uuid);
    json_object_set_string_member(object, "qemu", domain->qemu);
    mt_json_set_text(object, "machine", side ? side->machine : NULL);

    return object;
}

static void
migration_add_step(JsonArray *steps, const char *side, MigtuneDomain *domain,
                   const char *execute, JsonObject *arguments)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "side", side);
    json_object_set_string_member(object, "domain", domain->name);
    json_object_set_string_member(object, "execute", execute);
    json_object_set_object_member(object, "arguments",
                                  arguments ? arguments : json_object_new());
    json_array_add_object_element(steps, object);
}

static void
migration_add_plan(JsonArray *steps, const char *side, MigtuneDomain *domain,
                   const MtPlan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const MtStep *step = g_ptr_array_index(plan->steps, i);

        migration_add_step(steps, side, domain, step->execute,
                           step->arguments ? json_object_ref(step->arguments)
                                           : NULL);
    }
}

static JsonObject *
migration_uri_argument(const char *uri)
{
    JsonObject *arguments = json_object_new();

    json_object_set_string_member(arguments, "uri", uri);
    return arguments;
}

/* The destination where libvirt creates the guest. */
static JsonObject *
migration_libvirt_to_json(MigtuneMigration *migration)
{
    JsonObject *object = json_object_new();
    const MtPairSide *side = migration->destination_side;
    g_autofree char *qemu = side ? mt_version_format(side->version) : NULL;

    json_object_set_string_member(object, "domain", migration->source->name);
    mt_json_set_text(object, "uuid", migration->source->identity.uuid);
    json_object_set_string_member(object, "qemu", qemu ? qemu : "");
    mt_json_set_text(object, "machine", side ? side->machine : NULL);

    return object;
}

static JsonArray *
migration_steps_to_json(MigtuneMigration *migration)
{
    const MtPairing *pairing = migration->pairing;
    MigtuneDomain *there = migration->destination;
    JsonArray *steps = json_array_new();
    const char *listen =
        migration->listen ? migration->listen : "tcp:127.0.0.1:0";
    const char *connect = migration->connect ? migration->connect
                          : migration->listen ? migration->listen
                                              : "tcp:127.0.0.1:PORT";

    if (!mt_pairing_is_ok(pairing) && !migration->unsafe)
        return steps;
    migration_add_plan(steps, "destination", there, pairing->destination_plan);
    migration_add_plan(steps, "source", migration->source,
                       pairing->source_plan);
    if (!migration->destination_side->state->listening)
        migration_add_step(steps, "destination", there, "migrate-incoming",
                           migration_uri_argument(listen));
    if (!migration->trusts_link)
        migration_add_step(steps, "destination", there, "stop", NULL);
    migration_add_step(steps, "source", migration->source, "migrate",
                       migration_uri_argument(connect));
    if (!migration->trusts_link)
        migration_add_step(steps, "destination", there, "cont", NULL);

    return steps;
}

static JsonObject *
migration_outcome_to_json(const MtOutcome *outcome)
{
    JsonObject *object = json_object_new();
    JsonArray *warnings = json_array_new();

    json_object_set_string_member(object, "guest",
                                  mt_place_to_string(outcome->place));
    mt_json_set_text(object, "source-state", outcome->source_state);
    mt_json_set_text(object, "destination-state", outcome->destination_state);
    if (outcome->downtime_ms >= 0)
        json_object_set_int_member(object, "downtime-ms",
                                   outcome->downtime_ms);
    else
        json_object_set_null_member(object, "downtime-ms");
    if (outcome->extra_us >= 0)
        json_object_set_double_member(object, "extra-downtime-ms",
                                      outcome->extra_us / 1000.0);
    else
        json_object_set_null_member(object, "extra-downtime-ms");
    json_object_set_int_member(object, "total-ms", outcome->total_us / 1000);
    for (guint i = 0; i < outcome->warnings->len; i++)
        json_array_add_string_element(
            warnings, g_ptr_array_index(outcome->warnings, i));
    json_object_set_array_member(object, "warnings", warnings);

    return object;
}

JsonNode *
migtune_migration_to_json(MigtuneMigration *migration)
{
    JsonObject *object = json_object_new();
    const MtPairing *pairing;

    g_return_val_if_fail(MIGTUNE_IS_MIGRATION(migration), NULL);

    pairing = migration->pairing;
    json_object_set_string_member(
        object, "state",
        migtune_migration_state_to_string(
            migtune_migration_get_state(migration)));
    json_object_set_object_member(
        object, "source",
        migration_side_to_json(migration->source, migration->source_side));
    json_object_set_object_member(
        object, "destination",
        migration->to
            ? migration_libvirt_to_json(migration)
            : migration_side_to_json(migration->destination,
                                     migration->destination_side));
    json_object_set_boolean_member(object, "ok",
                                   pairing && mt_pairing_is_ok(pairing));
    json_object_set_array_member(
        object, "findings",
        pairing ? mt_pairing_findings_to_json(pairing) : json_array_new());
    json_object_set_array_member(
        object, "not-checked",
        pairing ? mt_pairing_unchecked_to_json(pairing) : json_array_new());
    json_object_set_array_member(
        object, "verdicts",
        pairing ? mt_pairing_verdicts_to_json(pairing, migration->source_read,
                                              migration->destination_read)
                : json_array_new());
    json_object_set_array_member(
        object, "steps",
        !pairing         ? json_array_new()
        : migration->to ? mt_migration_libvirt_to_steps(migration)
                         : migration_steps_to_json(migration));
    if (pairing && migration->to)
        json_object_set_array_member(object, "virsh",
                                     mt_migration_libvirt_to_virsh(migration));
    if (migration->outcome)
        json_object_set_object_member(
            object, "outcome", migration_outcome_to_json(migration->outcome));
    else
        json_object_set_null_member(object, "outcome");

    return mt_json_node_new_object(object);
}

/*
 * Finding the destination
 */

/* Whether @domain waits for a migration. */
static gboolean
migration_waits(MigtuneDomain *domain, GCancellable *cancellable)
{
    g_autoptr(JsonNode) info =
        migtune_domain_get_info(domain, cancellable, NULL);

    return info &&
           g_strcmp0(mt_json_peek_string(json_node_get_object(info), "state"),
                     "inmigrate") == 0;
}

static MigtuneDomain *
migration_choose(GPtrArray *waiting, MigtuneDomain *source, GError **error)
{
    MigtuneDomain *found = NULL;
    const char *uuid = source->identity.uuid;
    guint n = 0;

    for (guint round = 0; round < 2 && n == 0; round++) {
        for (guint i = 0; i < waiting->len; i++) {
            MigtuneDomain *one = g_ptr_array_index(waiting, i);
            const char *other = one->identity.uuid;
            gboolean same =
                round == 0 ? uuid && other && g_ascii_strcasecmp(uuid, other) == 0
                           : strcmp(one->name, source->name) == 0;

            if (!same)
                continue;
            found = one;
            n++;
        }
    }
    if (n == 1)
        return g_object_ref(found);

    if (n > 1)
        migtune_error_set(error, MIGTUNE_ERROR_AMBIGUOUS,
                          _("%u guests wait for a migration of %s; name one "
                            "of them"),
                          n, source->name);
    else
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("no guest with the UUID or the name of %s waits "
                            "for a migration there (guests that wait: %u); "
                            "start one with -incoming defer, or name another "
                            "one"),
                          source->name, waiting->len);
    return NULL;
}

/* The guest that the caller has named.  If it is the source, by another URI, this
 * process itself holds its monitor. */
static MigtuneDomain *
migration_lookup(MigtuneConn *conn, MigtuneDomain *source, const char *name,
                 GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_auto(GStrv) keys = NULL;
    MigtuneDomain *domain =
        migtune_conn_lookup(conn, name, cancellable, &local);

    if (domain)
        return domain;
    if (g_error_matches(local, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY))
        keys = migtune_conn_list(conn, cancellable, NULL);
    if (keys && g_strv_contains((const char *const *)keys, source->key) &&
        (strcmp(name, source->name) == 0 || strcmp(name, source->key) == 0)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("source and destination are the same QEMU (%s); "
                            "name a guest that was started with -incoming "
                            "defer"), source->key);
        return NULL;
    }

    g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
}

MigtuneDomain *
migtune_migration_find_destination(MigtuneConn *conn, MigtuneDomain *source,
                                   const char *name, GCancellable *cancellable,
                                   GError **error)
{
    g_autoptr(GPtrArray) waiting =
        g_ptr_array_new_with_free_func(g_object_unref);
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) keys = NULL;

    MT_REQUIRE(MIGTUNE_IS_CONN(conn) && MIGTUNE_IS_DOMAIN(source), NULL);

    if (name)
        return migration_lookup(conn, source, name, cancellable, error);
    keys = migtune_conn_list(conn, cancellable, error);
    if (!keys)
        return NULL;

    for (char **key = keys; *key; key++) {
        g_autoptr(MigtuneDomain) domain = NULL;
        g_autoptr(GError) local = NULL;
        gboolean same_key = strcmp(*key, source->key) == 0;

        if (same_key && strcmp(conn->uri, source->conn->uri) == 0)
            continue;
        domain = migtune_conn_open_domain(conn, *key, cancellable, &local);
        /* The source, by another URI: this process holds its monitor. */
        if (same_key && g_error_matches(local, MIGTUNE_ERROR,
                                        MIGTUNE_ERROR_BUSY))
            continue;
        if (local && !cause)
            cause = g_steal_pointer(&local);
        if (domain && migration_waits(domain, cancellable))
            g_ptr_array_add(waiting, g_steal_pointer(&domain));
        if (g_cancellable_is_cancelled(cancellable))
            break;
    }
    if (waiting->len == 0 && cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }

    return migration_choose(waiting, source, error);
}
