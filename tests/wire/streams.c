/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams recorded from real QEMUs: loading one gives the RAM of the guest, and
 * loading a damaged one fails.
 */
#include "config.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/dest/dest.h"
#include "engine/dest/multifd-recv.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

#define MAX_CHANNELS 4

/* One recorded migration. */
typedef struct {
    char *name;
    JsonArray *blocks;
    GBytes *main;
    GBytes *channels[MAX_CHANNELS];
    guint n_channels;
    const char *compression;
    gboolean file;
    gboolean ignore_shared;
    gboolean return_path;
    guint n_devices;
    guint64 n_normal, n_zero, n_xbzrle, n_compress;
} Recording;

static JsonParser *
load_manifest(void)
{
    JsonParser *parser = json_parser_new();
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_DATA"), "streams", "manifest.json", NULL);
    GError *error = NULL;

    json_parser_load_from_file(parser, path, &error);
    g_assert_no_error(error);
    return parser;
}

static GBytes *
gunzip(const char *data, gsize len)
{
    g_autoptr(GZlibDecompressor) inflate =
        g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
    g_autoptr(GInputStream) raw =
        g_memory_input_stream_new_from_data(data, len, NULL);
    g_autoptr(GInputStream) in =
        g_converter_input_stream_new(raw, G_CONVERTER(inflate));
    g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
    GError *error = NULL;

    g_output_stream_splice(out, in, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL,
                           &error);
    g_assert_no_error(error);
    return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(out));
}

static GBytes *
load_file(JsonObject *file)
{
    const char *name = json_object_get_string_member(file, "file");
    g_autofree char *path = g_build_filename(g_getenv("MIGTUNE_TEST_DATA"),
                                             "streams", name, NULL);
    g_autofree char *data = NULL;
    g_autofree char *sum = NULL;
    gsize len;
    GBytes *bytes;
    GError *error = NULL;

    g_file_get_contents(path, &data, &len, &error);
    g_assert_no_error(error);
    bytes = g_str_has_suffix(name, ".gz") ? gunzip(data, len) :
            g_bytes_new(data, len);
    sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    g_assert_cmpstr(sum, ==, json_object_get_string_member(file, "sha256"));
    return bytes;
}

static gboolean
has_capability(JsonObject *entry, const char *name)
{
    JsonArray *caps = json_object_get_array_member(entry, "capabilities");

    for (guint i = 0; i < json_array_get_length(caps); i++) {
        if (g_str_equal(json_array_get_string_element(caps, i), name))
            return TRUE;
    }
    return FALSE;
}

static Recording *
load_recording(JsonObject *entry)
{
    Recording *rec = g_new0(Recording, 1);
    JsonObject *files = json_object_get_object_member(entry, "files");
    JsonObject *records = json_object_get_object_member(entry, "records");
    JsonObject *mfd = NULL, *stats;

    rec->name = g_strdup(json_object_get_string_member(entry, "name"));
    rec->blocks = json_array_ref(json_object_get_array_member(entry,
                                                              "blocks"));
    rec->file = json_object_has_member(files, "file");
    rec->ignore_shared = has_capability(entry, "x-ignore-shared");
    rec->return_path = has_capability(entry, "return-path");
    rec->n_devices = json_object_get_int_member(entry, "devices");
    rec->main = load_file(json_object_get_object_member(
        files, rec->file ? "file" : "main"));
    rec->n_normal = json_object_get_int_member_with_default(records, "PAGE",
                                                            0);
    rec->n_normal += json_object_get_int_member_with_default(
        records, "MAPPED-PAGES", 0);
    rec->n_zero = json_object_get_int_member_with_default(records, "ZERO", 0);
    rec->n_xbzrle = json_object_get_int_member_with_default(records, "XBZRLE",
                                                            0);
    rec->n_compress = json_object_get_int_member_with_default(records,
                                                              "COMPRESS", 0);

    for (guint i = 0; i < MAX_CHANNELS; i++) {
        g_autofree char *key = g_strdup_printf("ch%u", i);

        if (!json_object_has_member(files, key))
            break;
        rec->channels[rec->n_channels++] =
            load_file(json_object_get_object_member(files, key));
    }
    rec->compression = "none";
    if (rec->n_channels) {
        mfd = json_object_get_object_member(entry, "multifd");
        stats = json_object_get_object_member(mfd, "stats");
        rec->compression = json_object_get_string_member(mfd, "compression");
        rec->n_normal += json_object_get_int_member(stats, "normal");
        rec->n_zero += json_object_get_int_member(stats, "zero");
    }
    return rec;
}

