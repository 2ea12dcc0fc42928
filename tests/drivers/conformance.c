/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One suite for every driver, through its struct: the promises of
 * migtune-driver.h. A line of the table says how two domains are made for a
 * driver.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <gmodule.h>

#include "fake-server.h"
#include "guest.h"
#include "migtune/migtune-conn.h"
#include "migtune/migtune-driver.h"

typedef struct {
    char *directory;
    FakeServer *server;
    Guest *guests[2];           /* real QEMUs */
    char *uri;
    char *absent_uri;           /* no domains */
} Setup;

static const MigtuneDriverOptions options = {
    .size = sizeof(MigtuneDriverOptions),
    .connect_timeout_ms = 30000,
    .command_timeout_ms = 30000,
};

#ifndef CONFORMANCE_LIBVIRT
static void
setup_qmp(Setup *setup, const char *release)
{
    static const struct {
        const char *file;
        const char *name;
        const char *uuid;
    } guests[] = {
        { "a.sock", "one", "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001" },
        { "qmp-b.monitor", NULL, NULL },
    };
    g_autofree char *file = NULL;

    setup->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    setup->server = fake_server_new();
    for (gsize i = 0; i < G_N_ELEMENTS(guests); i++) {
        g_autofree char *path = g_build_filename(setup->directory,
                                                 guests[i].file, NULL);
        FakeQmp *qmp = fake_qmp_new("qemu-7.2");

        fake_qmp_set_identity(qmp, guests[i].name, guests[i].uuid);
        fake_server_add_unix(setup->server, qmp, path);
    }
    fake_server_start(setup->server);
    /* A file that is not a socket is not a domain. */
    file = g_build_filename(setup->directory, "notes.txt", NULL);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    setup->uri = g_strdup_printf("qmp://%s/", setup->directory);
    setup->absent_uri = g_strdup_printf("qmp://%s/absent",
                                        setup->directory);
}

static void
teardown_qmp(Setup *setup)
{
    g_autofree char *file = g_build_filename(setup->directory, "notes.txt",
                                             NULL);

    fake_server_free(setup->server);
    g_unlink(file);
    g_rmdir(setup->directory);
}

/* Two real QEMUs of a release, each with a monitor in the directory. */
static void
setup_real(Setup *setup, const char *release)
{
    static const char *const names[] = { "one", "two" };

    setup->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(setup->guests); i++) {
        const char *const more[] = { "-name", names[i], NULL };
        g_autofree char *file = g_strconcat(names[i], ".sock", NULL);
        g_autofree char *path = g_build_filename(setup->directory, file,
                                                 NULL);

        setup->guests[i] = guest_new(release, more);
        g_assert_cmpint(symlink(guest_monitor(setup->guests[i], 0), path),
                        ==, 0);
    }
    setup->uri = g_strdup_printf("qmp://%s/", setup->directory);
    setup->absent_uri = g_strdup_printf("qmp://%s/absent",
                                        setup->directory);
}

static void
teardown_real(Setup *setup)
{
    g_autofree char *one = g_build_filename(setup->directory, "one.sock",
                                            NULL);
    g_autofree char *two = g_build_filename(setup->directory, "two.sock",
                                            NULL);

    for (guint i = 0; i < G_N_ELEMENTS(setup->guests); i++)
        guest_free(setup->guests[i]);
    g_unlink(one);
    g_unlink(two);
    g_rmdir(setup->directory);
}

/* Two guests of a release, from a file. */
static void
setup_ref(Setup *setup, const char *release)
{
    g_autofree char *file = NULL;
    g_autofree char *text = g_strdup_printf(
        "<guests>\n"
        "  <guest name=\"one\">\n"
        "    <uuid>6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001</uuid>\n"
        "    <qemu release=\"%s\"/>\n"
        "    <ram size=\"4MiB\"/>\n"
        "  </guest>\n"
        "  <guest name=\"two\">\n"
        "    <qemu release=\"%s\"/>\n"
        "    <ram size=\"4MiB\"/>\n"
        "    <state>incoming</state>\n"
        "  </guest>\n"
        "</guests>\n", release, release);

    setup->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    file = g_build_filename(setup->directory, "guests.xml", NULL);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    setup->uri = g_strdup_printf("ref://%s", file);
    setup->absent_uri = g_strdup_printf("ref://%s/absent.xml",
                                        setup->directory);
}

static void
teardown_ref(Setup *setup)
{
    g_autofree char *file = g_build_filename(setup->directory, "guests.xml",
                                             NULL);

    g_unlink(file);
    g_rmdir(setup->directory);
}

#else
#include "hosts.h"

