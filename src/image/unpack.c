/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The migration stream inside another file: see unpack.h.
 *
 * A thread gives the stream to one end of a socket pair, and the caller reads
 * the other end.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "image/convert.h"
#include "image/unpack.h"

/* Bytes that are enough to recognise each format. */
#define UNPACK_PEEK 92

#define UNPACK_BUFFER (256 * 1024)
#define UNPACK_MAX_THREADS 4

struct MtUnpack {
    char *path;
    char *name;                 /* NULL: an ordinary stream */
    MtInput *input;
    MtFileKind kind;            /* if name */
    MtIo *io;                   /* the thread writes the stream to it */

    GThread *thread;
    gboolean ok;                /* of the thread, after it has ended */
    GError *error;
};

static gboolean
unpack_is_packed(const guint8 *data, gsize len)
{
    static const struct {
        const char *bytes;
        gsize len;
    } magics[] = {
        { "\x1f\x8b", 2 },
        { "BZh", 3 },
        { "\xfd" "7zXZ\0", 6 },
        { "\x89LZO", 4 },
        { "\x28\xb5\x2f\xfd", 4 },
    };

    if (mt_image_is_save_file(data, len) || mt_libvirt_is_header(data, len))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(magics); i++) {
        if (len >= magics[i].len &&
            memcmp(data, magics[i].bytes, magics[i].len) == 0)
            return TRUE;
    }

    return FALSE;
}

static char *
unpack_describe(const MtFileKind *kind)
{
    if (kind->libvirt)
        return g_strdup_printf("libvirt save image (%s)%s",
                               mt_libvirt_format_name(kind->header.format),
                               kind->format == MT_FORMAT_SAVE ?
                               ", save file" : "");
    if (kind->format == MT_FORMAT_SAVE)
        return g_strdup("save file");
    return g_strdup(mt_format_name(kind->format));
}

static gboolean
unpack_write(const guint8 *data, gsize len, gpointer user_data,
             GError **error)
{
    MtUnpack *unpack = user_data;

    return mt_io_write(unpack->io, data, len, error);
}

/* A pipe with an ordinary stream. */
static gboolean
unpack_copy(MtUnpack *unpack, GError **error)
{
    g_autofree guint8 *buf = g_malloc(UNPACK_BUFFER);
    gssize n;

    while ((n = mt_input_some(unpack->input, buf, UNPACK_BUFFER,
                              error)) > 0) {
        if (!unpack_write(buf, n, unpack, error))
            return FALSE;
    }

    return n == 0;
}

static gpointer
unpack_run(gpointer data)
{
    MtUnpack *unpack = data;
    const MtSourceSettings settings = {
        .n_threads = CLAMP(g_get_num_processors(), 1, UNPACK_MAX_THREADS),
        .sink = unpack_write,
        .user_data = unpack,
    };

    unpack->ok = unpack->name ?
        mt_source_run(unpack->input, unpack->path, &unpack->kind, &settings,
                      NULL, &unpack->error) :
        unpack_copy(unpack, &unpack->error);
    mt_io_shutdown_write(unpack->io);
    return NULL;
}

gboolean
mt_unpack_open(const char *path, MtCancel *cancel, MtUnpack **ret_unpack,
               MtIo **ret_io, GError **error)
{
    g_autoptr(MtUnpack) unpack = g_new0(MtUnpack, 1);
    gboolean is_stdin = strcmp(path, "-") == 0;
    off_t start = is_stdin ? lseek(STDIN_FILENO, 0, SEEK_CUR) : 0;
    const guint8 *data;
    gsize len;

    *ret_unpack = NULL;
    *ret_io = NULL;
    unpack->path = g_strdup(path);
    unpack->input = mt_input_open(path, FALSE, cancel, error);
    if (!unpack->input ||
        !mt_input_peek(unpack->input, UNPACK_PEEK, &data, &len, error))
        return FALSE;

    if (unpack_is_packed(data, len)) {
        if (!mt_file_kind_detect(unpack->input, &unpack->kind, error))
            return FALSE;
        unpack->name = unpack_describe(&unpack->kind);
    } else if (mt_input_is_seekable(unpack->input)) {
        if (is_stdin)
            lseek(STDIN_FILENO, start, SEEK_SET);
        return TRUE;
    }

    if (!mt_io_pair(cancel, cancel, ret_io, &unpack->io, error))
        return FALSE;
    mt_io_set_name(*ret_io, path);
    unpack->thread = g_thread_new("unpack", unpack_run, unpack);
    *ret_unpack = g_steal_pointer(&unpack);
    return TRUE;
}

const char *
mt_unpack_get_name(const MtUnpack *unpack)
{
    return unpack->name;
}

gboolean
mt_unpack_finish(MtUnpack *unpack, MtIo *io, GError **error)
{
    g_autofree guint8 *buf = g_malloc(UNPACK_BUFFER);
    struct iovec iov = { buf, UNPACK_BUFFER };

    while (mt_io_read_some(io, &iov, 1, NULL) > 0)
        ;
    g_thread_join(g_steal_pointer(&unpack->thread));
    if (!unpack->ok)
        g_propagate_error(error, g_steal_pointer(&unpack->error));
    return unpack->ok;
}

void
mt_unpack_free(MtUnpack *unpack)
{
    if (!unpack)
        return;

    /* The caller has not read to the end: the thread must not wait for it. */
    if (unpack->thread) {
        mt_io_shutdown(unpack->io);
        g_thread_join(unpack->thread);
    }
    g_clear_error(&unpack->error);
    mt_io_free(unpack->io);
    mt_input_free(unpack->input);
    mt_file_kind_clear(&unpack->kind);
    g_free(unpack->path);
    g_free(unpack->name);
    g_free(unpack);
}
