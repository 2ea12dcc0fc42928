/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stages of a migration, its signals and its outcome.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include "core/migration/migration.h"
#include "util/i18n.h"
#include "util/post.h"

static const char *const migration_states[] = {
    "new",       "checked",  "tuning",    "listening", "migrating",
    "starting",  "completed", "failed",   "cancelled", "unknown",
};

const char *
migtune_migration_state_to_string(MigtuneMigrationState state)
{
    g_return_val_if_fail((guint)state < G_N_ELEMENTS(migration_states), NULL);

    return migration_states[state];
}

const char *
mt_place_to_string(MtPlace place)
{
    static const char *const names[] = { "source", "destination", "both",
                                         "stopped", "unknown" };

    return names[place];
}

void
mt_outcome_free(MtOutcome *outcome)
{
    if (!outcome)
        return;

    g_free(outcome->source_state);
    g_free(outcome->destination_state);
    g_ptr_array_unref(outcome->warnings);
    g_free(outcome);
}

typedef struct {
    MigtuneMigration *migration;
    const char *signal;
    const char *state;          /* static; or NULL */
    GVariant *progress;         /* or NULL */
} MigrationEmission;

static void
migration_emission_free(gpointer data)
{
    MigrationEmission *emission = data;

    g_object_unref(emission->migration);
    g_clear_pointer(&emission->progress, g_variant_unref);
    g_free(emission);
}

static void
migration_emit(gpointer data)
{
    MigrationEmission *emission = data;

    if (emission->progress)
        g_signal_emit_by_name(emission->migration, emission->signal,
                              emission->progress);
    else
        g_signal_emit_by_name(emission->migration, emission->signal,
                              emission->state);
}

/* Emits a signal in the main context of the call.  Takes @progress. */
static void
migration_signal(MigtuneMigration *migration, const char *signal,
                 const char *state, GVariant *progress)
{
    MigrationEmission *emission = g_new0(MigrationEmission, 1);

    emission->migration = g_object_ref(migration);
    emission->signal = signal;
    emission->state = state;
    emission->progress = progress;
    if (!migration->context) {
        migration_emit(emission);
        migration_emission_free(emission);
        return;
    }
    mt_post(migration->context, migration_emit, emission,
            migration_emission_free);
}

void
mt_migration_enter(MigtuneMigration *migration, MigtuneMigrationState state)
{
    const char *name = migtune_migration_state_to_string(state);

    g_debug("%s: %s", migration->source->name, name);
    g_atomic_int_set(&migration->state, state);
    migration_signal(migration, "state", name, NULL);
}

void
mt_migration_show(MigtuneMigration *migration, const MtJob *job)
{
    g_autoptr(JsonNode) info = NULL;

    migration_signal(migration, "progress", NULL, mt_job_to_variant(job));
    if (!migration->observer && !migration->follower)
        return;

    info = mt_job_to_json(migration->source, job);
    json_object_set_member(json_node_get_object(info), "query-migrate",
                           json_node_copy(job->migration));
    if (migration->observer)
        migration->observer(migration, info, migration->observer_data);
    if (migration->follower)
        migration->follower->sample(migration, info);
}

void
mt_migration_show_decision(MigtuneMigration *migration, GVariant *decision)
{
    migration_signal(migration, "decision", NULL, g_variant_ref(decision));
}

void
mt_migration_prefix_error(MigtuneMigration *migration, MigtuneDomain *domain,
                          GError **error)
{
    const char *side =
        domain == migration->source ? _("source") : _("destination");
    g_autofree char *name = g_strdup_printf("%s: ", domain->name);

    /* Some errors have the name already.  Both guests can have the same one. */
    if (error && *error && g_str_has_prefix((*error)->message, name))
        g_prefix_error(error, "%s ", side);
    else
        g_prefix_error(error, "%s %s", side, name);
}
