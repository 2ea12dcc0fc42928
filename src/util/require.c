/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error for a wrong argument.
 */
#include "config.h"

#include "migtune/migtune-error.h"
#include "util/i18n.h"
#include "util/require.h"

void
mt_require_failed(GError **error, const char *function, const char *condition)
{
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("%s was called with a wrong argument: '%s' does not "
                        "hold"),
                      function, condition);
}
