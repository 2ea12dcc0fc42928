/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors: whole reads and writes of sockets, pipes and files.
 *
 * An MtIo has one descriptor, or one for each direction, a name for error
 * messages, a timeout without progress, and an MtCancel that ends every wait
 * immediately.  Sockets and pipes are non-blocking: a call tries first and waits
 * in poll() only if nothing can be moved, so a stream at full speed costs one
 * system call for each vector.
 *
 * Errors: MIGTUNE_ERROR_DISCONNECTED if the peer closed the connection,
 * MIGTUNE_ERROR_TIMEOUT if no byte moved in time, MIGTUNE_ERROR_CANCELLED after
 * mt_cancel_fire(), MIGTUNE_ERROR_CONNECT if no connection could be made, and
 * MIGTUNE_ERROR_IO for everything else.  errno is not visible outside.
 *
 * An MtIo may be read by one thread and written by another at the same time.
 */

#include <glib.h>
#include <sys/uio.h>

/* A flag that threads can wait for.  Once fired it stays fired. */
typedef struct MtCancel MtCancel;

MtCancel *mt_cancel_new(void);
MtCancel *mt_cancel_ref(MtCancel *cancel);
void mt_cancel_unref(MtCancel *cancel);
void mt_cancel_fire(MtCancel *cancel);
gboolean mt_cancel_fired(const MtCancel *cancel);

/* Readable once it has been fired; -1 where there is none. */
int mt_cancel_get_fd(const MtCancel *cancel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtCancel, mt_cancel_unref)

typedef struct MtIo MtIo;

/*
 * A fault that a test injects into what is written: at byte @at the connection
 * is cut, stalls, or has that byte changed.
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
 * Takes ownership of the descriptors, which may be the same; -1 if a direction
 * is missing.  @cancel may be NULL.
 */
MtIo *mt_io_new(int read_fd, int write_fd, const char *name,
                MtCancel *cancel);
void mt_io_free(MtIo *io);

/* Wraps an open descriptor: both directions if it is a socket, else only
 * writing or only reading, as @write says. */
MtIo *mt_io_new_fd(int fd, gboolean write, const char *name,
                   MtCancel *cancel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtIo, mt_io_free)

void mt_io_set_name(MtIo *io, const char *name);
const char *mt_io_get_name(const MtIo *io);

/* How long a read or write may wait without progress; 0: no limit. */
void mt_io_set_timeout_ms(MtIo *io, guint timeout_ms);
void mt_io_set_read_timeout_ms(MtIo *io, guint timeout_ms);

/* A byte counter shared by several descriptors: progress of any of them counts
 * for the timeout of all.  @activity is atomic and outlives @io. */
void mt_io_set_activity(MtIo *io, guint64 *activity);
void mt_io_set_fault(MtIo *io, const MtIoFault *fault);

gboolean mt_io_is_socket(const MtIo *io);
gboolean mt_io_is_two_way(const MtIo *io);
gboolean mt_io_is_seekable(const MtIo *io);
int mt_io_get_read_fd(const MtIo *io);

guint64 mt_io_get_bytes_read(const MtIo *io);
guint64 mt_io_get_bytes_written(const MtIo *io);

/* Reads at least one byte.  Returns the number of bytes, 0 at the end, -1 on
 * error. */
gssize mt_io_read_some(MtIo *io, const struct iovec *iov, guint n_iov,
                       GError **error);

/* Reads exactly @len bytes; fails if the data ends earlier. */
gboolean mt_io_read(MtIo *io, gpointer buf, gsize len, GError **error);
gboolean mt_io_write(MtIo *io, gconstpointer buf, gsize len, GError **error);

/* Writes all pieces of @iov, which is modified. */
gboolean mt_io_readv(MtIo *io, struct iovec *iov, guint n_iov,
                     GError **error);
gboolean mt_io_writev(MtIo *io, struct iovec *iov, guint n_iov,
                      GError **error);

