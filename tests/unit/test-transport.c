/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses: which are accepted, and connecting both ends. */
#include "config.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "engine/transport.h"
#include "migtune/migtune-error.h"

static void
test_addresses(void)
{
    static const struct {
        const char *uri;
        gboolean ok;
        guint64 offset;
    } cases[] = {
        { "tcp:localhost:4444", TRUE },
        { "tcp:[::1]:4444", TRUE },
        { "tcp::0", TRUE },
        { "tcp:4444", FALSE },
        { "tcp:host:", FALSE },
        { "unix:/run/x", TRUE },
        { "unix:", FALSE },
        { "fd:3", TRUE },
        { "fd:three", FALSE },
        { "fd:-1", FALSE },
        { "exec:cat > /dev/null", TRUE },
        { "exec:", FALSE },
        { "file:/tmp/x", TRUE },
        { "file:/tmp/x,offset=0x1000", TRUE, 4096 },
        { "file:/tmp/x,offset=12k", TRUE, 12288 },
        { "file:/tmp/x,offset=2M", TRUE, 2 << 20 },
        { "file:/tmp/x,offset=", FALSE },
        { "file:/tmp/x,offset=-1", FALSE },
        { "file:/tmp/x,offset=1q", FALSE },
        { "file:/tmp/x,offset=9999999T", FALSE },
        { "file:", FALSE },
        { "rdma:host:1", FALSE },
        { "pair:", FALSE },
        { "", FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtTransport) t = mt_transport_new(cases[i].uri, &error);

        if ((t != NULL) != cases[i].ok)
            g_error("%s was %s", cases[i].uri, t ? "accepted" : "refused");
        if (t)
            g_assert_cmpuint(mt_transport_get_offset(t), ==,
                             cases[i].offset);
        else
            g_assert_error(error, MIGTUNE_ERROR,
                           MIGTUNE_ERROR_INVALID_ARGUMENT);
    }
}

static void
meet(MtTransport *listener, MtTransport *caller)
{
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 3; i++) {
        g_autoptr(MtIo) a = mt_transport_connect(caller, 1000, NULL, &error);
        g_autoptr(MtIo) b = NULL;
        char got[2];

        g_assert_no_error(error);
        b = mt_transport_accept(listener, 1000, NULL, &error);
        g_assert_no_error(error);
        g_assert_true(mt_io_is_two_way(a));
        g_assert_true(mt_io_write(a, "hi", 2, &error));
        g_assert_true(mt_io_read(b, got, 2, &error));
        g_assert_cmpmem(got, 2, "hi", 2);
    }
    g_assert_null(mt_transport_accept(listener, 10, NULL, &error));
    g_assert_no_error(error);
    mt_transport_stop_listening(listener);
    g_assert_null(mt_transport_connect(caller, 1000, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT);
}

static void
test_meet(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-transport-XXXXXX", NULL);
    g_autofree char *path = g_strdup_printf("unix:%s/sock", dir);
    const char *const uris[] = { path, "tcp:127.0.0.1:0", NULL };

    for (guint i = 0; i < G_N_ELEMENTS(uris); i++) {
        GError *error = NULL;
        g_autoptr(MtTransport) listener = uris[i] ?
            mt_transport_new(uris[i], &error) : mt_transport_new_pair();
        g_autoptr(MtTransport) caller = NULL;

        g_assert_true(mt_transport_listen(listener, &error));
        if (uris[i]) {
            g_autofree char *address = mt_transport_dup_address(listener);

            caller = mt_transport_new(address, &error);
        } else {
            caller = mt_transport_ref(listener);
        }
        g_assert_no_error(error);
        meet(listener, caller);
    }
    g_rmdir(dir);
}

static void
test_fd(void)
{
    int fds[2];
    g_autofree char *write_uri = NULL;
    g_autofree char *read_uri = NULL;
    g_autoptr(MtTransport) to = NULL;
    g_autoptr(MtTransport) from = NULL;
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    char got[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    read_uri = g_strdup_printf("fd:%d", fds[0]);
    write_uri = g_strdup_printf("fd:%d", fds[1]);
    from = mt_transport_new(read_uri, NULL);
    to = mt_transport_new(write_uri, NULL);
    a = mt_transport_connect(to, 0, NULL, &error);
    b = mt_transport_accept(from, 0, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(mt_io_is_two_way(a));
    g_assert_true(mt_io_write(a, "hi", 2, &error));
    g_assert_true(mt_io_read(b, got, 2, &error));
    g_assert_null(mt_transport_connect(to, 0, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/transport/addresses", test_addresses);
    g_test_add_func("/transport/meet", test_meet);
    g_test_add_func("/transport/fd", test_fd);
    return g_test_run();
}
