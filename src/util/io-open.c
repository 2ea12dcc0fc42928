/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening descriptors: sockets of both families from both sides, files, and
 * commands behind a pipe.  See io.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/connect.h"
#include "util/io.h"
#include "util/io-private.h"
#include "migtune/migtune-error.h"

#define LISTEN_BACKLOG 256      /* main channel and all multifd channels */

extern char **environ;

static gboolean
unix_address(const char *path, struct sockaddr_un *ret_addr, GError **error)
{
    memset(ret_addr, 0, sizeof(*ret_addr));
    ret_addr->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(ret_addr->sun_path)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "socket path %s has %" G_GSIZE_FORMAT " bytes, at "
                          "most %" G_GSIZE_FORMAT " are supported", path,
                          strlen(path), sizeof(ret_addr->sun_path) - 1);
        return FALSE;
    }

    strcpy(ret_addr->sun_path, path);
    return TRUE;
}

/* TCP_NODELAY: a small message is sent without waiting for an answer. */
static void
tcp_prepare(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* The text of an error number, with what helps against a limit of the process. */
static char *
open_describe_errno(int errnum)
{
    struct rlimit limit;

    if (errnum != EMFILE || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return g_strdup(g_strerror(errnum));

    return g_strdup_printf("%s: this process may have %" G_GUINT64_FORMAT
                           " descriptors, and each connection needs one; "
                           "'ulimit -n' raises the limit, fewer channels need "
                           "less", g_strerror(errnum),
                           (guint64)limit.rlim_cur);
}

/* Connects a new non-blocking socket.  Returns the descriptor, or -1. */
static int
connect_one(const char *name, const struct sockaddr *addr, socklen_t addr_len,
            guint timeout_ms, MtCancel *cancel, GError **error)
{
    gint64 deadline_us = timeout_ms ? g_get_monotonic_time() +
        timeout_ms * G_TIME_SPAN_MILLISECOND : G_MAXINT64;
    MtConnectFailure failure;
    g_autofree char *why = NULL;
    int fd = mt_connect_address(addr, addr_len, deadline_us,
                                cancel ? mt_cancel_get_fd(cancel) : -1,
                                &failure);

    if (fd >= 0)
        return fd;

    switch (failure.reason) {
    case MT_CONNECT_CANCELLED:
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "%s: cancelled",
                          name);
        break;
    case MT_CONNECT_TIMEOUT:
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          "%s: no answer within %u ms", name, timeout_ms);
        break;
    case MT_CONNECT_BUSY:
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "cannot connect to %s: %s", name,
                          g_strerror(EAGAIN));
        break;
    case MT_CONNECT_FAILED:
        why = open_describe_errno(failure.errnum);
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "cannot connect to %s: %s", name, why);
        break;
    }

    return -1;
}

MtIo *
mt_io_connect_unix(const char *path, guint timeout_ms, MtCancel *cancel,
                   GError **error)
{
    g_autofree char *name = g_strdup_printf("unix:%s", path);
    struct sockaddr_un addr;
    int fd;

    if (!unix_address(path, &addr, error))
        return NULL;

    fd = connect_one(name, (struct sockaddr *)&addr, sizeof(addr), timeout_ms,
                     cancel, error);
    return fd < 0 ? NULL : mt_io_new(fd, fd, name, cancel);
}

static struct addrinfo *
tcp_resolve(const char *host, const char *port, gboolean passive,
            GError **error)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = passive ? AI_PASSIVE : 0,
    };
    struct addrinfo *list = NULL;
    int err = getaddrinfo(*host ? host : NULL, port, &hints, &list);

    if (err) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "tcp:%s:%s: cannot resolve: %s", host, port,
                          gai_strerror(err));
        return NULL;
    }

    return list;
}

MtIo *
mt_io_connect_tcp(const char *host, const char *port, guint timeout_ms,
                  MtCancel *cancel, GError **error)
{
    g_autofree char *name = g_strdup_printf("tcp:%s:%s", host, port);
    struct addrinfo *list = tcp_resolve(host, port, FALSE, error);
    GError *first = NULL;
    int fd = -1;

    if (!list)
        return NULL;

    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = connect_one(name, ai->ai_addr, ai->ai_addrlen, timeout_ms, cancel,
                         first ? NULL : &first);
    }
    freeaddrinfo(list);
    if (fd < 0) {
        g_propagate_error(error, first);
        return NULL;
    }

    g_clear_error(&first);
    return mt_io_new(fd, fd, name, cancel);
}

