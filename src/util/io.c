/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads, writes and waits on descriptors: see io.h.  io-open.c opens them.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/io.h"
#include "util/io-private.h"
#include "migtune/migtune-error.h"

struct MtCancel {
    int refs;
    int fired;
    int fd;             /* eventfd, readable once fired; -1 if none */
};

MtCancel *
mt_cancel_new(void)
{
    MtCancel *cancel = g_new0(MtCancel, 1);

    cancel->refs = 1;
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return cancel;
}

MtCancel *
mt_cancel_ref(MtCancel *cancel)
{
    g_atomic_int_inc(&cancel->refs);
    return cancel;
}

void
mt_cancel_unref(MtCancel *cancel)
{
    if (!cancel || !g_atomic_int_dec_and_test(&cancel->refs))
        return;

    if (cancel->fd >= 0)
        close(cancel->fd);
    g_free(cancel);
}

void
mt_cancel_fire(MtCancel *cancel)
{
    guint64 one = 1;
    gssize n;

    g_atomic_int_set(&cancel->fired, TRUE);
    if (cancel->fd < 0)
        return;

    do {
        n = write(cancel->fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
}

gboolean
mt_cancel_fired(const MtCancel *cancel)
{
    return g_atomic_int_get(&cancel->fired);
}

int
mt_cancel_get_fd(const MtCancel *cancel)
{
    return cancel->fd;
}

MtIo *
mt_io_new(int read_fd, int write_fd, const char *name, MtCancel *cancel)
{
    MtIo *io = g_new0(MtIo, 1);
    int fd = read_fd >= 0 ? read_fd : write_fd;
    struct stat st;

    io->read_fd = read_fd;
    io->write_fd = write_fd;
    io->name = g_strdup(name);
    io->cancel = cancel ? mt_cancel_ref(cancel) : NULL;

    if (fstat(fd, &st) == 0) {
        io->is_socket = S_ISSOCK(st.st_mode);
        io->is_file = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
    }
    if (!io->is_file) {
        int fds[] = { read_fd, write_fd };

        for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
            int flags = fds[i] >= 0 ? fcntl(fds[i], F_GETFL) : -1;

            if (flags >= 0)
                fcntl(fds[i], F_SETFL, flags | O_NONBLOCK);
        }
    }

    return io;
}

MtIo *
mt_io_new_fd(int fd, gboolean write, const char *name, MtCancel *cancel)
{
    struct stat st;
    gboolean both = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);

    return mt_io_new(both || !write ? fd : -1, both || write ? fd : -1, name,
                     cancel);
}

static void
io_close_fds(MtIo *io)
{
    if (io->read_fd >= 0)
        close(io->read_fd);
    if (io->write_fd >= 0 && io->write_fd != io->read_fd)
        close(io->write_fd);
    io->read_fd = io->write_fd = -1;
}

/* Kills a command that does not end after its pipe was closed. */
static gboolean
io_reap(MtIo *io, GError **error)
{
    gint64 end = g_get_monotonic_time() +
                 (io->timeout_ms ? io->timeout_ms : 10000) * (gint64)1000;
    int status = 0;
    pid_t pid;

    if (!io->pid)
        return TRUE;

    do {
        pid = waitpid(io->pid, &status, WNOHANG);
        if (pid == 0) {
            if (g_get_monotonic_time() > end ||
                (io->cancel && mt_cancel_fired(io->cancel)))
                kill(io->pid, SIGKILL);
            g_usleep(2000);
        }
    } while (pid == 0 || (pid < 0 && errno == EINTR));

    io->pid = 0;
    if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return TRUE;

    if (WIFEXITED(status))
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "%s: the command ended with exit status %d, "
                          "not 0", io->name, WEXITSTATUS(status));
    else
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "%s: the command was ended by signal %d",
                          io->name, WTERMSIG(status));
    return FALSE;
}

gboolean
mt_io_close(MtIo *io, GError **error)
{
    io_close_fds(io);
    return io_reap(io, error);
}

gboolean
mt_io_finish_command(MtIo *io, GError **error)
{
    return !io->pid || mt_io_close(io, error);
}

void
mt_io_free(MtIo *io)
{
    if (!io)
        return;

    io_close_fds(io);
    io_reap(io, NULL);
    mt_cancel_unref(io->cancel);
    g_free(io->name);
    g_free(io);
}

void
mt_io_set_name(MtIo *io, const char *name)
{
    g_free(io->name);
    io->name = g_strdup(name);
}

const char *
mt_io_get_name(const MtIo *io)
{
    return io->name;
}

