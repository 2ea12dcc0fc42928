/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The promises of the qmp driver: its URIs, the names of guests and their
 * identity. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <gmodule.h>

#include "fake-server.h"
#include "migtune/migtune-driver.h"

static const MigtuneDriverOptions options = {
    .size = sizeof(MigtuneDriverOptions),
    .connect_timeout_ms = 10000,
    .command_timeout_ms = 10000,
};

static const MigtuneDriver *
load(void)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers", "qmp", "qmp.so",
        NULL);
    GModule *module = g_module_open(path, G_MODULE_BIND_LOCAL);
    const MigtuneDriver *(*entry)(void);
    gpointer symbol = NULL;

    if (!module)
        g_error("%s", g_module_error());
    g_assert_true(g_module_symbol(module, MIGTUNE_DRIVER_SYMBOL, &symbol));
    g_module_make_resident(module);
    entry = symbol;

    return entry();
}

static void
test_bad_uris(void)
{
    static const struct {
        const char *uri;
        MigtuneErrorCode code;
        const char *why;
    } cases[] = {
        { "qmp://run/guests/", MIGTUNE_ERROR_INVALID_ARGUMENT,
          "three slashes" },
        { "qmp:", MIGTUNE_ERROR_INVALID_ARGUMENT, "absolute path" },
        { "qmp:relative", MIGTUNE_ERROR_INVALID_ARGUMENT, "absolute path" },
        { "qmp:///a?b", MIGTUNE_ERROR_INVALID_ARGUMENT, "%3F" },
        { "qmp:///a#b", MIGTUNE_ERROR_INVALID_ARGUMENT, "%23" },
        { "qmp://user@/a", MIGTUNE_ERROR_INVALID_ARGUMENT, "user" },
        { "qmp:///a%00b", MIGTUNE_ERROR_INVALID_ARGUMENT, "UTF-8" },
        { "qmp:///a%ffb", MIGTUNE_ERROR_INVALID_ARGUMENT, "UTF-8" },
        { "qmp:///a%zz", MIGTUNE_ERROR_INVALID_ARGUMENT, "bad URI" },
        { "qmp:///no/such/place", MIGTUNE_ERROR_CONNECT, "there is no" },
        { "qmp:///proc/self/stat", MIGTUNE_ERROR_CONNECT, "neither" },
        { "qmp:///proc/self/stat/", MIGTUNE_ERROR_CONNECT, "directory" },
        { "qmp+tcp://", MIGTUNE_ERROR_INVALID_ARGUMENT, "HOST:PORT" },
        { "qmp+tcp://host", MIGTUNE_ERROR_INVALID_ARGUMENT, "HOST:PORT" },
        { "qmp+tcp://:1", MIGTUNE_ERROR_INVALID_ARGUMENT, "HOST:PORT" },
        { "qmp+tcp://host:0", MIGTUNE_ERROR_INVALID_ARGUMENT, "HOST:PORT" },
        { "qmp+tcp://host:65536", MIGTUNE_ERROR_INVALID_ARGUMENT, "bad URI" },
        { "qmp+tcp://host:1/x", MIGTUNE_ERROR_INVALID_ARGUMENT, "follow" },
        { "qmp+tcp://[::1:1", MIGTUNE_ERROR_INVALID_ARGUMENT, "bad URI" },
    };
    const MigtuneDriver *driver = load();

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(driver->open(cases[i].uri, &options, NULL, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, MIGTUNE_ERROR, (gint)cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].why));
    }
}

static void
test_names_and_order(void)
{
    static const struct {
        const char *file;
        const char *given;      /* bytes sent to QEMU */
        const char *name;       /* the name shown */
        const char *found_by;
    } cases[] = {
        { "web1", NULL, "web1", "web1" },
        { "web2.sock", NULL, "web2", "web2" },
        { "qmp-web3.monitor", NULL, "web3", "web3" },
        { "web 4%.qmp", NULL, "web 4%", "web 4%" },
        { "monitor-x", "given", "given", "x" },
        { ".sock", NULL, ".sock", ".sock" },
    };
    const MigtuneDriver *driver = load();
    g_autofree char *top = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *directory = g_build_filename(top, "a b#c?", NULL);
    g_autofree char *escaped = NULL;
    g_autofree char *uri = NULL;
    g_autofree char *dead = g_build_filename(directory, "link", NULL);
    FakeServer *server = fake_server_new();
    gpointer conn;

    g_assert_cmpint(g_mkdir(directory, 0700), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_build_filename(directory, cases[i].file,
                                                 NULL);
        FakeQmp *qmp = fake_qmp_new("made-2.8");

        fake_qmp_set_identity(qmp, cases[i].given, NULL);
        fake_server_add_unix(server, qmp, path);
    }
    fake_server_start(server);
    g_assert_cmpint(symlink("nowhere", dead), ==, 0);

    escaped = g_uri_escape_string(directory, "/", FALSE);
    uri = g_strdup_printf("qmp://%s/", escaped);
    conn = driver->open(uri, &options, NULL, NULL);
    g_assert_nonnull(conn);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) keys = driver->find(conn, cases[i].found_by);
        g_autofree char *base = g_path_get_basename(keys[0]);
        MigtuneDriverIdentity identity = { NULL };
        g_autoptr(GError) error = NULL;
        gpointer domain;

        /* Sockets whose name does not match are left out. */
        g_assert_cmpuint(g_strv_length(keys), ==, 1);
        g_assert_cmpstr(base, ==, cases[i].file);
        domain = driver->domain_open(conn, keys[0], &identity, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(identity.name, ==, cases[i].name);
        g_assert_null(identity.uuid);
        driver->domain_close(domain);
        migtune_driver_identity_clear(&identity);
    }
    driver->close(conn);
    fake_server_free(server);
    g_unlink(dead);
    g_rmdir(directory);
    g_rmdir(top);
}

