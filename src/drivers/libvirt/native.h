/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parameters of QEMU that libvirt has functions of its own for.
 */

#include "drivers/libvirt/libvirt-private.h"

G_BEGIN_DECLS

#define LV_N_NATIVE 4

typedef struct {
    const char *member;         /* of migrate-set-parameters */
    const char *function;       /* libvirt's name of it */
    guint64 unit;               /* QEMU's units in one of libvirt's */
    guint64 max;                /* in libvirt's units */
    int (*set)(virDomainPtr domain, guint64 value);
    int (*get)(virDomainPtr domain, guint64 *ret_value);
} LvNative;

/* The nth; NULL behind the last. */
const LvNative *lv_native_nth(guint nth);

/*
 * Takes out of @arguments what libvirt's functions can express: fills @native
 * and @values, in QEMU's units, and returns the rest.
 */
JsonObject *lv_native_split(JsonObject *arguments, const LvNative **native,
                            guint64 *values, guint *n_native);

G_END_DECLS
