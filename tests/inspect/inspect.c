/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inspector: its totals are equal to those of the manifest, the RAM that it
 * extracts is equal to the guest's, and a damaged stream gives an error with
 * its offset.
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/recordings.h"
#include "inspect/report.h"
#include "stream/wire.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"
#include "migtune/migtune-inspect.h"

static JsonArray *manifest;

static MigtuneInspection *
inspect(const Recording *recording)
{
    GError *error = NULL;
    MigtuneInspection *inspection = migtune_inspect(
        (const char *const *)recording->words, NULL, &error);

    g_assert_no_error(error);
    return inspection;
}

static JsonNode *
inspect_to_json(const Recording *recording)
{
    g_autoptr(MigtuneInspection) inspection = inspect(recording);

    return migtune_inspection_to_json(inspection, MIGTUNE_INSPECT_DEVICES);
}

static void
check_records(JsonObject *entry, JsonObject *report)
{
    static const struct {
        const char *record;
        const char *path;
    } records[] = {
        { "PAGE", "pages/plain/pages" },
        { "XBZRLE", "pages/xbzrle/pages" },
        { "COMPRESS", "pages/compress/pages" },
        { "MAPPED-PAGES", "pages/mapped/pages" },
        { "EOS", "stream/end-records" },
        { "FLUSH", "stream/flush-records" },
    };
    JsonObject *want = json_object_get_object_member(entry, "records");

    for (guint i = 0; i < G_N_ELEMENTS(records); i++)
        g_assert_cmpint(json_object_get_int_member_with_default(
                            want, records[i].record, 0), ==,
                        get_int(report, records[i].path));
    if (!json_object_has_member(want, "MAPPED-PAGES"))
        g_assert_cmpint(json_object_get_int_member_with_default(want, "ZERO",
                                                                0), ==,
                        get_int(report, "pages/zero/pages"));
}

static void
check_commands(JsonObject *entry, JsonObject *report)
{
    static const char *const names[][2] = {
        { "SWITCHOVER", "switchover-start" },
        { "OPEN_RP", "open-return-path" },
        { "PING", "ping" },
    };
    JsonArray *want = json_object_get_array_member(entry, "commands");
    JsonArray *have = json_object_get_array_member(report, "commands");

    g_assert_cmpuint(json_array_get_length(want), ==,
                     json_array_get_length(have));
    for (guint i = 0; i < json_array_get_length(want); i++) {
        const char *ours = NULL;

        for (guint j = 0; j < G_N_ELEMENTS(names); j++) {
            if (g_str_equal(json_array_get_string_element(want, i),
                            names[j][0]))
                ours = names[j][1];
        }
        g_assert_cmpstr(json_object_get_string_member(
                            json_array_get_object_element(have, i), "name"),
                        ==, ours);
    }
}

static void
check_multifd(JsonObject *entry, JsonObject *report)
{
    static const struct {
        const char *stat;
        const char *member;
    } stats[] = {
        { "sync", "sync-packets" },
        { "sync-with-data", "sync-packets-with-pages" },
        { "zero", "zero-pages" },
        { "normal", "normal-pages" },
        { "payload", "payload-bytes" },
        { "empty-nosync", "empty-packets" },
        { "empty-with-stale-next_packet_size", "stale-size-packets" },
    };
    JsonArray *channels = json_object_get_array_member(report, "channels");
    JsonObject *want, *want_stats;
    gint64 sums[G_N_ELEMENTS(stats)] = { 0 };
    gboolean per_round;

    if (!json_object_has_member(entry, "multifd")) {
        g_assert_cmpuint(json_array_get_length(channels), ==, 1);
        return;
    }

    want = json_object_get_object_member(entry, "multifd");
    want_stats = json_object_get_object_member(want, "stats");
    g_assert_cmpuint(json_array_get_length(channels), ==,
                     1 + get_int(want, "channels"));
    for (guint i = 1; i < json_array_get_length(channels); i++) {
        JsonObject *multifd = json_object_get_object_member(
            json_array_get_object_element(channels, i), "multifd");

        g_assert_cmpint(get_int(multifd, "sync-packets"), ==,
                        get_int(want, "syncs"));
        if (get_int(multifd, "payload-bytes"))
            g_assert_cmpstr(
                json_object_get_string_member(multifd, "compression"), ==,
                json_object_get_string_member(want, "compression"));
        for (guint j = 0; j < G_N_ELEMENTS(stats); j++)
            sums[j] += get_int(multifd, stats[j].member);
    }
    for (guint j = 0; j < G_N_ELEMENTS(stats); j++)
        g_assert_cmpint(sums[j], ==, json_object_get_int_member_with_default(
                            want_stats, stats[j].stat, 0));
    g_assert_cmpint(get_int(report, "pages/multifd/pages"), ==, sums[3]);
    g_assert_cmpint(get_int(report, "pages/multifd-zero/pages"), ==, sums[2]);

    per_round = strstr(json_object_get_string_member(want, "mode"),
                       "per-round") != NULL;
    g_assert_cmpstr(json_object_get_string_member(
                        json_object_get_object_member(report, "stream"),
                        "multifd-sync"), ==,
                    per_round ? "per-round" : "per-section");
}

