/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The convergence policies of a MigtuneMigration: each sample that the
 * migration shows goes to them as well.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include "core/migration/converge.h"
#include "util/i18n.h"

static void
converge_tell(GVariant *decision, gpointer data)
{
    mt_migration_show_decision(data, decision);
}

static void
converge_begin(MigtuneMigration *migration)
{
    migtune_steering_prepare(migration->steering, migration->source,
                             migration->cancellable);
}

static void
converge_sample(MigtuneMigration *migration, JsonNode *info)
{
    MigtuneSteering *steering = migration->steering;

    if (!mt_steering_has_started(steering))
        migtune_steering_start(steering, migration->source,
                               migration->cancellable);
    migtune_steering_follow(steering, migration->source, info,
                            migration->cancellable);
}

/* A guest that the policy has stopped arrives stopped if the destination starts
 * it by itself. */
static void
converge_resume(MigtuneMigration *migration)
{
    MtOutcome *outcome = migration->outcome;
    g_autoptr(GError) cause = NULL;

    if (!(migtune_steering_get_done(migration->steering) &
          MIGTUNE_STEERING_SUSPENDED) ||
        !outcome || outcome->place != MT_PLACE_DESTINATION ||
        !migration->destination ||
        migtune_migration_get_state(migration) !=
            MIGTUNE_MIGRATION_COMPLETED ||
        g_strcmp0(outcome->destination_state, "paused") != 0)
        return;

    if (!migtune_domain_resume(migration->destination, NULL, &cause)) {
        g_ptr_array_add(outcome->warnings,
                        g_strdup_printf(_("%s: the guest, which the policy has "
                                          "stopped, could not be resumed: %s"),
                                        migration->destination->name,
                                        cause->message));
        return;
    }
    g_free(outcome->destination_state);
    outcome->destination_state = g_strdup("running");
}

static void
converge_end(MigtuneMigration *migration)
{
    MigtuneDomain *source = migration->source;
    MigtuneDomain *last = source;
    g_autoptr(JsonNode) info = NULL;
    g_autoptr(GError) error = NULL;

    converge_resume(migration);
    /* libvirt has no guest on the source any more, and moves its statistics. */
    if (migration->to && migtune_migration_get_state(migration) ==
                             MIGTUNE_MIGRATION_COMPLETED) {
        source = NULL;
        last = migration->destination;
    }
    if (last)
        info = migtune_domain_get_job_info(last, NULL, NULL);
    /* An error of the trace is not an error of the migration. */
    if (migtune_steering_finish(migration->steering, source, info, &error))
        return;

    g_debug("%s: %s", migration->source->name, error->message);
    if (migration->outcome)
        g_ptr_array_add(migration->outcome->warnings,
                        g_strdup(error->message));
}

static const MtMigrationFollower converge_follower = {
    .begin = converge_begin,
    .sample = converge_sample,
    .end = converge_end,
    .free = migtune_steering_free,
};

gboolean
migtune_migration_set_convergence(MigtuneMigration *migration,
                                  MigtunePolicy *policy,
                                  MigtunePolicy *const *shadows,
                                  const char *record, const char *metrics,
                                  GError **error)
{
    MigtuneSteering *steering;

    MT_REQUIRE(MIGTUNE_IS_MIGRATION(migration), FALSE);
    MT_REQUIRE(migtune_migration_get_state(migration) == MIGTUNE_MIGRATION_NEW,
               FALSE);

    if (policy && !migtune_migration_set_policy(migration, policy, error))
        return FALSE;
    steering = migtune_steering_new(migration->source->name, policy, shadows,
                                    record, metrics, error);
    if (!steering)
        return FALSE;

    mt_steering_set_migration(steering, migration);
    migtune_steering_set_func(steering, converge_tell, migration);
    migtune_steering_free(migration->steering);
    migration->steering = steering;
    migration->follower = &converge_follower;
    return TRUE;
}
