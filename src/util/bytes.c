/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounded reading and writing of big-endian data: see bytes.h.
 */
#include "config.h"

#include "util/bytes.h"

void
mt_reader_init(MtReader *reader, gconstpointer data, gsize len)
{
    reader->data = data;
    reader->len = len;
    reader->pos = 0;
}

gsize
mt_reader_left(const MtReader *reader)
{
    return reader->len - reader->pos;
}

const guint8 *
mt_reader_bytes(MtReader *reader, gsize len)
{
    const guint8 *p;

    if (len > mt_reader_left(reader))
        return NULL;

    p = reader->data + reader->pos;
    reader->pos += len;
    return p;
}

gboolean
mt_reader_skip(MtReader *reader, gsize len)
{
    if (len > mt_reader_left(reader))
        return FALSE;

    reader->pos += len;
    return TRUE;
}

gboolean
mt_reader_u8(MtReader *reader, guint8 *ret_value)
{
    const guint8 *p = mt_reader_bytes(reader, 1);

    if (!p)
        return FALSE;

    *ret_value = *p;
    return TRUE;
}

gboolean
mt_reader_be16(MtReader *reader, guint16 *ret_value)
{
    const guint8 *p = mt_reader_bytes(reader, 2);

    if (!p)
        return FALSE;

    *ret_value = mt_get_be16(p);
    return TRUE;
}

gboolean
mt_reader_be32(MtReader *reader, guint32 *ret_value)
{
    const guint8 *p = mt_reader_bytes(reader, 4);

    if (!p)
        return FALSE;

    *ret_value = mt_get_be32(p);
    return TRUE;
}

gboolean
mt_reader_be64(MtReader *reader, guint64 *ret_value)
{
    const guint8 *p = mt_reader_bytes(reader, 8);

    if (!p)
        return FALSE;

    *ret_value = mt_get_be64(p);
    return TRUE;
}

gboolean
mt_reader_str8(MtReader *reader, char ret_str[256])
{
    gsize start = reader->pos;
    guint8 len;
    const guint8 *p;

    if (!mt_reader_u8(reader, &len))
        return FALSE;

    p = mt_reader_bytes(reader, len);
    if (!p || memchr(p, 0, len)) {
        reader->pos = start;
        return FALSE;
    }

    memcpy(ret_str, p, len);
    ret_str[len] = '\0';
    return TRUE;
}

void
mt_append_u8(GByteArray *array, guint8 v)
{
    g_byte_array_append(array, &v, 1);
}

void
mt_append_be16(GByteArray *array, guint16 v)
{
    guint8 b[2];

    mt_put_be16(b, v);
    g_byte_array_append(array, b, sizeof(b));
}

void
mt_append_be32(GByteArray *array, guint32 v)
{
    guint8 b[4];

    mt_put_be32(b, v);
    g_byte_array_append(array, b, sizeof(b));
}

void
mt_append_be64(GByteArray *array, guint64 v)
{
    guint8 b[8];

    mt_put_be64(b, v);
    g_byte_array_append(array, b, sizeof(b));
}

void
mt_append_str8(GByteArray *array, const char *str)
{
    gsize len = MIN(strlen(str), 255);

    mt_append_u8(array, len);
    g_byte_array_append(array, (const guint8 *)str, len);
}