/*
 * Looks at up to @len bytes without consuming them and without waiting
 * (sockets only).  Returns the number of bytes, 0 if none has arrived yet, -1 if
 * the connection is closed.
 */
gssize mt_io_peek(MtIo *io, gpointer buf, gsize len);

/* Whether the peer will send nothing more (sockets only).  Bytes that have
 * arrived can still be read. */
gboolean mt_io_is_hung_up(const MtIo *io);

/* Files: read or write at @offset; the file position does not change. */
gboolean mt_io_pread(MtIo *io, gpointer buf, gsize len, guint64 offset,
                     GError **error);
gboolean mt_io_preadv(MtIo *io, struct iovec *iov, guint n_iov,
                      guint64 offset, GError **error);
gboolean mt_io_pwritev(MtIo *io, struct iovec *iov, guint n_iov,
                       guint64 offset, GError **error);
gboolean mt_io_seek(MtIo *io, guint64 offset, GError **error);
guint64 mt_io_tell(MtIo *io);

/* Files: the size; a block device or a pipe has no limit. */
gboolean mt_io_get_size(MtIo *io, guint64 *ret_size, GError **error);

/* Ends the writing direction; bytes already written still arrive. */
void mt_io_shutdown_write(MtIo *io);

/* Ends both directions.  A thread that waits on @io returns. */
void mt_io_shutdown(MtIo *io);

/* Sets the MtCancel after creation, for example of an accepted connection. */
void mt_io_set_cancel(MtIo *io, MtCancel *cancel);

/*
 * Waits until @fd (-1: none) is ready for @events (as for poll()) and returns
 * TRUE.  Returns FALSE with @error if it was cancelled, and FALSE without an
 * error after @timeout_ms (0: no limit).  @name is used in the error message.
 */
gboolean mt_io_poll(const char *name, int fd, short events, guint timeout_ms,
                    MtCancel *cancel, GError **error);

/*
 * Closes the descriptors.  If @io is the pipe of a command, waits for the
 * command to end and fails if the command failed.  mt_io_free() does the same,
 * but ignores a failure.
 */
gboolean mt_io_close(MtIo *io, GError **error);

/* Waits for the command of a pipe whose output was read to its end, as above,
 * but leaves the descriptors open. */
gboolean mt_io_finish_command(MtIo *io, GError **error);

/* Return a connection, or NULL on error.  @timeout_ms 0: no limit. */
MtIo *mt_io_connect_unix(const char *path, guint timeout_ms,
                         MtCancel *cancel, GError **error);
MtIo *mt_io_connect_tcp(const char *host, const char *port, guint timeout_ms,
                        MtCancel *cancel, GError **error);

/* A pair of connected sockets. */
gboolean mt_io_pair(MtCancel *cancel_a, MtCancel *cancel_b, MtIo **ret_a,
                    MtIo **ret_b, GError **error);

/* Return a listening descriptor, or -1 on error. */
int mt_io_listen_unix(const char *path, GError **error);
int mt_io_listen_tcp(const char *host, const char *port, guint16 *ret_port,
                     GError **error);

/*
 * Accepts one connection.  Returns NULL with an error, or NULL without an error
 * if none came within @timeout_ms.
 */
MtIo *mt_io_accept(int listen_fd, guint timeout_ms, MtCancel *cancel,
                   GError **error);

typedef enum {
    MT_IO_FILE_READ,
    MT_IO_FILE_WRITE,           /* created if it does not exist */
} MtIoFileMode;

/* @direct: O_DIRECT; buffers, lengths and offsets must be aligned. */
MtIo *mt_io_open_file(const char *path, MtIoFileMode mode, gboolean direct,
                      GError **error);
gboolean mt_io_truncate(MtIo *io, guint64 size, GError **error);

/* Runs @command in a shell; the MtIo writes its input or reads its output. */
MtIo *mt_io_spawn(const char *command, gboolean to_command, MtCancel *cancel,
                  GError **error);
