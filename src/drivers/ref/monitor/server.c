/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's monitor on a socket.
 *
 * One thread per socket serves one client at a time; further clients wait in
 * the queue of the listener, as in QEMU.  Answers come from that thread, events
 * from others.  Output is written at once if possible, else it is queued, and
 * the thread writes it when the client reads again.  While much output is
 * queued, no further command is read, so that a client that does not read its
 * answers blocks only itself.  If too many events are queued nevertheless, the
 * connection is closed.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/ref/monitor/listen.h"
#include "drivers/ref/monitor/monitor.h"
#include "drivers/ref/monitor/server.h"
#include "migtune/migtune-error.h"
#include "util/foreign.h"
#include "util/i18n.h"

#define SERVER_READ_BYTES 4096
#define SERVER_MAX_FDS 16           /* at once, as QEMU takes them */
#define SERVER_PAUSE_BYTES (1024 * 1024)
#define SERVER_MAX_BYTES (64 * 1024 * 1024)
#define SERVER_LINGER_MS 1000       /* for the last answers */
#define SERVER_QUIT_POLL_MS 20

struct MtRefServer {
    MtRefGuest *guest;
    char *address;
    MtRefListener listener;     /* of the thread, once it runs */
    int wake;                   /* an eventfd */
    GThread *thread;
    guint watch;

    GMutex lock;
    /* Under @lock. */
    int client;                 /* -1: none; only the thread changes it */
    GString *output;            /* not written yet, except @n_written bytes */
    gsize n_written;
    gboolean closing;           /* close when @output is written */
    gboolean broken;            /* writing has failed */
    gboolean stop;
    gboolean quitting;          /* the guest has sent SHUTDOWN */
};

static void
server_wake(MtRefServer *server)
{
    guint64 one = 1;

    /* The counter cannot overflow, so this cannot fail. */
    (void)!write(server->wake, &one, sizeof(one));
}

/* Writes as much as possible without blocking. */
static void
server_flush_locked(MtRefServer *server)
{
    while (!server->broken && server->n_written < server->output->len) {
        gssize n = send(server->client,
                        server->output->str + server->n_written,
                        server->output->len - server->n_written,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            server->broken = errno != EAGAIN && errno != EWOULDBLOCK;
            break;
        }
        server->n_written += n;
    }
    if (server->broken || server->n_written == server->output->len) {
        g_string_truncate(server->output, 0);
        server->n_written = 0;
    } else if (server->n_written > SERVER_PAUSE_BYTES) {
        g_string_erase(server->output, 0, server->n_written);
        server->n_written = 0;
    }
}

/* MtRefOutputFunc; called by any thread. */
static void
server_output(const char *text, gsize length, gpointer user_data)
{
    MtRefServer *server = user_data;

    g_mutex_lock(&server->lock);
    if (server->client >= 0 && !server->broken && !server->closing) {
        if (text)
            g_string_append_len(server->output, text, length);
        else
            server->closing = TRUE;
        server_flush_locked(server);
        if (server->output->len - server->n_written > SERVER_MAX_BYTES)
            server->broken = TRUE;
        if (server->output->len || server->closing || server->broken)
            server_wake(server);
    }
    g_mutex_unlock(&server->lock);
}

static void
server_event(const char *event, JsonObject *data, gint64 timestamp_us,
             gpointer user_data)
{
    MtRefServer *server = user_data;

    if (strcmp(event, "SHUTDOWN") != 0)
        return;

    g_mutex_lock(&server->lock);
    server->quitting = TRUE;
    g_mutex_unlock(&server->lock);
    server_wake(server);
}

/* What to poll for, and why to stop. */
typedef struct {
    gboolean stop;
    gboolean end;               /* of this client's connection */
    gboolean quitting;
    short events;
} ServerSituation;

static ServerSituation
server_look(MtRefServer *server)
{
    ServerSituation now = { FALSE };
    gsize queued;

    g_mutex_lock(&server->lock);
    queued = server->output->len - server->n_written;
    now.stop = server->stop;
    now.quitting = server->quitting;
    now.end = server->broken || server->closing;
    now.events = (queued ? POLLOUT : 0) |
        (queued <= SERVER_PAUSE_BYTES ? POLLIN : 0);
    g_mutex_unlock(&server->lock);

    return now;
}

/* Takes the descriptors from a message; returns their number. */
static guint
server_take_fds(struct msghdr *message, int *fds)
{
    guint n_fds = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
         c = CMSG_NXTHDR(message, c)) {
        guint n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (guint i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (n_fds < SERVER_MAX_FDS)
                fds[n_fds++] = fd;
            else
                close(fd);
        }
    }

    return n_fds;
}

