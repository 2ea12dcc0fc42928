/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a save file: see reader.h.
 *
 * The calling thread reads the frames in the order of the file, checks every
 * header against the one before it, and gives chunks to the pipeline.
 */
#include "config.h"

#include <string.h>
#include <zstd.h>

#include "image/pipeline.h"
#include "image/reader.h"
#include "migtune/migtune-error.h"

typedef struct {
    MtImageChunk chunk;
    guint64 offset;         /* of the zstd frame in the file */
    guint8 *in;
    guint8 *out;
} Slot;

typedef struct {
    MtImage *image;
    MtInput *input;
    const MtImageReadSettings *settings;
    ZSTD_DCtx **contexts;
    guint n_slots;
    Slot *slots;
    MtPipeline *pipeline;
} Reader;

void
mt_image_free(MtImage *image)
{
    if (!image)
        return;

    mt_image_file_header_clear(&image->header);
    mt_image_contents_free(image->contents);
    g_free(image->libvirt);
    g_free(image);
}

gboolean
mt_image_is_save_file(const guint8 *data, gsize len)
{
    return len >= 12 && mt_get_le32(data) == MT_IMAGE_MAGIC &&
           memcmp(data + 8, "MTSV", 4) == 0;
}

/* Checks the zstd frame of @chunk and decompresses it. */
static gboolean
chunk_decompress(ZSTD_DCtx *context, const MtImageChunk *chunk,
                 const guint8 *in, guint8 *out, guint64 offset,
                 GError **error)
{
    gsize n;

    if (chunk->stored < 13 || mt_get_le32(in) != MT_IMAGE_ZSTD_MAGIC)
        return mt_image_bad(offset, error, "chunk %u is not a zstd frame",
                            chunk->sequence);
    if (ZSTD_getFrameContentSize(in, chunk->stored) != chunk->stream_bytes)
        return mt_image_bad(offset, error, "the zstd frame of chunk %u says "
                            "that it has %" G_GUINT64_FORMAT " bytes, its "
                            "header %u", chunk->sequence,
                            (guint64)ZSTD_getFrameContentSize(in,
                                                              chunk->stored),
                            chunk->stream_bytes);
    if (ZSTD_findFrameCompressedSize(in, chunk->stored) != chunk->stored)
        return mt_image_bad(offset, error, "the zstd frame of chunk %u does "
                            "not have %u bytes", chunk->sequence,
                            chunk->stored);
    if (mt_get_le32(in + chunk->stored - 4) != chunk->checksum)
        return mt_image_bad(offset, error, "the checksum of chunk %u differs "
                            "between header and zstd frame", chunk->sequence);

    n = ZSTD_decompressDCtx(context, out, chunk->stream_bytes, in,
                            chunk->stored);
    if (ZSTD_isError(n))
        return mt_image_bad(offset, error, "chunk %u is damaged: %s",
                            chunk->sequence, ZSTD_getErrorName(n));
    if (n != chunk->stream_bytes)
        return mt_image_bad(offset, error, "chunk %u has %" G_GSIZE_FORMAT
                            " bytes in place of %u", chunk->sequence, n,
                            chunk->stream_bytes);

    return TRUE;
}

static gboolean
reader_decompress(gpointer data, guint thread, gpointer user_data,
                  GError **error)
{
    Reader *r = user_data;
    Slot *slot = data;

    return chunk_decompress(r->contexts[thread], &slot->chunk, slot->in,
                            slot->out, slot->offset, error);
}

static gboolean
reader_drain(gpointer data, gpointer user_data, GError **error)
{
    Reader *r = user_data;
    Slot *slot = data;

    if (r->settings->chunk &&
        !r->settings->chunk(&slot->chunk, r->settings->user_data, error))
        return FALSE;

    return !r->settings->sink ||
           r->settings->sink(slot->out, slot->chunk.stream_bytes,
                             r->settings->user_data, error);
}

static void
reader_failed(gpointer user_data)
{
    Reader *r = user_data;

    if (r->settings->failed)
        r->settings->failed(r->settings->failed_data);
}

