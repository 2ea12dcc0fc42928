/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Guest RAM: named blocks of host memory.
 *
 * All pages of all blocks have one running number, the page index, in the
 * order in which the blocks were added.  The dirty log, the XBZRLE cache and
 * the workloads count in page indexes; the stream names block and offset.
 *
 * The set of blocks is fixed before any thread uses it.  Only the used length
 * of a resizable block changes later, and only while nothing else runs.
 */

#include <glib.h>

#include "stream/page.h"

G_BEGIN_DECLS

#define MT_RAM_NAME_MAX 255

typedef struct {
    char *name;
    gsize name_len;
    guint64 used_length; /* bytes, what the stream speaks of */
    guint64 max_length;  /* bytes, mapped; larger only if resizable */
    guint64 page_size;   /* 4096, or that of its huge pages */
    guint64 gpa;         /* guest physical address of its first byte */
    guint8 *host;
    guint64 first_page; /* page index of its first page */
    guint64 n_pages;    /* of 4096 bytes, used ones */
    gboolean resizable;
    gboolean shared; /* backed by a file that others see */
} MtRamBlock;

typedef struct MtRam MtRam;

/* How a block is to be made; zeroes mean: anonymous memory, 4096 bytes a page,
 * fixed length. */
typedef struct {
    const char *name;
    guint64 length;     /* bytes, a multiple of 4096 */
    guint64 max_length; /* bytes; 0: not resizable */
    guint64 page_size;
    guint64 gpa;
    const char *path; /* map this file shared; it is made or grown if need be */
} MtRamBlockSpec;

MtRam *mt_ram_new(void);
void mt_ram_free(MtRam *ram);

gboolean mt_ram_add(MtRam *ram, const MtRamBlockSpec *spec, GError **error);

/* One anonymous block "ram" of @length bytes: what `-machine none -m` has. */
MtRam *mt_ram_new_simple(guint64 length, GError **error);

/* Follows the source's length of a resizable block. */
gboolean mt_ram_resize(MtRam *ram, MtRamBlock *block, guint64 length,
                       GError **error);

guint mt_ram_n_blocks(const MtRam *ram);
MtRamBlock *mt_ram_block(const MtRam *ram, guint i);

/* @name need not be terminated.  NULL when there is no such block. */
MtRamBlock *mt_ram_find(const MtRam *ram, const char *name, gsize name_len);

/* Page indexes run from 0 to below this; those of the unused part of a
 * resizable block are among them. */
guint64 mt_ram_n_pages(const MtRam *ram);

/* The sum of all used lengths. */
guint64 mt_ram_bytes(const MtRam *ram);

/* Page @index and, if wanted, its block; NULL when it is out of range or not
 * in use. */
guint8 *mt_ram_page(const MtRam *ram, guint64 index, MtRamBlock **ret_block);

/* The page at byte @offset of @block; NULL unless it is page aligned and
 * inside the used length. */
static inline guint8 *
mt_ram_block_page(const MtRamBlock *block, guint64 offset)
{
    if (offset % MT_PAGE_SIZE || offset >= block->used_length)
        return NULL;

    return block->host + offset;
}

/* Page index of byte @offset of @block. */
static inline guint64
mt_ram_block_index(const MtRamBlock *block, guint64 offset)
{
    return block->first_page + (offset >> MT_PAGE_SHIFT);
}

/* SHA-256 over the used bytes of the blocks in their order, as hex. */
char *mt_ram_hash(const MtRam *ram);

/* Whether both have the same blocks with the same bytes; else *@ret_where
 * says where they first differ. */
gboolean mt_ram_equal(const MtRam *a, const MtRam *b, char **ret_where);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRam, mt_ram_free)

G_END_DECLS
