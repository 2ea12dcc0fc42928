/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a source handles the messages of a destination. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/return-path.h"
#include "util/bitmap.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

static void
broken(gpointer data, GError *error)
{
    g_error_free(error);
    g_atomic_int_inc((gint *)data);
}

static const struct {
    const char *what;
    guint8 bytes[16];
    guint n;
    gboolean close;
    int code;           /* -1: all is well */
    gboolean ack;
} cases[] = {
    { "all is well", { 0, 2, 0, 4, 0, 0, 0, 1, 0, 1, 0, 4 }, 16, FALSE, -1 },
    { "ack first", { 0, 7, 0, 0, 0, 1, 0, 4 }, 12, FALSE, -1, TRUE },
    { "failed there", { 0, 1, 0, 4, 0, 0, 0, 1 }, 8, FALSE,
      MIGTUNE_ERROR_STREAM },
    { "gone", { 0, 2, 0, 4, 0, 0, 0, 1 }, 8, TRUE,
      MIGTUNE_ERROR_DISCONNECTED },
    { "gone in the middle", { 0, 1, 0, 4, 0, 0 }, 6, TRUE,
      MIGTUNE_ERROR_DISCONNECTED },
    { "silent", { 0 }, 0, FALSE, MIGTUNE_ERROR_TIMEOUT },
    { "unknown message", { 0, 9, 0, 0 }, 4, FALSE, MIGTUNE_ERROR_STREAM },
    { "message 0", { 0, 0, 0, 0 }, 4, FALSE, MIGTUNE_ERROR_STREAM },
    { "too long", { 0, 1, 2, 1 }, 4, FALSE, MIGTUNE_ERROR_STREAM },
    { "postcopy", { 0, 4, 0, 12 }, 16, FALSE, MIGTUNE_ERROR_UNSUPPORTED },
};

static void
test_messages(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtIo) a = NULL;
        g_autoptr(MtIo) b = NULL;
        g_autoptr(GError) error = NULL;
        MtReturnPath *path;
        gint n_broken = 0;
        gboolean ok;

        g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
        path = mt_return_path_new(b, broken, &n_broken, NULL);
        g_assert_true(mt_io_write(a, cases[i].bytes, cases[i].n, NULL));
        if (cases[i].close)
            mt_io_shutdown_write(a);
        ok = mt_return_path_wait_shut(path, 100, &error);
        if (ok != (cases[i].code < 0))
            g_error("%s: %s", cases[i].what, ok ? "well" : error->message);
        if (!ok)
            g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
        g_assert_cmpint(mt_return_path_got_ack(path), ==, cases[i].ack);
        mt_io_shutdown(b);
        mt_return_path_free(path);
        g_assert_cmpint(n_broken, ==, !ok);
    }
}

/* REQ_PAGES_ID for @n_pages pages of block "ram" from page @first on. */
static void
put_request(GByteArray *to, guint64 first, guint32 n_pages)
{
    mt_append_be16(to, MT_RP_REQ_PAGES_ID);
    mt_append_be16(to, 16);
    mt_append_be64(to, first * MT_PAGE_SIZE);
    mt_append_be32(to, n_pages * MT_PAGE_SIZE);
    mt_append_str8(to, "ram");
}

static guint64
resident_kib(void)
{
    g_autofree char *text = NULL;
    guint64 pages = 0;

    g_file_get_contents("/proc/self/statm", &text, NULL, NULL);
    g_assert_nonnull(text);
    g_assert_cmpint(sscanf(text, "%*u %" G_GUINT64_FORMAT, &pages), ==, 1);
    return pages * 4;
}

/* A flood of requests costs one bit for each page, and each page is taken once;
 * the first requests are taken in their order. */