/*
 * The content of the next skippable frame.  NULL without error if the file
 * ends here.
 */
static GByteArray *
read_frame(MtInput *in, guint32 magic, gsize max, GError **error)
{
    guint64 offset = mt_input_get_offset(in);
    g_autoptr(GByteArray) frame = g_byte_array_new();
    guint8 head[MT_IMAGE_FRAME_HEAD];
    gboolean end;
    guint32 len;

    if (!mt_input_read(in, head, sizeof(head), &end, error) || end)
        return NULL;
    if (mt_get_le32(head) != magic) {
        mt_image_bad(offset, error, "expected a frame with magic 0x%08x, "
                     "found 0x%08x", magic, mt_get_le32(head));
        return NULL;
    }
    len = mt_get_le32(head + 4);
    if (len > max) {
        mt_image_bad(offset, error, "a header or table of %u bytes, at most %"
                     G_GSIZE_FORMAT " are accepted here", len, max);
        return NULL;
    }

    /* In pieces: a length that lies must not cost memory. */
    while (frame->len < len) {
        gsize have = frame->len;
        gsize piece = MIN(len - have, 1024 * 1024);

        g_byte_array_set_size(frame, have + piece);
        if (!mt_input_read(in, frame->data + have, piece, NULL, error))
            return NULL;
    }

    return g_steal_pointer(&frame);
}

/* The next frame of ours and what kind it is; as above at the end. */
static GByteArray *
read_our_frame(MtInput *in, gsize max, MtImageKind *ret_kind, GError **error)
{
    guint64 offset = mt_input_get_offset(in);
    g_autoptr(GByteArray) frame = read_frame(in, MT_IMAGE_MAGIC, max, error);

    if (!frame || !mt_image_check_frame(frame->data, frame->len, offset,
                                        ret_kind, error))
        return NULL;

    return g_steal_pointer(&frame);
}

static gboolean
image_incomplete(MtInput *in, GError **error)
{
    return mt_image_bad(mt_input_get_offset(in), error, "the save file ends "
                        "here, but its last chunk was not seen: it is "
                        "incomplete");
}

/* The same where the file may not end. */
static GByteArray *
need_our_frame(MtInput *in, gsize max, MtImageKind *ret_kind, GError **error)
{
    GError *local = NULL;
    GByteArray *frame = read_our_frame(in, max, ret_kind, &local);

    if (local)
        g_propagate_error(error, local);
    else if (!frame)
        image_incomplete(in, error);
    return frame;
}

static gboolean
image_read_header(MtImage *image, MtInput *in, GError **error)
{
    g_autoptr(GByteArray) frame = NULL;
    MtImageKind kind;

    image->base = mt_input_get_offset(in);
    frame = need_our_frame(in, MT_IMAGE_MAX_PROPERTIES + 1024, &kind, error);
    if (!frame)
        return FALSE;
    if (kind != MT_IMAGE_HEADER)
        return mt_image_bad(image->base, error, "it does not begin with a "
                            "file header");

    image->header_bytes = frame->len + MT_IMAGE_FRAME_HEAD;
    return mt_image_get_file_header(frame->data, frame->len, image->base,
                                    &image->header, error);
}

/* Chunk @n in the order of the file. */
static gboolean
image_check_chunk(MtImage *image, const MtImageChunk *chunk, guint64 offset,
                  GError **error)
{
    guint n = image->contents->entries->len;
    guint64 stream_offset = 0;

    if (n) {
        const MtImageEntry *before = image->contents->entries->pdata[n - 1];

        stream_offset = before->chunk->stream_offset +
                        before->chunk->stream_bytes;
    }
    if (chunk->sequence != n || chunk->stream_offset != stream_offset)
        return mt_image_bad(offset, error, "chunk %u from stream offset %"
                            G_GUINT64_FORMAT " on is not the next one: "
                            "expected chunk %u from %" G_GUINT64_FORMAT " on",
                            chunk->sequence, chunk->stream_offset, n,
                            stream_offset);
    if (chunk->stream_bytes > image->header.chunk_bytes)
        return mt_image_bad(offset, error, "chunk %u has %u bytes, more than "
                            "the file header allows", n, chunk->stream_bytes);

    return TRUE;
}

