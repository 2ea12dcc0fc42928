/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inspector on streams that the test makes.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "inspect/report.h"
#include "stream/wire.h"
#include "util/bytes.h"

static void
put_record(GByteArray *out, guint64 offset, guint32 flags, const char *block)
{
    mt_append_be64(out, offset | flags);
    if (block)
        mt_append_str8(out, block);
}

static void
put_pages(GByteArray *out, guint8 type, const guint64 *offsets, guint n)
{
    static const guint8 page[MT_PAGE_SIZE] = { 1, 2, 3 };

    mt_append_u8(out, type);
    mt_append_be32(out, 2);
    for (guint i = 0; i < n; i++) {
        put_record(out, offsets[i], MT_RECORD_PAGE, "ram");
        g_byte_array_append(out, page, sizeof(page));
    }
    mt_append_be64(out, MT_RECORD_EOS);
    mt_append_u8(out, MT_SECTION_FOOTER);
    mt_append_be32(out, 2);
}

/* Makes a stream with the header and a block of @bytes. */
static GByteArray *
put_start(guint64 bytes)
{
    GByteArray *out = g_byte_array_new();

    mt_append_be32(out, MT_WIRE_MAGIC);
    mt_append_be32(out, MT_WIRE_VERSION);
    mt_append_u8(out, MT_SECTION_START);
    mt_append_be32(out, 2);
    mt_append_str8(out, "ram");
    mt_append_be32(out, 0);
    mt_append_be32(out, MT_WIRE_RAM_VERSION);
    mt_append_be64(out, bytes | MT_RECORD_MEM_SIZE);
    mt_append_str8(out, "ram");
    mt_append_be64(out, bytes);
    mt_append_be64(out, MT_RECORD_EOS);
    mt_append_u8(out, MT_SECTION_FOOTER);
    mt_append_be32(out, 2);
    return out;
}

static void
put_command(GByteArray *out, guint16 command, gconstpointer payload,
            guint16 len)
{
    mt_append_u8(out, MT_SECTION_COMMAND);
    mt_append_be16(out, command);
    mt_append_be16(out, len);
    if (len)
        g_byte_array_append(out, payload, len);
}

static void
put_device(GByteArray *out, guint32 id, const char *name, guint body)
{
    static const guint8 fill[4096] = { 0x7e, 0, 0, 0 };

    mt_append_u8(out, MT_SECTION_FULL);
    mt_append_be32(out, id);
    mt_append_str8(out, name);
    mt_append_be32(out, 0);
    mt_append_be32(out, 1);
    g_byte_array_append(out, fill, body);
    mt_append_u8(out, MT_SECTION_FOOTER);
    mt_append_be32(out, id);
}

static JsonNode *
report_of_bytes(const GByteArray *bytes)
{
    g_autofree char *path = write_file(bytes->data, bytes->len);
    JsonNode *node = report_of(path);

    g_unlink(path);
    return node;
}

/* A new pass begins when the source starts again at a lower address. */
static void
test_passes(void)
{
    static const guint64 first[] = { 0, 0x1000, 0x2000, 0x3000 };
    static const guint64 second[] = { 0x1000, 0x3000 };
    static const guint64 third[] = { 0x3000, 0x4000 };
    g_autoptr(GByteArray) stream = put_start(64 * 4096);
    g_autoptr(JsonNode) node = NULL;
    JsonObject *report, *block;
    JsonArray *passes;

    put_pages(stream, MT_SECTION_PART, first, G_N_ELEMENTS(first));
    put_pages(stream, MT_SECTION_PART, second, G_N_ELEMENTS(second));
    put_pages(stream, MT_SECTION_END, third, G_N_ELEMENTS(third));
    mt_append_u8(stream, MT_SECTION_EOF);

    node = report_of_bytes(stream);
    report = json_node_get_object(node);
    passes = json_object_get_array_member(report, "passes");
    g_assert_true(json_object_get_boolean_member(report, "sound"));
    g_assert_cmpuint(json_array_get_length(passes), ==, 3);
    for (guint i = 0; i < 3; i++)
        g_assert_cmpint(get_int(json_array_get_object_element(passes, i),
                                "pages/plain/pages"), ==, i ? 2 : 4);
    block = json_array_get_object_element(
        json_object_get_array_member(report, "blocks"), 0);
    g_assert_cmpint(get_int(block, "distinct-pages"), ==, 5);
    g_assert_cmpint(get_int(block, "repeated-pages"), ==, 3);
}

/* After a switch to post-copy the device state has no description, but the
 * package that contains it has a length. */
