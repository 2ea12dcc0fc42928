/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by source.c (sections), source-pages.c (pages in RAM sections) and
 * source-postcopy.c.
 */

#include "engine/legacy.h"
#include "engine/source/mapped-out.h"
#include "engine/source/source-zero.h"
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

    /* NULL if the settings do not need it. */
    MtMultifdSend *multifd;
    MtMappedOut *mapped;
    MtPool *pool;               /* of @multifd or @mapped */
    MtJob *job;                 /* the job that is being filled */
    MtJob own_job;              /* for mapped-ram without threads */
    MtXbzrle *xbzrle;
    MtLegacyEncoder *legacy;
    MtBitmap *untouched;        /* see source-zero.h */

    gboolean bulk;              /* not every page has been sent yet */
    gboolean last;              /* in the END section */
    gboolean stopped;           /* the guest is stopped */
    gboolean postcopy;          /* the guest runs on the destination */
    guint block;                /* the position of the pass */
    guint64 page;
    const MtRamBlock *named;    /* block of the last record on the main channel */
};

MtLegacyEncoder *mt_source_new_legacy(MtSource *source, GError **error);

gboolean mt_source_command(MtSource *source, MtWireCommand command, guint16 len,
                           gconstpointer payload, GError **error);

/* Submits the job that is being filled. */
gboolean mt_source_settle(MtSource *source, GError **error);

/* Synchronises the channels: all submitted pages arrive before later ones. */
gboolean mt_source_sync(MtSource *source, GError **error);
