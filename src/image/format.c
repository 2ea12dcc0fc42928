/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The save file format as bytes: see format.h.
 *
 * Every frame of ours ends with a CRC-32 of its content.  Nothing of a frame
 * is used before this sum was compared, and every number in it is compared
 * with its bound all the same: the sum finds damage, not malice.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "image/format.h"
#include "migtune/migtune-error.h"

static const char format_tag[4] = { 'M', 'T', 'S', 'V' };

enum {
    FRAME_TAG = 0,
    FRAME_KIND = 4,
    FRAME_VERSION = 5,
    FRAME_BODY = 8,
    FRAME_CRC = 4,              /* at the end */

    CHUNK_FIXED = 56,
    CHUNK_EXTENT = 24,

    CONTENTS_FIXED = 40,

    SEEK_CHECKSUMS = 0x80,
};

/* A cursor over little-endian data: it stops for good where data ends. */
typedef struct {
    const guint8 *data;
    gsize len;
    gsize pos;
    gboolean ok;
} Cursor;

static const guint8 *
take(Cursor *c, gsize n)
{
    const guint8 *p = c->data + c->pos;

    if (!c->ok || n > c->len - c->pos) {
        c->ok = FALSE;
        return NULL;
    }
    c->pos += n;
    return p;
}

static guint64
take_le(Cursor *c, guint n)
{
    const guint8 *p = take(c, n);
    guint64 v = 0;

    for (guint i = 0; p && i < n; i++)
        v |= (guint64)p[i] << (8 * i);
    return v;
}

static void
put_le(GByteArray *out, guint64 v, guint n)
{
    guint8 bytes[8];

    for (guint i = 0; i < n; i++)
        bytes[i] = v >> (8 * i);
    g_byte_array_append(out, bytes, n);
}

gboolean
mt_image_bad(guint64 offset, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "at offset %" G_GUINT64_FORMAT " of the file: %s",
                      offset, text);
    return FALSE;
}

/* The length is written when the frame is complete. */
static GByteArray *
frame_begin(MtImageKind kind)
{
    GByteArray *out = g_byte_array_new();

    put_le(out, MT_IMAGE_MAGIC, 4);
    put_le(out, 0, 4);
    g_byte_array_append(out, (const guint8 *)format_tag, sizeof(format_tag));
    put_le(out, kind, 1);
    put_le(out, MT_IMAGE_VERSION, 1);
    put_le(out, 0, 2);
    return out;
}

static void
frame_set_length(GByteArray *out)
{
    guint32 len = out->len - MT_IMAGE_FRAME_HEAD;

    for (guint i = 0; i < 4; i++)
        out->data[4 + i] = len >> (8 * i);
}

static GByteArray *
frame_end(GByteArray *out)
{
    put_le(out, crc32(0, out->data + MT_IMAGE_FRAME_HEAD,
                      out->len - MT_IMAGE_FRAME_HEAD), 4);
    frame_set_length(out);
    return out;
}

gboolean
mt_image_check_frame(const guint8 *data, gsize len, guint64 offset,
                     MtImageKind *ret_kind, GError **error)
{
    if (len < FRAME_BODY + FRAME_CRC ||
        memcmp(data, format_tag, sizeof(format_tag)) != 0)
        return mt_image_bad(offset, error, "this frame is not of a save file "
                            "of migtune");
    if (mt_get_le32(data + len - FRAME_CRC) !=
        crc32(0, data, len - FRAME_CRC))
        return mt_image_bad(offset, error, "the checksum of a header or table "
                            "is wrong");
    if (data[FRAME_VERSION] != MT_IMAGE_VERSION || data[6] || data[7])
        return mt_image_bad(offset, error, "format version %u with flags "
                            "0x%x, version %d without flags is supported",
                            data[FRAME_VERSION], data[6] | data[7] << 8,
                            MT_IMAGE_VERSION);
    if (data[FRAME_KIND] < MT_IMAGE_HEADER ||
        data[FRAME_KIND] > MT_IMAGE_LIBVIRT)
        return mt_image_bad(offset, error, "frame of kind %u, which is not "
                            "known", data[FRAME_KIND]);

    *ret_kind = data[FRAME_KIND];
    return TRUE;
}

