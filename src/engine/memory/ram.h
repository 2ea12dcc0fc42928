/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Guest RAM: named blocks of host memory.
 *
 * The pages of all blocks have consecutive numbers, the page indexes, in the
 * order in which the blocks were added.  The dirty log, the XBZRLE cache and the
 * workloads use page indexes; the stream uses block name and offset.
 *
 * The set of blocks is fixed before any thread uses it.  Only the used length of
 * a resizable block changes later, and only while no other thread uses it.
 */

#include <glib.h>

#include "stream/page.h"
#include "util/bitmap.h"

G_BEGIN_DECLS

#define MT_RAM_NAME_MAX 255

typedef struct {
    char *name;
    gsize name_len;
    guint64 used_length; /* bytes, the length in the stream */
    guint64 max_length;  /* bytes, mapped; larger only if resizable */
    guint64 page_size;   /* 4096, or the size of its huge pages */
    guint64 gpa;         /* guest physical address of its first byte */
    guint8 *host;
    guint64 first_page; /* page index of its first page */
    guint64 n_pages;    /* used pages of 4096 bytes */
    gboolean resizable;
    gboolean shared; /* a shared mapping of a file */
} MtRamBlock;

typedef struct MtRam MtRam;

/* How to make a block.  With zeroes: anonymous memory, pages of 4096 bytes, fixed
 * length. */
typedef struct {
    const char *name;
    guint64 length;     /* bytes, a multiple of 4096 */
    guint64 max_length; /* bytes; 0: not resizable */
    guint64 page_size;
    guint64 gpa;
    const char *path; /* map this file shared; it is created or extended */
} MtRamBlockSpec;

MtRam *mt_ram_new(void);
void mt_ram_free(MtRam *ram);

gboolean mt_ram_add(MtRam *ram, const MtRamBlockSpec *spec, GError **error);

/* One anonymous block "ram" of @length bytes, as with `-machine none -m`. */
MtRam *mt_ram_new_simple(guint64 length, GError **error);

/* Sets the used length of a resizable block, as the source has it. */
gboolean mt_ram_resize(MtRam *ram, MtRamBlock *block, guint64 length,
                       GError **error);

/*
 * Discards the content of @length bytes at @offset of @block, both in whole pages
 * and inside the largest length: the pages are zero and use no memory.  FALSE:
 * the kernel cannot discard this memory, which is unchanged.
 */
gboolean mt_ram_discard(const MtRamBlock *block, guint64 offset,
                        guint64 length);

/*
 * Sets the bits of pages that were never written or read, according to the
 * kernel: they are zero.  Only private blocks have such pages, and none is found
 * if the kernel does not report them.
 */
void mt_ram_find_untouched(const MtRam *ram, MtBitmap *untouched);

guint mt_ram_n_blocks(const MtRam *ram);
MtRamBlock *mt_ram_block(const MtRam *ram, guint i);

/* @name need not be terminated.  NULL if there is no such block. */
MtRamBlock *mt_ram_find(const MtRam *ram, const char *name, gsize name_len);

/* The number of page indexes, with those of the unused parts of resizable
 * blocks. */
guint64 mt_ram_n_pages(const MtRam *ram);

/* The sum of all used lengths. */
guint64 mt_ram_bytes(const MtRam *ram);

/* The address of page @index; NULL if it is out of range or unused.  @ret_block
 * may be NULL. */
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

/* Whether both have the same blocks with the same bytes.  If not, *@ret_where is
 * the first difference. */
gboolean mt_ram_equal(const MtRam *a, const MtRam *b, char **ret_where);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRam, mt_ram_free)

G_END_DECLS
