/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses and their channels: see transport.h.
 */
#include "config.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/link.h"
#include "engine/transport.h"
#include "migtune/migtune-error.h"

typedef enum {
    KIND_TCP,
    KIND_UNIX,
    KIND_FD,
    KIND_EXEC,
    KIND_FILE,
    KIND_PAIR,
} TransportKind;

struct MtTransport {
    int refs;
    TransportKind kind;
    char *uri;
    char *host;         /* tcp */
    char *port;
    char *path;         /* unix, file; the command of exec */
    guint64 offset;     /* file */
    int fd;             /* fd: until used */
    int listen_fd;      /* pair: an eventfd with one count for each
                         * connection that was not accepted */

    GMutex lock;        /* pair */
    GQueue waiting;     /* of MtIo */
    gboolean closed;
    gboolean good;      /* the verdict, once verdict_fd is readable */
    int verdict_fd;
    guint n_opened;
    MtLink *link;       /* NULL: not slowed down */
    MtTls *tls;         /* NULL: not encrypted */
    guint tls_timeout_ms;
};

static const struct {
    const char *prefix;
    gboolean multi;
} transport_kinds[] = {
    [KIND_TCP] = { "tcp:", TRUE },
    [KIND_UNIX] = { "unix:", TRUE },
    [KIND_FD] = { "fd:", FALSE },
    [KIND_EXEC] = { "exec:", FALSE },
    [KIND_FILE] = { "file:", FALSE },
    [KIND_PAIR] = { "pair:", TRUE },
};

static gboolean
transport_bad(const char *uri, const char *wanted, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      "migration address %s: %s", uri, wanted);
    return FALSE;
}

static gboolean
transport_parse_tcp(MtTransport *t, const char *rest, GError **error)
{
    const char *colon = strrchr(rest, ':');

    if (!colon || !colon[1])
        return transport_bad(t->uri, "expected tcp:HOST:PORT", error);

    t->host = rest[0] == '[' && colon > rest && colon[-1] == ']' ?
        g_strndup(rest + 1, colon - rest - 2) :
        g_strndup(rest, colon - rest);
    t->port = g_strdup(colon + 1);
    return TRUE;
}

static gboolean
transport_parse_file(MtTransport *t, const char *rest, GError **error)
{
    const char *comma = strstr(rest, ",offset=");
    char *end = NULL;

    t->path = comma ? g_strndup(rest, comma - rest) : g_strdup(rest);
    if (comma) {
        static const char units[] = "kmgt";
        const char *number = comma + strlen(",offset=");
        const char *unit;

        t->offset = g_ascii_strtoull(number, &end, 0);
        unit = *end ? strchr(units, g_ascii_tolower(*end)) : NULL;
        if (unit) {
            guint shift = 10 * (unit - units + 1);

            if (t->offset > G_MAXINT64 >> shift)
                return transport_bad(t->uri, "the offset is too large",
                                     error);
            t->offset <<= shift;
            end++;
        }
        if (end == number || *end || !g_ascii_isdigit(*number) ||
            t->offset > G_MAXINT64)
            return transport_bad(t->uri, "expected offset=N with a number of "
                                 "bytes, optionally with k, M, G or T", error);
    }
    if (!*t->path)
        return transport_bad(t->uri, "expected file:PATH", error);
    return TRUE;
}

static gboolean
transport_parse(MtTransport *t, const char *rest, GError **error)
{
    guint64 fd;

    switch (t->kind) {
    case KIND_TCP:
        return transport_parse_tcp(t, rest, error);
    case KIND_FILE:
        return transport_parse_file(t, rest, error);
    case KIND_FD:
        if (!g_ascii_string_to_unsigned(rest, 10, 0, G_MAXINT, &fd, NULL))
            return transport_bad(t->uri, "expected fd:NUMBER", error);
        t->fd = fd;
        return TRUE;
    case KIND_UNIX:
    case KIND_EXEC:
        t->path = g_strdup(rest);
        return *rest || transport_bad(t->uri, "nothing follows the "
                                      "colon", error);
    case KIND_PAIR:
    default:
        return transport_bad(t->uri, "a pair has no address", error);
    }
}

static MtTransport *
transport_new(TransportKind kind, const char *uri)
{
    MtTransport *t = g_new0(MtTransport, 1);

    t->refs = 1;
    t->kind = kind;
    t->uri = g_strdup(uri);
    t->fd = t->listen_fd = t->verdict_fd = -1;
    g_mutex_init(&t->lock);
    return t;
}

MtTransport *
mt_transport_new(const char *uri, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(transport_kinds); i++) {
        g_autoptr(MtTransport) t = NULL;

        if (!g_str_has_prefix(uri, transport_kinds[i].prefix))
            continue;

        t = transport_new(i, uri);
        if (!transport_parse(t, uri + strlen(transport_kinds[i].prefix),
                             error))
            return NULL;
        return g_steal_pointer(&t);
    }

    transport_bad(uri, "expected tcp:, unix:, fd:, exec: or file:", error);
    return NULL;
}

