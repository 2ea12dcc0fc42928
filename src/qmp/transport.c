/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UNIX and TCP sockets to a monitor.
 *
 * GSocket is used as it is: a GSocketClient would look for a proxy resolver,
 * which loads modules and costs more than everything else that a short
 * command does.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>

#include "qmp/transport.h"
#include "migtune/migtune-error.h"

/* How often a listener whose queue is full is tried again. */
#define TRANSPORT_RETRY_MS 20

MtAddress *
mt_address_new_unix(const char *path)
{
    MtAddress *address = g_new0(MtAddress, 1);

    address->path = g_strdup(path);

    return address;
}

MtAddress *
mt_address_new_tcp(const char *host, guint16 port)
{
    MtAddress *address = g_new0(MtAddress, 1);

    address->host = g_strdup(host);
    address->port = port;

    return address;
}

void
mt_address_free(MtAddress *address)
{
    if (!address)
        return;

    g_free(address->path);
    g_free(address->host);
    g_free(address);
}

char *
mt_address_to_text(const MtAddress *address)
{
    if (address->path)
        return g_strdup(address->path);
    if (strchr(address->host, ':'))
        return g_strdup_printf("[%s]:%u", address->host, address->port);

    return g_strdup_printf("%s:%u", address->host, address->port);
}

void
mt_qmp_set_cancelled(GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      "the operation was cancelled");
}

gboolean
mt_qmp_sleep(guint ms, GCancellable *cancellable, GError **error)
{
    GPollFD fd;
    gboolean have_fd = g_cancellable_make_pollfd(cancellable, &fd);

    g_poll(&fd, have_fd ? 1 : 0, (int)ms);
    if (have_fd)
        g_cancellable_release_fd(cancellable);
    if (g_cancellable_is_cancelled(cancellable)) {
        mt_qmp_set_cancelled(error);
        return FALSE;
    }

    return TRUE;
}

/* Says why @cause came of connecting to @address. */
static void
transport_explain(const MtAddress *address, const GError *cause,
                  GError **error)
{
    g_autofree char *where = mt_address_to_text(address);
    struct stat st;

    if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        mt_qmp_set_cancelled(error);
        return;
    }
    if (address->path && stat(address->path, &st) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          errno == ENOENT
                          ? "there is no monitor socket %s: %s"
                          : "cannot reach the monitor socket %s: %s",
                          where, g_strerror(errno));
    } else if (address->path && !S_ISSOCK(st.st_mode)) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "%s is not a socket but %s", where,
                          S_ISDIR(st.st_mode) ? "a directory"
                          : S_ISREG(st.st_mode) ? "a file"
                          : "something else");
    } else if (g_error_matches(cause, G_IO_ERROR,
                               G_IO_ERROR_CONNECTION_REFUSED)) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "nobody listens at %s: connection refused", where);
    } else if (g_error_matches(cause, G_IO_ERROR,
                               G_IO_ERROR_PERMISSION_DENIED)) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "cannot connect to %s: permission denied", where);
    } else {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "cannot connect to %s: %s", where, cause->message);
    }
}

/*
 * The address of a UNIX socket.  One whose path does not fit the structure is
 * named through its directory, which @ret_directory holds open.
 */
