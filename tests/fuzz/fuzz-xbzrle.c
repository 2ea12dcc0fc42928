/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arbitrary bytes as a delta: only the page is written, and an accepted page can
 * be encoded again.
 */
#include "config.h"

#include <string.h>

#include "stream/xbzrle.h"
#include "fuzz.h"

#define PAGE 4096

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree guint8 *before = g_malloc(PAGE);
    g_autofree guint8 *page = g_malloc(PAGE);
    g_autofree guint8 *delta = g_malloc(MT_XBZRLE_MAX);
    int n;

    for (guint i = 0; i < PAGE; i++)
        before[i] = page[i] = i * 7;
    if (!mt_xbzrle_decode(data, size, page, NULL))
        return 0;

    n = mt_xbzrle_encode(before, page, delta);
    if (n == MT_XBZRLE_OVERFLOW)
        return 0;
    g_assert(mt_xbzrle_decode(delta, n, before, NULL));
    g_assert(memcmp(before, page, PAGE) == 0);
    return 0;
}
