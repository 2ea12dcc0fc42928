/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Plans that have to do with what is kept.
 */

#include "core/kept.h"

G_BEGIN_DECLS

typedef enum {
    MT_TARGET_LIVE = 1 << 0,
    MT_TARGET_CONFIG = 1 << 1,
} MtTargets;

/*
 * What is meant: neither stands for the guest if it runs, else for what is
 * kept.  FALSE with an error when it would have to run and does not.
 */
gboolean mt_domain_get_targets(MigtuneDomain *domain, gboolean live,
                               gboolean config, MtTargets *ret_targets,
                               GError **error);

/* As people and programs call them. */
JsonArray *mt_targets_to_json(MtTargets targets);

/*
 * Plans wishes for later starts: by a freshly started one of the QEMU that
 * runs now, or without any if none runs.  NULL when it could not be asked.
 */
MtPlan *mt_plan_new_later(MigtuneDomain *domain,
                          const virTypedParameter *params, int n_params,
                          MtPolicy policy, GError **error);

/* Refuses wishes of @plan that exclude what is kept already. */
void mt_plan_check_together(MtPlan *plan, MigtuneDomain *domain,
                            const MtKept *kept,
                            const virTypedParameter *params, int n_params,
                            MtPolicy policy);

/*
 * Plans what is kept for the QEMU that runs and is in @state, which is taken,
 * or with NULL for a later start.  What is refused says in which line it is.
 */
MtPlan *mt_plan_new_from_kept(MigtuneDomain *domain, const MtKept *kept,
                              MtState *state, MtPolicy policy,
                              GError **error);

/* What is kept for @which, or with the guest that runs if it has no
 * definition; without findings. */
MtKept *mt_domain_kept_for_plan(MigtuneDomain *domain,
                                MigtuneDriverKept which, GError **error);

/* Keeps with the guest that runs what was set in it by hand. */
void mt_domain_record_set(MigtuneDomain *domain, MtPlan *plan);

/* Forgets of that what is no longer so, or with @all everything. */
void mt_domain_record_reset(MigtuneDomain *domain, MtPlan *plan, gboolean all);

G_END_DECLS
