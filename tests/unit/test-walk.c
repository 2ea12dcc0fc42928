/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walker finds in the recorded streams what their manifest says, in
 * whatever pieces the bytes come, and can continue at every boundary. */
#include "config.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "stream/walk.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

#define MAX_DEVICES (1024 * 1024)

/* A hash of every event, and counts. */
typedef struct {
    guint records[MT_RECORD_MASK + 1];
    guint commands;
    guint n_events;
    guint64 sum;
    GArray *ends;           /* of guint64: where each event ended */
} Seen;

static void
seen_add(Seen *seen, guint64 value)
{
    seen->sum = (seen->sum ^ value) * G_GUINT64_CONSTANT(0x100000001b3);
}

static gboolean
seen_event(const MtWalkEvent *event, gpointer data, GError **error)
{
    Seen *seen = data;

    /* How many pieces device state has depends on the pieces fed. */
    if (event->kind == MT_WALK_DATA)
        return TRUE;

    seen->n_events++;
    if (event->kind == MT_WALK_RECORD)
        seen->records[event->record]++;
    if (event->kind == MT_WALK_BLOCK_LIST)
        seen->records[MT_RECORD_MEM_SIZE]++;
    if (event->kind == MT_WALK_COMMAND)
        seen->commands++;
    seen_add(seen, event->kind);
    seen_add(seen, event->offset);
    seen_add(seen, event->len);
    seen_add(seen, event->record);
    seen_add(seen, event->page_offset);
    for (gsize i = 0; i < event->body_len; i++)
        seen_add(seen, event->body[i]);
    if (seen->ends) {
        guint64 end = event->offset + event->len;

        g_array_append_val(seen->ends, end);
    }
    return TRUE;
}

static GBytes *
load_file(const char *name)
{
    g_autofree char *path =
        g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), "streams", name, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autoptr(GInputStream) raw =
        G_INPUT_STREAM(g_file_read(file, NULL, &error));
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();

    g_assert_no_error(error);
    if (g_str_has_suffix(name, ".gz")) {
        g_autoptr(GConverter) unzip = G_CONVERTER(
            g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
        GInputStream *converted = g_converter_input_stream_new(raw, unzip);

        g_object_unref(raw);
        raw = converted;
    }
    g_output_stream_splice(memory, raw,
                           G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
    g_assert_no_error(error);
    return g_memory_output_stream_steal_as_bytes(
        G_MEMORY_OUTPUT_STREAM(memory));
}

static MtWalk *
walk_new(Seen *seen)
{
    const MtWalkSettings settings = {
        .func = seen_event, .user_data = seen,
        .max_device_bytes = MAX_DEVICES,
    };

    return mt_walk_new(&settings);
}

/* Feeds all of @bytes in pieces of @piece bytes. */
static void
walk_all(MtWalk *walk, GBytes *bytes, gsize from, gsize piece)
{
    gsize len;
    const guint8 *data = g_bytes_get_data(bytes, &len);
    GError *error = NULL;

    for (gsize at = from; at < len; at += piece) {
        mt_walk_feed(walk, data + at, MIN(piece, len - at), &error);
        g_assert_no_error(error);
    }
    mt_walk_finish(walk, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(mt_walk_get_boundary(walk, NULL), ==, len);
}

static JsonArray *
load_manifest(JsonParser *parser)
{
    g_autofree char *path =
        g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), "streams",
                         "manifest.json", NULL);

    g_assert_true(json_parser_load_from_file(parser, path, NULL));
    return json_node_get_array(json_parser_get_root(parser));
}

/* The file of the main channel. */
static const char *
entry_file(JsonObject *entry)
{
    JsonObject *files = json_object_get_object_member(entry, "files");
    JsonObject *file = json_object_has_member(files, "main")
        ? json_object_get_object_member(files, "main")
        : json_object_get_object_member(files, "file");

    return json_object_get_string_member(file, "file");
}

