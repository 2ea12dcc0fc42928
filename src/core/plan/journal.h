/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The values that a guest had before its last change, on disk, and a lock
 * against changing it twice at the same time.
 *
 * The journal serves two purposes: `reset` restores these values, and a change
 * that was killed between two commands is noticed and can be undone.
 */

#include "params/set.h"
#include "probe/caps.h"

G_BEGIN_DECLS

typedef struct _MtJournal MtJournal;

/*
 * The journal of @process, a text that identifies a QEMU process; NULL if the
 * process is not known, and then nothing is recorded.  @guest is a text that
 * every monitor of the guest has in common.  Nothing is opened yet.
 */
MtJournal *mt_journal_new(const char *guest, const char *process);

/*
 * Locks the guest against every other change, and waits up to @timeout_ms for
 * a change that is under way.  FALSE with MIGTUNE_ERROR_BUSY if that takes
 * longer.  If the lock file cannot be opened, it succeeds without a lock and
 * sets @ret_warning, for g_free().
 */
gboolean mt_journal_lock(MtJournal *journal, guint timeout_ms,
                         GCancellable *cancellable, char **ret_warning,
                         GError **error);

/* Releases the lock, too. */
void mt_journal_free(MtJournal *journal);

/*
 * The values before the last change; NULL if none are recorded.  Sets
 * @interrupted, if it is not NULL, to whether that change never ended.  Needs
 * no lock.
 */
MtSet *mt_journal_load(MtJournal *journal, const MtCaps *caps,
                       gboolean *interrupted, GPtrArray *unknown);

/*
 * Records @former before a change begins, and that the change has ended.  Values
 * of an interrupted change are kept beside the new ones.  Without the lock
 * nothing is recorded.
 */
void mt_journal_begin(MtJournal *journal, const MtCaps *caps,
                      const MtSet *former, const GPtrArray *unknown);
void mt_journal_end(MtJournal *journal);

/* Instead of mt_journal_end() after the change was undone: restores the former
 * record. */
void mt_journal_abort(MtJournal *journal);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtJournal, mt_journal_free)

G_END_DECLS
