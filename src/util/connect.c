/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connecting a stream socket.
 *
 * The socket does not block, so that poll() can wait for the connection and
 * for the caller's cancellation at the same time.  connect() on a UNIX socket
 * whose queue is full fails at once with EAGAIN instead of waiting, and is
 * therefore repeated.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/connect.h"

#define CONNECT_RETRY_MS 20

/*
 * Waits until @fd is writable or the deadline; with -1 for @fd only for the
 * deadline or the cancellation.  Returns poll()'s result for @fd: 1, or 0 when
 * the time is up, or -1 with @failure.
 */
static int
connect_wait(int fd, gint64 deadline_us, int cancel_fd,
             MtConnectFailure *failure)
{
    for (;;) {
        struct pollfd fds[2] = {
            { .fd = fd, .events = POLLOUT },
            { .fd = cancel_fd, .events = POLLIN },
        };
        gint64 left_us = MAX(deadline_us - g_get_monotonic_time(), 0);
        int timeout_ms = MIN((left_us + 999) / 1000, G_MAXINT);
        int n = poll(fds, G_N_ELEMENTS(fds), timeout_ms);

        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            failure->reason = MT_CONNECT_FAILED;
            failure->errnum = errno;
            return -1;
        }
        if (n > 0 && fds[1].revents) {
            failure->reason = MT_CONNECT_CANCELLED;
            return -1;
        }
        if (n > 0)
            return 1;
        if (left_us == 0)
            return 0;
    }
}

/* Calls connect() until the listener's queue has room.  Returns 0, an errno
 * value (EINPROGRESS: wait for the socket), or -1 with @failure. */
static int
connect_start(int fd, const struct sockaddr *address, socklen_t length,
              gint64 deadline_us, int cancel_fd, MtConnectFailure *failure)
{
    for (;;) {
        gint64 now_us;

        if (connect(fd, address, length) == 0)
            return 0;
        if (errno != EAGAIN)
            return errno;
        now_us = g_get_monotonic_time();
        if (now_us >= deadline_us) {
            failure->reason = MT_CONNECT_BUSY;
            return -1;
        }
        if (connect_wait(-1, MIN(deadline_us,
                                 now_us + CONNECT_RETRY_MS *
                                              G_TIME_SPAN_MILLISECOND),
                         cancel_fd, failure) < 0)
            return -1;
    }
}

/* FALSE with @failure; @fd stays open. */
static gboolean
connect_socket(int fd, const struct sockaddr *address, socklen_t length,
               gint64 deadline_us, int cancel_fd, MtConnectFailure *failure)
{
    int errnum = connect_start(fd, address, length, deadline_us, cancel_fd,
                               failure);
    socklen_t size = sizeof(errnum);

    if (errnum < 0)
        return FALSE;
    if (errnum == EINPROGRESS) {
        int ready = connect_wait(fd, deadline_us, cancel_fd, failure);

        if (ready == 0)
            failure->reason = MT_CONNECT_TIMEOUT;
        if (ready <= 0)
            return FALSE;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &size) < 0)
            errnum = errno;
    }
    failure->reason = MT_CONNECT_FAILED;
    failure->errnum = errnum;

    return errnum == 0;
}

int
mt_connect_address(const struct sockaddr *address, socklen_t length,
                   gint64 deadline_us, int cancel_fd,
                   MtConnectFailure *failure)
{
    int fd = socket(address->sa_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0) {
        failure->reason = MT_CONNECT_FAILED;
        failure->errnum = errno;
        return -1;
    }
    /* A small message must not wait for the answer to the one before. */
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect_socket(fd, address, length, deadline_us, cancel_fd, failure))
        return fd;

    close(fd);
    return -1;
}

int
mt_connect_unix(const char *path, gint64 deadline_us, int cancel_fd,
                MtConnectFailure *failure)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_autofree char *directory = NULL;
    g_autofree char *name = NULL;
    int directory_fd = -1;
    int written;
    int fd;

    if (strlen(path) < sizeof(address.sun_path)) {
        strcpy(address.sun_path, path);
        return mt_connect_address((const struct sockaddr *)&address,
                                  sizeof(address), deadline_us, cancel_fd,
                                  failure);
    }

    /* A path that does not fit is reached through its open directory. */
    directory = g_path_get_dirname(path);
    name = g_path_get_basename(path);
    directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    failure->reason = MT_CONNECT_FAILED;
    failure->errnum = errno;
    if (directory_fd < 0)
        return -1;
    written = g_snprintf(address.sun_path, sizeof(address.sun_path),
                         "/proc/self/fd/%d/%s", directory_fd, name);
    if (written >= (int)sizeof(address.sun_path)) {
        failure->errnum = ENAMETOOLONG;
        fd = -1;
    } else {
        fd = mt_connect_address((const struct sockaddr *)&address,
                                sizeof(address), deadline_us, cancel_fd,
                                failure);
    }
    close(directory_fd);

    return fd;
}
