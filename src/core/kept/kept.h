/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The settings kept with a domain, in its driver or in a file, and changing
 * them without losing changes of other programs.
 */

#include "core/core.h"
#include "kept/document.h"

G_BEGIN_DECLS

/* A change of kept settings: by name a value, or NULL to remove it. */
typedef struct {
    GPtrArray *names;           /* of char *, in order */
    GHashTable *values;         /* name to char *, or to NULL */
    char *policy;               /* NULL: not changed */
    gboolean removes_policy;    /* the document gets none */
} MtKeptChange;

MtKeptChange *mt_kept_change_new(void);
void mt_kept_change_free(MtKeptChange *change);
void mt_kept_change_put(MtKeptChange *change, const char *name,
                        const char *value);

/* Adds every request that has a value, under its canonical name and with its
 * unit. */
void mt_kept_change_add_wishes(MtKeptChange *change, const MtPlan *plan);

/* An array of objects with "name" and "value". */
JsonArray *mt_kept_change_to_json(const MtKeptChange *change);

/*
 * The kept settings, perhaps with findings; NULL if they are damaged beyond
 * reading.  Without a driver that keeps settings there are none of the running
 * guest.
 */
MtKept *mt_domain_kept_load(MigtuneDomain *domain, MigtuneDriverKept which,
                            GError **error);

/* The same, without findings. */
MtKept *mt_domain_kept_load_valid(MigtuneDomain *domain,
                                  MigtuneDriverKept which, GError **error);

/* Whether settings can be kept with the running guest. */
gboolean mt_domain_keeps_live(const MigtuneDomain *domain);

/*
 * Changes kept settings.  @ret_inverse, if it is not NULL, gets the change that
 * restores the former settings.  FALSE: nothing was changed, except with
 * MIGTUNE_ERROR_STATE_UNKNOWN.
 */
gboolean mt_domain_kept_change(MigtuneDomain *domain, MigtuneDriverKept which,
                               const MtKeptChange *change,
                               MtKeptChange **ret_inverse, GError **error);

/* As typed parameters, for migtune_typed_params_free(). */
virTypedParameterPtr mt_kept_to_params(const MtKept *kept, int *n_params);

/* The policy of @flags, or else the kept one. */
MtPolicy mt_kept_get_policy(const MtKept *kept, unsigned int flags);

/* The row of the catalogue for the name of an entry; NULL for none. */
const MtRow *mt_kept_row(const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtKeptChange, mt_kept_change_free)

G_END_DECLS
