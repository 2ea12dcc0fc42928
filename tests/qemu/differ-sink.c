/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two listeners for migrations: one reads and discards all data, so that a
 * migration completes; the other accepts and never reads, so that a migration
 * stays in its status with any bandwidth or downtime.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "differ.h"

enum { SINK_END, SINK_SWALLOW, SINK_STALL, SINK_N };

struct Sink {
    char *swallow;
    char *stall;
    int end[2];                 /* closing it ends the thread */
    GArray *fds;                /* struct pollfd: the SINK_N, then clients */
    GThread *thread;
};

static int
sink_listen(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpuint(g_strlcpy(address.sun_path, path,
                               sizeof(address.sun_path)),
                     <, sizeof(address.sun_path));
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)),
                    ==, 0);
    g_assert_cmpint(listen(fd, 64), ==, 0);
    return fd;
}

static void
sink_accept(Sink *sink, int listener, gboolean reads)
{
    struct pollfd client = {
        .fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC),
        /* Without POLLIN only the end of the connection is reported. */
        .events = reads ? POLLIN : 0,
    };

    if (client.fd >= 0)
        g_array_append_val(sink->fds, client);
}

static gboolean
sink_serve(const struct pollfd *client)
{
    char buffer[1 << 16];

    if (client->revents & POLLIN)
        return read(client->fd, buffer, sizeof(buffer)) > 0;
    return (client->revents & (POLLHUP | POLLERR)) == 0;
}

static gpointer
sink_run(gpointer data)
{
    Sink *sink = data;

    for (;;) {
        struct pollfd *fds = (struct pollfd *)sink->fds->data;

        if (poll(fds, sink->fds->len, -1) < 0 && errno == EINTR)
            continue;
        if (fds[SINK_END].revents)
            return NULL;
        for (guint i = sink->fds->len; i-- > SINK_N;) {
            if (!fds[i].revents || sink_serve(&fds[i]))
                continue;
            close(fds[i].fd);
            g_array_remove_index_fast(sink->fds, i);
        }
        if (fds[SINK_SWALLOW].revents)
            sink_accept(sink, fds[SINK_SWALLOW].fd, TRUE);
        fds = (struct pollfd *)sink->fds->data;
        if (fds[SINK_STALL].revents)
            sink_accept(sink, fds[SINK_STALL].fd, FALSE);
    }
}

Sink *
sink_new(const char *dir)
{
    Sink *sink = g_new0(Sink, 1);
    struct pollfd fds[SINK_N] = { { .events = 0 } };

    sink->swallow = g_build_filename(dir, "sink", NULL);
    sink->stall = g_build_filename(dir, "stall", NULL);
    g_assert_cmpint(pipe(sink->end), ==, 0);
    fds[SINK_END].fd = sink->end[0];
    fds[SINK_SWALLOW].fd = sink_listen(sink->swallow);
    fds[SINK_SWALLOW].events = POLLIN;
    fds[SINK_STALL].fd = sink_listen(sink->stall);
    fds[SINK_STALL].events = POLLIN;
    sink->fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    g_array_append_vals(sink->fds, fds, SINK_N);
    sink->thread = g_thread_new("sink", sink_run, sink);
    return sink;
}

void
sink_free(Sink *sink)
{
    if (!sink)
        return;

    close(sink->end[1]);
    g_thread_join(sink->thread);
    for (guint i = 0; i < sink->fds->len; i++)
        close(g_array_index(sink->fds, struct pollfd, i).fd);
    g_array_unref(sink->fds);
    g_unlink(sink->swallow);
    g_unlink(sink->stall);
    g_free(sink->swallow);
    g_free(sink->stall);
    g_free(sink);
}

const char *
sink_path(const Sink *sink)
{
    return sink->swallow;
}

const char *
sink_stall_path(const Sink *sink)
{
    return sink->stall;
}
