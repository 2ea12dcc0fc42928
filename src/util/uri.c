/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Error messages about URIs.
 */
#include "config.h"

#include "migtune/migtune-error.h"
#include "util/i18n.h"
#include "util/uri.h"

gboolean
mt_uri_is_bad(const char *uri, GError **error, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("bad URI '%s': %s"), uri, what);

    return FALSE;
}
