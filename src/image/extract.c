/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A part of guest RAM out of a file: see extract.h.
 *
 * The range is done in windows that fit into memory.  For each window the
 * stream is walked, and the records of its pages are applied in order.  Of a
 * save file only the chunks that have such records are read.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "image/extents.h"
#include "image/extract.h"
#include "stream/xbzrle.h"
#include "migtune/migtune-error.h"

#define EXTRACT_WINDOW (32 * 1024 * 1024)

typedef struct {
    MtWalk *walk;
    const char *block;
    guint64 start;          /* of the window; a multiple of the page size */
    gsize len;
    guint8 *window;
    gboolean found;
    guint64 block_bytes;
    MtImageCheck check;     /* of the chunk that is walked */
} Extract;

static gboolean
extract_page(Extract *x, const MtWalkEvent *event, GError **error)
{
    gsize page_bytes = mt_walk_get_page_bytes(x->walk);
    guint8 *page;
    uLongf len = page_bytes;

    if (event->page_offset < x->start ||
        event->page_offset - x->start >= x->len ||
        page_bytes > x->len - (event->page_offset - x->start) ||
        strcmp(mt_walk_get_block(x->walk, event->block)->name, x->block) != 0)
        return TRUE;

    page = x->window + (event->page_offset - x->start);
    switch (event->record) {
    case MT_RECORD_ZERO:
        memset(page, event->fill, page_bytes);
        return TRUE;
    case MT_RECORD_PAGE:
        memcpy(page, event->body, page_bytes);
        return TRUE;
    case MT_RECORD_XBZRLE:
        return mt_xbzrle_decode(event->body, event->body_len, page, error);
    case MT_RECORD_COMPRESS:
        if (uncompress(page, &len, event->body, event->body_len) == Z_OK &&
            len == page_bytes)
            return TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "at offset %" G_GUINT64_FORMAT " of the stream: the "
                          "compressed page is damaged", event->offset);
        return FALSE;
    }

    return TRUE;
}

static gboolean
extract_event(const MtWalkEvent *event, gpointer user_data, GError **error)
{
    Extract *x = user_data;

    if (event->kind == MT_WALK_BLOCK) {
        const MtWalkBlock *block = mt_walk_get_block(x->walk, event->block);

        if (strcmp(block->name, x->block) == 0) {
            x->found = TRUE;
            x->block_bytes = block->used_bytes;
        }
    }

    mt_image_check_event(&x->check, event);

    return event->kind != MT_WALK_RECORD || extract_page(x, event, error);
}

static gboolean
extract_feed(const guint8 *data, gsize len, gpointer user_data,
             GError **error)
{
    Extract *x = user_data;

    return mt_walk_feed(x->walk, data, len, error);
}

static gboolean
chunk_has(const MtImageChunk *chunk, guint block, const Extract *x)
{
    guint64 first = x->start >> MT_PAGE_SHIFT;
    guint64 end = (x->start + x->len + MT_PAGE_SIZE - 1) >> MT_PAGE_SHIFT;

    if (chunk->flags & MT_IMAGE_CHUNK_MORE)
        return TRUE;
    for (guint i = 0; i < chunk->n_extents; i++) {
        const MtImageExtent *e = &chunk->extents[i];

        if (e->block == block && e->first < end &&
            e->first + e->n_pages > first)
            return TRUE;
    }

    return FALSE;
}

/* The index of the block in a save file; -1: none. */
static int
image_find_block(const MtImage *image, Extract *x)
{
    const GArray *blocks = image->contents->blocks;

    for (guint i = 0; i < blocks->len; i++) {
        const MtWalkBlock *block = &g_array_index(blocks, MtWalkBlock, i);

        if (strcmp(block->name, x->block) == 0) {
            x->found = TRUE;
            x->block_bytes = block->used_bytes;
            return i;
        }
    }

    return -1;
}