static Cursor
frame_cursor(const guint8 *data, gsize len)
{
    return (Cursor) { data, len - FRAME_CRC, FRAME_BODY, TRUE };
}

void
mt_image_file_header_clear(MtImageFileHeader *header)
{
    g_clear_pointer(&header->properties, g_free);
}

GByteArray *
mt_image_put_file_header(const MtImageFileHeader *header)
{
    GByteArray *out = frame_begin(MT_IMAGE_HEADER);
    gsize len = strlen(header->properties);

    put_le(out, header->chunk_bytes, 4);
    put_le(out, (guint32)header->level, 4);
    put_le(out, len, 4);
    g_byte_array_append(out, (const guint8 *)header->properties, len);
    return frame_end(out);
}

gboolean
mt_image_get_file_header(const guint8 *data, gsize len, guint64 offset,
                         MtImageFileHeader *ret_header, GError **error)
{
    Cursor c = frame_cursor(data, len);
    guint32 chunk_bytes = take_le(&c, 4);
    gint32 level = (gint32)take_le(&c, 4);
    guint32 n = take_le(&c, 4);
    const guint8 *text = take(&c, n);

    if (!c.ok || c.pos != c.len || n > MT_IMAGE_MAX_PROPERTIES ||
        memchr(text, 0, n) || !g_utf8_validate((const char *)text, n, NULL))
        return mt_image_bad(offset, error, "the file header is damaged");
    if (chunk_bytes < MT_IMAGE_MIN_CHUNK || chunk_bytes > MT_IMAGE_MAX_CHUNK)
        return mt_image_bad(offset, error, "chunks of %u bytes, from %d to %d "
                            "are supported", chunk_bytes, MT_IMAGE_MIN_CHUNK,
                            MT_IMAGE_MAX_CHUNK);

    ret_header->chunk_bytes = chunk_bytes;
    ret_header->level = level;
    ret_header->properties = g_strndup((const char *)text, n);
    return TRUE;
}

GByteArray *
mt_image_put_libvirt(const guint8 *data, gsize len)
{
    GByteArray *out = frame_begin(MT_IMAGE_LIBVIRT);

    g_byte_array_append(out, data, len);
    return frame_end(out);
}

gboolean
mt_image_get_libvirt(const guint8 *data, gsize len, const guint8 **ret_data,
                     gsize *ret_len)
{
    *ret_data = data + FRAME_BODY;
    *ret_len = len - FRAME_BODY - FRAME_CRC;
    return TRUE;
}

/* What stands in the chunk's own header and again in the contents table. */
static void
put_chunk_body(GByteArray *out, const MtImageChunk *chunk)
{
    put_le(out, chunk->sequence, 4);
    put_le(out, chunk->stored, 4);
    put_le(out, chunk->stream_offset, 8);
    put_le(out, chunk->stream_bytes, 4);
    put_le(out, chunk->checksum, 4);
    put_le(out, chunk->state.place, 1);
    put_le(out, chunk->state.flags, 1);
    put_le(out, chunk->state.page_bits, 1);
    put_le(out, chunk->flags, 1);
    put_le(out, chunk->state.block, 2);
    put_le(out, chunk->n_extents, 2);
    put_le(out, chunk->state.section_id, 4);
    put_le(out, 0, 4);
    put_le(out, chunk->state.skip, 8);
    for (guint i = 0; i < chunk->n_extents; i++) {
        put_le(out, chunk->extents[i].block, 2);
        put_le(out, 0, 2);
        put_le(out, chunk->extents[i].n_records, 4);
        put_le(out, chunk->extents[i].first, 8);
        put_le(out, chunk->extents[i].n_pages, 8);
    }
}

GByteArray *
mt_image_put_chunk(const MtImageChunk *chunk)
{
    GByteArray *out = frame_begin(MT_IMAGE_CHUNK);

    put_chunk_body(out, chunk);
    return frame_end(out);
}

