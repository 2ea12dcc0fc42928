/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A set of values keyed by row, in the order of insertion.
 */

#include "params/value.h"

G_BEGIN_DECLS

typedef struct _MtSet MtSet;

MtSet *mt_set_new(void);
MtSet *mt_set_copy(const MtSet *set);
void mt_set_free(MtSet *set);

/* Takes @value; replaces an earlier value of @row. */
void mt_set_put(MtSet *set, const MtRow *row, MtValue *value);

/* The value of @row; NULL if there is none. */
const MtValue *mt_set_get(const MtSet *set, const MtRow *row);
void mt_set_remove(MtSet *set, const MtRow *row);

guint mt_set_size(const MtSet *set);
const MtRow *mt_set_nth(const MtSet *set, guint nth);

/*
 * Whether @row is set: it is on, or its value is not the default.  FALSE for a
 * row without a value.
 */
gboolean mt_set_is_set(const MtSet *set, const MtRow *row);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtSet, mt_set_free)

G_END_DECLS