/* A frame with libvirt's header may stand before the first chunk. */
static gboolean
image_take_libvirt(MtImage *image, GByteArray *frame, guint64 offset,
                   GError **error)
{
    const guint8 *data;
    gsize len;

    if (image->libvirt || image->contents->entries->len)
        return mt_image_bad(offset, error, "a second header of libvirt, or "
                            "one behind a chunk");

    mt_image_get_libvirt(frame->data, frame->len, &data, &len);
    image->libvirt = g_memdup2(data, len);
    image->libvirt_bytes = len;
    image->libvirt_frame_bytes = frame->len + MT_IMAGE_FRAME_HEAD;
    return TRUE;
}

#define IMAGE_MAX_LIBVIRT (16 * 1024 * 1024)

/* The next chunk header, which libvirt's header may precede. */
static gboolean
image_next_chunk(MtImage *image, MtInput *in, MtImageChunk *chunk,
                 GError **error)
{
    for (;;) {
        guint64 offset = mt_input_get_offset(in);
        g_autoptr(GByteArray) frame = NULL;
        MtImageKind kind;

        frame = need_our_frame(in, image->contents->entries->len ?
                               MT_IMAGE_MAX_CHUNK_HEADER : IMAGE_MAX_LIBVIRT,
                               &kind, error);
        if (!frame)
            return FALSE;
        if (kind == MT_IMAGE_LIBVIRT) {
            if (!image_take_libvirt(image, frame, offset, error))
                return FALSE;
            continue;
        }
        if (kind != MT_IMAGE_CHUNK)
            return mt_image_bad(offset, error, "expected a chunk header, "
                                "found a frame of kind %u", kind);
        if (!mt_image_get_chunk(frame->data, frame->len, offset, chunk,
                                error) ||
            !image_check_chunk(image, chunk, offset, error))
            return FALSE;
        mt_image_contents_add(image->contents, offset - image->base,
                              frame->len + MT_IMAGE_FRAME_HEAD, chunk);
        return TRUE;
    }
}

/* The table has the chunks that the file has, at the same places. */
static gboolean
image_compare_contents(const MtImage *image, const MtImageContents *table,
                       guint64 offset, GError **error)
{
    const GPtrArray *have = image->contents->entries;

    if (table->entries->len != have->len)
        return mt_image_bad(offset, error, "the contents table has %u chunks, "
                            "the file %u", table->entries->len, have->len);
    for (guint i = 0; i < have->len; i++) {
        const MtImageEntry *a = have->pdata[i];
        const MtImageEntry *b = table->entries->pdata[i];

        if (a->file_offset != b->file_offset ||
            !mt_image_chunk_equal(a->chunk, b->chunk))
            return mt_image_bad(offset, error, "chunk %u differs between the "
                                "contents table and the header at offset %"
                                G_GUINT64_FORMAT, i,
                                image->base + a->file_offset);
    }

    return TRUE;
}

