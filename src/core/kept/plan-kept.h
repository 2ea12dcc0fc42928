/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Plans about kept settings.
 */

#include "core/kept/kept.h"

G_BEGIN_DECLS

typedef enum {
    MT_TARGET_LIVE = 1 << 0,
    MT_TARGET_CONFIG = 1 << 1,
} MtTargets;

/*
 * The targets of a call.  Without @live and @config it is the guest if it runs,
 * and else its kept settings.  FALSE with an error if the guest has to run and
 * does not.
 */
gboolean mt_domain_get_targets(MigtuneDomain *domain, gboolean live,
                               gboolean config, MtTargets *ret_targets,
                               GError **error);

/* Their names in JSON. */
JsonArray *mt_targets_to_json(MtTargets targets);

/*
 * Plans settings for later starts: for a fresh start of the QEMU that runs now,
 * or without a QEMU if the guest does not run.  NULL if QEMU could not be asked.
 */
MtPlan *mt_plan_new_later(MigtuneDomain *domain,
                          const virTypedParameter *params, int n_params,
                          MtPolicy policy, GError **error);

/* Refuses settings of @plan that exclude kept settings. */
void mt_plan_check_together(MtPlan *plan, MigtuneDomain *domain,
                            const MtKept *kept,
                            const virTypedParameter *params, int n_params,
                            MtPolicy policy);

/*
 * Plans the kept settings for the running QEMU, whose @state is taken, or with
 * NULL for a later start.  Reasons of refusals contain the line.
 */
MtPlan *mt_plan_new_from_kept(MigtuneDomain *domain, const MtKept *kept,
                              MtState *state, MtPolicy policy,
                              GError **error);

/* The settings kept for @which, or with the running guest if it has no
 * definition.  NULL with an error if they have findings. */
MtKept *mt_domain_kept_for_plan(MigtuneDomain *domain,
                                MigtuneDriverKept which, GError **error);

/* Records with the running guest what was set in it. */
void mt_domain_record_set(MigtuneDomain *domain, MtPlan *plan);

/* Removes records that do not hold any more, or with @all all records. */
void mt_domain_record_reset(MigtuneDomain *domain, MtPlan *plan, gboolean all);

G_END_DECLS
