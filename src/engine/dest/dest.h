/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading a migration stream into guest RAM.
 *
 * mt_dest_load() reads one stream to its end.  It detects the dialect of the
 * source: whether there is a configuration section, whether sections have
 * footers, how channels are synchronised, and where the device state ends.
 */

#include <glib.h>

#include "engine/failure.h"
#include "engine/memory/gate.h"
#include "engine/dest/multifd-recv.h"
#include "engine/dest/page-state.h"
#include "engine/memory/ram.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "engine/transport.h"
#include "stream/wire.h"

G_BEGIN_DECLS

typedef struct MtDest MtDest;

/*
 * All arguments must outlive the destination.  @channels is NULL without multifd;
 * @transport is needed only for a mapped-ram file with multifd.
 */
MtDest *mt_dest_new(MtRam *ram, const MtEngineSettings *settings,
                    MtPageState *pages, MtCounters *counters,
                    MtFailure *failure);
void mt_dest_free(MtDest *dest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDest, mt_dest_free)

/*
 * Callbacks for post-copy; without them post-copy is refused.  @run is called when
 * the device state has arrived: it starts the guest, whose writers pass @gate.
 * @resumed is called when the post-copy continues on a new link.  @more says whether
 * requested pages can still arrive on another channel.
 */
typedef struct {
    MtGate *gate;
    void (*run)(gpointer data, GBytes *sections);
    void (*resumed)(gpointer data);
    gboolean (*more)(gpointer data);
    gpointer data;
} MtDestPostcopy;

void mt_dest_set_postcopy(MtDest *dest, const MtDestPostcopy *postcopy);

/* Whether post-copy has started the guest. */
gboolean mt_dest_is_postcopy(const MtDest *dest);

/* Sends a message on the return path.  Any thread. */
gboolean mt_dest_send(MtDest *dest, MtReturnMessage type,
                     gconstpointer payload, guint16 len, GError **error);

gboolean mt_dest_load(MtDest *dest, MtIo *io, MtMultifdRecv *channels,
                      MtTransport *transport, GError **error);

/* Recovery of a post-copy: mt_dest_let_go() detaches from the broken link, and
 * mt_dest_resume() continues on @io, after the new MtFailure was set. */
void mt_dest_let_go(MtDest *dest);
void mt_dest_set_failure(MtDest *dest, MtFailure *failure);
gboolean mt_dest_resume(MtDest *dest, MtIo *io, GError **error);

/* Properties of the loaded stream. */
gboolean mt_dest_has_return_path(const MtDest *dest);
const char *mt_dest_get_machine(const MtDest *dest);    /* or NULL */
GBytes *mt_dest_ref_sections(const MtDest *dest);
GBytes *mt_dest_ref_vmdesc(const MtDest *dest);         /* or NULL */
guint64 mt_dest_get_device_bytes(const MtDest *dest);

G_END_DECLS
