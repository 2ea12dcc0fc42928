/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writing a migration stream.
 *
 * An MtSource knows the format of the stream; the loops in precopy.c and
 * postcopy.c decide when to send what.  All calls come from one thread, in the
 * order of this file.
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

/* All arguments must outlive the source.  @io is the main channel. */
MtSource *mt_source_new(MtRam *ram, MtDirty *dirty,
                        const MtEngineSettings *settings, MtIo *io,
                        MtCounters *counters, MtFailure *failure);
void mt_source_free(MtSource *source);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtSource, mt_source_free)

/* Writes header and configuration immediately: the destination identifies the
 * main channel by them before other channels connect. */
gboolean mt_source_send_header(MtSource *source, GError **error);

/*
 * Prepares for the settings: takes ownership of the @n connections of multifd
 * channels, opens @transport again for a mapped-ram file, and makes threads.
 * @xbzrle is not owned and may be NULL.
 */
gboolean mt_source_prepare(MtSource *source, MtTransport *transport,
                           MtIo **channels, guint n, MtXbzrle *xbzrle,
                           GError **error);

/* To be called after the dirty log was started.
 * OPEN_RETURN_PATH and PING with a return path, and the START section. */
gboolean mt_source_send_start(MtSource *source, GError **error);

/* Begin a PART section, or with @last the END section; end it. */
gboolean mt_source_begin(MtSource *source, gboolean last, GError **error);
gboolean mt_source_end(MtSource *source, GError **error);

/* Writes and counts all queued bytes. */
gboolean mt_source_flush(MtSource *source, GError **error);

/*
 * Sends the next pages of the pass, at most @max_pages of one block.  *@ret_n is
 * the number of pages.  At the end of RAM it is 0, and channels are synchronised:
 * a page that is sent again arrives after its former content.
 */
gboolean mt_source_send_run(MtSource *source, guint max_pages, guint *ret_n,
                            GError **error);

/* Submits all pages to the channels.  Returns the number of pages that the
 * channels have not sent yet. */
gboolean mt_source_submit(MtSource *source, guint64 *ret_pending,
                          GError **error);

/* All of guest RAM has been sent once. */
void mt_source_bulk_done(MtSource *source);

/* The settings have changed, see mt_engine_retune(). */
void mt_source_retune(MtSource *source);

/* The guest is stopped. */
gboolean mt_source_switch_over(MtSource *source, GError **error);

/* Device sections, the end of the list, and the description. */
gboolean mt_source_send_devices(MtSource *source, GBytes *sections,
                                GBytes *vmdesc, GError **error);

/*
 * Post-copy, instead of the last section:
 *
 * leave_precopy: synchronises the channels; from now on pages are sent
 * uncompressed on the main channel.
 * discard: names the pages in the pass, which the destination discards.
 * send_package: sends the device state, with the command to run at its end.  If
 * it fails, the command has not arrived.
 * send_behind: sends the PING after the package.
 * send_eof: ends the stream after the last section.
 *
 * A source of the channel for requested pages (see preempt-send.h) has only
 * begin_postcopy, send_page, flush and send_eos, which ends the channel.
 */
void mt_source_begin_postcopy(MtSource *source);
gboolean mt_source_send_eos(MtSource *source, GError **error);
gboolean mt_source_leave_precopy(MtSource *source, GError **error);
gboolean mt_source_discard(MtSource *source, GError **error);
gboolean mt_source_send_package(MtSource *source, GBytes *sections,
                                GError **error);
gboolean mt_source_send_behind(MtSource *source, GError **error);
gboolean mt_source_send_eof(MtSource *source, GError **error);

/* Inside a section: sends page @index if it is still in the pass. */
gboolean mt_source_send_page(MtSource *source, guint64 index,
                             GError **error);

/*
 * Recovery: replaces a broken link by @io.  use_bitmap puts the pages into the
 * pass that the bitmap of the destination (see return-path.h) does not have.
 */
void mt_source_restart(MtSource *source, MtIo *io, MtFailure *failure);
gboolean mt_source_ask_bitmap(MtSource *source, const MtRamBlock *block,
                              GError **error);
void mt_source_use_bitmap(MtSource *source, const MtRamBlock *block,
                          GBytes *bitmap);
gboolean mt_source_send_resume(MtSource *source, GError **error);

/* Copies the statistics of cache and compression threads to the counters. */
void mt_source_update_counters(MtSource *source);

G_END_DECLS
