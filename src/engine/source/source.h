/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writing a migration stream.
 *
 * An MtSource knows how everything is spelt, and nothing of when to do it:
 * that is precopy.c's.  The calls come in the order of this file, all from one
 * thread; RAM sections are begun and ended around mt_source_send_run().
 */

#include <glib.h>

#include "engine/memory/dirty.h"
#include "engine/failure.h"
#include "engine/memory/ram.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "engine/transport.h"
#include "engine/source/xbzrle-cache.h"
#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtSource MtSource;

/* Everything is borrowed.  @io is the main channel. */
MtSource *mt_source_new(MtRam *ram, MtDirty *dirty,
                        const MtEngineSettings *settings, MtIo *io,
                        MtCounters *counters, MtFailure *failure);
void mt_source_free(MtSource *source);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtSource, mt_source_free)

/* Header and configuration, written at once: who listens wants to see what it
 * got before more connections come. */
gboolean mt_source_send_header(MtSource *source, GError **error);

/*
 * What the chosen way of sending needs: takes the @n connections of multifd
 * channels, opens @transport again for a mapped file, makes caches and
 * threads.  @xbzrle is borrowed, NULL without.
 */
gboolean mt_source_prepare(MtSource *source, MtTransport *transport,
                           MtIo **channels, guint n, MtXbzrle *xbzrle,
                           GError **error);

/* OPEN_RETURN_PATH and PING, if the settings say so, and the START section. */
gboolean mt_source_send_start(MtSource *source, GError **error);

/* A PART section, or the last one. */
gboolean mt_source_begin(MtSource *source, gboolean last, GError **error);
gboolean mt_source_end(MtSource *source, GError **error);

/* What is queued goes out, and is counted. */
gboolean mt_source_flush(MtSource *source, GError **error);

/*
 * Sends the next pages of the pass, at most @max_pages of one block.  @ret_n:
 * how many; 0 at the end of RAM, when all that was sent has been put in order:
 * a page that is sent again is sent after this one.
 */
gboolean mt_source_send_run(MtSource *source, guint max_pages, guint *ret_n,
                            GError **error);

/* Guest RAM has been sent whole once. */
void mt_source_bulk_done(MtSource *source);

/* The guest stands still. */
gboolean mt_source_switch_over(MtSource *source, GError **error);

/* Device sections, the end of the list, and the description. */
gboolean mt_source_send_devices(MtSource *source, GBytes *sections,
                                GBytes *vmdesc, GError **error);

/*
 * Post-copy, instead of the last section: nothing that was sent is under way
 * any more; what the destination has to throw away, as the pass has it; the
 * devices, with the word to run as the last of it, which cannot have arrived
 * if that failed; and what comes behind.  From then on pages go as they are, and
 * mt_source_send_eof() follows the last section.
 */
gboolean mt_source_leave_precopy(MtSource *source, GError **error);
gboolean mt_source_discard(MtSource *source, GError **error);
gboolean mt_source_send_package(MtSource *source, GBytes *sections,
                                GError **error);
gboolean mt_source_send_behind(MtSource *source, GError **error);
gboolean mt_source_send_eof(MtSource *source, GError **error);

/* Sends page @index, inside of a section, if it is still in the pass. */
gboolean mt_source_send_page(MtSource *source, guint64 index,
                             GError **error);

/*
 * A link that broke is replaced by @io, on which nothing was said yet; what the
 * destination's bitmap of @block (see return-path.h) lacks is what the pass
 * has.
 */
void mt_source_restart(MtSource *source, MtIo *io, MtFailure *failure);
gboolean mt_source_ask_bitmap(MtSource *source, const MtRamBlock *block,
                              GError **error);
void mt_source_use_bitmap(MtSource *source, const MtRamBlock *block,
                          GBytes *bitmap);
gboolean mt_source_send_resume(MtSource *source, GError **error);

/* Brings the counters that others keep up to date: cache and threads. */
void mt_source_update_counters(MtSource *source);

G_END_DECLS