gboolean
mt_io_pair(MtCancel *cancel_a, MtCancel *cancel_b, MtIo **ret_a,
           MtIo **ret_b, GError **error)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "cannot create a socket pair: %s",
                          g_strerror(errno));
        return FALSE;
    }

    *ret_a = mt_io_new(fds[0], fds[0], "pair", cancel_a);
    *ret_b = mt_io_new(fds[1], fds[1], "pair", cancel_b);
    return TRUE;
}

int
mt_io_listen_unix(const char *path, GError **error)
{
    struct sockaddr_un addr;
    int fd;

    if (!unix_address(path, &addr, error))
        return -1;

    unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        listen(fd, LISTEN_BACKLOG) == 0)
        return fd;

    migtune_error_set(error, MIGTUNE_ERROR_IO, "unix:%s: cannot listen: %s",
                      path, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static guint16
tcp_port(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    memset(&addr, 0, sizeof(addr));
    if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
        return 0;
    if (addr.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
    return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}

int
mt_io_listen_tcp(const char *host, const char *port, guint16 *ret_port,
                 GError **error)
{
    struct addrinfo *list = tcp_resolve(host, port, TRUE, error);
    int on = 1;
    int err = 0;
    int fd = -1;

    if (!list)
        return -1;

    for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            err = errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
            listen(fd, LISTEN_BACKLOG) == 0)
            break;
        err = errno;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "tcp:%s:%s: cannot listen: %s", host, port,
                          g_strerror(err));
        return -1;
    }

    *ret_port = tcp_port(fd);
    return fd;
}

MtIo *
mt_io_accept(int listen_fd, guint timeout_ms, MtCancel *cancel,
             GError **error)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    int fd;

    if (!mt_io_poll("listening socket", listen_fd, POLLIN, timeout_ms, cancel,
                    error))
        return NULL;

    memset(&addr, 0, sizeof(addr));
    fd = accept4(listen_fd, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC);
    if (fd < 0) {
        g_autofree char *why = open_describe_errno(errno);

        migtune_error_set(error, MIGTUNE_ERROR_IO, "cannot accept: %s", why);
        return NULL;
    }

    if (addr.ss_family != AF_UNIX)
        tcp_prepare(fd);
    return mt_io_new(fd, fd, "connection", cancel);
}

MtIo *
mt_io_open_file(const char *path, MtIoFileMode mode, gboolean direct,
                GError **error)
{
    gboolean write = mode == MT_IO_FILE_WRITE;
    int flags = (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC |
                (direct ? O_DIRECT : 0);
    g_autofree char *name = g_strdup_printf("file:%s", path);
    int fd = open(path, flags, 0600);

    if (fd < 0) {
        migtune_error_set(error, errno == EINVAL && direct ?
                          MIGTUNE_ERROR_UNSUPPORTED : MIGTUNE_ERROR_IO,
                          "%s: cannot open for %s%s: %s", name,
                          write ? "writing" : "reading",
                          direct ? " with O_DIRECT" : "",
                          g_strerror(errno));
        return NULL;
    }

    return mt_io_new(fd, write ? fd : -1, name, NULL);
}

MtIo *
mt_io_spawn(const char *command, gboolean to_command, MtCancel *cancel,
            GError **error)
{
    g_autofree char *name = g_strdup_printf("exec:%s", command);
    char *argv[] = {
        (char *)"sh", (char *)"-c", (char *)command, NULL
    };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int fds[2];
    pid_t pid;
    int err;
    MtIo *io;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "%s: cannot create a pipe: %s", name,
                          g_strerror(errno));
        return NULL;
    }

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[to_command ? 0 : 1],
                                     to_command ? 0 : 1);
    /* A process group of its own: Ctrl-C on the terminal is for the program,
     * which ends the command in order. */
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    err = posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[to_command ? 0 : 1]);
    if (err) {
        close(fds[to_command ? 1 : 0]);
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: cannot run: %s", name,
                          g_strerror(err));
        return NULL;
    }

    io = mt_io_new(to_command ? -1 : fds[0], to_command ? fds[1] : -1, name,
                   cancel);
    io->pid = pid;
    return io;
}
