/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver that keeps settings with its domains, as libvirt does, and has
 * domains that do not run.
 *
 * keeper:///DIRECTORY/ has a domain for each file NAME.domain, a text that
 * contains the element of kept settings. The domain runs while there is a
 * socket NAME.sock, which the driver qmp opens; the settings recorded with the
 * running domain are in NAME.live.
 *
 * With KEEPER_RIVAL=between in the environment a parameter is added right after
 * a read, as another program would do; with KEEPER_RIVAL=over the former text
 * is also written back after a write; once each.
 *
 * With KEEPER_FAIL_GET=N the Nth read of kept settings fails, with
 * KEEPER_FAIL_GET=N+ every read from then on.
 */
#include <string.h>

#include <gmodule.h>

#include "migtune/migtune-driver.h"

static const char *const keeper_schemes[] = { "keeper", NULL };

typedef struct {
    const MigtuneDriver *qmp;
    gpointer qmp_conn;
    char *directory;
} KeeperConn;

typedef struct {
    KeeperConn *conn;
    char *name;
    gpointer inner;             /* NULL: it does not run */
} KeeperDomain;

static const MigtuneDriver *
keeper_find_qmp(void)
{
    g_auto(GStrv) directories =
        g_strsplit(g_getenv("MIGTUNE_DRIVER_PATH"), ":", -1);
    const MigtuneDriver *(*entry)(void);
    gpointer symbol = NULL;

    for (char **at = directories; *at; at++) {
        g_autofree char *file = g_build_filename(*at, "qmp.so", NULL);
        GModule *module = g_module_open(file, G_MODULE_BIND_LOCAL);

        if (!module)
            continue;
        g_assert_true(g_module_symbol(module, MIGTUNE_DRIVER_SYMBOL, &symbol));
        g_module_make_resident(module);
        entry = symbol;
        return entry();
    }

    g_assert_not_reached();
}

static gpointer
keeper_open(const char *uri, const MigtuneDriverOptions *options,
            GCancellable *cancellable, GError **error)
{
    KeeperConn *conn = g_new0(KeeperConn, 1);
    g_autofree char *inner = NULL;

    conn->qmp = keeper_find_qmp();
    conn->directory = g_strdup(uri + strlen("keeper://"));
    inner = g_strconcat("qmp://", conn->directory, NULL);
    conn->qmp_conn = conn->qmp->open(inner, options, cancellable, error);
    if (conn->qmp_conn)
        return conn;

    g_free(conn->directory);
    g_free(conn);
    return NULL;
}

static void
keeper_close(gpointer handle)
{
    KeeperConn *conn = handle;

    conn->qmp->close(conn->qmp_conn);
    g_free(conn->directory);
    g_free(conn);
}

static char **
keeper_list(gpointer handle, GCancellable *cancellable, GError **error)
{
    KeeperConn *conn = handle;
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(GDir) dir = g_dir_open(conn->directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_suffix(name, ".domain"))
            g_ptr_array_add(keys, g_strndup(name, strlen(name) -
                                                      strlen(".domain")));
    }
    g_ptr_array_add(keys, NULL);

    return (char **)g_ptr_array_steal(keys, NULL);
}

/* A guest may start or end between the two lists: keeper_list() has the guests
 * without a socket, too. */
static char **
keeper_list_inactive(gpointer handle, GCancellable *cancellable, GError **error)
{
    KeeperConn *conn = handle;
    g_auto(GStrv) all = keeper_list(handle, cancellable, error);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    for (guint i = 0; all && all[i]; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.sock", conn->directory,
                                                all[i]);

        if (!g_file_test(path, G_FILE_TEST_EXISTS))
            g_ptr_array_add(keys, g_strdup(all[i]));
    }
    g_ptr_array_add(keys, NULL);

    return (char **)g_ptr_array_steal(keys, NULL);
}

/* The file KEY.title. */
static char *
keeper_title(gpointer handle, GCancellable *cancellable, GError **error)
{
    KeeperDomain *domain = handle;
    g_autofree char *path = g_strdup_printf(
        "%s/%s.title", domain->conn->directory, domain->name);
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static gpointer
keeper_domain_open(gpointer handle, const char *key,
                   MigtuneDriverIdentity *identity, GCancellable *cancellable,
                   GError **error)
{
    KeeperConn *conn = handle;
    g_autofree char *file = g_strconcat(key, ".sock", NULL);
    g_autofree char *path = g_build_filename(conn->directory, file, NULL);
    KeeperDomain *domain = g_new0(KeeperDomain, 1);

    domain->conn = conn;
    domain->name = g_strdup(key);
    identity->inactive = !g_file_test(path, G_FILE_TEST_EXISTS);
    if (identity->inactive) {
        identity->name = g_strdup(key);
        return domain;
    }

    domain->inner = conn->qmp->domain_open(conn->qmp_conn, path, identity,
                                           cancellable, error);
    if (domain->inner)
        return domain;

    g_free(domain->name);
    g_free(domain);
    return NULL;
}

static void
keeper_domain_close(gpointer handle)
{
    KeeperDomain *domain = handle;

    if (domain->inner)
        domain->conn->qmp->domain_close(domain->inner);
    g_free(domain->name);
    g_free(domain);
}

static gboolean
keeper_execute(gpointer handle, MigtuneDriverCommand *commands,
               guint n_commands, GCancellable *cancellable, GError **error)
{
    KeeperDomain *domain = handle;

    g_assert_nonnull(domain->inner);
    return domain->conn->qmp->execute(domain->inner, commands, n_commands,
                                      cancellable, error);
}

static gboolean
keeper_reconnect(gpointer handle, GCancellable *cancellable, GError **error)
{
    KeeperDomain *domain = handle;

    return domain->conn->qmp->reconnect(domain->inner, cancellable, error);
}

/* Returns the file of @which, which exists before its first use; domains
 * named `transient` have no definition. */
static char *
keeper_path(KeeperDomain *domain, MigtuneDriverKept which, GError **error)
{
    g_autofree char *file = NULL;

    if (which == MIGTUNE_DRIVER_KEPT_CONFIG &&
        strcmp(domain->name, "transient") == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "%s has no definition", domain->name);
        return NULL;
    }
    file = g_strconcat(
        domain->name,
        which == MIGTUNE_DRIVER_KEPT_LIVE ? ".live" : ".domain", NULL);
    return g_build_filename(domain->conn->directory, file, NULL);
}