static void
recording_free(Recording *rec)
{
    g_bytes_unref(rec->main);
    for (guint i = 0; i < rec->n_channels; i++)
        g_bytes_unref(rec->channels[i]);
    json_array_unref(rec->blocks);
    g_free(rec->name);
    g_free(rec);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recording, recording_free)

/* RAM with the blocks of @rec, filled with bytes that are not zero. */
static MtRam *
make_ram(const Recording *rec)
{
    MtRam *ram = mt_ram_new();
    GError *error = NULL;

    for (guint i = 0; i < json_array_get_length(rec->blocks); i++) {
        JsonObject *block = json_array_get_object_element(rec->blocks, i);
        MtRamBlockSpec spec = {
            .name = json_object_get_string_member(block, "name"),
            .length = json_object_get_int_member(block, "size"),
        };

        mt_ram_add(ram, &spec, &error);
        g_assert_no_error(error);
        if (!rec->ignore_shared)
            memset(mt_ram_block(ram, i)->host, 0xa5, spec.length);
    }
    return ram;
}

static void
check_ram(const Recording *rec, MtRam *ram)
{
    for (guint i = 0; i < json_array_get_length(rec->blocks); i++) {
        JsonObject *want = json_array_get_object_element(rec->blocks, i);
        MtRamBlock *block = mt_ram_block(ram, i);
        g_autofree char *sum = g_compute_checksum_for_data(
            G_CHECKSUM_SHA256, block->host, block->used_length);

        g_assert_cmpstr(sum, ==,
                        json_object_get_string_member(want, "sha256"));
    }
}

static MtIo *
file_io(const guint8 *data, gsize len, MtCancel *cancel)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    g_assert_cmpint(write(fd, data, len), ==, len);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return mt_io_new(fd, -1, "recording", cancel);
}

typedef struct {
    MtIo *io;
    GBytes *bytes;
    GByteArray *answers;
} Peer;

/* Acts as a source: sends the stream, then reads the answers. */
static gpointer
peer_thread(gpointer data)
{
    Peer *peer = data;
    gsize len;
    const guint8 *bytes = g_bytes_get_data(peer->bytes, &len);
    guint8 buf[64];
    struct iovec iov = { buf, sizeof(buf) };
    gssize n;

    if (!mt_io_write(peer->io, bytes, len, NULL))
        return NULL;
    while ((n = mt_io_read_some(peer->io, &iov, 1, NULL)) > 0)
        g_byte_array_append(peer->answers, buf, n);
    return NULL;
}

/* The objects for loading a stream once. */
typedef struct {
    MtEngineSettings settings;
    MtCounters counters;
    MtPageState pages;
    MtRam *ram;                 /* not owned */
    MtFailure *failure;
    MtDest *dest;
} Attempt;

static void
attempt_init(Attempt *a, const Recording *rec, MtRam *ram)
{
    memset(a, 0, sizeof(*a));
    mt_engine_settings_init(&a->settings);
    a->settings.ignore_shared = rec->ignore_shared;
    a->settings.mapped_ram = rec->file;
    a->settings.multifd_channels = MAX(1, rec->n_channels);
    a->settings.max_device_bytes = 4 << 20;
    a->ram = ram;
    a->failure = mt_failure_new(NULL, NULL);
    mt_page_state_init(&a->pages, ram);
    a->dest = mt_dest_new(a->ram, &a->settings, &a->pages, &a->counters,
                          a->failure);
}

static void
attempt_clear(Attempt *a)
{
    mt_dest_free(a->dest);
    mt_failure_free(a->failure);
    mt_page_state_clear(&a->pages);
}

/* Loads @main and the channels of @rec; channel @cut_channel has only @cut_len
 * bytes of @cut_data. */
