/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Translating wishes into assignments: each wish is resolved on its own, then the
 * result is judged as a whole.
 */
#include "config.h"

#include "plan/assign.h"
#include "plan/judge.h"
#include "plan/resolve.h"
#include "plan/translate.h"
#include "plan/wish.h"
#include "util/i18n.h"

static void
translate_settle(MtPlan *plan)
{
    for (guint i = 0; i < plan->wishes->len; i++)
        mt_wish_settle(g_ptr_array_index(plan->wishes, i));
}

void
mt_translate(MtPlan *plan)
{
    guint n_left = plan->wishes->len + 1;

    /* Each round but the last gives up at least one wish. */
    do
        mt_resolve(plan);
    while (!mt_judge(plan) && --n_left > 0);

    translate_settle(plan);
}

void
mt_translate_restore(MtPlan *plan)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);
        const MtCapsEntry *entry = mt_caps_lookup(plan->caps, wish->row);

        wish->unverified = !entry->readable;
        if (wish->unverified)
            mt_wish_say(wish, MT_REASON_NOT_READABLE,
                        _("this QEMU cannot read it back"));
        mt_assign(plan, wish, wish->row, mt_value_copy(wish->value),
                  MT_RANK_WISH);
    }
    mt_judge_times(plan);
    translate_settle(plan);
}
