/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inspector reads the stream inside save files, libvirt save images and
 * compressed streams: the report is that of the plain stream.  Damage of the
 * file around the stream is reported.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "image/convert.h"
#include "migtune/migtune-inspect.h"
#include "recordings.h"

#define XML "<domain type='qemu'><name>web1</name></domain>"
#define DATA_LEN 70001

static char *dir;

static char *
path_of(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

/* The report without the members that name the file. */
static char *
report(const char *source, char **ret_container, gboolean *ret_sound)
{
    const char *sources[] = { source, NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneInspection) inspection =
        migtune_inspect(sources, NULL, &error);
    g_autoptr(JsonNode) json = NULL;
    JsonObject *object;
    const char *container;

    g_assert_no_error(error);
    json = migtune_inspection_to_json(inspection, MIGTUNE_INSPECT_DEVICES);
    object = json_node_get_object(json);
    container = json_object_get_null_member(object, "container") ? NULL :
        json_object_get_string_member(object, "container");
    *ret_container = g_strdup(container);
    *ret_sound = migtune_inspection_check(inspection, NULL);
    json_object_remove_member(object, "source");
    json_object_remove_member(object, "container");
    json_object_remove_member(object, "channels");
    return json_to_string(json, FALSE);
}

/* A stream with a header of libvirt before it. */
static void
make_libvirt(const char *stream, const char *path)
{
    g_autofree char *bytes = NULL;
    g_autoptr(GByteArray) image = g_byte_array_new();
    guint8 head[MT_LIBVIRT_HEAD] = "LibvirtQemudSave";
    const guint32 version = 2, data_len = DATA_LEN, running = 1;
    gsize len;

    memcpy(head + 16, &version, 4);
    memcpy(head + 20, &data_len, 4);
    memcpy(head + 24, &running, 4);
    g_assert_true(g_file_get_contents(stream, &bytes, &len, NULL));
    g_byte_array_append(image, head, sizeof(head));
    g_byte_array_append(image, (const guint8 *)XML, sizeof(XML));
    g_byte_array_set_size(image, sizeof(head) + DATA_LEN);
    memset(image->data + sizeof(head) + sizeof(XML), 0,
           DATA_LEN - sizeof(XML));
    g_byte_array_append(image, (const guint8 *)bytes, len);
    g_assert_true(g_file_set_contents(path, (char *)image->data, image->len,
                                      NULL));
}

static void
convert(const char *from, const char *to, const char *format)
{
    const MtConvertSettings settings = {
        .format = format, .n_threads = 2, .level = 1,
        .chunk_bytes = MT_IMAGE_MIN_CHUNK,
    };
    MtConvertResult result = { NULL };
    g_autoptr(GError) error = NULL;

    g_unlink(to);
    mt_convert(from, to, &settings, &result, &error);
    g_assert_no_error(error);
    mt_convert_result_clear(&result);
}

static const struct {
    const char *format;
    const char *container;
    const char *program;
} formats[] = {
    { "save", "save file", NULL },
    { "libvirt-raw", "libvirt save image (raw)", NULL },
    { "libvirt-gzip", "libvirt save image (gzip)", "gzip" },
    { "libvirt-zstd", "libvirt save image (zstd), save file", NULL },
};

/* Reads a file through a pipe at standard input. */
static char *
report_of_pipe(const char *path, char **ret_container, gboolean *ret_sound)
{
    int former = dup(STDIN_FILENO);
    int ends[2];
    g_autofree char *bytes = NULL;
    g_autoptr(GSubprocess) cat = NULL;
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
    char *text;

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_subprocess_launcher_take_stdout_fd(launcher, ends[1]);
    cat = g_subprocess_launcher_spawn(launcher, NULL, "cat", path, NULL);
    g_assert_nonnull(cat);
    g_clear_object(&launcher);
    g_assert_cmpint(dup2(ends[0], STDIN_FILENO), ==, STDIN_FILENO);
    close(ends[0]);
    text = report("-", ret_container, ret_sound);
    g_assert_cmpint(dup2(former, STDIN_FILENO), ==, STDIN_FILENO);
    close(former);
    g_subprocess_wait(cat, NULL, NULL);
    return text;
}

static void
test_same_report(gconstpointer name)
{
    g_autoptr(JsonArray) manifest = recordings_load_manifest();
    g_autoptr(Recording) recording = recording_open_by_name(manifest, name);
    g_autofree char *plain = NULL;
    g_autofree char *none = NULL;
    g_autofree char *raw = path_of("raw");
    gboolean sound;

    plain = report(recording->paths[0], &none, &sound);
    g_assert_null(none);
    g_assert_true(sound);
    make_libvirt(recording->paths[0], raw);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autofree char *file = path_of("packed");
        g_autofree char *container = NULL;
        g_autofree char *piped_container = NULL;
        g_autofree char *text = NULL;
        g_autofree char *piped = NULL;
        g_autofree char *program = formats[i].program ?
            g_find_program_in_path(formats[i].program) : NULL;

        if (formats[i].program && !program) {
            g_test_message("no program %s", formats[i].program);
            continue;
        }
        convert(g_str_has_prefix(formats[i].format, "libvirt") ? raw :
                recording->paths[0], file, formats[i].format);
        text = report(file, &container, &sound);
        g_assert_cmpstr(container, ==, formats[i].container);
        g_assert_true(sound);
        g_assert_cmpstr(text, ==, plain);

        piped = report_of_pipe(file, &piped_container, &sound);
        g_assert_cmpstr(piped_container, ==, formats[i].container);
        g_assert_true(sound);
        g_assert_cmpstr(piped, ==, plain);
    }
    {
        g_autofree char *container = NULL;
        g_autofree char *piped = report_of_pipe(recording->paths[0],
                                                &container, &sound);

        g_assert_null(container);
        g_assert_cmpstr(piped, ==, plain);
    }
}