static gboolean
attempt_load(Attempt *a, const Recording *rec, MtIo *main, int cut_channel,
             const guint8 *cut_data, gsize cut_len, GError **error)
{
    g_autoptr(MtMultifdRecv) recv = NULL;
    gboolean ok = TRUE;

    if (rec->n_channels) {
        recv = mt_multifd_recv_new(a->ram,
                                   mt_codec_find(rec->compression, NULL),
                                   &a->settings, &a->pages, &a->counters,
                                   a->failure);
        for (guint i = 0; i < rec->n_channels && ok; i++) {
            gsize len;
            const guint8 *data = g_bytes_get_data(rec->channels[i], &len);
            gboolean cut = cut_channel == (int)i;

            ok = mt_multifd_recv_add(
                recv, file_io(cut ? cut_data : data, cut ? cut_len : len,
                              mt_failure_get_cancel(a->failure)), error);
        }
        ok = ok && mt_multifd_recv_start(recv, error);
    }

    return ok && mt_dest_load(a->dest, main, recv, NULL, error);
}

static void
test_decode(gconstpointer data)
{
    g_autoptr(Recording) rec = load_recording((JsonObject *)data);
    g_autoptr(MtRam) ram = make_ram(rec);
    GError *error = NULL;
    Attempt a;
    g_autoptr(MtIo) main = NULL;
    g_autoptr(GByteArray) answers = g_byte_array_new();
    Peer peer = { NULL, rec->main, answers };
    GThread *thread = NULL;
    gsize len;
    const guint8 *bytes = g_bytes_get_data(rec->main, &len);
    g_autoptr(GBytes) sections = NULL;

    attempt_init(&a, rec, ram);
    if (rec->file) {
        main = file_io(bytes, len, NULL);
    } else {
        mt_io_pair(NULL, NULL, &main, &peer.io, &error);
        g_assert_no_error(error);
        mt_io_set_timeout_ms(main, 10000);
        thread = g_thread_new("peer", peer_thread, &peer);
        if (!rec->return_path)
            mt_io_set_timeout_ms(main, 10000);
    }

    attempt_load(&a, rec, main, -1, NULL, 0, &error);
    g_assert_no_error(error);
    check_ram(rec, a.ram);
    g_assert_cmpuint(a.counters.normal, ==, rec->n_normal);
    g_assert_cmpuint(a.counters.xbzrle_pages, ==, rec->n_xbzrle);
    g_assert_cmpuint(a.counters.compression_pages, ==, rec->n_compress);
    if (!rec->file)
        g_assert_cmpuint(a.counters.duplicate, ==, rec->n_zero);
    g_assert_cmpint(mt_dest_has_return_path(a.dest), ==, rec->return_path);
    sections = mt_dest_ref_sections(a.dest);
    g_assert_cmpuint(g_bytes_get_size(sections), >, 0);

    if (thread) {
        mt_io_shutdown(main);
        g_thread_join(thread);
        mt_io_free(peer.io);
    }
    if (rec->return_path) {
        static const guint8 pong[] = { 0, 2, 0, 4, 0, 0, 0, 1 };

        g_assert_cmpmem(answers->data, answers->len, pong, sizeof(pong));
    }
    attempt_clear(&a);
}

/* A return path needs a peer; other streams are read from a file, which is
 * faster. */
static gboolean
load_damaged(const Recording *rec, MtRam *ram, int channel,
             const guint8 *bytes, gsize len, GError **error)
{
    gsize main_len;
    const guint8 *main_bytes = g_bytes_get_data(rec->main, &main_len);
    g_autoptr(MtIo) main = NULL;
    Attempt a;
    gboolean ok;

    attempt_init(&a, rec, ram);
    main = channel < 0 ?
        file_io(bytes, len, mt_failure_get_cancel(a.failure)) :
        file_io(main_bytes, main_len, mt_failure_get_cancel(a.failure));
    ok = attempt_load(&a, rec, main, channel, bytes, len, error);
    attempt_clear(&a);
    return ok;
}

static gboolean
is_stream_error(const GError *error)
{
    return error && error->domain == MIGTUNE_ERROR &&
           (error->code == MIGTUNE_ERROR_STREAM ||
            error->code == MIGTUNE_ERROR_UNSUPPORTED ||
            error->code == MIGTUNE_ERROR_CANCELLED ||
            error->code == MIGTUNE_ERROR_IO ||
            error->code == MIGTUNE_ERROR_DISCONNECTED);
}

/* The places at which a stream of @len bytes is cut: all at both ends, which have
 * the structure, and some in between. */
static gsize
next_place(gsize at, gsize len, gsize dense, gsize stride)
{
    if (at < dense || at + 2 * dense >= len)
        return at + 1;
    return MIN(at + stride, MAX(len - 2 * dense, at + 1));
}

/* Whether a stream cut here lacks only the description, or a channel only data
 * that is not needed. */
