/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Big-endian data.
 *
 * Data from outside is read through an MtReader, a cursor that knows where its
 * data ends: a read past the end returns FALSE and does not move the cursor.
 * Output is written into a buffer of the caller (mt_put_*) or appended to a
 * GByteArray (mt_append_*).
 */

#include <glib.h>
#include <string.h>

static inline void
mt_put_be16(guint8 *p, guint16 v)
{
    v = GUINT16_TO_BE(v);
    memcpy(p, &v, sizeof(v));
}

static inline void
mt_put_be32(guint8 *p, guint32 v)
{
    v = GUINT32_TO_BE(v);
    memcpy(p, &v, sizeof(v));
}

static inline void
mt_put_be64(guint8 *p, guint64 v)
{
    v = GUINT64_TO_BE(v);
    memcpy(p, &v, sizeof(v));
}

static inline guint16
mt_get_be16(const guint8 *p)
{
    guint16 v;

    memcpy(&v, p, sizeof(v));
    return GUINT16_FROM_BE(v);
}

static inline guint32
mt_get_be32(const guint8 *p)
{
    guint32 v;

    memcpy(&v, p, sizeof(v));
    return GUINT32_FROM_BE(v);
}

static inline guint64
mt_get_be64(const guint8 *p)
{
    guint64 v;

    memcpy(&v, p, sizeof(v));
    return GUINT64_FROM_BE(v);
}

typedef struct {
    const guint8 *data;
    gsize len;
    gsize pos;
} MtReader;

void mt_reader_init(MtReader *reader, gconstpointer data, gsize len);
gsize mt_reader_left(const MtReader *reader);
gboolean mt_reader_u8(MtReader *reader, guint8 *ret_value);
gboolean mt_reader_be16(MtReader *reader, guint16 *ret_value);
gboolean mt_reader_be32(MtReader *reader, guint32 *ret_value);
gboolean mt_reader_be64(MtReader *reader, guint64 *ret_value);
gboolean mt_reader_skip(MtReader *reader, gsize len);

/* Returns a pointer to the next @len bytes, or NULL if fewer are left. */
const guint8 *mt_reader_bytes(MtReader *reader, gsize len);

/*
 * A string with one length byte before it.  @ret_str has room for 256 bytes
 * and is terminated; a string that contains a NUL is refused.
 */
gboolean mt_reader_str8(MtReader *reader, char ret_str[256]);

void mt_append_u8(GByteArray *array, guint8 v);
void mt_append_be16(GByteArray *array, guint16 v);
void mt_append_be32(GByteArray *array, guint32 v);
void mt_append_be64(GByteArray *array, guint64 v);

/* At most 255 bytes of @str. */
void mt_append_str8(GByteArray *array, const char *str);
