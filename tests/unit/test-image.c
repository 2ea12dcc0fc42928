/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A save file gives back its stream, whatever the number of threads; anything
 * that is damaged, cut or a lie is refused. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "image/reader.h"
#include "image/writer.h"
#include "lib/make-stream.h"
#include "migtune/migtune-error.h"

typedef struct {
    char *dir;
    char *path;
    GByteArray *stream;
} Fixture;

static void
setup(Fixture *f, gconstpointer mib)
{
    f->dir = g_dir_make_tmp("migtune-image-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "save", NULL);
    f->stream = make_stream(GPOINTER_TO_UINT(mib), 1, NULL);
}

static void
teardown(Fixture *f, gconstpointer mib)
{
    g_unlink(f->path);
    g_assert_cmpint(g_rmdir(f->dir), ==, 0);
    g_free(f->dir);
    g_free(f->path);
    g_byte_array_unref(f->stream);
}

static gboolean
save_to(MtOutput *output, const GByteArray *stream, guint n_threads,
        const char *libvirt, GError **error)
{
    const MtImageWriterSettings settings = {
        .n_threads = n_threads, .level = 1, .chunk_bytes = MT_IMAGE_MIN_CHUNK,
        .properties = "{\"name\":\"test\"}",
        .libvirt = (const guint8 *)libvirt,
        .libvirt_bytes = libvirt ? strlen(libvirt) : 0,
    };
    g_autoptr(MtImageWriter) writer =
        mt_image_writer_new(&settings, output, error);
    gsize at = 0;

    /* As a socket gives it. */
    while (writer && at < stream->len) {
        gsize n = MIN(stream->len - at, 77777);

        if (!mt_image_writer_write(writer, stream->data + at, n, error))
            return FALSE;
        at += n;
    }

    return writer && mt_image_writer_finish(writer, error) &&
           mt_output_finish(output, error);
}

static void
save(const Fixture *f, guint n_threads, const char *libvirt)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MtOutput) output = mt_output_open(f->path, FALSE, NULL, &error);

    g_assert_no_error(error);
    save_to(output, f->stream, n_threads, libvirt, &error);
    g_assert_no_error(error);
}

static GByteArray *
load(const Fixture *f)
{
    char *data;
    gsize len;

    g_assert_true(g_file_get_contents(f->path, &data, &len, NULL));
    return g_byte_array_new_take((guint8 *)data, len);
}

static void
store(const Fixture *f, const guint8 *data, gsize len)
{
    FILE *file = fopen(f->path, "w");   /* not synced: there are many */

    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(data, 1, len, file), ==, len);
    g_assert_cmpint(fclose(file), ==, 0);
}

static gboolean
append(const guint8 *data, gsize len, gpointer user_data, GError **error)
{
    g_byte_array_append(user_data, data, len);
    return TRUE;
}

static MtImage *
read_path(const char *path, guint n_threads, GByteArray *to, GError **error)
{
    const MtImageReadSettings settings = {
        .n_threads = n_threads, .sink = append, .user_data = to,
    };
    g_autoptr(MtInput) input = mt_input_open(path, FALSE, NULL, error);

    g_byte_array_set_size(to, 0);
    return input ? mt_image_read(input, &settings, error) : NULL;
}

static void
assert_equal(const GByteArray *a, const GByteArray *b)
{
    g_assert_cmpuint(a->len, ==, b->len);
    g_assert_cmpint(memcmp(a->data, b->data, a->len), ==, 0);
}

static void
test_threads(Fixture *f, gconstpointer mib)
{
    static const guint threads[] = { 1, 2, 3, 8 };
    g_autoptr(GByteArray) first = NULL;
    g_autoptr(GByteArray) got = g_byte_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_autoptr(GByteArray) file = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(MtImage) image = NULL;

        save(f, threads[i], NULL);
        file = load(f);
        if (first)
            assert_equal(file, first);
        image = read_path(f->path, threads[i], got, &error);
        g_assert_no_error(error);
        assert_equal(got, f->stream);
        g_assert_true(image->has_table);
        g_assert_cmpuint(image->contents->entries->len, >, 4);
        if (!first)
            first = g_steal_pointer(&file);
    }
}

