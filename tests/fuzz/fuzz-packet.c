/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arbitrary bytes as the packets of a multifd channel.  The first byte selects
 * the codec.
 */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "engine/dest/multifd-recv.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(MtRam) ram = mt_ram_new_simple(64 * 1024, NULL);
    g_autoptr(MtPacketReader) reader = NULL;
    g_autoptr(MtIo) io = NULL;
    g_autoptr(GError) error = NULL;
    MtCounters counters = { 0 };
    MtPageState pages;
    gboolean end = FALSE;
    gboolean sync = FALSE;
    int fd;

    if (size < 1)
        return 0;

    fd = memfd_create("channel", MFD_CLOEXEC);
    g_assert(fd >= 0);
    g_assert(write(fd, data + 1, size - 1) == (gssize)size - 1);
    g_assert(lseek(fd, 0, SEEK_SET) == 0);

    io = mt_io_new(fd, -1, "channel", NULL);
    mt_page_state_init(&pages, ram);
    reader = mt_packet_reader_new(ram, mt_codec_get(data[0] % mt_codec_n()),
                                  &pages, &counters, &error);
    g_assert(reader);
    while (!end && mt_packet_reader_next(reader, io, &end, &sync, &error))
        ;
    g_assert(end || error);
    mt_page_state_clear(&pages);
    return 0;
}
