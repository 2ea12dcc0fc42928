/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The dirty log: which pages were written since they were last sent.
 *
 * Writers mark pages in the log.  A sync moves the log into the pass, which is
 * the set of pages that the source sends.  Pages that are written meanwhile stay
 * in the log until the next sync.  Writers write first and mark afterwards: with
 * the opposite order the source could take the mark and read the page before it
 * is written.
 *
 * Any thread may mark pages and read the count; one thread uses the pass, except
 * that any thread may take single pages.
 */

#include <glib.h>

#include "util/bitmap.h"

G_BEGIN_DECLS

typedef struct MtDirty MtDirty;

/* The log and the pass are empty. */
MtDirty *mt_dirty_new(guint64 n_pages);
void mt_dirty_free(MtDirty *dirty);

guint64 mt_dirty_n_pages(const MtDirty *dirty);

/* Writers. */
void mt_dirty_mark(MtDirty *dirty, guint64 page);
void mt_dirty_mark_range(MtDirty *dirty, guint64 first, guint64 n);

/* Puts every page into the pass, as at the start of a migration, and empties
 * the log. */
void mt_dirty_start(MtDirty *dirty);

/* Removes pages from the log and the pass, such as those of a block that is not
 * migrated. */
void mt_dirty_forget(MtDirty *dirty, guint64 first, guint64 n);

/* Moves the log into the pass.  Returns how many pages were in the log: what
 * the guest dirtied since the last sync. */
guint64 mt_dirty_sync(MtDirty *dirty);

/* Whether no page was marked since the last sync. */
gboolean mt_dirty_log_is_empty(const MtDirty *dirty);

/* The exact number of pages in the pass; does not scan. */
guint64 mt_dirty_count(const MtDirty *dirty);

/* Takes the first page at or after @from out of the pass; MT_BITMAP_NONE if there
 * is none. */
guint64 mt_dirty_take_next(MtDirty *dirty, guint64 from);

/* Takes the first run of pages between @from and @end out of the pass, at most
 * @max_pages.  Returns its length, 0 if there is none. */
guint64 mt_dirty_take_run(MtDirty *dirty, guint64 from, guint64 end,
                          guint64 max_pages, guint64 *ret_first);

/* The same, but leaves the run in the pass. */
guint64 mt_dirty_next_run(const MtDirty *dirty, guint64 from, guint64 end,
                          guint64 *ret_first);

/* Takes one page out of the pass.  FALSE: it was not in the pass. */
gboolean mt_dirty_take(MtDirty *dirty, guint64 page);

/* Puts a page back into the pass. */
void mt_dirty_put(MtDirty *dirty, guint64 page);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDirty, mt_dirty_free)

G_END_DECLS