/* Any zstd gives the stream back. */
static void
test_zstd(Fixture *f, gconstpointer mib)
{
    g_autofree char *zstd = g_find_program_in_path("zstd");
    const char *argv[] = { "zstd", "-dc", f->path, NULL };
    g_autoptr(GSubprocess) process = NULL;
    g_autoptr(GBytes) out = NULL;
    g_autoptr(GError) error = NULL;

    if (!zstd) {
        g_test_skip("no zstd program");
        return;
    }
    save(f, 2, "what libvirt has in front");
    process = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    g_assert_no_error(error);
    g_subprocess_communicate(process, NULL, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_subprocess_get_successful(process));
    g_assert_cmpmem(g_bytes_get_data(out, NULL), g_bytes_get_size(out),
                    f->stream->data, f->stream->len);
}

static gpointer
write_fifo(gpointer data)
{
    Fixture *f = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(MtOutput) output = mt_output_open(f->path, FALSE, NULL, &error);

    g_assert_no_error(error);
    save_to(output, f->stream, 2, NULL, &error);
    g_assert_no_error(error);
    return NULL;
}

static void
test_fifo(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) got = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(MtImage) image = NULL;
    GThread *thread;

    g_assert_cmpint(mkfifo(f->path, 0600), ==, 0);
    thread = g_thread_new("fifo", write_fifo, f);
    image = read_path(f->path, 2, got, &error);
    g_thread_join(thread);
    g_assert_no_error(error);
    assert_equal(got, f->stream);
    g_assert_true(image->has_table);
}

/* A reader of zstd's seekable format, which knows nothing of save files: the
 * table at the end says which frame has which part of the stream. */
static void
test_seekable(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) file = NULL;
    g_autofree guint8 *out = g_malloc(MT_IMAGE_MIN_CHUNK);
    const guint8 *table;
    guint64 in_offset = 0, out_offset = 0;
    guint32 n, entry;
    guint8 descriptor;

    save(f, 2, "what libvirt has in front");
    file = load(f);
    g_assert_cmphex(mt_get_le32(file->data + file->len - 4), ==, 0x8f92eab1);
    descriptor = file->data[file->len - 5];
    n = mt_get_le32(file->data + file->len - 9);
    entry = descriptor & 0x80 ? 12 : 8;
    table = file->data + file->len - 9 - n * entry;
    g_assert_cmphex(mt_get_le32(table - 8), ==, 0x184d2a5e);
    g_assert_cmpuint(mt_get_le32(table - 4), ==, n * entry + 9);

    for (guint i = 0; i < n; i++) {
        guint32 n_in = mt_get_le32(table + i * entry);
        guint32 n_out = mt_get_le32(table + i * entry + 4);

        g_assert_cmpuint(n_out, <=, MT_IMAGE_MIN_CHUNK);
        /* A frame, or several of them, of which some can be skippable. */
        g_assert_cmpuint(ZSTD_decompress(out, MT_IMAGE_MIN_CHUNK,
                                         file->data + in_offset, n_in), ==,
                         n_out);
        g_assert_cmpuint(out_offset + n_out, <=, f->stream->len);
        g_assert_cmpint(memcmp(out, f->stream->data + out_offset, n_out), ==,
                        0);
        in_offset += n_in;
        out_offset += n_out;
    }
    g_assert_cmpuint(out_offset, ==, f->stream->len);
    g_assert_cmpuint(in_offset, ==, table - 8 - file->data);
}