/* What follows the last chunk: nothing, or both tables. */
static gboolean
image_read_tables(MtImage *image, MtInput *in, GError **error)
{
    guint64 offset = mt_input_get_offset(in);
    g_autoptr(MtImageContents) table = NULL;
    g_autoptr(GByteArray) frame = NULL;
    g_autoptr(GByteArray) seek = NULL;
    GError *local = NULL;
    MtImageKind kind;
    const guint8 *more;
    gsize n_more;

    frame = read_our_frame(in, MT_IMAGE_MAX_CONTENTS, &kind, &local);
    if (!frame) {
        if (!local)
            return TRUE;
        g_propagate_error(error, local);
        return FALSE;
    }
    if (kind != MT_IMAGE_CONTENTS)
        return mt_image_bad(offset, error, "expected the contents table, "
                            "found a frame of kind %u", kind);
    table = mt_image_get_contents(frame->data, frame->len, offset, error);
    if (!table || !image_compare_contents(image, table, offset, error))
        return FALSE;

    offset = mt_input_get_offset(in);
    seek = read_frame(in, MT_IMAGE_SEEK_MAGIC, MT_IMAGE_MAX_CONTENTS, &local);
    if (local) {
        g_propagate_error(error, local);
        return FALSE;
    }
    if (seek && !mt_image_check_seek_table(
            seek->data, seek->len, offset, table, image->header_bytes,
            image->libvirt_frame_bytes, frame->len + MT_IMAGE_FRAME_HEAD,
            error))
        return FALSE;
    if (!mt_input_peek(in, 1, &more, &n_more, error))
        return FALSE;
    if (n_more)
        return mt_image_bad(mt_input_get_offset(in), error, "there is data "
                            "behind the end of the save file");

    image->has_table = seek != NULL;
    mt_image_contents_free(image->contents);
    image->contents = g_steal_pointer(&table);
    return TRUE;
}

static void
reader_clear(Reader *r)
{
    mt_pipeline_free(r->pipeline);
    for (guint i = 0; r->slots && i < r->n_slots; i++) {
        g_free(r->slots[i].in);
        g_free(r->slots[i].out);
    }
    for (guint i = 0; r->contexts && i < r->settings->n_threads; i++)
        ZSTD_freeDCtx(r->contexts[i]);
    g_free(r->slots);
    g_free(r->contexts);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reader, reader_clear)

static void
reader_start(Reader *r)
{
    const MtPipelineFuncs funcs = {
        reader_decompress, reader_drain, reader_failed
    };
    const guint32 chunk_bytes = r->image->header.chunk_bytes;
    g_autofree gpointer *slots = NULL;

    r->n_slots = r->settings->n_threads + 1;
    r->slots = g_new0(Slot, r->n_slots);
    slots = g_new0(gpointer, r->n_slots);
    r->contexts = g_new0(ZSTD_DCtx *, r->settings->n_threads);
    for (guint i = 0; i < r->n_slots; i++) {
        /* The largest chunk at once: a buffer that grows from chunk to chunk
         * leaves holes in the heap.  Pages that are not used cost nothing. */
        r->slots[i].in = g_malloc(mt_image_max_stored(chunk_bytes));
        r->slots[i].out = g_malloc(chunk_bytes);
        slots[i] = &r->slots[i];
    }
    for (guint i = 0; i < r->settings->n_threads; i++)
        r->contexts[i] = ZSTD_createDCtx();
    r->pipeline = mt_pipeline_new(r->settings->n_threads, slots, r->n_slots,
                                  &funcs, r);
}

static gboolean
reader_chunks(Reader *r, GError **error)
{
    gboolean last;

    do {
        Slot *slot = mt_pipeline_get(r->pipeline, error);

        if (!slot ||
            !image_next_chunk(r->image, r->input, &slot->chunk, error))
            return FALSE;
        slot->offset = mt_input_get_offset(r->input);
        if (!mt_input_read(r->input, slot->in, slot->chunk.stored, NULL,
                           error))
            return FALSE;
        last = slot->chunk.flags & MT_IMAGE_CHUNK_LAST;
        mt_pipeline_put(r->pipeline, slot);
    } while (!last);

    return mt_pipeline_finish(r->pipeline, error);
}

MtImage *
mt_image_read(MtInput *in, const MtImageReadSettings *settings,
              GError **error)
{
    g_autoptr(MtImage) image = g_new0(MtImage, 1);
    g_auto(Reader) r = { image, in, settings };

    image->contents = mt_image_contents_new();
    if (!image_read_header(image, in, error))
        return NULL;
    reader_start(&r);
    if (!reader_chunks(&r, error) || !image_read_tables(image, in, error))
        return NULL;

    return g_steal_pointer(&image);
}

