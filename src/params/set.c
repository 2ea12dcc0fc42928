/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of values.  An array keeps the order, and a hash table finds the values.
 */
#include "config.h"

#include "params/set.h"

struct _MtSet {
    GPtrArray *rows;
    GHashTable *values;
};

MtSet *
mt_set_new(void)
{
    MtSet *set = g_new(MtSet, 1);

    set->rows = g_ptr_array_new();
    set->values = g_hash_table_new_full(NULL, NULL, NULL,
                                        (GDestroyNotify)mt_value_free);
    return set;
}

MtSet *
mt_set_copy(const MtSet *set)
{
    MtSet *copy = mt_set_new();

    for (guint i = 0; i < set->rows->len; i++) {
        const MtRow *row = mt_set_nth(set, i);

        mt_set_put(copy, row, mt_value_copy(mt_set_get(set, row)));
    }

    return copy;
}

void
mt_set_free(MtSet *set)
{
    if (!set)
        return;

    g_ptr_array_unref(set->rows);
    g_hash_table_unref(set->values);
    g_free(set);
}

void
mt_set_put(MtSet *set, const MtRow *row, MtValue *value)
{
    if (!g_hash_table_contains(set->values, row))
        g_ptr_array_add(set->rows, (gpointer)row);
    g_hash_table_insert(set->values, (gpointer)row, value);
}

const MtValue *
mt_set_get(const MtSet *set, const MtRow *row)
{
    return g_hash_table_lookup(set->values, row);
}

void
mt_set_remove(MtSet *set, const MtRow *row)
{
    g_ptr_array_remove(set->rows, (gpointer)row);
    g_hash_table_remove(set->values, row);
}

guint
mt_set_size(const MtSet *set)
{
    return set->rows->len;
}

const MtRow *
mt_set_nth(const MtSet *set, guint nth)
{
    return g_ptr_array_index(set->rows, nth);
}

gboolean
mt_set_is_set(const MtSet *set, const MtRow *row)
{
    const MtValue *value = mt_set_get(set, row);

    if (!value)
        return FALSE;
    if (value->type == MT_TYPE_BOOL)
        return value->boolean;
    if (row->def)
        return !mt_value_is(row, value, row->def);

    return TRUE;
}