static void
test_direct_io(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) got = g_byte_array_new();
    const MtImageReadSettings settings = {
        .n_threads = 2, .sink = append, .user_data = got,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(MtOutput) output = mt_output_open(f->path, TRUE, NULL, &error);
    g_autoptr(MtInput) input = NULL;
    g_autoptr(MtImage) image = NULL;

    if (!output && strstr(error->message, "cannot use direct I/O")) {
        g_test_skip("the file system of this directory has no direct I/O");
        return;
    }
    g_assert_no_error(error);
    save_to(output, f->stream, 2, NULL, &error);
    g_assert_no_error(error);
    input = mt_input_open(f->path, TRUE, NULL, &error);
    g_assert_no_error(error);
    image = mt_image_read(input, &settings, &error);
    g_assert_no_error(error);
    assert_equal(got, f->stream);
    g_assert_true(image->has_table);
}

/* A reader opens a file by its headers and tables only, then reads each
 * chunk separately. */
static void
test_open(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) file = NULL;
    g_autofree guint8 *buf = g_malloc(MT_IMAGE_MIN_CHUNK);

    save(f, 2, "libvirt");
    file = load(f);
    for (guint table = 2; table-- > 0;) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtInput) input = mt_input_open(f->path, FALSE, NULL, NULL);
        g_autoptr(MtImage) image = mt_image_open(input, &error);
        const MtImageContents *c;

        g_assert_no_error(error);
        c = image->contents;
        g_assert_cmpint(image->has_table, ==, table);
        g_assert_cmpstr(image->header.properties, ==, "{\"name\":\"test\"}");
        g_assert_cmpmem(image->libvirt, image->libvirt_bytes, "libvirt", 7);
        g_assert_cmpuint(c->stream_bytes, ==, f->stream->len);
        g_assert_cmpstr(c->machine, ==, "none");
        g_assert_cmpuint(c->blocks->len, ==, 2);
        for (guint i = c->entries->len; i-- > 0;) {
            const MtImageEntry *entry = c->entries->pdata[i];

            g_assert_true(mt_image_read_chunk(image, input, i, buf, &error));
            g_assert_cmpmem(buf, entry->chunk->stream_bytes,
                            f->stream->data + entry->chunk->stream_offset,
                            entry->chunk->stream_bytes);
        }

        /* The second time, without tables. */
        if (table) {
            const MtImageEntry *last = c->entries->pdata[c->entries->len - 1];

            store(f, file->data, last->file_offset + last->header_bytes +
                  last->chunk->stored);
        }
    }
}

/* Cut anywhere, except behind the last chunk or a whole table, it is not
 * complete, and the text says where it ends. */
static void
test_truncated(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) file = NULL;
    g_autoptr(GByteArray) got = g_byte_array_new();
    guint n_complete = 0;
    gboolean sample = g_getenv("MIGTUNE_TEST_SHORT") != NULL;

    g_byte_array_unref(f->stream);
    f->stream = make_stream(0, 1, NULL);
    g_assert_cmpuint(f->stream->len, <, 20000);
    save(f, 1, NULL);
    file = load(f);
    for (gsize cut = 0; cut < file->len;
         cut += cut > 500 && cut + 1500 < file->len ? 97 : sample ? 19 : 1) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GError) other = NULL;
        g_autoptr(MtImage) image = NULL;
        g_autoptr(MtImage) opened = NULL;
        g_autoptr(MtInput) input = NULL;

        store(f, file->data, cut);
        image = read_path(f->path, 1, got, &error);
        input = mt_input_open(f->path, FALSE, NULL, NULL);
        opened = mt_image_open(input, &other);
        if (image) {
            n_complete++;
            g_assert_false(image->has_table);
            assert_equal(got, f->stream);
        } else {
            g_assert_nonnull(error);
            g_assert_nonnull(strstr(error->message, "offset"));
        }
        g_assert_true(opened || other);
        if (opened)
            g_assert_false(opened->has_table);
    }
    if (!sample)
        g_assert_cmpuint(n_complete, ==, 2);
}

