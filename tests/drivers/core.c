/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library itself promises, whatever the driver: guests are scripted
 * monitors behind the drivers `qmp` and `keeper`.
 */
#include "config.h"

#include <string.h>

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "fake-server.h"
#include "migtune/migtune.h"

#define UUID "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001"

static char *scratch;           /* state, cache and configuration */

static void
remove_dir(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);

        remove_dir(inner);
    }
    g_remove(path);
}

/* A directory with one monitor, web1.sock. */
typedef struct {
    char *dir;
    char *socket;
    FakeServer *server;
    FakeQmp *qmp;
} Guest;

static void
guest_start(Guest *guest)
{
    guest->dir = g_dir_make_tmp("migtune-core-XXXXXX", NULL);
    guest->socket = g_build_filename(guest->dir, "web1.sock", NULL);
    guest->server = fake_server_new();
    guest->qmp = fake_qmp_new("qemu-7.2");
    fake_qmp_set_identity(guest->qmp, "web1", UUID);
    fake_server_add_unix(guest->server, guest->qmp, guest->socket);
    fake_server_start(guest->server);
}

static void
guest_clear(Guest *guest)
{
    fake_server_free(guest->server);
    remove_dir(guest->dir);
    g_free(guest->socket);
    g_free(guest->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

static gboolean
set(MigtuneDomain *domain, const char *word, unsigned int flags,
    GError **error)
{
    const char *const words[] = { word, NULL };
    virTypedParameterPtr params = NULL;
    gboolean ok;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    ok = migtune_domain_set_parameters(domain, params, n, flags, error);
    migtune_typed_params_free(params, n);

    return ok;
}

/*
 * A read-only connection changes nothing, whether or not the driver looks at
 * the option: `keeper` does not.
 */
static void
test_read_only(void)
{
    static const unsigned int targets[] = { MIGTUNE_SET_LIVE,
                                            MIGTUNE_SET_CONFIG };
    g_auto(Guest) guest = { NULL };
    g_autofree char *uri = NULL;
    g_autofree char *path = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *kept = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    guest_start(&guest);
    path = g_build_filename(guest.dir, "web1.domain", NULL);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    uri = g_strdup_printf("keeper://%s/", guest.dir);
    conn = migtune_conn_open(uri, MIGTUNE_CONN_READ_ONLY, &error);
    g_assert_no_error(error);
    domain = migtune_conn_open_domain(conn, "web1", &error);
    g_assert_no_error(error);

    before = fake_qmp_dump(guest.qmp);
    for (gsize i = 0; i < G_N_ELEMENTS(targets); i++) {
        g_assert_false(set(domain, "downtime=77", targets[i], &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
        g_assert_nonnull(strstr(error->message, "read-only"));
        g_clear_error(&error);
    }
    after = fake_qmp_dump(guest.qmp);
    g_assert_cmpstr(before, ==, after);
    g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
    g_assert_cmpstr(kept, ==, "");
}

/* A driver without the feature refuses the option. */
static void
test_features(void)
{
    static const unsigned int flags[] = { MIGTUNE_CONN_READ_ONLY,
                                          MIGTUNE_CONN_NO_MONITOR };

    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(migtune_conn_open("qmp:///run", flags[i], &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
    }
}

/* Another guest is busy, or has the same name; no socket has that name. */
static void
test_lookup(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-core-XXXXXX", NULL);
    g_autofree char *busy = g_build_filename(dir, "aaa.sock", NULL);
    g_autofree char *first = g_build_filename(dir, "x1.sock", NULL);
    g_autofree char *second = g_build_filename(dir, "x2.sock", NULL);
    g_autofree char *uri = g_strdup_printf("qmp://%s/", dir);
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(busy);
    g_autoptr(GSocket) silent = g_socket_new(G_SOCKET_FAMILY_UNIX,
                                             G_SOCKET_TYPE_STREAM, 0, NULL);
    FakeServer *server = fake_server_new();
    g_autoptr(MigtuneConn) conn = NULL;
    MigtuneDomain *domain;
    g_autoptr(GError) error = NULL;
    gint64 begin_us;

    g_assert_true(g_socket_bind(silent, address, TRUE, NULL));
    g_assert_true(g_socket_listen(silent, NULL));
    for (guint i = 0; i < 2; i++) {
        FakeQmp *qmp = fake_qmp_new("qemu-7.2");

        fake_qmp_set_identity(qmp, "same", UUID);
        fake_server_add_unix(server, qmp, i == 0 ? first : second);
    }
    fake_server_start(server);
    conn = migtune_conn_open_full(uri, 0, 30000, NULL, &error);
    g_assert_no_error(error);

    begin_us = g_get_monotonic_time();
    /* An answer may take longer than the search waits for a second guest. */
    for (guint i = 0; !error && i < 50; i++) {
        domain = migtune_conn_lookup(conn, "same", &error);
        migtune_domain_unref(domain);
    }
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(error->message, first));
    g_assert_nonnull(strstr(error->message, second));
    g_clear_error(&error);
    /* The busy monitor has 30 seconds. */
    g_assert_cmpint(g_get_monotonic_time() - begin_us, <,
                    25 * G_USEC_PER_SEC);

    domain = migtune_conn_lookup(conn, second, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(migtune_domain_get_key(domain), ==, second);
    migtune_domain_unref(domain);
    g_clear_pointer(&conn, migtune_conn_unref);
    /* Ends the thread that waits for the busy monitor. */
    g_socket_close(silent, NULL);
    fake_server_free(server);
    remove_dir(dir);
}

int
main(int argc, char **argv)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/src/drivers/ref:"
        "%s/tests/drivers/modules/keeper", build, build, build);
    int status;

    g_test_init(&argc, &argv, NULL);
    scratch = g_dir_make_tmp("migtune-state-XXXXXX", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_STATE_HOME", scratch, TRUE);
    g_setenv("XDG_CACHE_HOME", scratch, TRUE);
    g_setenv("XDG_CONFIG_HOME", scratch, TRUE);
    g_test_add_func("/core/read-only", test_read_only);
    g_test_add_func("/core/features", test_features);
    g_test_add_func("/core/lookup", test_lookup);
    status = g_test_run();
    remove_dir(scratch);
    g_free(scratch);
    return status;
}