static void
check_blocks(JsonObject *entry, JsonObject *report, gboolean no_pages)
{
    JsonArray *want = json_object_get_array_member(entry, "blocks");
    JsonArray *have = json_object_get_array_member(report, "blocks");

    g_assert_cmpuint(json_array_get_length(want), ==,
                     json_array_get_length(have));
    for (guint i = 0; i < json_array_get_length(want); i++) {
        JsonObject *x = json_array_get_object_element(want, i);
        JsonObject *y = json_array_get_object_element(have, i);

        g_assert_cmpstr(json_object_get_string_member(x, "name"), ==,
                        json_object_get_string_member(y, "name"));
        g_assert_cmpint(get_int(x, "size"), ==, get_int(y, "bytes"));
        /* Real sources send every page at least once. */
        g_assert_cmpint(get_int(y, "distinct-pages"), ==,
                        no_pages ? 0 : get_int(x, "size") / 4096);
    }
}

/* The report accounts for every byte that was read. */
static void
check_sizes(const Recording *recording, JsonObject *report)
{
    JsonArray *channels = json_object_get_array_member(report, "channels");
    JsonArray *sections = json_object_get_array_member(report, "sections");
    gint64 end = 0, devices = 0;

    for (guint i = 0; i < recording->n_files; i++)
        g_assert_cmpint(get_int(json_array_get_object_element(channels, i),
                                "bytes"), ==, recording->sizes[i]);

    for (guint i = 0; i < json_array_get_length(sections); i++) {
        JsonObject *section = json_array_get_object_element(sections, i);

        if (strcmp(json_object_get_string_member(section, "type"), "full"))
            continue;
        /* Device sections follow each other without a gap. */
        if (end)
            g_assert_cmpint(get_int(section, "offset"), ==, end);
        end = get_int(section, "offset") + get_int(section, "bytes");
        devices += get_int(section, "bytes");
        g_assert_false(json_object_get_boolean_member(section, "guessed"));
    }
    g_assert_cmpint(devices, ==, get_int(report, "budget/device-bytes"));

    /* End of the list, type and length of the description, description. */
    g_assert_cmpint(end + 1 + 5 + get_int(report, "stream/description-bytes"),
                    ==, recording->sizes[0]);
}

static void
test_totals(gconstpointer data)
{
    g_autoptr(Recording) recording = recording_open((JsonObject *)data);
    g_autoptr(JsonNode) node = inspect_to_json(recording);
    JsonObject *report = json_node_get_object(node);
    JsonObject *entry = recording->entry;
    gboolean no_pages = g_str_has_prefix(recording->name, "ignoreshared");
    gboolean bare = g_str_has_prefix(recording->name, "nofooter");

    g_assert_true(json_object_get_boolean_member(report, "sound"));
    g_assert_cmpint(get_int(report, "n-problems"), ==, no_pages);
    g_assert_cmpstr(json_object_get_string_member(report, "format"), ==,
                    "stream");
    check_records(entry, report);
    check_commands(entry, report);
    check_multifd(entry, report);
    check_blocks(entry, report, no_pages);
    check_sizes(recording, report);
    g_assert_cmpuint(count_elements(report, "sections", "type", "full"), ==,
                     get_int(entry, "devices"));
    g_assert_cmpuint(json_array_get_length(
                         json_object_get_array_member(report, "devices")), ==,
                     get_int(entry, "devices"));
    report = json_object_get_object_member(report, "stream");
    g_assert_cmpint(json_object_get_boolean_member(report, "footers"), ==,
                    !bare);
    if (bare)
        g_assert_true(json_object_get_null_member(report, "machine"));
    else
        g_assert_nonnull(strstr(json_object_get_string_member(
            entry, "machine"), "none") ?
            strstr(json_object_get_string_member(report, "machine"), "none") :
            json_object_get_string_member(report, "machine"));
}

