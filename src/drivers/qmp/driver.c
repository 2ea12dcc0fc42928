/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's own monitor as a driver.
 *
 *     qmp:///path/to/socket     one guest
 *     qmp:///directory/         every socket in it is a guest
 *     qmp+tcp://host:port       one guest
 *
 * The key of a domain is the path of its socket, or host:port.  Its name is
 * the one that QEMU was started with, or else the name of the socket file.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "migtune/migtune-driver.h"
#include "qmp/client.h"
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/uri.h"

typedef struct {
    char *path;                 /* NULL: TCP */
    gboolean is_directory;
    char *host;
    guint16 port;
    guint connect_timeout_ms;
    guint command_timeout_ms;
} QmpConn;

typedef struct {
    MtClient *client;
    char *key;
    /* As of the first connection. */
    char *name;
    char *uuid;
    char *instance;
    char *version;
} QmpDomain;

/* The commands that are sent along with qmp_capabilities. */
enum {
    QMP_ASK_NAME,
    QMP_ASK_UUID,
    QMP_N_ASKED
};

/* Prefixes and suffixes of socket files that are not part of the guest's
 * name. */
static const char *const qmp_prefixes[] = { "qmp-", "monitor-", "mon-" };
static const char *const qmp_suffixes[] = {
    ".sock", ".socket", ".qmp", ".monitor", ".mon",
};

static void
qmp_close(gpointer data)
{
    QmpConn *conn = data;

    g_free(conn->path);
    g_free(conn->host);
    g_free(conn);
}

/* Reads the path of a qmp: URI and finds out whether it is a directory. */
static gboolean
qmp_open_path(QmpConn *conn, const char *uri, GUri *parsed, GError **error)
{
    const char *path = g_uri_get_path(parsed);
    const char *host = g_uri_get_host(parsed);
    struct stat st;

    if (host && *host)
        return mt_uri_is_bad(uri, error,
                             _("it names the host '%s'; a path needs three "
                               "slashes, as in qmp:///%s%s, and another host "
                               "needs qmp+tcp://%s:PORT"),
                             host, host, path, host);
    if (g_uri_get_port(parsed) != -1)
        return mt_uri_is_bad(uri, error, _("a port needs qmp+tcp:"));
    if (*path != '/')
        return mt_uri_is_bad(uri, error, _("expected an absolute path, as in "
                                           "qmp:///run/guests/"));
    conn->path = g_uri_unescape_string(path, NULL);
    if (!conn->path || !g_utf8_validate(conn->path, -1, NULL))
        return mt_uri_is_bad(uri, error, _("the path is not percent-encoded "
                                           "UTF-8"));

    if (stat(conn->path, &st) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          errno == ENOENT
                          ? _("there is no socket or directory %s: %s")
                          : _("cannot reach %s: %s"),
                          conn->path, g_strerror(errno));
        return FALSE;
    }
    conn->is_directory = S_ISDIR(st.st_mode);
    if (!conn->is_directory && !S_ISSOCK(st.st_mode)) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("%s is neither a socket nor a directory"),
                          conn->path);
        return FALSE;
    }

    return TRUE;
}

static gboolean
qmp_open_tcp(QmpConn *conn, const char *uri, GUri *parsed, GError **error)
{
    const char *path = g_uri_get_path(parsed);
    const char *host = g_uri_get_host(parsed);
    int port = g_uri_get_port(parsed);

    if (!host || !*host || port < 1 || port > G_MAXUINT16)
        return mt_uri_is_bad(uri, error,
                             _("expected qmp+tcp://HOST:PORT, with an IPv6 "
                               "address in brackets"));
    if (*path && strcmp(path, "/") != 0)
        return mt_uri_is_bad(uri, error, _("nothing may follow the port"));
    conn->host = g_uri_unescape_string(host, NULL);
    if (!conn->host || !g_utf8_validate(conn->host, -1, NULL))
        return mt_uri_is_bad(uri, error, _("the host is not UTF-8"));
    conn->port = port;

    return TRUE;
}