static GSocketAddress *
transport_unix_address(const char *path, int *ret_directory)
{
    g_autofree char *directory = NULL;
    g_autofree char *name = NULL;
    g_autofree char *shorter = NULL;

    *ret_directory = -1;
    if (strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
        return g_unix_socket_address_new(path);

    directory = g_path_get_dirname(path);
    name = g_path_get_basename(path);
    *ret_directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    shorter = g_strdup_printf("/proc/self/fd/%d/%s", *ret_directory, name);

    return g_unix_socket_address_new(shorter);
}

/* Waits for a connection that is under way. */
static gboolean
transport_finish(GSocket *socket, gint64 deadline_us,
                 GCancellable *cancellable, GError **error)
{
    gint64 left_us = MAX(deadline_us - g_get_monotonic_time(), 0);

    return g_socket_condition_timed_wait(socket, G_IO_OUT, left_us,
                                         cancellable, error) &&
        g_socket_check_connect_result(socket, error);
}

/* Errors are those of GIO. */
static GSocket *
transport_try(GSocketAddress *address, gint64 deadline_us,
              GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GSocket) socket = NULL;
    GSocketFamily family = g_socket_address_get_family(address);

    socket = g_socket_new(family, G_SOCKET_TYPE_STREAM,
                          G_SOCKET_PROTOCOL_DEFAULT, error);
    if (!socket)
        return NULL;

    g_socket_set_blocking(socket, FALSE);
    if (family != G_SOCKET_FAMILY_UNIX)
        g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
    if (g_socket_connect(socket, address, cancellable, &local))
        return g_steal_pointer(&socket);
    if (!g_error_matches(local, G_IO_ERROR, G_IO_ERROR_PENDING)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (!transport_finish(socket, deadline_us, cancellable, error))
        return NULL;

    return g_steal_pointer(&socket);
}

static GSocket *
transport_connect_unix(const MtAddress *address, gint64 deadline_us,
                       GCancellable *cancellable, GError **error)
{
    int directory;
    g_autoptr(GSocketAddress) target =
        transport_unix_address(address->path, &directory);
    GSocket *socket = NULL;

    for (;;) {
        g_autoptr(GError) local = NULL;

        socket = transport_try(target, deadline_us, cancellable, &local);
        if (socket)
            break;
        if (!g_error_matches(local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
            transport_explain(address, local, error);
            break;
        }
        if (g_get_monotonic_time() >= deadline_us) {
            migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                              "%s takes no more connections: another client "
                              "holds the monitor and QEMU serves one at a "
                              "time", address->path);
            break;
        }
        if (!mt_qmp_sleep(TRANSPORT_RETRY_MS, cancellable, error))
            break;
    }
    if (directory >= 0)
        close(directory);

    return socket;
}

static void
transport_free_addresses(GList *addresses)
{
    g_list_free_full(addresses, g_object_unref);
}

static GSocket *
transport_connect_tcp(const MtAddress *address, gint64 deadline_us,
                      GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) local = NULL;
    GInetAddress *literal = g_inet_address_new_from_string(address->host);
    GSocket *socket = NULL;
    GList *found = NULL;

    if (literal) {
        found = g_list_append(NULL, literal);
    } else {
        g_autoptr(GResolver) resolver = g_resolver_get_default();

        found = g_resolver_lookup_by_name(resolver, address->host,
                                          cancellable, &local);
    }
    for (GList *at = found; at && !socket; at = at->next) {
        g_autoptr(GSocketAddress) target =
            g_inet_socket_address_new(at->data, address->port);

        g_clear_error(&local);
        socket = transport_try(target, deadline_us, cancellable, &local);
        if (g_cancellable_is_cancelled(cancellable))
            break;
    }
    if (!socket)
        transport_explain(address, local, error);
    transport_free_addresses(found);

    return socket;
}

GSocket *
mt_qmp_connect(const MtAddress *address, gint64 deadline_us,
                     GCancellable *cancellable, GError **error)
{
    if (g_cancellable_is_cancelled(cancellable)) {
        mt_qmp_set_cancelled(error);
        return NULL;
    }
    if (address->path)
        return transport_connect_unix(address, deadline_us, cancellable,
                                      error);

    return transport_connect_tcp(address, deadline_us, cancellable, error);
}

void
mt_qmp_acknowledge(GSocket *socket)
{
    /* The kernel takes this as a wish for now, not for ever. */
    if (g_socket_get_family(socket) != G_SOCKET_FAMILY_UNIX)
        g_socket_set_option(socket, IPPROTO_TCP, TCP_QUICKACK, 1, NULL);
}

/*
 * When process @pid was started, in clock ticks since boot: field 22 of
 * proc(5), counted from the parenthesis that ends the name, which may hold
 * anything.
 */
static char *
transport_start_time(int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    const char *rest;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    rest = strrchr(text, ')');
    if (!rest || rest[1] != ' ')
        return NULL;
    fields = g_strsplit(rest + 2, " ", 22);
    if (g_strv_length(fields) < 21)
        return NULL;

    return g_strdup(fields[19]);
}

void
mt_qmp_peer(GSocket *socket, char **ret_instance, char **ret_binary)
{
    g_autoptr(GCredentials) credentials = NULL;
    g_autofree char *exe = NULL;
    g_autofree char *start = NULL;
    struct stat st;
    int pid;

    *ret_instance = NULL;
    *ret_binary = NULL;
    if (g_socket_get_family(socket) != G_SOCKET_FAMILY_UNIX)
        return;
    credentials = g_socket_get_credentials(socket, NULL);
    pid = credentials ? g_credentials_get_unix_pid(credentials, NULL) : 0;
    if (pid <= 0)
        return;

    start = transport_start_time(pid);
    if (start)
        *ret_instance = g_strdup_printf("%d:%s", pid, start);
    exe = g_strdup_printf("/proc/%d/exe", pid);
    if (stat(exe, &st) == 0)
        *ret_binary = g_strdup_printf(
            "%" G_GINT64_MODIFIER "x:%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT
            ":%" G_GINT64_FORMAT ".%09ld", (guint64)st.st_dev,
            (guint64)st.st_ino, (gint64)st.st_size, (gint64)st.st_mtim.tv_sec,
            (long)st.st_mtim.tv_nsec);
}
