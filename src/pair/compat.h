/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Properties of QEMU's object "migration" whose value follows from the machine
 * type.  They change the migration stream, so both sides need the same value.
 */

#include "params/release.h"

G_BEGIN_DECLS

typedef struct {
    const char *property;
    const char *value;          /* up to the machine types of @until */
    MtRelease until;
    const char *otherwise;      /* of later machine types */
    MtRelease since;            /* first QEMU release with the property; an
                                 * older QEMU behaves as @value */
} MtCompat;

/* The entry of @property; NULL if there is none. */
const MtCompat *mt_compat_find(const char *property);

/* The @nth entry; NULL after the last one. */
const MtCompat *mt_compat_nth(guint nth);

/*
 * The value of @property in a QEMU of @release with a machine type of @machine;
 * MT_RELEASE_NONE for the machine type `none`, which follows QEMU's release.
 */
const char *mt_compat_value(const char *property, MtRelease release,
                            MtRelease machine);

/*
 * The release of a machine type: 7.2 for "pc-q35-7.2" and "virt-7.2".
 * MT_RELEASE_NONE for any other text, such as "none" or "pc-q35-rhel9.2.0".
 */
MtRelease mt_compat_machine_release(const char *machine);

G_END_DECLS
