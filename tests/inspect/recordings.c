/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recordings for tests: see recordings.h.
 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "inspect/recordings.h"

JsonArray *
recordings_load_manifest(void)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_DATA"), "streams", "manifest.json", NULL);
    g_autoptr(JsonParser) parser = json_parser_new();
    GError *error = NULL;

    json_parser_load_from_file(parser, path, &error);
    g_assert_no_error(error);
    return json_array_ref(json_node_get_array(json_parser_get_root(parser)));
}

static char *
recording_read(const char *name, gsize *ret_len)
{
    g_autofree char *path = g_build_filename(g_getenv("MIGTUNE_TEST_DATA"),
                                             "streams", name, NULL);
    g_autoptr(GZlibDecompressor) inflate = NULL;
    g_autoptr(GInputStream) raw = NULL;
    g_autoptr(GInputStream) in = NULL;
    g_autoptr(GOutputStream) out = NULL;
    g_autofree char *data = NULL;
    GError *error = NULL;

    g_file_get_contents(path, &data, ret_len, &error);
    g_assert_no_error(error);
    if (!g_str_has_suffix(name, ".gz"))
        return g_steal_pointer(&data);

    inflate = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
    raw = g_memory_input_stream_new_from_data(data, *ret_len, NULL);
    in = g_converter_input_stream_new(raw, G_CONVERTER(inflate));
    out = g_memory_output_stream_new_resizable();
    g_output_stream_splice(out, in, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL,
                           &error);
    g_assert_no_error(error);
    *ret_len = g_memory_output_stream_get_data_size(
        G_MEMORY_OUTPUT_STREAM(out));
    return g_memory_output_stream_steal_data(G_MEMORY_OUTPUT_STREAM(out));
}

static void
recording_add(Recording *recording, JsonObject *files, const char *member,
              const char *word)
{
    JsonObject *file = json_object_get_object_member(files, member);
    guint n = recording->n_files++;
    g_autofree char *sum = NULL;
    g_autofree char *data = NULL;
    GError *error = NULL;

    g_assert_cmpuint(n, <, RECORDING_MAX_FILES);
    data = recording_read(json_object_get_string_member(file, "file"),
                          &recording->sizes[n]);
    sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)data,
                                      recording->sizes[n]);
    g_assert_cmpstr(sum, ==, json_object_get_string_member(file, "sha256"));
    recording->paths[n] = g_build_filename(recording->folder, word, NULL);
    recording->words[n] = g_strdup_printf("%s=%s", word, recording->paths[n]);
    g_file_set_contents(recording->paths[n], data, recording->sizes[n],
                        &error);
    g_assert_no_error(error);
}

Recording *
recording_open(JsonObject *entry)
{
    Recording *recording = g_new0(Recording, 1);
    JsonObject *files = json_object_get_object_member(entry, "files");
    GError *error = NULL;

    recording->entry = entry;
    recording->name = g_strdup(json_object_get_string_member(entry, "name"));
    recording->folder = g_dir_make_tmp("inspect-XXXXXX", &error);
    g_assert_no_error(error);

    recording_add(recording, files,
                  json_object_has_member(files, "file") ? "file" : "main",
                  "main");
    for (guint i = 0; i + 1 < RECORDING_MAX_FILES; i++) {
        g_autofree char *key = g_strdup_printf("ch%u", i);

        if (json_object_has_member(files, key))
            recording_add(recording, files, key, key);
    }
    return recording;
}

Recording *
recording_open_by_name(JsonArray *manifest, const char *name)
{
    for (guint i = 0; i < json_array_get_length(manifest); i++) {
        JsonObject *entry = json_array_get_object_element(manifest, i);

        if (g_str_equal(json_object_get_string_member(entry, "name"), name))
            return recording_open(entry);
    }

    g_error("no recording is called %s", name);
}

void
recording_free(Recording *recording)
{
    if (!recording)
        return;

    for (guint i = 0; i < recording->n_files; i++) {
        g_unlink(recording->paths[i]);
        g_free(recording->paths[i]);
        g_free(recording->words[i]);
    }
    g_rmdir(recording->folder);
    g_free(recording->folder);
    g_free(recording->name);
    g_free(recording);
}