/* Every bit of the file: of headers and tables, and of what zstd checks. */
static void
test_flipped(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) file = NULL;
    g_autoptr(GByteArray) got = g_byte_array_new();
    gsize from = 0, to = 0;     /* of the zstd frame */
    guint step = g_getenv("MIGTUNE_TEST_SHORT") ? 29 : 1;

    g_byte_array_unref(f->stream);
    f->stream = make_stream(0, 1, NULL);
    save(f, 1, NULL);
    file = load(f);
    while (mt_get_le32(file->data + from) != MT_IMAGE_ZSTD_MAGIC)
        from += 8 + mt_get_le32(file->data + from + 4);
    to = (guint8 *)memmem(file->data + from, file->len - from, "MTSV", 4) -
         file->data - 8;
    for (gsize bit = 0; bit < file->len * 8;
         bit += bit / 8 >= from && bit / 8 < to ? 61 : step) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtImage) image = NULL;
        g_autoptr(MtInput) input = NULL;
        g_autoptr(MtImage) opened = NULL;

        file->data[bit / 8] ^= 1 << bit % 8;
        store(f, file->data, file->len);
        image = read_path(f->path, 1, got, &error);
        if (image) {
            g_test_message("bit %" G_GSIZE_FORMAT " of byte %" G_GSIZE_FORMAT
                           " is not checked", bit % 8, bit / 8);
            g_assert_not_reached();
        }
        g_assert_nonnull(error);
        input = mt_input_open(f->path, FALSE, NULL, NULL);
        opened = mt_image_open(input, NULL);
        file->data[bit / 8] ^= 1 << bit % 8;
    }
}

/* Gives a frame at @at the checksum that belongs to its content. */
static void
sign(GByteArray *file, gsize at)
{
    guint32 len = mt_get_le32(file->data + at + 4);
    guint32 crc = crc32(0, file->data + at + 8, len - 4);

    for (guint i = 0; i < 4; i++)
        file->data[at + 8 + len - 4 + i] = crc >> (8 * i);
}

typedef struct {
    const char *name;
    guint chunk;            /* whose header is changed; 99: the contents */
    guint at;               /* in the frame */
    guint8 value;           /* is added */
    const char *text;
} LieCase;

static const LieCase lies[] = {
    { "sequence", 1, 16, 1, "is not the next one" },
    { "stored less", 1, 20, 255, "offset" },
    { "stored too much", 1, 23, 1, "is not possible" },
    { "stream offset", 1, 25, 1, "is not the next one" },
    { "bytes", 1, 32, 1, "offset" },
    { "bytes beyond a chunk", 1, 34, 16, "more than the file header" },
    { "expands too far", 1, 35, 1, "is not possible" },
    { "checksum", 1, 36, 1, "checksum of chunk 1 differs" },
    { "place", 1, 40, 100, "not known" },
    { "extents", 1, 46, 200, "not known" },
    { "flags", 1, 43, 8, "not known" },
    { "last", 1, 43, 1, "expected the contents table" },
    { "block", 1, 65, 77, "not possible" },
    { "version", 1, 13, 1, "version 2" },
    { "kind", 1, 12, 9, "kind 11" },
    { "count", 99, 16, 1, "table" },
    { "blocks", 99, 21, 200, "damaged" },
    { "stream bytes", 99, 24, 1, "the stream" },
};