/* Without a table: what the first chunk and the last ones say. */
static gboolean
image_derive(MtImage *image, MtInput *in, GError **error)
{
    const MtWalkSettings settings = { .base = 0 };
    MtImageContents *contents = image->contents;
    const MtImageEntry *last =
        contents->entries->pdata[contents->entries->len - 1];
    g_autofree guint8 *buf = g_malloc(image->header.chunk_bytes);
    g_autoptr(MtWalk) walk = mt_walk_new(&settings);
    const MtImageEntry *first = contents->entries->pdata[0];

    contents->stream_bytes = last->chunk->stream_offset +
                             last->chunk->stream_bytes;
    if (!mt_image_read_chunk(image, in, 0, buf, error) ||
        !mt_walk_feed(walk, buf, first->chunk->stream_bytes, error))
        return FALSE;
    contents->machine = g_strdup(mt_walk_get_machine(walk));
    g_array_append_vals(contents->blocks, mt_walk_get_blocks(walk),
                        mt_walk_get_n_blocks(walk));
    for (guint i = 0; i < contents->entries->len; i++) {
        const MtImageEntry *entry = contents->entries->pdata[i];

        if (!mt_image_check_blocks(entry->chunk, contents->blocks->len,
                                   image->base + entry->file_offset, error))
            return FALSE;
    }

    return TRUE;
}

/* Reads the headers of all chunks and steps over the rest. */
static gboolean
image_scan(MtImage *image, MtInput *in, GError **error)
{
    g_autofree MtImageChunk *chunk = g_new0(MtImageChunk, 1);
    guint64 size = mt_input_get_size(in);

    do {
        guint64 next;

        if (!image_next_chunk(image, in, chunk, error))
            return FALSE;
        next = mt_input_get_offset(in) + chunk->stored;
        if (next > size)
            return image_incomplete(in, error);
        if (!mt_input_seek(in, next, error))
            return FALSE;
    } while (!(chunk->flags & MT_IMAGE_CHUNK_LAST));

    return image_derive(image, in, error);
}

/*
 * The tables at the end of the file.  FALSE without error if there are none.
 * The seek table says how long it is and how long the frame before it is.
 */
static gboolean
image_find_tables(MtImage *image, MtInput *in, GError **error)
{
    guint64 size = mt_input_get_size(in);
    guint8 footer[MT_IMAGE_SEEK_FOOTER];
    guint8 entry[MT_IMAGE_SEEK_ENTRY];
    guint64 seek_bytes, at;
    guint32 contents_bytes;

    if (size < image->base + image->header_bytes + sizeof(footer) ||
        !mt_input_pread(in, footer, sizeof(footer), size - sizeof(footer),
                        error) ||
        mt_get_le32(footer + 5) != MT_IMAGE_SEEK_FOOTER_MAGIC)
        return FALSE;
    seek_bytes = MT_IMAGE_FRAME_HEAD + sizeof(footer) +
                 (guint64)mt_get_le32(footer) * MT_IMAGE_SEEK_ENTRY;
    if (seek_bytes > size - image->base ||
        mt_get_le32(footer) < 3 ||
        !mt_input_pread(in, entry, sizeof(entry), size - sizeof(footer) -
                        sizeof(entry), error))
        return FALSE;
    contents_bytes = mt_get_le32(entry);
    if (contents_bytes > size - image->base - seek_bytes)
        return FALSE;

    at = size - seek_bytes - contents_bytes;
    return mt_input_seek(in, at, error);
}