MtTransport *
mt_transport_new_pair(void)
{
    MtTransport *t = transport_new(KIND_PAIR, "pair:");

    t->listen_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    t->verdict_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return t;
}

MtTransport *
mt_transport_ref(MtTransport *t)
{
    g_atomic_int_inc(&t->refs);
    return t;
}

void
mt_transport_unref(MtTransport *t)
{
    if (!t || !g_atomic_int_dec_and_test(&t->refs))
        return;

    mt_transport_stop_listening(t);
    if (t->listen_fd >= 0)
        close(t->listen_fd);
    if (t->verdict_fd >= 0)
        close(t->verdict_fd);
    g_queue_clear_full(&t->waiting, (GDestroyNotify)mt_io_free);
    mt_link_unref(t->link);
    mt_tls_unref(t->tls);
    g_mutex_clear(&t->lock);
    g_free(t->uri);
    g_free(t->host);
    g_free(t->port);
    g_free(t->path);
    g_free(t);
}

char *
mt_transport_dup_address(MtTransport *t)
{
    if (t->kind == KIND_TCP)
        return g_strdup_printf("tcp:%s%s%s:%s",
                               strchr(t->host, ':') ? "[" : "", t->host,
                               strchr(t->host, ':') ? "]" : "", t->port);
    return g_strdup(t->uri);
}

gboolean
mt_transport_is_pair(const MtTransport *t)
{
    return t->kind == KIND_PAIR;
}

gboolean
mt_transport_is_file(const MtTransport *t)
{
    return t->kind == KIND_FILE;
}

gboolean
mt_transport_is_multi(const MtTransport *t)
{
    return transport_kinds[t->kind].multi;
}

guint64
mt_transport_get_offset(const MtTransport *t)
{
    return t->offset;
}

static MtIo *
transport_connect_pair(MtTransport *t, MtCancel *cancel, GError **error)
{
    MtIo *here, *there;
    guint64 one = 1;

    if (!mt_io_pair(cancel, NULL, &here, &there, error))
        return NULL;

    g_mutex_lock(&t->lock);
    if (t->closed) {
        g_mutex_unlock(&t->lock);
        mt_io_free(here);
        mt_io_free(there);
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "cannot connect to the pair: its other end does "
                          "not listen any more");
        return NULL;
    }
    g_queue_push_tail(&t->waiting, there);
    g_mutex_unlock(&t->lock);

    if (write(t->listen_fd, &one, sizeof(one)) != sizeof(one)) {
        mt_io_free(here);
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "cannot notify the other end of the pair");
        return NULL;
    }
    return here;
}

static MtIo *
transport_use_fd(MtTransport *t, gboolean write, MtCancel *cancel,
                 GError **error)
{
    int fd = t->fd;
    int copy;

    if (fd < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "%s was used before", t->uri);
        return NULL;
    }
    /* Only a socket has both directions. */
    copy = dup(fd);
    if (copy < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "%s is not an open descriptor", t->uri);
        return NULL;
    }
    close(fd);
    t->fd = -1;
    return mt_io_new_fd(copy, write, t->uri, cancel);
}

MtIo *
mt_transport_reopen(MtTransport *t, gboolean write, gboolean direct,
                    GError **error)
{
    return mt_io_open_file(t->path, write ? MT_IO_FILE_WRITE :
                           MT_IO_FILE_READ, direct, error);
}

void
mt_transport_set_link(MtTransport *t, guint64 bytes_per_s, guint latency_ms)
{
    mt_link_unref(t->link);
    t->link = mt_link_new(bytes_per_s, latency_ms);
}

void
mt_transport_set_tls(MtTransport *t, MtTls *tls, guint timeout_ms)
{
    mt_tls_unref(t->tls);
    t->tls = mt_tls_ref(tls);
    t->tls_timeout_ms = timeout_ms;
    mt_tls_set_host(tls, t->host);
}

void
mt_transport_explain(MtTransport *t, GError **error)
{
    GError *reason;

    if (!t->tls || !*error || (*error)->code != MIGTUNE_ERROR_DISCONNECTED)
        return;

    reason = mt_tls_dup_error(t->tls);
    if (!reason)
        return;
    g_error_free(*error);
    *error = reason;
}

static MtIo *
transport_connect(MtTransport *t, guint timeout_ms, MtCancel *cancel,
                  GError **error)
{
    g_autoptr(MtIo) io = NULL;

    if (t->n_opened++ && !transport_kinds[t->kind].multi) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "%s supports only one channel", t->uri);
        return NULL;
    }

    switch (t->kind) {
    case KIND_TCP:
        return mt_io_connect_tcp(t->host, t->port, timeout_ms, cancel, error);
    case KIND_UNIX:
        return mt_io_connect_unix(t->path, timeout_ms, cancel, error);
    case KIND_FD:
        return transport_use_fd(t, TRUE, cancel, error);
    case KIND_EXEC:
        return mt_io_spawn(t->path, TRUE, cancel, error);
    case KIND_PAIR:
        return transport_connect_pair(t, cancel, error);
    case KIND_FILE:
    default:
        io = mt_transport_reopen(t, TRUE, FALSE, error);
        if (!io)
            return NULL;
        mt_io_set_cancel(io, cancel);
        if (!mt_io_truncate(io, t->offset, error) ||
            !mt_io_seek(io, t->offset, error))
            return NULL;
        return g_steal_pointer(&io);
    }
}

