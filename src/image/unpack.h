/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The migration stream inside a save file, a libvirt save image or a
 * compressed stream, as a descriptor to read from.  A thread decompresses; the
 * memory does not depend on the size of the file.
 */

#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtUnpack MtUnpack;

/*
 * Looks at the beginning of @path ("-": standard input).  *@ret_unpack is NULL
 * if the file is a regular one and neither a save file, a libvirt save image
 * nor compressed: then it can be read directly.  Otherwise *@ret_io gives the
 * stream.  A pipe always gets an MtUnpack, because its beginning can be read
 * only once.
 */
gboolean mt_unpack_open(const char *path, MtCancel *cancel,
                        MtUnpack **ret_unpack, MtIo **ret_io, GError **error);

/* Such as "save file" or "libvirt save image (zstd)"; NULL for a pipe with an
 * ordinary stream. */
const char *mt_unpack_get_name(const MtUnpack *unpack);

/* Reads the rest of @io, and says whether the whole file was sound. */
gboolean mt_unpack_finish(MtUnpack *unpack, MtIo *io, GError **error);

void mt_unpack_free(MtUnpack *unpack);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtUnpack, mt_unpack_free)

G_END_DECLS
