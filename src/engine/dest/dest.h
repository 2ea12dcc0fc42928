/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading a migration stream into guest RAM.
 *
 * mt_dest_load() reads one stream to its end.  It finds out by itself what the
 * source is: whether there is a configuration section, whether sections have
 * footers, which of the two ways to synchronise channels it uses, and where
 * the device state ends.
 */

#include <glib.h>

#include "engine/failure.h"
#include "engine/memory/gate.h"
#include "engine/dest/multifd-recv.h"
#include "engine/memory/ram.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "engine/transport.h"
#include "stream/wire.h"

G_BEGIN_DECLS

typedef struct MtDest MtDest;

/*
 * Everything is borrowed.  @channels is NULL without multifd; @transport is
 * needed for a mapped-ram file with multifd only.
 */
MtDest *mt_dest_new(MtRam *ram, const MtEngineSettings *settings,
                    MtCounters *counters, MtFailure *failure);
void mt_dest_free(MtDest *dest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDest, mt_dest_free)

/*
 * What a post-copy needs at this side; without it, none is accepted.  @run is
 * called once the devices have come: the guest is to run, and its writers pass
 * @gate.  Both are borrowed.
 */
typedef struct {
    MtGate *gate;
    void (*run)(gpointer data, GBytes *sections);
    void (*resumed)(gpointer data);     /* on another link */
    gpointer data;
} MtDestPostcopy;

void mt_dest_set_postcopy(MtDest *dest, const MtDestPostcopy *postcopy);

/* Whether it has come to that: the guest runs, or did. */
gboolean mt_dest_is_postcopy(const MtDest *dest);

/* Says @type on the return path, from any thread. */
gboolean mt_dest_say(MtDest *dest, MtReturnMessage type,
                     gconstpointer payload, guint16 len, GError **error);

gboolean mt_dest_load(MtDest *dest, MtIo *io, MtMultifdRecv *channels,
                      MtTransport *transport, GError **error);

/* Goes on where the link of a post-copy broke; it has been let go before. */
void mt_dest_let_go(MtDest *dest);
gboolean mt_dest_resume(MtDest *dest, MtIo *io, MtFailure *failure,
                        GError **error);

/* What a loaded stream had. */
gboolean mt_dest_has_return_path(const MtDest *dest);
const char *mt_dest_get_machine(const MtDest *dest);    /* or NULL */
GBytes *mt_dest_ref_sections(const MtDest *dest);
GBytes *mt_dest_ref_vmdesc(const MtDest *dest);         /* or NULL */
guint64 mt_dest_get_device_bytes(const MtDest *dest);

/* Pages that came as they are on the main channel, and of which more than a
 * first few bytes had to be copied to where they belong. */
guint64 mt_dest_get_copied_pages(const MtDest *dest);

G_END_DECLS
