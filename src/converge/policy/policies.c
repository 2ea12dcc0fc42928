/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of policies.
 */
#include "config.h"

#include <string.h>

#include "converge/policy/policy.h"
#include "util/i18n.h"
#include "migtune/migtune-error.h"

static const MtPolicyClass *const policies[] = {
    &mt_policy_none,
    &mt_policy_steady,
    &mt_policy_nova,
    &mt_policy_vdsm,
    &mt_policy_kubevirt,
    &mt_policy_kubevirt_stall,
    &mt_policy_proxmox,
};

guint
mt_policy_n(void)
{
    return G_N_ELEMENTS(policies);
}

const MtPolicyClass *
mt_policy_get(guint i)
{
    return policies[i];
}

const MtPolicyClass *
mt_policy_find(const char *name, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(policies); i++) {
        if (g_str_equal(policies[i]->name, name))
            return policies[i];
        g_string_append_printf(names, "%s%s", i ? ", " : "",
                               policies[i]->name);
    }
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("'%s' is not a convergence policy; expected one of: "
                        "%s"), name, names->str);
    return NULL;
}

gboolean
mt_policy_config_init(MtPolicyConfig *config, const char *name, GError **error)
{
    const MtPolicyClass *policy = mt_policy_find(name, error);

    if (!policy)
        return FALSE;

    memset(config, 0, sizeof(*config));
    config->policy = policy;
    policy->init(config);
    return TRUE;
}