/* One libvirt daemon for all tests, because it takes long to start. */
static Host *libvirt_host;

static void
setup_libvirt(Setup *setup, const char *release)
{
    if (!libvirt_host) {
        libvirt_host = host_new("alpha", 1, NULL);
        virDomainFree(host_add_guest(libvirt_host, "one", TRUE));
        virDomainFree(host_add_guest(libvirt_host, "two", TRUE));
    }
    setup->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    setup->uri = g_strdup(libvirt_host->uri);
    setup->absent_uri = g_strdup_printf(
        "qemu+unix:///system?socket=%s/absent", setup->directory);
}

static void
teardown_libvirt(Setup *setup)
{
    g_rmdir(setup->directory);
}
#endif

static const struct {
    const char *name;
    const char *path;           /* name of the test */
    const char *file;           /* below src/drivers of the build directory */
    const char *foreign_uri;    /* a wrong URI of a scheme that the driver serves */
    void (*setup)(Setup *setup, const char *release);
    void (*teardown)(Setup *setup);
    const char *release;        /* NULL: not checked */
    gboolean real;              /* a real QEMU is required */
} drivers[] = {
#ifdef CONFORMANCE_LIBVIRT
    { "libvirt", "libvirt", "libvirt/libvirt.so", "qemu+nonsense:///system",
      setup_libvirt, teardown_libvirt },
#else
    { "qmp", "qmp", "qmp/qmp.so", "qmp://host/path", setup_qmp,
      teardown_qmp },
#define REAL(release)                                                   \
    { "qmp", "qmp-" release, "qmp/qmp.so", "qmp://host/path",           \
      setup_real, teardown_real, release, TRUE }
    REAL("5.2"), REAL("7.2"), REAL("10.0"),
#undef REAL
#define REF(release)                                                    \
    { "ref", "ref-" release, "ref/ref.so", "ref://host/default",        \
      setup_ref, teardown_ref, release }
    REF("2.4"), REF("2.5"), REF("2.6"), REF("2.7"), REF("2.8"), REF("2.9"),
    REF("2.10"), REF("2.11"), REF("2.12"), REF("3.0"), REF("3.1"),
    REF("4.0"), REF("4.1"), REF("4.2"), REF("5.0"), REF("5.1"), REF("5.2"),
    REF("6.0"), REF("6.1"), REF("6.2"), REF("7.0"), REF("7.1"), REF("7.2"),
    REF("8.0"), REF("8.1"), REF("8.2"), REF("9.0"), REF("9.1"), REF("9.2"),
    REF("10.0"), REF("10.1"), REF("10.2"), REF("11.0"), REF("11.1"),
#undef REF
#endif
};

static const MigtuneDriver *
load(gsize i)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers", drivers[i].file,
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

typedef struct {
    const MigtuneDriver *driver;
    gsize row;
    Setup setup;
    gpointer conn;
} Fixture;

static void
fixture_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    fixture->row = GPOINTER_TO_SIZE(data);
    fixture->driver = load(fixture->row);
    drivers[fixture->row].setup(&fixture->setup,
                                drivers[fixture->row].release);
    fixture->conn = fixture->driver->open(fixture->setup.uri, &options, NULL,
                                          &error);
    g_assert_no_error(error);
    g_assert_nonnull(fixture->conn);
}

static void
fixture_down(Fixture *fixture, gconstpointer data)
{
    fixture->driver->close(fixture->conn);
    drivers[fixture->row].teardown(&fixture->setup);
    g_free(fixture->setup.directory);
    g_free(fixture->setup.uri);
    g_free(fixture->setup.absent_uri);
}

static void
test_structure(Fixture *fixture, gconstpointer data)
{
    const MigtuneDriver *driver = fixture->driver;

    g_assert_cmpuint(driver->api, ==, MIGTUNE_DRIVER_API);
    g_assert_cmpuint(driver->size, ==, sizeof(MigtuneDriver));
    g_assert_cmpstr(driver->name, ==, drivers[fixture->row].name);
    g_assert_nonnull(driver->schemes[0]);
}

