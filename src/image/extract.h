/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A part of guest RAM out of a file of any format.
 */

#include "image/convert.h"

G_BEGIN_DECLS

/* *@length 0 becomes what is left of the block.  *@ret_chunks: how many chunks
 * of a save file were read. */
gboolean mt_image_extract(const char *from, const char *block, guint64 start,
                          guint64 *length, MtOutput *output,
                          MtCancel *cancel, guint *ret_chunks,
                          GError **error);

G_END_DECLS
