/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a guest had before it was last changed, on disk, and a lock on
 * changing it.
 *
 * It is there for two things: to lead back on request, and so that a change
 * that was killed between two commands is noticed and can be undone.  Without
 * a directory that can be written there is neither, and changing a guest works
 * all the same.
 */

#include "params/set.h"
#include "probe/caps.h"

G_BEGIN_DECLS

typedef struct _MtJournal MtJournal;

/*
 * Opens the journal of the guest that @id stands for and waits up to
 * @timeout_ms for whoever else is changing it.  NULL with MIGTUNE_ERROR_BUSY
 * when that takes longer.
 */
MtJournal *mt_journal_open(const char *id, guint timeout_ms,
                           GCancellable *cancellable, GError **error);

/* Gives the lock back. */
void mt_journal_free(MtJournal *journal);

/*
 * Former values of the last change; NULL when none is remembered.  With
 * @interrupted, whether that change never came to its end.
 */
MtSet *mt_journal_load(MtJournal *journal, const MtCaps *caps,
                       gboolean *interrupted);

/*
 * Writes down @former before a change begins, and that it has ended.  What an
 * interrupted change left is kept beside the new values.
 */
void mt_journal_begin(MtJournal *journal, const MtCaps *caps,
                      const MtSet *former);
void mt_journal_end(MtJournal *journal);

/* Instead, when the change was undone: what was remembered before stays. */
void mt_journal_abort(MtJournal *journal);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtJournal, mt_journal_free)

G_END_DECLS