static void
test_wrong_uris(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(fixture->driver->open(drivers[fixture->row].foreign_uri,
                                        &options, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_null(fixture->driver->open(fixture->setup.absent_uri, &options,
                                        NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT);
}

static void
test_list_and_find(Fixture *fixture, gconstpointer data)
{
    const MigtuneDriver *driver = fixture->driver;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) keys = driver->list(fixture->conn, NULL, &error);
    guint n;

    g_assert_no_error(error);
    n = g_strv_length(keys);
    g_assert_cmpuint(n, ==, 2);
    for (guint i = 0; driver->find && i < n; i++) {
        g_autofree char *base = g_path_get_basename(keys[i]);
        g_auto(GStrv) found = driver->find(fixture->conn, base);
        g_auto(GStrv) none = driver->find(fixture->conn, "no such guest");

        g_assert_nonnull(found);
        g_assert_nonnull(none);
        g_assert_cmpstr(found[0], ==, keys[i]);
        for (char **at = found; *at; at++)
            g_assert_true(g_strv_contains((const char *const *)keys, *at));
    }
}

static gpointer
open_domain(Fixture *fixture, guint i, MigtuneDriverIdentity *identity)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) keys = fixture->driver->list(fixture->conn, NULL, NULL);
    gpointer domain = fixture->driver->domain_open(fixture->conn, keys[i],
                                                   identity, NULL, &error);

    g_assert_no_error(error);
    g_assert_nonnull(domain);

    return domain;
}

static void
test_identity(Fixture *fixture, gconstpointer data)
{
    g_autofree char *first_name = NULL;

    for (guint i = 0; i < 2; i++) {
        MigtuneDriverIdentity identity = { NULL };
        MigtuneDriverIdentity again = { NULL };
        gpointer domain = open_domain(fixture, i, &identity);

        g_assert_nonnull(identity.name);
        g_assert_true(JSON_NODE_HOLDS_OBJECT(identity.version));
        fixture->driver->domain_close(domain);
        domain = open_domain(fixture, i, &again);
        g_assert_cmpstr(identity.name, ==, again.name);
        g_assert_cmpstr(identity.uuid, ==, again.uuid);
        g_assert_cmpstr(identity.binary, ==, again.binary);
        g_assert_cmpstr(identity.instance, ==, again.instance);
        fixture->driver->domain_close(domain);
        if (i == 0)
            first_name = g_strdup(identity.name);
        else
            g_assert_cmpstr(identity.name, !=, first_name);
        migtune_driver_identity_clear(&identity);
        migtune_driver_identity_clear(&again);
        g_assert_null(identity.name);
    }
}