static void
test_postcopy(void)
{
    static const guint64 before[] = { 0, 0x1000, 0x2000 };
    static const guint64 after[] = { 0x5000, 0x1000 };
    g_autoptr(GByteArray) stream = put_start(64 * 4096);
    g_autoptr(GByteArray) package = g_byte_array_new();
    g_autoptr(JsonNode) node = NULL;
    guint8 size[4], ping[4] = { 0, 0, 0, 3 };
    JsonObject *report;
    JsonArray *passes;

    put_pages(stream, MT_SECTION_PART, before, G_N_ELEMENTS(before));
    put_command(package, MT_CMD_POSTCOPY_LISTEN, NULL, 0);
    put_device(package, 7, "timer", 24);
    put_device(package, 9, "cpu", 1000);
    put_command(package, MT_CMD_PING, ping, 4);
    put_command(package, MT_CMD_POSTCOPY_RUN, NULL, 0);
    mt_put_be32(size, package->len);
    put_command(stream, MT_CMD_PACKAGED, size, 4);
    g_byte_array_append(stream, package->data, package->len);
    put_pages(stream, MT_SECTION_PART, after, G_N_ELEMENTS(after));
    put_pages(stream, MT_SECTION_END, NULL, 0);
    mt_append_u8(stream, MT_SECTION_EOF);

    node = report_of_bytes(stream);
    report = json_node_get_object(node);
    g_assert_true(json_object_get_boolean_member(report, "sound"));
    g_assert_true(json_object_get_boolean_member(
        json_object_get_object_member(report, "stream"), "postcopy"));
    g_assert_cmpint(get_int(report, "stream/package-bytes"), ==,
                    package->len);
    g_assert_cmpuint(count_elements(report, "sections", "name", "timer"), ==,
                     1);
    g_assert_cmpuint(count_elements(report, "sections", "name", "cpu"), ==,
                     1);
    g_assert_cmpuint(count_elements(report, "commands", "name",
                                    "postcopy-run"), ==, 1);
    g_assert_cmpint(get_int(report, "budget/device-bytes"), ==,
                    package->len - 5 - 9 - 5);
    passes = json_object_get_array_member(report, "passes");
    g_assert_cmpuint(json_array_get_length(passes), ==, 2);
    g_assert_true(json_object_get_boolean_member(
        json_array_get_object_element(passes, 1), "postcopy"));
    g_assert_cmpint(get_int(json_array_get_object_element(passes, 1),
                            "pages/plain/pages"), ==, 2);
}

/* Problems of records, which do not end the walk. */
static void
test_bad_pages(void)
{
    g_autoptr(GByteArray) stream = put_start(64 * 4096);
    g_autoptr(JsonNode) node = NULL;
    JsonObject *report;
    static const guint8 bad_delta[] = { 1, 0, 3, 0, 0, 0 };
    static const guint8 bad_zlib[] = { 0, 0, 0, 4, 0x78, 0x01, 9, 9 };

    mt_append_u8(stream, MT_SECTION_END);
    mt_append_be32(stream, 2);
    put_record(stream, 0, MT_RECORD_ZERO, "ram");
    mt_append_u8(stream, 0x55);
    put_record(stream, 0x1000, MT_RECORD_XBZRLE, "ram");
    g_byte_array_append(stream, bad_delta, sizeof(bad_delta));
    put_record(stream, 0x2000, MT_RECORD_COMPRESS, "ram");
    g_byte_array_append(stream, bad_zlib, sizeof(bad_zlib));
    mt_append_be64(stream, MT_RECORD_EOS);
    mt_append_u8(stream, MT_SECTION_FOOTER);
    mt_append_be32(stream, 2);
    mt_append_u8(stream, MT_SECTION_EOF);

    node = report_of_bytes(stream);
    report = json_node_get_object(node);
    g_assert_false(json_object_get_boolean_member(report, "sound"));
    g_assert_true(has_problem(report, "zero-fill"));
    g_assert_true(has_problem(report, "bad-delta"));
    g_assert_true(has_problem(report, "bad-compressed-page"));
    g_assert_cmpint(get_int(report, "n-problems"), ==, 3);
}

/* The inspector must not allocate bitmaps for RAM that a stream only claims
 * to have. */
static void
test_huge_block(void)
{
    g_autoptr(GByteArray) stream = put_start(G_GUINT64_CONSTANT(1) << 60);
    static const guint64 offsets[] = { 0, G_GUINT64_CONSTANT(1) << 59 };
    g_autoptr(JsonNode) node = NULL;
    JsonObject *report, *block;

    put_pages(stream, MT_SECTION_END, offsets, G_N_ELEMENTS(offsets));
    mt_append_u8(stream, MT_SECTION_EOF);
    node = report_of_bytes(stream);
    report = json_node_get_object(node);
    g_assert_true(json_object_get_boolean_member(report, "sound"));
    block = json_array_get_object_element(
        json_object_get_array_member(report, "blocks"), 0);
    g_assert_true(json_object_get_null_member(block, "distinct-pages"));
    g_assert_cmpint(get_int(report, "pages/plain/pages"), ==, 2);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/inspect/passes", test_passes);
    g_test_add_func("/inspect/postcopy", test_postcopy);
    g_test_add_func("/inspect/bad-pages", test_bad_pages);
    g_test_add_func("/inspect/huge-block", test_huge_block);
    return g_test_run();
}
