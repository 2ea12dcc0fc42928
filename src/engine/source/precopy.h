/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The pre-copy loop of a source.
 */

#include "engine/engine.h"
#include "engine/return-path.h"
#include "engine/source/source.h"

/*
 * Sends RAM until the switchover, stops the guest and sends the rest: on
 * success the last RAM section has been written.  @path is NULL without a
 * return path.  If post-copy was requested, *@ret_postcopy is TRUE and the
 * pages that are left are in the pass instead; @prepare(@data) is called for it
 * while the guest still runs, and may refuse.
 */
typedef gboolean (*MtPostcopyPrepare)(gpointer data, GError **error);

gboolean mt_precopy_run(MtEngine *engine, MtSource *source,
                        MtReturnPath *path, MtPostcopyPrepare prepare,
                        gpointer data, gboolean *ret_postcopy,
                        GError **error);
