/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The migration parameters of QEMU that libvirt has functions for.
 */

#include "drivers/libvirt/libvirt-private.h"

G_BEGIN_DECLS

#define LV_N_NATIVE 4

typedef struct {
    const char *member;         /* of migrate-set-parameters */
    const char *function;       /* the name of `set` */
    guint64 unit;               /* QEMU's units in one of libvirt's */
    guint64 max;                /* in libvirt's units */
    int (*set)(virDomainPtr domain, guint64 value);
    int (*get)(virDomainPtr domain, guint64 *ret_value);
} LvNative;

/* The row number @nth; NULL after the last. */
const LvNative *lv_native_nth(guint nth);

/*
 * Splits the @arguments of migrate-set-parameters: fills @native and @values,
 * in QEMU's units, with those that libvirt's functions can set, and returns the
 * others.
 */
JsonObject *lv_native_split(JsonObject *arguments, const LvNative **native,
                            guint64 *values, guint *n_native);

G_END_DECLS