static gboolean
take_extent(Cursor *c, MtImageExtent *extent)
{
    guint16 zero;

    extent->block = take_le(c, 2);
    zero = take_le(c, 2);
    extent->n_records = take_le(c, 4);
    extent->first = take_le(c, 8);
    extent->n_pages = take_le(c, 8);
    return c->ok && zero == 0 && extent->block < MT_WALK_MAX_BLOCKS &&
           extent->n_records && extent->n_pages &&
           extent->first < G_MAXUINT64 >> MT_PAGE_SHIFT &&
           extent->n_pages < G_MAXUINT64 >> MT_PAGE_SHIFT;
}

static gboolean
take_chunk_body(Cursor *c, guint64 offset, MtImageChunk *chunk,
                GError **error)
{
    guint32 zero;

    chunk->sequence = take_le(c, 4);
    chunk->stored = take_le(c, 4);
    chunk->stream_offset = take_le(c, 8);
    chunk->stream_bytes = take_le(c, 4);
    chunk->checksum = take_le(c, 4);
    chunk->state.place = take_le(c, 1);
    chunk->state.flags = take_le(c, 1);
    chunk->state.page_bits = take_le(c, 1);
    chunk->flags = take_le(c, 1);
    chunk->state.block = take_le(c, 2);
    chunk->n_extents = take_le(c, 2);
    chunk->state.section_id = take_le(c, 4);
    zero = take_le(c, 4);
    chunk->state.skip = take_le(c, 8);
    chunk->state.blocks_left = 0;
    if (!c->ok)
        return mt_image_bad(offset, error, "a chunk header is too short");

    if (chunk->n_extents > MT_IMAGE_MAX_EXTENTS || zero ||
        chunk->state.place > MT_WALK_AT_DEVICES ||
        chunk->state.place == MT_WALK_AT_BLOCKS ||
        chunk->state.page_bits < MT_PAGE_SHIFT ||
        chunk->state.page_bits > 16 ||
        chunk->flags & ~(MT_IMAGE_CHUNK_LAST | MT_IMAGE_CHUNK_MORE) ||
        (chunk->state.block >= MT_WALK_MAX_BLOCKS &&
         chunk->state.block != MT_WALK_NO_BLOCK))
        return mt_image_bad(offset, error, "a chunk header has a value that "
                            "is not known");
    if (chunk->stream_bytes > MT_IMAGE_MAX_CHUNK ||
        (!chunk->stream_bytes && !(chunk->flags & MT_IMAGE_CHUNK_LAST)) ||
        chunk->stream_offset > G_MAXINT64 ||
        chunk->stored > mt_image_max_stored(chunk->stream_bytes))
        return mt_image_bad(offset, error, "a chunk of %u bytes, stored in "
                            "%u, from stream offset %" G_GUINT64_FORMAT " on "
                            "is not possible", chunk->stream_bytes,
                            chunk->stored, chunk->stream_offset);
    for (guint i = 0; i < chunk->n_extents; i++) {
        if (!take_extent(c, &chunk->extents[i]))
            return mt_image_bad(offset, error, "a chunk header names pages "
                                "that are not possible");
    }

    return TRUE;
}

gboolean
mt_image_get_chunk(const guint8 *data, gsize len, guint64 offset,
                   MtImageChunk *ret_chunk, GError **error)
{
    Cursor c = frame_cursor(data, len);

    if (!take_chunk_body(&c, offset, ret_chunk, error))
        return FALSE;
    if (c.pos != c.len)
        return mt_image_bad(offset, error, "a chunk header is too long");

    return TRUE;
}

gboolean
mt_image_check_blocks(const MtImageChunk *chunk, guint n_blocks,
                      guint64 offset, GError **error)
{
    guint needed = 0;

    if (chunk->state.block != MT_WALK_NO_BLOCK)
        needed = chunk->state.block + 1;
    for (guint i = 0; i < chunk->n_extents; i++)
        needed = MAX(needed, chunk->extents[i].block + 1u);
    if (needed > n_blocks)
        return mt_image_bad(offset, error, "chunk %u names block %u of %u",
                            chunk->sequence, needed - 1, n_blocks);

    return TRUE;
}

gboolean
mt_image_chunk_equal(const MtImageChunk *a, const MtImageChunk *b)
{
    g_autoptr(GByteArray) x = mt_image_put_chunk(a);
    g_autoptr(GByteArray) y = mt_image_put_chunk(b);

    return x->len == y->len && memcmp(x->data, y->data, x->len) == 0;
}

