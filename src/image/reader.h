/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading a save file: all of it in order, with several threads, from a file
 * or a pipe; or single chunks of a file.
 */

#include <glib.h>

#include "image/format.h"
#include "image/input.h"

G_BEGIN_DECLS

/* The next bytes of the stream.  Runs in any thread, one call at a time. */
typedef gboolean (*MtImageSink)(const guint8 *data, gsize len,
                                gpointer user_data, GError **error);

/* The header of the chunk whose bytes come next.  As MtImageSink. */
typedef gboolean (*MtImageChunkFunc)(const MtImageChunk *chunk,
                                     gpointer user_data, GError **error);

typedef struct {
    guint n_threads;
    MtImageSink sink;           /* may be NULL */
    gpointer user_data;
    void (*failed)(gpointer data);  /* a thread failed; may be NULL */
    gpointer failed_data;
    MtImageChunkFunc chunk;     /* before the bytes of a chunk; may be NULL */
} MtImageReadSettings;

/* What a file has beside its stream. */
typedef struct {
    MtImageFileHeader header;
    guint64 base;               /* of the first frame in the input */
    gsize header_bytes;
    gsize libvirt_frame_bytes;  /* 0 without libvirt's header */
    guint8 *libvirt;
    gsize libvirt_bytes;
    gboolean has_table;
    MtImageContents *contents;  /* from the table, else from the chunks: then
                                 * without blocks if only read in order */
} MtImage;

void mt_image_free(MtImage *image);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtImage, mt_image_free)

/* Whether the first @len (at least 12) bytes are of a save file. */
gboolean mt_image_is_save_file(const guint8 *data, gsize len);

/*
 * Reads all from the present position on.  Every checksum is compared, and
 * chunks and tables with each other.
 */
MtImage *mt_image_read(MtInput *input, const MtImageReadSettings *settings,
                       GError **error);

/*
 * Reads headers and tables of a regular file from its present position on.  If
 * the tables are missing, the headers of all chunks are read.
 */
MtImage *mt_image_open(MtInput *input, GError **error);

/* Decompresses chunk @i: @buf has header.chunk_bytes. */
gboolean mt_image_read_chunk(MtImage *image, MtInput *input, guint i,
                             guint8 *buf, GError **error);

G_END_DECLS