static gboolean
is_damaged(const char *path)
{
    const char *sources[] = { path, NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneInspection) inspection =
        migtune_inspect(sources, NULL, &error);

    g_assert_no_error(error);
    if (migtune_inspection_check(inspection, &error))
        return FALSE;
    g_test_message("%s", error->message);
    return TRUE;
}

/* A changed byte anywhere in the file is an error, also behind the stream. */
static void
test_damage(void)
{
    g_autoptr(JsonArray) manifest = recordings_load_manifest();
    g_autoptr(Recording) recording =
        recording_open_by_name(manifest, "plain-7.2");
    g_autofree char *file = path_of("packed");
    g_autofree char *bytes = NULL;
    gsize len;

    convert(recording->paths[0], file, "save");
    g_assert_true(g_file_get_contents(file, &bytes, &len, NULL));
    g_assert_false(is_damaged(file));
    for (guint i = 1; i < 16; i++) {
        gsize at = len * i / 16;

        bytes[at] ^= 1;
        g_assert_true(g_file_set_contents(file, bytes, len, NULL));
        g_assert_true(is_damaged(file));
        bytes[at] ^= 1;
    }
    for (guint i = 1; i < 8; i++) {
        g_assert_true(g_file_set_contents(file, bytes, len * i / 8, NULL));
        g_assert_true(is_damaged(file));
    }
}

/* Headers that libvirt refuses. */
static void
test_libvirt_header(void)
{
    static const struct {
        gsize at;
        guint8 byte;
    } cases[] = {
        { 12, 'P' },            /* magic */
        { 16, 9 },              /* version */
        { 28, 77 },             /* format */
        { 32, 0xff },           /* offset of the cookie */
    };
    g_autoptr(JsonArray) manifest = recordings_load_manifest();
    g_autoptr(Recording) recording =
        recording_open_by_name(manifest, "plain-7.2");
    g_autofree char *raw = path_of("raw");
    g_autofree char *bytes = NULL;
    gsize len;

    make_libvirt(recording->paths[0], raw);
    g_assert_false(is_damaged(raw));
    g_assert_true(g_file_get_contents(raw, &bytes, &len, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        char former = bytes[cases[i].at];

        memset(bytes + cases[i].at, cases[i].byte, cases[i].at == 32 ? 4 : 1);
        g_assert_true(g_file_set_contents(raw, bytes, len, NULL));
        g_assert_true(is_damaged(raw));
        bytes[cases[i].at] = former;
        if (cases[i].at == 32)
            memset(bytes + 32, 0, 4);
    }
}

int
main(int argc, char **argv)
{
    static const char *const names[] = { "plain-7.2", "pc-11.1",
                                         "compress-7.2", "rounds-7.2" };
    g_autofree char *rm = NULL;
    int result;

    dir = g_dir_make_tmp("migtune-packed-XXXXXX", NULL);
    rm = g_strdup_printf("rm -rf '%s'", dir);
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("/packed/same-report/%s",
                                                names[i]);

        g_test_add_data_func(path, names[i], test_same_report);
    }
    g_test_add_func("/packed/damage", test_damage);
    g_test_add_func("/packed/libvirt-header", test_libvirt_header);
    result = g_test_run();
    if (system(rm) != 0)
        g_printerr("%s stays\n", dir);
    g_free(dir);
    return result;
}