static void
entry_free(gpointer data)
{
    MtImageEntry *entry = data;

    g_free(entry->chunk);
    g_free(entry);
}

MtImageContents *
mt_image_contents_new(void)
{
    MtImageContents *contents = g_new0(MtImageContents, 1);

    contents->blocks = g_array_new(FALSE, TRUE, sizeof(MtWalkBlock));
    contents->entries = g_ptr_array_new_with_free_func(entry_free);
    return contents;
}

void
mt_image_contents_free(MtImageContents *contents)
{
    if (!contents)
        return;

    g_free(contents->machine);
    g_array_unref(contents->blocks);
    g_ptr_array_unref(contents->entries);
    g_free(contents);
}

void
mt_image_contents_add(MtImageContents *contents, guint64 file_offset,
                      guint32 header_bytes, const MtImageChunk *chunk)
{
    MtImageEntry *entry = g_new0(MtImageEntry, 1);
    gsize used = mt_image_chunk_bytes(chunk);

    entry->file_offset = file_offset;
    entry->header_bytes = header_bytes;
    entry->chunk = g_malloc(used);
    memcpy(entry->chunk, chunk, used);
    g_ptr_array_add(contents->entries, entry);
}

GByteArray *
mt_image_put_contents(const MtImageContents *contents)
{
    GByteArray *out = frame_begin(MT_IMAGE_CONTENTS);
    const char *machine = contents->machine ? contents->machine : "";

    put_le(out, contents->entries->len, 4);
    put_le(out, contents->blocks->len, 4);
    put_le(out, contents->stream_bytes, 8);
    put_le(out, contents->devices_offset, 8);
    put_le(out, contents->devices_bytes, 8);
    put_le(out, strlen(machine), 2);
    g_byte_array_append(out, (const guint8 *)machine, strlen(machine));
    for (guint i = 0; i < contents->blocks->len; i++) {
        const MtWalkBlock *block =
            &g_array_index(contents->blocks, MtWalkBlock, i);

        put_le(out, strlen(block->name), 1);
        g_byte_array_append(out, (const guint8 *)block->name,
                            strlen(block->name));
        put_le(out, block->used_bytes, 8);
    }
    for (guint i = 0; i < contents->entries->len; i++) {
        const MtImageEntry *entry = contents->entries->pdata[i];

        put_le(out, entry->file_offset, 8);
        put_chunk_body(out, entry->chunk);
    }

    return frame_end(out);
}

static gboolean
take_blocks(Cursor *c, MtImageContents *contents, guint32 n)
{
    for (guint32 i = 0; i < n; i++) {
        MtWalkBlock block = { 0 };
        gsize len = take_le(c, 1);
        const guint8 *name = take(c, len);

        block.used_bytes = take_le(c, 8);
        if (!c->ok || memchr(name, 0, len) || !block.used_bytes)
            return FALSE;
        memcpy(block.name, name, len);
        g_array_append_val(contents->blocks, block);
    }

    return TRUE;
}

/* Chunks follow each other in the stream and in the file. */
static gboolean
take_entries(Cursor *c, MtImageContents *contents, guint32 n, guint64 offset,
             GError **error)
{
    g_autofree MtImageChunk *chunk = g_new0(MtImageChunk, 1);
    guint64 stream_offset = 0;
    guint64 file_offset = 0;

    for (guint32 i = 0; i < n; i++) {
        guint64 at = take_le(c, 8);
        guint32 header_bytes;

        if (!take_chunk_body(c, offset, chunk, error))
            return FALSE;
        if (chunk->sequence != i || chunk->stream_offset != stream_offset ||
            (file_offset && at != file_offset) || at > G_MAXINT64 / 2 ||
            !!(chunk->flags & MT_IMAGE_CHUNK_LAST) != (i + 1 == n))
            return mt_image_bad(offset, error, "entry %u of the contents "
                                "table does not follow the one before it", i);
        if (!mt_image_check_blocks(chunk, contents->blocks->len, offset,
                                   error))
            return FALSE;
        header_bytes = MT_IMAGE_FRAME_HEAD + CHUNK_FIXED +
                       CHUNK_EXTENT * chunk->n_extents + FRAME_CRC;
        mt_image_contents_add(contents, at, header_bytes, chunk);
        stream_offset += chunk->stream_bytes;
        file_offset = at + header_bytes + chunk->stored;
    }
    if (stream_offset != contents->stream_bytes)
        return mt_image_bad(offset, error, "the chunks of the contents table "
                            "have %" G_GUINT64_FORMAT " bytes, the stream %"
                            G_GUINT64_FORMAT, stream_offset,
                            contents->stream_bytes);

    return TRUE;
}

