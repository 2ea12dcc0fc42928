/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every format becomes every other one and back: streams and headers to the
 * byte, RAM in its last state. */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "image/convert.h"
#include "image/extract.h"
#include "lib/make-stream.h"
#include "migtune/migtune-error.h"

#define XML "<domain><name>g</name></domain>"
#define COOKIE "<cookie/>"

typedef struct {
    char *dir;
    GByteArray *stream;
    GByteArray *ram;
    GByteArray *libvirt;        /* an image of format raw */
} Fixture;

static void
put_host32(GByteArray *out, guint32 v, gboolean swapped)
{
    if (swapped)
        v = GUINT32_SWAP_LE_BE(v);
    g_byte_array_append(out, (guint8 *)&v, sizeof(v));
}

static GByteArray *
make_header(const char *magic, guint32 version, guint32 data_len,
            guint32 format, guint32 cookie, gboolean swapped)
{
    GByteArray *out = g_byte_array_new();
    gsize at;

    g_byte_array_append(out, (const guint8 *)magic, 16);
    put_host32(out, version, swapped);
    put_host32(out, data_len, swapped);
    put_host32(out, 1, swapped);
    put_host32(out, format, swapped);
    put_host32(out, cookie, swapped);
    at = out->len;
    g_byte_array_set_size(out, MT_LIBVIRT_HEAD);
    memset(out->data + at, 0, out->len - at);
    return out;
}

static char *
path_of(const Fixture *f, const char *name)
{
    return g_build_filename(f->dir, name, NULL);
}

static void
setup(Fixture *f, gconstpointer unused)
{
    const guint32 data_len = 70001;     /* as odd as libvirt's are */
    g_autofree char *raw = NULL;
    gsize at;

    f->dir = g_dir_make_tmp("migtune-convert-XXXXXX", NULL);
    f->stream = make_stream(4, 2, &f->ram);
    f->libvirt = make_header("LibvirtQemudSave", 2, data_len, 0,
                             sizeof(XML), FALSE);
    g_byte_array_append(f->libvirt, (const guint8 *)XML, sizeof(XML));
    g_byte_array_append(f->libvirt, (const guint8 *)COOKIE, sizeof(COOKIE));
    at = f->libvirt->len;
    g_byte_array_set_size(f->libvirt, MT_LIBVIRT_HEAD + data_len);
    memset(f->libvirt->data + at, 0, f->libvirt->len - at);
    g_byte_array_append(f->libvirt, f->stream->data, f->stream->len);
    raw = path_of(f, "raw");
    g_assert_true(g_file_set_contents(raw, (char *)f->libvirt->data,
                                      f->libvirt->len, NULL));
}

static void
teardown(Fixture *f, gconstpointer unused)
{
    g_autoptr(GDir) dir = g_dir_open(f->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = path_of(f, name);

        /* Nothing partial stays behind. */
        g_assert_null(strstr(name, "partial"));
        g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(f->dir), ==, 0);
    g_free(f->dir);
    g_byte_array_unref(f->stream);
    g_byte_array_unref(f->ram);
    g_byte_array_unref(f->libvirt);
}

static gboolean
convert(const Fixture *f, const char *from, const char *to,
        const char *format, GError **error)
{
    const MtConvertSettings settings = {
        .format = format, .n_threads = 2, .level = 1,
        .chunk_bytes = MT_IMAGE_MIN_CHUNK,
    };
    MtConvertResult result = { NULL };
    g_autofree char *a = path_of(f, from);
    g_autofree char *b = path_of(f, to);
    g_autofree char *text = NULL;
    gsize len;

    if (!mt_convert(a, b, &settings, &result, error))
        return FALSE;

    g_assert_cmpstr(result.to, ==, format);
    g_assert_true(g_file_get_contents(b, &text, &len, NULL));
    g_assert_cmpuint(result.file_bytes, ==, len);
    mt_convert_result_clear(&result);
    return TRUE;
}

static void
assert_file(const Fixture *f, const char *name, const GByteArray *want)
{
    g_autofree char *path = path_of(f, name);
    g_autofree char *data = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(len, ==, want->len);
    g_assert_cmpint(memcmp(data, want->data, len), ==, 0);
}

/* Both blocks, whole and in part. */
static void
assert_ram(const Fixture *f, const char *name)
{
    static const struct {
        const char *block;
        guint64 start;          /* in the block */
        guint64 length;
        gsize at;               /* in both blocks */
    } ranges[] = {
        { "ram", 0, 0, 0 },
        { "rom", 0, 0, 4 * 917504 },
        { "ram", 12345, 100001, 12345 },
        { "rom", 131072 - 1, 1, 4 * 917504 + 131072 - 1 },
    };
    g_autofree char *path = path_of(f, name);
    g_autofree char *out = path_of(f, "ram.out");

    for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtOutput) output = mt_output_open(out, FALSE, NULL, NULL);
        guint64 length = ranges[i].length;
        g_autofree char *data = NULL;
        guint n_chunks;
        gsize len;

        mt_image_extract(path, ranges[i].block, ranges[i].start, &length,
                         output, NULL, &n_chunks, &error);
        g_assert_no_error(error);
        g_assert_true(mt_output_finish(output, NULL));
        g_assert_true(g_file_get_contents(out, &data, &len, NULL));
        g_assert_cmpuint(len, ==, length);
        g_assert_cmpint(memcmp(data, f->ram->data + ranges[i].at, len), ==, 0);
    }
}

static const struct {
    const char *format;
    const char *program;        /* that it needs */
} formats[] = {
    { "stream" }, { "save" }, { "mapped" }, { "libvirt-raw" },
    { "libvirt-gzip", "gzip" }, { "libvirt-bzip2", "bzip2" },
    { "libvirt-xz", "xz" }, { "libvirt-lzop", "lzop" }, { "libvirt-zstd" },
    { "libvirt-sparse" },
};

