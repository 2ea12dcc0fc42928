/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what a destination says on the return path. */
#include "config.h"

#include <string.h>
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
    g_autoptr(MtIo) io = NULL;
    g_autoptr(MtReturnPath) path = NULL;
    g_autoptr(GError) error = NULL;
    MtPageRequest request;
    int fd = memfd_create("return", MFD_CLOEXEC);

    g_assert(fd >= 0);
    g_assert(write(fd, data, size) == (gssize)size);
    g_assert(lseek(fd, 0, SEEK_SET) == 0);

    io = mt_io_new(fd, -1, "return path", NULL);
    path = mt_return_path_new(io, fuzz_broken, &broken);
    /* The second half of the inputs is what comes in post-copy. */
    if (size && data[size - 1] & 1) {
        mt_return_path_allow_requests(path);
        mt_return_path_allow_recovery(path, 4096);
    }
    if (!mt_return_path_wait_shut(path, 10000, &error))
        g_assert(error && error->code != MIGTUNE_ERROR_TIMEOUT);
    while (mt_return_path_take_request(path, &request))
        g_assert(memchr(request.block, 0, sizeof(request.block)));
    return 0;
}