/* One window out of a save file. */
static gboolean
extract_chunks(Extract *x, MtInput *in, MtImage *image, guint *n_read,
               GError **error)
{
    const MtWalkSettings settings = { .func = extract_event, .user_data = x };
    const MtImageContents *contents = image->contents;
    int block = image_find_block(image, x);
    g_autofree guint8 *buf = g_malloc(image->header.chunk_bytes);

    for (guint i = 0; block >= 0 && i < contents->entries->len; i++) {
        const MtImageEntry *entry = contents->entries->pdata[i];
        const MtImageChunk *chunk = entry->chunk;
        gboolean ok;

        if (!chunk_has(chunk, block, x))
            continue;
        if (!mt_image_read_chunk(image, in, i, buf, error))
            return FALSE;
        x->walk = mt_walk_new_at(&settings, &chunk->state,
                                 chunk->stream_offset,
                                 (const MtWalkBlock *)contents->blocks->data,
                                 i ? contents->blocks->len : 0);
        x->check = (MtImageCheck) { .walk = x->walk };
        ok = mt_image_check_begin(&x->check, chunk, error) &&
             mt_walk_feed(x->walk, buf, chunk->stream_bytes, error) &&
             mt_image_check_end(&x->check, error);
        g_clear_pointer(&x->walk, mt_walk_free);
        if (!ok)
            return FALSE;
        (*n_read)++;
    }

    return TRUE;
}

/* One window out of any other file, which is read as a whole. */
static gboolean
extract_stream(Extract *x, const char *path, MtCancel *cancel, GError **error)
{
    const MtWalkSettings settings = { .func = extract_event, .user_data = x };
    const MtSourceSettings source = { 1, extract_feed, x };
    g_autoptr(MtInput) in = mt_input_open(path, FALSE, cancel, error);
    MtFileKind kind;
    gboolean ok;

    if (!in || !mt_file_kind_detect(in, &kind, error))
        return FALSE;

    x->walk = mt_walk_new(&settings);
    x->check = (MtImageCheck) { .walk = x->walk };
    ok = mt_source_run(in, path, &kind, &source, NULL, error) &&
         mt_walk_finish(x->walk, error);
    g_clear_pointer(&x->walk, mt_walk_free);
    mt_file_kind_clear(&kind);
    return ok;
}

static gboolean
extract_check(const Extract *x, guint64 start, guint64 *length,
              GError **error)
{
    if (!x->found) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          "there is no block of RAM named '%s'", x->block);
        return FALSE;
    }
    if (start > x->block_bytes || *length > x->block_bytes - start) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          "%" G_GUINT64_FORMAT " bytes from %" G_GUINT64_FORMAT
                          " on are not in block '%s', which has %"
                          G_GUINT64_FORMAT " bytes", *length, start, x->block,
                          x->block_bytes);
        return FALSE;
    }
    if (!*length)
        *length = x->block_bytes - start;

    return TRUE;
}

gboolean
mt_image_extract(const char *from, const char *block, guint64 start,
                 guint64 *length, MtOutput *output, MtCancel *cancel,
                 guint *ret_chunks, GError **error)
{
    g_autoptr(MtInput) in = mt_input_open(from, FALSE, cancel, error);
    g_autoptr(MtImage) image = NULL;
    g_autofree guint8 *window = NULL;
    Extract x = { .block = block };
    guint64 at = start;
    MtFileKind kind;
    gboolean is_save;
    gboolean checked = FALSE;

    *ret_chunks = 0;
    if (!in || !mt_file_kind_detect(in, &kind, error))
        return FALSE;
    is_save = kind.format == MT_FORMAT_SAVE && mt_input_is_seekable(in);
    mt_file_kind_clear(&kind);
    if (is_save) {
        image = mt_image_open(in, error);
        if (!image)
            return FALSE;
    }

    window = g_malloc(EXTRACT_WINDOW);
    x.window = window;
    do {
        gsize skip = at % (64 * 1024);  /* the largest page */
        gsize n;

        x.start = at - skip;
        x.len = EXTRACT_WINDOW;
        memset(window, 0, EXTRACT_WINDOW);
        if (image ? !extract_chunks(&x, in, image, ret_chunks, error)
                  : !extract_stream(&x, from, cancel, error))
            return FALSE;
        if (!checked && !extract_check(&x, start, length, error))
            return FALSE;
        checked = TRUE;
        n = MIN(x.len - skip, start + *length - at);
        if (!mt_output_write(output, window + skip, n, error))
            return FALSE;
        at += n;
    } while (at < start + *length);

    return TRUE;
}
