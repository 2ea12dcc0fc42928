/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file that a command writes: see output.h.
 *
 * With direct I/O the data goes through a buffer, since address, offset and
 * length of every write must be aligned.  The rest at the end is written
 * without it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "image/output.h"
#include "migtune/migtune-error.h"

#define OUTPUT_ALIGN 4096
#define OUTPUT_BUFFER (4 * 1024 * 1024)

/* The kernel is told to write after this many bytes, so that the sync at the
 * end has less to write. */
#define OUTPUT_FLUSH_BYTES (32 * 1024 * 1024)

extern char **environ;

struct MtOutput {
    char *path;             /* as given; for texts */
    char *partial;          /* NULL: the file is written as it is */
    int fd;
    MtCancel *cancel;
    MtIo *io;               /* not a regular file; has the descriptor */
    guint64 bytes;
    guint64 flushed;
    gboolean regular;
    guint8 *buffer;         /* direct I/O; else NULL */
    gsize n_buffer;
    pid_t filter;           /* 0: none */
    int file_fd;            /* with a filter: the file */
};

static gboolean
output_fail(const MtOutput *o, const char *what, int err, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: cannot %s: %s", o->path,
                      what, g_strerror(err));
    return FALSE;
}

/* What is not a regular file, and what may not be replaced. */
static gboolean
output_open_special(MtOutput *o, GError **error)
{
    o->fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (o->fd < 0)
        return output_fail(o, "open it for writing", errno, error);

    o->io = mt_io_new(-1, o->fd, o->path, o->cancel);
    return TRUE;
}

static gboolean
output_open_partial(MtOutput *o, gboolean direct, GError **error)
{
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    gpointer buffer;

    o->partial = g_strdup_printf("%s.partial-%d", o->path, getpid());
    o->regular = TRUE;
    if (g_unlink(o->partial) < 0 && errno != ENOENT)
        return output_fail(o, "remove an older partial file", errno, error);
    o->fd = open(o->partial, flags, 0600);
    if (o->fd < 0) {
        int err = errno;

        g_clear_pointer(&o->partial, g_free);
        return output_fail(o, "create a file beside it", err, error);
    }
    if (direct &&
        posix_memalign(&buffer, OUTPUT_ALIGN, OUTPUT_BUFFER) == 0) {
        if (fcntl(o->fd, F_SETFL, O_DIRECT) < 0) {
            free(buffer);
            return output_fail(o, "use direct I/O", errno, error);
        }
        o->buffer = buffer;
    }

    return TRUE;
}

MtOutput *
mt_output_open(const char *path, gboolean direct, MtCancel *cancel,
               GError **error)
{
    g_autoptr(MtOutput) o = g_new0(MtOutput, 1);
    struct stat st;
    gboolean ok;

    o->path = g_strdup(path);
    o->fd = o->file_fd = -1;
    o->cancel = cancel;
    if (strcmp(path, "-") == 0) {
        int fd = dup(STDOUT_FILENO);

        if (fd < 0) {
            output_fail(o, "open standard output", errno, error);
            return NULL;
        }
        g_free(o->path);
        o->path = g_strdup("standard output");
        o->fd = fd;
        o->io = mt_io_new(-1, fd, o->path, cancel);
        return g_steal_pointer(&o);
    }

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        output_fail(o, "write it", EISDIR, error);
        return NULL;
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        ok = output_open_special(o, error);
    else
        ok = output_open_partial(o, direct, error);

    return ok ? g_steal_pointer(&o) : NULL;
}

MtOutput *
mt_output_new_fd(int fd, const char *name, MtCancel *cancel)
{
    MtOutput *o = g_new0(MtOutput, 1);

    o->path = g_strdup(name);
    o->fd = fd;
    o->file_fd = -1;
    o->io = mt_io_new(-1, fd, name, cancel);
    return o;
}

gboolean
mt_output_end_filter(MtOutput *o, GError **error)
{
    int status;

    if (!o->filter)
        return TRUE;

    g_clear_pointer(&o->io, mt_io_free);    /* its input ends */
    while (waitpid(o->filter, &status, 0) < 0) {
        if (errno != EINTR)
            break;
    }
    o->filter = 0;
    o->fd = o->file_fd;
    o->file_fd = -1;
    if (o->regular)
        o->bytes = lseek(o->fd, 0, SEEK_END);   /* compressed */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: the program that "
                      "compresses it failed with status %d", o->path, status);
    return FALSE;
}

void
mt_output_free(MtOutput *o)
{
    if (!o)
        return;

    mt_output_end_filter(o, NULL);
    if (o->io)
        mt_io_free(o->io);
    else if (o->fd >= 0)
        close(o->fd);
    if (o->partial)
        g_unlink(o->partial);
    free(o->buffer);
    g_free(o->partial);
    g_free(o->path);
    g_free(o);
}

