/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Building an MtCaps.
 */

#include "probe/caps.h"

G_BEGIN_DECLS

typedef enum {
    MT_CAPS_FROM_SCHEMA,
    MT_CAPS_FROM_COMMANDS,
    MT_CAPS_FROM_CATALOGUE,
    MT_CAPS_FROM_CACHE,
} MtCapsSource;

struct _MtCaps {
    gint ref_count;
    MtRelease release;
    MtCapsSource source;
    gboolean partial;
    GArray *entries;
    GPtrArray *own_rows;        /* rows that are not in the catalogue */
};

MtCaps *mt_caps_new(MtCapsSource source);

/*
 * Adds an entry for what QEMU calls @qmp.  The type of the catalogue wins over
 * @type.  NULL if the name is empty or has been added already.
 */
MtCapsEntry *mt_caps_add(MtCaps *caps, MtKind kind, const char *qmp,
                         MtType type);

/* Adds the rows that only a legacy command can set in this QEMU. */
void mt_caps_add_legacy(MtCaps *caps,
                        gboolean (*has_command)(gpointer, const char *),
                        gpointer user_data);

/* Sets the release, and marks the rows that it lists but refuses to set. */
void mt_caps_settle(MtCaps *caps, MtRelease release);

G_END_DECLS
