/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Errors of drivers about the URI that they have to open.
 */

#include <glib.h>

G_BEGIN_DECLS

/* Raises MIGTUNE_ERROR_INVALID_ARGUMENT; @format says what is wrong with @uri.
 * Returns FALSE, for use as `return mt_uri_is_bad(uri, error, "...")`. */
gboolean mt_uri_is_bad(const char *uri, GError **error, const char *format,
                       ...) G_GNUC_PRINTF(3, 4);

G_END_DECLS
