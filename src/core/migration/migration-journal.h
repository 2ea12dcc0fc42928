/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a migration is doing, on disk, so that it can be cleared up after
 * migtune was killed; and a lock against migrating a guest twice.
 */

#include "core/migration/migration.h"

G_BEGIN_DECLS

typedef enum {
    MT_PHASE_TUNING,            /* settings may have been changed */
    MT_PHASE_LISTENING,         /* the destination may listen */
    MT_PHASE_MIGRATING,         /* `migrate` may have been sent */
    MT_PHASE_STARTING,          /* `cont` may have been sent to the
                                 * destination */
} MtPhase;

typedef struct _MtMigrationJournal MtMigrationJournal;

/*
 * Locks the source.  NULL with MIGTUNE_ERROR_BUSY if another migtune migrates
 * it, or with MIGTUNE_ERROR_IO if there is no place for the lock.
 */
MtMigrationJournal *mt_migration_journal_new(MigtuneMigration *migration,
                                             gboolean was_running,
                                             GCancellable *cancellable,
                                             GError **error);

/* Records that @phase begins.  FALSE if that cannot be written. */
gboolean mt_migration_journal_enter(MtMigrationJournal *journal,
                                    MtPhase phase, GError **error);

/* Removes the record, because nothing is left to clear up. */
void mt_migration_journal_end(MtMigrationJournal *journal);

/* Releases the lock. */
void mt_migration_journal_free(MtMigrationJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMigrationJournal, mt_migration_journal_free)

const char *mt_phase_to_string(MtPhase phase);

/* The directory of the journals. */
char *mt_migration_journal_dir(void);

/* The values of the rows of @values, as an array of objects with `qmp`, `kind`
 * and `value`; and back, for the rows that @caps has. */
JsonArray *mt_set_to_journal(const MtSet *values);
MtSet *mt_set_from_journal(JsonArray *array, const MtCaps *caps);

G_END_DECLS
