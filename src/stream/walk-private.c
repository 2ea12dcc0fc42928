/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parsers of the walker share.
 */
#include "config.h"

#include <string.h>

#include "stream/walk-private.h"
#include "migtune/migtune-error.h"

gboolean
mt_walk_bad(const MtWalk *w, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "at offset %" G_GUINT64_FORMAT " of the stream: %s",
                      w->offset, text);
    return FALSE;
}

gboolean
mt_walk_name(MtWalk *w, const guint8 *p, char out[256], GError **error)
{
    guint8 len = *p;

    if (memchr(p + 1, 0, len))
        return mt_walk_bad(w, error, "a name of %u bytes has a NUL inside",
                           len);

    memcpy(out, p + 1, len);
    out[len] = '\0';
    return TRUE;
}
