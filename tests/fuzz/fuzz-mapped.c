/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arbitrary bytes as the block list of a mapped-ram file and what follows.
 *
 * The stream before the block list is written here, so that every input reaches
 * the headers of the blocks.  The list may claim any number of bytes.
 */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "engine/dest/dest.h"
#include "fuzz.h"
#include "util/bytes.h"

#define RAM_BYTES (64 * 1024)
#define ROM_BYTES (8 * 1024)

static GByteArray *
fuzz_prologue(void)
{
    GByteArray *s = g_byte_array_new();

    mt_append_be32(s, MT_WIRE_MAGIC);
    mt_append_be32(s, MT_WIRE_VERSION);
    mt_append_u8(s, MT_SECTION_CONFIGURATION);
    mt_append_be32(s, 4);
    g_byte_array_append(s, (const guint8 *)"none", 4);
    mt_append_u8(s, MT_SECTION_SUBSECTION);
    mt_append_str8(s, "configuration/capabilities");
    mt_append_be32(s, 1);
    mt_append_be32(s, 1);
    mt_append_str8(s, "mapped-ram");
    mt_append_u8(s, MT_SECTION_START);
    mt_append_be32(s, 2);
    mt_append_str8(s, "ram");
    mt_append_be32(s, 0);
    mt_append_be32(s, MT_WIRE_RAM_VERSION);
    mt_append_be64(s, (G_GUINT64_CONSTANT(1) << 62) | MT_RECORD_MEM_SIZE);
    return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) s = fuzz_prologue();
    g_autoptr(MtRam) ram = mt_ram_new();
    MtRamBlockSpec main_ram = { .name = "ram", .length = RAM_BYTES };
    MtRamBlockSpec rom = { .name = "rom", .length = ROM_BYTES,
                           .max_length = 2 * ROM_BYTES };
    g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
    g_autoptr(MtDest) dest = NULL;
    g_autoptr(MtIo) io = NULL;
    g_autoptr(GError) error = NULL;
    MtEngineSettings settings;
    MtCounters counters = { 0 };
    MtPageState pages;
    int fd = memfd_create("mapped", MFD_CLOEXEC);

    g_byte_array_append(s, data, size);
    g_assert(fd >= 0);
    g_assert(write(fd, s->data, s->len) == (gssize)s->len);
    g_assert(lseek(fd, 0, SEEK_SET) == 0);
    g_assert(mt_ram_add(ram, &main_ram, NULL));
    g_assert(mt_ram_add(ram, &rom, NULL));

    mt_engine_settings_init(&settings);
    settings.mapped_ram = TRUE;
    mt_page_state_init(&pages, ram);
    io = mt_io_new(fd, -1, "file", mt_failure_get_cancel(failure));
    dest = mt_dest_new(ram, &settings, &pages, &counters, failure);
    if (!mt_dest_load(dest, io, NULL, NULL, &error))
        g_assert(error);
    mt_page_state_clear(&pages);
    return 0;
}
