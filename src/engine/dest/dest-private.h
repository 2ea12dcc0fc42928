/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by dest.c (sections), dest-ram.c (records in RAM sections), dest-run.c
 * (uncompressed pages) and dest-postcopy.c.
 */

#include "engine/dest/dest.h"
#include "engine/legacy.h"
#include "stream/stream-in.h"
#include "util/bitmap.h"

typedef enum {
    FOOTERS_UNKNOWN,
    FOOTERS_ON,
    FOOTERS_OFF,
} DestFooters;

/* What may come next.  A phase is only left for a later one, except that a paused
 * post-copy continues. */
typedef enum {
    DEST_PRECOPY,
    DEST_ADVISED,               /* pre-copy, and post-copy may follow */
    DEST_POSTCOPY,              /* the guest runs; pages pass the gate */
    DEST_PAUSED,                /* post-copy without a link, or on a new link
                                 * before POSTCOPY_RESUME */
} DestPhase;

struct MtDest {
    MtRam *ram;
    const MtEngineSettings *settings;
    MtPageState *pages;
    MtCounters *counters;
    MtFailure *failure;

    MtIo *io;
    MtStreamIn in;
    MtMultifdRecv *channels;
    MtTransport *transport;

    char *machine;
    gboolean mapped;            /* from the configuration section */
    gboolean ignore_shared;
    gboolean return_path;
    DestFooters footers;
    gboolean have_ram;          /* the START section of "ram" was read */
    gboolean have_blocks;       /* the block list was read */
    guint32 ram_id;
    gboolean per_round;         /* channels are synchronised by FLUSH records,
                                 * not at the end of each section */
    const char *where;          /* for errors: the current section */
    guint64 where_offset;

    MtRamBlock *block;          /* block of the last page record */
    MtLegacyDecoder *decoder;   /* made at the first compressed page */
    MtBitmap *inflating;        /* pages that @decoder may still write */
    GArray *inflating_list;     /* their indexes */

    DestPhase phase;
    MtDestPostcopy postcopy;
    guint8 *placed;             /* buffer for a page in post-copy */
    const MtRamBlock *asked;    /* block of the last request; under @send_lock */
    GMutex send_lock;           /* one message at a time */

    guint passes;               /* sections since all RAM was received */

    GBytes *sections;
    GBytes *vmdesc;
};

/* dest-postcopy.c: commands, and a page after the switch to post-copy. */
gboolean mt_dest_advise(MtDest *dest, const guint8 *payload, guint16 len,
                        GError **error);
gboolean mt_dest_discard(MtDest *dest, const guint8 *payload, guint16 len,
                         GError **error);
gboolean mt_dest_package(MtDest *dest, const guint8 *payload, guint16 len,
                         GError **error);
gboolean mt_dest_recv_bitmap(MtDest *dest, const guint8 *payload, guint16 len,
                             GError **error);
gboolean mt_dest_resumed(MtDest *dest, const guint8 *payload, guint16 len,
                         GError **error);
gboolean mt_dest_place(MtDest *dest, guint32 record, guint64 index,
                       guint8 *page, GError **error);
gboolean mt_dest_check_arrived(MtDest *dest, GError **error);

/* Reads the records of one RAM section, to its EOS. */
gboolean mt_dest_ram_section(MtDest *dest, gboolean is_start, GError **error);