static void
test_unknown_key(Fixture *fixture, gconstpointer data)
{
    MigtuneDriverIdentity identity = { NULL };
    g_autoptr(GError) error = NULL;

    g_assert_null(fixture->driver->domain_open(fixture->conn, "no such key",
                                               &identity, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
    g_assert_null(identity.name);
}

/* Settings of which each release has at least one; the first supported one
 * is used. */
static const struct {
    const char *parameter;
    const char *set;            /* a command */
    gint64 value;
} settable[] = {
    { "downtime-limit", "migrate-set-parameters", 1234 },
    /* Before 2.8. */
    { "decompress-threads", "migrate-set-parameters", 3 },
};

/* Returns the row of the table above that this guest supports. */
static gsize
find_settable(Fixture *fixture, gpointer domain)
{
    g_autoptr(GError) error = NULL;
    MigtuneDriverCommand command = { .name = "query-migrate-parameters" };
    gsize i = 0;

    fixture->driver->execute(domain, &command, 1, NULL, &error);
    g_assert_no_error(error);
    while (!json_object_has_member(json_node_get_object(command.result),
                                   settable[i].parameter)) {
        i++;
        g_assert_cmpuint(i, <, G_N_ELEMENTS(settable));
    }
    json_node_unref(command.result);

    return i;
}

/* The usual pair of queries, a refused command between them, and a change
 * that is read back. */
static void
test_execute(Fixture *fixture, gconstpointer data)
{
    enum { QUERY, REFUSED, SET, AGAIN, N };
    MigtuneDriverIdentity identity = { NULL };
    gpointer domain = open_domain(fixture, 0, &identity);
    gsize row = find_settable(fixture, domain);
    g_autoptr(JsonObject) arguments = json_object_new();
    g_autoptr(GError) error = NULL;
    MigtuneDriverCommand commands[N] = {
        [QUERY] = { .name = "query-migrate-parameters" },
        [REFUSED] = { .name = "no-such-command" },
        [SET] = { .name = settable[row].set, .arguments = arguments },
        [AGAIN] = { .name = "query-migrate-parameters" },
    };

    json_object_set_int_member(arguments, settable[row].parameter,
                               settable[row].value);
    fixture->driver->execute(domain, commands, N, NULL, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < N; i++) {
        g_assert_true(commands[i].answered);
        g_assert_cmpint(commands[i].error != NULL, ==, i == REFUSED);
        g_assert_cmpint(commands[i].result != NULL, ==, i != REFUSED);
    }
    g_assert_error(commands[REFUSED].error, MIGTUNE_ERROR,
                   MIGTUNE_ERROR_QEMU);
    g_assert_cmpstr(migtune_error_get_field(
        commands[REFUSED].error, MIGTUNE_ERROR_FIELD_QEMU_CLASS), ==,
        "CommandNotFound");
    g_assert_cmpstr(migtune_error_get_field(
        commands[REFUSED].error, MIGTUNE_ERROR_FIELD_COMMAND), ==,
        "no-such-command");
    g_assert_cmpint(json_object_get_int_member(
        json_node_get_object(commands[AGAIN].result),
        settable[row].parameter), ==, settable[row].value);

    for (guint i = 0; i < N; i++) {
        g_clear_pointer(&commands[i].result, json_node_unref);
        g_clear_error(&commands[i].error);
    }
    fixture->driver->domain_close(domain);
    migtune_driver_identity_clear(&identity);
}

static void
test_cancelled(Fixture *fixture, gconstpointer data)
{
    MigtuneDriverIdentity identity = { NULL };
    gpointer domain = open_domain(fixture, 0, &identity);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    MigtuneDriverCommand command = { .name = "query-migrate-parameters" };

    g_cancellable_cancel(cancellable);
    g_assert_false(fixture->driver->execute(domain, &command, 1, cancellable,
                                            &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_assert_false(command.answered);
    g_clear_error(&error);

    if (fixture->driver->reconnect) {
        g_assert_true(fixture->driver->reconnect(domain, NULL, &error));
        g_assert_no_error(error);
    }
    g_assert_true(fixture->driver->execute(domain, &command, 1, NULL, NULL));
    g_clear_pointer(&command.result, json_node_unref);
    fixture->driver->domain_close(domain);
    migtune_driver_identity_clear(&identity);
}

/* The same guests through the library: every key of the list, and every
 * name, UUID and key that a user can give, opens the right domain. */
static void
test_through_the_library(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_auto(GStrv) keys = NULL;

    conn = migtune_conn_open(fixture->setup.uri, MIGTUNE_CONN_NO_CACHE, 0, NULL,
                             &error);
    g_assert_no_error(error);
    keys = migtune_conn_list(conn, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_strv_length(keys), ==, 2);
    for (char **at = keys; *at; at++) {
        g_autofree char *name = NULL;
        g_autofree char *uuid = NULL;
        MigtuneDomain *domain =
            migtune_conn_open_domain(conn, *at, NULL, &error);

        g_assert_no_error(error);
        name = g_strdup(migtune_domain_get_name(domain));
        uuid = g_strdup(migtune_domain_get_uuid(domain));
        g_assert_cmpstr(migtune_domain_get_key(domain), ==, *at);
        migtune_domain_unref(domain);
        for (guint i = 0; i < 3; i++) {
            const char *asked = i == 0 ? name : i == 1 ? *at : uuid;

            if (!asked)
                continue;
            domain = migtune_conn_lookup(conn, asked, NULL, &error);
            g_assert_no_error(error);
            g_assert_cmpstr(migtune_domain_get_key(domain), ==, *at);
            migtune_domain_unref(domain);
        }
    }
    g_assert_null(migtune_conn_lookup(conn, "no such guest", NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
}

/* Opens the first domain through the library. */
static MigtuneDomain *
open_through_library(const char *uri)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn =
        migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, NULL, &error);
    g_auto(GStrv) keys = NULL;
    MigtuneDomain *domain;

    g_assert_no_error(error);
    keys = migtune_conn_list(conn, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_open_domain(conn, keys[0], NULL, &error);
    g_assert_no_error(error);

    return domain;
}

/* A probe succeeds and finds the release, if that is known. */
static void
test_release(Fixture *fixture, gconstpointer data)
{
    const char *release = drivers[fixture->row].release;
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneDomain) domain =
        open_through_library(fixture->setup.uri);
    g_autoptr(JsonNode) found =
        migtune_domain_probe(domain, TRUE, NULL, &error);
    g_autofree char *qemu = NULL;

    g_assert_no_error(error);
    if (!release)
        return;
    qemu = g_strdup_printf("%s.", release);
    g_assert_true(g_str_has_prefix(migtune_domain_get_qemu(domain), qemu));
    g_assert_cmpstr(json_object_get_string_member(
        json_node_get_object(found), "release"), ==, release);
}

/* Checks that the monitor at @address belongs to the domain of @identity. */
static void
check_served(const MigtuneDriver *driver, gpointer domain, const char *path,
             const MigtuneDriverIdentity *identity)
{
    g_autofree char *address = g_strconcat("unix:", path, NULL);
    g_autofree char *uri = g_strconcat("qmp://", path, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneDomain) same = NULL;
    g_autofree char *served = driver->serve(domain, address, &error);
    struct stat st;

    g_assert_no_error(error);
    g_assert_cmpstr(served, ==, address);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 0777, ==, 0600);
    same = open_through_library(uri);
    g_assert_cmpstr(migtune_domain_get_name(same), ==, identity->name);
    g_assert_cmpstr(migtune_domain_get_uuid(same), ==, identity->uuid);
    g_assert_null(driver->serve(domain, address, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
}

/* A domain that offers a monitor offers its own guest, as long as the domain
 * is open. */
static void
test_serve(Fixture *fixture, gconstpointer data)
{
    MigtuneDriverIdentity identity = { NULL };
    gpointer domain = open_domain(fixture, 0, &identity);
    g_autofree char *path = g_build_filename(fixture->setup.directory,
                                             "served.sock", NULL);
    struct stat st;

    if (fixture->driver->serve) {
        check_served(fixture->driver, domain, path, &identity);
        fixture->driver->domain_close(domain);
    } else {
        g_autoptr(MigtuneDomain) other = NULL;
        g_autoptr(GError) error = NULL;

        /* QEMU serves one client at a time. */
        fixture->driver->domain_close(domain);
        other = open_through_library(fixture->setup.uri);
        g_assert_null(migtune_domain_serve(other, "unix:/nowhere", &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
    }
    g_assert_cmpint(stat(path, &st), !=, 0);
    migtune_driver_identity_clear(&identity);
}

/* A driver that can see without a query that a guest has ended reports it at
 * once. */
static void
test_alive(Fixture *fixture, gconstpointer data)
{
    const MigtuneDriver *driver = fixture->driver;
    MigtuneDriverIdentity identity = { NULL };
    MigtuneDriverCommand quit = { .name = "quit" };
    g_autoptr(GError) error = NULL;
    gpointer domain;

    if (!driver->check_alive) {
        g_autoptr(MigtuneDomain) other =
            open_through_library(fixture->setup.uri);

        g_assert_false(migtune_domain_check_alive(other, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
        return;
    }

    domain = open_domain(fixture, 0, &identity);
    g_assert_true(driver->check_alive(domain, &error));
    g_assert_no_error(error);
    driver->execute(domain, &quit, 1, NULL, &error);
    g_assert_no_error(error);
    g_clear_pointer(&quit.result, json_node_unref);
    g_assert_false(driver->check_alive(domain, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    driver->domain_close(domain);
    migtune_driver_identity_clear(&identity);
}

static const struct {
    const char *name;
    void (*func)(Fixture *fixture, gconstpointer data);
} promises[] = {
    { "structure", test_structure },
    { "wrong-uris", test_wrong_uris },
    { "list-and-find", test_list_and_find },
    { "identity", test_identity },
    { "unknown-key", test_unknown_key },
    { "execute", test_execute },
    { "cancelled", test_cancelled },
    { "through-the-library", test_through_the_library },
    { "release", test_release },
    { "serve", test_serve },
    { "alive", test_alive },
};

/* Selects real QEMUs, those that are installed, or the cases without QEMU,
 * as the environment asks. */
static gboolean
is_wanted(gsize i)
{
    gboolean real = g_getenv("MIGTUNE_TEST_REAL") != NULL;

    return drivers[i].real == real &&
        (!real || guest_command(drivers[i].release));
}

int
main(int argc, char **argv)
{
    g_autofree char *top = g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"),
                                            "src", "drivers", NULL);
    g_autofree char *search = g_strdup_printf("%s/qmp:%s/ref:%s/libvirt", top,
                                              top, top);
    guint n_wanted = 0;

    g_test_init(&argc, &argv, NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", search, TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(drivers); i++) {
        for (gsize j = 0; is_wanted(i) && j < G_N_ELEMENTS(promises); j++) {
            g_autofree char *path = g_strdup_printf(
                "/conformance/%s/%s", drivers[i].path, promises[j].name);

            g_test_add(path, Fixture, GSIZE_TO_POINTER(i), fixture_up,
                       promises[j].func, fixture_down);
            n_wanted++;
        }
    }
    if (n_wanted == 0) {
        printf("1..0 # SKIP no real QEMU is named\n");
        return 0;
    }
#ifdef CONFORMANCE_LIBVIRT
    {
        int status;

        if (!hosts_can_be())
            return 0;
        status = g_test_run();
        host_free(libvirt_host);
        return status;
    }
#else
    return g_test_run();
#endif
}