static gpointer
qmp_open(const char *uri, const MigtuneDriverOptions *options,
         GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GUri) parsed = g_uri_parse(uri, G_URI_FLAGS_ENCODED, &local);
    QmpConn *conn;
    gboolean ok;

    if (!parsed) {
        g_autofree char *text = mt_foreign_text(local);

        mt_uri_is_bad(uri, error, "%s", text);
        return NULL;
    }
    if (g_uri_get_query(parsed) || g_uri_get_fragment(parsed) ||
        g_uri_get_userinfo(parsed)) {
        mt_uri_is_bad(uri, error,
                      _("a user, a query or a fragment is not supported; in a "
                        "path, write %%3F for ? and %%23 for #"));
        return NULL;
    }

    conn = g_new0(QmpConn, 1);
    conn->connect_timeout_ms = options->connect_timeout_ms;
    conn->command_timeout_ms = options->command_timeout_ms;
    if (strcmp(g_uri_get_scheme(parsed), "qmp+tcp") == 0)
        ok = qmp_open_tcp(conn, uri, parsed, error);
    else
        ok = qmp_open_path(conn, uri, parsed, error);
    if (!ok)
        g_clear_pointer(&conn, qmp_close);

    return conn;
}

static gboolean
qmp_entry_is_socket(int fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type == DT_SOCK)
        return TRUE;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return FALSE;

    return fstatat(fd, entry->d_name, &st, 0) == 0 && S_ISSOCK(st.st_mode);
}

static char **
qmp_list_directory(const QmpConn *conn, GError **error)
{
    g_autoptr(GPtrArray) keys = NULL;
    DIR *dir = opendir(conn->path);
    struct dirent *entry;

    if (!dir) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("cannot read the directory %s: %s"), conn->path,
                          g_strerror(errno));
        return NULL;
    }

    keys = g_ptr_array_new();
    while ((entry = readdir(dir))) {
        /* Keys appear in messages and JSON, so they must be UTF-8. */
        if (qmp_entry_is_socket(dirfd(dir), entry) &&
            g_utf8_validate(entry->d_name, -1, NULL))
            g_ptr_array_add(keys, g_build_filename(conn->path, entry->d_name,
                                                   NULL));
    }
    closedir(dir);
    g_ptr_array_add(keys, NULL);

    return (char **)g_ptr_array_steal(keys, NULL);
}

static char *
qmp_tcp_key(const QmpConn *conn)
{
    const MtAddress address = { .host = conn->host, .port = conn->port };

    return mt_address_to_text(&address);
}

static char **
qmp_list(gpointer data, GCancellable *cancellable, GError **error)
{
    const QmpConn *conn = data;
    char **keys;

    if (conn->is_directory)
        return qmp_list_directory(conn, error);

    keys = g_new0(char *, 2);
    keys[0] = conn->path ? g_strdup(conn->path) : qmp_tcp_key(conn);

    return keys;
}

/* Guesses the name of a guest from the name of its socket. */
static char *
qmp_bare_name(const char *key)
{
    g_autofree char *base = g_path_get_basename(key);
    const char *from = base;
    gsize length;

    for (gsize i = 0; i < G_N_ELEMENTS(qmp_prefixes); i++) {
        gsize n = strlen(qmp_prefixes[i]);

        if (strncmp(from, qmp_prefixes[i], n) == 0 && from[n]) {
            from += n;
            break;
        }
    }
    length = strlen(from);
    for (gsize i = 0; i < G_N_ELEMENTS(qmp_suffixes); i++) {
        gsize n = strlen(qmp_suffixes[i]);

        if (length > n && g_str_has_suffix(from, qmp_suffixes[i])) {
            length -= n;
            break;
        }
    }

    return g_strndup(from, length);
}

/* How well the name of a socket matches the name of a guest. */
enum {
    QMP_RANK_FILE,              /* the file has this name */
    QMP_RANK_BARE,              /* without its prefix and suffix it has */
    QMP_RANK_NONE,
};


static int
qmp_rank(const char *key, const char *name)
{
    g_autofree char *base = g_path_get_basename(key);
    g_autofree char *bare = qmp_bare_name(key);

    if (strcmp(base, name) == 0)
        return QMP_RANK_FILE;

    return strcmp(bare, name) == 0 ? QMP_RANK_BARE : QMP_RANK_NONE;
}

