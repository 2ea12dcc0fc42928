/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A destination that still waits after a failure.
 */

#include "core/migration/migration.h"

G_BEGIN_DECLS

/* What the destination may have been told. */
typedef enum {
    MT_WAITING_LISTENS = 1 << 0,        /* `migrate-incoming` */
    MT_WAITING_STOPPED = 1 << 1,        /* `stop`, and not `cont` */
    MT_WAITING_REFUSED = 1 << 2,        /* `migrate-incoming`, and QEMU refused */
} MtWaiting;

/* Takes back what the destination may have been told, if it still waits; adds a
 * warning for what cannot be taken back. */
void mt_migration_undo_waiting(MigtuneMigration *migration, MtWaiting waiting,
                               GPtrArray *warnings);

/* A warning about the waiting guest @name; to be freed. */
char *mt_migration_describe_stopped(const char *name);

G_END_DECLS