static void
check_records(JsonObject *entry, const Seen *seen)
{
    static const struct {
        const char *name;
        guint record;
    } names[] = {
        { "MEM_SIZE", MT_RECORD_MEM_SIZE }, { "EOS", MT_RECORD_EOS },
        { "PAGE", MT_RECORD_PAGE }, { "ZERO", MT_RECORD_ZERO },
        { "XBZRLE", MT_RECORD_XBZRLE }, { "COMPRESS", MT_RECORD_COMPRESS },
        { "FLUSH", MT_RECORD_FLUSH },
    };
    JsonObject *records = json_object_get_object_member(entry, "records");

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_cmpuint(seen->records[names[i].record], ==,
                         json_object_get_int_member_with_default(
                             records, names[i].name, 0));
    g_assert_cmpuint(seen->commands, ==, json_array_get_length(
        json_object_get_array_member(entry, "commands")));
}

static void
test_manifest(void)
{
    static const gsize pieces[] = { G_MAXINT32, 1, 13, 4097, 65536 };
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonArray *manifest = load_manifest(parser);

    for (guint i = 0; i < json_array_get_length(manifest); i++) {
        JsonObject *entry = json_array_get_object_element(manifest, i);
        JsonArray *blocks = json_object_get_array_member(entry, "blocks");
        g_autoptr(GBytes) bytes = load_file(entry_file(entry));
        guint64 sum = 0;

        g_test_message("%s", entry_file(entry));
        for (guint j = 0; j < G_N_ELEMENTS(pieces); j++) {
            Seen seen = { .sum = 1 };
            g_autoptr(MtWalk) walk = walk_new(&seen);

            if (pieces[j] < 100 && g_bytes_get_size(bytes) > 150000)
                continue;
            walk_all(walk, bytes, 0, pieces[j]);
            if (j == 0)
                sum = seen.sum;
            g_assert_cmpuint(seen.sum, ==, sum);
            check_records(entry, &seen);
            g_assert_cmpuint(mt_walk_get_n_blocks(walk), ==,
                             json_array_get_length(blocks));
            for (guint k = 0; k < json_array_get_length(blocks); k++) {
                JsonObject *block = json_array_get_object_element(blocks, k);

                g_assert_cmpstr(mt_walk_get_block(walk, k)->name, ==,
                                json_object_get_string_member(block, "name"));
                g_assert_cmpuint(mt_walk_get_block(walk, k)->used_bytes, ==,
                                 json_object_get_int_member(block, "size"));
            }
            g_assert_cmpuint(mt_devices_get_n(mt_walk_get_devices(walk)), ==,
                             json_object_get_int_member(entry, "devices"));
        }
    }
}

/* A mapped file with its bitmaps and pages stepped over. */
static void
test_skip(void)
{
    g_autoptr(GBytes) bytes = load_file("mapped-10.0.mig.gz");
    gsize len, at = 0, fed = 0;
    const guint8 *data = g_bytes_get_data(bytes, &len);
    Seen seen = { .sum = 1 };
    g_autoptr(MtWalk) walk = walk_new(&seen);
    GError *error = NULL;

    while (at < len) {
        guint64 skip = mt_walk_get_skippable(walk);

        if (skip) {
            mt_walk_skip(walk, skip);
            at += skip;
            continue;
        }
        g_assert_true(mt_walk_feed(walk, data + at, 1, &error));
        at++;
        fed++;
    }
    g_assert_true(mt_walk_finish(walk, &error));
    g_assert_cmpuint(fed, <, 4096);
    g_assert_cmpuint(mt_walk_get_n_blocks(walk), ==, 1);
    g_assert_true(mt_walk_get_block(walk, 0)->is_mapped);
}

/* From every boundary on a second walker sees what the first one sees. */
static void
test_continue(void)
{
    static const char *const files[] = {
        "xbzrle-10.0.mig.gz", "pc-11.1.mig", "compress-7.2.mig",
        "nofooter-noconfig-7.2.mig",
    };

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(GBytes) bytes = load_file(files[i]);
        g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(guint64));
        const guint8 *data = g_bytes_get_data(bytes, NULL);
        Seen seen = { .sum = 1, .ends = ends };
        g_autoptr(MtWalk) walk = walk_new(&seen);

        walk_all(walk, bytes, 0, G_MAXINT32);
        for (guint j = 12; j < ends->len; j += 173) {
            guint64 from = g_array_index(ends, guint64, j - 1);
            Seen first = { .sum = 1 }, second = { .sum = 1 };
            const MtWalkSettings settings = {
                .func = seen_event, .user_data = &second,
            };
            g_autoptr(MtWalk) before = walk_new(&first);
            g_autoptr(MtWalk) after = NULL;
            MtWalkState state;

            g_assert_true(mt_walk_feed(before, data, from, NULL));
            g_assert_cmpuint(first.n_events, ==, j);
            g_assert_cmpuint(mt_walk_get_boundary(before, &state), ==, from);
            after = mt_walk_new_at(&settings, &state, from,
                                   mt_walk_get_blocks(before),
                                   mt_walk_get_n_blocks(before));
            walk_all(after, bytes, from, 100000);
            g_assert_cmpuint(second.n_events, ==, ends->len - j);
            g_assert_cmpuint(mt_walk_get_n_blocks(after), ==,
                             mt_walk_get_n_blocks(walk));
        }
    }
}