MtIo *
mt_transport_connect(MtTransport *t, guint timeout_ms, MtCancel *cancel,
                     GError **error)
{
    MtIo *io = transport_connect(t, timeout_ms, cancel, error);

    if (io && t->link && mt_io_is_socket(io))
        io = mt_link_extend(t->link, io, cancel, error);
    return io && t->tls ? mt_tls_connect(t->tls, io, t->tls_timeout_ms,
                                         cancel, error) : io;
}

gboolean
mt_transport_listen(MtTransport *t, GError **error)
{
    guint16 port;

    switch (t->kind) {
    case KIND_TCP:
        t->listen_fd = mt_io_listen_tcp(t->host, t->port, &port, error);
        if (t->listen_fd < 0)
            return FALSE;
        g_free(t->port);
        t->port = g_strdup_printf("%u", port);
        return TRUE;
    case KIND_UNIX:
        t->listen_fd = mt_io_listen_unix(t->path, error);
        return t->listen_fd >= 0;
    case KIND_FD:
    case KIND_EXEC:
    case KIND_FILE:
    case KIND_PAIR:
    default:
        return TRUE;
    }
}

static MtIo *
transport_accept_pair(MtTransport *t, guint timeout_ms, MtCancel *cancel,
                      GError **error)
{
    guint64 count;
    MtIo *io;

    if (!mt_io_poll(t->uri, t->listen_fd, POLLIN, timeout_ms, cancel, error) ||
        read(t->listen_fd, &count, sizeof(count)) != sizeof(count))
        return NULL;

    g_mutex_lock(&t->lock);
    io = g_queue_pop_head(&t->waiting);
    g_mutex_unlock(&t->lock);
    if (io)
        mt_io_set_cancel(io, cancel);
    return io;
}

static MtIo *
transport_accept(MtTransport *t, guint timeout_ms, MtCancel *cancel,
                 GError **error)
{
    g_autoptr(MtIo) io = NULL;

    switch (t->kind) {
    case KIND_TCP:
    case KIND_UNIX:
        return mt_io_accept(t->listen_fd, timeout_ms, cancel, error);
    case KIND_FD:
        return transport_use_fd(t, FALSE, cancel, error);
    case KIND_EXEC:
        return mt_io_spawn(t->path, FALSE, cancel, error);
    case KIND_PAIR:
        return transport_accept_pair(t, timeout_ms, cancel, error);
    case KIND_FILE:
    default:
        io = mt_transport_reopen(t, FALSE, FALSE, error);
        if (!io)
            return NULL;
        mt_io_set_cancel(io, cancel);
        if (!mt_io_seek(io, t->offset, error))
            return NULL;
        return g_steal_pointer(&io);
    }
}

MtIo *
mt_transport_accept(MtTransport *t, guint timeout_ms, MtCancel *cancel,
                    GError **error)
{
    MtIo *io = transport_accept(t, timeout_ms, cancel, error);

    return io && t->tls ? mt_tls_accept(t->tls, io, t->tls_timeout_ms, cancel,
                                        error) : io;
}

void
mt_transport_stop_listening(MtTransport *t)
{
    if (t->kind == KIND_PAIR) {
        g_mutex_lock(&t->lock);
        t->closed = TRUE;
        g_queue_clear_full(&t->waiting, (GDestroyNotify)mt_io_free);
        g_mutex_unlock(&t->lock);
        return;
    }

    if (t->listen_fd >= 0)
        close(t->listen_fd);
    if (t->listen_fd >= 0 && t->kind == KIND_UNIX)
        unlink(t->path);
    t->listen_fd = -1;
}

void
mt_transport_give_verdict(MtTransport *t, gboolean ok)
{
    guint64 one = 1;
    gssize n;

    if (t->kind != KIND_PAIR)
        return;

    g_mutex_lock(&t->lock);
    t->good = ok;
    g_mutex_unlock(&t->lock);
    n = write(t->verdict_fd, &one, sizeof(one));
    g_assert(n == sizeof(one));
}

gboolean
mt_transport_wait_verdict(MtTransport *t, guint timeout_ms, MtCancel *cancel,
                          GError **error)
{
    GError *local = NULL;
    gboolean good;

    if (t->kind != KIND_PAIR)
        return TRUE;

    if (!mt_io_poll(t->uri, t->verdict_fd, POLLIN, timeout_ms, cancel,
                    &local)) {
        if (local)
            g_propagate_error(error, local);
        else
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              "everything was sent, but the other end of the "
                              "pair has not loaded it within %u ms",
                              timeout_ms);
        return FALSE;
    }

    g_mutex_lock(&t->lock);
    good = t->good;
    g_mutex_unlock(&t->lock);
    if (!good)
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "the other end of the pair could not load what was "
                          "sent");
    return good;
}