/* After a lost connection only the same guest is accepted. */
static void
test_reconnect_knows_the_guest(void)
{
    static const struct {
        const char *replies;
        const char *name;
        const char *uuid;
        gboolean same;
    } cases[] = {
        { "qemu-7.2", "a", "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001", TRUE },
        { "qemu-7.2", "b", "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001", FALSE },
        { "qemu-7.2", "a", "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff002", FALSE },
        { "qemu-7.2", "a", NULL, FALSE },
        { "qemu-5.2", "a", "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001", FALSE },
    };
    const MigtuneDriver *driver = load();

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        MigtuneDriverCommand command = { .name = "query-migrate" };
        MigtuneDriverIdentity identity = { NULL };
        g_autoptr(GError) error = NULL;
        g_autofree char *uri = NULL;
        g_auto(GStrv) keys = NULL;
        FakeServer *server = fake_server_new();
        FakeQmp *qmp = fake_qmp_new("qemu-7.2");
        guint16 port;
        gpointer conn;
        gpointer domain;

        fake_qmp_set_identity(qmp, cases[0].name, cases[0].uuid);
        port = fake_server_add_tcp(server, qmp, 0, FALSE);
        fake_server_start(server);
        uri = g_strdup_printf("qmp+tcp://127.0.0.1:%u", port);
        conn = driver->open(uri, &options, NULL, NULL);
        keys = driver->list(conn, NULL, NULL);
        domain = driver->domain_open(conn, keys[0], &identity, NULL, NULL);
        g_assert_cmpstr(identity.name, ==, "a");
        g_assert_cmpstr(identity.uuid, ==, cases[0].uuid);
        g_assert_null(identity.instance);

        fake_server_free(server);
        g_assert_false(driver->execute(domain, &command, 1, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
        g_clear_error(&error);
        g_assert_false(driver->reconnect(domain, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT);
        g_clear_error(&error);

        server = fake_server_new();
        qmp = fake_qmp_new(cases[i].replies);
        fake_qmp_set_identity(qmp, cases[i].name, cases[i].uuid);
        fake_server_add_tcp(server, qmp, port, FALSE);
        fake_server_start(server);
        g_assert_cmpint(driver->reconnect(domain, NULL, &error), ==,
                        cases[i].same);
        g_assert_cmpint(driver->execute(domain, &command, 1, NULL, NULL), ==,
                        cases[i].same);
        if (!cases[i].same)
            g_assert_nonnull(strstr(error->message, "a different guest"));
        g_clear_pointer(&command.result, json_node_unref);

        driver->domain_close(domain);
        driver->close(conn);
        migtune_driver_identity_clear(&identity);
        fake_server_free(server);
    }
}

/* A list of many monitors connects to none of them. */
static void
test_a_full_directory(void)
{
    enum { N = 200 };
    const MigtuneDriver *driver = load();
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *uri = g_strdup_printf("qmp://%s", directory);
    g_autoptr(FakeQmp) model = fake_qmp_new("made-2.4");
    FakeServer *server = fake_server_new();
    g_auto(GStrv) keys = NULL;
    gpointer conn;

    for (guint i = 0; i < N; i++) {
        g_autofree char *path = g_strdup_printf("%s/guest%u.sock", directory,
                                                i);

        fake_server_add_unix(server, fake_qmp_new_like(model), path);
    }
    fake_server_start(server);
    conn = driver->open(uri, &options, NULL, NULL);
    keys = driver->list(conn, NULL, NULL);
    g_assert_cmpuint(g_strv_length(keys), ==, N);
    g_assert_cmpuint(fake_server_n_accepted(server), ==, 0);
    driver->close(conn);
    fake_server_free(server);
    g_rmdir(directory);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/bad-uris", test_bad_uris);
    g_test_add_func("/qmp/names-and-order", test_names_and_order);
    g_test_add_func("/qmp/reconnect-knows-the-guest",
                    test_reconnect_knows_the_guest);
    g_test_add_func("/qmp/a-full-directory", test_a_full_directory);
    return g_test_run();
}
