/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arbitrary bytes as the messages of a destination on the return path. */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "engine/return-path.h"
#include "fuzz.h"
#include "migtune/migtune-error.h"

static void
fuzz_broken(gpointer data, GError *error)
{
    g_error_free(error);
    *(gboolean *)data = TRUE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gboolean broken = FALSE; /* outlives the path */
    g_autoptr(MtRam) ram = mt_ram_new_simple(64 * MT_PAGE_SIZE, NULL);
    g_autoptr(MtIo) io = NULL;
    g_autoptr(MtReturnPath) path = NULL;
    g_autoptr(GError) error = NULL;
    guint64 index;
    int fd = memfd_create("return", MFD_CLOEXEC);

    g_assert(fd >= 0);
    g_assert(write(fd, data, size) == (gssize)size);
    g_assert(lseek(fd, 0, SEEK_SET) == 0);

    io = mt_io_new(fd, -1, "return path", NULL);
    path = mt_return_path_new(io, fuzz_broken, &broken, NULL);
    /* An odd last byte selects the messages of post-copy. */
    if (size && data[size - 1] & 1) {
        mt_return_path_allow_requests(path, ram);
        mt_return_path_allow_recovery(path, 4096);
    }
    if (!mt_return_path_wait_shut(path, 10000, &error))
        g_assert(error && error->code != MIGTUNE_ERROR_TIMEOUT);
    while (mt_return_path_take_request(path, &index))
        g_assert(mt_ram_page(ram, index, NULL));
    return 0;
}