static gboolean
output_all(MtOutput *o, const guint8 *data, gsize len, GError **error)
{
    while (len) {
        gssize n = write(o->fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return output_fail(o, "write", n ? errno : ENOSPC, error);
        if (o->cancel && mt_cancel_fired(o->cancel)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              "%s: cancelled", o->path);
            return FALSE;
        }
        data += n;
        len -= n;
    }

    return TRUE;
}

static gboolean
output_direct(MtOutput *o, const guint8 *data, gsize len, GError **error)
{
    while (len) {
        gsize n = MIN(len, OUTPUT_BUFFER - o->n_buffer);

        memcpy(o->buffer + o->n_buffer, data, n);
        o->n_buffer += n;
        data += n;
        len -= n;
        if (o->n_buffer < OUTPUT_BUFFER)
            break;
        if (!output_all(o, o->buffer, OUTPUT_BUFFER, error))
            return FALSE;
        o->n_buffer = 0;
    }

    return TRUE;
}

gboolean
mt_output_write(MtOutput *o, gconstpointer data, gsize len, GError **error)
{
    o->bytes += len;
    if (o->io)
        return mt_io_write(o->io, data, len, error);
    if (o->buffer)
        return output_direct(o, data, len, error);
    if (!output_all(o, data, len, error))
        return FALSE;

    if (o->bytes - o->flushed >= OUTPUT_FLUSH_BYTES) {
        sync_file_range(o->fd, o->flushed, o->bytes - o->flushed,
                        SYNC_FILE_RANGE_WRITE);
        o->flushed = o->bytes;
    }

    return TRUE;
}

guint64
mt_output_get_bytes(const MtOutput *o)
{
    return o->bytes;
}

gboolean
mt_output_is_seekable(const MtOutput *o)
{
    return o->regular && !o->buffer;
}

gboolean
mt_output_pwrite(MtOutput *o, gconstpointer data, gsize len, guint64 offset,
                 GError **error)
{
    const guint8 *p = data;

    while (len) {
        gssize n = pwrite(o->fd, p, len, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return output_fail(o, "write", n ? errno : ENOSPC, error);
        p += n;
        len -= n;
        offset += n;
    }
    o->bytes = MAX(o->bytes, offset);
    if (o->cancel && mt_cancel_fired(o->cancel)) {
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "%s: cancelled",
                          o->path);
        return FALSE;
    }

    return TRUE;
}

gboolean
mt_output_pread(MtOutput *o, gpointer data, gsize len, guint64 offset,
                GError **error)
{
    guint8 *p = data;

    while (len) {
        gssize n = pread(o->fd, p, len, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return output_fail(o, "read it back", errno, error);
        if (n == 0) {
            memset(p, 0, len);
            return TRUE;
        }
        p += n;
        len -= n;
        offset += n;
    }

    return TRUE;
}

gboolean
mt_output_seek(MtOutput *o, guint64 offset, GError **error)
{
    if (lseek(o->fd, offset, SEEK_SET) < 0)
        return output_fail(o, "seek", errno, error);

    return TRUE;
}

gboolean
mt_output_filter(MtOutput *o, const char *command, GError **error)
{
    const char *argv[] = { "sh", "-c", command, NULL };
    posix_spawn_file_actions_t actions;
    int fds[2], err;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return output_fail(o, "make a pipe", errno, error);

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, o->fd, STDOUT_FILENO);
    err = posix_spawnp(&o->filter, "sh", &actions, NULL,
                       (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[0]);
    if (err) {
        close(fds[1]);
        o->filter = 0;
        return output_fail(o, "run the program that compresses it", err,
                           error);
    }

    if (o->io) {
        /* The program has its own copy of the descriptor. */
        g_clear_pointer(&o->io, mt_io_free);
        o->file_fd = -1;
    } else {
        o->file_fd = o->fd;
    }
    o->fd = fds[1];
    o->io = mt_io_new(-1, fds[1], o->path, o->cancel);
    return TRUE;
}

/* The directory, so that the new name is on the disk, too.  Some file systems
 * cannot do that. */
static void
output_sync_directory(const MtOutput *o)
{
    g_autofree char *directory = g_path_get_dirname(o->path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static gboolean
output_write_rest(MtOutput *o, GError **error)
{
    if (!o->buffer)
        return TRUE;
    if (fcntl(o->fd, F_SETFL, 0) < 0)
        return output_fail(o, "end direct I/O", errno, error);

    return output_all(o, o->buffer, o->n_buffer, error);
}

gboolean
mt_output_finish(MtOutput *o, GError **error)
{
    if (!mt_output_end_filter(o, error))
        return FALSE;
    if (!o->partial) {
        g_autoptr(MtIo) io = g_steal_pointer(&o->io);

        o->fd = -1;
        return !io || mt_io_close(io, error);
    }

    if (!output_write_rest(o, error))
        return FALSE;
    if (fsync(o->fd) < 0)
        return output_fail(o, "bring it to the disk", errno, error);
    if (g_rename(o->partial, o->path) < 0)
        return output_fail(o, "give it its name", errno, error);
    g_clear_pointer(&o->partial, g_free);
    output_sync_directory(o);
    return TRUE;
}
