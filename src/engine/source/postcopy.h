/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The post-copy loop of a source.
 */

#include "engine/engine.h"
#include "engine/return-path.h"
#include "engine/source/source.h"

/*
 * Starts the guest on the destination, with the device state @sections.
 * *@ret_gone: the guest may run there, which can be TRUE after a failure too.
 */
gboolean mt_postcopy_switch(MtEngine *engine, MtSource *source,
                            GBytes *sections, gboolean *ret_gone,
                            GError **error);

/* Sends the pages of the pass, requested pages first.  On success the stream
 * has been written to its end. */
gboolean mt_postcopy_send(MtEngine *engine, MtSource *source,
                          MtReturnPath *path, GError **error);

/* On a link that replaces a broken one: ask_bitmaps asks the destination which
 * pages it has, and puts the others into the pass; resume goes on. */
gboolean mt_postcopy_ask_bitmaps(MtEngine *engine, MtSource *source,
                                 MtReturnPath *path, GError **error);
gboolean mt_postcopy_resume(MtEngine *engine, MtSource *source,
                            MtReturnPath *path, GError **error);
