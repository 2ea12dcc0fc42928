/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The values of a plan as text.
 */
#include "config.h"

#include "core/core.h"

char *
migtune_plan_dup_before(MigtunePlan *plan, unsigned int nth)
{
    const GPtrArray *wishes;
    const MtWish *wish;

    g_return_val_if_fail(plan != NULL, NULL);
    wishes = mt_plan_get_inner(plan)->wishes;
    g_return_val_if_fail(nth < wishes->len, NULL);

    wish = g_ptr_array_index(wishes, nth);

    return wish->before ? mt_value_format(wish->shown ? wish->shown : wish->row,
                                          wish->before)
                        : NULL;
}