void
mt_io_set_cancel(MtIo *io, MtCancel *cancel)
{
    if (cancel)
        mt_cancel_ref(cancel);
    mt_cancel_unref(io->cancel);
    io->cancel = cancel;
}

void
mt_io_set_timeout_ms(MtIo *io, guint timeout_ms)
{
    io->timeout_ms = timeout_ms;
    io->read_timeout_ms = timeout_ms;
}

void
mt_io_set_read_timeout_ms(MtIo *io, guint timeout_ms)
{
    io->read_timeout_ms = timeout_ms;
}

void
mt_io_set_activity(MtIo *io, guint64 *activity)
{
    io->activity = activity;
}

static guint64
io_activity(const MtIo *io)
{
    return io->activity ?
        __atomic_load_n(io->activity, __ATOMIC_RELAXED) : 0;
}

static void
io_moved(MtIo *io, guint64 *counter, gsize n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
    if (io->activity)
        __atomic_fetch_add(io->activity, n, __ATOMIC_RELAXED);
}

void
mt_io_set_fault(MtIo *io, const MtIoFault *fault)
{
    io->fault = *fault;
}

gboolean
mt_io_is_socket(const MtIo *io)
{
    return io->is_socket;
}

gboolean
mt_io_is_two_way(const MtIo *io)
{
    return !io->is_file && io->read_fd >= 0 && io->write_fd >= 0;
}

gboolean
mt_io_is_seekable(const MtIo *io)
{
    return io->is_file;
}

int
mt_io_get_read_fd(const MtIo *io)
{
    return io->read_fd;
}

guint64
mt_io_get_bytes_read(const MtIo *io)
{
    return __atomic_load_n(&io->bytes_read, __ATOMIC_RELAXED);
}

guint64
mt_io_get_bytes_written(const MtIo *io)
{
    return __atomic_load_n(&io->bytes_written, __ATOMIC_RELAXED);
}

static gboolean
io_errno(MtIo *io, const char *what, int err, GError **error)
{
    if (err == EPIPE || err == ECONNRESET || err == ENOTCONN ||
        err == ESHUTDOWN || err == EBADF)
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "%s: the other side closed the connection after "
                          "%" G_GUINT64_FORMAT " bytes read and "
                          "%" G_GUINT64_FORMAT " written", io->name,
                          mt_io_get_bytes_read(io),
                          mt_io_get_bytes_written(io));
    else
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: cannot %s: %s",
                          io->name, what, g_strerror(err));
    return FALSE;
}

static gboolean
io_cancelled(MtIo *io, GError **error)
{
    if (!io->cancel || !mt_cancel_fired(io->cancel))
        return FALSE;

    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "%s: cancelled",
                      io->name);
    return TRUE;
}

gboolean
mt_io_poll(const char *name, int fd, short events, guint timeout_ms,
           MtCancel *cancel, GError **error)
{
    gint64 end = timeout_ms ?
        g_get_monotonic_time() + timeout_ms * (gint64)1000 : 0;

    for (;;) {
        struct pollfd fds[2] = {
            { .fd = fd, .events = events },
            { .fd = cancel ? cancel->fd : -1, .events = POLLIN },
        };
        int wait_ms = -1;
        int n;

        if (cancel && mt_cancel_fired(cancel)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              "%s: cancelled", name);
            return FALSE;
        }
        if (end) {
            gint64 left = end - g_get_monotonic_time();

            if (left <= 0)
                return FALSE;
            wait_ms = (left + 999) / 1000;
        }
        n = poll(fds, G_N_ELEMENTS(fds), wait_ms);
        if (n > 0 && fds[0].revents)
            return TRUE;
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: cannot wait: %s",
                              name, g_strerror(errno));
            return FALSE;
        }
    }
}

static gboolean
io_wait(MtIo *io, int fd, short events, GError **error)
{
    guint timeout_ms = events == POLLIN ? io->read_timeout_ms :
                       io->timeout_ms;
    GError *local = NULL;
    guint64 before;

    do {
        before = io_activity(io);
        if (mt_io_poll(io->name, fd, events, timeout_ms, io->cancel, &local))
            return TRUE;
        if (local) {
            g_propagate_error(error, local);
            return FALSE;
        }
    } while (io_activity(io) != before);

    migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                      "%s: nothing could be %s for %u ms, after %"
                      G_GUINT64_FORMAT " bytes", io->name,
                      events == POLLIN ? "read" : "written", timeout_ms,
                      events == POLLIN ? mt_io_get_bytes_read(io) :
                      mt_io_get_bytes_written(io));
    return FALSE;
}

