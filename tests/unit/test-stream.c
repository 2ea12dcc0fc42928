/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MtStreamIn reads what MtStreamOut wrote, in pieces of any size. */
#include "config.h"

#include <string.h>

#include "stream/stream-in.h"
#include "stream/stream-out.h"
#include "migtune/migtune-error.h"

#define N_ROUNDS 3000

typedef struct {
    MtIo *io;
    const guint8 *page;
    guint64 counter;
} Writer;

static gpointer
writer_thread(gpointer data)
{
    Writer *w = data;
    MtStreamOut out;

    mt_stream_out_init(&out, w->io, &w->counter);
    for (guint i = 0; i < N_ROUNDS; i++) {
        g_assert_true(mt_stream_out_be64(&out, i, NULL));
        g_assert_true(mt_stream_out_ref(&out, w->page + i % 7, 4096, NULL));
        if (i % 11 == 0)
            g_assert_true(mt_stream_out_bytes(&out, w->page, 100 * (i % 30),
                                              NULL));
        g_assert_true(mt_stream_out_str8(&out, "name", NULL));
        g_assert_true(mt_stream_out_be16(&out, i, NULL));
        g_assert_true(mt_stream_out_be32(&out, i * 3, NULL));
        if (i % 500 == 0)
            g_assert_true(mt_stream_out_flush(&out, NULL));
    }
    g_assert_true(mt_stream_out_flush(&out, NULL));
    g_assert_cmpuint(w->counter, ==, out.offset);
    mt_stream_out_clear(&out);
    mt_io_shutdown_write(w->io);
    return NULL;
}

static void
test_round_trip(void)
{
    g_autofree guint8 *page = g_malloc(8192);
    g_autofree guint8 *got = g_malloc(8192);
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    GThread *thread;
    MtStreamIn in;
    Writer w;
    gboolean end;
    guint8 u8;

    for (guint i = 0; i < 8192; i++)
        page[i] = i * 31 + (i >> 8);
    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    w = (Writer) { a, page, 0 };
    thread = g_thread_new("writer", writer_thread, &w);
    mt_stream_in_init(&in, b);
    for (guint i = 0; i < N_ROUNDS; i++) {
        guint64 u64;
        guint32 u32;
        guint16 u16;
        char name[256];

        g_assert_true(mt_stream_in_be64(&in, &u64, &error));
        g_assert_cmpuint(u64, ==, i);
        g_assert_true(mt_stream_in_read(&in, got, 4096, &error));
        g_assert_cmpint(memcmp(got, page + i % 7, 4096), ==, 0);
        if (i % 11 == 0) {
            g_assert_true(mt_stream_in_read(&in, got, 100 * (i % 30),
                                            &error));
            g_assert_cmpint(memcmp(got, page, 100 * (i % 30)), ==, 0);
        }
        g_assert_true(mt_stream_in_str8(&in, name, &error));
        g_assert_cmpstr(name, ==, "name");
        g_assert_true(mt_stream_in_be16(&in, &u16, &error));
        g_assert_cmpuint(u16, ==, i & 0xffff);
        g_assert_true(mt_stream_in_be32(&in, &u32, &error));
        g_assert_cmpuint(u32, ==, i * 3);
    }
    g_thread_join(thread);
    g_assert_cmpuint(mt_stream_in_offset(&in), ==, w.counter);
    g_assert_true(mt_stream_in_peek(&in, &u8, &end, &error));
    g_assert_true(end);
    g_assert_false(mt_stream_in_u8(&in, &u8, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    mt_stream_in_clear(&in);
}

typedef struct {
    MtIo *io;
    const guint8 *data;
    gsize len;
} Sender;

static gpointer
sender_thread(gpointer data)
{
    Sender *sender = data;

    mt_io_write(sender->io, sender->data, sender->len, NULL);
    mt_io_shutdown_write(sender->io);
    return NULL;
}

/* Lengths on both sides of what passes through the buffer, each with bytes in
 * the buffer from before. */
static void
test_lengths(void)
{
    static const gsize lengths[] = {
        4096, 1, MT_STREAM_IN_AHEAD - 1, MT_STREAM_IN_AHEAD, 5,
        MT_STREAM_IN_AHEAD + 1, 4096, 3 * MT_STREAM_IN_SIZE, 0, 7,
    };
    gsize len = 0;
    gsize at = 0;
    g_autofree guint8 *data = NULL;
    g_autofree guint8 *got = g_malloc(3 * MT_STREAM_IN_SIZE);
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    GThread *thread;
    MtStreamIn in;
    Sender sender;

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++)
        len += 1 + lengths[i];
    data = g_malloc(len);
    for (gsize i = 0; i < len; i++)
        data[i] = i * 31 + (i >> 8);

    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    mt_io_set_timeout_ms(b, 10000);
    sender = (Sender) { a, data, len };
    thread = g_thread_new("sender", sender_thread, &sender);
    mt_stream_in_init(&in, b);
    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
        guint8 byte;

        g_assert_true(mt_stream_in_u8(&in, &byte, &error));
        g_assert_cmpuint(byte, ==, data[at]);
        at++;
        g_assert_true(mt_stream_in_read(&in, got, lengths[i], &error));
        g_assert_cmpint(memcmp(got, data + at, lengths[i]), ==, 0);
        at += lengths[i];
        g_assert_cmpuint(mt_stream_in_offset(&in), ==, at);
    }
    g_assert_false(mt_stream_in_read(&in, got, MT_STREAM_IN_SIZE, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    g_thread_join(thread);
    mt_stream_in_clear(&in);
}

static void
test_name_with_nul(void)
{
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    MtStreamIn in;
    char name[256];

    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    g_assert_true(mt_io_write(a, "\3a\0b", 4, NULL));
    mt_stream_in_init(&in, b);
    g_assert_false(mt_stream_in_str8(&in, name, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
    mt_stream_in_clear(&in);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream/round-trip", test_round_trip);
    g_test_add_func("/stream/lengths", test_lengths);
    g_test_add_func("/stream/name-with-nul", test_name_with_nul);
    return g_test_run();
}
