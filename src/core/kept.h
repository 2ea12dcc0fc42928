/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is kept with a domain, wherever its driver has it, and changing it so
 * that nobody else's change is lost.
 */

#include "core/core.h"
#include "kept/document.h"

G_BEGIN_DECLS

/* A change of what is kept: by name a value, or NULL for no longer. */
typedef struct {
    GPtrArray *names;           /* of char *, in order */
    GHashTable *values;         /* name to char *, or to NULL */
    char *policy;               /* NULL: stays as it is */
} MtKeptChange;

MtKeptChange *mt_kept_change_new(void);
void mt_kept_change_free(MtKeptChange *change);
void mt_kept_change_put(MtKeptChange *change, const char *name,
                        const char *value);

/* Adds every wish that has a value, under its one name and in a form that
 * means the same whatever is the unit of a bare number. */
void mt_kept_change_add_wishes(MtKeptChange *change, const MtPlan *plan);

/* An array of objects with "name" and "value". */
JsonArray *mt_kept_change_to_json(const MtKeptChange *change);

/*
 * What is kept.  NULL when it is damaged beyond reading; else it may have
 * findings.  Nothing is kept with the guest that runs where the driver keeps
 * nothing.
 */
MtKept *mt_domain_kept_load(MigtuneDomain *domain, MigtuneDriverKept which,
                            GError **error);

/* The same, without findings. */
MtKept *mt_domain_kept_load_valid(MigtuneDomain *domain,
                                  MigtuneDriverKept which, GError **error);

/* Whether anything can be kept with a guest that runs. */
gboolean mt_domain_keeps_live(const MigtuneDomain *domain);

/*
 * Changes it.  With @ret_inverse, what would take that back, untouched on
 * failure, when nothing was changed.
 */
gboolean mt_domain_kept_change(MigtuneDomain *domain, MigtuneDriverKept which,
                               const MtKeptChange *change,
                               MtKeptChange **ret_inverse, GError **error);

/* The wishes as typed parameters, for migtune_typed_params_free(). */
virTypedParameterPtr mt_kept_to_params(const MtKept *kept, int *n_params);

/* What is said about the policy, else what is kept. */
MtPolicy mt_kept_get_policy(const MtKept *kept, unsigned int flags);

/* The row that an entry's name means in the catalogue; NULL for none. */
const MtRow *mt_kept_row(const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtKeptChange, mt_kept_change_free)

G_END_DECLS
