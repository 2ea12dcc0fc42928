/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the inspector looks for inside of a page.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "inspect/page-check.h"
#include "migtune/migtune-error.h"

gboolean
mt_page_inflate(const guint8 *data, gsize n, guint8 *page, gsize page_len,
                GError **error)
{
    uLongf out = page_len;
    uLong in = n;
    int err = uncompress2(page, &out, data, &in);

    if (err != Z_OK || out != page_len || in != n) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a compressed page of %" G_GSIZE_FORMAT " bytes "
                          "does not inflate to one page: %s", n,
                          err != Z_OK ? zError(err) : "wrong size");
        return FALSE;
    }

    return TRUE;
}

gboolean
mt_page_is_zero(const guint8 *page, gsize len)
{
    guint64 head[2];

    memcpy(head, page, sizeof(head));
    return !head[0] && !head[1] &&
           memcmp(page, page + sizeof(head), len - sizeof(head)) == 0;
}
