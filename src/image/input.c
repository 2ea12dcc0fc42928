/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file that a command reads: see input.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/input.h"
#include "migtune/migtune-error.h"

#define INPUT_ALIGN 4096
#define INPUT_BUFFER (256 * 1024)

struct MtInput {
    MtIo *io;
    gboolean regular;
    gboolean direct;
    guint64 size;
    guint64 offset;         /* of the next byte that the caller reads */
    guint8 *buffer;         /* aligned */
    gsize pos;
    gsize end;
};

MtInput *
mt_input_new(MtIo *io)
{
    MtInput *in = g_new0(MtInput, 1);
    gpointer buffer;

    in->io = io;
    if (posix_memalign(&buffer, INPUT_ALIGN, INPUT_BUFFER) != 0)
        g_error("no memory for a buffer of %d bytes", INPUT_BUFFER);
    in->buffer = buffer;
    return in;
}

MtInput *
mt_input_open(const char *path, gboolean direct, MtCancel *cancel,
              GError **error)
{
    gboolean is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    int fd = is_stdin ? dup(STDIN_FILENO)
                      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    MtInput *in;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: cannot open it: %s",
                          name, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: it is a directory",
                          name);
        close(fd);
        return NULL;
    }
    if (direct && S_ISREG(st.st_mode) && fcntl(fd, F_SETFL, O_DIRECT) < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s: cannot use direct "
                          "I/O: %s", name, g_strerror(errno));
        close(fd);
        return NULL;
    }

    in = mt_input_new(mt_io_new(fd, -1, name, cancel));
    in->regular = S_ISREG(st.st_mode);
    in->direct = direct && in->regular;
    if (in->regular)
        in->size = st.st_size;
    if (in->regular && !in->direct)
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return in;
}

void
mt_input_free(MtInput *in)
{
    if (!in)
        return;

    mt_io_free(in->io);
    free(in->buffer);
    g_free(in);
}

gboolean
mt_input_is_seekable(const MtInput *in)
{
    return in->regular && !in->direct;
}

guint64
mt_input_get_size(const MtInput *in)
{
    return in->size;
}

guint64
mt_input_get_offset(const MtInput *in)
{
    return in->offset;
}

gboolean
mt_input_finish_command(MtInput *in, GError **error)
{
    return mt_io_finish_command(in->io, error);
}

/* One read into the buffer.  FALSE on error; nothing is added at the end. */
static gboolean
input_fill(MtInput *in, GError **error)
{
    struct iovec iov;
    gssize n;

    if (in->pos == in->end)
        in->pos = in->end = 0;
    iov = (struct iovec) { in->buffer + in->end, INPUT_BUFFER - in->end };
    n = mt_io_read_some(in->io, &iov, 1, error);
    if (n < 0)
        return FALSE;

    in->end += n;
    return TRUE;
}

gboolean
mt_input_peek(MtInput *in, gsize len, const guint8 **ret_data,
              gsize *ret_len, GError **error)
{
    g_assert(len <= MT_INPUT_PEEK);

    if (in->end - in->pos < len && in->pos) {
        memmove(in->buffer, in->buffer + in->pos, in->end - in->pos);
        in->end -= in->pos;
        in->pos = 0;
    }
    while (in->end - in->pos < len) {
        gsize before = in->end;

        if (!input_fill(in, error))
            return FALSE;
        if (in->end == before)
            break;
    }

    *ret_data = in->buffer + in->pos;
    *ret_len = MIN(len, in->end - in->pos);
    return TRUE;
}

gssize
mt_input_some(MtInput *in, gpointer data, gsize len, GError **error)
{
    gsize n = in->end - in->pos;

    if (!n && len >= INPUT_BUFFER && !in->direct) {
        struct iovec iov = { data, len };
        gssize got = mt_io_read_some(in->io, &iov, 1, error);

        if (got > 0)
            in->offset += got;
        return got;
    }
    if (!n && !input_fill(in, error))
        return -1;

    n = MIN(in->end - in->pos, len);
    memcpy(data, in->buffer + in->pos, n);
    in->pos += n;
    in->offset += n;
    return n;
}

gboolean
mt_input_read(MtInput *in, gpointer data, gsize len, gboolean *ret_end,
              GError **error)
{
    guint8 *to = data;
    gsize done = 0;

    if (ret_end)
        *ret_end = FALSE;
    while (done < len) {
        gssize n = mt_input_some(in, to + done, len - done, error);

        if (n < 0)
            return FALSE;
        if (n == 0 && done == 0 && ret_end) {
            *ret_end = TRUE;
            return TRUE;
        }
        if (n == 0) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "%s ends at offset %" G_GUINT64_FORMAT ", %"
                              G_GSIZE_FORMAT " more bytes are needed",
                              mt_io_get_name(in->io), in->offset, len - done);
            return FALSE;
        }
        done += n;
    }

    return TRUE;
}

gboolean
mt_input_pread(MtInput *in, gpointer data, gsize len, guint64 offset,
               GError **error)
{
    if (len > in->size || offset > in->size - len) {
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "%s has %" G_GUINT64_FORMAT " bytes; %" G_GSIZE_FORMAT
                          " at offset %" G_GUINT64_FORMAT " are needed",
                          mt_io_get_name(in->io), in->size, len, offset);
        return FALSE;
    }

    return mt_io_pread(in->io, data, len, offset, error);
}

gboolean
mt_input_seek(MtInput *in, guint64 offset, GError **error)
{
    if (!mt_io_seek(in->io, offset, error))
        return FALSE;

    in->pos = in->end = 0;
    in->offset = offset;
    return TRUE;
}
