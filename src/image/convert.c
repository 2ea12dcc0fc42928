/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of any format from and to each other: see convert.h.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "image/convert.h"
#include "image/mapped-ram.h"
#include "migtune/migtune-error.h"

#define CONVERT_BUFFER (1024 * 1024)

static const char *const format_names[MT_N_FORMATS] = {
    [MT_FORMAT_STREAM] = "stream",
    [MT_FORMAT_SAVE] = "save",
    [MT_FORMAT_MAPPED] = "mapped",
    [MT_FORMAT_GZIP] = "gzip",
    [MT_FORMAT_BZIP2] = "bzip2",
    [MT_FORMAT_XZ] = "xz",
    [MT_FORMAT_LZOP] = "lzop",
    [MT_FORMAT_ZSTD] = "zstd",
};

const char *
mt_format_name(MtFormat format)
{
    return format_names[format];
}

void
mt_file_kind_clear(MtFileKind *kind)
{
    g_clear_pointer(&kind->libvirt, g_free);
}

static const struct {
    const char *bytes;
    gsize len;
    MtFormat format;
} format_magics[] = {
    { "QEVM", 4, MT_FORMAT_STREAM },
    { "\x1f\x8b", 2, MT_FORMAT_GZIP },
    { "BZh", 3, MT_FORMAT_BZIP2 },
    { "\xfd" "7zXZ\0", 6, MT_FORMAT_XZ },
    { "\x89LZO", 4, MT_FORMAT_LZOP },
    { "\x28\xb5\x2f\xfd", 4, MT_FORMAT_ZSTD },
};

/* Whether a stream has its pages at fixed places. */
static gboolean
stream_is_mapped(const guint8 *data, gsize len, guint64 base)
{
    const MtWalkSettings settings = { .base = base };
    g_autoptr(MtWalk) walk = mt_walk_new(&settings);

    mt_walk_feed(walk, data, len, NULL);
    return mt_walk_get_n_blocks(walk) &&
           mt_walk_get_block(walk, 0)->is_mapped;
}

static gboolean
detect_format(MtInput *in, MtFileKind *kind, GError **error)
{
    const guint8 *data;
    gsize len;

    kind->base = mt_input_get_offset(in);
    if (!mt_input_peek(in, MT_INPUT_PEEK, &data, &len, error))
        return FALSE;
    if (mt_image_is_save_file(data, len)) {
        kind->format = MT_FORMAT_SAVE;
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(format_magics); i++) {
        if (len < format_magics[i].len ||
            memcmp(data, format_magics[i].bytes, format_magics[i].len) != 0)
            continue;
        kind->format = format_magics[i].format;
        if (kind->format == MT_FORMAT_STREAM &&
            stream_is_mapped(data, len, kind->base))
            kind->format = MT_FORMAT_MAPPED;
        return TRUE;
    }
    /* Skippable frames of another program's zstd file. */
    if (len >= 4 && (mt_get_le32(data) & 0xfffffff0u) == 0x184d2a50u) {
        kind->format = MT_FORMAT_ZSTD;
        return TRUE;
    }

    return mt_image_bad(kind->base, error, "neither a migration stream, a "
                        "save file, a mapped-ram file nor a libvirt save "
                        "image begins here");
}

/* The format that libvirt's header names must be the one that follows. */
static gboolean
check_libvirt_format(const MtFileKind *kind, GError **error)
{
    static const MtFormat formats[MT_LIBVIRT_N_FORMATS] = {
        [MT_LIBVIRT_RAW] = MT_FORMAT_STREAM,
        [MT_LIBVIRT_GZIP] = MT_FORMAT_GZIP,
        [MT_LIBVIRT_BZIP2] = MT_FORMAT_BZIP2,
        [MT_LIBVIRT_XZ] = MT_FORMAT_XZ,
        [MT_LIBVIRT_LZOP] = MT_FORMAT_LZOP,
        [MT_LIBVIRT_ZSTD] = MT_FORMAT_ZSTD,
        [MT_LIBVIRT_SPARSE] = MT_FORMAT_MAPPED,
    };
    MtFormat want = formats[kind->header.format];

    if (kind->format == want ||
        (want == MT_FORMAT_ZSTD && kind->format == MT_FORMAT_SAVE))
        return TRUE;

    return mt_image_bad(kind->base, error, "libvirt's header says format "
                        "'%s', but the data is of format '%s'",
                        mt_libvirt_format_name(kind->header.format),
                        mt_format_name(kind->format));
}

