/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a convergence policy needs before the migration starts.
 *
 * The programs whose rules switch to post-copy turn the capability on first,
 * because it cannot be turned on while a migration runs.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/migration.h"
#include "core/settings.h"
#include "util/i18n.h"

#include "migtune/migtune-converge.h"
#include "migtune/migtune-params.h"

#define POLICY_PARAM "postcopy"

/* Whether the caller's settings say anything about post-copy. */
static gboolean
policy_is_decided(const MigtuneMigration *migration)
{
    for (int i = 0; i < migration->n_params; i++) {
        const char *name =
            migtune_param_canonical_name(migration->params[i].field);

        if (g_strcmp0(name, POLICY_PARAM) == 0)
            return TRUE;
    }

    return FALSE;
}

gboolean
migtune_migration_set_policy(MigtuneMigration *migration,
                             MigtunePolicy *policy, GError **error)
{
    g_auto(GVariantDict) settings = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(GVariant) old = NULL;
    virTypedParameterPtr params = NULL;
    int n_params = 0;

    MT_REQUIRE(MIGTUNE_IS_MIGRATION(migration), FALSE);
    MT_REQUIRE(policy != NULL, FALSE);
    MT_REQUIRE(migtune_migration_get_state(migration) == MIGTUNE_MIGRATION_NEW,
               FALSE);

    if (!migtune_policy_needs_postcopy(policy) ||
        migration->libvirt_flags & VIR_MIGRATE_POSTCOPY_RESUME ||
        policy_is_decided(migration))
        return TRUE;

    old = g_variant_ref_sink(mt_settings_from_typed(migration->params,
                                                    migration->n_params));
    g_variant_dict_clear(&settings);
    g_variant_dict_init(&settings, old);
    g_variant_dict_insert(&settings, POLICY_PARAM, "b", TRUE);
    if (!mt_settings_to_typed(g_variant_dict_end(&settings), &params,
                              &n_params, error))
        return FALSE;

    migtune_typed_params_free(migration->params, migration->n_params);
    migration->params = params;
    migration->n_params = n_params;
    return TRUE;
}

static gboolean
policy_switch(MigtuneDomain *domain, gboolean on, GCancellable *cancellable,
              GError **error)
{
    g_auto(GVariantDict) settings = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&settings, POLICY_PARAM, "b", on);
    return migtune_domain_set_settings(domain, g_variant_dict_end(&settings),
                                       MIGTUNE_SET_LIVE, cancellable, error);
}

/* Turns post-copy on unless it is on.  @ret_switched: whether it was off. */
static gboolean
policy_enable(MigtuneDomain *domain, gboolean *ret_switched,
              GCancellable *cancellable, GError **error)
{
    static const char *const names[] = { POLICY_PARAM, NULL };
    g_autoptr(GVariant) now =
        migtune_domain_get_settings(domain, names, 0, cancellable, error);
    gboolean on = FALSE;

    if (!now)
        return FALSE;
    if (g_variant_lookup(now, POLICY_PARAM, "b", &on) && on)
        return TRUE;
    if (!policy_switch(domain, TRUE, cancellable, error))
        return FALSE;

    *ret_switched = TRUE;
    return TRUE;
}

gboolean
migtune_policy_enable_postcopy(MigtunePolicy *policy, MigtuneDomain *source,
                               MigtuneDomain *destination,
                               gboolean *ret_enabled,
                               GCancellable *cancellable, GError **error)
{
    gboolean here = FALSE, there = FALSE;
    g_autoptr(GError) cause = NULL;

    MT_REQUIRE(policy != NULL, FALSE);
    MT_REQUIRE(MIGTUNE_IS_DOMAIN(source), FALSE);
    MT_REQUIRE(MIGTUNE_IS_DOMAIN(destination), FALSE);

    if (ret_enabled)
        *ret_enabled = FALSE;
    if (!migtune_policy_needs_postcopy(policy))
        return TRUE;
    if (!policy_enable(source, &here, cancellable, error))
        return FALSE;
    if (!policy_enable(destination, &there, cancellable, error)) {
        /* Both or none. */
        if (here && !policy_switch(source, FALSE, NULL, &cause))
            g_prefix_error(error, _("post-copy is still on for %s: %s; "),
                           source->name, cause->message);
        return FALSE;
    }
    if (ret_enabled)
        *ret_enabled = here;
    return TRUE;
}
