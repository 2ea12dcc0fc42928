/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arbitrary bytes as a compressed page. */
#include "config.h"

#include "engine/legacy.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree guint8 *page = g_malloc(4096);
    g_autoptr(GError) error = NULL;

    if (!mt_legacy_inflate(data, size, page, &error))
        g_assert(error);
    return 0;
}
