/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a chunk header says of its chunk: the place in the stream and the pages.
 * The writer collects it; image-verify compares it with the chunk.
 */

#include <glib.h>

#include "image/format.h"

G_BEGIN_DECLS

/* Adds the page of a record to the extents of @chunk.  FALSE: the event is not
 * a record with a page. */
gboolean mt_image_chunk_add_page(MtImageChunk *chunk, const MtWalk *walk,
                                 const MtWalkEvent *event);

/* The comparison of all chunks of a file, in order. */
typedef struct {
    const MtWalk *walk;         /* the caller feeds it the chunks */
    gboolean has_chunk;
    MtImageChunk header;        /* of the present chunk */
    MtImageChunk seen;          /* its extents, as they were found */
} MtImageCheck;

/*
 * Before the bytes of a chunk are walked.  FALSE with MIGTUNE_ERROR_STREAM if
 * the chunk before it has other pages than its header says, or if a walker
 * could not begin at @chunk with what its header says.
 */
gboolean mt_image_check_begin(MtImageCheck *check, const MtImageChunk *chunk,
                              GError **error);

/* For each event of the walk. */
void mt_image_check_event(MtImageCheck *check, const MtWalkEvent *event);

/* After the last chunk. */
gboolean mt_image_check_end(MtImageCheck *check, GError **error);

G_END_DECLS
