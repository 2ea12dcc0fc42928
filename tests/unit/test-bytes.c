/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cursors read the data and stop at its end. */
#include "config.h"

#include "util/bytes.h"

static const guint8 data[] = {
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x03, 'r', 'a', 'm', 0x01, 0x00,
};

static void
test_reads_big_endian(void)
{
    MtReader r;
    guint8 u8;
    guint16 u16;
    guint32 u32;
    guint64 u64;
    char str[256];

    mt_reader_init(&r, data, sizeof(data));
    g_assert_true(mt_reader_u8(&r, &u8));
    g_assert_cmphex(u8, ==, 0x01);
    g_assert_true(mt_reader_be16(&r, &u16));
    g_assert_cmphex(u16, ==, 0x0203);
    g_assert_true(mt_reader_be32(&r, &u32));
    g_assert_cmphex(u32, ==, 0x04050607);
    g_assert_true(mt_reader_be64(&r, &u64));
    g_assert_cmphex(u64, ==, G_GUINT64_CONSTANT(0x08090a0b0c0d0e0f));
    g_assert_true(mt_reader_str8(&r, str));
    g_assert_cmpstr(str, ==, "ram");
    g_assert_false(mt_reader_str8(&r, str)); /* a NUL inside */
    g_assert_cmpuint(mt_reader_left(&r), ==, 2);
    g_assert_true(mt_reader_skip(&r, 2));
    g_assert_false(mt_reader_skip(&r, 1));
}

/* For each length that is too short, the cursor does not move. */
static void
test_stops_at_the_end(void)
{
    for (gsize len = 0; len < 8; len++) {
        MtReader r;
        guint16 u16;
        guint32 u32;
        guint64 u64 = 77;

        mt_reader_init(&r, data, len);
        g_assert_false(mt_reader_be64(&r, &u64));
        g_assert_cmpuint(u64, ==, 77);
        g_assert_cmpint(mt_reader_be32(&r, &u32), ==, len >= 4);
        g_assert_cmpuint(r.pos, ==, len >= 4 ? 4 : 0);
        g_assert_cmpint(mt_reader_be16(&r, &u16), ==, len % 4 >= 2);
        g_assert_null(mt_reader_bytes(&r, 9));
        g_assert_false(mt_reader_skip(&r, G_MAXSIZE));
    }
}

static void
test_writes_what_it_reads(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    guint8 room[8];

    mt_append_u8(out, 0x01);
    mt_append_be16(out, 0x0203);
    mt_append_be32(out, 0x04050607);
    mt_append_be64(out, G_GUINT64_CONSTANT(0x08090a0b0c0d0e0f));
    mt_append_str8(out, "ram");
    g_assert_cmpmem(out->data, out->len, data, 19);

    mt_put_be16(room, 0x0102);
    g_assert_cmphex(mt_get_be16(room), ==, 0x0102);
    mt_put_be32(room, 0x01020304);
    g_assert_cmpmem(room, 4, data, 4);
    g_assert_cmphex(mt_get_be32(room), ==, 0x01020304);
    mt_put_be64(room, G_GUINT64_CONSTANT(0x0102030405060708));
    g_assert_cmpmem(room, 8, data, 8);
    g_assert_cmphex(mt_get_be64(room), ==,
                    G_GUINT64_CONSTANT(0x0102030405060708));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bytes/reads-big-endian", test_reads_big_endian);
    g_test_add_func("/bytes/stops-at-the-end", test_stops_at_the_end);
    g_test_add_func("/bytes/writes-what-it-reads", test_writes_what_it_reads);
    return g_test_run();
}
