/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What source.c, which writes sections, and source-pages.c, which writes what
 * is in RAM sections, share.
 */

#include "engine/legacy.h"
#include "engine/source/mapped-out.h"
#include "engine/source/multifd-send.h"
#include "engine/source/source.h"
#include "stream/stream-out.h"
#include "stream/wire.h"

struct MtSource {
    MtRam *ram;
    MtDirty *dirty;
    const MtEngineSettings *settings;
    MtIo *io;
    MtStreamOut out;
    MtCounters *counters;
    MtFailure *failure;

    /* What there is depends on the way of sending. */
    MtMultifdSend *multifd;
    MtMappedOut *mapped;
    MtPool *pool;               /* of one of these two */
    MtJob *job;                 /* being filled */
    MtJob own_job;              /* mapped without threads */
    MtXbzrle *xbzrle;
    MtLegacyEncoder *legacy;

    gboolean bulk;              /* not every page has been sent yet */
    gboolean last;              /* in the last section */
    gboolean stopped;           /* the guest stands still */
    gboolean postcopy;          /* it runs over there */
    guint block;                /* where the pass is */
    guint64 page;
    const MtRamBlock *named;    /* block of the last record on main */
};

MtLegacyEncoder *mt_source_new_legacy(MtSource *source, GError **error);

gboolean mt_source_command(MtSource *source, MtCommand command, guint16 len,
                           gconstpointer payload, GError **error);

/* Hands out what is half full. */
gboolean mt_source_settle(MtSource *source, GError **error);

/* Everything that was handed out is on its way, in front of what follows. */
gboolean mt_source_sync(MtSource *source, GError **error);
