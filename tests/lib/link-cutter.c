/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See link-cutter.h.
 */
#include "config.h"

#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link-cutter.h"

struct _LinkCutter {
    GSocketListener *listener;
    GCancellable *stop;
    GThread *thread;
    char *path;
    gboolean forward;
    guint64 limit;
    LinkCutterFunc func;        /* NULL: the link breaks */
    LinkCutterLook look;        /* NULL: the limit is fixed */
    gpointer data;
    guint64 passed;             /* of the thread; read once it has ended */
    guint16 port;
};

/* Passes on what @from has, in the counted direction up to the limit.  FALSE at
 * the end. */
static gboolean
cutter_pass(LinkCutter *cutter, int from, int to, gboolean counted)
{
    guint64 left =
        counted ? cutter->limit - cutter->passed : G_MAXUINT64;
    guint8 buffer[65536];
    gssize n = read(from, buffer, MIN(sizeof(buffer), left));

    if (n <= 0)
        return FALSE;
    if (counted && cutter->look) {
        guint64 limit = cutter->look(cutter->data, buffer, n);

        cutter->limit = MAX(limit, cutter->passed);
        n = MIN((guint64)n, cutter->limit - cutter->passed);
    }
    for (gssize done = 0; done < n;) {
        gssize sent = send(to, buffer + done, n - done, MSG_NOSIGNAL);

        if (sent <= 0)
            return FALSE;
        done += sent;
    }
    if (counted)
        cutter->passed += n;

    return TRUE;
}

/* Whether the link still stands.  At the limit the function is called once, and
 * the link then passes everything. */
static gboolean
cutter_goes_on(LinkCutter *cutter)
{
    if (cutter->passed < cutter->limit)
        return TRUE;
    if (!cutter->func)
        return FALSE;

    cutter->func(cutter->data);
    cutter->limit = G_MAXUINT64;
    return TRUE;
}

static void
cutter_pump(LinkCutter *cutter, int port, int socket, int stop)
{
    for (;;) {
        struct pollfd fds[] = {
            { port, POLLIN, 0 }, { socket, POLLIN, 0 }, { stop, POLLIN, 0 },
        };

        if (!cutter_goes_on(cutter) || poll(fds, 3, -1) < 0 || fds[2].revents)
            return;
        for (guint i = 0; i < 2; i++) {
            if (!fds[i].revents)
                continue;
            if (!cutter_pass(cutter, fds[i].fd, fds[1 - i].fd,
                             (i == 0) == cutter->forward) ||
                !cutter_goes_on(cutter))
                return;
        }
    }
}

/* The descriptor of @connection, which GLib has made non-blocking. */
static int
cutter_get_fd(GSocketConnection *connection)
{
    int fd = g_socket_get_fd(g_socket_connection_get_socket(connection));

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

static gpointer
cutter_thread(gpointer data)
{
    LinkCutter *cutter = data;
    g_autoptr(GSocketConnection) port =
        g_socket_listener_accept(cutter->listener, NULL, cutter->stop, NULL);
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketAddress) address =
        g_unix_socket_address_new(cutter->path);
    g_autoptr(GSocketConnection) socket = NULL;
    GPollFD stop;

    if (!port)
        return NULL;
    socket = g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address),
                                     cutter->stop, NULL);
    if (!socket || !g_cancellable_make_pollfd(cutter->stop, &stop))
        return NULL;
    cutter_pump(cutter, cutter_get_fd(port), cutter_get_fd(socket), stop.fd);
    g_cancellable_release_fd(cutter->stop);

    return NULL;
}

static LinkCutter *
cutter_new(const char *path, gboolean forward, guint64 limit,
           LinkCutterFunc func, LinkCutterLook look, gpointer data)
{
    LinkCutter *cutter = g_new0(LinkCutter, 1);
    g_autoptr(GInetAddress) host =
        g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new(host, 0);
    g_autoptr(GSocketAddress) got = NULL;
    g_autoptr(GError) error = NULL;

    cutter->listener = g_socket_listener_new();
    cutter->stop = g_cancellable_new();
    cutter->path = g_strdup(path);
    cutter->forward = forward;
    cutter->limit = limit;
    cutter->func = func;
    cutter->look = look;
    cutter->data = data;
    if (!g_socket_listener_add_address(cutter->listener, wanted,
                                       G_SOCKET_TYPE_STREAM,
                                       G_SOCKET_PROTOCOL_TCP, NULL, &got,
                                       &error))
        g_error("no port for the link: %s", error->message);
    cutter->port =
        g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(got));
    cutter->thread = g_thread_new("link-cutter", cutter_thread, cutter);

    return cutter;
}

LinkCutter *
link_cutter_new(const char *path, gboolean forward, guint64 limit)
{
    return cutter_new(path, forward, limit, NULL, NULL, NULL);
}

LinkCutter *
link_cutter_new_full(const char *path, gboolean forward, guint64 limit,
                     LinkCutterFunc func, gpointer data)
{
    return cutter_new(path, forward, limit, func, NULL, data);
}

LinkCutter *
link_cutter_new_looking(const char *path, gboolean forward,
                        LinkCutterLook look, gpointer data)
{
    return cutter_new(path, forward, G_MAXUINT64, NULL, look, data);
}

guint
link_cutter_port(const LinkCutter *cutter)
{
    return cutter->port;
}

guint64
link_cutter_free(LinkCutter *cutter)
{
    guint64 passed;

    g_cancellable_cancel(cutter->stop);
    g_thread_join(cutter->thread);
    passed = cutter->passed;
    g_object_unref(cutter->listener);
    g_object_unref(cutter->stop);
    g_free(cutter->path);
    g_free(cutter);

    return passed;
}
