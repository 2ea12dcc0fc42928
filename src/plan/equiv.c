/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of equivalents.
 *
 * An entry is used only if the probed QEMU does not have the row, or not that
 * value of it.  Several entries of one row are tried in order.
 */
#include "config.h"

#include <string.h>

#include "plan/equiv.h"
#include "util/i18n.h"

/* For entries that use no other row. */
#define MT_NOTHING MT_PARAM_NONE

static const MtEquiv equiv_table[] = {
    /* Methods of compression. */
    { MT_PARAM_COMPRESSION, "mt", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "zlib", MT_MAP_SAME,
      N_("compress was removed in QEMU 9.1; multifd zlib is its "
         "replacement") },
    { MT_PARAM_COMPRESSION, "zlib", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "mt", MT_MAP_SAME,
      N_("multifd compression was added in QEMU 5.0; compress also uses "
         "zlib, page by page") },
    { MT_PARAM_COMPRESSION, "zstd", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "zlib", MT_MAP_SAME,
      N_("this QEMU was built without zstd; zlib compresses less and "
         "slower") },
    { MT_PARAM_COMPRESSION, "zstd", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "mt", MT_MAP_SAME,
      N_("multifd compression was added in QEMU 5.0; compress uses zlib, "
         "page by page") },
    { MT_PARAM_COMPRESSION, "qatzip", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "zlib", MT_MAP_SAME,
      N_("this QEMU has no QATzip; zlib compresses to the same format "
         "without the accelerator") },
    { MT_PARAM_COMPRESSION, "qatzip", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "mt", MT_MAP_SAME,
      N_("this QEMU has no QATzip; compress uses zlib, page by page") },
    { MT_PARAM_COMPRESSION, "qpl", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "zlib", MT_MAP_SAME,
      N_("this QEMU has no QPL; zlib compresses to the same format without "
         "the accelerator") },
    { MT_PARAM_COMPRESSION, "qpl", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "mt", MT_MAP_SAME,
      N_("this QEMU has no QPL; compress uses zlib, page by page") },
    { MT_PARAM_COMPRESSION, "uadk", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "zlib", MT_MAP_SAME,
      N_("this QEMU has no UADK; zlib compresses to the same format without "
         "the accelerator") },
    { MT_PARAM_COMPRESSION, "uadk", MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION,
      "mt", MT_MAP_SAME,
      N_("this QEMU has no UADK; compress uses zlib, page by page") },

    /* The same methods by the names of their rows. */
    { MT_PARAM_COMPRESS, NULL, MT_EQUIV_BECOMES, MT_PARAM_COMPRESSION, "zlib",
      MT_MAP_SAME,
      N_("compress was removed in QEMU 9.1; multifd zlib is its "
         "replacement") },
    { MT_PARAM_MULTIFD_COMPRESSION, "zstd", MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_COMPRESSION, "zlib", MT_MAP_SAME,
      N_("this QEMU was built without zstd; zlib compresses less and "
         "slower") },
    { MT_PARAM_MULTIFD_COMPRESSION, "qatzip", MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_COMPRESSION, "zlib", MT_MAP_SAME,
      N_("this QEMU has no QATzip; zlib compresses to the same format "
         "without the accelerator") },
    { MT_PARAM_MULTIFD_COMPRESSION, "qpl", MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_COMPRESSION, "zlib", MT_MAP_SAME,
      N_("this QEMU has no QPL; zlib compresses to the same format without "
         "the accelerator") },
    { MT_PARAM_MULTIFD_COMPRESSION, "uadk", MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_COMPRESSION, "zlib", MT_MAP_SAME,
      N_("this QEMU has no UADK; zlib compresses to the same format without "
         "the accelerator") },

    /* Levels and threads. */
    { MT_PARAM_COMPRESS_LEVEL, NULL, MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_ZLIB_LEVEL, NULL, MT_MAP_SAME,
      N_("set as compression.zlib.level") },
    { MT_PARAM_COMPRESS_THREADS, NULL, MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_CHANNELS, NULL, MT_MAP_SAME,
      N_("set as parallel.connections") },
    { MT_PARAM_DECOMPRESS_THREADS, NULL, MT_EQUIV_DROP, MT_NOTHING, NULL,
      MT_MAP_SAME, N_("the destination uses one thread for each connection") },
    { MT_PARAM_COMPRESS_WAIT_THREAD, NULL, MT_EQUIV_DROP, MT_NOTHING, NULL,
      MT_MAP_SAME,
      N_("in this QEMU it cannot be chosen whether to wait for a free "
         "thread") },
    { MT_PARAM_MULTIFD_ZLIB_LEVEL, NULL, MT_EQUIV_BECOMES,
      MT_PARAM_COMPRESS_LEVEL, NULL, MT_MAP_SAME,
      N_("set as compression.mt.level") },
    { MT_PARAM_MULTIFD_ZSTD_LEVEL, NULL, MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_ZLIB_LEVEL, NULL, MT_MAP_LEVEL,
      N_("set as compression.zlib.level, of which the maximum is 9") },
    { MT_PARAM_MULTIFD_ZSTD_LEVEL, NULL, MT_EQUIV_BECOMES,
      MT_PARAM_COMPRESS_LEVEL, NULL, MT_MAP_LEVEL,
      N_("set as compression.mt.level, of which the maximum is 9") },
    { MT_PARAM_MULTIFD_QATZIP_LEVEL, NULL, MT_EQUIV_BECOMES,
      MT_PARAM_MULTIFD_ZLIB_LEVEL, NULL, MT_MAP_LEVEL,
      N_("set as compression.zlib.level") },
    { MT_PARAM_MULTIFD_QATZIP_LEVEL, NULL, MT_EQUIV_BECOMES,
      MT_PARAM_COMPRESS_LEVEL, NULL, MT_MAP_LEVEL,
      N_("set as compression.mt.level") },

    /* Settings that can be left out without harm. */
    { MT_PARAM_ZERO_BLOCKS, NULL, MT_EQUIV_DROP, MT_NOTHING, NULL,
      MT_MAP_SAME,
      N_("zero-blocks was removed in QEMU 11.0; it had no effect since 9.1") },
    { MT_PARAM_X_MULTIFD_PAGE_COUNT, NULL, MT_EQUIV_DROP, MT_NOTHING, NULL,
      MT_MAP_SAME, N_("this QEMU has a fixed packet size") },
    { MT_PARAM_POSTCOPY_BLOCKTIME, NULL, MT_EQUIV_DROP, MT_NOTHING, NULL,
      MT_MAP_SAME, N_("it only adds statistics") },
    { MT_PARAM_ZERO_PAGE_DETECTION, NULL, MT_EQUIV_DROP, MT_NOTHING, NULL,
      MT_MAP_SAME,
      N_("before QEMU 9.0 the migration thread always looks for zero "
         "pages") },
    { MT_PARAM_MAX_POSTCOPY_BANDWIDTH, "0", MT_EQUIV_DROP, MT_NOTHING, NULL,
      MT_MAP_SAME, N_("before QEMU 3.0 post-copy has no separate limit") },
    { MT_PARAM_AVAIL_SWITCHOVER_BANDWIDTH, "0", MT_EQUIV_DROP, MT_NOTHING,
      NULL, MT_MAP_SAME,
      N_("before QEMU 8.2 the bandwidth is always measured") },

    /* Settings that the guest cannot do without: see .replacement of the row. */
    { MT_PARAM_BLOCK, NULL, MT_EQUIV_KEEP, MT_NOTHING },
    { MT_PARAM_BLOCK_INCREMENTAL, NULL, MT_EQUIV_KEEP, MT_NOTHING },
};

const MtEquiv *
mt_equiv_find(const MtRow *row, const char *value, guint nth)
{
    MtParamId id = mt_row_id(row);

    for (guint i = 0; id != MT_PARAM_NONE && i < G_N_ELEMENTS(equiv_table);
         i++) {
        const MtEquiv *equiv = &equiv_table[i];

        if (equiv->row == id &&
            (!equiv->value || g_strcmp0(equiv->value, value) == 0) &&
            nth-- == 0)
            return equiv;
    }

    return NULL;
}

MtValue *
mt_equiv_map(const MtEquiv *equiv, const MtValue *value)
{
    const MtRow *row;

    if (equiv->kind != MT_EQUIV_BECOMES)
        return NULL;

    row = mt_row(equiv->becomes);
    if (equiv->becomes_value)
        return mt_value_from_table(row, equiv->becomes_value);
    if (equiv->map == MT_MAP_LEVEL)
        return mt_value_new_number(row->type,
                                   CLAMP(value->number, 1, row->max));

    return mt_value_copy(value);
}
