/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UNIX and TCP sockets to a monitor.
 *
 * GSocketClient is not used: it looks for a proxy resolver, which loads
 * modules and takes longer than everything else that a short command does.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qmp/transport.h"
#include "migtune/migtune-error.h"
#include "util/connect.h"
#include "util/foreign.h"
#include "util/i18n.h"

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
                      _("the operation was cancelled"));
}

/* Reports a path that is not a socket; FALSE if it is one. */
static gboolean
transport_explain_path(const char *path, GError **error)
{
    struct stat st;

    if (stat(path, &st) != 0)
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          errno == ENOENT
                          ? _("there is no monitor socket %s: %s")
                          : _("cannot reach the monitor socket %s: %s"),
                          path, g_strerror(errno));
    else if (S_ISDIR(st.st_mode))
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("%s is a directory, not a socket"), path);
    else if (!S_ISSOCK(st.st_mode))
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("%s is not a socket"), path);
    else
        return FALSE;

    return TRUE;
}

/* Turns a failed attempt to connect into an error. */
static void
transport_explain(const MtAddress *address, const MtConnectFailure *failure,
                  GError **error)
{
    g_autofree char *where = mt_address_to_text(address);

    if (failure->reason == MT_CONNECT_CANCELLED) {
        mt_qmp_set_cancelled(error);
    } else if (failure->reason == MT_CONNECT_BUSY) {
        migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                          _("%s accepts no more connections: another client "
                            "holds the monitor, and QEMU serves one client "
                            "at a time"), where);
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                    MT_QMP_MONITOR_HELD);
    } else if (failure->reason == MT_CONNECT_TIMEOUT) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("cannot connect to %s: no answer in time"), where);
    } else if (address->path && transport_explain_path(address->path, error)) {
        return;
    } else if (failure->errnum == ECONNREFUSED) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("no process listens at %s: connection refused"),
                          where);
    } else {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("cannot connect to %s: %s"), where,
                          g_strerror(failure->errnum));
    }
}

static int
transport_connect_inet(GInetAddress *inet, guint16 port, gint64 deadline_us,
                       int cancel_fd, MtConnectFailure *failure)
{
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new(inet, port);
    struct sockaddr_storage native;

    g_socket_address_to_native(address, &native, sizeof(native), NULL);

    return mt_connect_address((const struct sockaddr *)&native,
                              g_socket_address_get_native_size(address),
                              deadline_us, cancel_fd, failure);
}

static void
transport_free_addresses(GList *addresses)
{
    g_list_free_full(addresses, g_object_unref);
}

/* The addresses of a host; NULL with @error. */
static GList *
transport_resolve(const MtAddress *address, GCancellable *cancellable,
                  GError **error)
{
    GInetAddress *literal = g_inet_address_new_from_string(address->host);
    g_autoptr(GResolver) resolver = NULL;
    g_autoptr(GError) local = NULL;
    GList *found;

    if (literal)
        return g_list_append(NULL, literal);

    resolver = g_resolver_get_default();
    found = g_resolver_lookup_by_name(resolver, address->host, cancellable,
                                      &local);
    if (g_error_matches(local, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        mt_qmp_set_cancelled(error);
    } else if (!found) {
        g_autofree char *why = mt_foreign_text(local);

        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("cannot connect to %s: %s"), address->host, why);
    }

    return found;
}

/* Tries every address of the host; -1 with @error. */
static int
transport_connect_tcp(const MtAddress *address, gint64 deadline_us,
                      int cancel_fd, GCancellable *cancellable, GError **error)
{
    GList *found = transport_resolve(address, cancellable, error);
    MtConnectFailure failure = { MT_CONNECT_FAILED, 0 };
    int fd = -1;

    if (!found)
        return -1;
    for (GList *at = found; at && fd < 0; at = at->next) {
        fd = transport_connect_inet(at->data, address->port, deadline_us,
                                    cancel_fd, &failure);
        if (fd < 0 && failure.reason == MT_CONNECT_CANCELLED)
            break;
    }
    if (fd < 0)
        transport_explain(address, &failure, error);
    transport_free_addresses(found);

    return fd;
}

static int
transport_connect_unix(const MtAddress *address, gint64 deadline_us,
                       int cancel_fd, GError **error)
{
    MtConnectFailure failure;
    int fd = mt_connect_unix(address->path, deadline_us, cancel_fd, &failure);

    if (fd < 0)
        transport_explain(address, &failure, error);

    return fd;
}