gboolean
mt_file_kind_detect(MtInput *in, MtFileKind *ret_kind, GError **error)
{
    MtFileKind kind = { 0 };
    const guint8 *data;
    gsize len;

    if (!mt_input_peek(in, MT_LIBVIRT_HEAD, &data, &len, error))
        return FALSE;
    if (mt_libvirt_is_header(data, len)) {
        if (len < MT_LIBVIRT_HEAD)
            return mt_image_bad(len, error, "a libvirt save image ends in its "
                                "header");
        if (!mt_libvirt_parse(data, &kind.header, error))
            return FALSE;
        kind.libvirt_bytes = MT_LIBVIRT_HEAD + kind.header.data_len;
        kind.libvirt = g_malloc(kind.libvirt_bytes);
        if (!mt_input_read(in, kind.libvirt, kind.libvirt_bytes, NULL,
                           error) ||
            !mt_libvirt_check_data(&kind.header,
                                   kind.libvirt + MT_LIBVIRT_HEAD, error)) {
            mt_file_kind_clear(&kind);
            return FALSE;
        }
    }
    if (!detect_format(in, &kind, error) ||
        (kind.libvirt && !check_libvirt_format(&kind, error))) {
        mt_file_kind_clear(&kind);
        return FALSE;
    }

    *ret_kind = kind;
    return TRUE;
}

/* --- sources --- */

static gboolean
source_plain(MtInput *in, const MtSourceSettings *s, GError **error)
{
    g_autofree guint8 *buf = g_malloc(CONVERT_BUFFER);
    gssize n;

    while ((n = mt_input_some(in, buf, CONVERT_BUFFER, error)) > 0) {
        if (!s->sink(buf, n, s->user_data, error))
            return FALSE;
    }

    return n == 0;
}

static gboolean
source_gzip(MtInput *in, const MtSourceSettings *s, GError **error)
{
    g_autofree guint8 *from = g_malloc(CONVERT_BUFFER);
    g_autofree guint8 *to = g_malloc(CONVERT_BUFFER);
    z_stream z = { 0 };
    int state = Z_OK;
    gssize n = 0;
    gboolean ok = inflateInit2(&z, 15 + 16) == Z_OK;

    while (ok && (n = mt_input_some(in, from, CONVERT_BUFFER, error)) > 0) {
        z.next_in = from;
        z.avail_in = n;
        while (ok && z.avail_in) {
            if (state == Z_STREAM_END)
                inflateReset(&z);
            z.next_out = to;
            z.avail_out = CONVERT_BUFFER;
            state = inflate(&z, Z_NO_FLUSH);
            if (state != Z_OK && state != Z_STREAM_END) {
                ok = mt_image_bad(mt_input_get_offset(in), error, "the gzip "
                                  "data before here is damaged: %s",
                                  z.msg ? z.msg : "it makes no progress");
                break;
            }
            ok = s->sink(to, CONVERT_BUFFER - z.avail_out, s->user_data,
                         error);
        }
    }
    inflateEnd(&z);
    if (ok && n == 0 && state != Z_STREAM_END)
        ok = mt_image_bad(mt_input_get_offset(in), error,
                          "the gzip data is incomplete");

    return ok && n == 0;
}