/* FALSE if the client has closed the connection. */
static gboolean
server_read(MtRefServer *server, MtRefMonitor *monitor)
{
    char text[SERVER_READ_BYTES];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(SERVER_MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = { text, sizeof(text) };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };
    int fds[SERVER_MAX_FDS];
    guint n_fds;
    gssize n = recvmsg(server->client, &message,
                       MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    n_fds = server_take_fds(&message, fds);
    if (n == 0) {
        for (guint i = 0; i < n_fds; i++)
            close(fds[i]);
        return FALSE;
    }
    mt_ref_monitor_feed(monitor, text, n, fds, n_fds);

    return TRUE;
}

static void
server_drain_wake(MtRefServer *server)
{
    guint64 count;

    (void)!read(server->wake, &count, sizeof(count));
}

/* Gives the client time to read its last answers. */
static void
server_linger(MtRefServer *server)
{
    gint64 end_us = g_get_monotonic_time() + SERVER_LINGER_MS * 1000;

    for (;;) {
        struct pollfd client = { server->client, POLLOUT, 0 };
        gint64 left_ms = (end_us - g_get_monotonic_time()) / 1000;
        gboolean done;

        g_mutex_lock(&server->lock);
        server_flush_locked(server);
        done = server->broken || server->stop || server->output->len == 0;
        g_mutex_unlock(&server->lock);
        if (done || left_ms <= 0)
            return;
        poll(&client, 1, MIN(left_ms, 50));
    }
}

/* Serves the client until it, the guest or the server ends. */
static void
server_talk(MtRefServer *server, MtRefMonitor *monitor)
{
    for (;;) {
        ServerSituation now = server_look(server);
        struct pollfd fds[] = {
            { server->client, now.events, 0 },
            { server->wake, POLLIN, 0 },
        };

        if (now.stop || now.end || mt_ref_guest_has_quit(server->guest))
            return;
        if (poll(fds, G_N_ELEMENTS(fds),
                 now.quitting ? SERVER_QUIT_POLL_MS : -1) < 0 &&
            errno != EINTR)
            return;
        if (fds[1].revents)
            server_drain_wake(server);
        if (fds[0].revents & POLLOUT) {
            g_mutex_lock(&server->lock);
            server_flush_locked(server);
            g_mutex_unlock(&server->lock);
        }
        /* A client may have sent a command before it closed the connection. */
        if (fds[0].revents & POLLIN) {
            if (!server_read(server, monitor))
                return;
        } else if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
            return;
        }
    }
}

static void
server_serve(MtRefServer *server, int client)
{
    MtRefMonitor *monitor;
    int on = 1;

    /* An answer must not wait for the acknowledgement of the one before. */
    if (!server->listener.path)
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    g_mutex_lock(&server->lock);
    server->client = client;
    server->closing = FALSE;
    server->broken = FALSE;
    g_mutex_unlock(&server->lock);

    monitor = mt_ref_monitor_new(server->guest, server_output, server);
    server_talk(server, monitor);
    mt_ref_monitor_free(monitor);
    server_linger(server);

    g_mutex_lock(&server->lock);
    server->client = -1;
    g_string_truncate(server->output, 0);
    server->n_written = 0;
    g_mutex_unlock(&server->lock);
    close(client);
}

static gpointer
server_main(gpointer data)
{
    MtRefServer *server = data;

    for (;;) {
        ServerSituation now = server_look(server);
        struct pollfd fds[] = {
            { server->listener.fd, POLLIN, 0 },
            { server->wake, POLLIN, 0 },
        };
        int client;

        if (now.stop || mt_ref_guest_has_quit(server->guest))
            break;
        if (poll(fds, G_N_ELEMENTS(fds),
                 now.quitting ? SERVER_QUIT_POLL_MS : -1) < 0 &&
            errno != EINTR)
            break;
        if (fds[1].revents)
            server_drain_wake(server);
        if (!(fds[0].revents & POLLIN))
            continue;
        client = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0)
            server_serve(server, client);
        else if (errno == EMFILE || errno == ENFILE)
            g_usleep(100000);
    }
    /* Remove the socket when the guest has quit. */
    mt_ref_listener_clear(&server->listener);

    return NULL;
}

MtRefServer *
mt_ref_server_new(MtRefGuest *guest, const char *address, GError **error)
{
    MtRefServer *server = g_new0(MtRefServer, 1);
    g_autoptr(GError) local = NULL;

    server->guest = guest;
    server->client = -1;
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->output = g_string_new(NULL);
    g_mutex_init(&server->lock);
    server->listener.fd = -1;
    if (server->wake < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("cannot create an eventfd: %s"),
                          g_strerror(errno));
        g_clear_pointer(&server, mt_ref_server_free);
    } else if (!mt_ref_listen(&server->listener, address, error)) {
        g_clear_pointer(&server, mt_ref_server_free);
    } else {
        server->address = g_strdup(server->listener.address);
        server->watch = mt_ref_guest_watch(guest, server_event, server);
        server->thread = g_thread_try_new("ref-monitor", server_main, server,
                                          &local);
    }
    if (local) {
        g_autofree char *why = mt_foreign_text(local);

        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s", why);
        mt_ref_guest_unwatch(guest, server->watch);
        g_clear_pointer(&server, mt_ref_server_free);
    }

    return server;
}

void
mt_ref_server_free(MtRefServer *server)
{
    if (!server)
        return;

    if (server->thread) {
        mt_ref_guest_unwatch(server->guest, server->watch);
        g_mutex_lock(&server->lock);
        server->stop = TRUE;
        g_mutex_unlock(&server->lock);
        server_wake(server);
        g_thread_join(server->thread);
    }
    mt_ref_listener_clear(&server->listener);
    if (server->wake >= 0)
        close(server->wake);
    g_string_free(server->output, TRUE);
    g_mutex_clear(&server->lock);
    g_free(server->address);
    g_free(server);
}

const char *
mt_ref_server_get_address(const MtRefServer *server)
{
    return server->address;
}
