/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How rules change a pairing: they add findings, and change settings on both
 * sides.
 */
#include "config.h"

#include <string.h>

#include "pair/pairing.h"
#include "plan/wish.h"

MtPairFinding *
mt_pairing_add(MtPairing *pairing, const char *id, MtPairSeverity severity,
               MtSide side, char *expected, char *found, char *text, char *fix)
{
    MtPairFinding *finding = g_new0(MtPairFinding, 1);

    finding->id = id;
    finding->severity = severity;
    finding->side = side;
    finding->expected = expected;
    finding->found = found;
    finding->text = text;
    finding->fix = fix;
    g_ptr_array_add(pairing->findings, finding);

    return finding;
}

gboolean
mt_pairing_has(const MtPairing *pairing, MtParamId id)
{
    return mt_set_is_set(pairing->source_after, mt_row(id));
}

void
mt_pairing_change(MtPairing *pairing, MtParamId id, const char *text,
                  const char *reason)
{
    const MtRow *row = mt_row(id);
    MtAssignment *assignment = mt_plan_find_assignment(pairing->wishes, row);
    g_autoptr(MtValue) value = mt_value_from_table(row, text);

    if (mt_caps_lookup(pairing->source->caps, row))
        mt_set_put(pairing->source_after, row, mt_value_copy(value));
    if (mt_caps_lookup(pairing->destination->caps, row))
        mt_set_put(pairing->destination_after, row, mt_value_copy(value));
    if (!assignment || mt_value_equal(assignment->value, value))
        return;

    mt_value_free(assignment->value);
    assignment->value = g_steal_pointer(&value);
    if (mt_wish_is_alive(assignment->wish)) {
        assignment->wish->substituted = TRUE;
        mt_wish_say(assignment->wish, MT_REASON_EQUIVALENT, "%s", reason);
        mt_wish_settle(assignment->wish);
    }
}

const MtPairFinding *
mt_pairing_find(const MtPairing *pairing, const char *id)
{
    for (guint i = 0; i < pairing->findings->len; i++) {
        const MtPairFinding *one = g_ptr_array_index(pairing->findings, i);

        if (strcmp(one->id, id) == 0)
            return one;
    }

    return NULL;
}
