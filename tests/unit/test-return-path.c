/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a source makes of a destination's messages. */
#include "config.h"

#include <string.h>

#include "engine/return-path.h"
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
        path = mt_return_path_new(b, broken, &n_broken);
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
    g_test_add_func("/return-path/send", test_send);
    return g_test_run();
}