static gboolean
source_zstd(MtInput *in, const MtSourceSettings *s, GError **error)
{
    g_autofree guint8 *from = g_malloc(CONVERT_BUFFER);
    g_autofree guint8 *to = g_malloc(CONVERT_BUFFER);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    gsize left = 0;
    gboolean ok = TRUE;
    gssize n = 0;

    while (ok && (n = mt_input_some(in, from, CONVERT_BUFFER, error)) > 0) {
        ZSTD_inBuffer input = { from, n, 0 };
        gboolean full = FALSE;

        while (ok && (input.pos < input.size || full)) {
            ZSTD_outBuffer output = { to, CONVERT_BUFFER, 0 };

            left = ZSTD_decompressStream(context, &output, &input);
            if (ZSTD_isError(left)) {
                ok = mt_image_bad(mt_input_get_offset(in), error, "the zstd "
                                  "data before here is damaged: %s",
                                  ZSTD_getErrorName(left));
                break;
            }
            full = output.pos == output.size;
            ok = s->sink(to, output.pos, s->user_data, error);
        }
    }
    ZSTD_freeDCtx(context);
    if (ok && n == 0 && left)
        ok = mt_image_bad(mt_input_get_offset(in), error,
                          "the zstd data is incomplete");

    return ok && n == 0;
}

/* Formats without a library here. */
static gboolean
source_program(MtInput *in, const char *path, const char *program,
               const MtFileKind *kind, const MtSourceSettings *s,
               GError **error)
{
    g_autofree char *quoted = NULL;
    g_autofree char *command = NULL;
    g_autoptr(MtIo) io = NULL;
    g_autoptr(MtInput) piped = NULL;

    if (!mt_input_get_size(in)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "data of format '%s' can be read from a regular "
                          "file only", program);
        return FALSE;
    }
    quoted = g_shell_quote(path);
    command = g_strdup_printf("tail -c +%" G_GUINT64_FORMAT " -- %s | "
                              "%s -dc", kind->base + 1, quoted, program);
    io = mt_io_spawn(command, FALSE, NULL, error);
    if (!io)
        return FALSE;
    mt_io_set_name(io, path);
    piped = mt_input_new(g_steal_pointer(&io));
    return source_plain(piped, s, error) &&
           mt_input_finish_command(piped, error);
}

gboolean
mt_source_run(MtInput *in, const char *path, const MtFileKind *kind,
              const MtSourceSettings *s, MtImage **ret_image, GError **error)
{
    const MtImageReadSettings read = {
        s->n_threads, s->sink, s->user_data, s->failed, s->failed_data,
        s->chunk
    };
    g_autoptr(MtImage) image = NULL;

    switch (kind->format) {
    case MT_FORMAT_STREAM:
        return source_plain(in, s, error);
    case MT_FORMAT_SAVE:
        image = mt_image_read(in, &read, error);
        if (image && ret_image)
            *ret_image = g_steal_pointer(&image);
        return image || (ret_image && *ret_image);
    case MT_FORMAT_MAPPED:
        return mt_mapped_read(in, kind->base, s->sink, s->user_data, error);
    case MT_FORMAT_GZIP:
        return source_gzip(in, s, error);
    case MT_FORMAT_ZSTD:
        return source_zstd(in, s, error);
    default:
        return source_program(in, path, mt_format_name(kind->format), kind,
                              s, error);
    }
}

/* --- targets --- */

const char *const mt_target_names[] = {
    "stream", "save", "mapped", "libvirt-raw", "libvirt-gzip",
    "libvirt-bzip2", "libvirt-xz", "libvirt-lzop", "libvirt-zstd",
    "libvirt-sparse", NULL
};

typedef struct {
    MtFormat format;
    gboolean libvirt;
    MtLibvirtFormat libvirt_format;
    const char *program;        /* that compresses */
} Target;

static const Target targets[] = {
    { MT_FORMAT_STREAM },
    { MT_FORMAT_SAVE },
    { MT_FORMAT_MAPPED },
    { MT_FORMAT_STREAM, TRUE, MT_LIBVIRT_RAW },
    { MT_FORMAT_STREAM, TRUE, MT_LIBVIRT_GZIP, "gzip -c" },
    { MT_FORMAT_STREAM, TRUE, MT_LIBVIRT_BZIP2, "bzip2 -c" },
    { MT_FORMAT_STREAM, TRUE, MT_LIBVIRT_XZ, "xz -c" },
    { MT_FORMAT_STREAM, TRUE, MT_LIBVIRT_LZOP, "lzop -c" },
    { MT_FORMAT_SAVE, TRUE, MT_LIBVIRT_ZSTD },
    { MT_FORMAT_MAPPED, TRUE, MT_LIBVIRT_SPARSE },
};