/* The checksum of the file behind @fd.  Then the file is emptied. */
static char *
sum_file(int fd, guint64 size)
{
    g_autofree guint8 *bytes = g_malloc(size);
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, size);
    g_assert_cmpint(pread(fd, bytes, size, 0), ==, size);
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, size);
}

static int
open_scratch(void)
{
    g_autofree char *path = NULL;
    GError *error = NULL;
    int fd = g_file_open_tmp("inspect-XXXXXX", &path, &error);

    g_assert_no_error(error);
    g_unlink(path);
    return fd;
}

static void
test_extract(gconstpointer data)
{
    g_autoptr(Recording) recording = recording_open((JsonObject *)data);
    JsonArray *blocks = json_object_get_array_member(recording->entry,
                                                     "blocks");
    int fd = open_scratch();

    for (guint i = 0; i < json_array_get_length(blocks); i++) {
        JsonObject *block = json_array_get_object_element(blocks, i);
        g_autoptr(MigtuneInspection) inspection = NULL;
        g_autofree char *sum = NULL;
        GError *error = NULL;

        inspection = migtune_inspect_extract(
            (const char *const *)recording->words,
            json_object_get_string_member(block, "name"), 0, 0, fd, NULL,
            &error);
        g_assert_no_error(error);
        sum = sum_file(fd, get_int(block, "size"));
        if (!g_str_has_prefix(recording->name, "ignoreshared"))
            g_assert_cmpstr(sum, ==,
                            json_object_get_string_member(block, "sha256"));
    }
    close(fd);
}

/* A range has the same bytes as the same part of the whole block. */
static void
test_extract_range(void)
{
    g_autoptr(Recording) recording = recording_open_by_name(manifest,
                                                            "xbzrle-10.0");
    const char *const *words = (const char *const *)recording->words;
    g_autoptr(MigtuneInspection) whole = NULL;
    static const struct {
        guint64 offset;
        guint64 length;
    } ranges[] = {
        { 0, 4096 }, { 0x10000, 0x20000 }, { 0x3ff000, 0x1000 },
        { 0x200000, 0 },
    };
    int all = open_scratch(), part = open_scratch();
    guint8 *bytes = g_malloc(4 << 20), *some = g_malloc(4 << 20);
    GError *error = NULL;

    whole = migtune_inspect_extract(words, "ram", 0, 0, all, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(pread(all, bytes, 4 << 20, 0), ==, 4 << 20);

    for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
        guint64 length = ranges[i].length ? ranges[i].length :
            (4 << 20) - ranges[i].offset;
        g_autoptr(MigtuneInspection) inspection = migtune_inspect_extract(
            words, "ram", ranges[i].offset, ranges[i].length, part, NULL,
            &error);

        g_assert_no_error(error);
        g_assert_cmpint(lseek(part, 0, SEEK_END), ==, length);
        g_assert_cmpint(pread(part, some, length, 0), ==, length);
        g_assert_cmpmem(some, length, bytes + ranges[i].offset, length);
        g_assert_cmpint(ftruncate(part, 0), ==, 0);
    }

    g_free(bytes);
    g_free(some);
    close(all);
    close(part);
}

static void
test_extract_wrong(void)
{
    static const struct {
        const char *block;
        guint64 offset;
        guint64 length;
        int code;
    } wrong[] = {
        { "nothing", 0, 0, MIGTUNE_ERROR_NOT_FOUND },
        { "ram", 4 << 20, 0, MIGTUNE_ERROR_NOT_FOUND },
        { "ram", 0, (4 << 20) + 4096, MIGTUNE_ERROR_NOT_FOUND },
        { "ram", 4096, 4 << 20, MIGTUNE_ERROR_NOT_FOUND },
        { "ram", 1, 0, MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "ram", 0, 4095, MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "ram", 0, ~(guint64)4095, MIGTUNE_ERROR_INVALID_ARGUMENT },
    };
    g_autoptr(Recording) recording = recording_open_by_name(manifest,
                                                            "plain-7.2");
    int fd = open_scratch();

    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(migtune_inspect_extract(
            (const char *const *)recording->words, wrong[i].block,
            wrong[i].offset, wrong[i].length, fd, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, wrong[i].code);
    }
    close(fd);
}

