/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a whole migration stream on the main channel.
 *
 * It is read from a file in memory.  The first byte chooses the settings: bit
 * 0 that the destination expects a mapped-ram file.
 */
#include "config.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/dest.h"
#include "fuzz.h"

#define RAM_BYTES (64 * 1024)
#define ROM_BYTES (8 * 1024)

static MtRam *
fuzz_ram(void)
{
    MtRam *ram = mt_ram_new();
    MtRamBlockSpec main_ram = { .name = "ram", .length = RAM_BYTES };
    MtRamBlockSpec rom = { .name = "rom", .length = ROM_BYTES,
                           .max_length = 2 * ROM_BYTES };

    g_assert(mt_ram_add(ram, &main_ram, NULL));
    g_assert(mt_ram_add(ram, &rom, NULL));
    return ram;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(MtRam) ram = fuzz_ram();
    g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
    g_autoptr(MtDest) dest = NULL;
    g_autoptr(MtIo) io = NULL;
    g_autoptr(GError) error = NULL;
    MtEngineSettings settings;
    MtCounters counters = { 0 };
    int fd, answers;

    if (size < 1)
        return 0;

    fd = memfd_create("stream", MFD_CLOEXEC);
    g_assert(fd >= 0);
    g_assert(write(fd, data + 1, size - 1) == (gssize)size - 1);
    g_assert(lseek(fd, 0, SEEK_SET) == 0);

    answers = open("/dev/null", O_WRONLY | O_CLOEXEC);
    g_assert(answers >= 0);

    mt_engine_settings_init(&settings);
    settings.mapped_ram = data[0] & 1;
    settings.decompress_threads = 1;
    settings.timeout_ms = 1000;
    io = mt_io_new(fd, answers, "stream", mt_failure_get_cancel(failure));
    dest = mt_dest_new(ram, &settings, &counters, failure);
    if (!mt_dest_load(dest, io, NULL, NULL, &error))
        g_assert(error);
    return 0;
}
