/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a recorded stream, all reports included.
 *
 * Two bytes say how long the main channel is; what follows it is channel 0.
 * Without such bytes everything is the main channel.
 */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/bytes.h"
#include "migtune/migtune-inspect.h"

static int
fuzz_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    g_assert(fd >= 0);
    g_assert(write(fd, data, size) == (gssize)size);
    return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gsize main_size = size >= 2 ? mt_get_be16(data) : 0;
    gboolean split;
    int fds[3] = { -1, -1, -1 };
    g_autofree char *main_word = NULL;
    g_autofree char *channel_word = NULL;
    const char *words[] = { NULL, NULL, NULL };
    g_autoptr(MigtuneInspection) inspection = NULL;
    g_autoptr(JsonNode) report = NULL;
    g_autoptr(JsonNode) diff = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (size < 2)
        return 0;

    data += 2;
    size -= 2;
    split = main_size && main_size < size;
    fds[0] = fuzz_file(data, split ? main_size : size);
    words[0] = main_word = g_strdup_printf("main=/proc/self/fd/%d", fds[0]);
    if (split) {
        fds[1] = fuzz_file(data + main_size, size - main_size);
        words[1] = channel_word = g_strdup_printf("ch0=/proc/self/fd/%d",
                                                  fds[1]);
    }
    fds[2] = memfd_create("extracted", MFD_CLOEXEC);

    inspection = migtune_inspect(words, NULL, &error);
    g_assert(inspection);
    report = migtune_inspection_to_json(inspection, MIGTUNE_INSPECT_DEVICES);
    text = migtune_inspection_to_text(inspection, MIGTUNE_INSPECT_DEVICES);
    diff = migtune_inspection_diff(inspection, inspection);
    g_assert(json_object_get_boolean_member(json_node_get_object(diff),
                                            "same"));

    g_clear_pointer(&inspection, migtune_inspection_unref);
    inspection = migtune_inspect_extract(words, "ram", 0, 64 * 4096, fds[2],
                                         NULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return 0;
}