/* Every problem has an offset inside of what was read. */
static void
check_problems(const Recording *recording, JsonObject *report)
{
    JsonArray *problems = json_object_get_array_member(report, "problems");

    for (guint i = 0; i < json_array_get_length(problems); i++) {
        JsonObject *problem = json_array_get_object_element(problems, i);
        const char *channel = json_object_get_string_member(problem,
                                                            "channel");
        JsonNode *offset = json_object_get_member(problem, "offset");

        g_assert_cmpstr(json_object_get_string_member(problem, "text"), !=,
                        "");
        if (JSON_NODE_HOLDS_NULL(offset))
            continue;
        for (guint j = 0; j < recording->n_files; j++) {
            if (g_str_has_prefix(recording->words[j], channel) &&
                recording->words[j][strlen(channel)] == '=')
                g_assert_cmpint(json_node_get_int(offset), <=,
                                recording->sizes[j]);
        }
    }
}

/* A stream that was cut at @at must be reported as cut, or as a stream
 * without a description if only the description is missing. */
static void
check_cut(const Recording *recording, guint file, gsize at)
{
    g_autoptr(MigtuneInspection) inspection = inspect(recording);
    g_autoptr(JsonNode) node = migtune_inspection_to_json(inspection, 0);
    JsonObject *report = json_node_get_object(node);
    gboolean sound = json_object_get_boolean_member(report, "sound");
    g_autoptr(GError) error = NULL;

    check_problems(recording, report);
    g_assert_cmpint(migtune_inspection_check(inspection, &error), ==, sound);
    if (!sound) {
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
        g_assert_nonnull(strstr(error->message, "offset"));
        return;
    }
    /* A cut channel may lack the empty packet that follows the last SYNC. */
    if (file > 0)
        g_assert_cmpint(recording->sizes[file] - at, ==,
                        MT_MULTIFD_HEADER_SIZE);
    else
        g_assert_true(has_problem(report, "no-description"));
}

/* The offsets of a file of @len bytes at which it is damaged: all offsets at
 * both ends, where the structure is, and some between. */
static gsize
next_place(gsize at, gsize len)
{
    gsize dense = g_test_slow() ? 4000 : 12;
    gsize stride = g_test_slow() ? 97 : MAX(997, len / 6);

    if (len < 1000 || at < dense || at + dense >= len)
        return at + 1;
    return MIN(at + stride, len - dense);
}

static void
test_truncated(gconstpointer data)
{
    g_autoptr(Recording) recording = recording_open((JsonObject *)data);

    for (guint file = 0; file < recording->n_files; file++) {
        g_autofree char *bytes = NULL;
        gsize len = recording->sizes[file];
        int fd = open(recording->paths[file], O_RDWR | O_CLOEXEC);

        g_assert_true(g_file_get_contents(recording->paths[file], &bytes,
                                          NULL, NULL));
        for (gsize cut = 1; cut <= len; cut = next_place(cut, len)) {
            g_assert_cmpint(ftruncate(fd, len - cut), ==, 0);
            check_cut(recording, file, len - cut);
        }
        g_assert_cmpint(pwrite(fd, bytes, len, 0), ==, len);
        close(fd);
    }
}