typedef struct {
    const MtConvertSettings *settings;
    const Target *target;
    MtOutput *output;
    MtImageWriter *writer;
    MtMappedWriter *mapped;
    MtWalk *walk;               /* checks a stream that is only copied */
    guint8 *libvirt;            /* header to write, or NULL */
    gsize libvirt_bytes;
    guint64 n_bytes;
} Conversion;

static void
conversion_clear(Conversion *c)
{
    mt_image_writer_free(c->writer);
    mt_mapped_writer_free(c->mapped);
    mt_walk_free(c->walk);
    mt_output_free(c->output);
    g_free(c->libvirt);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Conversion, conversion_clear)

static gboolean
conversion_write(const guint8 *data, gsize len, gpointer user_data,
                 GError **error)
{
    Conversion *c = user_data;
    gboolean ok;

    c->n_bytes += len;
    if (c->writer)
        ok = mt_image_writer_write(c->writer, data, len, error);
    else if (c->mapped)
        ok = mt_mapped_writer_write(c->mapped, data, len, error);
    else
        ok = mt_walk_feed(c->walk, data, len, error) &&
             mt_output_write(c->output, data, len, error);
    if (ok && c->settings->cancel && mt_cancel_fired(c->settings->cancel)) {
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "cancelled");
        return FALSE;
    }
    if (ok && c->settings->progress)
        c->settings->progress(c->n_bytes, c->settings->progress_data);

    return ok;
}

/* Libvirt's header as the new file begins with it: marked as partial where it
 * can be changed later. */
static gboolean
conversion_put_libvirt(Conversion *c, const MtLibvirtHeader *header,
                       GError **error)
{
    mt_libvirt_set_format(c->libvirt, header, c->target->libvirt_format);
    if (mt_output_is_seekable(c->output))
        mt_libvirt_set_partial(c->libvirt, TRUE);

    return mt_output_write(c->output, c->libvirt, c->libvirt_bytes, error);
}

static gboolean
conversion_start(Conversion *c, GError **error)
{
    const MtConvertSettings *s = c->settings;
    MtImageWriterSettings writer = {
        .n_threads = s->n_threads, .level = s->level,
        .chunk_bytes = s->chunk_bytes,
        .properties = s->properties ? s->properties : "{}",
    };

    if (c->target->libvirt) {
        MtLibvirtHeader header;

        if (!c->libvirt) {
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              "a libvirt save image needs a header with the "
                              "guest's XML, and the source has none");
            return FALSE;
        }
        if (!mt_libvirt_parse(c->libvirt, &header, error) ||
            !conversion_put_libvirt(c, &header, error))
            return FALSE;
    } else {
        writer.libvirt = c->libvirt;
        writer.libvirt_bytes = c->libvirt_bytes;
    }
    if (c->target->program &&
        !mt_output_filter(c->output, c->target->program, error))
        return FALSE;

    switch (c->target->format) {
    case MT_FORMAT_SAVE:
        c->writer = mt_image_writer_new(&writer, c->output, error);
        return c->writer != NULL;
    case MT_FORMAT_MAPPED:
        if (!mt_output_is_seekable(c->output)) {
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              "a mapped-ram file can be written to a regular "
                              "file without direct I/O only");
            return FALSE;
        }
        c->mapped = mt_mapped_writer_new(c->output,
                                         mt_output_get_bytes(c->output));
        return TRUE;
    default: {
        const MtWalkSettings walk = { .max_device_bytes = 8 * 1024 * 1024 };

        c->walk = mt_walk_new(&walk);
        return TRUE;
    }
    }
}