GSocket *
mt_qmp_connect(const MtAddress *address, gint64 deadline_us,
               GCancellable *cancellable, GError **error)
{
    GPollFD cancel = { .fd = -1 };
    gboolean have_cancel;
    g_autoptr(GError) local = NULL;
    GSocket *socket = NULL;
    int fd;

    if (g_cancellable_is_cancelled(cancellable)) {
        mt_qmp_set_cancelled(error);
        return NULL;
    }
    have_cancel = g_cancellable_make_pollfd(cancellable, &cancel);
    if (address->path)
        fd = transport_connect_unix(address, deadline_us,
                                    have_cancel ? cancel.fd : -1, error);
    else
        fd = transport_connect_tcp(address, deadline_us,
                                   have_cancel ? cancel.fd : -1, cancellable,
                                   error);
    if (have_cancel)
        g_cancellable_release_fd(cancellable);
    if (fd < 0)
        return NULL;

    socket = g_socket_new_from_fd(fd, &local);
    if (!socket) {
        g_autofree char *where = mt_address_to_text(address);
        g_autofree char *why = mt_foreign_text(local);

        close(fd);
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("cannot connect to %s: %s"), where, why);
        return NULL;
    }
    g_socket_set_blocking(socket, FALSE);

    return socket;
}

void
mt_qmp_acknowledge(GSocket *socket)
{
    /* The kernel resets this option, so it is set after each read. */
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

static gboolean
transport_starts_with(const char *path, const char *const *starts)
{
    g_autofree char *name = g_path_get_basename(path);

    for (guint i = 0; starts[i]; i++) {
        if (g_str_has_prefix(name, starts[i]))
            return TRUE;
    }

    return FALSE;
}

/*
 * Finds the program that a dynamic linker runs: a file that the process has
 * mapped for execution.  Lines of proc_pid_maps(5) are "ADDRESSES PERMISSIONS
 * OFFSET DEVICE INODE PATH".  Another file may have taken the place of the
 * mapped one since, which the inode shows.
 */
static char *
transport_find_mapped(const char *proc, const char *const *starts)
{
    g_autofree char *maps = g_build_filename(proc, "maps", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(maps, &text, NULL, NULL))
        return NULL;

    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autofree char *path = NULL;
        guint64 inode;
        struct stat st;
        char perms[8];
        int at = 0;

        if (sscanf(lines[i], "%*s %7s %*s %*s %" G_GUINT64_FORMAT " %n", perms,
                   &inode, &at) != 2 ||
            !strchr(perms, 'x') || lines[i][at] != '/' ||
            !transport_starts_with(lines[i] + at, starts))
            continue;
        path = g_build_filename(proc, "root", lines[i] + at, NULL);
        return stat(path, &st) == 0 && st.st_ino == inode
                   ? g_steal_pointer(&path)
                   : NULL;
    }

    return NULL;
}

/*
 * Finds the file of the QEMU that a process runs.  The process that listens may
 * also be a relay or a supervisor, behind which there are different QEMUs: NULL.
 */
static char *
transport_find_qemu(const char *proc)
{
    static const char *const names[] = { "qemu", "kvm", NULL };
    static const char *const linkers[] = { "ld-", "ld.so", "ld64.", NULL };
    g_autofree char *exe = g_build_filename(proc, "exe", NULL);
    g_autofree char *path = g_file_read_link(exe, NULL);

    if (!path)
        return NULL;
    if (transport_starts_with(path, names))
        return g_steal_pointer(&exe);

    return transport_starts_with(path, linkers)
               ? transport_find_mapped(proc, names)
               : NULL;
}

char *
mt_qmp_identify_binary(const char *proc)
{
    g_autofree char *path = transport_find_qemu(proc);
    struct stat st;

    if (!path || stat(path, &st) < 0)
        return NULL;

    return g_strdup_printf("%" G_GINT64_MODIFIER "x:%" G_GUINT64_FORMAT
                           ":%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT ".%09ld",
                           (guint64)st.st_dev, (guint64)st.st_ino,
                           (gint64)st.st_size, (gint64)st.st_mtim.tv_sec,
                           (long)st.st_mtim.tv_nsec);
}

void
mt_qmp_peer(GSocket *socket, char **ret_instance, char **ret_binary)
{
    g_autoptr(GCredentials) credentials = NULL;
    g_autofree char *proc = NULL;
    g_autofree char *start = NULL;
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
    proc = g_strdup_printf("/proc/%d", pid);
    *ret_binary = mt_qmp_identify_binary(proc);
}