static gboolean
cut_is_harmless(const Recording *rec, int channel, const guint8 *bytes,
                gsize len, gsize at)
{
    static const guint8 vmdesc[] = { 0x00, 0x06, 0x00 };

    /* An old source sends an empty packet after its last SYNC. */
    if (channel >= 0)
        return at + 1344 >= len && mt_get_be32(bytes + len - 1344 + 8) == 0;
    return at + 3 < len && memcmp(bytes + at - 1, vmdesc, 3) == 0;
}

static void
cut_everywhere(const Recording *rec, MtRam *ram, int channel, GBytes *whole)
{
    gsize len;
    const guint8 *bytes = g_bytes_get_data(whole, &len);
    gsize dense = g_test_slow() ? 1500 : 60;
    gsize stride = g_test_slow() ? 397 : MAX(1, len / 12);

    for (gsize at = 0; at < len; at = next_place(at, len, dense, stride)) {
        g_autoptr(GError) error = NULL;
        gboolean ok = load_damaged(rec, ram, channel, bytes, at, &error);

        if (ok && !cut_is_harmless(rec, channel, bytes, len, at))
            g_error("%s cut at %zu of %zu loads", rec->name, at, len);
        if (!ok && !is_stream_error(error))
            g_error("%s cut at %zu: %s", rec->name, at, error->message);
    }
}

/* The channels have the same structure: one is damaged by default. */
static guint
n_damaged_channels(const Recording *rec)
{
    return g_test_slow() ? rec->n_channels : MIN(rec->n_channels, 1);
}

static void
test_cut(gconstpointer data)
{
    g_autoptr(Recording) rec = load_recording((JsonObject *)data);
    g_autoptr(MtRam) ram = make_ram(rec);

    cut_everywhere(rec, ram, -1, rec->main);
    for (guint i = 0; i < n_damaged_channels(rec); i++)
        cut_everywhere(rec, ram, i, rec->channels[i]);
}

static void
flip_everywhere(const Recording *rec, MtRam *ram, int channel,
                GBytes *whole)
{
    gsize len;
    const guint8 *bytes = g_bytes_get_data(whole, &len);
    g_autofree guint8 *copy = g_memdup2(bytes, len);
    gsize dense = g_test_slow() ? 1000 : 50;
    gsize stride = g_test_slow() ? 611 : MAX(1, len / 12);
    guint n_bits = g_test_slow() ? 3 : 1;

    for (gsize at = 0; at < len; at = next_place(at, len, dense, stride)) {
        guint8 was = copy[at];

        for (guint i = 0; i < n_bits; i++) {
            guint bit = (at + 3 * i) % 8;
            g_autoptr(GError) error = NULL;

            copy[at] = was ^ (1 << bit);
            if (!load_damaged(rec, ram, channel, copy, len, &error) &&
                !is_stream_error(error))
                g_error("%s bit %u of byte %zu changed: %s", rec->name, bit,
                        at, error->message);
        }
        copy[at] = was;
    }
}

static void
test_flip(gconstpointer data)
{
    g_autoptr(Recording) rec = load_recording((JsonObject *)data);
    g_autoptr(MtRam) ram = make_ram(rec);

    flip_everywhere(rec, ram, -1, rec->main);
    for (guint i = 0; i < n_damaged_channels(rec); i++)
        flip_everywhere(rec, ram, i, rec->channels[i]);
}

int
main(int argc, char **argv)
{
    g_autoptr(JsonParser) manifest = NULL;
    JsonArray *entries;
    int status;

    g_test_init(&argc, &argv, NULL);
    manifest = load_manifest();
    entries = json_node_get_array(json_parser_get_root(manifest));
    for (guint i = 0; i < json_array_get_length(entries); i++) {
        JsonObject *entry = json_array_get_object_element(entries, i);
        const char *name = json_object_get_string_member(entry, "name");
        const struct {
            const char *what;
            GTestDataFunc run;
        } tests[] = {
            { "decode", test_decode },
            { "cut", test_cut },
            { "flip", test_flip },
        };

        for (guint t = 0; t < G_N_ELEMENTS(tests); t++) {
            g_autofree char *path = g_strdup_printf("/streams/%s/%s",
                                                    tests[t].what, name);

            g_test_add_data_func(path, entry, tests[t].run);
        }
    }

    status = g_test_run();
    return status;
}