gssize
mt_io_read_some(MtIo *io, const struct iovec *iov, guint n_iov,
                GError **error)
{
    for (;;) {
        gssize n;

        if (io->read_fd < 0) {
            io_errno(io, "read", EBADF, error);
            return -1;
        }
        n = readv(io->read_fd, iov, MIN(n_iov, IOV_MAX));
        if (n >= 0) {
            io_moved(io, &io->bytes_read, n);
            return n;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            io_errno(io, "read", errno, error);
            return -1;
        }
        if (!io_wait(io, io->read_fd, POLLIN, error))
            return -1;
    }
}

/* Advances a vector by @done bytes and drops empty pieces. */
static void
iov_advance(struct iovec **iov, guint *n_iov, gsize done)
{
    while (*n_iov && done >= (*iov)->iov_len) {
        done -= (*iov)->iov_len;
        (*iov)++;
        (*n_iov)--;
    }
    if (*n_iov && done) {
        (*iov)->iov_base = (guint8 *)(*iov)->iov_base + done;
        (*iov)->iov_len -= done;
    }
}

static gsize
iov_size(const struct iovec *iov, guint n_iov)
{
    gsize size = 0;

    for (guint i = 0; i < n_iov; i++)
        size += iov[i].iov_len;
    return size;
}

gboolean
mt_io_readv(MtIo *io, struct iovec *iov, guint n_iov, GError **error)
{
    iov_advance(&iov, &n_iov, 0);
    while (n_iov) {
        gssize n = mt_io_read_some(io, iov, n_iov, error);

        if (n < 0 || io_cancelled(io, error))
            return FALSE;
        if (n == 0) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "%s: the data ends after %" G_GUINT64_FORMAT
                              " bytes, %" G_GSIZE_FORMAT " more are needed",
                              io->name, mt_io_get_bytes_read(io),
                              iov_size(iov, n_iov));
            return FALSE;
        }
        iov_advance(&iov, &n_iov, n);
    }

    return TRUE;
}

gboolean
mt_io_read(MtIo *io, gpointer buf, gsize len, GError **error)
{
    struct iovec iov = { buf, len };

    return mt_io_readv(io, &iov, 1, error);
}

/* Writing to a pipe without a reader raises SIGPIPE, which is blocked here. */
static gssize
io_write_pipe(int fd, const struct iovec *iov, guint n_iov)
{
    static const struct timespec at_once = { 0, 0 };
    sigset_t set, old, pending;
    gboolean was_pending;
    gssize n;
    int err;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    n = writev(fd, iov, n_iov);
    err = errno;
    if (n < 0 && err == EPIPE && !was_pending)
        sigtimedwait(&set, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = err;
    return n;
}

static gboolean
io_writev_all(MtIo *io, struct iovec *iov, guint n_iov, GError **error)
{
    iov_advance(&iov, &n_iov, 0);
    while (n_iov) {
        guint some = MIN(n_iov, IOV_MAX);
        gssize n;

        if (io_cancelled(io, error))
            return FALSE;
        if (io->write_fd < 0)
            return io_errno(io, "write", EBADF, error);
        if (io->is_socket) {
            struct msghdr msg = { .msg_iov = iov, .msg_iovlen = some };

            n = sendmsg(io->write_fd, &msg, MSG_NOSIGNAL);
        } else if (io->is_file) {
            n = writev(io->write_fd, iov, some);
        } else {
            n = io_write_pipe(io->write_fd, iov, some);
        }
        if (n >= 0) {
            io_moved(io, &io->bytes_written, n);
            iov_advance(&iov, &n_iov, n);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return io_errno(io, "write", errno, error);
        if (!io_wait(io, io->write_fd, POLLOUT, error))
            return FALSE;
    }

    return TRUE;
}

/* Bytes before the fault are written unchanged. */
static gboolean
io_writev_fault(MtIo *io, const struct iovec *iov, guint n_iov,
                GError **error)
{
    g_autofree guint8 *all = g_malloc(iov_size(iov, n_iov));
    gsize at = io->fault.at - io->bytes_written;
    struct iovec one = { all, 0 };
    MtIoFaultKind kind = io->fault.kind;

    for (guint i = 0; i < n_iov; i++) {
        memcpy(all + one.iov_len, iov[i].iov_base, iov[i].iov_len);
        one.iov_len += iov[i].iov_len;
    }
    if (kind == MT_IO_FAULT_CORRUPT) {
        io->fault.kind = MT_IO_FAULT_NONE;
        all[at] ^= 0x20;
        return io_writev_all(io, &one, 1, error);
    }

    one.iov_len = at;
    if (!io_writev_all(io, &one, 1, error))
        return FALSE;
    if (kind == MT_IO_FAULT_STALL) {
        GError *local = NULL;

        mt_io_poll(io->name, -1, 0, io->timeout_ms, io->cancel, &local);
        if (local) {
            g_propagate_error(error, local);
            return FALSE;
        }
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          "%s: the link stalled after %" G_GUINT64_FORMAT
                          " bytes, as asked", io->name, io->fault.at);
        return FALSE;
    }

    mt_io_shutdown(io);
    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      "%s: the link was cut after %" G_GUINT64_FORMAT
                      " bytes, as asked", io->name, io->fault.at);
    return FALSE;
}

