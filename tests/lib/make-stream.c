/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams for tests of save files: see make-stream.h. */
#include "config.h"

#include <string.h>

#include "lib/make-stream.h"
#include "stream/devices.h"
#include "stream/wire.h"
#include "util/bytes.h"

static void
fill_page(guint8 *page, GRand *rand)
{
    guint kind = g_rand_int_range(rand, 0, 3);

    memset(page, 0, MT_PAGE_SIZE);
    if (kind == 1) {
        for (guint i = 0; i + 24 < MT_PAGE_SIZE; i += 24)
            g_snprintf((char *)page + i, 24, "line %u of page %u\n", i,
                       g_rand_int_range(rand, 0, 99));
    } else if (kind == 2) {
        for (guint i = 0; i < MT_PAGE_SIZE; i += 4)
            mt_put_be32(page + i, g_rand_int(rand));
    }
}

static gboolean
page_is_zero(const guint8 *page)
{
    return page[0] == 0 && memcmp(page, page + 1, MT_PAGE_SIZE - 1) == 0;
}

static void
put_page(GByteArray *out, const char *block, const char **current,
         guint64 offset, const guint8 *page)
{
    guint64 word = offset | (page_is_zero(page) ? MT_RECORD_ZERO
                                                : MT_RECORD_PAGE);

    if (*current == block) {
        mt_append_be64(out, word | MT_RECORD_CONTINUE);
    } else {
        mt_append_be64(out, word);
        mt_append_str8(out, block);
        *current = block;
    }
    if (word & MT_RECORD_ZERO)
        mt_append_u8(out, 0);
    else
        g_byte_array_append(out, page, MT_PAGE_SIZE);
}

static void
put_section(GByteArray *out, MtSectionType type)
{
    mt_append_u8(out, type);
    mt_append_be32(out, 2);
    if (type == MT_SECTION_START) {
        mt_append_str8(out, "ram");
        mt_append_be32(out, 0);
        mt_append_be32(out, MT_WIRE_RAM_VERSION);
    }
}

static void
put_end(GByteArray *out)
{
    mt_append_be64(out, MT_RECORD_EOS);
    mt_append_u8(out, MT_SECTION_FOOTER);
    mt_append_be32(out, 2);
}

GByteArray *
make_stream(guint mib, guint32 seed, GByteArray **ret_ram)
{
    static const char *const names[] = { "ram", "rom" };
    const guint64 sizes[] = {
        mib ? mib * 917504ull : MT_PAGE_SIZE,
        mib ? mib * 131072ull : MT_PAGE_SIZE,
    };
    const MtDevicesNone none = {
        .footers = TRUE, .global_state = TRUE, .global_state_id = 4,
        .machine = "none", .run_state = "running",
    };
    GByteArray *out = g_byte_array_new();
    GByteArray *ram = g_byte_array_new();
    g_autoptr(GBytes) sections = NULL;
    g_autoptr(GBytes) vmdesc = NULL;
    GRand *rand = g_rand_new_with_seed(seed);
    const char *current = NULL;

    mt_append_be32(out, MT_WIRE_MAGIC);
    mt_append_be32(out, MT_WIRE_VERSION);
    mt_append_u8(out, MT_SECTION_CONFIGURATION);
    mt_append_be32(out, 4);
    g_byte_array_append(out, (const guint8 *)"none", 4);

    put_section(out, MT_SECTION_START);
    mt_append_be64(out, (sizes[0] + sizes[1]) | MT_RECORD_MEM_SIZE);
    for (guint i = 0; i < 2; i++) {
        mt_append_str8(out, names[i]);
        mt_append_be64(out, sizes[i]);
    }
    put_end(out);

    g_byte_array_set_size(ram, sizes[0] + sizes[1]);
    put_section(out, MT_SECTION_PART);
    for (guint i = 0; i < 2; i++) {
        for (guint64 at = 0; at < sizes[i]; at += MT_PAGE_SIZE) {
            guint8 *page = ram->data + i * sizes[0] + at;

            fill_page(page, rand);
            put_page(out, names[i], &current, at, page);
            if (g_rand_int_range(rand, 0, 500) == 0) {
                put_end(out);
                put_section(out, MT_SECTION_PART);
            }
        }
    }
    put_end(out);

    put_section(out, MT_SECTION_END);
    for (guint64 at = 0; at < sizes[0]; at += 16 * MT_PAGE_SIZE) {
        fill_page(ram->data + at, rand);
        put_page(out, names[0], &current, at, ram->data + at);
    }
    put_end(out);

    mt_devices_make_none(&none, &sections, &vmdesc);
    g_byte_array_append(out, g_bytes_get_data(sections, NULL),
                        g_bytes_get_size(sections));
    mt_append_u8(out, MT_SECTION_EOF);
    mt_append_u8(out, MT_SECTION_VMDESC);
    mt_append_be32(out, g_bytes_get_size(vmdesc));
    g_byte_array_append(out, g_bytes_get_data(vmdesc, NULL),
                        g_bytes_get_size(vmdesc));
    g_rand_free(rand);
    if (ret_ram)
        *ret_ram = ram;
    else
        g_byte_array_unref(ram);
    return out;
}
