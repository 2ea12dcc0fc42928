/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the body of a header or table of a save file.  The first byte is
 * the kind; the test adds the beginning and the checksum.  A frame that is
 * accepted has exactly the bytes that are written for its values.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "fuzz.h"
#include "image/format.h"

static void
assert_written(GByteArray *written, const guint8 *frame, gsize len)
{
    g_assert_cmpmem(written->data + MT_IMAGE_FRAME_HEAD,
                    written->len - MT_IMAGE_FRAME_HEAD, frame, len);
    g_byte_array_unref(written);
}

static gboolean
take_header(const guint8 *frame, gsize len, GError **error)
{
    MtImageFileHeader header;

    if (!mt_image_get_file_header(frame, len, 0, &header, error))
        return FALSE;
    g_assert_cmpuint(header.chunk_bytes, <=, MT_IMAGE_MAX_CHUNK);
    assert_written(mt_image_put_file_header(&header), frame, len);
    mt_image_file_header_clear(&header);
    return TRUE;
}

static gboolean
take_chunk(const guint8 *frame, gsize len, GError **error)
{
    MtImageChunk chunk = { 0 };

    if (!mt_image_get_chunk(frame, len, 0, &chunk, error))
        return FALSE;
    g_assert_cmpuint(chunk.n_extents, <=, MT_IMAGE_MAX_EXTENTS);
    g_assert_cmpuint(chunk.stream_bytes, <=, MT_IMAGE_MAX_CHUNK);
    g_assert_true(mt_image_chunk_equal(&chunk, &chunk));
    assert_written(mt_image_put_chunk(&chunk), frame, len);
    return TRUE;
}

static gboolean
take_contents(const guint8 *frame, gsize len, GError **error)
{
    g_autoptr(MtImageContents) contents =
        mt_image_get_contents(frame, len, 0, error);
    g_autoptr(GByteArray) seek = NULL;
    guint8 *table;
    gsize n;

    if (!contents)
        return FALSE;
    assert_written(mt_image_put_contents(contents), frame, len);

    seek = mt_image_put_seek_table(contents, 100, 0, len);
    table = seek->data + MT_IMAGE_FRAME_HEAD;
    n = seek->len - MT_IMAGE_FRAME_HEAD;
    g_assert_true(mt_image_check_seek_table(table, n, 0, contents, 100, 0,
                                            len, NULL));
    table[len % n] ^= 1;
    g_assert_false(mt_image_check_seek_table(table, n, 0, contents, 100, 0,
                                             len, NULL));
    return TRUE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gsize len = size + 11;      /* without the kind; 8 bytes and a checksum */
    g_autofree guint8 *frame = NULL;
    g_autoptr(GError) error = NULL;
    MtImageKind kind;
    guint32 crc;
    gboolean ok = TRUE;

    if (!size)
        return 0;

    frame = g_malloc(len);
    memcpy(frame, "MTSV", 4);
    frame[4] = data[0];
    frame[5] = MT_IMAGE_VERSION;
    frame[6] = frame[7] = 0;
    memcpy(frame + 8, data + 1, size - 1);
    crc = GUINT32_TO_LE(crc32(0, frame, len - 4));
    memcpy(frame + len - 4, &crc, 4);
    if (!mt_image_check_frame(frame, len, 0, &kind, &error)) {
        g_assert_nonnull(error);
        return 0;
    }
    switch (kind) {
    case MT_IMAGE_HEADER:
        ok = take_header(frame, len, &error);
        break;
    case MT_IMAGE_CHUNK:
        ok = take_chunk(frame, len, &error);
        break;
    case MT_IMAGE_CONTENTS:
        ok = take_contents(frame, len, &error);
        break;
    case MT_IMAGE_LIBVIRT:
        break;
    }
    g_assert_true(ok == !error);
    frame[len - 1] ^= 1;
    g_assert_false(mt_image_check_frame(frame, len, 0, &kind, NULL));
    return 0;
}
