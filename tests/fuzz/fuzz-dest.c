/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arbitrary bytes as a migration stream on the main channel.
 *
 * It is read from a pipe or a memfd.  The first byte selects the settings: bit 0,
 * the destination expects a mapped-ram file; bit 1, it allows post-copy; bit 2,
 * this is the new link of an interrupted post-copy.
 */
#include "config.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/dest/dest.h"
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

static int
fuzz_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    g_assert(fd >= 0);
    g_assert(write(fd, data, size) == (gssize)size);
    g_assert(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* A destination sends answers only if the stream is not a file. */
static int
fuzz_pipe(const uint8_t *data, size_t size)
{
    int ends[2];

    g_assert(pipe2(ends, O_CLOEXEC) == 0);
    g_assert(fcntl(ends[1], F_SETPIPE_SZ, MAX(size, 4096)) >= 0);
    g_assert(write(ends[1], data, size) == (gssize)size);
    close(ends[1]);
    return ends[0];
}

/* Starts the guest, which accesses a page of each block at once. */
static void
fuzz_run(gpointer data, GBytes *sections)
{
    MtGate *gate = data;

    mt_gate_pass(gate, 3, 0);
    mt_gate_pass(gate, RAM_BYTES / MT_PAGE_SIZE, 0);
}

static void
fuzz_resumed(gpointer data)
{
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(MtRam) ram = fuzz_ram();
    g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
    g_autoptr(MtGate) gate = mt_gate_new(mt_ram_n_pages(ram));
    MtDestPostcopy postcopy = { gate, fuzz_run, fuzz_resumed, NULL, gate };
    g_autoptr(MtDest) dest = NULL;
    g_autoptr(MtIo) io = NULL;
    g_autoptr(GError) error = NULL;
    MtEngineSettings settings;
    MtCounters counters = { 0 };
    MtPageState pages;
    int fd, answers;

    if (size < 1)
        return 0;

    fd = data[0] & 1 ? fuzz_file(data + 1, size - 1) :
         fuzz_pipe(data + 1, size - 1);

    answers = open("/dev/null", O_WRONLY | O_CLOEXEC);
    g_assert(answers >= 0);

    mt_engine_settings_init(&settings);
    settings.mapped_ram = data[0] & 1;
    settings.postcopy = (data[0] & 2) != 0;
    settings.decompress_threads = 1;
    settings.timeout_ms = 1000;
    io = mt_io_new(fd, answers, "stream", mt_failure_get_cancel(failure));
    mt_page_state_init(&pages, ram);
    dest = mt_dest_new(ram, &settings, &pages, &counters, failure);
    mt_dest_set_postcopy(dest, &postcopy);
    if (data[0] & 4) {
        mt_dest_let_go(dest);
        mt_dest_set_failure(dest, failure);
        if (!mt_dest_resume(dest, io, &error))
            g_assert(error);
    } else if (!mt_dest_load(dest, io, NULL, NULL, &error)) {
        g_assert(error);
    }
    mt_page_state_clear(&pages);
    return 0;
}