static void
test_lies(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) good = NULL;
    g_autoptr(GByteArray) got = g_byte_array_new();
    g_autoptr(MtImage) image = NULL;
    const MtImageEntry *last;

    save(f, 2, NULL);
    good = load(f);
    image = read_path(f->path, 1, got, NULL);
    last = image->contents->entries->pdata[image->contents->entries->len - 1];
    for (guint i = 0; i < G_N_ELEMENTS(lies); i++) {
        g_autoptr(GByteArray) file = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        const MtImageEntry *entry = image->contents->entries->pdata[1];
        gsize at = lies[i].chunk == 1 ? entry->file_offset :
            last->file_offset + last->header_bytes + last->chunk->stored;

        g_test_message("%s", lies[i].name);
        g_byte_array_append(file, good->data, good->len);
        file->data[at + lies[i].at] += lies[i].value;
        sign(file, at);
        store(f, file->data, file->len);
        g_assert_null(read_path(f->path, 2, got, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
        if (!strstr(error->message, lies[i].text))
            g_error("%s: %s", lies[i].name, error->message);
    }
}

/* Chunks that are missing, doubled or in another order. */
static void
test_chunks_moved(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) good = NULL;
    g_autoptr(GByteArray) got = g_byte_array_new();
    g_autoptr(MtImage) image = NULL;
    const MtImageEntry *a, *b, *c;

    save(f, 2, NULL);
    good = load(f);
    image = read_path(f->path, 1, got, NULL);
    a = image->contents->entries->pdata[1];
    b = image->contents->entries->pdata[2];
    c = image->contents->entries->pdata[3];
    for (guint i = 0; i < 3; i++) {
        g_autoptr(GByteArray) file = g_byte_array_new();
        g_autoptr(GError) error = NULL;

        g_byte_array_append(file, good->data, a->file_offset);
        if (i == 1)         /* doubled; with 0 it is missing */
            for (guint j = 0; j < 2; j++)
                g_byte_array_append(file, good->data + a->file_offset,
                                    b->file_offset - a->file_offset);
        if (i == 2) {       /* exchanged */
            g_byte_array_append(file, good->data + b->file_offset,
                                c->file_offset - b->file_offset);
            g_byte_array_append(file, good->data + a->file_offset,
                                b->file_offset - a->file_offset);
        }
        g_byte_array_append(file, good->data + (i == 2 ? c : b)->file_offset,
                            good->len - (i == 2 ? c : b)->file_offset);
        store(f, file->data, file->len);
        g_assert_null(read_path(f->path, 2, got, &error));
        g_assert_nonnull(strstr(error->message, "is not the next one"));
    }
}