MtImageContents *
mt_image_get_contents(const guint8 *data, gsize len, guint64 offset,
                      GError **error)
{
    g_autoptr(MtImageContents) contents = mt_image_contents_new();
    Cursor c = frame_cursor(data, len);
    guint32 n_entries = take_le(&c, 4);
    guint32 n_blocks = take_le(&c, 4);
    const guint8 *machine;
    guint16 n;

    contents->stream_bytes = take_le(&c, 8);
    contents->devices_offset = take_le(&c, 8);
    contents->devices_bytes = take_le(&c, 8);
    n = take_le(&c, 2);
    machine = take(&c, n);
    if (!c.ok || memchr(machine, 0, n) || n_blocks > MT_WALK_MAX_BLOCKS ||
        !take_blocks(&c, contents, n_blocks)) {
        mt_image_bad(offset, error, "the contents table is damaged");
        return NULL;
    }
    contents->machine = g_strndup((const char *)machine, n);
    if (!take_entries(&c, contents, n_entries, offset, error))
        return NULL;
    if (c.pos != c.len || !n_entries) {
        mt_image_bad(offset, error, "the contents table has %" G_GSIZE_FORMAT
                     " bytes after its last entry", c.len - c.pos);
        return NULL;
    }

    return g_steal_pointer(&contents);
}

static void
put_seek_entry(GByteArray *out, guint64 stored, guint32 bytes,
               guint32 checksum)
{
    put_le(out, stored, 4);
    put_le(out, bytes, 4);
    put_le(out, checksum, 4);
}

/* XXH64 of no bytes, for the frames that decompress to nothing. */
#define XXH64_OF_NOTHING 0x51d8e999u

GByteArray *
mt_image_put_seek_table(const MtImageContents *contents, gsize header_bytes,
                        gsize libvirt_bytes, gsize contents_bytes)
{
    GByteArray *out = g_byte_array_new();
    guint n = 0;

    put_le(out, MT_IMAGE_SEEK_MAGIC, 4);
    put_le(out, 0, 4);
    put_seek_entry(out, header_bytes, 0, XXH64_OF_NOTHING);
    n++;
    if (libvirt_bytes) {
        put_seek_entry(out, libvirt_bytes, 0, XXH64_OF_NOTHING);
        n++;
    }
    for (guint i = 0; i < contents->entries->len; i++) {
        const MtImageEntry *entry = contents->entries->pdata[i];

        put_seek_entry(out, entry->header_bytes, 0, XXH64_OF_NOTHING);
        put_seek_entry(out, entry->chunk->stored, entry->chunk->stream_bytes,
                       entry->chunk->checksum);
        n += 2;
    }
    put_seek_entry(out, contents_bytes, 0, XXH64_OF_NOTHING);
    n++;
    put_le(out, n, 4);
    put_le(out, SEEK_CHECKSUMS, 1);
    put_le(out, MT_IMAGE_SEEK_FOOTER_MAGIC, 4);
    frame_set_length(out);
    return out;
}

gboolean
mt_image_check_seek_table(const guint8 *data, gsize len, guint64 offset,
                          const MtImageContents *contents,
                          gsize header_bytes, gsize libvirt_bytes,
                          gsize contents_bytes, GError **error)
{
    g_autoptr(GByteArray) want =
        mt_image_put_seek_table(contents, header_bytes, libvirt_bytes,
                                contents_bytes);

    if (len != want->len - MT_IMAGE_FRAME_HEAD ||
        memcmp(data, want->data + MT_IMAGE_FRAME_HEAD, len) != 0)
        return mt_image_bad(offset, error, "the seek table does not agree "
                            "with the contents table");

    return TRUE;
}
