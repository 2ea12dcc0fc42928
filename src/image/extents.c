/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pages and the place of a chunk: see extents.h.
 */
#include "config.h"

#include <string.h>

#include "image/extents.h"
#include "migtune/migtune-error.h"

/* The extent of @block, or NULL. */
static MtImageExtent *
chunk_find_extent(MtImageChunk *chunk, guint block)
{
    /* Most records are of the block of the record before. */
    for (guint i = chunk->n_extents; i > 0; i--) {
        if (chunk->extents[i - 1].block == block)
            return &chunk->extents[i - 1];
    }

    return NULL;
}

static void
chunk_add_pages(MtImageChunk *chunk, guint block, guint64 page, guint64 n)
{
    MtImageExtent *e = chunk_find_extent(chunk, block);
    guint64 end;

    if (e) {
        end = MAX(e->first + e->n_pages, page + n);
        e->first = MIN(e->first, page);
        e->n_pages = end - e->first;
        e->n_records++;
    } else if (chunk->n_extents == MT_IMAGE_MAX_EXTENTS) {
        chunk->flags |= MT_IMAGE_CHUNK_MORE;
    } else {
        chunk->extents[chunk->n_extents++] =
            (MtImageExtent) { block, 1, page, n };
    }
}

gboolean
mt_image_chunk_add_page(MtImageChunk *chunk, const MtWalk *walk,
                        const MtWalkEvent *event)
{
    if (event->kind != MT_WALK_RECORD)
        return FALSE;

    switch (event->record) {
    case MT_RECORD_ZERO:
    case MT_RECORD_PAGE:
    case MT_RECORD_XBZRLE:
    case MT_RECORD_COMPRESS:
        chunk_add_pages(chunk, event->block,
                        event->page_offset >> MT_PAGE_SHIFT,
                        mt_walk_get_page_bytes(walk) >> MT_PAGE_SHIFT);
        return TRUE;
    default:
        return FALSE;
    }
}

static gboolean
check_bad(const MtImageCheck *check, const char *what, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "at offset %" G_GUINT64_FORMAT " of the stream: the "
                      "header of chunk %u has %s",
                      check->header.stream_offset, check->header.sequence,
                      what);
    return FALSE;
}

/* A stream without section footers: a walker that has seen the next byte is
 * between sections, one that has not still expects a footer. */
static void
check_skip_footer(const MtWalkState *header, MtWalkState *state)
{
    if (state->place == MT_WALK_AT_FOOTER &&
        !(state->flags & MT_WALK_FOOTERS) &&
        header->place == MT_WALK_AT_TOP) {
        state->place = MT_WALK_AT_TOP;
        state->flags |= MT_WALK_FOOTERS_KNOWN;
    }
}

/* Whether a walker would continue at the chunk as one that came from before. */
static gboolean
check_state(const MtImageCheck *check, GError **error)
{
    const MtWalkState *a = &check->header.state;
    MtWalkState b;

    if (mt_walk_get_boundary(check->walk, &b) != check->header.stream_offset)
        return check_bad(check, "a beginning in the middle of a record",
                         error);
    check_skip_footer(a, &b);
    if (a->place != b.place || a->flags != b.flags ||
        a->page_bits != b.page_bits || a->block != b.block ||
        a->section_id != b.section_id || a->skip != b.skip)
        return check_bad(check, "another place, block, section or page size "
                         "than the stream", error);

    return TRUE;
}

/* Whether each page that was found is in an extent of the header. */
static gboolean
check_extents(MtImageCheck *check, GError **error)
{
    MtImageChunk *header = &check->header;
    MtImageChunk *seen = &check->seen;
    gboolean more = header->flags & MT_IMAGE_CHUNK_MORE;

    for (guint i = 0; i < seen->n_extents; i++) {
        const MtImageExtent *found = &seen->extents[i];
        const MtImageExtent *e = chunk_find_extent(header, found->block);

        if (!e && more)
            continue;
        if (!e || found->first < e->first ||
            found->first + found->n_pages > e->first + e->n_pages)
            return check_bad(check, "no extent for a page of the chunk",
                             error);
        if (found->n_records != e->n_records)
            return check_bad(check, "another number of records than the "
                             "chunk", error);
    }
    for (guint i = 0; i < header->n_extents; i++) {
        if (!chunk_find_extent(seen, header->extents[i].block) &&
            !(seen->flags & MT_IMAGE_CHUNK_MORE))
            return check_bad(check, "an extent of a block without a page in "
                             "the chunk", error);
    }
    if (seen->flags & MT_IMAGE_CHUNK_MORE && !more)
        return check_bad(check, "fewer blocks than the chunk", error);

    return TRUE;
}

gboolean
mt_image_check_begin(MtImageCheck *check, const MtImageChunk *chunk,
                     GError **error)
{
    if (!mt_image_check_end(check, error))
        return FALSE;

    check->has_chunk = TRUE;
    /* A chunk of the contents table has no room for extents it does not use. */
    memcpy(&check->header, chunk, mt_image_chunk_bytes(chunk));
    check->seen.n_extents = 0;
    check->seen.flags = 0;
    return check_state(check, error);
}

void
mt_image_check_event(MtImageCheck *check, const MtWalkEvent *event)
{
    if (check->has_chunk)
        mt_image_chunk_add_page(&check->seen, check->walk, event);
}

gboolean
mt_image_check_end(MtImageCheck *check, GError **error)
{
    return !check->has_chunk || check_extents(check, error);
}
