/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The compatibility properties, read from the property tables of QEMU 7.2 to
 * 11.1.
 */
#include "config.h"

#include <string.h>

#include "pair/compat.h"

static const MtCompat compat_table[] = {
    { "x-preempt-pre-7-2", "true", MT_RELEASE(7, 1), "false",
      MT_RELEASE(7, 2) },
    { "multifd-flush-after-each-section", "on", MT_RELEASE(8, 0), "off",
      MT_RELEASE(8, 1) },
    { "zero-page-detection", "legacy", MT_RELEASE(8, 2), "multifd",
      MT_RELEASE(9, 0) },
    { "multifd-clean-tls-termination", "false", MT_RELEASE(9, 2), "true",
      MT_RELEASE(10, 0) },
    { "send-switchover-start", "off", MT_RELEASE(9, 2), "on",
      MT_RELEASE(10, 0) },
    { "switchover-ack-legacy", "on", MT_RELEASE(11, 0), "off",
      MT_RELEASE(11, 1) },
};

const MtCompat *
mt_compat_nth(guint nth)
{
    return nth < G_N_ELEMENTS(compat_table) ? &compat_table[nth] : NULL;
}

const MtCompat *
mt_compat_find(const char *property)
{
    for (guint i = 0; i < G_N_ELEMENTS(compat_table); i++) {
        if (strcmp(compat_table[i].property, property) == 0)
            return &compat_table[i];
    }

    return NULL;
}

const char *
mt_compat_value(const char *property, MtRelease release, MtRelease machine)
{
    const MtCompat *compat = mt_compat_find(property);

    g_assert(compat != NULL);
    if (release < compat->since ||
        (machine != MT_RELEASE_NONE && machine <= compat->until))
        return compat->value;

    return compat->otherwise;
}

MtRelease
mt_compat_machine_release(const char *machine)
{
    const char *dash = machine ? strrchr(machine, '-') : NULL;
    MtRelease release =
        dash ? mt_release_parse(dash + 1) : MT_RELEASE_NONE;

    return mt_release_exists(release) ? release : MT_RELEASE_NONE;
}
