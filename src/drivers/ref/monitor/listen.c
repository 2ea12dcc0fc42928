/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The listening socket of a monitor.
 *
 * A client of a monitor can run programs through it ("exec:").  Therefore a
 * UNIX socket has mode 0600 from the moment it exists, and TCP is restricted to
 * loopback addresses.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib-unix.h>

#include "drivers/ref/monitor/listen.h"
#include "migtune/migtune-error.h"
#include "util/i18n.h"
#include "util/io.h"

/* As in QEMU: further clients wait in the queue. */
#define LISTEN_BACKLOG 1

/* An unconnected UNIX socket; -1 with @error. */
static int
listen_new_unix(const char *path, struct sockaddr_un *address, GError **error)
{
    int fd;

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (g_strlcpy(address->sun_path, path, sizeof(address->sun_path)) >=
        sizeof(address->sun_path)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("'%s' has %u bytes; the path of a socket can "
                            "have %u"), path, (guint)strlen(path),
                          (guint)sizeof(address->sun_path) - 1);
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("cannot create a socket for 'unix:%s': %s"), path,
                          g_strerror(errno));

    return fd;
}

/* Removes a socket that has no listener; FALSE if @path is something else. */
static gboolean
listen_remove_old(const char *path, GError **error)
{
    struct sockaddr_un address;
    struct stat st;
    gboolean alive;
    int fd;

    if (lstat(path, &st) != 0)
        return TRUE;
    if (!S_ISSOCK(st.st_mode)) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("'%s' exists and is not a socket"), path);
        return FALSE;
    }

    fd = listen_new_unix(path, &address, error);
    if (fd < 0)
        return FALSE;
    /* Only ECONNREFUSED means that no process listens; a full queue gives
     * another error. */
    alive = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
        errno != ECONNREFUSED;
    close(fd);
    if (alive) {
        migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                          _("another process listens on '%s'"), path);
        return FALSE;
    }
    unlink(path);

    return TRUE;
}

static gboolean
listen_unix(MtRefListener *listener, const char *path, GError **error)
{
    struct sockaddr_un address;
    struct stat st;

    if (!*path) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("'unix:' requires a path, for example "
                            "unix:/run/guests/web1"));
        return FALSE;
    }
    if (!listen_remove_old(path, error))
        return FALSE;
    listener->fd = listen_new_unix(path, &address, error);
    if (listener->fd < 0)
        return FALSE;

    /* The mode of the socket becomes the mode of its file. */
    if (fchmod(listener->fd, 0600) != 0 ||
        bind(listener->fd, (struct sockaddr *)&address,
             sizeof(address)) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("cannot create the socket '%s': %s"), path,
                          g_strerror(errno));
        return FALSE;
    }
    listener->path = g_strdup(path);
    if (stat(path, &st) == 0) {
        listener->device = st.st_dev;
        listener->inode = st.st_ino;
    }
    listener->address = g_strdup_printf("unix:%s", path);

    return listen(listener->fd, LISTEN_BACKLOG) == 0;
}

static gboolean
listen_is_loopback(const char *host)
{
    g_autoptr(GInetAddress) address = NULL;

    if (strcmp(host, "localhost") == 0)
        return TRUE;
    address = g_inet_address_new_from_string(host);

    return address && g_inet_address_get_is_loopback(address);
}

static gboolean
listen_tcp(MtRefListener *listener, const char *where, GError **error)
{
    const char *colon = strrchr(where, ':');
    g_autofree char *host = colon ? g_strndup(where, colon - where)
        : g_strdup(where);
    gboolean bracketed = *host == '[' && g_str_has_suffix(host, "]");
    guint64 number;
    guint16 port = 0;

    if (bracketed) {
        host[strlen(host) - 1] = '\0';
        memmove(host, host + 1, strlen(host));
    }
    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16,
                                              &number, NULL)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("'tcp:%s' is not of the form tcp:HOST:PORT with a "
                            "port from 0 (any) to 65535"), where);
        return FALSE;
    }
    if (!listen_is_loopback(host)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a monitor has no authentication, so it listens "
                            "only on 127.0.0.1, [::1] or localhost, not on "
                            "'%s'"), host);
        return FALSE;
    }

    /* A minimal system may have no /etc/hosts. */
    if (strcmp(host, "localhost") == 0) {
        g_free(host);
        host = g_strdup("127.0.0.1");
    }
    listener->fd = mt_io_listen_tcp(host, colon + 1, &port, error);
    if (listener->fd < 0)
        return FALSE;
    listener->address = g_strdup_printf(
        bracketed ? "tcp:[%s]:%u" : "tcp:%s:%u", host, port);

    return listen(listener->fd, LISTEN_BACKLOG) == 0 &&
        g_unix_set_fd_nonblocking(listener->fd, TRUE, NULL);
}

static const struct {
    const char *prefix;
    gboolean (*listen)(MtRefListener *listener, const char *where,
                       GError **error);
} listen_schemes[] = {
    { "unix:", listen_unix },
    { "tcp:", listen_tcp },
};

gboolean
mt_ref_listen(MtRefListener *listener, const char *address, GError **error)
{
    GError *local = NULL;

    memset(listener, 0, sizeof(*listener));
    listener->fd = -1;
    for (gsize i = 0; i < G_N_ELEMENTS(listen_schemes); i++) {
        const char *prefix = listen_schemes[i].prefix;

        if (!g_str_has_prefix(address, prefix))
            continue;
        if (listen_schemes[i].listen(listener, address + strlen(prefix),
                                     &local))
            return TRUE;
        if (!local)
            migtune_error_set(&local, MIGTUNE_ERROR_IO,
                              _("cannot listen on '%s': %s"), address,
                              g_strerror(errno));
        mt_ref_listener_clear(listener);
        g_propagate_error(error, local);
        return FALSE;
    }
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("'%s' is not of the form unix:PATH or tcp:HOST:PORT"),
                      address);

    return FALSE;
}

void
mt_ref_listener_clear(MtRefListener *listener)
{
    struct stat st;

    if (listener->path && lstat(listener->path, &st) == 0 &&
        st.st_dev == listener->device && st.st_ino == listener->inode)
        unlink(listener->path);
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
    g_clear_pointer(&listener->path, g_free);
    g_clear_pointer(&listener->address, g_free);
}
