/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a file with the state of a guest: a save file, a libvirt image,
 * a stream or a mapped-ram file, read in order and by its tables.  The checksums
 * of our frames are put right first, so that what is behind them is reached.
 */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "fuzz.h"
#include "image/convert.h"
#include "image/extents.h"

static gboolean
event(const MtWalkEvent *event, gpointer user_data, GError **error)
{
    mt_image_check_event(user_data, event);
    return TRUE;
}

static gboolean
begin(const MtImageChunk *chunk, gpointer user_data, GError **error)
{
    return mt_image_check_begin(user_data, chunk, error);
}

static gboolean
feed(const guint8 *data, gsize len, gpointer user_data, GError **error)
{
    const MtImageCheck *check = user_data;

    return mt_walk_feed((MtWalk *)check->walk, data, len, error);
}

/* Each chunk by itself, as image-extract reads it. */
static void
read_chunks(MtImage *image, MtInput *in)
{
    const MtImageContents *contents = image->contents;
    const GArray *blocks = contents->blocks;
    g_autofree guint8 *buf = g_malloc(image->header.chunk_bytes);

    for (guint i = 0; i < contents->entries->len; i++) {
        const MtImageEntry *entry = contents->entries->pdata[i];
        const MtImageChunk *chunk = entry->chunk;
        MtImageCheck check = { NULL };
        const MtWalkSettings settings = {
            .func = event, .user_data = &check,
        };
        g_autoptr(MtWalk) walk = mt_walk_new_at(
            &settings, &chunk->state, chunk->stream_offset,
            (const MtWalkBlock *)blocks->data, i ? blocks->len : 0);

        check.walk = walk;
        if (mt_image_read_chunk(image, in, i, buf, NULL) &&
            mt_image_check_begin(&check, chunk, NULL) &&
            mt_walk_feed(walk, buf, chunk->stream_bytes, NULL))
            mt_image_check_end(&check, NULL);
    }
}

static void
sign(guint8 *data, gsize size)
{
    for (gsize at = 0; at + 8 <= size;) {
        gsize len = mt_get_le32(data + at + 4);

        if (mt_get_le32(data + at) != MT_IMAGE_MAGIC || len < 12 ||
            len > size - at - 8) {
            at++;
            continue;
        }
        for (guint i = 0; i < 4; i++)
            data[at + 4 + len + i] =
                crc32(0, data + at + 8, len - 4) >> (8 * i);
        at += 8 + len;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MtImageCheck check = { NULL };
    const MtWalkSettings walk_settings = {
        .func = event, .user_data = &check, .max_device_bytes = 65536,
    };
    g_autoptr(MtWalk) walk = mt_walk_new(&walk_settings);
    const MtSourceSettings source = {
        .n_threads = 1, .sink = feed, .chunk = begin, .user_data = &check,
    };
    g_autofree guint8 *bytes = g_memdup2(data, size);
    g_autofree char *path = NULL;
    g_autoptr(MtInput) in = NULL;
    g_autoptr(MtImage) image = NULL;
    g_autoptr(MtImage) opened = NULL;
    g_autoptr(GError) error = NULL;
    MtFileKind kind;
    int fd = memfd_create("image", MFD_CLOEXEC);

    check.walk = walk;
    if (size)
        sign(bytes, size);
    g_assert(fd >= 0);
    g_assert(write(fd, bytes, size) == (gssize)size);
    path = g_strdup_printf("/proc/self/fd/%d", fd);
    in = mt_input_open(path, FALSE, NULL, &error);
    g_assert(in);
    if (mt_file_kind_detect(in, &kind, &error)) {
        /* No programs are started here. */
        if (kind.format < MT_FORMAT_GZIP || kind.format == MT_FORMAT_ZSTD)
            g_assert(mt_source_run(in, path, &kind, &source, &image, &error) ||
                     error);
        if (kind.format == MT_FORMAT_SAVE) {
            g_clear_error(&error);
            g_assert(mt_input_seek(in, kind.base, NULL));
            opened = mt_image_open(in, &error);
            g_assert(opened || error);
            if (opened)
                read_chunks(opened, in);
        }
        mt_file_kind_clear(&kind);
    } else {
        g_assert(error);
    }
    close(fd);
    return 0;
}
