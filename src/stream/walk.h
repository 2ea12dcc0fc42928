/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Walking over the main channel of a migration stream.
 *
 * A walker is fed the bytes of a stream in pieces of any size.  It finds the
 * sections, commands and RAM records, checks them, and reports each as one
 * event.  It needs no guest RAM and no running migration, and its memory does
 * not grow with the stream (device state: see MtWalkSettings).
 *
 * What a stream has after the RAM is device state, whose sections have no
 * length: from the first device section on (or from a live section other than
 * "ram") all bytes are reported as MT_WALK_DATA.
 *
 * The position between two items, a boundary, can be saved as MtWalkState.  A
 * second walker that is given this state continues there, without the bytes
 * before it.
 */

#include <glib.h>

#include "stream/devices.h"
#include "stream/mapped.h"
#include "stream/wire.h"

G_BEGIN_DECLS

#define MT_WALK_MAX_BLOCKS 1024
#define MT_WALK_NO_BLOCK G_MAXUINT16

/* The longest item: the configuration section or a command. */
#define MT_WALK_MAX_ITEM (80 * 1024)

typedef struct {
    char name[256];
    guint64 used_bytes;
    guint64 page_bytes;         /* of the host, if the stream says it; else 0 */
    guint64 gpa;                /* with x-ignore-shared; else 0 */
    gboolean is_mapped;
    MtMappedHeader mapped;      /* if is_mapped */
} MtWalkBlock;

typedef enum {
    MT_WALK_HEADER,         /* magic and version */
    MT_WALK_CONFIGURATION,  /* name: machine type */
    MT_WALK_SUBSECTION,     /* of the configuration; name, version, body */
    MT_WALK_SECTION,        /* head of a section: type, id, name, … */
    MT_WALK_COMMAND,        /* command, body: payload */
    MT_WALK_BLOCK_LIST,     /* head of the block list; total_bytes */
    MT_WALK_BLOCK,          /* block */
    MT_WALK_RECORD,         /* record, block, page_offset, body */
    MT_WALK_FOOTER,         /* of the section with this id */
    MT_WALK_DATA,           /* body: part of device state, of a package or of
                             * a mapped block; data says which */
} MtWalkKind;

typedef enum {
    MT_WALK_DATA_DEVICES,   /* everything from the first device on */
    MT_WALK_DATA_PACKAGE,   /* post-copy: device state inside a command */
    MT_WALK_DATA_MAPPED,    /* bitmap and pages of a mapped block */
} MtWalkData;

typedef struct {
    MtWalkKind kind;
    guint64 offset;         /* of the item's first byte */
    gsize len;              /* of the whole item */

    MtSectionType type;     /* SECTION */
    guint32 id;             /* SECTION, FOOTER, RECORD */
    guint32 instance;       /* SECTION: START and FULL */
    guint32 version;        /* SECTION, SUBSECTION */
    const char *name;       /* CONFIGURATION, SUBSECTION, SECTION */

    MtWireCommand command;     /* COMMAND */

    guint64 total_bytes;    /* BLOCK_LIST */
    guint block;            /* BLOCK, RECORD, mapped DATA: index */
    guint16 record;         /* RECORD: one MT_RECORD_*, without CONTINUE */
    guint64 page_offset;    /* RECORD with a page: offset in the block */
    guint8 fill;            /* RECORD: ZERO */

    MtWalkData data;        /* DATA */
    const guint8 *body;     /* payload; valid during the call only */
    gsize body_len;
} MtWalkEvent;

/* FALSE with @error ends the walk. */
typedef gboolean (*MtWalkFunc)(const MtWalkEvent *event, gpointer user_data,
                               GError **error);

typedef struct {
    MtWalkFunc func;            /* may be NULL */
    gpointer user_data;
    guint64 base;               /* file offset of the stream's first byte:
                                 * mapped blocks have absolute offsets */
    guint64 max_device_bytes;   /* device state of at most this size is kept
                                 * and checked at the end; 0: none */
} MtWalkSettings;