static gint
qmp_compare(gconstpointer a, gconstpointer b, gpointer name)
{
    const char *key_a = *(const char *const *)a;
    const char *key_b = *(const char *const *)b;
    int rank_a = qmp_rank(key_a, name);
    int rank_b = qmp_rank(key_b, name);

    return rank_a != rank_b ? rank_a - rank_b : strcmp(key_a, key_b);
}

/* Sockets that do not match are left out: a guest may have any name. */
static char **
qmp_find(gpointer data, const char *name)
{
    g_auto(GStrv) keys = qmp_list(data, NULL, NULL);
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    for (guint i = 0; keys && keys[i]; i++) {
        if (qmp_rank(keys[i], name) != QMP_RANK_NONE)
            g_ptr_array_add(found, g_strdup(keys[i]));
    }
    g_ptr_array_sort_with_data(found, qmp_compare, (gpointer)name);
    g_ptr_array_add(found, NULL);

    return (char **)g_ptr_array_steal(found, NULL);
}

static void
qmp_domain_close(gpointer data)
{
    QmpDomain *domain = data;

    mt_client_free(domain->client);
    g_free(domain->key);
    g_free(domain->name);
    g_free(domain->uuid);
    g_free(domain->instance);
    g_free(domain->version);
    g_free(domain);
}

/* A string member of the result of @command; NULL if it is absent or empty. */
static char *
qmp_get_text(const MtCommand *command, const char *member)
{
    const char *text = NULL;

    if (!command->result || !JSON_NODE_HOLDS_OBJECT(command->result) ||
        !mt_json_opt_string(json_node_get_object(command->result), member,
                            &text, NULL) || !text || !*text)
        return NULL;

    return g_strdup(text);
}

static gboolean
qmp_uuid_is_set(const char *uuid)
{
    return uuid && strspn(uuid, "0-") != strlen(uuid);
}

/* Connects and asks for the guest's name and UUID. */
static gboolean
qmp_connect(QmpDomain *domain, char **ret_name, char **ret_uuid,
            GCancellable *cancellable, GError **error)
{
    MtCommand asked[QMP_N_ASKED];
    g_autofree char *uuid = NULL;
    gboolean ok;

    mt_command_init(&asked[QMP_ASK_NAME], "query-name", NULL);
    mt_command_init(&asked[QMP_ASK_UUID], "query-uuid", NULL);
    ok = mt_client_open(domain->client, asked, QMP_N_ASKED, cancellable,
                        error);
    if (ok) {
        *ret_name = qmp_get_text(&asked[QMP_ASK_NAME], "name");
        uuid = qmp_get_text(&asked[QMP_ASK_UUID], "UUID");
        *ret_uuid = qmp_uuid_is_set(uuid) ? g_steal_pointer(&uuid) : NULL;
    }
    mt_commands_clear(asked, QMP_N_ASKED);

    return ok;
}

/* The version of the greeting as one line of JSON. */
static char *
qmp_version_line(const QmpDomain *domain)
{
    return mt_json_object_to_line(
        mt_client_get_greeting(domain->client)->version);
}

static void
qmp_identify(const QmpConn *conn, const QmpDomain *domain,
             MigtuneDriverIdentity *identity)
{
    const char *binary = mt_client_get_binary(domain->client);

    identity->name = g_strdup(domain->name);
    if (!identity->name) {
        identity->unnamed = TRUE;
        identity->name = conn->path ? qmp_bare_name(domain->key)
            : g_strdup(domain->key);
    }
    identity->uuid = g_strdup(domain->uuid);
    /* A reference process serves several guests, so the guest's name and UUID
     * are part of the identity.  The path of the socket is not, because one
     * QEMU may have several monitors. */
    if (domain->instance)
        identity->instance = g_strdup_printf(
            "%s %s %s", domain->instance, domain->name ? domain->name : "",
            domain->uuid ? domain->uuid : "");
    identity->version = json_node_alloc();
    json_node_init_object(identity->version,
                          mt_client_get_greeting(domain->client)->version);
    /* The process that created the socket may not be the one that answers, so
     * the version is part of the key. */
    if (binary)
        identity->binary = g_strdup_printf("%s %s", binary, domain->version);
}