/* Cut anywhere but behind the last section, it is not complete. */
static void
test_truncated(void)
{
    g_autoptr(GBytes) bytes = load_file("ignoreshared-7.2.mig");
    gsize len;
    const guint8 *data = g_bytes_get_data(bytes, &len);
    guint n_complete = 0;

    for (gsize cut = 0; cut < len; cut++) {
        Seen seen = { .sum = 1 };
        g_autoptr(MtWalk) walk = walk_new(&seen);
        g_autoptr(GError) error = NULL;

        g_assert_true(mt_walk_feed(walk, data, cut, &error));
        if (mt_walk_finish(walk, &error))
            n_complete++;
        else
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    }
    /* Only the description is missing, which some machines do not send. */
    g_assert_cmpuint(n_complete, ==, 1);
}

typedef struct {
    const char *name;
    const char *hex;        /* after header and a list of one block "r" */
    const char *text;       /* of the error */
} BadCase;

static const BadCase bad_cases[] = {
    { "record", "0000000000000001", "flags 0x001" },
    { "two flags", "000000000000000a", "flags 0x00a" },
    { "hook", "0000000000000080", "RDMA" },
    { "continue first", "0000000000000022 00", "no block was named" },
    { "unknown block", "0000000000000002 01 78 00", "block 'x'" },
    { "beyond", "0000000000002002 01 72 00", "at 0x2000" },
    { "xbzrle method", "0000000000000040 01 72 02 0001 00", "method 2" },
    { "xbzrle length", "0000000000000040 01 72 01 1001", "4097 bytes" },
    { "deflated length", "0000000000000100 01 72 00010000", "65536 bytes" },
    { "second list", "0000000000001004", "second list" },
    { "footer", "0000000000000010 7e 00000007", "footer of section 2" },
    { "section", "0000000000000010 7e 00000002 09", "0x09" },
    { "part", "0000000000000010 7e 00000002 02 00000003", "section 3" },
    { "command", "0000000000000010 7e 00000002 08 000c 0000", "command 12" },
    { "package", "0000000000000010 7e 00000002 08 0007 0002 0000",
      "expected 4" },
};

static void
append_hex(GByteArray *out, const char *hex)
{
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        mt_append_u8(out, g_ascii_xdigit_value(hex[0]) << 4 |
                          g_ascii_xdigit_value(hex[1]));
        hex++;
    }
}

static void
test_bad(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        g_autoptr(GByteArray) in = g_byte_array_new();

        g_test_message("%s", bad_cases[i].name);
        append_hex(in, "5145564d00000003 01 00000002 03 72616d 00000000"
                   "00000004 0000000000002004 01 72 0000000000002000");
        append_hex(in, bad_cases[i].hex);
        for (guint piece = 1; piece < 1000; piece += 500) {
            Seen seen = { .sum = 1 };
            g_autoptr(MtWalk) walk = walk_new(&seen);
            g_autoptr(GError) error = NULL;
            gboolean ok = TRUE;

            for (gsize at = 0; ok && at < in->len; at += piece)
                ok = mt_walk_feed(walk, in->data + at,
                                  MIN(piece, in->len - at), &error);
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
            g_assert_nonnull(strstr(error->message, bad_cases[i].text));
            g_assert_nonnull(strstr(error->message, "offset"));
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/walk/manifest", test_manifest);
    g_test_add_func("/walk/skip", test_skip);
    g_test_add_func("/walk/continue", test_continue);
    g_test_add_func("/walk/truncated", test_truncated);
    g_test_add_func("/walk/bad", test_bad);
    return g_test_run();
}
