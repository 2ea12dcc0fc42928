/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Arguments of public functions that the caller must not give.
 */

#include <glib.h>

G_BEGIN_DECLS

/* Returns @result with MIGTUNE_ERROR_INVALID_ARGUMENT in `error` unless
 * @condition. */
#define MT_REQUIRE(condition, result)                            \
    do {                                                         \
        if (!(condition)) {                                      \
            mt_require_failed(error, G_STRFUNC, #condition);     \
            return result;                                       \
        }                                                        \
    } while (0)

void mt_require_failed(GError **error, const char *function,
                       const char *condition);

G_END_DECLS
