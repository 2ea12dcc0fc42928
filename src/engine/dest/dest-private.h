/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What dest.c, which reads sections, and dest-ram.c, which reads the records
 * inside RAM sections, share.
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

/* What pages earn that come in order, at most: see dest-run.c. */
#define MT_DEST_CREDIT_MAX 192

struct MtDest {
    MtRam *ram;
    const MtEngineSettings *settings;
    MtCounters *counters;
    MtFailure *failure;

    MtIo *io;
    MtStreamIn in;
    MtMultifdRecv *channels;
    MtTransport *transport;

    char *machine;
    gboolean mapped;            /* as the configuration section says */
    gboolean ignore_shared;
    gboolean return_path;
    DestFooters footers;
    gboolean have_ram;          /* a RAM section has begun */
    gboolean have_blocks;       /* the block list has come */
    guint32 ram_id;
    gboolean per_round;         /* how channels are synchronised */
    const char *where;          /* for errors: what is being read */
    guint64 where_offset;

    MtRamBlock *block;          /* that CONTINUE means */
    MtBitmap *received;         /* pages for which anything came on main */
    guint64 next_page;          /* behind the last one that came as it is */
    int credit;                 /* for reading pages ahead */
    guint64 copied;             /* pages that were not read to their place */
    MtLegacyDecoder *decoder;   /* per-page zlib; made when one comes */
    MtBitmap *inflating;        /* pages that it may still be writing */
    GArray *inflating_list;     /* their indexes */

    MtDestPostcopy postcopy;
    gboolean advised;           /* it may come to post-copy */
    gboolean listening;         /* pages are placed through the gate */
    gboolean running;           /* the guest was told to run */
    gboolean paused;            /* on another link, not yet resumed */
    guint8 *placed;             /* a page on its way to its place */
    const MtRamBlock *asked;    /* of the last request; under @say */
    GMutex say;                 /* one message at a time */

    guint passes;               /* ends of sections since all RAM came */

    GBytes *sections;
    GBytes *vmdesc;
};

/* The page at @offset of the present block, and those that follow it. */
gboolean mt_dest_page_run(MtDest *dest, guint64 offset, guint8 *page,
                          GError **error);

/* dest-postcopy.c: commands, and a page that comes when the guest may run. */
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

/* The records of one RAM section, to its EOS. */
gboolean mt_dest_ram_section(MtDest *dest, gboolean is_start, GError **error);
