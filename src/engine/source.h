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

#include "engine/dirty.h"
#include "engine/failure.h"
#include "engine/ram.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "engine/transport.h"
#include "engine/xbzrle.h"
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

/* Brings the counters that others keep up to date: cache and threads. */
void mt_source_update_counters(MtSource *source);

G_END_DECLS
