/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The save file format as bytes: see docs/internals/save-file.rst.
 *
 * A save file is a zstd file: skippable frames with headers and tables around
 * one ordinary zstd frame a chunk.  All numbers are little-endian, as zstd's
 * are.
 */

#include <glib.h>
#include <string.h>

#include "stream/walk.h"

G_BEGIN_DECLS

#define MT_IMAGE_MAGIC 0x184d2a5bu      /* our skippable frames */
#define MT_IMAGE_SEEK_MAGIC 0x184d2a5eu /* zstd's seekable format */
#define MT_IMAGE_SEEK_FOOTER_MAGIC 0x8f92eab1u
#define MT_IMAGE_ZSTD_MAGIC 0xfd2fb528u
#define MT_IMAGE_VERSION 1

#define MT_IMAGE_FRAME_HEAD 8           /* magic and length */
#define MT_IMAGE_SEEK_ENTRY 12
#define MT_IMAGE_SEEK_FOOTER 9

#define MT_IMAGE_MIN_CHUNK (1024 * 1024)
#define MT_IMAGE_MAX_CHUNK (16 * 1024 * 1024)
#define MT_IMAGE_DEFAULT_CHUNK (8 * 1024 * 1024)
#define MT_IMAGE_MAX_THREADS 64
#define MT_IMAGE_MAX_EXTENTS 64
#define MT_IMAGE_MAX_PROPERTIES (64 * 1024)
#define MT_IMAGE_MAX_CONTENTS (256 * 1024 * 1024)

/* A frame with a chunk header, from its magic on, at most. */
#define MT_IMAGE_MAX_CHUNK_HEADER (8 + 56 + 24 * MT_IMAGE_MAX_EXTENTS + 4)

typedef enum {
    MT_IMAGE_HEADER = 1,
    MT_IMAGE_CHUNK = 2,
    MT_IMAGE_CONTENTS = 3,
    MT_IMAGE_LIBVIRT = 4,
} MtImageKind;

enum {
    MT_IMAGE_CHUNK_LAST = 1 << 0,
    MT_IMAGE_CHUNK_MORE = 1 << 1,   /* there are pages of further blocks */
};

/* Pages (of 4096 bytes) of one block that records of a chunk hold: all are
 * between @first and @first + @n_pages - 1. */
typedef struct {
    guint16 block;
    guint32 n_records;
    guint64 first;
    guint64 n_pages;
} MtImageExtent;

typedef struct {
    guint32 sequence;
    guint32 stored;             /* bytes of the zstd frame behind the header */
    guint64 stream_offset;
    guint32 stream_bytes;
    guint32 checksum;           /* low half of XXH64 of the stream bytes */
    guint8 flags;
    MtWalkState state;          /* of the stream at stream_offset */
    guint n_extents;
    MtImageExtent extents[MT_IMAGE_MAX_EXTENTS];
} MtImageChunk;

typedef struct {
    guint32 chunk_bytes;
    gint32 level;
    char *properties;           /* a JSON object */
} MtImageFileHeader;

/* What is used of the structure. */
static inline gsize
mt_image_chunk_bytes(const MtImageChunk *chunk)
{
    return G_STRUCT_OFFSET(MtImageChunk, extents) +
           chunk->n_extents * sizeof(MtImageExtent);
}

/* The largest zstd frame of a chunk of @stream_bytes. */
static inline guint64
mt_image_max_stored(guint32 stream_bytes)
{
    return (guint64)stream_bytes + stream_bytes / 128 + 1024;
}

void mt_image_file_header_clear(MtImageFileHeader *header);

/* One chunk in the contents table. */
typedef struct {
    guint64 file_offset;        /* of its header, from the first frame on */
    guint32 header_bytes;       /* of the frame with its header */
    MtImageChunk *chunk;
} MtImageEntry;

typedef struct {
    guint64 stream_bytes;
    guint64 devices_offset;     /* in the stream */
    guint64 devices_bytes;
    char *machine;
    GArray *blocks;             /* of MtWalkBlock: name and used_bytes */
    GPtrArray *entries;         /* of MtImageEntry *, in order */
} MtImageContents;

MtImageContents *mt_image_contents_new(void);
void mt_image_contents_free(MtImageContents *contents);

/* Copies @chunk without the room for extents that it does not use. */
void mt_image_contents_add(MtImageContents *contents, guint64 file_offset,
                           guint32 header_bytes, const MtImageChunk *chunk);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtImageContents, mt_image_contents_free)

/* Whole skippable frames. */
GByteArray *mt_image_put_file_header(const MtImageFileHeader *header);
GByteArray *mt_image_put_libvirt(const guint8 *data, gsize len);
GByteArray *mt_image_put_chunk(const MtImageChunk *chunk);
GByteArray *mt_image_put_contents(const MtImageContents *contents);

/* @libvirt_bytes: length of the frame with libvirt's header, 0 without one. */
GByteArray *mt_image_put_seek_table(const MtImageContents *contents,
                                    gsize header_bytes, gsize libvirt_bytes,
                                    gsize contents_bytes);

/*
 * The content of a skippable frame with our magic: which kind it is.  FALSE
 * if its tag, its version or its checksum is wrong.  @offset is the frame's,
 * for error texts here and below.
 */
gboolean mt_image_check_frame(const guint8 *data, gsize len, guint64 offset,
                              MtImageKind *ret_kind, GError **error);

/* These take the content of a frame that was checked. */
gboolean mt_image_get_file_header(const guint8 *data, gsize len,
                                  guint64 offset,
                                  MtImageFileHeader *ret_header,
                                  GError **error);
gboolean mt_image_get_libvirt(const guint8 *data, gsize len,
                              const guint8 **ret_data, gsize *ret_len);
gboolean mt_image_get_chunk(const guint8 *data, gsize len, guint64 offset,
                            MtImageChunk *ret_chunk, GError **error);
MtImageContents *mt_image_get_contents(const guint8 *data, gsize len,
                                       guint64 offset, GError **error);

/* Whether the content of a seek table frame agrees with @contents. */
gboolean mt_image_check_seek_table(const guint8 *data, gsize len,
                                   guint64 offset,
                                   const MtImageContents *contents,
                                   gsize header_bytes, gsize libvirt_bytes,
                                   gsize contents_bytes, GError **error);

/* Whether all blocks that a chunk header names are among @n_blocks.  @offset is
 * the header's, for the error text. */
gboolean mt_image_check_blocks(const MtImageChunk *chunk, guint n_blocks,
                               guint64 offset, GError **error);

gboolean mt_image_chunk_equal(const MtImageChunk *a, const MtImageChunk *b);

/* Raises MIGTUNE_ERROR_STREAM; always FALSE. */
gboolean mt_image_bad(guint64 offset, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static inline guint32
mt_get_le32(const guint8 *p)
{
    guint32 v;

    memcpy(&v, p, sizeof(v));
    return GUINT32_FROM_LE(v);
}

G_END_DECLS
