/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The proxy of rounds.h: serves one client at a time, in a thread.
 */
#include "config.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "rounds.h"

/* Longer than the server needs for all requests that are sent together. */
#define ROUNDS_HOLD_US (200 * G_TIME_SPAN_MILLISECOND)
#define ROUNDS_LOOK_MS 20

struct _Rounds {
    char *at;
    char *to;
    int listener;
    GThread *thread;
    gint n;                     /* atomic */
    gint end;                   /* atomic */
};

static int
rounds_socket(const char *path, struct sockaddr_un *ret_address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    g_assert_cmpuint(g_strlcpy(ret_address->sun_path, path,
                               sizeof(ret_address->sun_path)), <,
                     sizeof(ret_address->sun_path));

    return fd;
}

/* Forwards the available data; FALSE at the end of the stream. */
static gboolean
rounds_pass(int from, int to)
{
    char buffer[65536];
    ssize_t n = recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);

    for (ssize_t done = 0; done < n;) {
        ssize_t m = send(to, buffer + done, n - done, MSG_NOSIGNAL);

        if (m <= 0)
            return FALSE;
        done += m;
    }

    return n > 0;
}

static gboolean
rounds_is_readable(int fd, int timeout_ms)
{
    struct pollfd wanted = { .fd = fd, .events = POLLIN };

    return poll(&wanted, 1, timeout_ms) > 0;
}

/* Forwards all data that the server has sent so far. */
static gboolean
rounds_deliver(Rounds *rounds, int server, int client)
{
    g_atomic_int_inc(&rounds->n);
    do {
        if (!rounds_pass(server, client))
            return FALSE;
    } while (rounds_is_readable(server, 0));

    return TRUE;
}

static void
rounds_serve(Rounds *rounds, int client)
{
    struct sockaddr_un address;
    int server = rounds_socket(rounds->to, &address);
    gint64 due = 0;             /* when to forward answers; 0: none waits */
    gboolean open = TRUE;

    g_assert_cmpint(connect(server, (struct sockaddr *)&address,
                            sizeof(address)), ==, 0);
    while (open && !g_atomic_int_get(&rounds->end)) {
        struct pollfd fds[] = {
            { .fd = client, .events = POLLIN },
            { .fd = due ? -1 : server, .events = POLLIN },
        };

        poll(fds, G_N_ELEMENTS(fds), ROUNDS_LOOK_MS);
        if (fds[0].revents)
            open = rounds_pass(client, server);
        if (fds[1].revents)
            due = g_get_monotonic_time() + ROUNDS_HOLD_US;
        if (open && due && g_get_monotonic_time() >= due) {
            open = rounds_deliver(rounds, server, client);
            due = 0;
        }
    }
    close(server);
    close(client);
}

static gpointer
rounds_run(gpointer data)
{
    Rounds *rounds = data;

    while (!g_atomic_int_get(&rounds->end)) {
        int client = -1;

        if (rounds_is_readable(rounds->listener, ROUNDS_LOOK_MS))
            client = accept(rounds->listener, NULL, NULL);
        if (client >= 0)
            rounds_serve(rounds, client);
    }

    return NULL;
}

Rounds *
rounds_new(const char *at, const char *to)
{
    Rounds *rounds = g_new0(Rounds, 1);
    struct sockaddr_un address;

    rounds->at = g_strdup(at);
    rounds->to = g_strdup(to);
    rounds->listener = rounds_socket(at, &address);
    g_unlink(at);
    g_assert_cmpint(bind(rounds->listener, (struct sockaddr *)&address,
                         sizeof(address)), ==, 0);
    g_assert_cmpint(listen(rounds->listener, 8), ==, 0);
    rounds->thread = g_thread_new("rounds", rounds_run, rounds);

    return rounds;
}

guint
rounds_take(Rounds *rounds)
{
    return g_atomic_int_and((guint *)&rounds->n, 0);
}

void
rounds_free(Rounds *rounds)
{
    g_atomic_int_set(&rounds->end, TRUE);
    g_thread_join(rounds->thread);
    close(rounds->listener);
    g_unlink(rounds->at);
    g_free(rounds->at);
    g_free(rounds->to);
    g_free(rounds);
}