static gboolean
qmp_key_is_ours(const QmpConn *conn, const char *key, GError **error)
{
    g_autofree char *directory = NULL;
    g_autofree char *only = NULL;
    gsize length;

    if (conn->is_directory) {
        directory = g_path_get_dirname(key);
        length = strlen(conn->path);
        while (length > 1 && conn->path[length - 1] == '/')
            length--;
        if (strlen(directory) == length &&
            strncmp(directory, conn->path, length) == 0)
            return TRUE;
    } else {
        only = conn->path ? g_strdup(conn->path) : qmp_tcp_key(conn);
        if (strcmp(key, only) == 0)
            return TRUE;
    }
    migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                      _("there is no domain with the key '%s'"), key);

    return FALSE;
}

static gpointer
qmp_domain_open(gpointer data, const char *key,
                MigtuneDriverIdentity *identity, GCancellable *cancellable,
                GError **error)
{
    const QmpConn *conn = data;
    QmpDomain *domain;

    if (!qmp_key_is_ours(conn, key, error))
        return NULL;

    domain = g_new0(QmpDomain, 1);
    domain->key = g_strdup(key);
    domain->client = mt_client_new(conn->path
                                   ? mt_address_new_unix(key)
                                   : mt_address_new_tcp(conn->host,
                                                        conn->port),
                                   conn->connect_timeout_ms,
                                   conn->command_timeout_ms);
    mt_client_watch_event(domain->client, "MIGRATION_PASS");
    if (!qmp_connect(domain, &domain->name, &domain->uuid, cancellable,
                     error)) {
        qmp_domain_close(domain);
        return NULL;
    }
    domain->instance = g_strdup(mt_client_get_instance(domain->client));
    domain->version = qmp_version_line(domain);
    qmp_identify(conn, domain, identity);

    return domain;
}

static gboolean
qmp_execute(gpointer data, MigtuneDriverCommand *commands, guint n_commands,
            GCancellable *cancellable, GError **error)
{
    QmpDomain *domain = data;

    return mt_client_run(domain->client, commands, n_commands, cancellable,
                         error);
}

static gboolean
qmp_wait_pass(gpointer data, guint timeout_ms, GCancellable *cancellable)
{
    QmpDomain *domain = data;

    return mt_client_wait_event(domain->client, timeout_ms, cancellable);
}

static void
qmp_release(gpointer data)
{
    QmpDomain *domain = data;

    mt_client_close(domain->client);
}

/* FALSE if another guest, or the same guest started again, answers now. */
static gboolean
qmp_reconnect(gpointer data, GCancellable *cancellable, GError **error)
{
    QmpDomain *domain = data;
    g_autofree char *name = NULL;
    g_autofree char *uuid = NULL;
    g_autofree char *version = NULL;
    const char *instance;

    if (!qmp_connect(domain, &name, &uuid, cancellable, error))
        return FALSE;

    version = qmp_version_line(domain);
    instance = mt_client_get_instance(domain->client);
    if (g_strcmp0(instance, domain->instance) == 0 &&
        g_strcmp0(name, domain->name) == 0 &&
        g_strcmp0(uuid, domain->uuid) == 0 &&
        strcmp(version, domain->version) == 0)
        return TRUE;

    mt_client_close(domain->client);
    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      _("%s: a different guest answers than before the "
                        "connection was lost"), domain->key);

    return FALSE;
}

static const char *const qmp_schemes[] = { "qmp", "qmp+tcp", NULL };

static const MigtuneDriver qmp_driver = {
    MIGTUNE_DRIVER_HEADER,
    .name = "qmp",
    .schemes = qmp_schemes,
    .open = qmp_open,
    .close = qmp_close,
    .list = qmp_list,
    .find = qmp_find,
    .domain_open = qmp_domain_open,
    .domain_close = qmp_domain_close,
    .execute = qmp_execute,
    .reconnect = qmp_reconnect,
    .release = qmp_release,
    .wait_pass = qmp_wait_pass,
};

MIGTUNE_DRIVER_DEFINE(qmp_driver)