/* Reads the tables at the present position. */
static gboolean
image_take_tables(MtImage *image, MtInput *in, GError **error)
{
    guint64 offset = mt_input_get_offset(in);
    g_autoptr(GByteArray) frame = NULL;
    g_autoptr(GByteArray) seek = NULL;
    const MtImageEntry *first;
    GError *local = NULL;
    MtImageKind kind;

    frame = need_our_frame(in, MT_IMAGE_MAX_CONTENTS, &kind, error);
    if (!frame)
        return FALSE;
    if (kind != MT_IMAGE_CONTENTS)
        return mt_image_bad(offset, error, "expected the contents table, "
                            "found a frame of kind %u", kind);
    image->contents = mt_image_get_contents(frame->data, frame->len, offset,
                                            error);
    if (!image->contents)
        return FALSE;
    first = image->contents->entries->pdata[0];
    if (first->file_offset !=
        image->header_bytes + image->libvirt_frame_bytes)
        return mt_image_bad(offset, error, "the contents table says that the "
                            "first chunk is at %" G_GUINT64_FORMAT,
                            first->file_offset);
    seek = read_frame(in, MT_IMAGE_SEEK_MAGIC, MT_IMAGE_MAX_CONTENTS, &local);
    if (local) {
        g_propagate_error(error, local);
        return FALSE;
    }
    if (!seek)
        return image_incomplete(in, error);

    image->has_table = TRUE;
    return mt_image_check_seek_table(seek->data, seek->len,
                                     offset + frame->len +
                                     MT_IMAGE_FRAME_HEAD, image->contents,
                                     image->header_bytes,
                                     image->libvirt_frame_bytes,
                                     frame->len + MT_IMAGE_FRAME_HEAD, error);
}

/* Libvirt's header, if there is one. */
static gboolean
image_open_libvirt(MtImage *image, MtInput *in, GError **error)
{
    guint64 offset = mt_input_get_offset(in);
    g_autoptr(GByteArray) frame = NULL;
    MtImageKind kind;

    frame = need_our_frame(in, IMAGE_MAX_LIBVIRT, &kind, error);
    if (!frame)
        return FALSE;
    if (kind == MT_IMAGE_LIBVIRT)
        return image_take_libvirt(image, frame, offset, error);

    return mt_input_seek(in, offset, error);
}

MtImage *
mt_image_open(MtInput *in, GError **error)
{
    g_autoptr(MtImage) image = g_new0(MtImage, 1);
    GError *local = NULL;
    guint64 chunks;

    g_assert(mt_input_is_seekable(in));

    image->contents = mt_image_contents_new();
    if (!image_read_header(image, in, error) ||
        !image_open_libvirt(image, in, error))
        return NULL;
    chunks = mt_input_get_offset(in);

    if (image_find_tables(image, in, &local)) {
        g_clear_pointer(&image->contents, mt_image_contents_free);
        if (!image_take_tables(image, in, error))
            return NULL;
        return g_steal_pointer(&image);
    }
    if (local) {
        g_propagate_error(error, local);
        return NULL;
    }
    if (!mt_input_seek(in, chunks, error) || !image_scan(image, in, error))
        return NULL;

    return g_steal_pointer(&image);
}

gboolean
mt_image_read_chunk(MtImage *image, MtInput *in, guint i, guint8 *buf,
                    GError **error)
{
    const MtImageEntry *entry = image->contents->entries->pdata[i];
    guint64 offset = image->base + entry->file_offset;
    g_autoptr(GByteArray) want = mt_image_put_chunk(entry->chunk);
    g_autofree guint8 *head = g_malloc(want->len);
    g_autofree guint8 *in_bytes = NULL;
    ZSTD_DCtx *context;
    gboolean ok;

    if (entry->chunk->stream_bytes > image->header.chunk_bytes)
        return mt_image_bad(offset, error, "chunk %u has %u bytes, more than "
                            "the file header allows", i,
                            entry->chunk->stream_bytes);
    if (!mt_input_pread(in, head, want->len, offset, error))
        return FALSE;
    if (memcmp(head, want->data, want->len) != 0)
        return mt_image_bad(offset, error, "the header of chunk %u differs "
                            "from the contents table", i);

    in_bytes = g_malloc(entry->chunk->stored);
    if (!mt_input_pread(in, in_bytes, entry->chunk->stored,
                        offset + want->len, error))
        return FALSE;
    context = ZSTD_createDCtx();
    ok = chunk_decompress(context, entry->chunk, in_bytes, buf,
                          offset + want->len, error);
    ZSTD_freeDCtx(context);
    return ok;
}