static void
test_flood(void)
{
    enum { PAGES = 1024, ROUNDS = 300 };
    g_autoptr(MtRam) ram = mt_ram_new_simple(PAGES * MT_PAGE_SIZE, NULL);
    g_autoptr(MtBitmap) taken = mt_bitmap_new(PAGES);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    MtReturnPath *path;
    gint n_broken = 0;
    guint64 before, index;
    guint n = 0;

    for (guint i = 0; i < PAGES; i++)
        put_request(bytes, PAGES - 1 - i, 1);
    put_request(bytes, 0, PAGES);

    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    path = mt_return_path_new(b, broken, &n_broken, NULL);
    mt_return_path_allow_requests(path, ram);
    g_assert_true(mt_io_write(a, bytes->data, bytes->len, NULL));
    before = resident_kib();
    for (guint i = 0; i < ROUNDS; i++)
        g_assert_true(mt_io_write(a, bytes->data, bytes->len, NULL));
    g_assert_cmpuint(resident_kib(), <, before + 8192);

    g_assert_true(mt_return_send_u32(a, MT_RP_SHUT, 0, NULL));
    g_assert_true(mt_return_path_wait_shut(path, 0, NULL));
    while (mt_return_path_take_request(path, &index)) {
        g_assert_false(mt_bitmap_set(taken, index));
        if (n < 100)
            g_assert_cmpuint(index, ==, PAGES - 1 - n);
        n++;
    }
    g_assert_cmpuint(n, ==, PAGES);
    mt_io_shutdown(b);
    mt_return_path_free(path);
    g_assert_cmpint(n_broken, ==, 0);
}

static void
test_bad_requests(void)
{
    static const struct {
        const char *what;
        guint64 offset;
        guint32 length;
        const char *block;      /* NULL: REQ_PAGES without a name */
    } requests[] = {
        { "no block yet", 0, MT_PAGE_SIZE, NULL },
        { "unknown block", 0, MT_PAGE_SIZE, "rom" },
        { "no pages", 0, 0, "ram" },
        { "half a page", 0, MT_PAGE_SIZE / 2, "ram" },
        { "not at a page", 512, MT_PAGE_SIZE, "ram" },
        { "past the end", 63 * MT_PAGE_SIZE, 2 * MT_PAGE_SIZE, "ram" },
        { "far past the end", G_MAXUINT64 - MT_PAGE_SIZE + 1, MT_PAGE_SIZE,
          "ram" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_autoptr(MtRam) ram = mt_ram_new_simple(64 * MT_PAGE_SIZE, NULL);
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(MtIo) a = NULL;
        g_autoptr(MtIo) b = NULL;
        const char *block = requests[i].block;
        MtReturnPath *path;
        gint n_broken = 0;

        mt_append_be16(bytes, block ? MT_RP_REQ_PAGES_ID : MT_RP_REQ_PAGES);
        mt_append_be16(bytes, block ? 13 + strlen(block) : 12);
        mt_append_be64(bytes, requests[i].offset);
        mt_append_be32(bytes, requests[i].length);
        if (block)
            mt_append_str8(bytes, block);
        g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
        path = mt_return_path_new(b, broken, &n_broken, NULL);
        mt_return_path_allow_requests(path, ram);
        g_assert_true(mt_io_write(a, bytes->data, bytes->len, NULL));
        if (mt_return_path_wait_shut(path, 10000, &error))
            g_error("%s was accepted", requests[i].what);
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
        mt_io_shutdown(b);
        mt_return_path_free(path);
        g_assert_cmpint(n_broken, ==, 1);
    }
}

static void
test_send(void)
{
    static const guint8 want[] = {
        0, 7, 0, 0, 0, 1, 0, 4, 0x12, 0x34, 0x56, 0x78
    };
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    guint8 got[sizeof(want)];

    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    g_assert_true(mt_return_send(a, MT_RP_SWITCHOVER_ACK, NULL, 0, NULL));
    g_assert_true(mt_return_send_u32(a, MT_RP_SHUT, 0x12345678, NULL));
    g_assert_true(mt_io_read(b, got, sizeof(got), NULL));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/return-path/messages", test_messages);
    g_test_add_func("/return-path/flood", test_flood);
    g_test_add_func("/return-path/bad-requests", test_bad_requests);
    g_test_add_func("/return-path/send", test_send);
    return g_test_run();
}