static void
test_formats(Fixture *f, gconstpointer unused)
{
    /* Under valgrind a sample of the formats is tested. */
    guint step = g_getenv("MIGTUNE_TEST_SHORT") ? 3 : 1;

    for (guint i = 0; i < G_N_ELEMENTS(formats); i += step) {
        g_autofree char *program = formats[i].program
            ? g_find_program_in_path(formats[i].program) : NULL;
        g_autoptr(GError) error = NULL;
        gboolean mapped = strstr(formats[i].format, "mapped") ||
                          strstr(formats[i].format, "sparse");
        gboolean header = g_str_has_prefix(formats[i].format, "libvirt") ||
                          strcmp(formats[i].format, "save") == 0;

        if (formats[i].program && !program) {
            g_test_message("no %s", formats[i].program);
            continue;
        }
        g_test_message("%s", formats[i].format);
        convert(f, "raw", "there", formats[i].format, &error);
        g_assert_no_error(error);
        assert_ram(f, "there");
        convert(f, "there", "stream", "stream", &error);
        g_assert_no_error(error);
        assert_ram(f, "stream");
        /* Pages at fixed places do not say in which order they came. */
        if (!mapped)
            assert_file(f, "stream", f->stream);
        if (!header)
            continue;
        convert(f, "there", "back", "libvirt-raw", &error);
        g_assert_no_error(error);
        if (!mapped)
            assert_file(f, "back", f->libvirt);
        else
            assert_ram(f, "back");
    }
}

/* A file without libvirt's header cannot become an image of libvirt. */
static void
test_no_header(Fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(convert(f, "raw", "plain", "stream", NULL));
    g_assert_false(convert(f, "plain", "out", "libvirt-zstd", &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
}

typedef struct {
    const char *name;
    const char *magic;
    guint32 version;
    guint32 data_len;
    guint32 format;
    guint32 cookie;
    const char *text;           /* of the error; NULL: it is good */
} HeaderCase;

static const HeaderCase headers[] = {
    { "good", "LibvirtQemudSave", 2, 0x11000, 5, 0, NULL },
    { "version 1", "LibvirtQemudSave", 1, 0x11000, 0, 0, NULL },
    { "cookie", "LibvirtQemudSave", 2, 0x11000, 6, 0x100, NULL },
    { "partial", "LibvirtQemudPart", 2, 0x11000, 5, 0, "incomplete" },
    { "version 3", "LibvirtQemudSave", 3, 0x11000, 5, 0, "version" },
    { "no data", "LibvirtQemudSave", 2, 0, 5, 0, "0 bytes" },
    { "much data", "LibvirtQemudSave", 2, 0xffffffff, 5, 0, "4294967295" },
    { "cookie beyond", "LibvirtQemudSave", 2, 0x11000, 5, 0x11001, "cookie" },
    { "format 7", "LibvirtQemudSave", 2, 0x11000, 7, 0, "format 7" },
};

static void
test_headers(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(headers) * 2; i++) {
        const HeaderCase *c = &headers[i / 2];
        g_autoptr(GByteArray) head =
            make_header(c->magic, c->version, c->data_len, c->format,
                        c->cookie, i % 2);
        g_autoptr(GError) error = NULL;
        MtLibvirtHeader h;

        g_test_message("%s", c->name);
        if (c->text) {
            g_assert_false(mt_libvirt_parse(head->data, &h, &error));
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
            g_assert_nonnull(strstr(error->message, c->text));
            continue;
        }
        g_assert_true(mt_libvirt_parse(head->data, &h, &error));
        g_assert_cmpuint(h.data_len, ==, c->data_len);
        g_assert_cmpuint(h.format, ==, c->format);
        g_assert_cmpuint(h.cookie_offset, ==, c->cookie);
        g_assert_true(h.was_running);
        g_assert_cmpint(h.swapped, ==, i % 2);
    }
}

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
/* The bytes that libvirt writes. */
static void
test_known_header(void)
{
    static const guint8 known[36] = {
        0x4c, 0x69, 0x62, 0x76, 0x69, 0x72, 0x74, 0x51, 0x65, 0x6d, 0x75,
        0x64, 0x53, 0x61, 0x76, 0x65, 0x02, 0x00, 0x00, 0x00, 0x00, 0x10,
        0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00,
    };
    guint8 head[MT_LIBVIRT_HEAD] = { 0 };
    MtLibvirtHeader h;

    memcpy(head, known, sizeof(known));
    g_assert_true(mt_libvirt_parse(head, &h, NULL));
    g_assert_cmpuint(h.data_len, ==, 0x11000);
    g_assert_cmpuint(h.format, ==, MT_LIBVIRT_ZSTD);
}
#endif

/* An image that is cut anywhere becomes nothing. */
static void
test_truncated(Fixture *f, gconstpointer unused)
{
    static const gsize cuts[] = { 0, 15, 16, 91, 92, 93, 70092, 70093, 70097,
                                  70101, 80000, 1000000 };
    g_autofree char *cut = path_of(f, "cut");

    for (guint i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_true(g_file_set_contents(cut, (char *)f->libvirt->data,
                                          cuts[i], NULL));
        g_assert_false(convert(f, "cut", "out", "save", &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, "offset"));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/convert/formats", Fixture, NULL, setup, test_formats,
               teardown);
    g_test_add("/convert/no-header", Fixture, NULL, setup, test_no_header,
               teardown);
    g_test_add("/convert/truncated", Fixture, NULL, setup, test_truncated,
               teardown);
    g_test_add_func("/convert/headers", test_headers);
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
    g_test_add_func("/convert/known-header", test_known_header);
#endif
    return g_test_run();
}
