/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors: whole reads and writes of sockets, pipes and files.
 *
 * An MtIo is one descriptor (or one for each direction) with a name for error
 * texts, a time that silence may last, and an MtCancel that ends every wait
 * at once.  Sockets and pipes are non-blocking underneath: a call first tries,
 * and sleeps in poll() only when there is nothing to do, so that a stream at
 * full speed costs one system call a vector.
 *
 * Errors: MIGTUNE_ERROR_DISCONNECTED when the other side is gone,
 * MIGTUNE_ERROR_TIMEOUT after silence, MIGTUNE_ERROR_CANCELLED after
 * mt_cancel_fire(), MIGTUNE_ERROR_CONNECT when nobody answers, and
 * MIGTUNE_ERROR_IO for the rest.  errno does not leave this module.
 *
 * An MtIo may be read by one thread and written by another at the same time.
 */

#include <glib.h>
#include <sys/uio.h>

/* A flag that threads can sleep on.  Once fired it stays so. */
typedef struct MtCancel MtCancel;

MtCancel *mt_cancel_new(void);
MtCancel *mt_cancel_ref(MtCancel *cancel);
void mt_cancel_unref(MtCancel *cancel);
void mt_cancel_fire(MtCancel *cancel);
gboolean mt_cancel_fired(const MtCancel *cancel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtCancel, mt_cancel_unref)

typedef struct MtIo MtIo;

/*
 * What a link does to the bytes written into it, on demand of a test: at byte
 * @at the link breaks, goes silent, or changes that byte.
 */
typedef enum {
    MT_IO_FAULT_NONE,
    MT_IO_FAULT_DROP,
    MT_IO_FAULT_STALL,
    MT_IO_FAULT_CORRUPT,
} MtIoFaultKind;

typedef struct {
    MtIoFaultKind kind;
    guint64 at;
} MtIoFault;

/*
 * Takes the descriptors, which may be the same; -1 for a direction that there
 * is not.  @cancel may be NULL.
 */
MtIo *mt_io_new(int read_fd, int write_fd, const char *name,
                MtCancel *cancel);
void mt_io_free(MtIo *io);

/* A descriptor that somebody else opened: both ways if it is a socket, else
 * the one way that @write says. */
MtIo *mt_io_new_fd(int fd, gboolean write, const char *name,
                   MtCancel *cancel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtIo, mt_io_free)

void mt_io_set_name(MtIo *io, const char *name);
const char *mt_io_get_name(const MtIo *io);

/* How long a read or write may wait without one byte moving; 0: for ever. */
void mt_io_set_timeout_ms(MtIo *io, guint timeout_ms);
void mt_io_set_read_timeout_ms(MtIo *io, guint timeout_ms);

/* Bytes that any of several descriptors moved: silence is then that of all of
 * them together.  @activity is atomic and outlives @io. */
void mt_io_set_activity(MtIo *io, guint64 *activity);
void mt_io_set_fault(MtIo *io, const MtIoFault *fault);

gboolean mt_io_is_socket(const MtIo *io);
gboolean mt_io_is_two_way(const MtIo *io);
gboolean mt_io_is_seekable(const MtIo *io);
int mt_io_get_read_fd(const MtIo *io);

guint64 mt_io_get_bytes_read(const MtIo *io);
guint64 mt_io_get_bytes_written(const MtIo *io);

/* Some bytes, at least one: their number; 0 at the end; -1 on error. */
gssize mt_io_read_some(MtIo *io, const struct iovec *iov, guint n_iov,
                       GError **error);

/* All bytes; the end before them is an error. */
gboolean mt_io_read(MtIo *io, gpointer buf, gsize len, GError **error);
gboolean mt_io_write(MtIo *io, gconstpointer buf, gsize len, GError **error);

/* All bytes of any number of pieces.  @iov is used up by the call. */
gboolean mt_io_readv(MtIo *io, struct iovec *iov, guint n_iov,
                     GError **error);
gboolean mt_io_writev(MtIo *io, struct iovec *iov, guint n_iov,
                      GError **error);

/*
 * Sees up to @len bytes without taking them (sockets only) and without
 * waiting: their number, 0 when there are none yet, -1 when there will be
 * none.
 */
gssize mt_io_peek(MtIo *io, gpointer buf, gsize len);

/* Whether the other side has said its last byte (sockets only), of which some
 * may still be here to be read. */
gboolean mt_io_is_hung_up(const MtIo *io);

/* Files: the position is given, the descriptor's own does not move. */
gboolean mt_io_pread(MtIo *io, gpointer buf, gsize len, guint64 offset,
                     GError **error);
gboolean mt_io_preadv(MtIo *io, struct iovec *iov, guint n_iov,
                      guint64 offset, GError **error);
gboolean mt_io_pwritev(MtIo *io, struct iovec *iov, guint n_iov,
                       guint64 offset, GError **error);
gboolean mt_io_seek(MtIo *io, guint64 offset, GError **error);
guint64 mt_io_tell(MtIo *io);
gboolean mt_io_get_size(MtIo *io, guint64 *ret_size, GError **error);

/* No more bytes go out; what was written still arrives. */
void mt_io_shutdown_write(MtIo *io);

/* Ends both directions; a thread that waits on @io returns. */
void mt_io_shutdown(MtIo *io);

/* A connection that was made before anybody knew who would use it. */
void mt_io_set_cancel(MtIo *io, MtCancel *cancel);

/*
 * TRUE when @fd (-1: none) can be read or written, as @events of poll() say;
 * FALSE with @error when it was cancelled, FALSE without when @timeout_ms (0:
 * for ever) passed.  @name is for the error's text.
 */
gboolean mt_io_poll(const char *name, int fd, short events, guint timeout_ms,
                    MtCancel *cancel, GError **error);

/*
 * Closes the descriptors and, for a command, waits for it to end: a command
 * that failed is an error.  mt_io_free() does the same without saying so.
 */
gboolean mt_io_close(MtIo *io, GError **error);

/* For a command of which everything was read: waits as above, but leaves all
 * else open. */
gboolean mt_io_finish_command(MtIo *io, GError **error);

/* Connected, or NULL.  @timeout_ms: 0 is for ever. */
MtIo *mt_io_connect_unix(const char *path, guint timeout_ms,
                         MtCancel *cancel, GError **error);
MtIo *mt_io_connect_tcp(const char *host, const char *port, guint timeout_ms,
                        MtCancel *cancel, GError **error);

/* Two ends of one link. */
gboolean mt_io_pair(MtCancel *cancel_a, MtCancel *cancel_b, MtIo **ret_a,
                    MtIo **ret_b, GError **error);

/* Listening descriptors; -1 on error. */
int mt_io_listen_unix(const char *path, GError **error);
int mt_io_listen_tcp(const char *host, const char *port, guint16 *ret_port,
                     GError **error);

/*
 * One more connection, or NULL: with an error, or without one when
 * @timeout_ms passed.
 */
MtIo *mt_io_accept(int listen_fd, guint timeout_ms, MtCancel *cancel,
                   GError **error);

typedef enum {
    MT_IO_FILE_READ,
    MT_IO_FILE_WRITE,           /* created if there is none */
} MtIoFileMode;

/* @direct: past the page cache; whatever is moved must be aligned. */
MtIo *mt_io_open_file(const char *path, MtIoFileMode mode, gboolean direct,
                      GError **error);
gboolean mt_io_truncate(MtIo *io, guint64 size, GError **error);

/* Runs @command with a shell and writes its input, or reads its output. */
MtIo *mt_io_spawn(const char *command, gboolean to_command, MtCancel *cancel,
                  GError **error);