static void
test_outputs(Fixture *f, gconstpointer mib)
{
    static const struct {
        const char *path;
        const char *text;
    } cases[] = {
        { "/dev/full", "No space left" },
        { "/", "Is a directory" },
        { "/nonexistent/save", "No such file" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtOutput) output =
            mt_output_open(cases[i].path, FALSE, NULL, &error);

        if (output)
            g_assert_false(save_to(output, f->stream, 2, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
        if (!strstr(error->message, cases[i].text))
            g_error("%s: %s", cases[i].path, error->message);
    }
}

/* Until it is finished there is nothing under its name, and an older file
 * stays. */
static void
test_partial(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) cut = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(MtOutput) output = NULL;
    g_autoptr(GDir) dir = NULL;
    g_autofree char *text = NULL;

    store(f, (const guint8 *)"old", 3);
    g_byte_array_append(cut, f->stream->data, f->stream->len / 2);
    output = mt_output_open(f->path, FALSE, NULL, &error);
    g_assert_false(save_to(output, cut, 2, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    g_clear_pointer(&output, mt_output_free);

    g_assert_true(g_file_get_contents(f->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "old");
    dir = g_dir_open(f->dir, 0, NULL);
    g_assert_cmpstr(g_dir_read_name(dir), ==, "save");
    g_assert_null(g_dir_read_name(dir));
}

/* The calls of fsync() in this program, and what existed at that time. */
static GString *syncs;
static const char *syncs_path;

/* Takes the place of the function of the C library, which libmigtune calls. */
G_MODULE_EXPORT int
fsync(int fd)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    struct stat st;

    if (syncs && fstat(fd, &st) == 0) {
        g_autofree char *target = g_file_read_link(link, NULL);
        g_autofree char *name = g_path_get_basename(target);

        if (S_ISDIR(st.st_mode))
            g_string_append_printf(syncs, "directory %s", name);
        else
            g_string_append_printf(
                syncs, "%s with %" PRIu64 " bytes", strstr(name, ".partial-")
                ? "partial file" : name, (guint64)st.st_size);
        g_string_append(syncs, g_file_test(syncs_path, G_FILE_TEST_EXISTS)
                        ? ", the file has its name; "
                        : ", no file has its name; ");
    }
    return (int)syscall(SYS_fsync, fd);
}

/* All of the file is on the disk before it gets its name, and then the name
 * is. */
static void
test_synced(Fixture *f, gconstpointer mib)
{
    g_autoptr(GString) calls = g_string_new("");
    g_autofree char *dir = g_path_get_basename(f->dir);
    g_autofree char *expected = NULL;
    struct stat st;

    syncs_path = f->path;
    syncs = calls;
    save(f, 2, NULL);
    syncs = NULL;
    g_assert_cmpint(stat(f->path, &st), ==, 0);
    expected = g_strdup_printf(
        "partial file with %" PRIu64 " bytes, no file has its name; "
        "directory %s, the file has its name; ", (guint64)st.st_size, dir);
    g_assert_cmpstr(calls->str, ==, expected);
}

/* If the file is removed while it is written, the save fails and leaves no
 * file. */
static void
test_vanished(Fixture *f, gconstpointer mib)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MtOutput) output = mt_output_open(f->path, FALSE, NULL, &error);
    g_autofree char *partial =
        g_strdup_printf("%s.partial-%d", f->path, (int)getpid());

    g_assert_no_error(error);
    g_assert_cmpint(g_unlink(partial), ==, 0);
    g_assert_false(save_to(output, f->stream, 2, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "No such file"));
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

/* The file becomes shorter while it is read. */
static void
test_shrinks(Fixture *f, gconstpointer mib)
{
    g_autoptr(GByteArray) got = g_byte_array_new();
    const MtImageReadSettings settings = {
        .n_threads = 2, .sink = append, .user_data = got,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(MtInput) input = NULL;
    g_autoptr(GByteArray) file = NULL;

    save(f, 2, NULL);
    file = load(f);
    input = mt_input_open(f->path, FALSE, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(truncate(f->path, file->len / 2), ==, 0);
    g_assert_null(mt_image_read(input, &settings, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    g_assert_nonnull(strstr(error->message, "ends at offset"));
}

/* A directory for which this user has no permission, as with NFS that maps root to
 * an unprivileged user. */
static void
test_no_permission(Fixture *f, gconstpointer mib)
{
    gboolean root = geteuid() == 0;
    g_autoptr(GError) cause = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(MtOutput) output = NULL;
    g_autoptr(MtInput) input = NULL;

    save(f, 1, NULL);
    g_assert_cmpint(root ? seteuid(65534) : chmod(f->dir, 0), ==, 0);
    output = mt_output_open(f->path, FALSE, NULL, &error);
    input = mt_input_open(f->path, FALSE, NULL, &cause);
    g_assert_cmpint(root ? seteuid(0) : chmod(f->dir, 0700), ==, 0);

    g_assert_null(output);
    g_assert_null(input);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_error(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "Permission denied"));
    g_assert_nonnull(strstr(cause->message, "Permission denied"));
}

#define ADD(name, mib, func)                                            \
    g_test_add("/image/" name, Fixture, GUINT_TO_POINTER(mib), setup,   \
               func, teardown)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("threads", 16, test_threads);
    ADD("zstd", 16, test_zstd);
    ADD("fifo", 16, test_fifo);
    ADD("seekable", 8, test_seekable);
    ADD("direct-io", 8, test_direct_io);
    ADD("open", 16, test_open);
    ADD("truncated", 1, test_truncated);
    ADD("flipped", 1, test_flipped);
    ADD("lies", 8, test_lies);
    ADD("chunks-moved", 8, test_chunks_moved);
    ADD("outputs", 8, test_outputs);
    ADD("partial", 8, test_partial);
    ADD("synced", 8, test_synced);
    ADD("vanished", 8, test_vanished);
    ADD("shrinks", 8, test_shrinks);
    ADD("no-permission", 1, test_no_permission);
    return g_test_run();
}
