/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The dirty log: which pages were written since they were last sent.
 *
 * Writers mark pages in the log.  A sync moves the log into the pass, the set
 * of pages that the source works on, so that a pass sees a fixed set and what
 * is written meanwhile waits for the next sync.  Writers write first and mark
 * afterwards: a page is then never taken out of the pass with its mark already
 * spent and its bytes still to come.
 *
 * Threads: any may mark and ask for the count; one works on the pass.
 */

#include <glib.h>

#include "util/bitmap.h"

G_BEGIN_DECLS

typedef struct MtDirty MtDirty;

/* Neither the log nor the pass has a page. */
MtDirty *mt_dirty_new(guint64 n_pages);
void mt_dirty_free(MtDirty *dirty);

guint64 mt_dirty_n_pages(const MtDirty *dirty);

/* Writers. */
void mt_dirty_mark(MtDirty *dirty, guint64 page);
void mt_dirty_mark_range(MtDirty *dirty, guint64 first, guint64 n);

/* Puts every page into the pass, as at the start of a migration, and empties
 * the log. */
void mt_dirty_start(MtDirty *dirty);

/* Leaves pages out, as those of a block that is not migrated. */
void mt_dirty_forget(MtDirty *dirty, guint64 first, guint64 n);

/* Moves the log into the pass.  Returns how many pages were in the log: what
 * the guest dirtied since the last sync. */
guint64 mt_dirty_sync(MtDirty *dirty);

/* Pages in the pass; exact, and costs nothing. */
guint64 mt_dirty_count(const MtDirty *dirty);

/* Takes the first page at or after @from out of the pass.  MT_BITMAP_NONE when
 * there is none. */
guint64 mt_dirty_take_next(MtDirty *dirty, guint64 from);

/* Takes the first run of pages in the pass that begins at or after @from and
 * before @end, of at most @max_pages, ending before @end: returns its length,
 * 0 when there is none. */
guint64 mt_dirty_take_run(MtDirty *dirty, guint64 from, guint64 end,
                          guint64 max_pages, guint64 *ret_first);

/* The same without taking it. */
guint64 mt_dirty_next_run(const MtDirty *dirty, guint64 from, guint64 end,
                          guint64 *ret_first);

/* Takes one page out of the pass; whether it was in. */
gboolean mt_dirty_take(MtDirty *dirty, guint64 page);

/* Puts a page back into the pass. */
void mt_dirty_put(MtDirty *dirty, guint64 page);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDirty, mt_dirty_free)

G_END_DECLS