/* A boundary.  All that a second walker must know to continue there. */
typedef enum {
    MT_WALK_AT_START,       /* nothing was read */
    MT_WALK_AT_CONFIGURATION,
    MT_WALK_AT_TOP,         /* between sections */
    MT_WALK_AT_BLOCKS,      /* inside the block list */
    MT_WALK_AT_RECORDS,     /* inside a RAM section */
    MT_WALK_AT_FOOTER,
    MT_WALK_AT_DEVICES,     /* until the end of the stream */
} MtWalkPlace;

enum {
    MT_WALK_FOOTERS_KNOWN = 1 << 0,
    MT_WALK_FOOTERS = 1 << 1,
    MT_WALK_MAPPED = 1 << 2,
    MT_WALK_IGNORE_SHARED = 1 << 3,
    MT_WALK_HUGE_PAGES = 1 << 4,
};

typedef struct {
    MtWalkPlace place;
    guint8 flags;
    guint8 page_bits;
    guint16 block;          /* of the last page record, or MT_WALK_NO_BLOCK */
    guint32 section_id;     /* of "ram", once it has begun */
    guint64 blocks_left;    /* AT_BLOCKS: bytes of blocks not yet listed */
    guint64 skip;           /* bytes of a package that come first */
} MtWalkState;

typedef struct MtWalk MtWalk;

MtWalk *mt_walk_new(const MtWalkSettings *settings);

/* A walker that continues at stream offset @offset.  @blocks are copied.  A
 * state->block that is not one of them is as MT_WALK_NO_BLOCK. */
MtWalk *mt_walk_new_at(const MtWalkSettings *settings,
                       const MtWalkState *state, guint64 offset,
                       const MtWalkBlock *blocks, guint n_blocks);
void mt_walk_free(MtWalk *walk);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtWalk, mt_walk_free)

/*
 * The next @len bytes.  FALSE with MIGTUNE_ERROR_STREAM, whose text has the
 * offset, if they are not a migration stream; the walker is of no further use
 * then.
 */
gboolean mt_walk_feed(MtWalk *walk, const guint8 *data, gsize len,
                      GError **error);

/*
 * How many of the next bytes belong to a mapped block.  A caller that reads a
 * file may call mt_walk_skip() in place of feeding them.
 */
guint64 mt_walk_get_skippable(const MtWalk *walk);
void mt_walk_skip(MtWalk *walk, guint64 len);

/* Forgets the bytes after the boundary: the caller feeds them again. */
void mt_walk_rewind(MtWalk *walk);

/*
 * The stream has ended.  FALSE with MIGTUNE_ERROR_DISCONNECTED if it ended in
 * the middle.  Device state of which more than max_device_bytes came is not
 * checked.
 */
gboolean mt_walk_finish(MtWalk *walk, GError **error);

/* Where the last complete item ended, and how to continue there. */
guint64 mt_walk_get_boundary(const MtWalk *walk, MtWalkState *ret_state);

guint mt_walk_get_n_blocks(const MtWalk *walk);
const MtWalkBlock *mt_walk_get_block(const MtWalk *walk, guint i);
const MtWalkBlock *mt_walk_get_blocks(const MtWalk *walk);

/* The target's page size: 4096 unless the configuration section says more. */
gsize mt_walk_get_page_bytes(const MtWalk *walk);

/* The machine type of the configuration section; "" without one. */
const char *mt_walk_get_machine(const MtWalk *walk);

/* Device state: where it begins (0: not yet), how long it is, and, if it was
 * kept, itself; its sections are complete after mt_walk_finish(). */
guint64 mt_walk_get_devices_offset(const MtWalk *walk);
guint64 mt_walk_get_devices_bytes(const MtWalk *walk);
MtDevices *mt_walk_get_devices(const MtWalk *walk);

G_END_DECLS