static gboolean
conversion_finish(Conversion *c, GError **error)
{
    gboolean seekable = mt_output_is_seekable(c->output);

    if (c->writer ? !mt_image_writer_finish(c->writer, error) :
        c->mapped ? !mt_mapped_writer_finish(c->mapped, error) :
        !mt_walk_finish(c->walk, error))
        return FALSE;
    if (!mt_output_end_filter(c->output, error))
        return FALSE;
    if (c->target->libvirt && seekable) {
        mt_libvirt_set_partial(c->libvirt, FALSE);
        if (!mt_output_pwrite(c->output, c->libvirt, MT_LIBVIRT_HEAD, 0,
                              error))
            return FALSE;
    }

    return mt_output_finish(c->output, error);
}

/* The target by name; by default a save file, and from one a stream. */
static const Target *
target_find(const char *name, const MtFileKind *kind, GError **error)
{
    if (!name)
        name = kind->libvirt ? (kind->format == MT_FORMAT_SAVE ?
                                "libvirt-raw" : "libvirt-zstd") :
               kind->format == MT_FORMAT_SAVE ? "stream" : "save";
    for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
        if (strcmp(mt_target_names[i], name) == 0)
            return &targets[i];
    }

    {
        g_autofree char *all = g_strjoinv(", ", (char **)mt_target_names);

        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          "'%s' is not a format to convert to; expected one "
                          "of %s", name, all);
    }
    return NULL;
}

/* A save file may contain a header of libvirt.  In a regular file it is read
 * before the rest. */
static gboolean
conversion_find_libvirt(Conversion *c, MtInput *in, const MtFileKind *kind,
                        GError **error)
{
    g_autoptr(MtImage) image = NULL;

    if (kind->libvirt) {
        c->libvirt = g_memdup2(kind->libvirt, kind->libvirt_bytes);
        c->libvirt_bytes = kind->libvirt_bytes;
        return TRUE;
    }
    if (kind->format != MT_FORMAT_SAVE || !mt_input_is_seekable(in))
        return TRUE;

    image = mt_image_open(in, error);
    if (!image)
        return FALSE;
    c->libvirt = g_steal_pointer(&image->libvirt);
    c->libvirt_bytes = image->libvirt_bytes;
    return mt_input_seek(in, kind->base, error);
}

void
mt_convert_result_clear(MtConvertResult *result)
{
    g_clear_pointer(&result->from, g_free);
    g_clear_pointer(&result->to, g_free);
}

static void
conversion_failed(gpointer data)
{
    Conversion *c = data;

    if (c->settings->cancel)
        mt_cancel_fire(c->settings->cancel);
}

static char *
kind_name(const MtFileKind *kind)
{
    return kind->libvirt ?
        g_strdup_printf("libvirt-%s",
                        mt_libvirt_format_name(kind->header.format)) :
        g_strdup(mt_format_name(kind->format));
}

gboolean
mt_convert(const char *from, const char *to,
           const MtConvertSettings *settings, MtConvertResult *ret_result,
           GError **error)
{
    g_auto(Conversion) c = { .settings = settings };
    const MtSourceSettings source = {
        settings->n_threads, conversion_write, &c, conversion_failed, &c
    };
    g_autoptr(MtInput) in = mt_input_open(from, FALSE, settings->cancel,
                                          error);
    MtFileKind kind;
    gboolean ok;

    if (!in || !mt_file_kind_detect(in, &kind, error))
        return FALSE;

    c.target = target_find(settings->format, &kind, error);
    ok = c.target && conversion_find_libvirt(&c, in, &kind, error);
    if (ok) {
        c.output = mt_output_open(to, settings->direct, settings->cancel,
                                  error);
        ok = c.output && conversion_start(&c, error) &&
             mt_source_run(in, from, &kind, &source, NULL, error) &&
             conversion_finish(&c, error);
    }
    if (ok) {
        *ret_result = (MtConvertResult) {
            .from = kind_name(&kind),
            .to = g_strdup(mt_target_names[c.target - targets]),
        };
        if (c.writer)
            mt_image_writer_get_totals(c.writer, &ret_result->totals);
        ret_result->totals.stream_bytes = c.n_bytes;
        ret_result->file_bytes = mt_output_get_bytes(c.output);
    }
    mt_file_kind_clear(&kind);
    return ok;
}