/* Finds the element in @text; NULL if there is none. */
static char *
keeper_find(char *text, char **ret_end)
{
    static const char *const ends[] = { "</migtune:settings>", "/>" };
    char *start = text ? strstr(text, "<migtune:settings") : NULL;

    for (gsize i = 0; start && i < G_N_ELEMENTS(ends); i++) {
        char *end = strstr(start, ends[i]);

        if (end) {
            *ret_end = end + strlen(ends[i]);
            return start;
        }
    }

    return NULL;
}

#define RIVAL "<migtune:parameter name=\"announce.rounds\" value=\"7\"/>"

/* Adds a parameter to the element in @path, once. */
static void
keeper_interfere(const char *path)
{
    g_autofree char *text = NULL;
    g_autofree char *all = NULL;
    char *at;

    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        strstr(text, RIVAL) || !(at = strstr(text, "</migtune:settings>")))
        return;
    all = g_strdup_printf("%.*s%s%s", (int)(at - text), text, RIVAL, at);
    g_assert_true(g_file_set_contents(path, all, -1, NULL));
}

/* Returns whether this read has to fail. */
static gboolean
keeper_get_fails(void)
{
    const char *fail = g_getenv("KEEPER_FAIL_GET");
    g_autofree char *next = NULL;
    char *rest;
    guint64 n;

    if (!fail)
        return FALSE;
    n = g_ascii_strtoull(fail, &rest, 10);
    if (n <= 1) {
        if (*rest != '+')
            g_unsetenv("KEEPER_FAIL_GET");
        return TRUE;
    }
    next = g_strdup_printf("%u%s", (guint)(n - 1), rest);
    g_setenv("KEEPER_FAIL_GET", next, TRUE);

    return FALSE;
}

static char *
keeper_kept_get(gpointer handle, MigtuneDriverKept which, GError **error)
{
    g_autofree char *path = keeper_path(handle, which, error);
    g_autofree char *text = NULL;
    char *start, *end;

    if (!path)
        return NULL;
    if (keeper_get_fails()) {
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "the daemon went away");
        return NULL;
    }
    g_file_get_contents(path, &text, NULL, NULL);
    start = keeper_find(text, &end);
    if (g_getenv("KEEPER_RIVAL"))
        keeper_interfere(path);

    return start ? g_strndup(start, end - start) : NULL;
}

static gboolean
keeper_kept_set(gpointer handle, MigtuneDriverKept which, const char *xml,
                GError **error)
{
    g_autofree char *path = keeper_path(handle, which, error);
    g_autofree char *text = NULL;
    g_autofree char *all = NULL;
    char *start, *end;

    if (!path)
        return FALSE;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        text = g_strdup("");
    start = keeper_find(text, &end);
    if (!start)
        start = end = strstr(text, "</metadata>");
    if (!start)
        start = end = text + strlen(text);
    if (g_strcmp0(g_getenv("KEEPER_RIVAL"), "over") == 0) {
        g_setenv("KEEPER_RIVAL", "between", TRUE);
        return TRUE;
    }
    all = g_strdup_printf("%.*s%s%s", (int)(start - text), text,
                          xml ? xml : "", end);

    return g_file_set_contents(path, all, -1, error);
}

static const MigtuneDriver keeper_driver = {
    MIGTUNE_DRIVER_HEADER,
    .name = "keeper",
    .schemes = keeper_schemes,
    .open = keeper_open,
    .close = keeper_close,
    .list = keeper_list,
    .list_inactive = keeper_list_inactive,
    .title = keeper_title,
    .domain_open = keeper_domain_open,
    .domain_close = keeper_domain_close,
    .execute = keeper_execute,
    .reconnect = keeper_reconnect,
    .kept_get = keeper_kept_get,
    .kept_set = keeper_kept_set,
    .manager = "keeper",
    .features = MIGTUNE_DRIVER_READ_ONLY,
};

MIGTUNE_DRIVER_DEFINE(keeper_driver)