gboolean
mt_io_writev(MtIo *io, struct iovec *iov, guint n_iov, GError **error)
{
    if (io->fault.kind != MT_IO_FAULT_NONE &&
        io->bytes_written + iov_size(iov, n_iov) > io->fault.at &&
        io->bytes_written <= io->fault.at)
        return io_writev_fault(io, iov, n_iov, error);

    return io_writev_all(io, iov, n_iov, error);
}

gboolean
mt_io_write(MtIo *io, gconstpointer buf, gsize len, GError **error)
{
    struct iovec iov = { (gpointer)buf, len };

    return mt_io_writev(io, &iov, 1, error);
}

gssize
mt_io_peek(MtIo *io, gpointer buf, gsize len)
{
    gssize n;

    do {
        n = recv(io->read_fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    return n > 0 ? n : -1;
}

gboolean
mt_io_is_hung_up(const MtIo *io)
{
    struct pollfd poll_fd = { .fd = io->read_fd, .events = POLLRDHUP };

    return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents;
}

gboolean
mt_io_preadv(MtIo *io, struct iovec *iov, guint n_iov, guint64 offset,
             GError **error)
{
    iov_advance(&iov, &n_iov, 0);
    while (n_iov) {
        gssize n = preadv(io->read_fd, iov, MIN(n_iov, IOV_MAX), offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_errno(io, "read", errno, error);
        if (n == 0) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "%s: the file ends at %" G_GUINT64_FORMAT
                              ", %" G_GSIZE_FORMAT " more bytes are needed",
                              io->name, offset, iov_size(iov, n_iov));
            return FALSE;
        }
        __atomic_fetch_add(&io->bytes_read, n, __ATOMIC_RELAXED);
        offset += n;
        iov_advance(&iov, &n_iov, n);
    }

    return !io_cancelled(io, error);
}

gboolean
mt_io_pread(MtIo *io, gpointer buf, gsize len, guint64 offset,
            GError **error)
{
    struct iovec iov = { buf, len };

    return mt_io_preadv(io, &iov, 1, offset, error);
}

gboolean
mt_io_pwritev(MtIo *io, struct iovec *iov, guint n_iov, guint64 offset,
              GError **error)
{
    iov_advance(&iov, &n_iov, 0);
    while (n_iov) {
        gssize n = pwritev(io->write_fd, iov, MIN(n_iov, IOV_MAX), offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_errno(io, "write", errno, error);
        __atomic_fetch_add(&io->bytes_written, n, __ATOMIC_RELAXED);
        offset += n;
        iov_advance(&iov, &n_iov, n);
    }

    return !io_cancelled(io, error);
}

gboolean
mt_io_seek(MtIo *io, guint64 offset, GError **error)
{
    int fd = io->read_fd >= 0 ? io->read_fd : io->write_fd;

    if (lseek(fd, offset, SEEK_SET) < 0)
        return io_errno(io, "seek", errno, error);
    return TRUE;
}

guint64
mt_io_tell(MtIo *io)
{
    int fd = io->read_fd >= 0 ? io->read_fd : io->write_fd;
    off_t at = lseek(fd, 0, SEEK_CUR);

    return at < 0 ? 0 : at;
}

gboolean
mt_io_get_size(MtIo *io, guint64 *ret_size, GError **error)
{
    struct stat st;

    if (fstat(io->read_fd >= 0 ? io->read_fd : io->write_fd, &st) < 0)
        return io_errno(io, "look at", errno, error);

    *ret_size = S_ISREG(st.st_mode) ? (guint64)st.st_size : G_MAXINT64;
    return TRUE;
}

gboolean
mt_io_truncate(MtIo *io, guint64 size, GError **error)
{
    if (ftruncate(io->write_fd, size) < 0)
        return io_errno(io, "truncate", errno, error);
    return TRUE;
}

void
mt_io_shutdown_write(MtIo *io)
{
    if (io->is_socket && io->write_fd >= 0)
        shutdown(io->write_fd, SHUT_WR);
}

void
mt_io_shutdown(MtIo *io)
{
    if (io->is_socket && io->read_fd >= 0)
        shutdown(io->read_fd, SHUT_RDWR);
}