static void
test_flipped(gconstpointer data)
{
    g_autoptr(Recording) recording = recording_open((JsonObject *)data);

    for (guint file = 0; file < recording->n_files; file++) {
        gsize len = recording->sizes[file];
        int fd = open(recording->paths[file], O_RDWR | O_CLOEXEC);

        for (gsize at = 0; at < len; at = next_place(at, len)) {
            g_autoptr(MigtuneInspection) inspection = NULL;
            g_autoptr(JsonNode) node = NULL;
            guint8 byte, damaged;

            g_assert_cmpint(pread(fd, &byte, 1, at), ==, 1);
            damaged = byte ^ 1 << g_test_rand_int_range(0, 8);
            g_assert_cmpint(pwrite(fd, &damaged, 1, at), ==, 1);
            inspection = inspect(recording);
            node = migtune_inspection_to_json(inspection, 0);
            check_problems(recording, json_node_get_object(node));
            /* Magic numbers and version. */
            if (at < 8)
                g_assert_false(json_object_get_boolean_member(
                    json_node_get_object(node), "sound"));
            g_assert_cmpint(pwrite(fd, &byte, 1, at), ==, 1);
        }
        close(fd);
    }
}

static void
test_other_files(void)
{
    static const struct {
        const char *bytes;
        gsize len;
        const char *format;
        const char *problem;
    } files[] = {
        { "", 0, "unknown", "truncated" },
        { "QEV", 3, "unknown", "truncated" },
        { "QEVM", 4, "stream", "truncated" },
        { "QEVM\0\0\0\2", 8, "stream", "bad-stream" },
        { "hello, world", 12, "unknown", "unknown-format" },
        { "\x16\x03\x01\x02\x00\x01", 6, "tls", "tls" },
        { "\x16\x03\x03\x02\x00\x01", 6, "tls", "tls" },
        { "\x16\x03\x09\x02\x00\x01", 6, "unknown", "unknown-format" },
        { "\x11\x22\x33\x44\0\0\0\1", 8, "multifd", "truncated" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = write_file(files[i].bytes, files[i].len);
        g_autoptr(JsonNode) node = report_of(path);
        JsonObject *report = json_node_get_object(node);

        g_unlink(path);
        g_assert_cmpstr(json_object_get_string_member(report, "format"), ==,
                        files[i].format);
        g_assert_true(has_problem(report, files[i].problem));
        g_assert_false(json_object_get_boolean_member(report, "sound"));
    }
}

static void
test_sources_wrong(void)
{
    static const struct {
        const char *words[4];
        int code;
    } wrong[] = {
        { { NULL }, MIGTUNE_ERROR_INVALID_ARGUMENT },
        { { "a", "b" }, MIGTUNE_ERROR_INVALID_ARGUMENT },
        { { "main=a", "main=b" }, MIGTUNE_ERROR_INVALID_ARGUMENT },
        { { "main=a", "ch0=b", "ch0=c" }, MIGTUNE_ERROR_INVALID_ARGUMENT },
        { { "/nothing/here" }, MIGTUNE_ERROR_IO },
        { { "main=/nothing/here", "ch0=b" }, MIGTUNE_ERROR_IO },
        { { "/" }, MIGTUNE_ERROR_IO },
    };

    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(migtune_inspect(wrong[i].words, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, wrong[i].code);
    }
}

/* Inspects a channel without its main channel, and a main channel without
 * the other channels. */
static void
test_parts(void)
{
    g_autoptr(Recording) recording =
        recording_open_by_name(manifest, "multifd-zstd-11.1");
    g_autoptr(JsonNode) channel = report_of(recording->paths[1]);
    g_autoptr(JsonNode) main_channel = report_of(recording->paths[0]);
    JsonObject *report = json_node_get_object(channel);

    g_assert_true(json_object_get_boolean_member(report, "sound"));
    g_assert_cmpstr(json_object_get_string_member(report, "format"), ==,
                    "multifd");
    g_assert_cmpint(get_int(report, "pages/multifd/pages"), >, 0);
    report = json_node_get_object(main_channel);
    g_assert_true(json_object_get_boolean_member(report, "sound"));
    g_assert_true(has_problem(report, "channels-missing"));
}

static void
test_trailing(void)
{
    g_autoptr(Recording) recording = recording_open_by_name(manifest,
                                                            "plain-10.0");
    int fd = open(recording->paths[0], O_WRONLY | O_APPEND | O_CLOEXEC);
    g_autoptr(JsonNode) node = NULL;
    JsonObject *report;

    g_assert_cmpint(write(fd, "more", 4), ==, 4);
    close(fd);
    node = report_of(recording->paths[0]);
    report = json_node_get_object(node);
    g_assert_true(json_object_get_boolean_member(report, "sound"));
    g_assert_true(has_problem(report, "trailing-data"));
    g_assert_cmpint(get_int(report, "stream/trailing-bytes"), ==, 4);
}

static void
test_budget(void)
{
    g_autoptr(Recording) recording = recording_open_by_name(manifest,
                                                            "pc-11.1");
    g_autoptr(MigtuneInspection) inspection = inspect(recording);
    static const struct {
        guint64 bandwidth;
        guint downtime_ms;
        gint64 budget;
    } cases[] = {
        { 0, 0, (128 << 20) * 3 / 10 },
        { 1000, 2000, 2000 },
        { 1 << 30, 1, (1 << 30) / 1000 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonNode) node = NULL;
        JsonObject *budget;
        gint64 bandwidth;
        double ms;

        migtune_inspection_set_budget(inspection, cases[i].bandwidth,
                                      cases[i].downtime_ms);
        node = migtune_inspection_to_json(inspection, 0);
        budget = json_object_get_object_member(json_node_get_object(node),
                                               "budget");
        bandwidth = get_int(budget, "bandwidth");
        ms = get_int(budget, "device-bytes") * 1000.0 / bandwidth;
        g_assert_cmpint(get_int(budget, "budget-bytes"), ==,
                        cases[i].budget);
        g_assert_cmpfloat_with_epsilon(
            json_object_get_double_member(budget, "device-milliseconds"), ms,
            1e-6);
        g_assert_cmpfloat_with_epsilon(
            json_object_get_double_member(budget, "share"),
            ms / get_int(budget, "downtime"), 1e-6);
    }
}

static void
test_diff(void)
{
    static const struct {
        const char *a;
        const char *b;
        const char *kind;       /* NULL: they agree */
        const char *device;
        const char *name;
    } cases[] = {
        { "plain-7.2", "plain-7.2", NULL, NULL, NULL },
        { "plain-5.2", "plain-7.2", NULL, NULL, NULL },
        { "plain-10.0", "plain-11.1", NULL, NULL, NULL },
        { "plain-7.2", "plain-10.0", "field", "globalstate", "runstate" },
        { "plain-7.2", "plain-10.0", "field", "globalstate",
          "vm_was_suspended" },
        { "plain-7.2", "plain-10.0", "stream", NULL, "switchover-start" },
        { "plain-10.0", "noglobalstate-10.0", "device", "globalstate",
          "globalstate" },
        { "plain-7.2", "nofooter-noconfig-7.2", "stream", NULL, "footers" },
        { "plain-7.2", "allzero-7.2", "block", NULL, "ram" },
        { "xbzrle-5.2", "pc-11.1", "stream", NULL, "machine" },
        { "xbzrle-5.2", "pc-11.1", "renamed", "hpet", "num_timers" },
        { "xbzrle-5.2", "pc-11.1", "subsection", "0000:00:01.3/piix4_pm",
          "piix4_pm/cpuhp" },
        { "xbzrle-5.2", "pc-11.1", "field", "0000:00:01.3/piix4_pm",
          "acpi_pci_hotplug.acpi_index" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Recording) x = recording_open_by_name(manifest, cases[i].a);
        g_autoptr(Recording) y = recording_open_by_name(manifest, cases[i].b);
        g_autoptr(MigtuneInspection) a = inspect(x);
        g_autoptr(MigtuneInspection) b = inspect(y);
        g_autoptr(JsonNode) node = migtune_inspection_diff(a, b);
        g_autofree char *text = migtune_inspection_diff_to_text(a, b);
        JsonObject *diff = json_node_get_object(node);
        JsonArray *list = json_object_get_array_member(diff, "differences");
        gboolean found = FALSE;

        g_test_message("%s and %s: %s", cases[i].a, cases[i].b, text);
        g_assert_cmpint(json_object_get_boolean_member(diff, "same"), ==,
                        !cases[i].kind);
        if (!cases[i].kind) {
            g_assert_cmpuint(json_array_get_length(list), ==, 0);
            continue;
        }
        for (guint j = 0; j < json_array_get_length(list); j++) {
            JsonObject *row = json_array_get_object_element(list, j);

            found |= g_str_equal(json_object_get_string_member(row, "kind"),
                                 cases[i].kind) &&
                g_strcmp0(json_object_get_string_member(row, "device"),
                          cases[i].device) == 0 &&
                g_str_equal(json_object_get_string_member(row, "name"),
                            cases[i].name);
        }
        g_assert_true(found);
        g_assert_nonnull(strstr(text, cases[i].name));
    }
}

/* Reads from a pipe; a name contains control characters for the terminal. */
static void
test_text(void)
{
    g_autoptr(Recording) recording = recording_open_by_name(manifest,
                                                            "rounds-7.2");
    g_autoptr(MigtuneInspection) inspection = inspect(recording);
    g_autofree char *text = migtune_inspection_to_text(
        inspection, MIGTUNE_INSPECT_DEVICES);
    g_autofree char *screen = migtune_inspection_to_text(inspection, 0);
    g_auto(GStrv) lines = g_strsplit(screen, "\n", -1);
    g_autoptr(GByteArray) bad = g_byte_array_new();
    g_autoptr(MigtuneInspection) other = NULL;
    g_autofree char *escaped = NULL;
    g_autofree char *path = NULL;
    const char *words[] = { NULL, NULL };

    g_assert_cmpuint(g_strv_length(lines), <, 50);
    g_assert_nonnull(strstr(text, "Problems"));
    g_assert_nonnull(strstr(text, "cpu_ticks_offset"));

    mt_append_be32(bad, MT_WIRE_MAGIC);
    mt_append_be32(bad, MT_WIRE_VERSION);
    mt_append_u8(bad, MT_SECTION_CONFIGURATION);
    mt_append_be32(bad, 4);
    g_byte_array_append(bad, (const guint8 *)"\033[2J", 4);
    path = write_file(bad->data, bad->len);
    words[0] = path;
    other = migtune_inspect(words, NULL, NULL);
    escaped = migtune_inspection_to_text(other, 0);
    g_unlink(path);
    g_assert_null(strchr(escaped, '\033'));
    g_assert_nonnull(strstr(escaped, "\\033[2J"));
}

static void
test_cancelled(void)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autofree char *folder = g_dir_make_tmp("inspect-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "pipe", NULL);
    const char *words[] = { path, NULL };
    g_autoptr(GError) error = NULL;
    int fd;

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    g_cancellable_cancel(cancellable);
    g_assert_null(migtune_inspect(words, cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    close(fd);
    g_unlink(path);
    g_rmdir(folder);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*func)(gconstpointer data);
        gboolean long_running;
    } each[] = {
        { "totals", test_totals },
        { "extract", test_extract },
        { "truncated", test_truncated, TRUE },
        { "flipped", test_flipped, TRUE },
    };
    /* Testing damage takes long: by default only one recording of each kind. */
    static const char *const names[] = {
        "ignoreshared-7.2", "compress-7.2", "xbzrle-10.0", "pc-11.1",
        "multifd-none-5.2", "multifd-zstd-11.1", "mapped-10.0", NULL
    };
    int result;

    g_test_init(&argc, &argv, NULL);
    manifest = recordings_load_manifest();

    for (guint i = 0; i < G_N_ELEMENTS(each); i++) {
        for (guint j = 0; j < json_array_get_length(manifest); j++) {
            JsonObject *entry = json_array_get_object_element(manifest, j);
            const char *name = json_object_get_string_member(entry, "name");
            g_autofree char *path = g_strdup_printf("/inspect/%s/%s",
                                                    each[i].name, name);

            if (each[i].long_running && !g_test_slow() &&
                !g_strv_contains(names, name))
                continue;
            g_test_add_data_func(path, entry, each[i].func);
        }
    }
    g_test_add_func("/inspect/extract-range", test_extract_range);
    g_test_add_func("/inspect/extract-wrong", test_extract_wrong);
    g_test_add_func("/inspect/other-files", test_other_files);
    g_test_add_func("/inspect/sources-wrong", test_sources_wrong);
    g_test_add_func("/inspect/parts", test_parts);
    g_test_add_func("/inspect/trailing", test_trailing);
    g_test_add_func("/inspect/budget", test_budget);
    g_test_add_func("/inspect/diff", test_diff);
    g_test_add_func("/inspect/text", test_text);
    g_test_add_func("/inspect/cancelled", test_cancelled);

    result = g_test_run();
    json_array_unref(manifest);
    return result;
}
